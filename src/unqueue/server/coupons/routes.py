"""HTTP of the coupons on an order."""

from typing import Any

import msgspec
from litestar import Request, delete, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from unqueue.server.access import Access, Kind
from unqueue.server.coupons.service import Coupons, CouponsView
from unqueue.server.orders.service import Orders

AnyRequest = Request[Any, Any, State]


class NewRedemption(msgspec.Struct, frozen=True):
    """``code`` as it was scanned or typed; ``id`` (a UUID) makes a resend the same redemption, and names it."""

    code: str
    id: str


def routes(
    coupons: Coupons, orders: Orders, access: Access, kinds: tuple[Kind, ...] = ("trip", "order")
) -> list[HTTPRouteHandler]:
    """The routes, for principals of ``kinds`` that may see the order."""

    @post("/api/orders/{order_id:str}/coupons", status_code=200, tags=["coupons"])
    async def redeem(order_id: FromPath[str], data: JSONBody[NewRedemption], request: AnyRequest) -> CouponsView:
        """Put a coupon on an order that waits for payment. The prices stay; what is to be paid is less.

        429 ``too_many_guesses`` after many unknown codes.
        """
        principal = await access.principal(request, *kinds)
        order = await orders.of(principal, order_id)
        asker = request.client.host if request.client is not None else ""
        return await coupons.redeem(order, data.code, data.id, principal.actor, asker)

    @delete("/api/orders/{order_id:str}/coupons/{redemption_id:str}", status_code=200, tags=["coupons"])
    async def withdraw(order_id: FromPath[str], redemption_id: FromPath[str], request: AnyRequest) -> CouponsView:
        """Take a coupon off again; it can then be used elsewhere."""
        principal = await access.principal(request, *kinds)
        order = await orders.of(principal, order_id)
        return await coupons.withdraw(order, redemption_id, principal.actor)

    @get("/api/orders/{order_id:str}/coupons", tags=["coupons"])
    async def look(order_id: FromPath[str], request: AnyRequest) -> CouponsView:
        """The coupons of an order, what each takes off which line, and what is left to pay."""
        principal = await access.principal(request, *kinds, "staff")
        order = await orders.of(principal, order_id)
        return await coupons.of(order)

    return [redeem, withdraw, look]
