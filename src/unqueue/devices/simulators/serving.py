"""The life of a simulator: plug the device in, open its physical side, say where they are, run until told to stop."""

import asyncio
import signal
from collections.abc import Callable
from typing import Any, Protocol

from unqueue.devices.simulators.control import ControlServer

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
Announce = Callable[[dict[str, Any]], None]


class Pluggable(Protocol):
    """A device's connection to the host."""

    async def plug(self) -> None: ...

    async def close(self) -> None: ...

    def announced(self) -> dict[str, Any]:
        """Where a host finds the device."""
        ...


class Handled(Protocol):
    """A device's physical side."""

    async def handle(self, request: dict[str, Any]) -> dict[str, Any]: ...


async def serve(name: str, connection: Pluggable, device: Handled, control_port: int, announce: Announce) -> None:
    """Run until SIGTERM or SIGINT. `announce` gets `device`, where the host finds it, and `control_port`, once."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.set)
    try:
        await connection.plug()
        async with ControlServer(device.handle, control_port) as control:
            announce({"device": name, **connection.announced(), "control_port": control.port})
            await stop.wait()
    finally:
        await connection.close()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
