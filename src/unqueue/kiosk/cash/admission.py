"""Which coins and notes the devices are told to take, and the decision about a note in escrow."""

import asyncio
import contextlib
from collections.abc import Sequence
from math import gcd

from unqueue.devices.ports import CashAcceptor, DeviceFailed
from unqueue.kernel.cash import Denomination
from unqueue.kiosk.cash.acceptance import Position, Reason, Taken, acceptable, judge
from unqueue.kiosk.cash.change import Stock
from unqueue.kiosk.cash.desk import Desk
from unqueue.kiosk.cash.machine import CashDevice
from unqueue.kiosk.cash.refusals import CashUnavailable
from unqueue.kiosk.cash.session import Session


class Admission:
    """Keeps what the devices take in step with the payment. `verdicts` is what the screen shows, `failed` the devices
    that could not be told.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._one_at_a_time = asyncio.Lock()
        self.verdicts: dict[Denomination, Reason | None] = {}
        self.failed: dict[str, str] = {}

    async def refresh(self) -> None:
        """Tell every acceptor what it may take now: nothing, unless a payment takes money."""
        async with self._one_at_a_time:
            version = -1
            while version != self._desk.version:
                version = self._desk.version
                verdicts: dict[Denomination, Reason | None] = {}
                session = self._desk.session
                stocks = await self._stocks() if self._desk.is_taking else []
                for device, acceptor in self._desk.machine.acceptors:
                    if session is None or not self._desk.is_taking:
                        await self._tell(device, acceptor, frozenset())
                        continue
                    judged = await self._judge(device, session, stocks)
                    _merge(verdicts, judged)
                    await self._tell(device, acceptor, acceptable(judged))
                self.verdicts = verdicts
            self._desk.show()

    async def may_take(self, device: CashDevice, denomination: Denomination) -> bool:
        """Whether the note in a device's escrow may be stacked, as everything stands now."""
        session = self._desk.session
        if session is None or not self._desk.is_taking:
            return False
        desk = self._desk
        candidate = desk.machine.candidate(device, denomination, session, desk.journal.contents, desk.locks())
        verdict = judge(self._position(session, await self._stocks()), [candidate])[denomination]
        return verdict is None and desk.session == session

    @property
    def is_settled(self) -> bool:
        """Whether every acceptor was told, and agreed."""
        return not self.failed and all(device.enabled is not None for device, _ in self._desk.machine.acceptors)

    async def _judge(
        self, device: CashDevice, session: Session, stocks: Sequence[Stock]
    ) -> dict[Denomination, Reason | None]:
        desk = self._desk
        try:
            candidates = await desk.machine.candidates(device, session, desk.journal.contents, desk.locks())
        except DeviceFailed as error:
            self.failed[device.name] = str(error)
            return {}
        return judge(self._position(session, stocks), candidates)

    def _position(self, session: Session, stocks: Sequence[Stock]) -> Position:
        """The payment with what is on its way: a note that another device was told to stack counts as taken."""
        taken = [Taken(piece.denomination, piece.credited_minor) for piece in session.pieces]
        taken += [
            Taken(escrow.denomination, session.credit_of(escrow.denomination) or 0)
            for escrow in self._desk.journal.escrows().values()
            if escrow.payment_id == session.payment_id and escrow.decision == "stack"
        ]
        return Position(session.currency, session.cash_due_minor, taken, stocks, session.refund_in_store_currency)

    async def _stocks(self) -> list[Stock]:
        return await self._desk.machine.stocks(self._desk.journal.contents, self._desk.not_giving())

    async def _tell(self, device: CashDevice, acceptor: CashAcceptor, wanted: frozenset[Denomination]) -> None:
        if device.enabled == wanted:
            self.failed.pop(device.name, None)
            return
        device.enabled = None
        journal = self._desk.journal
        if wanted and journal.mark(device.name) is None:
            self.failed[device.name] = "not heard of yet"
            return
        if wanted and journal.is_at_rest(device.name):
            with journal.transaction(self._desk.now_us()) as transaction:
                transaction.rest(device.name, at_rest=False)
        try:
            await acceptor.enable(wanted)
        except DeviceFailed as error:
            self.failed[device.name] = str(error)
            return
        device.enabled = wanted
        device.closed_at_s = asyncio.get_running_loop().time()
        self.failed.pop(device.name, None)

    def rest(self) -> None:
        """Write down which acceptors take nothing, once nothing can be rolling any more."""
        now_s, journal = asyncio.get_running_loop().time(), self._desk.journal
        for device, _ in self._desk.machine.acceptors:
            quiet = device.enabled == frozenset() and now_s - device.closed_at_s >= self._desk.timing.rest_after_s
            marked = journal.mark(device.name) is not None and not journal.is_at_rest(device.name)
            if quiet and marked and device.name not in journal.escrows():
                with journal.transaction(self._desk.now_us()) as transaction:
                    transaction.rest(device.name, at_rest=True)

    async def check_possible(self, session: Session) -> None:
        """CashUnavailable if no device answers, or no sum of pieces could ever meet the amount, as when it ends in a
        jiao and no jiao goes in or out.
        """
        steps: set[int] = set()
        heard = False
        for device, acceptor in self._desk.machine.acceptors:
            with contextlib.suppress(DeviceFailed):
                known = await acceptor.denominations()
                if device.name not in self._desk.locks():
                    heard = True
                    steps |= {session.credit_of(piece) or 0 for piece in known}
        stocks = await self._stocks()
        steps |= {s.denomination.value_minor for s in stocks if s.denomination.currency == session.currency}
        if not heard:
            raise CashUnavailable(detail="no device can take money")
        if not any(steps) or session.cash_due_minor % gcd(*steps):
            raise CashUnavailable(detail=f"{session.cash_due_minor} can't be met with the pieces that go in and out")


def _merge(verdicts: dict[Denomination, Reason | None], more: dict[Denomination, Reason | None]) -> None:
    """A piece that one of several devices takes is taken."""
    for denomination, reason in more.items():
        if reason is None or denomination not in verdicts:
            verdicts[denomination] = reason
