"""Made-up stock of any size: products with right check digits, and promotions of every kind spread over them."""

import csv
import json
from pathlib import Path
from typing import Any

_PREFIX = 690_000_000_000
_CATEGORIES = 200
_BRANDS = 2_000


def code(number: int) -> str:
    """The EAN-13 of the product with this number."""
    body = str(_PREFIX + number)
    total = sum(int(digit) * (3 if position % 2 == 0 else 1) for position, digit in enumerate(reversed(body)))
    return body + str(-total % 10)


def codes_of(products: int) -> list[str]:
    return [code(number) for number in range(products)]


def write_products(path: Path, products: int) -> None:
    """An Unqueue CSV of ``products`` products."""
    header = [
        "gtin",
        "product_id",
        "name_zh",
        "name_en",
        "brand",
        "category",
        "unit_price",
        "sold_by",
        "net_weight_g",
        "packaging",
        "tax_rate",
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for number in range(products):
            price = f"{2 + number % 97}.{number % 10}0"
            names = f"商品 {number}", f"Product {number}"
            brand, category = f"Brand {number % _BRANDS}", f"category-{number % _CATEGORIES}"
            row = [code(number), f"p{number}", *names, brand, category, price, "piece", 100 + number % 900, "rigid", 13]
            writer.writerow(row)


def write_promotions(path: Path, promotions: int, products: int) -> None:
    """``promotions`` active rules: most on some products, some on a brand, one on the whole basket."""
    rules = [_rule(number, products) for number in range(promotions - 1)]
    spend = {"kind": "spend", "id": "spend", "spend_minor": 20_000, "off_minor": 500, **_words(promotions)}
    path.write_text(json.dumps([*rules, spend], ensure_ascii=False), encoding="utf-8")


def _rule(number: int, products: int) -> dict[str, Any]:
    on: dict[str, Any] = {"product_ids": [f"p{(number * 37 + step) % products}" for step in range(3)]}
    if number % 10 == 0:
        on = {"brands": [f"Brand {number % _BRANDS}"]}
    kinds: tuple[dict[str, Any], ...] = (
        {"kind": "percent_off", "off_bp": 1000},
        {"kind": "n_for_m", "units": 3, "pay_units": 2},
        {"kind": "nth_reduced", "nth": 2, "pay_bp": 5000},
        {"kind": "n_for_price", "units": 2, "price_minor": 990},
    )
    return {**kinds[number % len(kinds)], "id": f"r{number}", "on": on, **_words(number)}


def _words(number: int) -> dict[str, Any]:
    return {"zh": f"促销 {number}", "en": f"Offer {number}", "currency": "CNY"}
