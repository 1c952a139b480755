"""What the coupons of an order take off, exactly, line by line. Pure.

Promotions come first: they are locked with the order. Then coupons, in this order, whatever the order in which they
were scanned: for products, for categories, amounts off the basket, shares off the basket (so a share is one of what is
then left, and nothing is reduced twice); within one stage by priority, then by code. All coupons of an order are
applied anew whenever one comes or goes.

A coupon takes off at most what its goods are still worth. Deposits are never reduced. What it takes off is shared by
its lines to the minor unit, by what they are worth (largest remainder), so that a return gives back what a line
carried.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from unqueue.kernel.money import divide_half_up
from unqueue.server.coupons import north_american
from unqueue.server.coupons.gs1 import NorthAmericanCoupon
from unqueue.server.coupons.rules import (
    STAGES,
    AmountOff,
    Coded,
    Coupon,
    FreeProduct,
    FundedBy,
    NorthAmerican,
    PercentOff,
    Stage,
)
from unqueue.server.coupons.shelf import Shelf, worth
from unqueue.server.orders.model import OrderLine
from unqueue.server.promotions import words
from unqueue.server.promotions.words import Words

Problem = Literal["goods", "spend", "staff"]
Status = Literal["reserved", "used", "withdrawn", "released"]
WHOLE_BP = 10_000


class Policy(msgspec.Struct, frozen=True):
    """What holds for all coupons of a store.

    Goods of ``excluded_categories`` (tobacco, where the law says so) are neither reduced nor counted, nor are those
    with an age limit where ``excludes_age_limited``. ``retailer_ids`` are the store's own GS1 company prefix and GLN.
    """

    excluded_categories: frozenset[str] = frozenset()
    excludes_age_limited: bool = False
    retailer_ids: frozenset[str] = frozenset()


class Held(msgspec.Struct, frozen=True):
    """A coupon on an order. ``code`` is unique on the order; ``ticket`` is what an AI 8110 says."""

    redemption_id: str
    code: str
    coupon: Coupon
    ticket: NorthAmericanCoupon | None = None


class Share(msgspec.Struct, frozen=True):
    """``amount_minor`` (more than 0) that a coupon takes off one line."""

    line: int
    amount_minor: int


class Effect(msgspec.Struct, frozen=True):
    """What a coupon does: its shares by line, or the ``problem`` why it does nothing.

    ``missing_minor`` is what is missing to its minimum spend.
    """

    held: Held
    shares: tuple[Share, ...] = ()
    problem: Problem | None = None
    missing_minor: int = 0

    @property
    def amount_minor(self) -> int:
        return sum(share.amount_minor for share in self.shares)


class Redemption(msgspec.Struct, frozen=True, kw_only=True):
    """A use of a coupon on an order: what it takes off, and where. ``lines`` add up to ``amount_minor``."""

    redemption_id: str
    coupon_id: str
    code: str
    zh: str
    en: str
    funded_by: FundedBy
    status: Status
    amount_minor: int
    lines: tuple[Share, ...]


class Redemptions(msgspec.Struct, frozen=True, kw_only=True):
    """The coupons of an order in the order in which they are applied. ``payable_minor`` is what is left to pay."""

    order_id: str
    currency: str
    total_minor: int
    coupons: tuple[Redemption, ...]

    @property
    def saved_minor(self) -> int:
        return sum(one.amount_minor for one in self.coupons)

    @property
    def payable_minor(self) -> int:
        return self.total_minor - self.saved_minor

    def by_line(self, who: FundedBy | None = None) -> dict[int, int]:
        """Line → what coupons take off it; only those that the store, or an issuer, bears."""
        off: dict[int, int] = {}
        for one in self.coupons:
            if who in {None, one.funded_by}:
                for share in one.lines:
                    off[share.line] = off.get(share.line, 0) + share.amount_minor
        return off

    @property
    def explained(self) -> Words:
        """What each coupon saved, and in which order they were applied, in words. Empty without coupons."""
        sentences = [words.saves(one.zh, one.en, one.amount_minor, self.currency) for one in self.coupons]
        return words.join([*sentences, SEQUENCE] if len(sentences) > 1 else sentences)


SEQUENCE = Words(
    "优惠券在促销之后使用，依次是：商品券、品类券、整单减额券、整单折扣券。",
    "Coupons come after promotions: first those for products, then for categories, then amounts off the basket, "
    "then percentages off the basket.",
)


def stage_of(held: Held) -> Stage:
    """When a coupon's turn is."""
    coupon = held.coupon
    if isinstance(coupon, NorthAmerican):
        saving = held.ticket.saving if held.ticket is not None else None
        return "basket_amount" if saving is not None and saving.code == "6" else "product"
    if coupon.on.of_products:
        return "product"
    if coupon.on.categories:
        return "category"
    return "basket_percent" if isinstance(coupon, PercentOff) else "basket_amount"


