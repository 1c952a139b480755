"""A kiosk of paper: serves the built screen, shows it one state after the other, writes down what it is asked."""

import json
import queue
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from scripts.build_web import find_node

ROOT = Path(__file__).resolve().parents[2]
SCREEN = ROOT / "src" / "unqueue" / "web_dist" / "kiosk"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".wav": "audio/wav",
}
_KEEP_ALIVE_S = 10.0
_REFUSED = {"code": "order_unknown", "zh": "没有这个订单", "en": "There is no such order.", "permanent": True}

State = dict[str, Any]


def read_states() -> dict[str, State]:
    """The states of web/kiosk/testing/states.ts, where the compiler checks them against the contract."""
    node, _ = find_node()
    script = ROOT / "web" / "kiosk" / "testing" / "states.ts"
    found: dict[str, State] = json.loads(subprocess.run([node, script], capture_output=True, check=True).stdout)
    return found


class PaperKiosk:
    """What the kiosk's own process is to the screen: a state, events, and commands. It holds to no rules."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, Any]] = []
        self.recordings: list[str] = []
        self.refuse = False
        self.slow: dict[str, threading.Event] = {}
        """Commands that are answered once their event is set."""
        self._state: State = {}
        self._seq = 0
        self._lock = threading.Lock()
        self._watchers: list[queue.SimpleQueue[State | None]] = []
        kiosk = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name in the library
                """A test says by itself what went wrong."""

            def do_GET(self) -> None:
                kiosk.get(self)

            def do_POST(self) -> None:
                kiosk.post(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    @contextmanager
    def running(self) -> Iterator["PaperKiosk"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.hang_up()
            self._server.shutdown()
            self._server.server_close()
            thread.join(5)

    def show(self, state: Mapping[str, Any], **changes: object) -> State:
        """Put a state on the screen."""
        with self._lock:
            self._seq += 1
            self._state = {**state, **changes, "seq": self._seq}
            for watcher in self._watchers:
                watcher.put(self._state)
            return self._state

    def hang_up(self) -> None:
        """End every connection, as a restart does."""
        with self._lock:
            for watcher in self._watchers:
                watcher.put(None)

    def get(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        if path == "/state":
            self._answer(request, 200, self._state)
        elif path == "/events":
            self._stream(request)
        elif path.startswith("/voice/"):
            self.recordings.append(path.removeprefix("/voice/"))
            self._send(request, 404, "text/plain", b"")
        else:
            file = SCREEN / (path.lstrip("/") or "index.html")
            found = file.is_file()
            content = file.read_bytes() if found else b""
            self._send(request, 200 if found else 404, _TYPES.get(file.suffix, "application/octet-stream"), content)

    def post(self, request: BaseHTTPRequestHandler) -> None:
        content = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        self.commands.append((request.path.lstrip("/"), json.loads(content) if content else None))
        if (held := self.slow.get(request.path.lstrip("/"))) is not None:
            held.wait(30)
        if self.refuse:
            self._answer(request, 404, _REFUSED)
        else:
            self._answer(request, 200, self._state)

    def _stream(self, request: BaseHTTPRequestHandler) -> None:
        watcher: queue.SimpleQueue[State | None] = queue.SimpleQueue()
        with self._lock:
            self._watchers.append(watcher)
            watcher.put(self._state)
        try:
            request.send_response(200)
            request.send_header("Content-Type", "text/event-stream")
            request.end_headers()
            while True:
                try:
                    state = watcher.get(timeout=_KEEP_ALIVE_S)
                except queue.Empty:
                    request.wfile.write(b": keep-alive\n\n")
                    continue
                if state is None:
                    return
                request.wfile.write(b"event: state\ndata: %b\n\n" % json.dumps(state).encode())
        except OSError:
            return  # the page was closed
        finally:
            with self._lock:
                self._watchers.remove(watcher)

    def _answer(self, request: BaseHTTPRequestHandler, status: int, body: object) -> None:
        self._send(request, status, "application/json", json.dumps(body).encode())

    def _send(self, request: BaseHTTPRequestHandler, status: int, media_type: str, content: bytes) -> None:
        request.send_response(status)
        request.send_header("Content-Type", media_type)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)
