"""The sandbox of WeChat Pay in this process, its merchant's account, and a client that reaches it."""

import time
from pathlib import Path
from typing import Any

import httpx
import msgspec

from unqueue.kernel.clock import Clock, SystemClock
from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.kernel.settings import Provider as Account
from unqueue.providers.port import Attempt, Charge, RefundRequest
from unqueue.providers.wechat_pay.account import Credentials, read_account
from unqueue.providers.wechat_pay.client import WeChatPay
from unqueue.providers.wechat_pay.sandbox.app import WeChatPayApp
from unqueue.providers.wechat_pay.sandbox.options import Options

URL = "http://127.0.0.1:9"


class Shop:
    """``app`` is the sandbox; ``http`` reaches it without a signature, as shoppers' browsers do."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self.app = WeChatPayApp(Options(data_dir=directory, public_url=URL, **options))
        self.account = account_of(self.app)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.app.asgi), base_url=URL)

    @property
    def credentials(self) -> Credentials:
        return read_account(self.account)

    def client(self, transport: httpx.AsyncBaseTransport | None = None, clock: Clock | None = None) -> WeChatPay:
        return WeChatPay(
            provider_id="wechat",
            credentials=self.credentials,
            clock=clock or SystemClock(),
            transport=transport or httpx.ASGITransport(self.app.asgi),
        )

    async def pay(self, code: str, trouble: str = "none") -> None:
        """The shopper scans a code and pays."""
        token = self.app.book.at_code(code).cashier_token
        form = {"action": "pay", "trouble": trouble}
        answer = await self.http.post(f"/pay/{token}", data=form, headers={"Accept": "application/json"})
        assert answer.status_code == 200

    async def stop(self) -> None:
        await self.http.aclose()
        await self.app.stop()


def account_of(app: WeChatPayApp) -> Account:
    """The settings of the sandbox's merchant."""
    table = {"id": "wechat", "zh": "微信支付", "en": "WeChat Pay", **app.secrets.account(URL, URL)}
    return msgspec.convert(table, Account, dec_hook=lambda kind, value: kind(value))


def attempt(**changes: Any) -> Attempt:
    plain: dict[str, Any] = {
        "attempt_id": new_id(),
        "order_id": new_id(),
        "order_number": "104729389",
        "amount": Money(1290, "CNY"),
        "subject_zh": "3 件商品",
        "subject_en": "3 items",
        "return_url": "https://store.example/o/x?a=1&b=2",
        "notify_url": "https://store.example/n",
        "created_us": int(time.time() * 1_000_000),
        "expires_us": int((time.time() + 600) * 1_000_000),
        "channel": "qr",
        "client_ip": "203.0.113.9",
    }
    return Attempt(**{**plain, **changes})


def charge(of: Attempt) -> Charge:
    return Charge(attempt_id=of.attempt_id, amount=of.amount, created_us=of.created_us)


def refund(amount_minor: int, **changes: Any) -> RefundRequest:
    plain: dict[str, Any] = {"refund_id": new_id(), "amount": Money(amount_minor, "CNY"), "created_us": 0}
    return RefundRequest(**{**plain, **changes})
