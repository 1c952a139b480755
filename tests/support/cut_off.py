"""Lanes that are cut off from the server, and a paid order whose pass is bound to the first of them.

The lanes are the real ones from the pass to what they ask, and so are their books and the server with its database;
what is made up is the network, the clock, and that goods weigh what they should.
"""

import contextlib
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import msgspec
import pytest
from sqlalchemy import Connection, select
from tests.support.applications import application
from tests.support.lanes import Buy, Paid
from tests.support.stores import MILK

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.errors import NotFound
from unqueue.lane.alone import Alone
from unqueue.lane.book import OfflineBook
from unqueue.lane.offline import OfflineDesk
from unqueue.lane.sequence.words import (
    Abandon,
    Claim,
    ExitInfo,
    Lane,
    Left,
    ReadExits,
    Release,
    Request,
    SendAside,
    TellWeighing,
)
from unqueue.lane.server import StoreServer
from unqueue.lane.weighing import Verdict
from unqueue.server.access import Principal
from unqueue.server.app import MerchantServer
from unqueue.server.exits.refusals import LaneAnswers
from unqueue.server.exits.store import exit_releases
from unqueue.server.fleet.service import register_device
from unqueue.server.problems import Unexpected
from unqueue.station.link import ServerRefused, TryLater

LANES = 3
OFF = Verdict(1588, 1060, 6.7, 23, "check", (), 1037, 1083)
FITS = Verdict(1060, 1060, 6.7, 23, "pass", (), 1037, 1083)


