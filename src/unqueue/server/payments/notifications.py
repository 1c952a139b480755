"""What a provider tells us without being asked. Nothing that it says is believed before the provider, asked, agrees.

signature and freshness → merchant, order, amount → ask the provider → settle. Whatever fails changes nothing; it is
journalled (``payment.refused_notification``), within bounds, for everyone can send such a thing.
"""

from collections.abc import Mapping

from sqlalchemy import Connection

from unqueue.kernel.errors import NotFound
from unqueue.providers.port import (
    Acknowledgement,
    Notification,
    NotificationRefused,
    Notifies,
    Provider,
    ProviderError,
    RefundNotification,
)
from unqueue.server.orders import store as orders_store
from unqueue.server.payments import settling, store
from unqueue.server.payments.model import Payment, ProviderBusy, Refund, agrees, is_known, mismatch
from unqueue.server.payments.service import Payments

NOTED_PER_MINUTE = 30


class Notifications:
    """The one door for all providers."""

    def __init__(self, payments: Payments) -> None:
        self._payments = payments
        self._minute = 0
        self._noted = 0
        self._unnoted = 0

    async def receive(self, provider_id: str, headers: Mapping[str, str], body: bytes) -> Acknowledgement:
        """Take a provider's message in; the answer in the provider's own form. NotFound for a provider we lack."""
        provider = self._payments.providers.get(provider_id)
        if provider is None or not isinstance(provider, Notifies):
            raise NotFound
        try:
            told = provider.parse_notification(headers, body)
        except NotificationRefused as error:
            await self._note(provider, None, error.reason)
            return provider.acknowledge(ok=False)
        if isinstance(told, RefundNotification):
            return provider.acknowledge(ok=await self._hasten(provider, told))
        payment, number = await self._payments.database.read(lambda connection: _find(connection, told.attempt_id))
        reason = await self._take(provider, payment, number, told)
        if reason is not None:
            await self._note(provider, payment, reason)
        return provider.acknowledge(ok=reason is None)

    async def _take(self, provider: Provider, payment: Payment | None, number: str, told: Notification) -> str | None:
        """Let an authentic message take effect; why it did not, else None."""
        if payment is None:
            return "payment_unknown"
        method, merchant_id = provider.provider_id, provider.merchant_id
        reason = mismatch(payment, number, method=method, merchant_id=merchant_id, told=told)
        if reason is not None or is_known(payment, told):
            return reason
        try:
            state = await provider.query(payment.charge)
            if not agrees(state, told):
                return "query_disagrees"
            await self._payments.settle(payment, state)
        except (ProviderError, ProviderBusy):
            return "query_failed"
        return None

    async def _hasten(self, provider: Provider, told: RefundNotification) -> bool:
        """A refund may have arrived: have the provider asked now. Whether the refund is one of ours."""

        def look(connection: Connection) -> Refund | None:
            return store.get_refund(connection, told.refund_id)

        refund = await self._payments.database.read(look)
        fits = (
            refund is not None
            and refund.method == provider.provider_id
            and refund.payment_id == told.attempt_id
            and told.merchant_id == provider.merchant_id
        )
        if refund is None or not fits:
            await self._note(provider, None, "refund_unknown")
            return False
        await self._payments.database.unit(lambda tx: settling.hasten_refund(tx, told.refund_id))
        return True

    async def _note(self, provider: Provider, payment: Payment | None, reason: str) -> None:
        """Journal a refusal, at most so many a minute; the next one noted tells how many were left out."""
        minute = self._payments.now_us // 60_000_000
        if minute != self._minute:
            self._minute, self._noted = minute, 0
        if self._noted >= NOTED_PER_MINUTE:
            self._unnoted += 1
            return
        self._noted += 1
        data: dict[str, object] = {"provider": provider.provider_id, "reason": reason, "left_out": self._unnoted}
        self._unnoted = 0
        stream = f"provider:{provider.provider_id}"
        if payment is not None:
            stream = f"payment:{payment.payment_id}"
            data |= {"payment_id": payment.payment_id, "order_id": payment.order_id}
        await self._payments.database.unit(
            lambda tx: tx.record("payment.refused_notification", stream, f"provider:{provider.provider_id}", data)
        )


def _find(connection: Connection, attempt_id: str) -> tuple[Payment | None, str]:
    """The payment that a message names, and its order's number."""
    payment = store.get(connection, attempt_id)
    order = orders_store.get(connection, payment.order_id) if payment is not None else None
    return payment, order.number if order is not None else ""
