"""Who may put value on a card, as a table; and the limit of a day, however it is split."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.server.stored_value.model import needs_second_person

LIMIT = 20_000


@pytest.mark.parametrize(
    ("amount", "alone", "bottles", "fills_alone", "needed"),
    [
        (0, 0, False, False, False),
        (0, LIMIT, False, False, False),
        (1, 0, False, False, True),
        (1, 0, False, True, False),
        (LIMIT, 0, False, True, False),
        (LIMIT + 1, 0, False, True, True),
        (1, LIMIT, False, True, True),
        (LIMIT, 0, True, False, False),
        (1, LIMIT, True, False, True),
    ],
)
def test_who_needs_a_second_person(amount: int, alone: int, *, bottles: bool, fills_alone: bool, needed: bool) -> None:
    answer = needs_second_person(amount, alone, LIMIT, for_bottles=bottles, fills_alone=fills_alone)
    assert answer == needed


@given(st.lists(st.tuples(st.integers(0, 2 * LIMIT), st.booleans()), max_size=30), st.booleans())
def test_nobody_comes_over_the_limit_alone(wishes: list[tuple[int, bool]], fills_alone: bool) -> None:
    alone = 0
    for amount, bottles in wishes:
        if not needs_second_person(amount, alone, LIMIT, for_bottles=bottles, fills_alone=fills_alone):
            alone += amount
    assert alone <= LIMIT
