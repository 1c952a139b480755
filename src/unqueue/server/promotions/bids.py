"""What one offer makes of units that nobody else wants: sets cut off a sorted row. Pure.

A bid sees the lines of a component by *position*: unit price, weight, and the ``cost`` of a unit, which is the plain
discount that it loses when it goes into a set. The gain of a set is its discount less the costs of its units.

Why sorting is enough. Where a set saves a sum of unit values less a constant, k sets can't gain more than the k · n
best units of each group, and each further set gains no more than the one before. Where a set saves its ``free``
cheapest units and nothing has a cost, the m-th best free unit needs m + j · (n - free) units at least as dear before
it (j sets hold m free units); consecutive sets in descending order of price reach that bound for every m at once.
"""

from collections.abc import Callable, Sequence
from typing import Literal

from unqueue.server.promotions.offers import Offer

Part = tuple[int, int, int, int, tuple[int, ...]]
"""A line in a component: unit price, cost of a unit, quantity, weight in grams or 0, slots it can fill."""
Runs = tuple[tuple[int, int, int], ...]
"""Units of a set: (group, position, how many)."""
Set = tuple[int, Runs, int]
"""(discount of a set, its units, how many such sets)."""
Groups = Sequence[Sequence[int]]
"""For each group of an offer the positions that can be in it; or the units available, by position."""


class Bid:
    """One offer in one component. ``values`` has the value of a unit for the offer, by group and position.

    ``kind``: a set saves the ``sum`` of its values less ``constant``; or the values of its ``cheapest`` units; or it is
    ``capped``, an amount off that not every set can use up.
    """

    __slots__ = ("_costs", "_orders", "_prices", "constant", "has_costs", "kind", "offer", "values")

    def __init__(self, offer: Offer, parts: Sequence[Part], groups: Groups) -> None:
        self.offer = offer
        self.kind: Literal["sum", "cheapest", "capped"] = "cheapest" if offer.mode == "cheapest" else "sum"
        self.constant = offer.constant
        self.values: list[dict[int, int]] = []
        self._prices = [part[0] for part in parts]
        self._costs = [part[1] for part in parts]
        if offer.mode == "amount":
            self._set_amount_values(parts, groups)
        else:
            for value, positions in zip(offer.values, groups, strict=True):
                self.values.append({at: value(parts[at][0], parts[at][3]) for at in positions})
        self._orders = [self._sorted(group, positions) for group, positions in enumerate(groups)]
        self.has_costs = any(self._costs[position] for positions in groups for position in positions)

    @property
    def is_exact(self) -> bool:
        """Whether :meth:`plan` finds the best sets, not only good ones."""
        return self.kind == "sum" or (self.kind == "cheapest" and not self.has_costs)

    def share(self, group: int, position: int) -> float:
        """An upper bound of what one unit contributes to the gain of any set, as its share of it."""
        value, size = self.values[group][position], self.offer.size
        if self.kind == "cheapest":
            return value * self.offer.free / size - self._costs[position]
        return value - self.constant / size - self._costs[position]

    def plan(self, have: Groups) -> tuple[int, list[Set]]:
        """Sets made of the units in ``have``, and their gain in minor units."""
        offer, costs = self.offer, self._costs
        gain, left = 0, offer.uses_max
        sets: list[Set] = []
        cut = _balanced_sets if self.kind == "capped" else _consecutive_sets
        for runs, times in cut(self._orders, have, offer):
            discount = worth = self.discount(runs)
            if self.has_costs:
                worth -= sum([costs[position] * units for _, position, units in runs])
            if worth > 0:
                used = min(times, left)
                left -= used
                gain += worth * used
                sets.append((discount, runs, used))
            elif self.is_exact:
                break  # the sets that follow gain no more
            if not left:
                break
        return gain, sets

    def discount(self, runs: Runs) -> int:
        """What a set saves; for the cheapest units, ``runs`` are in descending order of price or of several groups."""
        values = self.values
        if self.kind == "sum":
            return sum([values[group][position] * units for group, position, units in runs]) - self.constant
        if self.kind == "capped":
            return min(self.constant, sum([self._prices[position] * units for _, position, units in runs]))
        if len(values) > 1:
            return min([values[group][position] for group, position, _ in runs])
        missing, discount = self.offer.free, 0
        for _, position, units in reversed(runs):
            taken = min(units, missing)
            discount += values[0][position] * taken
            missing -= taken
        return discount

    def _set_amount_values(self, parts: Sequence[Part], groups: Groups) -> None:
        """An amount off is a sum if every set can use it up (minus a negative constant), or if none can."""
        least = most = 0
        for positions, size in zip(groups, self.offer.sizes, strict=True):
            units = sorted([parts[at][0] for at in positions for _ in range(min(parts[at][2], size))])
            least += sum(units[:size])
            most += sum(units[-size:])
        if self.constant >= most:
            self.values = [{at: parts[at][0] for at in positions} for positions in groups]
            self.constant = 0
            return
        if self.offer.size == 1:
            self.values = [{at: min(parts[at][0], self.constant) for at in positions} for positions in groups]
            self.constant = 0
            return
        self.values = [dict.fromkeys(positions, 0) for positions in groups]
        if self.constant <= least:
            self.constant = -self.constant
        else:
            self.kind = "capped"

    def _sorted(self, group: int, positions: Sequence[int]) -> list[int]:
        prices, costs, values = self._prices, self._costs, self.values[group]
        if self.kind == "cheapest":
            return sorted(positions, key=lambda at: (-prices[at], at))
        return sorted(positions, key=lambda at: (costs[at] - values[at], -prices[at], at))


