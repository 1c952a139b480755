"""The client against a gateway that answers oddly: nothing but a fresh answer signed by WeChat Pay is believed."""

import gzip
import hashlib
import json
import logging
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from tests.providers.wechat_pay.shop import Shop, attempt, charge, refund

from unqueue.kernel.money import Money
from unqueue.providers.port import Action, ProviderRefused, ProviderUnavailable, RefundState
from unqueue.providers.wechat_pay import signing
from unqueue.providers.wechat_pay.client import WeChatPay

pytestmark = pytest.mark.anyio
Answer = Callable[[httpx.Request], httpx.Response]


class OddGateway:
    """Answers what it is told to, signed as WeChat Pay would unless told otherwise; keeps what it was asked."""

    def __init__(self, shop: Shop) -> None:
        self.asked: list[httpx.Request] = []
        self.answer: Answer = lambda _: self.signed({})
        self._secrets = shop.app.secrets

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.answer(request)

    def signed(self, facts: Any, status: int = 200, *, age_s: int = 0, **changes: str) -> httpx.Response:
        body = b"" if facts is None else json.dumps(facts).encode()
        at_s = int(time.time()) - age_s
        headers = signing.headers_of(self._secrets.key, self._secrets.public_key_id, at_s, "n", body)
        return httpx.Response(status, headers={**headers, **changes}, content=body)


@pytest.fixture
def gateway(shop: Shop) -> OddGateway:
    return OddGateway(shop)


@pytest.fixture
def client(shop: Shop, gateway: OddGateway) -> WeChatPay:
    return shop.client(httpx.MockTransport(gateway))


def transaction(state: str = "SUCCESS", **changes: Any) -> dict[str, Any]:
    facts = {
        "mchid": "1900000109",
        "out_trade_no": ASKED.attempt_id,
        "trade_state": state,
        "transaction_id": "42001",
        "attach": "order-1,104729389",
        "amount": {"total": 1290, "payer_total": 1000, "currency": "CNY"},
    }
    return {**facts, **changes}


ASKED = attempt()
REFUND = refund(290)


def refunded(status: str, **changes: Any) -> dict[str, Any]:
    facts = {
        "refund_id": "503",
        "out_refund_no": REFUND.refund_id,
        "out_trade_no": ASKED.attempt_id,
        "status": status,
        "amount": {"refund": 290, "total": 1290, "currency": "CNY"},
    }
    return {**facts, **changes}


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("SUCCESS", "succeeded"),
        ("REFUND", "succeeded"),
        ("NOTPAY", "pending"),
        ("USERPAYING", "pending"),
        ("ACCEPT", "pending"),
        ("CLOSED", "closed"),
        ("REVOKED", "closed"),
        ("PAYERROR", "failed"),
    ],
)
async def test_trade_states(client: WeChatPay, gateway: OddGateway, state: str, status: str) -> None:
    gateway.answer = lambda _: gateway.signed(transaction(state))
    told = await client.query(charge(ASKED))
    assert (told.status, told.order_id, told.reference) == (status, "order-1", "42001")
    assert told.amount == Money(1290, "CNY"), "the order's total, whatever coupon of WeChat Pay the shopper used"


@pytest.mark.parametrize(
    ("state", "status"),
    [("SUCCESS", "succeeded"), ("PROCESSING", "pending"), ("CLOSED", "failed"), ("ABNORMAL", "failed")],
)
async def test_refund_states(client: WeChatPay, gateway: OddGateway, state: str, status: Any) -> None:
    gateway.answer = lambda _: gateway.signed(refunded(state))
    assert await client.refund(REFUND, charge(ASKED)) == RefundState(status, Money(290, "CNY"), "503")
    assert await client.query_refund(REFUND, charge(ASKED)) == RefundState(status, Money(290, "CNY"), "503")


