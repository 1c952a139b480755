"""What a basket can save at most, found by trying everything. Slow, simple, written from the guide, not the code."""

from collections.abc import Iterator, Sequence
from itertools import combinations, product

from unqueue.kernel.money import allocate, divide_half_up
from unqueue.server.promotions import rules
from unqueue.server.promotions.model import PricingLine
from unqueue.server.promotions.rules import Rule, Target

Unit = tuple[int, int]  # (number of the line in the list, price)
Remaining = tuple[int, ...]  # what each line still costs


def best_saving(lines: Sequence[PricingLine], book: Sequence[Rule], *, member: bool = False) -> int:
    """The most that these rules can save, validity aside."""
    lines = [line for line in sorted(lines, key=lambda line: line.line) if line.discountable and line.subtotal_minor]
    book = [rule for rule in book if member or not (rule.members_only or isinstance(rule, rules.MemberPrice))]
    spend = [rule for rule in book if isinstance(rule, rules.Spend)]
    items = [rule for rule in book if not isinstance(rule, rules.Spend)]
    full = tuple(line.subtotal_minor for line in lines)
    outcomes = item_outcomes(lines, items)
    return max(sum(full) - sum(after_spending(lines, remaining, spend, step=1)) for remaining in outcomes)


def item_outcomes(lines: Sequence[PricingLine], book: Sequence[Rule]) -> set[Remaining]:
    """Every way in which the item-level rules can leave the lines."""
    units = [(number, line.subtotal_minor // line.quantity) for number, line in enumerate(lines)
             for _ in range(line.quantity)]  # fmt: skip
    start = (tuple(units), tuple(line.subtotal_minor for line in lines), ())
    seen = {start}
    open_states = [start]
    outcomes = set()
    while open_states:
        left, remaining, uses = open_states.pop()
        if not left:
            outcomes.add(remaining)
            continue
        first, others = left[0], left[1:]
        following = [(others, remaining, uses)]
        for number, rule in enumerate(book):
            if rule.max_uses is not None and uses.count(number) >= rule.max_uses:
                continue
            used = tuple(sorted([*uses, number])) if rule.max_uses is not None else uses
            for mates in distinct(combinations(range(len(others)), set_size(rule) - 1), others):
                taken = [first, *(others[mate] for mate in mates)]
                rest = tuple(unit for place, unit in enumerate(others) if place not in mates)
                following += [
                    (rest, reduced(remaining, taken, discount), used) for discount in set_discounts(rule, taken, lines)
                ]
        for state in following:
            if state not in seen:
                seen.add(state)
                open_states.append(state)
    return outcomes


def distinct(choices: Iterator[tuple[int, ...]], units: Sequence[Unit]) -> Iterator[tuple[int, ...]]:
    seen = set()
    for choice in choices:
        key = tuple(units[place] for place in choice)
        if key not in seen:
            seen.add(key)
            yield choice


def reduced(remaining: Remaining, taken: Sequence[Unit], discount: int) -> Remaining:
    """One set's discount, split over its lines by what their units cost."""
    weights = {}
    for number, price in sorted(taken):
        weights[number] = weights.get(number, 0) + price
    after = list(remaining)
    for number, part in zip(weights, allocate(discount, list(weights.values())), strict=True):
        after[number] -= part
    return tuple(after)


def set_size(rule: Rule) -> int:
    match rule:
        case rules.NForM() | rules.NForPrice() | rules.AmountOff():
            return rule.units
        case rules.NthReduced():
            return rule.nth
        case rules.MixAndMatch():
            return sum(group.units for group in rule.groups)
        case _:
            return 1


def set_discounts(rule: Rule, taken: Sequence[Unit], lines: Sequence[PricingLine]) -> set[int]:
    """What a set of units can save: nothing listed if the units are no set; several amounts if groups can be chosen."""
    prices = sorted(price for _, price in taken)
    if isinstance(rule, rules.MixAndMatch):
        places = [group for group in rule.groups for _ in range(group.units)]
        return {
            mixed_discount(rule, assigned, taken)
            for assigned in distinct_orders(places)
            if all(means(group.on, lines[number]) for group, (number, _) in zip(assigned, taken, strict=True))
        }
    if not all(means(rule.on, lines[number]) for number, _ in taken):
        return set()
    return {simple_discount(rule, prices, lines[taken[0][0]].weight_g)}


def simple_discount(rule: Rule, prices: Sequence[int], weight_g: int | None) -> int:
    """``prices`` ascending; a weight where the set is one weighed unit."""
    discount = 0
    match rule:
        case rules.PercentOff():
            discount = percent(prices[0], rule.off_bp)
        case rules.AmountOff():
            discount = min(rule.off_minor, sum(prices))
        case rules.NForM():
            discount = sum(prices[: rule.units - rule.pay_units])
        case rules.NForPrice():
            discount = max(0, sum(prices) - rule.price_minor)
        case rules.NthReduced():
            discount = percent(prices[0], 10_000 - rule.pay_bp)
        case rules.MemberPrice():
            paid = rule.price_minor if weight_g is None else divide_half_up(rule.price_minor * weight_g, 1000)
            discount = max(0, prices[0] - paid)
    return discount


def distinct_orders(places: Sequence[rules.Group]) -> list[list[rules.Group]]:
    orders = []
    for chosen in product(range(len(places)), repeat=len(places)):
        if sorted(chosen) == list(range(len(places))):
            order = [places[place] for place in chosen]
            if order not in orders:
                orders.append(order)
    return orders


def mixed_discount(rule: rules.MixAndMatch, assigned: Sequence[rules.Group], taken: Sequence[Unit]) -> int:
    prices = [price for _, price in taken]
    if rule.price_minor is not None:
        return max(0, sum(prices) - rule.price_minor)
    if rule.off_minor is not None:
        return min(rule.off_minor, sum(prices))
    if rule.cheapest_off_bp is not None:
        return percent(min(prices), rule.cheapest_off_bp)
    if rule.off_bp is not None:
        return sum(percent(price, rule.off_bp) for price in prices)
    return sum(percent(price, group.off_bp or 0) for price, group in zip(prices, assigned, strict=True))


def percent(price: int, off_bp: int) -> int:
    return divide_half_up(price * off_bp, 10_000)


def means(target: Target, line: PricingLine) -> bool:
    def named(selection: rules.Selection) -> bool:
        return (
            line.product_id in selection.product_ids
            or line.gtin in selection.gtins
            or line.brand in selection.brands
            or line.category in selection.categories
        )

    if target.sold_by is not None and (target.sold_by == "weight") is (line.weight_g is None):
        return False
    return (target.everything or named(target)) and not (target.excluding and named(target.excluding))


def after_spending(
    lines: Sequence[PricingLine], remaining: Remaining, book: Sequence[rules.Spend], step: int
) -> Remaining:
    """What the lines cost after the best choice of spend rules from ``step`` on."""
    if step > max((rule.step for rule in book), default=0):
        return remaining
    best = after_spending(lines, remaining, book, step + 1)
    for rule in book:
        if rule.step != step:
            continue
        meant = [number for number, line in enumerate(lines) if means(rule.on, line)]
        spent = sum(remaining[number] for number in meant)
        if spent < rule.spend_minor or not spent:
            continue
        if rule.off_bp is not None:
            discount = percent(spent, rule.off_bp)
        else:
            times = min(spent // rule.spend_minor, rule.max_uses or spent) if rule.every else 1
            discount = min(spent, (rule.off_minor or 0) * times)
        after = list(remaining)
        for number, part in zip(meant, allocate(discount, [remaining[number] for number in meant]), strict=True):
            after[number] -= part
        candidate = after_spending(lines, tuple(after), book, step + 1)
        if sum(candidate) < sum(best):
            best = candidate
    return best
