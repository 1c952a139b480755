"""The use cases of kiosks: open an order, take their reports of cash into the books, and have them pay refunds out.

For the server a kiosk's cash is a provider like any other: it made the attempt known when it let the kiosk begin, it
asks (the reports), and the kiosk's word settles the payment. What the kiosk has not told yet is pending.
"""

from collections import defaultdict

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import NotFound
from unqueue.kernel.ids import is_order_number, new_id, token_hash
from unqueue.kernel.money import Money
from unqueue.providers.port import Action, Attempt, Channel, Charge, ProviderState, RefundRequest, RefundState
from unqueue.server.access import Principal
from unqueue.server.guesses import Guesses, TooManyGuesses
from unqueue.server.ledger import store as ledger
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order, OrderUnknown
from unqueue.server.payments import settling
from unqueue.server.payments import store as payments_store
from unqueue.server.payments.model import Refund
from unqueue.server.tills import model, store
from unqueue.server.tills.model import (
    Attention,
    CashMoved,
    DebtSettled,
    PaymentFinished,
    PayoutFinished,
    PayoutGone,
    Report,
    ReportConflict,
    ReportMalformed,
)
from unqueue.server.tills.store import Booked, ReportRow
from unqueue.server.trips.service import normal_id

_PAID = frozenset({"succeeded", "surplus", "refunded"})


class PayoutView(msgspec.Struct, frozen=True):
    """A refund that a kiosk is to give back in cash; ``claimed``: this kiosk has begun to, and nobody else may.
    ``paid_minor`` is what was paid in cash for the order, whatever became of it: cash is rounded once for an order.
    """

    refund_id: str
    payment_id: str
    order_id: str
    amount: Money
    claimed: bool
    paid_minor: int


class WaitingView(msgspec.Struct, frozen=True):
    """A cash payment that was begun at a kiosk, and of whose end the server knows nothing."""

    payment_id: str
    order_id: str
    amount: Money
    expires_us: int


class KioskCash:
    """Cash at the store's kiosks, behind the provider port."""

    channels: tuple[Channel, ...] = ("page",)
    wallet = ""

    def __init__(self, provider_id: str, database: Database) -> None:
        self.provider_id = provider_id
        self.merchant_id = "store"
        self._database = database

    async def create(self, attempt: Attempt) -> Action:  # noqa: ARG002  # the kiosk that asked begins by itself
        return Action("none")

    async def query(self, charge: Charge) -> ProviderState:
        """What the kiosk told; pending until it does. Only the kiosk knows whether money lies in it."""
        told = await self._database.read(lambda connection: store.booked_of(connection, charge.attempt_id))
        return _state(told)

    async def close(self, charge: Charge) -> ProviderState:
        """Nobody but the kiosk can say that no money came: it gives everything back and tells so, or it still may."""
        return await self.query(charge)

    async def refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        return await self.query_refund(request, charge)

    async def query_refund(self, request: RefundRequest, charge: Charge) -> RefundState:  # noqa: ARG002
        """Pending until a kiosk has paid it out, or staff by hand."""
        told = await self._database.read(lambda connection: store.booked_of(connection, request.refund_id))
        if told is None:
            return RefundState("pending")
        return RefundState("succeeded", Money(told.amount_minor, told.currency), f"revision {told.revision}")

    async def stop(self) -> None:
        """There is nothing to let go of."""


