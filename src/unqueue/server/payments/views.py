"""Payments as JSON shows them (``Payment`` of docs/protocols/http.md), and what orders may know of them."""

from typing import Any

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.clock import from_micros
from unqueue.kernel.money import Money
from unqueue.server.payments import store
from unqueue.server.payments.model import PROBLEMS, Payment


class ActionView(msgspec.Struct, frozen=True):
    """What the shopper does next; ``kind`` is ``redirect``, ``qr`` or ``none``."""

    kind: str
    url: str


class PaymentView(msgspec.Struct, frozen=True):
    """``action`` is there while there is something to do; ``problem`` tells what went wrong, as a problem document."""

    id: str
    method: str
    status: str
    amount: Money
    created_at: str
    action: ActionView | None
    problem: dict[str, Any] | None


class MethodView(msgspec.Struct, frozen=True):
    """A way to pay; ``kind`` is the provider's, such as ``sandbox_wallet``."""

    method: str
    zh: str
    en: str
    kind: str


def payment_view(payment: Payment) -> PaymentView:
    to_do = payment.status == "pending" and payment.action_kind is not None
    problem = PROBLEMS.get(payment.problem or "")
    return PaymentView(
        id=payment.payment_id,
        method=payment.method,
        status=payment.status,
        amount=payment.amount,
        created_at=from_micros(payment.created_us).isoformat(),
        action=ActionView(payment.action_kind or "none", payment.action_url) if to_do else None,
        problem=problem().problem() if problem is not None else None,
    )


def payments_of(connection: Connection, order_id: str) -> list[PaymentView]:
    """The attempts of an order, oldest first, for showing the order."""
    return [payment_view(payment) for payment in store.of_order(connection, order_id)]


def open_attempt(connection: Connection, order_id: str) -> PaymentView | None:
    """The attempt that is open, if any: while there is one, the basket stays frozen."""
    payment = store.open_of_order(connection, order_id)
    return payment_view(payment) if payment is not None else None
