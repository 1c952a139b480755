"""Notifications: believed when WeChat Pay signed them just now, and refused when anything at all is different."""

import base64
import json
import time
from typing import Any

import pytest
from tests.providers.wechat_pay.shop import Shop, attempt, charge, refund

from unqueue.kernel.clock import ManualClock, from_micros
from unqueue.kernel.money import Money
from unqueue.providers.port import Notification, NotificationRefused, RefundNotification
from unqueue.providers.wechat_pay import signing
from unqueue.providers.wechat_pay.client import WeChatPay

pytestmark = pytest.mark.anyio

AT_S = 1_750_000_000
TRANSACTION = {
    "mchid": "1900000109",
    "out_trade_no": "a" * 32,
    "trade_state": "SUCCESS",
    "transaction_id": "4200000001",
    "attach": "order-1,104729389",
    "amount": {"total": 1290, "currency": "CNY"},
}


def envelope(shop: Shop, plain: Any, event_type: str = "TRANSACTION.SUCCESS", **changes: Any) -> bytes:
    """A notification's body with a resource that holds ``plain``."""
    key, nonce = shop.credentials.api_v3_key, "0123456789ab"
    sealed = signing.seal(key, nonce.encode(), b"transaction", json.dumps(plain).encode())
    resource = {
        "original_type": "transaction",
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(sealed).decode(),
        "associated_data": "transaction",
        "nonce": nonce,
    }
    facts = {"id": "n", "create_time": "2025-06-15T23:06:40+08:00", "resource_type": "encrypt-resource"}
    return json.dumps({**facts, "event_type": event_type, "resource": {**resource, **changes}}).encode()


def signed(shop: Shop, body: bytes, at_s: int = AT_S) -> dict[str, str]:
    return signing.headers_of(shop.app.secrets.key, shop.app.secrets.public_key_id, at_s, "nonce-1", body)


def client_at(shop: Shop, at_s: float) -> WeChatPay:
    return shop.client(clock=ManualClock(from_micros(int(at_s * 1_000_000))))


def test_it_says_what_it_says(shop: Shop) -> None:
    body = envelope(shop, TRANSACTION)
    assert client_at(shop, AT_S).parse_notification(signed(shop, body), body) == Notification(
        attempt_id="a" * 32,
        merchant_id="1900000109",
        order_id="order-1",
        order_number="104729389",
        status="succeeded",
        amount=Money(1290, "CNY"),
        reference="4200000001",
    )


@pytest.mark.parametrize("event_type", ["REFUND.SUCCESS", "REFUND.ABNORMAL", "REFUND.CLOSED"])
def test_a_refunds_fate_is_a_hint_to_ask(shop: Shop, event_type: str) -> None:
    told = {"mchid": "1900000109", "out_trade_no": "a" * 32, "out_refund_no": "r1", "refund_status": "whatever"}
    body = envelope(shop, told, event_type)
    assert client_at(shop, AT_S).parse_notification(signed(shop, body), body) == RefundNotification(
        refund_id="r1", attempt_id="a" * 32, merchant_id="1900000109"
    )


@pytest.mark.parametrize(
    ("now_s", "stale"),
    [(AT_S - 300, False), (AT_S + 300, False), (AT_S + 300.5, True), (AT_S - 301, True), (AT_S + 86_400, True)],
)
def test_fresh_is_within_300_seconds_so_a_late_replay_is_refused(shop: Shop, now_s: float, stale: bool) -> None:
    body = envelope(shop, TRANSACTION)
    headers, client = signed(shop, body), client_at(shop, now_s)
    if stale:
        with pytest.raises(NotificationRefused, match="timestamp_stale"):
            client.parse_notification(headers, body)
    else:
        first = client.parse_notification(headers, body)
        assert client.parse_notification(headers, body) == first, "an early replay says nothing new"


@pytest.mark.parametrize(
    ("header", "value", "reason"),
    [
        (signing.TIMESTAMP, None, "header_missing"),
        (signing.NONCE, None, "header_missing"),
        (signing.SERIAL, None, "header_missing"),
        (signing.SIGNATURE, None, "header_missing"),
        (signing.TIMESTAMP, str(AT_S + 1), "signature_invalid"),
        (signing.TIMESTAMP, f"0{AT_S}", "header_missing"),
        (signing.TIMESTAMP, f" {AT_S}", "header_missing"),
        (signing.TIMESTAMP, f"{AT_S}\n", "header_missing"),
        (signing.TIMESTAMP, "1e3", "header_missing"),
        (signing.TIMESTAMP, "٣", "header_missing"),
        (signing.NONCE, "nonce-2", "signature_invalid"),
        (signing.NONCE, "", "header_missing"),
        (signing.NONCE, "n" * 65, "header_missing"),
        (signing.SERIAL, "PUB_KEY_ID_0", "key_unknown"),
        (signing.SERIAL, "5157F09EFDC096DE15EBE81A47057A7232F1B8E1", "key_unknown"),
        (signing.SIGNATURE, "", "signature_invalid"),
        (signing.SIGNATURE, "%%%", "signature_invalid"),
        (signing.SIGNATURE, "WECHATPAY/SIGNTEST/AAAA", "signature_invalid"),
        (signing.SIGNATURE_TYPE, "WECHATPAY2-SM2-WITH-SM3", "signature_invalid"),
    ],
)
def test_every_changed_header_is_refused(shop: Shop, header: str, value: str | None, reason: str) -> None:
    body = envelope(shop, TRANSACTION)
    headers = {name: text for name, text in {**signed(shop, body), header: value}.items() if text is not None}
    client = client_at(shop, AT_S)
    with pytest.raises(NotificationRefused, match=reason):
        client.parse_notification(headers, body)


