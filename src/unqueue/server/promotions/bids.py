"""What one offer makes of the units it is given: the best sets, exactly. Pure.

A bid sees the lines of a component by *position*: unit price, weight, and the ``cost`` of a unit, which is the plain
discount that it loses when it goes into a set. The gain of a set is its discount less the costs of its units.

Why sorting is enough. Where a set saves a sum of unit values less a constant, k sets can't gain more than the k · n
best units of each group, and each further set gains no more than the one before. Where a set saves its ``free``
cheapest units and nothing has a cost, the m-th best free unit needs m + j · (n - free) units at least as dear before
it (j sets hold m free units); consecutive sets in descending order of price reach that bound for every m at once. With
costs the same order holds among the units that are taken, so a walk down the prices that decides "taken or not"
finds the best in n · sets steps.
"""

from collections.abc import Sequence

from unqueue.server.promotions.offers import Offer

Part = tuple[int, int, int, int, tuple[int, ...]]
"""A line in a component: unit price, cost of a unit, quantity, weight in grams or 0, slots it can fill."""
Runs = tuple[tuple[int, int], ...]
"""Units of a set as (position, how many)."""
Set = tuple[int, Runs, int]
"""(discount of a set, its units, how many such sets)."""
Have = Sequence[Sequence[int]]
"""For each group of an offer, the units available at each position."""

_JOINED_UNITS_MAX = 24  # beyond that, a set of several groups with costs is no longer solved exactly


class Bid:
    """One offer in one component. :meth:`plan` may be asked for many ways to hand out the units."""

    def __init__(self, offer: Offer, parts: Sequence[Part], groups: Sequence[Sequence[int]]) -> None:
        """``groups`` has, for each group of the offer, the positions that can be in it."""
        self.offer = offer
        self.is_exact = True
        self._costs = [part[1] for part in parts]
        self._groups = groups

    def plan(self, have: Have) -> tuple[int, list[Set]]:
        """The best sets from ``have`` and their gain in minor units; never less with more units."""
        raise NotImplementedError

    def share(self, group: int, position: int) -> float:
        """An upper bound of what one unit contributes to the gain of any set, as a share of it."""
        raise NotImplementedError

    def _cost(self, runs: Runs) -> int:
        costs = self._costs
        return sum([costs[position] * units for position, units in runs])


class SumBid(Bid):
    """Sets that save the sum of their units' values less a constant (which may be negative: an amount off)."""

    def __init__(
        self,
        offer: Offer,
        parts: Sequence[Part],
        groups: Sequence[Sequence[int]],
        values: Sequence[dict[int, int]],
        constant: int,
    ) -> None:
        super().__init__(offer, parts, groups)
        self._constant = constant
        costs = self._costs
        self._net = [{position: value - costs[position] for position, value in group.items()} for group in values]
        self._orders = [
            sorted(group, key=lambda position, net=net: (-net[position], position))  # type: ignore[misc]
            for group, net in zip(groups, self._net, strict=True)
        ]

    def plan(self, have: Have) -> tuple[int, list[Set]]:
        if len(self._orders) > 1:
            return self._plan_groups(have)
        net, size, left = self._net[0], self.offer.size, self.offer.uses_max
        gain, sets = 0, []
        for runs, times in in_sets(self._orders[0], have[0], size):
            worth = sum([net[position] * units for position, units in runs]) - self._constant
            if worth <= 0 or not left:
                break
            used = min(times, left)
            left -= used
            gain += worth * used
            sets.append((worth + self._cost(runs), runs, used))
        return gain, sets

    def _plan_groups(self, have: Have) -> tuple[int, list[Set]]:
        gain, sets = 0, []
        for units in in_group_sets(self._orders, have, self.offer):
            worth = sum([self._net[group][position] for group, position in units]) - self._constant
            if worth <= 0:
                break
            runs = as_runs(units)
            gain += worth
            sets.append((worth + self._cost(runs), runs, 1))
        return gain, sets

    def share(self, group: int, position: int) -> float:
        return self._net[group][position] - self._constant / self.offer.size


