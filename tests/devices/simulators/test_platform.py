"""The physics of a simulated scale."""

import random

import pytest

from unqueue.devices.simulators.platform import Platform
from unqueue.devices.wire.toledo8217 import Status


def a_platform(noise_g_sd: float = 0.0, seed: int = 1) -> Platform:
    return Platform(15_000, 5, settle_s=0.3, noise_g_sd=noise_g_sd, noise=random.Random(seed).gauss)


@pytest.mark.parametrize(("load_g", "shown_g"), [(0, 0), (2.4, 0), (2.5, 5), (1252, 1250), (1253, 1255), (-2.5, -5)])
def test_it_shows_whole_intervals(load_g: float, shown_g: int) -> None:
    platform = a_platform()
    platform.put(load_g, now=0)
    assert platform.gross_g() == shown_g


def test_it_moves_for_its_settling_time_after_each_change() -> None:
    platform = a_platform()
    platform.put(1000, now=10.0)
    assert [platform.is_moving(at) for at in (10.0, 10.29, 10.31)] == [True, True, False]
    platform.put(1000, now=10.31)
    assert platform.is_moving(10.4)


@pytest.mark.parametrize(
    ("load_g", "status"),
    [
        (0, Status.CENTER_OF_ZERO),
        (300, Status(0)),
        (301, Status.OUTSIDE_ZERO_RANGE),
        (15_045, Status.OUTSIDE_ZERO_RANGE),
        (15_050, Status.OUTSIDE_ZERO_RANGE | Status.OVER_CAPACITY),
        (-10, Status.UNDER_ZERO),
    ],
)
def test_status_bits(load_g: float, status: Status) -> None:
    platform = a_platform()
    platform.put(load_g, now=0)
    assert platform.status(1) == status
    assert platform.status(0) == status | Status.MOTION


def test_zero_and_tare_wait_for_standstill_and_know_their_limits() -> None:
    platform = a_platform()
    platform.put(200, now=0)
    platform.zero(now=0)
    platform.tare(now=0)
    assert (platform.zero_g, platform.tare_g) == (0, 0)
    platform.tare(now=1)
    platform.zero(now=1)
    assert (platform.zero_g, platform.tare_g, platform.net_g()) == (0, 200, 0)
    platform.clear_tare(now=1)
    platform.zero(now=1)
    assert platform.gross_g() == 0
    platform.put(2000, now=1)
    platform.zero(now=2)
    assert platform.gross_g() == 1800, "too far from zero"


def test_noise_is_seeded_small_and_still_while_the_load_is() -> None:
    def weights(seed: int) -> list[int]:
        platform = a_platform(noise_g_sd=4.0, seed=seed)
        shown = []
        for _ in range(50):
            platform.put(1000, now=0)
            shown.append(platform.gross_g())
            assert platform.gross_g() == shown[-1]
        return shown

    assert weights(1) == weights(1) != weights(2)
    assert len(set(weights(1))) > 2
    assert all(abs(weight - 1000) <= 20 for weight in weights(1))
    empty = a_platform(noise_g_sd=4.0)
    empty.put(0, now=0)
    assert empty.gross_g() == 0
