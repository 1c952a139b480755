"""A floor scale under a trolley: weighed while it still swings, against a simulated terminal in its own process."""

import asyncio
import time
from collections.abc import Callable

from unqueue.devices.drivers.toledo_continuous import ToledoContinuousScale, ToledoContinuousSettings
from unqueue.devices.ports import NotReady, StableWeight, UnstableWeight, wait_until_ready
from unqueue.devices.simulators.process import SimulatorProcess

INTERVAL_G = 20


def test_a_trolley_is_weighed_before_the_terminal_says_that_it_rests(start: Callable[..., SimulatorProcess]) -> None:
    simulator = start("floor-scale", "--swing-share", "0.05", "--noise-g-sd", "3", "--rate-hz", "50")

    async def scene() -> list[tuple[float, bool, int]]:
        settings = ToledoContinuousSettings(simulator.announced["url"], interval_g=INTERVAL_G)
        found = []
        async with simulator.control() as hand, ToledoContinuousScale(settings) as scale:
            await wait_until_ready(scale, 5)
            for load_g in (32_480, 0, 41_260, 28_000):
                await hand.ask(load_g=load_g)
                began = time.monotonic()
                while (
                    not isinstance(seen := await scale.weigh(), StableWeight) or abs(seen.reading.net_g - load_g) > 500
                ):
                    assert time.monotonic() - began < 10
                moving = (await hand.ask(get=True))["motion"]
                found.append((time.monotonic() - began, moving, abs(seen.reading.net_g - load_g)))
        return found

    found = asyncio.run(scene())
    assert any(moving for _, moving, _ in found), found  # on a busy computer some come later than the swing lasts
    assert max(off_g for _, _, off_g in found) <= 2 * INTERVAL_G, found


def test_a_tare_of_the_terminals_own_key_is_added_back(start: Callable[..., SimulatorProcess]) -> None:
    """Somebody pressed T: what lies there is still what lies there."""
    simulator = start("floor-scale", "--swing-share", "0", "--noise-g-sd", "0", "--interval-g", "10")

    async def scene() -> None:
        settings = ToledoContinuousSettings(simulator.announced["url"], interval_g=10)
        async with simulator.control() as hand, ToledoContinuousScale(settings) as scale:
            await hand.ask(load_g=21_500, fault="tared")
            await wait_until_ready(scale, 5)
            weighed = await scale.weigh()
            assert isinstance(weighed, StableWeight)
            assert weighed.reading.net_g == 21_500

    asyncio.run(scene())


def test_a_terminal_that_was_switched_on_under_a_load_weighs_nothing(start: Callable[..., SimulatorProcess]) -> None:
    simulator = start("floor-scale", "--swing-share", "0", "--noise-g-sd", "0")

    async def scene() -> None:
        async with (
            simulator.control() as hand,
            ToledoContinuousScale(ToledoContinuousSettings(simulator.announced["url"])) as scale,
        ):
            await wait_until_ready(scale, 5)
            await hand.ask(fault="no_zero")
            while not isinstance(weighed := await scale.weigh(), NotReady):
                assert isinstance(weighed, StableWeight | UnstableWeight)
            status = await scale.status()
            assert (status.status, "zero" in status.detail) == ("failed", True)

    asyncio.run(scene())
