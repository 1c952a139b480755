"""A piece is taken only if its change, or everything so far, can be given."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unqueue.kernel.cash import Denomination
from unqueue.kiosk.cash.acceptance import Candidate, Position, Reason, Taken, judge, refusal_texts
from unqueue.kiosk.cash.change import Stock, choose

ONE, FIVE, TEN, TWENTY = (Denomination("CNY", value, "note") for value in (100, 500, 1000, 2000))
EURO = Denomination("EUR", 500, "note")


def verdict(
    piece: Candidate, due: int, stocks: Sequence[Stock] = (), taken: Sequence[Taken] = (), *, to_home: bool = True
) -> Reason | None:
    return judge(Position("CNY", due, taken, stocks, to_home), [piece])[piece.denomination]


def test_an_empty_machine_takes_the_exact_amount_and_nothing_else() -> None:
    assert verdict(Candidate(TEN, 1000), 1000) is None
    assert verdict(Candidate(TEN, 1000), 900) == "change"
    assert verdict(Candidate(FIVE, 500), 1000) == "return"


def test_a_piece_that_is_recycled_can_be_given_back() -> None:
    assert verdict(Candidate(FIVE, 500, into_dispenser=True), 1000) is None
    # As change it helps only if the rest is there.
    assert verdict(Candidate(TEN, 1000, into_dispenser=True), 600) == "change"
    assert verdict(Candidate(TEN, 1000, into_dispenser=True), 600, [Stock("r", ONE, 4)]) is None


def test_what_went_before_must_go_back_too() -> None:
    # The 10 lies in the cashbox; 5s are there for it, but not for both.
    taken, stocks = [Taken(TEN, 1000)], [Stock("r", FIVE, 2)]
    assert verdict(Candidate(TEN, 1000), 3000, stocks, taken) == "return"
    assert verdict(Candidate(TEN, 1000, into_dispenser=True), 3000, stocks, taken) is None


def test_foreign_money_goes_back_as_it_came_or_at_its_credit() -> None:
    euro = Candidate(EURO, 3900)
    assert verdict(euro, 9000) == "return"
    assert verdict(euro, 9000, [Stock("r", EURO, 1)]) is None
    assert verdict(euro, 9000, [Stock("r", ONE, 39)]) is None
    assert verdict(euro, 9000, [Stock("r", ONE, 39)], to_home=False) == "return"
    assert verdict(Candidate(EURO, 3900, into_dispenser=True), 9000, to_home=False) is None
    assert verdict(euro, 3000, [Stock("r", ONE, 9)]) is None
    assert verdict(Candidate(EURO, None), 9000) == "currency"


@pytest.mark.parametrize("reason", ["full", "device"])
def test_a_device_that_can_not(reason: Reason) -> None:
    assert verdict(Candidate(TEN, 1000, refused=reason), 1000) == reason


@pytest.mark.parametrize("reason", ["change", "return", "currency", "full", "device"])
def test_every_refusal_is_told_in_both_languages(reason: Reason) -> None:
    zh, en = refusal_texts(TEN, reason)
    assert "¥10.00 纸币" in zh
    assert "¥10.00 notes" in en


PIECES = st.sampled_from([ONE, FIVE, TEN, TWENTY])


@settings(max_examples=300)
@given(
    st.integers(1, 60).map(lambda yuan: yuan * 100),
    st.dictionaries(PIECES, st.integers(0, 4)),
    st.lists(st.tuples(PIECES, st.booleans()), max_size=8),
)
def test_whatever_is_taken_can_be_changed_or_returned(
    due: int, machine: dict[Denomination, int], offers: list[tuple[Denomination, bool]]
) -> None:
    """A shopper offers pieces; those that may be taken are, and go where was said. At any time a cancellation gives
    everything back, and the end gives the exact change: in the world, not in the rule.
    """
    held, taken = Counter(machine), list[Taken]()
    for piece, recycled in offers:
        stocks = [Stock("r", kind, count) for kind, count in sorted(held.items())]
        reason = verdict(Candidate(piece, piece.value_minor, into_dispenser=recycled), due, stocks, taken)
        after = held + Counter({piece: int(recycled)})
        after_stocks = [Stock("r", kind, count) for kind, count in sorted(after.items())]
        total = sum(t.credited_minor for t in taken) + piece.value_minor
        owed = total - due if total >= due else total
        assert (reason is None) == (choose(owed, after_stocks) is not None)
        if reason is None:
            held, taken = after, [*taken, Taken(piece, piece.value_minor)]
            if total >= due:
                return
