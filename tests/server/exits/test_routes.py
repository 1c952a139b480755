"""The way out over HTTP, on each kind of database."""

import asyncio
import uuid
from collections.abc import Iterable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, IntegrityError
from tests.support.lanes import ATTENDANT, Buy, LaneClient, OpenLane, StaffClient, mark_paid
from tests.support.stores import BEER, MILK, WINE

from unqueue.kernel import journal
from unqueue.kernel.clock import ManualClock
from unqueue.server.app import MerchantServer
from unqueue.server.exits import store as exits_store
from unqueue.server.exits.model import STALE_AFTER_S

pytestmark = pytest.mark.anyio


async def events(store: MerchantServer, noun: str) -> list[tuple[str, dict[str, Any]]]:
    found = await store.database.read(journal.read)
    return [(event.kind, event.payload()) for event in found if event.kind.startswith(f"{noun}.")]


async def test_a_shopper_walks_out(store: MerchantServer, lane: LaneClient, buy: Buy) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    assert claimed["status"] == "claimed"
    assert claimed["order"]["number"] == paid.order["number"]
    assert [(line["weight_g_expected"], line["weight_g_sd"]) for line in claimed["lines"]] == [(1060, 6.0)]
    assert (await lane.weigh(claimed["id"]))["status"] == "accepted"
    released = await lane.release(claimed["id"], 7)
    assert (released["status"], released["passages"]) == ("released", 7)
    assert (await lane.left(claimed["id"], 8))["status"] == "left"
    assert (await paid.handset.call("GET", f"/api/orders/{paid.order['id']}"))["status"] == "left"
    assert await lane.exits() == []
    told = await events(store, "exit")
    assert [kind for kind, _ in told] == ["exit.claimed", "exit.weighed", "exit.released", "exit.left"]
    for _, payload in told:
        assert payload["trip_id"] == paid.handset.trip
        assert (payload["order_id"], payload["lane"]) == (paid.order["id"], "lane-1")
    assert told[-1][1]["status"] == "left"  # what tells the handset to say goodbye
    assert await store.database.read(journal.verify) is None


async def test_lines_are_weighed_whole(lane: LaneClient, buy: Buy) -> None:
    """Two of a kind: twice the mean, and the variances add up."""
    paid = await buy(MILK, MILK, WINE)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    weights = {line["product_id"]: (line["weight_g_expected"], line["weight_g_sd"]) for line in claimed["lines"]}
    assert weights == {"milk": (2120, 8.49), "wine": (1240, 12.0)}
    assert claimed["tags"] == 1


async def test_a_typed_number_serves_as_well(lane: LaneClient, buy: Buy) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(order_number=paid.order["number"])
    assert claimed["order"]["id"] == paid.order["id"]


@pytest.mark.parametrize(
    ("shown", "status", "code"),
    [
        ({"pass": "UQ1.x.y"}, 422, "pass_invalid"),
        ({"order_number": "104729388"}, 404, "order_unknown"),
        ({"order_number": "1"}, 404, "order_unknown"),
        ({}, 400, "invalid_request"),
        ({"pass": "UQ1.x.y", "order_number": "104729388"}, 400, "invalid_request"),
    ],
)
async def test_what_names_no_order_is_refused(lane: LaneClient, shown: dict[str, str], status: int, code: str) -> None:
    assert (await lane.claim(status=status, **shown))["code"] == code


async def test_an_unpaid_order_has_no_pass_and_no_exit(lane: LaneClient, buy: Buy) -> None:
    unpaid = await buy(MILK, pay=False)
    problem = await unpaid.handset.call("GET", f"/api/orders/{unpaid.order['id']}/pass", status=409)
    assert problem["code"] == "order_unpaid"
    assert (await lane.claim(order_number=unpaid.order["number"], status=409))["code"] == "order_unpaid"


