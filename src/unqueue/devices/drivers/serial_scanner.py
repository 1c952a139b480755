"""A barcode scanner on a serial line: UnifiedPOS Scanner."""

import asyncio
from collections.abc import AsyncIterator

import msgspec

from unqueue.devices.drivers.claiming import Claimed
from unqueue.devices.ports import DeviceStatus, Scan
from unqueue.devices.transports.serial import LineSettings, SerialLine
from unqueue.devices.wire.scanner_serial import ScanDecoder

_WAITING_MAX = 32


class SerialScannerSettings(msgspec.Struct, frozen=True):
    """The scanner's line: most come as 9600 8N1."""

    url: str
    baud_rate: int = 9600


class SerialScanner(Claimed):
    """See `ports.Scanner`. When nobody takes the codes, the oldest are forgotten."""

    def __init__(self, settings: SerialScannerSettings) -> None:
        self._line = SerialLine(LineSettings(settings.url, baud_rate=settings.baud_rate), self._on_data, self._on_state)
        self._decoder = ScanDecoder()
        self._scans: asyncio.Queue[Scan | None] = asyncio.Queue()  # None: released

    async def claim(self) -> None:
        self.clear_input()
        self._line.start()

    async def release(self) -> None:
        await self._line.stop()
        self.clear_input()
        self._scans.put_nowait(None)

    async def status(self) -> DeviceStatus:
        return DeviceStatus("ready") if self._line.connected else DeviceStatus("failed", self._line.trouble)

    async def scans(self) -> AsyncIterator[Scan]:
        while (scan := await self._scans.get()) is not None:
            yield scan

    def clear_input(self) -> None:
        while not self._scans.empty():
            self._scans.get_nowait()

    def _on_data(self, data: bytes) -> None:
        for scanned in self._decoder.feed(data):
            while self._scans.qsize() >= _WAITING_MAX:
                self._scans.get_nowait()
            self._scans.put_nowait(Scan(scanned.code, scanned.symbology))

    def _on_state(self, _connected: bool) -> None:
        self._decoder.reset()
