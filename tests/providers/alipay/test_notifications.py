"""Notifications that are not to be believed: nothing of them may be changed, and not their place or time either."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from tests.support.alipay import APP, GOLDEN, SELLER, public_key, resigned

from unqueue.kernel.clock import ManualClock
from unqueue.providers.alipay import keys
from unqueue.providers.alipay.client import Alipay
from unqueue.providers.alipay.messages import china_time
from unqueue.providers.port import Notification, NotificationRefused

NOW = datetime(2026, 1, 2, 19, 4, 5, tzinfo=UTC)
FIELDS = {
    "notify_type": "trade_status_sync",
    "notify_id": "2026010200222190405000000000000001",
    "notify_time": "2026-01-03 03:04:05",
    "charset": "utf-8",
    "version": "1.0",
    "sign_type": "RSA2",
    "app_id": APP,
    "auth_app_id": APP,
    "seller_id": SELLER,
    "trade_no": "2026010222001400000000000001",
    "out_trade_no": "a" * 32,
    "trade_status": "TRADE_SUCCESS",
    "total_amount": "12.90",
    "receipt_amount": "12.90",
    "subject": "3 件商品",
    "passback_params": f"{'b' * 32}.104729389",
    "gmt_payment": "2026-01-03 03:04:04",
    "fund_bill_list": '[{"amount":"12.90","fundChannel":"ALIPAYACCOUNT"}]',
}


@pytest.fixture(scope="module")
def alipay_key(tmp_path_factory: pytest.TempPathFactory) -> RSAPrivateKey:
    return keys.load_private_key(keys.ensure_key_pair(tmp_path_factory.mktemp("keys"), "alipay")[0])


@pytest.fixture(scope="module")
def account(alipay_key: RSAPrivateKey) -> Alipay:
    return Alipay(
        provider_id="alipay",
        merchant_id=SELLER,
        app_id=APP,
        gateway="http://127.0.0.1:9/gateway.do",
        key=alipay_key,
        alipay_key=alipay_key.public_key(),
        clock=ManualClock(NOW),
    )


@pytest.fixture(scope="module")
def body(alipay_key: RSAPrivateKey) -> bytes:
    return resigned(urlencode(FIELDS).encode(), alipay_key)


def refusal(account: Alipay, body: bytes) -> str:
    with pytest.raises(NotificationRefused) as refused:
        account.parse_notification({}, body)
    return refused.value.reason


def test_one_that_is_in_order_is_believed(account: Alipay, body: bytes) -> None:
    told = account.parse_notification({}, body)
    assert isinstance(told, Notification)
    assert (told.attempt_id, told.order_id, told.order_number) == ("a" * 32, "b" * 32, "104729389")


@pytest.mark.parametrize("name", [*sorted(FIELDS), "sign"])
def test_no_field_may_be_changed_or_left_out_or_doubled(account: Alipay, body: bytes, name: str) -> None:
    fields = dict(parse_qsl(body.decode()))
    assert refusal(account, urlencode({**fields, name: fields[name] + "0"}).encode()) == "signature_invalid"
    without = {other: value for other, value in fields.items() if other != name}
    assert refusal(account, urlencode(without).encode()) == "signature_invalid"
    assert refusal(account, urlencode([*fields.items(), (name, fields[name])]).encode()) == "body_malformed"
    swapped = {**fields, name: ""}
    assert refusal(account, urlencode(swapped).encode()) == "signature_invalid"


def test_no_field_may_be_added(account: Alipay, body: bytes) -> None:
    assert refusal(account, body + b"&out_biz_no=r1") == "signature_invalid"
    assert refusal(account, body + b"&aaa=") == "signature_invalid"


def test_a_field_can_not_be_smuggled_out_of_another(account: Alipay, alipay_key: RSAPrivateKey) -> None:
    """The signed text joins fields by &: one whose value looks like two fields would sign those as well."""
    sly = {**FIELDS, "subject": "x&total_amount=0.01"}
    signed = dict(parse_qsl(resigned(urlencode(sly).encode(), alipay_key).decode()))
    split = [
        *((name, value) for name, value in signed.items() if name != "subject"),
        ("subject", "x"),
        ("total_amount", "0.01"),
    ]
    assert refusal(account, urlencode(split).encode()) == "body_malformed"


@pytest.mark.parametrize("sign_type", ["RSA", "", "rsa2", "none"])
def test_only_rsa2_signs(account: Alipay, body: bytes, sign_type: str) -> None:
    """``sign_type`` is not signed itself."""
    fields = {**dict(parse_qsl(body.decode())), "sign_type": sign_type}
    assert refusal(account, urlencode(fields).encode()) == "signature_invalid"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"app_id": "2021000147600009"}, "key_unknown"),
        ({"notify_time": china_time(datetime(2026, 1, 2, 18, 59, 4, tzinfo=UTC))}, "timestamp_stale"),
        ({"notify_time": china_time(datetime(2026, 1, 2, 19, 9, 6, tzinfo=UTC))}, "timestamp_stale"),
        ({"notify_time": "2026-01-02 19:04:05"}, "timestamp_stale"),
        ({"notify_time": "now"}, "body_malformed"),
        ({"trade_status": "TRADE_PENDING"}, "body_malformed"),
        ({"total_amount": "12.905"}, "body_malformed"),
        ({"passback_params": "other"}, "body_malformed"),
        ({"out_trade_no": ""}, ""),
    ],
)
def test_what_alipay_says_wrongly_is_refused(
    account: Alipay, body: bytes, alipay_key: RSAPrivateKey, changes: dict[str, str], reason: str
) -> None:
    message = resigned(body, alipay_key, **changes)
    if reason:
        assert refusal(account, message) == reason
    else:
        account.parse_notification({}, message)  # the store finds no such attempt


@pytest.mark.parametrize("seconds", [-300, 300])
def test_five_minutes_are_fresh(account: Alipay, body: bytes, alipay_key: RSAPrivateKey, seconds: int) -> None:
    clock = ManualClock(NOW)
    clock.advance(seconds)
    account.parse_notification({}, resigned(body, alipay_key, notify_time=china_time(clock.now())))


@pytest.mark.parametrize(
    "junk",
    [b"", b"&", b"a", b"\xff=1", b"{}", b"a=1;b=2", b"sign=x&sign_type=RSA2", b"a=%ff", b"&".join([b"a=1"] * 300)],
)
def test_junk_is_refused(account: Alipay, junk: bytes) -> None:
    assert refusal(account, junk) in {"body_malformed", "signature_invalid"}


def test_one_that_alipay_really_sent_passes_signature_application_and_age() -> None:
    """It was for somebody else's order: all but that is in order."""
    told: dict[str, Any] = GOLDEN["told"][0]
    fields: dict[str, str] = told["fields"]
    clock = ManualClock(datetime(2023, 12, 21, 8, 26, 50, tzinfo=UTC))
    account = Alipay(
        provider_id="alipay",
        merchant_id=fields["seller_id"],
        app_id=fields["app_id"],
        gateway="http://127.0.0.1:9/gateway.do",
        key=None,  # type: ignore[arg-type]  # it signs nothing here
        alipay_key=public_key(told["alipay_key"]),
        clock=clock,
    )
    assert refusal(account, urlencode(fields).encode()) == "body_malformed"
    clock.advance(301)
    assert refusal(account, urlencode(fields).encode()) == "timestamp_stale"
