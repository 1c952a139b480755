"""What a row of an Unqueue CSV may say, and what is told about one that may not."""

from typing import Any

import pytest

from unqueue.server.catalogue.columns import ColumnReader, fault_of_header
from unqueue.server.catalogue.given import Given, RowRefused, clean_text, read_gtin

GTIN = "6901234567892"


def read(**cells: str) -> Given:
    row = {"gtin": GTIN, **cells}
    return ColumnReader(list(row), "CNY").read(list(row.values()))


@pytest.mark.parametrize(
    ("column", "cell", "field", "value"),
    [
        ("name_zh", " 纯牛奶 ", "name_zh", "纯牛奶"),
        ("name_en", "Milk\t3.2 %\n", "name_en", "Milk 3.2 %"),
        ("unit_price", "12.90", "unit_price_minor", 1290),
        ("unit_price", "12,9", "unit_price_minor", 1290),
        ("unit_price", "12", "unit_price_minor", 1200),
        ("unit_price", "0", "unit_price_minor", 0),
        ("unit_price_minor", "1290", "unit_price_minor", 1290),
        ("deposit", "0.5", "deposit_minor", 50),
        ("deposit", "-", "deposit_minor", 0),
        ("tax_rate", "13", "tax_rate_bp", 1300),
        ("tax_rate", "5.5", "tax_rate_bp", 550),
        ("sold_by", "Weight", "sold_by", "weight"),
        ("tag", "eas", "tag", "EAS"),
        ("packaging", "glass", "packaging", "glass"),
        ("status", "recalled", "status", "recalled"),
        ("age_limit", "18", "age_limit", 18),
        ("age_limit", "-", "age_limit", None),
        ("quantity", "6 x 330 ml", "quantity_text", "6 x 330 ml"),
        ("net_weight_g", "500.0", "net_weight_g", 500),
        ("weight_g_sd", "2.5", "weight_g_sd", 2.5),
        ("recalled_lots", "B2, A7|A7", "recalled_lots", ("A7", "B2")),
        ("recalled_lots", "-", "recalled_lots", ()),
        ("category", "tea-coffee", "category", "tea-coffee"),
    ],
)
def test_cells(column: str, cell: str, field: str, value: Any) -> None:
    assert read(**{column: cell}).fields == {field: value}


def test_an_empty_cell_says_nothing() -> None:
    given = read(name_zh="", unit_price=" ", ingredients="", fat_g="", product_id="", other_codes="")
    assert given == Given("06901234567892", {}, {}, "store")


def test_details_and_identity() -> None:
    given = read(product_id="milk-1", other_codes="96385074 4006381333931", origin="内蒙古", fat_g="3.5", salt_g="0,1")
    assert given.product_id == "milk-1"
    assert given.other_codes == ("00000096385074", "04006381333931")
    assert given.details == {"origin": "内蒙古", "nutrition": {"fat_g": 3.5, "salt_g": 0.1}}
    assert read(other_codes="-").other_codes == ()


def test_a_store_s_own_item() -> None:
    assert read(gtin="", store_item="21 10001").gtin == "02110001000003"


@pytest.mark.parametrize(
    ("cells", "cause"),
    [
        ({"unit_price": "-1"}, "unit_price: -1 is negative"),
        ({"unit_price": "1.005"}, "too many decimals"),
        ({"unit_price": "12.90 ¥"}, "unit_price: 12.90 ¥ is not a number"),
        ({"unit_price": "NaN"}, "not a number"),
        ({"unit_price": "1e400"}, "unit_price: 1e400 is far too large or too small"),
        ({"unit_price": "1e99999"}, "far too large or too small"),
        ({"unit_price": "0e99999"}, "far too large or too small"),
        ({"unit_price": "1e-99999"}, "far too large or too small"),
        ({"unit_price": "0" * 41}, "is not a number"),
        ({"net_weight_g": "1e99999"}, "far too large or too small"),
        ({"fat_g": "1e99999"}, "far too large or too small"),
        ({"unit_price": "99999999"}, "too large"),
        ({"unit_price": "-"}, "cannot be emptied"),
        ({"name_zh": "-"}, "cannot be emptied"),
        ({"tax_rate": "101"}, "too large"),
        ({"sold_by": "litre"}, "sold_by: litre is none of piece, weight"),
        ({"status": "unpriced"}, "is none of active, withdrawn, recalled"),
        ({"category": "Früchte & Gemüse"}, "no category"),
        ({"age_limit": "0"}, "from 1 to 99"),
        ({"net_weight_g": "1.5"}, "not a whole number"),
        ({"weight_g_sd": "-1"}, "not a number from 0"),
        ({"name_en": "x" * 201}, "longer than 200"),
        ({"product_id": "x" * 65}, "longer than 64"),
        ({"currency": "EUR"}, "this store sells in CNY"),
        ({"gtin": "6901234567893"}, "check digit is wrong"),
        ({"gtin": "690123456789"}, "check digit is wrong"),
        ({"gtin": "6.90123E+12"}, "a spreadsheet rounded"),
        ({"gtin": "6,90123e12"}, "a spreadsheet rounded"),
        ({"gtin": "ABC"}, "more than digits"),
        ({"gtin": "1234567"}, "has 7 digits"),
        ({"gtin": "0000000000000"}, "it is zero"),
        ({"gtin": ""}, "no code"),
        ({"gtin": "", "store_item": "21x"}, "store_item"),
        ({"other_codes": "123"}, "has 3 digits"),
        ({"name_zh": "\udc96"}, "encoding"),
    ],
)
def test_refused_cells(cells: dict[str, str], cause: str) -> None:
    with pytest.raises(RowRefused) as caught:
        read(**cells)
    assert cause in str(caught.value)


def test_rows_of_another_width() -> None:
    reader = ColumnReader(["gtin", "brand"], "CNY")
    assert reader.read([GTIN]).fields == {}
    assert reader.read([GTIN, "A", "", ""]).fields == {"brand": "A"}
    with pytest.raises(RowRefused, match="3 cells, but the header has 2"):
        reader.read([GTIN, "A", "B"])


@pytest.mark.parametrize(
    ("names", "fault"),
    [
        (["gtin", "unit_price"], None),
        (["store_item"], None),
        (["gtn", "unit_price"], "did you mean gtin?"),
        (["gtin", "unitprice"], "did you mean unit_price?"),
        (["gtin", "colour_of_the_lid"], "the columns are"),
        (["gtin", "gtin"], "twice"),
        (["a", "b"], "must name the columns"),
        ([""], "must name the columns"),
    ],
)
def test_headers(names: list[str], fault: str | None) -> None:
    told = fault_of_header(names)
    assert told is None if fault is None else fault in (told or "")


@pytest.mark.parametrize("text", ["6901234567892", "6901234567892 ", "690-1234-567892", "06901234567892"])
def test_codes_in_files(text: str) -> None:
    assert read_gtin(text) == "06901234567892"


def test_texts_lose_control_characters() -> None:
    assert clean_text("a\x00b\r\n c", 10) == "a b c"
    assert clean_text("全角　空格", 10) == "全角 空格"
