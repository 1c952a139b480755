"""`unqueue doctor` on a lane's computer: the server, this lane's token, both clocks, and each device.

A device belongs to one process. While the lane runs, its devices are asked for through the lane; otherwise they are
asked directly, and only with questions: nothing is switched, zeroed, opened or printed.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import msgspec
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from unqueue.devices.wire.modbus_io import LANE_WIRING, MOXA_E1212, Wiring
from unqueue.kernel import machine
from unqueue.kernel.findings import Check, Finding, failed, ok, warning
from unqueue.kernel.settings import Settings
from unqueue.kernel.settings_lane import Io, Lane, Rfid
from unqueue.lane.hardware import Hardware, open_hardware, rfid_status
from unqueue.station import doctor as station

WEB = Path(__file__).parent.parent / "web_dist"
_MENDS = {
    "scale": "Check its power and cable, and [lane.scale]: port, parity. Another program may hold the line.",
    "io": "Check its power and network cable, and [lane.io]: host, port. ping it.",
    "scanner": "Check its power and cable, and [lane.scanner] port. Another program may hold the line.",
    "printer": "Check paper, cover, power and cable, and [lane.printer] url.",
    "rfid": "Check its power, network and antenna cables, and [lane.rfid] host, port. Is another program its client?",
}


def checks(settings: Settings, lane: Lane) -> list[Check]:
    """What to look at on the machine that runs `unqueue lane`."""
    running = station.running_state(lane, "lane")
    devices = (
        [Check("devices", lambda: station.of_running(running, "lane", mend_of))] if running else _device_checks(lane)
    )
    return [
        Check("clock", lambda: machine.clock(settings.store.time_zone)),
        Check("lane port", lambda: [machine.port("lane port", lane.host, lane.port, ours=running is not None)]),
        Check("server", lambda: server(lane)),
        *devices,
        Check("lane screen", lambda: [machine.screens("lane screen", WEB, ["lane"])]),
    ]


def _device_checks(lane: Lane) -> list[Check]:
    return [
        Check("io", lambda: station.listed(io_module(lane.io))),
        Check("rfid", lambda: station.listed(rfid(lane.rfid))),
        *(
            Check(name, _asking(ask, lane))
            for name, ask in {"scale": scale, "scanner": scanner, "printer": printer}.items()
        ),
    ]


def _asking(ask: Callable[[Lane, Hardware], AsyncIterator[Finding]], lane: Lane) -> Callable[[], list[Finding]]:
    """Each check opens its own device and nothing else; opening claims nothing."""
    plain = msgspec.structs.replace(lane, io=msgspec.structs.replace(lane.io, map={}))  # io_module judges the map
    return lambda: station.listed(ask(lane, open_hardware(plain, time_zone="UTC")))


def mend_of(name: str) -> str:
    """What to do about a device that a running lane says has failed."""
    return _MENDS.get(name, "See the lane's log.")


def server(lane: Lane) -> Iterator[Finding]:
    """The server answers, knows this lane, and has the same time."""
    device_add = f"unqueue device add {lane.id}"
    yield from station.server(lane, "lane", f"/api/lanes/{lane.id}/exits", device_add=device_add)


async def scale(lane: Lane, hardware: Hardware) -> AsyncIterator[Finding]:
    """The scale answers."""
    yield await station.ask_device("scale", lane.scale.port, hardware.scale, mend_of("scale"))


async def scanner(lane: Lane, hardware: Hardware) -> AsyncIterator[Finding]:
    """The scanner's line opens. Scanners say nothing until they scan."""
    if lane.scanner and hardware.scanner:
        yield await station.ask_device("scanner", lane.scanner.port, hardware.scanner, mend_of("scanner"))


async def printer(lane: Lane, hardware: Hardware) -> AsyncIterator[Finding]:
    """The printer answers and has paper."""
    if lane.printer and hardware.printer:
        yield await station.ask_device("printer", lane.printer.url, hardware.printer, mend_of("printer"))


async def rfid(settings: Rfid | None) -> AsyncIterator[Finding]:
    """The gate's reader greets and would take a client. What it is set to is left alone."""
    if settings is not None:
        status = await rfid_status(settings)
        at = f"{settings.host}:{settings.port}"
        if status.status == "failed":
            yield failed("rfid", f"{at} ({status.detail})", mend_of("rfid"))
        else:
            yield ok("rfid", f"{at} speaks LLRP and takes a client")


async def io_module(settings: Io) -> AsyncIterator[Finding]:
    """The I/O module answers. Only inputs are read: claiming it would switch its outputs off, under a running lane."""
    try:
        wiring = LANE_WIRING.moved(settings.map)
    except ValueError as error:
        yield failed("io", f"lane.io.map: {error}", "docs/guides/settings.md lists the signals and their channels.")
        return
    at = f"{settings.host}:{settings.port}"
    client = AsyncModbusTcpClient(
        settings.host, port=settings.port, timeout=station.TIMEOUT_SECONDS, retries=0, reconnect_delay=0
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
