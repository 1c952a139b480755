"""The weight rule: does what lies on the belt weigh what the order should weigh? Pure.

The merchant server tells between which weights an order passes, as learned from the orders before it
(:mod:`unqueue.weighing`). Where it can't, the lane has a rule of its own: the expected weight is the sum of the lines'
means; units and scale err independently, so variances add up; the tolerance is a number of standard deviations of that
sum. Neither asks for more than the scale can tell apart.

What a rule on weight can't see: a swap for something of equal weight, and anything lighter than the tolerance.
"""

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from unqueue.kernel.weight import Reading, format_g, permissible_error_g

SUSPECTS_MAX = 3
_INTERVALS_MIN = 2
"""Empty and loaded scale are each read in whole intervals: two readings differ by up to that without a cause."""


class Line(msgspec.Struct, frozen=True):
    """A line of the order. ``weight_g_expected`` and ``weight_g_sd`` are of the whole line: all ``quantity`` units."""

    line: int
    product_id: str
    name_zh: str
    name_en: str
    quantity: int
    weight_g_expected: int
    weight_g_sd: float

    @property
    def unit_g(self) -> float:
        return self.weight_g_expected / self.quantity

    @property
    def unit_variance(self) -> float:
        return self.weight_g_sd**2 / self.quantity


class Rule(msgspec.Struct, frozen=True):
    """``sigmas``: standard deviations that are tolerated; 3.3 stops about one honest basket in a thousand.
    ``tolerance_g_min``: grams that are never worth a look. ``own_bag_g_max``: how much heavier the belt may be because
    of the shopper's own bag. It hides every unpaid item lighter than itself, so it is 0 unless a store wants it.
    """

    sigmas: float = 3.3
    tolerance_g_min: int = 10
    own_bag_g_max: int = 0


class ByCount(msgspec.Struct, frozen=True):
    """Between which weights an order passes where the belt counted so many things ``more`` than it has (negative:
    fewer); none does where ``low_g`` is above ``high_g``.
    """

    more: int
    low_g: int
    high_g: int


class Expected(msgspec.Struct, frozen=True):
    """What the server says of an order, in grams: the mean, its standard deviation, between which weights it passes;
    ``by_count`` the same by what this lane's belt counted, where the server knows what that is worth.
    """

    expected_g: int
    sigma_g: float
    low_g: int
    high_g: int
    by_count: tuple[ByCount, ...] = ()

    def counted(self, more: int) -> "Expected | None":
        """The same where so many things more were counted; None where no weight passes then."""
        known = next((one for one in self.by_count if one.more == more), None)
        if known is None:
            return self
        if known.low_g > known.high_g:
            return None
        return msgspec.structs.replace(self, low_g=known.low_g, high_g=known.high_g)


class Suspect(msgspec.Struct, frozen=True, omit_defaults=True):
    """A guess at what is wrong, and how probable it is where the server knows. ``missed``: on the belt but not on the
    order; ``more``: another one of a line; ``extra``: on the order but not there; ``swapped``: another product there.
    """

    kind: Literal["missed", "more", "extra", "swapped", "unknown"]
    zh: str
    en: str
    line: int | None = None
    product_id: str | None = None
    probability: float | None = None


class Verdict(msgspec.Struct, frozen=True):
    """``sigma_g`` is the standard deviation of the difference between measured and expected weight. It passes from
    ``low_g`` to ``high_g``; ``tolerance_g`` is how far the farther of them lies from the expected weight.
    ``overweight``: more than the scale can weigh lies there, and ``measured_g`` says nothing. ``parts``: how many
    weighings add up to it; ``counted``: how many things the belt counted, None where that is not sure, of the
    order's ``items``; 0 where a count says nothing.
    """

    measured_g: int
    expected_g: int
    sigma_g: float
    tolerance_g: int
    verdict: Literal["pass", "check"]
    suspects: tuple[Suspect, ...] = ()
    low_g: int | None = None
    high_g: int | None = None
    overweight: bool = False
    parts: int = 1
    counted: int | None = None
    items: int = 0

    @property
    def difference_g(self) -> int:
        """Positive: the belt is heavier than the order."""
        return self.measured_g - self.expected_g

    @property
    def is_light(self) -> bool:
        """Whether something is not there, rather than too much: by the weight, or where that tells nothing by count."""
        heeded = self.counted is not None and self.items > 0
        if heeded and self.counted != self.items and abs(self.difference_g) <= self.tolerance_g:
            return (self.counted or 0) < self.items
        return self.difference_g < 0


