"""A receipt printer that speaks ESC/POS: UnifiedPOS POSPrinter over TCP (port 9100), a serial line or a device file.

Before a job and after it the printer is asked for its status (`DLE EOT`), so that a receipt that did not come out is
not taken for a printed one. A device file (`/dev/usb/lp0`) is only written to.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import serialx

from unqueue.devices.drivers.claiming import Claimed
from unqueue.devices.drivers.escpos_receipt import render_receipt
from unqueue.devices.ports import DeviceFailed, DeviceStatus
from unqueue.devices.transports.serial import describe
from unqueue.devices.wire.escpos_status import PrinterState, decode_offline_cause, encode_question, is_status

__all__ = ["EscposPrinter", "EscposPrinterSettings", "render_receipt"]

_DEVICE = "printer"


class EscposPrinterSettings(msgspec.Struct, frozen=True):
    """Where the printer is and what fits on its paper."""

    url: str
    """`tcp://host:port`, `serial:/dev/ttyUSB0` or `file:/dev/usb/lp0`."""
    width_chars: int = 48
    time_zone: str = "Asia/Shanghai"
    baud_rate: int = 9600
    timeout_s: float = 3.0
    answers_status: bool = True
    """False for printers that never answer `DLE EOT`."""
    logo_file: Path | None = None
    """A picture for the head of receipts."""


class EscposPrinter(Claimed):
    """See `ports.POSPrinter`. Each job has a connection of its own: many printers serve one host at a time."""

    def __init__(self, settings: EscposPrinterSettings) -> None:
        self._settings = settings
        self._turn = asyncio.Lock()
        self._kind, _, self._place = settings.url.partition(":")
        if self._kind not in ("tcp", "serial", "file"):
            raise ValueError(f"a printer is tcp://host:port, serial:/dev/… or file:/…, not {settings.url}")

    async def claim(self) -> None:
        """Nothing to hold: see the class."""

    async def release(self) -> None:
        """Nothing to give back."""

    async def status(self) -> DeviceStatus:
        if self._turn.locked():
            return DeviceStatus("busy", "printing")
        if self._kind == "file":
            exists = await asyncio.to_thread(Path(self._place).exists)
            return DeviceStatus("ready") if exists else DeviceStatus("failed", f"{self._place} is not there")
        try:
            async with self._turn, self._connected() as streams:
                await self._check(*streams)
        except DeviceFailed as failure:
            return DeviceStatus("failed", failure.details["detail"])
        return DeviceStatus("ready")

    async def print_receipt(self, receipt: Mapping[str, Any], language: str, *, copy: bool = False) -> None:
        render = partial(
            render_receipt,
            receipt,
            self._settings.width_chars,
            language,
            time_zone=self._settings.time_zone,
            copy=copy,
            logo_file=self._settings.logo_file,
        )
        try:
            data = await asyncio.to_thread(render)
        except OSError as error:
            raise DeviceFailed(device=_DEVICE, detail=f"the logo can't be read: {describe(error)}") from error
        await self.print_bytes(data)

    async def print_bytes(self, data: bytes) -> None:
        async with self._turn:
            if self._kind == "file":
                await self._write_file(data)
                return
            async with self._connected() as (reader, writer):
                await self._check(reader, writer)
                try:
                    async with asyncio.timeout(self._settings.timeout_s):
                        writer.write(data)
                        await writer.drain()
                    await self._check(reader, writer)
                except (DeviceFailed, OSError, TimeoutError) as error:
                    detail = error.details["detail"] if isinstance(error, DeviceFailed) else describe(error)
                    raise DeviceFailed(device=_DEVICE, detail=detail, uncertain=True) from error

    async def _write_file(self, data: bytes) -> None:
        try:
            await asyncio.to_thread(_append, Path(self._place), data)
        except OSError as error:
            raise DeviceFailed(device=_DEVICE, detail=describe(error)) from error

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                reader, writer = await self._connect()
        except (OSError, TimeoutError) as error:
            raise DeviceFailed(device=_DEVICE, detail=describe(error)) from error
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._kind == "tcp":
            host, _, port = self._place.removeprefix("//").rpartition(":")
            return await asyncio.open_connection(host, int(port))
        return await serialx.open_serial_connection(self._place, self._settings.baud_rate)

    async def _check(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """DeviceFailed unless the printer is online."""
        if not self._settings.answers_status:
            return
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                writer.write(encode_question(2))
                await writer.drain()
                byte = await _status_byte(reader)
        except (OSError, TimeoutError) as error:
            raise DeviceFailed(device=_DEVICE, detail="the printer does not answer") from error
        state = decode_offline_cause(byte)
        if state.offline:
            raise DeviceFailed(device=_DEVICE, detail=_reason(state))


async def _status_byte(reader: asyncio.StreamReader) -> int:
    while True:
        data = await reader.read(1)
        if not data:
            raise ConnectionResetError("the printer hung up")
        if is_status(data[0]):
            return data[0]


def _reason(state: PrinterState) -> str:
    if state.paper_out:
        return "paper is out"
    return "the cover is open" if state.cover_open else "the printer reports an error"


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)
