"""PINs, and how guessing them is slowed down."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.kernel.errors import DomainError
from unqueue.server.staff.model import (
    FREE_ATTEMPTS,
    Member,
    TooManyAttempts,
    check_pin,
    hash_pin,
    normal_name,
    pause_s,
)

SALT = bytes(16)
LI = Member("1", "小李", "attendant", SALT, hash_pin("482915", SALT))
SECOND_US = 1_000_000


@pytest.mark.parametrize("pin", ["482915", "123456789012"])
def test_good_pins(pin: str) -> None:
    check_pin(pin)


@pytest.mark.parametrize("pin", ["", "12345", "1234567890123", "12345a", " 482915", "４８２９１５", "482915\n"])
def test_bad_pins(pin: str) -> None:
    with pytest.raises(DomainError, match="pin_invalid"):
        check_pin(pin)


@pytest.mark.parametrize(("name", "plain"), [(" 小李 ", "小李"), ("Li  Na", "Li Na")])
def test_names_are_looked_up_without_stray_spaces(name: str, plain: str) -> None:
    assert normal_name(name) == plain


@pytest.mark.parametrize("name", ["", "   ", "x" * 41])
def test_bad_names(name: str) -> None:
    with pytest.raises(DomainError, match="name_invalid"):
        normal_name(name)


def test_only_the_right_pin_fits() -> None:
    assert LI.has_pin("482915")
    assert not LI.has_pin("482916")
    assert not LI.has_pin("")


def test_the_hash_is_scrypt() -> None:
    """RFC 7914 section 12 has no vector for these parameters; this one was made with `openssl kdf … SCRYPT`."""
    assert hash_pin("482915", SALT).hex() == (
        "e634555099575526717e4d4de2d1266d2254e6eca2763a67c303a5b252f82d58"
        "614fa9bda5f752d7ec71c1cbe3a13891001a91f31eb40b63335555020c5fe9d4"
    )


def test_after_some_attempts_signing_in_pauses_even_for_the_right_pin() -> None:
    member, now_us = LI, 0
    for _ in range(FREE_ATTEMPTS):
        member = member.attempted(now_us)
    with pytest.raises(TooManyAttempts) as refusal:
        member.attempted(now_us + SECOND_US)
    assert refusal.value.details["retry_after_s"] == 59
    member = member.attempted(now_us + 60 * SECOND_US)
    with pytest.raises(TooManyAttempts) as refusal:
        member.attempted(now_us + 61 * SECOND_US)
    assert refusal.value.details["retry_after_s"] == 119


def test_signing_in_forgets_the_attempts() -> None:
    member = LI
    for _ in range(FREE_ATTEMPTS - 1):
        member = member.attempted(0)
    assert member.signed_in() == LI


@given(st.lists(st.integers(0, 1200), max_size=300))
def test_nobody_guesses_more_than_a_few_pins_an_hour(waits_s: list[int]) -> None:
    """However the attempts are spread: fewer than a dozen in the first hour."""
    member, now_us, attempts = LI, 0, 0
    for wait_s in waits_s:
        now_us += wait_s * SECOND_US
        if now_us >= 3600 * SECOND_US:
            break
        try:
            member = member.attempted(now_us)
        except TooManyAttempts:
            continue
        attempts += 1
    assert attempts <= 12


@given(st.integers(0, 10_000))
def test_a_pause_never_exceeds_a_quarter_of_an_hour(attempts: int) -> None:
    assert 0 <= pause_s(attempts) <= 900


def test_a_role_that_is_gone_may_nothing() -> None:
    assert msgspec.structs.replace(LI, role="cashier").may == frozenset()
