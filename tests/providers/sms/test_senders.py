"""Each SMS provider against its own sandbox: what it takes, what it refuses, and what is known after a lost answer."""

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from unqueue.kernel.clock import ManualClock, micros
from unqueue.kernel.ids import new_id
from unqueue.kernel.settings import Settings, Sms, Store
from unqueue.providers.port import ProviderRefused, ProviderUnavailable
from unqueue.providers.sms import KINDS, check_settings, default_country, open_sender
from unqueue.providers.sms.port import SmsMessage, SmsNotTaken, SmsSender, SmsState
from unqueue.providers.sms.sandbox.app import SmsApp
from unqueue.providers.sms.sandbox.options import Options

pytestmark = pytest.mark.anyio
NUMBER = "+8613800138000"
AT = datetime(2026, 3, 2, 15, 59, 30, tzinfo=UTC)  # half a minute before midnight in Shanghai


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT)


@pytest.fixture
def sandbox(tmp_path: Path, clock: ManualClock) -> SmsApp:
    return SmsApp(Options(data_dir=tmp_path / "sms", link_base="https://store.example/o/"), clock=clock)


def settings(tmp_path: Path, provider: Any, **changes: Any) -> Sms:
    key_file = tmp_path / "sms.key"
    key_file.write_text("demo-key\n")
    template = {"aliyun": ("SMS_RECEIPT_ZH", "SMS_RECEIPT_EN"), "tencent": ("2000001", "2000002")}
    zh, en = template.get(provider, ("", ""))
    made = Sms(
        provider=provider,
        url="http://sms.test",
        account="demo-account",
        key_file=key_file,
        sign_name="不排队超市",
        template_zh=zh,
        template_en=en,
        app_id="1400006666",
        from_number="+15005550006",
    )
    return msgspec.structs.replace(made, **changes)


@pytest.fixture(params=KINDS)
async def sender(
    request: pytest.FixtureRequest, tmp_path: Path, sandbox: SmsApp, clock: ManualClock
) -> AsyncIterator[SmsSender]:
    transport = httpx.ASGITransport(app=sandbox.asgi)  # type: ignore[arg-type]  # Litestar's own type of an ASGI app
    opened = open_sender(settings(tmp_path, request.param), clock, transport=transport)
    assert opened is not None
    yield opened
    await opened.stop()


def message(**changes: Any) -> SmsMessage:
    code = f"o_{new_id()}"
    fields = {"store": "街角超市", "total": "¥12.90", "receipt": "R-20260302-000017", "code": code}
    made = SmsMessage(
        message_id=new_id(),
        number=NUMBER,
        language="zh",
        fields=fields,
        text=f"感谢光临街角超市！消费¥12.90，小票号R-20260302-000017，电子小票：https://store.example/o/{code}",
        created_us=micros(AT),
    )
    return msgspec.structs.replace(made, **changes)


async def test_a_message_arrives_once_with_all_it_says(sender: SmsSender, sandbox: SmsApp) -> None:
    asked = message()
    state = await sender.send(asked)
    assert state.status == "sent"
    (sent,) = sandbox.book.messages
    assert (sent.provider, sent.number, sent.text, sent.reference) == (
        sender.sender_id,
        NUMBER,
        asked.text,
        state.reference,
    )
    assert await sender.query(asked, state.reference) == SmsState("delivered", state.reference)


async def test_the_english_text(sender: SmsSender, sandbox: SmsApp) -> None:
    asked = message(language="en", text="Thank you")
    await sender.send(asked)
    assert sandbox.book.messages[0].text.startswith("Thank you")


async def test_a_number_abroad(sender: SmsSender, sandbox: SmsApp) -> None:
    asked = message(number="+85251234567")
    await sender.send(asked)
    assert sandbox.book.messages[0].number == "+85251234567"
    assert (await sender.query(asked)).status == "delivered"


async def test_a_limit_is_for_later(sender: SmsSender, sandbox: SmsApp) -> None:
    sandbox.book.plan(["limit"])
    with pytest.raises(SmsNotTaken):
        await sender.send(message())
    assert sandbox.book.messages == []


async def test_who_unsubscribed_or_is_no_number_is_refused_for_good(sender: SmsSender, sandbox: SmsApp) -> None:
    sandbox.book.plan(["unsubscribed"])
    with pytest.raises(ProviderRefused):
        await sender.send(message())


@pytest.mark.parametrize("trouble", ["error", "lost_request"])
async def test_an_error_leaves_it_open_and_the_query_knows_nothing(
    sender: SmsSender, sandbox: SmsApp, trouble: str
) -> None:
    sandbox.book.plan([trouble])
    asked = message()
    with pytest.raises(ProviderUnavailable) as caught:
        await sender.send(asked)
    assert not isinstance(caught.value, SmsNotTaken), "it may have been taken"
    assert (await sender.query(asked)).status == "unknown"


