"""A barcode scanner on a serial line, in its own process: what it "sees" comes over its physical side.

Control requests: `{"scan": "UQ2.…", "symbology": "]Q1"}`, `{"fault": "unplugged"|null}`, `{"get": true}`.
"""

import asyncio
from typing import Any, Literal

import msgspec

from unqueue.devices.simulators.control import ControlRefused, one_of, only_keys
from unqueue.devices.simulators.line import new_line
from unqueue.devices.simulators.serving import Announce, serve
from unqueue.devices.wire.scanner_serial import ScannedCode, encode_scan

_ENDS = {"cr": b"\r", "lf": b"\n", "crlf": b"\r\n"}


class ScannerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the scanner is set up."""

    tcp_port: int | None = None
    """Speak on this TCP port (0: any free one) instead of on a pseudo-terminal."""
    link: str | None = None
    """Path of the link to the pseudo-terminal; by default one in a directory of its own."""
    control_port: int = 0
    """Port of the physical side; 0 takes any free one."""
    end: Literal["cr", "lf", "crlf"] = "cr"
    """What ends a code."""
    baud_rate: int = 0
    """How fast the line is, ten bits a byte: a code is there once its last byte is. 0: at once, as over USB."""


class SimulatedScanner:
    """The whole device."""

    def __init__(self, options: ScannerOptions) -> None:
        self._end = _ENDS[options.end]
        self._byte_s = 10 / options.baud_rate if options.baud_rate else 0.0
        self._fault: str | None = None
        self._scans = 0
        self.line = new_line(lambda _: None, tcp_port=options.tcp_port, link=options.link)

    async def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """A request of the physical side; the answer is the state."""
        only_keys(request, "get", "scan", "symbology", "fault")
        if "fault" in request:
            self._fault = one_of(request["fault"], None, "unplugged")
            await (self.line.unplug() if self._fault else self.line.plug())
        if code := request.get("scan"):
            if not isinstance(code, str) or set(code) & set("\r\n"):
                raise ControlRefused("a code is one line of text")
            data = encode_scan(ScannedCode(code, request.get("symbology")), self._end)
            asyncio.get_running_loop().call_later(len(data) * self._byte_s, self.line.write, data)
            self._scans += 1
        return {"fault": self._fault, "scans": self._scans}


async def run(options: ScannerOptions, announce: Announce) -> None:
    """Be a scanner until SIGTERM or SIGINT. `announce` gets `url` (for the driver's settings) and `control_port`."""
    scanner = SimulatedScanner(options)
    await serve("scanner", scanner.line, scanner, options.control_port, announce)
