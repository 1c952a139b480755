"""What the wallet does for merchants and shoppers. Each call is durable when it returns."""

import hashlib
from collections.abc import Callable

import msgspec

from unqueue.kernel.clock import Clock, micros
from unqueue.kernel.ids import new_id, new_token
from unqueue.providers.sandbox_wallet.messages import PaymentRequest, PaymentState, RefundRequest, RefundState
from unqueue.providers.sandbox_wallet.sandbox import model
from unqueue.providers.sandbox_wallet.sandbox.model import Payment, Refused, Trouble
from unqueue.providers.sandbox_wallet.sandbox.store import WalletStore


class Wallet:
    """The accounts of all merchants. ``public_url`` is set once the address is known."""

    def __init__(self, store: WalletStore, clock: Clock, *, late_s: float, on_planned: Callable[[], None]) -> None:
        self.store = store
        self.public_url = ""
        self._clock = clock
        self._late_us = int(late_s * 1_000_000)
        self._on_planned = on_planned

    @property
    def now_us(self) -> int:
        return micros(self._clock.now())

    def create(self, merchant_id: str, request: PaymentRequest) -> PaymentState:
        """A payment for a shopper to make; the same request again is the same payment."""
        request_hash = hashlib.sha256(merchant_id.encode() + b"\n" + msgspec.json.encode(request)).hexdigest()
        known = self.store.payment(request.id)
        if known is not None:
            if self.store.request_hash(request.id) != request_hash:
                raise Refused(409, "payment_conflict", "this id belongs to another request")
            return self._state(known)
        if request.amount.amount_minor <= 0:
            raise Refused(422, "amount_invalid")
        if request.expires_s * 1_000_000 <= self.now_us:
            raise Refused(422, "expired")
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
            status="pending",
            reference="W" + new_id()[:15].upper(),
            created_us=self.now_us,
        )
        self.store.insert_payment(payment, request_hash)
        return self._state(payment)

    def query(self, merchant_id: str, payment_id: str) -> PaymentState:
        return self._state(self._own(merchant_id, payment_id))

    def close(self, merchant_id: str, payment_id: str) -> PaymentState:
        payment = model.close(self._own(merchant_id, payment_id), self.now_us)
        self.store.decide(payment, [], self.now_us)
        return self._state(payment)

    def refund(self, merchant_id: str, payment_id: str, request: RefundRequest) -> RefundState:
        """Give money back at once; the same id again is the same refund."""
        payment = self._own(merchant_id, payment_id)
        known = self.store.refund(request.id)
        if known is not None:
            if known.payment_id != payment_id or known.amount != request.amount:
                raise Refused(409, "refund_conflict", "this id belongs to another refund")
            return known
        model.check_refund(payment, self.store.refunded_minor(payment_id), request.amount)
        refund = RefundState(request.id, payment_id, "succeeded", request.amount, "R" + new_id()[:15].upper())
        self.store.insert_refund(refund)
        return refund

    def query_refund(self, merchant_id: str, payment_id: str, refund_id: str) -> RefundState:
        self._own(merchant_id, payment_id)
        refund = self.store.refund(refund_id)
        if refund is None or refund.payment_id != payment_id:
            raise Refused(404, "refund_unknown")
        return refund

    def at_cashier(self, cashier_token: str) -> Payment:
        """The payment of a cashier page, as it is now."""
        payment = self.store.payment_of_cashier(cashier_token)
        if payment is None:
            raise Refused(404, "payment_unknown")
        return msgspec.structs.replace(payment, status=model.status_at(payment, self.now_us))

    def pay(self, cashier_token: str, trouble: Trouble) -> Payment:
        """The shopper pays; tapping twice pays once. The merchant is told as ``trouble`` wants it."""
        before = self.at_cashier(cashier_token)
        paid = model.pay(before, self.now_us, after_close=trouble == "after_close")
        return self._decided(before, paid, trouble)

    def decline(self, cashier_token: str) -> Payment:
        before = self.at_cashier(cashier_token)
        return self._decided(before, model.decline(before, self.now_us), "none")

    def _decided(self, before: Payment, after: Payment, trouble: Trouble) -> Payment:
        if after != before:
            now_us = self.now_us
            self.store.decide(after, model.plan(after, trouble, new_id(), now_us, self._late_us), now_us)
            self._on_planned()
        return after

    def _own(self, merchant_id: str, payment_id: str) -> Payment:
        payment = self.store.payment(payment_id)
        if payment is None or payment.merchant_id != merchant_id:
            raise Refused(404, "payment_unknown")
        return payment

    def _state(self, payment: Payment) -> PaymentState:
        return model.state_of(
            payment,
            self.store.refunded_minor(payment.payment_id),
            self.now_us,
            f"{self.public_url}/pay/{payment.cashier_token}",
        )
