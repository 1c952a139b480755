"""The simulated ccTalk bus against frames that others wrote down, byte for byte: no driver of ours asks here."""

import asyncio
import tomllib
from pathlib import Path

import pytest

from unqueue.devices.simulators.cctalk import CctalkOptions, SimulatedBus
from unqueue.devices.simulators.control import ControlRefused

GOLDEN = tomllib.loads((Path(__file__).parents[2] / "golden" / "cctalk.toml").read_text("utf-8"))
FRAMES = {frame["name"]: bytes.fromhex(frame["bytes"]) for frame in GOLDEN["request"] + GOLDEN["answer"]}


async def exchange(simulator: SimulatedBus, request: bytes, length: int) -> bytes:
    """Send to the bus over TCP, with echo, and read so many bytes of answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", simulator.line.announced()["port"])
    writer.write(request)
    async with asyncio.timeout(2):
        echo = await reader.readexactly(len(request))
        answer = await reader.readexactly(length)
    writer.close()
    await writer.wait_closed()
    assert echo == request
    return answer


@pytest.mark.parametrize(
    ("request_name", "answer_name"),
    [
        ("simple poll", "acknowledge"),
        ("request inhibit status", "all coins inhibited"),
        ("enable hopper", "acknowledge of a hopper"),
        ("emergency stop", "nothing was left to pay"),
        ("request serial number", "serial number 12345678"),
        (
            "read buffered credit",
            "six events: coin 6 by path 4, string, not in tables, coin 6 by path 4, coin 13 by path 2",
        ),
    ],
)
def test_golden_exchanges(request_name: str, answer_name: str) -> None:
    async def scene() -> bytes:
        simulator = SimulatedBus(CctalkOptions(tcp_port=0))
        simulator.coin_acceptor.serial_number = 12_345_678
        for a, b in ((1, 1), (13, 2), (6, 4), (0, 23), (0, 20), (6, 4)):
            simulator.coin_acceptor.note(a, b)
        await simulator.line.plug()
        try:
            return await exchange(simulator, FRAMES[request_name], len(FRAMES[answer_name]))
        finally:
            await simulator.line.close()

    assert asyncio.run(scene()) == FRAMES[answer_name]


def test_a_golden_order_of_a_coin() -> None:
    async def scene() -> None:
        simulator = SimulatedBus(CctalkOptions(tcp_port=0, hoppers=("CNY-100-coin=5",), coin_ms=1))
        simulator.hoppers[0].serial_number = int.from_bytes(bytes.fromhex("df d7 0a"), "little")
        order, answer = FRAMES["dispense one coin, by serial number DF D7 0A"], FRAMES["dispensing: event counter 1"]
        await simulator.line.plug()
        try:
            refused = await exchange(simulator, order, 5)  # not enabled
            assert refused[3] == 5
            await exchange(simulator, FRAMES["enable hopper"], 5)
            assert await exchange(simulator, order, len(answer)) == answer
            await asyncio.sleep(0.05)
            status = await exchange(simulator, FRAMES["request hopper status"], 9)
            assert status[4:8] == bytes([1, 0, 1, 0])
        finally:
            await simulator.line.close()
        assert (simulator.hoppers[0].given, simulator.hoppers[0].stock) == (1, 4)

    asyncio.run(scene())


def test_a_golden_reset_with_crc() -> None:
    async def scene() -> None:
        simulator = SimulatedBus(CctalkOptions(tcp_port=0))
        simulator.bill_validator.note(0, 10)
        await simulator.line.plug()
        try:
            answer = await exchange(simulator, FRAMES["reset device, CRC"], 5)
        finally:
            await simulator.line.close()
        assert answer[:2] + answer[3:4] == bytes([1, 0, 0])
        assert simulator.bill_validator.state()["counter"] == 0

    asyncio.run(scene())


def test_what_makes_no_sense_is_refused() -> None:
    async def scene() -> None:
        simulator = SimulatedBus(CctalkOptions(tcp_port=0))
        for nonsense in (
            {"insert": "a button"},
            {"insert": "CNY-100-coin", "how": "gently"},
            {"power": "off"},
            {"power": "sideways", "address": 2},
            {"fill": 3, "address": 2},
            {"stacker": "removed", "address": 3},
            {"fault": "tired"},
            {"sing": True},
        ):
            with pytest.raises((ControlRefused, ValueError)):
                await simulator.handle(nonsense)

    asyncio.run(scene())
