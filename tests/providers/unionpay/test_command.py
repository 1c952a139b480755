"""`unqueue simulate unionpay`: the gateway in its own process, as its own command line and as a browser sees it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.support.unionpay import GatewayProcess, resigned
from typer.testing import CliRunner

from unqueue.kernel.clock import SystemClock, micros
from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.providers.port import Action, Attempt
from unqueue.providers.unionpay import messages
from unqueue.providers.unionpay.sandbox.command import DEMO, app


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    process = GatewayProcess(tmp_path_factory.mktemp("gateway"))
    process.start()
    yield process
    assert process.stop() == 0


def form_of(gateway: GatewayProcess, merchant: Path | None = None) -> Action:
    """What a shopper's browser sends to the gateway."""
    now_us = micros(SystemClock().now())
    attempt = Attempt(
        attempt_id=new_id(),
        order_id=new_id(),
        order_number="104729389",
        amount=Money(1290, "CNY"),
        subject_zh="3 件商品",
        subject_en="3 items",
        return_url="http://store.example/o/x",
        notify_url="http://127.0.0.1:9/told",
        created_us=now_us,
        expires_us=now_us + 600_000_000,
    )

    async def create() -> Action:
        provider = gateway.account(merchant_authority=merchant)
        action = await provider.create(attempt)
        await provider.stop()
        return action

    return asyncio.run(create())


def test_it_says_where_it_is_and_what_to_believe(gateway: GatewayProcess) -> None:
    said = gateway.announced
    assert (said["device"], said["environment"]) == ("unionpay", "test")
    for name in ("root_certificate_file", "middle_certificate_file"):
        assert Path(said[name]).read_bytes().startswith(b"-----BEGIN CERTIFICATE-----")
    assert (gateway.directory / f"{DEMO}.pfx").stat().st_mode & 0o077 == 0, "a key is its owner's"


def test_the_browser_comes_back_by_a_signed_form(gateway: GatewayProcess) -> None:
    action = form_of(gateway)
    with httpx.Client(trust_env=False, follow_redirects=True) as browser:
        page = browser.post(action.url, data=action.fields)
        assert (page.status_code, "12.90" in page.text) == (200, True)
        back = browser.post(str(page.url), data={"action": "pay"}, headers={"accept": "application/json"}).json()
        assert 'action="http://store.example/o/x"' in browser.post(str(page.url), data={"action": "pay"}).text
    assert (back["status"], back["return_url"]) == ("succeeded", "http://store.example/o/x")
    fields = back["fields"]
    assert (fields["respCode"], fields["orderId"], fields["txnAmt"]) == ("00", action.fields["orderId"], "1290")
    body = resigned(gateway.directory, httpx.Request("POST", "http://x", data=fields).content)
    assert messages.parse_form(body)["signature"] == fields["signature"], "by the gateway's key"


@pytest.mark.parametrize("name", ["txnAmt", "merId", "certId", "signature", "frontUrl", "payTimeout", "reqReserved"])
def test_a_form_that_the_merchant_did_not_sign_is_refused(gateway: GatewayProcess, name: str) -> None:
    action = form_of(gateway)
    for changed in (action.fields | {name: action.fields[name] + "1"}, {**action.fields, name: ""}):
        answer = httpx.post(action.url, data=changed, trust_env=False)
        assert answer.status_code == 400
        assert "location" not in answer.headers


def test_questions_that_are_not_signed_are_answered_with_11(gateway: GatewayProcess) -> None:
    action = form_of(gateway)
    answer = httpx.post(gateway.url + messages.QUERY, data=action.fields | {"txnType": "00"}, trust_env=False)
    assert messages.parse_answer(answer.content)["respCode"] == "11"
    assert httpx.post(gateway.url + messages.QUERY, content=b"\xff", trust_env=False).status_code == 400


def test_a_store_may_bring_its_own_certificate(gateway: GatewayProcess, tmp_path: Path) -> None:
    own = GatewayProcess(tmp_path, "--merchant", f"{DEMO},{gateway.directory / f'{DEMO}.cer'},小店,Little shop")
    own.start()
    try:
        action = form_of(own, merchant=gateway.directory)
        page = httpx.post(action.url, data=action.fields, trust_env=False, follow_redirects=True)
        assert "小店" in page.text
    finally:
        own.stop()


@pytest.mark.parametrize("merchant", ["", "only-an-id", "id,missing.cer", "id,a,b"])
def test_a_merchant_that_can_not_be_read_is_said(tmp_path: Path, merchant: str) -> None:
    said = CliRunner().invoke(app, ["unionpay", "--data-dir", str(tmp_path), "--merchant", merchant])
    assert said.exit_code == 2
