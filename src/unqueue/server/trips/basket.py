"""The priced basket as the shopper sees it: the JSON of docs/protocols/http.md. Pure.

A trip's lines are kept as they were last shown, and only what changed is set anew: the encoder is quick, making objects
is not.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from unqueue.kernel.money import Money
from unqueue.server.promotions.pricing import Pricing
from unqueue.server.promotions.words import Words
from unqueue.server.trips.coupons import BasketCoupon
from unqueue.server.trips.model import Line, Status, Trip


class LineDiscount(msgspec.Struct, frozen=True):
    promotion_id: str
    zh: str
    en: str
    amount: Money


class LineView(msgspec.Struct):
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
    quantity_text: str
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
    """The whole priced basket. ``explained`` says in words why these promotions were chosen; None where none is.

    ``payable`` is ``total`` without what the coupons would take off now. ``member``: a member's card was shown, so
    members' prices count.
    """

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
    coupons: list[BasketCoupon]
    payable: Money
    member: bool


class ScanAnswer(msgspec.Struct, frozen=True):
    """What a scan, or a change of a line, brought: a line, or a coupon; neither where it was taken off, or where the
    code was a member's card.
    """

    line: LineView | None
    basket: Basket
    coupon: BasketCoupon | None


class BatchAnswer(msgspec.Struct, frozen=True):
    """What a batch brought; what could not be added is in ``refused``."""

    lines: list[LineView]
    basket: Basket
    refused: list[dict[str, Any]]


class LineViews:
    """A trip's lines as they were last shown, by line number."""

    def __init__(self) -> None:
        self._views: dict[int, LineView] = {}

    def show(self, line: Line, discounts: list[LineDiscount], currency: str) -> LineView:
        """The line as it is now. The same object each time: encode it before the next."""
        view = self._views.get(line.number)
        if view is None:
            view = self._views[line.number] = _view(line, currency)
        elif view.quantity != line.quantity:
            view.quantity = line.quantity
            view.subtotal = Money(line.pricing_line().subtotal_minor, currency)
            view.deposit = Money(line.deposit_minor, currency)
        elif not discounts and not view.discounts:
            return view
        discount = 0
        for one in discounts:
            discount += one.amount.amount_minor
        view.discounts = discounts
        view.discount = Money(discount, currency)
        view.total = Money(view.subtotal.amount_minor - discount + view.deposit.amount_minor, currency)
        return view


def show_basket(trip: Trip, pricing: Pricing, views: LineViews, coupons: Sequence[BasketCoupon] = ()) -> Basket:
    """The basket as it is now; its lines are those of ``views``."""
    currency = trip.currency
    by_line = _discounts_by_line(pricing, currency)
    subtotal = discount = deposit = items = weight_g = 0
    age_limit: int | None = None
    lines: list[LineView] = []
    for number, line in trip.lines.items():
        view = views.show(line, by_line.get(number) or [], currency)
        subtotal += view.subtotal.amount_minor
        discount += view.discount.amount_minor
        deposit += view.deposit.amount_minor
        items += view.quantity
        weight_g += view.weight_g if view.weight_g is not None else (view.net_weight_g or 0) * view.quantity
        if view.age_limit is not None and (age_limit is None or view.age_limit > age_limit):
            age_limit = view.age_limit
        lines.append(view)
    total = payable = Money(subtotal - discount + deposit, currency)
    if coupons:
        off = sum(coupon.amount.amount_minor for coupon in coupons)
        payable = Money(total.amount_minor - off, currency)
    return Basket(
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
        total=total,
        promotions=[
            PromotionView(
                entry.promotion_id, entry.zh, entry.en, Money(entry.amount_minor, currency), list(entry.lines)
            )
            for entry in pricing.applied
        ],
        explained=pricing.explained if pricing.applied else None,
        age_limit=age_limit,
        order_id=trip.order_id,
        coupons=list(coupons),
        payable=payable,
        member=trip.is_member,
    )


def _discounts_by_line(pricing: Pricing, currency: str) -> dict[int, list[LineDiscount]]:
    by_line: dict[int, list[LineDiscount]] = {}
    if not pricing.discounts:
        return by_line
    texts = {applied.promotion_id: (applied.zh, applied.en) for applied in pricing.applied}
    for discount in pricing.discounts:
        number, promotion_id = discount.line, discount.promotion_id
        zh, en = texts[promotion_id]
        shown = LineDiscount(promotion_id, zh, en, Money(discount.amount_minor, currency))
        if number in by_line:
            by_line[number].append(shown)
        else:
            by_line[number] = [shown]
    return by_line


def _view(line: Line, currency: str) -> LineView:
    """A line without discounts."""
    product = line.product
    subtotal, deposit = line.pricing_line().subtotal_minor, line.deposit_minor
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
        quantity_text=product.quantity_text,
        unit_price=Money(line.unit_price_minor, currency),
        unit="kg" if line.is_weighed else "piece",
        subtotal=Money(subtotal, currency),
        discount=Money(0, currency),
        deposit=Money(deposit, currency),
        total=Money(subtotal + deposit, currency),
        discounts=[],
        age_limit=product.age_limit,
        eas=product.tag == "EAS",
    )
