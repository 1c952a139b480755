"""What the wallet does for merchants, in its own messages. Each call is durable when it returns."""

import hashlib

import msgspec

from unqueue.kernel.ids import new_id, new_token
from unqueue.providers.sandbox_kit import model
from unqueue.providers.sandbox_kit.book import Book
from unqueue.providers.sandbox_kit.model import Payment, Refund, Refused
from unqueue.providers.sandbox_wallet.messages import (
    NotificationBody,
    PaymentRequest,
    PaymentState,
    RefundRequest,
    RefundState,
)


class Wallet:
    """The sandbox wallet's API over the books."""

    def __init__(self, book: Book) -> None:
        self.book = book

    @property
    def now_us(self) -> int:
        return self.book.now_us

    def create(self, merchant_id: str, request: PaymentRequest) -> PaymentState:
        """A payment for a shopper to make; the same request again is the same payment."""
        payment = Payment(
            payment_id=request.id,
            merchant_id=merchant_id,
            cashier_token=new_token(),
            order_id=request.order_id,
            order_number=request.order_number,
            amount=request.amount,
            subject_zh=request.subject_zh,
            subject_en=request.subject_en,
            return_url=request.return_url,
            notify_url=request.notify_url,
            expires_us=request.expires_s * 1_000_000,
            reference="W" + new_id()[:15].upper(),
            created_us=self.now_us,
        )
        request_hash = hashlib.sha256(msgspec.json.encode(request)).hexdigest()
        return self._state(self.book.open(payment, request_hash))

    def query(self, merchant_id: str, payment_id: str) -> PaymentState:
        return self._state(self.book.find(merchant_id, payment_id))

    def close(self, merchant_id: str, payment_id: str) -> PaymentState:
        return self._state(self.book.close(merchant_id, payment_id))

    def refund(self, merchant_id: str, payment_id: str, request: RefundRequest) -> RefundState:
        """Give money back at once; the same id again is the same refund."""
        refund = Refund(
            merchant_id=merchant_id,
            payment_id=payment_id,
            refund_id=request.id,
            reference="R" + new_id()[:15].upper(),
            amount=request.amount,
            created_us=0,
            settles_us=0,
        )
        return self._refund_state(self.book.refund(refund))

    def query_refund(self, merchant_id: str, payment_id: str, refund_id: str) -> RefundState:
        self.book.find(merchant_id, payment_id)
        refund = self.book.find_refund(merchant_id, refund_id)
        if refund.payment_id != payment_id:
            raise Refused(404, "refund_unknown")
        return self._refund_state(refund)

    def _state(self, payment: Payment) -> PaymentState:
        return PaymentState(
            id=payment.payment_id,
            merchant_id=payment.merchant_id,
            order_id=payment.order_id,
            order_number=payment.order_number,
            status=payment.status,
            amount=payment.amount,
            refunded=self.book.refunded(payment),
            reference=payment.reference,
            cashier_url=self.book.cashier_url(payment),
        )

    def _refund_state(self, refund: Refund) -> RefundState:
        status = model.refund_status_at(refund, self.now_us)
        return RefundState(refund.refund_id, refund.payment_id, status, refund.amount, refund.reference)


def told_of(payment: Payment) -> bytes:
    """The notification of a decided payment."""
    return msgspec.json.encode(
        NotificationBody(
            id=new_id(),
            kind="payment",
            merchant_id=payment.merchant_id,
            payment_id=payment.payment_id,
            order_id=payment.order_id,
            order_number=payment.order_number,
            status=payment.status,
            amount=payment.amount,
            reference=payment.reference,
            at_s=payment.decided_us // 1_000_000,
        )
    )