async def test_answers_that_are_none(client: WeChatPay, gateway: OddGateway) -> None:
    good = gateway.signed(transaction())
    bare = httpx.Response(200, json=transaction())
    other_key = generate_private_key(public_exponent=65537, key_size=2048)
    serial = good.headers[signing.SERIAL]
    forged = signing.headers_of(other_key, serial, int(time.time()), "n", good.content)
    for answer, problem in (
        (bare, "header_missing"),
        (gateway.signed(transaction(), age_s=301), "timestamp_stale"),
        (gateway.signed(transaction(), age_s=-302), "timestamp_stale"),
        (gateway.signed(transaction(), **{signing.SERIAL: "PUB_KEY_ID_1"}), "key_unknown"),
        (gateway.signed(transaction(), **{signing.SERIAL: "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"}), "key_unknown"),
        (gateway.signed(transaction(), **{signing.NONCE: "other"}), "signature_invalid"),
        (httpx.Response(200, headers=good.headers, content=good.content + b" "), "signature_invalid"),
        (httpx.Response(200, headers=forged, content=good.content), "signature_invalid"),
        (httpx.Response(404, json={"code": "ORDER_NOT_EXIST", "message": ""}), "header_missing"),
        (gateway.signed({"code": "SYSTEM_ERROR", "message": ""}, 500), "status 500"),
        (gateway.signed({"code": "FREQUENCY_LIMITED", "message": ""}, 429), "status 429"),
        (gateway.signed({"code": "SYSTEM_ERROR", "message": "later"}, 400), "later"),
        (gateway.signed({}, 302), "status 302"),
        (gateway.signed({"mchid": "1900000109"}), "out_trade_no"),
        (gateway.signed(transaction("DANCING")), "trade_state DANCING"),
        (gateway.signed(transaction(amount=None)), "trade_state SUCCESS"),
        (gateway.signed(transaction(mchid="1900000110")), "another order"),
        (gateway.signed(transaction(out_trade_no="b" * 32)), "another order"),
        (gateway.signed("x" * 1_000_001), "status 200"),
    ):
        gateway.asked.clear()
        gateway.answer = lambda _, answer=answer: answer
        with pytest.raises(ProviderUnavailable) as unheard:
            await client.query(charge(ASKED))
        assert problem in unheard.value.detail
        assert len(gateway.asked) == 1, "no certificate is fetched, whatever key is named"


async def test_another_refunds_answer_is_none(client: WeChatPay, gateway: OddGateway) -> None:
    for answer in (refunded("SUCCESS", out_refund_no="x"), refunded("SUCCESS", out_trade_no="x"), refunded("DANCING")):
        gateway.answer = lambda _, answer=answer: gateway.signed(answer)
        with pytest.raises(ProviderUnavailable):
            await client.query_refund(REFUND, charge(ASKED))


