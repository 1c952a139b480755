"""The sandbox: it takes what the merchant signed, once and fresh, and its shoppers get to the cashier by every way."""

import json
import time
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from tests.providers.wechat_pay.shop import URL, Shop, attempt, charge, refund

from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.providers.port import ProviderRefused
from unqueue.providers.wechat_pay import signing
from unqueue.providers.wechat_pay.bill import read_bill

pytestmark = pytest.mark.anyio

PATH = f"/v3/pay/transactions/out-trade-no/{'a' * 32}?mchid=1900000109"


class Merchant:
    """Signs requests by hand, so that they can be signed wrongly."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.key = shop.credentials.key

    def headers(self, method: str, path: str, body: bytes = b"", *, age_s: int = 0, **changes: str) -> dict[str, str]:
        at_s, nonce = int(time.time()) - age_s, f"n{time.monotonic_ns()}"
        fields = {
            "mchid": "1900000109",
            "nonce_str": nonce,
            "signature": signing.sign(self.key, signing.request_text(method, path, at_s, nonce, body)),
            "timestamp": str(at_s),
            "serial_no": self.shop.app.secrets.serial_number,
        }
        listed = ",".join(f'{name}="{value}"' for name, value in {**fields, **changes}.items())
        return {"Authorization": f"{signing.SCHEME} {listed}"}

    async def ask(self, method: str, path: str, body: bytes = b"", **changes: Any) -> tuple[int, str]:
        headers = self.headers(method, path, body, **changes)
        answer = await self.shop.http.request(method, path, content=body, headers=headers)
        return answer.status_code, answer.json()["code"] if answer.status_code >= 400 else ""


@pytest.fixture
def merchant(shop: Shop) -> Merchant:
    return Merchant(shop)


async def test_a_request_is_taken_once_and_for_what_it_says(shop: Shop, merchant: Merchant) -> None:
    headers = merchant.headers("GET", PATH)
    for method, path, body, code in (
        ("GET", PATH, b"", "ORDER_NOT_EXIST"),
        ("GET", PATH, b"", "SIGN_ERROR"),
        ("GET", PATH.replace("aaaa", "bbbb"), b"", "SIGN_ERROR"),
        ("GET", PATH.replace("1900000109", "1900000110"), b"", "SIGN_ERROR"),
        ("GET", PATH, b"{}", "SIGN_ERROR"),
    ):
        answer = await shop.http.request(method, path, content=body, headers=headers)
        assert answer.json()["code"] == code
        signed = signing.read_headers(answer.headers)
        keys = {shop.app.secrets.public_key_id: shop.credentials.platform_key}
        signing.verify(signed, answer.content, keys, time.time(), 300)


@pytest.mark.parametrize(
    "changes",
    [
        {"age_s": 302},
        {"age_s": -302},
        {"mchid": "1900000110"},
        {"serial_no": "00"},
        {"timestamp": "1"},
        {"timestamp": "x"},
        {"nonce_str": "other"},
        {"signature": "AAAA"},
        {"signature": "%"},
    ],
)
async def test_what_is_not_signed_just_so_is_refused(merchant: Merchant, changes: dict[str, Any]) -> None:
    assert await merchant.ask("GET", PATH, **changes) == (401, "SIGN_ERROR")


async def test_unsigned_and_strangers_requests_are_refused(shop: Shop, merchant: Merchant) -> None:
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": signing.SCHEME}):
        answer = await shop.http.get(PATH, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "SIGN_ERROR")
    merchant.key = generate_private_key(public_exponent=65537, key_size=2048)
    assert await merchant.ask("GET", PATH) == (401, "SIGN_ERROR")
    assert (await shop.http.get("/v3/billdownload/file?token=x")).status_code == 401


ORDER: dict[str, Any] = {
    "appid": "wxd678efh567hg6787",
    "mchid": "1900000109",
    "description": "3 件商品",
    "notify_url": "https://store.example/n",
    "amount": {"total": 1290, "currency": "CNY"},
}


@pytest.mark.parametrize(
    ("product", "changes", "refused"),
    [
        ("native", {}, (200, "")),
        ("native", {"appid": "wx0000000000000000"}, (400, "APPID_MCHID_NOT_MATCH")),
        ("native", {"mchid": "1900000110"}, (400, "APPID_MCHID_NOT_MATCH")),
        ("native", {"amount": {"total": 0}}, (400, "PARAM_ERROR")),
        ("native", {"amount": {"total": 1, "currency": "USD"}}, (400, "PARAM_ERROR")),
        ("native", {"out_trade_no": "short"}, (400, "PARAM_ERROR")),
        ("native", {"out_trade_no": "x" * 33}, (400, "PARAM_ERROR")),
        ("native", {"description": "面" * 128}, (400, "PARAM_ERROR")),
        ("native", {"attach": "x" * 129}, (400, "PARAM_ERROR")),
        ("native", {"notify_url": "https://store.example/n?x=1"}, (400, "PARAM_ERROR")),
        ("native", {"time_expire": "2020-01-01T00:00:00+08:00"}, (400, "PARAM_ERROR")),
        ("native", {"time_expire": "2099-01-01T00:00:00"}, (400, "PARAM_ERROR")),
        ("h5", {}, (400, "PARAM_ERROR")),
        ("h5", {"scene_info": {"payer_client_ip": "203.0.113.9"}}, (400, "PARAM_ERROR")),
        ("jsapi", {}, (400, "PARAM_ERROR")),
        ("jsapi", {"payer": {"openid": "oSomebodyElse"}}, (400, "PARAM_ERROR")),
        ("app", {}, (404, "NOT_FOUND")),
    ],
)
async def test_orders_are_looked_at(
    merchant: Merchant, product: str, changes: dict[str, Any], refused: tuple[int, str]
) -> None:
    body = json.dumps({**ORDER, "out_trade_no": new_id(), **changes}).encode()
    assert await merchant.ask("POST", f"/v3/pay/transactions/{product}", body) == refused


async def test_a_paid_order_is_found_by_either_number(shop: Shop, merchant: Merchant) -> None:
    client, asked = shop.client(), attempt()
    await shop.pay((await client.create(asked)).url)
    state = await client.query(charge(asked))
    path = f"/v3/pay/transactions/id/{state.reference}?mchid=1900000109"
    answer = await shop.http.get(path, headers=merchant.headers("GET", path))
    assert answer.json()["out_trade_no"] == asked.attempt_id
    with pytest.raises(ProviderRefused, match="OUT_TRADE_NO_USED"):
        await client.create(attempt(attempt_id=asked.attempt_id))
    assert (await client.create(asked)).kind == "none", "paid: nothing is left to do"
    await client.stop()


async def test_the_bridge_checks_what_the_page_was_given(shop: Shop) -> None:
    client = shop.client()
    action = await client.create(attempt(channel="in_wallet", payer=shop.app.orders.openid))
    asked = {**action.fields, "return_url": "https://store.example/o/x"}
    json_wanted = {"Accept": "application/json"}
    for name in ("appId", "timeStamp", "nonceStr", "package", "paySign", "signType"):
        wrong = {**asked, name: "1" if name == "timeStamp" else asked[name] + "x"}
        answer = await shop.http.post("/bridge", data=wrong, headers=json_wanted)
        assert answer.status_code == (404 if name == "package" else 400), name
    answer = await shop.http.post("/bridge", data=asked)
    assert answer.status_code == 303
    page = await shop.http.get(answer.headers["location"])
    assert "3 件商品" in page.text
    paid = await shop.http.post(answer.headers["location"], data={"action": "pay", "trouble": "none"})
    assert paid.headers["location"] == "https://store.example/o/x"
    assert (await shop.http.get("/bridge.js")).headers["content-type"].startswith("text/javascript")
    await client.stop()


async def test_h5_goes_to_the_cashier_and_home_again(shop: Shop) -> None:
    client, asked = shop.client(), attempt(channel="page")
    url = (await client.create(asked)).url
    opened = await shop.http.get(url)
    assert opened.status_code == 303
    paid = await shop.http.post(opened.headers["location"], data={"action": "pay", "trouble": "none"})
    assert paid.headers["location"] == asked.return_url
    lost = await shop.http.get(url.replace("package=", "package=9"))
    assert lost.headers["location"] == f"{URL}/pay/unknown"
    assert (await shop.http.get(lost.headers["location"])).status_code == 404
    await client.stop()


async def test_a_code_leads_a_phone_to_the_cashier(shop: Shop) -> None:
    client, asked = shop.client(), attempt()
    code = (await client.create(asked)).url
    assert code.startswith("weixin://wxpay/bizpayurl?pr=")
    opened = await shop.http.get("/scan", params={"code": f" {code} "})
    assert opened.status_code == 303
    page = await shop.http.get(f"/{opened.headers['location']}", headers={"Accept-Language": "en"})
    assert "WeChat Pay (sandbox)" in page.text
    assert "Back to the store" not in page.text, "the payment stands on another screen"
    done = await shop.http.post(f"/{opened.headers['location']}", data={"action": "pay", "trouble": "none"})
    assert (done.status_code, done.headers["location"]) == (303, "?")
    await client.stop()


async def test_a_shoppers_openid_is_had_once_for_a_code(shop: Shop) -> None:
    client = shop.client()
    there = client.identity_url("https://store.example/pay?x=1", "st&te")
    assert there.endswith("#wechat_redirect")
    back = urlsplit((await shop.http.get(there)).headers["location"])
    query = parse_qs(back.query)
    assert (back.netloc, query["x"], query["state"]) == ("store.example", ["1"], ["st&te"])
    code = query["code"][0]
    assert await client.identify(code) == shop.app.orders.openid
    with pytest.raises(ProviderRefused, match="wechat_40029"):
        await client.identify(code)
    for changes, error in (({"appid": "wx1"}, 40013), ({"secret": "guess"}, 40125), ({"code": "guess"}, 40029)):
        parameters = {"appid": "wxd678efh567hg6787", "secret": shop.app.secrets.app_secret, "code": "x", **changes}
        answer = await shop.http.get("/sns/oauth2/access_token", params=parameters)
        assert answer.json()["errcode"] == error
    for wrong in (there.replace("snsapi_base", "snsapi_userinfo"), there.replace("https%3A", "javascript%3A")):
        assert (await shop.http.get(wrong)).status_code == 400
    await client.stop()


async def test_refunds_fit_their_order(shop: Shop) -> None:
    client, asked = shop.client(), attempt()
    await shop.pay((await client.create(asked)).url)
    request = refund(290)
    assert (await client.refund(request, charge(asked))).status == "pending", "WeChat Pay takes a moment"
    other_total = charge(attempt(attempt_id=asked.attempt_id, amount=Money(9999, "CNY")))
    with pytest.raises(ProviderRefused, match="PARAM_ERROR"):
        await client.refund(refund(1), other_total)
    with pytest.raises(ProviderRefused, match="NOT_ENOUGH"):
        await client.refund(refund(1001), charge(asked))
    await client.stop()


async def test_the_bill_of_the_day_is_read_back(tmp_path: Any) -> None:
    """What happened at the sandbox, through its signed answer, its packed file, and the reader."""
    shop = Shop(tmp_path)
    client = shop.client()
    china = timezone(timedelta(hours=8))
    today = datetime.now(china).date()
    with pytest.raises(ProviderRefused, match="NO_STATEMENT_EXIST"):
        await client.trade_bill(today)
    paid, unpaid = attempt(subject_zh="米,面`"), attempt()
    await shop.pay((await client.create(paid)).url)
    await client.create(unpaid)
    request = refund(290)
    await client.refund(request, charge(paid))
    rows = read_bill(await client.trade_bill(today))
    state = await client.query(charge(paid))
    assert [(row.kind, row.attempt_id, row.refund_id, row.amount) for row in rows] == [
        ("charge", paid.attempt_id, "", Money(1290, "CNY")),
        ("refund", paid.attempt_id, request.refund_id, Money(290, "CNY")),
    ]
    assert rows[0].reference == state.reference
    assert [row.fee for row in rows] == [Money(8, "CNY"), Money(-2, "CNY")]
    assert all(abs(row.at_us - shop.app.book.now_us) < 60_000_000 for row in rows)
    for kind, kinds in (("SUCCESS", ["charge"]), ("REFUND", ["refund"])):
        described = await _bill_of(shop, today.isoformat(), kind)
        assert [row.kind for row in read_bill(described)] == kinds
    with pytest.raises(ProviderRefused, match="NO_STATEMENT_EXIST"):
        await client.trade_bill(today - timedelta(days=1))
    await client.stop()
    await shop.stop()


async def _bill_of(shop: Shop, day: str, kind: str) -> bytes:
    merchant = Merchant(shop)
    path = f"/v3/bill/tradebill?bill_date={day}&bill_type={kind}"
    answer = await shop.http.get(path, headers=merchant.headers("GET", path))
    path = httpx.URL(answer.json()["download_url"]).raw_path.decode()
    return (await shop.http.get(path, headers=merchant.headers("GET", path))).content
