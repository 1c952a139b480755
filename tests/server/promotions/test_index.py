"""Only the rules that can apply are looked at, whatever the number of active rules."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from unqueue.server.promotions import model
from unqueue.server.promotions.model import PricingLine, RuleBook
from unqueue.server.promotions.rules import NForM, PercentOff, Rule, Selection, Target
from unqueue.server.promotions.validity import Validity

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=ZoneInfo("Asia/Shanghai"))


def rule(kind: type, rule_id: str, on: Target, **fields: Any) -> Rule:
    made: Rule = kind(id=rule_id, zh="优惠", en="Offer", currency="CNY", on=on, **fields)
    return made


def book_of(count: int) -> RuleBook:
    others = [
        rule(PercentOff, f"other-{number}", Target(product_ids=(f"other-{number}",)), off_bp=1000)
        for number in range(count)
    ]
    mine = [
        rule(PercentOff, "product", Target(product_ids=("p1",)), off_bp=1000),
        rule(PercentOff, "gtin", Target(gtins=("00000024",)), off_bp=2000),
        rule(PercentOff, "brand", Target(brands=("moo",)), off_bp=3000),
        rule(NForM, "category", Target(categories=("dairy",)), units=3, pay_units=2),
        rule(PercentOff, "all", Target(everything=True, excluding=Selection(brands=("moo",))), off_bp=500),
    ]
    return RuleBook([*others, *mine])


def line(number: int, product: str, gtin: str, brand: str, category: str) -> PricingLine:
    return PricingLine(number, product, gtin, brand, category, 1, 100, None, 100)


LINES = [
    line(1, "p1", "00000000000017", "crunch", "snacks"),
    line(2, "p2", "00000000000024", "crunch", "snacks"),
    line(3, "p3", "00000000000031", "moo", "dairy"),
    line(4, "p4", "00000000000048", "none", "garden"),
]


@pytest.mark.parametrize("count", [0, 10, 10_000])
def test_a_rule_that_cannot_apply_is_never_asked(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    book = book_of(count)
    asked = []
    holds = Validity.holds

    def counted(self: Validity, moment: tuple[int, int]) -> bool:
        asked.append(self)
        return holds(self, moment)

    monkeypatch.setattr(Validity, "holds", counted)
    first = book.price(LINES, at=NOON, member=False)
    # Product, GTIN, brand and category are one each; the rule for everything is a candidate of all four lines.
    assert len(asked) == 4 + 4
    assert book.price(LINES, at=NOON, member=False) == first
    assert len(asked) == 4 + 4


def test_a_product_s_new_category_counts_at_once() -> None:
    book = book_of(0)
    before = line(1, "p9", "00000000000099", "none", "garden")
    after = line(1, "p9", "00000000000099", "moo", "garden")
    assert book.price([before], at=NOON, member=False).saved_minor == 5
    assert book.price([after], at=NOON, member=False).saved_minor == 30
    assert book.price([before], at=NOON, member=False).saved_minor == 5


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "PRODUCTS_MAX", 3)
    monkeypatch.setattr(model, "VIEWS_MAX", 2)
    book = RuleBook(
        [
            *book_of(0).rules,
            rule(
                PercentOff, "hour", Target(categories=("snacks",)), off_bp=4000, daily_from="01:00", daily_until="02:00"
            ),
        ],
        memo_max=2,
    )
    for hour in range(24):
        for member in (False, True):
            at = NOON.replace(hour=hour)
            priced = book.price(LINES, at=at, member=member)
            assert priced.saved_minor == (40 + 40 + 30 + 5 if hour == 1 else 10 + 20 + 30 + 5)
            assert len(book._views) <= 2
            assert all(len(view) <= 3 for view in book._views.values())
            assert len(book._memo) <= 2
