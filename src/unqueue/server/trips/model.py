"""A trip: what one shopper has in the basket, as the sum of what happened. Pure.

A trip's state is the fold of its actions; each action is one journal event, so the state can be rebuilt at any time,
up to any action. Prices of lines are those of the moment of the scan: what the shopper saw is what is charged.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from unqueue.kernel.errors import DomainError
from unqueue.kernel.money import divide_half_up
from unqueue.server.catalogue.model import Product, SoldBy
from unqueue.server.promotions.pricing import PricingLine

QUANTITY_MAX = 999
LINES_MAX = 1000
ACTIONS_MAX = 10_000
COUPONS_MAX = 10

Status = Literal["shopping", "submitted", "paid", "left"]


class Added(msgspec.Struct, frozen=True, tag="added", omit_defaults=True):
    """``quantity`` pieces of a product, or one weighed piece, were put on line ``line`` (a new or an existing one).

    What decides the amount is kept as it was then: the catalogue may change during the visit.
    """

    line: int
    gtin: str
    quantity: int
    unit_price_minor: int
    code: str
    weight_g: int | None = None
    label_price_minor: int | None = None
    sold_by: SoldBy = "piece"
    deposit_minor: int = 0
    tax_rate_bp: int = 0
    symbology: str | None = None
    at: str | None = None


class Changed(msgspec.Struct, frozen=True, tag="changed"):
    """Line ``line`` now has ``quantity`` pieces; none means that it was taken off."""

    line: int
    quantity: int


class CouponAdded(msgspec.Struct, frozen=True, tag="coupon_added", omit_defaults=True):
    """A coupon was put into the basket, by its number there. Its code is kept elsewhere: it may be worth money."""

    coupon: int
    coupon_id: str
    zh: str
    en: str
    symbology: str | None = None
    at: str | None = None


class CouponRemoved(msgspec.Struct, frozen=True, tag="coupon_removed"):
    """Coupon ``coupon`` was taken out of the basket."""

    coupon: int


class MemberShown(msgspec.Struct, frozen=True, tag="member_shown"):
    """A member's card was shown: from here on the visit is the visit of ``member``, a stable name."""

    member: str


Change = Added | Changed | CouponAdded | CouponRemoved | MemberShown


class NotAdded(msgspec.Struct, frozen=True):
    """What of a batch was refused: its place among what was to be added (a code may be worth money), and why."""

    index: int
    problem: dict[str, Any]


class Batched(msgspec.Struct, frozen=True, tag="batched", omit_defaults=True):
    """Several changes at once, all or none; ``refused`` keeps the answer for a resend."""

    changes: list[Change]
    refused: list[NotAdded] = []


Action = Change | Batched


class Line(msgspec.Struct):
    """One line of the basket. Either ``quantity`` pieces, or one weighed piece of ``weight_g`` grams.

    ``label_price_minor`` is the price that a store-printed label holds; it is what the goods cost.
    """

    number: int
    product: Product
    quantity: int
    unit_price_minor: int
    weight_g: int | None = None
    label_price_minor: int | None = None
    _for_pricing: PricingLine | None = None

    @property
    def is_weighed(self) -> bool:
        return self.product.sold_by == "weight"

    @property
    def subtotal_minor(self) -> int:
        """Before discounts and deposit. Weighed goods: price per kilogram times weight, halves rounded up."""
        if self.label_price_minor is not None:
            return self.label_price_minor * self.quantity
        if self.weight_g is not None and self.is_weighed:
            return divide_half_up(self.unit_price_minor * self.weight_g, 1000)
        return self.unit_price_minor * self.quantity

    @property
    def deposit_minor(self) -> int:
        return self.product.deposit_minor * self.quantity

    def count(self, quantity: int) -> None:
        """The line has ``quantity`` pieces from now on."""
        self.quantity = quantity
        self._for_pricing = None

    def pricing_line(self) -> PricingLine:
        """What the promotions see of this line."""
        known = self._for_pricing
        if known is None:
            product, subtotal = self.product, self.subtotal_minor
            known = self._for_pricing = PricingLine(
                line=self.number,
                product_id=product.product_id,
                gtin=product.gtin,
                brand=product.brand,
                category=product.category,
                quantity=1 if self.is_weighed else self.quantity,
                unit_price_minor=subtotal if self.is_weighed else subtotal // self.quantity,
                weight_g=self.weight_g,
                subtotal_minor=subtotal,
            )
        return known


