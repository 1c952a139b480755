"""The priced basket as the shopper sees it: the JSON of docs/protocols/http.md. Pure.

An unchanged line is not written again: its JSON is kept beside it until its quantity or its discounts change, so the
cost of a scan hardly grows with the basket.
"""

from collections.abc import Iterable

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


class LineView(msgspec.Struct, frozen=True):
    """One line, priced. ``total = subtotal - discount + deposit``; weights in grams; ``discount`` is positive."""

    line: int
    product_id: str
    gtin: str
    name_zh: str
    name_en: str
    brand: str
    category: str
    sold_by: str
    quantity: int
    weight_g: int | None
    net_weight_g: int | None
    unit_price: Money
    unit: str
    subtotal: Money
    discount: Money
    deposit: Money
    total: Money
    discounts: list[LineDiscount]
    age_limit: int | None
    eas: bool


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
    """The JSON of a trip's lines, by line number, with what it was made from."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[int, tuple[LineDiscount, ...], msgspec.Raw]] = {}

    def encoded(self, line: Line, discounts: tuple[LineDiscount, ...], currency: str) -> msgspec.Raw:
        kept = self._kept.get(line.number)
        if kept is not None and kept[0] == line.quantity and kept[1] == discounts:
            return kept[2]
        raw = msgspec.Raw(_encoder.encode(line_view(line, discounts, currency)))
        self._kept[line.number] = (line.quantity, discounts, raw)
        return raw


def line_view(line: Line, discounts: Iterable[LineDiscount], currency: str) -> LineView:
    """One line as the shopper sees it."""
    product = line.product
    shown = list(discounts)
    subtotal, deposit = line.subtotal_minor, line.deposit_minor
    discount = sum(entry.amount.amount_minor for entry in shown)
    return LineView(
        line=line.number,
        product_id=product.product_id,
        gtin=product.gtin,
        name_zh=product.name_zh,
        name_en=product.name_en,
        brand=product.brand,
        category=product.category,
        sold_by=product.sold_by,
        quantity=line.quantity,
        weight_g=line.weight_g,
        net_weight_g=product.net_weight_g,
        unit_price=Money(line.unit_price_minor, currency),
        unit="kg" if line.is_weighed else "piece",
        subtotal=Money(subtotal, currency),
        discount=Money(discount, currency),
        deposit=Money(deposit, currency),
        total=Money(subtotal - discount + deposit, currency),
        discounts=shown,
        age_limit=product.age_limit,
        eas=product.tag == "EAS",
    )


def discounts_by_line(pricing: Pricing, currency: str) -> dict[int, tuple[LineDiscount, ...]]:
    """Each line's discounts with their texts; lines without one are absent."""
    texts = {applied.promotion_id: applied for applied in pricing.applied}
    by_line: dict[int, tuple[LineDiscount, ...]] = {}
    for discount in pricing.discounts:
        text = texts[discount.promotion_id]
        shown = LineDiscount(discount.promotion_id, text.zh, text.en, Money(discount.amount_minor, currency))
        by_line[discount.line] = (*by_line.get(discount.line, ()), shown)
    return by_line


def encode_basket(trip: Trip, pricing: Pricing, cache: LineCache) -> bytes:
    """The JSON of a :class:`Basket`."""
    currency = trip.currency
    discounts = discounts_by_line(pricing, currency) if pricing.discounts else {}
    subtotal = deposit = items = weight_g = 0
    age_limit: int | None = None
    lines: list[msgspec.Raw] = []
    for line in trip.lines.values():
        product = line.product
        subtotal += line.subtotal_minor
        deposit += product.deposit_minor * line.quantity
        items += line.quantity
        weight_g += line.weight_g if line.weight_g is not None else (product.net_weight_g or 0) * line.quantity
        if product.age_limit is not None and (age_limit is None or product.age_limit > age_limit):
            age_limit = product.age_limit
        lines.append(cache.encoded(line, discounts.get(line.number, ()), currency))
    discount = sum(entry.amount_minor for entry in pricing.discounts)
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


_encoder = msgspec.json.Encoder()
