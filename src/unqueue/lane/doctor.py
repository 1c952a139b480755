"""`unqueue doctor` on a lane's computer: the server, this lane's token, both clocks, and each device.

A device belongs to one process. While the lane runs, its devices are asked for through the lane; otherwise they are
asked directly, and only with questions: nothing is switched, zeroed, opened or printed.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from unqueue.devices.ports import Device, DeviceStatus
from unqueue.devices.wire.modbus_io import LANE_WIRING, MOXA_E1212, Wiring
from unqueue.kernel import machine
from unqueue.kernel.findings import Check, Finding, failed, ok, warning
from unqueue.kernel.settings import Io, Lane, Settings
from unqueue.lane.hardware import Hardware, open_hardware

WEB = Path(__file__).parent.parent / "web_dist"
_TIMEOUT_SECONDS = 3.0
_DEVICE_SECONDS = 5.0
_POLL_SECONDS = 0.1
_MENDS = {
    "scale": "Check its power and cable, and [lane.scale]: port, parity. Another program may hold the line.",
    "io": "Check its power and network cable, and [lane.io]: host, port. ping it.",
    "scanner": "Check its power and cable, and [lane.scanner] port. Another program may hold the line.",
    "printer": "Check paper, cover, power and cable, and [lane.printer] url.",
    "server": "Check the network and lane.server_url; then unqueue doctor on the server.",
}


def checks(settings: Settings, lane: Lane) -> list[Check]:
    """What to look at on the machine that runs `unqueue lane`."""
    running = _running_lane(lane)
    devices = [Check("devices", lambda: of_running_lane(running))] if running else _device_checks(lane)
    return [
        Check("clock", lambda: machine.clock(settings.store.time_zone)),
        Check("lane port", lambda: [machine.port("lane port", lane.host, lane.port, ours=running is not None)]),
        Check("server", lambda: server(lane)),
        *devices,
        Check("lane screen", lambda: [machine.screens("lane screen", WEB, ["lane"])]),
    ]


def _device_checks(lane: Lane) -> list[Check]:
    return [
        Check("io", lambda: asyncio.run(_all(io_module(lane.io)))),
        *(
            Check(name, _asking(ask, lane))
            for name, ask in {"scale": scale, "scanner": scanner, "printer": printer}.items()
        ),
    ]


def _asking(ask: Callable[[Lane, Hardware], AsyncIterator[Finding]], lane: Lane) -> Callable[[], list[Finding]]:
    """Each check opens its own device and nothing else; opening claims nothing."""
    plain = msgspec.structs.replace(lane, io=msgspec.structs.replace(lane.io, map={}))  # io_module judges the map
    return lambda: asyncio.run(_all(ask(lane, open_hardware(plain, time_zone="UTC"))))


def _running_lane(lane: Lane) -> dict[str, Any] | None:
    """The state of this lane's own process (`LaneState`), None where it does not run."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(lane.host, lane.host)  # noqa: S104  # compared, not bound
    try:
        state = httpx.get(f"http://{host}:{lane.port}/state", timeout=_TIMEOUT_SECONDS).json()
    except (httpx.HTTPError, ValueError):
        return None
    return state if isinstance(state, dict) and state.get("lane") == lane.id else None


def of_running_lane(state: dict[str, Any]) -> Iterator[Finding]:
    """The devices as the running lane sees them."""
    for name, status in state.get("devices", {}).items():
        if name == "server":
            continue  # asked for directly
        if status in ("ready", "busy"):
            yield ok(name, f"{status}, says the running lane")
        else:
            yield failed(name, f"{status}, says the running lane", _MENDS.get(name, "See the lane's log."))


