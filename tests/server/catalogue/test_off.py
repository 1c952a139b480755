"""Rows of Open Food Facts in their different forms."""

import json
from typing import Any

import pytest

from unqueue.server.catalogue import off
from unqueue.server.catalogue.given import Given, RowRefused

# The same product as the JSONL dump has it, and as the CSV dump has it.
DUMPED: dict[str, Any] = {
    "code": "3017620422003",
    "lang": "fr",
    "product_name": "Nutella",
    "product_name_zh": "能多益",
    "brands": "Ferrero, Nutella",
    "quantity": "400 g e",
    "categories_tags": ["en:spreads", "en:sweet-spreads", "en:hazelnut-spreads"],
    "packaging_tags": ["en:glass-jar", "en:plastic-lid"],
    "allergens_tags": ["en:milk", "en:nuts"],
    "origins": "en:france",
    "ingredients_text": "Sucre, huile de palme, _noisettes_ 13&nbsp;%",
    "nutriments": {
        "fat_100g": 30.9,
        "salt_100g": "0.107",
        "energy-kj_100g": 2252,
        "sugars_100g": -1,
        "proteins_100g": "?",
    },
    "images": {"1": {}},
}
FLAT = {
    "code": "3017620422003",
    "product_name": "Nutella",
    "brands": "Ferrero,Nutella",
    "quantity": "400 g e",
    "categories_tags": "en:spreads,en:sweet-spreads",
    "packaging_tags": "en:glass-jar",
    "fat_100g": "30.9",
    "alcohol_100g": "",
}


def of_json(**changes: Any) -> Given:
    return off.given_of_json(json.dumps({**DUMPED, **changes}).encode())


def test_the_dump() -> None:
    given = of_json()
    assert given.gtin == "03017620422003"
    assert given.source == "off"
    assert given.fields == {
        "name_zh": "能多益",
        "name_en": "Nutella",
        "brand": "Ferrero",
        "category": "breakfast",
        "packaging": "glass",
        "quantity_text": "400 g e",
    }
    assert given.details == {
        "origin": "france",
        "ingredients": "Sucre, huile de palme, noisettes 13 %",
        "allergens": "milk, nuts",
        "nutrition": {"fat_g": 30.9, "salt_g": 0.107, "energy_kj": 2252},
    }


def test_the_csv() -> None:
    assert off.is_header(list(FLAT))
    given = off.ColumnReader(list(FLAT)).read(list(FLAT.values()))
    assert given.fields["category"] == "breakfast"
    assert given.fields["brand"] == "Ferrero"
    assert given.details == {"nutrition": {"fat_g": 30.9}}
    assert off.ColumnReader(list(FLAT)).read(list(FLAT.values())[:2]).fields["name_zh"] == "Nutella"


@pytest.mark.parametrize(
    ("changes", "age_limit"),
    [
        ({"categories_tags": ["en:alcoholic-beverages", "en:beers"]}, 18),
        ({"categories_tags": ["en:beers"], "nutriments": {"alcohol_100g": 5}}, 18),
        ({"categories_tags": ["en:beers"], "nutriments": {"alcohol_100g": 0}}, None),
        ({"categories_tags": ["en:vinegars"], "nutriments": {"alcohol_100g": 5}}, None),
    ],
)
def test_alcohol_has_an_age_limit(changes: dict[str, Any], age_limit: int | None) -> None:
    assert of_json(**changes).fields.get("age_limit") == age_limit


@pytest.mark.parametrize(
    ("tags", "slug", "expected"),
    [
        (["en:plastic-bottle"], "en:sodas", "rigid"),
        (["fr:bouteille-en-verre"], "en:sodas", "glass"),
        (["en:plastic-bag"], "en:sodas", "flexible"),
        (["xx:unheard-of"], "en:sodas", "rigid"),  # what drinks usually come in
        ([], "en:crisps", "flexible"),
        ([], "en:unheard-of", "flexible"),
    ],
)
def test_packaging(tags: list[str], slug: str, expected: str) -> None:
    assert of_json(packaging_tags=tags, categories_tags=[slug]).fields["packaging"] == expected


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (b"{", "not readable as JSON"),
        (b"[1]", "not readable as JSON"),
        (b"{}", "no code"),
        (json.dumps({"code": "3017620422003"}).encode(), "no product_name"),
        (json.dumps({"code": "3017620422004", "product_name": "x"}).encode(), "check digit"),
        (json.dumps({"code": 3017620422003.5, "product_name": "x"}).encode(), "more than digits"),
    ],
)
def test_refused(line: bytes, cause: str) -> None:
    with pytest.raises(RowRefused, match=cause):
        off.given_of_json(line)


def test_a_figure_beyond_all_bounds_is_left_out() -> None:
    endless = '{"code": "3017620422003", "product_name": "Nutella", "fat_100g": 1' + "0" * 400 + "}"
    assert off.given_of_json(endless.encode()).details == {}


def test_odd_types_do_no_harm() -> None:
    given = of_json(
        brands=["A", 3], quantity=5, categories_tags=None, allergens_tags=None, nutriments=[], origins={"a": 1}
    )
    assert given.fields["brand"] == "A"
    assert given.fields["quantity_text"] == "5"
    assert given.fields["category"] == "other"
