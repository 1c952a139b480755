"""HTTP of audits: what the shopper is told, the attendant's rescan, and the figures."""

from datetime import date
from typing import Any

from litestar import Request, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody

from unqueue.server.access import Access
from unqueue.server.audits.service import Audits, AuditScan, AuditScans, Conclusion
from unqueue.server.audits.views import AuditView, ComparisonView, FiguresView, SeenView, StaffAuditView

AnyRequest = Request[Any, Any, State]


def routes(audits: Audits, access: Access) -> list[HTTPRouteHandler]:
    @get("/api/orders/{order_id:str}/audit", tags=["audits"])
    async def of_order(order_id: FromPath[str], request: AnyRequest) -> AuditView:
        """Whether the order's goods will be scanned again, and why; or thanks for it."""
        return await audits.of_order(await access.principal(request, "trip", "order"), order_id)

    @get("/api/staff/audits/{order_id:str}", tags=["audits"])
    async def read(order_id: FromPath[str], request: AnyRequest) -> StaffAuditView:
        """An audit, with what it is to count and what its last rescan found."""
        await access.staff(request, "calls")
        return await audits.for_staff(order_id)

    @post("/api/staff/audits/{order_id:str}/look", status_code=200, tags=["audits"])
    async def look(order_id: FromPath[str], data: JSONBody[AuditScan], request: AnyRequest) -> SeenView:
        """The product of a scanned code, and how many of it are on the order."""
        await access.staff(request, "calls")
        return await audits.look(order_id, data)

    @post("/api/staff/audits/{order_id:str}/compare", status_code=200, tags=["audits"])
    async def compare(order_id: FromPath[str], data: JSONBody[AuditScans], request: AnyRequest) -> ComparisonView:
        """What the scans lead to, in both directions; writes nothing."""
        await access.staff(request, "calls")
        return await audits.compare(order_id, data.scans)

    @post("/api/staff/audits/{order_id:str}/conclude", status_code=200, tags=["audits"])
    async def conclude(order_id: FromPath[str], data: JSONBody[Conclusion], request: AnyRequest) -> StaffAuditView:
        """End a rescan, by name. A clean one lets the order go."""
        return await audits.conclude(await access.staff(request, "calls"), order_id, data)

    @get("/api/audits/figures", tags=["audits"])
    async def figures(request: AnyRequest, first: FromQuery[date], last: FromQuery[date]) -> FiguresView:
        """What the audits of some days say of all orders that left in them."""
        await access.staff(request, "audit_figures")
        return await audits.figures(first, last)

    return [of_order, read, look, compare, conclude, figures]
