"""The search for the best sets: what it says of itself when it has to stop early."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.promotions import strategies
from tests.server.promotions.reference import best_saving

from unqueue.kernel.money import allocate
from unqueue.server.promotions import joint, rules, walk
from unqueue.server.promotions.joint import lightest
from unqueue.server.promotions.model import PricingLine, RuleBook
from unqueue.server.promotions.rules import Group, Rule, Target
from unqueue.server.promotions.search import set_amounts

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
CATEGORIES = ["dairy", "snacks", "drinks", "bakery"]
TARGETS = {category: Target(categories=(category,)) for category in CATEGORIES}


def named(kind: type, rule_id: str, **fields: object) -> Rule:
    rule: Rule = kind(id=rule_id, zh="优惠", en="Offer", currency="CNY", **fields)
    return rule


CROWDED = [
    named(rules.NForM, "all-3", on=Target(everything=True), units=3, pay_units=2),
    named(rules.NthReduced, "half", on=TARGETS["snacks"], nth=2, pay_bp=5000),
    named(rules.NForPrice, "four", on=Target(categories=("dairy", "drinks")), units=4, price_minor=2500),
    named(
        rules.MixAndMatch,
        "lunch",
        groups=(Group(on=TARGETS["bakery"]), Group(on=TARGETS["drinks"]), Group(on=TARGETS["snacks"], units=2)),
        price_minor=2800,
    ),
    named(rules.PercentOff, "twice", on=TARGETS["bakery"], off_bp=4000, max_uses=2),
    named(rules.PercentOff, "plain", on=TARGETS["dairy"], off_bp=1500),
]


def basket(count: int) -> list[PricingLine]:
    lines = []
    for number in range(1, count + 1):
        price, quantity = 150 + number * 7919 % 1900, 1 + number % 3
        category = CATEGORIES[number % 4]
        lines.append(
            PricingLine(number, f"p{number}", f"{number:014}", "", category, quantity, price, None, price * quantity)
        )
    return lines


def test_a_crowded_basket_ends_at_the_limit_with_a_good_answer_that_is_not_called_proven() -> None:
    lines = basket(120)
    pricing = RuleBook(CROWDED).price(lines, at=NOON, member=False)
    assert not pricing.optimal
    assert "cheapest that we found" in pricing.explained.en
    for rule in CROWDED:
        assert pricing.saved_minor >= RuleBook([rule]).price(lines, at=NOON, member=False).saved_minor
    for line in lines:
        off = sum(discount.amount_minor for discount in pricing.discounts if discount.line == line.line)
        assert off <= line.subtotal_minor


def test_the_walk_is_better_than_taking_one_offer_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = basket(16)
    found = RuleBook(CROWDED).price(lines, at=NOON, member=False)
    monkeypatch.setattr(walk.Walk, "run", lambda self, known: None)  # noqa: ARG005  # only the greedy start is left
    greedy = RuleBook(CROWDED).price(lines, at=NOON, member=False)
    assert found.saved_minor > greedy.saved_minor


@settings(max_examples=60)
@given(strategies.lines(), strategies.rule_lists(capped_amounts=False, steps=False))
def test_with_hardly_any_steps_the_answer_is_right_or_not_called_proven(
    lines: list[PricingLine], book: list[Rule]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk, "STEPS_MAX", 0)
        patch.setattr(walk, "WIDTH_MIN", 1)
        patch.setattr(joint, "STATES_MAX", 2)
        pricing = RuleBook(book).price(lines, at=NOON, member=True)
    best = best_saving(lines, book, member=True)
    assert pricing.saved_minor <= best
    assert pricing.saved_minor == best or not pricing.optimal


@settings(max_examples=60)
@given(strategies.contested())
def test_the_joint_search_alone_finds_the_best(case: tuple[list[PricingLine], list[Rule]]) -> None:
    lines, book = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joint, "_leave_out", lambda _, seats, steps: joint._choice([], seats, steps))
        pricing = RuleBook(book).price(lines, at=NOON, member=True)
    assert pricing.saved_minor == best_saving(lines, book, member=True) or not pricing.optimal


def test_the_joint_search_starts_anew_with_each_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joint, "_leave_out", lambda _, seats, steps: joint._choice([], seats, steps))
    lines = [
        PricingLine(1, "p1", "0", "", "dairy", 2, 100, None, 200),
        PricingLine(2, "p1", "0", "", "dairy", 2, 100, None, 200),
        PricingLine(3, "p1", "0", "", "dairy", 1, 150, 50, 150),
    ]
    book = [
        named(rules.PercentOff, "a", on=TARGETS["dairy"], off_bp=500),
        named(rules.PercentOff, "b", on=TARGETS["dairy"], off_bp=500),
        named(rules.NForM, "pair", on=TARGETS["dairy"], units=2, pay_units=1),
        named(rules.Spend, "spend", spend_minor=400, off_minor=100),
    ]
    # One pair frees 100, the other three are 5 % off: 18. 432 remain, enough for the 100.
    assert RuleBook(book).price(lines, at=NOON, member=False).saved_minor == best_saving(lines, book) == 218


def test_an_amount_that_some_sets_cannot_use_up_is_not_called_proven() -> None:
    lines = [PricingLine(number, f"p{number}", "0", "", "dairy", 1, price, None, price) for number, price in
             enumerate([900, 800, 50, 40], 1)]  # fmt: skip
    rule = named(rules.AmountOff, "off", on=TARGETS["dairy"], off_minor=500, units=2)
    pricing = RuleBook([rule]).price(lines, at=NOON, member=False)
    # Dear with cheap: 500 twice. Dear with dear would give 500 and 90.
    assert pricing.saved_minor == 1000
    assert not pricing.optimal


@given(st.integers(0, 10_000), st.integers(1, 10_000), st.integers(1, 10_000), st.integers(1, 9), st.integers(1, 9))
def test_a_set_of_two_lines_is_split_as_any_other(
    discount: int, price: int, other_price: int, units: int, others: int
) -> None:
    parts = [(price, 0, units, 0, ()), (other_price, 0, others, 0, ())]
    weights = [price * units, other_price * others]
    discount = min(discount, sum(weights))
    assert set_amounts(discount, [(0, units), (1, others)], parts) == allocate(discount, weights)


@given(st.lists(st.integers(1, 40), max_size=9), st.integers(1, 120))
def test_the_lightest_weights_that_are_enough(weights: list[int], least: int) -> None:
    sums = {0}
    for weight in weights:
        sums |= {total + weight for total in sums}
    enough = [total for total in sums if total >= least]
    chosen = lightest(weights, least, 1 << 20)
    assert sum(weights[number] for number in chosen) == min(enough, default=0)


@given(st.lists(st.integers(0, 10**7), max_size=30), st.integers(1, 10**8), st.integers(1, 100_000))
def test_weights_in_many_minor_units_are_enough_with_few_bits(weights: list[int], least: int, bits_max: int) -> None:
    bits = 0

    def counted(steps: list[int], limit: int) -> list[int]:
        nonlocal bits
        reached = sums(steps, limit)
        bits += sum([number.bit_length() for number in reached])
        return reached

    sums = joint._reached
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joint, "_reached", counted)
        chosen = lightest(weights, least, bits_max)
    weight = sum(weights[number] for number in chosen)
    assert bits <= bits_max + 2 * len(weights) + 2
    assert weight >= least or sum(weights) < least
    assert all(weight - weights[number] < least for number in chosen), "none of them could be spared"


def test_a_large_basket_in_a_currency_of_many_minor_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """In dong an ordinary price has seven digits; all the sums of 150 of its discounts would fill a gigabyte."""
    bits = 0

    def counted(steps: list[int], limit: int) -> list[int]:
        nonlocal bits
        reached = sums(steps, limit)
        bits += sum([number.bit_length() for number in reached])
        return reached

    sums = joint._reached
    monkeypatch.setattr(joint, "_reached", counted)
    prices = [5_000_000 + 7919 * number for number in range(150)]
    lines = [PricingLine(n, f"p{n}", "0", "", "dairy", 1, price, None, price) for n, price in enumerate(prices, 1)]
    left = sum(prices) - sum([(price * 2000 + 5000) // 10_000 for price in prices])
    book = [
        named(rules.PercentOff, "fifth", on=TARGETS["dairy"], off_bp=2000),
        named(rules.Spend, "spend", spend_minor=left + 3_000_017, off_minor=90_000_000),
    ]
    pricing = RuleBook(book).price(lines, at=NOON, member=False)
    assert 0 < bits <= joint._BITS_MAX
    assert {one.promotion_id for one in pricing.applied} == {"fifth", "spend"}
    assert pricing.saved_minor == sum(discount.amount_minor for discount in pricing.discounts)
    assert not pricing.optimal
