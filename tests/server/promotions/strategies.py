"""Random baskets and rules, small enough to try everything and crowded enough to collide."""

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import strategies as st

from unqueue.server.promotions import rules
from unqueue.server.promotions.model import PricingLine
from unqueue.server.promotions.rules import Group, Rule, Target

CATEGORIES = ["dairy", "snacks"]
BRANDS = ["moo", "crunch"]
PRODUCTS = [
    ("p1", "00000000000017", "moo", "dairy"),
    ("p2", "00000000000024", "crunch", "dairy"),
    ("p3", "00000000000031", "moo", "snacks"),
    ("p4", "00000000000048", "crunch", "snacks"),
    ("p5", "00000000000055", "none", "bakery"),
]

prices = st.one_of(st.integers(1, 30), st.sampled_from([100, 150, 199, 250, 999]))


@st.composite
def lines(draw: st.DrawFn, *, units_max: int = 6, discountable: bool = True) -> list[PricingLine]:
    """A basket of at most ``units_max`` units; one line in five is weighed."""
    left = draw(st.integers(1, units_max))
    basket = []
    number = 0
    while left > 0:
        number += draw(st.integers(1, 3))
        product_id, gtin, brand, category = draw(st.sampled_from(PRODUCTS))
        price = draw(prices)
        is_weighed = draw(st.integers(0, 4)) == 0
        quantity = 1 if is_weighed else draw(st.integers(1, left))
        left -= quantity
        basket.append(
            PricingLine(
                line=number,
                product_id=product_id,
                gtin=gtin,
                brand=brand,
                category=category,
                quantity=quantity,
                unit_price_minor=price,
                weight_g=draw(st.integers(50, 2000)) if is_weighed else None,
                subtotal_minor=price * quantity,
                discountable=discountable or draw(st.integers(0, 5)) > 0,
            )
        )
    return basket


@st.composite
def targets(draw: st.DrawFn) -> Target:
    excluding = draw(st.sampled_from([None, None, None, rules.Selection(brands=("moo",))]))
    sold_by = draw(st.sampled_from([None, None, None, "piece"]))
    kind = draw(st.sampled_from(["category", "category", "brand", "product", "gtin", "everything", "two"]))
    common = {"excluding": excluding, "sold_by": sold_by}
    if kind == "category":
        return Target(categories=(draw(st.sampled_from(CATEGORIES)),), **common)
    if kind == "brand":
        return Target(brands=(draw(st.sampled_from(BRANDS)),), **common)
    if kind == "product":
        return Target(product_ids=(draw(st.sampled_from(PRODUCTS))[0],), **common)
    if kind == "gtin":
        return Target(gtins=(draw(st.sampled_from(PRODUCTS))[1],), **common)
    if kind == "two":
        return Target(categories=("bakery",), brands=(draw(st.sampled_from(BRANDS)),), **common)
    return Target(everything=True, **common)


def common(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "id": "r",
        "zh": "优惠",
        "en": "Offer",
        "currency": "CNY",
        "max_uses": draw(st.sampled_from([None, None, 1, 2])),
        "members_only": draw(st.integers(0, 4)) == 0,
    }


shares = st.sampled_from([500, 1000, 2500, 3333, 5000, 10_000])
amounts = st.one_of(st.integers(1, 60), st.sampled_from([50, 100, 300]))


