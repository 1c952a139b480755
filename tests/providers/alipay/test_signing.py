"""RSA2 against messages, keys and texts that are not ours."""

import base64
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from hypothesis import given
from hypothesis import strategies as st
from tests.support.alipay import GOLDEN, public_key

from unqueue.providers.alipay import keys, signing

GOLDEN_RSA = Path(__file__).parents[2] / "golden" / "rsa-2048-sha256.toml"
RSA = tomllib.loads(GOLDEN_RSA.read_text("utf-8"))


def is_text(message: str) -> bool:
    """Alipay signs texts; some of the vectors' messages are none."""
    try:
        bytes.fromhex(message).decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("told", GOLDEN["told"], ids=lambda told: told["name"])
def test_what_alipay_signed_is_believed_and_nothing_else(told: dict[str, Any]) -> None:
    key, fields = public_key(told["alipay_key"]), told["fields"]
    assert signing.verify(key, fields["sign"], signing.notification_text(fields))
    for name in set(fields) - {"sign", "sign_type"}:
        for changed in (
            {**fields, name: fields[name] + "0"},
            {other: fields[other] for other in fields if other != name},
        ):
            assert not signing.verify(key, fields["sign"], signing.notification_text(changed)), name
    assert not signing.verify(key, fields["sign"], signing.notification_text({**fields, "more": ""}))


@pytest.mark.parametrize("answer", GOLDEN["answer"], ids=lambda answer: answer["method"])
def test_an_answer_that_alipay_signed_is_believed(answer: dict[str, Any]) -> None:
    key, body = public_key(answer["alipay_key"]), answer["body"].encode()
    read = signing.read_answer(body, answer["method"])
    assert signing.verify(key, read.signature, read.text)
    assert not signing.verify(key, read.signature, read.text + " ")
    spaced = signing.read_answer(body.replace(b'"code":', b'"code": '), answer["method"])
    assert not signing.verify(key, spaced.signature, spaced.text), "the same content, written otherwise"


@pytest.mark.parametrize("request_", GOLDEN["request"], ids=lambda request: request["name"])
def test_requests_are_signed_as_others_sign_them(request_: dict[str, Any]) -> None:
    key = serialization.load_der_private_key(base64.b64decode(request_["key"]), None)
    assert isinstance(key, RSAPrivateKey)
    parameters = request_["parameters"]
    assert signing.sign(key, signing.request_text(parameters)) == parameters["sign"]
    assert signing.request_text({**parameters, "notify_url": ""}) == signing.request_text(parameters)


@pytest.mark.parametrize("cut", GOLDEN["cut"], ids=lambda cut: cut["name"])
def test_the_signed_part_is_cut_out_as_alipays_own_client_does(cut: dict[str, Any]) -> None:
    assert signing.read_answer(cut["body"].encode(), cut["method"]).text == cut["text"]


@pytest.mark.parametrize(
    "vector",
    [vector for vector in RSA["signature"] if is_text(vector["message"])],
    ids=lambda vector: f"{vector['number']} {vector['kind']}",
)
def test_only_right_signatures_are_right(vector: dict[str, Any]) -> None:
    key = serialization.load_der_public_key(bytes.fromhex(RSA["key"]["der"]))
    assert isinstance(key, RSAPublicKey)
    text = bytes.fromhex(vector["message"]).decode()
    signature = base64.b64encode(bytes.fromhex(vector["signature"])).decode()
    assert signing.verify(key, signature, text) == (vector["result"] == "valid")


@pytest.mark.parametrize("signature", ["", "=", "no base64!", "AAAA", "AAAA\n", "é"])
def test_what_is_no_signature_is_not_right(signature: str) -> None:
    assert not signing.verify(public_key(GOLDEN["answer"][0]["alipay_key"]), signature, "")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"<html>busy</html>",
        b'{"alipay_trade_query_response":{}',
        b'{"alipay_trade_query_response":{}} x',
        b'{"alipay_trade_query_response":{},}',
        b'{"alipay_trade_query_response":"encrypted","sign":""}',
        b'{"alipay_trade_query_response":{"a":NaN},"sign":""}',
        b'{"alipay_trade_query_response":{},"sign":{}}',
        b'{"alipay_trade_query_response":{},"alipay_trade_query_response":{},"sign":""}',
        b'{"alipay_trade_query_response":{},"error_response":{},"sign":""}',
        b'{"alipay_trade_refund_response":{"code":"10000"},"sign":""}',
        b'{"a":{"alipay_trade_query_response":{}},"sign":""}',
        b'{1:{},"sign":""}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_answer_is_malformed(body: bytes) -> None:
    with pytest.raises(signing.Malformed):
        signing.read_answer(body, "alipay.trade.query")


def test_an_error_answers_any_method() -> None:
    read = signing.read_answer(b'{"error_response":{"code":"20000"}}', "alipay.trade.query")
    assert (read.content, read.signature) == ({"code": "20000"}, "")


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=4))
def test_any_answer_is_read_back(content: dict[str, str]) -> None:
    text = signing.json.dumps(content, ensure_ascii=False)
    read = signing.read_answer(
        f'{{"sign":"x","alipay_trade_query_response":{text}}}'.encode(errors="replace"), "alipay.trade.query"
    )
    assert read.text == text.encode(errors="replace").decode()


def test_keys_are_read_as_the_key_tool_writes_them(tmp_path: Path) -> None:
    private_path, public_path = keys.ensure_key_pair(tmp_path, "app")
    key = keys.load_private_key(private_path)
    assert private_path.stat().st_mode & 0o077 == 0
    assert keys.ensure_key_pair(tmp_path, "app") == (private_path, public_path)
    for form in (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL):
        der = key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())
        bare = tmp_path / "bare.txt"
        bare.write_bytes(base64.encodebytes(der))
        assert keys.load_private_key(bare).private_numbers() == key.private_numbers()
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "bare.pub").write_bytes(base64.b64encode(der))
    assert keys.load_public_key(tmp_path / "bare.pub") == key.public_key() == keys.load_public_key(public_path)


def test_other_keys_are_told(tmp_path: Path) -> None:
    file = tmp_path / "other"
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    for key in (short, ec.generate_private_key(ec.SECP256R1())):
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        with pytest.raises(ValueError, match="2048 bits"):
            keys.load_private_key(file)
        file.write_bytes(
            key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        with pytest.raises(ValueError, match="2048 bits"):
            keys.load_public_key(file)
    file.write_text("-----BEGIN CERTIFICATE-----\n")
    with pytest.raises(ValueError, match="公钥模式"):
        keys.load_public_key(file)
    file.write_text("AAAA")
    with pytest.raises(ValueError, match="Could not"):
        keys.load_private_key(file)
