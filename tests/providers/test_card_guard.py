"""No card number gets through the guard, however it is written; what is none stays."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from unqueue.kernel.ids import luhn_digit
from unqueue.providers.card_guard import LONGEST, SHORTEST, holds_card_number, mask, mask_lines

numbers = st.integers(SHORTEST, LONGEST).flatmap(
    lambda length: st.integers(10 ** (length - 2), 10 ** (length - 1) - 1).map(
        lambda body: str(body) + luhn_digit(str(body))
    )
)
gaps = st.sampled_from(["", "", "", " ", "-", "\u00a0", " - ", "\n"])


@st.composite
def written(draw: st.DrawFn) -> tuple[str, str]:
    """A card number and one way to write it."""
    number = draw(numbers)
    return number, "".join(digit + draw(gaps) for digit in number[:-1]) + number[-1]


def rows(text: str) -> list[str]:
    """The text's rows of digits, found another way than the guard finds them."""
    found, row, between = [], "", 0
    for character in text + "|||||":
        if character.isdecimal():
            row, between = row + str(int(character)), 0
        elif character in " -\n\u00a0" and between < 4:
            between += 1
        else:
            found.append(row)
            row, between = "", 0
    return found


def passes(digits: str) -> bool:
    doubled = [int(d) * 2 if place % 2 else int(d) for place, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


@given(written(), st.text(max_size=20), st.text(max_size=20))
@example(("4111111111111111", "4111 1111 1111 1111"), "0000", "1")
@example(("4111111111111111", "4111111111111111"), "12", "34")
def test_no_card_number_gets_through(card: tuple[str, str], before: str, after: str) -> None:
    masked = mask(before + card[1] + after)
    for row in rows(masked):
        for start in range(len(row)):
            for length in range(SHORTEST, LONGEST + 1):
                part = row[start : start + length]
                assert len(part) < length or part[0] == "0" or not passes(part), f"{part} got through in {masked!r}"
    assert card[0] not in "".join(filter(str.isdecimal, masked))


@given(st.text())
def test_masking_again_changes_nothing_and_lengths_stay(text: str) -> None:
    assert mask(mask(text)) == mask(text)
    assert len(mask(text)) == len(text)


@given(st.lists(st.text("0123456789 -*aä\n", max_size=24), min_size=1, max_size=6))
def test_lines_stay_lines(lines: list[str]) -> None:
    assert len(mask_lines(lines)) == len(lines)


@pytest.mark.parametrize(
    "harmless",
    ["", "104729389", "2026-11-22 17:26:57", "12.90", "************0010", "8001 0100 0000 5",
     "TID P400Plus-275039202", "A0000000041010"],
)  # fmt: skip
def test_what_is_no_card_number_stays(harmless: str) -> None:
    assert mask(harmless) == harmless
    assert not holds_card_number(harmless)


def test_the_last_four_stay() -> None:
    assert mask("PAN=5413330089020011;") == "PAN=************0011;"
    assert mask("\uff14111111111111111") == "************1111", "full-width digits are digits"
