"""A side bay with a scale and a gate of its own: a process beside the lane's, each with its own devices."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.support.running_lane import LaneVisit, running_bay, running_lane
from tests.support.running_store import Processes
from tests.support.stores import MILK

from unqueue.kernel import journal

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MILK_G = 1060
BAY = 'side_bay = "bay"\nside_bay_after_s = 1\n'


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    directory = tmp_path_factory.mktemp("bay")
    with running_lane(directory, f"sqlite:///{directory}/store.db", of_lane=BAY) as running:
        yield running


@pytest.fixture(scope="module")
def bay_processes(processes: Processes) -> Iterator[Processes]:
    with running_bay(processes) as running:
        yield running


@pytest.fixture
async def at_lane(processes: Processes) -> AsyncIterator[LaneVisit]:
    async with LaneVisit(processes) as visit:
        await visit.until("idle")
        yield visit
        await visit.until("idle")
        assert "Traceback" not in processes.log("lane")


@pytest.fixture
async def at_bay(bay_processes: Processes) -> AsyncIterator[LaneVisit]:
    async with LaneVisit(bay_processes) as visit:
        await visit.until("idle")
        yield visit
        await visit.until("idle")
        assert "Traceback" not in bay_processes.log("bay")


async def sent_aside(at_lane: LaneVisit) -> dict[str, str]:
    """An order with 300 g too much on the lane's belt, whose shopper goes to the bay; the lane is free."""
    order = await at_lane.buy(MILK)
    await at_lane.scanner.ask(scan=order["pass"])
    await at_lane.until("loading")
    await at_lane.lay(MILK_G, 300)
    await at_lane.until("aside", prompt="to_side_bay")
    await at_lane.lay()
    await at_lane.until("idle")
    return order


def releases(processes: Processes, order: dict[str, str]) -> list[str]:
    """Who let the order out, each time."""
    told = [event for event in processes.database.read_now(journal.read) if event.kind == "exit.released"]
    return [event.actor for event in told if event.payload()["order_id"] == order["id"]]


@pytest.mark.parametrize("staff_let_go", [False, True])
async def test_the_bay_weighs_anew_and_lets_out(at_lane: LaneVisit, at_bay: LaneVisit, *, staff_let_go: bool) -> None:
    order = await sent_aside(at_lane)
    opened = await at_lane.gate_openings(), await at_bay.gate_openings()
    await at_lane.scanner.ask(scan=order["pass"])  # no lane takes it any more
    await at_lane.until("idle", prompt="at_side_bay")
    await at_bay.scanner.ask(scan=order["pass"])
    await at_bay.until("loading")
    if staff_let_go:
        await at_bay.lay(MILK_G, 300)
        await at_bay.until("check")
        await at_bay.answer("weight", "let_go", "his own bag")
    else:
        await at_bay.lay(MILK_G)
    await at_bay.until("open")
    await at_bay.walk()
    await at_bay.until("idle")
    assert await at_bay.status_of(order) == "left"
    assert (await at_lane.gate_openings(), await at_bay.gate_openings()) == (opened[0], opened[1] + 1)
    assert await asyncio.to_thread(releases, at_bay.processes, order) == ["device:bay"]


async def test_what_was_let_go_in_the_bay_opens_its_gate_without_a_weighing(
    at_lane: LaneVisit, at_bay: LaneVisit
) -> None:
    order = await sent_aside(at_lane)
    await at_bay.answer("weight", "let_go", "his own bag")
    await at_bay.scanner.ask(scan=order["pass"])
    await at_bay.until("open")
    await at_bay.walk()
    await at_bay.until("idle")
    assert await asyncio.to_thread(releases, at_bay.processes, order) == ["device:bay"]
