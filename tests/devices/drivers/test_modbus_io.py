"""The register map is data: another module, other wiring, refusals. The simulated module runs in the test's loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from unqueue.devices.drivers.modbus_io import ModbusIoModule, ModbusIoSettings
from unqueue.devices.ports import DeviceFailed, wait_until_ready
from unqueue.devices.simulators.io_module import IoOptions, SimulatedIoModule
from unqueue.devices.wire.modbus_io import LANE_WIRING, MOXA_E1212, RegisterMap, Wiring

SIXTEEN_BIT = RegisterMap(
    name="16-bit counters, no start coils",
    channels=10,
    inputs_at=200,
    counters_at=1000,
    counter_words=1,
    coils_at=32,
    pulse_coils_at=64,
    device_id=7,
)


@asynccontextmanager
async def a_module(
    registers: RegisterMap, wiring: Wiring, *, driver_wiring: Wiring | None = None
) -> AsyncIterator[tuple[ModbusIoModule, SimulatedIoModule]]:
    simulated = SimulatedIoModule(IoOptions(registers=registers, wiring=wiring))
    simulated.terminals.counting = [registers.counter_run_at is None] * registers.channels
    await simulated.port.plug()
    where = simulated.port.announced()
    settings = ModbusIoSettings(
        where["host"], where["port"], registers, driver_wiring or wiring, timeout_s=0.3, retry_s_max=0.2
    )
    try:
        async with ModbusIoModule(settings) as module:
            yield module, simulated
    finally:
        await simulated.port.close()


def test_another_module_with_16_bit_counters_that_wrap() -> None:
    wiring = LANE_WIRING.moved({"eas_alarm": 9, "gate_open": 8, "belt_run": 9})

    async def scene() -> None:
        async with a_module(SIXTEEN_BIT, wiring) as (module, simulated):
            simulated.terminals.counters[9] = 65_530
            assert (await wait_until_ready(module, 3)).status == "ready"
            assert await module.eas.alarm_count() == 65_530
            assert (await simulated.handle({"pulse": "eas_alarm", "count": 20, "width_ms": 0}))["done"] == 20
            assert await module.eas.alarm_count() == 65_550
            await module.gate.open()
            await module.belt.start()
            state = await simulated.handle({"get": True})
            assert state["gate"] == "open"
            assert state["coils"]["belt_run"]
            assert module.restarts == 0

    asyncio.run(scene())


def test_a_signal_on_a_channel_that_the_module_does_not_have_is_refused_with_its_reason() -> None:
    wrong = LANE_WIRING.moved({"gate_open": 300})

    async def scene() -> None:
        async with a_module(MOXA_E1212, LANE_WIRING, driver_wiring=wrong) as (module, simulated):
            await wait_until_ready(module, 3)
            with pytest.raises(DeviceFailed, match="refuses") as failure:
                await module.gate.open()
            assert not failure.value.details["uncertain"]
            assert (await simulated.handle({"get": True}))["history"] == []

    asyncio.run(scene())


def test_a_close_output_is_used_where_it_is_wired() -> None:
    wiring = Wiring(LANE_WIRING.counters, LANE_WIRING.inputs, LANE_WIRING.coils, {"gate_open": 5, "gate_close": 6})

    async def scene() -> None:
        async with a_module(MOXA_E1212, wiring) as (module, _):
            await wait_until_ready(module, 3)
            await module.gate.open()
            assert not await module.gate.is_closed()
            await module.gate.close()
            assert await module.gate.is_closed()

    asyncio.run(scene())


def test_stopped_counters_are_started() -> None:
    async def scene() -> None:
        async with a_module(MOXA_E1212, LANE_WIRING) as (module, simulated):
            assert not any(simulated.terminals.counting)
            await wait_until_ready(module, 3)
            wired = set(LANE_WIRING.counters.values())
            assert {at for at, counting in enumerate(simulated.terminals.counting) if counting} == wired

    asyncio.run(scene())


def test_nothing_can_be_done_before_it_is_claimed() -> None:
    async def scene() -> None:
        module = ModbusIoModule(ModbusIoSettings("127.0.0.1", 1))
        for action in (module.gate.open, module.belt.start, module.eas.alarm_count):
            with pytest.raises(DeviceFailed) as failure:
                await action()
            assert not failure.value.details["uncertain"]
        await module.gate.release()
        assert (await module.status()).status == "failed"

    asyncio.run(scene())


def test_failures_speak_to_shoppers_and_to_staff() -> None:
    failure = DeviceFailed(device="io module", detail="no connection", uncertain=True)
    assert str(failure) == "io module: no connection (it may have been carried out)"
    assert failure.problem()["zh"] == "设备暂时不可用，请稍候或呼叫店员"
    assert not failure.permanent
