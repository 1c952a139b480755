"""The client against the gateway's own code, with a clock that the test moves, and against a gateway that lies."""

import shutil
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from tests.support.unionpay import answering, chain_of, merchant_signer

from unqueue.kernel.clock import ManualClock, micros
from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.providers.port import (
    Attempt,
    Charge,
    Notification,
    NotificationRefused,
    ProviderRefused,
    ProviderUnavailable,
    RefundNotification,
    RefundRequest,
)
from unqueue.providers.unionpay import messages
from unqueue.providers.unionpay.client import UnionPay
from unqueue.providers.unionpay.sandbox.app import SandboxApp
from unqueue.providers.unionpay.sandbox.authority import Authority
from unqueue.providers.unionpay.sandbox.command import DEMO
from unqueue.providers.unionpay.sandbox.options import Merchant, Options
from unqueue.providers.unionpay.signing import Signer

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # in Beijing
TOTAL = Money(1290, "CNY")
MINUTE = 60


class Till:
    """A store's account, the gateway behind it, and the shopper in front of it."""

    def __init__(self, directory: Path, signer: Signer, **options: Any) -> None:
        self.directory = directory
        self.clock = ManualClock(NOON)
        merchant = Merchant(merchant_id=DEMO, certificate_file=directory / f"{DEMO}.cer")
        self.told: list[bytes] = []
        self.app = SandboxApp(
            Options(data_dir=directory, merchants=(merchant,), public_url="http://gateway", **options),
            clock=self.clock,
            notify_transport=httpx.MockTransport(self._hear),
        )
        self.asked: list[dict[str, str]] = []
        self.lost = 0
        self._inner = httpx.ASGITransport(self.app.asgi)
        self.provider = UnionPay(
            provider_id="unionpay",
            merchant_id=DEMO,
            url="http://gateway",
            signer=signer,
            chain=chain_of(directory),
            clock=self.clock,
            refund_notify_url="http://store/told",
            transport=self,  # type: ignore[arg-type]  # it has what a transport needs
        )

    def _hear(self, request: httpx.Request) -> httpx.Response:
        self.told.append(request.content)
        return httpx.Response(200, content=b"ok")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Hand a request on, and lose the answer where the test wants it."""
        self.asked.append(messages.parse_form(await request.aread()))
        response = await self._inner.handle_async_request(request)
        if self.lost and request.url.path == messages.BACK:
            self.lost -= 1
            raise httpx.ReadTimeout("lost")
        return response

    async def aclose(self) -> None:
        await self.app.notifier.stop()

    def attempt(self, **changes: Any) -> Attempt:
        now_us = micros(self.clock.now())
        plain: dict[str, Any] = {
            "attempt_id": new_id(),
            "order_id": new_id(),
            "order_number": "104729389",
            "amount": TOTAL,
            "subject_zh": "3 件商品",
            "subject_en": "3 items",
            "return_url": "https://store.example/o/x",
            "notify_url": "http://store/told",
            "created_us": now_us,
            "expires_us": now_us + 15 * MINUTE * 1_000_000,
        }
        return Attempt(**{**plain, **changes})

    def refund_of(self, amount: Money) -> RefundRequest:
        return RefundRequest(refund_id=new_id(), amount=amount, created_us=micros(self.clock.now()))

    async def opened(self, attempt: Attempt) -> str:
        """The shopper's browser goes to the gateway; the token of the cashier page."""
        action = await self.provider.create(attempt)
        async with httpx.AsyncClient(transport=self._inner) as browser:
            answer = await browser.post(action.url, data=action.fields)
        return answer.headers.get("location", "").rpartition("/")[2]

    async def paid(self, **changes: Any) -> Charge:
        attempt = self.attempt(**changes)
        self.app.book.pay(await self.opened(attempt))
        return charge_of(attempt)

    def back_transactions(self) -> list[str]:
        return [fields["txnType"] for fields in self.asked if fields["txnType"] in {"04", "31"}]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("authority")
    Authority(made, NOON).enrol(DEMO)
    return made


def charge_of(attempt: Attempt) -> Charge:
    return Charge(attempt_id=attempt.attempt_id, amount=attempt.amount, created_us=attempt.created_us)


@pytest.fixture(scope="module")
def signer(directory: Path) -> Signer:
    return merchant_signer(directory)


