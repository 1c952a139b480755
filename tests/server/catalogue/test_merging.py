"""What a row makes of what is known."""

from typing import Any

import pytest

from unqueue.server.catalogue.given import Given, Origin, RowRefused
from unqueue.server.catalogue.merging import merge
from unqueue.server.catalogue.store import Record

GTIN = "06901234567892"
NEW = {
    "name_zh": "苹果汁",
    "name_en": "Apple juice",
    "category": "drinks",
    "quantity_text": "1 L",
    "packaging": "rigid",
}


def given(source: Origin = "store", *, details: dict[str, Any] | None = None, **fields: Any) -> Given:
    return Given(GTIN, fields, details or {}, source)


def store_record(**fields: Any) -> Record:
    return merge(None, given(**{**NEW, "unit_price_minor": 998, **fields}), "p1", "CNY")


def test_a_new_product() -> None:
    product = store_record().product
    assert (product.product_id, product.gtin, product.currency) == ("p1", GTIN, "CNY")
    assert (product.net_weight_g, product.weight_source, product.status) == (1000, "derived", "active")
    assert (product.weight_g_expected, product.weight_g_sd) == (1066, 33.9)


def test_one_name_serves_for_both() -> None:
    assert merge(None, given(name_zh="笔"), "p", "CNY").product.name_en == "笔"
    assert merge(None, given(name_en="Pen"), "p", "CNY").product.name_zh == "Pen"
    with pytest.raises(RowRefused, match="needs name_zh or name_en"):
        merge(None, given(unit_price_minor=5), "p", "CNY")


def test_what_is_left_open_stays() -> None:
    known = store_record(deposit_minor=50)
    merged = merge(known, given(unit_price_minor=1098), "p1", "CNY")
    assert merged.product.unit_price_minor == 1098
    assert merged.product.deposit_minor == 50
    assert merged.product.name_zh == "苹果汁"
    assert merge(merged, given(unit_price_minor=998), "p1", "CNY") == known


@pytest.mark.parametrize("source", ["store", "off"])
def test_twice_is_once(source: Origin) -> None:
    row = given(source, details={"origin": "CN", "nutrition": {"fat_g": 1.0}}, **NEW)
    once = merge(None, row, "p1", "CNY")
    assert merge(once, row, "p1", "CNY") == once


@pytest.mark.parametrize(
    ("before", "change", "status"),
    [
        ({}, {"unit_price_minor": 998}, "active"),
        ({}, {}, "unpriced"),
        ({}, {"unit_price_minor": 0}, "active"),  # a present that is stated to cost nothing
        ({"unit_price_minor": 998}, {"status": "withdrawn"}, "withdrawn"),
        ({"unit_price_minor": 998, "status": "withdrawn"}, {"unit_price_minor": 5}, "withdrawn"),
        ({"unit_price_minor": 998, "status": "recalled"}, {"name_en": "x"}, "recalled"),
        ({"unit_price_minor": 998, "status": "withdrawn"}, {"status": "active"}, "active"),
        ({"status": "withdrawn"}, {"status": "active"}, "unpriced"),
        ({"unit_price_minor": 0}, {"name_en": "x"}, "active"),
    ],
)
def test_status(before: dict[str, Any], change: dict[str, Any], status: str) -> None:
    known = merge(None, given(name_zh="笔", **before), "p1", "CNY")
    assert merge(known, given(**change), "p1", "CNY").product.status == status


def test_a_weighed_product_has_the_weight_of_its_code() -> None:
    product = merge(None, given(name_zh="苹果", sold_by="weight", tare_g=5), "p", "CNY").product
    assert (product.weight_g_expected, product.weight_g_sd, product.tare_g) == (0, 0.0, 5)
    by_piece = merge(
        merge(None, given(name_zh="苹果", sold_by="weight"), "p", "CNY"), given(sold_by="piece"), "p", "CNY"
    )
    assert by_piece.product.weight_source == "guessed"


def test_what_the_store_weighed_is_kept_until_the_package_changes() -> None:
    known = store_record(weight_g_expected=1052, weight_g_sd=3.0)
    assert known.product.weight_source == "given"
    renamed = merge(known, given(name_en="Juice", packaging="glass"), "p1", "CNY").product
    assert (renamed.weight_g_expected, renamed.weight_g_sd) == (1052, 3.0)
    smaller = merge(known, given(quantity_text="900 ml"), "p1", "CNY").product
    assert (smaller.net_weight_g, smaller.weight_source) == (900, "derived")
    assert smaller.weight_g_expected < 1000


def test_a_weight_without_deviation_gets_a_derived_one() -> None:
    product = store_record(weight_g_expected=1052).product
    assert product.weight_g_sd == store_record().product.weight_g_sd


def test_a_stated_net_weight_beats_the_text() -> None:
    product = store_record(quantity_text="10 sachets", net_weight_g=250).product
    assert (product.net_weight_g, product.quantity_text, product.weight_source) == (250, "10 sachets", "derived")
    unknown = store_record(quantity_text="10 sachets").product
    assert (unknown.net_weight_g, unknown.weight_source) == (None, "guessed")


def test_open_food_facts_fills_gaps_of_the_store_s_own_and_overwrites_its_own() -> None:
    facts = given("off", details={"ingredients": "apples"}, name_zh="x", name_en="y", brand="Z", quantity_text="2 L")
    own = merge(store_record(), facts, "p1", "CNY")
    assert (own.product.name_zh, own.product.brand, own.product.quantity_text) == ("苹果汁", "Z", "1 L")
    assert (own.details.ingredients, own.source) == ("apples", "store")

    theirs = merge(merge(None, given("off", **NEW), "p1", "CNY"), facts, "p1", "CNY")
    assert (theirs.product.name_zh, theirs.product.net_weight_g, theirs.source) == ("x", 2000, "off")


def test_a_price_does_not_make_a_product_the_store_s_own() -> None:
    theirs = merge(None, given("off", **NEW), "p1", "CNY")
    priced = merge(theirs, given(unit_price_minor=998), "p1", "CNY")
    assert (priced.source, priced.product.status) == ("off", "active")
    assert merge(priced, given("off", name_zh="新名"), "p1", "CNY").product.unit_price_minor == 998
    assert merge(priced, given(name_zh="自己的名字"), "p1", "CNY").source == "store"
