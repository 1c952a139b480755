"""The best use of the units of one component: lines that offers with sets compete for. Pure.

The search decides only what is in question: how many units of each line that several offers want go to which of them.
What an offer makes of its units is then known exactly (bids.py), and can only grow with more units. So the sum of what
all offers make of everything undecided is an upper bound, and so is the sum of the units' largest shares. Branch and
bound ends with the proven best, or at its step limit with the best so far, improved by moving units between offers.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from unqueue.kernel.money import allocate
from unqueue.server.promotions.bids import Bid, Part, Runs, Set, make_bid
from unqueue.server.promotions.offers import Offer

PLANS_MAX = 300  # how many plans of a single offer a search may ask for: about a millisecond and a half
_SPLITS_MAX = 100  # ways to hand out one line's units; beyond that only whole lines and halves are tried
_ROUNDING = 1e-6

Slots = Sequence[tuple[Offer, int]]
"""Slot number → the offer and its group: a place that a unit can fill."""


Lines = tuple[tuple[int, int, int], ...]
"""(position, units taken, amount in minor units) for each line, ascending."""


class Use(NamedTuple):
    """What one offer does in a component: in all, and set by set (how many equal sets, what one of them does)."""

    offer: Offer
    discount_minor: int
    lines: Lines
    sets: tuple[tuple[int, Lines], ...]


class Solved(NamedTuple):
    """The outcome for a component. ``rivals``: what each offer alone would have gained, where several competed.

    ``is_contested``: a unit that was taken had something else to choose from, or an offer went away empty-handed.
    """

    gain: int
    uses: tuple[Use, ...]
    is_optimal: bool
    rivals: tuple[tuple[Offer, int], ...]
    is_contested: bool


def solve(parts: Sequence[Part], slots: Slots, plans_max: int = PLANS_MAX) -> Solved:
    """The sets that gain most. Deterministic; ``parts`` in ascending order of line number."""
    first_slots = parts[0][4]
    if len(first_slots) == 1 and all(part[4] == first_slots for part in parts):
        offer = slots[first_slots[0]][0]
        if len(offer.sizes) == 1:
            bid = make_bid(offer, parts, [range(len(parts))])
            gain, sets = bid.plan([[part[2] for part in parts]])
            return _solved(gain, [(offer, sets)], parts, (), is_optimal=bid.is_exact)
    return _Search(parts, slots, plans_max).run()


class _Class:
    """Lines that are equal to every offer: their units are handed out together."""

    __slots__ = ("places", "positions", "quantity", "shares")

    def __init__(self, places: Sequence[tuple[int, int]], shares: Sequence[float]) -> None:
        self.places = places  # (number of the bid, group)
        self.shares = shares
        self.positions: list[int] = []
        self.quantity = 0

    def splits(self) -> tuple[list[tuple[int, ...]], bool]:
        """The ways to hand out the units over the places, and whether these are all."""
        count = len(self.places)
        if math.comb(self.quantity + count - 1, count - 1) <= _SPLITS_MAX:
            return list(_compositions(self.quantity, count)), True
        some = [tuple(self.quantity if place == chosen else 0 for place in range(count)) for chosen in range(count)]
        half = self.quantity // 2
        for one in range(count):
            for other in range(one + 1, count):
                split = [0] * count
                split[one], split[other] = half, self.quantity - half
                some.append(tuple(split))
        return some, False


_Handed = list[list[list[int]]]  # bid number → group → units by position


class _Search:
    def __init__(self, parts: Sequence[Part], slots: Slots, plans_max: int) -> None:
        self._parts = parts
        self._plans_left = plans_max
        self._is_complete = True
        self._make_bids(slots)
        self._make_classes(slots)
        self._best_gain = 0
        self._best_sets: list[list[Set]] = [[] for _ in self._bids]
        self._best_handed: _Handed | None = None

    def run(self) -> Solved:
        bids = self._bids
        everything = self._handed_everything()
        plans = [bid.plan(have) for bid, have in zip(bids, everything, strict=True)]
        bounds = [gain for gain, _ in plans]
        alone = [(bid.offer, gain) for number, (bid, gain) in enumerate(zip(bids, bounds, strict=True))
                 if gain and not self._overlaps(number)]  # fmt: skip
        self._start_greedily(bounds)
        shares = self._shares_of_private() + sum(one.quantity * max(0.0, *one.shares) for one in self._classes)
        self._descend(0, everything, bounds, shares)
        if not self._is_complete and self._best_gain < min(sum(bounds), math.floor(shares + _ROUNDING)):
            self._improve()
            is_proven = False
        else:
            is_proven = True
        is_optimal = is_proven and all(bid.is_exact for bid in bids)
        used = [(bid.offer, sets) for bid, sets in zip(bids, self._best_sets, strict=True) if sets]
        rivals = tuple(alone) if len(bids) > 1 else ()
        return _solved(self._best_gain, used, self._parts, rivals, is_optimal=is_optimal)

    def _make_bids(self, slots: Slots) -> None:
        groups: dict[int, list[list[int]]] = {}
        offers: dict[int, Offer] = {}
        for position, part in enumerate(self._parts):
            for slot in part[4]:
                offer, group = slots[slot]
                if offer.index not in offers:
                    offers[offer.index] = offer
                    groups[offer.index] = [[] for _ in offer.sizes]
                groups[offer.index][group].append(position)
        self._bids: list[Bid] = [make_bid(offers[index], self._parts, groups[index]) for index in sorted(offers)]
        self._groups = [groups[index] for index in sorted(offers)]
        self._numbers = {index: number for number, index in enumerate(sorted(offers))}

    def _make_classes(self, slots: Slots) -> None:
        classes: dict[tuple[object, ...], _Class] = {}
        self._private: list[tuple[int, float]] = []  # quantity and share of lines that only one slot wants
        for position, (price, cost, quantity, weight_g, slot_ids) in enumerate(self._parts):
            places = [(self._numbers[slots[slot][0].index], slots[slot][1]) for slot in slot_ids]
            shares = [self._bids[number].share(group, position) for number, group in places]
            if len(places) == 1:
                self._private.append((quantity, shares[0]))
                continue
            key = (price, cost, weight_g, slot_ids)
            if key not in classes:
                classes[key] = _Class(places, shares)
            classes[key].positions.append(position)
            classes[key].quantity += quantity
        self._classes = sorted(classes.values(), key=lambda one: -one.quantity * max(one.shares))

    def _shares_of_private(self) -> float:
        return sum(quantity * max(0.0, share) for quantity, share in self._private)

    def _handed_everything(self) -> _Handed:
        """Every unit offered to everyone who wants it."""
        handed = [[[0] * len(self._parts) for _ in groups] for groups in self._groups]
        for bid_units, groups in zip(handed, self._groups, strict=True):
            for units, group in zip(bid_units, groups, strict=True):
                for position in group:
                    units[position] = self._parts[position][2]
        return handed

    def _start_greedily(self, bounds: Sequence[int]) -> None:
        """A first solution: the offer that gains most alone takes what it wants, the next one from what is left."""
        left = [part[2] for part in self._parts]
        gain = 0
        best_sets: list[list[Set]] = [[] for _ in self._bids]
        for number in sorted(range(len(self._bids)), key=lambda number: (-bounds[number], number)):
            earned, sets = self._bids[number].plan(self._share_out(number, left))
            gain += earned
            best_sets[number] = sets
            for _, runs, times in sets:
                for position, units in runs:
                    left[position] -= units * times
        self._best_gain, self._best_sets = gain, best_sets

    def _share_out(self, number: int, left: Sequence[int]) -> list[list[int]]:
        """Units for each group of one offer; a line that fits several groups is split as their sizes are."""
        groups, sizes = self._groups[number], self._bids[number].offer.sizes
        have = [[0] * len(left) for _ in groups]
        for position, units in enumerate(left):
            fitting = [group for group, positions in enumerate(groups) if position in positions]
            if fitting and units:
                for group, share in zip(fitting, allocate(units, [sizes[group] for group in fitting]), strict=True):
                    have[group][position] = share
        return have

    def _overlaps(self, number: int) -> bool:
        """Whether a line can be in several groups of one offer: then its plan for everything counts units twice."""
        positions = [position for group in self._groups[number] for position in group]
        return len(set(positions)) < len(positions)

    def _descend(self, depth: int, handed: _Handed, bounds: list[int], shares: float) -> None:
        """Decide one class after the other; most promising split first."""
        if min(sum(bounds), math.floor(shares + _ROUNDING)) <= self._best_gain:
            return
        if depth == len(self._classes):
            self._keep(handed)
            return
        one = self._classes[depth]
        splits, are_all = one.splits()
        if not are_all:
            self._is_complete = False
        undecided = shares - one.quantity * max(0.0, *one.shares)
        options = []
        for split in splits:
            if self._plans_left <= 0:
                self._is_complete = False
                break
            given = self._hand_out(handed, one, split)
            bounded = list(bounds)
            for number in {number for number, _ in one.places}:
                bounded[number] = self._plan(number, given)[0]
            shared = undecided + sum(units * max(0.0, share) for units, share in zip(split, one.shares, strict=True))
            bound = min(sum(bounded), math.floor(shared + _ROUNDING))
            if bound > self._best_gain:
                options.append((bound, given, bounded, shared))
        options.sort(key=lambda option: -option[0])
        for _, given, bounded, shared in options:
            self._descend(depth + 1, given, bounded, shared)

    def _plan(self, number: int, handed: _Handed) -> tuple[int, list[Set]]:
        self._plans_left -= 1
        return self._bids[number].plan(handed[number])

    def _hand_out(self, handed: _Handed, one: _Class, split: Sequence[int]) -> _Handed:
        """``handed`` with the units of one class split over its places, line by line."""
        changed = {number for number, _ in one.places}
        given = [
            [list(units) for units in groups] if number in changed else groups for number, groups in enumerate(handed)
        ]
        free = {position: self._parts[position][2] for position in one.positions}
        for (number, group), wanted in zip(one.places, split, strict=True):
            units, missing = given[number][group], wanted
            for position in one.positions:
                taken = min(missing, free[position])
                units[position] = taken
                free[position] -= taken
                missing -= taken
        return given

    def _keep(self, handed: _Handed) -> bool:
        """Remember a way to hand out the units if it is better than the best so far."""
        plans = [bid.plan(have) for bid, have in zip(self._bids, handed, strict=True)]
        gain = sum(earned for earned, _ in plans)
        if gain <= self._best_gain:
            return False
        self._best_gain, self._best_sets, self._best_handed = gain, [sets for _, sets in plans], handed
        return True

    def _improve(self) -> None:
        """Move units of one class between two places as long as that gains something."""
        handed = self._best_handed or self._handed_as_used()
        plans_left = PLANS_MAX
        improved = True
        while improved and plans_left > 0:
            improved = False
            for one in self._classes:
                for moved in self._moves(handed, one):
                    plans_left -= len(self._bids)
                    if self._keep(moved):
                        handed, improved = moved, True
                    if plans_left <= 0:
                        return

    def _moves(self, handed: _Handed, one: _Class) -> Iterator[_Handed]:
        split = [sum(handed[number][group][position] for position in one.positions) for number, group in one.places]
        for source in range(len(split)):
            for target in range(len(split)):
                size = self._bids[one.places[target][0]].offer.size
                for units in sorted({1, min(size, split[source]), split[source]}):
                    if source == target or not 0 < units <= split[source]:
                        continue
                    changed = list(split)
                    changed[source] -= units
                    changed[target] += units
                    yield self._hand_out(handed, one, changed)

    def _handed_as_used(self) -> _Handed:
        """The best solution as a way to hand out the units; what nobody uses goes to the first place."""
        handed = self._handed_everything()
        for one in self._classes:
            split = [0] * len(one.places)
            for place, (number, _) in enumerate(one.places):
                if number in {taken for taken, _ in one.places[:place]}:
                    continue
                split[place] = sum(
                    units * times
                    for _, runs, times in self._best_sets[number]
                    for position, units in runs
                    if position in one.positions
                )
            split[0] += one.quantity - sum(split)
            handed = self._hand_out(handed, one, split)
        return handed


def _compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    """Every way to write ``total`` as ``parts`` numbers.

    >>> list(_compositions(2, 2))
    [(2, 0), (1, 1), (0, 2)]
    """
    if parts == 1:
        yield (total,)
        return
    for first in range(total, -1, -1):
        for rest in _compositions(total - first, parts - 1):
            yield (first, *rest)


def set_amounts(discount_minor: int, runs: Sequence[tuple[int, int]], parts: Sequence[Part]) -> list[int]:
    """The discount of one set, split over its lines by what their units cost; never more than that.

    ``runs`` in ascending order of line, for of equal remainders the first gets the unit.
    """
    if len(runs) == 1:
        return [discount_minor]
    return allocate(discount_minor, [parts[position][0] * units for position, units in runs])


def _solved(
    gain: int,
    planned: Sequence[tuple[Offer, list[Set]]],
    parts: Sequence[Part],
    rivals: tuple[tuple[Offer, int], ...],
    *,
    is_optimal: bool,
) -> Solved:
    uses = _uses(planned, parts)
    has_costs = any(parts[position][1] for use in uses for position, _, _ in use.lines)
    return Solved(gain, uses, is_optimal, rivals, has_costs or len(rivals) > len(uses))


def _uses(planned: Sequence[tuple[Offer, list[Set]]], parts: Sequence[Part]) -> tuple[Use, ...]:
    uses = []
    for offer, sets in planned:
        lines: dict[int, tuple[int, int]] = {}
        split = []
        total = 0
        for discount, runs, times in sets:
            ascending = sorted(runs) if len(runs) > 1 else runs
            amounts = set_amounts(discount, ascending, parts)
            one = tuple([(*run, amount) for run, amount in zip(ascending, amounts, strict=True)])
            total += discount * times
            split.append((times, one))
            for position, units, amount in one:
                taken, saved = lines.get(position, (0, 0))
                lines[position] = (taken + units * times, saved + amount * times)
        if total:
            in_all = tuple([(position, *line) for position, line in sorted(lines.items())])
            uses.append(Use(offer, total, in_all, tuple(split)))
    return tuple(uses)