def in_sequence(held: Iterable[Held]) -> list[Held]:
    """Coupons in the order in which they are applied."""
    return sorted(held, key=lambda one: (STAGES.index(stage_of(one)), one.coupon.priority, one.code))


def funded_by(held: Held) -> FundedBy:
    """Who bears it. An AI 8110 with its store coupon flag set is the store's own."""
    return "store" if held.ticket is not None and held.ticket.is_of_store else held.coupon.funded_by


def can_combine(one: Coupon, other: Coupon) -> bool:
    """Whether two coupons may be on the same order."""
    if not (one.stackable and other.stackable):
        return False
    return not (set(one.excludes) & set(other.groups) or set(other.excludes) & set(one.groups))


def apply(lines: Sequence[OrderLine], held: Iterable[Held], policy: Policy) -> list[Effect]:
    """What coupons that may be combined do to an order, in the order in which they are applied.

    The order of ``held`` is of no matter; its codes differ.
    """
    shelf = Shelf(lines)
    return [_effect(shelf, lines, one, policy) for one in in_sequence(held)]


def _effect(shelf: Shelf, lines: Sequence[OrderLine], held: Held, policy: Policy) -> Effect:
    coupon = held.coupon
    counted = [line for line in lines if _counts(line, coupon, policy)]
    goods = [line for line in counted if worth(line) and not (coupon.not_with_promotions and line.discount_minor)]
    if isinstance(coupon, Coded):
        test = coupon.on.test()
        goods = [line for line in goods if test(line.product_id, line.gtin, line.category)]
    else:
        assert held.ticket is not None, "a coupon by an AI 8110 says what it is for"
        named = {number for one in held.ticket.purchases for number in north_american.goods_of(coupon, one, goods)}
    if not goods or (isinstance(coupon, NorthAmerican) and not named and stage_of(held) == "product"):
        return Effect(held, problem="goods")
    spend = counted if coupon.minimum_spend_on == "basket" else goods
    if isinstance(coupon, NorthAmerican) and coupon.minimum_spend_on == "goods":
        spend = [line for line in goods if line.line in named]
    missing = coupon.minimum_spend_minor - sum(worth(line) for line in spend)
    if missing > 0:
        return Effect(held, problem="spend", missing_minor=missing)
    mark = shelf.mark()
    try:
        if isinstance(coupon, NorthAmerican):
            assert held.ticket is not None, "likewise"
            taken = north_american.save(shelf, coupon, held.ticket, goods)
        else:
            taken = _take_off(shelf, coupon, [line.line for line in goods])
    except north_american.NeedsStaff:
        shelf.back_to(mark)
        return Effect(held, problem="staff")
    shares = tuple(Share(number, amount) for number, amount in sorted(taken.items()))
    return Effect(held, shares, None if shares else "goods")


def _counts(line: OrderLine, coupon: Coupon, policy: Policy) -> bool:
    if line.category in policy.excluded_categories:
        return False
    return line.age_limit is None or not (coupon.without_age_limited or policy.excludes_age_limited)


def _take_off(shelf: Shelf, coupon: AmountOff | PercentOff | FreeProduct, numbers: list[int]) -> dict[int, int]:
    """Take a coupon off the lines that it is for: line → amount."""
    mark = shelf.mark()
    if coupon.on.of_products:
        units = coupon.units or 1 if isinstance(coupon, AmountOff) else coupon.units
        weights = shelf.weights(shelf.claim(numbers, units) or [])
    else:
        weights = [(number, shelf.left_minor[number]) for number in numbers]
    whole = sum(weight for _, weight in weights)
    match coupon:
        case AmountOff():
            amount = coupon.off_minor
        case PercentOff():
            amount = divide_half_up(whole * coupon.off_bp, WHOLE_BP)
        case FreeProduct():
            amount = whole
    if not isinstance(coupon, AmountOff) and coupon.off_max_minor is not None:
        amount = min(amount, coupon.off_max_minor)
    amount = min(amount, whole)
    if amount <= 0:
        shelf.back_to(mark)
        return {}
    return shelf.take_off(amount, weights)
