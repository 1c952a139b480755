"""Check digits, against biip and the examples of GS1."""

import pytest
from biip.checksums import gs1_standard_check_digit
from hypothesis import given
from hypothesis import strategies as st

from unqueue.server.catalogue import gtin

DIGITS = st.text("0123456789", min_size=1, max_size=31)


@pytest.mark.parametrize(
    "digits",
    [
        "6291041500213",  # GS1 General Specifications 7.9, worked example
        "4006381333931",
        "036000291452",
        "96385074",
        "16901234567899",
        "00614141999996",
    ],
)
def test_right(digits: str) -> None:
    assert gtin.has_right_check_digit(digits)
    assert gtin.check_digit(digits[:-1]) == digits[-1]


@given(DIGITS)
def test_the_check_digit_is_that_of_biip(body: str) -> None:
    assert gtin.check_digit(body) == str(gs1_standard_check_digit(body))


@given(DIGITS, st.data())
def test_one_misread_digit_is_always_noticed(body: str, data: st.DataObject) -> None:
    code = body + gtin.check_digit(body)
    assert gtin.has_right_check_digit(code)
    place = data.draw(st.integers(0, len(code) - 1))
    other = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != code[place]]))
    assert not gtin.has_right_check_digit(code[:place] + other + code[place + 1 :])


@given(DIGITS)
def test_leading_zeros_change_nothing(body: str) -> None:
    code = body + gtin.check_digit(body)
    assert gtin.has_right_check_digit("0" + code)
    assert gtin.has_right_check_digit("00" + code)


@given(st.sampled_from([8, 13, 14]), st.data())
def test_shortest_is_the_way_back(length: int, data: st.DataObject) -> None:
    first = st.sampled_from("123456789")
    code = data.draw(first) + data.draw(st.text("0123456789", min_size=length - 1, max_size=length - 1))
    assert gtin.shortest(gtin.gtin_14(code)) == code


@pytest.mark.parametrize(
    ("digits", "stored"),
    [("2112345", "02112345000008"), ("2100001", "02100001000004"), ("200000000001", "02000000000015")],
)
def test_store_items_have_a_gtin(digits: str, stored: str) -> None:
    assert gtin.store_item_gtin(digits) == stored
    assert gtin.has_right_check_digit(stored)
