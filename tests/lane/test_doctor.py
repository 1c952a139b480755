"""Doctor on a lane's computer: simulated devices in their own processes, and a server that says what we let it say."""

import asyncio
import email.utils
import json
import time
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import msgspec
import pytest

from unqueue.devices.simulators.process import SimulatorProcess
from unqueue.kernel.findings import Finding, examine
from unqueue.kernel.settings import Io, Lane, Printer, Scale, Scanner, Settings
from unqueue.lane import doctor
from unqueue.lane.hardware import Hardware, open_hardware

TOKEN = "token-of-the-lane"
NOWHERE = Lane(
    id="lane-1",
    server_url="http://127.0.0.1:9",
    token=TOKEN,
    port=0,
    scale=Scale(port="/dev/no-such-scale"),
    io=Io(host="127.0.0.1", port=9),
    scanner=Scanner(port="/dev/no-such-scanner"),
    printer=Printer(url="tcp://127.0.0.1:9"),
)


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_DEVICE_SECONDS", 1.0)
    monkeypatch.setattr(doctor, "_TIMEOUT_SECONDS", 1.0)


class _Answers(BaseHTTPRequestHandler):
    """Answers as `server.answers` says: path → (status, body); its clock is `server.ahead` seconds ahead."""

    def do_GET(self) -> None:
        server: Any = self.server
        status, body = server.answers.get(self.path, (404, {}))
        if self.path.startswith("/api/lanes") and self.headers["Authorization"] != f"Bearer {TOKEN}":
            status = 401
        self.send_response_only(status)
        self.send_header("Date", email.utils.formatdate(time.time() + server.ahead, usegmt=True))
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def http() -> Iterator[Any]:
    server: Any = HTTPServer(("127.0.0.1", 0), _Answers)
    server.answers, server.ahead = {"/api/health": (200, {}), "/api/lanes/lane-1/exits": (200, [])}, 0.0
    server.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def _levels(findings: Iterator[Finding] | list[Finding]) -> list[tuple[str, str]]:
    return [(finding.about, finding.level) for finding in findings]


def _hardware(lane: Lane) -> Hardware:
    return open_hardware(lane, time_zone="UTC")


def _ask(findings: AsyncIterator[Finding]) -> list[Finding]:
    return asyncio.run(doctor._all(findings))


def test_a_server_that_knows_us_and_has_our_time(http: Any) -> None:
    lane = msgspec.structs.replace(NOWHERE, server_url=http.url)
    assert _levels(doctor.server(lane)) == [("server", "ok"), ("server clock", "ok"), ("token", "ok")]


def test_a_server_that_does_not_answer() -> None:
    assert _levels(doctor.server(NOWHERE)) == [("server", "failed")]


@pytest.mark.parametrize(("ahead", "level"), [(10, "warning"), (-10, "warning"), (100, "failed"), (-3600, "failed")])
def test_a_server_with_another_time(http: Any, ahead: float, level: str) -> None:
    http.ahead = ahead
    findings = list(doctor.server(msgspec.structs.replace(NOWHERE, server_url=http.url)))
    assert ("server clock", level) in _levels(findings)
    assert any(("behind" if ahead > 0 else "ahead of") in finding.found for finding in findings)


def test_a_token_that_the_server_does_not_take(http: Any) -> None:
    findings = list(doctor.server(msgspec.structs.replace(NOWHERE, server_url=http.url, token="old")))
    assert _levels(findings)[-1] == ("token", "failed")
    assert "unqueue device add lane-1" in findings[-1].mend
    assert "old" not in findings[-1].found


def test_while_the_lane_runs_it_speaks_for_its_devices(http: Any) -> None:
    http.answers["/state"] = (200, {"lane": "lane-1", "devices": {"scale": "ready", "io": "busy", "printer": "failed"}})
    lane = msgspec.structs.replace(NOWHERE, port=http.server_port, scanner=None, printer=None)
    levels = dict(_levels(list(examine(doctor.checks(Settings(), lane)))))
    assert (levels["lane port"], levels["scale"], levels["io"], levels["printer"]) == ("ok", "ok", "ok", "failed")


def test_the_state_of_another_lane_is_not_ours(http: Any) -> None:
    http.answers["/state"] = (200, {"lane": "lane-2", "devices": {}})
    assert doctor._running_lane(msgspec.structs.replace(NOWHERE, port=http.server_port)) is None


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
