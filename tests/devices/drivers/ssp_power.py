"""Scenes with a note recycler in which power is cut, on either side, at any byte of the conversation."""

import asyncio
from typing import Any

from tests.support.ssp_bench import NOTE, Bench, ready, run

from unqueue.devices.drivers.ssp_recycler import SspNoteRecycler
from unqueue.devices.ports import DeviceFailed, Payout
from unqueue.kernel.cash import parse_denomination

OTHER = parse_denomination("CNY-2000-note")
RECYCLED: dict[str, Any] = {"recycled": frozenset({NOTE})}
REFILLED = {"CNY-1000-note": 3, "CNY-2000-note": 2}
MIXED = {NOTE: 2, OTHER: 1}
WANTED = {str(denomination): count for denomination, count in MIXED.items()}


def books_agree(bench: Bench) -> None:
    """Every note that a shopper parted with was credited once where it lies, and no other was."""
    state = bench.device.state()
    assert state["path"] is None, state
    assert bench.credits() == bench.truth(), (bench.heard, state)
    assert bench.suspense() == 0, bench.heard
    marks = [event.mark for event in bench.heard]
    assert len(set(marks)) == len(marks)


async def until_nothing_moves(bench: Bench, driver: SspNoteRecycler) -> None:
    await asyncio.sleep(0.1)
    while bench.device.inside.kept.note or bench.device.inside.kept.job or (await driver.status()).status != "ready":
        await asyncio.sleep(0.02)


async def a_note_and_a_second_life(bench: Bench, budget: int | None, *, power_cut: bool, gap_s: float) -> int:
    """A shopper pays with a note while the host dies; the next host takes another. The bytes of the first life."""

    async def pays(driver: SspNoteRecycler) -> None:
        await ready(driver)
        await driver.enable(frozenset({NOTE, OTHER}))
        assert bench.hand(insert=str(NOTE))["taken"]
        await until_nothing_moves(bench, driver)

    async def pays_again(driver: SspNoteRecycler) -> None:
        await ready(driver)
        await driver.enable(frozenset({NOTE, OTHER}))
        async with asyncio.timeout(20):  # the first note may still be on its way back
            while not bench.hand(insert=str(OTHER))["taken"]:
                await asyncio.sleep(0.1)
        await until_nothing_moves(bench, driver)
        await asyncio.sleep(3 * bench.commit_s)

    bench.wire.budget = budget
    await bench.host(pays)
    passed = bench.wire.passed
    bench.wire.budget = None
    if power_cut:
        bench.hand(power=False)
    await asyncio.sleep(gap_s)
    bench.hand(power=True)
    await bench.host(pays_again)
    books_agree(bench)
    assert bench.credits()[f"{OTHER} cashbox"] == 1
    return passed


VARIANTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "the device loses power, too": {"power_cut": True},
    "the host is away for long": {"gap_s": 12.0},
    "old firmware that tells each event once": {"options": {"poll_with_ack": False}},
    "old firmware that loses power, too": {"options": {"poll_with_ack": False}, "power_cut": True},
    "the kiosk takes its time to write": {"commit_s": 0.15},
    "the note is given back": {"keep": False},
}


def note_bench(*, encrypted: bool, variant: dict[str, Any]) -> Bench:
    bench = Bench(encrypted=encrypted, settings=RECYCLED, **variant.get("options", {}))
    bench.commit_s = variant.get("commit_s", 0.0)
    bench.keep = variant.get("keep", True)
    return bench


def play_note(budget: int | None, *, encrypted: bool, variant: dict[str, Any]) -> int:
    """Play it until the host dies after `budget` bytes; how many bytes there were in its life."""
    passed = 0

    async def scene() -> None:
        nonlocal passed
        bench = note_bench(encrypted=encrypted, variant=variant)
        if not bench.keep:
            passed = await a_note_given_back(bench, budget)
            return
        how = {"power_cut": variant.get("power_cut", False), "gap_s": variant.get("gap_s", 0.3)}
        passed = await a_note_and_a_second_life(bench, budget, **how)

    run(scene)
    return passed


async def a_note_given_back(bench: Bench, budget: int | None) -> int:
    async def pays(driver: SspNoteRecycler) -> None:
        await ready(driver)
        await driver.enable(frozenset({NOTE}))
        assert bench.hand(insert=str(NOTE))["taken"]
        await until_nothing_moves(bench, driver)

    async def looks(driver: SspNoteRecycler) -> None:
        await ready(driver)
        await until_nothing_moves(bench, driver)
        await asyncio.sleep(0.5)

    bench.wire.budget = budget
    await bench.host(pays)
    passed = bench.wire.passed
    bench.wire.budget = None
    await asyncio.sleep(0.3)
    await bench.host(looks)
    books_agree(bench)
    state = bench.device.state()
    assert state["inserted"] == state["returned"]
    assert bench.credits() == {}
    return passed


def really_paid(bench: Bench) -> dict[str, int]:
    return bench.device.state()["dispensed"]


def told(payout: Payout) -> dict[str, int]:
    return {str(denomination): count for denomination, count in payout.paid.items()}


async def outcome(driver: SspNoteRecycler, mark: str) -> Payout:
    async with asyncio.timeout(60):
        while True:
            try:
                payout = await driver.payout(mark)
            except DeviceFailed:
                await asyncio.sleep(0.1)
                continue
            if payout.done:
                return payout
            await asyncio.sleep(0.05)


def play_payout(budget: int | None, *, encrypted: bool, power_cut: bool) -> int:
    """A host pays out and dies; the next one asks what became of it. The bytes of the first life."""
    passed = 0

    async def scene() -> None:
        nonlocal passed
        bench = Bench(encrypted=encrypted, settings=RECYCLED)
        bench.hand(refill=REFILLED)
        written: list[str] = []

        async def pays_out(driver: SspNoteRecycler) -> None:
            await ready(driver)
            written.append(await driver.begin())
            await driver.dispense(MIXED, written[0])
            await driver.dispense(MIXED, written[0])
            assert told(await outcome(driver, written[0])) == WANTED

        async def asks(driver: SspNoteRecycler) -> None:
            payout = await outcome(driver, written[0])
            assert payout.exact
            assert told(payout) == really_paid(bench)
            if payout.paid:
                await driver.dispense(MIXED, written[0])
                await asyncio.sleep(0.4)
                assert told(await outcome(driver, written[0])) == really_paid(bench) == told(payout)

        bench.wire.budget = budget
        await bench.host(pays_out)
        passed = bench.wire.passed
        bench.wire.budget = None
        if power_cut:
            bench.hand(power=False)
        await asyncio.sleep(0.15)
        bench.hand(power=True)
        if written:
            await bench.host(asks)
        assert bench.device.inside.kept.job is None or not written

    run(scene)
    return passed
