"""The demo's processes: started, heard, and stopped as a store's computers would be, each on its own."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 5.0


_PR_SET_PDEATHSIG = 1  # prctl(2)
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _end_with_parent() -> None:
    """In the child: be told to end when the demo dies, even by SIGKILL, so that nothing is left running."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class ProcessFailed(Exception):
    """A process of the demo did not start; the message holds what it said last."""


class Process:
    """A child ``unqueue …`` process. ``announced`` is the JSON object that it printed first, where it prints one."""

    def __init__(self, name: str, arguments: Sequence[str], log_file: Path, environ: Mapping[str, str]) -> None:
        self.name = name
        self.announced: dict[str, Any] = {}
        self._arguments = list(arguments)
        self._log_file = log_file
        self._environ = dict(environ)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self, *, announces: bool) -> Self:
        """Start it; where it ``announces``, wait for the line that says where it listens. ProcessFailed if it ends."""
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        with self._log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "unqueue",
                *self._arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if announces else log,
                stderr=log,
                env={**os.environ, **self._environ},
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        if announces:
            assert self._process.stdout is not None, "asked for a pipe"
            try:
                line = await asyncio.wait_for(self._process.stdout.readline(), START_TIMEOUT_S)
            except TimeoutError as error:
                raise ProcessFailed(f"{self.name} said nothing for {START_TIMEOUT_S:.0f} s") from error
            if not line:
                raise ProcessFailed(f"{self.name} did not start:\n{self.last_words()}")
            self.announced = msgspec.json.decode(line)
        return self

    def last_words(self, lines: int = 12) -> str:
        """The end of its log."""
        with contextlib.suppress(OSError):
            return "\n".join(self._log_file.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.is_running and self._process is not None:
            self._process.kill()

    async def wait(self) -> int:
        assert self._process is not None, f"{self.name} was not started"
        return await self._process.wait()

    async def stop(self) -> None:
        """Ask it to end; make it, if it doesn't."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()
