"""The till with the real driver of a note recycler and its simulator, byte for byte, in virtual time. The kiosk dies at
bytes of a payment with change, and of one that is cancelled; the recycler goes on by itself.
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.kiosk.cash.world import POLICY, START, YUAN10, YUAN20
from tests.support.ssp_bench import Bench, run

from unqueue.kernel.cash import Denomination
from unqueue.kernel.clock import ManualClock
from unqueue.kernel.money import Money
from unqueue.kiosk.cash import session as sessions
from unqueue.kiosk.cash.desk import Timing
from unqueue.kiosk.cash.ledger import cashbox, dispenser, held, suspense
from unqueue.kiosk.cash.machine import CashDevice, CashDeviceSettings
from unqueue.kiosk.cash.reports import Report, by_text
from unqueue.kiosk.cash.store import CashJournal
from unqueue.kiosk.cash.till import CashTill

STORE = {"CNY-1000-note": 5}
TIMING = Timing(payout_poll_s=0.05, payout_wait_s=20, escrow_wait_s=5, retry_s=0.1, tick_s=0.2, rest_after_s=1)


class QuickJournal(CashJournal):
    synchronous = "OFF"


class Kiosk:
    """One machine for good, and one process after another."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bench = Bench(settings={"recycled": frozenset({YUAN10, YUAN20})})
        self.bench.hand(refill=STORE)
        self.clock = ManualClock(START)
        self.server: list[Report] = []

    async def live(self, life: Callable[[CashTill], Awaitable[None]]) -> None:
        """A process that lives until `life` is over, or the wire says that it died."""
        wire = self.bench.wire
        wire.dead.clear()
        journal = QuickJournal(self.path, "k1")
        recycler = self.bench.driver()
        feeds = {YUAN10: "notes", YUAN20: "notes"}
        device = CashDevice(CashDeviceSettings(name="notes", feeds=feeds), acceptor=recycler, dispenser=recycler)

        async def send(report: Report) -> None:
            self.server.append(report)

        till = CashTill(journal=journal, devices=[device], policy=POLICY, clock=self.clock, send=send, timing=TIMING)
        till.staff.fill_float("notes", {YUAN10: 5}, "Li Na", "f1")
        await till.__aenter__()
        living, death = asyncio.ensure_future(life(till)), asyncio.create_task(wire.dead.wait())
        await asyncio.wait({living, death}, return_when=asyncio.FIRST_COMPLETED)
        died = wire.dead.is_set()
        if died and self.bench.line is not None:
            self.bench.line.connected, wire.end = False, None
        for task in (*till._tasks, living, death):
            if not task.done():
                task.cancel()
        results = await asyncio.gather(living, death, *till._tasks, return_exceptions=True)
        await (recycler.release() if died else till.__aexit__(None, None, None))
        journal.close()
        for result in results:
            if isinstance(result, Exception) and not died:
                raise result

    async def insert(self, note: Denomination) -> None:
        async with asyncio.timeout(30):
            while not self.bench.hand(insert=str(note))["taken"]:
                await asyncio.sleep(0.1)

    async def payment(self, till: CashTill, payment_id: str, due_minor: int, *notes: Denomination) -> None:
        async with asyncio.timeout(60):
            while not till.view().devices[0].ready or not till._admission.is_settled:
                await asyncio.sleep(0.1)
        await till.begin(payment_id, Money(due_minor, "CNY"), self.clock.now() + timedelta(seconds=60))
        for note in notes:
            before = till.session(payment_id).inserted_minor
            await self.insert(note)
            async with asyncio.timeout(60):
                while till.session(payment_id).inserted_minor == before:
                    await asyncio.sleep(0.05)

    async def at_rest(self, till: CashTill, idle_s: float = 0.2) -> None:
        async with asyncio.timeout(120):
            while till.view().state not in {"finished", "idle"}:
                await asyncio.sleep(0.1)
        await asyncio.sleep(idle_s)

    def check(self, journal: CashJournal) -> dict[str, Any]:
        state = self.bench.device.state()
        contents = journal.contents
        assert state["path"] is None, state
        assert contents == journal.replay()
        assert not held(contents, suspense(dispenser("notes"))), contents
        assert not journal.unfinished_payouts()
        assert by_text(held(contents, dispenser("notes"))) == {k: n for k, n in state["store"].items() if n}
        assert by_text(held(contents, cashbox("notes"))) == {k: n for k, n in state["cashbox"].items() if n}
        return state


async def change(kiosk: Kiosk, till: CashTill) -> None:
    await kiosk.payment(till, "p1", 1000, YUAN20)
    await kiosk.at_rest(till)


async def cancellation(kiosk: Kiosk, till: CashTill) -> None:
    await kiosk.payment(till, "p1", 5000, YUAN20)
    await till.cancel("p1")
    await kiosk.at_rest(till)


SCENES = {"change": change, "cancellation": cancellation}


async def cut(kiosk: Kiosk, scene: Callable[[Kiosk, CashTill], Awaitable[None]], budget: int | None) -> int:
    """The first payment of a new machine, which dies after so many bytes; and a start that clears up."""

    async def clear_up(till: CashTill) -> None:
        await asyncio.sleep(5)
        with contextlib.suppress(Exception):
            await till.cancel("p1")
        await kiosk.at_rest(till, idle_s=3)
        if till._desk.journal.session("p1") is not None:
            session = till.session("p1")
            assert session.state == "finished"
            assert not sessions.owed(session)
            assert not sessions.overpaid(session)
            assert not session.debts, session
        kiosk.check(till._desk.journal)

    wire = kiosk.bench.wire
    wire.passed, wire.budget = 0, budget
    await kiosk.live(lambda till: scene(kiosk, till))
    passed, wire.budget = wire.passed, None
    await kiosk.live(clear_up)
    return passed


@pytest.mark.parametrize("scene", SCENES)
def test_a_payment_on_the_wire(scene: str, tmp_path: Path) -> None:
    kiosk = Kiosk(tmp_path / "cash.sqlite")

    async def once() -> None:
        await cut(kiosk, SCENES[scene], None)

    run(once)
    state = kiosk.bench.device.state()
    given = state["dispensed"].get("CNY-1000-note", 0) * 1000 + state["dispensed"].get("CNY-2000-note", 0) * 2000
    assert given == (1000 if scene == "change" else 2000)


def cuts(scene: str, path: Path, first: int, step: int) -> int:
    """The scene, cut after `first` bytes, `first + step`, … of it; how many cuts that were."""

    async def once(number: int, budget: int | None) -> int:
        kiosk = Kiosk(path / f"{number}.sqlite")
        try:
            return await cut(kiosk, SCENES[scene], budget)
        except (AssertionError, TimeoutError) as error:
            raise AssertionError(f"cut after {budget} bytes") from error

    async def everywhere() -> None:
        nonlocal number
        passed = await once(0, None)
        for budget in range(first, passed + 1, step):
            number += 1
            await once(number, budget)

    number = 0
    run(everywhere)
    return number


@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES)
def test_the_kiosk_dies_at_bytes_of_the_conversation(scene: str, tmp_path: Path) -> None:
    """Every seventeenth byte; with UNQUEUE_EVERY_BYTE=1 in the environment every single one, which takes minutes."""
    if os.environ.get("UNQUEUE_EVERY_BYTE"):
        assert cuts(scene, tmp_path, 1, 1) > 300
    else:
        assert cuts(scene, tmp_path, 3, 17) > 20