class CheapestBid(Bid):
    """Sets that save their ``free`` cheapest units (a set of several groups: its one cheapest)."""

    def __init__(self, offer: Offer, parts: Sequence[Part], groups: Sequence[Sequence[int]]) -> None:
        super().__init__(offer, parts, groups)
        self._values = [offer.values[0](part[0], part[3]) for part in parts]
        prices = [part[0] for part in parts]
        self._prices = prices
        self._orders = [sorted(group, key=lambda position: (-prices[position], position)) for group in groups]

    def plan(self, have: Have) -> tuple[int, list[Set]]:
        costs = self._costs
        has_costs = any(
            costs[position] and units[position]
            for order, units in zip(self._orders, have, strict=True)
            for position in order
        )
        if len(self._orders) > 1:
            return self._plan_joined(have) if has_costs else self._plan_groups(have)
        return self._plan_with_costs(have[0]) if has_costs else self._plan_consecutive(have[0])

    def share(self, group: int, position: int) -> float:
        del group
        return self._values[position] * self.offer.free / self.offer.size - self._costs[position]

    def _plan_consecutive(self, have: Sequence[int]) -> tuple[int, list[Set]]:
        left = self.offer.uses_max
        gain, sets = 0, []
        for runs, times in in_sets(self._orders[0], have, self.offer.size):
            discount = self._discount(runs)
            if not discount or not left:
                break
            used = min(times, left)
            left -= used
            gain += discount * used
            sets.append((discount, runs, used))
        return gain, sets

    def _discount(self, runs: Runs) -> int:
        missing, discount = self.offer.free, 0
        for position, units in reversed(runs):
            taken = min(units, missing)
            discount += self._values[position] * taken
            missing -= taken
            if not missing:
                break
        return discount

    def _plan_groups(self, have: Have) -> tuple[int, list[Set]]:
        gain, sets = 0, []
        for units in in_group_sets(self._orders, have, self.offer):
            discount = min([self._values[position] for _, position in units])
            if not discount:
                break
            gain += discount
            sets.append((discount, as_runs(units), 1))
        return gain, sets

    def _plan_with_costs(self, have: Sequence[int]) -> tuple[int, list[Set]]:
        """Walk down the prices; ``best[taken]`` is the best gain so far and how it came about."""
        size, paid = self.offer.size, self.offer.size - self.offer.free
        units = [position for position in self._orders[0] for _ in range(have[position])]
        sets_max = len(units) // size
        # Without a limit only the place within the set matters: after a full set the walk is back at place 0.
        is_limited = self.offer.uses_max < sets_max
        places = size * min(self.offer.uses_max, sets_max) if is_limited else size
        best: list[tuple[int, _Trail] | None] = [None] * (places + 1)
        best[0] = (0, None)
        for position in units:
            cost, value = self._costs[position], self._values[position]
            for place in range(places - 1, -1, -1):
                here = best[place]
                if here is None:
                    continue
                gain = here[0] - cost + (value if place % size >= paid else 0)
                there = best[place + 1]
                if there is None or gain > there[0]:
                    best[place + 1] = (gain, (here[1], position))
            if not is_limited:
                full, start = best[size], best[0]
                if full is not None and start is not None and full[0] > start[0]:
                    best[0] = full
                best[size] = None
        ends = [end for place, end in enumerate(best) if end is not None and place % size == 0]
        gain, trail = max(ends, key=lambda end: end[0])
        return gain, self._sets_of(_walk(trail))

    def _sets_of(self, taken: Sequence[int]) -> list[Set]:
        size = self.offer.size
        sets = []
        for start in range(0, len(taken), size):
            runs = as_runs([(0, position) for position in taken[start : start + size]])
            sets.append((self._discount(runs), runs, 1))
        return sets

    def _plan_joined(self, have: Have) -> tuple[int, list[Set]]:
        """Several groups with costs: walk down the prices with the number of units taken ahead in each group."""
        units = sorted(
            (-self._prices[position], position, group)
            for group, order in enumerate(self._orders)
            for position in order
            for _ in range(have[group][position])
        )
        if len(units) > _JOINED_UNITS_MAX:
            return self._plan_joined_greedily(have)
        sizes, uses_max = self.offer.sizes, self.offer.uses_max
        nothing = (0,) * len(sizes)
        is_limited = uses_max <= len(units) // self.offer.size
        best: dict[tuple[tuple[int, ...], int], tuple[int, _JoinedTrail]] = {(nothing, 0): (0, None)}
        for _, position, group in units:
            cost, value = self._costs[position], self._values[position]
            for (ahead, uses), (gain, trail) in list(best.items()):
                if uses == uses_max:
                    continue
                counts = (*ahead[:group], ahead[group] + 1, *ahead[group + 1 :])
                is_full = all(count >= size for count, size in zip(counts, sizes, strict=True))
                if is_full:
                    counts = tuple(count - size for count, size in zip(counts, sizes, strict=True))
                key = (counts, uses + is_full if is_limited else 0)
                reached = gain - cost + (value if is_full else 0)
                if key not in best or reached > best[key][0]:
                    best[key] = (reached, (trail, group, position))
        gain, trail = max((end for (ahead, _), end in best.items() if ahead == nothing), key=lambda end: end[0])
        return gain, self._joined_sets(trail)

    def _joined_sets(self, trail: "_JoinedTrail") -> list[Set]:
        taken: list[list[int]] = [[] for _ in self._orders]
        while trail is not None:
            trail, group, position = trail
            taken[group].insert(0, position)
        sets = []
        for number in range(len(taken[0]) // self.offer.sizes[0]):
            units = [
                (group, position)
                for group, size in enumerate(self.offer.sizes)
                for position in taken[group][number * size : (number + 1) * size]
            ]
            sets.append((min([self._values[position] for _, position in units]), as_runs(units), 1))
        return sets

    def _plan_joined_greedily(self, have: Have) -> tuple[int, list[Set]]:
        self.is_exact = False
        worthy = [
            (discount - self._cost(runs), (discount, runs, times))
            for discount, runs, times in self._plan_groups(have)[1]
            if discount > self._cost(runs)
        ]
        return sum(gain for gain, _ in worthy), [one for _, one in worthy]


class BalancedBid(Bid):
    """Sets with an amount off that some sets can't use up: dear and cheap units are mixed. Good, not proven best."""

    def __init__(self, offer: Offer, parts: Sequence[Part], groups: Sequence[Sequence[int]]) -> None:
        super().__init__(offer, parts, groups)
        self.is_exact = False
        self._prices = [part[0] for part in parts]
        self._orders = [
            sorted(group, key=lambda position: (self._costs[position], -self._prices[position], position))
            for group in groups
        ]

    def plan(self, have: Have) -> tuple[int, list[Set]]:
        offer = self.offer
        flats = [_flat(order, units) for order, units in zip(self._orders, have, strict=True)]
        count = min(offer.uses_max, *[len(flat) // size for flat, size in zip(flats, offer.sizes, strict=True)])
        gain, sets = 0, []
        for number in range(count):
            units = [
                (group, flat[number + count * row] if row % 2 == 0 else flat[count * (row + 1) - 1 - number])
                for group, (flat, size) in enumerate(zip(flats, offer.sizes, strict=True))
                for row in range(size)
            ]
            runs = as_runs(units)
            discount = min(offer.constant, sum([self._prices[position] for _, position in units]))
            worth = discount - self._cost(runs)
            if worth > 0:
                gain += worth
                sets.append((discount, runs, 1))
        return gain, sets

    def share(self, group: int, position: int) -> float:
        del group
        return self.offer.constant / self.offer.size - self._costs[position]


_Trail = tuple["_Trail", int] | None
_JoinedTrail = tuple["_JoinedTrail", int, int] | None


def make_bid(offer: Offer, parts: Sequence[Part], groups: Sequence[Sequence[int]]) -> Bid:
    """The bid that computes ``offer`` for the lines at ``groups`` (positions for each group of the offer)."""
    if offer.mode == "cheapest":
        return CheapestBid(offer, parts, groups)
    if offer.mode == "sum":
        values = [
            {position: value(parts[position][0], parts[position][3]) for position in group}
            for group, value in zip(groups, offer.values, strict=True)
        ]
        return SumBid(offer, parts, groups, values, offer.constant)
    prices = [{position: parts[position][0] for position in group} for group in groups]
    if offer.size == 1:
        capped = [{position: min(price, offer.constant) for position, price in group.items()} for group in prices]
        return SumBid(offer, parts, groups, capped, 0)
    least = most = 0
    for group, size in zip(groups, offer.sizes, strict=True):
        units = sorted(parts[position][0] for position in group for _ in range(min(parts[position][2], size)))
        least += sum(units[:size])
        most += sum(units[-size:])
    if offer.constant <= least:
        return SumBid(offer, parts, groups, [dict.fromkeys(group, 0) for group in groups], -offer.constant)
    if offer.constant >= most:
        return SumBid(offer, parts, groups, prices, 0)
    return BalancedBid(offer, parts, groups)


def in_sets(order: Sequence[int], have: Sequence[int], size: int) -> list[tuple[Runs, int]]:
    """Cut the units, in order, into sets of ``size``: (units of a set, how many equal sets follow each other).

    >>> in_sets([2, 0], [1, 0, 5], 2)
    [(((2, 2),), 2), (((2, 1), (0, 1)), 1)]
    """
    sets: list[tuple[Runs, int]] = []
    begun: list[tuple[int, int]] = []
    missing = size
    for position in order:
        units = have[position]
        if not units:
            continue
        if begun:
            taken = units if units < missing else missing
            begun.append((position, taken))
            missing -= taken
            units -= taken
            if missing:
                continue
            sets.append((tuple(begun), 1))
            begun, missing = [], size
        if units >= size:
            sets.append((((position, size),), units // size))
            units %= size
        if units:
            begun.append((position, units))
            missing = size - units
    return sets


def in_group_sets(orders: Sequence[Sequence[int]], have: Have, offer: Offer) -> list[list[tuple[int, int]]]:
    """Consecutive sets of several groups, each unit as (group, position); no more than the offer's uses."""
    flats = [_flat(order, units) for order, units in zip(orders, have, strict=True)]
    count = min(offer.uses_max, *[len(flat) // size for flat, size in zip(flats, offer.sizes, strict=True)])
    return [
        [
            (group, position)
            for group, (flat, size) in enumerate(zip(flats, offer.sizes, strict=True))
            for position in flat[number * size : (number + 1) * size]
        ]
        for number in range(count)
    ]


def as_runs(units: Sequence[tuple[int, int]]) -> Runs:
    """Units (group, position) as runs, in the order in which the positions first come.

    >>> as_runs([(0, 4), (1, 2), (1, 4)])
    ((4, 2), (2, 1))
    """
    counts: dict[int, int] = {}
    for _, position in units:
        counts[position] = counts.get(position, 0) + 1
    return tuple(counts.items())


def _flat(order: Sequence[int], have: Sequence[int]) -> list[int]:
    flat: list[int] = []
    for position in order:
        flat += [position] * have[position]
    return flat


def _walk(trail: _Trail) -> list[int]:
    taken: list[int] = []
    while trail is not None:
        trail, position = trail
        taken.append(position)
    taken.reverse()
    return taken
