"""The providers' own SDKs against the sandbox, and what they send beside what our adapters send.

The adapters do without the SDKs (docs/decisions/0011). So the sandbox, which our adapters are tested against, must be
one that the SDKs take for the provider: it believes what they sign, they read what it answers, and they raise what it
refuses. The sandbox is a process of its own; :class:`Tap` stands before it and keeps what passes.
"""

import asyncio
import http.client
import json
import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import httpx
import pytest
from alibabacloud_dysmsapi20170525 import models as aliyun_models
from alibabacloud_dysmsapi20170525.client import Client as AliyunClient
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.utils_models import Config
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.sms.v20210111 import models as tencent_models
from tencentcloud.sms.v20210111.sms_client import SmsClient
from tests.support.sandboxes import SandboxProcess
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client as TwilioClient

from unqueue.kernel.clock import SystemClock, micros
from unqueue.kernel.ids import new_id
from unqueue.kernel.settings import Sms
from unqueue.providers.sms import open_sender
from unqueue.providers.sms.port import SmsMessage, SmsSender, SmsState

SANDBOX = "unqueue.providers.sms.sandbox.command"
LINK_BASE = "https://store.example/o/"
SIGN_NAME, APP_ID, FROM_NUMBER = "街角超市", "1400006666", "+15005550006"
TEMPLATES = {"aliyun": "SMS_RECEIPT_ZH", "tencent": "2000001", "twilio": ""}


class Told(NamedTuple):
    """What an SDK read of a message's state, in the provider's own words."""

    status: str
    problem: str
    reads: str
    """What else the SDK must find in the answer: our id where the provider carries it, else the text."""


class NotTaken(Exception):
    """What two of the SDKs return instead of raising it: an answer with a code that is not the good one."""


class Account(NamedTuple):
    """Where an SDK sends to, as whom."""

    url: str
    account: str
    key: str

    @property
    def endpoint(self) -> str:
        return urlsplit(self.url).netloc


class Sdk(Protocol):
    """An SDK used as its documentation shows."""

    def send(self, message: SmsMessage) -> str:
        """The provider's number for the message that it took. NotTaken, or the SDK's exception."""
        ...

    def ask(self, message: SmsMessage, reference: str = "") -> Told:
        """What became of the only message to its number; ``reference`` may be lost."""
        ...


class AliyunSdk:
    def __init__(self, account: Account) -> None:
        signed = {"access_key_id": account.account, "access_key_secret": account.key}
        self._client = AliyunClient(Config(**signed, endpoint=account.endpoint, protocol="http"))

    def send(self, message: SmsMessage) -> str:
        asked = aliyun_models.SendSmsRequest(
            phone_numbers=message.number.removeprefix("+86"),
            sign_name=SIGN_NAME,
            template_code=TEMPLATES["aliyun"],
            template_param=json.dumps(message.fields),
            out_id=message.message_id,
        )
        body = self._client.send_sms(asked).body
        if body.code != "OK":
            raise NotTaken(body.code)
        return str(body.biz_id)

    def ask(self, message: SmsMessage, reference: str = "") -> Told:
        day = datetime.fromtimestamp(message.created_us / 1e6, ZoneInfo("Asia/Shanghai"))
        asked = aliyun_models.QuerySendDetailsRequest(
            phone_number=message.number.removeprefix("+86"),
            send_date=f"{day:%Y%m%d}",
            page_size=50,
            current_page=1,
            biz_id=reference or None,
        )
        body = self._client.query_send_details(asked).body
        details = body.sms_send_detail_dtos.sms_send_detail_dto
        assert (body.code, body.total_count, len(details)) == ("OK", "1", 1)
        (detail,) = details
        return Told(str(detail.send_status), detail.err_code, detail.out_id)


