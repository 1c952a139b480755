"""When item-level offers cost a basket offer its threshold: both chosen together. Pure.

The rare case. As little as can be is left out of the item-level discounts so that the threshold holds, and what saves
more is taken. Where that is not proven to be the best, small baskets are searched completely.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from unqueue.server.promotions.offers import Offer
from unqueue.server.promotions.search import Use, set_amounts
from unqueue.server.promotions.thresholds import Steps, best_amount, is_exact, is_global

STATES_MAX = 500
_MOVES_MAX = 400
_PIECES_MAX = 200
_BITS_MAX = 20_000_000  # of sums that are looked at in one pricing: some 5 ms and 2.5 MB
_UNITS_MAX = 8  # in larger baskets a complete search seldom ends within its limit


class Seat(NamedTuple):
    """A line in the basket as the joint choice sees it: unit price, quantity, grams or 0, the offers it can be in."""

    price: int
    quantity: int
    weight_g: int
    subtotal: int
    places: tuple[tuple[Offer, int], ...]


class Piece(NamedTuple):
    """One set of one offer, all or nothing: (position, units, amount in minor units) for each line."""

    offer: Offer
    amount: int
    lines: tuple[tuple[int, int, int], ...]


class Choice(NamedTuple):
    """What item-level pieces to use, and what they save together with the basket offers."""

    pieces: tuple[Piece, ...]
    total: int


def choose_jointly(pieces: Sequence[Piece], seats: Sequence[Seat], steps: Steps, bound: int) -> tuple[Choice, bool]:
    """The best choice of item-level pieces and basket offers together, and whether it is proven to be.

    ``pieces`` is the choice that saves most without basket offers; ``bound`` is more than nothing can save.
    """
    start = _leave_out(pieces, seats, steps)
    if start.total >= bound:
        return start, True
    if sum([seat.quantity for seat in seats]) > _UNITS_MAX:
        return start, False
    search = _JointSearch(start, seats, steps, bound)
    if not search.is_feasible:
        return start, False
    search.descend(search.start_state(), 0, [], ())
    # With several steps, how one splits its discount over the lines can lift the next over its threshold or not.
    is_bounded = len(steps) == 1 or is_global(steps, len(seats))
    return search.best, search.states_left > 0 and is_bounded and is_exact(steps)


def _leave_out(pieces: Sequence[Piece], seats: Sequence[Seat], steps: Steps) -> Choice:
    """The best of the ways to leave as little out as lifts one spend rule over its threshold."""
    best = _choice(pieces, seats, steps)
    if len(pieces) > _PIECES_MAX:
        return best
    remaining = _remaining(pieces, seats)
    bits_max = _BITS_MAX // sum([len(step) for step in steps])
    for reach in itertools.chain(*steps):
        rule = reach.threshold.rule
        spent = sum([remaining[position] for position in reach.positions])
        uses = spent // rule.spend_minor + 1 if rule.every else 1
        gap = uses * rule.spend_minor - spent
        if gap <= 0:
            continue
        inside = set(reach.positions)
        weights = [sum([amount for at, _, amount in piece.lines if at in inside]) for piece in pieces]
        dropped = lightest(weights, gap, bits_max)
        kept = [piece for number, piece in enumerate(pieces) if number not in dropped]
        choice = _choice(kept, seats, steps)
        if choice.total > best.total:
            best = choice
    return best


def lightest(weights: Sequence[int], least: int, bits_max: int) -> set[int]:
    """The numbers of those ``weights`` that together weigh at least ``least``, and as little more as can be.

    All sums at once: bit ``w`` of ``reached[n]`` says that some of the first ``n`` weigh ``w`` together. Where that
    would take more than ``bits_max`` bits, weights are rounded down to a multiple of some unit first: what comes out
    still is enough, and none of it superfluous, but something lighter may exist.

    >>> sorted(lightest([5, 4, 3], 6, 1000))
    [1, 2]
    """
    if sum(weights) < least:
        return set()
    unit = math.gcd(*weights)  # prices are round where minor units are many
    bits = len(weights) * ((least + max(weights)) // unit + 2)
    factor = -(-bits // bits_max)
    unit *= factor
    steps, goal = [weight // unit for weight in weights], -(-least // unit)
    chosen = _lightest_steps(steps, goal) if sum(steps) >= goal else set(range(len(weights)))
    return chosen if factor == 1 else _without_superfluous(chosen, weights, least)


def _lightest_steps(steps: Sequence[int], goal: int) -> set[int]:
    reached = _reached(steps, goal + max(steps))  # the best weighs less: it can't spare its lightest
    above = reached[-1] >> goal
    target = goal + (above & -above).bit_length() - 1
    chosen = set()
    for number in range(len(steps), 0, -1):
        if not reached[number - 1] >> target & 1:
            chosen.add(number - 1)
            target -= steps[number - 1]
    return chosen


def _reached(steps: Sequence[int], limit: int) -> list[int]:
    """The sums below ``limit`` of the first none, one, two … of the steps, a bit each."""
    below = (1 << limit) - 1
    reached = [1]
    for step in steps:
        reached.append((reached[-1] | reached[-1] << step) & below)
    return reached


def _without_superfluous(chosen: set[int], weights: Sequence[int], least: int) -> set[int]:
    """Leave out the heaviest that can be spared, and again."""
    spare = sum([weights[number] for number in chosen]) - least
    kept = set(chosen)
    for number in sorted(chosen, key=lambda number: (-weights[number], number)):
        if weights[number] <= spare:
            spare -= weights[number]
            kept.remove(number)
    return kept


class _State(NamedTuple):
    units: tuple[int, ...]
    remaining: tuple[int, ...]
    saved: int


class _JointSearch:
    def __init__(self, start: Choice, seats: Sequence[Seat], steps: Steps, bound: int) -> None:
        self.best = start
        self._bound = bound
        self.states_left = STATES_MAX
        self._seats = seats
        self._steps = steps
        moves = _moves(seats)
        self.is_feasible = moves is not None
        self._moves: list[list[Piece]] = [[] for _ in seats]
        rates = [0.0] * len(seats)
        for piece in moves or ():
            self._moves[min(position for position, _, _ in piece.lines)].append(piece)
            rate = piece.amount / sum(seats[position].price * units for position, units, _ in piece.lines)
            for position, _, _ in piece.lines:
                rates[position] = max(rates[position], rate)
        # A unit never earns more than its price times the best rate of any set that it can be in.
        self._shares = [seat.price * rate for seat, rate in zip(seats, rates, strict=True)]
        for positions in self._moves:
            positions.sort(key=lambda piece: (-piece.amount, piece.offer.index, piece.lines))
        self._seen: set[tuple[object, ...]] = set()

    def start_state(self) -> _State:
        units = tuple(seat.quantity if share else 0 for seat, share in zip(self._seats, self._shares, strict=True))
        return _State(units, tuple(seat.subtotal for seat in self._seats), 0)

    def descend(self, state: _State, first_move: int, chosen: list[Piece], uses: tuple[tuple[int, int], ...]) -> None:
        """Decide the units of the first undecided line: the sets that hold it, or nothing more for it."""
        key = (state.units, state.remaining, first_move, uses)
        if self.states_left <= 0 or key in self._seen or self.best.total >= self._bound:
            return
        self._seen.add(key)
        self.states_left -= 1
        basket = best_amount(self._steps, state.remaining)
        if state.saved + basket > self.best.total:
            self.best = Choice(tuple(chosen), state.saved + basket)
        more = sum([units * share for units, share in zip(state.units, self._shares, strict=True) if units])
        if state.saved + basket + math.floor(more + 1e-6) <= self.best.total:
            return
        position = next(number for number, units in enumerate(state.units) if units)
        used = dict(uses)
        moves = self._moves[position]
        for number in range(first_move, len(moves)):
            piece = moves[number]
            times = used.get(piece.offer.index, 0)
            if times >= piece.offer.uses_max or any(state.units[line] < units for line, units, _ in piece.lines):
                continue
            after = {**used, piece.offer.index: times + 1} if piece.offer.uses_max < 1 << 60 else used
            following = _apply(state, piece)
            # Equal sets in another order are the same: sets of one line are taken in the order of its moves.
            next_move = number if following.units[position] else 0
            self.descend(following, next_move, [*chosen, piece], tuple(sorted(after.items())))
        without = (*state.units[:position], 0, *state.units[position + 1 :])
        self.descend(_State(without, state.remaining, state.saved), 0, chosen, uses)


def _apply(state: _State, piece: Piece) -> _State:
    units, remaining = list(state.units), list(state.remaining)
    for position, taken, amount in piece.lines:
        units[position] -= taken
        remaining[position] -= amount
    return _State(tuple(units), tuple(remaining), state.saved + piece.amount)


def pieces_of(uses: Sequence[tuple[Use, Sequence[int]]], plain: Sequence[Piece]) -> list[Piece]:
    """Single sets from the uses of components; with each use come the positions of its component's lines."""
    pieces = list(plain)
    for use, positions in uses:
        for times, lines in use.sets:
            moved = tuple((positions[position], units, amount) for position, units, amount in lines)
            pieces += [Piece(use.offer, sum(amount for _, _, amount in lines), moved)] * times
    return pieces


