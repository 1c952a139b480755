"""The demo's processes: started, heard, and stopped as a store's computers would be, each on its own.

They are forked from one process that has imported the house already (:mod:`multiprocessing`'s fork server), so that a
store of seven processes opens as quickly as one of them. Where there is no fork, each is an interpreter of its own.
"""

import asyncio
import contextlib
import ctypes
import importlib
import multiprocessing
import multiprocessing.forkserver
import os
import signal
import sys
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

import msgspec

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 5.0

# What the processes run, imported once.
_SHARED = (
    "unqueue.server.app",
    "unqueue.server.setup",
    "unqueue.commands.serve",
    "unqueue.lane.app",
    "unqueue.commands.lane",
    "unqueue.commands.simulate",
    "unqueue.devices.simulators.scale",
    "unqueue.devices.simulators.io_module",
    "unqueue.devices.simulators.printer",
    "unqueue.devices.simulators.scanner",
    "unqueue.providers.sandbox_wallet.sandbox.app",
    "unqueue.providers.wechat_pay.sandbox.app",
    "unqueue.providers.alipay.sandbox.app",
    "unqueue.providers.unionpay.sandbox.app",
    "unqueue.providers.sms.sandbox.app",
    "unqueue.commands.kiosk",
    "unqueue.kiosk.app",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
)
_FORKS = "forkserver" in multiprocessing.get_all_start_methods()
_context: Any = multiprocessing.get_context("forkserver" if _FORKS else "spawn")
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15  # prctl(2)


class ProcessFailed(Exception):
    """A process of the demo did not start; the message holds what it said last."""


def warm_up() -> None:
    """Begin to import what the processes need, in a process of its own; returns at once."""
    if _FORKS:
        _context.set_forkserver_preload(list(_SHARED))
        multiprocessing.forkserver.ensure_running()


class Process:
    """An ``unqueue …`` process. ``announced`` is the JSON object that it printed first, where it prints one."""

    def __init__(self, name: str, arguments: Sequence[str], log_file: Path) -> None:
        self.name = name
        self.announced: dict[str, Any] = {}
        self._arguments = list(arguments)
        self._log_file = log_file
        self._process: Any = None
        self._hears: Connection | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was not started"
        pid: int = self._process.pid
        return pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.is_alive()

    async def start(self, *, announces: bool) -> Self:
        """Start it; where it ``announces``, wait for the line that says where it listens. ProcessFailed if it ends."""
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        hears, says = _context.Pipe(duplex=False)
        told = says if announces else None
        arguments = (self.name, self._arguments, str(self._log_file), told)
        self._process = _context.Process(target=_live, args=arguments, name=self.name, daemon=True)
        await asyncio.to_thread(self._fork)
        says.close()
        self._hears = hears  # open as long as the process may say something
        if announces:
            self.announced = await self._hear(hears)
        return self

    def _fork(self) -> None:
        with _starting:
            self._process.start()

    async def _hear(self, hears: Connection) -> dict[str, Any]:
        try:
            line = await asyncio.wait_for(_first_line(hears.fileno()), START_TIMEOUT_S)
        except TimeoutError as error:
            raise ProcessFailed(f"{self.name} said nothing for {START_TIMEOUT_S:.0f} s") from error
        if not line:
            raise ProcessFailed(f"{self.name} did not start:\n{self.last_words()}")
        announced: dict[str, Any] = msgspec.json.decode(line)
        return announced

    def last_words(self, lines: int = 12) -> str:
        """The end of its log."""
        with contextlib.suppress(OSError):
            return "\n".join(self._log_file.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.is_running:
            self._process.kill()

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        assert self._process is not None, f"{self.name} was not started"
        await _readable(self._process.sentinel)
        self._process.join()
        code: int = self._process.exitcode
        return code

    async def stop(self) -> None:
        """Ask it to end; make it, if it doesn't."""
        if not self.is_running:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            self._process.kill()
            await self.wait()


_starting = threading.Lock()


def _live(name: str, arguments: Sequence[str], log_file: str, says: Connection | None) -> None:
    """In the child: be that process. It is told to end when the demo dies, even by SIGKILL: nothing is left running."""
    if _libc is not None:
        _libc.prctl(_PR_SET_NAME, f"unqueue-{name}".encode()[:15])
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    os.setsid()
    log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log if says is None else says.fileno(), 1)
    os.dup2(log, 2)
    if says is not None:
        says.close()
    sys.argv = ["unqueue", *arguments]
    importlib.import_module("unqueue.__main__").main()


async def _readable(file: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(file, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(file)


async def _first_line(file: int) -> bytes:
    """What comes up to the first line end; less where the other side closes before."""
    line = b""
    while not line.endswith(b"\n"):
        await _readable(file)
        if not (more := os.read(file, 1 << 16)):
            return b""
        line += more
    return line
