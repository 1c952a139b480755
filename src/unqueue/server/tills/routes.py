"""HTTP of kiosks: for the store's own pay kiosks."""

from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody

from unqueue.kernel.errors import NotFound
from unqueue.server.access import Access, Principal
from unqueue.server.orders.service import Orders, OrderView
from unqueue.server.tills.model import Report
from unqueue.server.tills.service import PayoutView, Tills, WaitingView

AnyRequest = Request[Any, Any, State]


class Code(msgspec.Struct, frozen=True):
    """What the scanner read or the shopper typed: the order's QR, or its number."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


def routes(tills: Tills, orders: Orders, access: Access) -> list[HTTPRouteHandler]:
    async def kiosk_of(request: AnyRequest, kiosk: str) -> Principal:
        device = await access.principal(request, "device")
        if device.id != kiosk or device.role != "kiosk":
            raise NotFound
        return device

    @post(
        "/api/kiosks/{kiosk:str}/orders",
        status_code=200,
        tags=["kiosks"],
        responses={200: ResponseSpec(OrderView, generate_examples=False)},
    )
    async def open_order(kiosk: FromPath[str], data: JSONBody[Code], request: AnyRequest) -> OrderView:
        """The order of a code. 404 ``order_unknown``, 429 ``too_many_guesses``."""
        return await orders.view(await tills.open(await kiosk_of(request, kiosk), data.code))

    @get("/api/kiosks/{kiosk:str}/payments", tags=["kiosks"])
    async def waiting(kiosk: FromPath[str], request: AnyRequest) -> list[WaitingView]:
        """Cash payments that were begun here and are still open."""
        return await tills.waiting(await kiosk_of(request, kiosk))

    @get("/api/kiosks/{kiosk:str}/payouts", tags=["kiosks"])
    async def payouts(kiosk: FromPath[str], request: AnyRequest) -> list[PayoutView]:
        """Refunds in cash that this kiosk could give back."""
        return await tills.payouts(await kiosk_of(request, kiosk))

    @post("/api/kiosks/{kiosk:str}/payouts/{refund_id:str}/claim", status_code=200, tags=["kiosks"])
    async def claim(kiosk: FromPath[str], refund_id: FromPath[str], request: AnyRequest) -> PayoutView:
        """This kiosk gives the refund back; nobody else may from now on. 409 ``payout_gone``."""
        return await tills.claim_payout(await kiosk_of(request, kiosk), refund_id)

    @post("/api/kiosks/{kiosk:str}/payouts/{refund_id:str}/release", status_code=200, tags=["kiosks"])
    async def release(kiosk: FromPath[str], refund_id: FromPath[str], request: AnyRequest) -> PayoutView:
        """This kiosk gave none of a refund that it had claimed, and will not: the desk may. Again changes nothing."""
        return await tills.release_payout(await kiosk_of(request, kiosk), refund_id)

    @post("/api/kiosks/{kiosk:str}/reports", status_code=204, tags=["kiosks"])
    async def report(kiosk: FromPath[str], data: JSONBody[Report], request: AnyRequest) -> None:
        """What happened to cash; durable before it is answered. The same ``id`` again changes nothing."""
        await tills.hear(await kiosk_of(request, kiosk), data)

    return [open_order, waiting, payouts, claim, release, report]
