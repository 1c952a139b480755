"""Receipts whose SMS failed: staff see why, and send them again, once for each time they say so."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import Connection
from tests.support.texting import TextingTill, texting_till
from tests.support.tills import MILK, PUBLIC_URL, SELLER, Shopper, Till

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.ids import new_id
from unqueue.providers.sms import KINDS
from unqueue.server.access import Principal
from unqueue.server.problems import EXCEPTION_HANDLERS
from unqueue.server.receipts import desk_routes
from unqueue.server.receipts.contacts import SENT_AGAIN_MAX, TROUBLED_DAYS, TROUBLED_S
from unqueue.server.receipts.slips import Slips

pytestmark = pytest.mark.anyio
STAFF = Principal("staff", "a" * 32, "An", "attendant", frozenset({"look_up"}))
DIGITS, OTHER = "13800138000", "13900139000"


class Desk:
    """The service desk of a store that sends SMS, spoken to by HTTP."""

    def __init__(self, store: TextingTill) -> None:
        self.store = store
        store.till.access.register("staff", _staff)
        slips = Slips(store.till.database, SELLER, [], return_of=_no_return)
        handlers = desk_routes.routes(store.texting, slips, store.till.access)
        app = Litestar(handlers, exception_handlers=EXCEPTION_HANDLERS, logging_config=None, openapi_config=None)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC_URL)

    async def call(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        answer = await self.http.request(method, path, json=body, headers={"Authorization": "Bearer s_an"})
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def troubles(self) -> Any:
        return await self.call("GET", "/api/desk/sms")

    async def again(self, shopper: Shopper, number: str = "", *, act_id: str = "", status: int = 200) -> Any:
        body = {"id": act_id or new_id(), **({"number": number} if number else {})}
        return await self.call("POST", f"/api/desk/sms/{shopper.order.order_id}/send", body, status=status)

    async def failed(self, *troubles: str) -> Shopper:
        """A paid order whose SMS the provider refuses for good."""
        self.store.sandbox.book.plan(troubles or ["unsubscribed"])
        shopper = await paid(self.store)
        await self.store.give(shopper)
        await self.store.work()
        return shopper

    @property
    def numbers(self) -> list[str]:
        return [one.number for one in self.store.sandbox.book.messages]


def _staff(_: Connection, __: str) -> Principal:
    return STAFF


async def _no_return(return_id: str) -> Any:
    raise AssertionError(return_id)


async def paid(store: TextingTill) -> Shopper:
    shopper = await store.till.order(MILK)
    payment = await shopper.start_payment()
    await store.till.bank.press(payment["action"]["url"])
    await store.till.bank.send()
    await store.till.receipts._follower.catch_up()
    return shopper


@pytest.fixture(params=KINDS)
async def desk(request: pytest.FixtureRequest, till: Till, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Desk]:
    async with texting_till(till, tmp_path, clock, request.param) as store:
        made = Desk(store)
        yield made
        await made.http.aclose()


@pytest.fixture
async def aliyun(till: Till, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Desk]:
    async with texting_till(till, tmp_path, clock, "aliyun") as store:
        made = Desk(store)
        yield made
        await made.http.aclose()


async def test_what_failed_is_told_in_words_and_goes_to_another_number(desk: Desk) -> None:
    shopper = await desk.failed()
    (one,) = await desk.troubles()
    assert (one["order_number"], one["status"], one["number"]) == (shopper.order.number, "failed", "+86 ••••00")
    assert (one["number_kept"], one["sends"]) == (False, 1)
    assert one["zh"] in {"运营商不接受这个号码", "这个号码不收此类短信"}, "what the provider says, in words"
    assert DIGITS not in str(one)
    sent = await desk.again(shopper, "139 0013 9000")
    assert (sent["status"], sent["number"]) == ("due", "+86 ••••00")
    assert await desk.troubles() == []
    await desk.store.work()
    assert desk.numbers == [f"+86{OTHER}"]


async def test_each_act_is_one_sms_and_is_in_the_journal(aliyun: Desk, clock: ManualClock) -> None:
    shopper = await aliyun.failed("unsubscribed")
    act = new_id()
    await asyncio.gather(*(aliyun.again(shopper, OTHER, act_id=act) for _ in range(5)))
    await asyncio.gather(*(aliyun.store.work() for _ in range(3)))
    await aliyun.again(shopper, OTHER, act_id=act)
    clock.advance(30)
    await aliyun.store.work()
    assert aliyun.numbers == [f"+86{OTHER}"]
    ((_, told),) = await aliyun.store.till.events("receipt.sms_sent_again")
    assert (told["before"], told["number"], told["order_id"]) == ("failed", "other", shopper.order.order_id)
    assert OTHER not in str(await aliyun.store.till.events())


async def test_another_act_after_another_failure_is_another_sms(aliyun: Desk) -> None:
    shopper = await aliyun.failed("unsubscribed", "unsubscribed")
    await aliyun.again(shopper, OTHER)
    await aliyun.store.work()
    (one,) = await aliyun.troubles()
    assert one["sends"] == 2
    await aliyun.again(shopper, DIGITS)
    await aliyun.store.work()
    assert aliyun.numbers == [f"+86{DIGITS}"]
    assert len(await aliyun.store.till.events("receipt.sms_sent_again")) == 2


async def test_without_the_number_it_has_to_be_asked_for(aliyun: Desk) -> None:
    shopper = await aliyun.failed()
    assert (await aliyun.again(shopper, status=409))["code"] == "number_gone"
    for wrong in ("12345", "010 6552 9988"):
        refused = await aliyun.again(shopper, wrong, status=422)
        assert refused["code"] == "number_refused"
        assert wrong not in str(refused)
    assert len(await aliyun.troubles()) == 1


async def test_what_waits_is_shown_after_a_minute_and_only_hastened(aliyun: Desk, clock: ManualClock) -> None:
    shopper = await aliyun.failed("limit")
    assert await aliyun.troubles() == [], "the provider may have a slow minute"
    aliyun.store.sandbox.book.plan(["limit"] * 2)
    for _ in range(2):
        clock.advance(TROUBLED_S // 2 + 1)
        await aliyun.store.work()
    (one,) = await aliyun.troubles()
    assert (one["status"], one["number_kept"], one["zh"]) == ("due", True, "短信发送太频繁")
    assert await aliyun.store.work() == 0, "it pauses"
    await aliyun.again(shopper)
    await aliyun.store.work()
    assert aliyun.numbers == [f"+86{DIGITS}"]
    ((_, told),) = await aliyun.store.till.events("receipt.sms_sent_again")
    assert (told["before"], told["number"]) == ("due", "same")


async def test_a_doubtful_one_may_be_sent_a_second_time_on_purpose(aliyun: Desk, clock: ManualClock) -> None:
    shopper = await aliyun.failed("lost_answer")
    clock.advance(TROUBLED_S + 1)
    (one,) = await aliyun.troubles()
    assert (one["status"], one["en"]) == ("uncertain", "Nobody knows whether it went out.")
    await aliyun.again(shopper)
    await aliyun.store.work()
    assert aliyun.numbers == [f"+86{DIGITS}"] * 2


@pytest.mark.parametrize("arrived", [False, True])
async def test_what_did_not_fail_is_not_sent_again(aliyun: Desk, clock: ManualClock, *, arrived: bool) -> None:
    shopper = await paid(aliyun.store)
    await aliyun.store.give(shopper)
    await aliyun.store.work()
    if arrived:
        clock.advance(11)
        await aliyun.store.work()
    assert (await aliyun.again(shopper, OTHER, status=409))["code"] == "sms_not_failed"
    await aliyun.store.work()
    assert aliyun.numbers == [f"+86{DIGITS}"]


async def test_an_order_that_nobody_wants_texted_is_left_alone(aliyun: Desk) -> None:
    shopper = await paid(aliyun.store)
    await aliyun.again(shopper, OTHER, status=404)


async def test_it_ends_at_some_point(aliyun: Desk) -> None:
    shopper = await aliyun.failed(*["unsubscribed"] * (SENT_AGAIN_MAX + 1))
    for _ in range(SENT_AGAIN_MAX - 1):
        await aliyun.again(shopper, OTHER)
        await aliyun.store.work()
    assert (await aliyun.again(shopper, OTHER, status=429))["code"] == "numbers_used_up"


async def test_an_old_failure_is_not_shown_for_ever(aliyun: Desk, clock: ManualClock) -> None:
    await aliyun.failed()
    clock.advance(TROUBLED_DAYS * 86_400 + 1)
    assert await aliyun.troubles() == []


async def test_an_act_that_was_done_is_done_however_late_it_comes_again(aliyun: Desk) -> None:
    shopper = await aliyun.failed("unsubscribed", "unsubscribed")
    act = new_id()
    await aliyun.again(shopper, OTHER, act_id=act)
    await aliyun.store.work()
    await aliyun.again(shopper, DIGITS)
    aliyun.store.sandbox.book.plan(["unsubscribed"])
    await aliyun.store.work()
    sent = await aliyun.again(shopper, OTHER, act_id=act)
    assert sent["status"] == "failed", "it stays as the later act left it"
    assert len(await aliyun.store.till.events("receipt.sms_sent_again")) == 2


async def test_an_act_that_only_hastened_hastens_once(aliyun: Desk, clock: ManualClock) -> None:
    shopper = await aliyun.failed("limit")
    act = new_id()
    await aliyun.again(shopper, act_id=act)
    aliyun.store.sandbox.book.plan(["limit"])
    await aliyun.store.work()
    clock.advance(1)
    await aliyun.again(shopper, act_id=act)
    assert await aliyun.store.work() == 0, "it pauses still"
    aliyun.store.sandbox.book.plan(["unsubscribed"])
    await aliyun.again(shopper)
    await aliyun.store.work()
    await aliyun.again(shopper, OTHER, act_id=act)
    await aliyun.store.work()
    assert aliyun.numbers == []
    assert len(await aliyun.store.till.events("receipt.sms_sent_again")) == 2
