"""The walk down the units of a component (see search.py): exact, with a limit. Pure.

A state is one number: for each offer and group how many units its begun sets hold, and for each offer with a limit how
many sets it made, as digits. A set is complete as soon as every group has its units. What a set saves is known on the
way: for a sum, each unit's value when it is taken and the constant when the set is complete; for the cheapest, a unit's
value when its place is among the free ones (places are taken in descending order of price), or, in sets of several
groups, the value of the unit that completes the set.
"""

from collections.abc import Sequence

from unqueue.server.promotions.bids import Bid, Part, Set, as_runs
from unqueue.server.promotions.offers import USES_UNLIMITED, Offer

STEPS_MAX = 6_000  # states looked at, times choices: about two milliseconds
WIDTH_MIN = 8  # states that go on at least, once there are too many
GEARS_MAX = 1_000
_DIGIT_BITS = 20  # a line holds 999 pieces and a basket 1,000 lines
_DIGIT = (1 << _DIGIT_BITS) - 1
_ROUNDING = 1e-6

Step = tuple[int, int, int]
"""The next state (-1: the offer's limit is reached), 1 if the unit's value counts, and what else is gained."""
Pending = tuple[float, float, bool]
"""What begun sets can still bring beyond their units' shares, at most: fixed + rate · price; and if there are none."""
Planned = list[tuple[Offer, list[Set]]]
_Trail = tuple["_Trail", int, int] | None  # (before, position, slot)
_Label = tuple[int, _Trail]
_Choice = tuple[dict[int, Step], int, int, int]  # steps known, slot, gain if the value counts, gain if it doesn't