@st.composite
def item_rules(draw: st.DrawFn, *, capped_amounts: bool = True) -> Rule:
    """A rule of any item-level kind. Only an amount off whole sets is not always proven the best."""
    fields = common(draw)
    on = draw(targets())
    units = draw(st.integers(2, 4))
    kind = draw(st.sampled_from(["percent", "amount", "n_for_m", "n_for_price", "nth", "mix", "member"]))
    if kind == "mix":
        return draw(mixes(fields, capped_amounts=capped_amounts))
    amount_units = draw(st.integers(1, 3)) if capped_amounts else 1
    makers: dict[str, Callable[[], Rule]] = {
        "percent": lambda: rules.PercentOff(on=on, off_bp=draw(shares), **fields),
        "amount": lambda: rules.AmountOff(on=on, off_minor=draw(amounts), units=amount_units, **fields),
        "n_for_m": lambda: rules.NForM(on=on, units=units, pay_units=draw(st.integers(1, units - 1)), **fields),
        "n_for_price": lambda: rules.NForPrice(on=on, units=units - 1, price_minor=draw(amounts), **fields),
        "nth": lambda: rules.NthReduced(on=on, nth=min(units, 3), pay_bp=10_000 - draw(shares), **fields),
        "member": lambda: rules.MemberPrice(on=on, price_minor=draw(amounts), **fields),
    }
    return makers[kind]()


@st.composite
def mixes(draw: st.DrawFn, fields: dict[str, Any], *, capped_amounts: bool) -> Rule:
    groups = tuple(Group(on=draw(targets()), units=draw(st.integers(1, 2))) for _ in range(draw(st.integers(1, 2))))
    ways = ["price", "percent", "cheapest", "group", *(["amount"] if capped_amounts else [])]
    way = draw(st.sampled_from(ways))
    if way == "price":
        return rules.MixAndMatch(groups=groups, price_minor=draw(amounts), **fields)
    if way == "percent":
        return rules.MixAndMatch(groups=groups, off_bp=draw(shares), **fields)
    if way == "cheapest":
        return rules.MixAndMatch(groups=groups, cheapest_off_bp=draw(shares), **fields)
    if way == "amount":
        return rules.MixAndMatch(groups=groups, off_minor=draw(amounts), **fields)
    reduced = Group(on=groups[-1].on, units=groups[-1].units, off_bp=draw(shares))
    return rules.MixAndMatch(groups=(*groups[:-1], reduced), **fields)


@st.composite
def spend_rules(draw: st.DrawFn, *, steps: bool = True) -> Rule:
    fields = common(draw)
    del fields["max_uses"]
    on = draw(st.one_of(st.just(Target(everything=True)), targets()))
    spend_minor = draw(st.one_of(st.integers(1, 200), st.sampled_from([250, 400, 1000])))
    step = draw(st.integers(1, 2)) if steps else 1
    if draw(st.booleans()):
        return rules.Spend(on=on, spend_minor=spend_minor, off_bp=draw(shares), step=step, **fields)
    every = draw(st.booleans())
    uses = draw(st.sampled_from([None, 1, 2])) if every else None
    return rules.Spend(
        on=on, spend_minor=spend_minor, off_minor=draw(amounts), every=every, max_uses=uses, step=step, **fields
    )


@st.composite
def rule_lists(draw: st.DrawFn, *, rules_max: int = 4, steps: bool = True, capped_amounts: bool = True) -> list[Rule]:
    """Up to ``rules_max`` rules, ids r0, r1, …"""
    one = st.one_of(
        item_rules(capped_amounts=capped_amounts), item_rules(capped_amounts=capped_amounts), spend_rules(steps=steps)
    )
    drawn = draw(st.lists(one, min_size=1, max_size=rules_max))
    return [msgspec.structs.replace(rule, id=f"r{number}") for number, rule in enumerate(drawn)]


@st.composite
def contested(draw: st.DrawFn) -> tuple[list[PricingLine], list[Rule]]:
    """A basket that just reaches a spend rule's threshold, so that any item-level discount may cost it."""
    basket = draw(lines())
    book = draw(rule_lists(rules_max=3, steps=False, capped_amounts=False))
    spend = draw(spend_rules(steps=False))
    full = sum(line.subtotal_minor for line in basket)
    spend_minor = max(1, (full - draw(st.integers(0, 80))) // draw(st.sampled_from([1, 1, 2])))
    return basket, [*book, msgspec.structs.replace(spend, id="spend", spend_minor=spend_minor, members_only=False)]
