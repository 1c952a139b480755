"""The cash till of a kiosk: takes cash for one payment at a time, and never loses or invents a coin.

What a shopper or an attendant asks, and what the screen shows. The parts: :mod:`admission` (what may be taken),
:mod:`hearing` (what comes), :mod:`paying` (what goes), :mod:`cashup` (what staff do), :mod:`outbox` (what the server is
told). Everything that happens is durable before it is answered, acknowledged or acted upon; after a power cut the till
goes on from its journal and asks its devices what became of what it had told them.
"""

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self

import msgspec

from unqueue.devices.ports import DeviceFailed
from unqueue.kernel.cash import Denomination
from unqueue.kernel.clock import Clock, micros
from unqueue.kernel.money import Money, format_minor
from unqueue.kiosk.cash import session as sessions
from unqueue.kiosk.cash.acceptance import refusal_texts
from unqueue.kiosk.cash.admission import Admission
from unqueue.kiosk.cash.cashup import CashUp
from unqueue.kiosk.cash.change import choose
from unqueue.kiosk.cash.currencies import CashPolicy
from unqueue.kiosk.cash.desk import Desk, Timing
from unqueue.kiosk.cash.hearing import Hearing
from unqueue.kiosk.cash.machine import CashDevice, Machine
from unqueue.kiosk.cash.outbox import Outbox, Send
from unqueue.kiosk.cash.paying import Payer
from unqueue.kiosk.cash.refusals import (
    CashConflict,
    CashPartUneven,
    CashUnavailable,
    PayoutUnavailable,
    TillBusy,
    UnknownCashPayment,
)
from unqueue.kiosk.cash.session import Debt, Session, State
from unqueue.kiosk.cash.store import CashJournal


class Accepted(msgspec.Struct, frozen=True):
    """A piece that may be put in now, and what it counts in the store's currency."""

    denomination: str
    credited_minor: int


class Refused(msgspec.Struct, frozen=True):
    """A piece that would be given back, and why."""

    denomination: str
    reason: str
    zh: str
    en: str


class DeviceView(msgspec.Struct, frozen=True):
    """A device for the staff's page: `ready`, or what is wrong with it."""

    device: str
    ready: bool
    lock: str | None
    troubles: dict[str, str]


class CashView(msgspec.Struct, frozen=True, kw_only=True):
    """What the screen shows. `state` is `idle` before the first payment, `halted` after a fault of ours. Amounts are
    minor units of `currency`; `to_give_minor` is owed and not given yet, per currency. `step_minor` is the
    store's smallest amount in cash. `version` grows with changes.
    """

    version: int
    state: State | Literal["idle", "halted"]
    payment_id: str | None = None
    outcome: str | None = None
    reason: str = ""
    currency: str = ""
    step_minor: int = 1
    due_minor: int = 0
    cash_due_minor: int = 0
    rounding_minor: int = 0
    inserted_minor: int = 0
    remaining_minor: int = 0
    to_give_minor: dict[str, int] = {}
    dispensed: dict[str, int] = {}
    expires_us: int = 0
    rates: dict[str, str] = {}
    accepted: list[Accepted] = []
    refused: list[Refused] = []
    debts: list[Debt] = []
    devices: list[DeviceView] = []


