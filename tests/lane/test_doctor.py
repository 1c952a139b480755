"""Doctor on a lane's computer: simulated devices in their own processes. Server and token: tests/station."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from unqueue.devices.simulators.process import SimulatorProcess
from unqueue.kernel.findings import Finding
from unqueue.kernel.settings_lane import Io, Lane, Printer, Rfid, Scale, Scanner
from unqueue.lane import doctor
from unqueue.lane.hardware import Hardware, open_hardware
from unqueue.station.doctor import listed

NOWHERE = Lane(
    id="lane-1",
    server_url="http://127.0.0.1:9",
    token="token-of-the-lane",
    port=0,
    scale=Scale(port="/dev/no-such-scale"),
    io=Io(host="127.0.0.1", port=9),
    scanner=Scanner(port="/dev/no-such-scanner"),
    printer=Printer(url="tcp://127.0.0.1:9"),
)


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unqueue.station.doctor.DEVICE_SECONDS", 1.0)
    monkeypatch.setattr("unqueue.station.doctor.TIMEOUT_SECONDS", 1.0)


def _levels(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.about, finding.level) for finding in findings]


def _hardware(lane: Lane) -> Hardware:
    return open_hardware(lane, time_zone="UTC")


def _ask(findings: AsyncIterator[Finding]) -> list[Finding]:
    return listed(findings)


def test_devices_that_are_there() -> None:
    with SimulatorProcess.start("scale") as scale, SimulatorProcess.start("scanner") as scanner:
        lane = msgspec.structs.replace(
            NOWHERE,
            scale=Scale(port=scale.announced["url"]),
            scanner=Scanner(port=scanner.announced["url"]),
        )
        assert _levels(_ask(doctor.scale(lane, _hardware(lane)))) == [("scale", "ok")]
        assert _levels(_ask(doctor.scanner(lane, _hardware(lane)))) == [("scanner", "ok")]


def test_devices_that_are_not_there() -> None:
    findings = [
        *_ask(doctor.scale(NOWHERE, _hardware(NOWHERE))),
        *_ask(doctor.scanner(NOWHERE, _hardware(NOWHERE))),
        *_ask(doctor.printer(NOWHERE, _hardware(NOWHERE))),
        *_ask(doctor.io_module(NOWHERE.io)),
    ]
    assert _levels(findings) == [(name, "failed") for name in ("scale", "scanner", "printer", "io")]
    assert all(finding.mend for finding in findings)


def test_what_a_lane_does_not_have_is_not_asked_for() -> None:
    bare = msgspec.structs.replace(NOWHERE, scanner=None, printer=None)
    assert _ask(doctor.scanner(bare, _hardware(bare))) == _ask(doctor.printer(bare, _hardware(bare))) == []


def test_the_io_module_is_only_asked() -> None:
    """A running deactivator would stop if doctor claimed the module."""

    async def ask_while_running() -> tuple[list[Finding], dict[str, Any]]:
        with SimulatorProcess.start("io") as simulator:
            settings = Io(host=simulator.announced["host"], port=simulator.announced["port"])
            await _switch_on(settings, coil=1)
            findings = [finding async for finding in doctor.io_module(settings)]
            async with simulator.control() as hand:
                return findings, await hand.ask(get=True)

    findings, state = asyncio.run(ask_while_running())
    assert _levels(findings) == [("io", "ok")]
    assert state["coils"]["deactivator_on"] is True


async def _switch_on(settings: Io, coil: int) -> None:
    from pymodbus.client import AsyncModbusTcpClient

    client = AsyncModbusTcpClient(settings.host, port=settings.port)
    await client.connect()
    await client.write_coil(coil, True)
    client.close()


def test_a_fire_alarm_and_an_open_gate_are_told() -> None:
    async def ask() -> list[Finding]:
        with SimulatorProcess.start("io") as simulator:
            async with simulator.control() as hand:
                await hand.ask(set={"fire_alarm": True, "gate_closed": False})
            settings = Io(host=simulator.announced["host"], port=simulator.announced["port"])
            return [finding async for finding in doctor.io_module(settings)]

    assert [finding.level for finding in asyncio.run(ask())] == ["ok", "warning", "warning"]


def test_a_signal_that_does_not_exist_is_told() -> None:
    (finding,) = _ask(doctor.io_module(Io(host="127.0.0.1", map={"door": 3})))
    assert (finding.level, "door" in finding.found) == ("failed", True)


def test_the_gate_s_reader_greets_and_is_left_as_it_is() -> None:
    async def ask() -> tuple[list[Finding], dict[str, Any]]:
        with SimulatorProcess.start("rfid") as simulator:
            settings = Rfid(host=simulator.announced["host"], port=simulator.announced["port"])
            found = [finding async for finding in doctor.rfid(settings)]
            async with simulator.control() as hand:
                state = await hand.ask(fault="busy")
                found += [finding async for finding in doctor.rfid(settings)]
            return found, state

    findings, state = asyncio.run(ask())
    assert _levels(findings) == [("rfid", "ok"), ("rfid", "failed")]
    assert "another client has the reader" in findings[1].found
    assert (state["rospec"], state["connected"]) == (None, False)
    assert _levels(_ask(doctor.rfid(Rfid(host="127.0.0.1", port=9)))) == [("rfid", "failed")]
    assert _ask(doctor.rfid(None)) == []
