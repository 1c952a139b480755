"""A receipt printer on a TCP port like 9100, in its own process. It keeps each job as a file, and answers `DLE EOT`.

A job ends when its connection does. While the printer is offline its jobs wait, as in a real one's memory.
Control requests: `{"fault": "paper_out" | "cover_open" | "silent" | "unplugged" | null}`, `{"get": true}`; the answer
has the number of `jobs` and the `last_job` in base64.
"""

import asyncio
import base64
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from unqueue.devices.simulators.control import one_of, only_keys
from unqueue.devices.simulators.loopback import LOOPBACK, LoopbackServer
from unqueue.devices.simulators.serving import Announce, serve
from unqueue.devices.wire.escpos_status import PrinterState, QuestionSplitter, encode_status

FAULTS = (None, "paper_out", "cover_open", "silent", "unplugged")


class PrinterOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where the printer listens and keeps its jobs."""

    port: int = 0
    """TCP port; 0 takes any free one."""
    control_port: int = 0
    """Port of the physical side; 0 takes any free one."""
    directory: str | None = None
    """Jobs are kept here as `job-0001.bin` and so on; by default in a directory that goes with the process."""


class SimulatedPrinter:
    """The whole device."""

    def __init__(self, options: PrinterOptions, directory: Path) -> None:
        self._directory = directory
        self._server = LoopbackServer(self._serve, options.port)
        self._fault: str | None = None
        self._waiting: list[bytes] = []
        self._jobs = 0
        self._last_job = b""

    async def plug(self) -> None:
        await self._server.start()

    async def close(self) -> None:
        await self._server.stop()

    def announced(self) -> dict[str, Any]:
        port = self._server.port
        where = {"host": LOOPBACK, "port": port, "directory": str(self._directory)}
        return {"url": f"tcp://{LOOPBACK}:{port}", **where}

    async def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """A request of the physical side; the answer is the state."""
        only_keys(request, "get", "fault")
        if "fault" in request:
            self._fault = one_of(request["fault"], *FAULTS)
            await (self.close() if self._fault == "unplugged" else self.plug())
            self._print_waiting()
        return {
            "fault": self._fault,
            "jobs": self._jobs,
            "waiting": len(self._waiting),
            "last_job": base64.b64encode(self._last_job).decode("ascii"),
        }

    def _state(self) -> PrinterState:
        return PrinterState(cover_open=self._fault == "cover_open", paper_out=self._fault == "paper_out")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        splitter, job = QuestionSplitter(), bytearray()
        try:
            while data := await reader.read(4096):
                for part in splitter.feed(data):
                    if isinstance(part, bytes):
                        job += part
                    elif self._fault != "silent":
                        writer.write(encode_status(part, self._state()))
        finally:
            if job:
                self._waiting.append(bytes(job))
                self._print_waiting()

    def _print_waiting(self) -> None:
        if self._state().offline:
            return
        for job in self._waiting:
            self._jobs += 1
            (self._directory / f"job-{self._jobs:04d}.bin").write_bytes(job)
            self._last_job = job
        self._waiting.clear()


async def run(options: PrinterOptions, announce: Announce) -> None:
    """Be a printer until SIGTERM or SIGINT. `announce` gets `url` (for the driver's settings) and `control_port`."""
    with TemporaryDirectory(prefix="unqueue-printer-") as temporary:
        directory = Path(options.directory or temporary)
        directory.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240  # once, before anything is served
        printer = SimulatedPrinter(options, directory)
        await serve("printer", printer, printer, options.control_port, announce)
