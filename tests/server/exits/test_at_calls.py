"""What staff do at a call beside answering it: extra payments, security, age checks before the lane; on each kind of
database.
"""

from typing import Any

import pytest
from tests.support.lanes import ATTENDANT, Buy, LaneClient, StaffClient, mark_paid
from tests.support.stores import APPLES_512_G, BEER, MILK, RECALLED, TEA, WINE

from unqueue.kernel import journal
from unqueue.server.app import MerchantServer

pytestmark = pytest.mark.anyio


async def told(store: MerchantServer, kind: str) -> list[dict[str, Any]]:
    found = await store.database.read(journal.read)
    return [event.payload() for event in found if event.kind == kind]


async def weight_call(lane: LaneClient, buy: Buy) -> tuple[dict[str, Any], dict[str, Any]]:
    """A shopper at the lane whose goods are too heavy: the exit, and the call."""
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    weighed = await lane.weigh(claimed["id"], fits=False)
    return claimed, weighed["call"]


async def product_id(store: MerchantServer, code: str) -> str:
    found = await store.catalogue.find(code.zfill(14))
    assert found is not None
    return found.product_id


async def test_an_item_that_is_taken_off_is_written_down_with_its_price_and_the_lane_weighs_again(
    store: MerchantServer, lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    claimed, call = await weight_call(lane, buy)
    tea = await store.catalogue.find(TEA.zfill(14))
    assert tea is not None
    body = {
        "id": "7" * 32,
        "action": "take_off",
        "reason": "did not want it",
        "evidence_id": call["evidence_id"],
        "found": [{"product_id": tea.product_id, "quantity": 2}],
    }
    answered = await attendant.call("POST", f"/api/staff/calls/{call['id']}/answer", body)
    assert (answered["action"], answered["finding"]) == ("take_off", "unpaid")
    (one,) = await lane.exits()
    assert (one["status"], one["weighing"]) == ("claimed", None)
    (record,) = await told(store, "call.answered")
    assert (record["finding"], record["worth_minor"]) == ("unpaid", 2 * (tea.unit_price_minor + tea.deposit_minor))
    assert (record["answered_by"], record["reason"]) == (ATTENDANT, "did not want it")
    assert (await lane.weigh(claimed["id"]))["status"] == "accepted"
    assert await store.database.read(journal.verify) is None


async def test_goods_by_the_barcode_on_them_are_named_priced_and_written_down_where_they_come_off(
    store: MerchantServer, lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    _, call = await weight_call(lane, buy)
    tea = await store.catalogue.find(TEA.zfill(14))
    seen = await attendant.call("POST", "/api/staff/goods", {"code": TEA})
    assert tea is not None
    assert (seen["product_id"], seen["weight_g"], seen["refusal"]) == (tea.product_id, None, None)
    assert seen["price"]["amount_minor"] == tea.unit_price_minor + tea.deposit_minor
    weighed = await attendant.call("POST", "/api/staff/goods", {"code": APPLES_512_G})
    assert weighed["weight_g"] == 512
    found = [{"code": TEA, "quantity": 2}, {"code": APPLES_512_G}]
    body = {"id": "6" * 32, "action": "take_off", "reason": "by accident", "evidence_id": call["evidence_id"]}
    path = f"/api/staff/calls/{call['id']}/answer"
    unknown = await attendant.call("POST", path, {**body, "found": [{"code": "96385074"}]}, status=404)
    assert unknown["code"] == "product_unknown"
    answered = await attendant.call("POST", path, {**body, "found": found})
    assert answered["finding"] == "unpaid"
    (record,) = await told(store, "call.answered")
    assert record["worth_minor"] == 2 * seen["price"]["amount_minor"] + weighed["price"]["amount_minor"]


async def test_goods_that_can_not_be_sold_are_named_all_the_same(store: MerchantServer, attendant: StaffClient) -> None:
    seen = await attendant.call("POST", "/api/staff/goods", {"code": RECALLED})
    assert (seen["product_id"], seen["refusal"]["code"]) == (await product_id(store, RECALLED), "product_recalled")
    assert seen["price"]["amount_minor"] > 0  # what it was worth
    unknown = await attendant.call("POST", "/api/staff/goods", {"code": "96385074"}, status=404)
    assert unknown["code"] == "product_unknown"
    coupon = await attendant.call("POST", "/api/staff/goods", {"code": "hello"}, status=422)
    assert coupon["code"] == "code_malformed"


async def test_goods_that_turn_up_are_paid_before_everything_is_let_go(
    store: MerchantServer, lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    claimed, call = await weight_call(lane, buy)
    path = f"/api/staff/calls/{call['id']}/payment"
    await attendant.call("GET", path, status=404)
    asked = await attendant.call(
        "POST", path, {"items": [{"code": TEA}, {"product_id": await product_id(store, MILK)}]}
    )
    assert (asked["status"], asked["by"]) == ("open", ATTENDANT)
    assert asked["total"]["amount_minor"] > 0
    again = await attendant.call("POST", path, {"items": [{"code": MILK}]})
    assert again["order_id"] == asked["order_id"]  # one payment at a time
    assert (await attendant.answer(call["id"], "let_go", status=409))["code"] == "payment_due"
    await mark_paid(store, asked["order_id"])
    assert (await attendant.call("GET", path))["status"] == "paid"
    answered = await attendant.answer(call["id"], "let_go", "paid now")
    assert answered["finding"] == "unpaid"
    assert (await attendant.call("GET", path))["status"] == "left"  # its goods can't go out a second time
    await lane.release(claimed["id"])
    (record,) = await told(store, "call.answered")
    assert record["worth_minor"] == asked["total"]["amount_minor"]
    (asking,) = await told(store, "call.payment_asked")
    assert (asking["by"], asking["payment_order_id"]) == (ATTENDANT, asked["order_id"])
    assert (await attendant.call("POST", path, {"items": [{"code": TEA}]}, status=409))["code"] == "call_answered"


async def test_an_extra_payment_may_be_taken_back(lane: LaneClient, attendant: StaffClient, buy: Buy) -> None:
    _, call = await weight_call(lane, buy)
    path = f"/api/staff/calls/{call['id']}/payment"
    asked = await attendant.call("POST", path, {"items": [{"code": TEA}]})
    await attendant.call("DELETE", path, status=204)
    await attendant.call("DELETE", path, status=204)
    assert (await attendant.call("GET", path))["status"] == "closed"
    other = await attendant.call("POST", path, {"items": [{"code": MILK}]})
    assert other["order_id"] != asked["order_id"]
    await attendant.call("DELETE", path, status=204)
    answered = await attendant.answer(call["id"], "let_go", "all is right")
    assert answered["finding"] is None


@pytest.mark.parametrize("items", [[], [{}], [{"product_id": "nothing"}], [{"code": TEA, "quantity": 0}]])
async def test_goods_that_nobody_knows_make_no_payment(
    lane: LaneClient, attendant: StaffClient, buy: Buy, items: list[dict[str, Any]]
) -> None:
    _, call = await weight_call(lane, buy)
    path = f"/api/staff/calls/{call['id']}/payment"
    await attendant.call("POST", path, {"items": items}, status=400)
    await attendant.call("GET", path, status=404)


async def test_security_is_called_by_name_and_the_call_stays_open(
    store: MerchantServer, lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    _, call = await weight_call(lane, buy)
    path = f"/api/staff/calls/{call['id']}/security"
    assert (await attendant.call("POST", path, {"reason": " "}, status=422))["code"] == "reason_needed"
    guarded = await attendant.call("POST", path, {"reason": "threatens staff"})
    assert (guarded["status"], guarded["security"]["by"]) == ("open", ATTENDANT)
    assert await attendant.call("POST", path, {"reason": "again"}) == guarded
    (record,) = await told(store, "call.security")
    assert (record["security_by"], record["security_reason"]) == (ATTENDANT, "threatens staff")
    await attendant.answer(call["id"], "refuse", "put back")
    assert (await attendant.call("POST", path, {"reason": "late"}, status=409))["code"] == "call_answered"


async def test_who_looks_first_is_shown(lane: LaneClient, attendant: StaffClient) -> None:
    call = await lane.alarm("help")
    assert call["looked_by"] is None
    looked = await attendant.call("POST", f"/api/staff/calls/{call['id']}/look")
    assert looked["looked_by"] == ATTENDANT
    assert await attendant.call("POST", f"/api/staff/calls/{call['id']}/look") == looked
    await attendant.call("POST", f"/api/staff/calls/{'0' * 32}/look", status=404)


async def test_an_age_is_checked_before_the_lane(
    store: MerchantServer, lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    paid = await buy(BEER, WINE)
    path = f"/api/orders/{paid.order['id']}/age-check"
    assert await paid.handset.call("GET", path) == {"status": "due", "age_limit": 18}
    await store.age_checks.catch_up()
    (call,) = await attendant.open_calls()
    assert (call["kind"], call["lane"], call["exit_id"]) == ("min_age", "shop-floor", None)
    assert (call["order"]["number"], call["evidence"]) == (paid.order["number"], {"age_limit": 18})
    await attendant.answer(call["id"], "let_go", "")
    assert (await paid.handset.call("GET", path))["status"] == "cleared"
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    assert claimed["checks"] == []
    assert await attendant.open_calls() == []
    (record,) = await told(store, "call.answered")
    assert (record["answered_by"], record["order_id"]) == (ATTENDANT, paid.order["id"])
    assert record["trip_id"] == paid.handset.trip  # so that the handset hears of it


async def test_a_call_about_an_age_comes_along_to_the_lane(
    store: MerchantServer, lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    paid = await buy(BEER)
    await store.age_checks.catch_up()
    (early,) = await attendant.open_calls()
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    (call,) = await attendant.open_calls()
    assert (call["id"], call["lane"], call["exit_id"]) == (early["id"], "lane-1", claimed["id"])
    await attendant.answer(call["id"], "let_go", "")
    await lane.abandon(claimed["id"])
    assert (await lane.claim(**{"pass": await paid.show_pass()}))["checks"] == []  # once is enough


async def test_who_is_refused_before_the_lane_is_asked_again_there(
    store: MerchantServer, lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    paid = await buy(BEER)
    await store.age_checks.catch_up()
    (early,) = await attendant.open_calls()
    path = f"/api/orders/{paid.order['id']}/age-check"
    refused = await attendant.answer(early["id"], "refuse", "no ID at hand")
    assert await paid.handset.call("GET", path) == {"status": "refused", "age_limit": 18}
    assert (await lane.claim(**{"pass": await paid.show_pass()}))["checks"] == ["min_age"]
    (call,) = await attendant.open_calls()
    assert call["id"] != early["id"]
    before = {"by": ATTENDANT, "at": refused["answered_at"], "reason": "no ID at hand"}
    assert call["evidence"] == {"age_limit": 18, "refused_before": before}
    assert (await paid.handset.call("GET", path))["status"] == "due"  # somebody looks at it anew
    await attendant.answer(call["id"], "let_go", "")
    assert (await paid.handset.call("GET", path))["status"] == "cleared"


async def test_an_order_that_is_given_up_needs_no_age_check(
    store: MerchantServer, attendant: StaffClient, buy: Buy
) -> None:
    shopper = await buy(BEER, pay=False)
    await buy(MILK)
    await store.age_checks.catch_up()
    assert len(await attendant.open_calls()) == 1
    await shopper.handset.call("POST", f"/api/trips/{shopper.handset.trip}/reopen")
    await store.age_checks.catch_up()
    assert await attendant.open_calls() == []