class TencentSdk:
    def __init__(self, account: Account) -> None:
        profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=account.endpoint))
        self._client = SmsClient(Credential(account.account, account.key), "ap-guangzhou", profile)

    def send(self, message: SmsMessage) -> str:
        asked = tencent_models.SendSmsRequest()
        asked.PhoneNumberSet = [message.number]
        asked.SmsSdkAppId = APP_ID
        asked.SignName = SIGN_NAME
        asked.TemplateId = TEMPLATES["tencent"]
        asked.TemplateParamSet = [message.fields[name] for name in ("store", "total", "receipt", "code")]
        asked.SessionContext = message.message_id
        (status,) = self._client.SendSms(asked).SendStatusSet
        assert status.SessionContext == message.message_id
        if status.Code != "Ok":
            raise NotTaken(status.Code)
        return str(status.SerialNo)

    def ask(self, message: SmsMessage, reference: str = "") -> Told:
        asked = tencent_models.PullSmsSendStatusByPhoneNumberRequest()
        asked.BeginTime = message.created_us // 1_000_000 - 60
        asked.EndTime = message.created_us // 1_000_000 + 60
        asked.Offset = 0
        asked.Limit = 100
        asked.PhoneNumber = message.number
        asked.SmsSdkAppId = APP_ID
        (report,) = self._client.PullSmsSendStatusByPhoneNumber(asked).PullSmsSendStatusSet
        assert reference in {"", report.SerialNo}
        return Told(report.ReportStatus, report.Description, report.SessionContext)


class TwilioSdk:
    """Its client takes no address; the one that its HTTP client is about to ask is put right there, as it documents."""

    def __init__(self, account: Account) -> None:
        class Local(TwilioHttpClient):
            def request(self, method: str, url: str, *rest: Any, **named: Any) -> Any:
                assert url.startswith("https://api.twilio.com/")
                return super().request(method, url.replace("https://api.twilio.com", account.url), *rest, **named)

        self._client = TwilioClient(account.account, account.key, http_client=Local(pool_connections=False))

    def send(self, message: SmsMessage) -> str:
        made = self._client.messages.create(to=message.number, from_=FROM_NUMBER, body=message.text)
        assert (made.status, made.body) == ("queued", message.text)
        return str(made.sid)

    def ask(self, message: SmsMessage, reference: str = "") -> Told:
        messages = self._client.messages
        (found,) = [messages(reference).fetch()] if reference else messages.list(to=message.number, page_size=200)
        assert abs((datetime.now(UTC) - found.date_sent).total_seconds()) < 60
        return Told(found.status, str(found.error_code or ""), found.body)


class Kind(NamedTuple):
    """One provider: its SDK, what it says of a phone that got the message and of one that did not, its refusals."""

    sdk: Callable[[Account], Sdk]
    delivered: tuple[str, str]
    failed: tuple[str, str]
    limit: str
    wrong_key: str
    wrong_account: str


KINDS = {
    "aliyun": Kind(
        AliyunSdk,
        delivered=("3", "DELIVERED"),
        failed=("2", "MOBILE_NOT_ON_SERVICE"),
        limit="isv.BUSINESS_LIMIT_CONTROL",
        wrong_key="SignatureDoesNotMatch",
        wrong_account="InvalidAccessKeyId.NotFound",
    ),
    "tencent": Kind(
        TencentSdk,
        delivered=("SUCCESS", "DELIVRD"),
        failed=("FAIL", "用户停机"),
        limit="LimitExceeded.PhoneNumberThirtySecondLimit",
        wrong_key="AuthFailure.SignatureFailure",
        wrong_account="AuthFailure.SecretIdNotFound",
    ),
    "twilio": Kind(
        TwilioSdk,
        delivered=("delivered", ""),
        failed=("undelivered", "30003"),
        limit="20429",
        wrong_key="20003",
        wrong_account="20003",
    ),
}


