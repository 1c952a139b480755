"""The till with the real ccTalk drivers and the simulated bus, over a pseudo-terminal: a coin acceptor that feeds two
hoppers, and a bill validator. The line is cut after every few bytes, the kiosk dies, and starts again.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.kiosk.cash.world import JIAO5, POLICY, START, YUAN, YUAN5
from tests.support.cash_rigs import counted

from unqueue.devices.drivers.cctalk_bill_validator import BillValidatorSettings, CctalkBillValidator
from unqueue.devices.drivers.cctalk_bus import CctalkBus, CctalkBusSettings
from unqueue.devices.drivers.cctalk_coin_acceptor import CctalkCoinAcceptor, CoinAcceptorSettings
from unqueue.devices.drivers.cctalk_hopper import CctalkHoppers, HopperSettings
from unqueue.devices.simulators.cctalk import CctalkOptions, SimulatedBus
from unqueue.kernel.cash import Denomination
from unqueue.kernel.clock import ManualClock
from unqueue.kernel.errors import DomainError
from unqueue.kernel.money import Money
from unqueue.kiosk.cash import session as sessions
from unqueue.kiosk.cash.desk import Timing
from unqueue.kiosk.cash.ledger import cashbox, dispenser, held, suspense
from unqueue.kiosk.cash.machine import CashDevice, CashDeviceSettings
from unqueue.kiosk.cash.reports import Report
from unqueue.kiosk.cash.store import CashJournal
from unqueue.kiosk.cash.till import CashTill

TIMING = Timing(
    payout_poll_s=0.005, payout_wait_s=1, escrow_wait_s=0.5, retry_s=0.01, tick_s=0.02, rest_after_s=0.1, retell_s=1
)
FILLED = {YUAN: 20, JIAO5: 20}


class QuickJournal(CashJournal):
    synchronous = "OFF"


class Store:
    """A kiosk on one bus for good, and one process after another."""

    def __init__(self, path: Path, bus: SimulatedBus) -> None:
        self.path = path
        self.bus = bus
        self.clock = ManualClock(START)

    def devices(self) -> list[CashDevice]:
        line = CctalkBus(CctalkBusSettings(self.bus.line.announced()["url"], answer_timeout_s=0.1))
        coins = CctalkCoinAcceptor(
            line, CoinAcceptorSettings(poll_interval_s=0.004, guard_s=0, settle_s=0.02, paths={4: "dispenser"})
        )
        notes = CctalkBillValidator(line, BillValidatorSettings(poll_interval_s=0.004, settle_s=0.02))
        hoppers = CctalkHoppers(
            line, [HopperSettings(address=at, denomination=str(p)) for at, p in enumerate(FILLED, 3)]
        )
        feeds = dict.fromkeys(FILLED, "hoppers")
        return [
            CashDevice(CashDeviceSettings(name="coins", feeds=feeds), acceptor=coins),
            CashDevice(CashDeviceSettings(name="hoppers"), dispenser=hoppers),
            CashDevice(CashDeviceSettings(name="notes"), acceptor=notes),
        ]

    async def live(self, life: Callable[[CashTill], Awaitable[None]], cut_after: int | None = None) -> bool:
        """A process until `life` is over or the line was cut, which it was if this is true."""
        journal = QuickJournal(self.path, "k1")

        async def send(report: Report) -> None: ...

        till = CashTill(
            journal=journal, devices=self.devices(), policy=POLICY, clock=self.clock, send=send, timing=TIMING
        )
        till.staff.fill_float("hoppers", FILLED, "Li Na", "f1")
        await self.bus.handle({"fault": None, "cut_after_bytes": cut_after})
        await till.__aenter__()
        living = asyncio.ensure_future(life(till))
        while not living.done() and self.bus.state()["fault"] is None:
            await asyncio.sleep(0.001)
        died = not living.done()
        for task in (*till._tasks, living):
            task.cancel() if died else None
        if died:
            await asyncio.gather(living, *till._tasks, return_exceptions=True)
            await self.bus.line.unplug()
        await till.__aexit__(None, None, None)
        journal.close()
        if not died:
            living.result()
        return died

    async def pay(self, till: CashTill, payment_id: str, due_minor: int) -> None:
        """A coin of one yuan and a note of five, whatever is due; once more where the machine gave it back: on a busy
        machine a coin can come while its acceptor is being looked for.
        """
        async with asyncio.timeout(10):
            while not (all(d.ready for d in till.view().devices) and till._admission.is_settled):
                await asyncio.sleep(0.005)
        await till.begin(payment_id, Money(due_minor, "CNY"), self.clock.now() + timedelta(seconds=60))
        for piece in (YUAN, YUAN5):
            before = till.session(payment_id).inserted_minor
            lying, outside = False, 0
            async with asyncio.timeout(10):
                while till.session(payment_id).inserted_minor == before:
                    given_back = self.given_back(piece)
                    if not lying or given_back > outside:
                        outside = given_back
                        await self.bus.handle({"insert": str(piece)})
                        lying = True
                    await asyncio.sleep(0.002)
        await self.at_rest(till)

    def given_back(self, piece: Denomination) -> int:
        devices = self.bus.state()["devices"].values()
        return sum(counted(device.get("given_back", {}))[piece] for device in devices)

    async def at_rest(self, till: CashTill) -> None:
        async with asyncio.timeout(10):
            while till.view().state not in {"finished", "idle"}:
                await asyncio.sleep(0.005)

    def check(self, journal: CashJournal, *, unsure: bool = False) -> None:
        state, contents = self.bus.state(), journal.contents
        assert contents == journal.replay()
        stock = {hopper.coin: hopper.stock for hopper in self.bus.hoppers}
        assert not held(contents, suspense(dispenser("hoppers"))), contents
        assert held(contents, dispenser("hoppers")) == stock, (stock, state)
        boxes = Counter(held(contents, cashbox("notes"))) + Counter(held(contents, cashbox("coins")))
        recycled = counted(
            {k: n for device in state["devices"].values() for k, n in device.get("recycled", {}).items()}
        )
        assert boxes == counted(state["inside"]) - recycled, (boxes, state)
        assert unsure or not journal.locks(), journal.locks()


@contextlib.asynccontextmanager
async def bus() -> AsyncIterator[SimulatedBus]:
    filled = tuple(f"{coin}={count}" for coin, count in FILLED.items())
    options = CctalkOptions(
        hoppers=filled, recycle=True, coin_ms=2, give_up_ms=5, stack_ms=3, escrow_ms=300, string_ms=1
    )
    simulated = SimulatedBus(options)
    await simulated.line.plug()
    try:
        yield simulated
    finally:
        await simulated.line.close()


async def payment(path: Path, cut_after: int | None) -> bool:
    """The first payment of a new machine, which may be cut, and a start that clears up."""
    async with bus() as simulated:
        store = Store(path, simulated)
        died = await store.live(lambda till: store.pay(till, "p1", 250), cut_after)

        async def clear_up(till: CashTill) -> None:
            await asyncio.sleep(0.8)  # longer than a note may lie in escrow
            with contextlib.suppress(DomainError):
                await till.cancel("p1")
            await store.at_rest(till)
            session = till._desk.journal.session("p1")
            unsure = False
            if session is not None:
                assert session.state == "finished"
                assert not sessions.owed(session)
                # A new acceptor that has counted nothing looks, after its cable was out, like one that was reset: the
                # till then says that it is not sure, and calls staff. What it is sure of must be right all the same.
                assert all(debt.in_doubt and debt.amount_minor == 0 for debt in session.debts), session
                unsure = bool(session.debts)
            store.check(till._desk.journal, unsure=unsure)

        await store.live(clear_up)
        return died


def test_a_payment_with_coins_notes_and_change(tmp_path: Path) -> None:
    assert not asyncio.run(payment(tmp_path / "cash.sqlite", None))


@pytest.mark.slow
@pytest.mark.parametrize("cut_after", range(7, 4200, 349))
def test_the_line_is_cut(cut_after: int, tmp_path: Path) -> None:
    asyncio.run(payment(tmp_path / "cash.sqlite", cut_after))