def _choice(pieces: Sequence[Piece], seats: Sequence[Seat], steps: Steps) -> Choice:
    saved = sum(piece.amount for piece in pieces)
    return Choice(tuple(pieces), saved + best_amount(steps, _remaining(pieces, seats)))


def _remaining(pieces: Sequence[Piece], seats: Sequence[Seat]) -> list[int]:
    remaining = [seat.subtotal for seat in seats]
    for piece in pieces:
        for position, _, amount in piece.lines:
            remaining[position] -= amount
    return remaining


def _moves(seats: Sequence[Seat]) -> list[Piece] | None:
    """Every set that any offer could make of these lines; None if there are too many to look at."""
    groups: dict[int, list[list[int]]] = {}
    offers: dict[int, Offer] = {}
    for position, seat in enumerate(seats):
        for offer, group in seat.places:
            offers[offer.index] = offer
            groups.setdefault(offer.index, [[] for _ in offer.sizes])[group].append(position)
    count = sum(
        math.prod(
            math.comb(len(group) + size - 1, size) for group, size in zip(groups[index], offer.sizes, strict=True)
        )
        for index, offer in offers.items()
    )
    if count > _MOVES_MAX:
        return None
    best: dict[tuple[int, tuple[tuple[int, int], ...]], Piece] = {}
    for index in sorted(offers):
        for piece in _sets_of(offers[index], groups[index], seats):
            key = (index, tuple((position, units) for position, units, _ in piece.lines))
            if key not in best or piece.amount > best[key].amount:
                best[key] = piece
    return list(best.values())


def _sets_of(offer: Offer, groups: Sequence[Sequence[int]], seats: Sequence[Seat]) -> Iterator[Piece]:
    choices = [
        itertools.combinations_with_replacement(group, size) for group, size in zip(groups, offer.sizes, strict=True)
    ]
    parts = [(seat.price, 0, seat.quantity, seat.weight_g, ()) for seat in seats]
    for chosen in itertools.product(*choices):
        counts: dict[int, int] = {}
        for position in itertools.chain(*chosen):
            counts[position] = counts.get(position, 0) + 1
        if any(seats[position].quantity < units for position, units in counts.items()):
            continue
        discount = offer.set_discount(
            [
                (group, seats[position].price, seats[position].weight_g)
                for group, positions in enumerate(chosen)
                for position in positions
            ]
        )
        if discount:
            runs = tuple(sorted(counts.items()))
            amounts = set_amounts(discount, runs, parts)
            lines = tuple((position, units, amount) for (position, units), amount in zip(runs, amounts, strict=True))
            yield Piece(offer, discount, lines)
