"""What Belt, TagDeactivator, EasDetector, Gate, Lights, ToneIndicator and FireAlarm promise, against a simulated I/O
module in its own process.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from unqueue.devices.drivers.modbus_io import ModbusIoModule, ModbusIoSettings
from unqueue.devices.ports import (
    Belt,
    DeviceFailed,
    DeviceStatus,
    EasDetector,
    FireAlarm,
    Gate,
    Lights,
    TagDeactivator,
    ToneIndicator,
    wait_until_ready,
)
from unqueue.devices.simulators.control import ControlClient, ControlRefused
from unqueue.devices.simulators.process import SimulatorProcess

WATCHDOG_MS = 600


@pytest.fixture(scope="module")
def simulator(start: Callable[..., SimulatorProcess]) -> SimulatorProcess:
    return start("io", "--gate-open-ms", "400", "--gate-close-ms", "50", "--watchdog-ms", str(WATCHDOG_MS))


def module_of(simulator: SimulatorProcess, poll_interval_s: float = 0.1) -> ModbusIoModule:
    where = simulator.announced
    settings = ModbusIoSettings(
        where["host"], where["port"], timeout_s=0.3, retry_s_max=0.2, poll_interval_s=poll_interval_s
    )
    return ModbusIoModule(settings)


Scenario = Callable[[ModbusIoModule, ControlClient], Coroutine[Any, Any, None]]


def run(simulator: SimulatorProcess, scenario: Scenario, poll_interval_s: float = 0.1) -> None:
    async def scene() -> None:
        async with simulator.control() as hand:
            await hand.ask(fault=None, set={"belt_occupied": False, "fire_alarm": False, "gate_closed": True})
            async with module_of(simulator, poll_interval_s) as module:
                assert await wait_until_ready(module, 3) == DeviceStatus("ready")
                await scenario(module, hand)

    asyncio.run(scene())


async def coil(hand: ControlClient, name: str) -> bool:
    return bool((await hand.ask(get=True))["coils"][name])


async def openings(hand: ControlClient) -> int:
    return sum(event["event"] == "opened" for event in (await hand.ask(get=True))["history"])


def kill(module: ModbusIoModule) -> None:
    """As if the lane's process died: the connection breaks, and nothing is switched off before."""
    assert module._keeper is not None
    module._keeper.cancel()
    module._hang_up("killed")


def test_the_belt_runs_stops_and_counts(simulator: SimulatorProcess) -> None:
    async def scenario(module: ModbusIoModule, hand: ControlClient) -> None:
        belt: Belt = module.belt
        await belt.start()
        assert await coil(hand, "belt_run")
        before = await belt.item_count()
        await hand.ask(pulse="belt_items", count=3)
        assert await belt.item_count() == before + 3
        assert not await belt.is_occupied()
        await hand.ask(set={"belt_occupied": True})
        assert await belt.is_occupied()
        await belt.stop()
        assert not await coil(hand, "belt_run")

    run(simulator, scenario)


def test_tags_die_only_while_the_deactivator_is_on(simulator: SimulatorProcess) -> None:
    async def scenario(module: ModbusIoModule, hand: ControlClient) -> None:
        deactivator: TagDeactivator = module.deactivator
        before = await deactivator.deactivated_count()
        assert (await hand.ask(pulse="tags_deactivated", count=2))["done"] == 0
        await deactivator.activate()
        assert (await hand.ask(pulse="tags_deactivated", count=2))["done"] == 2
        await deactivator.deactivate()
        assert (await hand.ask(pulse="tags_deactivated"))["done"] == 0
        assert await deactivator.deactivated_count() == before + 2

    run(simulator, scenario)


def test_no_short_pulse_is_missed(simulator: SimulatorProcess) -> None:
    async def scenario(module: ModbusIoModule, hand: ControlClient) -> None:
        eas: EasDetector = module.eas
        before = await eas.alarm_count()
        await hand.ask(pulse="eas_alarm", count=50, width_ms=0.2)
        assert await eas.alarm_count() == before + 50

    run(simulator, scenario)


