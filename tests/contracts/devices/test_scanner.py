"""What every Scanner promises, on each of its lines, against a simulated scanner in its own process."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from unqueue.devices.drivers.serial_scanner import SerialScanner, SerialScannerSettings
from unqueue.devices.ports import DeviceStatus, Scan, Scanner, wait_until_ready
from unqueue.devices.simulators.control import ControlClient, ControlRefused
from unqueue.devices.simulators.process import SimulatorProcess

LINES = {"pseudo-terminal": [], "terminal server": ["--tcp-port", "0"], "ends with CR LF": ["--end", "crlf"]}


@pytest.fixture(scope="module", params=LINES)
def simulator(request: pytest.FixtureRequest, start: Callable[..., SimulatorProcess]) -> SimulatorProcess:
    return start("scanner", *LINES[request.param])


def run(simulator: SimulatorProcess, scenario: Callable[[Scanner, ControlClient], Coroutine[Any, Any, None]]) -> None:
    async def scene() -> None:
        scanner = SerialScanner(SerialScannerSettings(simulator.announced["url"]))
        async with simulator.control() as hand:
            await hand.ask(fault=None)
            async with scanner:
                assert await wait_until_ready(scanner, 3) == DeviceStatus("ready")
                await asyncio.sleep(0.05)  # the simulated end looks every 10 ms whether somebody listens
                await scenario(scanner, hand)

    asyncio.run(scene())


async def take(scanner: Scanner, count: int) -> list[Scan]:
    taken: list[Scan] = []
    async with asyncio.timeout(2):
        async for scan in scanner.scans():
            taken.append(scan)
            if len(taken) == count:
                break
    return taken


def test_codes_come_as_they_are_read(simulator: SimulatorProcess) -> None:
    async def scenario(scanner: Scanner, hand: ControlClient) -> None:
        await hand.ask(scan="UQ2.abc-_123")
        await hand.ask(scan="0104006381333931\x1d10AB", symbology="]C1")
        await hand.ask(scan="https://id.example/01/04006381333931?q=龙井", symbology="]Q3")
        assert await take(scanner, 3) == [
            Scan("UQ2.abc-_123"),
            Scan("0104006381333931\x1d10AB", "]C1"),
            Scan("https://id.example/01/04006381333931?q=龙井", "]Q3"),
        ]

    run(simulator, scenario)


def test_codes_wait_and_can_be_forgotten(simulator: SimulatorProcess) -> None:
    async def scenario(scanner: Scanner, hand: ControlClient) -> None:
        for number in range(40):
            await hand.ask(scan=f"code {number}")
        await asyncio.sleep(0.1)
        assert await take(scanner, 2) == [Scan("code 8"), Scan("code 9")], "the last 32 are kept"
        scanner.clear_input()
        await hand.ask(scan="after")
        assert await take(scanner, 1) == [Scan("after")]

    run(simulator, scenario)


def test_unplugged_and_plugged_in_again(simulator: SimulatorProcess) -> None:
    async def scenario(scanner: Scanner, hand: ControlClient) -> None:
        await hand.ask(fault="unplugged")
        await asyncio.sleep(0.05)
        status = await scanner.status()
        assert status.status == "failed"
        assert status.detail
        await hand.ask(scan="lost", fault=None)
        assert (await wait_until_ready(scanner, 3)).status == "ready"
        await asyncio.sleep(0.05)
        await hand.ask(scan="again")
        assert await take(scanner, 1) == [Scan("again")]

    run(simulator, scenario)


def test_releasing_ends_the_iteration(simulator: SimulatorProcess) -> None:
    async def scenario(scanner: Scanner, hand: ControlClient) -> None:
        async def all_of_them() -> list[Scan]:
            return [scan async for scan in scanner.scans()]

        reading = asyncio.create_task(all_of_them())
        await hand.ask(scan="one")
        await asyncio.sleep(0.1)
        await scanner.release()
        assert await asyncio.wait_for(reading, 1) == [Scan("one")]
        assert (await scanner.status()).status == "failed"

    run(simulator, scenario)


def test_a_code_is_one_line(simulator: SimulatorProcess) -> None:
    async def scenario(_scanner: Scanner, hand: ControlClient) -> None:
        with pytest.raises(ControlRefused, match="one line"):
            await hand.ask(scan="two\rlines")

    run(simulator, scenario)
