"""The simulated peak hour: repeatable, nobody is forgotten, and a side bay does what it is for."""

import msgspec
import numpy as np
import pytest

from unqueue.bench.peak.figures import Way, play, ways
from unqueue.bench.peak.people import Hour
from unqueue.bench.peak.play import Bell, Play, Process
from unqueue.bench.peak.shopping import Habits

QUIET = Habits(shoppers_per_hour=150, lanes=1, attendants=1, lane_out_s=(0.0, 0.0))
HONEST = msgspec.structs.replace(QUIET, slips=0.0, audits=0.0, wrong_weights=0.0, unit_sd_share=0.004)


def took_s(hour: Hour) -> list[float]:
    return [visit.done_s - visit.comes_s for visit in hour.visits if visit.done_s is not None]


def test_time_goes_on_in_order_and_bells_wake_who_waits() -> None:
    play_, bell, told = Play(), Bell(), list[tuple[float, str]]()

    def waits() -> Process:
        yield bell
        told.append((play_.now_s, "heard"))
        yield 2.0
        told.append((play_.now_s, "slept"))

    play_.start(waits())
    play_.at(5.0, lambda: play_.ring(bell))
    play_.at(6.0, lambda: told.append((play_.now_s, "six")))
    play_.run(100.0)
    assert told == [(5.0, "heard"), (6.0, "six"), (7.0, "slept")]


@pytest.mark.parametrize("side_bay", [False, True])
def test_the_same_seed_is_the_same_hour(side_bay: bool) -> None:
    one, again, other = (took_s(Hour(seed, QUIET, side_bay=side_bay).run()) for seed in (1, 1, 2))
    assert one == again != other


@pytest.mark.parametrize("side_bay", [False, True])
def test_honest_shoppers_walk_through(side_bay: bool) -> None:
    hour = Hour(1, HONEST, side_bay=side_bay).run()
    assert not hour.store.exceptions
    assert hour.attended_s == 0
    assert 5 < np.median(took_s(hour)) < 20
    assert {one.status for one in hour.store.exits.values()} == {"left"}


@pytest.mark.parametrize("side_bay", [False, True])
def test_everybody_gets_out_once_and_staff_have_seen_each_exception(side_bay: bool) -> None:
    hour = Hour(3, QUIET, side_bay=side_bay).run()
    audited = {visit.number for visit in hour.visits if visit.is_audited}
    assert audited <= hour.store.exceptions
    assert {one.status for one in hour.store.exits.values()} == {"left"}
    assert all(not one.checks for one in hour.store.exits.values())
    assert not hour.store.calls
    aside = {visit.number for visit in hour.visits if visit.was_aside}
    assert aside >= audited if side_bay else not aside


def test_a_side_bay_keeps_the_way_free_for_the_others() -> None:
    busy = Habits(shoppers_per_hour=200, lanes=1, attendants=1, lane_out_s=(0.0, 0.0))
    waiting, aside = (play(Way("", side_bay, busy), range(3)) for side_bay in (False, True))
    assert np.percentile(aside.others_s, 95) < np.percentile(waiting.others_s, 95) / 2
    assert np.mean(aside.busy) < np.mean(waiting.busy)


def test_each_way_is_played_with_the_same_shoppers() -> None:
    hours = [Hour(5, way.habits, side_bay=way.side_bay) for way in ways(QUIET)]
    assert len({tuple((visit.comes_s, visit.true_g) for visit in hour.visits) for hour in hours}) == 1
