"""A wallet's rules, whatever its protocol. Pure: the time comes as an argument, in microseconds since 1970 UTC."""

from collections.abc import Callable
from typing import Literal, get_args

import msgspec

from unqueue.kernel.money import Money

Trouble = Literal["none", "late", "twice", "never", "wrong_amount", "wrong_order", "forged", "after_close"]
"""What goes wrong with a payment, for testers. ``after_close``: the money is taken though the merchant gave up."""

TROUBLES: tuple[Trouble, ...] = get_args(Trouble)
WRONG_TRIES_MAX = 3
"""How often a wrong notification is sent to a merchant who rightly refuses it."""

PaymentStatus = Literal["pending", "succeeded", "failed", "closed"]
RefundStatus = Literal["pending", "succeeded"]


class Refused(Exception):
    """The wallet won't: ``code`` is stable, ``status`` the HTTP status. A protocol translates both into its own."""

    def __init__(self, status: int, code: str, detail: str = "") -> None:
        self.status = status
        self.code = code
        self.detail = detail
        super().__init__(code)


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that a merchant asked for. ``status`` is as last decided; :func:`status_at` knows of expiry.

    ``payment_id`` is the merchant's own number for it; ``reference`` is the wallet's number for people.
    ``cashier_token`` is the secret part of the cashier page's address; ``code`` is what a QR code for it holds, or
    another text that opens it on the tester's phone page; ``details`` are whatever else its protocol must remember.
    """

    merchant_id: str
    payment_id: str
    cashier_token: str
    reference: str
    order_id: str
    order_number: str
    amount: Money
    subject_zh: str
    subject_en: str
    return_url: str
    notify_url: str
    created_us: int
    expires_us: int
    status: PaymentStatus = "pending"
    decided_us: int = 0
    code: str = ""
    details: dict[str, str] = {}


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """Money on its way back. It has arrived from ``settles_us`` on; ``notify_url`` is told then, if there is one."""

    merchant_id: str
    payment_id: str
    refund_id: str
    reference: str
    amount: Money
    created_us: int
    settles_us: int
    notify_url: str = ""
    details: dict[str, str] = {}


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A notification to send to ``url``. ``forged`` ones are to be signed with a key that is not the wallet's."""

    url: str
    due_us: int
    body: bytes
    forged: bool = False
    tries_max: int | None = None


def status_at(payment: Payment, now_us: int) -> PaymentStatus:
    """What the payment is now: nobody can pay it once it has expired."""
    return "closed" if payment.status == "pending" and now_us >= payment.expires_us else payment.status


def refund_status_at(refund: Refund, now_us: int) -> RefundStatus:
    """What the refund is now."""
    return "succeeded" if now_us >= refund.settles_us else "pending"


def pay(payment: Payment, now_us: int, *, after_close: bool = False) -> Payment:
    """The shopper pays. Again is the same payment; ``after_close`` takes money that the merchant no longer expects."""
    status = status_at(payment, now_us)
    if status == "succeeded":
        return payment
    if status == "pending" or (status == "closed" and after_close):
        return msgspec.structs.replace(payment, status="succeeded", decided_us=now_us)
    raise Refused(409, f"payment_{status}")


def decline(payment: Payment, now_us: int) -> Payment:
    """The shopper doesn't want to, or has too little money."""
    status = status_at(payment, now_us)
    if status == "succeeded":
        raise Refused(409, "payment_succeeded")
    if status != "pending":
        return msgspec.structs.replace(payment, status=status)
    return msgspec.structs.replace(payment, status="failed", decided_us=now_us)


def close(payment: Payment, now_us: int) -> Payment:
    """The merchant gives up. What is paid stays paid: the answer says so."""
    if status_at(payment, now_us) != "pending":
        return payment
    return msgspec.structs.replace(payment, status="closed", decided_us=now_us)


def check_refund(payment: Payment, refunded_minor: int, amount: Money) -> None:
    """Refuse to give back more than was taken, or in another currency."""
    if payment.status != "succeeded":
        raise Refused(409, "payment_not_succeeded")
    if amount.currency != payment.amount.currency or amount.amount_minor <= 0:
        raise Refused(422, "refund_amount_invalid")
    if refunded_minor + amount.amount_minor > payment.amount.amount_minor:
        raise Refused(409, "refund_exceeds_payment")


def plan(
    payment: Payment, trouble: Trouble, tell: Callable[[Payment], bytes | None], now_us: int, late_us: int
) -> list[Planned]:
    """The notifications that a decided payment causes, with the trouble that a tester asked for.

    ``tell`` writes the message of a payment as its protocol wants it, None where the protocol says nothing.
    """
    if trouble == "never":
        return []
    wrong = trouble in {"wrong_amount", "wrong_order"}
    body = tell(_changed(payment, trouble))
    if body is None or not payment.notify_url:
        return []
    planned = Planned(
        url=payment.notify_url,
        due_us=now_us + (late_us if trouble == "late" else 0),
        body=body,
        forged=trouble == "forged",
        tries_max=WRONG_TRIES_MAX if wrong or trouble == "forged" else None,
    )
    return [planned, planned] if trouble == "twice" else [planned]


def _changed(payment: Payment, trouble: Trouble) -> Payment:
    """The payment as a wrong message tells of it."""
    if trouble == "wrong_amount":
        amount = Money(payment.amount.amount_minor + 100, payment.amount.currency)
        return msgspec.structs.replace(payment, amount=amount)
    if trouble == "wrong_order":
        order_id, order_number = payment.order_id[::-1], payment.order_number[::-1]
        return msgspec.structs.replace(payment, order_id=order_id, order_number=order_number)
    return payment


def retry_after_us(tries: int, first_us: int) -> int:
    """How long to wait after the ``tries``-th unanswered notification: doubling, at most an hour."""
    return min(first_us << min(tries - 1, 30), 3_600_000_000)
