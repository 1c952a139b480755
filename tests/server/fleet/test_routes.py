"""Devices over HTTP: registration, heartbeats, silence."""

import pytest
from tests.support.lanes import Buy, LaneClient, OpenLane, StaffClient

from unqueue.kernel import journal
from unqueue.kernel.clock import ManualClock
from unqueue.server.app import MerchantServer
from unqueue.server.fleet.model import SILENT_AFTER_S
from unqueue.server.fleet.service import register_device

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
