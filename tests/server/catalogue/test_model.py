"""When a product may be sold."""

from datetime import date

import pytest

from unqueue.kernel.errors import DomainError
from unqueue.server.catalogue.codes import Code
from unqueue.server.catalogue.model import Product, resolve

TODAY = date(2026, 3, 2)
YESTERDAY, TOMORROW = date(2026, 3, 1), date(2026, 3, 3)
GTIN = "06901234567892"


def product(**fields: object) -> Product:
    made = {"product_id": "p", "gtin": GTIN, "name_zh": "纯牛奶", "name_en": "Milk", "unit_price_minor": 998, **fields}
    return Product(**made)  # type: ignore[arg-type]  # fields of Product, by name


@pytest.mark.parametrize(
    ("fields", "code", "refusal"),
    [
        ({}, Code(GTIN), None),
        ({"status": "withdrawn"}, Code(GTIN), "product_withdrawn"),
        ({"status": "unpriced"}, Code(GTIN), "price_missing"),
        # recalled: all of it, some lots of it, or none but some lots
        ({"status": "recalled"}, Code(GTIN), "product_recalled"),
        ({"status": "recalled"}, Code(GTIN, lot="A7"), "product_recalled"),
        ({"status": "recalled", "recalled_lots": ("A7",)}, Code(GTIN), "product_recalled"),
        ({"status": "recalled", "recalled_lots": ("A7",)}, Code(GTIN, lot="A7"), "product_recalled"),
        ({"status": "recalled", "recalled_lots": ("A7",)}, Code(GTIN, lot="B1"), None),
        ({"recalled_lots": ("A7", "A8")}, Code(GTIN, lot="A8"), "product_recalled"),
        ({"recalled_lots": ("A7",)}, Code(GTIN, lot="B1"), None),
        ({"recalled_lots": ("A7",)}, Code(GTIN), None),
        # past its date; good through the day itself
        ({}, Code(GTIN, expires=YESTERDAY), "product_expired"),
        ({}, Code(GTIN, best_before=YESTERDAY), "product_expired"),
        ({}, Code(GTIN, sell_by=YESTERDAY), "product_expired"),
        ({}, Code(GTIN, expires=TOMORROW, sell_by=YESTERDAY), "product_expired"),
        ({}, Code(GTIN, expires=TODAY, best_before=TODAY, sell_by=TODAY), None),
        # the gravest reason is the one that is told
        ({"status": "recalled"}, Code(GTIN, expires=YESTERDAY), "product_recalled"),
        ({"status": "withdrawn"}, Code(GTIN, expires=YESTERDAY), "product_expired"),
        # by weight
        ({"sold_by": "weight"}, Code(GTIN), "weight_needed"),
        ({"sold_by": "weight"}, Code(GTIN, weight_g=512), None),
        ({"sold_by": "weight"}, Code(GTIN, price_minor=998), None),
        ({"sold_by": "weight", "unit_price_minor": 0}, Code(GTIN, price_minor=998), "weight_needed"),
    ],
)
def test_refusals(fields: dict[str, object], code: Code, refusal: str | None) -> None:
    if refusal is None:
        assert resolve(product(**fields), code, TODAY).product == product(**fields)
        return
    with pytest.raises(DomainError) as caught:
        resolve(product(**fields), code, TODAY)
    assert caught.value.code == refusal
    assert caught.value.text_zh
    assert "{" not in caught.value.text_zh + caught.value.text_en


@pytest.mark.parametrize(
    ("fields", "code", "weight_g"),
    [
        ({"sold_by": "weight"}, Code(GTIN, weight_g=512), 512),
        ({"sold_by": "weight"}, Code(GTIN, price_minor=998), 1000),
        ({"sold_by": "weight"}, Code(GTIN, price_minor=511), 512),  # 9.98 a kilogram: 512 g cost 5.11
        ({"sold_by": "weight"}, Code(GTIN, weight_g=512, price_minor=600), 512),
        ({}, Code(GTIN, weight_g=512), None),  # a piece is a piece, whatever its code says of its weight
        ({}, Code(GTIN), None),
    ],
)
def test_weights(fields: dict[str, object], code: Code, weight_g: int | None) -> None:
    resolved = resolve(product(**fields), code, TODAY)
    assert resolved.code.weight_g == weight_g
    assert resolved.code.price_minor == code.price_minor


def test_an_expired_product_says_since_when() -> None:
    with pytest.raises(DomainError) as caught:
        resolve(product(), Code(GTIN, expires=TOMORROW, best_before=YESTERDAY), TODAY)
    problem = caught.value.problem()
    assert problem["expired_on"] == "2026-03-01"
    assert problem["status"] == 409
    assert "2026-03-01" in problem["zh"]
    assert "2026-03-01" in problem["en"]
