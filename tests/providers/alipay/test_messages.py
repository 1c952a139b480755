"""Amounts, times and orders as Alipay writes them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.kernel.money import Money
from unqueue.providers.alipay import messages


@given(st.integers(-messages.FEN_MAX, messages.FEN_MAX))
def test_an_amount_is_read_back_to_the_fen(fen: int) -> None:
    assert messages.read_yuan(messages.yuan(Money(fen, "CNY"))) == Money(fen, "CNY")


@pytest.mark.parametrize(
    ("text", "fen"), [("0.01", 1), ("1", 100), ("1.5", 150), ("0.10", 10), ("-3000.00", -300000), ("88.88", 8888)]
)
def test_amounts_are_exact(text: str, fen: int) -> None:
    assert messages.read_yuan(text).amount_minor == fen


@pytest.mark.parametrize(
    "text", ["", ".", "1.", ".5", "0.001", "1e2", "1,000.00", "+1", "１.00", " 1", "1 ", "NaN", "9" * 11]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no amount"):
        messages.read_yuan(text)


def test_times_are_those_of_china() -> None:
    at = datetime(2026, 7, 1, 16, 30, tzinfo=UTC)
    assert messages.china_time(at) == "2026-07-02 00:30:00"
    assert messages.read_china_time("2026-07-02 00:30:00") == at
    with pytest.raises(ValueError, match="does not match"):
        messages.read_china_time("2026-07-02T00:30:00Z")


@given(st.from_regex(r"[0-9a-f]{32}", fullmatch=True), st.from_regex(r"[0-9]{9}", fullmatch=True))
def test_an_order_comes_back(order_id: str, order_number: str) -> None:
    assert messages.read_passback(messages.passback(order_id, order_number)) == (order_id, order_number)


@pytest.mark.parametrize("text", ["", ".", "a.", ".1", "a.1.2", "a.b", "a=b&c.1", "a.１"])
def test_another_order_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="handed back"):
        messages.read_passback(text)


def test_a_subject_has_no_forbidden_characters() -> None:
    subject = messages.subject("a/b=c&d\n" * 100)
    assert len(subject) <= 256
    assert not set(subject) & set("/=&\n")
