"""How many things crossed the belt's light barrier, and what that says beside the weight. Pure.

A barrier sees two things that touch as one, and one that is held back or laid again as two; a bag of goods is one to
it, however much is inside. So a count is taken for what its lane has shown it to be worth: of ``n`` things each but the
first hides behind the one before with a probability, some are seen twice (a Poisson number), and of some orders the
count says nothing at all. Until enough orders have left, it is not used.
"""

import math
from collections.abc import Mapping
from functools import lru_cache

import msgspec
import numpy as np
from scipy import optimize, special

from unqueue.weighing.priors import Floats

ITEMS_MAX = 60
"""Of more things no count is taken."""
BELOW, ABOVE = 6, 4
"""How far a count may lie from the number of things and still say something."""
ORDERS_MIN = 300
"""So many orders a lane must have counted before its counts are used."""
_ORDERS_KEPT = 20_000
_WIDTH = ITEMS_MAX + ABOVE + 2
_LEAST, _MOST = 1e-4, 0.9
_STARTS = ((0.05, 0.01, 0.05), (0.05, 0.2, 0.05), (0.3, 0.05, 0.2))

_ITEMS = np.arange(ITEMS_MAX + 2)
_HIDDEN = np.arange(ITEMS_MAX // 2 + 1)
"""How many things hide; of each but the first one."""
_TWICE = np.arange(_WIDTH + len(_HIDDEN))
with np.errstate(divide="ignore"):
    _WAYS = np.log(special.binom(np.maximum(_ITEMS - 1, 0)[:, None], _HIDDEN))
_TWICE_OF = np.arange(_WIDTH)[None, :, None] - _ITEMS[:, None, None] + _HIDDEN[None, None, :]
_TWICE_OF[_TWICE_OF < 0] = len(_TWICE)
"""How often things were seen twice where so many were counted of so many of which so many hide: a number of things, a
count and a number of those that hide; past the end where that can't be.
"""


class CountModel(msgspec.Struct, frozen=True):
    """``hidden``: how probable it is that a thing hides behind the one before it; ``double``: how often a thing is
    counted once more; ``useless``: of how many orders the count says nothing.
    """

    hidden: float
    double: float
    useless: float

    def chance(self, counted: int, items: int) -> float:
        """The probability of this count where so many things lie there; the same for all that are far off."""
        table = _table(self.hidden, self.double, self.useless)
        return float(table[min(max(items, 0), ITEMS_MAX + 1), min(counted, _WIDTH - 1)])

    def ratio(self, counted: int, items: int, more: int) -> float:
        """How much more probable this count is with ``more`` things on the belt than with ``items``."""
        return self.chance(counted, items + more) / self.chance(counted, items)


class Tally(msgspec.Struct):
    """What one lane has counted: how often which count came of how many things."""

    counts: dict[int, dict[int, float]] = {}
    orders: float = 0.0

    def add(self, counted: int, items: int) -> None:
        """One more order that left with nothing wrong, as far as is known."""
        if not 0 < items <= ITEMS_MAX or counted < 0:
            return
        of_items = self.counts.setdefault(items, {})
        place = min(counted, _WIDTH - 1)
        of_items[place] = of_items.get(place, 0.0) + 1.0
        self.orders += 1.0
        if self.orders > _ORDERS_KEPT:  # what a belt was like long ago fades
            self.counts = {n: {c: times / 2 for c, times in row.items()} for n, row in self.counts.items()}
            self.orders /= 2

    def model(self) -> CountModel | None:
        """What this lane's counts are worth; None while it has counted too few orders."""
        return fitted(self.counts) if self.orders >= ORDERS_MIN else None


def model_for(models: Mapping[str, CountModel], lane: str | None, *, items: int, bags: int) -> CountModel | None:
    """What a lane's count of so many things is worth. In bags they are not counted one by one."""
    return None if lane is None or bags or items > ITEMS_MAX else models.get(lane)


def fitted(counts: Mapping[int, Mapping[int, float]]) -> CountModel:
    """The likeliest model of these counts, by how many things there were."""
    seen = np.zeros((ITEMS_MAX + 2, _WIDTH))
    for items, row in counts.items():
        for counted, times in row.items():
            seen[items, counted] += times

    def surprise(at: Floats) -> float:
        return -float(np.sum(seen * np.log(_reckoned(*np.exp(at)))))

    bounds = [(math.log(_LEAST), math.log(_MOST))] * 3
    tried = [
        optimize.minimize(
            surprise,
            np.log(start),
            method="Nelder-Mead",
            bounds=bounds,
            options={"xatol": 0.02, "fatol": 0.05, "maxfev": 400},
        )
        for start in _STARTS
    ]
    found = min(tried, key=lambda one: float(one.fun))
    hidden, double, useless = (round(float(one), 5) for one in np.exp(found.x))
    return CountModel(hidden, double, useless)


@lru_cache(maxsize=64)
def _table(hidden: float, double: float, useless: float) -> Floats:
    return _reckoned(hidden, double, useless)


def _reckoned(hidden: float, double: float, useless: float) -> Floats:
    """The probability of each count, a column, for each number of things, a row."""
    others = np.maximum(_ITEMS - 1, 0)[:, None]
    things = np.maximum(_ITEMS, 1)[:, None]
    hiding = np.exp(_WAYS + _HIDDEN * np.log(hidden) + (others - _HIDDEN) * np.log1p(-hidden))
    seen_twice = np.zeros((len(_ITEMS), len(_TWICE) + 1))  # the last column is that of what can't be
    seen_twice[:, :-1] = np.exp(special.xlogy(_TWICE, double * things) - special.gammaln(_TWICE + 1) - double * things)
    of_each = np.take_along_axis(seen_twice, _TWICE_OF.reshape(len(_ITEMS), -1), axis=1).reshape(_TWICE_OF.shape)
    together = (of_each @ hiding[:, :, None])[:, :, 0]
    flat = 1.0 / (_ITEMS[:, None] + ABOVE + 1.0)
    found: Floats = (1 - useless) * together + useless * flat
    return found
