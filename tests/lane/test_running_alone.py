"""A lane at work while the server is dead: the processes of a store, and one shopper after another."""

import asyncio
import base64
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import httpx
import msgspec
import pytest
from tests.support.running_lane import LaneVisit, running_lane
from tests.support.running_store import Processes
from tests.support.stores import BEER, MILK, TEA

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MILK_G, TEA_G = 1060, 528
PATIENCE_S = 40.0


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    directory = tmp_path_factory.mktemp("alone")
    with running_lane(directory, f"sqlite:///{directory}/store.db", of_lane='data_dir = "lane"\n') as running:
        yield running


@pytest.fixture
async def at_lane(processes: Processes) -> AsyncIterator[LaneVisit]:
    async with LaneVisit(processes) as visit:
        await visit.until("idle")
        yield visit
        assert "Traceback" not in processes.log("lane")


async def until(found: Callable[[], Awaitable[bool]], sought: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not await found():
        assert time.monotonic() < deadline, f"waited for {sought}"
        await asyncio.sleep(0.1)


async def until_logged(visit: LaneVisit, words: str) -> None:
    async def logged() -> bool:
        return words in visit.processes.log("lane")

    await until(logged, words)


async def until_left(visit: LaneVisit, order: dict[str, Any]) -> None:
    async def left() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return await visit.status_of(order) == "left"
        return False

    await until(left, "left")


async def buy_bound(visit: LaneVisit, *codes: str) -> dict[str, Any]:
    """A paid order; once the lane was told what it needs, its pass is bound to it."""
    found: list[dict[str, Any]] = []

    async def bound() -> bool:
        found[:] = [await visit.buy(*codes)]
        return bool(msgspec.msgpack.decode(_payload(found[0]["pass"]))[-1])

    await until(bound, "a bound pass")
    return found[0]


def _payload(text: str) -> bytes:
    payload = text.split(".")[1]
    return base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))


async def test_a_dead_server_stops_nobody_whose_pass_is_bound_to_the_lane(
    processes: Processes, at_lane: LaneVisit
) -> None:
    order, other = await buy_bound(at_lane, MILK, TEA), await buy_bound(at_lane, MILK)
    aged = await at_lane.buy(BEER)
    processes.kill("server")
    await until_logged(at_lane, "the lane decides alone")

    await at_lane.scanner.ask(scan=order["pass"])
    shown = await at_lane.until("loading")
    assert shown["order"] == {"number": order["number"], "item_count": 2}
    await at_lane.lay(MILK_G)  # not all of it yet
    await at_lane.until("check")
    await at_lane.lay(MILK_G, TEA_G)
    await at_lane.until("open", prompt="thanks")
    await at_lane.walk()
    await at_lane.until("idle")

    await at_lane.scanner.ask(scan=order["pass"])  # once more
    await at_lane.until("idle", prompt="offline_staff")
    await at_lane.scanner.ask(scan=aged["pass"])  # nobody can look at an ID
    await at_lane.until("idle", prompt="offline_staff")
    await at_lane.scanner.ask(scan=other["number"])
    await at_lane.until("idle", prompt="offline_number")

    processes.start("server")
    await until_left(at_lane, order)
    await until_logged(at_lane, "the server is there again")
    await at_lane.until("idle", prompt="welcome")
    await at_lane.scanner.ask(scan=other["number"])
    await at_lane.until("loading")
    await at_lane.lay(MILK_G)
    await at_lane.until("open")
    await at_lane.walk()
    await until_left(at_lane, other)
