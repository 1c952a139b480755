"""The simulated I/O module against Modbus frames made by hand from the specification: no client of ours asks here."""

import asyncio
import tomllib
from pathlib import Path
from typing import Any

import pytest

from unqueue.devices.simulators.io_module import IoOptions, SimulatedIoModule

GOLDEN = tomllib.loads((Path(__file__).parents[2] / "golden" / "modbus-io.toml").read_text("utf-8"))


@pytest.mark.parametrize("frame", GOLDEN["frame"], ids=lambda frame: frame["name"])
def test_golden_frames(frame: dict[str, Any]) -> None:
    async def scene() -> bytes:
        module = SimulatedIoModule(IoOptions())
        module.terminals.counters[2] = 65_537
        module.terminals.set_input("fire_alarm", level=True)
        await module.port.plug()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", module.port.announced()["port"])
            writer.write(bytes.fromhex(frame["request"]))
            async with asyncio.timeout(2):
                answer = await reader.readexactly(len(bytes.fromhex(frame["answer"])))
            writer.close()
            await writer.wait_closed()
        finally:
            await module.port.close()
        return answer

    assert asyncio.run(scene()) == bytes.fromhex(frame["answer"])


@pytest.mark.parametrize(("stays_on", "counted"), [(True, 2), (False, 0)])
def test_tags_on_the_belt_come_past_the_deactivator(stays_on: bool, counted: int) -> None:
    """They take their time, and are told once; a field that is off by then misses them."""

    async def scene() -> int:
        module = SimulatedIoModule(IoOptions())
        terminals = module.terminals
        field = terminals.wiring.coils["deactivator_on"]
        terminals.counting = [True] * len(terminals.counting)
        await module.handle({"tags": 2, "after_ms": 50})
        terminals.switch(field, on=True)
        assert (await module.handle({"get": True}))["counters"]["tags_deactivated"] == 0
        await asyncio.sleep(0.02)
        terminals.switch(field, on=stays_on)
        await asyncio.sleep(0.08)
        terminals.switch(field, on=True)
        state = await module.handle({"get": True})
        return int(state["counters"]["tags_deactivated"])

    assert asyncio.run(scene()) == counted
