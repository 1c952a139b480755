"""Devices over HTTP: registration, heartbeats, silence."""

import pytest
from tests.support.lanes import ATTENDANT, Buy, LaneClient, OpenLane, StaffClient
from tests.support.stores import MILK

from unqueue.kernel import journal
from unqueue.kernel.clock import ManualClock
from unqueue.server.access import Principal
from unqueue.server.app import MerchantServer
from unqueue.server.fleet.model import SILENT_AFTER_S
from unqueue.server.fleet.service import SILENT, Fleet, register_device

pytestmark = pytest.mark.anyio


async def changes(store: MerchantServer) -> list[str]:
    found = await store.database.read(journal.read)
    return [event.payload()["status"] for event in found if event.kind == "lane.changed"]


async def test_the_journal_hears_of_changes_only(store: MerchantServer, lane: LaneClient) -> None:
    for state in ("idle", "idle", "loading", "loading", "loading", "idle"):
        await lane.heartbeat(state, scale="ready")
    assert await changes(store) == ["idle", "loading", "idle"]
    await lane.heartbeat("idle", scale="failed")
    assert await changes(store) == ["idle", "loading", "idle", "idle"]
    assert await store.database.read(journal.verify) is None


async def test_a_silent_lane_is_offline_until_it_is_heard_again(
    store: MerchantServer, lane: LaneClient, attendant: StaffClient, clock: ManualClock
) -> None:
    async def state() -> str:
        floor = await attendant.call("GET", "/api/staff/floor")
        return str(floor["lanes"][0]["state"])

    assert await state() == "offline"  # registered, and never heard of
    await lane.heartbeat("idle")
    clock.advance(1)
    await lane.heartbeat("idle")
    assert await state() == "idle"
    clock.advance(SILENT_AFTER_S)
    await store.fleet.mark_silent()
    assert await state() == "idle"
    clock.advance(1)
    await store.fleet.mark_silent()
    await store.fleet.mark_silent()
    assert await state() == "offline"
    await lane.heartbeat("idle")
    assert await state() == "idle"
    assert await changes(store) == ["idle", "offline", "idle"]


async def test_staff_are_called_to_a_lane_that_fell_silent_until_it_is_back(
    store: MerchantServer, lane: LaneClient, clock: ManualClock
) -> None:
    async def calls() -> list[tuple[str, str, str]]:
        return [(one.kind, one.lane, one.evidence["detail"]) for one in await store.calls.list(status="open")]

    await store.fleet.mark_silent()
    assert await calls() == []  # nobody waits for a lane that never was
    await lane.heartbeat("idle")
    clock.advance(SILENT_AFTER_S + 1)
    for _ in range(2):
        await store.fleet.mark_silent()
        clock.advance(SILENT_AFTER_S)
    assert await calls() == [("device", "lane-1", SILENT)]
    await lane.heartbeat("idle")
    assert await calls() == []
    # One that a person took out may be switched off.
    await store.fleet.set_closed(Principal("staff", "s1", "小李", "attendant"), "lane-1", closed=True)
    clock.advance(SILENT_AFTER_S + 1)
    await store.fleet.mark_silent()
    assert await calls() == []


async def test_after_the_server_was_away_lanes_have_their_time_to_be_heard(
    store: MerchantServer, lane: LaneClient, clock: ManualClock
) -> None:
    await lane.heartbeat("idle")
    clock.advance(3600)
    again = Fleet(store.database)
    await again.mark_silent()
    assert await changes(store) == ["idle"]
    clock.advance(SILENT_AFTER_S + 1)
    await again.mark_silent()
    assert await changes(store) == ["idle", "offline"]


async def test_a_new_token_ends_the_old_one(store: MerchantServer, lane: LaneClient) -> None:
    await lane.heartbeat()
    token = register_device(store.database, "lane-1", "lane", "1")
    assert (await lane.call("GET", "/api/lanes/lane-1/exits", status=401))["code"] == "not_authenticated"
    lane.http.headers["Authorization"] = f"Bearer {token}"
    await lane.heartbeat()


async def test_a_lane_speaks_for_itself_only(open_lane: OpenLane, buy: Buy) -> None:
    assert buy
    lane, other = await open_lane("lane-1"), await open_lane("lane-2")
    body = {"state": "idle", "devices": {}}
    assert (await other.call("POST", f"/api/lanes/{lane.lane}/heartbeat", body, status=404))["code"] == "not_found"


async def test_a_device_of_another_kind_is_no_lane(store: MerchantServer, lane: LaneClient) -> None:
    lane.http.headers["Authorization"] = f"Bearer {register_device(store.database, 'kiosk-1', 'kiosk', '1')}"
    lane.lane = "kiosk-1"
    body = {"state": "idle", "devices": {}}
    assert (await lane.call("POST", "/api/lanes/kiosk-1/heartbeat", body, status=404))["code"] == "not_found"
    assert (await lane.call("GET", "/api/lanes/kiosk-1/exits", status=404))["code"] == "not_found"


async def test_a_lane_that_is_taken_out_takes_nobody_new(
    store: MerchantServer, lane: LaneClient, open_lane: OpenLane, attendant: StaffClient, buy: Buy
) -> None:
    first, second = await buy(MILK), await buy(MILK)
    there = await lane.claim(**{"pass": await first.show_pass()})
    path = "/api/staff/lanes/lane-1/closed"
    for _ in range(2):
        await attendant.call("POST", path, {"closed": True}, status=204)
    (shown,) = (await attendant.call("GET", "/api/staff/floor"))["lanes"]
    assert (shown["closed_by"], shown["exit"]["id"]) == (ATTENDANT, there["id"])
    await lane.heartbeat("idle")  # which says nothing of it
    await lane.weigh(there["id"])  # who is there finishes
    await lane.release(there["id"])
    await lane.left(there["id"])
    refused = await lane.claim(**{"pass": await second.show_pass()}, status=409)
    assert (refused["code"], refused["permanent"]) == ("lane_closed", False)
    other = await open_lane("lane-2")
    moved = await other.claim(**{"pass": await second.show_pass()})
    await other.abandon(moved["id"])
    await attendant.call("POST", path, {"closed": False}, status=204)
    assert (await lane.claim(**{"pass": await second.show_pass()}))["status"] == "claimed"
    found = await store.database.read(journal.read)
    told = [
        (event.kind, event.payload()["by"]) for event in found if event.kind.startswith(("lane.taken", "lane.brou"))
    ]
    assert told == [("lane.taken_out", ATTENDANT), ("lane.brought_back", ATTENDANT)]
    await attendant.call("POST", "/api/staff/lanes/lane-9/closed", {"closed": True}, status=404)


async def test_no_pass_is_bound_to_a_lane_that_is_taken_out(
    lane: LaneClient, open_lane: OpenLane, attendant: StaffClient, buy: Buy
) -> None:
    other = await open_lane("lane-2")
    for one in (lane, other):
        await one.call("POST", f"/api/lanes/{one.lane}/briefing", {})
    await attendant.call("POST", "/api/staff/lanes/lane-1/closed", {"closed": True}, status=204)
    for _ in range(3):
        paid = await buy(MILK)
        told = await paid.handset.call("GET", f"/api/orders/{paid.order['id']}/pass")
        assert told["offline_lane"]["id"] == "lane-2"
