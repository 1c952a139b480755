"""The weigh check of one store: it tests orders, learns from those that passed, and notices when products change."""

from collections import OrderedDict
from collections.abc import Sequence

import msgspec
import numpy as np
from scipy import sparse

from unqueue.weighing import changes, deciding, fitting
from unqueue.weighing.alternatives import MissedTable
from unqueue.weighing.counting import CountModel, Tally, model_for
from unqueue.weighing.deciding import Test
from unqueue.weighing.design import Batch, Order, Weighing, batch_of
from unqueue.weighing.examiner import Examiner, Suspected
from unqueue.weighing.fitting import Seen
from unqueue.weighing.priors import BAG, Flags, Floats, Goods, Integers, Prior, prior_of

WINDOW = 120_000
"""Orders that are kept to learn from."""
_LOOK_BACK = 6_000
"""Orders in which a change of a product is looked for."""
_CALIBRATION_MIN = 1_000
_FIRST_FIT, _GROWTH, _BETWEEN_MAX = 100, 0.08, 1_000
_ROUNDS, _ROUNDS_FIRST = 2, 12
_CUSTOMERS_MAX, _HABITS_MAX = 50_000, 60
_HABIT = 0.5
"""How much of what a known shopper takes is what they took before."""
_PASSES = 4
_SPREAD_WIDER = 2.0


class Verdict(msgspec.Struct, frozen=True):
    """The outcome for one order. Weights in grams; ``residual_g`` is positive where the goods are too heavy.

    ``score`` is the log likelihood ratio of a fault, ``p_value`` how often an order without a fault scores as high.
    """

    order_id: str
    expected_g: float
    sigma_g: float
    residual_g: float
    score: float
    p_value: float
    passes: bool
    suspects: tuple[Suspected, ...] = ()


class History:
    """The last orders, in time order, as one sparse matrix, with what became of each."""

    def __init__(self, width: int) -> None:
        self.batch = Batch(sparse.csr_array((0, width)), np.zeros(0), np.zeros(0), np.zeros(0))
        self.low_g, self.high_g = np.zeros(0), np.zeros(0)
        self.passed = np.zeros(0, dtype=bool)

    def __len__(self) -> int:
        return len(self.batch)

    def widen(self, width: int) -> None:
        count = self.batch.count
        wider = sparse.csr_array((count.data, count.indices, count.indptr), shape=(count.shape[0], width))
        self.batch = msgspec.structs.replace(self.batch, count=wider)

    def append(self, batch: Batch, low_g: Floats, high_g: Floats, passed: Flags) -> None:
        """Add orders, and drop the oldest beyond the window."""
        drop = max(0, len(self) + len(batch) - WINDOW)
        old = self.batch
        self.batch = Batch(
            sparse.vstack([old.count[drop:], batch.count], format="csr"),
            np.concatenate([old.rest_g[drop:], batch.rest_g]),
            np.concatenate([old.label_g[drop:], batch.label_g]),
            np.concatenate([old.scale_variance[drop:], batch.scale_variance]),
        )
        self.low_g = np.concatenate([self.low_g[drop:], low_g])
        self.high_g = np.concatenate([self.high_g[drop:], high_g])
        self.passed = np.concatenate([self.passed[drop:], passed])

    def last(self, count: int) -> tuple[Batch, int]:
        """The last orders, and where they begin."""
        start = max(0, len(self) - count)
        return self.batch.rows(np.arange(start, len(self))), start


