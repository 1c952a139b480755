"""What the parts of the till share: the journal, the machine, the payment of the moment; and the steps that are written
down in one transaction each.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from unqueue.kernel.cash import Denomination
from unqueue.kernel.clock import Clock, micros
from unqueue.kiosk.cash import session as sessions
from unqueue.kiosk.cash.currencies import CashPolicy
from unqueue.kiosk.cash.machine import Machine
from unqueue.kiosk.cash.reports import Attention, payment_finished, payout_finished
from unqueue.kiosk.cash.session import Debt, Session
from unqueue.kiosk.cash.store import CashJournal, Lock, OpenDebt, Transaction


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How long the till waits, in seconds. `payout_wait_s`: for a payout that makes no progress. `abandoned_after_s`:
    money is not laid in the tray for a shopper who last touched the machine this long ago; it becomes a debt.
    `retell_s`: for how long a device that was away is told again what was decided about its note. `rest_after_s`: how
    long after an acceptor was told to take nothing something may still be rolling. `report_s_max`: for how long the
    server may fail over one report until staff are called.
    """

    payout_poll_s: float = 0.1
    payout_wait_s: float = 30.0
    escrow_wait_s: float = 10.0
    abandoned_after_s: float = 600.0
    retell_s: float = 30.0
    rest_after_s: float = 3.0
    retry_s: float = 1.0
    report_s_max: float = 900.0
    tick_s: float = 1.0


class Desk:
    """The payment of the moment (or the last one) and everything that the parts of the till need to change it."""

    def __init__(
        self, journal: CashJournal, machine: Machine, policy: CashPolicy, clock: Clock, timing: Timing
    ) -> None:
        self.journal = journal
        self.machine = machine
        self.policy = policy
        self.clock = clock
        self.timing = timing
        self.session: Session | None = journal.open_session() or journal.last_session()
        self.version = 0
        self.giving = asyncio.Event()  # something is owed
        self.to_send = asyncio.Event()  # reports wait
        self._changed = asyncio.Event()

    def now_us(self) -> int:
        return micros(self.clock.now())

    def locks(self) -> dict[str, Lock]:
        return self.journal.locks()

    def not_giving(self) -> dict[str, object]:
        """Devices that pay nothing out now: locked ones, and those with a payout whose end is not known, unlocked or
        not: it could not be told from the next one.
        """
        doubtful = {intent.device: intent for intent in self.journal.unfinished_payouts()}
        return {**self.locks(), **doubtful}

    @property
    def is_taking(self) -> bool:
        return self.session is not None and self.session.state == "taking"

    @property
    def is_open(self) -> bool:
        """Whether a payment is not finished."""
        return self.session is not None and self.session.state != "finished"

    @property
    def paying(self) -> Session | None:
        """The payment that is not finished; a refund is none: nothing that comes in is meant for it."""
        session = self.session
        return session if session is not None and session.state != "finished" and not session.is_refund else None

    def keep(self, transaction: Transaction, session: Session, entry: int) -> Session:
        """Write a session down, and what the server must know if it came to its end or changed after it.

        Shown by :meth:`show`, after the transaction.
        """
        before = self.journal.session(session.payment_id)
        if before is not None and before.state == "finished":
            session = sessions.revised(session)
        transaction.put_session(session, entry)
        if session.state == "finished":
            body = payout_finished(session) if session.is_refund else payment_finished(session)
            kind = "refunded" if session.is_refund else "finished"
            transaction.entry(kind, payment_id=session.payment_id, data=msgspec.to_builtins(body))
            transaction.report([body])
        return session

    def show(self, session: Session | None = None) -> None:
        """Something durable changed: tell the screen, and whoever gives money and sends reports.

        A late word about an earlier payment, which is finished, does not become the one of the moment.
        """
        if session is not None:
            is_same = self.session is not None and session.payment_id == self.session.payment_id
            if is_same or session.state != "finished" or not self.is_open:
                self.session = session
        if self.session is not None and self.session.state in {"changing", "returning"}:
            self.giving.set()
        self.to_send.set()
        self.version += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_changed(self, version: int) -> None:
        """Until something differs from what `version` showed."""
        while self.version == version:
            await self._changed.wait()

    def attend(
        self,
        transaction: Transaction,
        device: str,
        trouble: str,
        detail: str,
        *,
        lock: bool,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Call staff, and take the device out of use where it must not go on."""
        payment_id = self.session.payment_id if self.session is not None and self.is_open else None
        if lock:
            transaction.lock(device, f"{trouble}: {detail}" if detail else trouble)
        transaction.entry(
            "attention",
            payment_id=payment_id,
            device=device,
            data={"trouble": trouble, "detail": detail, **(data or {})},
        )
        transaction.report(
            [Attention(device=device, trouble=trouble, detail=detail, locked=lock, payment_id=payment_id)]
        )

    def owe_everything(self, session: Session, reason: str) -> Session:
        """Name what is owed, in every currency, as debts. Its own transaction."""
        with self.journal.transaction(self.now_us()) as transaction:
            named = self.named(transaction, session, reason)
            entry = transaction.entry("debt", payment_id=session.payment_id, data={"reason": reason})
            kept = self.keep(transaction, sessions.ended(named), entry)
        self.show(kept)
        return kept

    @staticmethod
    def named(transaction: Transaction, session: Session, reason: str) -> Session:
        """The session with a debt for each currency in which something is owed."""
        for currency, amount_minor in sessions.owed(session).items():
            session = sessions.indebted(session, Debt(transaction.slip_number(), amount_minor, currency, reason))
        return session

    def debts(self) -> list[OpenDebt]:
        return self.journal.debts()


def texts(pieces: Mapping[Denomination, int]) -> dict[str, int]:
    """Pieces by the names of their denominations."""
    return {str(denomination): count for denomination, count in sorted(pieces.items())}
