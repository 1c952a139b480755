"""What packages say they hold."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.server.catalogue.quantity import Quantity, parse_quantity

with (Path(__file__).parent / "quantities.tsv").open(encoding="utf-8", newline="") as _file:
    _file.readline()
    TYPED = [tuple(row) for row in csv.reader(_file, delimiter="\t", quoting=csv.QUOTE_NONE)][1:]


@pytest.mark.parametrize(("text", "count", "each", "unit"), TYPED)
def test_typed_by_people(text: str, count: str, each: str, unit: str) -> None:
    parsed = parse_quantity(text)
    if not count:
        assert parsed is None
        return
    assert parsed is not None
    assert (parsed.count, parsed.unit) == (int(count), unit)
    assert parsed.each == pytest.approx(float(each), rel=1e-4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("6 x 330 ml", Quantity(6, 330, "ml")),
        ("1 L", Quantity(1, 1000, "ml")),
        ("500 g e", Quantity(1, 500, "g")),
        ("500 g ℮", Quantity(1, 500, "g")),
        ("500g℮", Quantity(1, 500, "g")),
        ("1,5 litre", Quantity(1, 1500, "ml")),
        ("4 x 125 g", Quantity(4, 125, "g")),
        ("12 oz", Quantity(1, 340.194, "g")),
        ("500克", Quantity(1, 500, "g")),
        ("1.5升", Quantity(1, 1500, "ml")),
        ("2斤", Quantity(1, 1000, "g")),
        ("3两", Quantity(1, 150, "g")),
        ("2.5公斤", Quantity(1, 2500, "g")),
        ("250毫升×24盒", Quantity(24, 250, "ml")),
        ("24盒×250毫升", Quantity(24, 250, "ml")),
        ("５００ｇ", Quantity(1, 500, "g")),
        ("净含量:380克", Quantity(1, 380, "g")),
        ("毛重 600克 净含量 500克", Quantity(1, 600, "g")),
        ("600克毛重, 500克", Quantity(1, 500, "g")),
        ("2 x 6 x 330 ml", Quantity(12, 330, "ml")),
        ("3 bottles of 1.5 L", Quantity(3, 1500, "ml")),
        ("1/2 gallon", Quantity(1, 1892.706, "ml")),
        ("10½ oz", Quantity(1, 297.67, "g")),
        (".5 L", Quantity(1, 500, "ml")),
        ("0, 75 l", Quantity(1, 750, "ml")),
        ("1 lb 8 oz", Quantity(1, 680.388, "g")),
        ("40 OZ (2 LB 8 OZ)", Quantity(1, 1133.981, "g")),
    ],
)
def test_forms(text: str, expected: Quantity) -> None:
    assert parse_quantity(text) == expected


@pytest.mark.parametrize(
    ("text", "grams"),
    [
        # Three decimals of a gram are thousands; three decimals of a kilogram are grams.
        ("1,000 g", 1000),
        ("1.750 g", 1750),
        ("1,000 kg", 1000),
        ("0,330 kg", 330),
        ("1,234.5 g", 1234.5),
        ("0.250 g", None),
    ],
)
def test_thousands_and_decimals(text: str, grams: float | None) -> None:
    parsed = parse_quantity(text)
    assert (parsed and parsed.total) == grams


@pytest.mark.parametrize(
    "text", ["", "e", "x", "g", "0 g", "1/0 oz", "12 servings", "0,1 g", "200 kg", "9" * 400, "1e9 g"]
)
def test_nothing_to_be_sure_of(text: str) -> None:
    assert parse_quantity(text) is None


@given(st.text(max_size=60))
def test_any_text_is_read_or_not(text: str) -> None:
    parsed = parse_quantity(text)
    assert parsed is None or 0.5 <= parsed.total <= 100_000


@given(
    count=st.integers(1, 48),
    each=st.integers(5, 2000),
    unit=st.sampled_from(["g", "ml"]),
    times=st.sampled_from([" x ", "x", "*", " × ", "×"]),
)
def test_a_multipack_is_read_in_both_orders(count: int, each: int, unit: str, times: str) -> None:
    expected = Quantity(count, each, "g" if unit == "g" else "ml")
    assert parse_quantity(f"{count}{times}{each} {unit}") == expected
    assert parse_quantity(f"{each} {unit}{times}{count}") == expected


@given(grams=st.integers(10, 9999), unit=st.sampled_from(["g", " g", " G", " gr", " grams", "克"]))
def test_a_weight_is_read_as_written(grams: int, unit: str) -> None:
    assert parse_quantity(f"{grams}{unit}") == Quantity(1, grams, "g")
