"""What is nearly reached: one more unit, or a little more money. Pure."""

from collections.abc import Sequence

from unqueue.server.promotions import words
from unqueue.server.promotions.basket import Picked
from unqueue.server.promotions.index import RuleIndex
from unqueue.server.promotions.offers import Offer, Threshold
from unqueue.server.promotions.pricing import Hint
from unqueue.server.promotions.rules import NForM

_NEAR_BP = 8_000  # a threshold is near from 80 % of it on


def almost(picked: Sequence[Picked], index: RuleIndex, currency: str) -> list[Hint]:
    """Hints for a basket: sets that lack one unit first, then thresholds, nearest first. Counts before discounts."""
    return [*_units(picked, index), *_amounts(picked, currency)]


def _units(picked: Sequence[Picked], index: RuleIndex) -> list[Hint]:
    units: dict[int, int] = {}
    offers: dict[int, Offer] = {}
    for _, line, candidates in picked:
        for slot in candidates.slots:
            units[slot] = units.get(slot, 0) + line.quantity
            offers[index.slots[slot][0].index] = index.slots[slot][0]
    hints = []
    for _, offer in sorted(offers.items()):
        counts = [units.get(slot, 0) for slot in index.slots_of[offer.index]]
        sets = min(count // size for count, size in zip(counts, offer.sizes, strict=True))
        missing = [max(0, size * (sets + 1) - count) for count, size in zip(counts, offer.sizes, strict=True)]
        if sum(missing) == 1 and sets < offer.uses_max and offer.size > 1:
            rule = offer.rule
            is_next_free = isinstance(rule, NForM) and rule.units - rule.pay_units == 1
            text = words.one_more_free(rule, offer.size) if is_next_free else words.one_more(rule)
            hints.append(Hint(rule.id, text.zh, text.en, units_missing=1))
    return hints


def _amounts(picked: Sequence[Picked], currency: str) -> list[Hint]:
    spent: dict[Threshold, int] = {}
    for _, line, candidates in picked:
        for threshold in candidates.thresholds:
            spent[threshold] = spent.get(threshold, 0) + line.subtotal_minor
    hints = []
    for threshold, spent_minor in sorted(spent.items(), key=lambda entry: entry[0].index):
        rule = threshold.rule
        missing_minor = rule.spend_minor - spent_minor
        if missing_minor > 0 and spent_minor * 10_000 >= rule.spend_minor * _NEAR_BP:
            text = words.spend_more(rule, missing_minor, currency)
            hints.append(Hint(rule.id, text.zh, text.en, amount_missing_minor=missing_minor))
    return sorted(hints, key=lambda hint: hint.amount_missing_minor)
