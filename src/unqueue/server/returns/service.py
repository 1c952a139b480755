"""The use cases of the service desk: look at what was bought, take goods back, agree to a large refund, and hand over
money that a provider would not take back.
"""

from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.clock import from_micros, micros
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import DomainError, NotFound
from unqueue.kernel.ids import new_id, token_hash
from unqueue.kernel.money import Money
from unqueue.server.access import Principal, check_may
from unqueue.server.ledger import store as ledger
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order, OrderUnknown, OrderUnpaid
from unqueue.server.payments import settling
from unqueue.server.payments import store as payments_store
from unqueue.server.payments.model import (
    ADRIFT,
    AT_PROVIDER,
    REFUND_STUCK_S,
    BackBy,
    KioskAwake,
    PaidBy,
    Payment,
    Refund,
    RefundArrived,
    RefundAtKiosk,
    RefundUnderWay,
)
from unqueue.server.payments.sold import sold_lines
from unqueue.server.returns import model, store, twice
from unqueue.server.returns.model import (
    NOTHING,
    Return,
    ReturnConflict,
    ReturnDecided,
    ReturnedLine,
    ReturnEmpty,
    ReturnLineUnknown,
    SecondPersonNeeded,
    Share,
)
from unqueue.server.returns.views import (
    DeskView,
    KeptTender,
    QuoteView,
    RefundView,
    ReturnLineView,
    ReturnView,
    ShareView,
    TwiceView,
    Way,
    refund_view,
    return_view,
)
from unqueue.server.trips.service import normal_id

WAITING_SHOWN_MAX = 100
KIOSK_SILENT_S = 60
"""A kiosk that has not been heard of for so long may be released from the refunds that it has claimed."""
OrderOfReceipt = Callable[[Connection, str], str | None]
"""The order of a receipt's number; receipts, which stand beside returns, hand it in."""
LastContact = Callable[[Connection, str], int | None]
"""When a device was last heard of, in microseconds UTC; the fleet, which stands above, hands it in."""
WasPaidOut = Callable[[Connection, str], bool]
"""Whether a kiosk has told that it paid a refund out; the tills, which stand beside, hand it in."""


class Wanted(msgspec.Struct, frozen=True):
    """So many units of an order's line."""

    line: int
    quantity: int


