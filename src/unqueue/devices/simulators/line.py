"""The device's end of a serial line: a new pseudo-terminal or a TCP port, that can be unplugged and plugged in.

A pseudo-terminal gets another number each time, so a link to it stays, as udev's `/dev/serial/by-id` does.
"""

import asyncio
import contextlib
import os
import pty
import select
import tempfile
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from unqueue.devices.simulators.loopback import LOOPBACK, LoopbackServer

_HANG_UP_CHECK_S = 0.01


class SimulatedLine(Protocol):
    """What a simulated device writes to. `on_data` gets what the host sends."""

    async def plug(self) -> None: ...

    async def unplug(self) -> None:
        """As if the cable were pulled: the host sees the device vanish."""
        ...

    def write(self, data: bytes) -> None:
        """Send to whoever listens; lost if nobody does, as on a real line."""
        ...

    def announced(self) -> dict[str, Any]:
        """Where a host finds the line: `url` for a driver's settings, and details."""
        ...

    async def close(self) -> None: ...


def new_line(on_data: Callable[[bytes], None], *, tcp_port: int | None, link: str | None) -> SimulatedLine:
    """A line on a TCP port (0: any free one), or on a pseudo-terminal when that is None."""
    return TcpLine(on_data, tcp_port) if tcp_port is not None else PtyLine(on_data, link)


class PtyLine:
    """A pseudo-terminal and a link to it (in a directory of its own, unless a path is given)."""

    def __init__(self, on_data: Callable[[bytes], None], link: str | None = None) -> None:
        self._on_data = on_data
        self._directory = None if link else tempfile.TemporaryDirectory(prefix="unqueue-line-")
        self._link = Path(link) if link else Path(self._directory.name if self._directory else "") / "tty"
        self._master: int | None = None
        self._path = ""
        self._listening = False
        self._check: asyncio.TimerHandle | None = None

    async def plug(self) -> None:
        if self._master is not None:
            return
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self._path = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self._master, False)
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(self._path)
        self._await_listener()

    async def unplug(self) -> None:
        if self._master is None:
            return
        self._stop_reading()
        if self._check is not None:
            self._check.cancel()
        self._link.unlink(missing_ok=True)
        os.close(self._master)
        self._master = None

    def write(self, data: bytes) -> None:
        if self._master is not None and self._listening:
            with contextlib.suppress(BlockingIOError, OSError):
                os.write(self._master, data)

    def announced(self) -> dict[str, Any]:
        return {"url": str(self._link), "path": self._path}

    async def close(self) -> None:
        await self.unplug()
        if self._directory is not None:
            self._directory.cleanup()

    def _await_listener(self) -> None:
        """A master whose slave nobody has open is always "hung up": look now and then instead of spinning."""
        assert self._master is not None, "unplugged"
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        hung_up = any(events & select.POLLHUP for _, events in poll.poll(0))
        loop = asyncio.get_running_loop()
        if hung_up:
            self._check = loop.call_later(_HANG_UP_CHECK_S, self._await_listener)
            return
        self._listening = True
        loop.add_reader(self._master, self._read)

    def _read(self) -> None:
        assert self._master is not None, "unplugged"
        try:
            data = os.read(self._master, 4096)
        except BlockingIOError:
            return
        except OSError:  # EIO: the host closed its end
            self._stop_reading()
            self._await_listener()
            return
        self._on_data(data)

    def _stop_reading(self) -> None:
        if self._listening and self._master is not None:
            asyncio.get_running_loop().remove_reader(self._master)
        self._listening = False


class TcpLine:
    """A TCP port on the loopback interface, as a terminal server offers one; the latest connection has the line."""

    def __init__(self, on_data: Callable[[bytes], None], port: int) -> None:
        self._on_data = on_data
        self._server = LoopbackServer(self._serve, port)
        self._writer: asyncio.StreamWriter | None = None

    async def plug(self) -> None:
        await self._server.start()

    async def unplug(self) -> None:
        await self._server.stop()

    def write(self, data: bytes) -> None:
        if self._writer is not None:
            self._writer.write(data)

    def announced(self) -> dict[str, Any]:
        return {"url": f"socket://{LOOPBACK}:{self._server.port}", "host": LOOPBACK, "port": self._server.port}

    async def close(self) -> None:
        await self.unplug()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
        self._writer = writer
        try:
            while data := await reader.read(4096):
                self._on_data(data)
        finally:
            if self._writer is writer:
                self._writer = None
