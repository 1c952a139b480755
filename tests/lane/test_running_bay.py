"""A side bay with a scale and a gate of its own: server, lane, bay and each simulated device are processes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from tests.support.running_lane import LaneVisit, running_lane
from tests.support.running_store import Processes
from tests.support.stores import BEER, MILK, TEA, WINE

from unqueue.kernel import journal

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MILK_G, TEA_G, BEER_G, WINE_G = 1060, 528, 540, 1240
# Its passes are bound to the lane, so that the bay has to wait for the lane's word, as in a store.
OF_LANE = 'data_dir = "lane"\nside_bay = "bay"\nside_bay_after_s = 0\n'


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    directory = tmp_path_factory.mktemp("bay")
    url = f"sqlite:///{directory}/store.db"
    with running_lane(directory, url, of_lane=OF_LANE, beside={"bay": ""}) as running:
        yield running


@pytest.fixture
async def at_lane(processes: Processes) -> AsyncIterator[LaneVisit]:
    async with LaneVisit(processes) as visit:
        await visit.until("idle")
        yield visit
        await visit.lay()
        await visit.until("idle")
        assert "Traceback" not in processes.log("lane")


@pytest.fixture
async def at_bay(processes: Processes) -> AsyncIterator[LaneVisit]:
    async with LaneVisit(processes, beside="bay") as visit:
        await visit.until("idle")
        yield visit
        await visit.until("idle")
        assert "Traceback" not in processes.log("bay")


def told(processes: Processes, order: dict[str, Any]) -> list[tuple[str, str]]:
    """What the journal has of the order's way out, and who did it."""
    return [
        (event.kind.removeprefix("exit."), event.actor)
        for event in processes.database.read_now(journal.read)
        if event.kind.startswith("exit.") and event.payload().get("order_id") == order["id"]
    ]


async def send_aside(visit: LaneVisit, order: dict[str, Any], *weights_g: float) -> None:
    """These goods lie on the lane's belt, and are taken off as soon as the screen leads to the bay."""
    await visit.scanner.ask(scan=order["pass"])
    await visit.until("loading")
    await visit.lay(*weights_g)
    await visit.until("aside", prompt="to_side_bay")
    await visit.lay()
    await visit.until("idle")


async def show_and_lay(visit: LaneVisit, order: dict[str, Any], *weights_g: float) -> None:
    await visit.scanner.ask(scan=order["pass"])
    await visit.until("loading")
    await visit.lay(*weights_g)


async def test_it_weighs_again_and_lets_out_by_itself_and_once(
    processes: Processes, at_lane: LaneVisit, at_bay: LaneVisit
) -> None:
    marks = [await visit.gate_mark() for visit in (at_lane, at_bay)]
    order, other = await at_lane.buy_bound(MILK), await at_lane.buy(TEA)
    await send_aside(at_lane, order, MILK_G, TEA_G)
    assert (await at_lane.call("weight"))["lane"] == "bay"

    await show_and_lay(at_lane, other, TEA_G)  # the next one has the lane
    await at_lane.until("open")
    await at_lane.walk()
    await at_lane.until("idle")
    await at_lane.scanner.ask(scan=order["pass"])
    await at_lane.until("idle", prompt="at_side_bay")

    await show_and_lay(at_bay, order, MILK_G, TEA_G)  # nothing was taken off yet: the bay's own scale says so
    shown = await at_bay.until("check")
    assert shown["weight"]["measured_g"] == MILK_G + TEA_G + 2
    assert await at_bay.lettings_out(marks[1]) == 0
    await at_bay.lay(MILK_G)
    await at_bay.until("open")
    assert await at_bay.status_of(order) == "paid"
    await at_bay.walk()
    await at_bay.until("idle")
    assert await at_bay.status_of(order) == "left"

    for visit in (at_lane, at_bay):
        await visit.scanner.ask(scan=order["pass"])
        await visit.until("idle", prompt="pass_used")
    assert [await at_lane.lettings_out(marks[0]), await at_bay.lettings_out(marks[1])] == [1, 1]
    steps = told(processes, order)
    assert [who for what, who in steps if what in {"released", "left"}] == ["device:bay", "device:bay"]
    assert [who for what, who in steps if what == "weighed"][0::2] == ["device:lane-1", "device:bay"]
    assert [who for what, who in steps if what in {"aside", "taken"}] == ["device:lane-1", "device:bay"]


