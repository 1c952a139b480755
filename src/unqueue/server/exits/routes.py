"""HTTP of the way out: the shopper's pass, and the lane's requests."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from litestar import Request, get, post, put
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from unqueue.kernel.errors import NotFound
from unqueue.server.access import Access, Principal
from unqueue.server.exits.bags import Bags, BagsSaid
from unqueue.server.exits.bays import Bays
from unqueue.server.exits.before_lane import AgeChecks, AgeCheckView
from unqueue.server.exits.calls import Alarm, Calls
from unqueue.server.exits.gate import Gates, GoodsRead, Opening, OpeningsWanted, OpeningView, Surplus
from unqueue.server.exits.offline import Briefing, Heard, OfflineExit, OfflineLanes, Taken, Vouched
from unqueue.server.exits.service import Claim, Exits
from unqueue.server.exits.trolleys import Trolley, Trolleys
from unqueue.server.exits.views import BagsView, CallView, ExitView, PassView
from unqueue.server.exits.weights import Weighing

AnyRequest = Request[Any, Any, State]
ReceiptOf = Callable[[str], Awaitable[Any]]
"""The ``Receipt`` of an order, by the order's id; receipts stand beside exits, so it is handed in."""


class Passages(msgspec.Struct, frozen=True):
    """The gate's passage counter."""

    passages: int


class Release(msgspec.Struct, frozen=True):
    """The gate's passage counter before it opens, and whether every tag of the order was counted as dead."""

    passages: int
    tags_deactivated: bool | None = None


class Reason(msgspec.Struct, frozen=True):
    reason: str


class Aside(msgspec.Struct, frozen=True):
    """The name of the side bay."""

    bay: str


async def lane_device(access: Access, request: AnyRequest, lane: str | None = None) -> Principal:
    """The lane that asks; NotFound for any other device, and for another lane's path."""
    device = await access.principal(request, "device")
    if device.role != "lane" or (lane is not None and lane != device.id):
        raise NotFound
    return device


def routes(  # noqa: PLR0917  # the use cases that stand behind the lane's requests
    exits: Exits, offline: OfflineLanes, calls: Calls, bays: Bays, access: Access, receipt_of: ReceiptOf
) -> list[HTTPRouteHandler]:
    @get("/api/orders/{order_id:str}/pass", tags=["exits"])
    async def issue_pass(order_id: FromPath[str], request: AnyRequest) -> PassView:
        """The exit pass of a paid order."""
        return await exits.passes.issue(await access.principal(request, "trip", "order"), order_id)

    @post("/api/lanes/{lane:str}/exits", status_code=201, tags=["exits"])
    async def claim(lane: FromPath[str], data: JSONBody[Claim], request: AnyRequest) -> ExitView:
        """Bind an order to this lane, by its pass or its typed number."""
        return await exits.claim(await lane_device(access, request, lane), data)

    @get("/api/lanes/{lane:str}/exits", tags=["exits"])
    async def exits_of_lane(lane: FromPath[str], request: AnyRequest) -> list[ExitView]:
        """The lane's exits that are not ended."""
        return await exits.of_lane(await lane_device(access, request, lane))

    @get("/api/exits/{exit_id:str}", tags=["exits"])
    async def read_exit(exit_id: FromPath[str], request: AnyRequest) -> ExitView:
        """An exit as it stands."""
        return await exits.get(await lane_device(access, request), exit_id)

    @post("/api/exits/{exit_id:str}/aside", status_code=200, tags=["exits"])
    async def send_aside(exit_id: FromPath[str], data: JSONBody[Aside], request: AnyRequest) -> ExitView:
        """The exit goes on in a side bay, and the lane is free."""
        return await bays.send_aside(await lane_device(access, request), exit_id, data.bay)

    steps = _steps(exits, calls, access, receipt_of)
    return [issue_pass, claim, exits_of_lane, read_exit, send_aside, *steps, *_offline(offline, access)]


def age_check_routes(ages: AgeChecks, access: Access) -> list[HTTPRouteHandler]:
    @get("/api/orders/{order_id:str}/age-check", tags=["exits"])
    async def age_check(order_id: FromPath[str], request: AnyRequest) -> AgeCheckView:
        """Whether a person still has to look at the shopper's ID."""
        return await ages.of_order(await access.principal(request, "trip", "order"), order_id)

    return [age_check]


def gate_routes(gates: Gates, access: Access) -> list[HTTPRouteHandler]:
    @post("/api/lanes/{lane:str}/gate-goods", status_code=200, tags=["exits"])
    async def goods_at_gate(lane: FromPath[str], data: JSONBody[GoodsRead], request: AnyRequest) -> Surplus:
        """Which goods that passed the gate are more than was paid."""
        return await gates.surplus(await lane_device(access, request, lane), data)

    @get("/api/lanes/{lane:str}/gate-openings", tags=["exits"])
    async def wanted_openings(lane: FromPath[str], request: AnyRequest) -> OpeningsWanted:
        """What staff asked of this lane's gate a moment ago, and it has not done yet."""
        return await gates.wanted(await lane_device(access, request, lane))

    @post("/api/lanes/{lane:str}/gate-openings/{opening:str}/opened", status_code=204, tags=["exits"])
    async def gate_opened(lane: FromPath[str], opening: FromPath[str], request: AnyRequest) -> None:
        """The lane's gate has opened for staff."""
        await gates.opened(await lane_device(access, request, lane), opening)

    @post("/api/staff/lanes/{lane:str}/gate-openings", status_code=200, tags=["staff"])
    async def open_gate(lane: FromPath[str], data: JSONBody[Opening], request: AnyRequest) -> OpeningView:
        """Open a lane's gate now, by name."""
        return await gates.open_by(await access.staff(request, "calls"), lane, data)

    return [goods_at_gate, wanted_openings, gate_opened, open_gate]


