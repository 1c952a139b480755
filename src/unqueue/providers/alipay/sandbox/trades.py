"""Alipay's trades on the kit's book: a trade exists only from when its shopper is there."""

import hashlib
from typing import Literal

import msgspec

from unqueue.kernel.ids import new_id, new_token
from unqueue.kernel.money import Money
from unqueue.providers.alipay.messages import CURRENCY
from unqueue.providers.sandbox_kit.book import Book
from unqueue.providers.sandbox_kit.model import Payment, Planned, Refund, Refused

OPENED = "opened"
"""In a payment's details: the shopper has scanned its code, so that the trade exists."""
REVOKED = "revoked"
"""In a payment's details: it was revoked before anybody opened it."""
_NEVER = "never opened"

State = Literal["WAIT_BUYER_PAY", "TRADE_SUCCESS", "TRADE_CLOSED"]
Revoked = Literal["", "close", "refund"]


class Trades(Book):
    """The trades of all merchants. A precreated code becomes a trade when it is scanned, a page when it is paid.

    A shopper who leaves the cashier (the kit's *decline*) leaves the trade open: Alipay knows no refusal.
    """

    def at_cashier(self, cashier_token: str) -> Payment:
        payment = super().at_cashier(cashier_token)
        if payment.code and payment.status == "pending" and OPENED not in payment.details:
            payment = msgspec.structs.replace(payment, details={**payment.details, OPENED: "yes"})
            self.store.decide(payment, [], self.now_us)
        return payment

    def begin(self, payment: Payment, asked: str) -> Payment:
        """What a request (``asked``: its text) wants to be paid. One that was revoked before it came stays closed."""
        known = self.store.payment(payment.merchant_id, payment.payment_id)
        if known is not None and self.store.request_hash(known.merchant_id, known.payment_id) == _NEVER:
            kept = {"cashier_token": known.cashier_token, "reference": known.reference, "status": "closed"}
            closed = msgspec.structs.replace(payment, **kept, code="", details={REVOKED: "yes"})
            self.store.decide(closed, [], self.now_us)
            return closed
        return self.open(payment, hashlib.sha256(asked.encode()).hexdigest())

    def trade(self, merchant_id: str, payment_id: str) -> Payment:
        """A trade that exists. Refused: ``payment_unknown``."""
        payment = self.find(merchant_id, payment_id)
        if payment.status not in {"succeeded", "failed"} and OPENED not in payment.details:
            raise Refused(404, "payment_unknown")
        return payment

    def state(self, payment: Payment) -> State:
        """``trade_status``."""
        if payment.status == "succeeded":
            return "TRADE_CLOSED" if self.refunded(payment) == payment.amount else "TRADE_SUCCESS"
        waits = payment.status in {"pending", "failed"} and self.now_us < payment.expires_us
        return "WAIT_BUYER_PAY" if waits else "TRADE_CLOSED"

    def shut(self, merchant_id: str, payment_id: str) -> Payment:
        """``alipay.trade.close``: a trade that waits is closed, and that is told. Refused: ``payment_unknown``,
        ``payment_decided``.
        """
        payment = self.trade(merchant_id, payment_id)
        if self.state(payment) != "WAIT_BUYER_PAY":
            raise Refused(409, "payment_decided")
        details = {**payment.details, OPENED: "yes"}
        closed = msgspec.structs.replace(payment, status="closed", decided_us=self.now_us, details=details)
        told = self._telling.payment(closed)
        planned = [Planned(url=closed.notify_url, due_us=self.now_us, body=told)] if told and closed.notify_url else []
        self.store.decide(closed, planned, self.now_us)
        self._on_planned()
        return closed

    def revoke(self, merchant_id: str, payment_id: str) -> tuple[Payment, Revoked]:
        """``alipay.trade.cancel``: what waits is closed, what was paid is given back, and what nobody has opened, or
        even asked for, can't be paid any more. The second is what was done to the trade, empty where there is none.
        """
        known = self.store.payment(merchant_id, payment_id)
        if known is None:
            return self._never(merchant_id, payment_id), ""
        try:
            payment = self.trade(merchant_id, payment_id)
        except Refused:
            revoked = msgspec.structs.replace(known, status="closed", details={**known.details, REVOKED: "yes"})
            self.store.decide(revoked, [], self.now_us)
            return revoked, ""
        if self.state(payment) == "WAIT_BUYER_PAY":
            return self.shut(merchant_id, payment_id), "close"
        left_minor = payment.amount.amount_minor - self.refunded(payment).amount_minor
        if payment.status != "succeeded" or left_minor == 0:
            return payment, "close"
        self.give_back(payment, payment_id, Money(left_minor, CURRENCY))
        return payment, "refund"

    def give_back(self, payment: Payment, request_no: str, amount: Money) -> bool:
        """``alipay.trade.refund``; whether money moved. Refused as in :meth:`Book.refund`."""
        refund_id = self.refund_id(payment.payment_id, request_no)
        known = self.store.refund(payment.merchant_id, refund_id)
        self.refund(
            Refund(
                merchant_id=payment.merchant_id,
                payment_id=payment.payment_id,
                refund_id=refund_id,
                reference=payment.reference,
                amount=amount,
                created_us=0,
                settles_us=0,
                notify_url=payment.notify_url,
                details={"out_request_no": request_no},
            )
        )
        return known is None

    @staticmethod
    def refund_id(payment_id: str, request_no: str) -> str:
        """The kit's number of a refund: at Alipay an ``out_request_no`` belongs to its trade."""
        return f"{payment_id} {request_no}"

    def _never(self, merchant_id: str, payment_id: str) -> Payment:
        """Note that a payment was revoked that nobody has asked for yet."""
        payment = Payment(
            merchant_id=merchant_id,
            payment_id=payment_id,
            cashier_token=new_token(),
            reference=new_id(),
            order_id="",
            order_number="",
            amount=Money(0, CURRENCY),
            subject_zh="",
            subject_en="",
            return_url="",
            notify_url="",
            created_us=self.now_us,
            expires_us=self.now_us,
            status="closed",
            details={REVOKED: "yes"},
        )
        self.store.insert_payment(payment, _NEVER)
        return payment