class Heard(NamedTuple):
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Tap:
    """Stands before the sandbox at ``url``, hands on every request as it came, and keeps it in ``heard``."""

    def __init__(self, sandbox_url: str) -> None:
        self.heard: list[Heard] = []
        tap = self

        class Handler(BaseHTTPRequestHandler):
            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                tap.heard.append(Heard(self.command, self.path, headers, body))
                behind = http.client.HTTPConnection(urlsplit(sandbox_url).netloc, timeout=10)
                behind.request(self.command, self.path, body, {**headers, "connection": "close"})
                answer = behind.getresponse()
                said = answer.read()
                behind.close()
                self.send_response_only(answer.status)
                self.send_header("Content-Type", answer.headers["Content-Type"])
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_POST = _pass_on  # noqa: N815  # the names that http.server looks for

            def log_message(self, *_: object) -> None:
                """Say nothing: its lines would hold telephone numbers."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    directory = tmp_path_factory.mktemp("sms")
    made = SandboxProcess(directory, SANDBOX, "sms", "--link-base", LINK_BASE, "--sign-name", SIGN_NAME)
    made.start()
    yield made
    assert made.stop() == 0


@pytest.fixture
def tap(sandbox: SandboxProcess) -> Iterator[Tap]:
    made = Tap(sandbox.url)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each SDK reads proxies from the environment in its own way; the way to this machine goes by none."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("TWILIO_REGION", "TWILIO_EDGE"):  # they are put into the address
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=KINDS)
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def account(sandbox: SandboxProcess, tap: Tap) -> Account:
    key = Path(sandbox.announced["key_file"]).read_text("utf-8").strip()
    return Account(tap.url, sandbox.announced["account"], key)


@pytest.fixture
def message(next_number: Callable[[], str]) -> SmsMessage:
    code = f"o_{new_id()}"
    fields = {"store": SIGN_NAME, "total": "¥12.90", "receipt": "R-20260302-000017", "code": code}
    return SmsMessage(
        message_id=new_id(),
        number=next_number(),
        language="zh",
        fields=fields,
        text=f"感谢光临街角超市！消费¥12.90，小票号R-20260302-000017，电子小票：{LINK_BASE}{code}",
        created_us=micros(datetime.now(UTC)),
    )


@pytest.fixture(scope="module")
def next_number() -> Callable[[], str]:
    """A phone of its own for each message: the sandbox lives as long as this file, and lists what a phone got."""
    numbers = iter(range(13800138000, 13800139000))
    return lambda: f"+86{next(numbers)}"


def sent_by(sandbox: SandboxProcess) -> list[dict[str, Any]]:
    """What the sandbox has sent, newest last."""
    return list(httpx.get(f"{sandbox.url}/messages", trust_env=False).json())


def plan(sandbox: SandboxProcess, trouble: str) -> None:
    httpx.post(f"{sandbox.url}/trouble", json={"next": [trouble]}, trust_env=False).raise_for_status()


def code_of(error: BaseException) -> str:
    """The provider's code, as its SDK gives it to who catches its exception."""
    match error:
        case NotTaken():
            return str(error)
        case ClientException() | TwilioRestException():
            return str(error.code)
        case TencentCloudSDKException():
            return str(error.get_code())
    raise error


def test_the_sandbox_takes_what_the_sdk_signs_and_the_sdk_reads_its_answers(
    provider: str, account: Account, sandbox: SandboxProcess, message: SmsMessage
) -> None:
    kind = KINDS[provider]
    sdk = kind.sdk(account)
    reference = sdk.send(message)
    newest = sent_by(sandbox)[-1]
    assert (newest["provider"], newest["number"], newest["reference"]) == (provider, message.number, reference)
    assert newest["text"] == message.text
    carried = message.text if provider == "twilio" else message.message_id
    assert sdk.ask(message, reference) == (*kind.delivered, carried)
    assert sdk.ask(message) == (*kind.delivered, carried)


def test_the_sdk_reads_that_a_phone_did_not_get_it(
    provider: str, account: Account, sandbox: SandboxProcess, message: SmsMessage
) -> None:
    plan(sandbox, "undelivered")
    sdk = KINDS[provider].sdk(account)
    assert sdk.ask(message, sdk.send(message))[:2] == KINDS[provider].failed


def test_the_sdk_reads_that_a_limit_is_reached(
    provider: str, account: Account, sandbox: SandboxProcess, message: SmsMessage
) -> None:
    plan(sandbox, "limit")
    before = sent_by(sandbox)
    with pytest.raises((NotTaken, TwilioRestException)) as caught:
        KINDS[provider].sdk(account).send(message)
    assert code_of(caught.value) == KINDS[provider].limit
    assert sent_by(sandbox) == before


