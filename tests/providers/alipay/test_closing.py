"""What the client makes of answers that the sandbox can't be brought to give at the right moment: a race, a fault."""

import base64
from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from tests.support.alipay import APP, SELLER

from unqueue.kernel.clock import SystemClock
from unqueue.kernel.money import Money
from unqueue.providers.alipay import keys, signing
from unqueue.providers.alipay.client import Alipay
from unqueue.providers.alipay.sandbox import words
from unqueue.providers.port import Attempt, Charge, ProviderRefused, ProviderUnavailable, RefundRequest

pytestmark = pytest.mark.anyio

CHARGE = Charge(attempt_id="a" * 32, amount=Money(1290, "CNY"), created_us=0)
REQUEST = RefundRequest(refund_id="r1", amount=Money(290, "CNY"), created_us=0)
ATTEMPT = Attempt(
    attempt_id="a" * 32,
    order_id="o",
    order_number="1",
    amount=Money(1290, "CNY"),
    subject_zh="3 件商品",
    subject_en="3 items",
    return_url="https://store.example/o",
    notify_url="https://store.example/n",
    created_us=0,
    expires_us=900_000_000,
    channel="qr",
)
CLOSE, CANCEL, QUERY = "alipay.trade.close", "alipay.trade.cancel", "alipay.trade.query"
NOT_EXIST = {"code": "40004", "sub_code": "ACQ.TRADE_NOT_EXIST"}
NOT_NOW = {"code": "40004", "sub_code": "ACQ.TRADE_STATUS_ERROR"}
DONE = {"code": "10000", "out_trade_no": "a" * 32}
PAID = {**DONE, "trade_no": "2026", "total_amount": "12.90", "trade_status": "TRADE_SUCCESS"}

Answers = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> RSAPrivateKey:
    return keys.load_private_key(keys.ensure_key_pair(tmp_path_factory.mktemp("keys"), "alipay")[0])


def account(key: RSAPrivateKey, answer: Callable[[httpx.Request], httpx.Response]) -> Alipay:
    return Alipay(
        provider_id="alipay",
        merchant_id=SELLER,
        app_id=APP,
        gateway="https://gateway.example/gateway.do",
        key=key,
        alipay_key=key.public_key(),
        clock=SystemClock(),
        transport=httpx.MockTransport(answer),
    )


def saying(key: RSAPrivateKey, answers: Answers) -> Alipay:
    """A gateway that says the same for each method, and nothing else."""

    def answer(request: httpx.Request) -> httpx.Response:
        method = request.url.params["method"]
        return httpx.Response(200, content=words.answer(signing.member_of(method), answers[method], key))

    return account(key, answer)


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ({CLOSE: {**DONE, "trade_no": "2026"}}, "closed"),
        ({CLOSE: NOT_EXIST, CANCEL: {**DONE, "retry_flag": "N"}}, "closed"),
        ({CLOSE: NOT_EXIST, CANCEL: {**DONE, "retry_flag": "N", "action": "close"}}, "closed"),
        ({CLOSE: NOT_EXIST, CANCEL: {**DONE, "retry_flag": "N", "action": "refund"}}, "closed"),
        ({CLOSE: NOT_EXIST, CANCEL: NOT_EXIST, QUERY: NOT_EXIST}, "unknown"),
        ({CLOSE: NOT_EXIST, CANCEL: NOT_NOW, QUERY: PAID}, "succeeded"),
        ({CLOSE: NOT_NOW, QUERY: PAID}, "succeeded"),
        ({CLOSE: NOT_NOW, QUERY: {**PAID, "trade_status": "TRADE_CLOSED"}}, "closed"),
        ({CLOSE: NOT_NOW, QUERY: {**PAID, "trade_status": "TRADE_CLOSED", "send_pay_date": "2026"}}, "closed"),
    ],
)
async def test_closing(key: RSAPrivateKey, answers: Answers, status: str) -> None:
    """A revocation that gave the money back is not a payment: a store that sold for it would sell for nothing."""
    assert (await saying(key, answers).close(CHARGE)).status == status


@pytest.mark.parametrize(
    "answers",
    [
        {CLOSE: NOT_EXIST, CANCEL: {**DONE, "retry_flag": "Y"}},
        {CLOSE: NOT_NOW, QUERY: {**PAID, "trade_status": "WAIT_BUYER_PAY"}},
        {CLOSE: {"code": "20000", "sub_code": "isp.unknow-error"}},
        {CLOSE: {**DONE, "out_trade_no": "b" * 32}},
        {CLOSE: NOT_EXIST, CANCEL: {**DONE, "out_trade_no": "b" * 32}},
    ],
)
async def test_a_closing_that_may_not_have_worked_is_tried_again(key: RSAPrivateKey, answers: Answers) -> None:
    with pytest.raises(ProviderUnavailable):
        await saying(key, answers).close(CHARGE)


