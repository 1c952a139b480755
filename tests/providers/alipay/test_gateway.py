"""Alipay's sandbox in its own process, over HTTP: what its gateway lets in, and what becomes of trades there."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from tests.contracts.providers.rig_alipay import AlipayRig
from tests.contracts.providers.test_provider import attempt_for, charge_of, nothing, refund_of
from tests.support.alipay import APP, SELLER, SHOP_2, AlipayProcess
from tests.support.wallets import Listener, listening

from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.providers.alipay import signing
from unqueue.providers.alipay.bill import read_bill
from unqueue.providers.alipay.messages import CHINA, china_time
from unqueue.providers.port import Notification, ProviderRefused, RefundNotification

pytestmark = pytest.mark.anyio

PLAIN = {
    "app_id": APP,
    "method": "alipay.trade.query",
    "format": "JSON",
    "charset": "utf-8",
    "sign_type": "RSA2",
    "version": "1.0",
    "biz_content": '{"out_trade_no":"12345678"}',
}


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AlipayProcess]:
    sandbox = AlipayProcess(tmp_path_factory.mktemp("alipay"), "--retry-first-s", "0.05")
    sandbox.start()
    yield sandbox
    BROWSER.close()
    sandbox.stop()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as ear:
        ear.answer = b"success"
        yield ear


@pytest.fixture
async def rig(process: AlipayProcess, listener: Listener) -> Any:
    made = AlipayRig(process, listener)
    yield made
    await made.provider.stop()


BROWSER = httpx.Client(trust_env=False, verify=False)
"""Blocks while it waits: the sandbox is another process."""


def get(url: str, **headers: str) -> httpx.Response:
    return BROWSER.get(url, headers=headers)


def send(url: str, form: dict[str, str], **query: str) -> httpx.Response:
    return BROWSER.post(url, data=form, params=query or None)


def ask(process: AlipayProcess, parameters: dict[str, str]) -> dict[str, Any]:
    """What the gateway says, without a client of ours."""
    answer = send(process.url + "/gateway.do", parameters)
    assert answer.status_code == 200
    said: dict[str, Any] = answer.json()
    return said


def signed(process: AlipayProcess, key: str = "merchant", **changes: str) -> dict[str, str]:
    parameters = {**PLAIN, "timestamp": china_time(datetime.now(UTC)), **changes}
    return {**parameters, "sign": signing.sign(process.key(key), signing.request_text(parameters))}


async def test_only_what_an_application_signed_is_let_in(process: AlipayProcess) -> None:
    old = china_time(datetime.now(UTC) - timedelta(minutes=11))
    utc = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    requests = {
        "isv.missing-method": {},
        "isv.missing-signature": {**PLAIN, "timestamp": utc},
        "isv.missing-timestamp": signed(process, timestamp=""),
        "isv.invalid-app-id": signed(process, app_id="2021000147600009"),
        "isv.invalid-method": signed(process, method="alipay.trade.steal"),
        "isv.invalid-signature-type": signed(process, sign_type="RSA"),
        "isv.invalid-charset": signed(process, charset="gbk"),
        "isv.invalid-signature": signed(process, key="merchant-2"),
        "isv.invalid-timestamp": signed(process, timestamp=old),
        "isv.invalid-parameter": signed(process, biz_content="[]"),
    }
    for code, request in requests.items():
        said = ask(process, request)
        (member,) = set(said) - {"sign"}
        assert said[member]["sub_code"] == code
    assert (
        ask(process, signed(process, timestamp=utc))["alipay_trade_query_response"]["sub_code"]
        == "isv.invalid-timestamp"
    )
    good = signed(process)
    assert ask(process, good)["alipay_trade_query_response"]["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    for name in PLAIN:
        changed = {**good, name: good[name] + ("x" if name != "biz_content" else " ")}
        said = ask(process, changed)
        (member,) = set(said) - {"sign"}
        assert said[member]["sub_code"].startswith("isv.invalid"), name


async def test_answers_are_signed_as_they_stand(process: AlipayProcess) -> None:
    answer = send(process.url + "/gateway.do", signed(process))
    read = signing.read_answer(answer.content, "alipay.trade.query")
    assert signing.verify(process.key("alipay").public_key(), read.signature, read.text)
    unknown = send(process.url + "/gateway.do", signed(process, app_id="1"))
    assert "sign" not in unknown.json(), "nobody's key would check it"


async def test_parameters_may_come_in_the_query_or_the_form_but_not_twice(process: AlipayProcess) -> None:
    good = signed(process)
    query, form = dict(list(good.items())[:4]), dict(list(good.items())[4:])
    answer = send(process.url + "/gateway.do", form, **query)
    assert answer.json()["alipay_trade_query_response"]["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    twice = {**form, "app_id": SHOP_2[0]}
    answer = send(process.url + "/gateway.do", twice, **query)
    assert answer.json()["alipay_trade_query_response"]["sub_code"] == "ACQ.TRADE_NOT_EXIST", "the query's goes first"


async def test_a_trade_begins_with_the_first_scan(rig: AlipayRig) -> None:
    attempt = attempt_for(rig, channel="qr")
    action = await rig.provider.create(attempt)
    assert action.url.startswith("https://qr.alipay.com/")
    assert (await rig.provider.query(charge_of(attempt))).status == "unknown"
    get(rig.cashier_url(action))
    assert (await rig.provider.query(charge_of(attempt))).status == "pending"
    assert (await rig.provider.close(charge_of(attempt))).status == "closed"
    assert (await rig.provider.query(charge_of(attempt))).status == "closed", "now there is a trade to speak of"
    told = rig.provider.parse_notification({}, rig.listener.next().body)  # type: ignore[attr-defined]  # it notifies
    assert isinstance(told, Notification)
    assert (told.attempt_id, told.status) == (attempt.attempt_id, "closed")


@pytest.mark.parametrize("channel", ["page", "qr", "in_wallet"])
async def test_what_was_given_up_unseen_can_not_be_paid(rig: AlipayRig, channel: Any) -> None:
    attempt = attempt_for(rig, channel=channel)
    action = await rig.provider.create(attempt)
    assert (await rig.provider.close(charge_of(attempt))).status == "closed"
    url = rig.cashier_url(action)
    page = get(url, **{"accept-language": "en"}).text
    assert "This payment was closed and nothing was taken" in page
    assert "¥12.90" in page
    rig.shopper_pays(action)
    assert (await rig.provider.query(charge_of(attempt))).status == "unknown"
    assert rig.listener.told.empty()
    if channel == "qr":
        with pytest.raises(ProviderRefused, match="HAS_CLOSE"):
            await rig.provider.create(attempt)


@pytest.mark.parametrize("channel", ["page", "qr"])
async def test_money_that_comes_all_the_same_is_told(rig: AlipayRig, channel: Any) -> None:
    """Closing is a promise of Alipay's; should it break it, the store hears of the money both ways."""
    attempt = attempt_for(rig, channel=channel)
    action = await rig.provider.create(attempt)
    await rig.provider.close(charge_of(attempt))
    rig.shopper_pays(action, "after_close")
    state = await rig.provider.query(charge_of(attempt))
    assert (state.status, state.amount) == ("succeeded", attempt.amount)
    told = rig.provider.parse_notification({}, rig.listener.next().body)  # type: ignore[attr-defined]  # it notifies
    assert isinstance(told, Notification)
    assert (told.status, told.order_id) == ("succeeded", attempt.order_id)


