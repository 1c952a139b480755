"""Exit passes: what was signed is believed, and nothing else."""

import base64

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import assume, given
from hypothesis import strategies as st

from unqueue.kernel.errors import DomainError
from unqueue.server.exits.passes import PassClaims, PassExpired, PassInvalid, sign, verify

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
CLAIMS = PassClaims("store-1", b"o" * 16, b"h" * 32, b"p" * 16, 1_000, 4_600)
TEXT = sign(CLAIMS, KEY)


def read(text: str, *, store_id: str = "store-1", now_s: int = 2_000) -> PassClaims:
    return verify(text, KEY.public_key(), store_id=store_id, now_s=now_s)


def test_a_pass_says_what_was_signed() -> None:
    assert read(TEXT) == CLAIMS


def test_a_pass_fits_a_qr_code_that_phones_show_well() -> None:
    assert len(TEXT) <= 213  # bytes of a version 10 symbol at error correction M (ISO/IEC 18004 table 7)


@pytest.mark.parametrize(
    ("now_s", "is_good"), [(1_000, True), (4_599, True), (4_600, False), (10**9, False), (0, True)]
)
def test_a_pass_is_good_until_it_ends_even_if_the_clock_was_set_back(now_s: int, is_good: bool) -> None:
    if is_good:
        assert read(TEXT, now_s=now_s) == CLAIMS
    else:
        with pytest.raises(PassExpired):
            read(TEXT, now_s=now_s)


def test_another_stores_pass_is_none_of_ours() -> None:
    with pytest.raises(PassInvalid):
        read(TEXT, store_id="store-2")


def test_a_pass_signed_with_another_key_is_refused_before_its_time_is_looked_at() -> None:
    with pytest.raises(PassInvalid):
        read(sign(CLAIMS, OTHER_KEY), now_s=10**9)


@given(st.integers(0, len(TEXT) - 1), st.characters())
def test_no_character_can_be_changed(at: int, character: str) -> None:
    assume(TEXT[at] != character)
    with pytest.raises(PassInvalid):
        read(TEXT[:at] + character + TEXT[at + 1 :])


@given(st.integers(0, len(TEXT) - 1))
def test_no_part_is_enough(length: int) -> None:
    with pytest.raises(PassInvalid):
        read(TEXT[:length])


@given(st.text(max_size=20).filter(bool))
def test_nothing_can_be_added(more: str) -> None:
    for text in (TEXT + more, more + TEXT):
        with pytest.raises(PassInvalid):
            read(text)


@given(st.text() | st.from_regex(r"UQ1\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*", fullmatch=True))
def test_whatever_is_shown_is_answered_with_a_refusal(text: str) -> None:
    with pytest.raises(DomainError):
        read(text)


@given(st.binary(max_size=64))
def test_a_signature_over_rubbish_is_no_pass(payload: bytes) -> None:
    """Even our own signature, over something that is no claims."""
    assume(payload != msgspec.msgpack.encode(CLAIMS))
    signed = "UQ1." + base64.urlsafe_b64encode(payload).rstrip(b"=").decode()
    text = f"{signed}.{base64.urlsafe_b64encode(KEY.sign(signed.encode())).rstrip(b'=').decode()}"
    with pytest.raises(PassInvalid):
        read(text)


def test_the_same_bytes_in_another_spelling_are_no_pass() -> None:
    """Base64 leaves unused bits at its end: 43 characters of a 32-byte string, of which the last has two."""
    head, _, signature = TEXT.rpartition(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for character in alphabet:
        other = signature[:-1] + character
        if other != signature:
            with pytest.raises(PassInvalid):
                read(f"{head}.{other}")


class TestGolden:
    """A pass that was printed yesterday must be good today: the format is frozen."""

    def test_format(self) -> None:
        prefix, payload, signature = TEXT.split(".")
        assert prefix == "UQ1"
        raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        assert raw.hex() == (
            "96" + "a7" + b"store-1".hex() + "c410" + (b"o" * 16).hex() + "c420" + (b"h" * 32).hex()
            + "c410" + (b"p" * 16).hex() + "cd03e8" + "cd11f8"
        )  # fmt: skip
        assert len(base64.urlsafe_b64decode(signature + "==")) == 64
