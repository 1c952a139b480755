"""What is learned from totals: each product's weight, how many orders are wrong, and which products have changed.

The stores are those of ``unqueue.bench.weighing``, which share no code with the estimator.
"""

from pathlib import Path

import numpy as np
import pytest

from unqueue.bench.weighing import figures, oracle
from unqueue.bench.weighing.store import Floats, Store
from unqueue.weighing import fitting, state
from unqueue.weighing.design import Batch, Line, Order, Weighing, batch_of
from unqueue.weighing.fitting import Parameters, Seen
from unqueue.weighing.learner import Learner, Verdict
from unqueue.weighing.priors import Goods, prior_of

PRODUCTS, ORDERS = 150, 4_000
Weighed = list[tuple[Order, Weighing]]


def sold(store: Store, count: int, wrong: float, begun: int = 0) -> Weighed:
    sales = store.sell(count, wrong)
    return figures.weighed(sales, sales.measured_g, begun)


@pytest.fixture(scope="module", params=[0.03, 0.25])
def learned(request: pytest.FixtureRequest) -> tuple[Store, Learner, float]:
    store = Store(11, PRODUCTS)
    learner = Learner(figures.goods_of(store))
    learner.take(sold(store, ORDERS, request.param))
    return store, learner, request.param


def test_it_finds_nearly_what_an_oracle_finds(learned: tuple[Store, Learner, float]) -> None:
    store, learner, wrong = learned
    seen = figures.probe(learner, store, 3_000)
    assert seen.found > seen.best - (0.02 if wrong < 0.1 else 0.04)
    assert 0.004 < seen.false < 0.018


def test_the_share_of_wrong_orders_needs_no_audit(learned: tuple[Store, Learner, float]) -> None:
    _, learner, wrong = learned
    assert learner.parameters.wrong == pytest.approx(wrong, abs=0.012 if wrong < 0.1 else 0.04)


def test_products_come_to_weigh_what_they_weigh(learned: tuple[Store, Learner, float]) -> None:
    store, learner, _ = learned
    found = learner.parameters.mean_g(learner.prior)[: store.products]
    before = learner.prior.mean_g[: store.products]
    often = store.popularity > np.median(store.popularity)
    assert np.abs(found - store.true_g)[often].mean() < 0.25 * np.abs(before - store.true_g)[often].mean()


def test_it_beats_every_fixed_band_at_its_own_false_alarm_rate(learned: tuple[Store, Learner, float]) -> None:
    store, learner, _ = learned
    seen = figures.probe(learner, store, 3_000)
    for name, (_, found) in seen.bands.items():
        assert seen.at_bands[name][0] >= found, name


def test_new_packaging_is_noticed_and_learned() -> None:
    store = Store(5, PRODUCTS)
    learner = Learner(figures.goods_of(store))
    learner.take(sold(store, 3_000, 0.03))
    assert learner.changes == []
    changed = store.repack(0.05)
    learner.take(sold(store, 2_000, 0.03, 3_000))
    told = {learner.product_of[change.column] for _, change in learner.changes}
    heavy = {str(one) for one in changed if store.popularity[one] > np.median(store.popularity)}
    assert heavy <= told
    assert len(told - {str(one) for one in changed}) <= 1
    sales = store.sell(2_000, 0.0)
    test = figures._examine(learner, sales, sales.measured_g)
    assert (test.p_value < 0.01).mean() < 0.03


def test_an_order_that_was_checked_teaches_no_weight() -> None:
    """Whoever smuggles can't teach the scale to look away."""
    store = Store(3, PRODUCTS)
    first, later = sold(store, 600, 0.0), sold(store, 300, 0.0, 700)
    means = []
    for extra_g in (3_000.0, 7_000.0):
        learner = Learner(figures.goods_of(store))
        learner.take(first)
        cheat = [(Order(f"cheat {one[0].order_id}", one[0].lines), one[1]) for one in first[:50]]
        cheat = [
            (one, Weighing(weighing.measured_g + extra_g + 135 * number, 5.0))
            for number, (one, weighing) in enumerate(cheat)
        ]
        verdicts = learner.take(cheat)
        assert not any(verdict.passes for verdict in verdicts)
        learner.take(later)
        assert learner.changes == []
        means.append(learner.parameters.mean_g(learner.prior))
    assert np.abs(means[0] - means[1]).max() < 1.0


def test_who_trusts_every_order_learns_from_those_too() -> None:
    """`--learn-all` is for logs that were checked by people: then the goods of all of them weigh what was measured."""
    store = Store(3, PRODUCTS)
    orders = sold(store, 600, 0.0)
    heavier = [(order, Weighing(one.measured_g * 1.5, one.scale_interval_g)) for order, one in orders]
    means = {}
    for trusts_all in (False, True):
        learner = Learner(figures.goods_of(store), trusts_all=trusts_all)
        learner.take(heavier)
        often = np.argsort(-store.popularity)[:20]
        means[trusts_all] = (learner.parameters.mean_g(learner.prior)[often] / store.true_g[often]).mean()
    assert means[True] > means[False]
    assert means[True] == pytest.approx(1.5, abs=0.1)


