"""What a provider's word does to payments, orders and books: the one place where money is recorded, in one unit."""

import hashlib

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.database import Transaction
from unqueue.kernel.money import Money
from unqueue.providers.port import ProviderState, RefundState
from unqueue.server.coupons import redeeming
from unqueue.server.ledger import store as ledger
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order, OrderClosed, OrderPaid, PaymentOpen
from unqueue.server.payments import books, model, store
from unqueue.server.payments.model import Cause, PaidBy, Payment, Refund, RefundAnswer
from unqueue.server.payments.sold import sold_lines


def record(tx: Transaction, kind: str, payment: Payment, actor: str, **more: object) -> None:
    """Journal what happened to a payment; whoever may see its order hears of it."""
    data = {
        "payment_id": payment.payment_id,
        "order_id": payment.order_id,
        "trip_id": payment.trip_id,
        "status": payment.status,
        "method": payment.method,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        **more,
    }
    tx.record(kind, f"payment:{payment.payment_id}", actor, data)


def settle(
    tx: Transaction,
    payment_id: str,
    state: ProviderState,
    refund_id: str,
    problem: str | None,
    *,
    decided_by: str | None = None,
) -> Payment:
    """Let a payment become what the provider says. Any order and number of the same words ends the same.

    ``decided_by`` is who said it where the provider could not.

    ``refund_id`` is the id of the refund, should one be needed; ``problem`` explains an attempt that fails or closes.
    """
    payment = store.get(tx.connection, payment_id)
    assert payment is not None, "payments are never deleted"
    order = orders_store.get(tx.connection, payment.order_id)
    assert order is not None, "a payment belongs to an order"
    become = model.outcome(payment, order.status, state)
    if become is None:
        later = model.planned(payment, tx.at_us)
        store.update_payment(tx, later)
        return later
    changed = msgspec.structs.replace(
        payment,
        status=become,
        asked="",
        reference=state.reference,
        slip=msgspec.json.encode(state.slip).decode() if state.slip else "",
        problem=None if become in model.TAKEN else problem,
        pauses=0,
    )
    changed = model.planned(changed, tx.at_us)
    store.update_payment(tx, changed)
    actor = decided_by or f"provider:{payment.method}"
    if become == "succeeded":
        ledger.post(tx, books.capture(payment))
        record(tx, "payment.succeeded", changed, actor)
        _complete(tx, order, actor)
    elif become == "surplus":
        assert state.amount is not None, "a provider that took money says how much"
        ledger.post(tx, books.surplus(payment, state.amount))
        store.insert_refund(tx, refund_of(payment, refund_id, state.amount, "surplus", tx.at_us))
        taken = {"taken_minor": state.amount.amount_minor, "taken_currency": state.amount.currency}
        record(tx, "payment.overpaid", changed, actor, **taken)
    else:
        record(tx, f"payment.{become}", changed, actor, problem=problem)
    return changed


def settle_free(tx: Transaction, payment: Payment, actor: str) -> None:
    """An order that costs nothing is paid as soon as someone says so; no provider is asked."""
    order = orders_store.get(tx.connection, payment.order_id)
    assert order is not None, "a payment belongs to an order"
    record(tx, "payment.succeeded", payment, actor)
    _complete(tx, order, actor)


def _complete(tx: Transaction, order: Order, actor: str) -> None:
    """Once nothing is due any more, the order is a sale, in the unit of work of what paid the last of it."""
    if store.paid_minor(tx.connection, order.order_id) < redeeming.payable_minor(tx.connection, order):
        return
    redeeming.use(tx, order, actor)
    ledger.post(tx, books.sale(order, sold_lines(tx.connection, order)))
    orders_store.mark_paid(tx, order, actor)


def give_back(tx: Transaction, order: Order, actor: str) -> list[Payment]:
    """Send back what was paid of an order that is not paid yet; the payments that go back.

    OrderPaid, OrderClosed; PaymentOpen while an attempt is under way: nobody knows yet what becomes of it.
    """
    if order.status != "open":
        raise OrderClosed if order.status == "closed" else OrderPaid
    payments = store.of_order(tx.connection, order.order_id)
    if any(payment.status == "pending" for payment in payments):
        raise PaymentOpen
    given = []
    for payment in payments:
        if payment.status == "succeeded":
            back = msgspec.structs.replace(payment, status="surplus")
            store.update_payment(tx, back)
            ledger.post(tx, books.give_back(payment))
            refund_id = back_id(payment.payment_id)
            store.insert_refund(tx, refund_of(payment, refund_id, payment.amount, "given_back", tx.at_us))
            record(tx, "payment.given_back", back, actor)
            given.append(back)
    return given


