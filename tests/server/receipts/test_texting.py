"""A receipt by SMS: one, to the number that was agreed to, and the number goes when it has served."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.support.texting import TextingTill, link, texting_till
from tests.support.tills import MILK, Shopper, Till

from unqueue.kernel.clock import ManualClock
from unqueue.providers.sms import KINDS
from unqueue.providers.sms.port import SmsMessage, SmsState
from unqueue.server.receipts import contact_store
from unqueue.server.receipts.contacts import GIVE_UP_S, NUMBERS_MAX, PERHAPS_S, QUIET_S

pytestmark = pytest.mark.anyio
DIGITS = "13800138000"


@pytest.fixture(params=KINDS)
async def store(
    request: pytest.FixtureRequest, till: Till, tmp_path: Path, clock: ManualClock
) -> AsyncIterator[TextingTill]:
    async with texting_till(till, tmp_path, clock, request.param) as made:
        yield made


@pytest.fixture
async def aliyun(till: Till, tmp_path: Path, clock: ManualClock) -> AsyncIterator[TextingTill]:
    async with texting_till(till, tmp_path, clock, "aliyun") as made:
        yield made


@pytest.fixture
async def tencent(till: Till, tmp_path: Path, clock: ManualClock) -> AsyncIterator[TextingTill]:
    async with texting_till(till, tmp_path, clock, "tencent") as made:
        yield made


async def paid(store: TextingTill) -> Shopper:
    shopper = await store.till.order(MILK)
    await pay(store, shopper)
    return shopper


async def pay(store: TextingTill, shopper: Shopper) -> None:
    payment = await shopper.start_payment()
    await store.till.bank.press(payment["action"]["url"])
    await store.till.bank.send()
    await store.till.receipts._follower.catch_up()


async def number_kept(store: TextingTill) -> list[bool]:
    rows = await store.till.database.read(
        lambda connection: connection.execute(select(contact_store.contacts.c.sealed)).all()
    )
    return [row.sealed is not None for row in rows]


async def settle(store: TextingTill, clock: ManualClock, seconds: int, step: int = 30) -> None:
    """Let time pass and the worker work."""
    passed = 0
    while passed < seconds:
        clock.advance(step)
        passed += step
        await store.work()


async def test_a_number_given_before_paying_gets_the_receipt_once(store: TextingTill, clock: ManualClock) -> None:
    shopper = await store.till.order(MILK)
    asked = await store.give(shopper, "138 0013 8000")
    assert (asked["status"], asked["number"], asked["keep"]) == ("waiting", "+86 ••••00", False)
    assert await store.work() == 0
    await pay(store, shopper)
    await store.work()
    (sent,) = store.sandbox.book.messages
    receipt = await store.call(shopper, "GET", "/receipt")
    assert sent.number == f"+86{DIGITS}"
    for part in ("街角超市", "¥12.90", receipt["number"], link(store.till, shopper.order.order_id)):
        assert part in sent.text
    clock.advance(11)
    await store.work()
    assert (await store.state(shopper))["status"] == "delivered"
    assert await number_kept(store) == [False], "dropped after delivery"
    await store.till.receipts._follower.catch_up()
    await store.give(shopper)
    await settle(store, clock, 300)
    assert len(store.sandbox.book.messages) == 1


async def test_a_number_given_after_paying(store: TextingTill) -> None:
    shopper = await paid(store)
    assert (await store.give(shopper, language="en"))["status"] == "due"
    await store.work()
    assert store.sandbox.book.messages[0].text.startswith("Thank you for shopping")
    assert (await store.state(shopper))["status"] == "sent"


async def test_many_taps_at_once_are_one_sms(store: TextingTill, clock: ManualClock) -> None:
    shopper = await paid(store)
    await asyncio.gather(*(store.give(shopper) for _ in range(8)))
    await asyncio.gather(*(store.work() for _ in range(4)))
    await settle(store, clock, 120)
    assert len(store.sandbox.book.messages) == 1


async def test_who_agrees_keeps_the_number_and_takes_it_back(aliyun: TextingTill, clock: ManualClock) -> None:
    shopper = await paid(aliyun)
    await aliyun.give(shopper, keep=True)
    await settle(aliyun, clock, 60)
    assert (await aliyun.state(shopper))["status"] == "delivered"
    assert await number_kept(aliyun) == [True]
    rows = await aliyun.till.database.read(
        lambda connection: connection.execute(select(contact_store.contacts)).mappings().all()
    )
    assert rows[0]["consent_version"] == "receipt-sms-1"
    assert DIGITS.encode() not in rows[0]["sealed"]
    assert await aliyun.call(shopper, "DELETE", "/receipt/sms", status=204) == ""
    assert await number_kept(aliyun) == [False]
    assert (await aliyun.state(shopper))["number"] == ""


async def test_a_number_taken_back_in_time_gets_nothing(aliyun: TextingTill) -> None:
    shopper = await aliyun.till.order(MILK)
    await aliyun.give(shopper)
    await aliyun.call(shopper, "DELETE", "/receipt/sms", status=204)
    await aliyun.call(shopper, "DELETE", "/receipt/sms", status=204)
    await pay(aliyun, shopper)
    await aliyun.work()
    assert aliyun.sandbox.book.messages == []
    assert (await aliyun.state(shopper))["status"] == "withdrawn"


async def test_a_limit_is_waited_for(store: TextingTill, clock: ManualClock) -> None:
    store.sandbox.book.plan(["limit", "limit"])
    shopper = await paid(store)
    await store.give(shopper)
    await store.work()
    assert (await store.state(shopper))["status"] == "due"
    await store.work()
    assert store.sandbox.book.trouble, "it pauses"
    await settle(store, clock, 90)
    assert len(store.sandbox.book.messages) == 1
    assert (await store.state(shopper))["status"] == "delivered"


async def test_a_limit_that_never_ends_is_given_up(aliyun: TextingTill, clock: ManualClock) -> None:
    aliyun.sandbox.book.plan(["limit"] * 100)
    shopper = await paid(aliyun)
    await aliyun.give(shopper, keep=True)
    for _ in range(GIVE_UP_S // 3600 + 3):
        await aliyun.work()
        clock.advance(3600)
    assert (await aliyun.state(shopper))["status"] == "failed"
    assert await number_kept(aliyun) == [False]


async def test_a_refusal_ends_it_is_told_and_another_number_may_be_given(store: TextingTill) -> None:
    store.sandbox.book.plan(["unsubscribed"])
    shopper = await paid(store)
    await store.give(shopper)
    await store.work()
    state = await store.state(shopper)
    assert state["status"] == "failed"
    assert "another number" in state["en"]
    assert await store.work() == 0
    await store.give(shopper, "13900139000")
    await store.work()
    assert [sent.number for sent in store.sandbox.book.messages] == ["+8613900139000"]
    (_, failed), *_ = await store.till.events("receipt.sms_failed")
    assert failed["problem"]
    assert DIGITS not in str(await store.till.events("receipt.sms_asked", "receipt.sms_failed"))


async def test_a_lost_answer_is_asked_about_and_nothing_is_sent_twice(store: TextingTill, clock: ManualClock) -> None:
    store.sandbox.book.plan(["lost_answer"])
    shopper = await paid(store)
    await store.give(shopper)
    await store.work()
    assert (await store.state(shopper))["status"] == "uncertain"
    await settle(store, clock, 600)
    assert (await store.state(shopper))["status"] == "delivered"
    assert len(store.sandbox.book.messages) == 1


async def test_a_lost_request_is_sent_again_where_the_lists_are_complete(
    store: TextingTill, clock: ManualClock
) -> None:
    store.sandbox.book.plan(["lost_request"])
    shopper = await paid(store)
    await store.give(shopper)
    await store.work()
    await settle(store, clock, QUIET_S - 60)
    assert store.sandbox.book.messages == []
    await settle(store, clock, PERHAPS_S * 4, step=600)
    assert store.sender is not None
    if store.sender.query_is_complete:
        assert len(store.sandbox.book.messages) == 1
        assert (await store.state(shopper))["status"] == "delivered"
    else:
        assert store.sandbox.book.messages == []
        assert (await store.state(shopper))["status"] == "perhaps"
    assert await number_kept(store) == [False]


async def test_a_crash_while_sending_is_doubted(store: TextingTill, clock: ManualClock) -> None:
    """The power goes after the provider took it and before the store wrote that down."""
    shopper = await paid(store)
    await store.give(shopper)
    message = await store.till.database.read(lambda c: contact_store.message(c, shopper.order.order_id))
    contact = await store.till.database.read(lambda c: contact_store.contact(c, shopper.order.order_id))
    assert message is not None
    assert contact is not None
    assert store.sender is not None
    assert await store.till.database.unit(
        lambda tx: contact_store.move(tx, message, "sending", tries=1, first_us=tx.at_us, due_us=None)
    )
    document = (await store.till.receipts.of(shopper.order.order_id)).decode()
    await store.sender.send(store.texting.written(contact, message, document))
    assert await store.work() == 0
    await store.till.database.unit(contact_store.doubt_unfinished)
    await settle(store, clock, 600)
    assert (await store.state(shopper))["status"] == "delivered"
    assert len(store.sandbox.book.messages) == 1


async def test_a_phone_that_stays_off_keeps_no_number(store: TextingTill, clock: ManualClock) -> None:
    store.sandbox.book.plan(["under_way"])
    shopper = await paid(store)
    await store.give(shopper)
    for _ in range(40):
        await store.work()
        clock.advance(3600)
    assert (await store.state(shopper))["status"] == "sent"
    assert await number_kept(store) == [False]
    assert await store.work() == 0


async def test_an_sms_that_left_does_not_go_to_another_number(aliyun: TextingTill) -> None:
    shopper = await paid(aliyun)
    await aliyun.give(shopper)
    await aliyun.work()
    refused = await aliyun.give(shopper, "13900139000", status=409)
    assert refused["code"] == "receipt_sms_sent"
    assert (await aliyun.give(shopper))["status"] == "sent"


async def test_numbers_are_changed_a_few_times_only(aliyun: TextingTill) -> None:
    shopper = await aliyun.till.order(MILK)
    for last in range(NUMBERS_MAX):
        await aliyun.give(shopper, f"1390013900{last}")
    assert (await aliyun.give(shopper, "13900139009", status=429))["code"] == "numbers_used_up"
    await pay(aliyun, shopper)
    await aliyun.work()
    assert [sent.number for sent in aliyun.sandbox.book.messages] == ["+8613900139002"]


@pytest.mark.parametrize("number", ["", "12345", "010 6552 9988", "x" * 400])
async def test_what_is_no_mobile_number_is_refused_without_repeating_it(aliyun: TextingTill, number: str) -> None:
    shopper = await aliyun.till.order(MILK)
    refused = await aliyun.give(shopper, number, status=422)
    assert refused["code"] == "number_refused"
    assert not number or number not in str(refused)
    assert await aliyun.call(shopper, "GET", "/receipt/sms", status=404)


async def test_only_the_orders_own_token_may(aliyun: TextingTill) -> None:
    shopper, other = await paid(aliyun), await paid(aliyun)
    await aliyun.give(shopper)
    for method, body in (("POST", {"number": DIGITS}), ("GET", None), ("DELETE", None)):
        await aliyun.call(shopper, method, "/receipt/sms", body, status=404, token=other.order_token)
        await aliyun.call(shopper, method, "/receipt/sms", body, status=401, token="o_nobody")


async def test_a_store_without_a_provider_says_so(till: Till, tmp_path: Path, clock: ManualClock) -> None:
    async with texting_till(till, tmp_path, clock, "") as store:
        shopper = await store.till.order(MILK)
        assert (await store.give(shopper, status=409))["code"] == "sms_not_offered"
        await store.worker.start()


async def test_the_worker_runs_by_itself(aliyun: TextingTill) -> None:
    await aliyun.worker.start()
    shopper = await paid(aliyun)
    await aliyun.give(shopper)
    async with asyncio.timeout(5):
        while not aliyun.sandbox.book.messages:  # it is another task's work
            await asyncio.sleep(0.01)


async def test_no_number_is_in_logs_journal_or_database(
    store: TextingTill, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    store.sandbox.book.plan(["limit", "lost_answer"])
    with caplog.at_level(logging.DEBUG):
        shopper = await paid(store)
        await store.give(shopper)
        await store.give(shopper, "12345", status=422)
        await settle(store, clock, 300)
    assert DIGITS not in caplog.text
    assert DIGITS not in str(await store.till.events())

    def everything(connection: Any) -> str:
        tables = (contact_store.contacts, contact_store.messages)
        return str([[*row] for table in tables for row in connection.execute(select(table))])

    assert DIGITS not in await store.till.database.read(everything)


async def test_a_number_taken_back_while_it_is_being_sent_stays_forgotten(
    store: TextingTill, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shopper = await paid(store)
    await store.give(shopper)
    assert store.sender is not None
    send = store.sender.send

    async def slowly(message: SmsMessage) -> SmsState:
        state = await send(message)
        await store.call(shopper, "DELETE", "/receipt/sms", status=204)
        return state

    monkeypatch.setattr(store.sender, "send", slowly)
    await store.work()
    assert (await store.state(shopper))["status"] == "withdrawn"
    await settle(store, clock, 120)
    assert (await store.state(shopper))["status"] == "withdrawn"
    assert await number_kept(store) == [False]