def server(lane: Lane) -> Iterator[Finding]:
    """The server answers, knows this lane, and has the same time."""
    try:
        before = time.time()
        health = httpx.get(f"{lane.server_url}/api/health", timeout=_TIMEOUT_SECONDS)
        middle = (before + time.time()) / 2
        health.raise_for_status()
    except httpx.HTTPError as error:
        yield failed("server", f"{lane.server_url} does not answer ({error})", _MENDS["server"])
        return
    yield ok("server", f"{lane.server_url} answers")
    if stamp := health.headers.get("date"):
        # The header is cut to whole seconds: on average the server is half a second further.
        ahead = middle - (parsedate_to_datetime(stamp).timestamp() + 0.5)
        yield machine.clock_against("server clock", ahead, "the server's clock")
    headers = {"Authorization": f"Bearer {lane.token}"}
    answer = httpx.get(f"{lane.server_url}/api/lanes/{lane.id}/exits", headers=headers, timeout=_TIMEOUT_SECONDS)
    if answer.status_code == httpx.codes.OK:
        yield ok("token", f"the server knows {lane.id}")
    elif answer.status_code in (401, 403, 404):
        mend = f"On the server: unqueue device add {lane.id}, and put the new token into lane.token."
        yield failed("token", f"the server does not take it for {lane.id} ({answer.status_code})", mend)
    else:
        yield failed("token", f"the server answers {answer.status_code}", "Look at the server: unqueue doctor there.")


async def scale(lane: Lane, hardware: Hardware) -> AsyncIterator[Finding]:
    """The scale answers."""
    yield await _asked("scale", lane.scale.port, hardware.scale)


async def scanner(lane: Lane, hardware: Hardware) -> AsyncIterator[Finding]:
    """The scanner's line opens. Scanners say nothing until they scan."""
    if lane.scanner and hardware.scanner:
        yield await _asked("scanner", lane.scanner.port, hardware.scanner)


async def printer(lane: Lane, hardware: Hardware) -> AsyncIterator[Finding]:
    """The printer answers and has paper."""
    if lane.printer and hardware.printer:
        yield await _asked("printer", lane.printer.url, hardware.printer)


async def io_module(settings: Io) -> AsyncIterator[Finding]:
    """The I/O module answers. Only inputs are read: claiming it would switch its outputs off, under a running lane."""
    try:
        wiring = LANE_WIRING.moved(settings.map)
    except ValueError as error:
        yield failed("io", f"lane.io.map: {error}", "docs/guides/settings.md lists the signals and their channels.")
        return
    at = f"{settings.host}:{settings.port}"
    client = AsyncModbusTcpClient(
        settings.host, port=settings.port, timeout=_TIMEOUT_SECONDS, retries=0, reconnect_delay=0
    )
    try:
        if not await client.connect():
            yield failed("io", f"no connection to {at}", _MENDS["io"])
            return
        async for finding in _inputs(client, wiring, at):
            yield finding
    except (ModbusException, OSError) as error:
        yield failed("io", f"{at} does not speak Modbus as it should ({error})", _MENDS["io"])
    finally:
        client.close()


async def _inputs(client: AsyncModbusTcpClient, wiring: Wiring, at: str) -> AsyncIterator[Finding]:
    registers = MOXA_E1212
    answer = await client.read_discrete_inputs(
        registers.inputs_at, count=registers.channels, device_id=registers.device_id
    )
    if answer.isError():
        yield failed("io", f"{at} refuses to tell its inputs ({answer})", "Is it the module that [lane.io] names?")
        return
    yield ok("io", f"{at} tells its inputs")
    if answer.bits[wiring.inputs["fire_alarm"]]:
        yield warning("io", "the fire alarm contact is closed", "Unless it burns, check its wiring.")
    if not answer.bits[wiring.inputs["gate_closed"]]:
        yield warning("io", "the gate says that it is not closed", "Look at the barrier and its contact.")


async def _asked(name: str, place: str, device: Device) -> Finding:
    """The device's own word, once it had time to connect."""
    deadline = asyncio.get_running_loop().time() + _DEVICE_SECONDS
    async with device:
        while True:
            status = await device.status()
            if status.status != "failed" or asyncio.get_running_loop().time() > deadline:
                return _told(name, place, status)
            await asyncio.sleep(_POLL_SECONDS)


def _told(name: str, place: str, status: DeviceStatus) -> Finding:
    detail = f" ({status.detail})" if status.detail else ""
    if status.status == "failed":
        return failed(name, f"{place}{detail}", _MENDS[name])
    return ok(name, f"{place} is {status.status}{detail}")


async def _all(findings: AsyncIterator[Finding]) -> list[Finding]:
    return [finding async for finding in findings]
