"""Files of rules: each thing that can't be used is told with rule, field, cause and mend."""

import json
from pathlib import Path
from typing import Any

import pytest

from unqueue.server.promotions.loader import PromotionsInvalid, load_rules, read_rules

GOOD: dict[str, Any] = {
    "kind": "percent_off", "id": "good", "zh": "优惠", "en": "Offer", "currency": "CNY",
    "on": {"categories": ["dairy"]}, "off_bp": 1000,
}  # fmt: skip


def problems(*entries: Any) -> list[tuple[str, str]]:
    with pytest.raises(PromotionsInvalid) as refused:
        read_rules(json.dumps(entries).encode())
    assert refused.value.code == "promotions_invalid"
    for problem in refused.value.details["problems"]:
        assert problem["what"]
        assert problem["mend"]
    return [(problem["rule"], problem["field"]) for problem in refused.value.details["problems"]]


def mend(entry: Any) -> str:
    with pytest.raises(PromotionsInvalid) as refused:
        read_rules(json.dumps([entry]).encode())
    return str(refused.value.details["problems"][0]["mend"])


def test_good_rules_are_read(tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_text(json.dumps([GOOD, {**GOOD, "id": "other"}]))
    assert [rule.id for rule in load_rules(file)] == ["good", "other"]


@pytest.mark.parametrize(
    ("change", "rule", "field"),
    [
        ({"off_bp": "20 %"}, "good", "off_bp"),
        ({"off_bp": 0}, "good", "off_bp"),
        ({"on": {"categorys": ["dairy"]}}, "good", "on"),
        ({"on": {"gtins": ["123"]}}, "good", "on"),
        ({"on": {"categories": [7]}}, "good", "on.categories[0]"),
        ({"weekdays": [1, 8]}, "good", "weekdays[1]"),
        ({"percent": 20}, "good", "percent"),
        ({"kind": "percentoff"}, "good", "kind"),
        ({"kind": 3}, "good", "kind"),
        ({"id": ""}, "#1", "id"),
        ({"id": "Good One"}, "Good One", "id"),
        ({"valid_until": "tomorrow"}, "good", "valid_until"),
        ({"daily_from": "10:00"}, "good", "daily_from"),
    ],
)
def test_a_problem_is_told_with_its_rule_and_field(change: dict[str, Any], rule: str, field: str) -> None:
    assert problems({**GOOD, **change}) == [(rule, field)]


def test_missing_fields_are_named() -> None:
    assert problems({"kind": "n_for_m", "id": "few"}) == [
        ("few", "zh"), ("few", "en"), ("few", "currency"), ("few", "on"), ("few", "units"), ("few", "pay_units"),
    ]  # fmt: skip


def test_all_problems_of_a_file_are_told_at_once() -> None:
    assert problems(GOOD, {**GOOD, "id": "bad", "off_bp": 0, "zh": ""}, "what?", {**GOOD, "id": "worse", "on": {}}) == [
        ("bad", "zh"), ("bad", "off_bp"), ("#3", ""), ("worse", "on"),
    ]  # fmt: skip


def test_ids_are_unique_and_currencies_one() -> None:
    assert problems(GOOD, GOOD) == [("good", "id")]
    assert problems(GOOD, {**GOOD, "id": "b"}, {**GOOD, "id": "c", "currency": "EUR"}) == [("c", "currency")]


def test_how_to_mend_it() -> None:
    assert mend({**GOOD, "kind": "percentoff"}) == "Perhaps percent_off is meant"
    assert mend({**GOOD, "offbp": 1}) == "Perhaps off_bp is meant"
    assert mend({**GOOD, "off_bp": 0}) == "Write basis points from 1 to 10000 (2000 is 20 %), as in 2000"
    assert mend({**GOOD, "daily_from": "9:00"}) == 'Write a time of day as hours and minutes, as in "18:00"'
    assert mend({**GOOD, "on": {}}).startswith("Give product_ids, gtins, brands or categories")


@pytest.mark.parametrize(
    ("text", "place"),
    [(b"{}", "the file"), (b'[\n{"kind": "spend",,}]', "line 2, column 18"), (b"", "line 1"), (b"[\xff]", "line 1")],
)
def test_what_is_no_list_of_rules_is_told_with_its_place(text: bytes, place: str) -> None:
    with pytest.raises(PromotionsInvalid) as refused:
        read_rules(text)
    assert refused.value.details["problems"][0]["rule"].startswith(place)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PromotionsInvalid, match=r"rules\.json"):
        load_rules(tmp_path / "rules.json")


def test_the_text_names_the_first_problems_and_counts_the_rest() -> None:
    with pytest.raises(PromotionsInvalid) as refused:
        read_rules(json.dumps([{**GOOD, "id": f"r{number}", "off_bp": 0} for number in range(25)]).encode())
    assert "r0, off_bp" in refused.value.text_en
    assert "r24" not in refused.value.text_en
    assert "5 more" in refused.value.text_en
    assert "没有导入" in refused.value.text_zh
