"""HTTP of figures."""

from datetime import date
from typing import Any

from litestar import Request, get
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery

from unqueue.server.access import Access
from unqueue.server.figures.service import FloorFiguresView, StoreFigures


def routes(figures: StoreFigures, access: Access) -> list[HTTPRouteHandler]:
    @get("/api/staff/figures", tags=["staff"])
    async def of_days(
        request: Request[Any, Any, State],
        first: FromQuery[date | None] = None,
        last: FromQuery[date | None] = None,
        lane: FromQuery[str | None] = None,
    ) -> FloorFiguresView:
        """False alarms, prevented loss and waiting times, by lane and by day."""
        await access.staff(request, "figures")
        return await figures.of(first, last, lane)

    return [of_days]
