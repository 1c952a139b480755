"""The test of one order: it keeps its false-alarm rate, finds what can be found, and names it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.weighing import alternatives, deciding, fitting
from unqueue.weighing.design import Batch, Line, Order, Weighing, batch_of
from unqueue.weighing.fitting import Parameters
from unqueue.weighing.priors import CONTENT_G, CONTENT_SD_G, Goods, Prior, prior_of

GOODS = [
    Goods("milk", 1000, "rigid", "packed", 5.0),
    Goods("tea", 100, "flexible", "packed", 3.0),
    Goods("jam", 340, "glass", "packed", 2.0),
    Goods("cheese", 0, "flexible", "labelled", 1.0),
    Goods("apple", 180, "none", "piece", 4.0),
]
COLUMNS = {one.product_id: number for number, one in enumerate(GOODS)}
POPULARITY = np.array([one.popularity for one in GOODS] + [0.0])
FALSE_ALARM = 0.01


def known() -> tuple[Prior, Parameters]:
    """A store that knows every weight: the means as the prior has them, nothing uncertain but unit and scale."""
    prior = prior_of(GOODS)
    parameters = fitting.starting(prior)
    fields = {name: getattr(parameters, name) for name in Parameters.__struct_fields__}
    fields |= {
        "mean_variance": np.full(len(GOODS) + 1, 1e-6),
        "variance_doubt": np.ones(len(GOODS) + 1),
        "lot_share": 1e-3,
    }
    return prior, Parameters(**fields)


def order(**quantities: int) -> Order:
    return Order("1", tuple(Line(name, count) for name, count in quantities.items()))


def batch(weighed: list[tuple[Order, Weighing]]) -> Batch:
    return batch_of(weighed, COLUMNS, len(GOODS), len(GOODS) + 1)


def examined(one: Order, grams: list[float]) -> deciding.Test:
    prior, parameters = known()
    missed = fitting.missed_table(parameters, prior, POPULARITY)
    return deciding.examine(
        batch([(one, Weighing(each, 5.0)) for each in grams]), parameters, prior, missed, FALSE_ALARM
    )


def expected_g(one: Order) -> float:
    return float(examined(one, [1000.0]).expected_g[0])


BASKETS = [
    order(tea=1, jam=1),
    order(milk=2, tea=1),
    order(milk=1, jam=3, tea=4),
    order(apple=6),
    order(apple=1, milk=4),
]


@pytest.mark.parametrize("one", BASKETS)
def test_false_alarms_are_as_many_as_the_store_wants_in_each_basket(one: Order) -> None:
    prior, parameters = known()
    weights = parameters.weights(prior)
    chance = np.random.default_rng(7)
    total = np.zeros(20_000)
    for line in one.lines:
        column = COLUMNS[line.product_id]
        mean, variance = weights.mean_g[column], weights.unit_variance[column]
        spread = np.sqrt(np.log1p(variance / mean**2))
        for _ in range(line.quantity):
            total += mean * np.exp(chance.normal(0, 1, len(total)) * spread - spread**2 / 2)
    total += chance.normal(0, 1, len(total)) * np.sqrt(Weighing(float(total.mean()), 5.0).scale_variance - 25 / 12)
    phase = chance.uniform(0, 5, len(total))  # where the scale's steps lie, beside the weight: in a store each basket's
    test = examined(one, list(np.round((total + phase) / 5) * 5 - phase))
    assert 0.007 < (test.p_value < FALSE_ALARM).mean() < 0.014


@pytest.mark.parametrize(("one", "more"), [(BASKETS[0], "jam"), (BASKETS[1], "milk"), (BASKETS[2], "milk")])
def test_a_missed_thing_that_weighs_enough_is_found(one: Order, more: str) -> None:
    prior, parameters = known()
    grams = expected_g(one) + parameters.mean_g(prior)[COLUMNS[more]]
    test = examined(one, [grams])
    assert test.p_value[0] < 1e-6
    assert test.score[0] > 5
    missed = fitting.missed_table(parameters, prior, POPULARITY)
    found = deciding.suspects(batch([(one, Weighing(grams, 5.0))]), parameters, prior, missed, POPULARITY)
    assert found[0].column == COLUMNS[more]
    assert found[0].kind in {"missed", "more"}
    assert sum(each.probability for each in found) <= 1.0001


def test_the_weight_that_is_expected_passes() -> None:
    for one in BASKETS:
        test = examined(one, [round(expected_g(one) / 5) * 5])
        assert test.passes(FALSE_ALARM)[0]
        assert test.low_g[0] < 0 < test.high_g[0]


def test_something_light_in_something_varied_can_not_be_found() -> None:
    """Physics: one tea in six apples."""
    test = examined(BASKETS[3], [expected_g(BASKETS[3]) + 30])
    assert test.passes(FALSE_ALARM)[0]


def test_a_swap_for_something_as_heavy_can_not_be_found() -> None:
    test = examined(BASKETS[2], [round(expected_g(BASKETS[2]) / 5) * 5])
    assert test.passes(FALSE_ALARM)[0]


@given(st.floats(0, 1.5))
def test_the_bent_null_is_a_distribution_of_mean_zero_and_variance_one(skew: float) -> None:
    chance = deciding.null_chances(np.array([skew]))[0]
    middles = deciding._MIDDLES
    assert chance.sum() == pytest.approx(1, abs=0.003)
    assert (chance @ middles) == pytest.approx(0, abs=0.02)
    assert (chance @ middles**2) == pytest.approx(1, abs=0.05)


@given(st.floats(0, 1.5), st.floats(-3, 3))
def test_the_skewed_density_is_that_of_its_distribution(skew: float, z: float) -> None:
    step = 1e-4
    low, high = alternatives.below(np.array([z - step, z + step]), np.array([skew]))[0]
    density = alternatives.skewed(np.array([z * 7.0]), np.array([7.0]), np.array([skew]))[0]
    assert density * 7 == pytest.approx((high - low) / (2 * step), abs=2e-3)


@given(st.integers(-400, 1500))
def test_the_band_and_the_p_value_say_the_same(off_g: int) -> None:
    one = BASKETS[1]
    test = examined(one, [max(round((expected_g(one) + off_g) / 5) * 5, 0)])
    inside = test.low_g[0] <= test.error_g[0] <= test.high_g[0]
    near = min(abs(test.error_g[0] - test.low_g[0]), abs(test.error_g[0] - test.high_g[0])) < 0.1 * test.sigma_g[0]
    assert near or inside == bool(test.passes(FALSE_ALARM)[0])


def test_bags_and_parts_are_reckoned_with() -> None:
    one = BASKETS[1]
    prior, parameters = known()
    grams = expected_g(one)
    bare = batch([(one, Weighing(grams, 5.0))])
    with_bag = batch([(one, Weighing(grams + 60, 5.0, bags=1))])
    in_parts = batch([(one, Weighing(grams, 5.0, parts=3))])
    errors = [fitting.errors_of(each, parameters, prior) for each in (bare, with_bag, in_parts)]
    assert errors[1].error_g[0] == pytest.approx(errors[0].error_g[0], abs=1e-6)
    assert errors[1].total[0] > errors[0].total[0] + 40**2
    assert errors[2].total[0] > errors[0].total[0]


def test_weighed_goods_that_nobody_scanned_weigh_more_than_their_bag() -> None:
    """Their label would tell what is in it; without it, an order that is 5 g too heavy would lack "a bag of apples"."""
    prior = prior_of([Goods("apples", 0.0, "flexible", "labelled")])
    weights = fitting.starting(prior).weights(prior)
    mean_g, variance = fitting.unscanned(weights, prior)
    assert weights.mean_g[0] < 10
    assert mean_g[0] == pytest.approx(weights.mean_g[0] + CONTENT_G)
    assert variance[0] > CONTENT_SD_G**2
    assert (mean_g[1], variance[1]) == (weights.mean_g[1], weights.unit_variance[1] + weights.mean_variance[1])
    missed = fitting.missed_table(fitting.starting(prior), prior, np.array([1.0, 0.0]))
    at_bag, at_apples = missed.density(np.array([5.0, 500.0]), np.array([10.0, 10.0]))
    assert at_apples > 2 * at_bag
