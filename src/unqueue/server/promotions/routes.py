"""HTTP of the promotions: what is on offer. Nothing here is secret, so no token is asked for."""

from typing import Annotated
from zoneinfo import ZoneInfo

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from unqueue.kernel.clock import Clock
from unqueue.server.promotions.service import OfferView, Promotions


def routes(promotions: Promotions, clock: Clock, time_zone: str) -> list[HTTPRouteHandler]:
    zone = ZoneInfo(time_zone)

    @get("/api/promotions", tags=["promotions"], sync_to_thread=False)
    def offers(limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100) -> list[OfferView]:
        """The offers that hold now, by the store's clock."""
        return promotions.offers(clock.now().astimezone(zone), limit)

    return [offers]