class Line(httpx.AsyncBaseTransport):
    """A lane's network: whole, cut, or deaf (what is sent arrives, and no answer comes back). ``refused``: the server
    says no to what is asked of the path that ends so; ``fails``: it stumbles over it.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.is_cut = False
        self.is_deaf = False
        self.refused: str | tuple[str, ...] = ""
        self.fails = ""
        self.delays = ""
        """What is asked of paths that end so is on its way until it is delivered, and has no answer."""
        self._late: list[httpx.Request] = []

    async def deliver(self) -> None:
        """What was late arrives."""
        for request in self._late:
            await self._inner.handle_async_request(request)

    def mend(self) -> None:
        self.is_cut = self.is_deaf = False
        self.refused = self.fails = ""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.is_cut:
            raise httpx.ConnectError("cut", request=request)
        if self.refused and request.url.path.endswith(self.refused):
            return httpx.Response(409, json={"code": "exit_conflict", "permanent": True}, request=request)
        if self.fails and request.url.path.endswith(self.fails):
            return httpx.Response(500, json=Unexpected().problem(), request=request)
        if self.delays and request.url.path.endswith(self.delays):
            self._late.append(request)
            raise httpx.ReadTimeout("late", request=request)
        response = await self._inner.handle_async_request(request)
        if self.is_deaf:
            raise httpx.ReadError("deaf", request=request)
        return response


class LaneAlone:
    """One lane: what it asks and what it makes of the answers, without belt and scale."""

    def __init__(
        self, name: str, token: str, transport: httpx.AsyncBaseTransport, book: Path, clock: ManualClock
    ) -> None:
        self.name = name
        self.line = Line(transport)
        self.server = StoreServer("https://store.example", name, token, transport=self.line)
        self._path = book
        self._clock = clock
        self.book = OfflineBook(book)
        self.opened: list[str] = []
        self._start()

    def _start(self) -> None:
        self.lane = Lane()
        self.pending: tuple[Request, str] | None = None
        desk = OfflineDesk(self.name, self.book, lambda: self._clock.now().timestamp())
        self.alone = Alone(self.server, desk, self._tell, lambda: self.lane.exit.order_id if self.lane.exit else None)
        self.wants(ReadExits())

    def _tell(self, *, on: bool) -> None:
        self.lane = msgspec.structs.replace(self.lane, offline=on)

    def restart(self) -> None:
        """What the process had in its memory is gone."""
        self.book.close()
        self.book = OfflineBook(self._path)
        self._start()

    def wants(self, request: Request, code: str = "") -> None:
        self.pending = (request, uuid.uuid4().hex)
        if code:
            self.lane = msgspec.structs.replace(self.lane, code=code)

    async def show(self, code: str, number: str) -> None:
        if self.lane.exit is None and self.pending is None:
            self.wants(Claim(pass_=code) if code else Claim(order_number=number), code)
        await self.go_on()

    async def go_on(self) -> None:
        """Ask what is to be asked; on an answer, one step further."""
        if self.pending is None:
            return
        request, request_id = self.pending
        try:
            exits = await self.alone.ask(self.lane, request, request_id)
        except TryLater:
            return  # it is asked again, with the same id
        except ServerRefused as refusal:
            self.pending = None
            self.lane = msgspec.structs.replace(self.lane, exit=None)
            if not isinstance(request, Claim) or refusal.code in {"lane_busy", "exit_conflict"}:
                self.wants(ReadExits())
            return
        self.pending = None
        self._stand(request, exits[0] if exits else None)

    def _stand(self, request: Request, one: ExitInfo | None) -> None:
        if one is None or one.status in {"left", "abandoned"} or one.bay is not None:
            self.lane = msgspec.structs.replace(self.lane, exit=None)
            return
        if isinstance(request, Release) and one.status == "released":
            self.opened.append(one.order_id)
        self.lane = msgspec.structs.replace(self.lane, exit=one)

    async def step(self) -> None:
        """What the sequence would do next with goods that fit."""
        one = self.lane.exit
        if self.pending is None and one is not None:
            if one.status == "accepted":
                self.wants(Release(one.exit_id, 7, tags_deactivated=True))
            elif one.status == "released":
                self.wants(Left(one.exit_id, 8))
            else:
                self.wants(TellWeighing(one.exit_id, FITS, 5, tags_deactivated=True))
        await self.go_on()

    async def abandon(self) -> None:
        one = self.lane.exit
        if self.pending is None and one is not None and one.status in {"claimed", "accepted"}:
            self.wants(Abandon(one.exit_id, "no_goods"))
        await self.go_on()

    async def off(self) -> None:
        """Something lies there that the order does not have."""
        one = self.lane.exit
        if self.pending is None and one is not None and one.status in {"claimed", "accepted"}:
            self.wants(TellWeighing(one.exit_id, OFF, 5, tags_deactivated=False))
        await self.go_on()

    async def aside(self, bay: str = "bay") -> None:
        one = self.lane.exit
        if self.pending is None and one is not None and one.status in {"claimed", "accepted"} and not one.offline:
            self.wants(SendAside(one.exit_id, bay))
        await self.go_on()


WAITS_S = {"seconds": 12, "minute": 61, "hour": 3700}


class Floor:
    """Three lanes, one order, and everybody who has a picture of its pass. Lane 0 is the one that it is bound to."""

    def __init__(self, store: MerchantServer, lanes: list[LaneAlone], paid: Paid, clock: ManualClock) -> None:
        self.store = store
        self.lanes = lanes
        self.paid = paid
        self.clock = clock
        self.code = ""
        self.vouched = 0
        """Orders that were freed by a person's word that their lane is dead."""

    async def move(self, name: str, at: int) -> None:
        lane = self.lanes[at]
        world = {"cut": self._cut, "deaf": self._deaf, "heal": self._heal, "restart": LaneAlone.restart}
        world |= {"refused": self._refused, "fails": self._fails, "back": self._back}
        if name in world:
            world[name](lane)
        elif name in WAITS_S:
            self.clock.advance(WAITS_S[name])
        elif name == "pass":
            await self._fetch_pass()
        elif name in {"show", "type"}:
            await lane.show(self.code if name == "show" else "", self.paid.order["number"])
        elif name == "aside_to_next":
            await lane.aside(self.lanes[(at + 1) % LANES].name)
        elif name == "vouch":
            await self._vouch(lane)
        elif name == "look":
            await lane.alone.look()
        else:
            await getattr(lane, name)()

    @staticmethod
    def _cut(lane: LaneAlone) -> None:
        lane.line.is_cut = True

    @staticmethod
    def _deaf(lane: LaneAlone) -> None:
        lane.line.is_deaf = True

    @staticmethod
    def _refused(lane: LaneAlone) -> None:
        lane.line.refused = "/offline-exits"

    @staticmethod
    def _fails(lane: LaneAlone) -> None:
        lane.line.fails = "/offline-exits"

    @staticmethod
    def _back(lane: LaneAlone) -> None:
        """The server is there again, and says no to what it said no to before."""
        lane.line.is_cut = lane.line.is_deaf = False

    @staticmethod
    def _heal(lane: LaneAlone) -> None:
        lane.line.mend()

    async def _vouch(self, lane: LaneAlone) -> None:
        """A person says that the lane is dead, where the server believes that."""
        with contextlib.suppress(LaneAnswers, NotFound):
            person = Principal("staff", "s1", "小李", "attendant")
            self.vouched += (await self.store.offline_lanes.vouch(person, lane.name)).orders

    async def _fetch_pass(self) -> None:
        response = await self.paid.handset.http.get(f"/api/orders/{self.paid.order['id']}/pass")
        if response.is_success:
            self.code = response.json()["pass"]
            self._bound_first(response.json()["offline_lane"])

    def _bound_first(self, bound: dict[str, str] | None) -> None:
        names = [lane.name for lane in self.lanes]
        if bound is not None:
            at = names.index(bound["id"])
            self.lanes = self.lanes[at:] + self.lanes[:at]

    async def end(self) -> None:
        """Everything is mended, and everybody goes on."""
        for lane in self.lanes:
            lane.line.mend()
        for _ in range(4):
            for lane in self.lanes:
                await lane.alone.look()
                if lane.lane.exit is not None and lane.lane.exit.status == "released":
                    await lane.step()
                else:
                    await lane.abandon()


