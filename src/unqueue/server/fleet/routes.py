"""HTTP of the fleet."""

from typing import Any

import msgspec
from litestar import Request, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from unqueue.kernel.errors import NotFound
from unqueue.server.access import Access
from unqueue.server.fleet.model import Heartbeat
from unqueue.server.fleet.service import Fleet

AnyRequest = Request[Any, Any, State]


class Closed(msgspec.Struct, frozen=True):
    closed: bool


def routes(fleet: Fleet, access: Access) -> list[HTTPRouteHandler]:
    @post("/api/lanes/{lane:str}/heartbeat", status_code=204, tags=["fleet"])
    async def heartbeat(lane: FromPath[str], data: JSONBody[Heartbeat], request: AnyRequest) -> None:
        """How a lane and its devices are, every five seconds."""
        device = await access.principal(request, "device")
        if device.id != lane or device.role != "lane":
            raise NotFound
        await fleet.hear(device, data)

    @post("/api/kiosks/{kiosk:str}/heartbeat", status_code=204, tags=["fleet"])
    async def kiosk_heartbeat(kiosk: FromPath[str], data: JSONBody[Heartbeat], request: AnyRequest) -> None:
        """How a kiosk and its devices are, every five seconds."""
        device = await access.principal(request, "device")
        if device.id != kiosk or device.role != "kiosk":
            raise NotFound
        await fleet.hear(device, data)

    @post("/api/staff/lanes/{lane:str}/closed", status_code=204, tags=["staff"])
    async def set_closed(lane: FromPath[str], data: JSONBody[Closed], request: AnyRequest) -> None:
        """Take a lane out, or bring it back."""
        await fleet.set_closed(await access.staff(request, "calls"), lane, closed=data.closed)

    return [heartbeat, kiosk_heartbeat, set_closed]
