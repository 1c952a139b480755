"""A day of simulated shoppers during which server and lane are killed at random moments.

Afterwards the store is asked whether every promise held: what was acknowledged is there, what was paid is in the
books, and nobody's order went out twice. The seed is printed; ``UNQUEUE_SEED`` repeats a day, ``UNQUEUE_CUTS`` says how
often the power goes.
"""

import asyncio
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from unqueue.commands.demo_store import prepare
from unqueue.kernel import journal
from unqueue.kernel.database import Database
from unqueue.kernel.settings import load_settings
from unqueue.server.exits.store import exit_releases
from unqueue.server.ledger.store import ledger
from unqueue.server.orders.store import orders
from unqueue.server.trips.store import trip_actions
from unqueue.twin.demo import Demo, DemoOptions
from unqueue.twin.ports import free_port
from unqueue.twin.shoppers import Diary, Pace
from unqueue.twin.world import LaneWorld

CUTS = int(os.environ.get("UNQUEUE_CUTS", "100"))
CUTS_IN_A_ROW, QUIET_S = 10, 5.0  # a lane whose power goes every second lets nobody out: now and then there is peace
SHOPPERS = 4
SETTLE_S = 300
LANE = "lane-2"
pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_no_promise_is_broken_by_power_cuts(tmp_path: Path) -> None:
    seed = int(os.environ.get("UNQUEUE_SEED") or random.SystemRandom().randrange(10**6))
    print(f"UNQUEUE_SEED={seed}")
    chance = random.Random(seed)
    pace = Pace(arrival=0.2, between_scans=0.02, at_payment=0.05, laying_an_item=0.01, attendant=0.1)
    options = DemoOptions(directory=tmp_path, port=free_port(), shoppers=SHOPPERS, seed=seed, pace=pace)
    demo = Demo(options, prepare, lambda _step: None)
    try:
        await demo.open()
        for number in range(CUTS):
            await asyncio.sleep(chance.uniform(0.1, 1.5))
            await demo.cut_power("server" if number % 2 else LANE)
            if number % CUTS_IN_A_ROW == CUTS_IN_A_ROW - 1:
                await asyncio.sleep(QUIET_S)
        await settle(demo)
        assert not demo.failures
        assert demo.prepared is not None
        assert demo.store is not None
        world = demo.store.lanes[LANE].world
        passed = await walked_out(world)
        await nobody_gets_out_with_a_used_pass(demo, world, chance)
        url = load_settings(demo.prepared.server_settings, {}).database_url
    finally:
        await demo.close()
    database = Database(url)
    database.read_now(lambda connection: every_promise_was_kept(connection, demo.diary, passed))
    database.dispose()


async def settle(demo: Demo) -> None:
    """Let nobody in any more, and those who are inside finish."""
    demo.close_door()
    assert demo.store is not None
    for _ in range(SETTLE_S * 5):
        if not demo.store.shoppers:
            return
        await asyncio.sleep(0.2)
    inside = [(shopper.name, shopper.mood, shopper.where) for shopper in demo.store.shoppers]
    raise AssertionError(f"still inside: {inside}; the lane says {await demo.store.lanes[LANE].screen.get('state')}")


async def walked_out(world: LaneWorld) -> int:
    return int((await world.io_state())["counters"]["passages"])


async def nobody_gets_out_with_a_used_pass(demo: Demo, world: LaneWorld, chance: random.Random) -> None:
    assert demo.store is not None
    place = demo.store.lanes[LANE]
    await place.until("idle")
    async with asyncio.timeout(20):
        while await world.gate_is_open():  # behind the last one who left
            await asyncio.sleep(0.1)
    for order in chance.sample(demo.diary.left, min(3, len(demo.diary.left))):
        await world.show(demo.diary.passes[order])
        for _ in range(8):
            await asyncio.sleep(0.1)
            assert not await world.gate_is_open(), f"order {order} would have left twice"


def every_promise_was_kept(connection: Connection, diary: Diary, passed: int) -> None:
    """Ask the database about each entry of the shoppers' diary."""
    visits = len(diary.scans)
    print(f"{visits} trips, {len(diary.paid)} paid, {len(diary.left)} left, {len(diary.stopped)} gave up")
    assert not diary.stopped, "somebody did not get through"
    assert not diary.wrong
    assert diary.left, "the day was too quiet to prove anything"
    assert journal.verify(connection) is None
    kept = {(row.trip_id, row.action_id) for row in connection.execute(select(trip_actions))}
    for trip, scans in diary.scans.items():
        for scan in scans:
            assert (trip, scan.replace("-", "")) in kept, f"the acknowledged scan {scan} of trip {trip} is lost"
    status: dict[str, Any] = {row.order_id: row.status for row in connection.execute(select(orders))}
    for order in diary.paid:
        assert status[order] in {"paid", "left"}, f"order {order} was paid and is {status[order]}"
    assert max(Counter(diary.left).values()) == 1
    releases = Counter(connection.scalars(select(exit_releases.c.order_id)))
    assert set(diary.left) <= set(releases), "somebody walked out without a release"
    assert max(releases.values()) == 1, "an order was released twice"
    assert {order for order in diary.left if status[order] != "left"} == set()
    assert passed == len(diary.left), "the gate counted other people than those who walked out"
    assert connection.scalar(select(func.sum(ledger.c.amount_minor))) == 0
