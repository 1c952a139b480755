"""Side bays: the lane is free, the order goes on elsewhere, and still leaves once; on each kind of database."""

from typing import Any
from uuid import uuid4

import pytest
from tests.support.lanes import ATTENDANT, Buy, LaneClient, OpenLane, StaffClient
from tests.support.stores import BEER, MILK

from unqueue.kernel import journal
from unqueue.kernel.clock import ManualClock
from unqueue.server.app import MerchantServer
from unqueue.server.exits.model import STALE_AFTER_S

pytestmark = pytest.mark.anyio


async def aside(lane: LaneClient, exit_id: str, bay: str = "bay", *, status: int = 200) -> Any:
    return await lane.call("POST", f"/api/exits/{exit_id}/aside", {"bay": bay}, status=status)


async def sent(lane: LaneClient, buy: Buy, *codes: str, fits: bool = False) -> tuple[Any, Any]:
    """A paid order whose exit was weighed and sent aside."""
    paid = await buy(*codes)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    await lane.weigh(claimed["id"], fits=fits)
    return paid, await aside(lane, claimed["id"])


async def order_status(paid: Any) -> str:
    return str((await paid.handset.call("GET", f"/api/orders/{paid.order['id']}"))["status"])


async def test_the_lane_is_free_and_the_call_goes_along(lane: LaneClient, attendant: StaffClient, buy: Buy) -> None:
    _, one = await sent(lane, buy, MILK)
    assert (one["bay"], one["lane"], one["status"]) == ("bay", "lane-1", "claimed")
    assert await lane.exits() == []
    (call,) = await attendant.open_calls()
    assert (call["kind"], call["lane"], call["exit_id"]) == ("weight", "bay", one["id"])
    assert call["actions"] == ["let_go", "refuse", "take_off"]  # the bay has no scale of its own
    floor = await attendant.call("GET", "/api/staff/floor")
    assert [lane["exit"] for lane in floor["lanes"]] == [None]
    assert [(bay["id"], [one["id"] for one in bay["exits"]]) for bay in floor["bays"]] == [("bay", [one["id"]])]
    second, two = await sent(lane, buy, MILK)
    assert two["id"] != one["id"]
    assert await order_status(second) == "paid"


