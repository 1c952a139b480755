"""The goods of an order while coupons are applied to them: what each line is still worth, and which units are free.

Pure. A line is worth its subtotal without the discounts of promotions and without deposits. Its units share that
value exactly, the first ones getting the odd minor units. A unit serves one product coupon.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from unqueue.kernel.money import allocate
from unqueue.server.orders.model import OrderLine


class Part(NamedTuple):
    """``units`` units of a line, worth ``value_minor`` together."""

    line: int
    units: int
    value_minor: int


class Shelf:
    """The lines of one order. What is taken off never exceeds what a line is worth."""

    def __init__(self, lines: Iterable[OrderLine]) -> None:
        self.lines = {line.line: line for line in lines}
        self.left_minor = {number: worth(line) for number, line in self.lines.items()}
        self._units_left = {number: units_of(line) for number, line in self.lines.items()}

    def mark(self) -> dict[int, int]:
        """Which units are free, to come :meth:`back_to`."""
        return dict(self._units_left)

    def back_to(self, mark: dict[int, int]) -> None:
        self._units_left = mark

    def claim(self, numbers: Iterable[int], units: int | None) -> list[Part] | None:
        """Take ``units`` free units of these lines, the dearest first; all that are free for None.

        None, and nothing taken, where there are not enough.
        """
        mark, parts = self.mark(), []
        for number in self.dearest(numbers):
            taken = self._units_left[number] if units is None else min(units, self._units_left[number])
            if taken:
                parts.append(self._take(number, taken))
                units = units - taken if units is not None else None
        if units or not parts:
            self.back_to(mark)
            return None
        return parts

    def claim_until(self, numbers: Iterable[int], wanted: int, measure: Callable[[Part], int]) -> list[Part] | None:
        """Take free units, the dearest first, until they measure ``wanted`` (more than 0); likewise."""
        mark, parts = self.mark(), []
        for number in self.dearest(numbers):
            while wanted > 0 and self._units_left[number]:
                parts.append(self._take(number, 1))
                wanted -= measure(parts[-1])
        if wanted > 0:
            self.back_to(mark)
            return None
        return parts

    def dearest(self, numbers: Iterable[int]) -> list[int]:
        """Lines by what a unit of them is worth, the dearest first; without those whose units are worth nothing."""
        each = {number: worth(self.lines[number]) // units_of(self.lines[number]) for number in numbers}
        return sorted((number for number, value in each.items() if value), key=lambda number: (-each[number], number))

    def weights(self, parts: Iterable[Part]) -> list[tuple[int, int]]:
        """What parts are still worth, by line: what :meth:`take_off` shares an amount by."""
        values: dict[int, int] = {}
        for part in parts:
            values[part.line] = values.get(part.line, 0) + part.value_minor
        return [(number, min(value, self.left_minor[number])) for number, value in sorted(values.items())]

    def take_off(self, amount_minor: int, weights: Sequence[tuple[int, int]]) -> dict[int, int]:
        """Take an amount off lines, shared by their weights (largest remainder): line → amount, none of them zero.

        At most the weights together; no weight is more than its line is still worth.
        """
        parts = allocate(amount_minor, [weight for _, weight in weights])
        shares: dict[int, int] = {}
        for (number, _), part in zip(weights, parts, strict=True):
            if part:
                shares[number] = part
                self.left_minor[number] -= part
                assert self.left_minor[number] >= 0, "more was taken off a line than it is worth"
        return shares

    def _take(self, number: int, units: int) -> Part:
        line = self.lines[number]
        all_units, value = units_of(line), worth(line)
        first = all_units - self._units_left[number]
        self._units_left[number] -= units
        return Part(number, units, _of_first(first + units, all_units, value) - _of_first(first, all_units, value))


def worth(line: OrderLine) -> int:
    """What coupons can take off a line: without its promotions' discounts and without deposits, minor units."""
    return line.subtotal_minor - line.discount_minor


def units_of(line: OrderLine) -> int:
    """Weighed goods are one unit, whatever their weight."""
    return line.quantity if line.weight_g is None else 1


def _of_first(units: int, all_units: int, value_minor: int) -> int:
    """The value of the first ``units`` of a line."""
    each, odd = divmod(value_minor, all_units)
    return units * each + min(units, odd)
