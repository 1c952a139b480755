"""The store's side of a card terminal that speaks nexo Retailer in the Terminal API's JSON.

A payment on a terminal is one long question: its answer comes when the shopper is done. So ``create`` asks it in the
background, and ``query`` says what is known. An answer that got lost is asked for (TransactionStatus), the payment is
never asked for again: the names of its messages follow from the attempt's id, and the terminal is asked whether it
knows an attempt before one is begun that this process does not remember.
"""

import asyncio
import contextlib
import secrets
from collections import OrderedDict
from datetime import UTC, datetime

import msgspec

from unqueue.kernel.clock import Clock, from_micros, micros
from unqueue.kernel.money import Money
from unqueue.providers.nexo_terminal import messages, reading
from unqueue.providers.nexo_terminal.link import Link, NotReached
from unqueue.providers.nexo_terminal.naming import passing_service_id, service_id
from unqueue.providers.port import (
    Action,
    Attempt,
    Channel,
    Charge,
    ProviderRefused,
    ProviderState,
    ProviderUnavailable,
    RefundRequest,
    RefundState,
)

TERMINAL_S = 120.0
"""A terminal gives up a payment by itself after so long."""
REMEMBERED_MAX = 500
_ABORTS = 5
_AHEAD_S = 0.5
_WAIT = Action("none")


class Patience(msgspec.Struct, frozen=True):
    """How long, in seconds, to wait for: the payment that is asked about, should it end this moment; its answer once
    nobody pays any more; a status, an abort, a diagnosis; a reversal; a reconciliation. ``settle_s`` is how long a
    question that was cut off may still be on its way to the terminal.
    """

    glance_s: float = 0.2
    ending_s: float = 10.0
    status_s: float = 5.0
    reversal_s: float = 40.0
    reconciliation_s: float = 120.0
    settle_s: float = 5.0


class _Payment:
    """A payment that this process began. ``state`` is what the terminal said, once it did."""

    def __init__(self, charge: Charge, expires_us: int) -> None:
        self.charge = charge
        self.expires_us = expires_us
        self.state: ProviderState | None = None
        self.lost_us: int | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self.task is not None and not self.task.done()


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a reconciliation: kind of card, ``Debit`` (taken) or ``Credit`` (given back), how often, how much."""

    instrument: str
    transaction_type: str
    count: int
    amount: Money


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    reconciliation_id: str
    totals: tuple[Totals, ...]


class TerminalStatus(msgspec.Struct, frozen=True, kw_only=True):
    """``global_status`` is nexo's: OK, Busy, Maintenance, Unreachable."""

    global_status: str
    host_reached: bool


