"""How often orders are wrong and what is lost, from audits whose probability differs from order to order. Pure.

An order that was drawn with probability p stands for 1/p orders (Horvitz and Thompson 1952): the sum of what was found,
each divided by the probability that it was looked at, is right on the average, whatever the rules prefer
(:func:`totals`). Divided by what was sold it is a share of the sales; divided by the estimate of how many orders there
were (Hajek 1971) it is a share of orders, which is steadier where the weights differ much, and never above one.

From a few audits such a sum may come to more than can be, and from none that found anything to nothing. So what is told
is cut at the whole, its interval is of the orders of such days and not of those alone that were drawn (it is never of
width 0), and what comes from fewer than ``FEW_AUDITS`` is marked: it says too little to be shown as a number.

What can be seen differs. A full audit sees the whole order, with probability p·f. A partial one counts k of m articles:
a difference in a listed article is seen with probability p·(f + (1−f)·k/m). Goods that are not on the order at all are
seen by full audits only. Orders are drawn independently, and are wrong independently, so that the variance of a sum of
finds z is at most the sum of z².

Audits that were drawn and not made are taken to be like those of their kind that were made, and are counted.
"""

import math
from collections.abc import Sequence

import msgspec

from unqueue.server.audits.comparing import Sums
from unqueue.server.audits.model import Kind

Z_95 = 1.959963984540054
"""The standard normal distribution's 97.5 % point."""
FEW_AUDITS = 20
"""An estimate from fewer audits is marked."""


class Sampled(msgspec.Struct, frozen=True):
    """An order that left: its draw, and what its audit found, None where there was none. ``counted`` of ``articles``
    are what a partial audit of it counts.
    """

    probability: float
    full_share: float
    articles: int
    counted: int
    total_minor: int
    kind: Kind | None = None
    found: Sums | None = None


class Estimate(msgspec.Struct, frozen=True):
    """A share from 0 to 1 with its 95 % interval, of ``audits`` that could see it; ``few``: these are too few to say
    it. Where nothing was found, ``high`` is how much could have been missed.
    """

    value: float
    low: float
    high: float
    audits: int
    few: bool


class Totals(msgspec.Struct, frozen=True):
    """What the audits' finds add up to for all orders, each of them standing for 1/p; by chance it may be more than
    there is.
    """

    wrong: float
    unpaid_minor: float
    overpaid_minor: float


class Figures(msgspec.Struct, frozen=True):
    """``orders`` and ``total_minor`` are all that left and could be drawn; ``not_coverable`` left and could not, by the
    cap on audits a month. ``drawn`` audits, ``partial`` and ``full`` of which were made.

    ``orders_wrong`` is the share of orders with any difference, by full audits, ``full_wrong`` of which found one;
    ``unpaid`` and ``overpaid`` are shares of ``total_minor``, ``unpaid_minor`` and ``overpaid_minor`` what they come
    to. ``…_ratio`` are the Hajek forms, and ``orders_wrong_unweighted`` is what the audits say if one forgets that some
    were likelier; None without an audit. ``few_audits``: an estimate from fewer says too little.
    """

    orders: int
    total_minor: int
    not_coverable: int
    drawn: int
    partial: int
    full: int
    full_wrong: int
    few_audits: int = FEW_AUDITS
    orders_wrong: Estimate | None = None
    orders_wrong_unweighted: float | None = None
    unpaid: Estimate | None = None
    unpaid_ratio: float | None = None
    unpaid_minor: int | None = None
    overpaid: Estimate | None = None
    overpaid_ratio: float | None = None
    overpaid_minor: int | None = None


class _Sum:
    """A Horvitz–Thompson sum: the estimate, its variance, and the most that one audit brought to it."""

    def __init__(self) -> None:
        self.value = 0.0
        self._largest = 0.0
        self._squares = 0.0

    def add(self, z: float) -> None:
        """An order's part of the estimate."""
        self.value += z
        self._largest = max(self._largest, z)
        self._squares += z * z

    def interval(self) -> tuple[float, float]:
        """The 95 % interval of Fay and Feuer (1997, equations 4 and 5) for a sum of few finds with unequal weights: a
        gamma distribution's, which is not symmetric and knows no loss below 0. Something must have been found.
        """
        low = self._squares / (2 * self.value) * _chi_squared(-Z_95, 2 * self.value**2 / self._squares)
        more, wider = self.value + self._largest, self._squares + self._largest**2
        return min(low, self.value), wider / (2 * more) * _chi_squared(Z_95, 2 * more**2 / wider)


class _Seen:
    """What the audits of one range of days add up to."""

    def __init__(self, made_share: dict[Kind, float]) -> None:
        self._made_share = made_share
        self.unpaid, self.overpaid = _Sum(), _Sum()
        self.wrong, self.total_any, self.wrong_full, self.full = 0.0, 0.0, 0, 0
        self.full_weights: list[tuple[float, bool]] = []
        self.any_weights: list[float] = []

    def add(self, one: Sampled, found: Sums) -> None:
        made_full, made_partial = self._made_share.get("full", 0.0), self._made_share.get("partial", 0.0)
        share = one.counted / one.articles if one.articles else 1.0
        p_full = one.probability * one.full_share * made_full
        p_partial = one.probability * (1 - one.full_share) * made_partial
        p_listed = p_full + p_partial * share
        is_full = one.kind == "full"
        listed = found.listed_unpaid_minor / p_listed if p_listed else 0.0
        unlisted = found.unlisted_unpaid_minor / p_full if is_full else 0.0
        self.unpaid.add(listed + unlisted)
        self.overpaid.add(found.overpaid_minor / p_listed if p_listed else 0.0)
        p_any = p_full + p_partial
        self.total_any += one.total_minor / p_any
        self.any_weights.append(one.total_minor / p_any)
        if is_full:
            self.full += 1
            self.wrong_full += found.is_wrong
            self.wrong += found.is_wrong / p_full
            self.full_weights.append((1 / p_full, found.is_wrong))


