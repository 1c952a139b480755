"""The merchant server as the kiosk speaks to it: HTTP of docs/protocols/http.md, section "Pay kiosk"."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import msgspec

from unqueue.kernel.money import Money
from unqueue.kiosk.cash.outbox import NotTaken
from unqueue.kiosk.cash.reports import Report
from unqueue.kiosk.sequence.words import (
    AddCoupon,
    BeginPayment,
    Begun,
    CardInfo,
    ClosePayment,
    GiveAllBack,
    MethodInfo,
    Notice,
    OpenOrder,
    OrderInfo,
    PaymentInfo,
    RaiseAlarm,
    ReadCard,
    ReadOrder,
    RemoveCoupon,
    Request,
)

_TIMEOUT_S = 5.0
_PAYMENT_TIMEOUT_S = 20.0
"""The server asks a provider before it answers."""
_EVENTS_SILENT_S_MAX = 40.0  # the server sends a comment every 15 seconds


class ServerAway(Exception):
    """No answer."""


class ServerBusy(Exception):
    """The server is there, and says that the same request may succeed later: a provider does not answer it."""


class ServerRefused(Exception):
    """A refusal for good. ``problem`` is its RFC 9457 document."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        self.problem = problem
        self.code = str(problem.get("code", "error"))
        super().__init__(self.code)

    @property
    def notice(self) -> Notice:
        """What the shopper is told."""
        zh, en = str(self.problem.get("zh", "请求没有成功")), str(self.problem.get("en", "That did not work."))
        return Notice(self.code, zh, en)


class Waiting(msgspec.Struct, frozen=True):
    """A cash payment that was begun at this kiosk and is open, as far as the server knows."""

    payment_id: str
    order_id: str
    amount: Money
    expires_us: int


class Payout(msgspec.Struct, frozen=True):
    """A refund that this kiosk could give back in cash."""

    refund_id: str
    payment_id: str
    order_id: str
    amount: Money
    claimed: bool = False


class _Wire(msgspec.Struct):
    """What is read of the server's JSON; unknown members are skipped."""


class _Action(_Wire):
    kind: str
    url: str = ""


class _Problem(_Wire):
    code: str
    zh: str
    en: str


class _Payment(_Wire):
    id: str
    method: str
    status: str
    amount: Money
    created_at: str = ""
    place: str = ""
    action: _Action | None = None
    problem: _Problem | None = None


class _Basket(_Wire):
    lines: list[Any]
    item_count: int


class _Order(_Wire):
    id: str
    number: str
    token: str
    status: str
    basket: _Basket
    total: Money
    payable: Money
    paid: Money
    due: Money
    payments: list[_Payment]
    coupons: list[Any]


class _Card(_Wire):
    balance: Money


class _Call(_Wire):
    status: str