class Tare(msgspec.Struct, frozen=True):
    """What a trolley weighs that is weighed together with its goods: grams, and their standard deviation. ``code`` is
    its own; None for the lane's usual one.
    """

    tare_g: int
    tare_g_sd: float
    code: str | None = None


def check(
    lines: Sequence[Line],
    reading: Reading,
    rule: Rule,
    expected: Expected | None = None,
    *,
    tare: Tare | None = None,
    parts: Sequence[Reading] = (),
    counted: int | None = None,
) -> Verdict:
    """Whether the weight fits, and if not, what is likeliest to be wrong; by the server's word where there is one. The
    reading is without the ``tare``, whose doubt widens what fits. ``parts`` were weighed before it and add to it; each
    is a reading of its own, with less error than one of them all. ``counted``: how many things the belt counted.

    >>> milk = Line(1, "milk", "牛奶", "Milk", 2, 2080, 11.3)
    >>> tea = Line(2, "tea", "茶", "Tea", 1, 125, 2.0)
    >>> check([milk, tea], Reading(2205, 5), Rule()).verdict
    'pass'
    >>> [suspect.en for suspect in check([milk, tea], Reading(1165, 5), Rule()).suspects]
    ['Milk']
    """
    whole = Reading(reading.net_g + sum(part.net_g for part in parts), reading.interval_g)
    known = expected or _reckoned(lines, whole, rule)
    items = sum(line.quantity for line in lines)
    heeded = expected is not None and bool(expected.by_count)
    more = counted - items if counted is not None and heeded else 0
    by_count = known.counted(more) if counted is not None else known
    known = by_count or known
    if tare is not None:
        known = _doubted(known, tare.tare_g_sd**2, rule)
    if parts:
        each = sum(scale_error_sd_g(part) ** 2 for part in (*parts, reading))
        known = _doubted(known, each - scale_error_sd_g(whole) ** 2, rule)
    least_g = max(rule.tolerance_g_min, _INTERVALS_MIN * reading.interval_g)
    low_g = min(known.low_g, known.expected_g - least_g)
    high_g = max(known.high_g, known.expected_g + least_g)
    difference_g = whole.net_g - known.expected_g
    fits = by_count is not None and low_g <= whole.net_g <= high_g + rule.own_bag_g_max
    tolerance_g = max(high_g - known.expected_g, known.expected_g - low_g)
    suspects: tuple[Suspect, ...] = ()
    if not fits and more and abs(difference_g) <= tolerance_g:
        suspects = (_counted_apart(more),)
    elif not fits:
        found = _missed if difference_g > 0 else _extra
        suspects = tuple(found(lines, difference_g, known.sigma_g**2, rule)[:SUSPECTS_MAX])
    return Verdict(
        measured_g=whole.net_g,
        expected_g=known.expected_g,
        sigma_g=round(known.sigma_g, 2),
        tolerance_g=tolerance_g,
        verdict="pass" if fits else "check",
        suspects=suspects,
        low_g=low_g,
        high_g=high_g,
        parts=len(parts) + 1,
        counted=counted,
        items=items if heeded else 0,
    )


def _reckoned(lines: Sequence[Line], reading: Reading, rule: Rule) -> Expected:
    """What the lane itself expects of an order."""
    expected_g = sum(line.weight_g_expected for line in lines)
    sigma_g = math.hypot(*(line.weight_g_sd for line in lines), scale_error_sd_g(reading))
    tolerance_g = math.ceil(rule.sigmas * sigma_g)
    return Expected(expected_g, sigma_g, expected_g - tolerance_g, expected_g + tolerance_g)


