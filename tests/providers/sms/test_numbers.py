"""Numbers: what people type becomes E.164 or a fault, and nothing shows the whole number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.providers.sms.numbers import NumberUnfit, masked, normalised


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("13800138000", "CN", "+8613800138000"),
        ("0086 138-0013-8000", "CN", "+8613800138000"),
        ("+86 (138) 0013 8000", "", "+8613800138000"),
        ("0151 23456789", "DE", "+4915123456789"),
        ("+1 212 555 2368", "CN", "+12125552368"),
    ],
)
def test_numbers_as_people_write_them(text: str, country: str, expected: str) -> None:
    assert normalised(text, country) == expected


@pytest.mark.parametrize(
    ("text", "country", "fault"),
    [
        ("", "CN", "not_a_number"),
        ("hello", "CN", "not_a_number"),
        ("13800138000", "", "not_a_number"),
        ("138001380", "CN", "invalid"),
        ("12345", "CN", "invalid"),
        ("010 6552 9988", "CN", "no_mobile"),
        ("13800138000 ext. 5", "CN", "invalid"),
        ("1" * 300, "CN", "not_a_number"),
    ],
)
def test_what_no_sms_can_go_to(text: str, country: str, fault: str) -> None:
    with pytest.raises(NumberUnfit) as caught:
        normalised(text, country)
    assert caught.value.fault == fault
    assert text == "" or text not in str(caught.value)


@given(st.text(max_size=50))
def test_any_text_is_a_number_or_a_fault(text: str) -> None:
    try:
        number = normalised(text, "CN")
    except NumberUnfit:
        return
    assert number.startswith("+")
    assert normalised(number, "") == number
    assert number[3:-2] not in masked(number)