@pytest.fixture
async def lanes(store: MerchantServer, tmp_path: Path, clock: ManualClock) -> AsyncIterator[list[LaneAlone]]:
    transport = httpx.ASGITransport(application(store))
    async with AsyncExitStack() as stack:
        made = []
        for number in range(LANES):
            name = f"lane-{number + 1}"
            token = register_device(store.database, name, "lane", name)
            one = LaneAlone(name, token, Line(transport), tmp_path / f"{name}.db", clock)
            stack.push_async_callback(one.server.close)
            made.append(one)
        yield made
        for one in made:
            one.book.close()


BRIEFED = [("step", 0), ("look", 0), ("step", 1), ("look", 1), ("step", 2), ("look", 2), ("pass", 0)]
ALONE = [("cut", 0), ("seconds", 0), ("look", 0)]
OUT = [("step", 0), ("step", 0)]


def copies(*more: tuple[str, int]) -> list[tuple[str, int]]:
    return [*BRIEFED, *more]


@pytest.fixture
async def floor(store: MerchantServer, buy: Buy, lanes: list[LaneAlone], clock: ManualClock) -> Floor:
    """A paid order whose pass is bound to lane 0, and three lanes that know how to be cut off."""
    floor = Floor(store, lanes, await buy(MILK), clock)
    for name, at in BRIEFED:
        await floor.move(name, at)
    return floor


async def play(floor: Floor, *moves: tuple[str, int]) -> list[int]:
    """How often each lane has opened its gate after these moves."""
    for name, at in moves:
        await floor.move(name, at)
    return [len(lane.opened) for lane in floor.lanes]


async def status(floor: Floor) -> str:
    handset = floor.paid.handset
    return str((await handset.call("GET", f"/api/orders/{floor.paid.order['id']}"))["status"])


def released_by(connection: Connection, order_id: str) -> str | None:
    """The lane that let an order out, as the server knows."""
    query = select(exit_releases.c.lane).where(exit_releases.c.order_id == order_id)
    lane: str | None = connection.execute(query).scalar_one_or_none()
    return lane
