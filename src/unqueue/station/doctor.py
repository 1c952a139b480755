"""`unqueue doctor` on a station's computer: the server, the station's token, both clocks, and how to ask a device.

A device belongs to one process. While the station runs, its devices are asked for through the station; otherwise they
are asked directly, and only with questions.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from unqueue.devices.ports import Device, DeviceStatus
from unqueue.kernel import machine
from unqueue.kernel.findings import Finding, failed, ok
from unqueue.station.address import StationSettings, local_url
from unqueue.station.devices import SERVER

TIMEOUT_SECONDS = 3.0
DEVICE_SECONDS = 5.0
_POLL_SECONDS = 0.1


def ask_server(own: StationSettings, path: str) -> httpx.Response:
    """The server's answer to the station. httpx.HTTPError when there is none."""
    headers = {"Authorization": f"Bearer {own.token}"}
    return httpx.get(f"{own.server_url}{path}", headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False)


def server(own: StationSettings, kind: str, path: str, *, device_add: str) -> Generator[Finding, None, bool]:
    """The server answers, has the same time, and knows the station; the generator's value is whether it knows it.

    ``kind`` is the settings' table, ``path`` something that only this station may read, ``device_add`` the command
    that gives it a new token.
    """
    try:
        before = time.time()
        health = ask_server(own, "/api/health")
        middle = (before + time.time()) / 2
        health.raise_for_status()
    except httpx.HTTPError as error:
        mend = f"Check the network and {kind}.server_url; then unqueue doctor on the server."
        yield failed("server", f"{own.server_url} does not answer ({error})", mend)
        return False
    yield ok("server", f"{own.server_url} answers")
    if stamp := health.headers.get("date"):
        # The header is cut to whole seconds: on average the server is half a second further.
        ahead = middle - (parsedate_to_datetime(stamp).timestamp() + 0.5)
        yield machine.clock_against("server clock", ahead, "the server's clock")
    answer = ask_server(own, path)
    if answer.status_code in (401, 403, 404):
        mend = f"On the server: {device_add}, and put the new token into {kind}.token."
        yield failed("token", f"the server does not take it for {own.id} ({answer.status_code})", mend)
        return False
    if answer.status_code != httpx.codes.OK:
        yield failed("token", f"the server answers {answer.status_code}", "Look at the server: unqueue doctor there.")
        return False
    yield ok("token", f"the server knows {own.id}")
    return True


def running_state(own: StationSettings, kind: str) -> dict[str, Any] | None:
    """The state of the screen of this station's own process, None where it does not run."""
    try:
        state = httpx.get(f"{local_url(own)}/state", timeout=TIMEOUT_SECONDS, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return None
    return state if isinstance(state, dict) and state.get(kind) == own.id else None


def of_running(state: dict[str, Any], kind: str, mend_of: Callable[[str], str]) -> Iterator[Finding]:
    """The devices as the running station sees them."""
    for name, status in state.get("devices", {}).items():
        if name == SERVER:
            continue  # asked for directly
        if status in ("ready", "busy"):
            yield ok(name, f"{status}, says the running {kind}")
        else:
            yield failed(name, f"{status}, says the running {kind}", mend_of(name))


async def ask_device(name: str, place: str, device: Device, mend: str) -> Finding:
    """The device's own word, once it had time to connect."""
    deadline = asyncio.get_running_loop().time() + DEVICE_SECONDS
    async with device:
        while True:
            status = await device.status()
            if status.status != "failed" or asyncio.get_running_loop().time() > deadline:
                return _told(name, place, status, mend)
            await asyncio.sleep(_POLL_SECONDS)


def _told(name: str, place: str, status: DeviceStatus, mend: str) -> Finding:
    detail = f" ({status.detail})" if status.detail else ""
    if status.status == "failed":
        return failed(name, f"{place}{detail}", mend)
    return ok(name, f"{place} is {status.status}{detail}")


def listed(findings: AsyncIterator[Finding]) -> list[Finding]:
    """What asking brings, in a loop of its own."""

    async def collect() -> list[Finding]:
        return [finding async for finding in findings]

    return asyncio.run(collect())
