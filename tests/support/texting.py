"""A store that sends receipts by SMS, through a provider's own sandbox."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from litestar import Litestar
from tests.support.tills import PUBLIC_URL, SELLER, Shopper, Till

from unqueue.kernel.clock import Clock
from unqueue.kernel.settings import Sms
from unqueue.providers.sms import open_sender
from unqueue.providers.sms.port import SmsSender
from unqueue.providers.sms.sandbox.app import SmsApp
from unqueue.providers.sms.sandbox.options import Options
from unqueue.server.problems import EXCEPTION_HANDLERS
from unqueue.server.receipts import routes
from unqueue.server.receipts.texting import Texting
from unqueue.server.receipts.worker import SmsWorker

TEMPLATES = {"aliyun": ("SMS_RECEIPT_ZH", "SMS_RECEIPT_EN"), "tencent": ("2000001", "2000002"), "twilio": ("", "")}


class TextingTill:
    """A till, its SMS network, and what works between them. ``call`` speaks HTTP as the shopper of an order."""

    def __init__(self, till: Till, sandbox: SmsApp, sender: SmsSender | None) -> None:
        self.till = till
        self.sandbox = sandbox
        self.sender = sender
        self.texting = Texting(
            till.database, SELLER, sender, key=b"s" * 32, country="CN", link=lambda order_id: link(till, order_id)
        )
        self.worker = SmsWorker(self.texting)
        handlers = routes.routes(
            till.receipts, till.orders, till.access, texting=self.texting, time_zone="Asia/Shanghai"
        )
        app = Litestar(handlers, exception_handlers=EXCEPTION_HANDLERS, logging_config=None, openapi_config=None)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC_URL)

    async def call(
        self, shopper: Shopper, method: str, path: str, body: Any = None, *, status: int = 200, token: str = ""
    ) -> Any:
        headers = {"Authorization": f"Bearer {token or shopper.order_token}"}
        answer = await self.http.request(method, f"{shopper.path}{path}", json=body, headers=headers)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content and "json" in answer.headers["content-type"] else answer.text

    async def give(self, shopper: Shopper, number: str = "13800138000", status: int = 200, **more: Any) -> Any:
        return await self.call(shopper, "POST", "/receipt/sms", {"number": number, **more}, status=status)

    async def state(self, shopper: Shopper) -> Any:
        return await self.call(shopper, "GET", "/receipt/sms")

    async def work(self) -> int:
        assert self.sender is not None
        return await self.worker.work_off(self.sender)


def link(till: Till, order_id: str) -> str:
    return f"{PUBLIC_URL}/o/{till.orders.token(order_id)}"


@asynccontextmanager
async def texting_till(till: Till, directory: Path, clock: Clock, provider: Any) -> AsyncIterator[TextingTill]:
    """``provider`` is one of the kinds of ``[sms]``; empty: a store that sends no SMS."""
    (directory / "sms.key").write_text("demo-key\n", encoding="utf-8")
    sandbox = SmsApp(Options(data_dir=directory / "sms", link_base=f"{PUBLIC_URL}/o/"), clock=clock)
    zh, en = TEMPLATES.get(provider, ("", ""))
    settings = Sms(
        provider=provider,
        url="http://sms.test",
        account="demo-account",
        key_file=directory / "sms.key",
        sign_name="不排队超市",
        template_zh=zh,
        template_en=en,
        app_id="1400006666",
        from_number="+15005550006",
    )
    sender = open_sender(settings, clock, transport=httpx.ASGITransport(sandbox.asgi))
    made = TextingTill(till, sandbox, sender)
    try:
        yield made
    finally:
        await made.http.aclose()
        await made.worker.stop()