@pytest.mark.parametrize("what", ["wrong_key", "wrong_account"])
def test_who_is_not_the_store_gets_the_providers_error(
    provider: str, what: str, account: Account, sandbox: SandboxProcess, message: SmsMessage
) -> None:
    before = sent_by(sandbox)
    stranger = account._replace(key="another") if what == "wrong_key" else account._replace(account="another")
    sdk = KINDS[provider].sdk(stranger)
    for call in (lambda: sdk.send(message), lambda: sdk.ask(message, new_id())):
        with pytest.raises((ClientException, TencentCloudSDKException, TwilioRestException)) as caught:
            call()
        assert code_of(caught.value) == getattr(KINDS[provider], what)
    assert sent_by(sandbox) == before


def adapter(provider: str, account: Account, directory: Path) -> SmsSender:
    key_file = directory / "sms.key"
    key_file.write_text(account.key)
    settings = Sms(
        provider=provider,  # type: ignore[arg-type]  # a kind's name
        url=account.url,
        account=account.account,
        key_file=key_file,
        sign_name=SIGN_NAME,
        app_id=APP_ID,
        template_zh=TEMPLATES[provider],
        from_number=FROM_NUMBER,
    )
    sender = open_sender(settings, SystemClock())
    assert sender is not None
    return sender


async def ask_and_send(sender: SmsSender, message: SmsMessage, reference: str) -> list[SmsState]:
    """The three calls of our adapter; it asks for what the SDK sent before."""
    states = [await sender.query(message, reference), await sender.query(message)]
    await sender.send(message)
    await sender.stop()
    return states


OF_THE_MOMENT = frozenset({"x-acs-date", "x-acs-signature-nonce", "x-tc-timestamp"})
OF_THE_SDK = frozenset({"x-acs-credentials-provider", "x-tc-language", "x-tc-requestclient", "x-tc-traceid"})
"""What SDKs say of themselves: where they have the key from, the language in which they want errors explained, their
version, a number for their maker's logs.
"""


def said(heard: Heard) -> dict[str, Any]:
    """What a request asks for, and of whom: all of it but nonce, time, signature and what HTTP clients say."""
    url = urlsplit(heard.target)
    ours = {name: value for name, value in heard.headers.items() if name.startswith(("x-acs-", "x-tc-"))}
    kind = heard.headers.get("content-type", "").partition(";")[0]
    asked: dict[str, Any] = dict(parse_qsl(url.query))
    if kind == "application/json" and heard.body:
        asked |= json.loads(heard.body)
    elif heard.body:
        asked |= dict(parse_qsl(heard.body.decode(), strict_parsing=True))
    if "TemplateParam" in asked:
        asked["TemplateParam"] = json.loads(asked["TemplateParam"])  # JSON in a string: its spaces say nothing
    if "EndTime" in asked:
        assert 0 < asked.pop("EndTime") - asked["BeginTime"] < 300  # seconds: each means its own now
    return {
        "to": (heard.method, url.path, heard.headers["host"]),
        "as": re.split("[,/]", heard.headers["authorization"])[0],  # after it: the day, what is signed, the signature
        "in": kind if heard.body else "",
        "headers": {name: value for name, value in ours.items() if name not in OF_THE_MOMENT | OF_THE_SDK},
        "asked": asked,
    }


def test_our_adapter_asks_for_what_the_sdk_asks_for(
    provider: str, account: Account, tap: Tap, message: SmsMessage, tmp_path: Path
) -> None:
    sdk = KINDS[provider].sdk(account)
    reference = sdk.send(message)
    sdk.ask(message, reference)
    sdk.ask(message)
    sent, *asked = map(said, tap.heard)
    tap.heard.clear()
    states = asyncio.run(ask_and_send(adapter(provider, account, tmp_path), message, reference))
    assert [state.status for state in states] == ["delivered", "delivered"]
    *asked_by_us, sent_by_us = map(said, tap.heard)
    assert sent_by_us == sent
    assert asked_by_us == asked
