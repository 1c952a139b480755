"""TCP servers of simulated devices: on the loopback interface only, on the same port each time they are started."""

import asyncio
from collections.abc import Awaitable, Callable

LOOPBACK = "127.0.0.1"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class LoopbackServer:
    """Calls `serve` for each connection, and closes the connection after it."""

    def __init__(self, serve: Serve, port: int = 0) -> None:
        self._serve = serve
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.port = port
        """0 until it was started for the first time, if any free port will do."""

    async def start(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, LOOPBACK, self.port)
            self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and break all connections."""
        if self._server is None:
            return
        self._server.close()
        connections = dict(self._connections)
        for writer in connections.values():
            writer.transport.abort()
        await asyncio.gather(*connections, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "asyncio serves in a task"
        self._connections[task] = writer
        try:
            await self._serve(reader, writer)
        except ConnectionError:
            pass  # the other end is gone: nothing is left to serve
        finally:
            del self._connections[task]
            writer.close()
