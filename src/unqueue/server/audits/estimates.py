"""How often orders are wrong and what is lost, from audits whose probability differs from order to order. Pure.

An order that was drawn with probability p stands for 1/p orders (Horvitz and Thompson 1952): the sum of what was found,
each divided by the probability that it was looked at, is right on the average, whatever the rules prefer. Dividing by
the orders that were really there, or by the estimate of their number (Hajek 1971), gives a rate; the latter is steadier
where the weights differ much.

What can be seen differs. A full audit sees the whole order, with probability p·f. A partial one counts k of m articles:
a difference in a listed article is seen with probability p·(f + (1−f)·k/m). Goods that are not on the order at all are
seen by full audits only. Orders are drawn independently (Poisson sampling), so that the variance of a sum z over orders
is the sum of the orders' own: E z² − y², estimated by z² − y²/(p·f), the latter where all of y was seen.

Audits that were drawn and not made are taken to be like those of their kind that were made, and are counted.
"""

import math
from collections.abc import Sequence

import msgspec

from unqueue.server.audits.comparing import Sums
from unqueue.server.audits.model import Kind

Z_95 = 1.959963984540054
"""The standard normal distribution's 97.5 % point."""


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
    """A rate with its 95 % interval. ``high`` is None where nothing was found and none can be told."""

    value: float
    low: float
    high: float | None


class Figures(msgspec.Struct, frozen=True):
    """``orders`` and ``total_minor`` are all that left and could be drawn; ``not_coverable`` left and could not, by the
    cap on audits a month. ``drawn`` audits, ``partial`` and ``full`` of which were made.

    ``orders_wrong`` is the share of orders with any difference, by full audits; ``unpaid`` and ``overpaid`` are shares
    of ``total_minor``, ``unpaid_minor`` and ``overpaid_minor`` what they come to. ``…_ratio`` are the Hajek forms, and
    ``orders_wrong_unweighted`` is what the audits say if one forgets that some were likelier; None without an audit.
    """

    orders: int
    total_minor: int
    not_coverable: int
    drawn: int
    partial: int
    full: int
    orders_wrong: Estimate | None = None
    orders_wrong_ratio: Estimate | None = None
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
        self.largest = 0.0
        self._squares = 0.0

    def add(self, z: float, *, whole: float | None, p_whole: float) -> None:
        """An order's share ``z`` of the estimate; ``whole`` is its own y, where all of it was seen."""
        self.value += z
        self.largest = max(self.largest, z)
        self._squares += z * z - (whole * whole / p_whole if whole is not None else 0.0)

    def interval(self, largest: float) -> tuple[float, float]:
        """The 95 % interval of Fay and Feuer (1997, equations 4 and 5) for a sum of few finds with unequal weights,
        ``largest`` the greatest of them: a gamma distribution's, which is not symmetric and knows no loss below 0.
        """
        variance = max(0.0, self._squares)
        if not self.value:
            return 0.0, largest / 2 * _chi_squared(Z_95, 2)
        if not variance:
            return self.value, self.value
        low = variance / (2 * self.value) * _chi_squared(-Z_95, 2 * self.value**2 / variance)
        more, wider = self.value + largest, variance + largest**2
        return low, wider / (2 * more) * _chi_squared(Z_95, 2 * more**2 / wider)


class _Seen:
    """What the audits of one range of days add up to."""

    def __init__(self, made_share: dict[Kind, float]) -> None:
        self._made_share = made_share
        self.wrong, self.unpaid, self.overpaid = _Sum(), _Sum(), _Sum()
        self.total_any, self.wrong_full, self.full = 0.0, 0, 0
        self.weights: list[tuple[float, bool]] = []

    def add(self, one: Sampled, found: Sums) -> None:
        made_full, made_partial = self._made_share.get("full", 0.0), self._made_share.get("partial", 0.0)
        share = one.counted / one.articles if one.articles else 1.0
        p_full = one.probability * one.full_share * made_full
        p_partial = one.probability * (1 - one.full_share) * made_partial
        p_listed = p_full + p_partial * share
        is_full = one.kind == "full"
        listed = found.listed_unpaid_minor / p_listed if p_listed else 0.0
        unlisted = found.unlisted_unpaid_minor / p_full if is_full else 0.0
        whole = float(found.listed_unpaid_minor + found.unlisted_unpaid_minor) if is_full else None
        self.unpaid.add(listed + unlisted, whole=whole, p_whole=p_full)
        over = float(found.overpaid_minor)
        self.overpaid.add(over / p_listed if p_listed else 0.0, whole=over if is_full else None, p_whole=p_full)
        p_any = p_full + p_partial
        self.total_any += one.total_minor / p_any
        if is_full:
            self.full += 1
            self.wrong_full += found.is_wrong
            self.wrong.add(found.is_wrong / p_full, whole=float(found.is_wrong), p_whole=p_full)
            self.weights.append((1 / p_full, found.is_wrong))


