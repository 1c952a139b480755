"""Power is cut at every step of a payment: every call to a device (before it arrives, and before its answer comes back)
and every commit (before and after). Afterwards the pieces agree with the books, and no shopper lost money.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from tests.kiosk.cash.fakes import PowerCut
from tests.kiosk.cash.world import (
    EURO10,
    JIAO5,
    YUAN,
    YUAN5,
    YUAN10,
    YUAN20,
    YUAN50,
    World,
)

from unqueue.devices.ports import DeviceFailed
from unqueue.kernel.cash import Denomination
from unqueue.kernel.errors import DomainError

Step = Callable[[World], Awaitable[object]]


def insert(*pieces: Denomination) -> Step:
    async def step(world: World) -> None:
        for piece in pieces:
            world.insert(piece)

    return step


def begin(due_minor: int) -> Step:
    return lambda world: world.begin("p1", due_minor)


async def cancel(world: World) -> None:
    if world.books.session("p1") is not None:
        await world.till.cancel("p1")


async def expire(world: World) -> None:
    world.clock.advance(130)
    await world.till.tick()


async def jam(world: World) -> None:
    world.hopper.jams_after = 1


async def come_loose(world: World) -> None:
    world.hopper.jams_after = None


async def vague(world: World) -> None:
    world.hopper.is_exact, world.hopper.jams_after = False, 1


async def unplug(world: World) -> None:
    world.hopper.is_plugged = False


async def plug(world: World) -> None:
    world.hopper.is_plugged = True
    await world.till.tick()


async def pull(world: World) -> None:
    world.coins.trouble("fraud")


SCENES: dict[str, Sequence[Step]] = {
    "change": [begin(1350), insert(YUAN10), insert(YUAN5)],
    "exact": [begin(150), insert(YUAN), insert(JIAO5)],
    "cancel": [begin(4000), insert(YUAN10), insert(YUAN), insert(JIAO5), cancel],
    "timeout": [begin(4000), insert(YUAN20), expire],
    "fast coins": [begin(100), insert(YUAN, YUAN)],
    "a note too large": [begin(1000), insert(YUAN50), insert(YUAN10)],
    "euro": [begin(7500), insert(EURO10)],
    "euro back": [begin(9900), insert(EURO10), cancel],
    "jam": [begin(200), jam, insert(YUAN5)],
    "not sure": [begin(200), vague, insert(YUAN5)],
    "away and back": [begin(200), insert(YUAN), unplug, insert(YUAN5), plug],
    "string": [begin(300), insert(YUAN), insert(YUAN), pull, insert(YUAN)],
}
CANCELLED = {"cancel", "timeout", "euro back", "string"}
# Pieces that may stay in suspense: those that a device is not sure about.
SUSPENSE = {"not sure": 3, "string": 1}


async def play(world: World, steps: Sequence[Step], *, device_runs_on: bool) -> int:
    """The scene, with power coming back after each cut; the number of the kiosk's steps."""
    for step in [switch_on, *steps]:
        if step is steps[0]:
            world.steps_of_start = world.power.steps
        try:
            await step(world)
            await world.settle()
        except (PowerCut, DeviceFailed):
            pass
        while world.power.is_dead:
            if device_runs_on:
                for port in (world.hopper, world.hopper5, world.stacker):
                    port.run_on()
            await world.switch_off()
            try:
                await world.switch_on()
                await world.settle()
            except PowerCut:
                continue
            if step is not switch_on:
                await again(world, step)
    return world.power.steps


async def switch_on(world: World) -> None:
    await world.switch_on()


async def again(world: World, step: Step) -> None:
    """After a cut the screen asks again for what it had asked for; a shopper does not put the same piece in twice."""
    if step is pull or getattr(step, "__qualname__", "").startswith("insert"):
        return
    try:
        await step(world)
        await world.settle()
    except (PowerCut, DomainError):
        pass


async def finish(world: World) -> None:
    """The shopper gives up what is still open; whatever is due by then is done."""
    session = world.books.open_session()
    if session is not None:
        await world.till.cancel(session.payment_id)
    await world.settle()
    await world.till.tick()
    for _ in range(20):  # on a busy machine the till may have stopped waiting for a device that gives piece by piece
        if world.books.unfinished_payouts():
            await world.till.tick()
    await world.settle()


# Where something is paid out, the device may also go on while the kiosk is dark.
RUNS = [(scene, False) for scene in SCENES] + [(scene, True) for scene in ("change", "cancel", "jam", "not sure")]


@pytest.mark.parametrize(("scene", "device_runs_on"), RUNS)
def test_a_cut_at_every_step(scene: str, device_runs_on: bool, tmp_path: Path) -> None:
    async def once(cut_at: int | None) -> tuple[int, int]:
        world = World(tmp_path / f"{cut_at}.sqlite")
        world.power.cut_at = cut_at
        steps = await play(world, SCENES[scene], device_runs_on=device_runs_on)
        await finish(world)
        world.check(suspense_max=SUSPENSE.get(scene, 0))
        if cut_at is None:
            assert world.session("p1").outcome == ("cancelled" if scene in CANCELLED else "paid")
            assert world.session("p1").pieces
        await world.switch_off()
        return world.steps_of_start, steps

    async def everywhere() -> None:
        start, steps = await once(None)
        # The start is the same in every scene.
        for cut_at in range(1 if scene == "exact" else start, steps + 1):
            try:
                await once(cut_at)
            except AssertionError as error:
                raise AssertionError(f"cut at step {cut_at} of {steps}") from error

    asyncio.run(everywhere())
