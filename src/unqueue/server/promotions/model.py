"""Promotions: what a basket saves, exactly, and why. Pure.

A :class:`RuleBook` holds a store's rules and prices baskets. For each line it knows the rules that can apply (looked
up once for a product and kept while nothing begins or ends), splits the lines into components that compete for the
same offers, solves each (search.py; a component seen before is remembered), and then applies spend rules to what
remains (thresholds.py). A unit takes part in at most one item-level offer; every discount belongs to lines and adds
up exactly. docs/guides/promotions.md says what each rule means.
"""

from collections.abc import Iterable
from datetime import datetime
from operator import itemgetter

from unqueue.server.promotions.basket import BasketPricing, Picked
from unqueue.server.promotions.bids import Part
from unqueue.server.promotions.index import Candidates, RuleIndex
from unqueue.server.promotions.offers import compile_rule
from unqueue.server.promotions.pricing import Applied, Discount, Pricing, PricingLine, Reason
from unqueue.server.promotions.rules import Rule
from unqueue.server.promotions.search import Solved, solve
from unqueue.server.promotions.validity import moment_of
from unqueue.server.promotions.walk import Gears

__all__ = ["Applied", "Discount", "Pricing", "PricingLine", "Reason", "Rule", "RuleBook"]

VIEWS_MAX = 8  # (period, member or not) kept at once; a store needs two, and two more while one period ends
PRODUCTS_MAX = 65_536  # per view
MEMO_MAX = 8_192  # components

_ProductKey = tuple[str, str, str, str, bool]
_View = dict[_ProductKey, Candidates | None]


class RuleBook:
    """A store's rules, ready to price with. Immutable but for its caches; make a new one when the rules change.

    All rules must be of one currency, and their ids unique: AssertionError otherwise, the loader has seen to it.
    ``memo_max=0`` remembers no component.
    """

    def __init__(self, rules: Iterable[Rule], *, memo_max: int = MEMO_MAX) -> None:
        self.rules: tuple[Rule, ...] = tuple(sorted(rules, key=lambda rule: rule.id))
        currencies = {rule.currency for rule in self.rules}
        assert len(currencies) <= 1, f"rules in {sorted(currencies)}"
        assert len({rule.id for rule in self.rules}) == len(self.rules), "two rules have the same id"
        self.currency = currencies.pop() if currencies else ""
        self._compiled = [compile_rule(index, rule) for index, rule in enumerate(self.rules)]
        self._index = RuleIndex(self._compiled)
        self._views: dict[tuple[tuple[int, int], bool], _View] = {}
        self._memo: dict[tuple[Part, ...], Solved] = {}
        self._memo_max = memo_max
        self._gears = Gears()
        self._in_force: tuple[tuple[int, int], tuple[Rule, ...]] | None = None
        self._nothing = Pricing([], [], True, self.currency)

    def price(self, lines: Iterable[PricingLine], *, at: datetime, member: bool) -> Pricing:
        """The discounts of a basket. ``at`` is the store's local time, aware; the order of ``lines`` is of no matter.

        The answer may be shared: don't change it.
        """
        picked = self._pick(lines, at, member=member)
        if not picked:
            return self._nothing
        return BasketPricing(picked, self._index, self._solve, self.currency).pricing()

    def rules_at(self, at: datetime) -> tuple[Rule, ...]:
        """The rules that hold at ``at``, the store's local time, for members and others; by id."""
        period = self._index.calendar.period(at)
        if self._in_force is None or self._in_force[0] != period:
            self._in_force = (period, self._index.rules_at(moment_of(at)))
        return self._in_force[1]

    def _pick(self, lines: Iterable[PricingLine], at: datetime, *, member: bool) -> list[Picked]:
        """The lines that a rule can apply to, in ascending order of their number."""
        view = self._view(at, member=member)
        picked: list[Picked] = []
        for line in lines:
            key = (line.product_id, line.gtin, line.brand, line.category, line.weight_g is None)
            try:
                candidates = view[key]
            except KeyError:
                candidates = self._look_up(view, key, line, at, member=member)
            if candidates is not None and line.discountable and line.subtotal_minor > 0 < line.quantity:
                picked.append((line.line, line, candidates))
        if len(picked) > 1:
            picked.sort(key=itemgetter(0))
        return picked

    def _view(self, at: datetime, *, member: bool) -> _View:
        assert at.tzinfo is not None, "the time needs its zone"
        key = (self._index.calendar.period(at), member)
        view = self._views.get(key)
        if view is None:
            if len(self._views) >= VIEWS_MAX:
                self._views.clear()
                self._index.forget()
            view = self._views[key] = {}
        return view

    def _look_up(
        self, view: _View, key: _ProductKey, line: PricingLine, at: datetime, *, member: bool
    ) -> Candidates | None:
        if len(view) >= PRODUCTS_MAX:
            view.clear()
            self._index.forget()
        found = view[key] = self._index.find(line, moment_of(at), member=member)
        return found

    def _solve(self, parts: tuple[Part, ...]) -> Solved:
        solved = self._memo.get(parts)
        if solved is None:
            solved = solve(parts, self._index.slots, self._gears)
            if self._memo_max:
                if len(self._memo) >= self._memo_max:
                    self._memo.clear()
                self._memo[parts] = solved
        return solved