class _Wheel:
    """The digits of one offer: one for each group, and one that counts sets if there is a limit."""

    __slots__ = ("constant", "free", "is_sum", "rate", "shift", "size", "sizes", "uses_max", "uses_shift")

    def __init__(self, bid: Bid, shift: int) -> None:
        offer = bid.offer
        self.shift = shift
        self.sizes = offer.sizes
        self.size = offer.size
        self.uses_max = offer.uses_max
        self.uses_shift = shift + _DIGIT_BITS * len(offer.sizes)
        self.is_sum = bid.kind != "cheapest"
        # A capped amount is walked with nothing: its sets are priced when they are known.
        self.constant = 0 if bid.kind == "capped" else bid.constant
        self.free = offer.free
        self.rate = offer.values[0](10_000, 0) / 10_000

    @property
    def bits(self) -> int:
        return _DIGIT_BITS * (len(self.sizes) + (self.uses_max < USES_UNLIMITED))

    def digits(self, state: int) -> list[int]:
        return [state >> (self.shift + _DIGIT_BITS * group) & _DIGIT for group in range(len(self.sizes))]

    def step(self, state: int, group: int) -> Step:
        """One more unit in ``group``."""
        is_limited = self.uses_max < USES_UNLIMITED
        if is_limited and (state >> self.uses_shift & _DIGIT) >= self.uses_max:
            return -1, 0, 0
        digits = self.digits(state)
        place = digits[group]
        digits[group] += 1
        after = state + (1 << (self.shift + _DIGIT_BITS * group))
        is_complete = all(digit >= size for digit, size in zip(digits, self.sizes, strict=True))
        if is_complete:
            for number, size in enumerate(self.sizes):
                after -= size << (self.shift + _DIGIT_BITS * number)
            if is_limited:
                after += 1 << self.uses_shift
        if self.is_sum:
            return after, 1, -self.constant if is_complete else 0
        if len(digits) > 1:
            return after, int(is_complete), 0
        return after, int(place >= self.size - self.free), 0

    def pending(self, state: int) -> Pending:
        digits = self.digits(state)
        taken = sum(digits)
        if not taken:
            return 0.0, 0.0, True
        if self.is_sum:
            return -taken * self.constant / self.size, 0.0, False
        if len(digits) > 1:
            begun = max([-(-digit // size) for digit, size in zip(digits, self.sizes, strict=True)])
            return 0.5 * begun, begun * self.rate, False
        free = min(self.free, self.size - taken)
        return 0.5 * free, free * self.rate, False


class Gear:
    """The states of some offers together, and how they follow each other: found out once, then remembered."""

    def __init__(self, bids: Sequence[Bid]) -> None:
        self.wheels: list[_Wheel] = []
        self.slots: list[tuple[int, int]] = []  # (number of the bid, group)
        self.pending: dict[int, Pending] = {}
        shift = 0
        for number, bid in enumerate(bids):
            wheel = _Wheel(bid, shift)
            shift += wheel.bits
            self.wheels.append(wheel)
            self.slots += [(number, group) for group in range(len(wheel.sizes))]
        self.steps: list[dict[int, Step]] = [{} for _ in self.slots]

    def make_step(self, state: int, slot: int) -> Step:
        number, group = self.slots[slot]
        step = self.steps[slot][state] = self.wheels[number].step(state, group)
        return step

    def make_pending(self, state: int) -> Pending:
        fixed = rate = 0.0
        is_closed = True
        for wheel in self.wheels:
            more, per_price, is_empty = wheel.pending(state)
            fixed += more
            rate += per_price
            is_closed = is_closed and is_empty
        known = self.pending[state] = (fixed, rate, is_closed)
        return known


class Gears:
    """The gears of a rule book, by offers."""

    def __init__(self) -> None:
        self._gears: dict[tuple[tuple[int, str, int], ...], Gear] = {}

    def of(self, bids: Sequence[Bid]) -> Gear:
        key = tuple([(bid.offer.index, bid.kind, bid.constant) for bid in bids])
        gear = self._gears.get(key)
        if gear is None or len(gear.pending) > STEPS_MAX:
            if len(self._gears) >= GEARS_MAX:
                self._gears.clear()
            gear = self._gears[key] = Gear(bids)
        return gear


class Walk:
    """One search. ``is_complete`` tells afterwards whether nothing was left out."""

    def __init__(
        self, parts: Sequence[Part], bids: Sequence[Bid], groups: Sequence[Sequence[Sequence[int]]], gear: Gear
    ) -> None:
        self.is_complete = True
        self._parts = parts
        self._bids = bids
        self._gear = gear
        self._choices: list[list[_Choice]] = [[] for _ in parts]
        self._shares = [0.0] * len(parts)
        slot = 0
        for bid, positions in zip(bids, groups, strict=True):
            for group, members in enumerate(positions):
                values, steps = bid.values[group], gear.steps[slot]
                for position in members:
                    cost = parts[position][1]
                    self._choices[position].append((steps, slot, values[position] - cost, -cost))
                    self._shares[position] = max(self._shares[position], bid.share(group, position))
                slot += 1

    def run(self, known: int) -> tuple[int, Planned] | None:
        """A gain above ``known`` and the sets of each bid; None if there is no better one."""
        units = sorted([(-part[0], position) for position, part in enumerate(self._parts) for _ in range(part[2])])
        rest = sum([self._shares[position] for _, position in units])
        labels: dict[int, _Label] = {0: (0, None)}
        best: _Label = (known, None)
        steps_left = STEPS_MAX
        for number, (negative_price, position) in enumerate(units):
            choices = self._choices[position]
            steps_left -= len(labels) * len(choices)
            labels, best = self._advance(labels, best, (position, -negative_price, rest), choices)
            rest -= self._shares[position]
            if len(labels) > WIDTH_MIN and len(labels) > steps_left // (2 * (len(units) - number)):
                labels = self._narrow(labels, steps_left // (2 * (len(units) - number)))
        for state, label in labels.items():
            if label[0] > best[0] and (self._gear.pending.get(state) or self._gear.make_pending(state))[2]:
                best = label
        return (best[0], self._sets(best[1])) if best[1] is not None else None

    def _advance(
        self, labels: dict[int, _Label], best: _Label, unit: tuple[int, int, float], choices: Sequence[_Choice]
    ) -> tuple[dict[int, _Label], _Label]:
        """Every state after one more unit (position, price, what this and all later units can bring at most): taken by
        none, or by any slot that it can fill. States that can't lead to more than the best that was seen are dropped.
        """
        gear = self._gear
        pending, make_step = gear.pending, gear.make_step
        position, price, rest = unit
        after: dict[int, _Label] = {}
        for state, label in labels.items():
            gain, trail = label
            fixed, rate, is_closed = pending.get(state) or gear.make_pending(state)
            if is_closed and gain > best[0]:
                best = label
            if gain + fixed + rate * price + rest + _ROUNDING < best[0] + 1:
                continue
            known = after.get(state)
            if known is None or gain > known[0]:
                after[state] = label
            for steps, slot, worth, loss in choices:
                step = steps.get(state) or make_step(state, slot)
                reached, counts, more = step
                if reached < 0:
                    continue
                total = gain + more + (worth if counts else loss)
                known = after.get(reached)
                if known is None or total > known[0]:
                    after[reached] = (total, (trail, position, slot))
        return after, best

    def _narrow(self, labels: dict[int, _Label], width: int) -> dict[int, _Label]:
        """Too many states: only the most promising go on."""
        self.is_complete = False
        gear = self._gear
        hopes = {state: label[0] + (gear.pending.get(state) or gear.make_pending(state))[0]
                 for state, label in labels.items()}  # fmt: skip
        promising = sorted(labels, key=lambda state: (-hopes[state], state))
        return {state: labels[state] for state in promising[: max(WIDTH_MIN, width)]}

    def _sets(self, trail: _Trail) -> Planned:
        """The sets of each bid: in every group consecutive units make a set."""
        taken: list[list[list[int]]] = [[[] for _ in bid.offer.sizes] for bid in self._bids]
        while trail is not None:
            trail, position, slot = trail
            number, group = self._gear.slots[slot]
            taken[number][group].append(position)
        planned: Planned = []
        for bid, groups in zip(self._bids, taken, strict=True):
            for positions in groups:
                positions.reverse()
            sets: list[Set] = []
            for number in range(len(groups[0]) // bid.offer.sizes[0]):
                units = [
                    (group, position)
                    for group, (positions, size) in enumerate(zip(groups, bid.offer.sizes, strict=True))
                    for position in positions[number * size : (number + 1) * size]
                ]
                runs = as_runs(units)
                sets.append((bid.discount(runs), runs, 1))
            planned.append((bid.offer, sets))
        return planned
