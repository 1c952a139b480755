"""What a provider's word does to payments, orders and books: the one place where money is recorded, in one unit."""

import hashlib

import msgspec

from unqueue.kernel.database import Transaction
from unqueue.kernel.money import Money
from unqueue.providers.port import ProviderState, RefundState
from unqueue.server.coupons import redeeming
from unqueue.server.ledger import store as ledger
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order, OrderClosed, OrderPaid, PaymentOpen
from unqueue.server.payments import books, model, store
from unqueue.server.payments.model import Cause, Payment, Refund, RefundAnswer
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
    """The money is back with the shopper."""
    refund = store.get_refund(tx.connection, refund_id)
    assert refund is not None, "refunds are never deleted"
    if refund.status == "succeeded":
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


def pay_by_hand(tx: Transaction, refund: Refund, *, by: str, actor: str) -> None:
    """A member of staff hands the money over at the service desk, instead of the provider. ``by``: the name."""
    ledger.post(tx, books.refund(refund, books.DESK))
    done = msgspec.structs.replace(refund, status="succeeded", due_us=None, reference=by_hand(by), problem=None)
    store.update_refund(tx, done)
    payment = store.get(tx.connection, refund.payment_id)
    assert payment is not None, "a refund belongs to a payment"
    if refund.cause != "return":
        payment = msgspec.structs.replace(payment, status="refunded")
        store.update_payment(tx, payment)
    record(tx, "payment.refunded_by_hand", payment, actor, refund_id=refund.refund_id, by=by)


def by_hand(by: str) -> str:
    """The reference of a refund that a member of staff (the name) handed over."""
    return f"desk: {by}"[:128]


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
        case RefundAnswer.NOT_SENT | RefundAnswer.PENDING:
            return place


def hasten_refund(tx: Transaction, refund_id: str) -> None:
    """Its provider says that something became of a refund: ask now instead of later."""
    refund = store.get_refund(tx.connection, refund_id)
    assert refund is not None, "refunds are never deleted"
    if refund.status == "pending":
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
