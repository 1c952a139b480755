"""The sandbox wallet as a process: put together from the kit and its own protocol."""

from collections.abc import Callable
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from unqueue.kernel.clock import Clock, SystemClock
from unqueue.kernel.ids import new_id
from unqueue.providers.sandbox_kit.book import Book, Telling
from unqueue.providers.sandbox_kit.cashier import Cashier
from unqueue.providers.sandbox_kit.notifier import Notifier, Sealed, Sending
from unqueue.providers.sandbox_kit.pages import Brand
from unqueue.providers.sandbox_kit.process import application, serve
from unqueue.providers.sandbox_kit.store import BookStore, Waiting
from unqueue.providers.sandbox_wallet import signing
from unqueue.providers.sandbox_wallet.sandbox import api
from unqueue.providers.sandbox_wallet.sandbox.options import Options
from unqueue.providers.sandbox_wallet.sandbox.wallet import Wallet, told_of
from unqueue.providers.sandbox_wallet.signing import Signer

BRAND = Brand(name_zh="沙盒钱包", name_en="Sandbox Wallet")


class WalletApp:
    """A wallet put together from its options: ``asgi`` is the application, ``wallet`` and ``book`` stand behind it."""

    def __init__(
        self, options: Options, *, clock: Clock | None = None, notify_transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        private_path, self.public_key_file = signing.ensure_key_pair(options.data_dir, "wallet")
        signer = Signer(signing.load_private_key(private_path))
        clock = clock or SystemClock()
        self.store = BookStore(options.data_dir / "wallet.db")
        self.notifier = Notifier(
            self.store,
            Sending(lambda waiting, now_us: seal(signer, waiting, now_us), acknowledged),
            clock,
            retry_first_s=options.retry_first_s,
            transport=notify_transport,
        )
        telling = Telling(payment=told_of, refund=lambda *_: None)
        self.book = Book(self.store, clock, telling, late_s=options.late_s, on_planned=self.notifier.wake)
        self.book.public_url = options.public_url
        self.wallet = Wallet(self.book)
        keys = {}
        for merchant in options.merchants:
            key = signing.load_public_key(merchant.public_key_file)
            keys[signing.serial_of(key)] = (merchant.merchant_id, key)
        gate = api.Gate(self.wallet, signer, keys)
        cashier = Cashier(self.book, BRAND, {merchant.merchant_id: merchant for merchant in options.merchants})
        self.asgi = application([*api.routes(self.wallet, gate), *cashier.routes()], self.notifier, self.store)

    async def stop(self) -> None:
        await self.notifier.stop()
        self.store.close()


def seal(signer: Signer, waiting: Waiting, now_us: int) -> Sealed:
    """A notification signed for this moment; a forged one with a key that nobody knows."""
    timestamp_s, nonce = now_us // 1_000_000, new_id()
    text = signing.notification_text(timestamp_s, nonce, waiting.body)
    headers = signer.headers(timestamp_s, nonce, text)
    if waiting.forged:
        forger = Signer(Ed25519PrivateKey.generate())
        headers[signing.SIGNATURE] = forger.headers(timestamp_s, nonce, text)[signing.SIGNATURE]
    return Sealed({**headers, "content-type": "application/json"}, waiting.body)


def acknowledged(answer: httpx.Response) -> bool:
    """Whether the merchant took a notification: 200 and ``{"code": "OK"}``."""
    try:
        return answer.status_code == httpx.codes.OK and answer.json().get("code") == "OK"
    except (ValueError, AttributeError):
        return False


async def run(options: Options, announce: Callable[[dict[str, Any]], None]) -> None:
    """Serve until SIGTERM or SIGINT. ``announce`` is told where the wallet is, once it answers."""
    app = WalletApp(options)
    where = {"device": "wallet", "url": "", "public_url": "", "public_key_file": str(app.public_key_file)}

    def listening(url: str) -> None:
        app.book.public_url = options.public_url or url
        where.update(url=url, public_url=app.book.public_url)

    await serve(app.asgi, options.host, options.port, listening, lambda: announce(where))
