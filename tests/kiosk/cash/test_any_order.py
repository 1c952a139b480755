"""Whatever happens, in whatever order, with the power cut anywhere: pieces and books agree, no shopper lost money."""

import asyncio
import itertools
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.kiosk.cash.fakes import FakeAcceptor, FakeDispenser, PowerCut
from tests.kiosk.cash.world import (
    EURO10,
    JIAO5,
    YUAN,
    YUAN5,
    YUAN10,
    YUAN20,
    YUAN50,
    YUAN100,
    World,
)

from unqueue.devices.ports import DeviceFailed
from unqueue.kernel.errors import DomainError

PIECES = st.sampled_from([JIAO5, YUAN, YUAN5, YUAN10, YUAN20, YUAN50, YUAN100, EURO10])
PORTS = st.sampled_from(["hopper", "hopper5", "stacker"])
MOVES = st.one_of(
    st.tuples(st.just("begin"), st.integers(1, 200).map(lambda number: number * 50)),
    st.tuples(st.sampled_from(["refund", "refund or slip"]), st.integers(1, 1200).map(lambda number: number * 7)),
    st.tuples(st.just("insert"), PIECES),
    st.tuples(st.just("insert"), PIECES),
    st.tuples(st.just("insert two"), PIECES),
    st.tuples(st.just("cut"), st.integers(1, 60)),
    st.tuples(st.just("cut"), st.integers(1, 60)),
    st.tuples(st.just("jam"), st.tuples(PORTS, st.integers(0, 3))),
    st.tuples(st.just("vague"), PORTS),
    st.tuples(st.just("plug"), st.sampled_from(["hopper", "notes"])),
    st.tuples(st.just("wait"), st.sampled_from([1, 50, 130, 700])),
    st.tuples(st.just("pull"), st.sampled_from([YUAN, JIAO5])),
    st.tuples(st.just("trouble"), st.sampled_from(["jam", "full", "fault", "reset"])),
    st.tuples(st.sampled_from(["cancel", "server", "mend", "unknown", "counted"]), st.none()),
)

PULLED_AND_COUNTED: list[tuple[str, Any]] = [
    ("begin", 150), ("insert", YUAN), ("pull", YUAN), ("insert", YUAN5), ("counted", None),
]  # fmt: skip
UNSURE_AND_COUNTED: list[tuple[str, Any]] = [
    ("begin", 50), ("vague", "hopper"), ("insert", YUAN5), ("counted", None),
]  # fmt: skip