async def test_after_a_lost_answer_the_query_finds_it(sender: SmsSender, sandbox: SmsApp, clock: ManualClock) -> None:
    sandbox.book.plan(["lost_answer"])
    asked = message()
    with pytest.raises(ProviderUnavailable) as caught:
        await sender.send(asked)
    assert not isinstance(caught.value, SmsNotTaken)
    clock.advance(120)  # it is the next day in Shanghai
    found = await sender.query(asked)
    assert found.status == "delivered"
    assert found.reference in {"", sandbox.book.messages[0].reference}  # Aliyun does not say it again


async def test_another_message_to_the_same_phone_is_not_taken_for_it(sender: SmsSender) -> None:
    await sender.send(message())
    assert (await sender.query(message())).status == "unknown"


async def test_a_phone_that_is_off(sender: SmsSender, sandbox: SmsApp) -> None:
    sandbox.book.plan(["undelivered", "under_way"])
    first, second = message(), message()
    taken = [await sender.send(asked) for asked in (first, second)]
    lost = await sender.query(first, taken[0].reference)
    assert lost.status == "failed"
    assert lost.problem
    waiting = await sender.query(second, taken[1].reference)
    assert waiting.status == ("sent" if sender.query_is_complete else "unknown")


async def test_nobody_at_the_address_means_not_taken(tmp_path: Path, clock: ManualClock) -> None:
    for provider in KINDS:
        sender = open_sender(settings(tmp_path, provider, url="http://127.0.0.1:9"), clock)
        assert sender is not None
        with pytest.raises(SmsNotTaken):
            await sender.send(message())
        await sender.stop()


@pytest.mark.parametrize(
    "change", [{"key": "another"}, {"account": "another"}, {"clock": ManualClock(AT.replace(hour=1))}]
)
@pytest.mark.parametrize("provider", KINDS)
async def test_a_wrong_key_account_or_clock_sends_nothing(
    tmp_path: Path, sandbox: SmsApp, clock: ManualClock, provider: str, change: dict[str, Any]
) -> None:
    if provider == "twilio" and "clock" in change:
        return  # its credentials know no time
    account = settings(tmp_path, provider)
    if "key" in change:
        (tmp_path / "sms.key").write_text(change["key"])
    account = msgspec.structs.replace(account, account=change.get("account", account.account))
    transport = httpx.ASGITransport(app=sandbox.asgi)  # type: ignore[arg-type]  # as above
    sender = open_sender(account, change.get("clock", clock), transport=transport)
    assert sender is not None
    with pytest.raises(ProviderRefused):
        await sender.send(message())
    await sender.stop()
    assert sandbox.book.messages == []


async def test_no_number_comes_into_a_log(sender: SmsSender, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        asked = message()
        await sender.send(asked)
        await sender.query(asked)
    assert "13800138000" not in caplog.text
    assert "13800138000" not in repr(asked)


async def test_the_sandbox_remembers_and_shows_what_it_sent(sender: SmsSender, sandbox: SmsApp, tmp_path: Path) -> None:
    await sender.send(message(fields={"store": "<b>", "total": "1", "receipt": "R", "code": "o_x"}, text="<b>o_x"))
    again = SmsApp(Options(data_dir=tmp_path / "sms"))
    assert again.book.messages == sandbox.book.messages
    transport = httpx.ASGITransport(app=again.asgi)  # type: ignore[arg-type]  # as above
    async with httpx.AsyncClient(transport=transport, base_url="http://sms.test") as phone:
        page = (await phone.get("/")).text
        assert "&lt;b&gt;" in page
        assert "<b>" not in page
        listed = (await phone.get("/messages")).json()
        assert [sent["number"] for sent in listed] == [NUMBER]
        assert (await phone.post("/trouble", json={"next": ["limit"]})).status_code == 204
    assert list(again.book.trouble) == ["limit"]


def test_the_settings_say_what_is_missing(tmp_path: Path) -> None:
    for provider in KINDS:
        assert [*check_settings(Settings(sms=settings(tmp_path, provider)))] == []
        objections = [*check_settings(Settings(sms=Sms(provider=provider)))]  # type: ignore[arg-type]  # a kind's name
        assert len(objections) == 2
        assert "account" in objections[0][1]
        assert "key_file" in objections[1][1]
    assert [*check_settings(Settings())] == []


def test_the_country_of_a_number() -> None:
    assert default_country(Settings()) == "CN"
    assert default_country(Settings(store=Store(currency="EUR"))) == ""
    assert default_country(Settings(store=Store(currency="EUR"), sms=Sms(country="DE"))) == "DE"
