"""A station's devices while it works: who listens to them, who looks at them, and what is said of them."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Never, Protocol

from unqueue.devices.ports import Device, POSPrinter, Scanner
from unqueue.station.jobs import Job
from unqueue.station.words import Seen, Status

SERVER = "server"
"""The name under which the server stands among the devices."""


class Notice(Protocol):
    """Takes note of how a device is."""

    def __call__(self, name: str, status: Status, detail: str = "") -> None: ...


def attend(
    scanner: Scanner | None,
    printer: POSPrinter | None,
    *,
    take_code: Callable[[str], None],
    notice: Notice,
    every_s: float,
) -> Iterator[Job]:
    """The jobs that scanner and printer make, as far as they are there."""
    if scanner is not None:
        yield _take_codes(scanner, take_code)
        yield watch_status("scanner", scanner, notice, every_s)
    if printer is not None:
        yield watch_status("printer", printer, notice, every_s)


async def _take_codes(scanner: Scanner, take_code: Callable[[str], None]) -> None:
    async for scan in scanner.scans():
        take_code(scan.code)


async def watch_status(name: str, device: Device, notice: Notice, every_s: float) -> Never:
    """Look at a device for good."""
    while True:
        status = await device.status()
        notice(name, status.status, status.detail)
        await asyncio.sleep(every_s)


def log_change(logger: logging.Logger, known: Seen | None, seen: Seen) -> bool:
    """Whether a device's status is another than was known; if so, the log says so."""
    if known is not None and known.status == seen.status:
        return False
    level = logging.WARNING if seen.status == "failed" else logging.INFO
    logger.log(level, "%s is %s%s", seen.name, seen.status, seen.detail and f": {seen.detail}")
    return True


def for_heartbeat(devices: Mapping[str, Seen]) -> dict[str, dict[str, str]]:
    """The devices as the server is told of them: status and detail by name. It knows best how it is itself."""
    return {name: {"status": seen.status, "detail": seen.detail} for name, seen in devices.items() if name != SERVER}