async def test_a_pass_ends_and_is_made_anew(lane: LaneClient, buy: Buy, clock: ManualClock) -> None:
    paid = await buy(MILK)
    old = await paid.show_pass()
    clock.advance(3601)
    assert (await lane.claim(status=409, **{"pass": old}))["code"] == "pass_expired"
    assert (await lane.claim(**{"pass": await paid.show_pass()}))["status"] == "claimed"


async def test_a_pass_of_another_basket_is_none(store: MerchantServer, lane: LaneClient, buy: Buy) -> None:
    """Signed by us, but for another content of the order."""
    paid = await buy(MILK)
    text = await paid.show_pass()
    store.database.write_now(
        lambda tx: tx.connection.exec_driver_sql(
            f"UPDATE orders SET basket_hash = '{'0' * 64}' WHERE order_id = '{paid.order['id']}'"
        )
    )
    assert (await lane.claim(status=422, **{"pass": text}))["code"] == "pass_invalid"


async def test_an_order_leaves_once(lane: LaneClient, open_lane: OpenLane, buy: Buy) -> None:
    paid = await buy(MILK)
    text = await paid.show_pass()
    claimed = await lane.claim(**{"pass": text})
    await lane.weigh(claimed["id"])
    await lane.release(claimed["id"])
    await lane.left(claimed["id"])
    other = await open_lane("lane-2")
    for again in (lane, other):
        assert (await again.claim(status=409, **{"pass": text}))["code"] == "order_left"
        assert (await again.claim(status=409, order_number=paid.order["number"]))["code"] == "order_left"
    problem = await paid.handset.call("GET", f"/api/orders/{paid.order['id']}/pass", status=409)
    assert problem["code"] == "order_left"


async def test_one_lane_at_a_time(lane: LaneClient, open_lane: OpenLane, buy: Buy) -> None:
    paid = await buy(MILK)
    other = await open_lane("lane-2")
    text = await paid.show_pass()
    claimed = await lane.claim(**{"pass": text})
    problem = await other.claim(status=409, **{"pass": text})
    assert (problem["code"], problem["lane"]) == ("order_at_other_lane", "lane-1")
    await lane.abandon(claimed["id"])
    assert (await other.claim(**{"pass": text}))["status"] == "claimed"


async def test_the_same_lane_may_ask_again(lane: LaneClient, buy: Buy) -> None:
    """It restarted, or the shopper showed the pass twice: the exit that goes on there is the answer."""
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    again = await lane.claim(**{"pass": await paid.show_pass()})
    assert again["id"] == claimed["id"]
    assert [one["id"] for one in await lane.exits()] == [claimed["id"]]


async def test_one_order_at_a_lane(lane: LaneClient, buy: Buy) -> None:
    first, second = await buy(MILK), await buy(BEER)
    await lane.claim(**{"pass": await first.show_pass()})
    assert (await lane.claim(status=409, **{"pass": await second.show_pass()}))["code"] == "lane_busy"


async def test_a_silent_lane_loses_its_claim_but_not_its_release(
    lane: LaneClient, open_lane: OpenLane, buy: Buy, clock: ManualClock
) -> None:
    paid = await buy(MILK)
    other = await open_lane("lane-2")
    text = await paid.show_pass()
    claimed = await lane.claim(**{"pass": text})
    await lane.weigh(claimed["id"])
    clock.advance(STALE_AFTER_S - 1)
    await lane.heartbeat("weighing")
    clock.advance(STALE_AFTER_S - 1)
    assert (await other.claim(status=409, **{"pass": text}))["code"] == "order_at_other_lane"
    clock.advance(2)
    moved = await other.claim(**{"pass": text})
    assert (await lane.release(claimed["id"], status=409))["code"] == "exit_not_accepted"
    await other.weigh(moved["id"])
    await other.release(moved["id"])
    clock.advance(3600)
    assert (await lane.claim(status=409, order_number=paid.order["number"]))["code"] == "order_at_other_lane"