class Returns:
    """All returns of the store. Refunds above ``limit_minor`` need two persons; those of ``by_hand`` methods (cash) are
    handed over at the desk. ``order_of_receipt`` finds an order by the number on its receipt.
    ``last_contact`` and ``was_paid_out`` are what is known of kiosks.
    """

    def __init__(
        self,
        database: Database,
        *,
        limit_minor: int,
        by_hand: frozenset[str],
        order_of_receipt: OrderOfReceipt,
        last_contact: LastContact,
        was_paid_out: WasPaidOut,
    ) -> None:
        self._database = database
        self._last_contact = last_contact
        self._was_paid_out = was_paid_out
        self._order_of_receipt = order_of_receipt
        self._limit_minor = limit_minor
        self._by_hand = by_hand

    async def look(self, code: str) -> DeskView:
        """A paid order by its number, its receipt's number, or what its QR holds. OrderUnknown, OrderUnpaid."""

        def read(connection: Connection) -> DeskView:
            order = self._find(connection, code)
            if order is None:
                raise OrderUnknown
            return self._desk(connection, order)

        return await self._database.read(read)

    def _find(self, connection: Connection, code: str) -> Order | None:
        plain = "".join(code.split())
        order = orders_store.by_number(connection, plain)
        if order is None and (order_id := self._order_of_receipt(connection, plain.upper())) is not None:
            order = orders_store.get(connection, order_id)
        return order or orders_store.by_token(connection, token_hash(plain.rpartition("/o/")[2]))

    async def quote(self, order_id: str, wanted: Sequence[Wanted]) -> QuoteView:
        """What these lines would bring, and how, before anything is taken back. Refuses as ``propose`` does."""
        plain = normal_id(order_id)

        def read(connection: Connection) -> QuoteView:
            order = _paid(connection, plain)
            lines, parts = self._worth(connection, order, wanted)
            amount_minor = sum(line.refund_minor for line in lines)
            return QuoteView(
                amount=Money(amount_minor, order.currency),
                second_person=model.needs_second_person(
                    _together_minor(connection, order, amount_minor), self._limit_minor
                ),
                shares=[
                    ShareView(
                        share.payment_id,
                        share.method,
                        Money(share.amount_minor, order.currency),
                        "waiting",
                        share.method in self._by_hand,
                        "cash" if share.method in self._by_hand else None,
                    )
                    for share in parts
                ],
            )

        return await self._database.read(read)

    async def propose(
        self, order_id: str, wanted: Sequence[Wanted], reason: str, return_id: str, staff: Principal
    ) -> ReturnView:
        """Take goods back. Up to the limit the refund goes out at once, above it a second person has to agree.

        Again with the same id is the same return. NotFound, OrderUnpaid, ReturnEmpty, ReturnLineUnknown, ReturnTooMany,
        ReturnExceedsPayments, ReturnConflict.
        """
        plain, order_plain = normal_id(return_id), normal_id(order_id)

        def write(tx: Transaction) -> ReturnView:
            order = _paid(tx.connection, order_plain)
            known = store.get(tx.connection, plain)
            if known is not None:
                asked = {(one.line, one.quantity) for one in wanted}
                same = {(one.line, one.quantity) for one in known.lines} == asked
                if not same or known.order_id != order.order_id:
                    raise ReturnConflict
                return return_view(tx.connection, order, known)
            made = self._make(tx, order, wanted=wanted, reason=reason, return_id=plain, staff=staff)
            if model.needs_second_person(_together_minor(tx.connection, order, made.amount_minor), self._limit_minor):
                store.insert_return(tx, made)
                _record(tx, "return.proposed", made, staff.actor)
            else:
                made = msgspec.structs.replace(made, status="accepted", decided_by=staff.name, decided_us=tx.at_us)
                store.insert_return(tx, made)
                self._accept(tx, order, made, staff)
            return return_view(tx.connection, order, made)

        return await self._database.unit(write)

    async def decide(self, return_id: str, staff: Principal, *, accept: bool) -> ReturnView:
        """Agree to a proposed return, or not; again the same way changes nothing. NotFound, ReturnDecided;
        SecondPersonNeeded for who proposed it, and may only withdraw it; NotAllowed for others who may not sign.
        """
        plain = normal_id(return_id)

        def write(tx: Transaction) -> ReturnView:
            made = store.get(tx.connection, plain)
            if made is None:
                raise NotFound
            order = _paid(tx.connection, made.order_id)
            wanted: model.Status = "accepted" if accept else "rejected"
            if made.status != "proposed":
                if made.status == wanted and made.decided_by == staff.name:
                    return return_view(tx.connection, order, made)
                raise ReturnDecided
            if made.by_id != staff.id:
                check_may(staff, "second")
            elif accept:
                raise SecondPersonNeeded
            made = msgspec.structs.replace(made, status=wanted, decided_by=staff.name, decided_us=tx.at_us)
            store.decide(tx, made)
            if accept:
                self._accept(tx, order, made, staff)
            else:
                _record(tx, "return.rejected", made, staff.actor)
            return return_view(tx.connection, order, made)

        return await self._database.unit(write)

    async def waiting(self) -> list[ReturnView]:
        """Returns that wait for a second person, the oldest first."""

        def read(connection: Connection) -> list[ReturnView]:
            found = store.proposed(connection, WAITING_SHOWN_MAX)
            return [return_view(connection, _paid(connection, made.order_id), made) for made in found]

        return await self._database.read(read)

    async def refunds_waiting(self) -> list[RefundView]:
        """Refunds that have not arrived though they were tried, the oldest first."""

        def read(connection: Connection) -> list[RefundView]:
            found = payments_store.refunds_waiting(connection, WAITING_SHOWN_MAX)
            return [self._refund_view(connection, refund) for refund in found]

        return await self._database.read(read)

    async def given_twice(self) -> list[TwiceView]:
        """What shoppers were given by hand and by the provider as well and still owe, the newest first."""
        return await self._database.read(twice.owed)

    async def end_given_twice(self, refund_id: str, back_by: BackBy, reason: str, staff: Principal) -> TwiceView:
        """A shopper no longer owes what came twice. NotFound; GivenTwiceEnded."""
        plain = normal_id(refund_id)
        return await self._database.unit(lambda tx: twice.end(tx, plain, back_by, reason, staff))

    def _refund_view(self, connection: Connection, refund: Refund) -> RefundView:
        now_us = micros(self._database.clock.now())
        ways: list[Way] = []
        if refund.status == "pending" and not self._was_paid_out(connection, refund.refund_id):
            if self._silent_at(connection, refund, now_us):
                ways.append("release")
            if self._refusal(refund) is None:
                ways.append("by_hand")
            if self._settle_refusal(refund, now_us) is None:
                ways.append("settle")
        return refund_view(connection, refund, ways, self._last_contact(connection, refund.place))

    async def pay_by_hand(self, refund_id: str, staff: Principal) -> RefundView:
        """Hand over a refund that its provider refused; again by the same person changes nothing.

        NotFound; RefundArrived; RefundAtKiosk; RefundUnderWay while the provider may still do it.
        """
        plain = normal_id(refund_id)

        def write(tx: Transaction) -> RefundView:
            refund = payments_store.get_refund(tx.connection, plain)
            if refund is None:
                raise NotFound
            if refund.status == "pending":
                self._check_hand(tx.connection, refund, self._refusal(refund))
                self._hand_over(tx, refund, staff)
            elif refund.reference != settling.by_hand(staff.name):
                raise RefundArrived
            return self._refund_view(tx.connection, refund)

        return await self._database.unit(write)

    async def settle_by_hand(self, refund_id: str, paid_by: PaidBy, reason: str, staff: Principal) -> RefundView:
        """Give a refund back by hand of which its provider has said nothing for an hour; again the same way by the
        same person changes nothing. Should it arrive as well, the shopper owes it by name (``given-twice``).

        NotFound; RefundArrived; RefundAtKiosk; RefundUnderWay while it is too early.
        """
        plain = normal_id(refund_id)

        def write(tx: Transaction) -> RefundView:
            refund = payments_store.get_refund(tx.connection, plain)
            if refund is None:
                raise NotFound
            if refund.status == "pending":
                self._check_hand(tx.connection, refund, self._settle_refusal(refund, tx.at_us))
                self._hand_over(tx, refund, staff, paid_by, reason)
            elif refund.reference != settling.by_hand(staff.name, paid_by):
                raise RefundArrived
            return self._refund_view(tx.connection, refund)

        return await self._database.unit(write)

    async def release(self, refund_id: str, reason: str, staff: Principal) -> RefundView:
        """The kiosk that has claimed a refund is silent, and somebody has looked: no cash went out. Others may give it
        back from now on. Again, and for one that nobody has claimed, nothing changes.

        Should the kiosk come back and have paid it out, that is booked: as the refund, or as a second one that the
        shopper owes. NotFound; RefundArrived; KioskAwake.
        """
        plain = normal_id(refund_id)

        def write(tx: Transaction) -> RefundView:
            refund = payments_store.get_refund(tx.connection, plain)
            if refund is None:
                raise NotFound
            if refund.status != "pending" or self._was_paid_out(tx.connection, plain):
                raise RefundArrived
            if refund.place not in {"", AT_PROVIDER, ADRIFT}:
                if not self._silent_at(tx.connection, refund, tx.at_us):
                    raise KioskAwake(place=refund.place)
                settling.release_refund(tx, refund, by=staff.name, actor=staff.actor, reason=reason)
                refund = msgspec.structs.replace(refund, place="")
            return self._refund_view(tx.connection, refund)

        return await self._database.unit(write)

    def _silent_at(self, connection: Connection, refund: Refund, now_us: int) -> bool:
        """Whether a kiosk has claimed a refund and has not been heard of for a while."""
        if refund.place in {"", AT_PROVIDER, ADRIFT}:
            return False
        heard_us = self._last_contact(connection, refund.place)
        return heard_us is None or now_us - heard_us > KIOSK_SILENT_S * 1_000_000

    def _check_hand(self, connection: Connection, refund: Refund, refusal: DomainError | None) -> None:
        """Money that came, or may come, another way must not be handed over too."""
        if self._was_paid_out(connection, refund.refund_id):
            raise RefundArrived
        if refusal is not None:
            raise refusal

    def _hand_over(
        self, tx: Transaction, refund: Refund, staff: Principal, paid_by: PaidBy = "cash", reason: str = ""
    ) -> None:
        is_at_kiosks = refund.method in self._by_hand
        by, actor = staff.name, staff.actor
        settling.pay_by_hand(tx, refund, by=by, actor=actor, paid_by=paid_by, reason=reason, is_at_kiosks=is_at_kiosks)

    def _refusal(self, refund: Refund) -> DomainError | None:
        """Why a refund may not be handed over before its provider has refused it."""
        if refund.place not in {"", AT_PROVIDER, ADRIFT}:
            return RefundAtKiosk(place=refund.place)
        if refund.place or (refund.problem is None and refund.method not in self._by_hand):
            return RefundUnderWay()
        return None

    def _settle_refusal(self, refund: Refund, now_us: int) -> DomainError | None:
        """The same where its provider is not waited for any longer."""
        refusal = self._refusal(refund)
        is_stuck = refund.tries > 0 and now_us - refund.created_us >= REFUND_STUCK_S * 1_000_000
        return None if is_stuck and isinstance(refusal, RefundUnderWay) else refusal

    def _make(
        self, tx: Transaction, order: Order, *, wanted: Sequence[Wanted], reason: str, return_id: str, staff: Principal
    ) -> Return:
        lines, parts = self._worth(tx.connection, order, wanted)
        return Return(
            return_id=return_id,
            order_id=order.order_id,
            trip_id=order.trip_id,
            status="proposed",
            lines=tuple(lines),
            shares=parts,
            amount_minor=sum(line.refund_minor for line in lines),
            currency=order.currency,
            reason=reason,
            by_id=staff.id,
            by=staff.name,
            created_us=tx.at_us,
        )

    def _worth(
        self, connection: Connection, order: Order, wanted: Sequence[Wanted]
    ) -> tuple[list[ReturnedLine], tuple[Share, ...]]:
        """What these lines are worth, and who gives it back."""
        sold = {line.line: line for line in sold_lines(connection, order)}
        earlier = [made for made in store.of_order(connection, order.order_id) if made.status != "rejected"]
        before = model.together(line for made in earlier for line in made.lines)
        lines: list[ReturnedLine] = []
        for one in wanted:
            if one.line not in sold or any(line.line == one.line for line in lines):
                raise ReturnLineUnknown(line=one.line)
            lines.append(model.worth(sold[one.line], before.get(one.line, NOTHING), one.quantity))
        if not lines:
            raise ReturnEmpty
        amount_minor = sum(line.refund_minor for line in lines)
        payments = _kept_payments(connection, order.order_id)
        left = _left(connection, order.order_id, payments, earlier)
        return lines, model.shares(amount_minor, left, payments)

    def _accept(self, tx: Transaction, order: Order, made: Return, staff: Principal) -> None:
        """Book the return and send the money, in one unit with the decision."""
        accepted = [one for one in store.of_order(tx.connection, order.order_id) if one.status == "accepted"]
        before = model.together(line for one in accepted if one.return_id != made.return_id for line in one.lines)
        ledger.post(tx, model.book(made, sold_lines(tx.connection, order), before))
        payments = {payment.payment_id: payment for payment in payments_store.of_order(tx.connection, order.order_id)}
        for share in made.shares:
            payment = payments[share.payment_id]
            amount = Money(share.amount_minor, made.currency)
            refund = settling.refund_of(payment, new_id(), amount, "return", tx.at_us, return_id=made.return_id)
            payments_store.insert_refund(tx, refund)
            if share.method in self._by_hand:
                self._hand_over(tx, refund, staff)
        _record(tx, "return.accepted", made, staff.actor)

    def _desk(self, connection: Connection, order: Order) -> DeskView:
        if order.status not in {"paid", "left"}:
            raise OrderUnpaid
        made = store.of_order(connection, order.order_id)
        live = [one for one in made if one.status != "rejected"]
        before = model.together(line for one in live for line in one.lines)
        payments = _kept_payments(connection, order.order_id)
        left = _left(connection, order.order_id, payments, live)
        named = {line.line: line for line in orders_store.lines(connection, order.order_id)}
        lines = []
        for line in sold_lines(connection, order):
            name, gone = named[line.line], before.get(line.line, NOTHING)
            rest = line.quantity - gone.quantity
            worth_minor = model.worth(line, gone, rest).refund_minor if rest else 0
            lines.append(
                ReturnLineView(
                    line=line.line,
                    gtin=name.gtin,
                    name_zh=name.name_zh,
                    name_en=name.name_en,
                    sold_by=name.sold_by,
                    quantity=line.quantity,
                    weight_g=name.weight_g,
                    left=rest,
                    worth=Money(worth_minor, order.currency),
                )
            )
        return DeskView(
            order_id=order.order_id,
            number=order.number,
            status=order.status,
            paid_at=from_micros(order.paid_us).isoformat() if order.paid_us is not None else None,
            total=Money(order.total_minor, order.currency),
            lines=lines,
            tenders=[
                KeptTender(one.payment_id, one.method, one.amount, Money(left[one.payment_id], one.currency))
                for one in payments
            ],
            returns=[return_view(connection, order, one) for one in made],
        )