@pytest.mark.parametrize("error", [httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x")])
async def test_no_answer_is_told_as_such(client: WeChatPay, gateway: OddGateway, error: Exception) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    gateway.answer = fail
    with pytest.raises(ProviderUnavailable, match="no_answer"):
        await client.create(ASKED)


@pytest.mark.parametrize(
    ("refusal", "state", "status"),
    [
        ("ORDERPAID", "SUCCESS", "succeeded"),
        ("ORDER_CLOSED", "CLOSED", "closed"),
        ("INVALID_REQUEST", "PAYERROR", "failed"),
        ("INVALID_REQUEST", "USERPAYING", None),
    ],
)
async def test_what_it_would_not_close_is_asked_for(
    client: WeChatPay, gateway: OddGateway, refusal: str, state: str, status: str | None
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/close"):
            return gateway.signed({"code": refusal, "message": ""}, 400)
        return gateway.signed(transaction(state))

    gateway.answer = answer
    if status is None:
        with pytest.raises(ProviderRefused, match="INVALID_REQUEST"):
            await client.close(charge(ASKED))
    else:
        assert (await client.close(charge(ASKED))).status == status


async def test_an_order_that_is_paid_leaves_nothing_to_do(client: WeChatPay, gateway: OddGateway) -> None:
    gateway.answer = lambda _: gateway.signed({"code": "ORDERPAID", "message": "该订单已支付"}, 400)
    assert await client.create(ASKED) == Action("none")


async def test_what_is_asked(client: WeChatPay, gateway: OddGateway, shop: Shop) -> None:
    """The body byte for byte as it was signed, and the signature is the merchant's."""
    gateway.answer = lambda _: gateway.signed({"code_url": "weixin://wxpay/bizpayurl?pr=x"})
    asked = attempt(subject_zh="面" * 200, expires_us=1_767_323_045_000_000)
    await client.create(asked)
    request = gateway.asked[0]
    assert (request.method, request.url.raw_path) == ("POST", b"/v3/pay/transactions/native")
    assert json.loads(request.content) == {
        "appid": "wxd678efh567hg6787",
        "mchid": "1900000109",
        "description": "面" * 127,
        "out_trade_no": asked.attempt_id,
        "time_expire": "2026-01-02T11:04:05+08:00",
        "attach": f"{asked.order_id},104729389",
        "notify_url": "https://store.example/n",
        "amount": {"total": 1290, "currency": "CNY"},
    }
    fields = dict(part.split("=", 1) for part in request.headers["authorization"].partition(" ")[2].split(","))
    fields = {name: value.strip('"') for name, value in fields.items()}
    signed = signing.read_headers(
        {
            signing.TIMESTAMP: fields["timestamp"],
            signing.NONCE: fields["nonce_str"],
            signing.SERIAL: "",
            signing.SIGNATURE: fields["signature"],
        }
    )
    text = signing.request_text(
        "POST", "/v3/pay/transactions/native", signed.timestamp_s, signed.nonce, request.content
    )
    assert signing.is_signed(shop.app.secrets.merchant_public_key, signed.signature, text)


async def test_other_currencies_are_refused_before_anything_is_asked(client: WeChatPay, gateway: OddGateway) -> None:
    dollars = attempt(amount=Money(500, "USD"))
    with pytest.raises(ProviderRefused, match="takes CNY, not USD"):
        await client.create(dollars)
    with pytest.raises(ProviderRefused, match="takes CNY, not USD"):
        await client.refund(refund(1, amount=Money(1, "USD")), charge(ASKED))
    assert gateway.asked == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"channel": "page", "client_ip": ""}, "client_ip_missing"), ({"channel": "in_wallet"}, "payer_missing")],
)
async def test_what_a_channel_needs_is_told(client: WeChatPay, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(ProviderRefused, match=code):
        await client.create(attempt(**changes))


async def test_an_openid_that_can_not_be_had(
    client: WeChatPay, gateway: OddGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for answer, error in (
        (httpx.Response(200, json={"errcode": 40163, "errmsg": "code been used"}), ProviderRefused),
        (httpx.Response(200, json={"errcode": -1, "errmsg": "system error"}), ProviderUnavailable),
        (httpx.Response(200, json={}), ProviderRefused),
        (httpx.Response(200, text="<html>"), ProviderUnavailable),
        (httpx.Response(503), ProviderUnavailable),
    ):
        gateway.answer = lambda _, answer=answer: answer
        with pytest.raises(error) as told:
            await client.identify("code-1")
        assert shop_secret(gateway) not in str(told.value)
    assert shop_secret(gateway) in str(gateway.asked[0].url), "WeChat wants it there"
    assert shop_secret(gateway) not in caplog.text


def shop_secret(gateway: OddGateway) -> str:
    return gateway._secrets.app_secret


async def test_a_bill_is_the_file_whose_hash_was_signed(client: WeChatPay, gateway: OddGateway) -> None:
    bill = "交易时间".encode()
    digest = hashlib.sha1(bill).hexdigest()

    def answer_with(file: bytes, hash_value: str, hash_type: str = "SHA1") -> Answer:
        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/v3/billdownload/file":
                return httpx.Response(200, content=file)
            url = "https://elsewhere.example/v3/billdownload/file?token=a%2Fb"
            return gateway.signed({"download_url": url, "hash_type": hash_type, "hash_value": hash_value})

        return answer

    gateway.answer = answer_with(gzip.compress(bill), digest)
    assert await client.trade_bill(date(2026, 1, 2)) == bill
    first, second = gateway.asked
    assert first.url.raw_path == b"/v3/bill/tradebill?bill_date=2026-01-02&bill_type=ALL&tar_type=GZIP"
    assert second.url.raw_path == b"/v3/billdownload/file?token=a%2Fb"
    assert second.url.host == "127.0.0.1", "our signature goes to our gateway only"
    for wrong in (
        answer_with(gzip.compress(bill + b"x"), digest),
        answer_with(bill, digest),
        answer_with(b"", digest),
        answer_with(gzip.compress(bill)[:-4], digest),
        answer_with(gzip.compress(bill), digest, "SM3"),
    ):
        gateway.answer = wrong
        with pytest.raises(ProviderUnavailable, match="bill_malformed"):
            await client.trade_bill(date(2026, 1, 2))
