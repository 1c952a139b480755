"""The sandbox of any provider in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from unqueue.twin.ports import free_port


class SandboxProcess:
    """A sandbox that listens on a port of its own; it keeps the port when it is started again.

    ``module`` is what ``python -m`` runs, ``command`` the name of its command there.
    """

    def __init__(self, directory: Path, module: str, command: str, *options: str) -> None:
        self.directory = directory
        self._command = [sys.executable, "-m", module, command, "--data-dir", str(directory), *options]
        self._port = str(free_port())
        self._process: subprocess.Popen[str] | None = None
        self.announced: dict[str, Any] = {}

    def start(self) -> None:
        self._process = subprocess.Popen([*self._command, "--port", self._port], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the sandbox ended before it was up, with status {self._forget()}")
        self.announced = json.loads(line)

    @property
    def url(self) -> str:
        return str(self.announced["url"])

    def kill(self) -> None:
        """Kill -9, as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._forget()

    def stop(self) -> int:
        """Ask it to end; its exit status."""
        if self._process is None:
            return 0
        self._process.terminate()
        return self._forget()

    def _forget(self) -> int:
        assert self._process is not None
        status = self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        return status