async def test_a_shopper_who_walks_away_leaves_a_trade_that_can_be_closed(rig: AlipayRig) -> None:
    attempt = attempt_for(rig)
    rig.shopper_declines(await rig.provider.create(attempt))
    assert (await rig.provider.query(charge_of(attempt))).status == "pending"
    assert (await rig.provider.close(charge_of(attempt))).status == "closed"
    assert (await rig.provider.query(charge_of(attempt))).status == "closed"


async def test_a_revocation_that_comes_too_late_gives_the_money_back(process: AlipayProcess, rig: AlipayRig) -> None:
    """Alipay's own rule. The client revokes only what does not exist; the store is not told of a success then."""
    attempt = attempt_for(rig)
    rig.shopper_pays(await rig.provider.create(attempt))
    rig.listener.next()
    content = json.dumps({"out_trade_no": attempt.attempt_id})
    said = ask(process, signed(process, method="alipay.trade.cancel", biz_content=content))
    assert said["alipay_trade_cancel_response"]["action"] == "refund"
    assert (await rig.provider.query(charge_of(attempt))).status == "closed"
    told = rig.provider.parse_notification({}, rig.listener.next().body)  # type: ignore[attr-defined]  # it notifies
    assert isinstance(told, RefundNotification)


async def test_a_full_refund_is_told_and_ends_the_trade(process: AlipayProcess, rig: AlipayRig) -> None:
    attempt = attempt_for(rig)
    rig.shopper_pays(await rig.provider.create(attempt))
    rig.listener.next()
    request = refund_of(attempt.amount)
    assert (await rig.provider.refund(request, charge_of(attempt))).status == "succeeded"
    told = rig.listener.next()
    fields = dict(parse_qsl(told.body.decode()))
    assert (fields["trade_status"], fields["refund_fee"]) == ("TRADE_CLOSED", "12.90")
    content = json.dumps({"out_trade_no": attempt.attempt_id})
    said = ask(process, signed(process, biz_content=content))["alipay_trade_query_response"]
    assert (said["trade_status"], "send_pay_date" in said) == ("TRADE_CLOSED", True)


