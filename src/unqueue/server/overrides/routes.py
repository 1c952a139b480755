"""HTTP of overrides."""

from datetime import date
from typing import Any

from litestar import Request, get
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery

from unqueue.server.access import Access
from unqueue.server.overrides.service import Overrides, OverridesView


def routes(overrides: Overrides, access: Access) -> list[HTTPRouteHandler]:
    @get("/api/staff/overrides", tags=["staff"])
    async def of_days(  # noqa: PLR0917  # what can be asked for
        request: Request[Any, Any, State],
        first: FromQuery[date | None] = None,
        last: FromQuery[date | None] = None,
        order: FromQuery[str | None] = None,
        before: FromQuery[str | None] = None,
        limit: FromQuery[int] = 50,
    ) -> OverridesView:
        """What staff answered to calls, and gates opened by hand: who, when and why; the newest first."""
        await access.staff(request, "overrides")
        return await overrides.of(first, last, number=order, before=before, limit=limit)

    return [of_days]
