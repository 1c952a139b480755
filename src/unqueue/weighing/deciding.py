"""The test of one order: how surprising its weight would be if nothing were wrong, and what is wrong if it is.

The score is the logarithm of the likelihood ratio of "something is wrong" (a mixture of all kinds of fault, as common
as they were found to be) against "nothing is". The p-value is the probability that an order with nothing wrong scores
as high: computed for each order by itself, so that the false-alarm rate holds in small baskets and large ones alike.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from scipy import special

from unqueue.weighing import alternatives, fitting
from unqueue.weighing.alternatives import KINDS, Kind, MissedTable
from unqueue.weighing.counting import ABOVE, BELOW, CountModel
from unqueue.weighing.design import Batch
from unqueue.weighing.fitting import Parameters
from unqueue.weighing.priors import Flags, Floats, Integers, Prior

_STEP = 0.05
_REACH = 7.0
_EDGES = np.arange(-_REACH, _REACH + _STEP, _STEP)
_MIDDLES = (_EDGES[1:] + _EDGES[:-1]) / 2
_ROWS = 256
"""Orders that are tested together: memory stays small."""
NAMED_MAX = 5
_LIKELY = 0.01


class Test(msgspec.Struct, frozen=True):
    """The test of several orders, a row each. ``low_g`` and ``high_g`` are the errors between which it passes."""

    expected_g: Floats
    sigma_g: Floats
    error_g: Floats
    score: Floats
    p_value: Floats
    low_g: Floats
    high_g: Floats

    def passes(self, false_alarm: float) -> Flags:
        return self.p_value >= false_alarm


def null_chances(skew: Floats) -> Floats:
    """The probability of each cell of the grid, a row an order, if nothing is wrong: a normal, or a gamma (Pearson's
    type III) with the skewness that lognormal weights leave in a sum.
    """
    found: Floats = np.diff(alternatives.below(_EDGES, skew), axis=1)
    return found


def examine(batch: Batch, parameters: Parameters, prior: Prior, missed: MissedTable, false_alarm: float) -> Test:
    """Test orders, with one set of parameters."""
    errors = fitting.errors_of(batch, parameters, prior)
    weights = parameters.weights(prior)
    skew = fitting.skewness(batch, weights, errors)
    parts = []
    for start in range(0, len(batch), _ROWS):
        rows = np.arange(start, min(start + _ROWS, len(batch)))
        sd = np.sqrt(errors.total[rows])
        points = sd[:, None] * _MIDDLES
        kinds = alternatives.densities(batch.count[rows], points, sd, weights, missed)
        parts.append(_judge(errors.error_g[rows], sd, skew[rows], kinds @ parameters.kinds, false_alarm))
    score, p_value, low, high = (np.concatenate([part[of] for part in parts]) for of in range(4))
    expected = batch.rest_g + batch.label_g - errors.error_g
    return Test(expected, np.sqrt(errors.total), errors.error_g, score, p_value, low, high)


def _judge(
    error_g: Floats, sd: Floats, skew: Floats, wrong: Floats, false_alarm: float
) -> tuple[Floats, Floats, Floats, Floats]:
    chance = np.maximum(null_chances(skew), 1e-300)
    score = np.log(wrong) - np.log(chance / (_STEP * sd[:, None]))
    order = np.argsort(-score, axis=1, kind="stable")
    reached = np.cumsum(np.take_along_axis(chance, order, axis=1), axis=1)
    p_values = np.empty_like(reached)
    np.put_along_axis(p_values, order, reached, axis=1)
    z = error_g / sd
    place = np.clip((z - _MIDDLES[0]) / _STEP, 0, len(_MIDDLES) - 1.001)
    left = place.astype(np.int64)
    along = place - left
    rows = np.arange(len(z))
    found_score = score[rows, left] * (1 - along) + score[rows, left + 1] * along
    p_value = p_values[rows, left] * (1 - along) + p_values[rows, left + 1] * along
    outside = np.abs(z) > -_MIDDLES[0]
    found_score = found_score + np.where(outside, (z**2 - _MIDDLES[0] ** 2) / 2, 0.0)
    p_value = np.where(outside, np.minimum(2 * special.ndtr(-np.abs(z)), p_value), p_value)
    accepted = p_values >= false_alarm
    low = _MIDDLES[np.argmax(accepted, axis=1)] * sd
    high = _MIDDLES[len(_MIDDLES) - 1 - np.argmax(accepted[:, ::-1], axis=1)] * sd
    return found_score, np.minimum(p_value, 1.0), low, high


class CountLimits(msgspec.Struct, frozen=True):
    """Where the belt counted so many things more than were paid, or fewer: the errors between which the weight passes,
    in grams. None where no weight does: ``low_g`` is above ``high_g`` then.
    """

    more: int
    low_g: float
    high_g: float


class CountedTest(msgspec.Struct, frozen=True):
    """The test of one order whose things a belt counts: limits for each count that says something, the fewest first;
    and how surprising what was weighed and counted would be if nothing were wrong.
    """

    limits: tuple[CountLimits, ...]
    score: float
    p_value: float


_MORE: tuple[int, ...] = tuple({"missed": 1, "more": 1, "fewer": -1, "swapped": 0}[kind] for kind in KINDS)


def examine_counted(
    row: Batch,
    parameters: Parameters,
    prior: Prior,
    missed: MissedTable,
    false_alarm: float,
    *,
    model: CountModel,
    items: int,
    counted: int | None = None,
) -> CountedTest:
    """Test one order by weight and count together. The rate of false alarms holds over all counts: where the count is
    right the weight may be farther off, and where it is not, less far.
    """
    errors = fitting.errors_of(row, parameters, prior)
    weights = parameters.weights(prior)
    sd = float(np.sqrt(errors.total[0]))
    chance = np.maximum(null_chances(fitting.skewness(row, weights, errors))[0], 1e-300)
    kinds = alternatives.densities(row.count, sd * _MIDDLES[None, :], np.array([sd]), weights, missed)[0]
    by_kind = kinds * parameters.kinds
    least = max(-items, -BELOW)
    deviations = range(least, ABOVE + 1)
    of_count = np.array([model.chance(items + more, items) for more in deviations])
    ratios = np.array([[model.ratio(items + more, items, extra) for extra in _MORE] for more in deviations])
    far = max(1.0 - float(of_count.sum()), 0.0)  # counts so far off that they say nothing
    scores = np.log(np.vstack([ratios, np.ones(len(KINDS))]) @ by_kind.T) - np.log(chance / (_STEP * sd))
    joint = np.append(of_count, far)[:, None] * chance / (of_count.sum() + far)
    order = np.argsort(-scores, axis=None, kind="stable")
    p_values = np.empty(scores.size)
    p_values[order] = np.cumsum(joint.ravel()[order])
    p_values = p_values.reshape(scores.shape)
    limits = tuple(CountLimits(more, *_between(p_values[at] >= false_alarm, sd)) for at, more in enumerate(deviations))
    if counted is None:
        return CountedTest(limits, 0.0, 1.0)
    at = counted - items - least if least <= counted - items <= ABOVE else len(deviations)
    z = float(errors.error_g[0]) / sd
    score, p_value = (float(np.interp(z, _MIDDLES, found[at])) for found in (scores, p_values))
    if abs(z) > -_MIDDLES[0]:
        score += (z**2 - _MIDDLES[0] ** 2) / 2
        p_value = min(float(2 * special.ndtr(-abs(z))), p_value)
    return CountedTest(limits, score, min(p_value, 1.0))


def _between(accepted: Flags, sd: float) -> tuple[float, float]:
    found = np.flatnonzero(accepted)
    return (_MIDDLES[found[0]] * sd, _MIDDLES[found[-1]] * sd) if len(found) else (1.0, -1.0)


class Suspect(msgspec.Struct, frozen=True):
    """What may be wrong, and how probable it is, given the weight. A column of the design."""

    column: int
    kind: Kind
    probability: float


def suspects(
    row: Batch,
    parameters: Parameters,
    prior: Prior,
    missed: MissedTable,
    popularity: Floats,
    *,
    by_count: Sequence[float] = (1.0,) * len(KINDS),
) -> list[Suspect]:
    """What is likeliest to be wrong with one order, the likeliest first; what is left over is that nothing is.
    ``by_count``: how much likelier each kind is made by what the belt counted (:func:`count_ratios`).

    ``popularity``: of each column, as this shopper buys. Of a swap the line that was scanned is named: it can be seen.
    """
    errors = fitting.errors_of(row, parameters, prior)
    weights = parameters.weights(prior)
    error, variance = float(errors.error_g[0]), float(errors.total[0])
    sd = np.sqrt(variance)
    columns, quantity = row.count.indices.astype(np.int64), row.count.data
    share = quantity / max(quantity.sum(), 1e-9)
    unit_g, unit_variance = weights.mean_g[columns], weights.unit_variance[columns]
    without = np.sqrt(np.maximum(variance - unit_variance, variance / 4))
    skew = fitting.skewness(row, weights, errors)
    right = (1 - parameters.wrong) * float(alternatives.skewed(errors.error_g, np.sqrt(errors.total), skew)[0])
    other_g, other_variance = fitting.unscanned(weights, prior)
    anything = popularity / popularity.sum() * alternatives.normal(error - other_g, np.sqrt(variance + other_variance))
    by_kind: tuple[tuple[Integers, Floats], ...] = (
        (np.arange(len(popularity), dtype=np.int64), anything),
        (columns, share * alternatives.normal(error - unit_g, np.sqrt(variance + unit_variance))),
        (columns, share * alternatives.normal(error + unit_g, without)),
        (columns, share * missed.density(error + unit_g, np.maximum(without, sd / 2))),
    )
    found: list[tuple[float, int, int]] = []
    together = right
    for number, (where, density) in enumerate(by_kind):
        weighted = parameters.wrong * parameters.kinds[number] * by_count[number] * density
        together += float(weighted.sum())
        likeliest = np.argsort(-weighted)[:NAMED_MAX]
        found += [(float(weighted[one]), int(where[one]), number) for one in likeliest]
    found.sort(reverse=True)
    return [
        Suspect(column, KINDS[kind], round(weight / together, 4))
        for weight, column, kind in found[:NAMED_MAX]
        if weight > _LIKELY * together
    ]


def count_ratios(model: CountModel | None, items: int, counted: int | None) -> tuple[float, ...]:
    """How much likelier each kind of fault is made by what the belt counted; 1 where that says nothing."""
    if model is None or counted is None:
        return (1.0,) * len(KINDS)
    return tuple(model.ratio(counted, items, more) for more in _MORE)
