"""Estimation: what products weigh, from the totals of orders that passed.

A linear mixed model. An order's error is the sum of what its units, its lots, its products' unknown means and the scale
contribute. The means come from one sparse least-squares problem (Henderson's mixed-model equations) solved by conjugate
gradients; the variances from the multiplicative minorise-maximise step of Zhou, Hu, Zhou and Lange ("MM algorithms for
variance components models", 2019), of which the whole is taken rather than the root: where wrong orders pass for right
ones, a step goes only part of its way. The share of wrong orders comes by expectation maximisation over the densities
of :mod:`unqueue.weighing.alternatives`.

Only orders that passed are learned from, so what is seen is cut off where the test begins to refuse. The moments of the
truncated normal undo that: without them each fit would find less variance than there is and the band would close.
"""

import msgspec
import numpy as np
from scipy import sparse, special
from scipy.sparse.linalg import LinearOperator, cg

from unqueue.weighing import alternatives
from unqueue.weighing.alternatives import MissedTable, Weights
from unqueue.weighing.design import Batch
from unqueue.weighing.priors import Flags, Floats, Prior

LOT_SHARE = 0.15
"""How much of the variance from unit to unit the units of one lot have in common, before anything was seen."""
_LOT_SHARE_MIN, _LOT_SHARE_MAX = 1e-3, 0.95
_VARIANCE_WEIGHT = 3.0
"""How firmly a product's variance is held near its class's: the curvature of the penalty on its logarithm, doubled."""
_CLASS_WEIGHT, _SIZES_WEIGHT, _LOTS_WEIGHT = 3.0, 100.0, 5.0
_DOUBT_MAX = 1.6
_WRONG_PRIOR = (1.0, 30.0)
"""As if one order of thirty-one had been seen to be wrong."""
_KINDS_WEIGHT = 20.0


class Parameters(msgspec.Struct, frozen=True):
    """What has been learned. ``deviation_g`` and ``unit_variance`` have a row a product (a column of the design).

    ``variance_doubt`` is what the variance of a product has to be multiplied by because it is not known well.
    ``scale`` and ``spread`` scale the prior's unit variance and spread for each class. ``lot_share`` is the correlation
    of units of one lot, ``wrong`` the share of wrong orders and ``kinds`` how they divide. On the grid ``SIZES``:
    ``inflation`` is what the variance of baskets of a size has to be multiplied by to fit, ``calibration`` what their
    whole standard deviation has to be multiplied by so that as many orders stay within two of them as should.
    """

    coefficients: Floats
    deviation_g: Floats
    mean_variance: Floats
    unit_variance: Floats
    variance_doubt: Floats
    scale: Floats
    spread: Floats
    lot_share: float
    wrong: float
    kinds: Floats
    inflation: Floats
    calibration: Floats

    def mean_g(self, prior: Prior) -> Floats:
        found: Floats = prior.offset_g + prior.features @ self.coefficients + self.deviation_g
        return found

    def weights(self, prior: Prior) -> Weights:
        mean_g = self.mean_g(prior)
        variation = np.sqrt(self.unit_variance) / np.maximum(mean_g, 1.0)
        # Weights spread by factors, not by grams: that of a lognormal.
        third_moment = self.unit_variance**1.5 * (3 * variation + variation**3)
        return Weights(mean_g, self.unit_variance * self.variance_doubt, self.mean_variance, third_moment)


SIZES = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])
"""Items in a basket, where the inflation of the variance is known; between them it is interpolated."""


def starting(prior: Prior) -> Parameters:
    """The parameters before the first order."""
    own = prior.spread_g**2
    shared = (prior.features**2) @ (prior.coefficients_sd**2)
    return Parameters(
        coefficients=prior.coefficients_mean.copy(),
        deviation_g=np.zeros(len(own)),
        mean_variance=own + shared,
        unit_variance=prior.unit_sd_g**2,
        variance_doubt=np.full(len(own), np.exp(min(1 / _VARIANCE_WEIGHT, np.log(_DOUBT_MAX)))),
        scale=np.ones(int(prior.group.max()) + 1),
        spread=np.ones(int(prior.group.max()) + 1),
        lot_share=LOT_SHARE,
        wrong=_WRONG_PRIOR[0] / sum(_WRONG_PRIOR),
        kinds=alternatives.SHARES.copy(),
        inflation=np.ones(len(SIZES)),
        calibration=np.ones(len(SIZES)),
    )


