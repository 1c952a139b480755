"""What calls staff to a lane, and what their answers do, on each kind of database."""

import uuid
from typing import Any

import pytest
from tests.support.lanes import ATTENDANT, Buy, LaneClient, OpenLane, StaffClient
from tests.support.stores import BEER, MILK

from unqueue.kernel import journal
from unqueue.server.app import MerchantServer

pytestmark = pytest.mark.anyio


async def events(store: MerchantServer, noun: str) -> list[tuple[str, dict[str, Any]]]:
    found = await store.database.read(journal.read)
    return [(event.kind, event.payload()) for event in found if event.kind.startswith(f"{noun}.")]


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
    # An exit that is not at this lane, or that the server has still to hear of: the lane is called to, about none.
    assert (await other.alarm("help", exit_id=claimed["id"]))["exit_id"] is None
    assert (await other.alarm("live_tag", exit_id=uuid.uuid4().hex))["exit_id"] is None


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


async def test_a_tag_that_was_missed_can_be_deactivated_again(
    lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    claimed = await lane.claim(order_number=(await buy(MILK)).order["number"])
    await lane.weigh(claimed["id"])
    await lane.release(claimed["id"])
    foreign = await lane.alarm("live_tag", cause="not_on_order")
    missed = await lane.alarm("live_tag", exit_id=claimed["id"], cause="tag_missed", detail="0 of 1 tags")
    assert (foreign["actions"], missed["actions"]) == (["done", "let_go"], ["deactivate", "done", "let_go"])
    assert (foreign["evidence"]["cause"], missed["evidence"]["cause"]) == ("not_on_order", "tag_missed")
    refused = await attendant.answer(foreign["id"], "deactivate", "", status=409)
    assert refused["code"] == "action_not_possible"
    answered = await attendant.answer(missed["id"], "deactivate", "")
    assert (answered["action"], answered["status"]) == ("deactivate", "answered")
    assert (await lane.call("GET", f"/api/exits/{claimed['id']}"))["status"] == "released"
