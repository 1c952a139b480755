"""The sandbox of WeChat Pay as a process: put together from the kit and WeChat Pay's protocol."""

import base64
import secrets
from collections.abc import Callable
from functools import cached_property
from typing import Any

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from unqueue.kernel.clock import Clock, SystemClock, from_micros
from unqueue.kernel.ids import new_id
from unqueue.providers.key_files import new_rsa_key
from unqueue.providers.sandbox_kit.book import Book, Telling
from unqueue.providers.sandbox_kit.cashier import Cashier
from unqueue.providers.sandbox_kit.model import Payment, Refund
from unqueue.providers.sandbox_kit.notifier import Notifier, Sealed, Sending
from unqueue.providers.sandbox_kit.pages import Brand, Merchant
from unqueue.providers.sandbox_kit.process import application, serve
from unqueue.providers.sandbox_kit.store import BookStore, Waiting
from unqueue.providers.wechat_pay import signing
from unqueue.providers.wechat_pay.sandbox import api
from unqueue.providers.wechat_pay.sandbox.bills import Bills
from unqueue.providers.wechat_pay.sandbox.options import Options, Secrets
from unqueue.providers.wechat_pay.sandbox.orders import CHINA, Orders
from unqueue.providers.wechat_pay.sandbox.visits import Visits

BRAND = Brand(
    name_zh="微信支付（沙盒）",
    name_en="WeChat Pay (sandbox)",
    colour="#067a3c",
    colour_dark="#2bc46f",
    on_colour_dark="#04190d",
)


class WeChatPayApp:
    """The sandbox put together from its options: ``asgi`` is the application, ``book`` stands behind it."""

    def __init__(
        self, options: Options, *, clock: Clock | None = None, notify_transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.options = options
        self.secrets = Secrets(options)
        clock = clock or SystemClock()
        self.store = BookStore(options.data_dir / "wechat-pay.db")
        self.notifier = Notifier(
            self.store,
            Sending(self._seal, lambda answer: answer.status_code in {httpx.codes.OK, httpx.codes.NO_CONTENT}),
            clock,
            retry_first_s=options.retry_first_s,
            transport=notify_transport,
        )
        self.book = Book(
            self.store,
            clock,
            Telling(payment=self._tell_payment, refund=self._tell_refund),
            late_s=options.late_s,
            refund_s=options.refund_s,
            on_planned=self.notifier.wake,
        )
        self.book.public_url = options.public_url
        self.orders = Orders(self.book, options)
        merchant = Merchant(merchant_id=options.merchant_id, name_zh=options.name_zh, name_en=options.name_en)
        cashier = Cashier(self.book, BRAND, {options.merchant_id: merchant})
        visits = Visits(self.orders, options, self.secrets)
        bills = Bills(self.book, options, self.orders.openid)
        gate = api.Gate(self.book, options, self.secrets)
        routes = [*api.routes(self.orders, bills, gate), *visits.routes(), *cashier.routes()]
        self.asgi = application(routes, self.notifier, self.store)

    async def stop(self) -> None:
        await self.notifier.stop()
        self.store.close()

    def _tell_payment(self, payment: Payment) -> bytes | None:
        """WeChat Pay tells of orders that were paid, and of no others."""
        if payment.status != "succeeded":
            return None
        return self._envelope("TRANSACTION.SUCCESS", "支付成功", "transaction", self.orders.transaction(payment))

    def _tell_refund(self, refund: Refund, payment: Payment) -> bytes:
        return self._envelope("REFUND.SUCCESS", "退款成功", "refund", self.orders.told_of(refund, payment))

    def _envelope(self, event_type: str, summary: str, original_type: str, facts: dict[str, Any]) -> bytes:
        nonce = secrets.token_hex(6)
        plain = msgspec.json.encode(facts)
        sealed = signing.seal(self.secrets.api_v3_key, nonce.encode(), original_type.encode(), plain)
        return msgspec.json.encode(
            {
                "id": new_id(),
                "create_time": from_micros(self.book.now_us).astimezone(CHINA).isoformat(timespec="seconds"),
                "resource_type": "encrypt-resource",
                "event_type": event_type,
                "summary": summary,
                "resource": {
                    "original_type": original_type,
                    "algorithm": "AEAD_AES_256_GCM",
                    "ciphertext": base64.b64encode(sealed).decode(),
                    "associated_data": original_type,
                    "nonce": nonce,
                },
            }
        )

    def _seal(self, waiting: Waiting, now_us: int) -> Sealed:
        """A notification signed for this moment; a forged one with a key that nobody knows."""
        key = self._forger if waiting.forged else self.secrets.key
        headers = signing.headers_of(key, self.secrets.public_key_id, now_us // 1_000_000, new_id(), waiting.body)
        return Sealed({**headers, "content-type": "application/json"}, waiting.body)

    @cached_property
    def _forger(self) -> RSAPrivateKey:
        return new_rsa_key()


async def run(options: Options, announce: Callable[[dict[str, Any]], None]) -> None:
    """Serve until SIGTERM or SIGINT. ``announce`` is told where the sandbox is, once it answers, and the ``account``
    that a store's settings need.
    """
    app = WeChatPayApp(options)
    where: dict[str, Any] = {"device": "wechat-pay"}

    def listening(url: str) -> None:
        app.book.public_url = options.public_url or url
        account = app.secrets.account(url, app.book.public_url)
        where.update(url=url, public_url=app.book.public_url, account=account)

    await serve(app.asgi, options.host, options.port, listening, lambda: announce(where))
