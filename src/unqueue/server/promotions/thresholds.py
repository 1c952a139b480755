"""The spend rules of a basket: which of them to take, on what the item-level offers left. Pure.

Of each step at most one rule applies; a later step counts what the earlier ones left. A line is named by its position
among the lines that any promotion looks at.
"""

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

from unqueue.kernel.money import allocate
from unqueue.server.promotions.offers import Threshold

_COMBINATIONS_MAX = 400  # over the steps; beyond that each step takes its best for itself
_USES_MAX = 50  # of a rule for every so much, when its bound is taken exactly


class Reach(NamedTuple):
    """A spend rule that this basket can reach: its lines, and what they cost before any discount."""

    threshold: Threshold
    positions: Sequence[int]
    full_minor: int


def _spent(reach: Reach, remaining: Sequence[int]) -> int:
    """What the lines of a spend rule still cost."""
    if len(reach.positions) == len(remaining):
        return sum(remaining)
    return sum([remaining[position] for position in reach.positions])


class Taken(NamedTuple):
    """A spend rule that applies: its discount, and each line's part of it."""

    threshold: Threshold
    amount_minor: int
    parts: Sequence[tuple[int, int]]


Steps = Sequence[Sequence[Reach]]
_Chosen = tuple[int, list[tuple[Reach, int]]]


def by_steps(reaches: Sequence[Reach]) -> list[list[Reach]]:
    """Sorted by step; within one by the rules' order in the book."""
    steps: dict[int, list[Reach]] = {}
    for reach in sorted(reaches, key=lambda reach: (reach.threshold.rule.step, reach.threshold.index)):
        steps.setdefault(reach.threshold.rule.step, []).append(reach)
    return list(steps.values())


def is_exact(steps: Steps) -> bool:
    """Whether all combinations are tried."""
    return len(steps) == 1 or math.prod([len(step) + 1 for step in steps]) <= _COMBINATIONS_MAX


def best_amount(steps: Steps, remaining: Sequence[int], *, at_best: bool = False) -> int:
    """The most that can be saved with ``remaining`` minor units left on each line.

    ``at_best`` holds the full prices against the thresholds instead: an upper bound, whatever the item-level offers do.
    """
    if len(steps) == 1:
        best = 0
        for reach in steps[0]:
            spent = _spent(reach, remaining)
            amount = reach.threshold.amount(spent, reach.full_minor if at_best else spent)
            best = max(best, amount)
        return best
    return _best(steps, remaining, at_best=at_best)[0]


def take(steps: Steps, remaining: Sequence[int]) -> list[Taken]:
    """The spend rules to apply, with each line's part; of equally good ones the first in the book."""
    left = list(remaining)
    taken: list[Taken] = []
    for reach, amount in _best(steps, remaining, at_best=False)[1]:
        for position, part in taken[-1].parts if taken else ():
            left[position] -= part
        taken.append(Taken(reach.threshold, amount, _split(reach, amount, left)))
    return taken


def upper_bound(steps: Steps, saved: int, remaining: Sequence[int], components: Collection[Sequence[int]]) -> int:
    """What item-level offers and spend rules could save together at most, whatever is chosen.

    ``saved`` and ``remaining`` are what the item-level offers that save the most alone take off and leave;
    ``components`` are the lines whose offers were chosen together.
    """
    if len(steps) == 1:
        return max([saved, *(_bound(reach, saved, remaining, components) for reach in steps[0])])
    if is_global(steps, len(remaining)):
        return saved + best_amount(steps, remaining, at_best=True)
    return saved + sum([max([_most(reach) for reach in step]) for step in steps])


def _bound(reach: Reach, saved: int, remaining: Sequence[int], components: Collection[Sequence[int]]) -> int:
    """The bound if this is the spend rule that applies.

    Where each component is wholly inside or outside, what the offers inside save is limited by the threshold, and more
    of it never saves less in all: a share of what it takes away is all that the spend rule loses.
    """
    rule, full = reach.threshold.rule, reach.full_minor
    if not _keeps_together(reach, len(remaining), components):
        return saved + _most(reach)
    inside = full - _spent(reach, remaining)
    uses, uses_most = 1, 1
    if rule.every:
        uses, uses_most = max(1, (full - inside) // rule.spend_minor), full // rule.spend_minor
        if uses_most - uses > _USES_MAX:
            return saved + _most(reach)
    bound = 0
    for times in range(uses, uses_most + 1):
        taken = min(inside, full - times * rule.spend_minor)
        bound = max(bound, taken + reach.threshold.amount(full - taken, max(full - taken, rule.spend_minor)))
    return saved - inside + bound


def _most(reach: Reach) -> int:
    return reach.threshold.amount(reach.full_minor, reach.full_minor)


def is_global(steps: Steps, line_count: int) -> bool:
    """Whether every spend rule is for all the lines: then it is of no matter how one splits its discount over them."""
    return all(len(reach.positions) == line_count for step in steps for reach in step)


def _keeps_together(reach: Reach, line_count: int, components: Collection[Sequence[int]]) -> bool:
    if len(reach.positions) == line_count:
        return True
    inside = set(reach.positions)
    return all(len(inside.intersection(component)) in {0, len(component)} for component in components)


def _best(steps: Steps, remaining: Sequence[int], *, at_best: bool) -> _Chosen:
    if not steps:
        return 0, []
    nothing: _Chosen = (0, [])
    later = steps[1:]
    is_greedy = not is_exact(steps)
    best, chosen = nothing if is_greedy else _best(later, remaining, at_best=at_best)
    for reach in steps[0]:
        spent = _spent(reach, remaining)
        amount = reach.threshold.amount(spent, reach.full_minor if at_best else spent)
        if not amount:
            continue
        more, others = (
            nothing if is_greedy or not later else _best(later, _after(reach, amount, remaining), at_best=at_best)
        )
        if amount + more > best:
            best, chosen = amount + more, [(reach, amount), *others]
    if is_greedy and later:
        left = _after(chosen[0][0], best, remaining) if chosen else remaining
        more, others = _best(later, left, at_best=at_best)
        return best + more, [*chosen, *others]
    return best, chosen


def _after(reach: Reach, amount_minor: int, remaining: Sequence[int]) -> list[int]:
    left = list(remaining)
    for position, part in _split(reach, amount_minor, remaining):
        left[position] -= part
    return left


def _split(reach: Reach, amount_minor: int, remaining: Sequence[int]) -> list[tuple[int, int]]:
    """Each line bears its share of the discount by what it still costs, so none goes below zero."""
    is_whole = len(reach.positions) == len(remaining)
    parts = allocate(amount_minor, remaining if is_whole else [remaining[position] for position in reach.positions])
    return [share for share in zip(reach.positions, parts, strict=True) if share[1]]
