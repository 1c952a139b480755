"""A lane with a reader at its gate: server, lane, reader and the other devices are processes of their own."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from tests.support.running_lane import LaneVisit, running_lane
from tests.support.running_store import ATTENDANT, PIN, Processes
from tests.support.stores import MILK, TEA

from unqueue.devices.simulators.control import ControlClient
from unqueue.devices.simulators.process import SimulatorProcess
from unqueue.kernel import journal

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MILK_G, TEA_G = 1060, 528


@pytest.fixture(scope="module")
def reader() -> Iterator[SimulatorProcess]:
    with SimulatorProcess.start("rfid", "--read-ms", "10", "--shelf-ms", "50") as simulator:
        yield simulator


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory, reader: SimulatorProcess) -> Iterator[Processes]:
    directory = tmp_path_factory.mktemp("gate")
    of_lane = f'counts_items = true\n[lane.rfid]\nhost = "127.0.0.1"\nport = {reader.announced["port"]}\nnearby_s = 5\n'
    with running_lane(directory, f"sqlite:///{directory}/store.db", of_lane=of_lane) as running:
        yield running


@pytest.fixture
async def at_lane(processes: Processes) -> AsyncIterator[LaneVisit]:
    """Someone in front of an idle lane; afterwards it must be idle again by itself."""
    async with LaneVisit(processes) as visit:
        await visit.until("idle")
        yield visit
        await visit.until("idle")
        assert "Traceback" not in processes.log("lane")


@pytest.fixture
async def antennas(reader: SimulatorProcess) -> AsyncIterator[ControlClient]:
    """What the antennas see; nothing, at first and at last."""
    async with reader.control() as hand:
        async with asyncio.timeout(10):
            while (await hand.ask(fault=None, shelf=[]))["rospec"] != "active":
                await asyncio.sleep(0.05)
        yield hand
        await hand.ask(fault=None, shelf=[])


def tag(code: str, serial: int, **more: Any) -> dict[str, Any]:
    return {"gtin": code.zfill(14), "serial": str(serial), **more}


async def let_out(visit: LaneVisit, codes: dict[str, int], load_g: int) -> dict[str, Any]:
    order = await visit.buy(*(code for code, count in codes.items() for _ in range(count)))
    await visit.scanner.ask(scan=order["pass"])
    await visit.until("loading")
    await visit.lay(load_g)
    await visit.until("open")
    return order


async def open_calls(visit: LaneVisit) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = (
        await visit.server.get("/api/staff/calls?status=open", headers=await staff(visit))
    ).json()
    return calls


async def staff(visit: LaneVisit) -> dict[str, str]:
    session = await visit.server.post("/api/staff/sessions", json={"name": ATTENDANT, "pin": PIN})
    return {"Authorization": f"Bearer {session.json()['token']}"}


async def test_what_was_paid_passes_in_silence(at_lane: LaneVisit, antennas: ControlClient) -> None:
    await let_out(at_lane, {MILK: 3}, 3 * MILK_G)
    await antennas.ask(tags=[tag(MILK, serial) for serial in range(3)], noise=5)
    await asyncio.sleep(0.3)
    await at_lane.walk()
    await at_lane.until("idle")
    await asyncio.sleep(0.5)
    assert await open_calls(at_lane) == []


async def test_a_fourth_piece_and_a_pocketed_one_are_named_to_staff(
    at_lane: LaneVisit, antennas: ControlClient
) -> None:
    order = await let_out(at_lane, {MILK: 3}, 3 * MILK_G)
    await antennas.ask(tags=[*(tag(MILK, serial) for serial in range(10, 14)), tag(TEA, 1)])
    shown = await at_lane.until("alarm")
    assert shown["prompt"]["id"] == "bell_call"
    assert (await at_lane.io.ask(get=True))["counters"]["eas_alarm"] == 0, "no bell of the pedestals"
    await at_lane.walk()
    await asyncio.sleep(0.5)
    (call,) = await open_calls(at_lane)
    assert {(good["product_id"], good["read"], good["paid"]) for good in call["evidence"]["goods"]} == {
        ("milk", 4, 3),
        ("tea", 1, 0),
    }
    await at_lane.answer("live_tag", "done", "put it back")
    await at_lane.until("idle")
    assert await at_lane.status_of(order) == "left"


async def test_a_shelf_by_the_gate_is_nobody_s(at_lane: LaneVisit, antennas: ControlClient) -> None:
    await asyncio.sleep(2)  # nobody's passage goes on any more
    await antennas.ask(shelf=[tag(TEA, serial, rssi_dbm=-52) for serial in range(20, 23)])
    await asyncio.sleep(6.5)
    await let_out(at_lane, {MILK: 1}, MILK_G)
    await asyncio.sleep(1)
    await at_lane.walk()
    await at_lane.until("idle")
    assert await open_calls(at_lane) == []


async def test_the_server_hears_what_the_belt_counted(at_lane: LaneVisit) -> None:
    order = await at_lane.buy(MILK, MILK)
    await at_lane.scanner.ask(scan=order["pass"])
    await at_lane.until("loading")
    await at_lane.io.ask(pulse="belt_items", count=2, width_ms=5)
    await asyncio.sleep(0.5)  # the counter is read ten times a second
    await at_lane.lay(2 * MILK_G)
    await at_lane.until("open")
    told = at_lane.processes.database.read_now(journal.read)
    weighed = [event.payload() for event in told if event.kind == "exit.weighed"]
    assert [one["weighing"]["counted"] for one in weighed if one["order_id"] == order["id"]] == [2]
    await at_lane.walk()


async def test_a_reader_that_is_away_holds_nobody_up(at_lane: LaneVisit, antennas: ControlClient) -> None:
    await antennas.ask(fault="unplugged")
    async with asyncio.timeout(10):
        while (await at_lane.state())["devices"]["rfid"] != "failed":
            await asyncio.sleep(0.1)
    await let_out(at_lane, {MILK: 1}, MILK_G)
    await at_lane.walk()
    await at_lane.until("idle")
    await antennas.ask(fault=None)
    async with asyncio.timeout(10):
        while (await at_lane.state())["devices"]["rfid"] != "ready":
            await asyncio.sleep(0.1)


async def test_staff_open_the_gate_with_one_touch(at_lane: LaneVisit) -> None:
    openings = await at_lane.gate_openings()
    who, body = await staff(at_lane), {"id": str(uuid.uuid4())}
    started = asyncio.get_running_loop().time()
    told = await at_lane.server.post("/api/staff/lanes/lane-1/gate-openings", json=body, headers=who)
    assert told.json()["status"] == "opened"
    async with asyncio.timeout(2):
        while await at_lane.gate_openings() == openings:
            await asyncio.sleep(0.01)
    print(f"one touch to open gate: {asyncio.get_running_loop().time() - started:.3f} s")
    await at_lane.walk()
    again = await at_lane.server.post("/api/staff/lanes/lane-1/gate-openings", json=body, headers=who)
    assert again.json()["status"] == "opened"
    await asyncio.sleep(0.3)
    assert await at_lane.gate_openings() == openings + 1, "the same touch again is the same touch"


async def test_a_gate_that_does_not_answer_at_first_opens_for_staff_as_soon_as_it_does(at_lane: LaneVisit) -> None:
    openings = await at_lane.gate_openings()
    who, body = await staff(at_lane), {"id": str(uuid.uuid4())}
    await at_lane.io.ask(fault="unplugged")
    asked = asyncio.create_task(
        at_lane.server.post("/api/staff/lanes/lane-1/gate-openings", json=body, headers=who, timeout=20)
    )
    await asyncio.sleep(1)  # the lane tries, and the wish stays fresh for five
    assert not asked.done(), "nobody is told that a gate opens that does not answer"
    await at_lane.io.ask(fault=None)
    assert (await asked).json()["status"] == "opened"
    assert await at_lane.gate_openings() > openings
    await at_lane.until("idle")
