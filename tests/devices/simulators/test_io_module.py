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
