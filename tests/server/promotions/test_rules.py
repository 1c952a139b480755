"""Rules as data: what is refused, and why; the guide's and the demo's rules are good."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from unqueue.server.catalogue.categories import BY_SLUG
from unqueue.server.promotions.loader import load_rules, read_rules
from unqueue.server.promotions.model import RuleBook
from unqueue.server.promotions.rules import MixAndMatch, Rule, Selection, Target

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "src" / "unqueue" / "twin" / "stock"
WORDS = {"id": "rule", "zh": "优惠", "en": "Offer", "currency": "CNY"}
ALL = {"everything": True}


def decode(**fields: Any) -> Rule:
    rule: Rule = msgspec.convert({**WORDS, **fields}, Rule)
    return rule


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"kind": "percent_off", "on": ALL, "off_bp": 0}, ">= 1"),
        ({"kind": "percent_off", "on": ALL, "off_bp": 10_001}, "<= 10000"),
        ({"kind": "percent_off", "on": ALL, "off_bp": 1.5}, "Expected `int`"),
        ({"kind": "percent_off", "on": {}, "off_bp": 100}, "names no product"),
        ({"kind": "percent_off", "on": {"everything": True, "brands": ["x"]}, "off_bp": 100}, "names products too"),
        ({"kind": "percent_off", "on": {"gtins": ["12345"]}, "off_bp": 100}, "no GTIN"),
        ({"kind": "percent_off", "on": ALL, "off_bp": 100, "id": "Ünlike"}, "matching regex"),
        ({"kind": "percent_off", "on": ALL, "off_bp": 100, "id": "x" * 49}, "matching regex"),
        ({"kind": "percent_off", "on": ALL, "off_bp": 100, "weekdays": [0]}, ">= 1"),
        ({"kind": "percent_off", "on": ALL, "off_bp": 100, "daily_from": "9:00", "daily_until": "10:00"}, "regex"),
        ({"kind": "percent_off", "on": ALL, "off_bp": 100, "daily_from": "09:00"}, "come together"),
        ({"kind": "percent_off", "on": ALL, "off_bp": 100, "daily_from": "09:00", "daily_until": "09:00"}, "the same"),
        ({"kind": "percent_off", "on": ALL, "off_bp": 100, "daily_from": "24:00", "daily_until": "09:00"}, "24:00"),
        ({"kind": "percent_off", "on": ALL, "off_bp": 100, "valid_from": "2026-01-01T00:00:00"}, "timezone"),
        (
            {
                "kind": "percent_off",
                "on": ALL,
                "off_bp": 100,
                "valid_from": "2026-01-02T00:00:00Z",
                "valid_until": "2026-01-02T00:00:00Z",
            },
            "not later",
        ),
        ({"kind": "n_for_m", "on": ALL, "units": 2, "pay_units": 2}, "not less"),
        ({"kind": "nth_reduced", "on": ALL, "nth": 1, "pay_bp": 5000}, "nth is 1"),
        ({"kind": "mix_and_match", "groups": [], "off_bp": 100}, "length >= 1"),
        ({"kind": "mix_and_match", "groups": [{"on": ALL}]}, "no reward"),
        ({"kind": "mix_and_match", "groups": [{"on": ALL}], "off_bp": 100, "price_minor": 1}, "several rewards"),
        ({"kind": "mix_and_match", "groups": [{"on": ALL, "off_bp": 100}], "off_bp": 100}, "several rewards"),
        ({"kind": "spend", "spend_minor": 100}, "alternatives"),
        ({"kind": "spend", "spend_minor": 100, "off_minor": 1, "off_bp": 1}, "alternatives"),
        ({"kind": "spend", "spend_minor": 100, "off_bp": 1, "every": True}, "off_minor only"),
        ({"kind": "spend", "spend_minor": 0, "off_minor": 1, "every": True}, "needs a spend_minor"),
        ({"kind": "spend", "spend_minor": 100, "off_minor": 1, "max_uses": 2}, "with every only"),
        ({"kind": "percent_off", "on": ALL, "off_bp": 100, "surprise": 1}, "unknown field"),
        ({"kind": "voucher"}, "Invalid value"),
    ],
)
def test_what_makes_no_sense_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=re.escape(says)):
        decode(**fields)


def test_the_guide_s_rules_can_be_used() -> None:
    guide = (ROOT / "docs" / "guides" / "promotions.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```json\n(.*?)```", guide, re.DOTALL)
    rules = read_rules(f"[{','.join(blocks)}]".encode())
    assert {rule.__struct_config__.tag for rule in rules} == {
        kind.__struct_config__.tag
        for kind in Rule.__args__  # type: ignore[attr-defined]
    }
    RuleBook(rules)


def test_the_demo_s_rules_are_for_goods_that_the_demo_has() -> None:
    rules = load_rules(DEMO / "promotions.json")
    assert len(rules) >= 12
    with (DEMO / "products.csv").open(encoding="utf-8", newline="") as file:
        goods = list(csv.DictReader(file))
    brands, gtins = {row["brand"] for row in goods}, {row["gtin"] for row in goods}
    categories = {row["category"] for row in goods}
    for rule in rules:
        for target in targets(rule):
            for selection in (target, target.excluding or Selection()):
                assert set(selection.brands) <= brands, rule.id
                assert set(selection.gtins) <= gtins, rule.id
                assert set(selection.categories) <= categories, rule.id
                assert set(selection.categories) <= BY_SLUG.keys(), rule.id


def targets(rule: Rule) -> list[Target]:
    return [group.on for group in rule.groups] if isinstance(rule, MixAndMatch) else [rule.on]


def test_a_rule_is_written_without_what_it_leaves_open() -> None:
    rule = decode(kind="percent_off", on={"categories": ["dairy"]}, off_bp=2000)
    assert json.loads(msgspec.json.encode(rule)) == {
        "kind": "percent_off",
        **WORDS,
        "on": {"categories": ["dairy"]},
        "off_bp": 2000,
    }
