"""Payments that have been open for longer than any shopper waits: staff see them, and say what became of them."""

from typing import Literal

from sqlalchemy import Connection

from unqueue.kernel.database import Transaction
from unqueue.kernel.errors import NotFound
from unqueue.kernel.ids import new_id
from unqueue.providers.port import Decides, ProviderRefused, ProviderState, ProviderUnavailable
from unqueue.server.orders import store as orders_store
from unqueue.server.payments import model, settling, store
from unqueue.server.payments.model import NothingToDecide, Payment, PaymentDeclined, ProviderBusy
from unqueue.server.payments.service import Payments
from unqueue.server.trips.service import normal_id

STUCK_S = 180
"""An attempt that is open for longer is shown to staff."""


class Deciding:
    """What a person does about the payments of a store whose machines can't tell."""

    def __init__(self, payments: Payments) -> None:
        self._payments = payments

    async def stuck(self) -> list[Payment]:
        """Attempts that have been open for longer than any shopper waits, the oldest first."""
        before_us = self._payments.now_us - STUCK_S * 1_000_000
        return await self._payments.database.read(lambda connection: store.pending_since(connection, before_us))

    async def stuck_orders(self) -> list[tuple[Payment, str]]:
        """The same with the numbers of their orders."""
        found = await self.stuck()

        def read(connection: Connection) -> list[tuple[Payment, str]]:
            orders = {one.order_id: orders_store.get(connection, one.order_id) for one in found}
            return [(one, order.number) for one in found if (order := orders[one.order_id]) is not None]

        return await self._payments.database.read(read)

    def decidable(self, payment: Payment) -> list[Literal["succeeded", "failed"]]:
        """What a person may say of an attempt that is open for too long."""
        is_cash = self._payments.is_at_kiosks(payment.method)
        if not is_cash and isinstance(self._payments.providers.get(payment.method), Decides):
            return ["succeeded", "failed"]
        return ["failed"] if is_cash or model.has_expired(payment, self._payments.now_us) else []

    async def decide(
        self, payment_id: str, status: Literal["succeeded", "failed"], reference: str, actor: str, *, reason: str = ""
    ) -> Payment:
        """A member of staff looked at the machine, and says what became of an attempt whose provider can't.

        Only once it has been open for longer than shoppers wait. Of a kiosk's cash, and of a provider that can't be
        asked any more, only that nothing came can be said: what did come all the same goes back as a surplus. That
        something came needs the terminal's ``reference``. ``reason``, how they know, is kept in the journal. NotFound,
        NothingToDecide, ProviderBusy.
        """
        plain = normal_id(payment_id)
        payment = await self._payments.database.read(lambda connection: store.get(connection, plain))
        if payment is None:
            raise NotFound
        is_cash = self._payments.is_at_kiosks(payment.method)
        provider = self._payments.providers.get(payment.method)
        is_old = self._payments.now_us - payment.created_us > STUCK_S * 1_000_000
        if payment.status != "pending" or not is_old or (status == "succeeded" and not reference):
            raise NothingToDecide
        # What the provider has been told already stays told, whoever asked it meanwhile.
        is_told = status != "failed" or not (is_cash or model.has_expired(payment, self._payments.now_us))
        if not is_told:
            state = ProviderState("failed")
        else:
            if is_cash or provider is None or not isinstance(provider, Decides):
                raise NothingToDecide
            try:
                provider.decide(plain, status, reference)
                state = await provider.query(payment.charge)
            except ProviderRefused as error:
                raise NothingToDecide from error
            except ProviderUnavailable as error:
                raise ProviderBusy from error

        def settle(tx: Transaction) -> Payment:
            now = store.get(tx.connection, plain)
            if now is None or (now.status != "pending" and not is_told):
                raise NothingToDecide
            settled = settling.settle(tx, plain, state, new_id(), PaymentDeclined.code, decided_by=actor)
            settling.record(tx, "payment.decided", settled, actor, decision=status, reason=reason)
            return settled

        return await self._payments.database.unit(settle)
