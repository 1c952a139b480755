"""The pricing of one basket: components, plain offers, spend rules, and the answer. Pure.

Lines are named by their position among the picked ones: those that some rule can apply to, by ascending line number.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from unqueue.server.promotions.bids import Part
from unqueue.server.promotions.coupling import Wanting, components
from unqueue.server.promotions.index import Candidates, RuleIndex
from unqueue.server.promotions.joint import Piece, Seat, choose_jointly, pieces_of
from unqueue.server.promotions.offers import Offer
from unqueue.server.promotions.pricing import Applied, Discount, Pricing, PricingLine, Reason
from unqueue.server.promotions.search import Solved
from unqueue.server.promotions.thresholds import Reach, Steps, Taken, best_amount, by_steps, is_exact, take, upper_bound

PRICES_MAX = 1_000  # unit prices for which a set of candidates remembers its best plain offer
_RIVALS_MAX = 3  # named in an explanation

Picked = tuple[int, PricingLine, Candidates]
"""A line's number, the line, and what can apply to it."""


class Component(NamedTuple):
    """Lines that compete for the same offers, and what came out."""

    positions: tuple[int, ...]
    solved: Solved


class BasketPricing:
    """Prices one basket, once."""

    __slots__ = (
        "_amounts",
        "_components",
        "_currency",
        "_full",
        "_index",
        "_is_optimal",
        "_picked",
        "_plain",
        "_reasons",
        "_rule_count",
        "_solve",
        "_used",
    )

    def __init__(
        self,
        picked: Sequence[Picked],
        index: RuleIndex,
        solve: Callable[[tuple[Part, ...]], Solved],
        currency: str,
    ) -> None:
        self._picked = picked
        self._index = index
        self._solve = solve
        self._currency = currency
        self._rule_count = len(index.rules)
        self._plain: dict[int, tuple[int, Offer]] = {}  # position → the best plain offer: a unit's discount, and which
        self._used: dict[int, int] = {}  # position → units in sets
        self._amounts: dict[int, int] = {}  # position · number of rules + index of the rule → minor units
        self._full: list[int] = []  # what the lines cost before any discount, where a spend rule asks
        self._components: list[Component] = []
        self._reasons: list[Reason] = []
        self._is_optimal = True

    def pricing(self) -> Pricing:
        """The answer."""
        self._price_items()
        steps = self._reachable()
        return self._answer(self._price_basket(steps) if steps else ())

    def _price_items(self) -> None:
        plain = self._plain
        wanting: Wanting = []
        for position, (_, line, candidates) in enumerate(self._picked):
            if not candidates.has_items:
                continue
            quantity = line.quantity
            price = line.subtotal_minor // quantity
            cost = 0
            if candidates.plain:
                cost, offer = _plain_discount(candidates, price, line.weight_g)
                if offer is not None:
                    plain[position] = (cost, offer)
            if candidates.slots:
                wanting.append((position, (price, cost, quantity, line.weight_g or 0, candidates.slots)))
        if wanting:
            for component in components(wanting, self._index):
                self._price_component(component)
        for position, (discount, offer) in plain.items():
            left = self._picked[position][1].quantity - self._used.get(position, 0)
            if left:
                self._amounts[position * self._rule_count + offer.index] = discount * left

    def _price_component(self, component: Wanting) -> None:
        positions = tuple([position for position, _ in component])
        solved = self._solve(tuple([part for _, part in component]))
        if not solved.is_optimal:
            self._is_optimal = False
        self._components.append(Component(positions, solved))
        amounts, used, rule_count = self._amounts, self._used, self._rule_count
        for use in solved.uses:
            index = use.offer.index
            for local, units, amount in use.lines:
                position = positions[local]
                amounts[position * rule_count + index] = amount
                used[position] = used.get(position, 0) + units
        if solved.uses and (solved.rivals or solved.has_costs):
            self._reasons.append(self._contest(positions, solved))

    def _contest(self, positions: tuple[int, ...], solved: Solved) -> Reason:
        """Who competed in a component, each with what it would have saved had it alone been there."""
        plain_minor = 0
        displaced: Offer | None = None
        for position in positions:
            if position in self._plain:
                discount, offer = self._plain[position]
                plain_minor += discount * self._picked[position][1].quantity
                if displaced is None and position in self._used:
                    displaced = offer
        rivals = [(offer.rule, plain_minor + gain) for offer, gain in solved.rivals]
        if displaced is not None:
            rivals.append((displaced.rule, plain_minor))
        rivals.sort(key=lambda rival: -rival[1])
        chosen = tuple(use.offer.rule for use in solved.uses)
        return Reason("contest", chosen, plain_minor + solved.gain, tuple(rivals[:_RIVALS_MAX]))

    def _reachable(self) -> list[list[Reach]]:
        """The spend rules whose lines cost enough before any discount, by steps."""
        picked = self._picked
        sets = {candidates.thresholds for _, _, candidates in picked}
        if not any(sets):
            return []
        full = self._full = [line.subtotal_minor for _, line, _ in picked]
        reaches = []
        for threshold in {threshold for thresholds in sets for threshold in thresholds}:
            if len(sets) == 1:
                positions: Sequence[int] = range(len(picked))
            else:
                having = {thresholds for thresholds in sets if threshold in thresholds}
                positions = [position for position, one in enumerate(picked) if one[2].thresholds in having]
            spent = sum(full) if len(positions) == len(full) else sum([full[position] for position in positions])
            if spent >= threshold.rule.spend_minor:
                reaches.append(Reach(threshold, positions, spent))
        return by_steps(reaches) if reaches else []

    def _price_basket(self, steps: Steps) -> list[Taken]:
        remaining = self._remaining()
        if self._amounts:
            coupled = [component.positions for component in self._components]
            saved = sum(self._amounts.values())
            bound = upper_bound(steps, saved, remaining, coupled)
            if saved + best_amount(steps, remaining) < bound:
                self._choose_jointly(steps, bound)
                remaining = self._remaining()
        if not is_exact(steps):
            self._is_optimal = False
        return take(steps, remaining)

    def _remaining(self) -> list[int]:
        remaining = self._full.copy()
        for key, amount in self._amounts.items():
            remaining[key // self._rule_count] -= amount
        return remaining

    def _choose_jointly(self, steps: Steps, bound: int) -> None:
        """Item-level offers may have cost more than they brought: look for a better choice of both together."""
        slots = self._index.slots
        seats = [
            Seat(
                line.subtotal_minor // line.quantity,
                line.quantity,
                line.weight_g or 0,
                line.subtotal_minor,
                (*((offer, 0) for offer in candidates.plain), *(slots[slot] for slot in candidates.slots)),
            )
            for _, line, candidates in self._picked
        ]
        plain = [
            Piece(offer, discount, ((position, 1, discount),))
            for position, (discount, offer) in self._plain.items()
            for _ in range(seats[position].quantity - self._used.get(position, 0))
        ]
        uses = [(use, component.positions) for component in self._components for use in component.solved.uses]
        best, is_proven = choose_jointly(pieces_of(uses, plain), seats, steps, bound)
        self._is_optimal = self._is_optimal and is_proven  # the bound holds only where the components are proven
        saved_minor = sum(self._amounts.values())
        self._amounts = {}
        for piece in best.pieces:
            for position, _, amount in piece.lines:
                key = position * self._rule_count + piece.offer.index
                self._amounts[key] = self._amounts.get(key, 0) + amount
        if sum(self._amounts.values()) < saved_minor:
            kept = take(steps, self._remaining())
            self._reasons = [Reason("kept", tuple(taken.threshold.rule for taken in kept))]

    def _answer(self, taken: Sequence[Taken]) -> Pricing:
        amounts, rule_count = self._amounts, self._rule_count
        if not amounts and not taken:
            return Pricing([], [], self._is_optimal, self._currency, ())
        rules, picked = self._index.rules, self._picked
        for one in taken:
            index = one.threshold.index
            for position, part in one.parts:
                amounts[position * rule_count + index] = part
        totals: dict[int, int] = {}
        lines: dict[int, list[int]] = {}
        discounts = []
        for key in sorted(amounts):
            position, index = divmod(key, rule_count)
            amount, number = amounts[key], picked[position][0]
            if index in totals:
                totals[index] += amount
                lines[index].append(number)
            else:
                totals[index], lines[index] = amount, [number]
            if amount:
                discounts.append(Discount(rules[index].id, number, amount))
        last = [one.threshold.index for one in taken]
        order = [index for index in sorted(totals) if index not in last] + last
        applied = [
            Applied(rules[index].id, rules[index].zh, rules[index].en, totals[index], tuple(lines[index]))
            for index in order
        ]
        reasons = self._reasons if self._is_optimal else [*self._reasons, Reason("unproven")]
        return Pricing(discounts, applied, self._is_optimal, self._currency, tuple(reasons))


def _plain_discount(candidates: Candidates, price_minor: int, weight_g: int | None) -> tuple[int, Offer | None]:
    if weight_g is not None:
        return candidates.plain_discount(price_minor, weight_g)
    known = candidates.plain_discounts
    best = known.get(price_minor)
    if best is None:
        if len(known) >= PRICES_MAX:
            known.clear()
        best = known[price_minor] = candidates.plain_discount(price_minor, 0)
    return best
