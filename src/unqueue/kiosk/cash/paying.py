"""Giving money: change, everything back after a cancellation, and refunds.

Each payout is written down with its device's mark before the device is told; its pieces wait in suspense until the
device says what became of them. Whatever can't be given becomes a named debt. The loop has no memory of its own: it
looks at what is owed, and after a power cut it just goes on.
"""

import asyncio
from collections.abc import Mapping, Sequence

from unqueue.devices.ports import DeviceFailed, Payout
from unqueue.kernel.cash import Denomination
from unqueue.kiosk.cash import session as sessions
from unqueue.kiosk.cash.admission import Admission
from unqueue.kiosk.cash.change import Reach, Stock, choose
from unqueue.kiosk.cash.desk import Desk, texts
from unqueue.kiosk.cash.ledger import SHOPPER, Movement, dispenser, moved, suspense, value_minor
from unqueue.kiosk.cash.session import Debt, Session
from unqueue.kiosk.cash.store import PayoutIntent, Transaction

Counts = dict[str, dict[Denomination, int]]


class Payer:
    """Pays what is owed."""

    def __init__(self, desk: Desk, admission: Admission) -> None:
        self._desk = desk
        self._admission = admission
        self._patient_until_s = 0.0  # for dispensers that are away: just after a start all of them are

    async def run(self) -> None:
        """For ever: whenever something is owed, give it."""
        while True:
            await self._desk.giving.wait()
            self._desk.giving.clear()
            await self.give()

    async def give(self) -> None:
        """Until nothing is owed to the shopper of the moment."""
        await self._admission.refresh()  # nothing more is taken meanwhile
        await self._wait_for_escrow()
        self._patient_until_s = asyncio.get_running_loop().time() + self._desk.timing.payout_wait_s
        while (session := self._desk.session) is not None and session.state in {"changing", "returning"}:
            open_payouts = [intent for intent in self._desk.journal.unfinished_payouts() if intent.state == "open"]
            if open_payouts:
                await asyncio.gather(*(self._follow(intent, told=False) for intent in open_payouts))
            elif self._is_abandoned(session):
                self._desk.owe_everything(session, "abandoned")
            else:
                await self._give_some(session)
        for device in self._desk.machine.devices.values():
            device.refusals = 0

    async def resolve_doubts(self) -> None:
        """Ask the devices whose payouts we stopped waiting for; a device that is still away is asked again later."""
        for intent in self._desk.journal.unfinished_payouts():
            if intent.state != "doubt":
                continue
            port = self._desk.machine.device(intent.device).dispenser
            assert port is not None, "a payout has a dispenser"
            try:
                payout = await port.payout(intent.mark)
            except DeviceFailed:
                continue
            if payout.done:
                self._book_end(intent, payout, told=False)

    async def _wait_for_escrow(self) -> None:
        """A note that was told to be stacked, or to go back, is on its way: wait a little for what becomes of it."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._desk.timing.escrow_wait_s
        while loop.time() < deadline and self._desk.session is not None:
            payment_id, version = self._desk.session.payment_id, self._desk.version
            if all(escrow.payment_id != payment_id for escrow in self._desk.journal.escrows().values()):
                return
            try:
                await asyncio.wait_for(self._desk.wait_changed(version), deadline - loop.time())
            except TimeoutError:
                return

    def _is_abandoned(self, session: Session) -> bool:
        return self._desk.now_us() - session.touched_us > self._desk.timing.abandoned_after_s * 1_000_000

    async def _give_some(self, session: Session) -> None:
        """One step: payouts for one currency, or a conversion, or a debt. Each makes what is owed less, or takes a
        device out of the choice, so that the steps come to an end.
        """
        stocks = await self._desk.machine.stocks(self._desk.journal.contents, self._desk.not_giving())
        if self._desk.session != session:
            return  # something came meanwhile
        owed = sessions.owed(session)
        currency = next((currency for currency in owed if currency != session.currency), session.currency)
        own = [stock for stock in stocks if stock.denomination.currency == currency]
        counts = plan(session, owed[currency], own)
        if _value(counts) < owed[currency] and self._may_wait():
            await asyncio.sleep(self._desk.timing.payout_poll_s)
            return
        if currency != session.currency and _value(counts) < owed[currency]:
            # Foreign money goes back as it came, all of it, or in the store's currency.
            change = sessions.conversion(session, currency, owed[currency])
            if change is not None:
                self._convert(session, change)
                return
        if counts:
            await self._pay_out(session, self._in_one_go(counts))
        else:
            self._owe(session, currency, owed[currency])

    def _may_wait(self) -> bool:
        """Whether a dispenser that does not answer may still come back and help."""
        is_patient = asyncio.get_running_loop().time() < self._patient_until_s
        return is_patient and bool(self._desk.machine.away)

    def _in_one_go(self, counts: Counts) -> Counts:
        """As much of it as the devices can pay out at once; the rest is still owed afterwards."""
        devices = self._desk.machine.devices
        return {
            name: {piece: min(count, devices[name].settings.payout_max) for piece, count in pieces.items()}
            for name, pieces in counts.items()
        }

    def _convert(self, session: Session, change: sessions.Conversion) -> None:
        desk = self._desk
        with desk.journal.transaction(desk.now_us()) as transaction:
            entry = transaction.entry(
                "converted", payment_id=session.payment_id,
                data={"currency": change.currency, "face_minor": change.face_minor, "store_minor": change.store_minor},
            )  # fmt: skip
            session = desk.keep(transaction, sessions.ended(sessions.converted(session, change)), entry)
        desk.show(session)

    def _owe(self, session: Session, currency: str, amount_minor: int) -> None:
        desk = self._desk
        with desk.journal.transaction(desk.now_us()) as transaction:
            debt = Debt(transaction.slip_number(), amount_minor, currency, "no_change")
            entry = transaction.entry("debt", payment_id=session.payment_id, data={"number": debt.number})
            session = desk.keep(transaction, sessions.ended(sessions.indebted(session, debt)), entry)
        desk.show(session)

    async def _pay_out(self, session: Session, counts: Counts) -> None:
        """Write down, tell and follow payouts of several devices at once."""
        desk = self._desk
        marks: dict[str, str] = {}
        for name in counts:
            port = desk.machine.device(name).dispenser
            assert port is not None, "only dispensers have stock"
            try:
                marks[name] = await port.begin()
            except DeviceFailed:
                desk.machine.device(name).refusals += 1
                await asyncio.sleep(desk.timing.payout_poll_s)
                return
        if desk.session != session:
            return
        with desk.journal.transaction(desk.now_us()) as transaction:
            intents = []
            for name, pieces in counts.items():
                transaction.entry(
                    "payout", moved(pieces, dispenser(name), suspense(dispenser(name))), payment_id=session.payment_id,
                    device=name, data={"mark": marks[name], "asked": texts(pieces)},
                )  # fmt: skip
                intents.append(transaction.begin_payout(session.payment_id, name, marks[name], pieces))
        desk.show()
        await asyncio.gather(*(self._tell(intent) for intent in intents))

    async def _tell(self, intent: PayoutIntent) -> None:
        device = self._desk.machine.device(intent.device)
        assert device.dispenser is not None, "a payout has a dispenser"
        try:
            await device.dispenser.dispense(intent.asked, intent.mark)
        except DeviceFailed as error:
            if not error.details["uncertain"]:
                device.refusals += 1
                self._book_end(intent, Payout(paid={}, done=True), told=False)
                return
        await self._follow(intent, told=True)

    async def _follow(self, intent: PayoutIntent, *, told: bool) -> None:
        """Until the payout is done, or makes no progress for too long."""
        port = self._desk.machine.device(intent.device).dispenser
        assert port is not None, "a payout has a dispenser"
        loop = asyncio.get_running_loop()
        paid: dict[Denomination, int] = {}
        last_progress = loop.time()
        while loop.time() - last_progress <= self._desk.timing.payout_wait_s:
            try:
                payout = await port.payout(intent.mark)
            except DeviceFailed:
                payout = Payout(paid=paid, done=False)
            if payout.done:
                self._book_end(intent, payout, told=told)
                return
            if payout.paid != paid:
                paid, last_progress = payout.paid, loop.time()
            await asyncio.sleep(self._desk.timing.payout_poll_s)
        self._book_doubt(intent)

    def _book_end(self, intent: PayoutIntent, payout: Payout, *, told: bool) -> None:
        """The payout is over: what left is the shopper's, the rest is in the dispenser again, unless the device is not
        sure: then it stays in suspense, and is a debt in doubt. `told`: it was begun just now, and had no reason to
        give less than it was asked for.
        """
        desk = self._desk
        session = self._session_of(intent)
        paid = {piece: count for piece, count in payout.paid.items() if count}
        rest = {piece: count - min(count, paid.get(piece, 0)) for piece, count in intent.asked.items()}
        movements = _movements(intent, payout)
        with desk.journal.transaction(desk.now_us()) as transaction:
            entry = transaction.entry(
                "paid_out", movements, payment_id=intent.payment_id, device=intent.device,
                data={"mark": intent.mark, "paid": texts(paid), "problem": payout.problem, "exact": payout.exact},
            )  # fmt: skip
            transaction.set_payout(intent.payout, "done")
            session = self._settled(transaction, sessions.gave(session, paid), intent, paid, exact=payout.exact)
            if not payout.exact and any(rest.values()) and intent.state == "open":
                session = self._doubted(transaction, session, intent, rest)
            problem = payout.problem or ("short" if told and any(rest.values()) else "")
            problem = problem or ("surplus" if any(paid[piece] > intent.asked.get(piece, 0) for piece in paid) else "")
            if problem or not payout.exact:
                detail = f"paid {texts(paid)} of {texts(intent.asked)}"
                desk.attend(transaction, intent.device, problem or "inexact", detail, lock=True)
            session = desk.keep(transaction, sessions.ended(session), entry)
        desk.show(session)

    def _book_doubt(self, intent: PayoutIntent) -> None:
        """The device does not answer: its pieces stay in suspense, their value is a debt until it does."""
        desk = self._desk
        session = self._session_of(intent)
        with desk.journal.transaction(desk.now_us()) as transaction:
            transaction.set_payout(intent.payout, "doubt")
            detail = f"no answer about a payout of {texts(intent.asked)}"
            desk.attend(transaction, intent.device, "payout_unknown", detail, lock=True)
            session = self._doubted(transaction, session, intent, intent.asked)
            entry = transaction.entry("debt", payment_id=session.payment_id, data={"payout": intent.payout})
            session = desk.keep(transaction, sessions.ended(session), entry)
        desk.show(session)

    def _session_of(self, intent: PayoutIntent) -> Session:
        session = self._desk.journal.session(intent.payment_id)
        assert session is not None, "a payout belongs to a payment"
        return session

    @staticmethod
    def _doubted(
        transaction: Transaction, session: Session, intent: PayoutIntent, pieces: Mapping[Denomination, int]
    ) -> Session:
        currency = next(iter(intent.asked)).currency
        amount_minor = value_minor(pieces, currency)
        number = transaction.slip_number()
        return sessions.indebted(
            session, Debt(number, amount_minor, currency, "payout", in_doubt=True, payout=intent.payout)
        )

    def _settled(
        self, transaction: Transaction, session: Session, intent: PayoutIntent, paid: Mapping[Denomination, int],
        *, exact: bool,
    ) -> Session:  # fmt: skip
        """The debt of a payout that was in doubt is less by what was given, unless staff paid it already."""
        debt = next((debt for debt in session.debts if debt.payout == intent.payout), None)
        if debt is None:
            return session
        known = self._desk.journal.debt(debt.number)
        if known is not None and known.settled_by is not None:
            detail = f"the payout behind slip {debt.number} was given, and the slip was paid too"
            self._desk.attend(transaction, intent.device, "paid_twice", detail, lock=False)
            return session
        paid_minor = value_minor(paid, debt.currency)
        return sessions.less_indebted(session, intent.payout, debt.currency, paid_minor, in_doubt=not exact)


def _movements(intent: PayoutIntent, payout: Payout) -> list[Movement]:
    """What left goes from suspense to the shopper, and the rest back, if the device is sure that it has it. A device
    that gave more than it was asked for took that from its stock.
    """
    place = dispenser(intent.device)
    movements: list[Movement] = []
    for piece, asked in intent.asked.items():
        left = min(asked, payout.paid.get(piece, 0))
        movements += moved({piece: left}, suspense(place), SHOPPER)
        if payout.exact:
            movements += moved({piece: asked - left}, suspense(place), place)
    for piece, count in payout.paid.items():
        movements += moved({piece: max(0, count - intent.asked.get(piece, 0))}, place, SHOPPER)
    return movements


def plan(session: Session, amount_minor: int, stocks: Sequence[Stock]) -> Counts:
    """What to give towards `amount_minor`: all of it if any combination does, else as much as can be.

    A cancelled payment gets the pieces back that it brought, as far as they can be given.
    """
    if session.outcome == "cancelled":
        same = _same_pieces(session, stocks)
        rest = amount_minor - _value(same)
        if rest >= 0:
            change = choose(rest, _without(stocks, same))
            if change is not None:
                return _together(same, change.counts)
    change = choose(amount_minor, stocks)
    if change is None:
        change = choose(Reach(stocks, amount_minor).most(), stocks)
    assert change is not None, "the most that can be paid can be paid"
    return change.counts


def _same_pieces(session: Session, stocks: Sequence[Stock]) -> Counts:
    """The shopper's own kinds of pieces, as many as came and were not given back yet, where they can be given."""
    left: dict[Denomination, int] = {}
    for piece in session.pieces:
        left[piece.denomination] = left.get(piece.denomination, 0) + 1
    for denomination, count in session.given().items():
        left[denomination] = left.get(denomination, 0) - count
    counts: Counts = {}
    for stock in stocks:
        taken = min(left.get(stock.denomination, 0), stock.count)
        if taken > 0:
            left[stock.denomination] -= taken
            counts.setdefault(stock.device, {})[stock.denomination] = taken
    return counts


def _without(stocks: Sequence[Stock], counts: Counts) -> list[Stock]:
    return [
        Stock(s.device, s.denomination, s.count - counts.get(s.device, {}).get(s.denomination, 0), s.keep, s.over_full)
        for s in stocks
    ]


def _together(one: Counts, other: Counts) -> Counts:
    total = {device: dict(pieces) for device, pieces in one.items()}
    for device, pieces in other.items():
        for denomination, count in pieces.items():
            given = total.setdefault(device, {})
            given[denomination] = given.get(denomination, 0) + count
    return total


def _value(counts: Counts) -> int:
    return sum(piece.value_minor * count for pieces in counts.values() for piece, count in pieces.items())
