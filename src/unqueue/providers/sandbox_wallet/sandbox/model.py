"""The wallet's rules. Pure: the time comes as an argument, in microseconds since 1970 UTC."""

from typing import Literal, get_args

import msgspec

from unqueue.kernel.money import Money
from unqueue.providers.sandbox_wallet.messages import NotificationBody, PaymentState, PaymentStatus

Trouble = Literal["none", "late", "twice", "never", "wrong_amount", "wrong_order", "forged", "after_close"]
"""What goes wrong with a payment, for testers. ``after_close``: the money is taken though the merchant gave up."""

TROUBLES: tuple[Trouble, ...] = get_args(Trouble)
WRONG_TRIES_MAX = 3
"""How often a wrong notification is sent to a merchant who rightly refuses it."""


class Refused(Exception):
    """The wallet won't: ``code`` is stable, ``status`` the HTTP status."""

    def __init__(self, status: int, code: str, detail: str = "") -> None:
        self.status = status
        self.code = code
        self.detail = detail
        super().__init__(code)


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that a merchant asked for. ``status`` is as last decided; :func:`status_at` knows of expiry.

    ``cashier_token`` is the secret part of the cashier page's address. ``reference`` is the wallet's number for people.
    """

    payment_id: str
    merchant_id: str
    cashier_token: str
    order_id: str
    order_number: str
    amount: Money
    subject_zh: str
    subject_en: str
    return_url: str
    notify_url: str
    expires_us: int
    status: PaymentStatus
    reference: str
    created_us: int


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A notification to send. ``forged`` ones are signed with a key that is not the wallet's."""

    due_us: int
    body: bytes
    forged: bool = False
    tries_max: int | None = None


def status_at(payment: Payment, now_us: int) -> PaymentStatus:
    """What the payment is now: nobody can pay it once it has expired."""
    return "closed" if payment.status == "pending" and now_us >= payment.expires_us else payment.status


def pay(payment: Payment, now_us: int, *, after_close: bool = False) -> Payment:
    """The shopper pays. Again is the same payment; ``after_close`` takes money that the merchant no longer expects."""
    status = status_at(payment, now_us)
    if status == "succeeded":
        return payment
    if status == "pending" or (status == "closed" and after_close):
        return msgspec.structs.replace(payment, status="succeeded")
    raise Refused(409, f"payment_{status}")


def decline(payment: Payment, now_us: int) -> Payment:
    """The shopper doesn't want to, or has too little money."""
    status = status_at(payment, now_us)
    if status == "succeeded":
        raise Refused(409, "payment_succeeded")
    return msgspec.structs.replace(payment, status="failed" if status == "pending" else status)


def close(payment: Payment, now_us: int) -> Payment:
    """The merchant gives up. What is paid stays paid: the answer says so."""
    return msgspec.structs.replace(payment, status="closed") if status_at(payment, now_us) == "pending" else payment


def check_refund(payment: Payment, refunded_minor: int, amount: Money) -> None:
    """Refuse to give back more than was taken, or in another currency."""
    if payment.status != "succeeded":
        raise Refused(409, "payment_not_succeeded")
    if amount.currency != payment.amount.currency or amount.amount_minor <= 0:
        raise Refused(422, "refund_amount_invalid")
    if refunded_minor + amount.amount_minor > payment.amount.amount_minor:
        raise Refused(409, "refund_exceeds_payment")


def state_of(payment: Payment, refunded_minor: int, now_us: int, cashier_url: str) -> PaymentState:
    """The payment as the merchant sees it."""
    return PaymentState(
        id=payment.payment_id,
        merchant_id=payment.merchant_id,
        order_id=payment.order_id,
        order_number=payment.order_number,
        status=status_at(payment, now_us),
        amount=payment.amount,
        refunded=Money(refunded_minor, payment.amount.currency),
        reference=payment.reference,
        cashier_url=cashier_url,
    )


def plan(payment: Payment, trouble: Trouble, notification_id: str, now_us: int, late_us: int) -> list[Planned]:
    """The notifications that a decided payment causes, with the trouble that a tester asked for."""
    true = NotificationBody(
        id=notification_id,
        kind="payment",
        merchant_id=payment.merchant_id,
        payment_id=payment.payment_id,
        order_id=payment.order_id,
        order_number=payment.order_number,
        status=payment.status,
        amount=payment.amount,
        reference=payment.reference,
        at_s=now_us // 1_000_000,
    )
    if trouble == "never":
        return []
    if trouble == "wrong_amount":
        return [_wrong(true, now_us, amount=Money(payment.amount.amount_minor + 100, payment.amount.currency))]
    if trouble == "wrong_order":
        other = {"order_id": payment.order_id[::-1], "order_number": payment.order_number[::-1]}
        return [_wrong(true, now_us, **other)]
    body = msgspec.json.encode(true)
    if trouble == "forged":
        return [Planned(due_us=now_us, body=body, forged=True, tries_max=WRONG_TRIES_MAX)]
    genuine = Planned(due_us=now_us + (late_us if trouble == "late" else 0), body=body)
    return [genuine, genuine] if trouble == "twice" else [genuine]


def _wrong(true: NotificationBody, now_us: int, **changes: object) -> Planned:
    body = msgspec.json.encode(msgspec.structs.replace(true, **changes))
    return Planned(due_us=now_us, body=body, tries_max=WRONG_TRIES_MAX)


def retry_after_us(tries: int, first_us: int) -> int:
    """How long to wait after the ``tries``-th unanswered notification: doubling, at most an hour."""
    return min(first_us << min(tries - 1, 30), 3_600_000_000)
