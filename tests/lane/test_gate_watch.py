"""The watch at the gate: whose goods are looked up, however quickly they were through."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import msgspec
import pytest

from unqueue.devices.ports import TagRead
from unqueue.devices.wire.epc import Sgtin, encode_epc
from unqueue.lane.gate_tags import TagRule
from unqueue.lane.gate_watch import LOOK_S, GateWatch
from unqueue.lane.sequence.words import ExitInfo, GateGood, Gone, GoodsSeen, Lane

pytestmark = pytest.mark.anyio

WINE = "06901234567892"
SURPLUS = (GateGood("wine", "红酒", "Wine", 1, 0),)


class Reader:
    """Hears one bottle three times, after so many seconds."""

    def __init__(self, wine_after_s: float) -> None:
        self._wine_after_s = wine_after_s

    async def reads(self) -> AsyncIterator[TagRead]:
        await asyncio.sleep(self._wine_after_s)
        yield TagRead(encode_epc(Sgtin(WINE, "1")), 1, -48, count=3)


async def heard_at(lanes: list[Lane], wine_after_s: float = 0) -> list[GoodsSeen]:
    """What the sequence hears where the lane is in the first of these states, and soon in the next."""
    clock = asyncio.get_running_loop().time
    heard: list[GoodsSeen] = []

    async def surplus(exit_id: str, counts: Mapping[str, int]) -> tuple[GateGood, ...]:
        assert (exit_id, counts) == ("exit-1", {WINE: 1})
        return SURPLUS

    watch = GateWatch(
        Reader(wine_after_s),  # type: ignore[arg-type]  # of a scanner only what the watch asks of it
        TagRule(),
        lane=lambda: lanes[0],
        surplus=surplus,
        hear=heard.append,
        clock=clock,
    )
    jobs = [asyncio.ensure_future(job) for job in watch.jobs()]
    for _ in range(4):
        await asyncio.sleep(1.5 * LOOK_S)
        lanes[:] = lanes[1:] or lanes
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)
    return heard


def out(status: str, *, offline: bool = False) -> Lane:
    return Lane(phase="open", exit=ExitInfo("exit-1", status, "1", 1, (), offline=offline))  # type: ignore[arg-type]


async def test_goods_of_who_is_let_out() -> None:
    assert await heard_at([out("released"), Lane(phase="idle")]) == [GoodsSeen("exit-1", SURPLUS)]


async def test_goods_of_who_was_through_between_two_looks() -> None:
    at_s = asyncio.get_running_loop().time()
    assert await heard_at([Lane(phase="idle", gone=Gone("exit-1", 0, 0, at_s))]) == [GoodsSeen("exit-1", SURPLUS)]


@pytest.mark.parametrize("lane", [Lane(phase="idle"), out("claimed"), out("released", offline=True)])
async def test_goods_of_nobody(lane: Lane) -> None:
    assert await heard_at([lane]) == []


async def test_goods_of_who_is_let_out_are_not_those_of_who_left_before() -> None:
    before = Gone("exit-0", 0, 0, asyncio.get_running_loop().time())
    second = msgspec.structs.replace(out("released"), gone=before)
    lanes = [Lane(phase="idle", gone=before), second, Lane(phase="alarm", gone=before)]
    assert await heard_at(lanes, wine_after_s=LOOK_S * 2.5) == [GoodsSeen("exit-1", SURPLUS)]


async def test_goods_behind_who_walked_while_the_server_is_slow_are_not_theirs() -> None:
    at_s = asyncio.get_running_loop().time()
    walked = msgspec.structs.replace(out("released"), phase="leaving", gone=Gone("exit-1", 0, 0, at_s - 5))
    assert await heard_at([walked]) == []
