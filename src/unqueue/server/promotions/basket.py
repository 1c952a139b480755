"""The pricing of one basket: components, plain offers, spend rules, and the answer. Pure.

Lines are named by their position among the picked ones: those that some rule can apply to, by ascending line number.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from unqueue.server.promotions.bids import Part
from unqueue.server.promotions.index import Candidates, RuleIndex
from unqueue.server.promotions.joint import Piece, Seat, leave_out, pieces_of, search_jointly
from unqueue.server.promotions.offers import Offer, Threshold
from unqueue.server.promotions.pricing import Applied, Discount, Pricing, PricingLine, Reason
from unqueue.server.promotions.search import Solved, Use
from unqueue.server.promotions.thresholds import Reach, Steps, Taken, best_amount, by_steps, is_exact, take, upper_bound

PRICES_MAX = 1_000  # unit prices for which a set of candidates remembers its best plain offer
_RIVALS_MAX = 3  # named in an explanation
_NO_DISCOUNT: tuple[int, Offer | None] = (0, None)

Picked = tuple[int, PricingLine, Candidates]
"""A line's number, the line, and what can apply to it."""


class Component(NamedTuple):
    """Lines that compete for the same offers, and what came out."""

    positions: tuple[int, ...]
    solved: Solved


class BasketPricing:
    """Prices one basket, once."""

    __slots__ = (
        "_amounts", "_components", "_currency", "_index", "_is_optimal", "_left", "_picked", "_plain", "_prices",
        "_reasons", "_solve",
    )  # fmt: skip

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
        self._prices: list[int] = []
        self._plain: list[tuple[int, Offer | None]] = []  # the best plain offer for a unit
        self._left: list[int] = []  # units that no set took
        self._amounts: dict[tuple[int, int], int] = {}  # (position, index of the rule) → minor units
        self._components: list[Component] = []
        self._reasons: list[Reason] = []
        self._is_optimal = True

    def pricing(self) -> Pricing:
        """The answer."""
        self._price_items()
        steps = self._reachable()
        return self._answer(self._price_basket(steps) if steps else [])

    def _price_items(self) -> None:
        prices, left, plain = self._prices, self._left, self._plain
        has_slots = False
        for _, line, candidates in self._picked:
            quantity = line.quantity
            price = line.subtotal_minor // quantity
            prices.append(price)
            left.append(quantity)
            plain.append(_plain_discount(candidates, price, line.weight_g) if candidates.plain else _NO_DISCOUNT)
            if candidates.slots:
                has_slots = True
        if has_slots:
            for positions, parts in self._couple():
                self._price_component(positions, parts)
        amounts = self._amounts
        for position, (discount, offer) in enumerate(plain):
            if offer is not None and left[position]:
                amounts[position, offer.index] = discount * left[position]

    def _couple(self) -> list[tuple[tuple[int, ...], tuple[Part, ...]]]:
        """Split the lines that offers with sets want into components. An offer without enough units wants nothing."""
        slots = self._index.slots
        units: dict[int, int] = {}
        for _, line, candidates in self._picked:
            for slot in candidates.slots:
                units[slot] = units.get(slot, 0) + line.quantity
        dead = {slots[slot][0].index for slot, count in units.items() if count < slots[slot][0].sizes[slots[slot][1]]}
        for slot in units:
            offer = slots[slot][0]
            if len(offer.sizes) > 1 and any(other not in units for other in self._index.slots_of[offer.index]):
                dead.add(offer.index)
        component_of: dict[int, list[tuple[int, Part]]] = {}
        components: list[list[tuple[int, Part]]] = []
        for position, (_, line, candidates) in enumerate(self._picked):
            wanted = candidates.slots
            if dead and wanted:
                wanted = tuple([slot for slot in wanted if slots[slot][0].index not in dead])
            if not wanted:
                continue
            part = (self._prices[position], self._plain[position][0], line.quantity, line.weight_g or 0, wanted)
            home: list[tuple[int, Part]] | None = None
            for slot in wanted:
                known = component_of.get(slots[slot][0].index)
                if known is None or known is home:
                    continue
                if home is None:
                    home = known
                else:
                    home += known
                    known.clear()
                    for index, component in component_of.items():
                        if component is known:
                            component_of[index] = home
            if home is None:
                home = []
                components.append(home)
            home.append((position, part))
            for slot in wanted:
                component_of[slots[slot][0].index] = home
        return [_separate(component) for component in components if component]

    def _price_component(self, positions: tuple[int, ...], parts: tuple[Part, ...]) -> None:
        solved = self._solve(parts)
        if not solved.is_optimal:
            self._is_optimal = False
        self._components.append(Component(positions, solved))
        amounts, left = self._amounts, self._left
        for use in solved.uses:
            index = use.offer.index
            for local, units, amount in use.lines:
                position = positions[local]
                amounts[position, index] = amount
                left[position] -= units
        if solved.uses and (solved.rivals or solved.has_costs):
            self._reasons.append(self._contest(positions, solved))

    def _contest(self, positions: tuple[int, ...], solved: Solved) -> Reason:
        """Who competed in a component, each with what it would have saved had it alone been there."""
        plain_minor = 0
        displaced: Offer | None = None
        for position in positions:
            discount, offer = self._plain[position]
            quantity = self._picked[position][1].quantity
            plain_minor += discount * quantity
            if displaced is None and self._left[position] < quantity:
                displaced = offer
        rivals = [(offer.rule, plain_minor + gain) for offer, gain in solved.rivals]
        if displaced is not None:
            rivals.append((displaced.rule, plain_minor))
        rivals.sort(key=lambda rival: -rival[1])
        chosen = tuple(use.offer.rule for use in solved.uses)
        return Reason("contest", chosen, plain_minor + solved.gain, tuple(rivals[:_RIVALS_MAX]))

    def _reachable(self) -> list[list[Reach]]:
        """The spend rules whose lines cost enough before any discount, by steps."""
        lines: dict[Threshold, list[int]] = {}
        for position, (_, _, candidates) in enumerate(self._picked):
            for threshold in candidates.thresholds:
                if threshold in lines:
                    lines[threshold].append(position)
                else:
                    lines[threshold] = [position]
        if not lines:
            return []
        reaches = []
        for threshold, positions in lines.items():
            full = sum([self._picked[position][1].subtotal_minor for position in positions])
            if full >= threshold.rule.spend_minor:
                reaches.append(Reach(threshold, tuple(positions), full))
        return by_steps(reaches)

    def _price_basket(self, steps: Steps) -> list[Taken]:
        remaining = self._remaining()
        if self._amounts:
            saved = sum(self._amounts.values())
            coupled = [component.positions for component in self._components]
            if best_amount(steps, remaining) < upper_bound(steps, remaining, coupled):
                self._choose_jointly(steps, saved)
                remaining = self._remaining()
        if not is_exact(steps):
            self._is_optimal = False
        return take(steps, remaining)

    def _remaining(self) -> list[int]:
        remaining = [line.subtotal_minor for _, line, _ in self._picked]
        for (position, _), amount in self._amounts.items():
            remaining[position] -= amount
        return remaining

    def _choose_jointly(self, steps: Steps, saved_minor: int) -> None:
        """Item-level offers may have cost more than they brought: look for a better choice of both together."""
        slots = self._index.slots
        seats = [
            Seat(
                price,
                line.quantity,
                line.weight_g or 0,
                line.subtotal_minor,
                (*((offer, 0) for offer in candidates.plain), *(slots[slot] for slot in candidates.slots)),
            )
            for price, (_, line, candidates) in zip(self._prices, self._picked, strict=True)
        ]
        plain = [
            Piece(offer, discount, ((position, 1, discount),))
            for position, (discount, offer) in enumerate(self._plain)
            if offer is not None
            for _ in range(self._left[position])
        ]
        uses: list[tuple[Use, Sequence[int]]] = [
            (use, component.positions) for component in self._components for use in component.solved.uses
        ]
        before = leave_out(pieces_of(uses, plain), seats, steps)
        best, is_proven = search_jointly(before, seats, steps)
        self._is_optimal = is_proven
        amounts: dict[tuple[int, int], int] = {}
        for piece in best.pieces:
            for position, _, amount in piece.lines:
                key = (position, piece.offer.index)
                amounts[key] = amounts.get(key, 0) + amount
        if sum(amounts.values()) < saved_minor:
            self._amounts = amounts
            kept = take(steps, self._remaining())
            self._reasons = [Reason("kept", tuple(taken.threshold.rule for taken in kept))]
        else:
            self._amounts = amounts

    def _answer(self, taken: Sequence[Taken]) -> Pricing:
        amounts = self._amounts
        if not amounts and not taken:
            return Pricing([], [], self._is_optimal, self._currency, ())
        rules = self._index.rules
        numbers = [number for number, _, _ in self._picked]
        order = {index: place for place, index in enumerate(sorted({index for _, index in amounts}))}
        for one in taken:
            order[one.threshold.index] = len(order)
            for position, part in one.parts:
                amounts[position, one.threshold.index] = part
        totals = dict.fromkeys(order, 0)
        lines: dict[int, list[int]] = {index: [] for index in order}
        discounts = []
        for (position, index), amount in sorted(amounts.items()):
            totals[index] += amount
            lines[index].append(numbers[position])
            if amount:
                discounts.append(Discount(rules[index].id, numbers[position], amount))
        applied = [
            Applied(rules[index].id, rules[index].zh, rules[index].en, totals[index], tuple(lines[index]))
            for index in order
        ]
        reasons = self._reasons
        if not self._is_optimal:
            reasons = [*reasons, Reason("unproven")]
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


def _separate(component: list[tuple[int, Part]]) -> tuple[tuple[int, ...], tuple[Part, ...]]:
    component.sort()
    return tuple([position for position, _ in component]), tuple([part for _, part in component])