class Trip(msgspec.Struct):
    """The state of one visit. ``version`` counts its actions; numbers of lines and of coupons are never used twice.

    ``member`` is a stable name of the member whose visit it is, None for others.
    """

    trip_id: str
    currency: str
    status: Status = "shopping"
    lines: dict[int, Line] = {}
    last_line: int = 0
    version: int = 0
    order_id: str | None = None
    is_member: bool = False
    member: str | None = None
    coupons: dict[int, CouponAdded] = {}
    last_coupon: int = 0

    def line_for(self, product: Product, unit_price_minor: int, *, mergeable: bool) -> int:
        """The number of the line on which a scan of ``product`` lands: an equal line, else a new one."""
        if mergeable:
            for line in self.lines.values():
                if (
                    line.product.product_id == product.product_id
                    and line.unit_price_minor == unit_price_minor
                    and line.label_price_minor is None
                    and line.weight_g is None
                    and _costs(line.product) == _costs(product)
                ):
                    return line.number
        return self.last_line + 1

    def apply(self, action: Action, products: Mapping[str, Product]) -> None:
        """Let an action that was accepted take its effect."""
        for change in action.changes if isinstance(action, Batched) else (action,):
            if isinstance(change, Added):
                self._add(change, products[change.gtin])
            elif isinstance(change, CouponAdded):
                self.coupons[change.coupon] = change
                self.last_coupon = max(self.last_coupon, change.coupon)
            elif isinstance(change, CouponRemoved):
                del self.coupons[change.coupon]
            elif isinstance(change, MemberShown):
                self.is_member, self.member = True, change.member
            elif change.quantity == 0:
                del self.lines[change.line]
            else:
                self.lines[change.line].count(change.quantity)
        self.version += 1

    def _add(self, change: Added, product: Product) -> None:
        line = self.lines.get(change.line)
        if line is not None:
            line.count(line.quantity + change.quantity)
            return
        if _costs(product) != (change.sold_by, change.deposit_minor, change.tax_rate_bp):
            product = msgspec.structs.replace(
                product, sold_by=change.sold_by, deposit_minor=change.deposit_minor, tax_rate_bp=change.tax_rate_bp
            )
        self.last_line = max(self.last_line, change.line)
        self.lines[change.line] = Line(
            number=change.line,
            product=product,
            quantity=change.quantity,
            unit_price_minor=change.unit_price_minor,
            weight_g=change.weight_g,
            label_price_minor=change.label_price_minor,
        )


def _costs(product: Product) -> tuple[SoldBy, int, int]:
    """What decides the amount of a line beside the price."""
    return product.sold_by, product.deposit_minor, product.tax_rate_bp


def fold(
    trip_id: str,
    currency: str,
    actions: Iterable[Action],
    products: Mapping[str, Product],
    *,
    is_member: bool = False,
    member: str | None = None,
) -> Trip:
    """The trip after ``actions``, oldest first. ``products`` by GTIN."""
    trip = Trip(trip_id, currency, is_member=is_member, member=member)
    for action in actions:
        trip.apply(action, products)
    return trip


class ScanConflict(DomainError):
    code = "scan_conflict"
    status = 409
    zh = "这个编号已用于另一次操作"
    en = "This id was already used for something else. Please send a new one."


class TripFrozen(DomainError):
    code = "trip_frozen"
    status = 409
    zh = "订单已提交；想再改，请先返回购物"
    en = "The order has been submitted. To change it, go back to shopping first."


class LineUnknown(DomainError):
    code = "line_unknown"
    status = 404
    zh = "购物篮里没有这一行"
    en = "There is no such line in the basket."


class CouponInBasket(DomainError):
    code = "coupon_in_basket"
    status = 409
    zh = "这张优惠券已经在购物袋里了"
    en = "This coupon is in your bag already."


class CouponNotThere(DomainError):
    code = "coupon_not_there"
    status = 404
    zh = "购物袋里没有这张优惠券"
    en = "There is no such coupon in the bag."


class CouponsFull(DomainError):
    code = "coupons_full"
    status = 409
    zh = "购物袋里已有 {coupons_max} 张优惠券，请先取下一张"
    en = "There are {coupons_max} coupons in the bag already. Please take one out first."

    def __init__(self) -> None:
        super().__init__(coupons_max=COUPONS_MAX)


class QuantityInvalid(DomainError):
    code = "quantity_invalid"
    status = 422
    zh = "数量应为 1 到 {quantity_max} 的整数；称重商品每次 1 份"
    en = "The quantity must be a whole number from 1 to {quantity_max}; weighed goods are scanned one by one."

    def __init__(self) -> None:
        super().__init__(quantity_max=QUANTITY_MAX)


class BasketEmpty(DomainError):
    code = "basket_empty"
    status = 409
    zh = "购物篮是空的"
    en = "The basket is empty."


class BasketFull(DomainError):
    code = "basket_full"
    status = 409
    zh = "购物篮已有 {lines_max} 行，请先结账"
    en = "The basket holds {lines_max} lines already. Please check out first."

    def __init__(self) -> None:
        super().__init__(lines_max=LINES_MAX)


class TripTooLong(DomainError):
    code = "trip_too_long"
    status = 409
    zh = "这次购物的操作太多了，请先结账"
    en = "There were too many changes in this visit. Please check out."


class MemberCardInvalid(DomainError):
    code = "member_card_invalid"
    status = 422
    zh = "会员卡号不对，请再看一下"
    en = "That is not a member's card number. Please check it."