REFUND, ASKED = "alipay.trade.refund", "alipay.trade.fastpay.refund.query"
BACK = {**DONE, "out_request_no": "r1", "refund_status": "REFUND_SUCCESS", "refund_amount": "2.90"}


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ({REFUND: {**DONE, "fund_change": "Y", "refund_fee": "12.90"}}, "succeeded"),
        ({REFUND: {**DONE, "fund_change": "N"}, ASKED: BACK}, "succeeded"),
        ({REFUND: {**DONE, "fund_change": "N"}, ASKED: {"code": "10000"}}, "unknown"),
        ({REFUND: DONE, ASKED: BACK}, "succeeded"),
    ],
)
async def test_a_refund_is_done_when_money_moved(key: RSAPrivateKey, answers: Answers, status: str) -> None:
    """``refund_fee`` is the sum of all refunds, and a repeated request says that nothing changed."""
    state = await saying(key, answers).refund(REQUEST, CHARGE)
    assert state.status == status
    assert state.amount == (REQUEST.amount if status == "succeeded" else None)


async def test_answers_about_another_trade_are_no_answers(key: RSAPrivateKey) -> None:
    other = {**PAID, "out_trade_no": "b" * 32, "fund_change": "Y", "qr_code": "https://qr.alipay.com/x"}
    client = saying(key, {QUERY: other, REFUND: other, "alipay.trade.precreate": other})
    for call in (client.query(CHARGE), client.refund(REQUEST, CHARGE), client.create(ATTEMPT)):
        with pytest.raises(ProviderUnavailable, match="answer_mismatch"):
            await call


async def test_a_code_is_an_address(key: RSAPrivateKey) -> None:
    for code in ("", "javascript:alert(1)", "alipays://x"):
        client = saying(key, {"alipay.trade.precreate": {**DONE, "qr_code": code}})
        with pytest.raises(ProviderUnavailable):
            await client.create(ATTEMPT)


def broken(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("nobody there")


@pytest.mark.parametrize(
    "answer",
    [
        broken,
        lambda _: httpx.Response(502, content=b"busy"),
        lambda _: httpx.Response(302, headers={"location": "https://evil.example"}),
        lambda _: httpx.Response(200, content=b"<html>"),
        lambda _: httpx.Response(200, content=b"{" + b" " * 1_000_001),
        lambda _: httpx.Response(200, content=b'{"alipay_trade_query_response":{"code":"40004","sub_code":"X"}}'),
        lambda _: httpx.Response(200, content=b'{"error_response":{"code":"40002"},"sign":"AAAA"}'),
    ],
)
async def test_what_is_no_answer_of_alipay_is_not_believed(key: RSAPrivateKey, answer: Any) -> None:
    with pytest.raises(ProviderUnavailable):
        await account(key, answer).query(CHARGE)


async def test_a_request_is_what_the_gateway_wants(key: RSAPrivateKey) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=words.answer("alipay_trade_query_response", NOT_EXIST, key))

    await account(key, answer).query(CHARGE)
    query, form = dict(seen[0].url.params), parse_qs(seen[0].content.decode())
    parameters = {**query, "biz_content": form["biz_content"][0]}
    assert set(form) == {"biz_content"}
    assert {name: query[name] for name in ("charset", "format", "version", "sign_type")} == {
        "charset": "utf-8",
        "format": "JSON",
        "version": "1.0",
        "sign_type": "RSA2",
    }
    assert base64.b64decode(query["sign"])
    assert signing.verify(key.public_key(), query["sign"], signing.request_text(parameters))


async def test_a_bill_that_does_not_come_is_told(key: RSAPrivateKey) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(404)
        content = {"code": "10000", "bill_download_url": "https://bills.example/x"}
        method = request.url.params["method"]
        return httpx.Response(200, content=words.answer(signing.member_of(method), content, key))

    with pytest.raises(ProviderUnavailable, match="bill_failed"):
        await account(key, answer).download_bill(date(2026, 1, 2))
    nowhere = saying(key, {"alipay.data.dataservice.bill.downloadurl.query": {"code": "10000"}})
    with pytest.raises(ProviderUnavailable):
        await nowhere.download_bill(date(2026, 1, 2))
    with pytest.raises(ProviderRefused):
        await saying(key, {"alipay.data.dataservice.bill.downloadurl.query": NOT_EXIST}).download_bill(date(2026, 1, 2))