async def test_every_step_may_be_sent_again(store: MerchantServer, lane: LaneClient, buy: Buy) -> None:
    paid = await buy(MILK)
    shown = {"pass": await paid.show_pass(), "id": str(uuid.uuid4())}
    claimed = await lane.claim(**shown)
    assert await lane.claim(**shown) == claimed
    weighing_id = str(uuid.uuid4())
    first = await lane.weigh(claimed["id"], id=weighing_id)
    assert await lane.weigh(claimed["id"], id=weighing_id.replace("-", "")) == first
    first = await lane.release(claimed["id"], 7)
    assert (
        await lane.release(claimed["id"], 9) == first
    )  # the counter before the gate opened is the first that was told
    await lane.left(claimed["id"])
    assert (await lane.left(claimed["id"]))["status"] == "left"
    assert (await lane.release(claimed["id"]))["status"] == "left"
    assert (await lane.claim(**shown))["status"] == "left"
    told = [kind for kind, _ in await events(store, "exit")]
    assert told == ["exit.claimed", "exit.weighed", "exit.released", "exit.left"]


async def test_an_id_stands_for_one_thing(lane: LaneClient, open_lane: OpenLane, buy: Buy) -> None:
    first, second = await buy(MILK), await buy(MILK)
    other = await open_lane("lane-2")
    one_id = str(uuid.uuid4())
    claimed = await lane.claim(id=one_id, order_number=first.order["number"])
    problem = await lane.claim(id=one_id, order_number=second.order["number"], status=409)
    assert problem["code"] == "exit_conflict"
    problem = await other.claim(id=one_id, order_number=first.order["number"], status=409)
    assert problem["code"] == "exit_conflict"
    await lane.weigh(claimed["id"], id=one_id)
    assert (await lane.weigh(claimed["id"], id=one_id, fits=False, status=409))["code"] == "exit_conflict"


async def test_nothing_opens_without_an_accepted_weight(lane: LaneClient, buy: Buy) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    assert (await lane.release(claimed["id"], status=409))["code"] == "exit_not_accepted"
    await lane.weigh(claimed["id"], fits=False)
    assert (await lane.release(claimed["id"], status=409))["code"] == "exit_not_accepted"
    assert (await lane.left(claimed["id"], status=409))["code"] == "exit_not_released"


async def test_an_order_that_is_no_longer_paid_stays(store: MerchantServer, lane: LaneClient, buy: Buy) -> None:
    """Whatever took the payment back, it is seen before the gate opens."""
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    await lane.weigh(claimed["id"])
    order = paid.order["id"]
    for change, code in (
        ("status = 'open'", "order_unpaid"),
        ("status = 'paid', basket_hash = 'x'", "exit_not_accepted"),
    ):
        store.database.write_now(
            lambda tx, change=change: tx.connection.exec_driver_sql(
                f"UPDATE orders SET {change} WHERE order_id = '{order}'"
            )
        )
        assert (await lane.release(claimed["id"], status=409))["code"] == code