class Play:
    """Carries out moves. Each is forgiven what it may refuse; nothing else."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.numbers = itertools.count(1)
        self.payment_id = ""

    async def move(self, name: str, value: Any) -> None:
        doing: dict[str, Callable[[Any], Awaitable[None]]] = {
            "begin": self.begin, "insert": self.insert, "insert two": self.insert_two, "cut": self.cut,
            "jam": self.jam, "vague": self.vague, "plug": self.plug, "wait": self.wait, "pull": self.pull,
            "trouble": self.trouble, "cancel": self.cancel, "server": self.server, "mend": self.mend,
            "unknown": self.unknown, "counted": self.counted, "refund": self.refund,
            "refund or slip": self.refund_or_slip,
        }  # fmt: skip
        try:
            await doing[name](value)
            await self.world.settle()
        except (PowerCut, DomainError):
            await self.world.settle()
        while self.world.power.is_dead:
            await self.world.switch_off()
            try:
                await self.world.switch_on()
                await self.world.settle()
            except PowerCut:
                continue

    async def begin(self, due_minor: int) -> None:
        self.payment_id = f"p{next(self.numbers)}"
        await self.world.begin(self.payment_id, due_minor)

    async def refund(self, amount_minor: int) -> None:
        await self.world.pay_out(f"r{next(self.numbers)}", amount_minor)

    async def refund_or_slip(self, amount_minor: int) -> None:
        await self.world.pay_out(f"r{next(self.numbers)}", amount_minor, or_slip=True)

    async def insert(self, piece: Any) -> None:
        self.world.insert(piece)

    async def insert_two(self, piece: Any) -> None:
        self.world.insert(piece)
        self.world.insert(piece)

    async def cut(self, steps: int) -> None:
        self.world.power.cut_at = self.world.power.steps + steps

    async def jam(self, value: tuple[str, int]) -> None:
        getattr(self.world, value[0]).jams_after = value[1]

    async def vague(self, port: str) -> None:
        dispenser: FakeDispenser = getattr(self.world, port)
        dispenser.is_exact, dispenser.jams_after = False, 1

    async def plug(self, name: str) -> None:
        ports: list[FakeAcceptor | FakeDispenser] = (
            [self.world.hopper] if name == "hopper" else [self.world.notes, self.world.stacker]
        )
        for port in ports:
            port.is_plugged = not port.is_plugged
        if name == "notes":
            self.world.notes.trouble(
                "back" if self.world.notes.is_plugged else "unplugged", blocks=not self.world.notes.is_plugged
            )
        await self.world.till.tick()

    async def wait(self, seconds: int) -> None:
        self.world.clock.advance(seconds)
        await self.world.till.tick()

    async def pull(self, piece: Any) -> None:
        """The coin that was put in last comes out again on its string."""
        session = self.world.till._desk.session
        held = self.world.hopper.pieces if piece == YUAN else self.world.coins.box
        last = [p for p in session.pieces if p.device == "coins"] if session is not None else []
        if session is None or session.state != "taking" or not last or last[-1].denomination != piece:
            return
        if held[piece]:
            held[piece] -= 1
            self.world.purse[piece] += 1
            self.world.coins.trouble("fraud")

    async def trouble(self, kind: str) -> None:
        self.world.notes.trouble(kind, blocks=kind in {"jam", "fault"})

    async def cancel(self, _: None) -> None:
        await self.world.till.cancel(self.payment_id)

    async def server(self, _: None) -> None:
        self.world.server_is_away = not self.world.server_is_away
        self.world.till._desk.show()

    async def unknown(self, _: None) -> None:
        self.world.coins.unknown()

    async def counted(self, _: None) -> None:
        """Staff count a hopper and say what is in it."""
        self.world.till.staff.recount("hopper", dict(+self.world.hopper.pieces), "Li Na", f"r{next(self.numbers)}")

    async def mend(self, _: None) -> None:
        """Everything works again, and staff unlocked it."""
        world = self.world
        for port in (world.hopper, world.hopper5, world.stacker):
            port.jams_after, port.is_exact, port.is_plugged = None, True, True
        if not world.notes.is_plugged:
            world.notes.is_plugged = True
            world.notes.trouble("back")
        if world.server_is_away:
            world.server_is_away = False
            world.till._desk.show()
        for name in list(world.books.locks()):
            world.till.staff.unlock(name, "Li Na")
        await world.till.tick()


async def play(moves: list[tuple[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory) / "cash.sqlite")
        await world.switch_on()
        await world.settle()
        actor = Play(world)
        try:
            for name, value in moves:
                await actor.move(name, value)
                world.check(suspense_max=10**6)
            # In the end everything works again, the shopper gives up, and what can be known is known.
            world.power.cut_at = None
            await actor.move("mend", None)
            if world.books.open_session() is not None:
                await actor.move("cancel", None)
            await actor.move("wait", 130)
            await actor.move("mend", None)
            world.check(suspense_max=10**6)
            assert world.books.open_session() is None
            assert all(intent.state == "done" for intent in world.books.unfinished_payouts())
        finally:
            await world.switch_off()


@settings(max_examples=150)
@example(moves=PULLED_AND_COUNTED)
@example(moves=UNSURE_AND_COUNTED)
@given(moves=st.lists(MOVES, max_size=25))
def test_books_and_pieces_agree_whatever_happens(moves: list[tuple[str, Any]]) -> None:
    try:
        asyncio.run(play(moves))
    except DeviceFailed as error:
        raise AssertionError("a device's failure reached the shopper") from error
