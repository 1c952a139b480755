"""The physical side of a simulated device: what hands, goods and mishaps do to it.

A TCP port on the loopback interface takes JSON lines: one request object, one answer object. A refused request is
answered `{"error": "…"}`. Real devices have no such port: drivers never speak to it, tests and the simulated store do.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self

import msgspec

from unqueue.devices.simulators.loopback import LOOPBACK, LoopbackServer

Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class ControlRefused(Exception):
    """The request makes no sense to this device."""


class ControlServer:
    """Answers each request with what `handle` returns, one after the other."""

    def __init__(self, handle: Handler, port: int = 0) -> None:
        self._handle = handle
        self._server = LoopbackServer(self._serve, port)
        self._turn = asyncio.Lock()

    @property
    def port(self) -> int:
        """The port it listens on, once it does."""
        return self._server.port

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(json.dumps(await self._answer(line), ensure_ascii=False).encode() + b"\n")
            await writer.drain()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = msgspec.json.decode(line, type=dict[str, Any])
            async with self._turn:
                return await self._handle(request)
        except (ControlRefused, ValueError, TypeError) as refusal:  # ValueError: msgspec's, too
            return {"error": str(refusal) or type(refusal).__name__}


class ControlClient:
    """Asks a simulated device, as in `async with ControlClient(port) as scale: await scale.ask(load_g=1250)`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._turn = asyncio.Lock()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(LOOPBACK, self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(ConnectionError):
                await self._writer.wait_closed()

    async def ask(self, request: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """Send a request, return the answer. ControlRefused with the device's reason, ConnectionError when it died."""
        assert self._reader is not None, "use `async with`"
        assert self._writer is not None, "use `async with`"
        async with self._turn:
            self._writer.write(json.dumps({**(request or {}), **more}).encode() + b"\n")
            await self._writer.drain()
            line = await self._reader.readline()
        if not line:
            raise ConnectionError("the simulated device is gone")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ControlRefused(answer["error"])
        return answer


def only_keys(request: Mapping[str, Any], *known: str) -> None:
    """ControlRefused for a request with a key that the device does not know."""
    unknown = sorted(set(request) - set(known))
    if unknown or not request:
        raise ControlRefused(f"{', '.join(unknown) or 'nothing'} asked; known: {', '.join(known)}")


def one_of(value: Any, *allowed: Any) -> Any:
    """The value, if it is allowed."""
    if value not in allowed:
        raise ControlRefused(f"{value!r} is none of {', '.join(map(repr, allowed))}")
    return value