async def test_a_weight_that_is_off_calls_staff_who_let_go_by_name(
    store: MerchantServer, lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    checked = await lane.weigh(claimed["id"], fits=False)
    assert checked["status"] == "claimed"
    (call,) = await attendant.open_calls()
    assert call == checked["call"]
    assert (call["kind"], call["lane"], call["exit_id"]) == ("weight", "lane-1", claimed["id"])
    assert call["order"]["number"] == paid.order["number"]
    assert (call["evidence"]["measured_g"], call["evidence"]["expected_g"]) == (1588, 1060)
    assert call["evidence"]["suspects"][0]["kind"] == "missed"
    assert (await attendant.answer(call["id"], "let_go", "  ", status=422))["code"] == "reason_needed"
    assert (await attendant.answer(call["id"], "done", status=409))["code"] == "action_not_possible"
    answered = await attendant.answer(call["id"], "let_go", "his own bag")
    assert (answered["answered_by"], answered["reason"], answered["status"]) == (ATTENDANT, "his own bag", "answered")
    assert (await lane.exits())[0]["status"] == "accepted"
    assert await attendant.open_calls() == []
    await lane.release(claimed["id"])
    (told,) = [payload for kind, payload in await events(store, "call") if kind == "call.answered"]
    assert (told["answered_by"], told["action"], told["reason"]) == (ATTENDANT, "let_go", "his own bag")
    assert await store.database.read(journal.verify) is None


async def test_a_weight_that_fits_after_all_settles_the_call(
    lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    call = (await lane.weigh(claimed["id"], fits=False))["call"]
    again = (await lane.weigh(claimed["id"], fits=False, measured_g=1500))["call"]
    assert (again["id"], again["evidence"]["measured_g"], again["evidence"]["times"]) == (call["id"], 1500, 2)
    settled = await lane.weigh(claimed["id"])
    assert settled["status"] == "accepted"
    assert (settled["call"]["status"], settled["call"]["answered_by"]) == ("answered", None)
    assert (await attendant.answer(call["id"], "let_go", status=409))["code"] == "call_answered"


async def test_reweigh_and_refuse(lane: LaneClient, attendant: StaffClient, buy: Buy) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    call = (await lane.weigh(claimed["id"], fits=False))["call"]
    await attendant.answer(call["id"], "reweigh", "took it off")
    (one,) = await lane.exits()
    assert (one["status"], one["weighing"]) == ("claimed", None)
    call = (await lane.weigh(claimed["id"], fits=False))["call"]
    await attendant.answer(call["id"], "refuse", "wants to pay first")
    assert await lane.exits() == []
    assert (await lane.weigh(claimed["id"], status=409))["code"] == "exit_ended"
    assert (await lane.claim(**{"pass": await paid.show_pass()}))["status"] == "claimed"


async def test_goods_with_an_age_limit_wait_for_a_person(lane: LaneClient, attendant: StaffClient, buy: Buy) -> None:
    paid = await buy(BEER)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    assert claimed["checks"] == ["min_age"]
    (call,) = await attendant.open_calls()
    assert (call["kind"], call["evidence"]) == ("min_age", {"age_limit": 18})
    assert (await lane.weigh(claimed["id"]))["status"] == "claimed"
    assert (await lane.release(claimed["id"], status=409))["code"] == "exit_not_accepted"
    await attendant.answer(call["id"], "let_go", "")
    (one,) = await lane.exits()
    assert (one["status"], one["checks"]) == ("accepted", [])


async def test_an_answer_may_be_sent_again_but_not_changed(lane: LaneClient, attendant: StaffClient) -> None:
    call = await lane.alarm("help")
    answer_id = str(uuid.uuid4())
    first = await attendant.answer(call["id"], "done", answer_id=answer_id)
    assert await attendant.answer(call["id"], "done", answer_id=answer_id) == first
    other = await lane.alarm("help")
    assert other["id"] != call["id"]
    assert (await attendant.answer(other["id"], "done", answer_id=answer_id, status=409))["code"] == "exit_conflict"
    assert (await attendant.answer(call["id"], "done", status=409))["answered_by"] == ATTENDANT
    assert [entry["id"] for entry in await attendant.call("GET", "/api/staff/calls?status=answered")] == [call["id"]]


async def test_alarms_of_one_kind_are_one_call(lane: LaneClient, open_lane: OpenLane, buy: Buy) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    alarm_id = str(uuid.uuid4())
    call = await lane.alarm("live_tag", id=alarm_id, exit_id=claimed["id"], detail="1 of 2 tags")
    assert (call["evidence"]["detail"], call["order"]["number"]) == ("1 of 2 tags", paid.order["number"])
    again = await lane.alarm("live_tag", exit_id=claimed["id"])
    assert (again["id"], again["evidence"]["times"]) == (call["id"], 2)
    resent = await lane.alarm("live_tag", id=alarm_id, exit_id=claimed["id"], detail="1 of 2 tags")
    assert resent["evidence"]["times"] == 2
    assert (await lane.alarm("live_tag"))["id"] != call["id"]  # without an order it is another matter
    assert (await lane.alarm("help", id=alarm_id, status=409))["code"] == "exit_conflict"
    other = await open_lane("lane-2")
    assert (await other.alarm("help", exit_id=claimed["id"], status=404))["code"] == "not_found"


async def test_an_abandoned_exit_takes_its_calls_along(lane: LaneClient, attendant: StaffClient, buy: Buy) -> None:
    paid = await buy(BEER)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    await lane.weigh(claimed["id"], fits=False)
    assert len(await attendant.open_calls()) == 2
    await lane.abandon(claimed["id"])
    await lane.abandon(claimed["id"])
    assert await attendant.open_calls() == []


async def test_an_answer_holds_for_the_weighing_that_was_seen(
    lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    """Staff look at 50 g too much; a moment before they let it go, 5 kg are put on the belt."""
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    seen = (await lane.weigh(claimed["id"], fits=False, measured_g=1110))["call"]
    now = (await lane.weigh(claimed["id"], fits=False, measured_g=6060))["call"]
    assert now["id"] == seen["id"]
    problem = await attendant.answer(seen["id"], "let_go", evidence_id=seen["evidence_id"], status=409)
    assert (problem["code"], problem["permanent"]) == ("call_changed", True)
    assert "再看一下" in problem["zh"]
    assert (await lane.exits())[0]["status"] == "claimed"
    body = {"id": str(uuid.uuid4()), "action": "let_go", "reason": "an old console"}
    problem = await attendant.call("POST", f"/api/staff/calls/{seen['id']}/answer", body, status=409)
    assert problem["code"] == "call_changed"
    await attendant.answer(seen["id"], "let_go", evidence_id=now["evidence_id"])
    assert (await lane.exits())[0]["status"] == "accepted"


@pytest.mark.parametrize("kind", ["device", "help"])
async def test_a_lane_that_can_not_weigh_shuts_nobody_in(
    lane: LaneClient, open_lane: OpenLane, attendant: StaffClient, buy: Buy, kind: str
) -> None:
    """The scale died after the claim, and the lane's heartbeats keep the claim alive."""
    paid = await buy(MILK)
    other = await open_lane("lane-2")
    text = await paid.show_pass()
    claimed = await lane.claim(**{"pass": text})
    await lane.heartbeat("staff", scale="failed")
    call = await lane.alarm(kind, exit_id=claimed["id"], detail="scale: unplugged")
    assert sorted(call["actions"]) == ["done", "let_go", "refuse"]
    assert (await other.claim(status=409, **{"pass": text}))["code"] == "order_at_other_lane"
    assert (await attendant.answer(call["id"], "refuse", "  ", status=422))["code"] == "reason_needed"
    answered = await attendant.answer(call["id"], "refuse", "to the next lane")
    assert (answered["actions"], answered["action"]) == ([], "refuse")
    assert await lane.exits() == []
    assert (await other.claim(**{"pass": text}))["status"] == "claimed"


@pytest.mark.parametrize("kind", ["device", "help"])
async def test_a_person_may_answer_for_goods_that_can_not_be_weighed(
    store: MerchantServer, lane: LaneClient, attendant: StaffClient, buy: Buy, kind: str
) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    await lane.weigh(claimed["id"], fits=False)
    call = await lane.alarm(kind, exit_id=claimed["id"])
    assert (await attendant.answer(call["id"], "let_go", "", status=422))["code"] == "reason_needed"
    await attendant.answer(call["id"], "let_go", "went through the goods")
    assert await attendant.open_calls() == []  # what was weighed before asks nobody any more
    assert (await lane.exits())[0]["status"] == "accepted"
    assert (await lane.release(claimed["id"]))["status"] == "released"
    (told,) = [payload for kind, payload in await events(store, "call") if kind == "call.answered"]
    assert (told["answered_by"], told["action"], told["reason"]) == (ATTENDANT, "let_go", "went through the goods")


async def test_a_lane_that_forgot_its_order_calls_about_it_all_the_same(
    lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    """It was restarted and its I/O module is away: it can't read what was going on."""
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    call = await lane.alarm("device", detail="io: no answer")
    assert (call["exit_id"], call["order"]["number"]) == (claimed["id"], paid.order["number"])
    await attendant.answer(call["id"], "refuse", "to the next lane")
    assert await lane.exits() == []


async def test_a_released_shopper_may_be_let_through_the_gate_again(
    store: MerchantServer, lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    """The gate closed before anybody walked through: it is still the same release."""
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    await lane.weigh(claimed["id"])
    await lane.release(claimed["id"])
    call = await lane.alarm("help", exit_id=claimed["id"])
    assert sorted(call["actions"]) == ["done", "open_again"]
    assert (await attendant.answer(call["id"], "refuse", status=409))["code"] == "action_not_possible"
    await attendant.answer(call["id"], "open_again", "")
    (one,) = await lane.exits()
    assert (one["status"], one["call"]["action"]) == ("released", "open_again")
    assert [kind for kind, _ in await events(store, "exit")].count("exit.released") == 1


async def test_who_left_needs_nobody_any_more(
    store: MerchantServer, lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    """A live tag is another matter: a person must say what it was."""
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    await lane.weigh(claimed["id"])
    await lane.release(claimed["id"])
    for kind in ("help", "device", "live_tag"):
        await lane.alarm(kind, exit_id=claimed["id"])
    await lane.left(claimed["id"])
    await lane.left(claimed["id"])
    (call,) = await attendant.open_calls()
    assert (call["kind"], call["actions"]) == ("live_tag", ["done", "let_go"])
    settled = [payload for kind, payload in await events(store, "call") if kind == "call.settled"]
    assert sorted((one["call"], one["reason"], one["answered_by"]) for one in settled) == [
        ("device", "left", None),
        ("help", "left", None),
    ]
    found = await store.database.read(journal.read)
    assert {event.actor for event in found if event.kind == "call.settled"} == {"device:lane-1"}


async def test_an_abandoned_exit_leaves_a_live_tag_to_a_person(
    lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    await lane.alarm("live_tag", exit_id=claimed["id"])
    await lane.alarm("help", exit_id=claimed["id"])
    await lane.abandon(claimed["id"])
    assert [call["kind"] for call in await attendant.open_calls()] == ["live_tag"]


async def test_guessing_numbers_pauses_a_lane_and_no_other(
    lane: LaneClient, open_lane: OpenLane, buy: Buy, clock: ManualClock
) -> None:
    paid = await buy(MILK)
    other = await open_lane("lane-2")
    for _ in range(5):
        await lane.claim(order_number="104729388", status=404)
    problem = await lane.claim(order_number=paid.order["number"], status=429)
    assert (problem["code"], problem["retry_after_s"]) == ("too_many_guesses", 300)
    assert (await other.claim(order_number=paid.order["number"]))["status"] == "claimed"
    await other.abandon((await other.exits())[0]["id"])
    assert (await lane.claim(**{"pass": await paid.show_pass()}))["status"] == "claimed"  # a pass can't be guessed
    await lane.abandon((await lane.exits())[0]["id"])
    clock.advance(301)
    assert (await lane.claim(order_number=paid.order["number"]))["status"] == "claimed"


async def test_whose_exit_it_is(lane: LaneClient, open_lane: OpenLane, attendant: StaffClient, buy: Buy) -> None:
    """Invariant 15: nobody reads another's object; nobody learns that it is there."""
    paid, stranger = await buy(MILK), await buy(MILK)
    other = await open_lane("lane-2")
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    of_exit = f"/api/exits/{claimed['id']}"
    requests: Iterable[tuple[str, str, Any]] = [
        ("GET", of_exit, None),
        ("GET", f"{of_exit}/receipt", None),
        ("POST", f"{of_exit}/release", {"passages": 1}),
        ("POST", f"{of_exit}/left", {"passages": 1}),
        ("POST", f"{of_exit}/abandon", {"reason": "x"}),
        ("GET", "/api/lanes/lane-1/exits", None),
        ("POST", "/api/lanes/lane-1/exits", {"id": str(uuid.uuid4()), "order_number": paid.order["number"]}),
        ("POST", "/api/lanes/lane-1/alarms", {"id": str(uuid.uuid4()), "kind": "help"}),
        ("POST", "/api/lanes/lane-1/heartbeat", {"state": "idle", "devices": {}}),
    ]
    for method, path, body in requests:
        for client in (other, attendant):
            assert (await client.call(method, path, body, status=404))["code"] == "not_found"
        assert (await paid.handset.call(method, path, body, status=404))["code"] == "not_found"
    of_order = f"/api/orders/{paid.order['id']}/pass"
    assert (await stranger.handset.call("GET", of_order, status=404))["code"] == "not_found"
    assert (await lane.call("GET", of_order, status=404))["code"] == "not_found"
    assert (await attendant.call("GET", of_order, status=404))["code"] == "not_found"
    for path in ("/api/staff/floor", "/api/staff/calls"):
        assert (await lane.call("GET", path, status=404))["code"] == "not_found"
        assert (await paid.handset.call("GET", path, status=404))["code"] == "not_found"


async def test_the_database_itself_lets_no_order_out_twice(store: MerchantServer, lane: LaneClient, buy: Buy) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    await lane.weigh(claimed["id"])
    await lane.release(claimed["id"])
    exits, releases = exits_store.exits, exits_store.exit_releases

    def second_exit(tx: Any) -> None:
        row = dict(tx.execute(select(exits)).one()._mapping)
        tx.execute(exits.insert(), {**row, "exit_id": "f" * 32, "lane": "lane-2"})

    def second_release(tx: Any) -> None:
        row = dict(tx.execute(select(releases)).one()._mapping)
        tx.execute(releases.insert(), {**row, "exit_id": "f" * 32})

    for unit in (second_exit, second_release):
        with pytest.raises(IntegrityError):
            await store.database.unit(unit)
    for unit in (lambda tx: tx.execute(releases.delete()), lambda tx: tx.execute(releases.update().values(lane="x"))):
        with pytest.raises(DBAPIError, match="append-only"):
            await store.database.unit(unit)


async def test_many_lanes_at_once_let_an_order_out_once(store: MerchantServer, open_lane: OpenLane, buy: Buy) -> None:
    """The same pass at eight lanes at the same moment, each racing to its gate."""
    paid = await buy(MILK)
    text = await paid.show_pass()
    lanes = [await open_lane(f"lane-{number}") for number in range(8)]

    async def race(lane: LaneClient) -> int:
        response = await lane.http.post(f"/api/lanes/{lane.lane}/exits", json={"id": str(uuid.uuid4()), "pass": text})
        if response.status_code != 201:
            return 0
        exit_id = response.json()["id"]
        await lane.weigh(exit_id)
        await asyncio.gather(lane.release(exit_id), lane.release(exit_id))
        return 1

    assert sum(await asyncio.gather(*(race(lane) for lane in lanes))) == 1
    rows = await store.database.read(lambda connection: connection.execute(select(exits_store.exit_releases)).all())
    assert len(rows) == 1


async def test_an_order_paid_at_the_lane_can_go_at_once(store: MerchantServer, lane: LaneClient, buy: Buy) -> None:
    unpaid = await buy(MILK, pay=False)
    await lane.claim(order_number=unpaid.order["number"], status=409)
    await mark_paid(store, unpaid.order["id"])
    assert (await lane.claim(order_number=unpaid.order["number"]))["status"] == "claimed"


async def test_the_lane_prints_the_receipt(lane: LaneClient, buy: Buy) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    receipt = await lane.call("GET", f"/api/exits/{claimed['id']}/receipt")
    assert receipt["order_number"] == paid.order["number"]