def sizes_of(batch: Batch) -> Floats:
    found: Floats = np.asarray(batch.count.sum(axis=1), dtype=np.float64).ravel()
    return found


def _sizes_matrix(sizes: Floats) -> sparse.csr_array:
    """Each order's place between two of SIZES, as weights that add up to one."""
    place = np.interp(np.log(np.maximum(sizes, 1.0)), np.log(SIZES), np.arange(len(SIZES)))
    low = np.minimum(place.astype(np.int64), len(SIZES) - 2)
    along: Floats = place - low
    rows = np.arange(len(sizes))
    values, columns = np.concatenate([1 - along, along]), np.concatenate([low, low + 1])
    return sparse.csr_array((values, (np.tile(rows, 2), columns)), shape=(len(sizes), len(SIZES)))


def _goods_variance(batch: Batch, now: Parameters) -> Floats:
    """What the goods of each order vary by: their units, and the lots that units have in common."""
    found: Floats = batch.count @ now.unit_variance + now.lot_share * (batch.pairs @ now.unit_variance)
    return found


class Errors(msgspec.Struct, frozen=True):
    """Each order's error in grams (positive: heavier than expected) and its variances: ``noise`` without and ``total``
    with what is not known of the means.
    """

    error_g: Floats
    noise: Floats
    total: Floats


def errors_of(batch: Batch, parameters: Parameters, prior: Prior) -> Errors:
    """What the orders weighed beside what the parameters say."""
    sizes = _sizes_matrix(sizes_of(batch))
    noise = _goods_variance(batch, parameters) * (sizes @ parameters.inflation) + batch.scale_variance
    doubt = parameters.unit_variance * (parameters.variance_doubt - 1)
    total = noise + batch.count @ doubt + batch.count.power(2) @ parameters.mean_variance
    total = total * (sizes @ parameters.calibration) ** 2
    return Errors(batch.rest_g - batch.count @ parameters.mean_g(prior), noise, total)


class Likelihoods(msgspec.Struct, frozen=True):
    """How likely each order's error is if nothing is wrong with it, and under each kind of fault (a column each)."""

    right: Floats
    wrong: Floats

    def chances(self, now: Parameters) -> tuple[Floats, Floats]:
        """The probability that nothing is wrong with each order, and those of each kind of fault."""
        wrong = now.wrong * self.wrong * now.kinds
        right = (1 - now.wrong) * self.right
        together = right + wrong.sum(axis=1)
        return right / together, wrong / together[:, None]


def likelihoods(batch: Batch, errors: Errors, now: Parameters, prior: Prior, missed: MissedTable) -> Likelihoods:
    """Of each order, whatever share of them is wrong."""
    sd, weights = np.sqrt(errors.total), now.weights(prior)
    wrong = alternatives.densities(batch.count, errors.error_g, sd, weights, missed)
    right = alternatives.skewed(errors.error_g, sd, skewness(batch, weights, errors))
    return Likelihoods(np.maximum(right, 1e-300), wrong)


def skewness(batch: Batch, weights: Weights, errors: Errors) -> Floats:
    """Of each order's error, if nothing is wrong with it."""
    found: Floats = np.clip(batch.count @ weights.third_moment / errors.total**1.5, 0.0, alternatives.SKEW_MAX)
    return found


def missed_table(parameters: Parameters, prior: Prior, popularity: Floats) -> MissedTable:
    mean_g, variance = unscanned(parameters.weights(prior), prior)
    return MissedTable.of(mean_g, np.sqrt(variance), popularity)


def unscanned(weights: Weights, prior: Prior) -> tuple[Floats, Floats]:
    """What one unit of each product weighs that nobody scanned: mean in grams, and variance."""
    return weights.mean_g + prior.content_g, weights.unit_variance + weights.mean_variance + prior.content_variance


class Seen(msgspec.Struct, frozen=True):
    """Orders to learn from: each with the least and the greatest rest in grams that it would have passed with, and
    whether it is trusted whatever it weighs.
    """

    batch: Batch
    low_g: Floats
    high_g: Floats
    is_trusted: bool = False