def test_what_a_known_shopper_buys_is_suspected_first() -> None:
    """Two goods of one weight: the one that this shopper always takes is the likelier one to have been missed."""
    goods = [Goods("rice", 1000), Goods("flour", 700, "rigid"), Goods("sugar", 700, "rigid")]
    learner = Learner(goods)
    rice = (Line("rice", 1),)
    for number in range(300):
        other = "flour" if number % 2 else "sugar"
        order = Order(str(number), (*rice, Line(other, 1)), "an" if other == "sugar" else "bo")
        learner.take([(order, Weighing(1775.0, 5.0))])
    for customer, usual in (("an", "sugar"), ("bo", "flour")):
        (verdict,) = learner.take([(Order(f"by {customer}", rice, customer), Weighing(1775.0, 5.0))])
        assert not verdict.passes
        assert (verdict.suspects[0].product_id, verdict.suspects[0].kind) == (usual, "missed")


def test_the_band_does_not_close_by_looking_at_what_it_let_pass() -> None:
    """Whoever learns from what passed sees less variance than there is; undone, a hundred fits change nothing."""
    store = Store(21, 40)
    learner = Learner(figures.goods_of(store), false_alarm=0.1)
    learner.take(sold(store, 1_500, 0.0))
    before = np.median(_sigma(learner, store))
    for _ in range(60):
        learner.refit()
    assert np.median(_sigma(learner, store)) > 0.93 * before


def _sigma(learner: Learner, store: Store) -> Floats:
    chance = store.chance
    store.chance = np.random.default_rng(1)  # the same baskets each time
    sales = store.sell(500, 0.0)
    store.chance = chance
    return figures._examine(learner, sales, sales.measured_g).sigma_g


def test_a_product_that_is_new_in_the_catalogue(tmp_path: Path) -> None:
    """What was learned is kept, and the new one begins with what its package says."""
    store = Store(9, PRODUCTS)
    goods = figures.goods_of(store)
    learner = Learner(goods)
    learner.take(sold(store, 400, 0.0))
    state.save(learner, tmp_path)
    again = state.load(tmp_path, [*goods, Goods("new", 500, "glass")], false_alarm=0.01, trusts_all=False)
    means = again.parameters.mean_g(again.prior)
    assert np.allclose(means[: store.products], learner.parameters.mean_g(learner.prior)[: store.products])
    assert 600 < means[again.columns["new"]] < 1000
    order = Order("with it", (Line("new", 1), Line("0", 1)))
    assert again.take([(order, Weighing(3.0 * (means[again.columns["new"]] + means[0]), 5.0))])[0].passes is False
    again.take([(order, Weighing(float(means[again.columns["new"]] + means[0]), 5.0))] * 150)


def test_what_is_kept_goes_on_where_it_stopped(tmp_path: Path) -> None:
    store = Store(9, PRODUCTS)
    goods, orders = figures.goods_of(store), sold(store, 900, 0.03)
    whole = Learner(goods)
    expected = whole.take(orders)
    begun = Learner(goods)
    found: list[Verdict] = begun.take(orders[:500])
    state.save(begun, tmp_path)
    again = state.load(tmp_path, goods, false_alarm=0.01, trusts_all=False)
    found += again.take(orders[500:])
    assert [one.passes for one in found] == [one.passes for one in expected]
    assert np.allclose([one.p_value for one in found], [one.p_value for one in expected], rtol=1e-6, atol=1e-9)


def test_the_oracle_knows_its_store() -> None:
    """The generator and its oracle agree: errors of right orders have the standard deviation that is told of them."""
    store = Store(2, PRODUCTS)
    sales = store.sell(20_000, 0.0)
    errors = oracle.errors_sd(store, sales, sales.measured_g)
    assert errors.std() == pytest.approx(1.0, abs=0.05)
    assert abs(errors.mean()) < 0.1


def test_what_an_order_would_weigh_to_a_fit_without_it() -> None:
    """The calibration looks at errors of orders that were learned from. How much larger each would be had it not been
    is reckoned, not fitted again; here it is.
    """
    store = Store(7, 60)
    goods = figures.goods_of(store)
    prior, columns = prior_of(goods), {one.product_id: column for column, one in enumerate(goods)}
    rows = sold(store, 500, 0.0)

    def fitted(some: Weighed, begun: Parameters, rounds: int) -> tuple[Batch, Parameters]:
        batch = batch_of(some, columns, len(goods), len(goods) + 1)
        seen = Seen(batch, np.zeros(len(batch)), np.zeros(len(batch)), is_trusted=True)
        return batch, fitting.fit(seen, prior, begun, np.append(store.popularity, 0.0), rounds)

    batch, known = fitted(rows, fitting.starting(prior), 40)
    errors = fitting.errors_of(batch, known, prior)
    z = errors.error_g / np.sqrt(errors.total)
    reckoned = fitting.without_itself(batch, errors, known, at_sd=2.05)
    looked_at = np.flatnonzero((np.abs(z) > 1.6) & (np.abs(z) < 2.6))[:15]
    larger = []
    for row in looked_at:
        _, without = fitted(rows[:row] + rows[row + 1 :], known, 15)
        alone = fitting.errors_of(batch.rows(np.array([row])), without, prior)
        larger.append(float(alone.error_g[0] / np.sqrt(alone.total[0]) / z[row]))
    assert np.mean(larger) > 1.08
    assert np.mean(np.log(larger)) == pytest.approx(np.mean(np.log(reckoned[looked_at])), rel=0.15)
    assert np.abs(np.log(larger) - np.log(reckoned[looked_at])).mean() < 0.2 * np.log(larger).mean()
