"""The sandbox wallet in a process of its own, and a listener for what it tells its merchants."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.sandboxes import SandboxProcess

from unqueue.kernel.clock import SystemClock
from unqueue.providers.sandbox_wallet import signing
from unqueue.providers.sandbox_wallet.client import SandboxWallet
from unqueue.providers.sandbox_wallet.signing import Signer

MERCHANT = "store-7"


class WalletProcess(SandboxProcess):
    """The sandbox wallet, with one merchant."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.merchant_key, merchant_public = signing.ensure_key_pair(directory, "merchant")
        module = "unqueue.providers.sandbox_wallet.sandbox.command"
        super().__init__(directory, module, "wallet", "--merchant", f"{MERCHANT},{merchant_public}", *options)

    def account(self, *, key: Path | None = None, wallet_key: Path | None = None) -> SandboxWallet:
        """The merchant's client; another key of either side if asked."""
        return SandboxWallet(
            provider_id="sandbox",
            merchant_id=MERCHANT,
            url=self.url,
            signer=Signer(signing.load_private_key(key or self.merchant_key)),
            wallet_key=signing.load_public_key(wallet_key or Path(self.announced["public_key_file"])),
            clock=SystemClock(),
        )


class Told(NamedTuple):
    """A request that the listener got; header names in lower case."""

    headers: dict[str, str]
    body: bytes


class Listener:
    """A merchant's ear: an HTTP server that keeps what it is told and answers as it is set to."""

    def __init__(self) -> None:
        self.told: queue.Queue[Told] = queue.Queue()
        self.status = 200
        self.answer = b'{"code": "OK"}'
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                listener.told.put(Told({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(listener.status)
                self.send_header("content-length", str(len(listener.answer)))
                self.end_headers()
                self.wfile.write(listener.answer)

            def log_message(self, *_: Any) -> None:
                """Tests are quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/notifications"

    def next(self, timeout_s: float = 10.0) -> Told:
        return self.told.get(timeout=timeout_s)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def running_wallet(directory: Path, *options: str) -> Iterator[WalletProcess]:
    wallet = WalletProcess(directory, *options)
    wallet.start()
    try:
        yield wallet
    finally:
        wallet.stop()


@contextmanager
def listening() -> Iterator[Listener]:
    listener = Listener()
    try:
        yield listener
    finally:
        listener.close()
