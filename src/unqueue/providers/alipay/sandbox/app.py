"""Alipay's sandbox as a process: its application, and how it is run."""

from collections.abc import Callable
from typing import Any

from unqueue.kernel.clock import Clock, SystemClock
from unqueue.providers.alipay import keys
from unqueue.providers.alipay.sandbox.gateway import Gateway
from unqueue.providers.alipay.sandbox.methods import Methods
from unqueue.providers.alipay.sandbox.options import Options
from unqueue.providers.alipay.sandbox.trades import Trades
from unqueue.providers.alipay.sandbox.words import sending, telling, way_back
from unqueue.providers.key_files import new_rsa_key
from unqueue.providers.sandbox_kit.cashier import Cashier
from unqueue.providers.sandbox_kit.notifier import Notifier
from unqueue.providers.sandbox_kit.pages import Brand, Pages
from unqueue.providers.sandbox_kit.process import application, serve
from unqueue.providers.sandbox_kit.store import BookStore

BRAND = Brand(
    name_zh="支付宝（沙盒）",
    name_en="Alipay (sandbox)",
    colour="#0e5fd8",
    on_colour="#ffffff",
    colour_dark="#6ea8ff",
    on_colour_dark="#04122b",
)


class AlipaySandbox:
    """A sandbox put together from its options: ``asgi`` is the application, ``trades`` the book behind it."""

    def __init__(self, options: Options, clock: Clock | None = None) -> None:
        clock = clock or SystemClock()
        private_path, self.public_key_file = keys.ensure_key_pair(options.data_dir, "alipay")
        key = keys.load_private_key(private_path)
        forger = new_rsa_key()
        app_of = {merchant.merchant_id: merchant.app_id for merchant in options.merchants}
        store = BookStore(options.data_dir / "sandbox.db")
        notifier = Notifier(store, sending(key, forger), clock, retry_first_s=options.retry_first_s)
        self.trades = Trades(
            store,
            clock,
            telling(app_of, store),
            late_s=options.late_s,
            on_planned=notifier.wake,
        )
        self.methods = Methods(self.trades)
        apps = {
            merchant.app_id: (merchant.merchant_id, keys.load_public_key(merchant.public_key_file))
            for merchant in options.merchants
        }
        gateway = Gateway(self.methods, key, apps, Pages(BRAND))
        cashier = Cashier(
            self.trades,
            BRAND,
            {merchant.merchant_id: merchant for merchant in options.merchants},
            lambda payment: way_back(payment, app_of[payment.merchant_id], key, self.trades.now_us),
        )
        self.asgi = application([*gateway.routes(), *cashier.routes()], notifier, store)


async def run(options: Options, announce: Callable[[dict[str, Any]], None]) -> None:
    """Serve until SIGTERM or SIGINT. ``announce`` is told where the sandbox is, once it answers."""
    sandbox = AlipaySandbox(options)

    def listening(url: str) -> None:
        sandbox.methods.base_url = url
        sandbox.trades.public_url = options.public_url or url

    def up() -> None:
        where = {"device": "alipay", "url": sandbox.methods.base_url, "public_url": sandbox.trades.public_url}
        announce({**where, "public_key_file": str(sandbox.public_key_file)})

    await serve(sandbox.asgi, options.host, options.port, listening, up)
