"""The best use of the units of one component: lines that offers with sets compete for. Pure.

If one offer alone wants them and sorting is enough, that is all (bids.py). Otherwise walk down the units from the
dearest: each goes into a set of an offer that wants it, or into none. All that later units need to know of earlier ones
is how far each offer's begun set has come, so ways that lead to the same state are compared at once and only the best
goes on. Ways that can't beat the best known solution, even if every later unit earned its largest share, are dropped.
That is exact; where the states become too many, only the most promising go on, and the result is not called proven.
"""

from collections.abc import Sequence
from typing import NamedTuple

from unqueue.kernel.money import allocate
from unqueue.server.promotions.bids import Bid, Part, Set
from unqueue.server.promotions.offers import Offer
from unqueue.server.promotions.walk import Gears, Walk

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
    """The outcome for a component, ``gain`` over its plain discounts.

    ``rivals``: offers that went away empty-handed, with what each would have gained alone. ``has_costs``: units left a
    plain discount for a set.
    """

    gain: int
    uses: tuple[Use, ...]
    is_optimal: bool
    rivals: tuple[tuple[Offer, int], ...]
    has_costs: bool


def solve(parts: Sequence[Part], slots: Slots, gears: Gears) -> Solved:
    """The sets that gain most. Deterministic; ``parts`` in ascending order of line number."""
    bids, groups = _bids(parts, slots)
    if len(bids) == 1 and bids[0].is_exact and not _overlap(groups[0]):
        gain, sets = bids[0].plan(_everything(parts, groups[0]))
        return _solved(gain, [(bids[0].offer, sets)], parts, (), is_optimal=True)
    alone = _alone(parts, bids, groups)
    gain, planned = _greedy(parts, bids, groups, alone)
    walk = Walk(parts, bids, groups, gears.of(bids))
    better = walk.run(gain)
    if better is not None:
        gain, planned = better
    is_optimal = walk.is_complete and all(bid.kind != "capped" for bid in bids)
    rivals = [
        (bid.offer, earned)
        for bid, (_, sets), (earned, _) in zip(bids, planned, alone, strict=True)
        if earned and not sets
    ]
    return _solved(gain, planned, parts, tuple(rivals), is_optimal=is_optimal)


def set_amounts(discount_minor: int, runs: Sequence[tuple[int, int]], parts: Sequence[Part]) -> list[int]:
    """The discount of one set, split over its lines by what their units cost; never more than that.

    ``runs`` in ascending order of line, for of equal remainders the first gets the unit.
    """
    if len(runs) == 1:
        return [discount_minor]
    if len(runs) == 2:  # the largest remainder of two is rounding, halves to the first
        (one, units), (other, others) = runs
        weight, other_weight = parts[one][0] * units, parts[other][0] * others
        whole = weight + other_weight
        first = (2 * discount_minor * weight + whole) // (2 * whole) if whole else discount_minor
        return [first, discount_minor - first]
    return allocate(discount_minor, [parts[position][0] * units for position, units in runs])


def _bids(parts: Sequence[Part], slots: Slots) -> tuple[list[Bid], list[list[list[int]]]]:
    """The offers in order of the book, and the positions for each of their groups."""
    groups: dict[int, list[list[int]]] = {}
    offers: dict[int, Offer] = {}
    for position, part in enumerate(parts):
        for slot in part[4]:
            offer, group = slots[slot]
            if offer.index not in offers:
                offers[offer.index] = offer
                groups[offer.index] = [[] for _ in offer.sizes]
            groups[offer.index][group].append(position)
    order = sorted(offers)
    return [Bid(offers[index], parts, groups[index]) for index in order], [groups[index] for index in order]


def _overlap(groups: Sequence[Sequence[int]]) -> bool:
    """Whether a line fits several groups of one offer."""
    positions = [position for group in groups for position in group]
    return len(groups) > 1 and len(set(positions)) < len(positions)


def _everything(parts: Sequence[Part], groups: Sequence[Sequence[int]]) -> list[list[int]]:
    quantities = [part[2] for part in parts]
    return [quantities for _ in groups]


def _shared_out(bid: Bid, groups: Sequence[Sequence[int]], left: Sequence[int]) -> Sequence[Sequence[int]]:
    """Units for each group of one offer; a line that fits several groups is split as their sizes are."""
    if not _overlap(groups):
        return [left for _ in groups]
    have = [[0] * len(left) for _ in groups]
    for position, units in enumerate(left):
        fitting = [group for group, positions in enumerate(groups) if position in positions]
        if fitting and units:
            for group, share in zip(fitting, allocate(units, [bid.offer.sizes[at] for at in fitting]), strict=True):
                have[group][position] = share
    return have


def _alone(
    parts: Sequence[Part], bids: Sequence[Bid], groups: Sequence[Sequence[Sequence[int]]]
) -> list[tuple[int, list[Set]]]:
    """What each offer would make of the component if it were the only one."""
    quantities = [part[2] for part in parts]
    return [bid.plan(_shared_out(bid, of, quantities)) for bid, of in zip(bids, groups, strict=True)]


def _greedy(
    parts: Sequence[Part],
    bids: Sequence[Bid],
    groups: Sequence[Sequence[Sequence[int]]],
    alone: Sequence[tuple[int, list[Set]]],
) -> tuple[int, list[tuple[Offer, list[Set]]]]:
    """The offer that gains most alone takes what it wants, the next one from what is left, and so on."""
    left = [part[2] for part in parts]
    gain = 0
    planned: list[tuple[Offer, list[Set]]] = [(bid.offer, []) for bid in bids]
    order = sorted(range(len(bids)), key=lambda number: (-alone[number][0], number))
    for number in order:
        if number == order[0]:
            earned, sets = alone[number]
        else:
            earned, sets = bids[number].plan(_shared_out(bids[number], groups[number], left))
        gain += earned
        planned[number] = (bids[number].offer, sets)
        for _, runs, times in sets:
            for _, position, units in runs:
                left[position] -= units * times
    return gain, planned


def _solved(
    gain: int,
    planned: Sequence[tuple[Offer, list[Set]]],
    parts: Sequence[Part],
    rivals: tuple[tuple[Offer, int], ...],
    *,
    is_optimal: bool,
) -> Solved:
    uses = tuple([_use(offer, sets, parts) for offer, sets in planned if sets])
    has_costs = any(parts[position][1] for use in uses for position, _, _ in use.lines)
    return Solved(gain, uses, is_optimal, rivals, has_costs)


def _use(offer: Offer, sets: Sequence[Set], parts: Sequence[Part]) -> Use:
    lines: dict[int, tuple[int, int]] = {}
    split: list[tuple[int, Lines]] = []
    total = 0
    for discount, runs, times in sets:
        total += discount * times
        if len(runs) == 1:
            one: Lines = ((runs[0][1], runs[0][2], discount),)
        else:
            units_of: dict[int, int] = {}
            for _, position, units in runs:
                units_of[position] = units_of.get(position, 0) + units
            ascending = sorted(units_of.items())
            amounts = set_amounts(discount, ascending, parts)
            one = tuple([(*run, amount) for run, amount in zip(ascending, amounts, strict=True)])
        split.append((times, one))
        for position, units, amount in one:
            taken, saved = lines.get(position, (0, 0))
            lines[position] = (taken + units * times, saved + amount * times)
    return Use(offer, total, tuple([(position, *line) for position, line in sorted(lines.items())]), tuple(split))
