"""The merchant server as the kiosk speaks to it: HTTP of docs/protocols/http.md, section "Pay kiosk"."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import msgspec

from unqueue.kernel.money import Money
from unqueue.kiosk.cash.outbox import NotTaken, ReportRefused
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
    TakeBasket,
)
from unqueue.passes import baskets
from unqueue.station.link import ANSWER_S, ServerEvent, ServerLink, ServerRefused, TryLater

_PAYMENT_ANSWER_S = 20.0
"""The server asks a provider before it answers."""
_OF_THE_REPORT = frozenset({400, 409, 413, 422})
"""What a refusal for good of one report says; others are about this kiosk, its token, or its pace."""


class Waiting(msgspec.Struct, frozen=True):
    """A cash payment that was begun at this kiosk and is open, as far as the server knows."""

    payment_id: str
    order_id: str
    amount: Money
    expires_us: int


class Payout(msgspec.Struct, frozen=True):
    """A refund that this kiosk could give back in cash; ``claimed``: it has begun to. ``paid_minor`` was paid in cash
    for the order, all in all.
    """

    refund_id: str
    payment_id: str
    order_id: str
    amount: Money
    claimed: bool = False
    paid_minor: int = 0


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


class _TakenOver(_Wire):
    order: _Order
    left_out: list[Any]


class _Card(_Wire):
    balance: Money


class _Call(_Wire):
    status: str


class StoreServer:
    """One kiosk's connection to the server."""

    def __init__(self, base_url: str, kiosk: str, token: str) -> None:
        self._kiosk = f"/api/kiosks/{kiosk}"
        self._link = ServerLink(base_url, token)

    async def close(self) -> None:
        await self._link.close()

    async def ask(self, request: Request, request_id: str) -> OrderInfo | CardInfo | Begun:
        """The answer to one of the sequence's requests; the same id makes it the same request.

        TryLater or ServerRefused.
        """
        match request:
            case OpenOrder(code):
                return _order_info(await self._send("POST", f"{self._kiosk}/orders", {"code": code}))
            case TakeBasket(content):
                return await self._take_over(content)
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

    async def _take_over(self, content: bytes) -> OrderInfo:
        answer = await self._send("POST", f"{self._kiosk}/baskets", {"basket": baskets.to_text(content)})
        taken = msgspec.json.decode(answer, type=_TakenOver)
        return msgspec.structs.replace(_info_of(taken.order), left_out=len(taken.left_out))

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

    async def release(self, refund_id: str) -> None:
        """This kiosk does not give a refund back that it had claimed: the desk does. Again is harmless."""
        await self._send("POST", f"{self._kiosk}/payouts/{refund_id}/release")

    async def heartbeat(self, state: str, devices: Mapping[str, Mapping[str, str]]) -> None:
        """Say how the kiosk and its devices are."""
        await self._send("POST", f"{self._kiosk}/heartbeat", {"state": state, "devices": devices})

    async def alarm(self, alarm: RaiseAlarm, alarm_id: str) -> bool:
        """Call staff; again with the same id: whether the call is still open."""
        body = {"id": alarm_id, "kind": alarm.kind, "detail": alarm.detail}
        call = msgspec.json.decode(await self._send("POST", f"{self._kiosk}/alarms", body), type=_Call)
        return call.status == "open"

    async def report(self, report: Report) -> None:
        """Tell what happened to cash; returns once it is durable there. NotTaken, ReportRefused."""
        try:
            await self._send("POST", f"{self._kiosk}/reports", msgspec.to_builtins(report))
        except TryLater as error:
            raise NotTaken(str(error), answered=not isinstance(error.__cause__, httpx.HTTPError)) from error
        except ServerRefused as refusal:
            detail = str(refusal.problem.get("en", ""))
            if refusal.problem.get("status") in _OF_THE_REPORT:
                raise ReportRefused(refusal.code, detail) from refusal
            raise NotTaken(f"{refusal.code}: {detail}", answered=True) from refusal

    def events(self, order_token: str) -> AsyncIterator[ServerEvent]:
        """What happens to an order, until the connection ends. ServerAway."""
        return self._link.events(order_token)

    async def _send(self, method: str, path: str, body: Any = None) -> bytes:
        asks_provider = "/payments" in path or path.endswith("/give-back")
        return await self._link.send(method, path, body, answer_s=_PAYMENT_ANSWER_S if asks_provider else ANSWER_S)


def notice_of(refusal: ServerRefused) -> Notice:
    """What the shopper is told of a refusal."""
    zh, en = str(refusal.problem.get("zh", "请求没有成功")), str(refusal.problem.get("en", "That did not work."))
    return Notice(refusal.code, zh, en)


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
    return _info_of(msgspec.json.decode(content, type=_Order))


def _info_of(wire: _Order) -> OrderInfo:
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
