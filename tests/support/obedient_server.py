"""A merchant server that answers as a test tells it to, over real HTTP: for what a station does when one misbehaves."""

import email.utils
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple

TOKEN = "token-of-the-station"


class Asked(NamedTuple):
    method: str
    path: str
    token: str
    body: Any


class ObedientServer:
    """``answers`` by path: status, and body as JSON or bytes; a list of such is answered one after the other, the last
    one for good. What is not there is not found. ``clock_ahead_s`` goes into the header ``Date``.
    """

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any] | list[tuple[int, Any]]] = {}
        self.clock_ahead_s = 0.0
        self.asked: list[Asked] = []
        obedient = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                obedient._answer(self)

            def do_POST(self) -> None:
                obedient._answer(self)

            def log_message(self, *_: object) -> None:
                """A test says by itself what went wrong."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._http.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator["ObedientServer"]:
        thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            self._http.server_close()
            thread.join(5)

    def times(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(asked.path == path for asked in self.asked)

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        content = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.asked.append(Asked(request.command, request.path, token, json.loads(content) if content else None))
        found = self.answers.get(request.path, (404, {"code": "not_found"}))
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        status, body = found
        if status == 200 and path_needs_token(request.path) and token != TOKEN:
            status, body = 401, {"code": "not_authenticated"}
        request.send_response_only(status)
        stamp = email.utils.formatdate(time.time() + self.clock_ahead_s, usegmt=True)
        request.send_header("Date", stamp)
        request.end_headers()
        request.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())


def path_needs_token(path: str) -> bool:
    """Whether only the station may read it; what happens to an order is told to whoever has the order's token."""
    return path.startswith(("/api/lanes/", "/api/kiosks/"))


def frames(*events: tuple[str, str]) -> bytes:
    """Server-sent events, as the server writes them: names and ids of what changed."""
    told: Sequence[bytes] = [
        b"id: %d\nevent: %b\ndata: %b\n\n" % (seq, name.encode(), json.dumps({"id": what}).encode())
        for seq, (name, what) in enumerate(events)
    ]
    return b"retry: 1000\n\n: keep-alive\n\n" + b"".join(told)