def fit(seen: Seen, prior: Prior, begun: Parameters, popularity: Floats, rounds: int) -> Parameters:
    """The parameters that explain these orders, from earlier ones. More rounds come closer."""
    parameters, batch = begun, seen.batch
    if len(batch) == 0:
        return parameters
    squares = batch.count.power(2)
    for _ in range(rounds):
        missed = missed_table(parameters, prior, popularity)
        errors = errors_of(batch, parameters, prior)
        if seen.is_trusted:
            right = np.ones(len(batch))
            shift, narrowed = np.zeros(len(batch)), np.ones(len(batch))
        else:
            # Without the doubt about variances: it would take wrong orders for right ones, and so never fade.
            known = msgspec.structs.replace(errors, total=errors.noise + squares @ parameters.mean_variance)
            right, _ = likelihoods(batch, known, parameters, prior, missed).chances(parameters)
            shift, narrowed = _cut_off(seen, errors)
        centred = errors.error_g - shift
        weight = right / errors.noise
        coefficients, deviation = _means(batch.count, centred, weight, parameters, prior)
        moved = prior.features @ (coefficients - parameters.coefficients) + deviation - parameters.deviation_g
        information = squares.T @ (right / errors.total)
        spread = prior.spread_g**2 * parameters.spread[prior.group]
        mean_variance = 1 / (1 / spread + information)
        parameters = msgspec.structs.replace(
            parameters,
            coefficients=coefficients,
            deviation_g=deviation,
            mean_variance=mean_variance,
            spread=_spreads(deviation, mean_variance, information, prior),
        )
        left = centred - batch.count @ moved
        squared = (left**2 + squares @ mean_variance) / narrowed
        parameters = _variances(batch, squared, right, parameters, prior)
    return parameters


def _cut_off(seen: Seen, errors: Errors) -> tuple[Floats, Floats]:
    """The mean in grams, and the variance as a share, that a right order's error has between its limits."""
    sd = np.sqrt(errors.total)
    expected = seen.batch.rest_g - errors.error_g
    low, high = (seen.low_g - expected) / sd, (seen.high_g - expected) / sd
    low, high = np.clip(low, -8, 1.5), np.clip(high, -1.5, 8)  # a band that has moved away says nothing reliable
    mass = special.ndtr(high) - special.ndtr(low)
    at_low, at_high = alternatives.normal(low, np.ones(1)), alternatives.normal(high, np.ones(1))
    mean = (at_low - at_high) / mass
    share = 1 + (low * at_low - high * at_high) / mass - mean**2
    return mean * sd, np.clip(share, 0.2, 1.0)


def _means(
    count: sparse.csr_array, error_g: Floats, weight: Floats, now: Parameters, prior: Prior
) -> tuple[Floats, Floats]:
    """Coefficients and deviations that leave the least error, by the mixed-model equations."""
    products, shared = count.shape[1], len(now.coefficients)
    transposed = count.T.tocsr()
    features = prior.features
    precision = 1 / (prior.spread_g**2 * now.spread[prior.group])
    shared_precision = 1 / prior.coefficients_sd**2
    target = error_g + count @ (features @ now.coefficients + now.deviation_g)

    def down(values: Floats) -> Floats:
        return np.concatenate([features.T @ values, values])

    def apply(vector: Floats) -> Floats:
        vector = np.asarray(vector).ravel()
        own = features @ vector[:shared] + vector[shared:]
        found = down(transposed @ (weight * (count @ own)))
        found[:shared] += shared_precision * vector[:shared]
        found[shared:] += precision * vector[shared:]
        return found

    right_side = down(transposed @ (weight * target))
    right_side[:shared] += shared_precision * prior.coefficients_mean
    diagonal = count.power(2).T @ weight
    conditioner = np.concatenate([features.T**2 @ diagonal + shared_precision, diagonal + precision])
    size = shared + products
    found, _ = cg(
        LinearOperator((size, size), matvec=apply, dtype=float),
        right_side,
        x0=np.concatenate([now.coefficients, now.deviation_g]),
        rtol=1e-7,
        maxiter=150,
        M=LinearOperator((size, size), matvec=lambda vector: np.asarray(vector).ravel() / conditioner, dtype=float),
    )
    return found[:shared], found[shared:]


