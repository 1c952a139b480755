"""HTTP of payments."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody

from unqueue.server.access import Access
from unqueue.server.orders.service import Orders
from unqueue.server.payments.model import ReturnTo
from unqueue.server.payments.notifications import Notifications
from unqueue.server.payments.service import Payments
from unqueue.server.payments.views import MethodView, PaymentView, payment_view

AnyRequest = Request[Any, Any, State]
NOTIFICATION_BYTES_MAX = 65_536


class NewPayment(msgspec.Struct, frozen=True):
    """``method`` as in ``GET /api/payment-methods``; ``id`` makes a resend the same payment."""

    method: str
    id: str | None = None


def routes(payments: Payments, notifications: Notifications, orders: Orders, access: Access) -> list[HTTPRouteHandler]:
    @get("/api/payment-methods", tags=["payments"])
    async def methods() -> list[MethodView]:
        """How one can pay here."""
        return payments.methods()

    @post(
        "/api/orders/{order_id:str}/payments",
        status_code=201,
        tags=["payments"],
        responses={201: ResponseSpec(PaymentView, generate_examples=False)},
    )
    async def create(order_id: FromPath[str], data: JSONBody[NewPayment], request: AnyRequest) -> PaymentView:
        """Start to pay. 409 ``payment_open`` brings the attempt that is open."""
        principal = await access.principal(request, "trip", "order")
        order = await orders.of(principal, order_id)
        return_to: ReturnTo = "order" if principal.kind == "order" else "handset"
        return payment_view(
            await payments.create(order, data.method, data.id, return_to=return_to, actor=principal.actor)
        )

    @get("/api/orders/{order_id:str}/payments/{payment_id:str}", tags=["payments"])
    async def look(order_id: FromPath[str], payment_id: FromPath[str], request: AnyRequest) -> PaymentView:
        """A payment; the provider is asked when its answer is overdue."""
        principal = await access.principal(request, "trip", "order")
        order = await orders.of(principal, order_id)
        return payment_view(await payments.look(order, payment_id))

    @post("/api/orders/{order_id:str}/payments/{payment_id:str}/close", status_code=200, tags=["payments"])
    async def close(order_id: FromPath[str], payment_id: FromPath[str], request: AnyRequest) -> PaymentView:
        """Give a payment up, at the provider first."""
        principal = await access.principal(request, "trip", "order")
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

    return [methods, create, look, close, notify]
