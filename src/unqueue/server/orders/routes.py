"""HTTP of orders."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from unqueue.server.access import Access, bearer
from unqueue.server.orders.service import Orders, OrderView
from unqueue.server.trips.basket import Basket
from unqueue.server.trips.routes import json_response
from unqueue.server.trips.service import Trips

AnyRequest = Request[Any, Any, State]


def routes(orders: Orders, trips: Trips, access: Access) -> list[HTTPRouteHandler]:
    @post(
        "/api/trips/{trip_id:str}/order",
        status_code=201,
        tags=["orders"],
        responses={
            201: ResponseSpec(OrderView, generate_examples=False),
            200: ResponseSpec(OrderView, generate_examples=False),
        },
    )
    async def submit(trip_id: FromPath[str], request: AnyRequest) -> Response[bytes]:
        """Lock the basket and its prices. 201 for a new order, 200 for the one that is there already."""
        live = await trips.owned(trip_id, bearer(request))
        view, is_new = await orders.submit(live)
        return json_response(msgspec.json.encode(view), 201 if is_new else 200)

    @post(
        "/api/trips/{trip_id:str}/reopen",
        status_code=200,
        tags=["orders"],
        responses={200: ResponseSpec(Basket, generate_examples=False)},
    )
    async def reopen(trip_id: FromPath[str], request: AnyRequest) -> Response[bytes]:
        """Give the unpaid order up and go on shopping."""
        live = await trips.owned(trip_id, bearer(request))
        return json_response(await orders.reopen(live, live.actor))

    @get("/api/orders/current", tags=["orders"])
    async def current(request: AnyRequest) -> OrderView:
        """The order of an order token: the pay page knows nothing else."""
        principal = await access.principal(request, "order")
        return await orders.view(await orders.of(principal, principal.id))

    @get("/api/orders/{order_id:str}", tags=["orders"])
    async def read_order(order_id: FromPath[str], request: AnyRequest) -> OrderView:
        """An order with its locked basket and its payments."""
        principal = await access.principal(request, "trip", "order", "staff", "device")
        return await orders.view(await orders.of(principal, order_id))

    return [submit, reopen, current, read_order]
