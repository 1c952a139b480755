"""Payments as JSON shows them (``Payment`` of docs/protocols/http.md), and what orders may know of them."""

from typing import Any

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.clock import from_micros
from unqueue.kernel.database import Transaction
from unqueue.kernel.money import Money
from unqueue.server.coupons import redeeming
from unqueue.server.coupons import service as coupons_service
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order, OrderPartPaid, Standing
from unqueue.server.orders.service import qr_svg
from unqueue.server.payments import settling, store
from unqueue.server.payments.model import PROBLEMS, Payment


class ActionView(msgspec.Struct, frozen=True):
    """What the shopper does next; ``kind`` and ``fields`` as in ``providers.port.Action``. ``svg`` draws a QR code."""

    kind: str
    url: str
    fields: dict[str, str] = {}
    svg: str = ""


class PaymentView(msgspec.Struct, frozen=True):
    """``action`` is there while there is something to do; ``problem`` tells what went wrong, as a problem document."""

    id: str
    method: str
    status: str
    amount: Money
    created_at: str
    place: str
    action: ActionView | None
    problem: dict[str, Any] | None


class MethodView(msgspec.Struct, frozen=True):
    """A way to pay; ``kind`` is the provider's, such as ``wechat_pay``, ``channels`` what it can serve.

    ``preferred``: the browser that asks is this wallet's own.
    """

    method: str
    zh: str
    en: str
    kind: str
    channels: tuple[str, ...] = ()
    preferred: bool = False


def payment_view(payment: Payment) -> PaymentView:
    problem = PROBLEMS.get(payment.problem or "")
    return PaymentView(
        id=payment.payment_id,
        method=payment.method,
        status=payment.status,
        amount=payment.amount,
        created_at=from_micros(payment.created_us).isoformat(),
        place=payment.place,
        action=_action(payment),
        problem=problem().problem() if problem is not None else None,
    )


def _action(payment: Payment) -> ActionView | None:
    if payment.status != "pending" or payment.action_kind is None:
        return None
    fields = msgspec.json.decode(payment.action_fields, type=dict[str, str]) if payment.action_fields else {}
    svg = qr_svg(payment.action_url) if payment.action_kind == "qr" else ""
    return ActionView(payment.action_kind, payment.action_url, fields, svg)


def standing(connection: Connection, order: Order) -> Standing:
    """How far an order is paid."""
    payments = store.of_order(connection, order.order_id)
    redeemed = redeeming.summary(connection, order)
    pending = next((payment for payment in payments if payment.status == "pending"), None)
    return Standing(
        payable_minor=redeemed.payable_minor,
        paid_minor=sum(payment.amount_minor for payment in payments if payment.status == "succeeded"),
        payments=[payment_view(payment) for payment in payments],
        coupons=coupons_service.view(redeemed).coupons,
        open_payment=payment_view(pending) if pending is not None else None,
    )


def closing(tx: Transaction, order: Order, actor: str) -> None:
    """An order is about to be closed unpaid: what was paid of it goes back, and its coupons can be used elsewhere."""
    settling.give_back(tx, order, actor)
    redeeming.release(tx, order, actor)


def open_attempt(connection: Connection, order_id: str) -> PaymentView | None:
    """The attempt that is open, if any: while there is one, neither basket nor coupons change.

    OrderPartPaid once a part is paid: what is left to pay must not fall below it.
    """
    payments = store.of_order(connection, order_id)
    paid = [payment for payment in payments if payment.status == "succeeded"]
    if paid and not _is_paid(connection, order_id):
        total_minor = sum(payment.amount_minor for payment in paid)
        raise OrderPartPaid(paid=Money(total_minor, paid[0].currency))
    pending = next((payment for payment in payments if payment.status == "pending"), None)
    return payment_view(pending) if pending is not None else None


def _is_paid(connection: Connection, order_id: str) -> bool:
    order = orders_store.get(connection, order_id)
    return order is None or order.status != "open"
