"""Whatever comes as a browser's answer is a passkey or a refusal, and never an error of ours."""

import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.authenticator import USER_PRESENT, USER_VERIFIED, SecurityKey, cbor, url_safe

from unqueue.server.staff.credentials import PasskeyRefused
from unqueue.server.staff.webauthn import Assertion, Creation, RelyingParty, challenge_of

PARTY = RelyingParty(host="store.example", origin="https://store.example", name="Store")
TICKET, USER = bytes(range(56)), "0123456789abcdef"


def options() -> dict[str, Any]:
    return PARTY.creation_options(TICKET, user_id=USER, user_name="Li", known=[])


def made_and_shown() -> tuple[SecurityKey, Creation, Assertion]:
    key = SecurityKey()
    creation = Creation(**key.create(options()))
    return key, creation, Assertion(**key.get(PARTY.request_options(TICKET)))


KEY, CREATION, ASSERTION = made_and_shown()
CREDENTIAL = PARTY.check_creation(CREATION).credential


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_good_answer_is_good() -> None:
    made = PARTY.check_creation(CREATION)
    assert (made.credential_id, made.sign_count) == (KEY.credential_id, 0)
    assert PARTY.check_assertion(ASSERTION, CREDENTIAL, USER) == 1
    assert challenge_of(ASSERTION.client_data) == TICKET


@given(st.sampled_from(["client_data", "attestation"]), st.binary(max_size=300))
def test_bytes_that_are_no_creation(field: str, strange: bytes) -> None:
    told = {"client_data": CREATION.client_data, "attestation": CREATION.attestation, field: url_safe(strange)}
    with pytest.raises(PasskeyRefused):
        PARTY.check_creation(Creation(**told))


@given(st.data())
@settings(max_examples=300)
def test_an_assertion_with_one_byte_changed(data: st.DataObject) -> None:
    """Client data, authenticator data and signature hang together; so do the credential and its user."""
    field = data.draw(
        st.sampled_from(["client_data", "authenticator_data", "signature", "credential_id", "user_handle"])
    )
    bent = bytearray(raw(getattr(ASSERTION, field)))
    bent[data.draw(st.integers(0, len(bent) - 1))] ^= data.draw(st.integers(1, 255))
    told = {name: getattr(ASSERTION, name) for name in Assertion.__struct_fields__} | {field: url_safe(bytes(bent))}
    with pytest.raises(PasskeyRefused):
        PARTY.check_assertion(Assertion(**told), CREDENTIAL, USER)


@given(st.text(max_size=40))
def test_client_data_without_a_challenge(text: str) -> None:
    with pytest.raises(PasskeyRefused):
        challenge_of(url_safe(text.encode()))
    with pytest.raises(PasskeyRefused):
        challenge_of(text + "!")


@pytest.mark.parametrize("public", [{}, {1: 2, 3: -9999}, {1: 1, 3: -7}, {1: 2, 3: -7, -1: 1, -2: b"", -3: b""}])
def test_a_key_that_nobody_can_check_signs_nobody_in(public: dict[int, object]) -> None:
    """Refused at once, or at the latest when it signs."""
    key = SecurityKey()
    key.create(options())
    attested = bytes(16) + len(key.credential_id).to_bytes(2, "big") + key.credential_id + cbor(public)
    attestation = cbor({"fmt": "none", "attStmt": {}, "authData": key._data(0x40) + attested})
    answer = Creation(**key.create(options()) | {"attestation": url_safe(attestation)})
    with pytest.raises(PasskeyRefused):
        sign_in_with(key, answer)


def sign_in_with(key: SecurityKey, answer: Creation) -> None:
    credential = PARTY.check_creation(answer).credential
    PARTY.check_assertion(Assertion(**key.get(PARTY.request_options(TICKET))), credential, USER)


LIES = [
    {"origin": "https://store.example.evil.example"},
    {"origin": "http://store.example"},
    {"origin": "https://sub.store.example"},
    {"origin": "https://store.example:8443"},
    {"host": "evil.example"},
    {"flags": USER_PRESENT},
    {"flags": USER_VERIFIED},
    {"client": {"crossOrigin": True}},
]


@pytest.mark.parametrize("lie", [*LIES, {"client": {"type": "webauthn.get"}}])
def test_a_passkey_that_is_made_elsewhere_or_otherwise(lie: dict[str, Any]) -> None:
    key = SecurityKey()
    vars(key).update(lie)
    with pytest.raises(PasskeyRefused):
        PARTY.check_creation(Creation(**key.create(options())))


@pytest.mark.parametrize(
    "lie",
    [
        *LIES,
        {"client": {"type": "webauthn.create"}},
        {"user_handle": b"somebody else"},
        {"user_handle": b""},
        {"key": SecurityKey().key},
        {"credential_id": b"another" * 4},
    ],
)
def test_an_answer_that_proves_nothing(lie: dict[str, Any]) -> None:
    key = SecurityKey()
    credential = PARTY.check_creation(Creation(**key.create(options()))).credential
    vars(key).update(lie)
    with pytest.raises(PasskeyRefused):
        PARTY.check_assertion(Assertion(**key.get(PARTY.request_options(TICKET))), credential, USER)
