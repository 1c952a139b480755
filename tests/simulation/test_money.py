"""The money simulation in short: ``UNQUEUE_MONEY_EVENTS`` and ``UNQUEUE_SEED`` change it. Long: make simulate-money."""

import os
import random
from pathlib import Path

import pytest
from tests.simulation.money import Plan, simulate

EVENTS = int(os.environ.get("UNQUEUE_MONEY_EVENTS", "6000"))


@pytest.mark.slow
def test_money_is_kept_whatever_happens(tmp_path: Path) -> None:
    seed = int(os.environ.get("UNQUEUE_SEED") or random.SystemRandom().randrange(10**6))
    print(f"UNQUEUE_SEED={seed}")
    outcome = simulate(Plan(events=EVENTS, seed=seed, directory=tmp_path, full_every=max(500, EVENTS // 10)))
    assert outcome.events == EVENTS
    assert outcome.orders > EVENTS // 100, "too quiet to prove anything"


def test_a_seed_plays_the_same_again(tmp_path: Path) -> None:
    outcomes = [
        simulate(Plan(events=400, seed=4, directory=tmp_path / name, synchronous=synchronous))
        for name, synchronous in (("one", "OFF"), ("two", "FULL"))
    ]
    one, two = ((each.kinds, each.refusals, each.orders, each.simulated_days) for each in outcomes)
    assert one == two
