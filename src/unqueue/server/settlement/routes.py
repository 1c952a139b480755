"""HTTP of reconciliation: for staff."""

from datetime import date
from typing import Any

from litestar import Request, get
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery

from unqueue.server.access import Access
from unqueue.server.settlement.service import BillsReport, Settlement

AnyRequest = Request[Any, Any, State]


def routes(settlement: Settlement, access: Access) -> list[HTTPRouteHandler]:
    @get(
        "/api/desk/settlement",
        tags=["settlement"],
        responses={200: ResponseSpec(list[BillsReport], generate_examples=False)},
    )
    async def report(
        request: AnyRequest, method: FromQuery[str | None] = None, day: FromQuery[date | None] = None
    ) -> list[BillsReport]:
        """Providers' bills against the books: what matches, and what is missing on either side."""
        await access.staff(request, "reconcile")
        return await settlement.report(method, day)

    return [report]
