"""Plays with the till in a small world, with the promises checked after each."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.kiosk.cash.world import (
    World,
)

from unqueue.kiosk.cash.reports import Attention, PaymentFinished

Play = Callable[[World], Awaitable[None]]


def run(path: Path, play: Play, world: World | None = None, **inside: Any) -> World:
    """The play in a fresh world, and the promises after it."""
    world = world or World(path / "cash.sqlite", **inside)

    async def all_of_it() -> None:
        await world.switch_on()
        await world.settle()
        await play(world)
        await world.settle()
        world.check(suspense_max=100)
        await world.switch_off()

    asyncio.run(all_of_it())
    return world


async def put(world: World, *pieces: object) -> None:
    for piece in pieces:
        assert world.insert(piece), piece  # type: ignore[arg-type]
        await world.settle()


def finished(world: World, payment_id: str = "p1") -> PaymentFinished:
    """The last report about a payment."""
    return [r.body for r in world.server if isinstance(r.body, PaymentFinished) and r.body.payment_id == payment_id][-1]


def called_staff(world: World) -> list[tuple[str, str, bool]]:
    return [(r.body.device, r.body.trouble, r.body.locked) for r in world.server if isinstance(r.body, Attention)]
