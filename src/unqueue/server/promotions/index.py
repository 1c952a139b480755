"""Which rules can apply to a product: looked up by its marks, so the number of rules costs nothing. Pure."""

from collections.abc import Iterable, Sequence

from unqueue.server.catalogue.gtin import gtin_14
from unqueue.server.promotions.offers import Offer, Threshold
from unqueue.server.promotions.pricing import PricingLine
from unqueue.server.promotions.rules import Rule, Selection, Target, is_for_members
from unqueue.server.promotions.validity import Calendar, Moment, Validity

Found = tuple["Offer | Threshold", int]
"""A compiled rule and the group of it that a product can be in."""


class Candidates:
    """What can apply to a product at some time: plain offers, slots of offers with sets, spend rules.

    Shared by all products for which it is the same. ``plain_discounts`` remembers the best plain offer by unit price.
    """

    __slots__ = ("has_items", "plain", "plain_discounts", "slots", "thresholds")

    def __init__(self, plain: tuple[Offer, ...], slots: tuple[int, ...], thresholds: tuple[Threshold, ...]) -> None:
        self.plain = plain
        self.slots = slots
        self.thresholds = thresholds
        self.has_items = bool(plain or slots)
        self.plain_discounts: dict[int, tuple[int, Offer | None]] = {}

    def plain_discount(self, price_minor: int, weight_g: int) -> tuple[int, Offer | None]:
        """The most that a plain offer takes off one unit, and which; of equal ones the first in the book."""
        best: tuple[int, Offer | None] = (0, None)
        for offer in self.plain:
            amount = offer.set_discount([(0, price_minor, weight_g)])
            if amount > best[0]:
                best = (amount, offer)
        return best


class RuleIndex:
    """Compiled rules by product id, GTIN, brand and category."""

    def __init__(self, compiled: Sequence[Offer | Threshold]) -> None:
        self.rules: list[Rule] = [one.rule for one in compiled]
        self.slots: list[tuple[Offer, int]] = []
        self.slots_of: dict[int, list[int]] = {}
        self._slot_numbers: dict[tuple[int, int], int] = {}
        self._by_mark: dict[tuple[str, str], list[Found]] = {}
        self._for_everything: list[Found] = []
        self._validities = [Validity(one.rule) for one in compiled]
        self.calendar = Calendar(self._validities)
        self._shared: dict[tuple[object, ...], Candidates] = {}
        for one in compiled:
            for group, target in enumerate(one.targets):
                self._add(one, group, target)

    def find(self, line: PricingLine, moment: Moment, *, member: bool) -> Candidates | None:
        """What can apply to a line's product at a moment; None where nothing can."""
        found = {
            (one.index, group): one
            for one, group in self._meant_for(line)
            if self._holds(one, moment, member=member) and _meets(one.targets[group], line)
        }
        if not found:
            return None
        plain: list[Offer] = []
        slots: list[int] = []
        thresholds: list[Threshold] = []
        for (index, group), one in sorted(found.items()):
            if isinstance(one, Threshold):
                thresholds.append(one)
            elif one.is_plain:
                plain.append(one)
            else:
                slots.append(self._slot_numbers[index, group])
        key = (tuple(one.index for one in plain), tuple(slots), tuple(one.index for one in thresholds))
        if key not in self._shared:
            self._shared[key] = Candidates(tuple(plain), tuple(slots), tuple(thresholds))
        return self._shared[key]

    def rules_at(self, moment: Moment) -> tuple[Rule, ...]:
        """The rules that hold at a moment, in order of their ids."""
        return tuple([
            rule for rule, validity in zip(self.rules, self._validities, strict=True) if validity.holds(moment)
        ])  # fmt: skip

    def forget(self) -> None:
        """Drop what was kept for sharing; what was handed out stays right."""
        self._shared.clear()

    def _add(self, one: Offer | Threshold, group: int, target: Target) -> None:
        if isinstance(one, Offer) and not one.is_plain:
            self._slot_numbers[one.index, group] = len(self.slots)
            self.slots_of.setdefault(one.index, []).append(len(self.slots))
            self.slots.append((one, group))
        if target.everything:
            self._for_everything.append((one, group))
        for mark in _marks_of(target):
            self._by_mark.setdefault(mark, []).append((one, group))

    def _meant_for(self, line: PricingLine) -> Iterable[Found]:
        for mark in _marks(line):
            yield from self._by_mark.get(mark, ())
        yield from self._for_everything

    def _holds(self, one: Offer | Threshold, moment: Moment, *, member: bool) -> bool:
        return (member or not is_for_members(one.rule)) and self._validities[one.index].holds(moment)


def _marks(line: PricingLine) -> tuple[tuple[str, str], ...]:
    return (
        ("product", line.product_id),
        ("gtin", gtin_14(line.gtin)),
        ("brand", line.brand),
        ("category", line.category),
    )


def _marks_of(selection: Selection) -> list[tuple[str, str]]:
    return [
        *(("product", product_id) for product_id in selection.product_ids),
        *(("gtin", gtin_14(gtin)) for gtin in selection.gtins),
        *(("brand", brand) for brand in selection.brands),
        *(("category", category) for category in selection.categories),
    ]


def _meets(target: Target, line: PricingLine) -> bool:
    """Whether a product that a target names is not taken out of it again."""
    if target.sold_by is not None and (target.sold_by == "weight") != (line.weight_g is not None):
        return False
    return target.excluding is None or set(_marks_of(target.excluding)).isdisjoint(_marks(line))
