"""A simulated terminal as a process: its control port, and its life from the first line of JSON to a signal."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from unqueue.providers.card_terminal_sandbox.reader import ControlRefused, Reader

LOOPBACK = "127.0.0.1"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How a terminal is set up. Ports: 0 takes a free one. ``timeout_s`` is how long it waits for a card."""

    data_dir: Path
    host: str = LOOPBACK
    port: int = 0
    control_port: int = 0
    card_number: str = "4111111111111111"
    thinking_s: float = 0.05
    timeout_s: float = 60.0


class Wire(Protocol):
    """The side that the store speaks to."""

    async def start(self) -> dict[str, Any]:
        """Listen; where the store finds it."""
        ...

    async def stop(self) -> None: ...


async def serve(protocol: str, wire: Wire, reader: Reader, options: Options) -> None:
    """Run until SIGTERM or SIGINT."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    reader.power_cut = lambda: os.kill(os.getpid(), signal.SIGKILL)
    where = await wire.start()
    control = await asyncio.start_server(_answering(reader.handle), LOOPBACK, options.control_port)
    control_port = control.sockets[0].getsockname()[1]
    sys.stdout.write(
        json.dumps({"device": "card_terminal", "protocol": protocol, **where, "control_port": control_port})
    )
    sys.stdout.write("\n")
    sys.stdout.flush()
    await stop.wait()
    control.close()
    await wire.stop()


def _answering(
    handle: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]],
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                try:
                    answer = await handle(msgspec.json.decode(line, type=dict[str, Any]))
                except (ControlRefused, msgspec.DecodeError, ValueError) as refusal:
                    answer = {"error": str(refusal)}
                writer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
                await writer.drain()
        except ConnectionError:
            pass  # the hand is gone: nothing is left to answer
        finally:
            writer.close()

    return serve_one