def estimate(orders: Sequence[Sampled]) -> Figures:
    """The figures of the orders that left in some days."""
    kept = [one for one in orders if one.probability > 0]
    drawn: dict[Kind, int] = {"partial": 0, "full": 0}
    made: dict[Kind, int] = {"partial": 0, "full": 0}
    for one in kept:
        if one.kind is not None:
            drawn[one.kind] += 1
            made[one.kind] += one.found is not None
    sums = _Seen({kind: made[kind] / drawn[kind] if drawn[kind] else 1.0 for kind in made})
    for one in kept:
        if one.found is not None:
            sums.add(one, one.found)
    total_minor = sum(one.total_minor for one in kept)
    counts = Figures(
        orders=len(kept),
        total_minor=total_minor,
        not_coverable=len(orders) - len(kept),
        drawn=sum(drawn.values()),
        partial=made["partial"],
        full=made["full"],
    )
    return _with_rates(counts, sums)


def _with_rates(counts: Figures, sums: _Seen) -> Figures:
    if sums.full and counts.orders:
        counts = msgspec.structs.replace(
            counts,
            orders_wrong=_share(sums, counts.orders),
            orders_wrong_ratio=_share_ratio(sums.weights),
            orders_wrong_unweighted=sums.wrong_full / sums.full,
        )
    if sums.full and counts.total_minor:
        counts = msgspec.structs.replace(
            counts,
            unpaid=_rate(sums.unpaid, counts.total_minor),
            unpaid_ratio=sums.unpaid.value / sums.total_any,
            unpaid_minor=round(sums.unpaid.value),
        )
    if (sums.full or counts.partial) and counts.total_minor:
        counts = msgspec.structs.replace(
            counts,
            overpaid=_rate(sums.overpaid, counts.total_minor),
            overpaid_ratio=sums.overpaid.value / sums.total_any,
            overpaid_minor=round(sums.overpaid.value),
        )
    return counts


def _rate(total: _Sum, whole_minor: int) -> Estimate:
    """A sum as a share of the sales. Nothing found says nothing of how much there may be."""
    low, high = total.interval(total.largest)
    return Estimate(total.value / whole_minor, low / whole_minor, high / whole_minor if total.value else None)


def _share(sums: _Seen, orders: int) -> Estimate:
    low, high = sums.wrong.interval(max(weight for weight, _ in sums.weights))
    return Estimate(sums.wrong.value / orders, low / orders, min(1.0, high / orders))


def _share_ratio(weights: list[tuple[float, bool]]) -> Estimate:
    """The Hajek share, with Wilson's interval (1927) for as many equal audits as would tell as much."""
    size = sum(weight for weight, _ in weights)
    value = sum(weight for weight, wrong in weights if wrong) / size
    spread = sum((weight * (wrong - value)) ** 2 for weight, wrong in weights) / size**2
    equal = value * (1 - value) / spread if spread > 0 else size**2 / sum(weight**2 for weight, _ in weights)
    denominator = 1 + Z_95**2 / equal
    middle = (value + Z_95**2 / (2 * equal)) / denominator
    half = Z_95 * math.sqrt(value * (1 - value) / equal + Z_95**2 / (4 * equal**2)) / denominator
    return Estimate(value, max(0.0, middle - half), min(1.0, middle + half))


def _chi_squared(z: float, degrees: float) -> float:
    """The chi-squared distribution's quantile where the normal distribution has ``z`` (Wilson and Hilferty 1931).

    >>> round(_chi_squared(Z_95, 2), 2), round(_chi_squared(-Z_95, 20), 2)  # 7.38 and 9.59 by tables
    (7.34, 9.57)
    """
    part = 2 / (9 * degrees)
    return degrees * max(0.0, 1 - part + z * math.sqrt(part)) ** 3
