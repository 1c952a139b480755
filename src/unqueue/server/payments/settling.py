"""What a provider's word does to payments, orders and books: the one place where money is recorded, in one unit."""

import msgspec

from unqueue.kernel.database import Transaction
from unqueue.kernel.money import Money
from unqueue.providers.port import ProviderState, RefundState
from unqueue.server.orders import store as orders_store
from unqueue.server.payments import books, ledger, model, store
from unqueue.server.payments.model import Payment, Refund


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


def settle(tx: Transaction, payment_id: str, state: ProviderState, refund_id: str, problem: str | None) -> Payment:
    """Let a payment become what the provider says. Any order and number of the same words ends the same.

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
        reference=state.reference,
        problem=None if become in model.TAKEN else problem,
        pauses=0,
    )
    changed = model.planned(changed, tx.at_us)
    store.update_payment(tx, changed)
    actor = f"provider:{payment.method}"
    if become == "succeeded":
        ledger.post(tx, books.sale(order, orders_store.lines(tx.connection, order.order_id)))
        ledger.post(tx, books.capture(payment))
        record(tx, "payment.succeeded", changed, actor)
        orders_store.mark_paid(tx, order, actor)
    elif become == "surplus":
        assert state.amount is not None, "a provider that took money says how much"
        ledger.post(tx, books.surplus(payment, state.amount))
        store.insert_refund(tx, _refund_of(payment, refund_id, state.amount, tx.at_us))
        taken = {"taken_minor": state.amount.amount_minor, "taken_currency": state.amount.currency}
        record(tx, "payment.overpaid", changed, actor, **taken)
    else:
        record(tx, f"payment.{become}", changed, actor, problem=problem)
    return changed


def settle_free(tx: Transaction, payment: Payment, actor: str) -> None:
    """An order that costs nothing is paid as soon as someone says so; no provider is asked."""
    order = orders_store.get(tx.connection, payment.order_id)
    assert order is not None, "a payment belongs to an order"
    ledger.post(tx, books.sale(order, orders_store.lines(tx.connection, order.order_id)))
    record(tx, "payment.succeeded", payment, actor)
    orders_store.mark_paid(tx, order, actor)


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
    payment = msgspec.structs.replace(payment, status="refunded")
    store.update_payment(tx, payment)
    record(tx, "payment.refunded", payment, f"provider:{payment.method}", refund_id=refund_id)


def delay_refund(tx: Transaction, refund_id: str, problem: str | None, *, permanent: bool) -> None:
    """It did not go through. It is tried again, and staff hear of it once when the provider refuses.

    Nothing happens to a refund that has arrived meanwhile: another try of it was quicker.
    """
    refund = store.get_refund(tx.connection, refund_id)
    assert refund is not None, "refunds are never deleted"
    if refund.status == "succeeded":
        return
    tries = refund.tries + 1
    due_us = model.refund_again_us(tries, tx.at_us)
    store.update_refund(tx, msgspec.structs.replace(refund, tries=tries, due_us=due_us, problem=problem))
    payment = store.get(tx.connection, refund.payment_id)
    if permanent and payment is not None and refund.problem != problem:
        record(tx, "payment.refund_refused", payment, f"provider:{refund.method}", problem=problem)


def _refund_of(payment: Payment, refund_id: str, taken: Money, now_us: int) -> Refund:
    return Refund(
        refund_id=refund_id,
        payment_id=payment.payment_id,
        order_id=payment.order_id,
        method=payment.method,
        amount_minor=taken.amount_minor,
        currency=taken.currency,
        status="pending",
        created_us=now_us,
        due_us=now_us,
    )