@pytest.fixture
async def open_till(directory: Path, signer: Signer, tmp_path: Path) -> AsyncIterator[Callable[..., Till]]:
    """A till with new books; the certificates are made once, for that takes a second."""
    tills: list[Till] = []
    shutil.copytree(directory, tmp_path, dirs_exist_ok=True)

    def make(**options: Any) -> Till:
        tills.append(Till(tmp_path, signer, **options))
        return tills[-1]

    yield make
    for till in tills:
        await till.provider.stop()
        till.app.book.store.close()


@pytest.fixture
def till(open_till: Callable[..., Till]) -> Till:
    return open_till()


async def test_the_form_says_what_is_paid_by_when_and_for_whom(till: Till) -> None:
    attempt = till.attempt()
    action = await till.provider.create(attempt)
    assert (action.kind, action.url) == ("form", "http://gateway/gateway/api/frontTransReq.do")
    expected = {
        "version": "5.1.0",
        "txnType": "01",
        "txnSubType": "01",
        "bizType": "000201",
        "channelType": "08",
        "merId": DEMO,
        "orderId": attempt.attempt_id,
        "txnTime": "20261122120000",
        "payTimeout": "20261122121500",
        "txnAmt": "1290",
        "currencyCode": "156",
        "frontUrl": attempt.return_url,
        "backUrl": attempt.notify_url,
        "reqReserved": f"{attempt.order_id}|104729389|20261122121500",
    }
    assert expected.items() <= action.fields.items()
    assert till.asked == [], "the gateway hears of it from the browser"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": Money(100, "USD")}, "currency_unknown"),
        ({"amount": Money(0, "CNY")}, "amount_invalid"),
        ({"channel": "qr"}, "channel_unknown"),
    ],
)
async def test_what_the_gateway_can_not_do_is_refused(till: Till, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(ProviderRefused) as refused:
        await till.provider.create(till.attempt(**changes))
    assert refused.value.code == code


async def test_an_attempt_from_the_page_to_its_end(till: Till) -> None:
    """Unknown until the browser is there, then pending: closing can't change that until the time is over."""
    attempt = till.attempt()
    charge = charge_of(attempt)
    assert (await till.provider.close(charge)).status == "unknown"
    await till.opened(attempt)
    assert (await till.provider.close(charge)).status == "pending"
    till.clock.advance(15 * MINUTE + 59)
    assert (await till.provider.close(charge)).status == "pending", "clocks differ"
    till.clock.advance(1)
    assert (await till.provider.query(charge)).status == "closed"
    assert await till.opened(till.attempt(expires_us=attempt.expires_us)) == "", "the gateway keeps the time"


async def test_money_that_comes_too_late_is_told_all_the_same(till: Till) -> None:
    attempt = till.attempt()
    token = await till.opened(attempt)
    till.clock.advance(20 * MINUTE)
    assert (await till.provider.close(charge_of(attempt))).status == "closed"
    till.app.book.pay(token, "after_close")
    state = await till.provider.close(charge_of(attempt))
    assert (state.status, state.amount, state.order_id) == ("succeeded", TOTAL, attempt.order_id)


async def test_a_question_may_be_answered_late(open_till: Callable[..., Till]) -> None:
    till = open_till(lag_s=5)
    charge = await till.paid()
    assert (await till.provider.query(charge)).status == "pending"
    with pytest.raises(ProviderUnavailable):
        await till.provider.refund(till.refund_of(TOTAL), charge)
    till.clock.advance(5)
    assert (await till.provider.query(charge)).status == "succeeded"


async def test_all_of_it_on_the_same_day_is_reversed(till: Till) -> None:
    charge = await till.paid()
    request = till.refund_of(TOTAL)
    state = await till.provider.refund(request, charge)
    assert (state.status, state.amount) == ("succeeded", TOTAL)
    assert await till.provider.query_refund(request, charge) == state
    assert till.back_transactions() == ["31"]


async def test_a_part_is_refunded(till: Till) -> None:
    charge = await till.paid()
    assert (await till.provider.refund(till.refund_of(Money(290, "CNY")), charge)).status == "succeeded"
    assert till.back_transactions() == ["04"]


async def test_after_the_clearing_day_it_is_refunded(till: Till) -> None:
    charge = await till.paid()
    till.clock.advance(11 * 60 * MINUTE)  # 23:00
    assert (await till.provider.refund(till.refund_of(TOTAL), charge)).status == "succeeded"
    assert till.back_transactions() == ["04"]


async def test_a_reversal_that_comes_after_the_clearing_day_becomes_a_refund_once(till: Till) -> None:
    """Decided before 23:00, tried after it, and the answer is lost: it goes on where it was."""
    charge = await till.paid()
    till.clock.advance(11 * 60 * MINUTE - 1)
    request = till.refund_of(TOTAL)
    till.clock.advance(2)
    till.lost = 1
    with pytest.raises(ProviderUnavailable):
        await till.provider.refund(request, charge)
    till.lost = 2
    till.asked.clear()
    with pytest.raises(ProviderUnavailable):
        await till.provider.refund(request, charge)
    till.lost = 0
    state = await till.provider.refund(request, charge)
    assert (state.status, state.amount) == ("succeeded", TOTAL)
    assert await till.provider.query_refund(request, charge) == state
    assert till.app.book.refunded(till.app.book.find(DEMO, charge.attempt_id)) == TOTAL


@pytest.mark.parametrize("part", [TOTAL, Money(290, "CNY")])
async def test_a_refund_whose_answer_is_lost_is_the_same_refund(till: Till, part: Money) -> None:
    charge = await till.paid()
    request = till.refund_of(part)
    till.lost = 1
    with pytest.raises(ProviderUnavailable):
        await till.provider.refund(request, charge)
    state = await till.provider.refund(request, charge)
    assert (state.status, state.amount) == ("succeeded", part)
    assert len(till.back_transactions()) == 1, "it is asked about before it is sent again"
    assert till.app.book.refunded(till.app.book.find(DEMO, charge.attempt_id)) == part


async def test_a_refund_takes_its_time(open_till: Callable[..., Till]) -> None:
    till = open_till(refund_s=60)
    charge = await till.paid()
    request = till.refund_of(Money(290, "CNY"))
    for _ in range(2):
        assert (await till.provider.refund(request, charge)).status == "pending"
    assert till.back_transactions() == ["04"]
    till.clock.advance(60)
    assert (await till.provider.query_refund(request, charge)).status == "succeeded"


async def test_what_the_gateway_tells(till: Till) -> None:
    charge = await till.paid()
    request = till.refund_of(TOTAL)
    await till.provider.refund(request, charge)
    await till.app.notifier.send_due()
    paid, returned = (till.provider.parse_notification({}, body) for body in till.told)
    assert isinstance(paid, Notification)
    assert (paid.attempt_id, paid.status, paid.amount) == (charge.attempt_id, "succeeded", TOTAL)
    assert returned == RefundNotification(refund_id=request.refund_id, attempt_id=charge.attempt_id, merchant_id=DEMO)


async def test_a_notification_is_cut_up_anew_in_vain(till: Till) -> None:
    """The signed text shows no borders between fields: one that hides in another's value is not taken for it."""
    await till.paid()
    await till.app.notifier.send_due()
    fields = messages.parse_form(till.told[0])
    names = sorted(set(fields) - {"signature"})
    for first, second in pairwise(names):
        merged = {name: value for name, value in fields.items() if name not in {first, second}}
        merged[first] = f"{fields[first]}&{second}={fields[second]}"
        assert messages.signed_text(merged) == messages.signed_text(fields)
        with pytest.raises(NotificationRefused):
            till.provider.parse_notification({}, urlencode(merged).encode())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": "5.0.0"}, "signature_invalid"),
        ({"signMethod": "11"}, "signature_invalid"),
        ({"txnTime": "20261122120501"}, "timestamp_stale"),
        ({"txnTime": "20261121115959"}, "timestamp_stale"),
        ({"txnTime": "now"}, "body_malformed"),
        ({"txnType": "02"}, "body_malformed"),
        ({"reqReserved": "x"}, "body_malformed"),
        ({"txnAmt": "-5"}, "body_malformed"),
        ({"txnAmt": "1e3"}, "body_malformed"),
        ({"queryId": ""}, "body_malformed"),
    ],
)
async def test_signed_but_wrong_notifications_are_refused(till: Till, changes: dict[str, str], reason: str) -> None:
    await till.paid()
    await till.app.notifier.send_due()
    fields = {name: value for name, value in (messages.parse_form(till.told[0]) | changes).items() if value}
    body = urlencode(fields | {"signature": gateway_signer(till.directory).sign(fields)}).encode()
    with pytest.raises(NotificationRefused) as refused:
        till.provider.parse_notification({}, body)
    assert refused.value.reason == reason