async def test_the_browser_comes_back_with_signed_parameters(process: AlipayProcess, rig: AlipayRig) -> None:
    action = await rig.provider.create(attempt_for(rig, return_url="https://store.example/o/x?lang=zh"))
    there = get(action.url)
    assert there.status_code == 303
    back = send(there.headers["location"], {"action": "pay", "trouble": "none"})
    location = urlsplit(back.headers["location"])
    assert (location.netloc, location.path, location.query.partition("&")[0]) == ("store.example", "/o/x", "lang=zh")
    fields = dict(parse_qsl(location.query.partition("&")[2]))
    assert (fields["total_amount"], fields["seller_id"]) == ("12.90", SELLER)
    assert signing.verify(process.key("alipay").public_key(), fields["sign"], signing.notification_text(fields))


async def test_a_page_can_not_be_changed_on_its_way(rig: AlipayRig) -> None:
    action = await rig.provider.create(attempt_for(rig))
    for changed in (
        action.url.replace("12.90", "0.01"),
        action.url.replace("store.example", "evil.example"),
        action.url + "x",
    ):
        answer = get(changed, accept="application/json")
        assert answer.status_code == 400
        assert answer.json()["error_response"]["sub_code"].startswith("isv.invalid")
    page = get(action.url + "x")
    assert page.status_code == 404
    assert "没有找到这笔付款" in page.text


async def test_merchants_do_not_see_each_others_trades(process: AlipayProcess, rig: AlipayRig) -> None:
    attempt = attempt_for(rig)
    rig.shopper_pays(await rig.provider.create(attempt))
    neighbour = process.account(key="merchant-2", app=SHOP_2)
    assert (await neighbour.query(charge_of(attempt))).status == "unknown"
    assert (await neighbour.close(charge_of(attempt))).status == "closed"
    with pytest.raises(ProviderRefused, match="NOT_EXIST"):
        await neighbour.refund(refund_of(Money(1, "CNY")), charge_of(attempt))
    sly = process.account(app=(APP, SHOP_2[1]))
    with pytest.raises(ProviderRefused, match="INVALID_PARAMETER"):
        await sly.create(attempt_for(rig, channel="qr"))
    await sly.stop()
    assert (await rig.provider.query(charge_of(attempt))).status == "succeeded"
    await neighbour.stop()


@pytest.mark.parametrize("amount", [Money(1290, "USD"), Money(0, "CNY"), Money(-1, "CNY"), Money(10**11, "CNY")])
async def test_only_yuan_are_taken(rig: AlipayRig, amount: Money) -> None:
    for channel in rig.provider.channels:
        with pytest.raises(ProviderRefused):
            await rig.provider.create(attempt_for(rig, amount=amount, channel=channel))


async def test_a_refund_that_never_was_is_unknown(rig: AlipayRig) -> None:
    attempt = attempt_for(rig)
    rig.shopper_pays(await rig.provider.create(attempt))
    assert (await rig.provider.query_refund(refund_of(Money(1, "CNY")), charge_of(attempt))).status == "unknown"
    assert (await rig.provider.query_refund(refund_of(Money(1, "CNY")), nothing())).status == "unknown"


async def test_the_days_bill_says_what_was_taken_and_given_back(process: AlipayProcess, rig: AlipayRig) -> None:
    attempt, refund = attempt_for(rig, subject_zh='鱼,"虾"'), refund_of(Money(290, "CNY"))
    rig.shopper_pays(await rig.provider.create(attempt))
    rig.shopper_declines(await rig.provider.create(attempt_for(rig)))
    reference = (await rig.provider.refund(refund, charge_of(attempt))).reference
    account = process.account()
    today = datetime.now(CHINA).date()
    rows = [row for row in read_bill(await account.download_bill(today)) if row.attempt_id == attempt.attempt_id]
    assert [(row.kind, row.refund_id, row.amount, row.reference) for row in rows] == [
        ("charge", "", attempt.amount, reference),
        ("refund", refund.refund_id, refund.amount, reference),
    ]
    assert all(abs(row.at_us / 1_000_000 - time.time()) < 60 for row in rows)
    assert read_bill(await account.download_bill(today - timedelta(days=400))) == ()
    with pytest.raises(ProviderRefused, match="bill_not_exist"):
        await account.download_bill(today + timedelta(days=1))
    stolen = get(f"{process.url}/downloadBillFile.resource?fileId={new_id()}")
    assert stolen.status_code == 404
    await account.stop()


async def test_thirty_shoppers_at_once(rig: AlipayRig) -> None:
    attempts = [attempt_for(rig, channel="qr") for _ in range(30)]
    actions = await asyncio.gather(*(rig.provider.create(attempt) for attempt in attempts))
    assert len({action.url for action in actions}) == 30
    states = await asyncio.gather(*(rig.provider.close(charge_of(attempt)) for attempt in attempts))
    assert {state.status for state in states} == {"closed"}