def test_the_gate_opens_once_for_one_order_and_closes_behind_one_person(simulator: SimulatorProcess) -> None:
    async def scenario(module: ModbusIoModule, hand: ControlClient) -> None:
        gate: Gate = module.gate
        before, opened = await gate.passage_count(), await openings(hand)
        assert await gate.is_closed()
        assert (await hand.ask(passage=1))["done"] == 0, "nobody walks through a closed gate"
        await gate.open()
        assert not await gate.is_closed()
        assert (await hand.ask(passage=1))["done"] == 1
        assert await gate.passage_count() == before + 1
        await asyncio.sleep(0.15)
        assert await gate.is_closed()
        state = await hand.ask(get=True)
        assert await openings(hand) == opened + 1
        assert [event["event"] for event in state["history"][-3:]] == ["opened", "passage", "closed"]
        assert [event["seq"] for event in state["history"]] == list(range(1, len(state["history"]) + 1))

    run(simulator, scenario)


def test_a_gate_that_nobody_uses_closes_by_itself(simulator: SimulatorProcess) -> None:
    async def scenario(module: ModbusIoModule, _hand: ControlClient) -> None:
        await module.gate.open()
        await module.gate.close()  # this barrier can't be told to
        assert not await module.gate.is_closed()
        await asyncio.sleep(0.5)
        assert await module.gate.is_closed()

    run(simulator, scenario)


def test_an_opening_whose_answer_is_lost_is_uncertain_and_never_repeated(simulator: SimulatorProcess) -> None:
    async def scenario(module: ModbusIoModule, hand: ControlClient) -> None:
        before = await openings(hand)
        await hand.ask(fault="silent")
        with pytest.raises(DeviceFailed) as failure:
            await module.gate.open()
        assert failure.value.details["uncertain"]
        assert (await module.status()).status == "failed"
        await asyncio.sleep(0.6)  # long enough to try again, if it did
        await hand.ask(fault=None)
        assert (await wait_until_ready(module, 3)).status == "ready"
        assert await openings(hand) == before + 1

    run(simulator, scenario, poll_interval_s=60)  # else the driver's own polling may notice the silence first


def test_an_opening_without_connection_did_certainly_not_happen(simulator: SimulatorProcess) -> None:
    async def scenario(module: ModbusIoModule, hand: ControlClient) -> None:
        before = await openings(hand)
        await hand.ask(fault="unplugged")
        await asyncio.sleep(0.3)
        with pytest.raises(DeviceFailed) as failure:
            await module.gate.open()
        assert not failure.value.details["uncertain"]
        await hand.ask(fault=None)
        assert (await wait_until_ready(module, 3)).status == "ready"
        assert await openings(hand) == before

    run(simulator, scenario)


def test_unplugged_and_plugged_in_again_loses_no_pulse(simulator: SimulatorProcess) -> None:
    async def scenario(module: ModbusIoModule, hand: ControlClient) -> None:
        before = await module.eas.alarm_count()
        await hand.ask(fault="unplugged")
        with pytest.raises(DeviceFailed):
            await module.eas.alarm_count()
        await hand.ask(pulse="eas_alarm", count=3, width_ms=1)
        await hand.ask(fault=None)
        assert (await wait_until_ready(module, 3)).status == "ready"
        assert await module.eas.alarm_count() == before + 3
        assert module.restarts == 0

    run(simulator, scenario)


def test_counts_go_on_after_the_module_restarted(simulator: SimulatorProcess) -> None:
    async def scenario(module: ModbusIoModule, hand: ControlClient) -> None:
        await hand.ask(pulse="eas_alarm", count=4, width_ms=1)
        before = await module.eas.alarm_count()
        await hand.ask(fault="restart")
        assert (await wait_until_ready(module, 3)).status == "ready"
        await hand.ask(pulse="eas_alarm", count=2, width_ms=1)
        assert await module.eas.alarm_count() == before + 2
        assert module.restarts == 1

    run(simulator, scenario)