class StoreServer:
    """One kiosk's connection to the server."""

    def __init__(self, base_url: str, kiosk: str, token: str) -> None:
        self._kiosk = f"/api/kiosks/{kiosk}"
        self._http = httpx.AsyncClient(
            base_url=base_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=_TIMEOUT_S,
            trust_env=False,  # the store's own network, never a proxy
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(self, request: Request, request_id: str) -> OrderInfo | CardInfo | Begun:
        """The answer to one of the sequence's requests; the same id makes it the same request.

        ServerAway, ServerBusy or ServerRefused.
        """
        match request:
            case OpenOrder(code):
                return _order_info(await self._send("POST", f"{self._kiosk}/orders", {"code": code}))
            case ReadCard(_, code):
                card = msgspec.json.decode(
                    await self._send("POST", "/api/stored-value/balance", {"code": code}), type=_Card
                )
                return CardInfo(code, card.balance)
            case BeginPayment(order_id):
                payment = await self._begin(request, request_id)
                return Begun(payment, await self.order(order_id))
            case ReadOrder(order_id):
                pass
            case AddCoupon(order_id, code):
                await self._send("POST", f"/api/orders/{order_id}/coupons", {"code": code, "id": request_id})
            case RemoveCoupon(order_id, redemption_id):
                await self._send("DELETE", f"/api/orders/{order_id}/coupons/{redemption_id}")
            case ClosePayment(order_id, payment_id):
                await self._send("POST", f"/api/orders/{order_id}/payments/{payment_id}/close")
            case GiveAllBack(order_id):
                return _order_info(await self._send("POST", f"/api/orders/{order_id}/give-back"))
        return await self.order(order_id)

    async def _begin(self, request: BeginPayment, payment_id: str) -> PaymentInfo:
        body: dict[str, Any] = {"method": request.method, "id": payment_id, "amount_minor": request.amount_minor}
        if request.channel is not None:
            body["channel"] = request.channel
        if request.instrument:
            body["instrument"] = request.instrument
        return _payment_info(
            msgspec.json.decode(
                await self._send("POST", f"/api/orders/{request.order_id}/payments", body), type=_Payment
            )
        )

    async def order(self, order_id: str) -> OrderInfo:
        """An order as it stands."""
        return _order_info(await self._send("GET", f"/api/orders/{order_id}"))

    async def look(self, order_id: str, payment_id: str) -> None:
        """Have the server ask the provider about a payment whose answer is overdue."""
        await self._send("GET", f"/api/orders/{order_id}/payments/{payment_id}")

    async def methods(self) -> tuple[MethodInfo, ...]:
        """How one can pay here."""
        found = await self._send("GET", "/api/payment-methods")
        return msgspec.json.decode(found, type=tuple[MethodInfo, ...])

    async def receipt(self, order_id: str) -> dict[str, Any]:
        """The ``Receipt`` of a paid order."""
        receipt: dict[str, Any] = msgspec.json.decode(await self._send("GET", f"/api/orders/{order_id}/receipt"))
        return receipt

    async def waiting(self) -> list[Waiting]:
        """Cash payments of this kiosk that are open."""
        return msgspec.json.decode(await self._send("GET", f"{self._kiosk}/payments"), type=list[Waiting])

    async def payouts(self) -> list[Payout]:
        """Refunds in cash that this kiosk could give back."""
        return msgspec.json.decode(await self._send("GET", f"{self._kiosk}/payouts"), type=list[Payout])

    async def claim(self, refund_id: str) -> None:
        """This kiosk gives the refund back: nobody else may from now on. ServerRefused when somebody did."""
        await self._send("POST", f"{self._kiosk}/payouts/{refund_id}/claim")

    async def heartbeat(self, state: str, devices: Mapping[str, Mapping[str, str]]) -> None:
        """Say how the kiosk and its devices are."""
        await self._send("POST", f"{self._kiosk}/heartbeat", {"state": state, "devices": devices})

    async def alarm(self, alarm: RaiseAlarm, alarm_id: str) -> bool:
        """Call staff; again with the same id: whether the call is still open."""
        body = {"id": alarm_id, "kind": alarm.kind, "detail": alarm.detail}
        call = msgspec.json.decode(await self._send("POST", f"{self._kiosk}/alarms", body), type=_Call)
        return call.status == "open"

    async def report(self, report: Report) -> None:
        """Tell what happened to cash; returns once it is durable there. NotTaken."""
        try:
            await self._send("POST", f"{self._kiosk}/reports", msgspec.to_builtins(report))
        except (ServerAway, ServerBusy) as error:
            raise NotTaken(str(error)) from error
        except ServerRefused as refusal:
            raise NotTaken(f"{refusal.code}: {refusal.problem.get('en', '')}") from refusal

    async def events(self, order_token: str) -> AsyncIterator[str]:
        """The names of what happens to an order, until the connection ends. ServerAway."""
        try:
            timeout = httpx.Timeout(_TIMEOUT_S, read=_EVENTS_SILENT_S_MAX)
            headers = {"Authorization": f"Bearer {order_token}"}
            async with self._http.stream("GET", "/api/events", timeout=timeout, headers=headers) as response:
                if not response.is_success:
                    raise ServerAway(f"the server answers {response.status_code}")
                async for line in response.aiter_lines():
                    field, _, value = line.partition(": ")
                    if field == "event":
                        yield value
        except httpx.HTTPError as error:
            raise ServerAway(str(error) or type(error).__name__) from error

    async def _send(self, method: str, path: str, body: Any = None) -> bytes:
        timeout_s = _PAYMENT_TIMEOUT_S if "/payments" in path or path.endswith("/give-back") else _TIMEOUT_S
        try:
            response = await self._http.request(
                method, path, json=body, timeout=httpx.Timeout(_TIMEOUT_S, read=timeout_s)
            )
        except httpx.HTTPError as error:
            raise ServerAway(str(error) or type(error).__name__) from error
        if response.is_success:
            return response.content
        try:
            problem: dict[str, Any] = response.json()
        except ValueError as error:
            raise ServerAway(f"the server answers {response.status_code}") from error
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            if problem.get("code") == "provider_busy":
                raise ServerBusy(str(problem.get("en", "")))
            raise ServerAway(str(problem.get("en", response.status_code)))
        raise ServerRefused(problem)


def _payment_info(wire: _Payment) -> PaymentInfo:
    problem = wire.problem
    return PaymentInfo(
        payment_id=wire.id,
        method=wire.method,
        status=wire.status,
        amount=wire.amount,
        place=wire.place,
        created_at=wire.created_at,
        url=wire.action.url if wire.action is not None else "",
        problem=(problem.code, problem.zh, problem.en) if problem is not None else None,
    )


def _order_info(content: bytes) -> OrderInfo:
    wire = msgspec.json.decode(content, type=_Order)
    return OrderInfo(
        order_id=wire.id,
        number=wire.number,
        token=wire.token,
        status=wire.status,
        item_count=wire.basket.item_count,
        lines=tuple(wire.basket.lines),
        total=wire.total,
        payable=wire.payable,
        paid=wire.paid,
        due=wire.due,
        payments=tuple(_payment_info(one) for one in wire.payments),
        coupons=tuple(wire.coupons),
    )
