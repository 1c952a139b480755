"""A million events of money: shoppers, wallets, kiosks, the service desk, crashes and clocks, all from one seed.

    make simulate-money EVENTS=1000000 SEED=1

The store's services and their SQLite file are real; what they are connected to is scripted (``money_outside``). After
each event the invariants of ``tests.support.money_invariants`` are checked for every order that it touched, and from
time to time for the whole store. A failure prints the seed and the number of the event; the same seed plays it again.

A crash here is the death of the process: the page cache survives it, so commits are not synced to the disk
(``--synchronous off``). ``--synchronous full`` runs the same with every commit synced, as a store does.
"""

import argparse
import asyncio
import dataclasses
import gc
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from tests.simulation.money_events import EVENTS, Happenings
from tests.simulation.money_store import SteppedLoop, quiet, seeded
from tests.simulation.money_world import World


@dataclasses.dataclass(frozen=True)
class Plan:
    """How much to simulate. ``full_every``: after so many events everything is checked, not only what was touched."""

    events: int
    seed: int
    directory: Path
    synchronous: str = "OFF"
    full_every: int = 20_000
    tell_every: int = 0


@dataclasses.dataclass
class Outcome:
    """What a run did: events by kind, refusals by code, orders, and its time, by the clock and of a processor."""

    events: int
    kinds: Counter[str]
    refusals: Counter[str]
    orders: int
    simulated_days: float
    seconds: float
    processor_s: float


class MoneyBroken(Exception):
    """An invariant does not hold. Says which seed and which event to play again."""


async def _run(plan: Plan) -> Outcome:
    chance = random.Random(plan.seed)
    world = World(plan.directory / "store.db", chance, synchronous=plan.synchronous)
    await world.open()
    happenings = Happenings(world)
    names, weights = zip(*EVENTS.items(), strict=True)
    kinds: Counter[str] = Counter()
    begun, processor_begun, count = time.perf_counter(), time.process_time(), 0
    try:
        while count < plan.events:
            (name,) = chance.choices(names, weights)
            if not getattr(happenings, name)():
                continue
            count += 1
            kinds[name] += 1
            await quiet()
            await world.after_event()
            if count % plan.full_every == 0:
                world.check_everything()
            if plan.tell_every and count % plan.tell_every == 0:
                rate = count / (time.perf_counter() - begun)
                print(f"{count:>9,} events  {rate:,.0f} a second  {len(world.shops)} orders live", flush=True)
        await happenings.calm_down()
        world.check_everything()
    except Exception as error:
        raise MoneyBroken(f"seed {plan.seed}, event {count}, {world.about()}: {error}") from error
    finally:
        await world.close()
    return Outcome(
        events=count,
        kinds=kinds,
        refusals=world.refusals,
        orders=world.orders_made,
        simulated_days=world.elapsed_s / 86_400,
        seconds=time.perf_counter() - begun,
        processor_s=time.process_time() - processor_begun,
    )


def simulate(plan: Plan) -> Outcome:
    """Play a plan. MoneyBroken at the first event after which an invariant does not hold."""
    plan.directory.mkdir(parents=True, exist_ok=True)
    logging.getLogger("unqueue").setLevel(logging.CRITICAL)  # refusals and lost answers are what this is made of
    gc.set_threshold(50_000, 20, 50)  # a long run keeps much, and looking through it costs a tenth
    with seeded(random.Random(plan.seed + 1)), asyncio.Runner(loop_factory=SteppedLoop) as runner:
        return runner.run(_run(plan))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--synchronous", choices=["off", "full"], default="off")
    parser.add_argument("--full-every", type=int, default=20_000, help="check the whole store after so many events")
    parser.add_argument("--directory", type=Path, help="keep the store's file here")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    print(f"seed {seed}, {given.events:,} events, from {datetime.now(UTC):%Y-%m-%d %H:%M} UTC", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        plan = Plan(
            events=given.events,
            seed=seed,
            directory=given.directory or Path(temporary),
            synchronous=given.synchronous.upper(),
            full_every=given.full_every,
            tell_every=max(1, given.events // 20),
        )
        try:
            outcome = simulate(plan)
        except MoneyBroken as broken:
            print(f"BROKEN: {broken}\nplay it again: --events {given.events} --seed {seed}", file=sys.stderr)
            raise
    for kind, count in sorted(outcome.kinds.items(), key=lambda one: -one[1]):
        print(f"{count:>9,} {kind}")
    print("refused:", ", ".join(f"{code} {count:,}" for code, count in outcome.refusals.most_common()))
    rate = outcome.events / outcome.seconds
    print(
        f"seed {seed}: {outcome.events:,} events, {outcome.orders:,} orders, {outcome.simulated_days:,.0f} simulated "
        f"days in {outcome.seconds:,.0f} s, {rate:,.0f} events a second; {outcome.processor_s:,.0f} s of one "
        f"processor, {outcome.events / outcome.processor_s:,.0f} a second of it; invariants 1 to 9 held after each"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
