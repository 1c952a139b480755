"""Rows of Open Food Facts: the JSONL dump, the CSV dump, and exports of a search, which differ in form.

Field names: https://world.openfoodfacts.org/data. The data is under the Open Database Licence: see the import guide.
"""

import html
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from unqueue.server.catalogue.categories import category, category_of_tags
from unqueue.server.catalogue.given import Given, RowRefused, clean_text, read_gtin

ALCOHOL_AGE_LIMIT = 18
_ALCOHOL_PERCENT_MIN = 0.5  # from here a drink is alcoholic (GB/T 17204-2021)
_NAME_MAX = 200
_NUTRITION = {
    "energy_kj": "energy-kj_100g", "fat_g": "fat_100g", "saturated_fat_g": "saturated-fat_100g",
    "carbohydrates_g": "carbohydrates_100g", "sugars_g": "sugars_100g", "fiber_g": "fiber_100g",
    "proteins_g": "proteins_100g", "salt_g": "salt_100g", "alcohol_percent": "alcohol_100g",
}  # fmt: skip
_HIGHEST = dict.fromkeys(_NUTRITION, 100) | {"energy_kj": 4000}  # in 100 g; pure fat has 3,700 kJ
_PACKAGINGS = (
    ("glass", re.compile(r"glass|verre|vidrio|vetro|glas\b|szk[lł]o")),
    ("rigid", re.compile(r"bottle|cans?\b|tin\b|carton|cardboard|box|brick|tetra|jar|tub|pot\b|metal|boite")),
    ("flexible", re.compile(r"bag|film|sachet|wrapper|pouch|sack|plastic")),
)  # fmt: skip


class _Row(msgspec.Struct, frozen=True):
    """The few of some two hundred fields that are read. Their types vary between exports."""

    code: Any = None
    product_name: Any = None
    product_name_zh: Any = None
    product_name_en: Any = None
    generic_name: Any = None
    quantity: Any = None
    brands: Any = None
    origins: Any = None
    manufacturing_places: Any = None
    ingredients_text: Any = None
    allergens: Any = None
    categories_tags: Any = None
    packaging_tags: Any = None
    allergens_tags: Any = None
    nutriments: Any = None
    energy_kj: Any = msgspec.field(default=None, name="energy-kj_100g")
    fat_g: Any = msgspec.field(default=None, name="fat_100g")
    saturated_fat_g: Any = msgspec.field(default=None, name="saturated-fat_100g")
    carbohydrates_g: Any = msgspec.field(default=None, name="carbohydrates_100g")
    sugars_g: Any = msgspec.field(default=None, name="sugars_100g")
    fiber_g: Any = msgspec.field(default=None, name="fiber_100g")
    proteins_g: Any = msgspec.field(default=None, name="proteins_100g")
    salt_g: Any = msgspec.field(default=None, name="salt_100g")
    alcohol_percent: Any = msgspec.field(default=None, name="alcohol_100g")


_LANGUAGE = re.compile(r"\b[a-z]{2}:(?=\S)")
_DECODER = msgspec.json.Decoder(_Row)
_FIELD_BY_COLUMN = {field.encode_name: field.name for field in msgspec.structs.fields(_Row)}


def is_header(names: Sequence[str]) -> bool:
    """Whether a CSV with these columns comes from Open Food Facts."""
    return {"code", "product_name"} <= set(names)


class ColumnReader:
    """Reads the rows of a CSV export with a given header."""

    def __init__(self, header: Sequence[str]) -> None:
        self._columns = [(at, _FIELD_BY_COLUMN[name]) for at, name in enumerate(header) if name in _FIELD_BY_COLUMN]

    def read(self, cells: Sequence[str]) -> Given:
        """What a row states. Raises RowRefused."""
        width = len(cells)
        return _given(_Row(**{field: cells[at] for at, field in self._columns if at < width and cells[at]}))


def given_of_json(line: bytes) -> Given:
    """What a line of a JSONL export states. Raises RowRefused."""
    try:
        return _given(_DECODER.decode(line))
    except msgspec.DecodeError as error:
        raise RowRefused(f"not readable as JSON: {error}") from None


def _given(row: _Row) -> Given:
    gtin = read_gtin(_text(row.code, 40))
    name = _text(row.product_name, _NAME_MAX) or _text(row.generic_name, _NAME_MAX)
    name_zh = _text(row.product_name_zh, _NAME_MAX) or name
    name_en = _text(row.product_name_en, _NAME_MAX) or name
    if not (name_zh or name_en):
        raise RowRefused("no product_name")
    slug = category_of_tags(_tags(row.categories_tags))
    fields: dict[str, Any] = {
        "name_zh": name_zh or name_en,
        "name_en": name_en or name_zh,
        "category": slug,
        "packaging": _packaging(_tags(row.packaging_tags), slug),
    }
    if brand := _text(row.brands, 1000).partition(",")[0].strip():
        fields["brand"] = brand[:100]
    if quantity := _text(row.quantity, 1000):
        fields["quantity_text"] = quantity[:200]
    nutrition = _nutrition(row)
    if slug == "alcohol" and nutrition.get("alcohol_percent", 100) >= _ALCOHOL_PERCENT_MIN:
        fields["age_limit"] = ALCOHOL_AGE_LIMIT
    return Given(gtin, fields, _details(row, nutrition), "off")


def _details(row: _Row, nutrition: dict[str, float]) -> dict[str, Any]:
    allergens = ", ".join(tag.partition(":")[2] or tag for tag in _tags(row.allergens_tags))
    details: dict[str, Any] = {
        "origin": _LANGUAGE.sub("", _text(row.origins, 10_000))[:200],
        "producer": _text(row.manufacturing_places, 10_000)[:200],
        "ingredients": _text(row.ingredients_text, 1_000_000).replace("_", "")[:5000],  # underscores mark allergens
        "allergens": (allergens or _text(row.allergens, 10_000))[:500],
        "nutrition": nutrition,
    }
    return {name: value for name, value in details.items() if value}


def _nutrition(row: _Row) -> dict[str, float]:
    """The figures that can be true; the others are left out."""
    nested = row.nutriments if isinstance(row.nutriments, dict) else {}
    found: dict[str, float] = {}
    for name, off_name in _NUTRITION.items():
        value = getattr(row, name)
        if value is None:
            value = nested.get(off_name)
        if value is None:
            continue
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            continue
        if 0 <= number <= _HIGHEST[name]:
            found[name] = round(number, 3)
    return found


def _text(value: Any, length_max: int) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        value = ", ".join(item for item in value if isinstance(item, str))
    text = str(value)[:length_max]
    return clean_text(html.unescape(text) if "&" in text else text, length_max)


def _tags(value: Any) -> list[str]:
    if isinstance(value, list):
        return [tag for tag in value if isinstance(tag, str)]
    return [tag.strip() for tag in str(value).split(",")] if value else []


def _packaging(tags: list[str], slug: str) -> str:
    named = " ".join(tags)
    if named:
        for packaging, words in _PACKAGINGS:
            if words.search(named):
                return packaging
    return category(slug).packaging
