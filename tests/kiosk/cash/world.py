"""A small world for the till: its devices, a purse, and a server; the power fails where a test wants it to."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from tests.kiosk.cash.fakes import FakeAcceptor, FakeDispenser, Power

from unqueue.kernel.cash import Denomination
from unqueue.kernel.clock import ManualClock
from unqueue.kernel.money import Money
from unqueue.kiosk.cash import session as sessions
from unqueue.kiosk.cash.currencies import CashPolicy, ExchangeRate
from unqueue.kiosk.cash.desk import Timing
from unqueue.kiosk.cash.ledger import cashbox, dispenser, held, suspense
from unqueue.kiosk.cash.machine import CashDevice, CashDeviceSettings
from unqueue.kiosk.cash.outbox import NotTaken
from unqueue.kiosk.cash.reports import PaymentFinished, PayoutFinished, Report
from unqueue.kiosk.cash.session import Session
from unqueue.kiosk.cash.store import CashJournal, Transaction
from unqueue.kiosk.cash.till import CashTill
from unqueue.server.tills import model

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
JIAO5, YUAN, YUAN5, YUAN10, YUAN20, YUAN50, YUAN100 = (
    Denomination("CNY", 50, "coin"), Denomination("CNY", 100, "coin"), Denomination("CNY", 500, "note"),
    Denomination("CNY", 1000, "note"), Denomination("CNY", 2000, "note"), Denomination("CNY", 5000, "note"),
    Denomination("CNY", 10000, "note"),
)  # fmt: skip
EURO10 = Denomination("EUR", 1000, "note")
TIMING = Timing(
    payout_poll_s=0,
    payout_wait_s=0.02,
    escrow_wait_s=0.02,
    abandoned_after_s=600,
    rest_after_s=0,
    retry_s=0.001,
    tick_s=3600,
)
POLICY = CashPolicy(
    currency="CNY", increment_minor=10,
    rates=(ExchangeRate("EUR", "7.8523", START - timedelta(days=1), START + timedelta(days=400)),),
)  # fmt: skip


class CuttingJournal(CashJournal):
    """The real journal; power may go before and after each commit. The kiosk's process dies here, not the disk, so that
    nothing waits for the disk.
    """

    synchronous = "OFF"

    def __init__(self, path: Path, kiosk: str, power: Power) -> None:
        super().__init__(path, kiosk)
        self.power = power

    @contextmanager
    def transaction(self, at_us: int) -> Iterator[Transaction]:
        with super().transaction(at_us) as transaction:
            yield transaction
            self.power.step()
        self.power.step()


class World:
    """One kiosk: a coin acceptor that feeds a hopper of yuan, a hopper of 5 jiao, and a note recycler for 5, 10, 20."""

    def __init__(
        self, path: Path, *, yuan: int = 20, jiao5: int = 10, notes: Mapping[Denomination, int] | None = None
    ) -> None:
        self.path = path
        self.power = Power()
        self.clock = ManualClock(START)
        purse = dict.fromkeys((JIAO5, YUAN, YUAN5, YUAN10, YUAN20, YUAN50, YUAN100, EURO10), 50)
        self.purse: Counter[Denomination] = Counter(purse)
        self.purse_at_first = self.purse.copy()
        notes = {YUAN5: 10, YUAN10: 10, YUAN20: 5} if notes is None else notes
        self.hopper = FakeDispenser("hopper", self.power, {YUAN: yuan}, self.purse)
        self.hopper5 = FakeDispenser("hopper5", self.power, {JIAO5: jiao5}, self.purse)
        self.stacker = FakeDispenser("notes", self.power, notes, self.purse)
        self.coins = FakeAcceptor("coins", self.power, frozenset({JIAO5, YUAN}), self.purse, {YUAN: self.hopper})
        recycled = dict.fromkeys((YUAN5, YUAN10, YUAN20), self.stacker)
        known = frozenset({YUAN5, YUAN10, YUAN20, YUAN50, YUAN100, EURO10})
        self.notes = FakeAcceptor("notes", self.power, known, self.purse, recycled)
        self.server: list[Report] = []
        self.server_is_away = False
        self.journal: CuttingJournal | None = None
        self._till: CashTill | None = None
        self._filled = False
        self.steps_of_start = 0

    @property
    def till(self) -> CashTill:
        assert self._till is not None, "the till is off"
        return self._till

    @property
    def books(self) -> CuttingJournal:
        assert self.journal is not None, "the till is off"
        return self.journal

    def devices(self) -> list[CashDevice]:
        feeds = {YUAN: "hopper"}
        recycled = dict.fromkeys((YUAN5, YUAN10, YUAN20), "notes")
        return [
            CashDevice(CashDeviceSettings(name="coins", feeds=feeds), acceptor=self.coins),
            CashDevice(CashDeviceSettings(name="hopper"), dispenser=self.hopper),
            CashDevice(CashDeviceSettings(name="hopper5"), dispenser=self.hopper5),
            CashDevice(CashDeviceSettings(name="notes", feeds=recycled), acceptor=self.notes, dispenser=self.stacker),
        ]

    async def send(self, report: Report) -> None:
        self.power.step()
        if self.server_is_away:
            raise NotTaken
        self.server.append(report)
        await asyncio.sleep(0)
        self.power.step()

    async def switch_on(self) -> None:
        """Power comes, the kiosk's process starts."""
        self.journal = CuttingJournal(self.path, "k1", self.power)
        till = CashTill(
            journal=self.journal, devices=self.devices(), policy=POLICY, clock=self.clock, send=self.send, timing=TIMING
        )
        self._till = till
        if not self._filled:
            for port in (self.hopper, self.hopper5, self.stacker):
                if +port.pieces:
                    till.staff.fill_float(port.name, dict(+port.pieces), "Li Na", f"fill-{port.name}")
            self._filled = True
        await till.__aenter__()

    async def switch_off(self) -> None:
        """Power goes: tasks end where they are, what was not committed is gone."""
        if self._till is not None:
            self.power.is_dead = True
            for task in self._till._tasks:
                task.cancel()
            await asyncio.gather(*self._till._tasks, return_exceptions=True)
            assert self._till._failure is None or not self._till._failure.done(), self._till._failure.exception()
        if self.journal is not None:
            self.journal.close()
        self._till, self.journal = None, None
        self.power.restore()

    async def recover(self) -> None:
        """Off and on until it stays on."""
        await self.switch_off()
        await self.switch_on()

    async def settle(self) -> None:
        """Until nothing moves any more, or the power is gone."""
        quiet = 0
        for _ in range(20_000):
            before = self._picture()
            await asyncio.sleep(0)
            if self.power.is_dead:
                return
            if self.till.is_halted:
                await self.till.wait_failed()
            quiet = quiet + 1 if self._picture() == before else 0
            if quiet > 8:
                if not self._is_busy():
                    return
                await asyncio.sleep(0.0005)
        raise AssertionError(f"it never comes to rest: {self.till.view()}")

    def _is_busy(self) -> bool:
        session = self.till._desk.session
        waiting = not self.server_is_away and self.books.waiting_reports(1)
        return bool(waiting) or (session is not None and session.state in {"changing", "returning"})

    def _picture(self) -> tuple[object, ...]:
        logs = [(len(port.log), port.acknowledged, port.wanted) for port in (self.coins, self.notes)]
        return (self.till._desk.version, len(self.server), self.power.steps, *logs)

    def insert(self, piece: Denomination) -> bool:
        """The shopper puts in a piece where it fits."""
        return (self.notes if piece.form == "note" else self.coins).insert(piece)

    async def begin(self, payment_id: str, due_minor: int, seconds: float = 120) -> None:
        await self.till.begin(payment_id, Money(due_minor, "CNY"), self.clock.now() + timedelta(seconds=seconds))
        await self.settle()

    def session(self, payment_id: str) -> Session:
        found = self.books.session(payment_id)
        assert found is not None, payment_id
        return found

    async def pay_out(self, refund_id: str, amount_minor: int, *, or_slip: bool = False) -> None:
        await self.till.pay_out(refund_id, Money(amount_minor, "CNY"), or_slip=or_slip)
        await self.settle()

    def check(self, *, suspense_max: int = 0) -> None:
        """The promises, once everything is at rest: books and pieces agree per denomination, nobody lost money."""
        contents = self.books.contents
        assert contents == self.books.replay(), "the contents are a replay of the movements"
        doubtful = 0
        places = {dispenser(port.name): port.pieces for port in (self.hopper, self.hopper5, self.stacker)}
        places |= {cashbox(port.name): port.box for port in (self.coins, self.notes)}
        for place, pieces in places.items():
            booked, unsure = held(contents, place), held(contents, suspense(place))
            for piece in {*pieces, *booked, *unsure}:
                low, high = booked.get(piece, 0), booked.get(piece, 0) + unsure.get(piece, 0)
                assert 0 <= low <= pieces[piece] <= high, (place, piece, low, pieces[piece], high)
            doubtful += sum(unsure.values())
        assert doubtful <= suspense_max, contents
        for port in (self.coins, self.notes):
            assert port.escrow is None or not port.is_plugged, "no note hangs between shopper and machine"
        if not doubtful:
            moved = {piece: self.purse_at_first[piece] - self.purse[piece] for piece in self.purse}
            kept = {piece: -count for piece, count in held(contents, "shopper").items()}
            for piece in {*moved, *kept}:
                # A coin that was pulled out, or that a device gave without being sure, is missed once staff count.
                missed = kept.get(piece, 0) - moved.get(piece, 0)
                difference = contents.get("difference", {}).get(piece, 0)
                assert min(0, difference) <= missed <= max(0, difference), (piece, missed, difference)
        self._check_payments()

    def _check_payments(self) -> None:
        """Given − got back − paid = named debt, in every payment and currency; and the server knows it."""
        told = {r.body.payment_id: r.body for r in self.server if isinstance(r.body, PaymentFinished)}
        given = {r.body.refund_id: r.body for r in self.server if isinstance(r.body, PayoutFinished)}
        for row in self.books._connection.execute("SELECT payment_id FROM sessions").fetchall():
            session = self.session(row[0])
            assert session.state in {"taking", "finished"}, session
            if session.state == "taking":
                continue
            assert not sessions.owed(session), session
            assert not sessions.overpaid(session), session
            if session.is_refund:
                assert not session.pieces, session
                if not self.server_is_away:
                    _check_refund(session, given[session.payment_id])
                continue
            report = told.get(session.payment_id)
            if not self.server_is_away:
                assert report is not None, session.payment_id
                assert report.credited_minor - report.change_minor - report.debts_minor == report.net_minor or (
                    session.conversions or report.outcome == "cancelled"
                )
                if report.outcome == "paid":
                    assert report.net_minor == report.due_minor + report.rounding_minor
                assert report.revision == session.revision


def _check_refund(session: Session, report: PayoutFinished) -> None:
    """What was given and what is on slips come to the amount, and the server's books need no suspense for it."""
    assert report.revision == session.revision
    given = sum(piece.value_minor * count for piece, count in session.given().items())
    owed = sum(debt.amount_minor for debt in report.debts)
    assert given + owed == report.amount_minor - report.rounding_minor == session.cash_due_minor
    read = msgspec.json.decode(msgspec.json.encode(report), type=model.PayoutFinished)
    postings = {p.account: p.amount_minor for p in model.payout_postings("k1", "cash", read)}
    assert postings.get(model.in_machine("k1"), 0) == -given
    assert model.suspense("k1") not in postings