def _spreads(deviation: Floats, mean_variance: Floats, information: Floats, prior: Prior) -> Floats:
    """How far the products of a class really lie from what the class would make them, beside what was believed."""
    known = np.minimum(information * prior.spread_g**2, 1.0)  # a product that was hardly sold says nothing
    squared = (deviation**2 + mean_variance) / prior.spread_g**2
    groups = int(prior.group.max()) + 1
    above = np.bincount(prior.group, known * squared, minlength=groups) + 5.0
    below = np.bincount(prior.group, known, minlength=groups) + 5.0
    return np.clip(above / below, 0.02, 10.0)


def _variances(batch: Batch, squared: Floats, right: Floats, now: Parameters, prior: Prior) -> Parameters:
    """One step for the variances. ``squared``: what each order's squared error would be without a cut."""
    sizes = _sizes_matrix(sizes_of(batch))
    inflation = sizes @ now.inflation
    count, pairs = batch.count, batch.pairs
    lots = now.lot_share * (pairs @ now.unit_variance)
    noise = _goods_variance(batch, now) * inflation + batch.scale_variance
    seen, expected = right * inflation * squared / noise**2, right * inflation / noise
    # First all products of a class together, then each by itself, and what lots have in common beside them.
    per_seen, per_expected = (
        now.unit_variance * (count.T @ of + now.lot_share * (pairs.T @ of)) for of in (seen, expected)
    )
    groups = len(now.spread)
    by_seen, by_expected = (np.bincount(prior.group, of, minlength=groups) for of in (per_seen, per_expected))
    scale = now.scale * (by_seen + _CLASS_WEIGHT / now.scale) / (by_expected + _CLASS_WEIGHT)
    of_class = prior.unit_sd_g**2 * scale[prior.group]
    own_ratio = now.unit_variance / (prior.unit_sd_g**2 * now.scale[prior.group])
    grown = (scale / now.scale)[prior.group]
    own_ratio *= (per_seen / grown + _VARIANCE_WEIGHT / own_ratio) / (per_expected * grown + _VARIANCE_WEIGHT)
    own_ratio = np.clip(own_ratio, 0.02, 50.0)
    part = now.unit_variance * inflation.mean()
    information = (count.power(2).T @ (right / noise**2)) * part**2 / 2 + _VARIANCE_WEIGHT / 2
    lots_seen, lots_expected = float(seen @ lots), float(expected @ lots)
    lot_factor = np.sqrt((lots_seen + _LOTS_WEIGHT * LOT_SHARE / now.lot_share) / (lots_expected + _LOTS_WEIGHT))
    changed = msgspec.structs.replace(
        now,
        unit_variance=of_class * own_ratio,
        variance_doubt=np.minimum(np.exp(0.5 / information), _DOUBT_MAX),
        scale=np.clip(scale, 0.02, 50.0),
        lot_share=float(np.clip(now.lot_share * lot_factor, _LOT_SHARE_MIN, _LOT_SHARE_MAX)),
    )
    return msgspec.structs.replace(changed, inflation=_inflations(batch, squared, right, changed, sizes))


def _inflations(batch: Batch, squared: Floats, right: Floats, now: Parameters, sizes: sparse.csr_array) -> Floats:
    """What is left to explain for baskets of each size."""
    goods = _goods_variance(batch, now) * (sizes @ now.inflation)
    noise = goods + batch.scale_variance
    seen, expected = sizes.T @ (right * goods * squared / noise**2), sizes.T @ (right * goods / noise)
    factor = (seen + _SIZES_WEIGHT / now.inflation) / (expected + _SIZES_WEIGHT)
    found: Floats = np.clip(now.inflation * factor, 0.25, 4.0)
    return found


_WITHIN = (0.98, 0.96)
_UNKNOWN = (0.06, 0.15)
"""The share of right orders that the calibration counts on: the first where the first share of the variance is that of
what has not been learned, the second where the second is. The further out, the nearer to the orders that the test is
about; but before weights are known well, wrong orders can't be told from right ones there.
"""
_CALIBRATION_WEIGHT = 1500.0
_SIDE_MIN = 1e-12


