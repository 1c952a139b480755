"""Rebuild the facts in the demo's catalogue from an export of Open Food Facts.

    python scripts/make_demo_catalogue.py path/to/openfoodfacts.jsonl.gz

Which products the demo sells, their two names, brand, department, price, tags and deposits are ours and stay as they
are in src/unqueue/twin/stock/products.csv. Quantity, origin, allergens, ingredients and nutrition are taken from the
export where it has them; weights are made up from the quantity, the same every time. The README.md beside the products
says what is fact.
"""

import csv
import random
import re
import sys
from math import sqrt
from pathlib import Path

from unqueue.server.catalogue.allergens import is_allergen
from unqueue.server.catalogue.columns import NUTRITION
from unqueue.server.catalogue.given import Given, read_gtin
from unqueue.server.catalogue.gtin import gtin_14
from unqueue.server.catalogue.model import PACKAGINGS
from unqueue.server.catalogue.quantity import Quantity, parse_quantity
from unqueue.server.catalogue.sources import Row, recognise
from unqueue.server.catalogue.weights import derive_weight, net_weight, tolerable_deficiency

PRODUCTS = Path(__file__).parent.parent / "src" / "unqueue" / "twin" / "stock" / "products.csv"
COLUMNS = (
    "gtin", "store_item", "name_zh", "name_en", "brand", "category", "unit_price", "sold_by", "quantity", "packaging",
    "weight_g_expected", "weight_g_sd", "tare_g", "age_limit", "tax_rate", "deposit", "tag", "origin", "allergens",
    "ingredients", *(name for name in NUTRITION if name != "energy_kj"),
)  # fmt: skip
# Origins are free text in many languages; the plain ones are told in both of ours.
COUNTRIES = {
    spelling: name
    for name, spellings in {
        "比利时 Belgium": "belgique belgium bélgica belgië",
        "丹麦 Denmark": "dania denmark danmark",
        "英国 United Kingdom": "england united-kingdom uk",
        "欧盟 European Union": "european-union europese-unie",
        "芬兰 Finland": "finlandia finland",
        "法国 France": "france francia francja frankrijk",
        "希腊 Greece": "grecja greece",
        "西班牙 Spain": "hiszpania spagna spanien spain españa",
        "印度尼西亚 Indonesia": "indonesia",
        "意大利 Italy": "italia italie italy italien włochy",
        "以色列 Israel": "izrael israel",
        "加拿大 Canada": "kanada canada",
        "摩洛哥 Morocco": "marokko morocco",
        "荷兰 Netherlands": "nederland pays-bas netherlands",
        "挪威 Norway": "noorwegen norvegia norway",
        "秘鲁 Peru": "peru",
        "波兰 Poland": "polen polska poland",
        "瑞士 Switzerland": "suisse switzerland schweiz",
        "菲律宾 Philippines": "the-philippines philippines",
        "美国 United States": "us usa united-states",
    }.items()
    for spelling in (word.replace("-", " ") if word != "pays-bas" else word for word in spellings.split())
}
PLAIN = re.compile(r"(\d+ x )?\d+(\.\d+)? (g|kg|ml|L)")


def main(export: Path) -> None:
    """Read the export once, then rewrite the CSV."""
    with PRODUCTS.open(encoding="utf-8", newline="") as file:
        products = list(csv.DictReader(file))
    wanted = {read_gtin(product["gtin"]) for product in products if product["gtin"]}
    given = {
        row.given.gtin: row.given
        for row in recognise(export).rows("CNY")
        if isinstance(row, Row) and row.given.gtin in wanted
    }
    for product in products:
        if product["gtin"]:
            facts = given.get(gtin_14(product["gtin"]))
            if facts is not None:
                take_facts(product, facts)
            make_up_weight(product)
    with PRODUCTS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(products)
    print(f"{len(products)} products, {len(given)} of them found in {export.name}")


def take_facts(product: dict[str, str], facts: Given) -> None:
    """Overwrite what the export knows."""
    text = facts.fields.get("quantity_text", "")
    if quantity := parse_quantity(text):
        product["quantity"] = text if PLAIN.fullmatch(text) else plain(quantity)
    product["ingredients"] = facts.details.get("ingredients", "")
    product["origin"] = COUNTRIES.get(facts.details.get("origin", "").casefold(), "")
    named = [word for word in facts.details.get("allergens", "").split(", ") if is_allergen(word)]
    product["allergens"] = ", ".join(named)
    nutrition = facts.details.get("nutrition", {})
    parts = sum(nutrition.get(name, 0) for name in ("fat_g", "carbohydrates_g", "proteins_g", "salt_g"))
    if parts > 102 or nutrition.get("sugars_g", 0) > nutrition.get("carbohydrates_g", 100) + 0.5:
        nutrition = {}  # figures that cannot all be true; nobody knows which is wrong
    for column in NUTRITION:
        if column in COLUMNS:
            product[column] = f"{nutrition[column]:g}" if column in nutrition else ""


def plain(quantity: Quantity) -> str:
    """A quantity that was written in several languages or units, in one."""
    each, unit = quantity.each, str(quantity.unit)
    if each >= 1000:
        each, unit = each / 1000, {"g": "kg", "ml": "L"}[unit]
    digits = f"{each:.0f}" if each >= 10 else f"{each:.2f}".rstrip("0").rstrip(".")
    return f"{quantity.count} x {digits} {unit}" if quantity.count > 1 else f"{digits} {unit}"


def make_up_weight(product: dict[str, str]) -> None:
    """As if the store had weighed a crate of it: a little overfill, its own packaging, a packer's usual spread."""
    quantity = parse_quantity(product["quantity"])
    if quantity is None:
        raise SystemExit(f"{product['gtin']}: quantity {product['quantity']!r} is not understood")
    chance = random.Random(int(product["gtin"]))  # noqa: S311  # the same weights at every run, not a secret
    net_g = net_weight(quantity, product["category"])
    packaging = next(known for known in PACKAGINGS if known == product["packaging"])
    derived = derive_weight(Quantity(quantity.count, net_g / quantity.count, "g"), packaging, 1.0)
    empty_g = (derived.mean_g - net_g) * chance.uniform(0.8, 1.2)
    spread_g = tolerable_deficiency(quantity.each) / 5
    if product["category"] == "produce":
        spread_g = max(spread_g, 0.02 * quantity.each)
    sd_g = sqrt(quantity.count * spread_g**2 + (0.015 * empty_g) ** 2)
    product["weight_g_expected"] = str(round(net_g * (1 + chance.uniform(0, 0.008)) + empty_g))
    product["weight_g_sd"] = f"{max(sd_g, 0.5):.1f}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
