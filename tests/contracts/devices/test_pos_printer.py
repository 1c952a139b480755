"""What every POSPrinter promises, against a simulated printer in its own process."""

import asyncio
import base64
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from unqueue.devices.drivers.escpos_printer import EscposPrinter, EscposPrinterSettings
from unqueue.devices.ports import DeviceFailed, DeviceStatus, POSPrinter
from unqueue.devices.simulators.control import ControlClient
from unqueue.devices.simulators.process import SimulatorProcess


@pytest.fixture(scope="module")
def simulator(start: Callable[..., SimulatorProcess]) -> SimulatorProcess:
    return start("printer")


def run(
    simulator: SimulatorProcess, scenario: Callable[[POSPrinter, ControlClient], Coroutine[Any, Any, None]]
) -> None:
    async def scene() -> None:
        async with simulator.control() as hand:
            await hand.ask(fault=None)
            async with EscposPrinter(EscposPrinterSettings(simulator.announced["url"], timeout_s=0.3)) as printer:
                await scenario(printer, hand)

    asyncio.run(scene())


async def jobs(hand: ControlClient) -> int:
    await asyncio.sleep(0.05)  # a job ends when its connection does
    return int((await hand.ask(get=True))["jobs"])


def kept_by(simulator: SimulatorProcess) -> list[bytes]:
    return [path.read_bytes() for path in sorted(Path(simulator.announced["directory"]).iterdir())]


def test_bytes_arrive_as_they_are(simulator: SimulatorProcess) -> None:
    async def scenario(printer: POSPrinter, hand: ControlClient) -> None:
        before = await jobs(hand)
        data = b"\x1b@\x1c&" + "龙井茶".encode("gb18030") + bytes(range(17, 256)) * 50
        await printer.print_bytes(data)
        assert await jobs(hand) == before + 1
        state = await hand.ask(get=True)
        assert base64.b64decode(state["last_job"]) == data
        assert kept_by(simulator)[-1] == data
        assert await printer.status() == DeviceStatus("ready")

    run(simulator, scenario)


@pytest.mark.parametrize(
    ("fault", "detail"),
    [
        ("paper_out", "paper is out"),
        ("cover_open", "the cover is open"),
        ("silent", "the printer does not answer"),
        ("unplugged", ""),
    ],
)
def test_what_did_not_come_out_is_not_taken_for_printed(simulator: SimulatorProcess, fault: str, detail: str) -> None:
    async def scenario(printer: POSPrinter, hand: ControlClient) -> None:
        before = await jobs(hand)
        await hand.ask(fault=fault)
        with pytest.raises(DeviceFailed) as failure:
            await printer.print_bytes(b"lost\n")
        assert not failure.value.details["uncertain"]
        assert detail in failure.value.details["detail"]
        assert (await printer.status()).status == "failed"
        await hand.ask(fault=None)
        assert await jobs(hand) == before, "nothing is left behind in the printer"
        await printer.print_bytes(b"printed\n")
        assert await jobs(hand) == before + 1

    run(simulator, scenario)


def test_jobs_of_several_hosts_do_not_mix(simulator: SimulatorProcess) -> None:
    async def scenario(printer: POSPrinter, hand: ControlClient) -> None:
        before = await jobs(hand)
        texts = [bytes([letter]) * 5000 for letter in b"abcd"]
        await asyncio.gather(*(printer.print_bytes(text) for text in texts))
        assert await jobs(hand) == before + 4
        assert sorted(kept_by(simulator)[-4:]) == texts

    run(simulator, scenario)
