"""Signatures, sealed resources and messages that others made: WeChat Pay's own SDK, its documentation, Wycheproof."""

import base64
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from unqueue.kernel.money import Money
from unqueue.providers.port import Notification, RefundState
from unqueue.providers.wechat_pay import messages, signing
from unqueue.providers.wechat_pay.bill import read_bill

GOLDEN_DIRECTORY = Path(__file__).parents[2] / "golden"


def golden(name: str) -> dict[str, Any]:
    return tomllib.loads((GOLDEN_DIRECTORY / name).read_text("utf-8"))


GOLDEN = golden("wechat-pay.toml")
RSA = golden("rsa-2048-sha256.toml")
AES = golden("aes-256-gcm.toml")


def public_key(loaded: Any) -> RSAPublicKey:
    assert isinstance(loaded, RSAPublicKey)
    return loaded


SDK_KEY = public_key(serialization.load_pem_public_key(GOLDEN["key"]["pem"].strip().encode()))


def test_the_sdks_signature_is_one() -> None:
    part = GOLDEN["signature"]
    assert signing.is_signed(SDK_KEY, base64.b64decode(part["signature"]), part["text"].encode())
    assert not signing.is_signed(SDK_KEY, base64.b64decode(part["signature"]), b"wrong source")


def test_a_requests_text_is_the_sdks() -> None:
    part = GOLDEN["request"]
    text = signing.request_text(part["method"], part["path"], part["timestamp_s"], part["nonce"], part["body"].encode())
    assert text == part["text"].encode()


def test_the_sdks_notification_is_believed_and_opens() -> None:
    part = GOLDEN["notification"]
    headers = {
        signing.TIMESTAMP: str(part["timestamp_s"]),
        signing.NONCE: part["nonce"],
        signing.SERIAL: part["serial"],
        signing.SIGNATURE: part["signature"],
    }
    body = part["body"].encode()
    signing.verify(signing.read_headers(headers), body, {part["serial"]: SDK_KEY}, part["timestamp_s"], 300)
    resource = msgspec.json.decode(body, type=messages.Envelope).resource
    assert messages.open_resource(resource, part["api_v3_key"].encode()) == part["plain"].encode()


def test_the_sdks_resource_opens() -> None:
    part = GOLDEN["resource"]
    resource = messages.Resource("AEAD_AES_256_GCM", part["ciphertext"], part["nonce"], part["associated_data"])
    assert messages.open_resource(resource, part["api_v3_key"].encode()) == part["plain"].encode()


@pytest.mark.parametrize("vector", RSA["signature"], ids=lambda vector: f"{vector['number']} {vector['comment']}")
def test_wycheproof_signatures(vector: dict[str, Any]) -> None:
    """What Wycheproof calls acceptable (a missing NULL) is refused: WeChat Pay makes no such signatures."""
    key = public_key(serialization.load_der_public_key(bytes.fromhex(RSA["key"]["der"])))
    right = signing.is_signed(key, bytes.fromhex(vector["signature"]), bytes.fromhex(vector["message"]))
    assert right == (vector["result"] == "valid")


@pytest.mark.parametrize("vector", AES["vector"], ids=lambda vector: f"{vector['number']} {vector['comment']}")
def test_wycheproof_aes_gcm(vector: dict[str, Any]) -> None:
    key, nonce, associated, plain, cipher, tag = (
        bytes.fromhex(vector[name]) for name in ("key", "nonce", "associated_data", "plain", "ciphertext", "tag")
    )
    if vector["result"] == "valid":
        assert signing.unseal(key, nonce, associated, cipher + tag) == plain
        assert signing.seal(key, nonce, associated, plain) == cipher + tag
    else:
        with pytest.raises(signing.Unsealable):
            signing.unseal(key, nonce, associated, cipher + tag)


def test_the_documentations_transaction() -> None:
    told = msgspec.json.decode(GOLDEN["transaction"][0]["json"], type=messages.Transaction)
    assert messages.notification_of(told) == Notification(
        attempt_id="1217752501201407033233368018",
        merchant_id="1230000109",
        order_id="自定义数据",
        order_number="",
        status="succeeded",
        amount=Money(100, "CNY"),
        reference="1217752501201407033233368018",
    )


def test_the_documentations_refund() -> None:
    told = msgspec.json.decode(GOLDEN["refund"][0]["json"], type=messages.Refund)
    assert messages.refund_state_of(told) == RefundState("succeeded", Money(1, "CNY"), "50001307732021032607480019805")


def test_a_merchants_own_bill() -> None:
    rows = read_bill(GOLDEN["bill"]["csv"].encode())
    assert [(row.kind, row.attempt_id, row.reference) for row in rows] == [
        ("charge", "S20210128170702357723", "4200000925202101284997714292"),
        ("charge", "S20210128153505214586", "4200000910202101282955148400"),
        ("charge", "S20210128165824499930", "4200000926202101281412639609"),
    ]
    assert {(row.amount, row.fee, row.status) for row in rows} == {(Money(1, "CNY"), Money(0, "CNY"), "SUCCESS")}
    assert rows[0].at_us == 1_611_824_831_000_000, "17:07:11 in China is 09:07:11 UTC"
