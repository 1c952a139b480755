"""Rules made ready to compute with. Pure.

Every item-level rule becomes an :class:`Offer`: it takes *sets* of units (``sizes`` units of each of its groups) and
gives a discount for each set. An offer whose sets are single units without a limit couples nothing: it is just a lower
price of a unit. Only the others compete for units, and are solved for together (search.py). Spend rules become
:class:`Threshold`.
"""

from collections.abc import Callable, Sequence
from typing import Literal

from unqueue.kernel.money import divide_half_up
from unqueue.server.promotions import rules
from unqueue.server.promotions.rules import Rule, Target

USES_UNLIMITED = 1 << 60
UnitValue = Callable[[int, int], int]  # (price of the unit in minor units, its weight in grams or 0) → minor units


class Offer:
    """An item-level rule. ``index`` is its place in the book (rules sorted by id).

    ``mode`` says what a set saves: ``sum`` the units' values less ``constant``, never below 0; ``cheapest`` the values
    of its ``free`` cheapest units; ``amount`` the ``constant``, at most the price of the set. ``values`` has a function
    for each group.
    """

    __slots__ = ("constant", "free", "index", "mode", "rule", "size", "sizes", "targets", "uses_max", "values")

    def __init__(
        self,
        index: int,
        rule: Rule,
        groups: Sequence[tuple[Target, int, UnitValue]],
        *,
        mode: Literal["sum", "cheapest", "amount"] = "sum",
        constant: int = 0,
        free: int = 0,
    ) -> None:
        """``groups``: for each, what it is for, how many units a set takes of it, and what a unit is worth there."""
        self.index = index
        self.rule = rule
        self.targets = tuple([target for target, _, _ in groups])
        self.sizes = tuple([units for _, units, _ in groups])
        self.values = tuple([value for _, _, value in groups])
        self.size = sum(self.sizes)
        self.uses_max = rule.max_uses or USES_UNLIMITED
        self.mode = mode
        self.constant = constant
        self.free = free

    @property
    def is_plain(self) -> bool:
        """Whether it is a lower price of each unit for itself."""
        return self.size == 1 and self.uses_max == USES_UNLIMITED

    def set_discount(self, units: list[tuple[int, int, int]]) -> int:
        """What one set saves; ``units`` holds (group, price, weight or 0) of each."""
        if self.mode == "amount":
            return min(self.constant, sum(price for _, price, _ in units))
        values = [self.values[group](price, weight_g) for group, price, weight_g in units]
        if self.mode == "sum":
            return max(0, sum(values) - self.constant)
        return sum(sorted(values)[: self.free])


class Threshold:
    """A spend rule."""

    __slots__ = ("index", "rule", "targets")

    def __init__(self, index: int, rule: rules.Spend) -> None:
        self.index = index
        self.rule = rule
        self.targets = (rule.on,)

    def amount(self, spent_minor: int, counted_minor: int) -> int:
        """The discount on ``spent_minor``, where ``counted_minor`` is what is held against the threshold."""
        rule = self.rule
        if counted_minor < rule.spend_minor or spent_minor <= 0:
            return 0
        if rule.off_bp is not None:
            return (spent_minor * rule.off_bp + 5_000) // 10_000
        assert rule.off_minor is not None, "a spend rule has off_bp or off_minor"
        uses = min(counted_minor // rule.spend_minor, rule.max_uses or USES_UNLIMITED) if rule.every else 1
        return min(rule.off_minor * uses, spent_minor)


def compile_rule(index: int, rule: Rule) -> Offer | Threshold:
    """The rule ready to compute with."""
    if isinstance(rule, rules.Spend):
        return Threshold(index, rule)
    if isinstance(rule, rules.MixAndMatch):
        return _mix_and_match(index, rule)
    if isinstance(rule, rules.AmountOff) and rule.units > 1:
        return Offer(index, rule, [(rule.on, rule.units, _price)], mode="amount", constant=rule.off_minor)
    if isinstance(rule, rules.NForPrice):
        return Offer(index, rule, [(rule.on, rule.units, _price)], constant=rule.price_minor)
    if isinstance(rule, rules.NForM | rules.NthReduced):
        return _cheapest(index, rule)
    return Offer(index, rule, [(rule.on, 1, _unit_value(rule))])


def _cheapest(index: int, rule: rules.NForM | rules.NthReduced) -> Offer:
    if isinstance(rule, rules.NForM):
        free = rule.units - rule.pay_units
        return Offer(index, rule, [(rule.on, rule.units, _price)], mode="cheapest", free=free)
    return Offer(index, rule, [(rule.on, rule.nth, _percent(10_000 - rule.pay_bp))], mode="cheapest", free=1)


def _unit_value(rule: rules.PercentOff | rules.AmountOff | rules.MemberPrice) -> UnitValue:
    """What a rule for single units takes off one."""
    if isinstance(rule, rules.PercentOff):
        return _percent(rule.off_bp)
    return _at_most(rule.off_minor) if isinstance(rule, rules.AmountOff) else _down_to(rule.price_minor)


def _mix_and_match(index: int, rule: rules.MixAndMatch) -> Offer:
    # Groups that want the same are one group: otherwise each would be searched for who gets which of equal units.
    units_of: dict[tuple[Target, int], int] = {}
    for group in rule.groups:
        key = (group.on, rule.cheapest_off_bp or rule.off_bp or group.off_bp or 0)
        units_of[key] = units_of.get(key, 0) + group.units
    if rule.price_minor is not None or rule.off_minor is not None:
        priced: list[tuple[Target, int, UnitValue]] = [(on, units, _price) for (on, _), units in units_of.items()]
        if rule.price_minor is not None:
            return Offer(index, rule, priced, constant=rule.price_minor)
        return Offer(index, rule, priced, mode="amount", constant=rule.off_minor or 0)
    reduced = [(on, units, _percent(off_bp)) for (on, off_bp), units in units_of.items()]
    return Offer(index, rule, reduced, mode="sum" if rule.cheapest_off_bp is None else "cheapest", free=1)


def _price(price_minor: int, _weight_g: int) -> int:
    return price_minor


def _percent(off_bp: int) -> UnitValue:
    def value(price_minor: int, _weight_g: int) -> int:
        return (price_minor * off_bp + 5_000) // 10_000

    return value


def _at_most(off_minor: int) -> UnitValue:
    def value(price_minor: int, _weight_g: int) -> int:
        return min(off_minor, price_minor)

    return value


def _down_to(new_price_minor: int) -> UnitValue:
    def value(price_minor: int, weight_g: int) -> int:
        paid = divide_half_up(new_price_minor * weight_g, 1000) if weight_g else new_price_minor
        return max(0, price_minor - paid)

    return value