class CashTill:
    """The till. `async with` claims the devices, recovers what was begun, and keeps going; `staff` is for attendants,
    `reports` what waits for the server.

    `send` takes a report to the server; it raises if the server did not take it, and is called again later.
    """

    def __init__(
        self, *, journal: CashJournal, devices: Sequence[CashDevice], policy: CashPolicy, clock: Clock, send: Send,
        timing: Timing | None = None,
    ) -> None:  # fmt: skip
        self._desk = Desk(journal, Machine(devices), policy, clock, timing or Timing())
        self._admission = Admission(self._desk)
        self._hearing = Hearing(self._desk, self._admission)
        self._payer = Payer(self._desk, self._admission)
        self._tasks: list[asyncio.Task[None]] = []
        self._turn = asyncio.Lock()
        self._failure: asyncio.Future[None] | None = None
        self.staff = CashUp(self._desk)
        self.reports = Outbox(self._desk, send)

    async def __aenter__(self) -> Self:
        self._failure = asyncio.get_running_loop().create_future()
        await self._desk.machine.claim()
        await self._recover()
        self._start("payer", self._payer.run())
        self._start("outbox", self.reports.run())
        self._start("ticking", self._ticking())
        for device, acceptor in self._desk.machine.acceptors:
            self._start(f"hearing {device.name}", self._hearing.listen(device, acceptor))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._take_nothing()
        await self._desk.machine.release()
        if self._failure is not None:
            self._failure.cancel()

    async def begin(self, payment_id: str, due: Money, expires: datetime, *, is_part: bool = False) -> CashView:
        """Take cash for a payment until enough came, it is cancelled, or it expires.

        The same id and amount again is the same payment, whatever became of it. TillBusy while another is open,
        CashConflict for another amount, CashUnavailable when nothing can be taken. ``is_part``: more of the order stays
        due. What is paid in cash for an order is rounded once, with the last of it: CashPartUneven for a part that
        would have to be.
        """
        async with self._turn:
            known = self._desk.journal.session(payment_id)
            if known is not None:
                if (known.due_minor, known.currency, known.is_refund) != (due.amount_minor, due.currency, False):
                    raise CashConflict
                return self.view()
            self._check_can_begin(due)
            if is_part and due.amount_minor % self._desk.policy.step_minor:
                raise CashPartUneven(step=format_minor(self._desk.policy.step_minor, due.currency))
            policy, now = self._desk.policy, self._desk.clock.now()
            session = sessions.begin(
                payment_id,
                due.amount_minor,
                policy,
                policy.rates_at(now),
                now_us=micros(now),
                expires_us=micros(expires),
            )
            await self._admission.check_possible(session)
            if self._desk.is_open:
                raise TillBusy  # money came by itself meanwhile
            with self._desk.journal.transaction(micros(now)) as transaction:
                entry = transaction.entry("begun", payment_id=payment_id, data={"due_minor": due.amount_minor})
                session = self._desk.keep(transaction, session, entry)
            self._desk.show(session)
            await self._admission.refresh()
            return self.view()

    async def pay_out(
        self, refund_id: str, amount: Money, *, or_slip: bool = False, kept_minor: int | None = None
    ) -> CashView:
        """Give a refund back, rounded for cash. It is durable when this returns, and `session` tells when it is over.
        `kept_minor` is what the store has kept in cash of the order until now: that is what is rounded.

        The same id and amount again is the same refund, whatever became of it. TillBusy while a payment is open,
        CashConflict for another amount, CashUnavailable where not all of it can be given: nothing is given then; or
        with `or_slip` what can be, and a slip for the rest.
        """
        async with self._turn:
            known = self._desk.journal.session(refund_id)
            if known is not None:
                if (known.due_minor, known.currency, known.is_refund) != (amount.amount_minor, amount.currency, True):
                    raise CashConflict
                return self.view()
            session = await self._check_payout(refund_id, amount, or_slip=or_slip, kept_minor=kept_minor)
            with self._desk.journal.transaction(session.begun_us) as transaction:
                entry = transaction.entry("refund", payment_id=refund_id, data={"amount_minor": amount.amount_minor})
                session = self._desk.keep(transaction, session, entry)
            self._desk.show(session)
            return self.view()

    async def check_payout(self, amount: Money, *, kept_minor: int | None = None) -> None:
        """Whether :meth:`pay_out` would be refused now. TillBusy, CashUnavailable."""
        async with self._turn:
            await self._check_payout("", amount, or_slip=False, kept_minor=kept_minor)

    @property
    def timing(self) -> Timing:
        return self._desk.timing

    def refresh(self) -> None:
        """Something was written in the journal from outside: whoever looks, looks again, and reports go out."""
        self._desk.show()

    async def cancel(self, payment_id: str, reason: str = "shopper") -> CashView:
        """Give everything back. A payment that is complete stays complete. UnknownCashPayment."""
        if self._desk.journal.session(payment_id) is None:
            raise UnknownCashPayment
        self._cancel(payment_id, reason)
        return self.view()

    async def extend(self, payment_id: str, expires: datetime) -> CashView:
        """The shopper is still there. UnknownCashPayment unless it is the payment that takes money now."""
        session = self._desk.session
        if session is None or session.payment_id != payment_id or session.state != "taking":
            raise UnknownCashPayment
        session = msgspec.structs.replace(session, expires_us=micros(expires), touched_us=self._desk.now_us())
        with self._desk.journal.transaction(self._desk.now_us()) as transaction:
            entry = transaction.entry("extended", payment_id=payment_id, data={"expires_us": session.expires_us})
            session = self._desk.keep(transaction, session, entry)
        self._desk.show(session)
        return self.view()

    def session(self, payment_id: str) -> Session:
        """A payment as the journal has it, open or finished. UnknownCashPayment."""
        found = self._desk.journal.session(payment_id)
        if found is None:
            raise UnknownCashPayment
        return found

    def view(self) -> CashView:
        """What the screen shows now."""
        session, version = self._desk.session, self._desk.version
        state: State | Literal["idle", "halted"] = "halted" if self.is_halted else session.state if session else "idle"
        devices = self._device_views()
        if session is None:
            return CashView(version=version, state=state, step_minor=self._desk.policy.step_minor, devices=devices)
        verdicts: Mapping[Denomination, str | None] = self._admission.verdicts if session.state == "taking" else {}
        return CashView(
            version=version, state=state, payment_id=session.payment_id, outcome=session.outcome,
            reason=session.reason, currency=session.currency, step_minor=self._desk.policy.step_minor,
            due_minor=session.due_minor,
            cash_due_minor=session.cash_due_minor, rounding_minor=session.rounding_minor,
            inserted_minor=session.inserted_minor,
            remaining_minor=max(0, session.cash_due_minor - session.inserted_minor) if session.state == "taking" else 0,
            to_give_minor=sessions.owed(session), dispensed=session.dispensed, expires_us=session.expires_us,
            rates=session.rates, debts=list(session.debts), devices=devices,
            accepted=[
                Accepted(str(piece), session.credit_of(piece) or 0)
                for piece, reason in sorted(verdicts.items()) if reason is None
            ],
            refused=[
                Refused(str(piece), reason, *refusal_texts(piece, reason))
                for piece, reason in sorted(self._admission.verdicts.items())
                if reason is not None and session.state == "taking"
            ],
        )  # fmt: skip

    async def wait_changed(self, version: int) -> CashView:
        """The view as soon as it differs from the one with this version."""
        await self._desk.wait_changed(version)
        return self.view()

    async def wait_failed(self) -> None:
        """Returns never; raises what stopped the till. The process ends then, and is started again: starting is
        recovering.
        """
        assert self._failure is not None, "the till is entered"
        await asyncio.shield(self._failure)

    @property
    def is_halted(self) -> bool:
        return self._failure is not None and self._failure.done() and not self._failure.cancelled()

    async def tick(self) -> None:
        """What is due by time: an expired payment is cancelled, devices that came back are told and asked again."""
        session = self._desk.session
        if session is not None and session.state == "taking" and self._desk.now_us() >= session.expires_us:
            self._cancel(session.payment_id, "timeout")
        await self._hearing.tell_again()
        self._admission.rest()
        await self._payer.resolve_doubts()
        await self._look_at_blocked()
        if not self._admission.is_settled:
            await self._admission.refresh()

    def _cancel(self, payment_id: str, reason: str) -> None:
        session = self._desk.session
        if session is None or session.payment_id != payment_id or session.state != "taking":
            return
        session = sessions.cancelled(session, reason, self._desk.now_us())
        with self._desk.journal.transaction(self._desk.now_us()) as transaction:
            entry = transaction.entry("cancelled", payment_id=payment_id, data={"reason": reason})
            session = self._desk.keep(transaction, session, entry)
        self._desk.show(session)

    def _check_can_begin(self, due: Money) -> None:
        assert due.amount_minor > 0, "a payment is above zero"
        if self._desk.is_open:
            raise TillBusy
        if self.is_halted:
            raise CashUnavailable(detail="the till stopped after a fault")
        if due.currency != self._desk.policy.currency:
            raise CashUnavailable(detail=f"this machine gives change in {self._desk.policy.currency}")
        locks = self._desk.locks()
        if all(device.name in locks or device.blocking for device, _ in self._desk.machine.acceptors):
            raise CashUnavailable(detail="no device can take money")

    async def _check_payout(self, refund_id: str, amount: Money, *, or_slip: bool, kept_minor: int | None) -> Session:
        """The session that a refund would be."""
        assert amount.amount_minor > 0, "a refund is above zero"
        desk = self._desk
        if desk.is_open:
            raise TillBusy
        if self.is_halted:
            raise PayoutUnavailable(detail="the till stopped after a fault")
        if amount.currency != desk.policy.currency:
            raise PayoutUnavailable(detail=f"this machine gives change in {desk.policy.currency}")
        session = sessions.refund(
            refund_id, amount.amount_minor, desk.policy, now_us=desk.now_us(), kept_minor=kept_minor
        )
        stocks = await desk.machine.stocks(desk.journal.contents, desk.not_giving())
        own = [stock for stock in stocks if stock.denomination.currency == amount.currency]
        if not or_slip and choose(session.cash_due_minor, own) is None:
            raise PayoutUnavailable(detail=f"{session.cash_due_minor} can't be made of what lies in the dispensers")
        if desk.is_open:
            raise TillBusy  # money came by itself meanwhile
        return session

    async def _recover(self) -> None:
        """From the journal: what was decided about notes in escrow is told again. Open payouts and what is owed are the
        payer's, events since the last mark come by themselves, and a payment that still takes money goes on.
        """
        session = self._desk.session
        if session is not None and session.state == "taking" and self._desk.now_us() >= session.expires_us:
            self._cancel(session.payment_id, "timeout")
        self._hearing.remember_untold()
        await self._hearing.tell_again()
        self._desk.show()
        await self._admission.refresh()

    async def _ticking(self) -> None:
        while True:
            await self.tick()
            await asyncio.sleep(self._desk.timing.tick_s)

    async def _look_at_blocked(self) -> None:
        """A device that works again without saying so."""
        for device, acceptor in self._desk.machine.acceptors:
            waiting = device.blocking - {"cashbox_removed", "full"}
            if waiting and (await acceptor.status()).status == "ready":
                device.blocking -= waiting
                for kind in waiting:
                    device.troubles.pop(kind, None)
                device.enabled = None

    def _device_views(self) -> list[DeviceView]:
        locks = self._desk.locks()
        views = []
        for device in self._desk.machine.devices.values():
            troubles = dict(device.troubles)
            if device.name in self._admission.failed:
                troubles["connection"] = self._admission.failed[device.name]
            lock = locks.get(device.name)
            ready = lock is None and not device.blocking and "connection" not in troubles
            views.append(DeviceView(device.name, ready, lock.reason if lock else None, troubles))
        return views

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(self._guarded(work), name=f"cash: {name}"))

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """A surprise stops the till: nothing more is taken, and the next start recovers, as after a power cut."""
        try:
            await work
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, the till must not go on with half a step
            if self._failure is not None and not self._failure.done():
                self._failure.set_exception(error)
                self._failure.exception()  # seen: it is not lost if nobody waits for it
            for task in self._tasks:
                if task is not asyncio.current_task():
                    task.cancel()
            await self._take_nothing()
            self._desk.show()

    async def _take_nothing(self) -> None:
        for _, acceptor in self._desk.machine.acceptors:
            with contextlib.suppress(DeviceFailed):
                await acceptor.enable(frozenset())