def calibrated(batch: Batch, learned: Flags, right: Floats, now: Parameters, prior: Prior) -> Parameters:
    """Set the calibration. ``right``: how probable it is that nothing was wrong with an order, from :func:`shares`.

    An order that was ``learned`` from pulled means and variances its way: see :func:`without_itself`. How large an
    error is, is told by how improbable it is on its own side: as many standard deviations as a normal would have there.
    """
    errors = errors_of(batch, now, prior)
    before = calibration_of(batch, now)
    within = float(np.interp(np.mean(1 - errors.noise * before**2 / errors.total), _UNKNOWN, _WITHIN))
    within_sd = float(special.ndtri((1 + within) / 2))
    z = errors.error_g / np.sqrt(errors.total) * np.where(learned, without_itself(batch, errors, now, within_sd), 1.0)
    size = _as_normal(z, skewness(batch, now.weights(prior), errors)) * before
    order = np.argsort(size)
    places = _sizes_matrix(sizes_of(batch))[order].tocsc()
    size, right = size[order], right[order]

    def needed(weight: Floats) -> float:
        mass = np.cumsum(weight)
        return float(size[min(int(np.searchsorted(mass, within * mass[-1])), len(size) - 1)]) / within_sd

    overall = needed(right)
    found = np.full(len(SIZES), overall)
    for place in range(len(SIZES)):
        weight = right * places[:, [place]].toarray().ravel()
        known = float(weight.sum())
        if known > 0:
            found[place] = (known * needed(weight) + _CALIBRATION_WEIGHT * overall) / (known + _CALIBRATION_WEIGHT)
    return msgspec.structs.replace(now, calibration=np.clip(found, 0.5, 2.5))


def _as_normal(z: Floats, skew: Floats) -> Floats:
    """Errors, each as large as a normal's is that is as improbable on the same side."""
    side = alternatives.below(z[:, None], skew).ravel()
    told = (side > _SIDE_MIN) & (side < 1 - _SIDE_MIN)
    return np.where(told, np.abs(special.ndtri(np.clip(side, _SIDE_MIN, 1 - _SIDE_MIN))), np.abs(z))


def without_itself(batch: Batch, errors: Errors, now: Parameters, at_sd: float) -> Floats:
    """How much larger an order's error would be, in standard deviations, had it not been learned from.

    Of the means: the leave-one-out residual of least squares, its leverage being what is not known of them. Of the
    variances: one step of Fisher scoring, for an error of ``at_sd`` standard deviations, where the calibration looks.
    """
    squares = batch.count.power(2)
    means = 1 + squares @ now.mean_variance / errors.noise
    inflation = _sizes_matrix(sizes_of(batch)) @ now.inflation
    shares = squares @ (now.unit_variance**2 * np.log(now.variance_doubt)) * (inflation / errors.noise) ** 2
    found: Floats = means * np.exp((at_sd**2 - 1) / 2 * shares)
    return found


def calibration_of(batch: Batch, now: Parameters) -> Floats:
    """What each order's standard deviation was multiplied by."""
    found: Floats = _sizes_matrix(sizes_of(batch)) @ now.calibration
    return found


def shares(
    batch: Batch, now: Parameters, prior: Prior, popularity: Floats, rounds: int = 5
) -> tuple[Parameters, Floats]:
    """The share of wrong orders and of each kind, from all orders, whether they passed or not; and the probability that
    nothing was wrong with each.
    """
    missed = missed_table(now, prior, popularity)
    found = likelihoods(batch, errors_of(batch, now, prior), now, prior, missed)
    for _ in range(rounds):
        right, kinds = found.chances(now)
        wrong = float((1 - right).sum())
        by_kind = kinds.sum(axis=0)
        now = msgspec.structs.replace(
            now,
            wrong=(wrong + _WRONG_PRIOR[0]) / (len(batch) + sum(_WRONG_PRIOR)),
            kinds=(by_kind + _KINDS_WEIGHT * alternatives.SHARES) / (by_kind.sum() + _KINDS_WEIGHT),
        )
    return now, found.chances(now)[0]
