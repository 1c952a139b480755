"""The demo's shelves: every product can be sold, scanned and weighed, and has both its names."""

import csv
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from unqueue.server.catalogue.categories import BY_SLUG
from unqueue.server.catalogue.codes import CodeReader
from unqueue.server.catalogue.gtin import shortest
from unqueue.server.catalogue.merging import merge
from unqueue.server.catalogue.model import resolve
from unqueue.server.catalogue.sources import Row, recognise
from unqueue.server.catalogue.templates import parse_template

FOLDER = Path(__file__).parents[3] / "src" / "unqueue" / "twin" / "stock"
TODAY = date(2026, 3, 2)
TEMPLATE = parse_template("22=21 IIIII WW.WWW C")
READER = CodeReader([TEMPLATE])

with (FOLDER / "products.csv").open(encoding="utf-8", newline="") as _file:
    CELLS = list(csv.DictReader(_file))


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    found = list(recognise(FOLDER / "products.csv").rows("CNY"))
    assert all(isinstance(row, Row) for row in found), [row for row in found if not isinstance(row, Row)]
    return [row for row in found if isinstance(row, Row)]


def test_the_shelves_are_full(rows: list[Row]) -> None:
    departments = Counter(row.given.fields["category"] for row in rows)
    assert len(rows) >= 400
    assert len(departments) >= 12
    assert set(departments) <= set(BY_SLUG)
    assert min(departments.values()) >= 12
    assert len({row.given.gtin for row in rows}) == len(rows)
    assert sum(row.given.gtin.startswith("069") for row in rows) >= 150


def test_every_product_can_be_bought_by_its_code(rows: list[Row]) -> None:
    for row in rows:
        product = merge(None, row.given, row.given.gtin, "CNY").product
        assert product.unit_price_minor > 0
        if product.is_weighed:
            code = TEMPLATE.compose(product.gtin, "CNY", weight_g=512, price_minor=0) or ""
        else:
            code = shortest(product.gtin)
            assert product.weight_source == "given"
            assert product.net_weight_g is not None
            assert product.weight_g_expected > 0
        read = READER.read(code, TODAY)
        assert product.gtin in {read.gtin, read.other_gtin}, product
        resolve(product, read, TODAY)


def test_names_are_in_both_languages() -> None:
    for cells in CELLS:
        zh, en = cells["name_zh"], cells["name_en"]
        assert any("\u4e00" <= letter <= "\u9fff" for letter in zh), zh
        assert not any("\u4e00" <= letter <= "\u9fff" for letter in en), en
        assert en[:1].isalnum(), en
        assert (len(zh) <= 24, len(en) <= 60) == (True, True), (zh, en)


def test_alcohol_is_for_adults_and_dear_things_have_tags() -> None:
    for cells in CELLS:
        if cells["category"] == "alcohol" and cells["alcohol_percent"] != "0" and "无醇" not in cells["name_zh"]:
            assert cells["age_limit"] == "18", cells["name_zh"]
        if float(cells["unit_price"]) >= 100 and cells["category"] == "alcohol":
            assert cells["tag"] == "EAS", cells["name_zh"]
    assert sum(cells["tag"] == "EAS" for cells in CELLS) >= 30
    assert sum(bool(cells["deposit"]) for cells in CELLS) >= 10
    assert sum(cells["sold_by"] == "weight" for cells in CELLS) >= 12


def test_the_licence_of_the_facts_is_beside_them() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for word in ("Open Database License", "ODbL", "Open Food Facts contributors", "https://world.openfoodfacts.org"):
        assert word in text