class Learner:
    """``false_alarm``: the share of orders with nothing wrong that are checked all the same. ``trusts_all``: learn from
    every order, whether it passed or not.
    """

    def __init__(self, goods: Sequence[Goods], *, false_alarm: float = 0.01, trusts_all: bool = False) -> None:
        self.false_alarm, self.trusts_all = false_alarm, trusts_all
        self.prior = prior_of(list(goods))
        self.parameters = fitting.starting(self.prior)
        self.columns = {one.product_id: column for column, one in enumerate(goods)}
        self.bag = len(goods)
        self.product_of = [*self.columns, BAG]
        self.popularity = np.array([max(one.popularity, 1e-9) for one in goods] + [0.0])
        self.history = History(len(self.product_of))
        self.changes: list[tuple[int, changes.Change]] = []
        self.seen = 0
        self.position = 0
        """Where whoever feeds it stands in their source of orders; kept with the rest."""
        self.fitted, self.next_fit = 0, _FIRST_FIT
        self.habits: OrderedDict[str, dict[str, float]] = OrderedDict()
        self.tallies: dict[str, Tally] = {}
        """What the belt of each lane has counted."""
        self.count_models: dict[str, CountModel] = {}
        self._missed: MissedTable | None = None

    @property
    def until_fit(self) -> int:
        """How many more orders are tested with the parameters as they are."""
        return max(1, self.next_fit - self.seen)

    @property
    def missed(self) -> MissedTable:
        if self._missed is None:
            self._missed = fitting.missed_table(self.parameters, self.prior, self.popularity)
        return self._missed

    def examiner(self) -> Examiner:
        """What is known now, untouched by what will be learned."""
        return Examiner(
            columns=dict(self.columns),
            product_of=tuple(self.product_of),
            bag=self.bag,
            parameters=self.parameters,
            prior=self.prior,
            missed=self.missed,
            popularity=self.popularity.copy(),
            false_alarm=self.false_alarm,
            counts=dict(self.count_models),
        )

    def take(self, weighed: Sequence[tuple[Order, Weighing]]) -> list[Verdict]:
        """Test these orders, one after the other, and learn from them. KeyError: a product is not in the catalogue."""
        verdicts: list[Verdict] = []
        start = 0
        while start < len(weighed):
            some = weighed[start : start + self.until_fit]
            verdicts += self._take(some)
            start += len(some)
            if self.seen >= self.next_fit:
                self.refit()
        return verdicts

    def test(self, weighed: Sequence[tuple[Order, Weighing]]) -> list[Verdict]:
        """Test these orders as things are known now, without learning from them. KeyError as in :meth:`take`."""
        batch, test, _ = self._examine(weighed)
        return self._verdicts(weighed, batch, test)

    def _examine(self, weighed: Sequence[tuple[Order, Weighing]]) -> tuple[Batch, Test, Flags]:
        """The test by weight and count, and which orders pass by weight alone."""
        batch = batch_of(weighed, self.columns, self.bag, len(self.product_of))
        test = deciding.examine(batch, self.parameters, self.prior, self.missed, self.false_alarm)
        fits = test.passes(self.false_alarm)
        for row, (order, weighing) in enumerate(weighed):
            self._heed_count(test, row, batch, order, weighing)
        return batch, test, fits

    def _take(self, weighed: Sequence[tuple[Order, Weighing]]) -> list[Verdict]:
        batch, test, fits = self._examine(weighed)  # what a count is worth must not be judged by the count
        for row, (order, weighing) in enumerate(weighed):
            if fits[row] and weighing.counted is not None and not weighing.bags:
                self.tallies.setdefault(weighing.lane, Tally()).add(weighing.counted, order.items)
        verdicts = self._verdicts(weighed, batch, test)
        for (order, _), verdict in zip(weighed, verdicts, strict=True):
            if verdict.passes:
                self._remember(order)
        expected = batch.rest_g - test.error_g
        passes = test.passes(self.false_alarm)
        self.history.append(batch, expected + test.low_g, expected + test.high_g, passes)
        self.seen += len(weighed)
        return verdicts

    def _verdicts(self, weighed: Sequence[tuple[Order, Weighing]], batch: Batch, test: Test) -> list[Verdict]:
        verdicts = []
        for row, (order, weighing) in enumerate(weighed):
            passed = bool(test.p_value[row] >= self.false_alarm)
            verdicts.append(
                Verdict(
                    order_id=order.order_id,
                    expected_g=float(test.expected_g[row]),
                    sigma_g=float(test.sigma_g[row]),
                    residual_g=float(test.error_g[row]),
                    score=float(test.score[row]),
                    p_value=float(test.p_value[row]),
                    passes=passed,
                    suspects=() if passed else self._suspects(batch.rows(np.array([row])), order, weighing),
                )
            )
        return verdicts

    def _heed_count(self, test: Test, row: int, batch: Batch, order: Order, weighing: Weighing) -> None:
        """Put what weight and count say together in the place of what the weight says."""
        model = model_for(self.count_models, weighing.lane, items=order.items, bags=weighing.bags)
        if model is None or weighing.counted is None:
            return
        known = (self.parameters, self.prior, self.missed, self.false_alarm)
        one = batch.rows(np.array([row]))
        found = deciding.examine_counted(one, *known, model=model, items=order.items, counted=weighing.counted)
        test.score[row], test.p_value[row] = found.score, found.p_value
        limits = next((near for near in found.limits if near.more == weighing.counted - order.items), None)
        if limits is not None:
            test.low_g[row], test.high_g[row] = limits.low_g, limits.high_g

    def _suspects(self, row: Batch, order: Order, weighing: Weighing) -> tuple[Suspected, ...]:
        popularity = self._of_customer(order.customer_id)
        model = model_for(self.count_models, weighing.lane, items=order.items, bags=weighing.bags)
        ratios = deciding.count_ratios(model, order.items, weighing.counted)
        found = deciding.suspects(row, self.parameters, self.prior, self.missed, popularity, by_count=ratios)
        return tuple(Suspected(self.product_of[one.column], one.kind, one.probability) for one in found)

    def _of_customer(self, customer_id: str) -> Floats:
        """What this shopper may have taken: as all do, and as they did before."""
        habits = self.habits.get(customer_id)
        if not habits:
            return self.popularity
        own = np.zeros(len(self.popularity))
        for product_id, count in habits.items():
            own[self.columns[product_id]] += count
        found: Floats = (1 - _HABIT) * self.popularity / self.popularity.sum() + _HABIT * own / own.sum()
        return found

    def _remember(self, order: Order) -> None:
        if not order.customer_id:
            return
        habits = self.habits.setdefault(order.customer_id, {})
        self.habits.move_to_end(order.customer_id)
        for line in order.lines:
            habits[line.product_id] = habits.get(line.product_id, 0.0) + 1.0
        while len(habits) > _HABITS_MAX:
            del habits[min(habits, key=lambda product_id: habits[product_id])]
        if len(self.habits) > _CUSTOMERS_MAX:
            self.habits.popitem(last=False)

    def add(self, goods: Sequence[Goods]) -> None:
        """Products that are new in the catalogue."""
        if not goods:
            return
        more, prior, now = prior_of(list(goods)), self.prior, self.parameters
        begun = fitting.starting(more)
        added = slice(0, len(goods))  # without the bag, which is there already
        self.prior = msgspec.structs.replace(
            prior,
            offset_g=np.append(prior.offset_g, more.offset_g[added]),
            features=np.vstack([prior.features, more.features[added]]),
            spread_g=np.append(prior.spread_g, more.spread_g[added]),
            unit_sd_g=np.append(prior.unit_sd_g, more.unit_sd_g[added]),
            group=np.append(prior.group, more.group[added]),
        )
        self.parameters = msgspec.structs.replace(
            now,
            deviation_g=np.append(now.deviation_g, begun.deviation_g[added]),
            mean_variance=np.append(now.mean_variance, begun.mean_variance[added]),
            unit_variance=np.append(now.unit_variance, begun.unit_variance[added]),
            variance_doubt=np.append(now.variance_doubt, begun.variance_doubt[added]),
        )
        for one in goods:
            self.columns[one.product_id] = len(self.product_of)
            self.product_of.append(one.product_id)
        self.popularity = np.append(self.popularity, [max(one.popularity, 1e-9) for one in goods])
        self.history.widen(len(self.product_of))
        self._missed = None

    def refit(self) -> None:
        """Estimate everything again, and look for products that have changed."""
        first = self.fitted == 0
        for lane, tally in self.tallies.items():
            model = tally.model()
            if model is not None:
                self.count_models[lane] = model
        self._fit(_ROUNDS_FIRST if first else _ROUNDS)
        self._find_changes()
        self.fitted = self.seen
        self.next_fit = self.seen + min(_BETWEEN_MAX, max(_FIRST_FIT, int(self.seen * _GROWTH)))

    def _fit(self, rounds: int) -> None:
        history = self.history
        if self.trusts_all:
            seen = Seen(history.batch, history.low_g, history.high_g, is_trusted=True)
        else:
            passed = np.flatnonzero(history.passed)
            seen = Seen(history.batch.rows(passed), history.low_g[passed], history.high_g[passed])
        self.parameters = fitting.fit(seen, self.prior, self.parameters, self.popularity, rounds)
        self.parameters, right = fitting.shares(history.batch, self.parameters, self.prior, self.popularity)
        if self.seen >= _CALIBRATION_MIN:
            learned = history.passed | self.trusts_all
            self.parameters = fitting.calibrated(history.batch, learned, right, self.parameters, self.prior)
        self._missed = None

    def _find_changes(self) -> None:
        changed: set[int] = set()
        for _ in range(_PASSES):
            batch, start = self.history.last(_LOOK_BACK)
            current = np.array(sorted(set(self.columns.values()) - changed))
            found = changes.find(batch, self.parameters, self.prior, self.missed, current)
            taken: set[int] = set()
            for change in found:
                rows = self._rows_since(change.column, start + change.since)
                others = set(np.unique(self.history.batch.count[rows].indices)) - {change.column}
                if taken & others and change.evidence < 2 * found[0].evidence / 3:
                    continue  # it may be the other's doing: look again once that is told
                changed.add(self._change(change, rows))
                taken.add(change.column)
            if not taken:
                return
            self._missed = None

    def _rows_since(self, column: int, since: int) -> Integers:
        count = self.history.batch.count
        rows = np.repeat(np.arange(count.shape[0]), np.diff(count.indptr))
        found: Integers = rows[(count.indices == column) & (rows >= since)]
        return found

    def _change(self, change: changes.Change, rows: Integers) -> int:
        """From here on the product is another: a new column, with what is known of its new weight."""
        old, new = change.column, len(self.product_of)
        product_id = self.product_of[old]
        parameters, prior = self.parameters, self.prior
        mean_g = float(parameters.mean_g(prior)[old]) + change.shift_g
        group = prior.group[old]
        spread = _SPREAD_WIDER * change.uncertainty_g / np.sqrt(parameters.spread[group])
        self.prior = Prior(
            np.append(prior.offset_g, mean_g),
            np.vstack([prior.features, np.zeros(prior.features.shape[1])]),
            np.append(prior.spread_g, spread),
            np.append(prior.unit_sd_g, prior.unit_sd_g[old]),
            np.append(prior.group, group),
            prior.coefficients_mean,
            prior.coefficients_sd,
        )
        self.parameters = msgspec.structs.replace(
            parameters,
            deviation_g=np.append(parameters.deviation_g, 0.0),
            mean_variance=np.append(parameters.mean_variance, change.uncertainty_g**2),
            unit_variance=np.append(parameters.unit_variance, parameters.unit_variance[old]),
            variance_doubt=np.append(parameters.variance_doubt, parameters.variance_doubt[old]),
        )
        self.product_of.append(product_id)
        self.columns[product_id] = new
        self.popularity = np.append(self.popularity, self.popularity[old])
        self.popularity[old] = 0.0
        self.changes.append((self.seen, change))
        self.history.widen(len(self.product_of))
        self._move(rows, old, new)
        return new

    def _move(self, rows: Integers, old: int, new: int) -> None:
        """These orders held the changed product: test them again as such."""
        history = self.history
        count = history.batch.count
        for row in rows:
            line = slice(count.indptr[row], count.indptr[row + 1])
            count.indices[line][count.indices[line] == old] = new
        count.has_sorted_indices = False
        batch = history.batch.rows(rows)
        missed = fitting.missed_table(self.parameters, self.prior, self.popularity)
        test = deciding.examine(batch, self.parameters, self.prior, missed, self.false_alarm)
        expected = batch.rest_g - test.error_g
        history.low_g[rows], history.high_g[rows] = expected + test.low_g, expected + test.high_g
        history.passed[rows] = test.passes(self.false_alarm)
