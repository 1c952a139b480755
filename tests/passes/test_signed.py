"""Exit passes: what was signed is believed, and nothing else."""

import base64

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import assume, given
from hypothesis import strategies as st

from unqueue.kernel.errors import DomainError
from unqueue.passes import rotation
from unqueue.passes.signed import PassClaims, PassExpired, PassInvalid, authentic, encode, sign, verify

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
STEPS = 240
LINKS = rotation.chain(b"s" * 16, STEPS, b"p" * 16)
CLAIMS = PassClaims(
    "store-1", b"o" * 16, b"h" * 32, b"p" * 16, 1_000, 1_000 + STEPS * rotation.STEP_S,
    chain_end=LINKS[0], number="104729389", items=12, tags=3, expected_g=2_345, sigma_g=11.25, low_g=2_301,
    high_g=2_389, lane="lane-1",
)  # fmt: skip
STEM = sign(CLAIMS, KEY)


def shown(now_s: int, stem: str = STEM) -> str:
    """What a screen shows of the pass at a time."""
    return f"{stem}.{encode(LINKS[min(STEPS, rotation.step_at(CLAIMS.issued_s, now_s))])}"


TEXT = shown(2_000)


def read(text: str, *, store_id: str = "store-1", now_s: int = 2_000) -> PassClaims:
    return verify(text, KEY.public_key(), store_id=store_id, now_s=now_s)


def test_a_pass_says_what_was_signed() -> None:
    assert read(TEXT) == CLAIMS


def test_a_pass_fits_a_qr_code_that_phones_show_well() -> None:
    assert len(TEXT) <= 362  # bytes of a version 14 symbol at error correction M (ISO/IEC 18004 table 7)


@pytest.mark.parametrize(
    ("now_s", "is_good"), [(1_000, True), (4_599, True), (4_600, False), (10**9, False), (0, True)]
)
def test_a_pass_is_good_until_it_ends_even_if_the_clock_was_set_back(now_s: int, is_good: bool) -> None:
    if is_good:
        assert read(shown(now_s), now_s=now_s) == CLAIMS
    else:
        with pytest.raises(PassExpired):
            read(shown(now_s), now_s=now_s)


@pytest.mark.parametrize(
    ("age_s", "is_good"), [(0, True), (45, True), (75, False), (600, False), (-30, True), (-60, False)]
)
def test_what_was_shown_a_minute_ago_is_out_of_date(age_s: int, is_good: bool) -> None:
    """A picture of a screen, and a handset whose clock is fast."""
    if is_good:
        assert read(shown(2_000 - age_s)) == CLAIMS
    else:
        with pytest.raises(PassExpired):
            read(shown(2_000 - age_s))


def test_whenever_it_was_shown_it_stays_authentic() -> None:
    """What a lane took while it was cut off is told to the server later."""
    assert authentic(shown(1_000), KEY.public_key(), store_id="store-1") == CLAIMS


@given(st.binary(max_size=20).filter(lambda link: link not in LINKS))
def test_no_link_can_be_made_up(link: bytes) -> None:
    with pytest.raises(PassInvalid):
        read(f"{STEM}.{encode(link)}")


def test_the_link_of_another_pass_is_of_no_use() -> None:
    """With the same seed, even."""
    other = rotation.chain(b"s" * 16, STEPS, b"q" * 16)[rotation.step_at(1_000, 2_000)]
    with pytest.raises(PassInvalid):
        read(f"{STEM}.{encode(other)}")


def test_another_stores_pass_is_none_of_ours() -> None:
    with pytest.raises(PassInvalid):
        read(TEXT, store_id="store-2")


def test_a_pass_signed_with_another_key_is_refused_before_its_time_is_looked_at() -> None:
    with pytest.raises(PassInvalid):
        read(shown(2_000, sign(CLAIMS, OTHER_KEY)), now_s=10**9)


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


@given(st.text() | st.from_regex(r"UQ2(\.[A-Za-z0-9_-]*){3}", fullmatch=True))
def test_whatever_is_shown_is_answered_with_a_refusal(text: str) -> None:
    with pytest.raises(DomainError):
        read(text)


@given(st.binary(max_size=64))
def test_a_signature_over_rubbish_is_no_pass(payload: bytes) -> None:
    """Even our own signature, over something that is no claims."""
    assume(payload != msgspec.msgpack.encode(CLAIMS))
    signed = "UQ2." + base64.urlsafe_b64encode(payload).rstrip(b"=").decode()
    text = f"{signed}.{encode(KEY.sign(signed.encode()))}.{encode(LINKS[60])}"
    with pytest.raises(PassInvalid):
        read(text)


def test_the_same_bytes_in_another_spelling_are_no_pass() -> None:
    """Base64 leaves unused bits at its end: 86 characters of a 64-byte signature, of which the last has four."""
    head, signature, link = TEXT.rsplit(".", 2)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for character in alphabet:
        other = signature[:-1] + character
        if other != signature:
            with pytest.raises(PassInvalid):
                read(f"{head}.{other}.{link}")


class TestGolden:
    """A pass that was issued before an update must be good after it: the format is frozen."""

    def test_format(self) -> None:
        prefix, payload, signature, link = TEXT.split(".")
        assert prefix == "UQ2"
        raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        assert raw.hex() == (
            "9f" + "a7" + b"store-1".hex() + "c410" + (b"o" * 16).hex() + "c420" + (b"h" * 32).hex()
            + "c410" + (b"p" * 16).hex() + "cd03e8" + "cd11f8" + "c40c" + LINKS[0].hex() + "a9" + b"104729389".hex()
            + "0c" + "03" + "cd0929" + "cb4026800000000000" + "cd08fd" + "cd0955" + "a6" + b"lane-1".hex()
        )  # fmt: skip
        assert len(base64.urlsafe_b64decode(signature + "==")) == 64
        assert base64.urlsafe_b64decode(link) == LINKS[66]

    def test_links(self) -> None:
        """What the handset computes (web/shared/pass.test.ts has the same)."""
        links = ["e56943af5fdd9ccd7b6a003a", "9285fdaf82535a8e885a4cdb", "809a4c1bad269d7bc2c9de4a"]
        assert [one.hex() for one in rotation.chain(bytes(16), 2, bytes(range(16)))] == links
