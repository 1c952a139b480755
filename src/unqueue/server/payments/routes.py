"""HTTP of payments."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody

from unqueue.providers.port import Channel
from unqueue.server.access import Access, Principal
from unqueue.server.orders.service import Orders, OrderView
from unqueue.server.payments.deciding import Deciding
from unqueue.server.payments.notifications import Notifications
from unqueue.server.payments.service import Payments, Wish
from unqueue.server.payments.views import MethodView, PaymentView, payment_view

AnyRequest = Request[Any, Any, State]
NOTIFICATION_BYTES_MAX = 65_536


PAYERS: tuple[Literal["trip", "order", "device"], ...] = ("trip", "order", "device")
"""Who may pay an order: the shopper's handset, whoever has its QR, and the store's kiosks."""


class NewPayment(msgspec.Struct, frozen=True):
    """``method`` as in ``GET /api/payment-methods``; ``id`` makes a resend the same payment.

    ``amount_minor``, in minor units of the order's currency: a part of what is due; absent: all of it. ``channel``:
    where the shopper is. ``payer_code``: what the wallet's browser came back with. ``instrument``: the card that is
    paid with, as it was scanned or typed.
    """

    method: str
    id: str | None = None
    amount_minor: Annotated[int, msgspec.Meta(ge=0)] | None = None
    channel: Channel | None = None
    payer_code: Annotated[str, msgspec.Meta(max_length=512)] = ""
    instrument: Annotated[str, msgspec.Meta(max_length=256)] = ""


class Decision(msgspec.Struct, frozen=True):
    """What a member of staff saw. ``reference``: the terminal's own number, needed to give the money back later.
    ``reason``: how they know, in some word; it stands in the journal beside their name.
    """

    status: Literal["succeeded", "failed"]
    reason: Annotated[str, msgspec.Meta(max_length=500, pattern=r"\S")]
    reference: Annotated[str, msgspec.Meta(max_length=64)] = ""


class StuckPayment(msgspec.Struct, frozen=True):
    """A payment whose end nobody has told, and what is known of it.

    ``offered``: its provider took it on; ``asked``: so often it was asked since, ``known_provider``: and still can be.
    ``decide``: what a person may say of it.
    """

    order_id: str
    order_number: str
    payment: PaymentView
    offered: bool
    asked: int
    known_provider: bool
    decide: list[Literal["succeeded", "failed"]]


class Identity(msgspec.Struct, frozen=True):
    """Where the wallet's browser goes to be identified; empty where that is not needed."""

    url: str


def routes(payments: Payments, notifications: Notifications, orders: Orders, access: Access) -> list[HTTPRouteHandler]:
    @get("/api/payment-methods", tags=["payments"])
    async def methods(request: AnyRequest) -> list[MethodView]:
        """How one can pay on a phone; with a kiosk's token, how one can pay there; for staff, all ways."""
        place, everywhere = "", False
        if "authorization" in request.headers:
            principal = await access.principal(request)
            place, everywhere = _place(principal), principal.kind == "staff"
        return payments.methods(place=place, user_agent=request.headers.get("user-agent", ""), everywhere=everywhere)

    @post(
        "/api/orders/{order_id:str}/payments",
        status_code=201,
        tags=["payments"],
        responses={201: ResponseSpec(PaymentView, generate_examples=False)},
    )
    async def create(order_id: FromPath[str], data: JSONBody[NewPayment], request: AnyRequest) -> PaymentView:
        """Start to pay. 409 ``payment_open`` brings the attempt that is open."""
        principal = await access.principal(request, *PAYERS)
        order = await orders.of(principal, order_id)
        wish = Wish(
            method=data.method,
            payment_id=data.id,
            amount_minor=data.amount_minor,
            channel=data.channel,
            place=_place(principal),
            return_to="handset" if principal.kind == "trip" else "order",
            client_ip=request.client.host if request.client is not None else "",
            payer_code=data.payer_code,
            instrument=data.instrument,
        )
        return payment_view(await payments.create(order, wish, actor=principal.actor))

    @get("/api/orders/{order_id:str}/payer", tags=["payments"])
    async def payer(order_id: FromPath[str], method: FromQuery[str], request: AnyRequest) -> Identity:
        """Where a wallet's own browser goes first, so that the wallet knows who pays."""
        principal = await access.principal(request, *PAYERS)
        return Identity(payments.identity_url(await orders.of(principal, order_id), method))

    @post("/api/orders/{order_id:str}/give-back", status_code=200, tags=["payments"])
    async def give_back(order_id: FromPath[str], request: AnyRequest) -> OrderView:
        """Have everything back that was paid of an order that is not paid yet."""
        principal = await access.principal(request, *PAYERS)
        order = await orders.of(principal, order_id)
        await payments.give_back(order, actor=principal.actor)
        return await orders.view(await orders.of(principal, order_id))

    @get("/api/orders/{order_id:str}/payments/{payment_id:str}", tags=["payments"])
    async def look(order_id: FromPath[str], payment_id: FromPath[str], request: AnyRequest) -> PaymentView:
        """A payment; the provider is asked when its answer is overdue."""
        principal = await access.principal(request, *PAYERS)
        order = await orders.of(principal, order_id)
        return payment_view(await payments.look(order, payment_id))

    @post("/api/orders/{order_id:str}/payments/{payment_id:str}/close", status_code=200, tags=["payments"])
    async def close(order_id: FromPath[str], payment_id: FromPath[str], request: AnyRequest) -> PaymentView:
        """Give a payment up, at the provider first."""
        principal = await access.principal(request, *PAYERS)
        order = await orders.of(principal, order_id)
        return payment_view(await payments.close(order, payment_id))

    @post(
        "/api/payments/notifications/{provider_id:str}",
        status_code=200,
        tags=["payments"],
        request_max_body_size=NOTIFICATION_BYTES_MAX,
    )
    async def notify(provider_id: FromPath[str], request: AnyRequest) -> Response[bytes]:
        """For providers: their own signed message, answered in their own form."""
        answer = await notifications.receive(provider_id, request.headers, await request.body())
        return Response(answer.body, status_code=answer.status, media_type=answer.media_type)

    return [methods, create, payer, give_back, look, close, notify, *_desk_routes(payments, access)]


def _desk_routes(payments: Payments, access: Access) -> list[HTTPRouteHandler]:
    deciding = Deciding(payments)

    @get("/api/desk/payments", tags=["payments"])
    async def stuck(request: AnyRequest) -> list[StuckPayment]:
        """Payments that have been open for longer than any shopper waits."""
        await access.staff(request, "look_up")
        return [
            StuckPayment(
                one.order_id,
                number,
                payment_view(one),
                offered=one.action_kind is not None,
                asked=max(0, one.pauses - 1),
                known_provider=one.method in payments.providers,
                decide=deciding.decidable(one),
            )
            for one, number in await deciding.stuck_orders()
        ]

    @post("/api/desk/payments/{payment_id:str}/decide", status_code=200, tags=["payments"])
    async def decide(payment_id: FromPath[str], data: JSONBody[Decision], request: AnyRequest) -> PaymentView:
        """What became of a payment whose machine can't tell: somebody looked. 409 ``nothing_to_decide``."""
        staff = await access.staff(request, "decide_payments")
        decided = await deciding.decide(payment_id, data.status, data.reference, staff.actor, reason=data.reason)
        return payment_view(decided)

    return [stuck, decide]


def _place(principal: Principal) -> str:
    """The kiosk that asks, or none."""
    return principal.id if (principal.kind, principal.role) == ("device", "kiosk") else ""