def gateway_signer(directory: Path) -> Signer:
    gateway = Authority(directory, NOON).gateway
    return Signer(gateway.key, gateway.certificate)


CHARGE = Charge(attempt_id=new_id(), amount=TOTAL, created_us=micros(NOON))
FOUND = {
    "version": "5.1.0",
    "signMethod": "01",
    "merId": DEMO,
    "orderId": CHARGE.attempt_id,
    "txnTime": "20261122120000",
    "respCode": "00",
    "txnType": "01",
    "txnAmt": "1290",
    "currencyCode": "156",
    "queryId": "1",
}


def lying(directory: Path, after_s: int = 0, **said: str) -> UnionPay:
    """A client whose every question is answered so, with the gateway's own signature."""
    fields = {name: value for name, value in (FOUND | said).items() if value}
    whole = fields | {"signPubKeyCert": Authority(directory, NOON).gateway.pem}
    body = messages.answer_body(whole | {"signature": gateway_signer(directory).sign(whole)})
    clock = ManualClock(NOON)
    clock.advance(after_s)
    return answering(body, merchant_id=DEMO, chain=chain_of(directory), clock=clock)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("00", "succeeded"),
        ("A6", "succeeded"),
        ("05", "pending"),
        ("04", "pending"),
        ("06", "pending"),
        ("61", "failed"),
        ("01", "failed"),
        ("34", "unknown"),
    ],
)
async def test_what_codes_of_a_purchase_mean(directory: Path, code: str, status: str) -> None:
    state = await lying(directory, origRespCode=code).query(CHARGE)
    assert state.status == status
    assert (state.amount == TOTAL) == (status == "succeeded")


