"""Lanes that are cut off from the server, in any interleaving: no order leaves twice, whoever holds how many copies of
its pass, whichever messages are lost, and whenever a lane restarts (invariants 10 and 11); and afterwards the server
knows of every order that left.

The lanes are the real ones from the pass to what they ask, and so are their books and the server with its database;
what is made up is the network, the clock, and that goods weigh what they should.
"""

import os
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import chain
from pathlib import Path

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select
from tests.support.lanes import Buy, Paid, buy, clients
from tests.support.stores import MILK

from unqueue.kernel.clock import ManualClock
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
from unqueue.server.app import MerchantServer, application
from unqueue.server.exits.store import exit_releases, live_of_order
from unqueue.server.fleet.service import register_device
from unqueue.station.link import ServerRefused, TryLater

__all__ = ["buy", "clients"]
pytestmark = pytest.mark.anyio

LANES = 3
EXAMPLES = int(os.environ.get("PARTITIONS", "20"))
"""How many interleavings are tried; some thousand by hand."""
OFF = Verdict(1588, 1060, 6.7, 23, "check", (), 1037, 1083)
FITS = Verdict(1060, 1060, 6.7, 23, "pass", (), 1037, 1083)


class Line(httpx.AsyncBaseTransport):
    """A lane's network: whole, cut, or deaf (what is sent arrives, and no answer comes back)."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.is_cut = False
        self.is_deaf = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.is_cut:
            raise httpx.ConnectError("cut", request=request)
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
        except ServerRefused:
            self.pending = None
            self.lane = msgspec.structs.replace(self.lane, exit=None)
            if not isinstance(request, Claim):
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

    async def aside(self) -> None:
        one = self.lane.exit
        if self.pending is None and one is not None and one.status in {"claimed", "accepted"} and not one.offline:
            self.wants(SendAside(one.exit_id, "bay"))
        await self.go_on()


WAITS_S = {"seconds": 12, "minute": 61}


class Floor:
    """Three lanes, one order, and everybody who has a picture of its pass. Lane 0 is the one that it is bound to."""

    def __init__(self, lanes: list[LaneAlone], paid: Paid, clock: ManualClock) -> None:
        self.lanes = lanes
        self.paid = paid
        self.clock = clock
        self.code = ""

    async def move(self, name: str, at: int) -> None:
        lane = self.lanes[at]
        world = {"cut": self._cut, "deaf": self._deaf, "heal": self._heal, "restart": LaneAlone.restart}
        if name in world:
            world[name](lane)
        elif name in WAITS_S:
            self.clock.advance(WAITS_S[name])
        elif name == "pass":
            await self._fetch_pass()
        elif name in {"show", "type"}:
            await lane.show(self.code if name == "show" else "", self.paid.order["number"])
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
    def _heal(lane: LaneAlone) -> None:
        lane.line.is_cut = lane.line.is_deaf = False

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
            lane.line.is_cut = lane.line.is_deaf = False
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


LANE = st.integers(0, LANES - 1)
STEPS = [
    *(["show"], ["step"], ["look"], ["show", "step", "step"], ["show", "step"], ["show", "step", "step", "step"]),
    *(["cut"], ["deaf"], ["cut", "seconds", "look"], ["deaf", "seconds", "look"], ["heal", "look"], ["heal"]),
    *(
        ["abandon"],
        ["off", "aside"],
        ["restart"],
        ["restart", "step", "look"],
        ["pass"],
        ["type"],
        ["seconds"],
        ["minute"],
    ),
]
MOVES = st.lists(
    st.tuples(st.sampled_from(STEPS), LANE).map(lambda one: [(name, one[1]) for name in one[0]]),
    min_size=3,
    max_size=14,
).map(lambda found: list(chain.from_iterable(found)))
BRIEFED = [("step", 0), ("look", 0), ("step", 1), ("look", 1), ("step", 2), ("look", 2), ("pass", 0)]
ALONE = [("cut", 0), ("seconds", 0), ("look", 0)]
OUT = [("step", 0), ("step", 0)]


def copies(*more: tuple[str, int]) -> list[tuple[str, int]]:
    return [*BRIEFED, *more]


@pytest.fixture
async def floor(buy: Buy, lanes: list[LaneAlone], clock: ManualClock) -> Floor:
    """A paid order whose pass is bound to lane 0, and three lanes that know how to be cut off."""
    floor = Floor(lanes, await buy(MILK), clock)
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


async def test_the_bound_lane_lets_out_alone_and_tells_later(floor: Floor) -> None:
    assert await play(floor, *ALONE, ("show", 0), *OUT, ("step", 0)) == [1, 0, 0]
    assert await status(floor) == "paid"
    await floor.end()
    assert await status(floor) == "left"
    assert floor.lanes[0].book.untold() == []


async def test_another_lane_that_is_cut_off_takes_nothing(floor: Floor) -> None:
    assert await play(floor, ("cut", 1), ("seconds", 0), ("look", 1), ("show", 1), *OUT, ("step", 1)) == [0, 0, 0]


async def test_another_lane_waits_for_staff_while_the_bound_one_is_silent(store: MerchantServer, floor: Floor) -> None:
    assert await play(floor, *ALONE, ("show", 1), ("step", 1), ("step", 1)) == [0, 0, 0]
    assert floor.lanes[1].lane.exit is not None
    assert floor.lanes[1].lane.exit.checks == ("other_lane",)
    (waiting,) = await store.calls.list(status="open")
    assert (waiting.kind, waiting.evidence["bound_to"]) == ("other_lane", floor.lanes[0].name)
    # The lane is there again, and has not let it out: nobody has to look any more.
    assert await play(floor, ("heal", 0), ("look", 0), ("look", 0), ("step", 1), ("step", 1)) == [0, 1, 0]
    assert await store.calls.list(status="open") == []


async def test_a_lane_that_answers_gives_the_order_up(floor: Floor) -> None:
    """Then it is too late for it to take a copy, cut off or not."""
    moves = [("show", 1), ("look", 0), ("look", 0), ("step", 1), ("step", 1)]
    assert await play(floor, *moves) == [0, 1, 0]
    assert await play(floor, *ALONE, ("show", 0), *OUT) == [0, 1, 0]


async def test_an_exit_goes_on_alone_when_the_server_goes_away(floor: Floor) -> None:
    assert await play(floor, ("show", 0), ("step", 0), *ALONE, ("step", 0)) == [1, 0, 0]
    await floor.end()
    assert await status(floor) == "left"


async def test_a_lane_that_restarted_takes_nothing_before_it_has_heard_the_server(floor: Floor) -> None:
    assert await play(floor, *ALONE, ("restart", 0), ("seconds", 0), ("look", 0), ("show", 0), *OUT) == [0, 0, 0]


async def test_a_pass_that_has_ended_is_not_taken(floor: Floor) -> None:
    assert await play(floor, *ALONE, *[("minute", 0)] * 61, ("show", 0), *OUT) == [0, 0, 0]


async def test_a_pass_that_ends_while_the_goods_lie_there_is_not_taken(floor: Floor) -> None:
    """By then another lane may have the order."""
    assert await play(floor, *ALONE, ("show", 0), ("step", 0), *[("minute", 0)] * 61, *OUT) == [0, 0, 0]


async def test_an_order_at_the_bound_lane_is_not_given_up(floor: Floor) -> None:
    """Its claim grows stale for the server, and another lane gets it; but only the bound one may go on by itself."""
    moves = [("show", 0), ("look", 0), ("look", 0), ("cut", 0), ("minute", 0), ("look", 0)]
    assert await play(floor, *moves, ("pass", 0), ("show", 1), ("step", 1), ("step", 1), *OUT) == [1, 0, 0]
    await floor.end()
    assert floor.lanes[1].opened == []
    assert await status(floor) == "left"


async def test_what_was_given_up_is_not_taken_over(floor: Floor) -> None:
    """The answer to the claim was lost; the lane gave the order up before it heard that it has it."""
    moves = [("deaf", 0), ("show", 0), ("heal", 0), ("look", 0), ("look", 0), ("step", 0), ("cut", 0), ("minute", 0)]
    moves += [("look", 0), ("pass", 0), ("show", 1), ("step", 1), ("step", 1)]
    assert await play(floor, *moves, *OUT, *OUT) == [0, 1, 0]


async def test_who_was_sent_aside_waits_until_the_lane_has_given_the_order_up(
    store: MerchantServer, floor: Floor
) -> None:
    async def waits_for() -> tuple[str, ...]:
        order_id = floor.paid.order["id"]
        one = await store.database.read(lambda connection: live_of_order(connection, order_id))
        assert one is not None
        assert one.bay == "bay"
        return one.checks

    await play(floor, ("show", 0), ("off", 0), ("aside", 0))
    assert await waits_for() == ("other_lane",)
    await play(floor, ("look", 0), ("look", 0))
    assert await waits_for() == ()


async def test_a_lane_that_did_not_hear_that_the_order_is_in_the_bay_goes_on_with_it(floor: Floor) -> None:
    moves = [("show", 0), ("off", 0), ("deaf", 0), ("aside", 0), ("seconds", 0), ("look", 0)]
    assert await play(floor, *moves, ("go_on", 0), ("go_on", 0), *OUT) == [1, 0, 0]
    await floor.end()
    assert await status(floor) == "left"


async def test_what_was_let_out_before_a_power_cut_is_told_after_it(floor: Floor) -> None:
    assert await play(floor, *ALONE, ("show", 0), *OUT, ("restart", 0)) == [1, 0, 0]
    await play(floor, ("heal", 0))
    adopted = await floor.lanes[0].alone.ask(Lane(), ReadExits(), "after the restart")
    assert [one.status for one in adopted] == ["released"]


@settings(
    max_examples=EXAMPLES, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(moves=MOVES.map(lambda moves: [*BRIEFED, *moves]))
@example(moves=copies(*ALONE, ("show", 0), *OUT, ("show", 1), ("step", 1), ("step", 1)))
@example(moves=copies(("show", 1), ("step", 1), *ALONE, ("show", 0), *OUT, ("step", 1), ("step", 1)))
@example(moves=copies(("show", 0), *ALONE, *OUT, ("minute", 0), ("show", 1), ("step", 1), ("step", 1)))
@example(
    moves=copies(("show", 0), ("deaf", 0), ("seconds", 0), ("look", 0), *OUT, ("restart", 0), ("heal", 0), ("step", 0))
)
async def test_no_order_leaves_twice(
    store: MerchantServer, clock: ManualClock, buy: Buy, lanes: list[LaneAlone], moves: list[tuple[str, int]]
) -> None:
    for lane in lanes:
        lane.line.is_cut = lane.line.is_deaf = False
        lane.restart()
    paid = await buy(MILK)
    floor = Floor(lanes, paid, clock)
    for name, at in moves:
        await floor.move(name, at)
    await floor.end()
    order_id = paid.order["id"]
    event(f"opened {sum(order_id in lane.opened for lane in lanes)}, alone {any(lane.lane.offline for lane in lanes)}")
    opened = Counter({lane.name: lane.opened.count(order_id) for lane in lanes})
    assert opened.total() <= 1
    released = await store.database.read(lambda connection: released_by(connection, order_id))
    if opened.total():
        assert [released] == [name for name, count in opened.items() if count]
    assert not any(body["order_id"] == order_id for lane in lanes for _, _, body in lane.book.untold())


def released_by(connection: Connection, order_id: str) -> str | None:
    """The lane that let an order out, as the server knows."""
    query = select(exit_releases.c.lane).where(exit_releases.c.order_id == order_id)
    lane: str | None = connection.execute(query).scalar_one_or_none()
    return lane
