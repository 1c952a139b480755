"""Which of several coupons an order takes: what can be said of each, and which fit together. Pure.

The same rules serve the look into a basket while shopping and the order itself, so that what was shown is what is
given, as long as nothing changes between.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import msgspec

from unqueue.kernel.errors import DomainError
from unqueue.server.coupons import model
from unqueue.server.coupons.keys import Key
from unqueue.server.coupons.model import Effect, Held, Policy
from unqueue.server.coupons.refusals import (
    CouponExpired,
    CouponMemberOnly,
    CouponMinimumSpend,
    CouponNeedsStaff,
    CouponNotCombinable,
    CouponNotForTheseGoods,
    CouponNotYetValid,
    CouponOtherStore,
)
from unqueue.server.coupons.rules import Coupon
from unqueue.server.orders.model import OrderLine
from unqueue.server.promotions.words import Words

Take = Callable[[Held], DomainError | None]


class Shopper(msgspec.Struct, frozen=True):
    """Whose visit it is. ``member`` is a stable name of the member, None where no member's card was shown."""

    trip_id: str
    member: str | None = None

    @property
    def counted_as(self) -> str:
        """Whose uses a limit per member counts: the member's over all visits, else those of this visit."""
        return self.member or f"trip:{self.trip_id}"


class Paper(msgspec.Struct, frozen=True):
    """A coupon as it was scanned."""

    key: Key
    coupon: Coupon


class Chosen(msgspec.Struct, frozen=True):
    """What the coupons that are taken do, in the order in which they are applied; and why the others are not."""

    effects: tuple[Effect, ...]
    refused: Mapping[str, DomainError]


def refusal(paper: Paper, shopper: Shopper, today: date, policy: Policy) -> DomainError | None:
    """Why a coupon can't be used, as far as it can be said without looking at the goods."""
    key, coupon, ticket = paper.key, paper.coupon, paper.key.ticket
    if ticket is not None and ticket.retailer_id and ticket.retailer_id not in policy.retailer_ids:
        return CouponOtherStore()
    ends = (coupon.valid_until, key.expires, ticket.expires if ticket else None)
    over = [day for day in ends if day and day < today]
    if over:
        return CouponExpired(min(over))
    starts = [day for day in (coupon.valid_from, ticket.starts if ticket else None) if day and day > today]
    if starts:
        return CouponNotYetValid(max(starts))
    if coupon.members_only and shopper.member is None:
        return CouponMemberOnly()
    return None


def choose(
    lines: Sequence[OrderLine],
    wanted: Sequence[Held],
    refused: Mapping[str, DomainError],
    policy: Policy,
    take: Take = lambda _: None,
) -> Chosen:
    """Take coupons in the order in which they were scanned, each that fits with those before it.

    ``refused`` are those of ``wanted`` (by redemption id) that are out already. ``take`` is asked last of each, and
    may refuse it.
    """
    taken: list[Held] = []
    effects: list[Effect] = []
    why = dict(refused)
    for held in wanted:
        if held.redemption_id in why:
            continue
        try:
            together = fitting(lines, taken, held, policy)
        except DomainError as error:
            why[held.redemption_id] = error
            continue
        no = take(held)
        if no is not None:
            why[held.redemption_id] = no
            continue
        taken.append(held)
        effects = together
    return Chosen(tuple(effects), why)


def fitting(lines: Sequence[OrderLine], taken: Sequence[Held], new: Held, policy: Policy) -> list[Effect]:
    """What a coupon does together with those that are taken, in the order in which they are applied.

    CouponNotCombinable; and refused where one of them all would do nothing: CouponMinimumSpend,
    CouponNotForTheseGoods, CouponNeedsStaff.
    """
    in_the_way = [held for held in taken if not model.can_combine(new.coupon, held.coupon)]
    if in_the_way:
        raise CouponNotCombinable([(held.coupon.zh, held.coupon.en) for held in in_the_way])
    effects = model.apply(lines, [*taken, new], policy)
    idle = {effect.held.redemption_id for effect in effects if effect.problem}
    if not idle:
        return effects
    alone = model.apply(lines, [new], policy)[0]
    match alone.problem:
        case "spend":
            minimum = new.coupon.minimum_spend_minor
            raise CouponMinimumSpend(minimum, alone.missing_minor, new.coupon.currency)
        case "staff":
            raise CouponNeedsStaff
        case "goods":
            raise CouponNotForTheseGoods
        case None:
            told = [held for held in taken if held.redemption_id in idle] or taken
            raise CouponNotCombinable([(held.coupon.zh, held.coupon.en) for held in told])


def limit(coupon: Coupon, shopper: Shopper) -> Words | None:
    """How often a coupon may be used by this shopper, in words; None where there is no such limit."""
    count = coupon.uses_max_per_member
    if count is None:
        return None
    times = "once" if count == 1 else f"{count} times"
    if shopper.member is not None:
        return Words(f"每位会员限用 {count} 次", f"For each member {times}, over all visits.")
    return Words(
        f"没有出示会员卡，每次购物限用 {count} 次",
        f"Without a member's card: {times} in one visit.",
    )
