"""The use cases of paying: start an attempt, look at it, give it up, and settle what the provider says.

An attempt is written down before the provider hears of it, so that whatever happens between the two can be found out
by asking the provider about the attempt's id.
"""

import logging
from collections.abc import Callable, Mapping, Sequence

import msgspec

from unqueue.kernel.clock import micros
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import NotFound
from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.kernel.settings import Provider as Account
from unqueue.providers.port import (
    Action,
    Attempt,
    Channel,
    IdentifiesPayer,
    Provider,
    ProviderError,
    ProviderRefused,
    ProviderState,
    ProviderUnavailable,
    RefundRequest,
)
from unqueue.server.coupons import redeeming
from unqueue.server.guesses import Guard
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order, OrderClosed, OrderPaid, PaymentOpen
from unqueue.server.payments import model, settling, store
from unqueue.server.payments.model import (
    AmountInvalid,
    Asked,
    MethodUnknown,
    PayerUnknown,
    Payment,
    PaymentConflict,
    PaymentDeclined,
    PaymentExpired,
    ProviderBusy,
    ProviderRefusedPayment,
    ReturnTo,
)
from unqueue.server.payments.views import MethodView, payment_view
from unqueue.server.stored_value.model import CardUnknown
from unqueue.server.stored_value.service import code_hash
from unqueue.server.trips.service import normal_id

ATTEMPT_MINUTES = 15
LOOK_AGAIN_S = 2.0
"""A shopper who looks at a pending payment makes us ask the provider, but not more often than this."""
LOOKED_MAX = 10_000

AT_KIOSKS = frozenset({"cash"})
"""Kinds of tender that are taken at a kiosk only, at any."""

log = logging.getLogger(__name__)


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """How a shopper wants to pay. ``amount_minor`` None: all that is due. ``place`` is the kiosk, else empty.

    ``payer_code`` is what a wallet's browser came back with (:class:`IdentifiesPayer`); ``instrument`` names the card
    or the like that is paid with, for tenders that have one.
    """

    method: str
    payment_id: str | None = None
    amount_minor: int | None = None
    channel: Channel | None = None
    place: str = ""
    return_to: ReturnTo = "handset"
    client_ip: str = ""
    payer_code: str = ""
    instrument: str = ""