def test_every_changed_bit_of_the_signature_is_refused(shop: Shop) -> None:
    body = envelope(shop, TRANSACTION)
    headers, client = signed(shop, body), client_at(shop, AT_S)
    signature = base64.b64decode(headers[signing.SIGNATURE])
    for place in range(0, len(signature) * 8, 5):
        changed = bytearray(signature)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(NotificationRefused, match="signature_invalid"):
            client.parse_notification({**headers, signing.SIGNATURE: base64.b64encode(changed).decode()}, body)
    for length in (0, 1, 255, 257):
        cut = base64.b64encode((signature + signature)[:length]).decode()
        with pytest.raises(NotificationRefused, match="signature_invalid"):
            client.parse_notification({**headers, signing.SIGNATURE: cut}, body)


def test_every_changed_field_of_the_body_is_refused(shop: Shop) -> None:
    body = envelope(shop, TRANSACTION)
    headers, client = signed(shop, body), client_at(shop, AT_S)
    whole = json.loads(body)
    for name in whole:
        changes: list[Any] = [{**whole, name: "other"}, {key: value for key, value in whole.items() if key != name}]
        if name == "resource":
            changes += [{**whole, name: {**whole[name], field: "other"}} for field in whole[name]]
        for changed in changes:
            with pytest.raises(NotificationRefused, match="signature_invalid"):
                client.parse_notification(headers, json.dumps(changed).encode())
    for other in (b"", body + b"\n", body.replace(b" ", b""), b"\xff" + body):
        with pytest.raises(NotificationRefused, match="signature_invalid"):
            client.parse_notification(headers, other)


@pytest.mark.parametrize(
    "change",
    [
        {"ciphertext": "AAAA"},
        {"ciphertext": "%%%"},
        {"nonce": "ba9876543210"},
        {"nonce": ""},
        {"nonce": "short"},
        {"associated_data": "refund"},
        {"algorithm": "AEAD_SM4_GCM"},
    ],
)
def test_a_signed_resource_that_does_not_open_is_refused(shop: Shop, change: dict[str, str]) -> None:
    body = envelope(shop, TRANSACTION, **change)
    with pytest.raises(NotificationRefused, match="body_malformed"):
        client_at(shop, AT_S).parse_notification(signed(shop, body), body)


@pytest.mark.parametrize(
    ("plain", "event_type"),
    [
        (TRANSACTION, "PAYSCORE.USER_OPEN_SERVICE"),
        ({**TRANSACTION, "trade_state": "DANCING"}, "TRANSACTION.SUCCESS"),
        ({key: value for key, value in TRANSACTION.items() if key != "amount"}, "TRANSACTION.SUCCESS"),
        ({**TRANSACTION, "amount": {"total": "1290"}}, "TRANSACTION.SUCCESS"),
        ({**TRANSACTION, "amount": {"total": 12.9}}, "TRANSACTION.SUCCESS"),
        ([], "TRANSACTION.SUCCESS"),
        ({"mchid": "1"}, "REFUND.SUCCESS"),
    ],
)
def test_a_signed_message_that_can_not_be_read_is_refused(shop: Shop, plain: Any, event_type: str) -> None:
    body = envelope(shop, plain, event_type)
    with pytest.raises(NotificationRefused, match="body_malformed"):
        client_at(shop, AT_S).parse_notification(signed(shop, body), body)


def test_a_resource_sealed_with_another_merchants_key_is_refused(shop: Shop) -> None:
    nonce = b"0123456789ab"
    sealed = signing.seal(b"k" * 32, nonce, b"transaction", json.dumps(TRANSACTION).encode())
    body = envelope(shop, TRANSACTION, ciphertext=base64.b64encode(sealed).decode())
    with pytest.raises(NotificationRefused, match="body_malformed"):
        client_at(shop, AT_S).parse_notification(signed(shop, body), body)


async def test_an_answer_is_no_notification(shop: Shop) -> None:
    """Answers are signed just as notifications are; their bodies are something else."""
    client, asked = shop.client(), attempt()
    await client.create(asked)
    body = json.dumps(shop.app.orders.find(asked.attempt_id, "1900000109")).encode()
    with pytest.raises(NotificationRefused, match="body_malformed"):
        client.parse_notification(signed(shop, body, int(time.time())), body)
    await client.stop()


async def test_a_refunds_notification_names_refund_and_charge(shop: Shop) -> None:
    client, asked = shop.client(), attempt()
    await shop.pay((await client.create(asked)).url)
    request = refund(290, notify_url="https://store.example/n")
    await client.refund(request, charge(asked))
    waiting = shop.app.store.due(shop.app.book.now_us + 2_000_000, 99)[-1]
    sealed = shop.app._seal(waiting, shop.app.book.now_us)
    told = client.parse_notification(sealed.headers, sealed.body)
    assert told == RefundNotification(
        refund_id=request.refund_id, attempt_id=asked.attempt_id, merchant_id="1900000109"
    )
    await client.stop()


def test_acknowledgements_are_wechat_pays(shop: Shop) -> None:
    client = client_at(shop, AT_S)
    good, bad = client.acknowledge(ok=True), client.acknowledge(ok=False)
    assert (good.status, json.loads(good.body)["code"]) == (200, "SUCCESS")
    assert (bad.status, json.loads(bad.body)["code"]) == (400, "FAIL")