def _consecutive_sets(orders: Groups, have: Groups, offer: Offer) -> list[tuple[Runs, int]]:
    """Cut the units, in order, into sets: (units of a set, how many equal sets follow each other)."""
    if len(orders) > 1:
        return _group_sets(orders, have, offer, lambda flat, size, number, _: flat[number * size : (number + 1) * size])
    size = offer.size
    sets: list[tuple[Runs, int]] = []
    begun: list[tuple[int, int, int]] = []
    missing = size
    available = have[0]
    for position in orders[0]:
        units = available[position]
        if begun and units:
            taken = min(units, missing)
            begun.append((0, position, taken))
            missing -= taken
            units -= taken
            if missing:
                continue
            sets.append((tuple(begun), 1))
            begun, missing = [], size
        if units >= size:
            sets.append((((0, position, size),), units // size))
            units %= size
        if units:
            begun.append((0, position, units))
            missing = size - units
    return sets


def _balanced_sets(orders: Groups, have: Groups, offer: Offer) -> list[tuple[Runs, int]]:
    """Mix dear and cheap units: deal them out like cards, to and fro."""

    def dealt(flat: list[int], size: int, number: int, count: int) -> list[int]:
        return [flat[row * count + (number if row % 2 == 0 else count - 1 - number)] for row in range(size)]

    return _group_sets(orders, have, offer, dealt)


def _group_sets(orders: Groups, have: Groups, offer: Offer, part: "_Part") -> list[tuple[Runs, int]]:
    flats = [[at for at in order for _ in range(units[at])] for order, units in zip(orders, have, strict=True)]
    count = min(offer.uses_max, *[len(flat) // size for flat, size in zip(flats, offer.sizes, strict=True)])
    return [
        (
            as_runs(
                [
                    (group, position)
                    for group, (flat, size) in enumerate(zip(flats, offer.sizes, strict=True))
                    for position in part(flat, size, number, count)
                ]
            ),
            1,
        )
        for number in range(count)
    ]


def as_runs(units: Sequence[tuple[int, int]]) -> Runs:
    """Units (group, position) as runs, in the order in which they first come.

    >>> as_runs([(0, 4), (0, 4), (1, 4)])
    ((0, 4, 2), (1, 4, 1))
    """
    counts: dict[tuple[int, int], int] = {}
    for unit in units:
        counts[unit] = counts.get(unit, 0) + 1
    return tuple([(*unit, count) for unit, count in counts.items()])


_Part = Callable[[list[int], int, int, int], list[int]]
