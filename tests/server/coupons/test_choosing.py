"""Several coupons of a basket: which are taken, and why the others are not."""

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.server.coupons.baskets import DAIRY, amount, coupon_lists, held, line, offer, order_lines, ordered, percent

from unqueue.kernel.database import Database
from unqueue.kernel.errors import DomainError
from unqueue.kernel.ids import new_id
from unqueue.server.coupons import choosing, model, redeeming
from unqueue.server.coupons.choosing import Paper, Shopper
from unqueue.server.coupons.gs1 import NorthAmericanCoupon
from unqueue.server.coupons.keys import Key, own_keys
from unqueue.server.coupons.model import Policy
from unqueue.server.coupons.redeeming import Redeeming, Wanted
from unqueue.server.coupons.refusals import CouponUsedUp
from unqueue.server.coupons.rules import Coupon
from unqueue.server.orders.model import OrderLine

AT = Redeeming(time_zone="Asia/Shanghai")
TODAY = date(2026, 3, 2)
MILK = [line(1, 500, 4)]


def chosen(
    lines: list[OrderLine], *coupons: Coupon, out: tuple[str, ...] = ()
) -> tuple[dict[str, int], dict[str, str]]:
    """What each coupon takes off, and why the others are not taken."""
    refused: dict[str, DomainError] = {coupon_id: CouponUsedUp() for coupon_id in out}
    result = choosing.choose(lines, [held(coupon) for coupon in coupons], refused, Policy())
    given = {effect.held.redemption_id: effect.amount_minor for effect in result.effects}
    return given, {name: why.code for name, why in result.refused.items()}


@pytest.mark.parametrize(
    ("coupons", "out", "gives", "why"),
    [
        ((), (), {}, {}),
        ((amount("a", 100), amount("b", 200)), (), {"a": 100, "b": 200}, {}),
        ((amount("a", 100, stackable=False), amount("b", 200)), (), {"a": 100}, {"b": "coupon_not_combinable"}),
        ((amount("a", 100, stackable=False), amount("b", 200)), ("a",), {"b": 200}, {"a": "coupon_used_up"}),
        ((amount("a", 1, minimum_spend_minor=9000), amount("b", 2)), (), {"b": 2}, {"a": "coupon_minimum_spend"}),
        ((amount("a", 9000), percent("b", 100)), (), {"a": 2000}, {"b": "coupon_not_combinable"}),
        ((percent("b", 10_000), amount("a", 1)), (), {"a": 1, "b": 1999}, {}),
        ((amount("a", 100, DAIRY, groups=("g",)), amount("b", 1, excludes=("g",))), (), {"a": 100},
         {"b": "coupon_not_combinable"}),
    ],
)  # fmt: skip
def test_the_first_that_was_scanned_comes_first(
    coupons: tuple[Coupon, ...], out: tuple[str, ...], gives: dict[str, int], why: dict[str, str]
) -> None:
    assert chosen(MILK, *coupons, out=out) == (gives, why)


@pytest.mark.parametrize(
    ("coupon", "ticket", "expires", "member", "code"),
    [
        (amount("a", 1), None, None, None, None),
        (amount("a", 1, valid_until=TODAY, valid_from=TODAY), None, TODAY, None, None),
        (amount("a", 1, valid_until=date(2026, 3, 1)), None, None, None, "coupon_expired"),
        (amount("a", 1), None, date(2026, 3, 1), None, "coupon_expired"),
        (amount("a", 1, valid_from=date(2026, 3, 3)), None, None, None, "coupon_not_yet_valid"),
        (amount("a", 1, members_only=True), None, None, None, "coupon_member_only"),
        (amount("a", 1, members_only=True), None, None, "anna", None),
        (amount("a", 1, uses_max_per_member=1), None, None, None, None),
        (amount("a", 1), NorthAmericanCoupon("061414", "1", 1, (), retailer_id="0614141"), None, None, None),
        (amount("a", 1), NorthAmericanCoupon("061414", "1", 1, (), retailer_id="9"), None, None, "coupon_other_store"),
    ],
)
def test_what_can_be_said_without_the_goods(
    coupon: Coupon, ticket: NorthAmericanCoupon | None, expires: date | None, member: str | None, code: str | None
) -> None:
    paper = Paper(Key("X", ("X",), ticket=ticket, expires=expires), coupon)
    policy = Policy(retailer_ids=frozenset({"0614141"}))
    no = choosing.refusal(paper, Shopper("t", member), TODAY, policy)
    assert (no.code if no is not None else None) == code


@given(order_lines(), coupon_lists)
def test_what_is_taken_is_what_the_taken_ones_do_together(lines: list[OrderLine], coupons: list[Coupon]) -> None:
    wanted = [held(coupon) for coupon in coupons]
    result = choosing.choose(lines, wanted, {}, Policy())
    taken = [one for one in wanted if one.redemption_id not in result.refused]
    assert {effect.held for effect in result.effects} == set(taken)
    assert list(result.effects) == (model.apply(lines, taken, Policy()) if taken else [])
    assert not any(effect.problem for effect in result.effects)


@given(order_lines(), coupon_lists, st.data())
def test_who_is_refused_last_is_as_if_never_there(
    lines: list[OrderLine], coupons: list[Coupon], data: st.DataObject
) -> None:
    """Used up at the last moment, or known to be: the others do the same."""
    wanted = [held(coupon) for coupon in coupons]
    out = data.draw(st.sets(st.sampled_from([one.redemption_id for one in wanted])))
    late = choosing.choose(
        lines, wanted, {}, Policy(), lambda one: CouponUsedUp() if one.redemption_id in out else None
    )
    early = choosing.choose(lines, [one for one in wanted if one.redemption_id not in out], {}, Policy())
    assert late.effects == early.effects


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order_lines(), coupon_lists)
def test_what_was_shown_is_what_the_order_gives(
    idle_database: Database, lines: list[OrderLine], coupons: list[Coupon]
) -> None:
    """Where nothing changes between, on every kind of database; and the order has it to the line."""
    offer(idle_database, *coupons)
    shown = choosing.choose(lines, [held(coupon) for coupon in coupons], {}, Policy())
    order = ordered(idle_database, *lines)
    papers = [Paper(Key(code, (code,)), coupon) for coupon in coupons for code in own_keys(coupon)]
    wanted = [Wanted(new_id(), paper) for paper in papers]
    given_now = idle_database.write_now(
        lambda tx: AT.redeem_all(tx, order, wanted, shopper=Shopper(order.trip_id), actor="test")
    )
    assert [(effect.held.coupon.id, effect.shares) for effect in given_now.effects] == [
        (effect.held.coupon.id, effect.shares) for effect in shown.effects
    ]
    assert [why.code for why in given_now.refused.values()] == [why.code for why in shown.refused.values()]
    kept = idle_database.read_now(lambda connection: redeeming.of_order(connection, order.order_id))
    assert [(one.coupon_id, one.lines) for one in kept] == [
        (effect.held.coupon.id, effect.shares) for effect in shown.effects
    ]
