"""Messages that UnionPay's test environment and its merchants signed, and RSA signatures made by others."""

import hashlib
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from tests.support.unionpay import answering

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.money import Money
from unqueue.providers.port import Charge, ProviderUnavailable
from unqueue.providers.unionpay import messages, signing
from unqueue.providers.unionpay.certificates import OWNER, Chain, Environment, Untrusted, owner_of
from unqueue.providers.unionpay.signing import Unverified

pytestmark = pytest.mark.anyio

GOLDEN = Path(__file__).parents[2] / "golden"
VECTORS: dict[str, Any] = tomllib.loads((GOLDEN / "unionpay.toml").read_text())
RSA: dict[str, Any] = tomllib.loads((GOLDEN / "rsa-2048-sha256.toml").read_text())
CERTIFICATES = {name: x509.load_pem_x509_certificate(pem.encode()) for name, pem in VECTORS["certificates"].items()}
NOTIFICATION = VECTORS["notification"]


def chain(environment: Environment = "test") -> Chain:
    return Chain(CERTIFICATES["root"], [CERTIFICATES["middle"]], environment)


def filled(text: str) -> bytes:
    """A message with the certificate as the gateway sends it."""
    for name, pem in VECTORS["certificates"].items():
        text = text.replace(f"{{{name}}}", pem.strip().replace("\n", "\r\n"))
    return text.encode()


def of_kind(kind: str) -> list[Any]:
    return [pytest.param(entry, id=entry["name"]) for entry in VECTORS[kind]]


def test_the_text_that_is_signed_is_that_of_the_official_sdk() -> None:
    text = VECTORS["canonical"]["text"]
    fields = dict(part.split("=", 1) for part in reversed(text.split("&")))
    assert messages.signed_text(fields | {"signature": "x"}) == text.encode()
    assert hashlib.sha256(messages.signed_text(fields)).hexdigest() == VECTORS["canonical"]["sha256"]


@pytest.mark.parametrize("request_", of_kind("request"))
def test_requests_of_merchants_are_theirs(request_: dict[str, str]) -> None:
    fields = messages.parse_form(request_["body"].encode())
    merchant = CERTIFICATES["merchant"]
    key = merchant.public_key()
    assert isinstance(key, RSAPublicKey)
    assert fields["certId"] == str(merchant.serial_number), "in decimal digits"
    signing.verify(fields, key)
    for name in fields:
        with pytest.raises(Unverified):
            signing.verify(fields | {name: fields[name] + "0"}, key)


def test_a_signature_is_written_in_one_way() -> None:
    """Base64 leaves four bits of its last letter unused: a message with others there is not the one that was signed."""
    fields = messages.parse_form(VECTORS["request"][0]["body"].encode())
    key = CERTIFICATES["merchant"].public_key()
    assert isinstance(key, RSAPublicKey)
    whole, last = fields["signature"][:-3], fields["signature"][-3]
    assert fields["signature"].endswith("==")
    with pytest.raises(Unverified):
        signing.verify(fields | {"signature": f"{whole}{chr(ord(last) + 1)}=="}, key)


@pytest.mark.parametrize("answer", of_kind("answer"))
def test_answers_of_the_gateway_are_believed_and_no_changed_field_is(answer: dict[str, Any]) -> None:
    fields, at = messages.parse_answer(filled(answer["body"])), answer["at"]
    signing.verify_gateway(fields, chain(), at)
    for name, value in fields.items():
        for changed in (value + "0", value[:-1], value[::-1] + "x"):
            with pytest.raises(Unverified):
                signing.verify_gateway(fields | {name: changed}, chain(), at)
        with pytest.raises(Unverified):
            signing.verify_gateway({other: text for other, text in fields.items() if other != name}, chain(), at)
    with pytest.raises(Unverified):
        signing.verify_gateway(fields | {"added": "1"}, chain(), at)


def test_a_notification_of_the_gateway_is_believed() -> None:
    """As the form that comes over the line, and in any order of its fields."""
    fields = messages.parse_answer(filled(NOTIFICATION["fields"]))
    body = urlencode(dict(reversed(fields.items()))).encode()
    assert messages.parse_form(body) == fields
    signing.verify_gateway(messages.parse_form(body), chain("production"), NOTIFICATION["at"])


async def test_a_genuine_answer_is_understood() -> None:
    """The client, asking what the merchant of then asked, hears what the gateway said."""
    paid = VECTORS["answer"][0]
    provider = answering(
        filled(paid["body"]), merchant_id="777290058167151", chain=chain(), clock=ManualClock(paid["at"])
    )
    created_us = messages.transaction_time_us("20240105145046")
    state = await provider.query(Charge(attempt_id="pay20240105145046", amount=Money(1, "CNY"), created_us=created_us))
    assert (state.status, state.amount, state.reference) == ("succeeded", Money(1, "CNY"), "442401051450467846498")
    other = Charge(attempt_id="pay20240105145047", amount=Money(1, "CNY"), created_us=created_us)
    with pytest.raises(ProviderUnavailable) as unheard:
        await provider.query(other)
    assert unheard.value.code == "answer_mismatch"


@pytest.mark.parametrize(("index", "status"), [(3, "pending"), (4, "unknown")])
async def test_genuine_answers_about_what_is_not_paid(index: int, status: str) -> None:
    answer = VECTORS["answer"][index]
    fields = messages.parse_answer(filled(answer["body"]))
    created_us = messages.transaction_time_us(fields["txnTime"])
    clock = ManualClock(datetime.fromtimestamp(created_us / 1_000_000 + 60, UTC))
    provider = answering(filled(answer["body"]), merchant_id=fields["merId"], chain=chain(), clock=clock)
    charge = Charge(attempt_id=fields["orderId"], amount=Money(1, "CNY"), created_us=created_us)
    assert (await provider.query(charge)).status == status


def test_whose_certificates_they_are() -> None:
    assert owner_of(CERTIFICATES["gateway_2020"]) == OWNER
    assert owner_of(CERTIFICATES["gateway_2017"]) == "00040000:SIGN"
    assert owner_of(CERTIFICATES["merchant"]) == "700000000000001:SIGN"


@pytest.mark.parametrize("environment", ["production", "test"])
def test_a_merchant_of_the_same_authority_is_not_the_gateway(environment: Environment) -> None:
    with pytest.raises(Untrusted, match="somebody else"):
        chain(environment).key_of(VECTORS["certificates"]["merchant"], datetime(2024, 1, 1, tzinfo=UTC))


def test_the_test_gateway_of_old_is_none_in_production() -> None:
    pem, at = VECTORS["certificates"]["gateway_2017"], datetime(2018, 6, 14, tzinfo=UTC)
    chain("test").key_of(pem, at)
    with pytest.raises(Untrusted, match="somebody else"):
        chain("production").key_of(pem, at)


@pytest.mark.parametrize("vector", [pytest.param(entry, id=str(entry["number"])) for entry in RSA["signature"]])
def test_rsa_signatures(vector: dict[str, Any]) -> None:
    key = load_der_public_key(bytes.fromhex(RSA["key"]["der"]))
    assert isinstance(key, RSAPublicKey)
    valid = signing.is_signed(bytes.fromhex(vector["message"]), bytes.fromhex(vector["signature"]), key)
    assert valid == (vector["result"] == "valid")
