"""The chooser finds change whenever some combination exists, the best by its stated preferences, in bounded time."""

import itertools
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unqueue.kernel.cash import Denomination
from unqueue.kiosk.cash.bench import full_machine
from unqueue.kiosk.cash.change import (
    COST_OF_FLOAT,
    COST_ORDINARY,
    COST_OVER_FULL,
    STEPS_MAX,
    Change,
    Reach,
    Stock,
    choose,
)
from unqueue.kiosk.cash.currencies import CURRENCIES

VALUES = st.sampled_from([1, 2, 3, 5, 7, 10, 20, 25, 50])
STOCKS = st.lists(
    st.builds(
        Stock,
        st.sampled_from(["one", "two"]),
        st.builds(Denomination, st.just("XTS"), VALUES, st.sampled_from(["coin", "note"])),
        st.integers(0, 4),
        st.integers(0, 3),
        st.none() | st.integers(0, 4),
    ),
    max_size=5,
    unique_by=lambda stock: (stock.device, stock.denomination),
)


def cost_of(stock: Stock, pieces: int) -> tuple[int, int]:
    """(pieces of the float, cost) of giving so many, written from the preferences, piece by piece."""
    kept = min(stock.keep, stock.count)
    of_float = cost = 0
    for left in range(stock.count, stock.count - pieces, -1):  # pieces there before this one goes
        if left <= kept:
            of_float, cost = of_float + 1, cost + COST_OF_FLOAT
        elif stock.over_full is not None and left > stock.over_full:
            cost += COST_OVER_FULL
        else:
            cost += COST_ORDINARY
    return of_float, cost


def brute_force(amount: int, stocks: Sequence[Stock]) -> tuple[bool, int, int] | None:
    """The least (touches the float, cost, pieces) of all combinations."""
    best = None
    for numbers in itertools.product(*(range(stock.count + 1) for stock in stocks)):
        if sum(n * stock.denomination.value_minor for n, stock in zip(numbers, stocks, strict=True)) == amount:
            parts = [cost_of(stock, n) for n, stock in zip(numbers, stocks, strict=True)]
            figure = (any(part[0] for part in parts), sum(part[1] for part in parts), sum(numbers))
            best = figure if best is None or figure < best else best
    return best


def value(change: Change) -> int:
    return sum(piece.value_minor * n for pieces in change.counts.values() for piece, n in pieces.items())


@settings(max_examples=600)
@given(st.data(), STOCKS)
def test_it_finds_the_best_combination_iff_there_is_one(data: st.DataObject, stocks: list[Stock]) -> None:
    # Half of the amounts are some pieces' value, and can be paid.
    some = sum(data.draw(st.integers(0, stock.count)) * stock.denomination.value_minor for stock in stocks)
    amount = data.draw(st.just(some) | st.integers(0, 250))
    best = brute_force(amount, stocks)
    change = choose(amount, stocks)
    assert Reach(stocks, max(amount, 1)).can_pay(amount) == (best is not None)
    if best is None:
        assert change is None
        return
    assert change is not None
    assert change.proven
    assert value(change) == amount
    assert (change.cost, change.pieces) == best[1:]
    held = {(stock.device, stock.denomination): stock for stock in stocks}
    touched = False
    for device, pieces in change.counts.items():
        for piece, number in pieces.items():
            stock = held[device, piece]
            assert 0 < number <= stock.count
            touched = touched or cost_of(stock, number)[0] > 0
    assert touched == best[0]


@given(STOCKS, st.integers(0, 250))
def test_the_most_that_can_be_paid(stocks: list[Stock], amount: int) -> None:
    payable = [part for part in range(amount + 1) if brute_force(part, stocks) is not None]
    assert Reach(stocks, amount).most() == max(payable)


def coin(value_minor: int) -> Denomination:
    return Denomination("CNY", value_minor, "coin")


@pytest.mark.parametrize(
    ("amount", "stocks", "expected"),
    [
        # Greedy would give 50 and be stuck.
        (60, [Stock("h", coin(50), 1), Stock("h", coin(20), 3)], {20: 3}),
        # The first that fits is not the best: four 10s leave nothing that fits, three need two 1s.
        (39, [Stock("h", coin(v), n) for v, n in ((1, 2), (5, 2), (10, 4), (7, 2))], {10: 2, 7: 2, 5: 1}),
        (167, [Stock("h", coin(v), n) for v, n in ((1, 4), (7, 2), (50, 4), (20, 3))], {50: 2, 20: 3, 7: 1}),
        # The float stays where there is another way, however many pieces that makes.
        (100, [Stock("h", coin(100), 5, keep=5), Stock("h", coin(10), 50)], {10: 10}),
        (100, [Stock("h", coin(100), 5, keep=5), Stock("h", coin(30), 50)], {100: 1}),
        # What is too full goes first if it makes at most twice as many pieces.
        (100, [Stock("h", coin(100), 9), Stock("h", coin(50), 99, over_full=20)], {100: 1}),
        (200, [Stock("h", coin(100), 9, over_full=1), Stock("h", coin(200), 9)], {200: 1}),
        (150, [Stock("h", coin(50), 99, over_full=20), Stock("h", coin(70), 9), Stock("h", coin(80), 9)], {50: 3}),
    ],
)
def test_preferences(amount: int, stocks: list[Stock], expected: dict[int, int]) -> None:
    change = choose(amount, stocks)
    assert change is not None
    assert {piece.value_minor: n for pieces in change.counts.values() for piece, n in pieces.items()} == expected


def test_its_cost_is_bounded_with_full_tubes() -> None:
    """Counted, not timed: 20 denominations, thousands of pieces each, thousands of yuan in fen."""
    stocks = full_machine()
    assert len(stocks) == 20
    for amount in range(499_900, 500_000):
        reach = Reach(stocks, amount)
        assert reach.shifts <= sum(stock.count.bit_length() for stock in stocks)
        change = choose(amount, stocks)
        assert change is not None
        assert change.proven
        assert change.steps <= 400


@pytest.mark.parametrize("currency", CURRENCIES)
def test_real_currencies_are_proven_in_a_few_steps(currency: str) -> None:
    chance = random.Random(20260301)
    for _ in range(100):
        stocks = []
        for piece in sorted(CURRENCIES[currency].denominations()):
            count = chance.randint(0, chance.choice([0, 3, 50, 2000]))
            stocks.append(
                Stock("h", piece, count, chance.choice([0, 5, count // 2]), chance.choice([None, count * 3 // 4]))
            )
        change = choose(chance.choice([chance.randint(1, 5000), chance.randint(1, 500_000)]), stocks)
        assert change is None or change.proven


def test_even_a_hostile_system_ends_and_is_exact() -> None:
    """Twenty values that no mint would choose: the search gives up proving, not paying."""
    chance = random.Random(7)
    worst = 0
    for _ in range(20):
        values = chance.sample(range(101, 400), 20)
        stocks = [
            Stock("h", coin(v), chance.randint(1, 60), chance.randint(0, 20), chance.randint(5, 40)) for v in values
        ]
        amount = chance.randint(20_000, 60_000)
        change = choose(amount, stocks)
        assert change is not None
        assert value(change) == amount
        worst = max(worst, change.steps)
    assert worst <= STEPS_MAX + 20 * 60
