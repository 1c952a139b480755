"""Change out of what the machine holds: exact whenever some combination exists, the best by stated preferences, and
bounded in its cost. Pure.

Which amounts can be paid is a bounded subset sum. The reachable amounts are the bits of one whole number: adding a
denomination with n pieces takes about log2(n) shifts (1, 2, 4, … pieces, then the rest), whatever the tubes hold.
Amounts are divided by the greatest common divisor of the values first.

Which of the combinations is best is found by branch and bound: denominations from the largest to the smallest, the
number of pieces tried outward from that of the continuous relaxation, whose cost is the bound, and never a remainder
that the smaller denominations can't reach. Systems of coins are made for greedy givers, so that the bound is tight and
a few dozen steps are enough; `STEPS_MAX` bounds the search whatever the denominations are. When it is used up, the best
combination found until then is given: it is exact, only not proven the best (`Change.proven`).

Preferences, in this order. First, the float stays untouched wherever a combination without it exists. Second, each
piece costs, and the sum is made least: a piece of the float costs 4, an ordinary piece 2, a piece that a device holds
too many of 1. So what is over-full goes first as long as that makes at most twice as many pieces, the float is spared
where that makes at most twice as many, and otherwise as few pieces as possible are given. Third, of equal costs the
fewer pieces win.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from math import gcd

import msgspec

from unqueue.kernel.cash import Denomination

COST_OF_FLOAT = 4
COST_ORDINARY = 2
COST_OVER_FULL = 1
STEPS_MAX = 4000
# Costs are compared first, pieces next: a unit of cost outweighs more pieces than any machine holds.
_COST_UNIT = 1 << 24


class Stock(msgspec.Struct, frozen=True):
    """Pieces that a device can give: `count` of them, of which `keep` are its float (soft), and those above
    `over_full` are too many.
    """

    device: str
    denomination: Denomination
    count: int
    keep: int = 0
    over_full: int | None = None


class Change(msgspec.Struct, frozen=True):
    """What to give: pieces per device and denomination. `proven`: no combination is better. `steps` is what it took."""

    counts: dict[str, dict[Denomination, int]]
    cost: int
    pieces: int
    proven: bool
    steps: int


class Reach:
    """Which amounts some stocks can pay exactly, up to `amount_max_minor`."""

    def __init__(self, stocks: Iterable[Stock], amount_max_minor: int) -> None:
        kinds: dict[int, int] = {}
        for stock in stocks:
            if stock.count > 0 and stock.denomination.value_minor <= amount_max_minor:
                value = stock.denomination.value_minor
                kinds[value] = kinds.get(value, 0) + stock.count
        self._unit = gcd(*kinds) or 1
        self._amount_max_minor = amount_max_minor
        self.shifts = 0
        bits, top = 1, amount_max_minor // self._unit
        for value, count in kinds.items():
            bits, shifts = add_pieces(bits, value // self._unit, count, top)
            self.shifts += shifts
        self._bits = bits

    def can_pay(self, amount_minor: int) -> bool:
        """Whether exactly this can be paid; never more than `amount_max_minor`."""
        whole, rest = divmod(amount_minor, self._unit)
        return 0 <= amount_minor <= self._amount_max_minor and rest == 0 and bool(self._bits >> whole & 1)

    def most(self) -> int:
        """The largest amount, up to `amount_max_minor`, that can be paid exactly."""
        return (self._bits.bit_length() - 1) * self._unit


def add_pieces(bits: int, value: int, count: int, top: int) -> tuple[int, int]:
    """The amounts (bits up to `top`) reachable with up to `count` more pieces of `value`, and the shifts it took.

    >>> bin(add_pieces(1, 2, 3, 10)[0])
    '0b1010101'
    """
    left, chunk, shifts = min(count, top // value), 1, 0
    while left > 0:
        taken = min(chunk, left)
        step = taken * value
        bits |= bits << step
        left, chunk, shifts = left - taken, chunk * 2, shifts + 1
    # The steps add up to `top` at most, so that the number never got longer than twice that.
    return bits & ((1 << (top + 1)) - 1), shifts


def choose(amount_minor: int, stocks: Sequence[Stock], steps_max: int = STEPS_MAX) -> Change | None:
    """Exactly `amount_minor`, the best way by the preferences above; None when no combination exists.

    All stocks are of one currency.

    >>> yuan, five = Denomination("CNY", 100, "coin"), Denomination("CNY", 500, "note")
    >>> choose(600, [Stock("hopper", yuan, 9), Stock("recycler", five, 1)]).counts
    {'recycler': {Denomination(currency='CNY', value_minor=500, form='note'): 1}, \
'hopper': {Denomination(currency='CNY', value_minor=100, form='coin'): 1}}
    """
    assert len({stock.denomination.currency for stock in stocks}) <= 1, "change is in one currency"
    if amount_minor == 0:
        return Change({}, 0, 0, proven=True, steps=0)
    spare = [_above_float(stock) for stock in stocks]
    return _choose(amount_minor, spare, steps_max) or _choose(amount_minor, stocks, steps_max)


def _above_float(stock: Stock) -> Stock:
    """The same without its float."""
    kept = min(max(stock.keep, 0), stock.count)
    over_full = None if stock.over_full is None else max(0, stock.over_full - kept)
    return Stock(stock.device, stock.denomination, stock.count - kept, 0, over_full)


def _choose(amount_minor: int, stocks: Sequence[Stock], steps_max: int) -> Change | None:
    usable = [stock for stock in stocks if stock.count > 0 and stock.denomination.value_minor <= amount_minor]
    unit = gcd(*(stock.denomination.value_minor for stock in usable))
    if not unit or amount_minor % unit:
        return None
    search = _Search(amount_minor // unit, _kinds(usable, unit), steps_max)
    if not search.exists:
        return None
    cost, pieces_per_kind = search.best()
    counts: dict[str, dict[Denomination, int]] = {}
    for kind, pieces in zip(search.kinds, pieces_per_kind, strict=True):
        kind.share(pieces, counts)
    return Change(counts, cost // _COST_UNIT, cost % _COST_UNIT, proven=not search.exhausted, steps=search.steps)


class _Kind:
    """All pieces of one value, whatever they are and wherever they lie, the cheapest first."""

    def __init__(self, value: int, tiers: list[tuple[int, int, Stock]]) -> None:
        self.value = value
        self.tiers = sorted(tiers, key=lambda tier: (tier[0], tier[2].device, tier[2].denomination))
        self.count = sum(number for _, number, _ in tiers)

    def cost(self, pieces: int) -> int:
        """What the cheapest `pieces` of them cost."""
        total = 0
        for unit_cost, number, _ in self.tiers:
            taken = min(number, pieces)
            total += taken * unit_cost
            pieces -= taken
            if pieces <= 0:
                break
        return total

    def share(self, pieces: int, counts: dict[str, dict[Denomination, int]]) -> None:
        """Add the cheapest `pieces` of them to `counts`."""
        for _, number, stock in self.tiers:
            taken = min(number, pieces)
            if taken > 0:
                given = counts.setdefault(stock.device, {})
                given[stock.denomination] = given.get(stock.denomination, 0) + taken
                pieces -= taken


def _kinds(stocks: Sequence[Stock], unit: int) -> list[_Kind]:
    tiers: dict[int, list[tuple[int, int, Stock]]] = {}
    for stock in stocks:
        kept = min(max(stock.keep, 0), stock.count)
        over = max(0, stock.count - max(stock.over_full, kept)) if stock.over_full is not None else 0
        parts = ((COST_OVER_FULL, over), (COST_ORDINARY, stock.count - kept - over), (COST_OF_FLOAT, kept))
        tiers.setdefault(stock.denomination.value_minor // unit, []).extend(
            (cost * _COST_UNIT + 1, number, stock) for cost, number in parts if number
        )
    return [_Kind(value, tiers[value]) for value in sorted(tiers, reverse=True)]


class _Bound:
    """The continuous relaxation over the kinds from `first` on: what an amount costs at least."""

    def __init__(self, kinds: Sequence[_Kind], first: int) -> None:
        tiers = [
            (cost, kind.value, number, index)
            for index, kind in enumerate(kinds[first:])
            for cost, number, _ in kind.tiers
        ]
        # Exact comparison of cost per value, without fractions: all costs over one common denominator.
        common = 1
        for kind in kinds[first:]:
            common = common * kind.value // gcd(common, kind.value)
        tiers.sort(key=lambda tier: tier[0] * (common // tier[1]))
        self._tiers = tiers
        self._values, self._costs, self._first = [0], [0], [0]
        for cost, value, number, index in tiers:
            self._values.append(self._values[-1] + value * number)
            self._costs.append(self._costs[-1] + cost * number)
            self._first.append(self._first[-1] + (number if index == 0 else 0))

    @property
    def total(self) -> int:
        return self._values[-1]

    def least(self, amount: int) -> int:
        """A lower bound of the cost of `amount`, which is at most `total`."""
        index = bisect_right(self._values, amount) - 1
        rest = amount - self._values[index]
        if rest == 0:
            return self._costs[index]
        cost, value, _, _ = self._tiers[index]
        return self._costs[index] - (-rest * cost // value)

    def pieces_of_first(self, amount: int) -> int:
        """How many whole pieces of its first kind the relaxation gives for `amount`."""
        index = bisect_right(self._values, amount) - 1
        rest = amount - self._values[index]
        pieces = self._first[index]
        if rest and self._tiers[index][3] == 0:
            pieces += rest // self._tiers[index][1]
        return pieces


class _Search:
    """Branch and bound over kinds from the largest value to the smallest."""

    def __init__(self, amount: int, kinds: list[_Kind], steps_max: int) -> None:
        self.kinds = kinds
        self.steps = 0
        self.exhausted = False
        self._amount = amount
        self._steps_max = steps_max
        self._reachable: list[bytes] = [b""] * (len(kinds) + 1)
        bits, size = 1, amount // 8 + 1
        self._reachable[-1] = bits.to_bytes(size, "little")
        for index in range(len(kinds) - 1, -1, -1):
            bits, _ = add_pieces(bits, kinds[index].value, kinds[index].count, amount)
            self._reachable[index] = bits.to_bytes(size, "little")
        self._bounds = [_Bound(kinds, first) for first in range(len(kinds) + 1)]
        self._solved: dict[tuple[int, int], tuple[int, int]] = {}  # (kind, amount) → cost, pieces of this kind
        self._refuted: dict[tuple[int, int], int] = {}  # (kind, amount) → it costs at least this

    @property
    def exists(self) -> bool:
        return self._can_reach(0, self._amount)

    def best(self) -> tuple[int, list[int]]:
        """The least cost, and the pieces per kind. Call it only if a combination `exists`."""
        cost = self._solve(0, self._amount, None)
        assert cost is not None, "a reachable amount has a combination"
        pieces, amount = [], self._amount
        for index, kind in enumerate(self.kinds):
            number = self._solved[index, amount][1] if amount else 0
            pieces.append(number)
            amount -= number * kind.value
        return cost, pieces

    def _can_reach(self, index: int, amount: int) -> bool:
        return bool(self._reachable[index][amount >> 3] >> (amount & 7) & 1)

    def _solve(self, index: int, amount: int, limit: int | None) -> int | None:
        """The least cost of a reachable `amount` from kind `index` on; None if it is not below `limit`."""
        if amount == 0:
            return 0 if limit is None or limit > 0 else None
        key = (index, amount)
        known = self._solved.get(key)
        if known is not None:
            return known[0] if limit is None or known[0] < limit else None
        if limit is not None and self._refuted.get(key, 0) >= limit:
            return None
        best: int | None = None
        for pieces, own, least in self._candidates(index, amount):
            bar = limit if best is None else best
            if bar is not None and own + least >= bar:
                break  # candidates come with growing bounds
            if bar is not None and self.exhausted:
                return best  # a combination is there already, here or further up
            rest = self._solve(index + 1, amount - pieces * self.kinds[index].value, None if bar is None else bar - own)
            if rest is not None:
                best = own + rest
                self._solved[key] = (best, pieces)
        if best is None and limit is not None:
            self._refuted[key] = limit
        return best

    def _candidates(self, index: int, amount: int) -> "Iterable[tuple[int, int, int]]":
        """Numbers of pieces of kind `index` that leave a reachable remainder, with their own cost and the least cost
        of the remainder, by growing sum: outward from the relaxation's number, as the sum is convex in the pieces.
        """
        kind, bound = self.kinds[index], self._bounds[index + 1]
        high = min(kind.count, amount // kind.value)
        low = max(0, -((bound.total - amount) // kind.value))
        middle = max(low, min(high, self._bounds[index].pieces_of_first(amount)))

        def at(pieces: int) -> tuple[int, int, int] | None:
            if not low <= pieces <= high:
                return None
            return pieces, kind.cost(pieces), bound.least(amount - pieces * kind.value)

        down, up = at(middle), at(middle + 1)
        while down is not None or up is not None:
            if up is None or (down is not None and down[1] + down[2] <= up[1] + up[2]):
                assert down is not None, "one of the two is left"
                chosen, down = down, at(down[0] - 1)
            else:
                chosen, up = up, at(up[0] + 1)
            self.steps += 1
            self.exhausted = self.exhausted or self.steps >= self._steps_max
            if self._can_reach(index + 1, amount - chosen[0] * kind.value):
                yield chosen
