"""Coupons on orders, on every kind of database: reserved, used, given back, and never one too many."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from tests.server.coupons.baskets import (
    DAIRY,
    MILK,
    amount,
    counts,
    free,
    line,
    offer,
    ordered,
    percent,
    put,
    texts,
)

from unqueue.kernel import journal
from unqueue.kernel.clock import ManualClock
from unqueue.kernel.database import Database
from unqueue.kernel.errors import DomainError, NotFound
from unqueue.kernel.ids import new_id
from unqueue.kernel.journal import Event
from unqueue.server.coupons import redeeming
from unqueue.server.coupons.model import Policy, Redemptions
from unqueue.server.coupons.redeeming import Redeeming
from unqueue.server.coupons.refusals import (
    CouponAlreadyRedeemed,
    CouponConflict,
    CouponExpired,
    CouponMalformed,
    CouponMemberOnly,
    CouponMemberUsedUp,
    CouponMinimumSpend,
    CouponNotCombinable,
    CouponNotForTheseGoods,
    CouponNotYetValid,
    CouponUnknown,
    CouponUsedUp,
    CouponVisitUsedUp,
)
from unqueue.server.coupons.rules import Coupon, Goods, Offer
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order, OrderClosed, OrderPaid

AT = Redeeming(time_zone="Asia/Shanghai")
A_CODE = "C00A"


def happened(database: Database) -> list[Event]:
    return [event for event in database.read_now(journal.read) if event.kind.startswith("coupon.")]


def seen(database: Database, order: Order) -> Redemptions:
    return database.read_now(lambda connection: redeeming.summary(connection, order))


def refused(refusal: type[DomainError], database: Database, order: Order, code: str, **fields: Any) -> DomainError:
    """The refusal; and nothing is left of the try."""
    before = seen(database, order), happened(database)
    with pytest.raises(refusal) as error:
        put(database, fields.pop("at", AT), order, code, **fields)
    assert type(error.value) is refusal
    assert (seen(database, order), happened(database)) == before
    assert error.value.text_zh
    assert error.value.text_en
    return error.value


def test_redeeming_reserves_a_use_and_lowers_what_is_to_be_paid(idle_database: Database) -> None:
    offer(idle_database, amount("a", 300, uses_max=5, funded_by="issuer"))
    order = ordered(idle_database, line(1, 500, 2, deposit=100), line(2, 500, 1))
    shown = put(idle_database, AT, order, "c-00a")
    assert (shown.total_minor, shown.saved_minor, shown.payable_minor) == (1600, 300, 1300)
    assert shown.by_line("issuer") == {1: 200, 2: 100}
    assert shown.by_line("store") == {}
    assert seen(idle_database, order) == shown
    assert idle_database.read_now(lambda connection: redeeming.payable_minor(connection, order)) == 1300
    assert counts(idle_database, "a") == (1, 0)
    event = happened(idle_database)[-1]
    assert (event.kind, event.stream, event.actor) == ("coupon.redeemed", "coupon:a", f"order:{order.order_id}")
    told = event.payload()
    assert (told["order_id"], told["trip_id"], told["status"]) == (order.order_id, order.trip_id, "reserved")
    assert (told["amount_minor"], told["payable_minor"], told["currency"]) == (300, 1300, "CNY")
    assert "code" not in told


def test_again_with_the_same_id_changes_nothing(idle_database: Database) -> None:
    offer(idle_database, amount("a", 300), amount("b", 100))
    order, other = ordered(idle_database), ordered(idle_database)
    action_id = new_id()
    first = put(idle_database, AT, order, A_CODE, action_id=action_id)
    assert put(idle_database, AT, order, " c00a ", action_id=action_id) == first
    assert counts(idle_database, "a") == (1, 0)
    refused(CouponConflict, idle_database, order, "C00B", action_id=action_id)
    refused(CouponConflict, idle_database, other, A_CODE, action_id=action_id)
    idle_database.write_now(lambda tx: AT.withdraw(tx, order, action_id, actor="test"))
    assert put(idle_database, AT, order, A_CODE, action_id=action_id).coupons == ()
    refused(CouponAlreadyRedeemed, idle_database, order_with(idle_database, A_CODE), A_CODE)


def order_with(database: Database, *codes: str) -> Order:
    order = ordered(database)
    for code in codes:
        put(database, AT, order, code)
    return order


def test_withdrawing_gives_the_use_back(idle_database: Database) -> None:
    offer(idle_database, amount("a", 300, uses_max=1))
    order, other = ordered(idle_database), ordered(idle_database)
    (redemption,) = put(idle_database, AT, order, A_CODE).coupons
    refused(CouponUsedUp, idle_database, other, A_CODE)
    withdraw = lambda tx: AT.withdraw(tx, order, redemption.redemption_id, actor="test")  # noqa: E731  # used thrice
    assert idle_database.write_now(withdraw).payable_minor == order.total_minor
    assert counts(idle_database, "a") == (0, 0)
    assert idle_database.write_now(withdraw).coupons == ()
    assert counts(idle_database, "a") == (0, 0)
    assert [event.kind for event in happened(idle_database)][-2:] == ["coupon.redeemed", "coupon.withdrawn"]
    put(idle_database, AT, other, A_CODE)
    with pytest.raises(NotFound):
        idle_database.write_now(lambda tx: AT.withdraw(tx, other, redemption.redemption_id, actor="test"))


def test_without_one_coupon_the_others_are_applied_anew(idle_database: Database) -> None:
    offer(idle_database, amount("a", 1000), percent("p", 1000))
    order = order_with(idle_database, A_CODE, "C00P")
    first, second = seen(idle_database, order).coupons
    assert (first.amount_minor, second.amount_minor) == (1000, 100)
    left = idle_database.write_now(lambda tx: AT.withdraw(tx, order, first.redemption_id, actor="test"))
    assert [one.amount_minor for one in left.coupons] == [200]
    assert left == seen(idle_database, order)


def test_paying_uses_what_was_reserved(idle_database: Database) -> None:
    offer(idle_database, amount("a", 300, uses_max=1), percent("b", 1000, serials=("XMAS1", "XMAS2")))
    order = order_with(idle_database, A_CODE, "XMAS1")

    def pay(tx: Any) -> None:
        redeeming.use(tx, order, "test")
        orders_store.mark_paid(tx, order, "test")

    before = seen(idle_database, order)
    idle_database.write_now(pay)
    after = seen(idle_database, order)
    assert [one.status for one in after.coupons] == ["used", "used"]
    assert (after.payable_minor, after.by_line()) == (before.payable_minor, before.by_line())
    assert counts(idle_database, "a") == (0, 1)
    assert [event.kind for event in happened(idle_database)[-2:]] == ["coupon.used", "coupon.used"]
    assert happened(idle_database)[-1].payload()["lines"] == [{"line": 1, "amount_minor": 170}]
    idle_database.write_now(lambda tx: redeeming.use(tx, order, "test"))
    idle_database.write_now(lambda tx: redeeming.release(tx, order, "test"))
    assert seen(idle_database, order) == after
    other = ordered(idle_database)
    refused(CouponUsedUp, idle_database, other, A_CODE)
    refused(CouponUsedUp, idle_database, other, "XMAS1")
    put(idle_database, AT, other, "XMAS2")
    refused(OrderPaid, idle_database, order, "XMAS2")
    with pytest.raises(OrderPaid):
        idle_database.write_now(lambda tx: AT.withdraw(tx, order, after.coupons[0].redemption_id, actor="test"))


def test_closing_an_order_gives_back_what_it_reserved(idle_database: Database) -> None:
    offer(idle_database, amount("a", 300, uses_max=1, uses_max_per_member=1))
    order = ordered(idle_database)
    put(idle_database, AT, order, A_CODE, member="anna")

    def close(tx: Any) -> None:
        redeeming.release(tx, order, "system")
        orders_store.close(tx, order, "system")

    idle_database.write_now(close)
    assert counts(idle_database, "a") == (0, 0)
    assert happened(idle_database)[-1].kind == "coupon.released"
    assert seen(idle_database, order).coupons == ()
    refused(OrderClosed, idle_database, order, A_CODE, member="anna")
    put(idle_database, AT, ordered(idle_database), A_CODE, member="anna")


def test_what_is_imported_later_does_not_change_an_order(idle_database: Database) -> None:
    offer(idle_database, amount("a", 300), amount("b", 100))
    order = order_with(idle_database, A_CODE)
    offer(idle_database, amount("a", 1))
    assert put(idle_database, AT, order, "C00B").saved_minor == 400


@pytest.mark.parametrize(
    ("coupon", "refusal"),
    [
        (amount("a", 1, valid_from=date(2026, 3, 3)), CouponNotYetValid),
        (amount("a", 1, valid_until=date(2026, 3, 1)), CouponExpired),
        (amount("a", 1, members_only=True), CouponMemberOnly),
        (amount("a", 1, minimum_spend_minor=2001), CouponMinimumSpend),
        (amount("a", 1, Goods(product_ids=("soap",))), CouponNotForTheseGoods),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_refusals(idle_database: Database, coupon: Coupon, refusal: type[DomainError]) -> None:
    offer(idle_database, coupon)
    refused(refusal, idle_database, ordered(idle_database), A_CODE)
    assert counts(idle_database, "a") == (0, 0)


def test_more_refusals(idle_database: Database) -> None:
    offer(idle_database, amount("a", 1), amount("alone", 1, stackable=False), free("f"), free("g"))
    order = order_with(idle_database, A_CODE)
    refused(CouponUnknown, idle_database, order, "NOSUCHCODE")
    refused(CouponUnknown, idle_database, order, "(255)9501101530003")
    refused(CouponMalformed, idle_database, order, "!?")
    refused(CouponMalformed, idle_database, order, "(255)9501101530004")
    refused(CouponAlreadyRedeemed, idle_database, order, "c00A")
    problem = refused(CouponNotCombinable, idle_database, order, "CALONE")
    assert "“Coupon a”" in problem.text_en
    assert "“券a”" in problem.text_zh
    one_milk = ordered(idle_database, line(1, 500), line(2, 900, product_id="tea"))
    put(idle_database, AT, one_milk, "C00F")
    assert "“Coupon f”" in refused(CouponNotCombinable, idle_database, one_milk, "C00G").text_en
    short = amount("s", 1, minimum_spend_minor=2500)
    offer(idle_database, short)
    assert "¥5.00" in refused(CouponMinimumSpend, idle_database, ordered(idle_database), "C00S").text_en
    dollars = ordered(idle_database, currency="USD")
    refused(CouponUnknown, idle_database, dollars, A_CODE)


def test_days_are_those_of_the_store(idle_database: Database, clock: ManualClock) -> None:
    offer(idle_database, amount("a", 1, valid_from=date(2026, 3, 2), valid_until=date(2026, 3, 2)))
    day_s = 24 * 3600
    clock.advance((datetime(2026, 3, 1, 15, 59, 59, tzinfo=UTC) - clock.now()).total_seconds())
    refused(CouponNotYetValid, idle_database, ordered(idle_database), A_CODE)
    clock.advance(1)  # midnight in Shanghai
    put(idle_database, AT, ordered(idle_database), A_CODE)
    clock.advance(day_s - 1)
    put(idle_database, AT, ordered(idle_database), A_CODE)
    clock.advance(1)
    assert "2026-03-02" in refused(CouponExpired, idle_database, ordered(idle_database), A_CODE).text_en


def test_a_reservation_outlives_the_coupons_last_day(idle_database: Database, clock: ManualClock) -> None:
    offer(idle_database, amount("a", 300, valid_until=date(2026, 3, 2)), amount("b", 100))
    order = order_with(idle_database, A_CODE)
    clock.advance(24 * 3600)
    assert put(idle_database, AT, order, "C00B").saved_minor == 400


def test_a_limit_per_member(idle_database: Database) -> None:
    offer(idle_database, amount("a", 1, uses_max_per_member=2))
    for _ in range(2):
        put(idle_database, AT, ordered(idle_database), A_CODE, member="anna")
    refused(CouponMemberUsedUp, idle_database, ordered(idle_database), A_CODE, member="anna")
    put(idle_database, AT, ordered(idle_database), A_CODE, member="ben")
    offer(idle_database, amount("a", 1, uses_max_per_member=1))
    refused(CouponMemberUsedUp, idle_database, ordered(idle_database), A_CODE, member="anna")
    refused(CouponMemberUsedUp, idle_database, ordered(idle_database), A_CODE, member="ben")
    offer(idle_database, amount("a", 1, uses_max_per_member=3))
    put(idle_database, AT, ordered(idle_database), A_CODE, member="anna")


def test_without_a_members_card_the_limit_is_one_of_the_visit(idle_database: Database) -> None:
    offer(idle_database, amount("a", 1, uses_max_per_member=1, serials=("FIRST", "SECOND")))
    order = ordered(idle_database)
    put(idle_database, AT, order, "FIRST")
    refused(CouponVisitUsedUp, idle_database, order, "SECOND")
    put(idle_database, AT, ordered(idle_database), "SECOND")


def test_serials_of_a_printed_number_are_good_once(idle_database: Database) -> None:
    offer(
        idle_database,
        amount("gcn", 1, gcn="9501101530003"),
        amount("offer", 1, offer=Offer(funder_id="0614141", offer_code="654321")),
    )
    put(idle_database, AT, ordered(idle_database), "]e02559501101530003000042")
    refused(CouponUsedUp, idle_database, ordered(idle_database), "(255)9501101530003000042")
    put(idle_database, AT, ordered(idle_database), "(255)9501101530003000043")
    put(idle_database, AT, ordered(idle_database), "(255)9501101530003")
    put(idle_database, AT, ordered(idle_database), "(255)9501101530003")
    refused(CouponExpired, idle_database, ordered(idle_database), "(255)9501101530003000044(17)260301")
    put(idle_database, AT, ordered(idle_database), "(8112)0106141416543210123456")
    refused(CouponUsedUp, idle_database, ordered(idle_database), "81120106141416543210123456")
    assert counts(idle_database, "gcn") == (4, 0)


def test_taking_one_off_takes_off_what_needed_it(idle_database: Database) -> None:
    """A coupon that a change of the store's policy makes idle does not stay on the order with nothing to give."""
    offer(idle_database, amount("a", 100), amount("b", 100, DAIRY))
    order = order_with(idle_database, A_CODE, "C00B")
    strict = Redeeming(time_zone="Asia/Shanghai", policy=Policy(excluded_categories=frozenset({"dairy"})))
    (first, _) = seen(idle_database, order).coupons
    left = idle_database.write_now(lambda tx: strict.withdraw(tx, order, first.redemption_id, actor="test"))
    assert left.coupons == ()
    assert [event.kind for event in happened(idle_database)[-2:]] == ["coupon.withdrawn"] * 2
    assert counts(idle_database, "a") == counts(idle_database, "b") == (0, 0)


def test_the_sequence_of_scanning_changes_nothing(idle_database: Database) -> None:
    offer(idle_database, percent("p", 1000), amount("a", 100), free("f"), amount("d", 70, DAIRY))
    codes = ["C00P", A_CODE, "C00F", "C00D"]
    results = []
    for turn in range(len(codes)):
        shown = seen(idle_database, order_with(idle_database, *codes[turn:], *codes[:turn]))
        results.append([(one.coupon_id, one.amount_minor, one.lines) for one in shown.coupons])
    assert results[0][0][0] == "f"
    assert all(result == results[0] for result in results)


def test_texts_are_those_of_the_coupon(idle_database: Database) -> None:
    offer(idle_database, amount("a", 100, MILK))
    (one,) = seen(idle_database, order_with(idle_database, A_CODE)).coupons
    assert (one.zh, one.en) == (texts("a")["zh"], texts("a")["en"])