def back_id(payment_id: str) -> str:
    """The id of the refund that gives a whole payment back: the same each time, for it happens once."""
    return hashlib.sha256(b"give-back:" + payment_id.encode()).hexdigest()[:32]


def settle_refund(tx: Transaction, refund_id: str, state: RefundState) -> None:
    """The money is back with the shopper; for the second time, if staff had settled the refund by hand."""
    refund = store.get_refund(tx.connection, refund_id)
    assert refund is not None, "refunds are never deleted"
    if refund.status == "succeeded":
        if is_by_hand(tx.connection, refund):
            _came_twice(tx, refund)
        return
    payment = store.get(tx.connection, refund.payment_id)
    assert payment is not None, "a refund belongs to a payment"
    taken = ledger.held(tx.connection, payment.payment_id, books.clearing(payment.method), refund.currency)
    assert taken >= refund.amount_minor, "no more can go back than was taken"
    ledger.post(tx, books.refund(refund))
    done = msgspec.structs.replace(refund, status="succeeded", due_us=None, reference=state.reference, problem=None)
    store.update_refund(tx, done)
    if refund.cause != "return":
        payment = msgspec.structs.replace(payment, status="refunded")
        store.update_payment(tx, payment)
    record(tx, "payment.refunded", payment, f"provider:{payment.method}", refund_id=refund_id)


def pay_by_hand(
    tx: Transaction,
    refund: Refund,
    *,
    by: str,
    actor: str,
    paid_by: PaidBy = "cash",
    reason: str = "",
    is_at_kiosks: bool = False,
) -> None:
    """A member of staff (``by``: the name) gives the money back instead of the provider: from the drawer, or by bank.

    Where its provider was ever asked for it, it is asked for a while yet whether it gave it back as well; of what is
    given at kiosks only (``is_at_kiosks``) they tell themselves.
    """
    ledger.post(tx, books.refund(refund, books.DESK if paid_by == "cash" else books.BANK))
    was_sent = refund.place in {model.AT_PROVIDER, model.ADRIFT} or (refund.tries > 0 and not is_at_kiosks)
    due_us = model.watch_again_us(0, tx.at_us) if was_sent else None
    done = msgspec.structs.replace(
        refund, status="succeeded", due_us=due_us, tries=0, reference=by_hand(by, paid_by), problem=None
    )
    store.update_refund(tx, done)
    payment = store.get(tx.connection, refund.payment_id)
    assert payment is not None, "a refund belongs to a payment"
    if refund.cause != "return":
        payment = msgspec.structs.replace(payment, status="refunded")
        store.update_payment(tx, payment)
    told = {"refund_id": refund.refund_id, "by": by, "paid_by": paid_by, "reason": reason}
    record(tx, "payment.refunded_by_hand", payment, actor, **told)


def by_hand(by: str, paid_by: PaidBy = "cash") -> str:
    """The reference of a refund that a member of staff (the name) handed over, or transferred."""
    return f"{'desk' if paid_by == 'cash' else 'bank'}: {by}"[:128]


def paid_by_hand(connection: Connection, refund: Refund) -> PaidBy | None:
    """How staff gave a refund back, by the books; None where they did not."""
    accounts = {posting.account for posting in ledger.postings_of(connection, f"refund:{refund.refund_id}")}
    if books.DESK in accounts:
        return "cash"
    return "bank" if books.BANK in accounts else None


def is_by_hand(connection: Connection, refund: Refund) -> bool:
    """Whether staff gave a refund back, by the books."""
    return paid_by_hand(connection, refund) is not None


def _came_twice(tx: Transaction, refund: Refund) -> None:
    """What was settled by hand has arrived as well: the shopper owes it, by name, until somebody has it back."""
    store.update_refund(tx, msgspec.structs.replace(refund, due_us=None))
    entry = books.given_twice(refund)
    if ledger.postings_of(tx.connection, entry.entry_id):
        return
    ledger.post(tx, entry)
    payment = store.get(tx.connection, refund.payment_id)
    assert payment is not None, "a refund belongs to a payment"
    record(tx, "payment.refunded_twice", payment, f"provider:{refund.method}", refund_id=refund.refund_id)