def test_lights_and_tone(simulator: SimulatorProcess) -> None:
    async def scenario(module: ModbusIoModule, hand: ControlClient) -> None:
        lights: Lights = module.lights
        tone: ToneIndicator = module.tone
        await lights.switch_on("green")
        assert await coil(hand, "lamp_green")
        assert not await coil(hand, "lamp_red")
        await lights.switch_off("green")
        await lights.switch_on("red")
        assert await coil(hand, "lamp_red")
        sounding = asyncio.create_task(tone.sound(cycles=2, tone_ms=150, pause_ms=150))
        await asyncio.sleep(0.06)
        assert await coil(hand, "tone")
        await asyncio.sleep(0.15)
        assert not await coil(hand, "tone")
        await sounding
        assert not await coil(hand, "tone")

    run(simulator, scenario)


def test_a_tone_broken_off_is_quiet(simulator: SimulatorProcess) -> None:
    async def scenario(module: ModbusIoModule, hand: ControlClient) -> None:
        sounding = asyncio.create_task(module.tone.sound(tone_ms=10_000))
        await asyncio.sleep(0.05)
        sounding.cancel()
        await asyncio.gather(sounding, return_exceptions=True)
        assert not await coil(hand, "tone")

    run(simulator, scenario)


def test_the_fire_alarm_is_seen(simulator: SimulatorProcess) -> None:
    async def scenario(module: ModbusIoModule, hand: ControlClient) -> None:
        fire_alarm: FireAlarm = module.fire_alarm
        assert not await fire_alarm.is_active()
        await hand.ask(set={"fire_alarm": True})
        assert await fire_alarm.is_active()

    run(simulator, scenario)


def test_outputs_are_off_after_release_and_at_the_next_claim(simulator: SimulatorProcess) -> None:
    async def scene() -> None:
        async with simulator.control() as hand:
            await hand.ask(fault=None)
            async with module_of(simulator) as module:
                await wait_until_ready(module, 3)
                await module.deactivator.activate()
            assert not await coil(hand, "deactivator_on"), "released"

            dying = module_of(simulator)
            await dying.claim()
            await wait_until_ready(dying, 3)
            await dying.deactivator.activate()
            kill(dying)
            assert await coil(hand, "deactivator_on")
            async with module_of(simulator) as module:
                assert (await wait_until_ready(module, 3)).status == "ready"
                assert not await coil(hand, "deactivator_on"), "claimed anew"

    asyncio.run(scene())


def test_outputs_go_off_when_the_lane_falls_silent(simulator: SimulatorProcess) -> None:
    async def scene() -> None:
        async with simulator.control() as hand:
            await hand.ask(fault=None)
            dying = module_of(simulator)
            await dying.claim()
            await wait_until_ready(dying, 3)
            await dying.belt.start()
            kill(dying)
            await asyncio.sleep(WATCHDOG_MS / 1000 - 0.2)
            assert await coil(hand, "belt_run")
            await asyncio.sleep(0.4)
            assert not await coil(hand, "belt_run")

    asyncio.run(scene())


def test_devices_share_the_module_and_the_last_one_releases_it(simulator: SimulatorProcess) -> None:
    async def scene() -> None:
        module = module_of(simulator)
        async with simulator.control() as hand:
            await hand.ask(fault=None)
            async with module.belt:
                async with module.gate, module.gate:  # claiming twice is claiming once
                    assert await wait_until_ready(module.gate, 3) == DeviceStatus("ready")
                assert (await module.belt.status()).status == "ready"
            assert (await module.belt.status()).status == "failed"

    asyncio.run(scene())


@pytest.mark.parametrize("request_", [{"pulse": "nothing"}, {"set": {"nothing": True}}, {"fault": "odd"}, {"no": 1}])
def test_senseless_requests_of_the_physical_side_are_refused(
    simulator: SimulatorProcess, request_: dict[str, Any]
) -> None:
    async def scene() -> None:
        async with simulator.control() as hand:
            with pytest.raises(ControlRefused):
                await hand.ask(request_)

    asyncio.run(scene())
