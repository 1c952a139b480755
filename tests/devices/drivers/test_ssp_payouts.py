"""What a note recycler pays out, and what its driver says of it, in virtual time."""

import asyncio

import pytest
from tests.devices.drivers.ssp_lives import OTHER, live
from tests.support.ssp_bench import NOTE, Bench, ready

from unqueue.devices.drivers.ssp_marks import PayoutMark
from unqueue.devices.drivers.ssp_recycler import SspNoteRecycler
from unqueue.devices.ports import (
    DeviceFailed,
    Payout,
)
from unqueue.devices.wire.ssp import Packet, PacketDecoder
from unqueue.devices.wire.ssp_messages import Command, Counters
from unqueue.kernel.cash import Denomination


async def paid(driver: SspNoteRecycler, mark: str) -> Payout:
    while not (payout := await driver.payout(mark)).done:
        await asyncio.sleep(0.05)
    return payout


def test_a_payout_that_cannot_be_is_refused_and_certainly_not_begun() -> None:
    async def life(driver: SspNoteRecycler, bench: Bench) -> None:
        bench.hand(refill={str(NOTE): 1})
        mark = await driver.begin()
        with pytest.raises(DeviceFailed, match="not enough value") as refused:
            await driver.dispense({NOTE: 2}, mark)
        assert not refused.value.details["uncertain"]
        assert await driver.payout(mark) == Payout({}, done=True)
        await driver.dispense({NOTE: 1}, mark)
        assert await paid(driver, mark) == Payout({NOTE: 1}, done=True)

    live(life)


@pytest.mark.parametrize(("lost", "went_out"), [("the order", {}), ("its answer", {str(NOTE): 1})])
def test_a_payout_whose_answer_is_lost_is_uncertain_and_never_repeated(lost: str, went_out: dict[str, int]) -> None:
    async def life(driver: SspNoteRecycler, bench: Bench) -> None:
        bench.hand(refill={str(NOTE): 3})
        mark = await driver.begin()
        respond, orders = bench.device.respond, 0

        def lossy(data: bytes) -> bytes:
            nonlocal orders
            [packet] = PacketDecoder().feed(data)
            assert isinstance(packet, Packet)
            if packet.data[0] == Command.PAYOUT_BY_DENOMINATION and packet.data[-1] == 0x58:
                orders += 1
                if lost == "its answer":
                    respond(data)
                return b""
            return respond(data)

        bench.device.respond = lossy  # type: ignore[method-assign]
        with pytest.raises(DeviceFailed) as uncertain:
            await driver.dispense({NOTE: 1}, mark)
        assert uncertain.value.details["uncertain"]
        bench.device.respond = respond  # type: ignore[method-assign]
        await asyncio.sleep(2)
        assert {str(kind): count for kind, count in (await paid(driver, mark)).paid.items()} == went_out
        assert bench.device.state()["dispensed"] == went_out
        assert orders == 1

    live(life, encrypted=False)


def test_a_payout_can_be_halted_and_a_jam_ends_it() -> None:
    async def life(driver: SspNoteRecycler, bench: Bench) -> None:
        bench.hand(refill={str(NOTE): 4})
        mark = await driver.begin()
        await driver.dispense({NOTE: 2}, mark)
        await driver.halt()
        assert await paid(driver, mark) == Payout({NOTE: 1}, done=True, problem="halted")
        mark = await driver.begin()
        await driver.dispense({NOTE: 2}, mark)
        bench.hand(jam="safe")
        await asyncio.sleep(1)
        assert (await driver.status()).status == "failed"
        assert await paid(driver, mark) == Payout({}, done=True, problem="jam")
        bench.hand(jam=None)
        await ready(driver)
        assert await paid(driver, mark) == Payout({}, done=True, problem="jam")
        assert (await driver.levels())[NOTE] == 2

    bench = live(life)
    assert bench.device.state()["cashbox"] == {str(NOTE): 1}


def test_emptying_moves_all_to_the_cashbox() -> None:
    async def life(driver: SspNoteRecycler, bench: Bench) -> None:
        bench.hand(refill={str(NOTE): 2, str(OTHER): 1})
        await driver.empty()
        assert (await driver.status()).status == "busy"
        await asyncio.sleep(3)
        await ready(driver)
        assert sum((await driver.levels()).values()) == 0

    bench = live(life)
    assert bench.device.state()["cashbox"] == {str(NOTE): 2, str(OTHER): 1}
    assert bench.heard == []


A, B = Denomination("EUR", 500, "note"), Denomination("EUR", 1000, "note")
BEFORE = PayoutMark(1, "", stored=0, dispensed=0, transferred=0, levels={str(A): 5, str(B): 5})
CASES: list[tuple[str, tuple[int, int, int], dict[Denomination, int], dict[str, int] | None, Payout]] = [
    ("all went out", (2, 0, 0), {A: 4, B: 4}, None, Payout({A: 1, B: 1}, done=True)),
    ("nothing moved", (0, 0, 0), {A: 5, B: 5}, None, Payout({}, done=True)),
    ("one of a kind went astray", (1, 1, 0), {A: 3, B: 5}, None, Payout({A: 1}, done=True)),
    ("one of two, and the value tells which", (1, 1, 0), {A: 4, B: 4}, {"EUR": 1000}, Payout({B: 1}, done=True)),
    ("one of two, nobody tells which", (1, 1, 0), {A: 4, B: 4}, None, Payout({B: 1}, done=True, exact=False)),
    ("levels and counters disagree", (1, 0, 0), {A: 4, B: 4}, None, Payout({B: 1}, done=True, exact=False)),
    ("a note came in meanwhile", (1, 0, 1), {A: 4, B: 5}, None, Payout({A: 1}, done=True, exact=False)),
    ("one is stuck inside", (1, 0, 0), {A: 3, B: 5}, None, Payout({A: 1}, done=True)),
    ("the counters wrapped", (-(2**32) + 1, 0, 0), {A: 4, B: 5}, None, Payout({A: 1}, done=True)),
]


@pytest.mark.parametrize(("name", "moved", "levels", "told", "expected"), CASES, ids=[case[0] for case in CASES])
def test_what_counters_levels_and_values_say_of_a_payout(
    name: str,
    moved: tuple[int, int, int],
    levels: dict[Denomination, int],
    told: dict[str, int] | None,
    expected: Payout,
) -> None:
    dispensed, transferred, stored = moved
    counters = Counters(0, stored, dispensed % 2**32, transferred, 0)
    assert BEFORE.outcome(counters, levels, told, done=True) == expected, name