class NexoTerminal:
    """A terminal on the store's network, as a provider. It tells nothing by itself: it is asked."""

    channels: tuple[Channel, ...] = ("page",)
    wallet = ""

    def __init__(
        self,
        *,
        provider_id: str,
        merchant_id: str,
        link: Link,
        clock: Clock,
        currency: str = "",
        patience: Patience = Patience(),  # noqa: B008  # frozen
    ) -> None:
        self.provider_id = provider_id
        self.merchant_id = merchant_id
        self._link = link
        self._clock = clock
        self._currency = currency
        self._patience = patience
        self._payments: OrderedDict[str, _Payment] = OrderedDict()
        self._refunds: OrderedDict[str, tuple[RefundRequest, str, RefundState | None]] = OrderedDict()
        self._starting = asyncio.Lock()

    async def create(self, attempt: Attempt) -> Action:
        if attempt.amount.amount_minor <= 0:
            raise ProviderRefused("amount_invalid", "a terminal takes more than nothing")
        async with self._starting:
            known = self._payments.get(attempt.attempt_id)
            if known is not None:
                if known.charge.amount != attempt.amount:
                    raise ProviderRefused("attempt_conflict", "another amount under the same id")
                return _WAIT
            charge = Charge(attempt_id=attempt.attempt_id, amount=attempt.amount, created_us=attempt.created_us)
            payment = _Payment(charge, attempt.expires_us)
            before = await self._ask_status(charge)
            if before.status != "unknown":
                payment.state = before if before.status != "pending" else None
                self._remember(payment)
                return _WAIT
            if self._now_us >= attempt.expires_us:
                raise ProviderRefused("expired", "too late to begin")
            self._remember(payment)
            payment.task = asyncio.create_task(self._pay(payment, attempt))
        return _WAIT

    async def query(self, charge: Charge) -> ProviderState:
        payment = self._payments.get(charge.attempt_id)
        if payment is None:
            return await self._ask_status(charge)
        if payment.task is not None and not payment.task.done():
            await asyncio.wait({payment.task}, timeout=self._patience.glance_s)
        if payment.state is None and not payment.running:
            await self._recover(payment)
        return payment.state or ProviderState("pending", payment.charge.amount)

    async def close(self, charge: Charge) -> ProviderState:
        state = await self.query(charge)
        if state.status != "pending":
            return state
        payment = self._payments.get(charge.attempt_id)
        for _ in range(_ABORTS):  # the first may overtake the payment that it is to end
            await self._abort(charge)
            if payment is not None and payment.task is not None:
                await asyncio.wait({payment.task}, timeout=self._patience.ending_s / _ABORTS)
            else:
                await asyncio.sleep(self._patience.glance_s)
            state = await self.query(charge)
            if state.status != "pending":
                return state
        raise ProviderUnavailable("abort_unclear", "the terminal is still at it")

    async def refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        amount, whole = request.amount, charge.amount
        known = self._refunds.get(request.refund_id)
        if known is not None and (known[0].amount, known[1]) != (amount, charge.attempt_id):
            raise ProviderRefused("refund_conflict", "another refund under the same id")
        if known is not None and known[2] is not None and known[2].status == "succeeded":
            return known[2]
        if amount.currency != whole.currency or not 0 < amount.amount_minor <= whole.amount_minor:
            raise ProviderRefused("refund_amount_invalid", "more than was taken, or nothing")
        reference = await self._reference(charge)
        before = await self._ask_refund_status(request)
        if before.status in {"succeeded", "pending"}:
            return self._remember_refund(request, charge, before if before.status == "succeeded" else None)
        self._remember_refund(request, charge, None)
        part = None if amount == whole else messages.amount_of(amount)
        body = messages.ReversalRequest(
            original_poi_transaction=messages.OriginalTransaction(poi_transaction_id=reading.transaction_of(reference)),
            reversal_reason="MerchantCancel",
            sale_data=_sale_data(request.refund_id, request.created_us, "" if part is None else amount.currency),
            reversed_amount=part,
        )
        name = service_id("refund", request.refund_id, request.created_us)
        answer = await self._link.ask("Reversal", name, {"reversal_request": body}, self._patience.reversal_s)
        told = answer.reversal_response
        if told is None:
            raise ProviderUnavailable("answer_malformed", "no answer to a reversal")
        if reading.condition_of(told.response) == reading.BUSY:
            raise ProviderUnavailable("terminal_busy", "a shopper is paying")
        state = reading.refund_state(told, request.refund_id, amount)
        self._remember_refund(request, charge, state)
        if state.status == "failed":
            raise ProviderRefused(*reading.refusal(told.response))
        return state

    async def query_refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        known = self._refunds.get(request.refund_id)
        if known is not None and known[2] is not None:
            return known[2]
        state = await self._ask_refund_status(request)
        if state.status in {"succeeded", "failed"}:
            self._remember_refund(request, charge, state)
        return state

    async def reconcile(self) -> Reconciliation:
        """Close the terminal's day and get what it took and gave back since the last time."""
        body = messages.ReconciliationRequest(reconciliation_type="SaleReconciliation")
        answer = await self._link.ask(
            "Reconciliation", self._passing(), {"reconciliation_request": body}, self._patience.reconciliation_s
        )
        told = answer.reconciliation_response
        if told is None:
            raise ProviderUnavailable("answer_malformed", "no answer to a reconciliation")
        if told.response.result == "Failure":
            raise ProviderRefused(*reading.refusal(told.response))
        totals = tuple(
            Totals(
                instrument=kind.payment_instrument_type,
                transaction_type=one.transaction_type,
                count=one.transaction_count,
                amount=messages.money_of(one.transaction_amount, kind.payment_currency or self._currency),
            )
            for kind in told.transaction_totals
            for one in kind.payment_totals
        )
        return Reconciliation(reconciliation_id=told.poi_reconciliation_id, totals=totals)

    async def status(self) -> TerminalStatus:
        """Whether the terminal is well (Diagnosis)."""
        body = messages.DiagnosisRequest(host_diagnosis_flag=True)
        answer = await self._link.ask(
            "Diagnosis", self._passing(), {"diagnosis_request": body}, self._patience.status_s
        )
        told = answer.diagnosis_response
        if told is None or told.response.result == "Failure":
            raise ProviderUnavailable("answer_malformed", "no diagnosis")
        status = told.poi_status
        return TerminalStatus(global_status=status.global_status, host_reached=status.communication_ok_flag)

    async def stop(self) -> None:
        tasks = [payment.task for payment in self._payments.values() if payment.task is not None]
        if any(payment.running for payment in self._payments.values()):
            # A connection that is just being made can't be let go of cleanly: let it be made.
            await asyncio.wait(tasks, timeout=self._patience.glance_s, return_when=asyncio.ALL_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._link.stop()

    async def _pay(self, payment: _Payment, attempt: Attempt) -> None:
        """Ask the one long question. Whatever happens to it, what is known is in ``payment`` afterwards."""
        body = messages.PaymentRequest(
            sale_data=_sale_data(attempt.attempt_id, attempt.created_us, "", attempt.order_number),
            payment_transaction=messages.PaymentTransaction(
                amounts_req=messages.AmountsRequested(
                    currency=attempt.amount.currency, requested_amount=messages.amount_of(attempt.amount)
                )
            ),
        )
        name = service_id("payment", attempt.attempt_id, attempt.created_us)
        left_s = max(0.0, (attempt.expires_us - self._now_us) / 1_000_000)
        patience_s = min(left_s, TERMINAL_S) + self._patience.ending_s
        ender = asyncio.create_task(self._end_after(max(0.0, left_s - _AHEAD_S), payment.charge))
        try:
            answer = await self._link.ask("Payment", name, {"payment_request": body}, patience_s)
            payment.state = reading.payment_state(answer.payment_response, attempt.attempt_id, attempt.amount)
        except NotReached:
            payment.state = ProviderState("failed", attempt.amount)  # the terminal has not heard of it, and never will
        except ProviderUnavailable:
            payment.lost_us = self._now_us
        finally:
            ender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ender

    async def _end_after(self, seconds: float, charge: Charge) -> None:
        await asyncio.sleep(seconds)
        with contextlib.suppress(ProviderUnavailable):
            await self._abort(charge)

    async def _abort(self, charge: Charge) -> None:
        body = messages.AbortRequest(
            abort_reason="MerchantAbort",
            message_reference=messages.MessageReference(
                message_category="Payment",
                service_id=service_id("payment", charge.attempt_id, charge.created_us),
                sale_id=self._link.sale_id,
            ),
        )
        with contextlib.suppress(NotReached):
            await self._link.tell("Abort", self._passing(), {"abort_request": body}, self._patience.status_s)

    async def _recover(self, payment: _Payment) -> None:
        """Find out what became of a payment whose answer was lost."""
        if self._now_us >= payment.expires_us:
            await self._abort(payment.charge)
        state = await self._ask_status(payment.charge)
        if state.status == "unknown":
            # It never got there. But a question that was cut off may still stand in a queue: give it time to arrive.
            payment.lost_us = payment.lost_us or self._now_us
            if self._now_us - payment.lost_us < self._patience.settle_s * 1_000_000:
                return
            state = ProviderState("failed", payment.charge.amount)
        if state.status != "pending":
            payment.state = state

    async def _ask_status(self, charge: Charge) -> ProviderState:
        status = await self._transaction_status("Payment", service_id("payment", charge.attempt_id, charge.created_us))
        told = reading.repeated_payment(status)
        if told is not None:
            return reading.payment_state(told, charge.attempt_id, charge.amount)
        match reading.condition_of(status.response):
            case reading.NOT_FOUND:
                return ProviderState("unknown")
            case reading.IN_PROGRESS:
                return ProviderState("pending", charge.amount)
        raise ProviderUnavailable("status_unclear", reading.refusal(status.response)[0])

    async def _ask_refund_status(self, request: RefundRequest) -> RefundState:
        status = await self._transaction_status("Reversal", service_id("refund", request.refund_id, request.created_us))
        told = reading.repeated_reversal(status)
        if told is not None:
            return reading.refund_state(told, request.refund_id, request.amount)
        match reading.condition_of(status.response):
            case reading.NOT_FOUND:
                return RefundState("unknown")
            case reading.IN_PROGRESS:
                return RefundState("pending", request.amount)
        raise ProviderUnavailable("status_unclear", reading.refusal(status.response)[0])

    async def _transaction_status(self, category: str, name: str) -> messages.TransactionStatusResponse:
        body = messages.TransactionStatusRequest(
            message_reference=messages.MessageReference(
                message_category=category, service_id=name, sale_id=self._link.sale_id
            ),
            receipt_reprint_flag=True,
            document_qualifier=("CustomerReceipt",),
        )
        answer = await self._link.ask(
            "TransactionStatus", self._passing(), {"transaction_status_request": body}, self._patience.status_s
        )
        if answer.transaction_status_response is None:
            raise ProviderUnavailable("answer_malformed", "no answer to a status")
        return answer.transaction_status_response

    async def _reference(self, charge: Charge) -> str:
        """What the terminal calls the payment that is to be given back. ProviderRefused when it was not paid."""
        reference = charge.reference
        if not reference:
            state = await self.query(charge)
            if state.status == "pending":
                raise ProviderRefused("not_paid", "the shopper is still to pay")
            reference = state.reference
        try:
            reading.transaction_of(reference)
        except ValueError:
            raise ProviderRefused("not_paid", "no payment to give back") from None
        return reference

    def _remember(self, payment: _Payment) -> None:
        self._payments[payment.charge.attempt_id] = payment
        while len(self._payments) > REMEMBERED_MAX:
            self._payments.popitem(last=False)

    def _remember_refund(self, request: RefundRequest, charge: Charge, state: RefundState | None) -> RefundState:
        self._refunds[request.refund_id] = (request, charge.attempt_id, state)
        while len(self._refunds) > REMEMBERED_MAX:
            self._refunds.popitem(last=False)
        return state or RefundState("pending", request.amount)

    def _passing(self) -> str:
        return passing_service_id(secrets.randbits(64))

    @property
    def _now_us(self) -> int:
        return micros(self._clock.now())


def _sale_data(subject_id: str, created_us: int, currency: str, order_number: str = "") -> messages.SaleData:
    moment: datetime = from_micros(created_us).astimezone(UTC)
    return messages.SaleData(
        sale_transaction_id=messages.TransactionIdentification(
            transaction_id=subject_id, time_stamp=moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        ),
        sale_reference_id=order_number,
        sale_to_acquirer_data=f"currency={currency}" if currency else "",
    )
