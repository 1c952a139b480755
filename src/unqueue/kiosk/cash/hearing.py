"""What the acceptors say, made durable together with its mark in one transaction each, and only then acknowledged."""

import asyncio

import msgspec

from unqueue.devices.ports import (
    CashAcceptor,
    CashEvent,
    Credited,
    CreditUnknown,
    DeviceFailed,
    GivenBack,
    InEscrow,
    Trouble,
)
from unqueue.kiosk.cash import session as sessions
from unqueue.kiosk.cash.admission import Admission
from unqueue.kiosk.cash.desk import Desk
from unqueue.kiosk.cash.ledger import SHOPPER, Movement, cashbox, held, moved, removed, suspense
from unqueue.kiosk.cash.machine import CashDevice, Resting
from unqueue.kiosk.cash.session import Debt, Piece, Session
from unqueue.kiosk.cash.store import Decision, Escrow, Transaction

# Staff need not come for these.
_GOOD_NEWS = frozenset({"back", "cashbox_replaced"})
# What a device that works again has got over. A cashbox that is out or full is out or full until it is changed.
_TRANSIENT = frozenset({"jam", "fault", "unplugged", "reset", "fraud", "empty"})


class Hearing:
    """Listens to the acceptors."""

    def __init__(self, desk: Desk, admission: Admission) -> None:
        self._desk = desk
        self._admission = admission
        # Devices that could not be told what was decided about their note, and until when it is tried again.
        self._untold: dict[str, float] = {}

    async def listen(self, device: CashDevice, acceptor: CashAcceptor) -> None:
        """Hear a device's events from its last mark on, until it is released."""
        while True:
            try:
                after = await self._last_mark(device, acceptor)
                async for event in acceptor.events(after):
                    await self.hear(device, acceptor, event)
            except DeviceFailed:
                await asyncio.sleep(self._desk.timing.retry_s)
            else:
                return

    async def _last_mark(self, device: CashDevice, acceptor: CashAcceptor) -> str:
        """Where hearing goes on. At the very first start: where the device stands, durable before it takes money."""
        journal = self._desk.journal
        mark = journal.mark(device.name)
        if mark is None:
            mark = await acceptor.mark()
            with journal.transaction(self._desk.now_us()) as transaction:
                transaction.mark(device.name, mark)
                transaction.rest(device.name, at_rest=True)  # without a mark it was told to take nothing
                transaction.entry("first_mark", device=device.name)
            self._desk.show()
            await self._admission.refresh()
        elif journal.is_at_rest(device.name) and isinstance(acceptor, Resting):
            mark = acceptor.at_rest(mark)
        return mark

    async def hear(self, device: CashDevice, acceptor: CashAcceptor, event: CashEvent) -> None:
        """Book one event, acknowledge it, do what follows. One that was booked before is only acknowledged."""
        if event.mark == self._desk.journal.mark(device.name):
            await acceptor.acknowledge(event.mark)
            return
        decision: Decision | None = None
        if not isinstance(event, Trouble):
            self._untold.pop(device.name, None)  # the device says itself how it stands with its note
        match event:
            case InEscrow():
                decision = await self._decide(device, event)
            case Credited():
                self._book_credit(device, event)
            case GivenBack():
                self._book_given_back(device, event)
            case CreditUnknown():
                self._book_unknown(device, event)
            case Trouble():
                self._book_trouble(device, event)
        await acceptor.acknowledge(event.mark)
        if decision is not None:
            await self.route(device, acceptor, decision)
        await self._admission.refresh()

    async def route(self, device: CashDevice, acceptor: CashAcceptor, decision: Decision) -> None:
        """Tell the device what was decided about its note. Where that fails it is tried again for a while; if the note
        is gone by then, the device's events say where.
        """
        try:
            await (acceptor.stack() if decision == "stack" else acceptor.give_back())
        except DeviceFailed:
            self._untold.setdefault(device.name, asyncio.get_running_loop().time() + self._desk.timing.retell_s)
        else:
            self._untold.pop(device.name, None)

    def remember_untold(self) -> None:
        """After a start: what was decided before may not have been told."""
        for name in self._desk.journal.escrows():
            self._untold[name] = asyncio.get_running_loop().time() + self._desk.timing.retell_s

    async def tell_again(self) -> None:
        """What could not be told before, or before a power cut. The note of a payment that takes no more money goes
        back.
        """
        desk = self._desk
        for name, until_s in list(self._untold.items()):
            escrow = desk.journal.escrows().get(name)
            device = desk.machine.device(name)
            if escrow is None or device.acceptor is None or asyncio.get_running_loop().time() > until_s:
                del self._untold[name]
                continue
            session = desk.session
            same = session is not None and session.state == "taking" and session.payment_id == escrow.payment_id
            await self.route(device, device.acceptor, escrow.decision if same else "give_back")

    async def _decide(self, device: CashDevice, event: InEscrow) -> Decision:
        may = await self._admission.may_take(device, event.denomination)
        decision: Decision = "stack" if may else "give_back"
        desk = self._desk
        payment_id = desk.paying.payment_id if desk.paying is not None else None
        with desk.journal.transaction(desk.now_us()) as transaction:
            transaction.mark(device.name, event.mark)
            transaction.entry(
                "in_escrow", payment_id=payment_id, device=device.name,
                data={"denomination": str(event.denomination), "decision": decision},
            )  # fmt: skip
            transaction.put_escrow(Escrow(device.name, payment_id, event.denomination, decision))
        return decision

    def _book_credit(self, device: CashDevice, event: Credited) -> None:
        desk = self._desk
        now_us = desk.now_us()
        _works_again(device)
        escrow = desk.journal.escrows().get(device.name)
        session = self._owner(escrow, now_us)
        place = desk.machine.place(device, event.denomination, event.where)
        piece = Piece(event.denomination, session.credit_of(event.denomination) or 0, device.name, place)
        with desk.journal.transaction(now_us) as transaction:
            transaction.mark(device.name, event.mark)
            transaction.drop_escrow(device.name)
            entry = transaction.entry(
                "credited", [Movement(event.denomination, 1, SHOPPER, place)], payment_id=session.payment_id,
                device=device.name, data={"credited_minor": piece.credited_minor},
            )  # fmt: skip
            was_finished = session.state == "finished"
            session = sessions.credited(session, piece, now_us)
            if was_finished or (session.stray and desk.is_open and desk.paying is None):
                # The shopper may have left, and another may stand here, or get a refund: staff give it back.
                session = sessions.ended(desk.named(transaction, session, "late"))
            session = desk.keep(transaction, session, entry)
        desk.show(session)

    def _owner(self, escrow: Escrow | None, now_us: int) -> Session:
        """Whose money it is: of the payment that its note was in escrow for, else of the payment of the moment, else
        nobody's: it goes straight back.
        """
        desk = self._desk
        if escrow is not None and escrow.payment_id is not None:
            owner = desk.journal.session(escrow.payment_id)
            if owner is not None:
                return owner
        if desk.paying is not None:
            return desk.paying
        name = f"stray-{desk.journal.name[:8]}-{desk.journal.next_entry()}"
        return sessions.stray(name, desk.policy, desk.policy.rates_at(desk.clock.now()), now_us=now_us)

    def _book_given_back(self, device: CashDevice, event: GivenBack) -> None:
        desk = self._desk
        with desk.journal.transaction(desk.now_us()) as transaction:
            transaction.mark(device.name, event.mark)
            transaction.drop_escrow(device.name)
            payment_id = desk.paying.payment_id if desk.paying is not None else None
            transaction.entry("given_back", payment_id=payment_id, device=device.name, data={"reason": event.reason})
        desk.show()

    def _book_unknown(self, device: CashDevice, event: CreditUnknown) -> None:
        """Nobody can say what came: the device is locked, staff count it, the shopper gets a slip without an amount."""
        desk = self._desk
        session = desk.paying
        with desk.journal.transaction(desk.now_us()) as transaction:
            transaction.mark(device.name, event.mark)
            transaction.drop_escrow(device.name)
            desk.attend(
                transaction, device.name, "credit_unknown", event.detail, lock=True, data={"count": event.count}
            )
            if session is not None:
                debt = Debt(transaction.slip_number(), 0, session.currency, "unknown", in_doubt=True)
                session = sessions.indebted(session, debt)
                session = msgspec.structs.replace(session, unknown=(*session.unknown, event.detail))
                entry = transaction.entry("debt", payment_id=session.payment_id, data={"number": debt.number})
                session = desk.keep(transaction, session, entry)
        desk.show(session)

    def _book_trouble(self, device: CashDevice, event: Trouble) -> None:
        desk = self._desk
        session: Session | None = None
        # Unplugged it takes nothing either; what it did when its power came back is told by what comes next.
        stays_at_rest = event.kind == "unplugged" and desk.journal.is_at_rest(device.name)
        with desk.journal.transaction(desk.now_us()) as transaction:
            transaction.mark(device.name, event.mark)
            if stays_at_rest:
                transaction.rest(device.name, at_rest=True)
            if event.kind == "fraud":
                session = self._dispute(transaction, device, event)
            elif event.kind in _GOOD_NEWS:
                transaction.entry("trouble", device=device.name, data={"trouble": event.kind, "detail": event.detail})
            else:
                desk.attend(transaction, device.name, event.kind, event.detail, lock=False)
            if event.kind == "cashbox_removed":
                place = cashbox(device.name)
                gone = moved(held(desk.journal.contents, place), place, removed(device.name))
                transaction.entry("cashbox_removed", gone, device=device.name)
        _remember(device, event)
        desk.show(session)

    def _dispute(self, transaction: Transaction, device: CashDevice, event: Trouble) -> Session | None:
        """Somebody may have pulled a piece out again: it counts no longer if the payment is still open, and is looked
        for: in the books it is in suspense.
        """
        desk = self._desk
        desk.attend(transaction, device.name, "fraud", event.detail, lock=True)
        session = desk.session
        if session is None or not desk.is_taking or all(piece.device != device.name for piece in session.pieces):
            return None
        session, piece = sessions.disputed(session, device.name, transaction.slip_number())
        assert piece is not None, "the session has a piece of this device"
        entry = transaction.entry(
            "disputed", [Movement(piece.denomination, 1, piece.place, suspense(piece.place))],
            payment_id=session.payment_id, device=device.name,
        )  # fmt: skip
        return desk.keep(transaction, session, entry)


def _works_again(device: CashDevice) -> None:
    device.blocking -= _TRANSIENT
    for kind in _TRANSIENT:
        device.troubles.pop(kind, None)


def _remember(device: CashDevice, event: Trouble) -> None:
    """What the device is like now; a device that was reset or away has to be told again what it may take."""
    if event.kind in {"back", "reset", "unplugged", "cashbox_replaced"}:
        device.enabled = None
    if event.kind == "back":
        _works_again(device)
    elif event.kind == "cashbox_replaced":
        device.blocking -= {"cashbox_removed", "full"}
        device.troubles.pop("full", None)
        device.troubles.pop("cashbox_removed", None)
    else:
        device.troubles[event.kind] = event.detail
        if event.blocks:
            device.blocking.add(event.kind)