@pytest.mark.parametrize("code", ["02", "03", "04", "05", "06", "37"])
async def test_a_question_that_was_not_answered_is_asked_again(directory: Path, code: str) -> None:
    with pytest.raises(ProviderUnavailable):
        await lying(directory, respCode=code).query(CHARGE)


@pytest.mark.parametrize("code", ["10", "11", "31", "99", "xx"])
async def test_a_question_that_was_refused_is_not(directory: Path, code: str) -> None:
    with pytest.raises(ProviderRefused):
        await lying(directory, respCode=code, origRespCode="00").query(CHARGE)


@pytest.mark.parametrize(
    "said",
    [
        {"merId": "777000000000002"},
        {"orderId": new_id()},
        {"txnTime": "20261122120001"},
        {"origRespCode": ""},
        {"txnAmt": ""},
        {"txnAmt": "12.90"},
        {"version": "5.0.0"},
        {"signMethod": ""},
    ],
)
async def test_an_answer_that_does_not_fit_is_none(directory: Path, said: dict[str, str]) -> None:
    with pytest.raises(ProviderUnavailable):
        await lying(directory, **{"origRespCode": "00", **said}).query(CHARGE)


@pytest.mark.parametrize(("after_s", "status"), [(3600 + 59, "pending"), (3600 + 60, "closed")])
async def test_without_a_word_of_its_end_an_attempt_lives_an_hour(directory: Path, after_s: int, status: str) -> None:
    assert (await lying(directory, after_s, origRespCode="05").query(CHARGE)).status == status


@pytest.mark.parametrize("body", [b"", b"<html>busy</html>", b"respCode=00", b"\xff"])
async def test_an_unsigned_answer_is_none(directory: Path, body: bytes) -> None:
    provider = answering(body, merchant_id=DEMO, chain=chain_of(directory), clock=ManualClock(NOON))
    with pytest.raises(ProviderUnavailable):
        await provider.query(CHARGE)


async def test_an_id_that_stands_for_another_refund_is_refused(directory: Path) -> None:
    request = RefundRequest(refund_id=CHARGE.attempt_id, amount=Money(290, "CNY"), created_us=CHARGE.created_us)
    with pytest.raises(ProviderRefused) as refused:
        await lying(directory, origRespCode="00", txnType="04").query_refund(request, CHARGE)
    assert refused.value.code == "refund_conflict"
