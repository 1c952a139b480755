"""New packaging: products whose weight has changed, told by orders that all miss the same grams.

A thief's missing goods differ from order to order; a new bottle is wrong by the same in each. For every product the
last orders that hold it are asked, pass or not, whether one shift of its weight explains them better than chance and
fault do: a generalised likelihood ratio over the shift and the moment it began.
"""

import math

import msgspec
import numpy as np

from unqueue.weighing import alternatives, fitting
from unqueue.weighing.alternatives import MissedTable
from unqueue.weighing.design import Batch
from unqueue.weighing.fitting import Parameters
from unqueue.weighing.priors import Floats, Integers, Prior

LAST = (5, 8, 12, 20, 35, 60, 120, 240)
"""How many of a product's last orders are looked at: the change may have come at any of these."""
_EVIDENCE = 14.0
"""Natural logarithm of the odds at which a change is believed: one false in a million looks."""
_SUPPORT_MIN = 4
_CANDIDATES_MAX = 24
_DOUBT = 3.0
_SHIFT_SHARE_MAX, _SHIFT_G_MAX = 0.5, 30.0
"""No new packaging changes a product by more than half its weight and 30 g."""


class Change(msgspec.Struct, frozen=True):
    """``column`` weighs ``shift_g`` more since its ``orders``-th last order, which is ``since`` in the batch."""

    column: int
    shift_g: float
    since: int
    orders: int
    evidence: float
    uncertainty_g: float


def find(
    batch: Batch, parameters: Parameters, prior: Prior, missed: MissedTable, candidates: Integers | None = None
) -> list[Change]:
    """Changes in the orders of ``batch``, in time order, strongest first; of the columns ``candidates``, or all."""
    errors = fitting.errors_of(batch, parameters, prior)
    sd = np.sqrt(errors.total)
    kinds = alternatives.densities(batch.count, errors.error_g, sd, parameters.weights(prior), missed)
    wrong = parameters.wrong * (kinds @ parameters.kinds)
    by_column = batch.count.tocsc()
    by_column.sort_indices()
    suspicious = _suspicious(batch, errors.error_g, sd)
    if candidates is not None:
        suspicious = np.intersect1d(suspicious, candidates)
    found, mean_g = [], parameters.mean_g(prior)
    for column in suspicious:
        start, end = by_column.indptr[column], by_column.indptr[column + 1]
        rows, quantity = by_column.indices[start:end][-LAST[-1] :], by_column.data[start:end][-LAST[-1] :]
        held = _Held(rows.astype(np.int64), quantity, errors.error_g[rows], sd[rows], wrong[rows])
        change = _of_one(int(column), held, parameters.wrong)
        if change is not None and abs(change.shift_g) < _SHIFT_SHARE_MAX * abs(mean_g[column]) + _SHIFT_G_MAX:
            found.append(change)
    return sorted(found, key=lambda one: -one.evidence)


def _suspicious(batch: Batch, error_g: Floats, sd: Floats) -> Integers:
    """Columns whose orders lean to one side, or fail often: a look that costs little."""
    leaning = np.clip(error_g / sd, -3.0, 3.0)
    squares = batch.count.power(2)
    lean = (batch.count.T @ (leaning / sd)) / np.sqrt(np.maximum(squares.T @ (1 / sd**2), 1e-12))
    held = batch.count.sign()
    orders = np.asarray(held.sum(axis=0)).ravel()
    off = held.T @ (np.abs(leaning) > 2.3)
    lately = batch.count[-max(len(batch) // 4, 1) :]
    lean_lately = (lately.T @ (leaning / sd)[-lately.shape[0] :]) / np.sqrt(
        np.maximum(lately.power(2).T @ (1 / sd[-lately.shape[0] :] ** 2), 1e-12)
    )
    odd = (np.abs(lean) > _DOUBT) | (np.abs(lean_lately) > _DOUBT) | (off > np.maximum(3, 0.15 * orders))
    found: Integers = np.flatnonzero(odd & (orders >= _SUPPORT_MIN))
    return found


class _Held(msgspec.Struct, frozen=True):
    """The last orders that hold a product, a row each. ``wrong``: the density of their errors if something is."""

    rows: Integers
    quantity: Floats
    error_g: Floats
    sd: Floats
    wrong: Floats


def _of_one(column: int, held: _Held, share: float) -> Change | None:
    rows, quantity, error_g, sd, wrong = held.rows, held.quantity, held.error_g, held.sd, held.wrong
    usual = np.log((1 - share) * np.maximum(alternatives.normal(error_g, sd), 1e-300) + wrong)
    picked = np.unique(np.linspace(0, len(rows) - 1, _CANDIDATES_MAX).astype(int))
    shifts = (error_g / quantity)[picked]
    shifts = np.concatenate([shifts, [float(np.average(error_g / quantity, weights=(quantity / sd) ** 2))]])
    for _ in range(2):  # a second time around their own means
        apart = error_g - shifts[:, None] * quantity
        shifted = (1 - share) * alternatives.normal(apart, sd)
        belongs = shifted / (shifted + wrong)
        weight = belongs * (quantity / sd) ** 2
        shifts = (weight * (error_g / quantity)).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-12)
    apart = error_g - shifts[:, None] * quantity
    shifted = (1 - share) * alternatives.normal(apart, sd)
    gain = np.log(np.maximum(shifted, 1e-300) + wrong) - usual
    since_end = np.cumsum(gain[:, ::-1], axis=1)
    best: tuple[float, int, int] | None = None
    for last in LAST:
        if last > len(rows):
            break
        which = int(np.argmax(since_end[:, last - 1]))
        evidence = float(since_end[which, last - 1]) - math.log(len(shifts) * len(LAST))
        if best is None or evidence > best[0]:
            best = (evidence, which, last)
    if best is None or best[0] < _EVIDENCE:
        return None
    evidence, which, last = best
    belongs = (shifted[which] / (shifted[which] + wrong))[-last:]
    if (belongs > 0.5).sum() < _SUPPORT_MIN:
        return None
    information = float((belongs * (quantity[-last:] / sd[-last:]) ** 2).sum())
    weight = belongs * (quantity[-last:] / sd[-last:]) ** 2
    shift = float((weight * error_g[-last:] / quantity[-last:]).sum() / weight.sum())
    return Change(column, shift, int(rows[-last]), last, evidence, 1 / math.sqrt(information))
