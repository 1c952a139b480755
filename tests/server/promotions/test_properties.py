"""What holds for every basket and every rule book, and that nothing better was overlooked."""

from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.promotions import strategies
from tests.server.promotions.reference import best_saving

from unqueue.server.promotions.model import Pricing, PricingLine, RuleBook
from unqueue.server.promotions.rules import PercentOff, Rule, Target

Lines = list[PricingLine]
Rules = list[Rule]
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
big_baskets = strategies.lines(units_max=40, discountable=False)
big_books = strategies.rule_lists(rules_max=8)


def price(lines: list[PricingLine], rules: list[Rule], *, member: bool = True) -> Pricing:
    return RuleBook(rules, memo_max=0).price(lines, at=NOON, member=member)


@settings(max_examples=120)
@given(strategies.lines(), strategies.rule_lists(capped_amounts=False, steps=False), st.booleans())
def test_a_small_basket_saves_the_most_that_is_possible_and_it_is_proven(
    lines: Lines, rules: Rules, member: bool
) -> None:
    pricing = price(lines, rules, member=member)
    assert pricing.saved_minor == best_saving(lines, rules, member=member)
    assert pricing.optimal


@settings(max_examples=120)
@given(strategies.contested())
def test_item_offers_and_spend_rules_together_save_the_most_that_is_possible(case: tuple[Lines, Rules]) -> None:
    lines, rules = case
    pricing = price(lines, rules)
    assert pricing.saved_minor == best_saving(lines, rules, member=True)
    assert pricing.optimal


@settings(max_examples=60)
@given(strategies.lines(discountable=False), strategies.rule_lists(), st.booleans())
def test_what_is_called_the_best_is_the_best(lines: Lines, rules: Rules, member: bool) -> None:
    pricing = price(lines, rules, member=member)
    best = best_saving(lines, rules, member=member)
    assert pricing.saved_minor <= best
    assert pricing.saved_minor == best or not pricing.optimal


@settings(max_examples=50)
@given(big_baskets, big_books)
def test_every_discount_belongs_to_a_line_and_adds_up(lines: Lines, rules: Rules) -> None:
    pricing = price(lines, rules)
    assert sum(discount.amount_minor for discount in pricing.discounts) == pricing.saved_minor
    by_line: Counter[int] = Counter()
    by_rule: Counter[str] = Counter()
    for discount in pricing.discounts:
        assert discount.amount_minor > 0
        by_line[discount.line] += discount.amount_minor
        by_rule[discount.promotion_id] += discount.amount_minor
    for line in lines:
        assert by_line[line.line] <= (line.subtotal_minor if line.discountable else 0)
    assert by_rule == {applied.promotion_id: applied.amount_minor for applied in pricing.applied}
    keys = [(discount.line, discount.promotion_id) for discount in pricing.discounts]
    assert len(set(keys)) == len(keys)
    assert [line for line, _ in keys] == sorted(line for line, _ in keys)
    for applied in pricing.applied:
        touched = [discount.line for discount in pricing.discounts if discount.promotion_id == applied.promotion_id]
        assert list(applied.lines) == sorted(set(applied.lines))
        assert set(touched) <= set(applied.lines)


@settings(max_examples=50)
@given(big_baskets, big_books, st.data())
def test_the_order_of_lines_and_of_rules_is_of_no_matter(lines: Lines, rules: Rules, data: st.DataObject) -> None:
    shuffled_lines = data.draw(st.permutations(lines))
    shuffled_rules = data.draw(st.permutations(rules))
    assert price(shuffled_lines, shuffled_rules) == price(lines, rules)


@settings(max_examples=50)
@given(big_baskets, big_books, st.sampled_from(["a", "r2x", "z"]))
def test_a_rule_for_other_goods_changes_nothing(lines: Lines, rules: Rules, rule_id: str) -> None:
    other = PercentOff(
        id=rule_id, zh="别的", en="Other", currency="CNY", off_bp=5000, on=Target(product_ids=("elsewhere",))
    )
    assert price(lines, [*rules, other]) == price(lines, rules)


@settings(max_examples=50)
@given(st.lists(big_baskets, min_size=2, max_size=5), big_books, st.lists(st.booleans(), min_size=5, max_size=5))
def test_a_book_that_remembers_answers_as_one_that_does_not(
    baskets: list[Lines], rules: Rules, members: list[bool]
) -> None:
    book = RuleBook(rules)
    for lines, member in zip(baskets, members, strict=False):
        for count in range(1, len(lines) + 1):
            assert book.price(lines[:count], at=NOON, member=member) == price(lines[:count], rules, member=member)


@settings(max_examples=50)
@given(big_baskets, big_books)
def test_a_memo_that_is_full_at_once_changes_nothing(lines: Lines, rules: Rules) -> None:
    book = RuleBook(rules, memo_max=1)
    assert book.price(lines, at=NOON, member=True) == price(lines, rules)
    assert book.price(lines[1:], at=NOON, member=True) == price(lines[1:], rules)
    assert book.price(lines, at=NOON, member=True) == price(lines, rules)


@settings(max_examples=50)
@given(big_baskets, big_books)
def test_members_never_pay_more(lines: Lines, rules: Rules) -> None:
    as_member, as_guest = price(lines, rules), price(lines, rules, member=False)
    if as_member.optimal:
        assert as_member.saved_minor >= as_guest.saved_minor


@settings(max_examples=50)
@given(big_baskets, big_books)
def test_a_rule_survives_being_written_down(lines: Lines, rules: Rules) -> None:
    written = msgspec.json.decode(msgspec.json.encode(rules), type=list[Rule])
    assert written == rules
    assert price(lines, written) == price(lines, rules)


@settings(max_examples=50)
@given(big_baskets, big_books)
def test_every_pricing_can_be_explained(lines: Lines, rules: Rules) -> None:
    pricing = price(lines, rules)
    explained = pricing.explained
    assert bool(explained.zh) == bool(explained.en) == bool(pricing.applied or not pricing.optimal)
