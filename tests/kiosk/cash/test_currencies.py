"""Rounding and exchange: exact integers, and no 1-cent surprise."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.kernel.cash import Denomination
from unqueue.kiosk.cash import session as sessions
from unqueue.kiosk.cash.currencies import (
    CURRENCIES,
    CashPolicy,
    ExchangeRate,
    Favour,
    Half,
    exact_rate,
    exact_value,
    exchange,
    round_cash,
)
from unqueue.kiosk.cash.reports import payment_finished
from unqueue.kiosk.cash.session import Piece

AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("currency", "digits", "smallest", "largest", "increment"),
    [
        ("CNY", 2, 1, 10000, 1), ("EUR", 2, 1, 50000, 1), ("CHF", 2, 5, 100000, 5), ("USD", 2, 1, 10000, 1),
        ("GBP", 2, 1, 5000, 1), ("JPY", 0, 1, 10000, 1), ("HKD", 2, 10, 100000, 1),
    ],
)  # fmt: skip
def test_currencies(currency: str, digits: int, smallest: int, largest: int, increment: int) -> None:
    cash = CURRENCIES[currency]
    values = [piece.value_minor for piece in cash.denominations()]
    assert (cash.minor_digits, min(values), max(values), cash.increment_minor) == (digits, smallest, largest, increment)
    assert all(value % increment == 0 for value in values), "every piece can be part of a rounded amount"


@pytest.mark.parametrize(
    ("amount", "increment", "half", "rounded"),
    [
        (1231, 5, "up", 1230), (1232, 5, "up", 1230), (1233, 5, "up", 1235), (1237, 5, "up", 1235),
        (1238, 5, "up", 1240), (1239, 5, "up", 1240), (2, 5, "up", 0), (1235, 10, "up", 1240),
        (1235, 10, "down", 1230), (1236, 10, "down", 1240), (7, 1, "up", 7),
    ],
)  # fmt: skip
def test_cash_rounding(amount: int, increment: int, half: Half, rounded: int) -> None:
    assert round_cash(amount, increment, half) == rounded


@given(st.integers(0, 10**7), st.integers(1, 100), st.sampled_from(get_args(Half)))
def test_rounding_is_to_the_nearest(amount: int, increment: int, half: Half) -> None:
    rounded = round_cash(amount, increment, half)
    assert rounded % increment == 0
    assert 2 * abs(rounded - amount) <= increment


RATES = st.integers(1, 10**8).map(lambda number: f"{number // 10**5}.{number % 10**5:05d}")


@given(st.integers(1, 10**6), RATES, st.sampled_from([1, 5, 10]), st.sampled_from(get_args(Favour)))
def test_exchange_is_exact_and_favours_whom_it_says(face: int, rate: str, step: int, favour: Favour) -> None:
    credit = exchange(face, "EUR", "CNY", rate, step_minor=step, favour=favour)
    exact = exact_value(face, "EUR", "CNY", rate)
    assert credit % step == 0
    assert abs(credit - exact) < step
    if favour == "store":
        assert credit <= exact
    elif favour == "shopper":
        assert credit >= exact
    else:
        assert abs(credit - exact) <= Fraction(step, 2)


def test_minor_digits_count() -> None:
    assert exchange(1000, "JPY", "CNY", "0.0485", step_minor=1, favour="store") == 4850
    assert exchange(1050, "EUR", "JPY", "163.5", step_minor=1, favour="store") == 1716


@pytest.mark.parametrize("text", ["", "1,5", "-1", "1e3", "0", "0.000", "1/3", "nan", " 7", "７"])
def test_no_rate(text: str) -> None:
    with pytest.raises(ValueError, match="rate"):
        exact_rate(text)


def test_validity() -> None:
    first = ExchangeRate("EUR", "7.8", AT, AT + timedelta(days=2))
    second = ExchangeRate("EUR", "7.9", AT + timedelta(days=1), AT + timedelta(days=3))
    policy = CashPolicy(currency="CNY", rates=(second, first))
    assert policy.rates_at(AT - timedelta(seconds=1)) == {}
    assert policy.rates_at(AT) == {"EUR": "7.8"}
    assert policy.rates_at(AT + timedelta(days=1)) == {"EUR": "7.9"}
    assert policy.rates_at(AT + timedelta(days=3)) == {}
    with pytest.raises(ValueError, match="ends before it begins"):
        ExchangeRate("EUR", "7.8", AT, AT)


PIECES = st.lists(
    st.sampled_from(sorted(CURRENCIES["CHF"].denominations() | CURRENCIES["EUR"].denominations())), max_size=12
)


@given(st.integers(1, 100_000), PIECES, RATES, st.sampled_from(get_args(Favour)), st.sampled_from(get_args(Half)))
def test_no_one_cent_surprise(due: int, pieces: list[Denomination], rate: str, favour: Favour, half: Half) -> None:
    """What was credited, less change, less what was due, is exactly the rounding that is shown and booked; the change
    is always one that coins exist for; and what foreign pieces were credited with differs from their exact value by
    what the report says.
    """
    policy = CashPolicy(currency="CHF", favour=favour, half=half)
    session = sessions.begin("p", due, policy, {"EUR": rate}, now_us=0, expires_us=1)
    for piece in pieces:
        credit = session.credit_of(piece)
        if not credit:
            continue  # not taken: test_acceptance
        session = sessions.credited(session, Piece(piece, credit, "d", "cashbox:d"), 0)
    if session.outcome is None:
        return
    change = sessions.owed(session).get("CHF", 0)
    assert change % 5 == 0
    if change:
        session = sessions.ended(sessions.gave(session, {Denomination("CHF", 5, "coin"): change // 5}))
    assert session.state == "finished" or session.inserted_minor == 0
    report = payment_finished(session)
    assert report.credited_minor - report.change_minor - report.due_minor == report.rounding_minor
    assert report.net_minor == report.cash_due_minor
    assert abs(report.rounding_minor) <= 2
    for exchanged in report.exchanged:
        exact = exact_value(exchanged.face_minor, "EUR", "CHF", rate)
        assert exact + Fraction(exchanged.rounding_minor) == exchanged.credited_minor
    assert report.credited_minor == sum(tendered.credited_minor for tendered in report.tendered)


@given(PIECES, RATES, st.sampled_from(get_args(Favour)))
def test_a_cancelled_payment_goes_back_at_the_same_value(pieces: list[Denomination], rate: str, favour: Favour) -> None:
    """Each currency in itself, or all of a foreign one at exactly what it was credited with."""
    policy = CashPolicy(currency="CHF", favour=favour)
    session = sessions.begin("p", 10**9, policy, {"EUR": rate}, now_us=0, expires_us=1)
    for piece in pieces:
        session = sessions.credited(session, Piece(piece, session.credit_of(piece) or 0, "d", "cashbox:d"), 0)
    session = sessions.cancelled(session, "shopper", 0)
    owed = sessions.owed(session)
    if "EUR" in owed:
        change = sessions.conversion(session, "EUR", owed["EUR"])
        assert change is not None
        session = sessions.converted(session, change)
    assert sessions.owed(session).get("CHF", 0) == session.inserted_minor
    assert "EUR" not in sessions.owed(session) or not session.inserted_minor
