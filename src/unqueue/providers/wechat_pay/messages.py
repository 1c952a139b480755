"""WeChat Pay's messages (API v3): those that the store reads, and what they mean to it. Pure.

Only the fields that the store needs are named; WeChat Pay adds others at will.
"""

import base64
import binascii
from collections.abc import Mapping

import msgspec

from unqueue.kernel.money import Money
from unqueue.providers.port import AttemptStatus, Notification, RefundNotification, RefundState
from unqueue.providers.wechat_pay import signing

CURRENCY = "CNY"
"""The only currency of mainland merchants (``amount.currency``)."""

TRADE_STATES: Mapping[str, AttemptStatus] = {
    "SUCCESS": "succeeded",
    "REFUND": "succeeded",  # it was paid; some or all of it is on its way back
    "NOTPAY": "pending",
    "USERPAYING": "pending",
    "ACCEPT": "pending",
    "CLOSED": "closed",
    "REVOKED": "closed",
    "PAYERROR": "failed",
}
REFUND_STATES = {
    "SUCCESS": "succeeded",
    "PROCESSING": "pending",
    "CLOSED": "failed",
    "ABNORMAL": "failed",  # the shopper's card can't be paid to: staff must do it in the merchant platform
}


class Malformed(Exception):
    """An authentic message that is not what the documentation says."""


class Amount(msgspec.Struct, frozen=True):
    """``total`` is the order's, in fen, whatever coupons of WeChat Pay the shopper used."""

    total: int
    currency: str = CURRENCY


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """An order as WeChat Pay sees it: the answer to a query, and the resource of a notification.

    ``amount`` is there once it was paid; ``attach`` is what the store wrote into it.
    """

    mchid: str
    out_trade_no: str
    trade_state: str
    transaction_id: str = ""
    attach: str = ""
    amount: Amount | None = None


class RefundAmount(msgspec.Struct, frozen=True):
    """``refund`` is what goes back, in fen."""

    refund: int
    currency: str = CURRENCY


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """A refund: the answer to asking for one and to a query."""

    refund_id: str
    out_refund_no: str
    out_trade_no: str
    status: str
    amount: RefundAmount


class RefundTold(msgspec.Struct, frozen=True):
    """The resource of a notification about a refund."""

    mchid: str
    out_trade_no: str
    out_refund_no: str


class Resource(msgspec.Struct, frozen=True):
    """The sealed part of a notification. Text but for ``ciphertext``, which is base64."""

    algorithm: str
    ciphertext: str
    nonce: str
    associated_data: str = ""


class Envelope(msgspec.Struct, frozen=True):
    """The body of a notification. ``event_type`` is such as ``TRANSACTION.SUCCESS``."""

    event_type: str
    resource: Resource


class Native(msgspec.Struct, frozen=True):
    code_url: str


class H5(msgspec.Struct, frozen=True):
    h5_url: str


class Jsapi(msgspec.Struct, frozen=True):
    prepay_id: str


class Bill(msgspec.Struct, frozen=True):
    """Where a bill is, and the SHA-1 of the file (before it is packed)."""

    download_url: str
    hash_type: str
    hash_value: str


class Refusal(msgspec.Struct, frozen=True):
    """The body of every answer from 400 on."""

    code: str
    message: str = ""


class Identity(msgspec.Struct, frozen=True):
    """The answer to a code of the OAuth redirect; ``errcode`` is there where it failed."""

    openid: str = ""
    errcode: int = 0
    errmsg: str = ""


def attach_of(order_id: str, order_number: str) -> str:
    """What the store writes into an order (at most 128 characters), to come back with every message about it.

    >>> attach_of("0123abcd", "104729389"), read_attach("0123abcd,104729389"), read_attach("something else")
    ('0123abcd,104729389', ('0123abcd', '104729389'), ('something else', ''))
    """
    return f"{order_id},{order_number}"


def read_attach(attach: str) -> tuple[str, str]:
    """Order id and number out of ``attach``."""
    order_id, _, order_number = attach.partition(",")
    return order_id, order_number


def status_of(transaction: Transaction) -> AttemptStatus:
    """What an order's ``trade_state`` means to the store; Malformed for one that it doesn't know."""
    status = TRADE_STATES.get(transaction.trade_state)
    if status is None or (status == "succeeded" and transaction.amount is None):
        raise Malformed(f"trade_state {transaction.trade_state}")
    return status


def refund_state_of(refund: Refund) -> RefundState:
    """What a refund's ``status`` means to the store; Malformed for one that it doesn't know."""
    amount = Money(refund.amount.refund, refund.amount.currency)
    match REFUND_STATES.get(refund.status):
        case "succeeded" | "pending" | "failed" as status:
            return RefundState(status, amount, refund.refund_id)
        case _:
            raise Malformed(f"status {refund.status}")


def read_notification(body: bytes, api_v3_key: bytes) -> Notification | RefundNotification:
    """What a notification says, once its signature was checked. Malformed where it does not open or can't be read."""
    try:
        envelope = msgspec.json.decode(body, type=Envelope)
        plain = open_resource(envelope.resource, api_v3_key)
        if envelope.event_type.startswith("REFUND."):
            told = msgspec.json.decode(plain, type=RefundTold)
            return RefundNotification(
                refund_id=told.out_refund_no, attempt_id=told.out_trade_no, merchant_id=told.mchid
            )
        if envelope.event_type.startswith("TRANSACTION."):
            return notification_of(msgspec.json.decode(plain, type=Transaction))
    except (msgspec.DecodeError, UnicodeDecodeError, signing.Unsealable) as error:
        raise Malformed(type(error).__name__) from None
    raise Malformed(f"event_type {envelope.event_type}")


def notification_of(transaction: Transaction) -> Notification:
    """A notified order; Malformed where it names no amount."""
    if transaction.amount is None:
        raise Malformed("amount is missing")
    order_id, order_number = read_attach(transaction.attach)
    return Notification(
        attempt_id=transaction.out_trade_no,
        merchant_id=transaction.mchid,
        order_id=order_id,
        order_number=order_number,
        status=status_of(transaction),
        amount=Money(transaction.amount.total, transaction.amount.currency),
        reference=transaction.transaction_id,
    )


def open_resource(resource: Resource, api_v3_key: bytes) -> bytes:
    """The plain text of a resource. Malformed for another algorithm, Unsealable where it does not open."""
    if resource.algorithm != "AEAD_AES_256_GCM":
        raise Malformed(f"algorithm {resource.algorithm}")
    try:
        sealed = base64.b64decode(resource.ciphertext, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("ciphertext is no base64") from None
    return signing.unseal(api_v3_key, resource.nonce.encode(), resource.associated_data.encode(), sealed)
