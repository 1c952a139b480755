"""What a belt's count is worth: learned from what a lane has counted, and never more than that."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.bench.weighing import belt, figures
from unqueue.bench.weighing.store import Store
from unqueue.weighing import state
from unqueue.weighing.counting import ABOVE, ITEMS_MAX, ORDERS_MIN, CountModel, Tally, fitted
from unqueue.weighing.design import Weighing
from unqueue.weighing.learner import Learner

SHARES = st.floats(0.0005, 0.4)


def counted(rng: np.random.Generator, items: int, hidden: float, double: float, useless: float) -> int:
    """A barrier of the simplest kind, apart from the model: one thing after the other."""
    if rng.random() < useless:
        return int(rng.integers(0, items + ABOVE + 1))
    seen = sum(1 for number in range(items) if number == 0 or rng.random() >= hidden)
    return seen + int(rng.poisson(double * items))


@given(SHARES, SHARES, SHARES, st.integers(1, ITEMS_MAX))
def test_some_count_always_comes(hidden: float, double: float, useless: float, items: int) -> None:
    model = CountModel(hidden, double / 10, useless)
    together = sum(model.chance(count, items) for count in range(items + ABOVE + 1))
    assert 0.5 < together <= 1.0 + 1e-9


@pytest.mark.parametrize("truth", [(0.05, 0.01, 0.02), (0.2, 0.002, 0.3), (0.002, 0.05, 0.1), (0.02, 0.3, 0.002)])
def test_what_a_lane_has_shown_is_learned(truth: tuple[float, float, float]) -> None:
    rng, tally = np.random.default_rng(7), Tally()
    for _ in range(5000):
        items = int(rng.integers(1, 20))
        tally.add(counted(rng, items, *truth), items)
    model = tally.model()
    assert model is not None
    assert [model.hidden, model.double, model.useless] == pytest.approx(truth, rel=0.25, abs=0.012)


def test_a_good_count_speaks_for_one_more_and_a_useless_one_says_nothing() -> None:
    good = CountModel(0.01, 0.005, 0.01)
    assert good.ratio(6, 5, 1) > 15
    assert good.ratio(5, 5, 1) < 0.1
    assert good.ratio(4, 5, -1) > 5
    useless = CountModel(0.3, 0.05, 0.89)
    assert 0.5 < useless.ratio(6, 5, 1) < 2
    assert good.ratio(40, 5, 1) == pytest.approx(1, abs=0.2), "what is far off is no evidence"


def test_too_few_orders_are_no_ground() -> None:
    tally = Tally()
    for _ in range(ORDERS_MIN - 1):
        tally.add(5, 5)
    assert tally.model() is None
    tally.add(0, 0)  # nothing was bought
    tally.add(3, ITEMS_MAX + 1)
    assert tally.model() is None
    tally.add(5, 5)
    assert tally.model() is not None


def test_a_barrier_that_broke_is_believed_no_more() -> None:
    tally = Tally()
    for _ in range(2000):
        tally.add(0, 6)
    model = tally.model()
    assert model is not None
    assert 0.7 < model.ratio(0, 6, 1) < 1.3


def test_what_a_belt_was_like_long_ago_fades() -> None:
    tally = Tally()
    for _ in range(20_000):
        tally.add(5, 5)
    for _ in range(40_000):
        tally.add(4, 5)
    assert tally.orders <= 20_000
    assert fitted(tally.counts).ratio(4, 5, -1) < 3


@pytest.fixture(scope="module")
def counting() -> tuple[Learner, Store]:
    """A store of 150 products whose belt counts well, after 2,500 orders, of which 3 % were wrong."""
    store = Store(11, 150)
    return belt.taught(store, belt.Barrier(), 2_500, 0.03, counts=True), store


def test_the_count_finds_what_the_weight_can_not_and_rings_no_more_often(counting: tuple[Learner, Store]) -> None:
    learner, store = counting
    alone, together = belt.look(learner, store, belt.Barrier(), 2_000)
    assert together.found > alone.found + 0.005
    assert together.false < max(alone.false + 0.003, 0.015)


def test_a_belt_that_hides_everything_changes_nothing() -> None:
    store, broken = Store(11, 150), belt.Barrier(touch_cm=1e9)
    learner = belt.taught(store, broken, 900, 0.03, counts=True)
    alone, together = belt.look(learner, store, broken, 700)
    assert together.found == pytest.approx(alone.found, abs=0.02)
    assert together.false == pytest.approx(alone.false, abs=0.005)


def test_the_limits_say_what_the_verdict_says(counting: tuple[Learner, Store]) -> None:
    learner, store = counting
    sales = store.sell(300, 0.3)
    rows = belt.counted(sales, sales.measured_g, belt.Barrier().count(store.chance, belt.things(sales)))
    examiner = learner.examiner()
    differ = heeded = 0
    for (order, weighing), verdict in zip(rows, learner.test(rows), strict=True):
        expected = examiner.expected(order, weighing.scale_interval_g, lane="lane-1")
        more = (weighing.counted or 0) - order.items
        limits = next((one for one in expected.by_count if one.more == more), None)
        low_g, high_g = (limits.low_g, limits.high_g) if limits is not None else (expected.low_g, expected.high_g)
        heeded += limits is not None
        differ += (low_g <= weighing.measured_g <= high_g) != verdict.passes
    assert heeded > 200
    assert differ < 6, "but for the scale's own error, which is that of what was expected"


def test_own_bags_and_another_lane_are_judged_by_weight(counting: tuple[Learner, Store]) -> None:
    learner, store = counting
    (order, weighing), *_ = belt.counted(sales := store.sell(1, 0.0), sales.measured_g, sales.items.astype(np.int64))
    examiner = learner.examiner()
    assert examiner.expected(order, 5.0, lane="lane-1").by_count
    assert not examiner.expected(order, 5.0, lane="lane-2").by_count
    assert not examiner.expected(order, 5.0).by_count
    assert not examiner.expected(order, 5.0, 1, lane="lane-1").by_count
    assert weighing.counted == order.items


def test_what_was_counted_is_kept(counting: tuple[Learner, Store], tmp_path: Path) -> None:
    learner, store = counting
    state.save(learner, tmp_path)
    again = state.load(tmp_path, figures.goods_of(store), false_alarm=0.01, trusts_all=False)
    assert again.count_models == learner.count_models
    assert again.tallies["lane-1"].orders == learner.tallies["lane-1"].orders


def test_suspects_heed_the_count(counting: tuple[Learner, Store]) -> None:
    learner, store = counting
    (order, weighing), *_ = belt.counted(sales := store.sell(1, 0.0), sales.measured_g, sales.items.astype(np.int64))
    heavier = msgspec.structs.replace(weighing, measured_g=weighing.measured_g + 400.0)
    one_more = msgspec.structs.replace(heavier, counted=order.items + 1)
    examiner = learner.examiner()

    def swapped(of: Weighing) -> float:
        return sum(one.probability for one in examiner.suspects(order, of) if one.kind == "swapped")

    assert swapped(one_more) <= swapped(heavier)
    assert examiner.suspects(order, one_more)[0].kind in {"missed", "more"}
