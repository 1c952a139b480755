"""A trolley on a floor scale: its weight from one swing, and no weight while somebody pushes, rolls or puts in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unqueue.devices.resting import Platform, Resting, resting

RATE_HZ = 50
INTERVAL_G = 10
NOISE_G = 2.5
PLATFORM = Platform(noise_g=4.0, sd_g_max=4.0)  # 2.5 g and a rounding of 10 g
SECONDS = 6.0


def stream(load_g: np.ndarray, seed: int) -> np.ndarray:
    """What the scale says of a load: noise, and rounding to its interval."""
    noisy = load_g + np.random.default_rng(seed).normal(0, NOISE_G, load_g.size)
    return np.asarray(INTERVAL_G * np.round(noisy / INTERVAL_G))


def times() -> np.ndarray:
    return np.arange(0, SECONDS, 1 / RATE_HZ)


def told(loads: np.ndarray, until_s: float = SECONDS, every: int = 10) -> list[tuple[float, Resting]]:
    """All that is said while the readings come in, with when."""
    t, found = times(), []
    for end in range(10, round(until_s * RATE_HZ), every):
        first = max(0, end - 2 * RATE_HZ)
        one = resting(t[first:end].tolist(), loads[first:end].tolist(), PLATFORM)
        if one is not None:
            found.append((float(t[end - 1]), one))
    return found


@settings(max_examples=30)
@given(
    rest_g=st.floats(500, 80_000),
    swing_g=st.floats(0, 3_000),
    swing=st.tuples(st.floats(1.2, 6.0), st.floats(0.3, 3.0), st.floats(0, 6.28)),
    seed=st.integers(0, 1000),
)
def test_a_swinging_trolley_is_weighed_while_it_swings(
    rest_g: float, swing_g: float, swing: tuple[float, float, float], seed: int
) -> None:
    hz, decay, phase = swing
    t = times()
    loads = stream(rest_g + swing_g * np.exp(-decay * t) * np.cos(2 * np.pi * hz * t + phase), seed)
    found = told(loads)
    assert found
    assert found[0][0] <= max(1.2, 1.6 / hz + 0.6)
    for _, one in found:
        assert abs(one.rest_g - rest_g) <= 5 * one.sd_g + 1
        assert one.sd_g <= PLATFORM.sd_g_max


def test_the_doubt_is_as_large_as_it_is_said_to_be() -> None:
    t, off = times(), []
    for seed in range(80):
        chance = np.random.default_rng(seed)
        hz, decay, swing_g = chance.uniform(1.2, 6), chance.uniform(0.3, 3), chance.uniform(0, 2000)
        loads = stream(20_003 + swing_g * np.exp(-decay * t) * np.cos(2 * np.pi * hz * t), seed)
        (_, first), *_ = told(loads, 3.0)
        off.append((first.rest_g - 20_003) / first.sd_g)
    assert abs(np.mean(off)) < 0.3
    assert 0.4 < np.std(off) < 1.3


@settings(max_examples=20)
@given(
    rest_g=st.floats(5_000, 60_000),
    enter_s=st.floats(0.5, 1.5),
    lasts_s=st.floats(0.8, 2.0),
    wobble_g=st.floats(50, 800),
    seed=st.integers(0, 1000),
)
def test_a_trolley_that_rolls_on_has_no_weight_yet(
    rest_g: float, enter_s: float, lasts_s: float, wobble_g: float, seed: int
) -> None:
    """Wheel by wheel its load comes onto the plate, and the plate shakes; then it stands and swings out."""
    t = times()
    share = np.clip((t - enter_s) / lasts_s, 0, 1)
    end_s = enter_s + lasts_s
    swing = np.where(t < end_s, share, np.exp(-1.5 * (t - end_s))) * np.sin(2 * np.pi * 3.1 * t)
    found = told(stream(rest_g * share + wobble_g * swing, seed))
    for at_s, one in found:
        if at_s > enter_s + 0.2:
            assert abs(one.rest_g - rest_g) <= 5 * one.sd_g + 1, (at_s, end_s)
    assert found[-1][0] > end_s


@settings(max_examples=10)
@given(push_g=st.floats(150, 2_000), seconds=st.floats(0.1, 0.5), seed=st.integers(0, 1000))
def test_a_hand_on_the_trolley_is_no_weight(push_g: float, seconds: float, seed: int) -> None:
    """It presses unevenly; as soon as it lets go, the weight is there."""
    t, chance = times(), np.random.default_rng(seed)
    push, level = np.zeros_like(t), 0.0
    keep = np.exp(-1 / RATE_HZ / seconds)
    for number in range(t.size):
        level = keep * level + np.sqrt(1 - keep**2) * chance.normal(0, push_g)
        push[number] = level + 2 * push_g
    push[t >= 4.0] = 0.0
    found = told(stream(15_000 + push, seed))
    while_pushing = [one for at_s, one in found if at_s < 4.0]
    assert len(while_pushing) <= 1  # of some 19 looks
    after = [one for at_s, one in found if at_s >= 4.8]
    assert after
    assert all(abs(one.rest_g - 15_000) <= 5 * one.sd_g + 1 for one in after)


@given(before_g=st.floats(0, 40_000), more_g=st.floats(60, 3_000), seed=st.integers(0, 1000))
@settings(max_examples=20)
def test_something_is_put_in(before_g: float, more_g: float, seed: int) -> None:
    t = times()
    found = told(stream(np.where(t < 3.0, before_g, before_g + more_g), seed))
    for at_s, one in found:
        either = [before_g] if at_s < 3.0 else [before_g, before_g + more_g] if at_s < 3.2 else [before_g + more_g]
        assert min(abs(one.rest_g - rest_g) for rest_g in either) <= 5 * one.sd_g + 1, at_s
    assert min(at_s for at_s, _ in found if at_s >= 3.0) < 4.0


@given(
    batch=st.integers(1, 60),
    loads=st.lists(st.integers(0, 4), min_size=60, max_size=60),
)
@settings(max_examples=60)
def test_readings_that_come_all_at_once_break_nothing(batch: int, loads: list[int]) -> None:
    """A busy computer reads the line late, and has many readings at one time."""
    at_s = [0.02 * (number // batch) * batch for number in range(60)]
    found = resting(at_s, [1000.0 + 5 * load for load in loads], PLATFORM)
    assert found is None or 990 <= found.rest_g <= 1030


@pytest.mark.parametrize("count", [0, 1, 9])
def test_too_few_readings_say_nothing(count: int) -> None:
    assert resting([0.1 * number for number in range(count)], [1000.0] * count, PLATFORM) is None
