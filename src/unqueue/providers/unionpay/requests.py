"""The requests that a store makes of the gateway, unsigned. Pure: the same arguments give the same request."""

import hashlib
from typing import Literal

import msgspec

from unqueue.providers.port import Attempt, Charge, RefundRequest
from unqueue.providers.unionpay import messages
from unqueue.providers.unionpay.messages import Reserved, transaction_time

ChannelType = Literal["07", "08"]
"""Where the gateway's page is shown: on a computer or tablet (07), or on a phone (08)."""

_CONSUME_BY_SHOPPER = "01"  # txnSubType 自助消费
_GATEWAY_PAYMENT = "000201"  # bizType B2C 网关支付
_ANY_BUSINESS = "000000"


class Merchant(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: the merchant's number and the serial number of the certificate that signs for it."""

    merchant_id: str
    cert_id: str
    channel_type: ChannelType = "08"
    refund_notify_url: str = ""

    def _common(self) -> dict[str, str]:
        return {
            "version": messages.VERSION,
            "encoding": "UTF-8",
            "signMethod": messages.SIGN_METHOD_RSA,
            "accessType": "0",  # a merchant, not an acquirer
            "merId": self.merchant_id,
            "certId": self.cert_id,
        }

    def consume(self, attempt: Attempt) -> dict[str, str]:
        """The form with which a shopper's browser goes to the gateway."""
        pay_timeout = transaction_time(attempt.expires_us)
        return self._common() | {
            "txnType": messages.CONSUME,
            "txnSubType": _CONSUME_BY_SHOPPER,
            "bizType": _GATEWAY_PAYMENT,
            "channelType": self.channel_type,
            "orderId": attempt.attempt_id,
            "txnTime": transaction_time(attempt.created_us),
            "txnAmt": str(attempt.amount.amount_minor),
            "currencyCode": messages.CURRENCY_CODES[attempt.amount.currency],
            "frontUrl": attempt.return_url,
            "backUrl": attempt.notify_url,
            "payTimeout": pay_timeout,
            "reqReserved": Reserved(attempt.order_id, attempt.order_number, pay_timeout).text(),
        }

    def question(self, order_id: str, created_us: int) -> dict[str, str]:
        """What became of a purchase, refund or reversal: its ``orderId`` and ``txnTime`` name it."""
        return self._common() | {
            "txnType": messages.QUERIED,
            "txnSubType": "00",
            "bizType": _ANY_BUSINESS,
            "orderId": order_id,
            "txnTime": transaction_time(created_us),
        }

    def give_back(self, step: "Step", request: RefundRequest, charge: Charge) -> dict[str, str]:
        """A refund or a reversal of a purchase, which ``charge.reference`` (its ``queryId``) names."""
        assert charge.reference, "who gives back knows the gateway's number of the purchase"
        return self._common() | {
            "txnType": step.transaction_type,
            "txnSubType": "00",
            "bizType": _GATEWAY_PAYMENT,
            "channelType": self.channel_type,
            "orderId": step.order_id,
            "txnTime": transaction_time(request.created_us),
            "txnAmt": str(request.amount.amount_minor),
            "backUrl": self.refund_notify_url or messages.NO_NOTIFICATION,
            "origQryId": charge.reference,
            "reqReserved": f"{request.refund_id}|{charge.attempt_id}",
        }


class Step(msgspec.Struct, frozen=True):
    """A way to give money back: ``order_id`` is what the gateway is to call it."""

    transaction_type: str
    order_id: str


def steps(request: RefundRequest, charge: Charge) -> tuple[Step, ...]:
    """The ways to give money back, the first to be tried first: each only after a no to the one before.

    All of a purchase, within its clearing day, is reversed: the shopper has it back at once, and no fee is due. The
    clearing day ends at 23:00, and a retry can come after that, so a refund stands behind the reversal, with an
    ``orderId`` of its own: the gateway takes an id once.
    """
    refund_id = request.refund_id
    whole = request.amount == charge.amount
    if not whole or messages.clearing_day(request.created_us) != messages.clearing_day(charge.created_us):
        return (Step(messages.REFUND, refund_id),)
    behind = hashlib.sha256(f"refund:{refund_id}".encode()).hexdigest()[:32]
    return Step(messages.REVERSAL, refund_id), Step(messages.REFUND, behind)