class Tills:
    """All kiosks of the store, as the server sees them. ``method`` is the payment method of their cash."""

    def __init__(self, database: Database, *, method: str) -> None:
        self._database = database
        self._method = method
        self._guesses: defaultdict[str, Guesses] = defaultdict(Guesses)

    async def open(self, kiosk: Principal, code: str) -> Order:
        """The order whose QR was scanned or whose number was typed. OrderUnknown; TooManyGuesses."""
        now_s = self._database.clock.now().timestamp()
        text = code.strip()
        token = text.rpartition("/o/")[2]
        number = "".join(text.split())
        if is_order_number(number):
            if pause_s := self._guesses[kiosk.id].pause_s(now_s):
                raise TooManyGuesses(retry_after_s=pause_s)
            order = await self._database.read(lambda connection: orders_store.by_number(connection, number))
            if order is None:
                self._guesses[kiosk.id].wrong(now_s)
        else:
            hashed = token_hash(token)
            order = await self._database.read(lambda connection: orders_store.by_token(connection, hashed))
        if order is None:
            raise OrderUnknown
        return order

    async def waiting(self, kiosk: Principal) -> list[WaitingView]:
        """Cash payments of this kiosk that are still open: after a restart it goes on with them, or ends them."""

        def read(connection: Connection) -> list[WaitingView]:
            found = payments_store.pending_at(connection, kiosk.id, self._method)
            return [WaitingView(one.payment_id, one.order_id, one.amount, one.expires_us) for one in found]

        return await self._database.read(read)

    async def payouts(self, kiosk: Principal) -> list[PayoutView]:
        """Refunds in cash that were paid at this kiosk, and that it could give back."""

        def read(connection: Connection) -> list[PayoutView]:
            found = payments_store.refunds_at(connection, kiosk.id, self._method)
            return [_payout(connection, refund, kiosk) for refund in found]

        return await self._database.read(read)

    async def claim_payout(self, kiosk: Principal, refund_id: str) -> PayoutView:
        """The kiosk is about to give a refund back: nobody else may from now on. Again is harmless.

        NotFound, PayoutGone.
        """
        plain = normal_id(refund_id)

        def write(tx: Transaction) -> PayoutView:
            refund = payments_store.get_refund(tx.connection, plain)
            if refund is None or refund.method != self._method:
                raise NotFound
            if refund.status != "pending" or refund.place not in {"", kiosk.id}:
                raise PayoutGone
            claimed = msgspec.structs.replace(refund, place=kiosk.id)
            payments_store.update_refund(tx, claimed)
            return _payout(tx.connection, claimed, kiosk)

        return await self._database.unit(write)

    async def release_payout(self, kiosk: Principal, refund_id: str) -> PayoutView:
        """A kiosk gave none of a refund that it had claimed, and never will: staff may hand it over. Again, or when
        somebody else has it, nothing changes. NotFound.
        """
        plain = normal_id(refund_id)

        def write(tx: Transaction) -> PayoutView:
            refund = payments_store.get_refund(tx.connection, plain)
            if refund is None or refund.method != self._method:
                raise NotFound
            if refund.status == "pending" and refund.place == kiosk.id:
                refund = msgspec.structs.replace(refund, place="")
                payments_store.update_refund(tx, refund)
                tx.record("till.released", f"till:{kiosk.id}", kiosk.actor, _released(refund, kiosk))
            return _payout(tx.connection, refund, kiosk)

        return await self._database.unit(write)

    async def hear(self, kiosk: Principal, report: Report) -> None:
        """Take a report in, with all that follows from it, in one unit. The same again changes nothing.

        NotFound for another kiosk's, ReportConflict, ReportMalformed.
        """
        if report.kiosk != kiosk.id:
            raise NotFound
        await self._database.unit(lambda tx: self._hear(tx, kiosk, report))

    def _hear(self, tx: Transaction, kiosk: Principal, report: Report) -> None:
        body = msgspec.json.encode(report.body).decode()
        known = store.get(tx.connection, report.id)
        if known is not None:
            if (known.kiosk, known.journal, known.seq, known.body) != (kiosk.id, report.journal, report.seq, body):
                raise ReportConflict
            return
        if store.has(tx.connection, report.journal, report.seq):
            raise ReportConflict
        kind, about = _names(report)
        row = ReportRow(report.id, kiosk.id, report.journal, report.seq, kind, about, body, report.at_us, tx.at_us)
        store.insert_report(tx, row)
        match report.body:
            case PaymentFinished() as told:
                self._payment(tx, kiosk, report, told)
            case PayoutFinished() as told:
                self._payout_done(tx, kiosk, report, told)
            case DebtSettled() as told:
                ledger.post(tx, model.entry_of(f"till:{report.id}", model.debt_postings(told)))
            case CashMoved() as told:
                ledger.post(tx, model.entry_of(f"till:{report.id}", model.moved_postings(kiosk.id, told)))
            case _:
                pass
        tx.record(f"till.{kind.partition('.')[2]}", f"till:{kiosk.id}", kiosk.actor, _told(report, kiosk.id))

    def _payment(self, tx: Transaction, kiosk: Principal, report: Report, told: PaymentFinished) -> None:
        postings = model.payment_postings(kiosk.id, self._method, told)
        if told.outcome == "paid" and told.due_minor <= 0:
            raise ReportMalformed(problem="a paid payment of nothing")
        payment = payments_store.get(tx.connection, told.payment_id) if not told.stray else None
        order_id = payment.order_id if payment is not None else ""
        amount_minor = told.due_minor if told.outcome == "paid" else 0
        now = Booked(
            told.payment_id,
            told.revision,
            told.outcome,
            amount_minor,
            told.currency,
            msgspec.json.encode(postings).decode(),
        )
        if not self._book(tx, report, now, order_id):
            return
        if payment is not None and (payment.method, payment.place) == (self._method, kiosk.id):
            settling.settle(tx, payment.payment_id, _state(now), new_id(), None)

    def _payout_done(self, tx: Transaction, kiosk: Principal, report: Report, told: PayoutFinished) -> None:
        postings = model.payout_postings(kiosk.id, self._method, told)
        now = Booked(
            told.refund_id,
            told.revision,
            "paid",
            told.amount_minor,
            told.currency,
            msgspec.json.encode(postings).decode(),
        )
        refund = payments_store.get_refund(tx.connection, told.refund_id)
        if not self._book(tx, report, now, refund.order_id if refund is not None else ""):
            return
        amount = Money(told.amount_minor, told.currency)
        # Nobody has claimed it: staff released it while this kiosk was silent.
        is_its_own = refund is not None and refund.method == self._method and refund.place in {kiosk.id, ""}
        if refund is not None and is_its_own and refund.amount == amount:
            settling.settle_refund(tx, refund.refund_id, RefundState("succeeded", amount, f"kiosk: {kiosk.id}"))

    def _book(self, tx: Transaction, report: Report, now: Booked, order_id: str) -> bool:
        """Post what is new against what stands; False for a report that is older than what was told last."""
        known = store.booked_of(tx.connection, now.about)
        if known is not None and known.revision >= now.revision:
            return False
        earlier = known.standing if known is not None else []
        postings = model.replaced(earlier, now.standing)
        ledger.post(tx, model.entry_of(f"till:{report.id}", postings, order_id=order_id))
        store.save_booked(tx, now)
        return True