def _together_minor(connection: Connection, order: Order, amount_minor: int) -> int:
    """A refund with those that were given for this order before: a large one can't be split into small ones."""
    earlier = [made.amount_minor for made in store.of_order(connection, order.order_id) if made.status != "rejected"]
    return amount_minor + sum(earlier)


def _paid(connection: Connection, order_id: str) -> Order:
    order = orders_store.get(connection, order_id)
    if order is None:
        raise NotFound
    if order.status not in {"paid", "left"}:
        raise OrderUnpaid
    return order


def _kept_payments(connection: Connection, order_id: str) -> list[Payment]:
    """The payments that count for an order."""
    return [
        payment
        for payment in payments_store.of_order(connection, order_id)
        if payment.status == "succeeded" and payment.amount_minor
    ]


def _left(
    connection: Connection, order_id: str, payments: Sequence[Payment], returns: Sequence[Return]
) -> dict[str, int]:
    """What of each payment has not gone back, nor is promised to: refunds never exceed what a charge took."""
    left = {payment.payment_id: payment.amount_minor for payment in payments}
    for refund in payments_store.refunds_of_order(connection, order_id):
        if refund.payment_id in left:
            left[refund.payment_id] -= refund.amount_minor
    for made in returns:
        if made.status == "proposed":
            for share in made.shares:
                left[share.payment_id] -= share.amount_minor
    return left


def _record(tx: Transaction, kind: str, made: Return, actor: str) -> None:
    data = {
        "return_id": made.return_id,
        "order_id": made.order_id,
        "trip_id": made.trip_id,
        "status": made.status,
        "lines": made.lines,
        "shares": made.shares,
        "amount_minor": made.amount_minor,
        "currency": made.currency,
        "reason": made.reason,
        "by": made.by,
        "decided_by": made.decided_by,
    }
    tx.record(kind, f"return:{made.return_id}", actor, data)