def watch_refund(tx: Transaction, refund_id: str, *, was_answered: bool = True) -> None:
    """A refund that was settled by hand has not arrived as well, as far as anybody knows: look again, for a while.

    A provider that did not answer (``was_answered``) uses up none of the looks: it is asked again until it does.
    """
    refund = store.get_refund(tx.connection, refund_id)
    assert refund is not None, "refunds are never deleted"
    if refund.due_us is not None:
        tries = refund.tries + was_answered
        due_us = (model.watch_again_us if was_answered else model.watch_unanswered_us)(tries, tx.at_us)
        store.update_refund(tx, msgspec.structs.replace(refund, tries=tries, due_us=due_us))


def release_refund(tx: Transaction, refund: Refund, *, by: str, actor: str, reason: str) -> None:
    """The kiosk that has claimed a refund is gone: others may give it back. Who says so (``by``), and why, is kept."""
    store.update_refund(tx, msgspec.structs.replace(refund, place="", tries=max(refund.tries, 1), due_us=tx.at_us))
    payment = store.get(tx.connection, refund.payment_id)
    assert payment is not None, "a refund belongs to a payment"
    told = {"refund_id": refund.refund_id, "place": refund.place, "by": by, "reason": reason}
    record(tx, "payment.refund_released", payment, actor, **told)


def begin_refund(tx: Transaction, refund_id: str, *, has_failed: bool) -> bool:
    """A refund is about to be sent: staff may not hand it over meanwhile. False if they did.

    Where an earlier try still seems to be under way, the process died in it: what it sent may yet arrive.
    ``has_failed``: its provider says that nothing comes of what was sent before.
    """
    refund = store.get_refund(tx.connection, refund_id)
    assert refund is not None, "refunds are never deleted"
    if refund.status == "succeeded":
        return False
    place = refund.place  # a kiosk that has begun to give it back stays the one that does
    if place == "" or (has_failed and place in {model.AT_PROVIDER, model.ADRIFT}):
        place = model.AT_PROVIDER
    elif place == model.AT_PROVIDER:
        place = model.ADRIFT
    store.update_refund(tx, msgspec.structs.replace(refund, place=place))
    return True


def delay_refund(
    tx: Transaction, refund_id: str, problem: str | None, answer: RefundAnswer, *, permanent: bool
) -> None:
    """It did not go through. It is tried again, and staff hear of it once when the provider refuses.

    A refusal settles this try and not those before it: one that was never answered may arrive once the provider has the
    money. Only its word that the refund has failed settles them all. Nothing happens to a refund that has arrived
    meanwhile: another try of it was quicker.
    """
    refund = store.get_refund(tx.connection, refund_id)
    assert refund is not None, "refunds are never deleted"
    if refund.status == "succeeded":
        return
    tries = refund.tries + 1
    due_us = model.refund_again_us(tries, tx.at_us)
    place = refund.place
    if place in {"", model.AT_PROVIDER, model.ADRIFT}:
        place = _place_after(place, answer)
    store.update_refund(tx, msgspec.structs.replace(refund, tries=tries, due_us=due_us, problem=problem, place=place))
    payment = store.get(tx.connection, refund.payment_id)
    if permanent and payment is not None and refund.problem != problem:
        record(tx, "payment.refund_refused", payment, f"provider:{refund.method}", problem=problem)


def _place_after(place: str, answer: RefundAnswer) -> str:
    """Who has a refund in hand after a try, where no kiosk has."""
    match answer:
        case RefundAnswer.NONE:
            return model.ADRIFT
        case RefundAnswer.REFUSED:
            return "" if place == model.AT_PROVIDER else place
        case RefundAnswer.FAILED:
            return ""
        case RefundAnswer.PENDING:
            return place or model.AT_PROVIDER
        case RefundAnswer.NOT_SENT:
            return place


def hasten_refund(tx: Transaction, refund_id: str) -> None:
    """Its provider says that something became of a refund: ask now instead of later."""
    refund = store.get_refund(tx.connection, refund_id)
    assert refund is not None, "refunds are never deleted"
    if refund.status == "pending" or is_by_hand(tx.connection, refund):
        tries = max(refund.tries, 1)  # a refund that was never tried would be sent instead of asked about
        store.update_refund(tx, msgspec.structs.replace(refund, tries=tries, due_us=tx.at_us))


def refund_of(
    payment: Payment,
    refund_id: str,
    amount: Money,
    cause: Cause,
    now_us: int,
    *,
    return_id: str | None = None,
) -> Refund:
    """A refund that is to be sent at once."""
    return Refund(
        refund_id=refund_id,
        payment_id=payment.payment_id,
        order_id=payment.order_id,
        method=payment.method,
        amount_minor=amount.amount_minor,
        currency=amount.currency,
        cause=cause,
        return_id=return_id,
        status="pending",
        created_us=now_us,
        due_us=now_us,
    )