class Payments:
    """All payments of the store.

    ``providers`` by method; ``accounts`` the settings they were opened from. ``public_url`` is where shoppers reach the
    store, ``notify_bases`` where each provider does (by method; the public one if absent). ``order_token`` makes the
    token of an order's page.
    """

    def __init__(
        self,
        database: Database,
        providers: Mapping[str, Provider],
        accounts: Sequence[Account],
        *,
        public_url: str,
        notify_bases: Mapping[str, str],
        order_token: Callable[[str], str],
        guard: Guard | None = None,
    ) -> None:
        self.database = database
        self.providers = providers
        self._accounts = {one.id: one for one in accounts if one.id in providers}
        self._public_url = public_url.rstrip("/")
        self._notify_bases = notify_bases
        self._order_token = order_token
        self._looked: dict[str, int] = {}
        self._guard = guard or Guard()

    @property
    def now_us(self) -> int:
        return micros(self.database.clock.now())

    def methods(self, *, place: str = "", user_agent: str = "", everywhere: bool = False) -> list[MethodView]:
        """How one can pay at a kiosk (``place``), on a phone, or ``everywhere`` in the store.

        A wallet's own browser hears which one is its own.
        """
        wallet = wallet_of(user_agent)
        return [
            MethodView(
                one.id,
                one.zh,
                one.en,
                one.kind,
                self.providers[one.id].channels,
                bool(wallet) and self.providers[one.id].wallet == wallet,
            )
            for one in self._accounts.values()
            if everywhere or _is_taken_at(one, place)
        ]

    def identity_url(self, order: Order, method: str) -> str:
        """Where a wallet's browser goes to be identified before it can pay; empty where that is not needed."""
        provider = self.providers.get(method)
        if provider is None or not isinstance(provider, IdentifiesPayer):
            return ""
        return provider.identity_url(f"{self._public_url}/o/{self._order_token(order.order_id)}", method)

    async def create(self, order: Order, wish: Wish, *, actor: str) -> Payment:
        """Start to pay an order, or a part of it; again with the same id goes on with the same attempt.

        MethodUnknown, AmountInvalid, PayerUnknown; OrderPaid, OrderClosed; PaymentOpen while another attempt is open;
        ProviderBusy when the provider did not answer (the attempt stays open).
        """
        account = self._accounts.get(wish.method)
        if account is None or not _is_taken_at(account, wish.place):
            raise MethodUnknown
        channels = self.providers[wish.method].channels
        channel = wish.channel or ("qr" if wish.place and "qr" in channels else channels[0])
        if channel not in channels:
            raise MethodUnknown
        instrument = code_hash(wish.instrument) if wish.instrument else ""
        if instrument:
            self._guard.check(wish.client_ip, self.database.clock.now().timestamp())
        asked = Asked(await self._payer(wish, channel), wish.client_ip, instrument)
        now_us = self.now_us
        wanted = Payment(
            payment_id=normal_id(wish.payment_id) if wish.payment_id else new_id(),
            order_id=order.order_id,
            trip_id=order.trip_id,
            method=wish.method,
            status="pending",
            amount_minor=-1 if wish.amount_minor is None else wish.amount_minor,
            currency=order.currency,
            return_to=wish.return_to,
            created_us=now_us,
            expires_us=now_us + ATTEMPT_MINUTES * 60_000_000,
            channel=channel,
            place=wish.place,
            asked=msgspec.json.encode(asked).decode() if asked != Asked() else "",
        )
        payment = await self.database.unit(lambda tx: _intend(tx, wanted, actor))
        if payment.status != "pending" or payment.action_kind is not None:
            return payment
        payment = await self.offer(payment)
        if payment.problem == CardUnknown.code:
            self._guard.wrong(wish.client_ip, self.database.clock.now().timestamp())
        if payment.status == "pending" and payment.action_kind == "none":  # there is nothing to do: it may be done
            try:
                return await self.ask(payment)
            except ProviderError as error:
                log.warning("%s could not be asked: %s", payment.method, error)
        return payment

    async def offer(self, payment: Payment) -> Payment:
        """Make the attempt known to its provider. Safe to repeat: the id is the same."""
        provider = self.provider(payment.method)
        order = await self.database.read(lambda connection: orders_store.get(connection, payment.order_id))
        assert order is not None, "a payment belongs to an order"
        try:
            action = await provider.create(self._attempt(payment, order))
        except ProviderUnavailable as error:
            log.warning("%s does not answer: %s", payment.method, error)
            raise ProviderBusy from error
        except ProviderRefused as error:
            log.warning("%s refused a payment: %s", payment.method, error)
            problem = error.code if error.code in model.PROBLEMS else ProviderRefusedPayment.code
            try:
                return await self.give_up(payment, problem, was_refused=True)
            except ProviderUnavailable as second:
                raise ProviderBusy from second
        return await self.database.unit(lambda tx: _offered(tx, payment.payment_id, action))

    async def look(self, order: Order, payment_id: str) -> Payment:
        """An order's payment. While it is pending the provider is asked, unless it was a moment ago."""
        payment = await self._of(order, payment_id)
        if payment.status != "pending" or not self._may_look(payment):
            return payment
        try:
            return await self.ask(payment)
        except ProviderError as error:
            log.warning("%s could not be asked: %s", payment.method, error)
        except ProviderBusy:
            pass
        return await self._of(order, payment_id)

    async def close(self, order: Order, payment_id: str) -> Payment:
        """Give an attempt up, at the provider first: if it was paid meanwhile, it is paid. ProviderBusy."""
        payment = await self._of(order, payment_id)
        if payment.status != "pending":
            return payment
        try:
            return await self.give_up(payment, None)
        except ProviderError as error:
            raise ProviderBusy from error

    async def ask(self, payment: Payment) -> Payment:
        """Ask the provider what became of an attempt, and let it become that. May raise ProviderError, ProviderBusy.

        A pending attempt that the provider does not know, or that has no action yet, is made known to it.
        """
        provider = self.provider(payment.method)
        state = await provider.query(payment.charge)
        if payment.status == "pending":
            if state.status == "unknown" or (state.status == "pending" and payment.action_kind is None):
                return await self.offer(payment)
        elif state.status == "pending":  # we gave it up while the provider was still to hear of it
            state = await provider.close(payment.charge)
        return await self.settle(payment, state)

    async def give_up(self, payment: Payment, problem: str | None, *, was_refused: bool = False) -> Payment:
        """Have the provider close an attempt, and let it become what the provider then says.

        A provider that won't talk about the attempt has closed it as far as we are concerned: should money come all
        the same, it is a surplus and goes back.
        """
        try:
            state = await self.provider(payment.method).close(payment.charge)
        except ProviderRefused as error:
            log.warning("%s refused to close a payment: %s", payment.method, error)
            state = ProviderState("unknown")
        if state.status == "unknown" or (was_refused and state.status == "closed"):
            state = ProviderState("failed" if was_refused else "closed")
        return await self.settle(payment, state, problem)

    async def settle(self, payment: Payment, state: ProviderState, problem: str | None = None) -> Payment:
        """Let a payment become what the provider says, durably. The refund of a surplus is queued with it."""
        if state.status == "succeeded" and (state.amount is None or state.amount.amount_minor <= 0):
            raise ProviderUnavailable("answer_malformed", "it says that nothing was taken")
        if problem is None and state.status == "failed":
            problem = PaymentDeclined.code
        if problem is None and state.status == "closed" and self.now_us >= payment.expires_us:
            problem = PaymentExpired.code
        refund_id = new_id()
        return await self.database.unit(lambda tx: settling.settle(tx, payment.payment_id, state, refund_id, problem))

    async def give_back(self, order: Order, *, actor: str) -> list[Payment]:
        """Give the open attempt up, and send back all that was paid of an order that is not paid yet.

        OrderPaid when that came first, OrderClosed; ProviderBusy.
        """
        pending = await self.database.read(lambda connection: store.open_of_order(connection, order.order_id))
        if pending is not None:
            await self.close(order, pending.payment_id)
        return await self.database.unit(lambda tx: _give_back(tx, order.order_id, actor))

    async def stop(self) -> None:
        """Let go of the providers' connections."""
        for provider in self.providers.values():
            await provider.stop()

    def is_at_kiosks(self, method: str) -> bool:
        """Whether a tender is taken and given at kiosks only, and no provider can be asked about it."""
        account = self._accounts.get(method)
        return account is not None and account.kind in AT_KIOSKS

    def refund_request(self, refund: model.Refund) -> RefundRequest:
        """How a provider is asked for a refund."""
        return RefundRequest(
            refund_id=refund.refund_id,
            amount=refund.amount,
            created_us=refund.created_us,
            notify_url=self._notify_url(refund.method),
        )

    def provider(self, method: str) -> Provider:
        """The provider behind a method. ProviderUnavailable for one that has gone from the settings."""
        provider = self.providers.get(method)
        if provider is None:
            raise ProviderUnavailable(model.NOT_CONFIGURED, method)
        return provider

    async def _payer(self, wish: Wish, channel: Channel) -> str:
        """Who pays, where the wallet's own browser is to open the wallet."""
        provider = self.providers[wish.method]
        if channel != "in_wallet" or not isinstance(provider, IdentifiesPayer):
            return ""
        if not wish.payer_code:
            raise PayerUnknown
        try:
            return await provider.identify(wish.payer_code)
        except ProviderUnavailable as error:
            raise ProviderBusy from error
        except ProviderRefused as error:
            raise PayerUnknown from error

    async def _of(self, order: Order, payment_id: str) -> Payment:
        plain = normal_id(payment_id)
        payment = await self.database.read(lambda connection: store.get(connection, plain))
        if payment is None or payment.order_id != order.order_id:
            raise NotFound
        return payment

    def _may_look(self, payment: Payment) -> bool:
        now_us = self.now_us
        if now_us - self._looked.get(payment.payment_id, payment.created_us) < LOOK_AGAIN_S * 1_000_000:
            return False
        if len(self._looked) >= LOOKED_MAX:
            self._looked.clear()
        self._looked[payment.payment_id] = now_us
        return True

    def _notify_url(self, method: str) -> str:
        base = self._notify_bases.get(method, self._public_url).rstrip("/")
        return f"{base}/api/payments/notifications/{method}"

    def _attempt(self, payment: Payment, order: Order) -> Attempt:
        back = f"/o/{self._order_token(order.order_id)}" if payment.return_to == "order" else "/handset/back"
        many = order.item_count != 1
        asked = msgspec.json.decode(payment.asked, type=Asked) if payment.asked else Asked()
        return Attempt(
            attempt_id=payment.payment_id,
            order_id=order.order_id,
            order_number=order.number,
            amount=payment.amount,
            subject_zh=f"{order.item_count} 件商品",
            subject_en=f"{order.item_count} item{'s' if many else ''}",
            return_url=self._public_url + back,
            notify_url=self._notify_url(payment.method),
            created_us=payment.created_us,
            expires_us=payment.expires_us,
            channel=payment.channel,
            payer=asked.payer,
            client_ip=asked.client_ip,
            instrument=asked.instrument,
        )


