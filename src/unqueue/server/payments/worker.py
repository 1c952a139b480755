"""What happens to payments while nobody looks: lost notifications, expired attempts, refunds that must arrive."""

import asyncio
import contextlib
import logging

from unqueue.kernel.database import Transaction
from unqueue.kernel.journal import Event
from unqueue.providers.port import ProviderError, ProviderState, RefundState
from unqueue.server.payments import settling, store
from unqueue.server.payments.model import Payment, PaymentExpired, ProviderBusy, Refund, RefundAnswer, has_expired
from unqueue.server.payments.service import Payments

LOOK_S = 1.0
AT_ONCE = 16
_REFUNDED_NOW = frozenset({"payment.overpaid", "payment.given_back", "return.accepted"})

_ANSWERS = {
    "unknown": RefundAnswer.NONE,
    "pending": RefundAnswer.PENDING,
    "succeeded": RefundAnswer.NONE,  # of another amount
    "failed": RefundAnswer.FAILED,
}

log = logging.getLogger(__name__)


class PaymentWorker:
    """A background task. What it has to do is in the database, so it goes on after a crash where it stopped."""

    def __init__(self, payments: Payments) -> None:
        self._payments = payments
        self._database = payments.database
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._database.listen(self._hear)

    async def start(self) -> None:
        """Begin with the attempts that were written down but whose provider was never heard."""
        await self._database.unit(lambda tx: store.ask_unanswered_now(tx, tx.at_us))
        self._task = asyncio.create_task(self._run(), name="payment-worker")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def work_off(self) -> int:
        """Do once what is due now: ask providers, close what expired, send refunds.

        Answers when all of it has ended, so that nothing is begun a second time beside itself. How many things it
        looked at, without those that failed in a way that nobody foresaw: these are logged, and wait for the next look.
        """
        now_us = self._payments.now_us
        payments = await self._database.read(lambda connection: store.due(connection, now_us, AT_ONCE))
        refunds = await self._database.read(lambda connection: store.refunds_due(connection, now_us, AT_ONCE))
        work = [*map(self._look_after, payments), *map(self._look_after_refund, refunds)]
        failures = [one for one in await asyncio.gather(*work, return_exceptions=True) if one is not None]
        for failure in failures:
            log.error("looking after a payment failed; trying again", exc_info=failure)
        return len(work) - len(failures)

    def _hear(self, events: list[Event]) -> None:
        if any(event.kind in _REFUNDED_NOW for event in events):
            self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                if await self.work_off() >= AT_ONCE:
                    continue
            except Exception:
                log.exception("looking after payments failed; trying again")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_S)

    async def _look_after(self, payment: Payment) -> None:
        try:
            await self._look_at(payment)
        except Exception:
            await self._later(payment)  # one that nobody foresaw must not keep the others waiting
            raise

    async def _look_at(self, payment: Payment) -> None:
        expired = payment.status == "pending" and has_expired(payment, self._payments.now_us)
        try:
            if expired:
                await self._payments.give_up(payment, PaymentExpired.code)
            else:
                asked = await self._payments.ask(payment)
                if asked.query_due_us == payment.query_due_us:  # it was made known just now, and nothing else
                    await self._later(asked)
        except (ProviderError, ProviderBusy) as error:
            log.warning("payment %s: %s", payment.payment_id, error)
            await self._later(payment)

    async def _later(self, payment: Payment) -> None:
        """Come back after a pause that grows."""
        unheard = ProviderState("unknown")
        await self._database.unit(lambda tx: settling.settle(tx, payment.payment_id, unheard, "", None))

    async def _look_after_refund(self, refund: Refund) -> None:
        try:
            await (self._pay_back(refund) if refund.status == "pending" else self._watch(refund))
        except Exception:
            await self._refund_later(refund)  # one that nobody foresaw must not keep the others waiting
            raise

    async def _refund_later(self, refund: Refund) -> None:
        """Come back after a pause that grows. Whatever was begun stays begun."""
        problem, not_sent = refund.problem, RefundAnswer.NOT_SENT

        def later(tx: Transaction) -> None:
            if refund.status == "pending":
                settling.delay_refund(tx, refund.refund_id, problem, not_sent, permanent=False)
            else:
                settling.watch_refund(tx, refund.refund_id)

        await self._database.unit(later)

    async def _watch(self, refund: Refund) -> None:
        """Ask whether a refund that staff settled by hand has arrived as well; nothing is sent any more."""
        try:
            provider = self._payments.provider(refund.method)
            payment = await self._database.read(lambda connection: store.get(connection, refund.payment_id))
            assert payment is not None, "a refund belongs to a payment"
            state = await provider.query_refund(self._payments.refund_request(refund), payment.charge)
        except ProviderError as error:
            log.warning("refund %s: %s", refund.refund_id, error)
            was_refused = error.permanent  # which is an answer: it is not asked for ever
            await self._database.unit(lambda tx: settling.watch_refund(tx, refund.refund_id, was_answered=was_refused))
            return
        if state.status == "succeeded" and state.amount == refund.amount:
            await self._database.unit(lambda tx: settling.settle_refund(tx, refund.refund_id, state))
        else:
            await self._database.unit(lambda tx: settling.watch_refund(tx, refund.refund_id))

    async def _pay_back(self, refund: Refund) -> None:
        """Send money back. A refund that was tried before is asked about first: its answer may have been lost."""
        problem: str | None = None
        permanent, answer = False, RefundAnswer.NOT_SENT
        try:
            provider = self._payments.provider(refund.method)
            state, request = RefundState("unknown"), self._payments.refund_request(refund)
            payment = await self._database.read(lambda connection: store.get(connection, refund.payment_id))
            assert payment is not None, "a refund belongs to a payment"
            is_ours = self._payments.is_at_kiosks(refund.method)  # a kiosk comes for it: there is nobody to send it to
            if refund.tries or is_ours:
                state = await provider.query_refund(request, payment.charge)
                answer = _ANSWERS[state.status]
                if is_ours and answer is RefundAnswer.PENDING:
                    answer = RefundAnswer.NOT_SENT  # nobody has it in hand before a kiosk claims it
            if not is_ours and state.status in {"unknown", "failed"}:
                has_failed = state.status == "failed"
                if not await self._database.unit(
                    lambda tx: settling.begin_refund(tx, refund.refund_id, has_failed=has_failed)
                ):
                    return
                answer = RefundAnswer.NONE
                state = await provider.refund(request, payment.charge)
                answer = _ANSWERS[state.status]
        except ProviderError as error:
            log.warning("refund %s: %s", refund.refund_id, error)
            problem, permanent = error.code, error.permanent
            if permanent and answer is RefundAnswer.NONE:
                answer = RefundAnswer.REFUSED
        else:
            if state.status == "succeeded" and state.amount == refund.amount:
                await self._database.unit(lambda tx: settling.settle_refund(tx, refund.refund_id, state))
                return
            if state.status != "pending":
                outcome = "amount_mismatch" if state.status == "succeeded" else state.status
                problem, permanent = f"refund_{outcome}", True
        await self._database.unit(
            lambda tx: settling.delay_refund(tx, refund.refund_id, problem, answer, permanent=permanent)
        )
