"""The priced basket as the shopper sees it: the JSON of docs/protocols/http.md. Pure.

An unchanged line is not written again: its JSON is kept until its quantity or its discounts change, so the cost of a
scan hardly grows with the basket.
"""

from functools import lru_cache

import msgspec

from unqueue.kernel.money import Money
from unqueue.server.promotions.pricing import Pricing
from unqueue.server.promotions.words import Words
from unqueue.server.trips.model import Line, Status, Trip


class LineDiscount(msgspec.Struct, frozen=True):
    promotion_id: str
    zh: str
    en: str
    amount: Money


class LineHead(msgspec.Struct, frozen=True):
    """What does not change as long as the line stands. Weights in grams; ``unit_price`` is for a ``unit``."""

    line: int
    product_id: str
    gtin: str
    name_zh: str
    name_en: str
    brand: str
    category: str
    sold_by: str
    weight_g: int | None
    net_weight_g: int | None
    unit_price: Money
    unit: str
    age_limit: int | None
    eas: bool


class LineView(LineHead, frozen=True):
    """One line, priced. ``total = subtotal - discount + deposit``; ``discount`` is positive."""

    quantity: int
    subtotal: Money
    discount: Money
    deposit: Money
    total: Money
    discounts: list[LineDiscount]


class PromotionView(msgspec.Struct, frozen=True):
    """A promotion that applied: what it saved, on which lines, in words."""

    promotion_id: str
    zh: str
    en: str
    amount: Money
    lines: list[int]


class Basket(msgspec.Struct, frozen=True):
    """The whole priced basket. ``explained`` says in words why these promotions were chosen; None where none is."""

    trip_id: str
    status: Status
    version: int
    currency: str
    lines: list[LineView]
    item_count: int
    weight_g: int
    subtotal: Money
    discount: Money
    deposit: Money
    total: Money
    promotions: list[PromotionView]
    explained: Words | None
    age_limit: int | None
    order_id: str | None


class _EncodedBasket(msgspec.Struct, frozen=True):
    """:class:`Basket` with its lines already in JSON."""

    trip_id: str
    status: str
    version: int
    currency: str
    lines: list[msgspec.Raw]
    item_count: int
    weight_g: int
    subtotal: Money
    discount: Money
    deposit: Money
    total: Money
    promotions: list[PromotionView]
    explained: Words | None
    age_limit: int | None
    order_id: str | None


class LineCache:
    """The JSON of a trip's lines, by line number, with what it was made from.

    Basket offers touch every line with every scan, so a line is put together from its head, which stays, and from
    numbers. What it comes to is a :class:`LineView`; a property test holds the two together.
    """

    def __init__(self) -> None:
        self._heads: dict[int, bytes] = {}
        self._kept: dict[int, tuple[int, bytes, msgspec.Raw]] = {}

    def encoded(self, line: Line, discount_minor: int, discounts: bytes, currency: str) -> msgspec.Raw:
        """``discounts`` is the inside of the JSON array."""
        number, quantity = line.number, line.quantity
        kept = self._kept.get(number)
        if kept is not None and kept[0] == quantity and kept[1] == discounts:
            return kept[2]
        head = self._heads.get(number)
        if head is None:
            head = self._heads[number] = _encoder.encode(_head(line, currency)).removesuffix(b"}")
        money = _money(currency)
        subtotal, deposit = line.pricing_line().subtotal_minor, line.deposit_minor
        raw = msgspec.Raw(
            _LINE
            % (
                head,
                quantity,
                subtotal,
                money,
                discount_minor,
                money,
                deposit,
                money,
                subtotal - discount_minor + deposit,
                money,
                discounts,
            )
        )
        self._kept[number] = (quantity, discounts, raw)
        return raw

    def of(self, number: int) -> msgspec.Raw:
        """A line of the basket that was encoded last."""
        return self._kept[number][2]


def encode_basket(trip: Trip, pricing: Pricing, cache: LineCache) -> bytes:
    """The JSON of a :class:`Basket`; each line's own is in ``cache`` afterwards."""
    currency = trip.currency
    taken, texts = _discounts_by_line(pricing, _money(currency))
    subtotal = deposit = items = weight_g = 0
    age_limit: int | None = None
    lines: list[msgspec.Raw] = []
    for number, line in trip.lines.items():
        product, quantity = line.product, line.quantity
        subtotal += line.pricing_line().subtotal_minor
        deposit += product.deposit_minor * quantity
        items += quantity
        weight_g += line.weight_g if line.weight_g is not None else (product.net_weight_g or 0) * quantity
        if product.age_limit is not None and (age_limit is None or product.age_limit > age_limit):
            age_limit = product.age_limit
        lines.append(cache.encoded(line, taken.get(number, 0), texts.get(number, b""), currency))
    discount = sum(taken.values())
    basket = _EncodedBasket(
        trip_id=trip.trip_id,
        status=trip.status,
        version=trip.version,
        currency=currency,
        lines=lines,
        item_count=items,
        weight_g=weight_g,
        subtotal=Money(subtotal, currency),
        discount=Money(discount, currency),
        deposit=Money(deposit, currency),
        total=Money(subtotal - discount + deposit, currency),
        promotions=[
            PromotionView(
                entry.promotion_id, entry.zh, entry.en, Money(entry.amount_minor, currency), list(entry.lines)
            )
            for entry in pricing.applied
        ],
        explained=pricing.explained if pricing.applied else None,
        age_limit=age_limit,
        order_id=trip.order_id,
    )
    return _encoder.encode(basket)


def _discounts_by_line(pricing: Pricing, money: bytes) -> tuple[dict[int, int], dict[int, bytes]]:
    """What is taken off each line, and the inside of its JSON array of :class:`LineDiscount`."""
    taken: dict[int, int] = {}
    texts: dict[int, bytes] = {}
    if not pricing.discounts:
        return taken, texts
    heads = {
        applied.promotion_id: _encoder.encode(_DiscountHead(applied.promotion_id, applied.zh, applied.en))[:-1]
        for applied in pricing.applied
    }
    for discount in pricing.discounts:
        number, amount = discount.line, discount.amount_minor
        text = _DISCOUNT % (heads[discount.promotion_id], amount, money)
        if number in taken:
            taken[number] += amount
            texts[number] += b"," + text
        else:
            taken[number], texts[number] = amount, text
    return taken, texts


@lru_cache(maxsize=16)
def _money(currency: str) -> bytes:
    """What follows the amount in the JSON of a :class:`Money`."""
    return b',"currency":%b}' % _encoder.encode(currency)


def _head(line: Line, currency: str) -> LineHead:
    product = line.product
    return LineHead(
        line=line.number,
        product_id=product.product_id,
        gtin=product.gtin,
        name_zh=product.name_zh,
        name_en=product.name_en,
        brand=product.brand,
        category=product.category,
        sold_by=product.sold_by,
        weight_g=line.weight_g,
        net_weight_g=product.net_weight_g,
        unit_price=Money(line.unit_price_minor, currency),
        unit="kg" if line.is_weighed else "piece",
        age_limit=product.age_limit,
        eas=product.tag == "EAS",
    )


class _DiscountHead(msgspec.Struct, frozen=True):
    promotion_id: str
    zh: str
    en: str


_encoder = msgspec.json.Encoder()
_AMOUNT = b'{"amount_minor":%d%b'
_DISCOUNT = b'%b,"amount":' + _AMOUNT + b"}"
_LINE = b'%%b,"quantity":%%d,"subtotal":%b,"discount":%b,"deposit":%b,"total":%b,"discounts":[%%b]}' % ((_AMOUNT,) * 4)
