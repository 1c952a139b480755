"""What every Scale promises, on each of its lines, against a simulated scale in its own process."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from unqueue.devices.drivers.toledo8217 import Toledo8217Scale, Toledo8217Settings
from unqueue.devices.drivers.toledo_continuous import ToledoContinuousScale, ToledoContinuousSettings
from unqueue.devices.ports import (
    DeviceStatus,
    NotReady,
    Overweight,
    Scale,
    StableWeight,
    UnderZero,
    UnstableWeight,
    Weighing,
    wait_until_ready,
)
from unqueue.devices.simulators.control import ControlClient
from unqueue.devices.simulators.process import SimulatorProcess
from unqueue.kernel.weight import Reading

SETTLE_MS = 60
STABLE_TIMEOUT_S = 0.6
PATIENCE_S = 4.0
"""What a busy machine may take on top of any time limit."""
QUICK: dict[str, Any] = {
    "command_interval_s": 0.0,
    "answer_timeout_s": 0.2,
    "stable_timeout_s": STABLE_TIMEOUT_S,
}

# How the scale is set up, and how the driver: every line that a Toledo 8217 can hang on.
LINES: dict[str, tuple[list[str], dict[str, Any]]] = {
    "pseudo-terminal": ([], {}),
    "terminal server": (["--tcp-port", "0"], {}),
    "terminal server with 8 bits": (["--tcp-port", "0", "--parity"], {"parity": "software"}),
    "8213, bit 6 always set, no echo used": (["--style", "8213"], {"resynchronise": "silence"}),
}


# A floor scale that sends by itself: as precise as the others here, so that one suite fits all.
STREAMS: dict[str, tuple[list[str], dict[str, Any]]] = {
    "floor scale on a pseudo-terminal": ([], {}),
    "floor scale on a terminal server, no checksum": (["--tcp-port", "0", "--no-checksum"], {"checksum": False}),
}
STREAM_OPTIONS = [
    *("--capacity-g", "30000", "--interval-g", "5", "--rate-hz", "50"),
    *("--swing-share", "0", "--noise-g-sd", "0"),
]


class Lab(msgspec.Struct, frozen=True):
    """A simulated scale, and how to make its driver. One that sends by itself has no answers to be late (``late``), and
    shows a change as small as its noise a moment later (``lags``).
    """

    simulator: SimulatorProcess
    new: Callable[[], Scale]
    late: bool = True
    lags: bool = False


@pytest.fixture(scope="module", params=[*LINES, *STREAMS])
def lab(request: pytest.FixtureRequest, start: Callable[..., SimulatorProcess]) -> Lab:
    if request.param in STREAMS:
        options, settings = STREAMS[request.param]
        simulator = start("floor-scale", *STREAM_OPTIONS, *options)
        stream = ToledoContinuousSettings(
            simulator.announced["url"], interval_g=5, stable_timeout_s=STABLE_TIMEOUT_S, silence_s=0.5, **settings
        )
        return Lab(simulator, lambda: ToledoContinuousScale(stream), late=False, lags=True)
    options, settings = LINES[request.param]
    simulator = start("scale", "--settle-ms", str(SETTLE_MS), "--noise-g-sd", "0", *options)
    asked = Toledo8217Settings(simulator.announced["url"], **QUICK, **settings)
    # Without echo the driver cannot know how late an answer is: docs/protocols/toledo-8217.md says so.
    return Lab(simulator, lambda: Toledo8217Scale(asked), late=asked.resynchronise != "silence")


Scenario = Callable[[Scale, ControlClient], Coroutine[Any, Any, None]]


def run(lab: Lab, scenario: Scenario) -> None:
    """Run with a fresh claim on an empty scale."""

    async def scene() -> None:
        async with hand_and_scale(lab) as (scale, hand):
            await scenario(scale, hand)

    asyncio.run(scene())


@asynccontextmanager
async def hand_and_scale(lab: Lab) -> AsyncIterator[tuple[Scale, ControlClient]]:
    async with lab.simulator.control() as hand:
        await hand.ask(fault=None, motion=False, load_g=0)
        async with lab.new() as scale:
            assert await wait_until_ready(scale, 3) == DeviceStatus("ready")
            await scale.tare(0)
            await scale.zero()
            yield scale, hand


def stable(net_g: int, *, tared: bool = False) -> StableWeight:
    return StableWeight(Reading(net_g, 5), tared)


async def shown(lab: Lab, scale: Scale, expected: Weighing) -> Weighing:
    """What the scale shows. Where it takes its time, or the machine does, what it shows in the end; but the first
    wrong weight of a scale that is asked is its last word.
    """
    until_s = time.monotonic() + PATIENCE_S
    while (weighing := await scale.weigh()) != expected and time.monotonic() < until_s:
        if not lab.lags and not isinstance(weighing, NotReady | UnstableWeight):
            break
        await asyncio.sleep(0.02)
    return weighing


def test_it_weighs_what_lies_there_once_it_stands_still(lab: Lab) -> None:
    async def scenario(scale: Scale, hand: ControlClient) -> None:
        for load_g, shown_g in ((0, 0), (1250, 1250), (1252, 1250), (1253, 1255), (30_000, 30_000)):
            began = time.monotonic()
            before = (await hand.ask(load_g=load_g)).get("weighings")
            assert await shown(lab, scale, stable(shown_g)) == stable(shown_g)
            if before is not None:
                assert time.monotonic() - began >= SETTLE_MS / 1000
                assert (await hand.ask(get=True))["weighings"] > before + 1, "motion is answered by asking again"

    run(lab, scenario)


def test_a_load_that_never_rests_is_unstable_within_the_time_limit(lab: Lab) -> None:
    async def scenario(scale: Scale, hand: ControlClient) -> None:
        await hand.ask(load_g=500, motion=True)
        began = time.monotonic()
        assert await scale.weigh() == UnstableWeight()
        assert STABLE_TIMEOUT_S <= time.monotonic() - began < STABLE_TIMEOUT_S + PATIENCE_S
        assert (await scale.status()).status == "busy"
        await hand.ask(motion=False)
        assert await shown(lab, scale, stable(500)) == stable(500)

    run(lab, scenario)


@pytest.mark.parametrize("too_much", [{"load_g": 30_100}, {"load_g": 10, "fault": "overload"}])
def test_too_much_is_overweight(lab: Lab, too_much: dict[str, Any]) -> None:
    async def scenario(scale: Scale, hand: ControlClient) -> None:
        await hand.ask(too_much)
        assert await shown(lab, scale, Overweight()) == Overweight()
        await hand.ask(load_g=1000, fault=None)
        assert await shown(lab, scale, stable(1000)) == stable(1000)

    run(lab, scenario)


def test_less_than_nothing_is_under_zero_until_it_is_zeroed(lab: Lab) -> None:
    async def scenario(scale: Scale, hand: ControlClient) -> None:
        await hand.ask(load_g=200)
        assert await shown(lab, scale, stable(200)) == stable(200)
        assert await scale.zero()
        assert await shown(lab, scale, stable(0)) == stable(0)
        await hand.ask(load_g=0)
        assert await shown(lab, scale, UnderZero()) == UnderZero()
        assert await scale.zero()
        assert await shown(lab, scale, stable(0)) == stable(0)

    run(lab, scenario)


def test_a_load_far_from_zero_cannot_be_zeroed(lab: Lab) -> None:
    async def scenario(scale: Scale, hand: ControlClient) -> None:
        await hand.ask(load_g=2000)
        assert await shown(lab, scale, stable(2000)) == stable(2000)
        assert not await scale.zero()
        assert await shown(lab, scale, stable(2000)) == stable(2000)

    run(lab, scenario)


def test_tare(lab: Lab) -> None:
    async def scenario(scale: Scale, hand: ControlClient) -> None:
        await hand.ask(load_g=300)
        assert await shown(lab, scale, stable(300)) == stable(300)
        assert await scale.tare()
        assert await shown(lab, scale, stable(0, tared=True)) == stable(0, tared=True)
        await hand.ask(load_g=1300)
        assert await shown(lab, scale, stable(1000, tared=True)) == stable(1000, tared=True)
        assert await scale.tare(250)
        assert await shown(lab, scale, stable(1050, tared=True)) == stable(1050, tared=True)
        assert not await scale.zero(), "no zero under a tare"
        assert await scale.tare(0)
        assert await shown(lab, scale, stable(1300)) == stable(1300)

    run(lab, scenario)


def test_an_unplugged_scale_says_so_and_comes_back_by_itself(lab: Lab) -> None:
    async def scenario(scale: Scale, hand: ControlClient) -> None:
        await hand.ask(load_g=750)
        for _ in range(2):
            await hand.ask(fault="unplugged")
            began = time.monotonic()
            weighing, status = await scale.weigh(), await scale.status()
            assert isinstance(weighing, NotReady)
            assert weighing.detail
            assert status.status == "failed"
            assert time.monotonic() - began < PATIENCE_S
            assert not await scale.zero()
            assert not await scale.tare()
            await hand.ask(fault=None)
            assert (await wait_until_ready(scale, 3)).status == "ready"
            assert await shown(lab, scale, stable(750)) == stable(750)

    run(lab, scenario)


def test_unplugging_in_the_middle_of_a_weighing_ends_it(lab: Lab) -> None:
    async def scenario(scale: Scale, hand: ControlClient) -> None:
        await hand.ask(motion=True)
        weighing = asyncio.create_task(scale.weigh())
        await asyncio.sleep(0.05)
        await hand.ask(fault="unplugged")
        assert isinstance(await asyncio.wait_for(weighing, STABLE_TIMEOUT_S), NotReady)

    run(lab, scenario)


def test_silence_is_not_ready_and_passes(lab: Lab) -> None:
    async def scenario(scale: Scale, hand: ControlClient) -> None:
        await hand.ask(load_g=750, fault="silent")
        assert isinstance(await scale.weigh(), NotReady)
        assert (await scale.status()).status == "failed"
        await hand.ask(fault=None)
        assert await shown(lab, scale, stable(750)) == stable(750)

    run(lab, scenario)


@pytest.mark.parametrize("fault", ["garbage", "split"])
def test_a_bad_line_costs_time_but_never_a_wrong_weight(lab: Lab, fault: str) -> None:
    async def scenario(scale: Scale, hand: ControlClient) -> None:
        await hand.ask(fault=fault)
        for load_g in (5, 1250, 29_995):
            await hand.ask(load_g=load_g)
            assert await shown(lab, scale, stable(load_g)) == stable(load_g)

    run(lab, scenario)


def test_late_answers_are_never_taken_for_the_next_load(lab: Lab) -> None:
    if not lab.late:
        return

    async def scenario(scale: Scale, hand: ControlClient) -> None:
        await hand.ask(load_g=1000)
        assert await shown(lab, scale, stable(1000)) == stable(1000)
        await hand.ask(fault="late")
        assert isinstance(await scale.weigh(), NotReady)
        await hand.ask(load_g=2000, fault=None)
        until = time.monotonic() + 1.0  # answers to the old questions come in all the time
        seen = set()
        while time.monotonic() < until:
            seen.add(await scale.weigh())
            await asyncio.sleep(0.01)
        assert {weighing for weighing in seen if not isinstance(weighing, NotReady)} == {stable(2000)}

    run(lab, scenario)


def test_many_may_ask_at_once(lab: Lab) -> None:
    async def scenario(scale: Scale, hand: ControlClient) -> None:
        await hand.ask(load_g=1250)
        assert await asyncio.gather(*(shown(lab, scale, stable(1250)) for _ in range(5))) == [stable(1250)] * 5

    run(lab, scenario)


def test_a_cancelled_weighing_leaves_the_scale_usable(lab: Lab) -> None:
    async def scenario(scale: Scale, hand: ControlClient) -> None:
        await hand.ask(load_g=1250)
        for pause_s in (0.0, 0.001, 0.02):
            weighing = asyncio.create_task(scale.weigh())
            await asyncio.sleep(pause_s)
            weighing.cancel()
            await asyncio.gather(weighing, return_exceptions=True)
        assert await shown(lab, scale, stable(1250)) == stable(1250)

    run(lab, scenario)


def test_released_means_not_ready_and_free_for_another(lab: Lab) -> None:
    async def scene() -> None:
        one, other = lab.new(), lab.new()
        assert isinstance(await one.weigh(), NotReady)
        await one.release()
        for scale in (one, other, one):
            async with scale:
                assert (await wait_until_ready(scale, 3)).status == "ready"
            assert isinstance(await scale.weigh(), NotReady)

    asyncio.run(scene())


def test_a_scale_in_pounds_gives_grams(start: Callable[..., SimulatorProcess]) -> None:
    simulator = start("scale", "--settle-ms", "0", "--noise-g-sd", "0", "--unit", "lb", "--interval-g", "1")
    settings = Toledo8217Settings(simulator.announced["url"], unit="lb", interval_g=5, **QUICK)
    lab = Lab(simulator, lambda: Toledo8217Scale(settings))

    async def scenario(scale: Scale, hand: ControlClient) -> None:
        await hand.ask(load_g=1134)
        assert await scale.weigh() == stable(1134)  # 2.50 lb

    run(lab, scenario)
