"""The SMS sandbox in a process of its own: spoken to over TCP, killed, and started again with what it had sent."""

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from tests.support.sandboxes import SandboxProcess

from unqueue.kernel.clock import SystemClock, micros
from unqueue.kernel.ids import new_id
from unqueue.kernel.settings import Sms
from unqueue.providers.sms import KINDS, open_sender
from unqueue.providers.sms.port import SmsMessage

pytestmark = pytest.mark.anyio
MODULE = "unqueue.providers.sms.sandbox.command"


async def test_what_was_sent_is_there_after_a_power_cut(tmp_path: Path) -> None:
    sandbox = SandboxProcess(tmp_path / "sms", MODULE, "sms", "--link-base", "https://store.example/o/")
    sandbox.start()
    try:
        for provider in KINDS:
            template = {"aliyun": "SMS_RECEIPT_ZH", "tencent": "2000001"}.get(provider, "")
            settings = Sms(
                provider=provider,  # type: ignore[arg-type]  # a kind's name
                url=sandbox.url,
                account=sandbox.announced["account"],
                key_file=Path(sandbox.announced["key_file"]),
                sign_name=sandbox.announced["sign_name"],
                app_id=sandbox.announced["app_id"],
                template_zh=template,
                from_number="+15005550006",
            )
            sender = open_sender(settings, SystemClock())
            assert sender is not None
            code = f"o_{new_id()}"
            message = SmsMessage(
                message_id=new_id(),
                number="+8613800138000",
                language="zh",
                fields={"store": "街角超市", "total": "¥1.00", "receipt": "R-1", "code": code},
                text=f"https://store.example/o/{code}",
                created_us=micros(datetime.now(UTC)),
            )
            assert (await sender.send(message)).status == "sent"
            sandbox.kill()
            sandbox.start()
            assert (await sender.query(message)).status == "delivered"
            await sender.stop()
        async with httpx.AsyncClient() as client:
            sent = (await client.get(f"{sandbox.url}/messages")).json()
            page = (await client.get(f"{sandbox.url}/?language=en")).text
        assert [one["provider"] for one in sent] == [*KINDS]
        assert "Sandbox phone" in page
        assert page.count('<a href="https://store.example/o/o_') == 3
    finally:
        assert sandbox.stop() == 0
