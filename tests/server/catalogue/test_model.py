"""When a product may be sold."""

from datetime import date

import pytest

from unqueue.kernel.errors import DomainError
from unqueue.server.catalogue.codes import Code
from unqueue.server.catalogue.model import LabelPriceDiffers, Product, Recognised, resolve

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
    ("fields", "code", "weight_g", "price_minor"),
    [
        ({"sold_by": "weight"}, Code(GTIN, weight_g=512), 512, None),
        ({"sold_by": "weight"}, Code(GTIN, price_minor=998), 1000, 998),
        ({"sold_by": "weight"}, Code(GTIN, price_minor=511), 512, 511),  # 9.98 a kilogram: 512 g cost 5.11
        ({"sold_by": "weight"}, Code(GTIN, weight_g=512, price_minor=510), 512, 510),  # the scale rounds to the tenth
        ({"sold_by": "weight"}, Code(GTIN, weight_g=512, price_minor=501), 512, 501),
        ({"sold_by": "weight"}, Code(GTIN, weight_g=512, price_minor=600), 512, 511),  # cheaper since it was labelled
        ({}, Code(GTIN, weight_g=512), None, None),  # a piece is a piece, whatever its code says of its weight
        ({}, Code(GTIN, price_minor=1), None, None),  # … and costs what the server says
        ({}, Code(GTIN, weight_g=500, price_minor=1), None, None),
        ({}, Code(GTIN), None, None),
    ],
)
def test_weights_and_label_prices(
    fields: dict[str, object], code: Code, weight_g: int | None, price_minor: int | None
) -> None:
    resolved = resolve(product(**fields), code, TODAY)
    assert resolved.code.weight_g == weight_g
    assert resolved.code.price_minor == price_minor


@pytest.mark.parametrize("price_minor", [1, 400, 500])
def test_a_label_that_asks_too_little_is_printed_again(price_minor: int) -> None:
    with pytest.raises(LabelPriceDiffers):
        resolve(product(sold_by="weight"), Code(GTIN, weight_g=512, price_minor=price_minor), TODAY)


def test_an_expired_product_says_since_when() -> None:
    with pytest.raises(DomainError) as caught:
        resolve(product(), Code(GTIN, expires=TOMORROW, best_before=YESTERDAY), TODAY)
    problem = caught.value.problem()
    assert problem["expired_on"] == "2026-03-01"
    assert problem["status"] == 409
    assert "2026-03-01" in problem["zh"]
    assert "2026-03-01" in problem["en"]


@pytest.mark.parametrize(
    ("fields", "code", "value_minor"),
    [
        ({"unit_price_minor": 690, "deposit_minor": 50}, Code(GTIN), 740),
        ({"unit_price_minor": 690, "status": "recalled"}, Code(GTIN), 690),
        ({"unit_price_minor": 1200, "sold_by": "weight"}, Code(GTIN, weight_g=512), 614),
        ({"unit_price_minor": 1200, "sold_by": "weight"}, Code(GTIN, weight_g=512, price_minor=610), 610),
        ({"unit_price_minor": 1200, "sold_by": "weight"}, Code(GTIN), None),
    ],
)
def test_what_goods_are_worth_that_staff_find(fields: dict[str, object], code: Code, value_minor: int | None) -> None:
    assert Recognised(product(**fields), code).value_minor == value_minor
