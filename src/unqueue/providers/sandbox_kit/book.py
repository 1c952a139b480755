"""What a wallet does for merchants and shoppers, whatever protocol it speaks. Each call is durable when it returns."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from unqueue.kernel.clock import Clock, micros
from unqueue.kernel.money import Money
from unqueue.providers.sandbox_kit import model
from unqueue.providers.sandbox_kit.model import Payment, Planned, Refund, Refused, Trouble
from unqueue.providers.sandbox_kit.store import BookStore


class Telling(NamedTuple):
    """How a protocol words its notifications: the content to keep until it is sent, None where it says nothing."""

    payment: Callable[[Payment], bytes | None]
    refund: Callable[[Refund, Payment], bytes | None]


class Book:
    """The accounts of all merchants. ``public_url`` is set once the address is known.

    ``late_s`` is how late a late notification comes, ``refund_s`` how long a refund is on its way. ``on_planned`` is
    told that there may be something to send (:meth:`Notifier.wake`).
    """

    def __init__(
        self,
        store: BookStore,
        clock: Clock,
        telling: Telling,
        *,
        late_s: float = 30.0,
        refund_s: float = 0.0,
        on_planned: Callable[[], None] = lambda: None,
    ) -> None:
        self.store = store
        self.public_url = ""
        self._clock = clock
        self._telling = telling
        self._late_us = int(late_s * 1_000_000)
        self._refund_us = int(refund_s * 1_000_000)
        self._on_planned = on_planned

    @property
    def now_us(self) -> int:
        return micros(self._clock.now())

    def open(self, payment: Payment, request_hash: str) -> Payment:
        """A payment for a shopper to make. The same request again (``request_hash``) is the payment that is known.

        Refused: ``payment_conflict``, ``amount_invalid``, ``expired``.
        """
        known = self.store.payment(payment.merchant_id, payment.payment_id)
        if known is not None:
            if self.store.request_hash(payment.merchant_id, payment.payment_id) != request_hash:
                raise Refused(409, "payment_conflict", "this id belongs to another request")
            return self._now(known)
        if payment.amount.amount_minor <= 0:
            raise Refused(422, "amount_invalid")
        if payment.expires_us <= self.now_us:
            raise Refused(422, "expired")
        self.store.insert_payment(payment, request_hash)
        return payment

    def find(self, merchant_id: str, payment_id: str) -> Payment:
        """A merchant's payment as it is now. Refused: ``payment_unknown``."""
        return self._known(self.store.payment(merchant_id, payment_id))

    def find_reference(self, merchant_id: str, reference: str) -> Payment:
        """A merchant's payment by the wallet's own number. Refused: ``payment_unknown``."""
        return self._known(self.store.payment_of_reference(merchant_id, reference))

    def close(self, merchant_id: str, payment_id: str) -> Payment:
        """The merchant gives up; what is paid stays paid. Refused: ``payment_unknown``."""
        before = self.find(merchant_id, payment_id)
        payment = model.close(before, self.now_us)
        if payment != before:
            self.store.decide(payment, [], self.now_us)
        return payment

    def send_home(self, payment: Payment, return_url: str) -> None:
        """Note where the shopper's browser goes afterwards, for protocols that say so only when it comes."""
        self.store.decide(msgspec.structs.replace(payment, return_url=return_url), [], self.now_us)

    def refund(self, refund: Refund) -> Refund:
        """Give money back; the same id again is the same refund. ``created_us`` and ``settles_us`` are set here.

        Refused: ``payment_unknown``, ``payment_not_succeeded``, ``refund_conflict``, ``refund_amount_invalid``,
        ``refund_exceeds_payment``.
        """
        payment = self.find(refund.merchant_id, refund.payment_id)
        known = self.store.refund(refund.merchant_id, refund.refund_id)
        if known is not None:
            if known.payment_id != refund.payment_id or known.amount != refund.amount:
                raise Refused(409, "refund_conflict", "this id belongs to another refund")
            return known
        refunded_minor = self.store.refunded_minor(refund.merchant_id, refund.payment_id)
        model.check_refund(payment, refunded_minor, refund.amount)
        now_us = self.now_us
        made = msgspec.structs.replace(refund, created_us=now_us, settles_us=now_us + self._refund_us)
        body = self._telling.refund(made, payment) if made.notify_url else None
        planned = [] if body is None else [Planned(url=made.notify_url, due_us=made.settles_us, body=body)]
        self.store.insert_refund(made, planned, now_us)
        self._on_planned()
        return made

    def find_refund(self, merchant_id: str, refund_id: str) -> Refund:
        """A merchant's refund. Refused: ``refund_unknown``."""
        refund = self.store.refund(merchant_id, refund_id)
        if refund is None:
            raise Refused(404, "refund_unknown")
        return refund

    def refunded(self, payment: Payment) -> Money:
        """How much of a payment was given back or is on its way."""
        amount_minor = self.store.refunded_minor(payment.merchant_id, payment.payment_id)
        return Money(amount_minor, payment.amount.currency)

    def cashier_url(self, payment: Payment) -> str:
        """The address of a payment's cashier page."""
        return f"{self.public_url}/pay/{payment.cashier_token}"

    def at_cashier(self, cashier_token: str) -> Payment:
        """The payment of a cashier page, as it is now. Refused: ``payment_unknown``."""
        return self._known(self.store.payment_of_cashier(cashier_token))

    def at_code(self, code: str) -> Payment:
        """The payment that a QR code stands for, as it is now: the address of its cashier page will do, too.

        Refused: ``payment_unknown``.
        """
        page = f"{self.public_url}/pay/"
        if code.startswith(page):
            return self.at_cashier(code.removeprefix(page))
        return self._known(self.store.payment_of_code(code) if code else None)

    def pay(self, cashier_token: str, trouble: Trouble = "none") -> Payment:
        """The shopper pays; tapping twice pays once. The merchant is told as ``trouble`` wants it."""
        before = self.at_cashier(cashier_token)
        return self._decided(before, model.pay(before, self.now_us, after_close=trouble == "after_close"), trouble)

    def decline(self, cashier_token: str) -> Payment:
        """The shopper doesn't pay. Refused: ``payment_succeeded``."""
        before = self.at_cashier(cashier_token)
        return self._decided(before, model.decline(before, self.now_us), "none")

    def _decided(self, before: Payment, after: Payment, trouble: Trouble) -> Payment:
        if after != before:
            now_us = self.now_us
            self.store.decide(after, model.plan(after, trouble, self._telling.payment, now_us, self._late_us), now_us)
            self._on_planned()
        return after

    def _known(self, payment: Payment | None) -> Payment:
        if payment is None:
            raise Refused(404, "payment_unknown")
        return self._now(payment)

    def _now(self, payment: Payment) -> Payment:
        return msgspec.structs.replace(payment, status=model.status_at(payment, self.now_us))