def wallet_of(user_agent: str) -> str:
    """The wallet whose own browser calls itself so; empty for other browsers.

    >>> wallet_of("Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 Mobile MicroMessenger/8.0.50 NetType/WIFI")
    'wechat'
    """
    names = {"micromessenger": "wechat", "alipayclient": "alipay", "unionpay": "unionpay"}
    called = user_agent.lower()
    return next((wallet for name, wallet in names.items() if name in called), "")


def _is_taken_at(account: Account, place: str) -> bool:
    """Whether one can pay so at a kiosk, or (no place) on a phone."""
    return bool(place) if account.kind in AT_KIOSKS else account.at in {"", place}


def _give_back(tx: Transaction, order_id: str, actor: str) -> list[Payment]:
    order = orders_store.get(tx.connection, order_id)
    assert order is not None, "orders are never deleted"
    return settling.give_back(tx, order, actor)


def _intend(tx: Transaction, wanted: Payment, actor: str) -> Payment:
    """Write the intent down, or find the one that is there. Runs as a unit."""
    known = store.get(tx.connection, wanted.payment_id)
    if known is not None:
        is_same = (known.order_id, known.method, known.place) == (wanted.order_id, wanted.method, wanted.place)
        if not is_same or wanted.amount_minor not in {-1, known.amount_minor}:
            raise PaymentConflict
        return known
    order = orders_store.get(tx.connection, wanted.order_id)
    assert order is not None, "orders are never deleted"
    if order.status == "closed":
        raise OrderClosed
    if order.status != "open":
        raise OrderPaid
    open_now = store.open_of_order(tx.connection, wanted.order_id)
    if open_now is not None:
        raise PaymentOpen(payment=payment_view(open_now))
    due_minor = redeeming.payable_minor(tx.connection, order) - store.paid_minor(tx.connection, order.order_id)
    amount_minor = due_minor if wanted.amount_minor == -1 else wanted.amount_minor
    if not (0 < amount_minor <= due_minor or amount_minor == due_minor == 0):
        raise AmountInvalid(due=Money(due_minor, order.currency))
    status: model.Status = "pending" if due_minor else "succeeded"
    asked = wanted.asked if due_minor else ""
    wanted = msgspec.structs.replace(wanted, amount_minor=amount_minor, status=status, asked=asked)
    payment = model.planned(wanted, tx.at_us)
    store.insert_payment(tx, payment)
    if payment.status == "succeeded":
        settling.settle_free(tx, payment, actor)
    else:
        settling.record(tx, "payment.started", payment, actor)
    return payment


def _offered(tx: Transaction, payment_id: str, action: Action) -> Payment:
    """Keep what the shopper is to do next, unless the attempt has ended meanwhile. Runs as a unit."""
    payment = store.get(tx.connection, payment_id)
    assert payment is not None, "payments are never deleted"
    if payment.status != "pending" or payment.action_kind is not None:
        return payment
    fields = msgspec.json.encode(action.fields).decode() if action.fields else ""
    payment = msgspec.structs.replace(
        payment, asked="", action_kind=action.kind, action_url=action.url, action_fields=fields
    )
    store.update_payment(tx, payment)
    settling.record(tx, "payment.offered", payment, f"provider:{payment.method}")
    return payment
