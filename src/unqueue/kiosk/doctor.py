"""`unqueue doctor` on a kiosk's computer: the server, this kiosk's token, both clocks, its journal, and each device.

A device belongs to one process. While the kiosk runs, its devices are asked for through the kiosk; otherwise they are
asked directly, and only with questions: nothing is taken, given or printed.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx

from unqueue.devices.ports import Device, DeviceStatus
from unqueue.kernel import machine
from unqueue.kernel.findings import Check, Finding, failed, ok, warning
from unqueue.kernel.settings import Kiosk, Settings, SettingsError
from unqueue.kiosk.address import local_url
from unqueue.kiosk.hardware import cash_policy, open_cash, open_hardware

WEB = Path(__file__).parent.parent / "web_dist"
_TIMEOUT_SECONDS = 3.0
_DEVICE_SECONDS = 5.0
_POLL_SECONDS = 0.1
_MENDS = {
    "cash": "Look at the cash devices, and at `unqueue kiosk cash counts`: a locked one waits for `… cash unlock`.",
    "scanner": "Check its power and cable, and [kiosk.scanner] port. Another program may hold the line.",
    "printer": "Check paper, cover, power and cable, and [kiosk.printer] url.",
    "server": "Check the network and kiosk.server_url; then unqueue doctor on the server.",
}
_CASH_MEND = "Check its power and cable, and its port and address in [[kiosk.cash.devices]]."


def checks(settings: Settings, kiosk: Kiosk) -> list[Check]:
    """What to look at on the machine that runs `unqueue kiosk`."""
    running = _running_kiosk(kiosk)
    devices = [Check("devices", lambda: of_running_kiosk(running))] if running else _device_checks(kiosk)
    return [
        Check("clock", lambda: machine.clock(settings.store.time_zone)),
        Check("kiosk port", lambda: [machine.port("kiosk port", kiosk.host, kiosk.port, ours=running is not None)]),
        Check("kiosk data", lambda: machine.disk(kiosk.data_dir)),
        Check("server", lambda: server(kiosk)),
        Check("cash", lambda: cash_settings(kiosk)),
        *devices,
        Check("kiosk screen", lambda: [machine.screens("kiosk screen", WEB, ["kiosk"])]),
    ]


def _device_checks(kiosk: Kiosk) -> list[Check]:
    found = [Check(name, _asking(ask, kiosk)) for name, ask in {"scanner": scanner, "printer": printer}.items()]
    return [*found, Check("cash devices", lambda: asyncio.run(_all(cash_devices(kiosk))))]


def _asking(ask: Callable[[Kiosk], AsyncIterator[Finding]], kiosk: Kiosk) -> Callable[[], list[Finding]]:
    return lambda: asyncio.run(_all(ask(kiosk)))


def _running_kiosk(kiosk: Kiosk) -> dict[str, Any] | None:
    """The state of this kiosk's own process (`KioskState`), None where it does not run."""
    try:
        state = httpx.get(f"{local_url(kiosk)}/state", timeout=_TIMEOUT_SECONDS, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return None
    return state if isinstance(state, dict) and state.get("kiosk") == kiosk.id else None


def of_running_kiosk(state: dict[str, Any]) -> Iterator[Finding]:
    """The devices as the running kiosk sees them."""
    for name, status in state.get("devices", {}).items():
        if name == "server":
            continue  # asked for directly
        if status in ("ready", "busy"):
            yield ok(name, f"{status}, says the running kiosk")
        else:
            yield failed(name, f"{status}, says the running kiosk", _MENDS.get(name, _CASH_MEND))


def server(kiosk: Kiosk) -> Iterator[Finding]:
    """The server answers, knows this kiosk, has the same time, and takes cash if the kiosk can."""
    try:
        before = time.time()
        health = httpx.get(f"{kiosk.server_url}/api/health", timeout=_TIMEOUT_SECONDS)
        middle = (before + time.time()) / 2
        health.raise_for_status()
    except httpx.HTTPError as error:
        yield failed("server", f"{kiosk.server_url} does not answer ({error})", _MENDS["server"])
        return
    yield ok("server", f"{kiosk.server_url} answers")
    if stamp := health.headers.get("date"):
        # The header is cut to whole seconds: on average the server is half a second further.
        ahead = middle - (parsedate_to_datetime(stamp).timestamp() + 0.5)
        yield machine.clock_against("server clock", ahead, "the server's clock")
    headers = {"Authorization": f"Bearer {kiosk.token}"}
    answer = httpx.get(f"{kiosk.server_url}/api/kiosks/{kiosk.id}/payments", headers=headers, timeout=_TIMEOUT_SECONDS)
    if answer.status_code in (401, 403, 404):
        mend = f"On the server: unqueue device add {kiosk.id} --kind kiosk, and put the new token into kiosk.token."
        yield failed("token", f"the server does not take it for {kiosk.id} ({answer.status_code})", mend)
        return
    if answer.status_code != httpx.codes.OK:
        yield failed("token", f"the server answers {answer.status_code}", "Look at the server: unqueue doctor there.")
        return
    yield ok("token", f"the server knows {kiosk.id}")
    methods = httpx.get(f"{kiosk.server_url}/api/payment-methods", headers=headers, timeout=_TIMEOUT_SECONDS).json()
    if kiosk.cash.devices and not any(method["kind"] == "cash" for method in methods):
        mend = 'On the server: add a [[payments.providers]] with kind = "cash".'
        yield warning("cash", "this kiosk could take cash, but the server has no such way to pay", mend)
    if not methods:
        yield failed("tenders", "the server has no way to pay here", "Add [[payments.providers]] on the server.")


def cash_settings(kiosk: Kiosk) -> Iterator[Finding]:
    """The cash devices' options, the rates, the pieces: whether they can be read."""
    try:
        open_cash(kiosk.cash)
        cash_policy(kiosk)
    except SettingsError as error:
        for complaint in error.complaints:
            yield failed(complaint.key, complaint.what, complaint.mend)


async def scanner(kiosk: Kiosk) -> AsyncIterator[Finding]:
    """The scanner's line opens. Scanners say nothing until they scan."""
    hardware = open_hardware(kiosk, time_zone="UTC")
    if kiosk.scanner and hardware.scanner:
        yield await _asked("scanner", kiosk.scanner.port, hardware.scanner)


async def printer(kiosk: Kiosk) -> AsyncIterator[Finding]:
    """The printer answers and has paper."""
    hardware = open_hardware(kiosk, time_zone="UTC")
    if kiosk.printer and hardware.printer:
        yield await _asked("printer", kiosk.printer.url, hardware.printer)


async def cash_devices(kiosk: Kiosk) -> AsyncIterator[Finding]:
    """Each cash device answers."""
    ports = {one.name: one.port for one in kiosk.cash.devices}
    try:
        devices = open_cash(kiosk.cash)
    except SettingsError:
        return  # cash_settings tells
    for device in devices:
        port = device.acceptor or device.dispenser
        if port is not None:
            yield await _asked(device.name, ports[device.name], port)


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
        return failed(name, f"{place}{detail}", _MENDS.get(name, _CASH_MEND))
    return ok(name, f"{place} is {status.status}{detail}")


async def _all(findings: AsyncIterator[Finding]) -> list[Finding]:
    return [finding async for finding in findings]
