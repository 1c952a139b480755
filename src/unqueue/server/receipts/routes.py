"""HTTP of receipts."""

from typing import Any

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from unqueue.server.access import Access
from unqueue.server.orders.service import Orders
from unqueue.server.receipts.model import Receipt
from unqueue.server.receipts.service import Receipts
from unqueue.server.trips.routes import json_response

AnyRequest = Request[Any, Any, State]


def routes(receipts: Receipts, orders: Orders, access: Access) -> list[HTTPRouteHandler]:
    @get(
        "/api/orders/{order_id:str}/receipt",
        tags=["receipts"],
        responses={200: ResponseSpec(Receipt, generate_examples=False)},
    )
    async def receipt(order_id: FromPath[str], request: AnyRequest) -> Response[bytes]:
        """The receipt of a paid order; 409 ``order_unpaid`` before."""
        principal = await access.principal(request, "trip", "order", "staff")
        order = await orders.of(principal, order_id)
        return json_response(await receipts.of(order.order_id))

    return [receipt]