async def test_it_is_sent_once_however_often_the_lane_says_so(
    store: MerchantServer, lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    _, one = await sent(lane, buy, MILK)
    again = await aside(lane, one["id"])
    assert (again["id"], again["bay"]) == (one["id"], "bay")
    assert len(await attendant.open_calls()) == 1
    found = await store.database.read(journal.read)
    assert [event.kind for event in found].count("exit.aside") == 1


async def test_an_attendant_lets_out_by_name(
    store: MerchantServer, lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    paid, _ = await sent(lane, buy, MILK)
    (call,) = await attendant.open_calls()
    await attendant.answer(call["id"], "let_go", "his own bag")
    assert await order_status(paid) == "left"
    assert await attendant.open_calls() == []
    assert (await lane.claim(order_number=paid.order["number"], status=409))["code"] == "order_left"
    found = await store.database.read(journal.read)
    told = {event.kind: event for event in found if event.kind.startswith("exit.")}
    assert told["exit.released"].actor == told["exit.left"].actor != f"device:{lane.lane}"
    assert told["exit.released"].payload()["by_hand"] is True
    (answered,) = [event.payload() for event in found if event.kind == "call.answered"]
    assert (answered["answered_by"], answered["reason"]) == (ATTENDANT, "his own bag")
    assert await store.database.read(journal.verify) is None


async def test_every_check_is_cleared_before_anybody_is_let_out(
    lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    paid, _ = await sent(lane, buy, BEER)
    calls = {call["kind"]: call["id"] for call in await attendant.open_calls()}
    assert set(calls) == {"weight", "min_age"}
    await attendant.answer(calls["weight"], "let_go", "own bag")
    assert await order_status(paid) == "paid"
    await attendant.answer(calls["min_age"], "let_go")
    assert await order_status(paid) == "left"


async def test_whose_weight_fits_needs_the_other_check_only(lane: LaneClient, attendant: StaffClient, buy: Buy) -> None:
    paid, _ = await sent(lane, buy, BEER, fits=True)
    (call,) = await attendant.open_calls()
    await attendant.answer(call["id"], "let_go")
    assert await order_status(paid) == "left"


async def asks_for_help(lane: LaneClient, buy: Buy) -> tuple[Any, Any]:
    """A paid order whose shopper asked for help before anything was weighed, and was sent aside."""
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    alarm = {"id": str(uuid4()), "kind": "help", "exit_id": claimed["id"]}
    await lane.call("POST", f"/api/lanes/{lane.lane}/alarms", alarm)
    return paid, await aside(lane, claimed["id"])


async def test_who_asked_for_help_is_helped_in_the_bay(lane: LaneClient, attendant: StaffClient, buy: Buy) -> None:
    paid, one = await asks_for_help(lane, buy)
    assert (one["bay"], one["weighing"]) == ("bay", None)
    (call,) = await attendant.open_calls()
    assert (call["kind"], call["lane"]) == ("help", "bay")
    await attendant.answer(call["id"], "let_go", "looked at the goods together")
    assert await order_status(paid) == "left"


async def test_who_was_helped_in_the_bay_comes_to_a_lane_again(
    lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    paid, one = await asks_for_help(lane, buy)
    (call,) = await attendant.open_calls()
    await attendant.answer(call["id"], "done")
    assert await order_status(paid) == "paid"
    assert (await lane.call("GET", f"/api/exits/{one['id']}"))["status"] == "abandoned"
    again = await lane.claim(**{"pass": await paid.show_pass()})
    assert (again["status"], again["bay"]) == ("claimed", None)


async def test_without_a_call_for_help_goods_are_weighed_first(lane: LaneClient, buy: Buy) -> None:
    claimed = await lane.claim(**{"pass": await (await buy(MILK)).show_pass()})
    assert (await aside(lane, claimed["id"]))["bay"] is None


async def test_who_is_refused_may_come_to_a_lane_again(lane: LaneClient, attendant: StaffClient, buy: Buy) -> None:
    paid, _ = await sent(lane, buy, MILK)
    (call,) = await attendant.open_calls()
    await attendant.answer(call["id"], "refuse", "wants to pay first")
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    assert (claimed["status"], claimed["bay"]) == ("claimed", None)


@pytest.mark.parametrize("silent_s", [0, STALE_AFTER_S + 1])
async def test_no_lane_takes_it_before_staff_have_cleared_it(
    lane: LaneClient, open_lane: OpenLane, buy: Buy, clock: ManualClock, silent_s: int
) -> None:
    """Nor after the lane that sent it has fallen silent: else a check would end by waiting."""
    paid, one = await sent(lane, buy, MILK)
    clock.advance(silent_s)
    for other in (lane, await open_lane("lane-2")):
        problem = await other.claim(order_number=paid.order["number"], status=409)
        assert (problem["code"], problem["bay"]) == ("order_at_bay", "bay")
    for step in (lane.release, lane.left, lane.abandon, lane.weigh):
        assert (await step(one["id"], status=409))["code"] == "order_at_bay"  # type: ignore[operator]


async def test_staff_who_were_quicker_keep_it_at_the_lane(lane: LaneClient, attendant: StaffClient, buy: Buy) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    await lane.weigh(claimed["id"], fits=False)
    (call,) = await attendant.open_calls()
    await attendant.answer(call["id"], "reweigh")
    assert (await aside(lane, claimed["id"]))["bay"] is None
    await lane.weigh(claimed["id"])
    one = await aside(lane, claimed["id"])
    assert (one["bay"], one["status"]) == (None, "accepted")
    await lane.release(claimed["id"])
    assert (await aside(lane, claimed["id"], status=409))["code"] == "exit_released"


@pytest.mark.parametrize("bay", ["", "lane-1", "Bay 1", "x" * 41])
async def test_a_bay_has_a_name_of_its_own(lane: LaneClient, buy: Buy, bay: str) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    assert (await aside(lane, claimed["id"], bay, status=400))["code"] == "invalid_request"


async def test_another_lanes_exit_is_not_sent_anywhere(lane: LaneClient, open_lane: OpenLane, buy: Buy) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    other = await open_lane("lane-2")
    await aside(other, claimed["id"], status=404)


class TestABayWithAScaleAndAGateOfItsOwn:
    async def test_it_weighs_again_and_lets_out_by_itself(
        self, lane: LaneClient, open_lane: OpenLane, attendant: StaffClient, buy: Buy
    ) -> None:
        bay = await open_lane("bay")
        await bay.heartbeat()
        paid, one = await sent(lane, buy, MILK)
        taken = await bay.claim(**{"pass": await paid.show_pass()})
        assert (taken["id"], taken["lane"], taken["bay"], taken["weighing"]) == (one["id"], "bay", None, None)
        assert [there["id"] for there in await bay.exits()] == [one["id"]]
        assert (await bay.weigh(one["id"]))["status"] == "accepted"
        assert await attendant.open_calls() == []
        await bay.release(one["id"])
        await bay.left(one["id"])
        assert await order_status(paid) == "left"

    async def test_what_staff_cleared_waits_for_the_gate(
        self, lane: LaneClient, open_lane: OpenLane, attendant: StaffClient, buy: Buy
    ) -> None:
        bay = await open_lane("bay")
        await bay.heartbeat()
        paid, one = await sent(lane, buy, MILK)
        (call,) = await attendant.open_calls()
        await attendant.answer(call["id"], "let_go", "own bag")
        assert await order_status(paid) == "paid"
        taken = await bay.claim(**{"pass": await paid.show_pass()})
        assert taken["status"] == "accepted"
        await bay.release(one["id"])
        await bay.left(one["id"])
        assert await order_status(paid) == "left"

    async def test_what_was_cleared_leaves_by_any_lane_where_the_bay_has_died(
        self, lane: LaneClient, open_lane: OpenLane, attendant: StaffClient, buy: Buy, clock: ManualClock
    ) -> None:
        bay = await open_lane("bay")
        await bay.heartbeat()
        paid, one = await sent(lane, buy, MILK)
        (call,) = await attendant.open_calls()
        await attendant.answer(call["id"], "let_go", "own bag")
        clock.advance(STALE_AFTER_S + 1)
        assert (await lane.claim(**{"pass": await paid.show_pass()}))["status"] == "accepted"
        await lane.release(one["id"])

    async def test_a_bay_that_is_away_leaves_it_to_the_attendant(
        self, lane: LaneClient, open_lane: OpenLane, attendant: StaffClient, buy: Buy, clock: ManualClock
    ) -> None:
        await (await open_lane("bay")).heartbeat()
        paid, _ = await sent(lane, buy, MILK)
        clock.advance(STALE_AFTER_S + 1)
        (call,) = await attendant.open_calls()
        await attendant.answer(call["id"], "let_go", "own bag")
        assert await order_status(paid) == "left"

    async def test_it_takes_one_at_a_time(self, lane: LaneClient, open_lane: OpenLane, buy: Buy) -> None:
        bay = await open_lane("bay")
        first, _ = await sent(lane, buy, MILK)
        second, _ = await sent(lane, buy, MILK)
        await bay.claim(**{"pass": await first.show_pass()})
        assert (await bay.claim(status=409, **{"pass": await second.show_pass()}))["code"] == "lane_busy"


async def test_a_call_that_is_over_by_itself_is_settled(lane: LaneClient, attendant: StaffClient) -> None:
    """Goods that were left on the belt are off it; what somebody else asked for meanwhile is not over."""

    async def alarm() -> str:
        one = str(uuid4())
        path = f"/api/lanes/{lane.lane}/alarms"
        await lane.call("POST", path, {"id": one, "kind": "help", "detail": "goods still lie on the belt"})
        return f"{path}/{one}/over"

    over = await alarm()
    for _ in range(2):
        assert (await lane.call("POST", over))["status"] == "answered"
    assert await attendant.open_calls() == []
    over = await alarm()
    await alarm()
    assert (await lane.call("POST", over))["status"] == "open"
    (call,) = await attendant.open_calls()
    await attendant.answer(call["id"], "done")
    assert (await lane.call("POST", over))["action"] == "done"
    unknown = f"/api/lanes/{lane.lane}/alarms/{uuid4()}/over"
    assert (await lane.call("POST", unknown, status=404))["code"] == "not_found"
