"""Forms, answers, times and codes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.providers.unionpay import messages
from unqueue.providers.unionpay.messages import Malformed

NAMES = st.from_regex("[A-Za-z][A-Za-z0-9]{0,39}", fullmatch=True)
SIGNS = st.characters(codec="utf-8", exclude_characters="&{}", exclude_categories=["Cs", "Cc"])
VALUES = st.text(SIGNS, min_size=1).filter(lambda text: text == text.strip())


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=20))
def test_an_answer_is_read_as_it_was_written(fields: dict[str, str]) -> None:
    assert messages.parse_answer(messages.answer_body(fields)) == fields


@given(st.binary(max_size=300))
def test_rubbish_is_read_or_refused(body: bytes) -> None:
    for parse in (messages.parse_form, messages.parse_answer):
        try:
            fields = parse(body)
        except Malformed:
            continue
        assert all(fields.values())


@pytest.mark.parametrize(
    "body",
    [
        b"a=1&a=2",
        b"a=1%26b%3D2",
        b"a=%ff",
        "a=成".encode(),
        b"=1",
        b"a%3D=1",
        b"1a=1",
        b"a=%7Bb%3D1%26c%7D%26d%3D%7Be%7D",
        b"&".join(b"a%d=1" % number for number in range(101)),
    ],
    ids=[
        "twice",
        "hidden border",
        "not UTF-8",
        "not encoded",
        "no name",
        "border in a name",
        "digit",
        "braces",
        "many",
    ],
)
def test_forms_that_are_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        messages.parse_form(body)


@pytest.mark.parametrize("body", [b"a=1&a=2", b"a=1&=2", b"\xff=1", b"a={b&c", b"a={b&c}d"])
def test_answers_that_are_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        messages.parse_answer(body)


@given(st.integers(0, 4_000_000_000))
def test_a_time_is_read_as_it_was_written(at_s: int) -> None:
    assert messages.transaction_time_us(messages.transaction_time(at_s * 1_000_000)) == at_s * 1_000_000


@pytest.mark.parametrize(
    "text", ["", "2023111506132", "20231315061320", "2023111506132x", "202311150613200", "20230229000000"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        messages.transaction_time_us(text)


@pytest.mark.parametrize(
    ("code", "meaning"),
    [("00", "succeeded"), ("A6", "succeeded"), ("03", "pending"), ("04", "pending"), ("05", "pending")]
    + [("34", "unknown"), ("02", "later"), ("06", "later"), ("37", "later")]
    + [(code, "refused") for code in ("", "0", "01", "10", "11", "12", "33", "35", "36", "61", "99")],
)
def test_codes(code: str, meaning: str) -> None:
    assert messages.verdict(code) == meaning