def totals(orders: Sequence[Sampled]) -> Totals:
    """What the audits of some orders add up to for all of them: right on the average."""
    seen = _seen([one for one in orders if one.probability > 0])
    return Totals(seen.wrong, seen.unpaid.value, seen.overpaid.value)


def estimate(orders: Sequence[Sampled]) -> Figures:
    """The figures of the orders that left in some days."""
    kept = [one for one in orders if one.probability > 0]
    seen = _seen(kept)
    counts = Figures(
        orders=len(kept),
        total_minor=sum(one.total_minor for one in kept),
        not_coverable=len(orders) - len(kept),
        drawn=sum(one.kind is not None for one in kept),
        partial=len(seen.any_weights) - seen.full,
        full=seen.full,
        full_wrong=seen.wrong_full,
    )
    return _with_rates(counts, seen)


def _seen(kept: Sequence[Sampled]) -> _Seen:
    drawn: dict[Kind, int] = {"partial": 0, "full": 0}
    made: dict[Kind, int] = {"partial": 0, "full": 0}
    for one in kept:
        if one.kind is not None:
            drawn[one.kind] += 1
            made[one.kind] += one.found is not None
    seen = _Seen({kind: made[kind] / drawn[kind] if drawn[kind] else 1.0 for kind in made})
    for one in kept:
        if one.found is not None:
            seen.add(one, one.found)
    return seen


def _with_rates(counts: Figures, seen: _Seen) -> Figures:
    if seen.full:
        counts = msgspec.structs.replace(
            counts, orders_wrong=_share(seen), orders_wrong_unweighted=seen.wrong_full / seen.full
        )
    if seen.full and counts.total_minor:
        none_missed = _wilson(0.0, _equal([weight for weight, _ in seen.full_weights]))[1]
        unpaid = _rate(seen.unpaid, counts.total_minor, seen.full, none_missed)
        counts = msgspec.structs.replace(
            counts,
            unpaid=unpaid,
            unpaid_ratio=_part(seen.unpaid.value, seen.total_any),
            unpaid_minor=round(unpaid.value * counts.total_minor),
        )
    if (seen.full or counts.partial) and counts.total_minor:
        none_missed = _wilson(0.0, _equal(seen.any_weights))[1]
        overpaid = _rate(seen.overpaid, counts.total_minor, seen.full + counts.partial, none_missed)
        counts = msgspec.structs.replace(
            counts,
            overpaid=overpaid,
            overpaid_ratio=_part(seen.overpaid.value, seen.total_any),
            overpaid_minor=round(overpaid.value * counts.total_minor),
        )
    return counts


def _rate(total: _Sum, whole_minor: int, audits: int, none_missed: float) -> Estimate:
    """A sum as a share of the sales. Where nothing was found, it may be as much as if the orders that could still be
    wrong were so with all that they came to.
    """
    low, high = total.interval() if total.value else (0.0, none_missed * whole_minor)
    value, low, high = (min(1.0, one / whole_minor) for one in (total.value, low, high))
    return Estimate(value, low, high, audits, audits < FEW_AUDITS)


def _share(seen: _Seen) -> Estimate:
    """The Hajek share, with Wilson's interval (1927) for as many equal audits as would tell as much."""
    weights = seen.full_weights
    size = sum(weight for weight, _ in weights)
    value = min(1.0, sum(weight for weight, wrong in weights if wrong) / size)
    equal = _equal([weight for weight, _ in weights])
    spread = sum((weight * (wrong - value)) ** 2 for weight, wrong in weights) / size**2
    if spread > 0:
        equal = min(equal, value * (1 - value) / spread)
    return Estimate(value, *_wilson(value, equal), seen.full, seen.full < FEW_AUDITS)


def _equal(weights: Sequence[float]) -> float:
    """How many audits of equal weight would tell as much (Kish 1965).

    >>> _equal([3.0, 3.0]), _equal([9.0, 0.0]), _equal([])
    (2.0, 1.0, 0.0)
    """
    squares = sum(weight**2 for weight in weights)
    return sum(weights) ** 2 / squares if squares else 0.0


def _wilson(value: float, cases: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of so many cases.

    >>> [round(one, 3) for one in _wilson(0.0, 20)], _wilson(0.0, 0)
    ([0.0, 0.161], (0.0, 1.0))
    """
    if not cases:
        return 0.0, 1.0
    denominator = 1 + Z_95**2 / cases
    middle = (value + Z_95**2 / (2 * cases)) / denominator
    half = Z_95 * math.sqrt(value * (1 - value) / cases + Z_95**2 / (4 * cases**2)) / denominator
    return max(0.0, min(value, middle - half)), min(1.0, max(value, middle + half))


def _part(value: float, whole: float) -> float | None:
    return min(1.0, value / whole) if whole else None


def _chi_squared(z: float, degrees: float) -> float:
    """The chi-squared distribution's quantile where the normal distribution has ``z`` (Wilson and Hilferty 1931).

    >>> round(_chi_squared(Z_95, 2), 2), round(_chi_squared(-Z_95, 20), 2)  # 7.38 and 9.59 by tables
    (7.34, 9.57)
    """
    part = 2 / (9 * degrees)
    return degrees * max(0.0, 1 - part + z * math.sqrt(part)) ** 3
