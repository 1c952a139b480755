"""HTTP of staff: sessions, the floor, and the answers to calls."""

from collections.abc import Callable
from typing import Any, Literal, Protocol

import msgspec
from litestar import Request, delete, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody
from sqlalchemy import Connection

from unqueue.kernel.database import Database
from unqueue.kernel.ids import token_hash
from unqueue.server.access import Access, bearer
from unqueue.server.exits import store as exits_store
from unqueue.server.exits.calls import Answer, Calls, Security
from unqueue.server.exits.goods import Goods, GoodsView
from unqueue.server.exits.supplements import Payment, Supplements, SupplementView
from unqueue.server.exits.views import CallView, ExitView, call_views, exit_view
from unqueue.server.staff.service import Staff
from unqueue.server.staff.sessions import Session, Sessions, SessionView
from unqueue.server.staff.today import Today, TodayView
from unqueue.server.trips.requests import CodeText

AnyRequest = Request[Any, Any, State]


class LaneStatus(Protocol):
    """What the floor needs to know of a lane; the fleet, which stands beside staff, hands it in."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def seen_at(self) -> str | None: ...
    @property
    def devices(self) -> Any: ...
    @property
    def closed_by(self) -> str | None: ...
    @property
    def closed_at(self) -> str | None: ...


LanesOf = Callable[[Connection], list[Any]]
"""The lanes of the store, each a :class:`LaneStatus`."""


class SignIn(msgspec.Struct, frozen=True):
    name: str
    pin: str


class ScannedCode(msgspec.Struct, frozen=True):
    code: CodeText


class StoreName(msgspec.Struct, frozen=True):
    id: str
    name_zh: str
    name_en: str


class FloorLane(msgspec.Struct, frozen=True):
    """A lane, and the exit that goes on there."""

    id: str
    name: str
    state: str
    seen_at: str | None
    devices: Any
    exit: ExitView | None
    closed_by: str | None
    closed_at: str | None


class FloorBay(msgspec.Struct, frozen=True):
    """A side bay, and the exits that go on there."""

    id: str
    exits: list[ExitView]


class FloorView(msgspec.Struct, frozen=True):
    """All that an attendant needs to see at a glance."""

    store: StoreName
    lanes: list[FloorLane]
    kiosks: list[Any]
    calls: list[CallView]
    today: TodayView
    bays: list[FloorBay] = []


class Floor:
    """Puts the shop floor together."""

    def __init__(
        self, database: Database, *, store: StoreName, lanes_of: LanesOf, kiosks_of: LanesOf, today: Today
    ) -> None:
        self._database = database
        self._store = store
        self._lanes_of = lanes_of
        self._kiosks_of = kiosks_of
        self._today = today

    async def view(self) -> FloorView:
        return await self._database.read(self._read)

    def _read(self, connection: Connection) -> FloorView:
        live = exits_store.live_by_lane(connection)
        lanes = []
        for lane in self._lanes_of(connection):
            one = live.get(lane.id)
            shown = exit_view(connection, one) if one is not None else None
            lanes.append(
                FloorLane(
                    lane.id, lane.name, lane.state, lane.seen_at, lane.devices, shown, lane.closed_by, lane.closed_at
                )
            )
        calls = call_views(connection, exits_store.open_calls(connection))
        kiosks, today = self._kiosks_of(connection), self._today.view(connection)
        return FloorView(self._store, lanes, kiosks, calls, today, _bays(connection))


def _bays(connection: Connection) -> list[FloorBay]:
    """The side bays where somebody is."""
    found: dict[str, FloorBay] = {}
    for one in exits_store.in_bays(connection):
        found.setdefault(one.place, FloorBay(one.place, [])).exits.append(exit_view(connection, one))
    return list(found.values())


def routes(  # noqa: PLR0917  # the use cases that stand behind the console's requests
    staff: Staff,
    sessions: Sessions,
    floor: Floor,
    calls: Calls,
    supplements: Supplements,
    goods: Goods,
    access: Access,
) -> list[HTTPRouteHandler]:
    @post("/api/staff/sessions", status_code=201, tags=["staff"])
    async def sign_in(data: JSONBody[SignIn]) -> Session:
        """Sign in with a name and a PIN."""
        return await staff.sign_in(data.name, data.pin)

    @delete("/api/staff/sessions/current", status_code=204, tags=["staff"])
    async def sign_out(request: AnyRequest) -> None:
        """End this session."""
        await sessions.end(await access.principal(request, "staff", "enrolment"), token_hash(bearer(request)))

    @get("/api/staff/sessions/current", tags=["staff"])
    async def current(request: AnyRequest) -> SessionView:
        """Who is signed in, how, and what that person may do."""
        await access.principal(request, "staff", "enrolment")
        return await sessions.view(token_hash(bearer(request)))

    @get("/api/staff/floor", tags=["staff"])
    async def read_floor(request: AnyRequest) -> FloorView:
        """Lanes, open calls and the figures of the day."""
        await access.staff(request, "floor")
        return await floor.view()

    @get("/api/staff/calls", tags=["staff"])
    async def list_calls(
        request: AnyRequest, status: FromQuery[Literal["open", "answered"]] = "open"
    ) -> list[CallView]:
        """Open calls, or those answered last."""
        await access.staff(request, "floor")
        return await calls.list(status=status)

    @post("/api/staff/calls/{call_id:str}/answer", status_code=200, tags=["staff"])
    async def answer(call_id: FromPath[str], data: JSONBody[Answer], request: AnyRequest) -> CallView:
        """Decide a call, by name and with a reason."""
        return await calls.answer(await access.staff(request, "calls"), call_id, data)

    return [sign_in, sign_out, current, read_floor, list_calls, answer, *_at_calls(calls, supplements, goods, access)]


def _at_calls(calls: Calls, supplements: Supplements, goods: Goods, access: Access) -> list[HTTPRouteHandler]:
    """What staff do at a call before they answer it."""

    @post("/api/staff/calls/{call_id:str}/look", status_code=200, tags=["staff"])
    async def look(call_id: FromPath[str], request: AnyRequest) -> CallView:
        """A person is at the call from now on."""
        return await calls.look(await access.staff(request, "calls"), call_id)

    @post("/api/staff/calls/{call_id:str}/security", status_code=200, tags=["staff"])
    async def security(call_id: FromPath[str], data: JSONBody[Security], request: AnyRequest) -> CallView:
        """Call the guard, by name and with a reason; the call stays open."""
        return await calls.call_security(await access.staff(request, "calls"), call_id, data)

    @post("/api/staff/goods", status_code=200, tags=["staff"])
    async def name_goods(data: JSONBody[ScannedCode], request: AnyRequest) -> GoodsView:
        """What a scanned code names, what it costs, and whether it can be sold."""
        await access.staff(request, "calls")
        return await goods.look(data.code)

    @post("/api/staff/calls/{call_id:str}/payment", status_code=200, tags=["staff"])
    async def take_payment(call_id: FromPath[str], data: JSONBody[Payment], request: AnyRequest) -> SupplementView:
        """Have goods paid that turned up at the call."""
        return await supplements.take(await access.staff(request, "calls"), call_id, data)

    @get("/api/staff/calls/{call_id:str}/payment", tags=["staff"])
    async def payment(call_id: FromPath[str], request: AnyRequest) -> SupplementView:
        """The extra payment of a call as it stands."""
        await access.staff(request, "calls")
        return await supplements.of_call(call_id)

    @delete("/api/staff/calls/{call_id:str}/payment", status_code=204, tags=["staff"])
    async def withdraw(call_id: FromPath[str], request: AnyRequest) -> None:
        """The shopper does not want the goods after all."""
        await supplements.withdraw(await access.staff(request, "calls"), call_id)

    return [look, security, name_goods, take_payment, payment, withdraw]