async def test_whom_staff_let_go_the_bay_lets_out_without_a_weighing(
    processes: Processes, at_lane: LaneVisit, at_bay: LaneVisit
) -> None:
    order = await at_lane.buy(WINE, BEER)
    await send_aside(at_lane, order, WINE_G, BEER_G, 300)
    assert (await at_bay.answer("weight", "let_go", "their own bag"))["lane"] == "bay"
    await at_bay.answer("min_age", "let_go", "")
    assert await at_bay.status_of(order) == "paid", "the bay's gate lets out, and not the answer"
    mark = await at_bay.gate_mark()
    await at_bay.scanner.ask(scan=order["pass"])
    await at_bay.until("weighing")
    while (await at_bay.io.ask(pulse="tags_deactivated"))["done"] == 0:  # the wine's tag dies at the bay, not before
        await asyncio.sleep(0.02)
    await at_bay.until("open")
    await at_bay.walk()
    await at_bay.until("idle")
    assert await at_bay.status_of(order) == "left"
    assert await at_bay.lettings_out(mark) == 1
    steps = told(processes, order)
    assert [who for what, who in steps if what in {"weighed", "released"}] == ["device:lane-1", "device:bay"]


@pytest.mark.parametrize("moment", ["check", "passed"])
async def test_a_bay_that_is_killed_goes_on_where_it_was(
    processes: Processes, at_lane: LaneVisit, at_bay: LaneVisit, moment: str
) -> None:
    order = await at_lane.buy(MILK)
    await send_aside(at_lane, order, MILK_G, TEA_G)
    marks = [await visit.gate_mark() for visit in (at_lane, at_bay)]
    await show_and_lay(at_bay, order, MILK_G, *([TEA_G] if moment == "check" else []))
    await at_bay.until("check" if moment == "check" else "open")
    await asyncio.to_thread(processes.kill, "bay")
    await at_lane.scanner.ask(scan=order["pass"])  # the lane does not take it back
    await at_lane.until("idle", prompt="other_lane")
    if moment == "passed":
        await at_bay.walk()
    processes.start("bay")
    if moment == "check":
        await at_bay.until("check", "staff")
        await at_bay.lay(MILK_G)
        await at_bay.until("open")
        await at_bay.walk()
    await at_bay.until("idle")
    assert await at_bay.status_of(order) == "left"
    assert await at_lane.lettings_out(marks[0]) == 0
    assert await at_bay.lettings_out(marks[1]) == 1
    assert [what for what, _ in told(processes, order) if what in {"released", "left"}] == ["released", "left"]


async def test_a_bay_waits_for_the_word_of_a_lane_that_died(
    processes: Processes, at_lane: LaneVisit, at_bay: LaneVisit
) -> None:
    """The pass is bound to the lane, which may not have heard that the order is in the bay."""
    order = await at_lane.buy_bound(MILK)
    marks = [await visit.gate_mark() for visit in (at_lane, at_bay)]
    await at_lane.scanner.ask(scan=order["pass"])
    await at_lane.until("loading")
    await at_lane.lay(MILK_G, TEA_G)
    await at_lane.until("aside")
    await asyncio.to_thread(processes.kill, "lane")
    await at_lane.lay()
    await show_and_lay(at_bay, order, MILK_G)
    await at_bay.until("staff", "open")  # it has to wait, unless the lane has said so at once
    processes.start("lane")
    await at_lane.until("idle")
    await at_bay.until("open")
    await at_bay.walk()
    await at_bay.until("idle")
    await at_lane.scanner.ask(scan=order["pass"])
    await at_lane.until("idle", prompt="pass_used")
    assert [await at_lane.lettings_out(marks[0]), await at_bay.lettings_out(marks[1])] == [0, 1]
    assert [what for what, _ in told(processes, order) if what in {"released", "left"}] == ["released", "left"]
