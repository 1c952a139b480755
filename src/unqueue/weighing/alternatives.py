"""How an order weighs when something is wrong with it: the densities of the weight's error under each kind of fault.

Kinds, by what staff will find:

- ``missed``: something lies there that is not on the order; any product, by its popularity;
- ``more``: a unit more than was scanned of something on the order;
- ``fewer``: a unit less than was scanned;
- ``swapped``: a unit of one line is in truth another product.

What a missed product weighs is tabulated once for all orders, smoothed by each error that an order may have.
"""

import math
from typing import Literal, get_args

import msgspec
import numpy as np
from scipy import sparse, special

from unqueue.weighing.priors import Floats

Kind = Literal["missed", "more", "fewer", "swapped"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SHARES = np.array([0.55, 0.2, 0.1, 0.15])
"""How often each kind is behind a wrong order, before anything was seen."""

_BIN_G = 2.0
_BELOW_G = 4000.0
_BINS = 8192
_SD_G = np.geomspace(1.5, 1200.0, 28)
_ROOT_TAU = math.sqrt(2 * math.pi)
_SKEW_MIN, SKEW_MAX = 0.02, 1.5
"""The skewness from which on a sum of weights is told from a normal, and the greatest that is believed."""


def normal(x: Floats, sd: Floats) -> Floats:
    """The normal density at ``x``."""
    found: Floats = np.exp(-0.5 * (x / sd) ** 2) / (sd * _ROOT_TAU)
    return found


def skewed(x: Floats, sd: Floats, skew: Floats) -> Floats:
    """The density at ``x`` of what is skewed as a sum of lognormal weights is: Pearson's type III, or the normal where
    the skewness is too small to matter.
    """
    found = normal(x, sd)
    bent = skew > _SKEW_MIN
    half = skew[bent] / 2
    shape = 1 / half**2
    at = np.maximum(x[bent] / sd[bent] / half + shape, 1e-9)
    found[bent] = np.exp((shape - 1) * np.log(at) - at - special.gammaln(shape)) / half / sd[bent]
    return found


def below(z: Floats, skew: Floats) -> Floats:
    """The distribution of :func:`skewed`: the probability of less than ``z`` standard deviations, a column each, for
    orders with these skewnesses, a row each.
    """
    found = np.broadcast_to(special.ndtr(z), (len(skew), z.shape[-1])).copy()
    bent = np.flatnonzero(skew > _SKEW_MIN)
    half = skew[bent, None] / 2
    own = z if z.ndim == 1 else z[bent]
    found[bent] = special.gammainc(1 / half**2, np.maximum(own + 1 / half, 0.0) / half)
    return found


class MissedTable(msgspec.Struct, frozen=True):
    """The density of one missed product's weight, by the standard deviation of everything else and by grams."""

    table: Floats

    @classmethod
    def of(cls, mean_g: Floats, sd_g: Floats, popularity: Floats) -> "MissedTable":
        """For products with these weights, chosen as often as they are popular."""
        share = popularity / popularity.sum()
        levels = np.clip(np.searchsorted(_SD_G, sd_g), 0, len(_SD_G) - 1)
        at = np.clip((mean_g + _BELOW_G) / _BIN_G, 0, _BINS - 2)
        whole = at.astype(np.int64)
        waves = np.zeros(_BINS + 1, dtype=complex)
        for level in np.unique(levels):
            chosen = levels == level
            left, along = whole[chosen], (at - whole)[chosen]
            spikes: Floats = np.bincount(left, share[chosen] * (1 - along), minlength=2 * _BINS).astype(float)
            spikes += np.bincount(left + 1, share[chosen] * along, minlength=2 * _BINS)
            waves += np.fft.rfft(spikes) * _bell(float(np.sqrt(np.mean(sd_g[chosen] ** 2))))
        table = [np.fft.irfft(waves * _bell(float(sd)))[:_BINS] for sd in _SD_G]
        return cls(np.stack(table) / _BIN_G)

    def density(self, x_g: Floats, sd_g: Floats) -> Floats:
        """At ``x_g`` grams too many, where all the rest has the standard deviation ``sd_g``."""
        level = np.interp(np.log(np.clip(sd_g, _SD_G[0], _SD_G[-1])), np.log(_SD_G), np.arange(len(_SD_G)))
        low = np.minimum(level.astype(np.int64), len(_SD_G) - 2)
        place = np.clip((x_g + _BELOW_G) / _BIN_G, 0, self.table.shape[1] - 1.001)
        left = place.astype(np.int64)
        up, along = level - low, place - left
        table = self.table
        lower = table[low, left] * (1 - along) + table[low, left + 1] * along
        upper = table[low + 1, left] * (1 - along) + table[low + 1, left + 1] * along
        found: Floats = np.maximum(lower * (1 - up) + upper * up, 1e-12)
        return found


def _bell(sd_g: float) -> Floats:
    """What smoothing by a normal of this standard deviation does to each frequency."""
    frequency = np.fft.rfftfreq(2 * _BINS)
    found: Floats = np.exp(-2 * (np.pi * frequency * sd_g / _BIN_G) ** 2)
    return found


class Weights(msgspec.Struct, frozen=True):
    """What one unit of each product weighs: its mean, its variance and third central moment (g³) from unit to unit,
    and the variance of what is known of the mean. One row a column of the design.
    """

    mean_g: Floats
    unit_variance: Floats
    mean_variance: Floats
    third_moment: Floats


def densities(count: sparse.csr_array, error_g: Floats, sd_g: Floats, weights: Weights, missed: MissedTable) -> Floats:
    """The density of each order's error under each kind of fault. ``error_g`` and ``sd_g`` have a row an order, and
    ``error_g`` may have several columns: errors to look at. Shape: errors + (kinds,).
    """
    several = error_g if error_g.ndim == 2 else error_g[:, None]
    orders, points = several.shape
    sizes = np.diff(count.indptr)
    order_of = np.repeat(np.arange(orders), sizes)
    share = count.data / np.maximum(np.add.reduceat(np.append(count.data, 0.0), count.indptr[:-1]), 1e-9)[order_of]
    unit_g, unit_variance = weights.mean_g[count.indices], weights.unit_variance[count.indices]
    error, sd = several[order_of], sd_g[order_of][:, None]
    with_one = np.sqrt(sd**2 + unit_variance[:, None])
    without = np.sqrt(np.maximum(sd**2 - unit_variance[:, None], 0.25 * sd**2))
    found = np.empty((orders, points, len(KINDS)))
    found[:, :, 0] = missed.density(several, np.broadcast_to(sd_g[:, None], several.shape))
    by_line = (
        normal(error - unit_g[:, None], with_one),
        normal(error + unit_g[:, None], without),
        missed.density(error + unit_g[:, None], np.broadcast_to(without, error.shape)),
    )
    adding = sparse.csr_array((share, np.arange(len(share)), count.indptr), shape=(orders, len(share)))
    for kind, density in enumerate(by_line, 1):
        found[:, :, kind] = np.maximum(np.asarray(adding @ density), 1e-12)
    return found if error_g.ndim == 2 else found[:, 0, :]
