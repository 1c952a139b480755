"""A sandbox as a process: its application, and how it is run."""

import asyncio
import json
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from unqueue.providers.sandbox_kit.notifier import Notifier
from unqueue.providers.sandbox_kit.store import BookStore

_BODY_BYTES_MAX = 100_000


def application(routes: Sequence[HTTPRouteHandler], notifier: Notifier, store: BookStore) -> Litestar:
    """The web application of a sandbox; it starts and stops the notifier and closes the store."""

    async def stop() -> None:
        await notifier.stop()
        store.close()

    return Litestar(
        routes,
        openapi_config=None,
        logging_config=None,
        request_max_body_size=_BODY_BYTES_MAX,
        on_startup=[notifier.start],
        on_shutdown=[stop],
    )


async def serve(asgi: Litestar, host: str, port: int, listening: Callable[[str], None], up: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT. ``listening`` is told the address before the first request can come (port 0 takes
    a free one), ``up`` is called once it answers.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=512) as listener:
        # asyncio sets this only on sockets that name their protocol; without it each answer waits 40 ms for an ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        named = f"[{host}]" if family == socket.AF_INET6 else host
        listening(f"http://{named}:{listener.getsockname()[1]}")
        config = uvicorn.Config(asgi, log_level="warning", access_log=False, timeout_graceful_shutdown=3)
        server = _Server(config, up)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _ask_to_stop, server)
        await server.serve(sockets=[listener])


def announce(where: dict[str, Any]) -> None:
    """Print where a sandbox is, as the one line of JSON that starters wait for."""
    sys.stdout.write(json.dumps(where, ensure_ascii=False) + "\n")
    sys.stdout.flush()


class _Server(uvicorn.Server):
    """Leaves signals to :func:`serve` (uvicorn's own way ends the process with the signal instead of with status 0),
    and says when it answers.
    """

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._on_started()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _ask_to_stop(server: uvicorn.Server) -> None:
    server.should_exit = True
