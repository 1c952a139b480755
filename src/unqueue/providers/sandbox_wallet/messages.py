"""The sandbox wallet's messages: the JSON of docs/protocols/sandbox-wallet.md, shared by its client and the wallet."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from unqueue.kernel.money import Money

Id = Annotated[str, Meta(min_length=8, max_length=64, pattern="^[A-Za-z0-9_-]+$")]
Text = Annotated[str, Meta(max_length=200)]
WebAddress = Annotated[str, Meta(max_length=2000, pattern=r"^https?://[^\s/]+\S*$")]
PaymentStatus = Literal["pending", "succeeded", "failed", "closed"]
RefundStatus = Literal["pending", "succeeded"]

PAYMENTS = "/v1/payments"


class PaymentRequest(msgspec.Struct, frozen=True, kw_only=True):
    """``POST /v1/payments``. ``expires_s`` (seconds since 1970 UTC): from then on nobody can pay it."""

    id: Id
    order_id: Text
    order_number: Text
    amount: Money
    subject_zh: Text
    subject_en: Text
    return_url: WebAddress
    notify_url: WebAddress
    expires_s: int


class PaymentState(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as the merchant sees it. ``amount`` is what was asked for, and once succeeded what was taken."""

    id: str
    merchant_id: str
    order_id: str
    order_number: str
    status: PaymentStatus
    amount: Money
    refunded: Money
    reference: str
    cashier_url: str


class NotificationBody(msgspec.Struct, frozen=True, kw_only=True):
    """What the wallet posts to ``notify_url``. ``at_s`` is when it happened, in seconds since 1970 UTC."""

    id: str
    kind: Literal["payment"]
    merchant_id: str
    payment_id: str
    order_id: str
    order_number: str
    status: PaymentStatus
    amount: Money
    reference: str
    at_s: int


class RefundRequest(msgspec.Struct, frozen=True):
    """``POST /v1/payments/{id}/refunds``. The same ``id`` is the same refund."""

    id: Id
    amount: Money


class RefundState(msgspec.Struct, frozen=True):
    id: str
    payment_id: str
    status: RefundStatus
    amount: Money
    reference: str


class Refusal(msgspec.Struct, frozen=True):
    """The body of every answer from 400 on. ``code`` is stable, ``detail`` is for developers."""

    code: str
    detail: str = ""
