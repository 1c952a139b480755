"""HTTP of receipts: as JSON, as a page to keep, and by SMS."""

from typing import Any, Literal

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody

from unqueue.server.access import Access
from unqueue.server.orders.service import Orders
from unqueue.server.receipts.contacts import ReceiptSms
from unqueue.server.receipts.model import ReceiptView
from unqueue.server.receipts.page import receipt_page
from unqueue.server.receipts.service import Receipts
from unqueue.server.receipts.texting import Texting
from unqueue.server.trips.routes import json_response

AnyRequest = Request[Any, Any, State]


class NewNumber(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The number as its owner writes it. ``keep``: the shopper agrees that the store keeps it after delivery."""

    number: str
    keep: bool = False
    language: Literal["zh", "en"] = "zh"

    def __repr__(self) -> str:
        return "NewNumber()"  # the number stays out of logs


def routes(
    receipts: Receipts, orders: Orders, access: Access, *, texting: Texting | None = None, time_zone: str = "UTC"
) -> list[HTTPRouteHandler]:
    """All routes of receipts; those by SMS where there is ``texting``. Pages show times in ``time_zone``."""

    @get(
        "/api/orders/{order_id:str}/receipt",
        tags=["receipts"],
        responses={200: ResponseSpec(ReceiptView, generate_examples=False)},
    )
    async def receipt(order_id: FromPath[str], request: AnyRequest) -> Response[bytes]:
        """The receipt of a paid order; 409 ``order_unpaid`` before."""
        principal = await access.principal(request, "trip", "order", "staff", "device")
        order = await orders.of(principal, order_id)
        return json_response(await receipts.of(order.order_id))

    @get("/api/orders/{order_id:str}/receipt.html", tags=["receipts"], media_type="text/html")
    async def page(
        order_id: FromPath[str], request: AnyRequest, language: FromQuery[Literal["zh", "en"]] = "zh"
    ) -> Response[str]:
        """The receipt as one HTML file to save and print; 409 ``order_unpaid`` before."""
        principal = await access.principal(request, "trip", "order", "staff")
        order = await orders.of(principal, order_id)
        shown = msgspec.json.decode(await receipts.of(order.order_id), type=ReceiptView)
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="{shown.number}.html"',
            "Referrer-Policy": "no-referrer",
        }
        document = receipt_page(shown, language, time_zone)
        return Response(document, media_type="text/html; charset=utf-8", headers=headers)

    by_sms = sms_routes(texting, orders, access) if texting is not None else []
    return [receipt, page, *by_sms]


def sms_routes(texting: Texting, orders: Orders, access: Access) -> list[HTTPRouteHandler]:
    path = "/api/orders/{order_id:str}/receipt/sms"

    @post(path, tags=["receipts"], status_code=200)
    async def give(order_id: FromPath[str], data: JSONBody[NewNumber], request: AnyRequest) -> ReceiptSms:
        """Have the receipt sent by SMS, now or once the order is paid. 422 ``number_refused``; 409 ``sms_not_offered``,
        ``receipt_sms_sent`` (it left for another number), ``order_closed``; 429 ``numbers_used_up``.
        """
        principal = await access.principal(request, "trip", "order", "device")
        order = await orders.of(principal, order_id)
        return await texting.give(order, data.number, keep=data.keep, language=data.language, actor=principal.actor)

    @get(path, tags=["receipts"])
    async def state(order_id: FromPath[str], request: AnyRequest) -> ReceiptSms:
        """How far the SMS is, with the number masked; 404 where no number was given."""
        principal = await access.principal(request, "trip", "order", "staff", "device")
        order = await orders.of(principal, order_id)
        return await texting.state(order.order_id)

    @delete(path, tags=["receipts"])
    async def withdraw(order_id: FromPath[str], request: AnyRequest) -> None:
        """Forget the number. What has not left is not sent."""
        principal = await access.principal(request, "trip", "order")
        order = await orders.of(principal, order_id)
        await texting.withdraw(order.order_id, principal.actor)

    return [give, state, withdraw]
