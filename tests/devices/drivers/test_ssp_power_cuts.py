"""Power is cut at every byte of every conversation with a note recycler, on either side. Afterwards physical cash is
what was heard: each note once, in the place that was told, and payouts are what really went out.
"""

import asyncio
from typing import Any

import pytest
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


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_a_note_is_counted_once_whenever_the_host_dies(variant: dict[str, Any]) -> None:
    """A packet has six bytes or more: every fifth byte cuts each at least once."""
    for budget in range(1, play_note(None, encrypted=False, variant=variant) + 1, 5):
        play_note(budget, encrypted=False, variant=variant)


def test_the_same_with_encryption() -> None:
    """An encrypted packet has 22 bytes or more: every twenty-first byte cuts each at least once."""
    for budget in range(1, play_note(None, encrypted=True, variant={}) + 1, 21):
        play_note(budget, encrypted=True, variant={})


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_every_byte_of_every_variant(variant: dict[str, Any]) -> None:
    for budget in range(1, play_note(None, encrypted=False, variant=variant) + 1):
        play_note(budget, encrypted=False, variant=variant)


def test_a_note_is_counted_once_whenever_the_device_loses_power() -> None:
    """At every hundredth of a second of its way, while the host lives on."""

    async def scene(cut_after_s: float) -> None:
        bench = Bench(encrypted=True, settings=RECYCLED)

        async def pays(driver: SspNoteRecycler) -> None:
            await ready(driver)
            await driver.enable(frozenset({NOTE}))
            assert bench.hand(insert=str(NOTE))["taken"]
            await asyncio.sleep(cut_after_s)
            bench.hand(power=False)
            await asyncio.sleep(0.3)
            bench.hand(power=True)
            await asyncio.sleep(3)
            await until_nothing_moves(bench, driver)

        await bench.host(pays)
        books_agree(bench)
        state = bench.device.state()
        assert sum(bench.credits().values()) + sum(state["returned"].values()) == 1

    for hundredths in range(50):
        run(lambda at=hundredths / 100: scene(at))  # type: ignore[misc]


# Payouts ----------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("power_cut", [False, True], ids=["host only", "device, too"])
def test_a_payout_is_what_went_out_whenever_the_host_dies(*, power_cut: bool) -> None:
    whole = play_payout(None, encrypted=False, power_cut=False)
    for budget in range(1, whole + 1, 5):
        play_payout(budget, encrypted=False, power_cut=power_cut)


def test_an_encrypted_payout_likewise() -> None:
    whole = play_payout(None, encrypted=True, power_cut=False)
    for budget in range(1, whole + 1, 21):
        play_payout(budget, encrypted=True, power_cut=False)


@pytest.mark.slow
@pytest.mark.parametrize("power_cut", [False, True], ids=["host only", "device, too"])
def test_every_byte_of_a_payout(*, power_cut: bool) -> None:
    for budget in range(1, play_payout(None, encrypted=False, power_cut=False) + 1):
        play_payout(budget, encrypted=False, power_cut=power_cut)


def test_a_payout_is_what_went_out_whenever_the_device_loses_power() -> None:
    async def scene(cut_after_s: float) -> None:
        bench = Bench(encrypted=True, settings=RECYCLED)
        bench.hand(refill=REFILLED)

        async def pays_out(driver: SspNoteRecycler) -> None:
            await ready(driver)
            mark = await driver.begin()
            await driver.dispense(MIXED, mark)
            await asyncio.sleep(cut_after_s)
            bench.hand(power=False)
            await asyncio.sleep(0.3)
            bench.hand(power=True)
            payout = await outcome(driver, mark)
            assert payout.exact
            assert told(payout) == really_paid(bench)
            if sum(payout.paid.values()) < sum(MIXED.values()):
                assert payout.problem == "reset"

        await bench.host(pays_out)

    for hundredths in range(45):
        run(lambda at=hundredths / 100: scene(at))  # type: ignore[misc]
