"""The sandbox wallet as a process: its application, and how it is run."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn
from litestar import Litestar

from unqueue.kernel.clock import Clock, SystemClock
from unqueue.providers.sandbox_wallet import signing
from unqueue.providers.sandbox_wallet.sandbox import api, cashier
from unqueue.providers.sandbox_wallet.sandbox.notifier import Notifier
from unqueue.providers.sandbox_wallet.sandbox.options import Options
from unqueue.providers.sandbox_wallet.sandbox.store import WalletStore
from unqueue.providers.sandbox_wallet.sandbox.wallet import Wallet
from unqueue.providers.sandbox_wallet.signing import Signer

_BODY_BYTES_MAX = 100_000


class WalletApp:
    """A wallet put together from its options: ``asgi`` is the application, ``wallet`` what stands behind it."""

    def __init__(
        self, options: Options, *, clock: Clock | None = None, notify_transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        private_path, self.public_key_file = signing.ensure_key_pair(options.data_dir, "wallet")
        signer = Signer(signing.load_private_key(private_path))
        clock = clock or SystemClock()
        self.store = WalletStore(options.data_dir / "wallet.db")
        self.notifier = Notifier(
            self.store, signer, clock, retry_first_s=options.retry_first_s, transport=notify_transport
        )
        self.wallet = Wallet(self.store, clock, late_s=options.late_s, on_planned=self.notifier.wake)
        self.wallet.public_url = options.public_url
        keys = {}
        for merchant in options.merchants:
            key = signing.load_public_key(merchant.public_key_file)
            keys[signing.serial_of(key)] = (merchant.merchant_id, key)
        gate = api.Gate(self.wallet, signer, keys)
        merchants = {merchant.merchant_id: merchant for merchant in options.merchants}
        self.asgi = Litestar(
            [*api.routes(self.wallet, gate), *cashier.routes(self.wallet, merchants)],
            openapi_config=None,
            logging_config=None,
            request_max_body_size=_BODY_BYTES_MAX,
            on_startup=[self.notifier.start],
            on_shutdown=[self.stop],
        )

    async def stop(self) -> None:
        await self.notifier.stop()
        self.store.close()


class _Server(uvicorn.Server):
    """Leaves signals to :func:`run` (uvicorn's own way ends the process with the signal instead of with status 0),
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


async def run(options: Options, announce: Callable[[dict[str, Any]], None]) -> None:
    """Serve until SIGTERM or SIGINT. ``announce`` is told where the wallet is, once it answers."""
    app = WalletApp(options)
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    with socket.create_server((options.host, options.port), family=family, backlog=512) as listening:
        # asyncio sets this only on sockets that name their protocol; without it each answer waits 40 ms for an ACK.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        host = f"[{options.host}]" if family == socket.AF_INET6 else options.host
        url = f"http://{host}:{listening.getsockname()[1]}"
        app.wallet.public_url = options.public_url or url
        config = uvicorn.Config(app.asgi, log_level="warning", access_log=False, timeout_graceful_shutdown=3)
        where = {"device": "wallet", "url": url, "public_url": app.wallet.public_url}
        server = _Server(config, lambda: announce({**where, "public_key_file": str(app.public_key_file)}))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _ask_to_stop, server)
        await server.serve(sockets=[listening])


def _ask_to_stop(server: uvicorn.Server) -> None:
    server.should_exit = True