def _doubted(goods: Expected, variance_g2: float, rule: Rule) -> Expected:
    """What goods should weigh with so much more variance, or less: as far from the mean, in standard deviations."""
    sigma_g = math.sqrt(max(goods.sigma_g**2 + variance_g2, 0.0))
    if goods.sigma_g <= 0:
        tolerance_g = math.ceil(rule.sigmas * sigma_g)
        return Expected(goods.expected_g, sigma_g, goods.low_g - tolerance_g, goods.high_g + tolerance_g)
    wider = sigma_g / goods.sigma_g
    low_g = goods.expected_g - math.ceil(wider * (goods.expected_g - goods.low_g))
    high_g = goods.expected_g + math.ceil(wider * (goods.high_g - goods.expected_g))
    return Expected(goods.expected_g, sigma_g, low_g, high_g)


def scale_error_sd_g(reading: Reading) -> float:
    """The standard deviation of a class III scale's error: its maximum permissible error in service, taken as the half
    width of a uniform distribution.

    >>> round(scale_error_sd_g(Reading(1000, 5)), 2), round(scale_error_sd_g(Reading(12_000, 5)), 2)
    (2.89, 8.66)
    """
    return 2 * permissible_error_g(reading.net_g, reading.interval_g) / math.sqrt(3)


def _extra(lines: Sequence[Line], difference_g: int, variance: float, rule: Rule) -> list[Suspect]:
    """On the order but not on the belt: lines of which one or more units explain the deficit, the likeliest first."""
    ranked: list[tuple[float, Suspect]] = []
    for line in lines:
        for units in range(1, line.quantity + 1):
            left = max(variance - units * line.unit_variance, 1e-9)
            z = abs(difference_g + units * line.unit_g) / math.sqrt(left)
            if z <= rule.sigmas and line.unit_g > 0:
                ranked.append((_surprise(z, units), _suspect("extra", line, units)))
    if not ranked:
        grams = format_g(-difference_g)
        return [Suspect("unknown", f"大约少了 {grams}", f"About {grams} seems to be missing")]
    return _best_of_each_line(ranked)


def _missed(lines: Sequence[Line], difference_g: int, variance: float, rule: Rule) -> list[Suspect]:
    """On the belt but not on the order: one more of something that is on the order, or something of that weight."""
    ranked: list[tuple[float, Suspect]] = []
    for line in lines:
        z = abs(difference_g - line.unit_g) / math.sqrt(variance + line.unit_variance)
        if z <= rule.sigmas and line.unit_g > 0:
            ranked.append((_surprise(z, 1), _suspect("missed", line, 1)))
    grams = format_g(difference_g)
    thing = Suspect("missed", f"一件约 {grams} 的商品", f"An item of about {grams}")
    return [*_best_of_each_line(ranked)[: SUSPECTS_MAX - 1], thing]


def _counted_apart(more: int) -> Suspect:
    """The weight would do, and the belt counted another number of things."""
    if more > 0:
        return Suspect("missed", f"好像多了 {more} 件", f"It looks like {more} more than on the order")
    return Suspect("extra", f"好像少了 {-more} 件", f"It looks like {-more} fewer than on the order")


def _surprise(z: float, units: int) -> float:
    """How unlikely a guess is, as a negative log likelihood: off by ``z``, and each further unit is a slip of its own,
    one in thirty.
    """
    return z * z / 2 + (units - 1) * math.log(30)


def _suspect(kind: Literal["missed", "extra"], line: Line, units: int) -> Suspect:
    zh = f"{line.name_zh or line.name_en}{f' {units} 件' if units > 1 else ''}"
    en = f"{f'{units} × ' if units > 1 else ''}{line.name_en or line.name_zh}"
    return Suspect(kind, zh, en, line.line, line.product_id)


def _best_of_each_line(ranked: list[tuple[float, Suspect]]) -> list[Suspect]:
    best: dict[int | None, Suspect] = {}
    for _, suspect in sorted(ranked, key=lambda entry: entry[0]):
        best.setdefault(suspect.line, suspect)
    return list(best.values())
