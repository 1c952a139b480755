"""Every kind of rule by hand: prices in fen, what each line saves."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from unqueue.server.promotions import rules
from unqueue.server.promotions.model import Pricing, PricingLine, RuleBook
from unqueue.server.promotions.rules import Group, Rule, Selection, Target

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
DAIRY, SNACKS, ALL = Target(categories=("dairy",)), Target(categories=("snacks",)), Target(everything=True)


def line(number: int, price: int, quantity: int = 1, category: str = "dairy", **fields: Any) -> PricingLine:
    """A line of pieces; ``weight_g`` makes it a weighed one of ``price`` in all."""
    given = {"product_id": f"p{number}", "gtin": f"{number:014}", "brand": "moo", "weight_g": None, **fields}
    return PricingLine(
        line=number,
        category=category,
        quantity=quantity,
        unit_price_minor=price,
        subtotal_minor=given.pop("subtotal_minor", price * quantity),
        **given,
    )


def named(kind: type, rule_id: str = "rule", **fields: Any) -> Rule:
    rule: Rule = kind(id=rule_id, zh="优惠", en="Offer", currency="CNY", **fields)
    return rule


def price(lines: list[PricingLine], *book: Rule, member: bool = False) -> Pricing:
    return RuleBook(book).price(lines, at=NOON, member=member)


def saved(pricing: Pricing) -> dict[int, int]:
    by_line: dict[int, int] = {}
    for discount in pricing.discounts:
        by_line[discount.line] = by_line.get(discount.line, 0) + discount.amount_minor
    return by_line


CASES: dict[str, tuple[list[PricingLine], Rule, dict[int, int]]] = {
    "20 % off each piece": (
        [line(1, 1000, 2), line(2, 250)],
        named(rules.PercentOff, on=DAIRY, off_bp=2000),
        {1: 400, 2: 50},
    ),
    "halves of a fen round up, for each unit": (
        [line(1, 5, 3)],
        named(rules.PercentOff, on=DAIRY, off_bp=1000),
        {1: 3},
    ),
    "less than half a fen is nothing": ([line(1, 4, 3)], named(rules.PercentOff, on=DAIRY, off_bp=1000), {}),
    "a percentage of weighed goods": (
        [line(1, 1234, weight_g=617)],
        named(rules.PercentOff, on=DAIRY, off_bp=1000),
        {1: 123},
    ),
    "a percentage on two pieces a basket takes the dearest": (
        [line(1, 300, 2), line(2, 500)],
        named(rules.PercentOff, on=DAIRY, off_bp=5000, max_uses=2),
        {1: 150, 2: 250},
    ),
    "an amount off each piece": ([line(1, 1000, 3)], named(rules.AmountOff, on=DAIRY, off_minor=150), {1: 450}),
    "an amount off is at most the price": (
        [line(1, 100, 2)],
        named(rules.AmountOff, on=DAIRY, off_minor=150),
        {1: 200},
    ),
    "an amount off every two pieces, split by price": (
        [line(1, 300), line(2, 100), line(3, 50)],
        named(rules.AmountOff, on=DAIRY, off_minor=100, units=2),
        {1: 75, 2: 25},
    ),
    "an amount off once": ([line(1, 300, 4)], named(rules.AmountOff, on=DAIRY, off_minor=100, max_uses=1), {1: 100}),
    "three for two, one line": ([line(1, 100, 3)], named(rules.NForM, on=DAIRY, units=3, pay_units=2), {1: 100}),
    "three for two frees the cheapest and bears it by price": (
        [line(1, 300), line(2, 200), line(3, 100)],
        named(rules.NForM, on=DAIRY, units=3, pay_units=2),
        {1: 50, 2: 33, 3: 17},
    ),
    "three for two twice puts the dear ones together": (
        [line(1, 600, 3), line(2, 100, 3)],
        named(rules.NForM, on=DAIRY, units=3, pay_units=2),
        {1: 600, 2: 100},
    ),
    "three for two on two pieces is nothing": (
        [line(1, 100, 2)],
        named(rules.NForM, on=DAIRY, units=3, pay_units=2),
        {},
    ),
    "five for three": ([line(1, 100, 6)], named(rules.NForM, on=DAIRY, units=5, pay_units=3), {1: 200}),
    "three for a price": ([line(1, 400, 3)], named(rules.NForPrice, on=DAIRY, units=3, price_minor=1000), {1: 200}),
    "three for a price takes the dearest": (
        [line(1, 400, 2), line(2, 300), line(3, 100)],
        named(rules.NForPrice, on=DAIRY, units=3, price_minor=1000),
        {1: 73, 2: 27},
    ),
    "a price that is no bargain is not used": (
        [line(1, 300, 3)],
        named(rules.NForPrice, on=DAIRY, units=3, price_minor=1000),
        {},
    ),
    "the second at half price": ([line(1, 500, 2)], named(rules.NthReduced, on=DAIRY, nth=2, pay_bp=5000), {1: 250}),
    "the second at half price is the cheaper one": (
        [line(1, 500), line(2, 300)],
        named(rules.NthReduced, on=DAIRY, nth=2, pay_bp=5000),
        {1: 94, 2: 56},
    ),
    "the third at 30 %": ([line(1, 100, 7)], named(rules.NthReduced, on=DAIRY, nth=3, pay_bp=3000), {1: 140}),
    "one of each for a price": (
        [line(1, 700), line(2, 500, category="snacks")],
        named(rules.MixAndMatch, groups=(Group(on=DAIRY), Group(on=SNACKS)), price_minor=1000),
        {1: 117, 2: 83},
    ),
    "one of each, pairs of the dearest": (
        [line(1, 700), line(2, 400), line(3, 500, category="snacks")],
        named(rules.MixAndMatch, groups=(Group(on=DAIRY), Group(on=SNACKS)), off_bp=1000),
        {1: 70, 3: 50},
    ),
    "buy two of A, get B at half price": (
        [line(1, 400, 2), line(2, 300, category="snacks")],
        named(rules.MixAndMatch, groups=(Group(on=DAIRY, units=2), Group(on=SNACKS, off_bp=5000))),
        {1: 109, 2: 41},
    ),
    "a set with an amount off": (
        [line(1, 400), line(2, 400, category="snacks")],
        named(rules.MixAndMatch, groups=(Group(on=DAIRY), Group(on=SNACKS)), off_minor=101),
        {1: 51, 2: 50},
    ),
    "any three of a group, the cheapest free": (
        [line(1, 300), line(2, 200), line(3, 100)],
        named(rules.MixAndMatch, groups=(Group(on=DAIRY, units=3),), cheapest_off_bp=10_000),
        {1: 50, 2: 33, 3: 17},
    ),
    "a group without goods makes no set": (
        [line(1, 700, 2)],
        named(rules.MixAndMatch, groups=(Group(on=DAIRY), Group(on=SNACKS)), price_minor=100),
        {},
    ),
    "goods of both groups fill the one that needs them": (
        [line(1, 300, brand="crunch"), line(2, 500)],
        named(rules.MixAndMatch, groups=(Group(on=DAIRY), Group(on=Target(brands=("crunch",)))), price_minor=600),
        {1: 75, 2: 125},
    ),
    "spend and save": (
        [line(1, 600), line(2, 400)],
        named(rules.Spend, spend_minor=1000, off_minor=100),
        {1: 60, 2: 40},
    ),
    "not spent enough": ([line(1, 999)], named(rules.Spend, spend_minor=1000, off_minor=100), {}),
    "a percentage of what was spent": (
        [line(1, 555), line(2, 445)],
        named(rules.Spend, spend_minor=1000, off_bp=1000),
        {1: 56, 2: 44},
    ),
    "for every hundred": ([line(1, 350)], named(rules.Spend, spend_minor=100, off_minor=10, every=True), {1: 30}),
    "for every hundred, twice at most": (
        [line(1, 350)],
        named(rules.Spend, spend_minor=100, off_minor=10, every=True, max_uses=2),
        {1: 20},
    ),
    "spend on one category": (
        [line(1, 500), line(2, 900, category="snacks")],
        named(rules.Spend, on=DAIRY, spend_minor=500, off_minor=50),
        {1: 50},
    ),
    "a spend discount is at most what was spent": (
        [line(1, 50)],
        named(rules.Spend, spend_minor=10, off_minor=90),
        {1: 50},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_kind_of_rule(case: str) -> None:
    lines, rule, expected = CASES[case]
    pricing = price(lines, rule)
    assert saved(pricing) == expected
    assert pricing.optimal


def test_member_prices_are_for_members_by_piece_and_by_kilogram() -> None:
    lines = [line(1, 500, 2), line(2, 617, weight_g=617), line(3, 300)]
    rule = named(rules.MemberPrice, on=DAIRY, price_minor=400)
    # 617 g at 4.00 a kilogram cost 2.47; the third line is cheaper than the member price already.
    assert saved(price(lines, rule, member=True)) == {1: 200, 2: 617 - 247}
    assert price(lines, rule).discounts == []


def test_any_rule_can_be_for_members_only() -> None:
    rule = named(rules.PercentOff, on=ALL, off_bp=1000, members_only=True)
    assert saved(price([line(1, 500)], rule, member=True)) == {1: 50}
    assert price([line(1, 500)], rule).discounts == []


@pytest.mark.parametrize(
    ("target", "reduced"),
    [
        (Target(product_ids=("p1", "p2")), {1, 2}),
        (Target(gtins=("00000003",)), {3}),
        (Target(brands=("crunch",)), {2}),
        (SNACKS, {3, 4}),
        (Target(categories=("dairy",), product_ids=("p3",)), {1, 2, 3}),
        (ALL, {1, 2, 3, 4}),
        (Target(everything=True, excluding=Selection(categories=("dairy",))), {3, 4}),
        (Target(categories=("snacks",), excluding=Selection(product_ids=("p3",))), {4}),
        (Target(everything=True, excluding=Selection(gtins=("0000000000001",))), {2, 3, 4}),
        (Target(everything=True, sold_by="weight"), {4}),
        (Target(everything=True, sold_by="piece"), {1, 2, 3}),
        (Target(categories=("garden",)), set()),
    ],
)
def test_who_is_meant(target: Target, reduced: set[int]) -> None:
    lines = [
        line(1, 100),
        line(2, 100, brand="crunch"),
        line(3, 100, category="snacks"),
        line(4, 100, category="snacks", weight_g=100),
    ]
    assert set(saved(price(lines, named(rules.PercentOff, on=target, off_bp=1000)))) == reduced


def test_goods_that_are_never_reduced_count_for_nothing() -> None:
    lines = [line(1, 100, 2), line(2, 900, discountable=False)]
    assert price(lines, named(rules.NForM, on=DAIRY, units=3, pay_units=2)).discounts == []
    assert price(lines, named(rules.Spend, spend_minor=1000, off_minor=10)).discounts == []


def test_a_unit_takes_one_item_offer_only() -> None:
    half = named(rules.PercentOff, "half", on=DAIRY, off_bp=5000)
    three = named(rules.NForM, "three", on=DAIRY, units=3, pay_units=2)
    pricing = price([line(1, 100, 4)], half, three)
    assert [(discount.promotion_id, discount.amount_minor) for discount in pricing.discounts] == [("half", 200)]


def test_units_of_one_line_can_go_to_different_offers() -> None:
    tenth = named(rules.PercentOff, "tenth", on=DAIRY, off_bp=1000)
    three = named(rules.NForM, "three", on=DAIRY, units=3, pay_units=2)
    pricing = price([line(1, 100, 4)], tenth, three)
    assert {(one.promotion_id, one.amount_minor) for one in pricing.applied} == {("three", 100), ("tenth", 10)}


def test_the_example_of_the_guide() -> None:
    three = named(rules.NForM, "three", on=DAIRY, units=3, pay_units=2)
    tenth = named(rules.PercentOff, "tenth", on=DAIRY, off_bp=1000, members_only=True)
    jars = [line(1, 1090), line(2, 1050), line(3, 990)]
    assert saved(price(jars, three, tenth, member=True)) == {1: 345, 2: 332, 3: 313}
    pricing = price([*jars, line(4, 990)], three, tenth, member=True)
    assert saved(pricing) == {1: 109, 2: 343, 3: 324, 4: 323}
    assert "“Offer” is best and saves ¥10.99 (“Offer” alone ¥4.12)" in pricing.explained.en


def test_two_offers_share_the_units_so_that_most_is_saved() -> None:
    # Alone, three for two frees 100 of the snacks. Better: the milk makes a pair with the dearest snack.
    three = named(rules.NForM, "three", on=SNACKS, units=3, pay_units=2)
    pair = named(rules.MixAndMatch, "pair", groups=(Group(on=DAIRY), Group(on=SNACKS)), price_minor=700)
    lines = [line(1, 500), line(2, 600, category="snacks"), line(3, 100, 3, category="snacks")]
    pricing = price(lines, three, pair)
    assert {(one.promotion_id, one.amount_minor) for one in pricing.applied} == {("pair", 400), ("three", 100)}
    assert pricing.optimal


def test_spend_rules_count_what_item_offers_left() -> None:
    spend = named(rules.Spend, "spend", spend_minor=1000, off_minor=50)
    fifth = named(rules.PercentOff, "fifth", on=DAIRY, off_bp=2000)
    pricing = price([line(1, 1200)], spend, fifth)
    # 240 off leaves 960, too little for the 50.
    assert [(one.promotion_id, one.amount_minor) for one in pricing.applied] == [("fifth", 240)]


def test_an_item_offer_is_left_out_where_the_basket_offer_saves_more() -> None:
    spend = named(rules.Spend, "spend", spend_minor=1000, off_minor=200)
    tenth = named(rules.PercentOff, "tenth", on=DAIRY, off_bp=1000)
    pricing = price([line(1, 500), line(2, 520)], spend, tenth)
    # Both tenths would leave 918; with one of them 1020 - 52 = 968; with none the 200 is more than 102.
    assert {(one.promotion_id, one.amount_minor) for one in pricing.applied} == {("spend", 200)}
    assert pricing.optimal
    assert "left out" in pricing.explained.en


@pytest.mark.parametrize(("spend_minor", "saved_in_all", "is_proven"), [(42_000, 8_600, True), (42_001, 8_598, False)])
def test_a_large_basket_leaves_out_only_what_it_must(spend_minor: int, saved_in_all: int, is_proven: bool) -> None:
    spend = named(rules.Spend, "spend", spend_minor=spend_minor, off_minor=5_000)
    book = [
        named(rules.NForM, "three", on=DAIRY, units=3, pay_units=2),
        named(rules.PercentOff, "tenth", on=SNACKS, off_bp=1000),
        named(rules.NthReduced, "half", on=Target(categories=("bakery",)), nth=2, pay_bp=5000),
        spend,
    ]
    categories = ["dairy", "snacks", "bakery", "drinks"]
    lines = [line(number, 700 + 20 * number, 2, category=categories[number % 4]) for number in range(1, 25)]
    assert sum(one.subtotal_minor for one in lines) == 45_600
    pricing = price(lines, *book)
    # 420.00 are left when 36.00 are taken off; for 420.01 it would be 35.99, but all discounts are even.
    assert pricing.saved_minor == saved_in_all
    assert pricing.applied[-1].amount_minor == 5_000
    assert pricing.optimal is is_proven
    assert price(lines, *book[:3]).saved_minor < pricing.saved_minor


def test_the_next_step_is_split_by_what_the_first_left() -> None:
    lines = [line(1, 1000), line(2, 1000, category="snacks")]
    half = named(rules.Spend, "half", on=DAIRY, spend_minor=0, off_bp=5000)
    fifth = named(rules.Spend, "fifth", spend_minor=0, off_bp=2000, step=2)
    assert saved(price(lines, half, fifth)) == {1: 500 + 100, 2: 200}


def test_of_one_step_the_best_spend_rule_applies_and_the_next_step_counts_the_rest() -> None:
    ten = named(rules.Spend, "ten", spend_minor=1000, off_minor=100)
    thirty = named(rules.Spend, "thirty", spend_minor=2000, off_minor=300)
    tenth = named(rules.Spend, "tenth", spend_minor=0, off_bp=1000, step=2, members_only=True)
    lines = [line(1, 2500)]
    assert [(one.promotion_id, one.amount_minor) for one in price(lines, ten, thirty, tenth).applied] == [
        ("thirty", 300)
    ]
    as_member = price(lines, ten, thirty, tenth, member=True)
    assert [(one.promotion_id, one.amount_minor) for one in as_member.applied] == [("thirty", 300), ("tenth", 220)]


def test_of_equally_good_offers_the_first_by_id_applies() -> None:
    one, other = (named(rules.PercentOff, rule_id, on=DAIRY, off_bp=1000) for rule_id in ("a", "b"))
    for book in ([one, other], [other, one]):
        assert [applied.promotion_id for applied in price([line(1, 100)], *book).applied] == ["a"]


def test_a_price_that_does_not_divide_never_gives_more_than_the_line_costs() -> None:
    odd = line(1, 33, 3, subtotal_minor=100)
    pricing = price([odd], named(rules.PercentOff, on=DAIRY, off_bp=10_000))
    assert saved(pricing) == {1: 99}


def test_nothing_applies_to_an_empty_basket_or_with_an_empty_book() -> None:
    assert price([], named(rules.PercentOff, on=ALL, off_bp=1000)) == Pricing([], [], currency="CNY")
    assert price([line(1, 100)]).discounts == []
    assert price([line(1, 100)]).explained.en == ""


def test_a_book_has_one_currency_and_each_id_once() -> None:
    euro = rules.PercentOff(id="x", zh="优惠", en="Offer", currency="EUR", on=ALL, off_bp=1000)
    with pytest.raises(AssertionError, match="EUR"):
        RuleBook([euro, named(rules.PercentOff, on=ALL, off_bp=1000)])
    with pytest.raises(AssertionError, match="same id"):
        RuleBook([euro, euro])


def test_the_time_needs_its_zone() -> None:
    with pytest.raises(AssertionError, match="zone"):
        RuleBook([]).price([line(1, 100)], at=datetime(2026, 3, 4, 12), member=False)  # noqa: DTZ001  # on purpose