def trolley_routes(trolleys: Trolleys, access: Access) -> list[HTTPRouteHandler]:
    @get("/api/lanes/{lane:str}/trolleys/{code:str}", tags=["exits"])
    async def read_trolley(lane: FromPath[str], code: FromPath[str], request: AnyRequest) -> Trolley:
        """What a trolley weighs empty."""
        await lane_device(access, request, lane)
        return await trolleys.get(code)

    return [read_trolley]


def _offline(offline: OfflineLanes, access: Access) -> list[HTTPRouteHandler]:
    @post("/api/lanes/{lane:str}/briefing", status_code=200, tags=["exits"])
    async def brief(lane: FromPath[str], data: JSONBody[Heard], request: AnyRequest) -> Briefing:
        """What a lane needs while it is cut off."""
        return await offline.brief(await lane_device(access, request, lane), data)

    @post("/api/lanes/{lane:str}/offline-exits", status_code=200, tags=["exits"])
    async def take(lane: FromPath[str], data: JSONBody[OfflineExit], request: AnyRequest) -> Taken:
        """What a lane did while it was cut off."""
        return await offline.take(await lane_device(access, request, lane), data)

    @post("/api/staff/lanes/{lane:str}/dead", status_code=200, tags=["staff"])
    async def vouch(lane: FromPath[str], request: AnyRequest) -> Vouched:
        """Say by name that a lane which does not answer is switched off, so that its orders may leave elsewhere."""
        return await offline.vouch(await access.staff(request, "calls"), lane)

    return [brief, take, vouch]


def _steps(exits: Exits, calls: Calls, access: Access, receipt_of: ReceiptOf) -> list[HTTPRouteHandler]:
    @post("/api/exits/{exit_id:str}/weighings", status_code=200, tags=["exits"])
    async def weigh(exit_id: FromPath[str], data: JSONBody[Weighing], request: AnyRequest) -> ExitView:
        """What the lane weighed. A ``check`` calls staff."""
        return await exits.weigh(await lane_device(access, request), exit_id, data)

    @post("/api/exits/{exit_id:str}/release", status_code=200, tags=["exits"])
    async def release(exit_id: FromPath[str], data: JSONBody[Release], request: AnyRequest) -> ExitView:
        """Allow the gate to open: once per order, durable before it is answered."""
        device = await lane_device(access, request)
        return await exits.release(device, exit_id, data.passages, tags_deactivated=data.tags_deactivated)

    @post("/api/exits/{exit_id:str}/left", status_code=200, tags=["exits"])
    async def left(exit_id: FromPath[str], data: JSONBody[Passages], request: AnyRequest) -> ExitView:
        """The shopper walked through the gate."""
        return await exits.left(await lane_device(access, request), exit_id, data.passages)

    @post("/api/exits/{exit_id:str}/abandon", status_code=200, tags=["exits"])
    async def abandon(exit_id: FromPath[str], data: JSONBody[Reason], request: AnyRequest) -> ExitView:
        """Let the order go back; it can come again."""
        return await exits.abandon(await lane_device(access, request), exit_id, data.reason)

    @post("/api/lanes/{lane:str}/alarms", status_code=200, tags=["exits"])
    async def raise_alarm(lane: FromPath[str], data: JSONBody[Alarm], request: AnyRequest) -> CallView:
        """Call staff to the lane."""
        return await calls.raise_alarm(await lane_device(access, request, lane), data)

    @post("/api/lanes/{lane:str}/alarms/{alarm_id:str}/over", status_code=200, tags=["exits"])
    async def end_alarm(lane: FromPath[str], alarm_id: FromPath[str], request: AnyRequest) -> CallView:
        """Nobody need answer the call that an alarm led to any more."""
        return await calls.end_alarm(await lane_device(access, request, lane), alarm_id)

    @post("/api/kiosks/{kiosk:str}/alarms", status_code=200, tags=["exits"])
    async def call_to_kiosk(kiosk: FromPath[str], data: JSONBody[Alarm], request: AnyRequest) -> CallView:
        """Call staff to a kiosk."""
        device = await access.principal(request, "device")
        if device.id != kiosk or device.role != "kiosk":
            raise NotFound
        return await calls.raise_alarm(device, data)

    @get("/api/exits/{exit_id:str}/receipt", tags=["exits"])
    async def receipt(exit_id: FromPath[str], request: AnyRequest) -> Any:
        """The order's receipt, for the lane's printer."""
        return await receipt_of(await exits.order_of(await lane_device(access, request), exit_id))

    return [weigh, release, left, abandon, raise_alarm, end_alarm, call_to_kiosk, receipt]


def bags_routes(bags: Bags, access: Access) -> list[HTTPRouteHandler]:
    path = "/api/orders/{order_id:str}/bags"

    @get(path, tags=["exits"])
    async def read_bags(order_id: FromPath[str], request: AnyRequest) -> BagsView:
        """How many bags of their own the shopper has declared."""
        return await bags.of(await access.principal(request, "trip", "order"), order_id)

    @put(path, tags=["exits"])
    async def declare_bags(order_id: FromPath[str], data: JSONBody[BagsSaid], request: AnyRequest) -> BagsView:
        """Declare them, until a lane weighs. 422 ``too_many_bags``, 409 ``bags_at_lane``, ``order_left``."""
        return await bags.declare(await access.principal(request, "trip", "order"), order_id, data)

    return [read_bags, declare_bags]