def _state(told: Booked | None) -> ProviderState:
    if told is None:
        return ProviderState("pending")
    if told.outcome != "paid":
        return ProviderState("closed")
    return ProviderState("succeeded", Money(told.amount_minor, told.currency), reference=f"revision {told.revision}")


def _payout(connection: Connection, refund: Refund, kiosk: Principal) -> PayoutView:
    is_claimed = refund.place == kiosk.id
    paid = [one for one in payments_store.of_order(connection, refund.order_id) if one.method == refund.method]
    paid_minor = sum(one.amount_minor for one in paid if one.status in _PAID)
    return PayoutView(refund.refund_id, refund.payment_id, refund.order_id, refund.amount, is_claimed, paid_minor)


def _released(refund: Refund, kiosk: Principal) -> dict[str, object]:
    return {"kiosk": kiosk.id, "refund_id": refund.refund_id, "order_id": refund.order_id, "status": "released"}


def _names(report: Report) -> tuple[str, str]:
    """The kind of a report, and what it is about: a payment, a refund, a slip, a device, or the kiosk."""
    body = report.body
    kind = str(body.__struct_config__.tag)
    for name in ("payment_id", "refund_id", "number", "device"):
        if not isinstance(body, DebtSettled | Attention) and (about := getattr(body, name, None)):
            return kind, about
    if isinstance(body, DebtSettled):
        return kind, body.number
    return kind, body.device if isinstance(body, Attention) else report.kiosk


def _told(report: Report, kiosk: str) -> dict[str, object]:
    """What the journal says of a report: who may see the floor hears of it."""
    status = "attention" if isinstance(report.body, Attention) else "told"
    return {"kiosk": kiosk, "report_id": report.id, "status": status, "body": report.body}
