"""What a package holds: ``6 x 330 ml``, ``1 L``, ``500 g ℮``, ``10 1/2 OZ (298g)``, ``2斤`` … as grams or ml."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

import msgspec

Unit = Literal["g", "ml"]


class Quantity(msgspec.Struct, frozen=True):
    """``count`` packages of ``each`` grams or millilitres."""

    count: int
    each: float
    unit: Unit

    @property
    def total(self) -> float:
        return self.count * self.each


class _Measure(msgspec.Struct, frozen=True):
    quantity: Quantity
    is_metric: bool


# US customary volumes (NIST Handbook 44, appendix C), the international pound, and the Chinese market units of 1959.
_METRIC: tuple[tuple[str, float, Unit], ...] = (
    ("mg", 0.001, "g"),
    ("g gr grs grm gm gms gram grams gramm gramme grammes grammi gramos grame gramo gramów г гр 克 جرام", 1, "g"),
    ("dag dkg", 10, "g"),
    ("kg kgs kilo kilos kilogram kilograms kilogramm kilogramme кг 千克 公斤", 1000, "g"),
    ("斤 市斤", 500, "g"),
    ("两 市两", 50, "g"),
    ("ml cc mililitros millilitres milliliters мл 毫升", 1, "ml"),
    ("cl centilitres", 10, "ml"),
    ("dl", 100, "ml"),
    ("l lt ltr ltrs litre litres liter liters litro litros litri litr litry л 升", 1000, "ml"),
)
_CUSTOMARY: tuple[tuple[str, float, Unit], ...] = (
    ("oz ozs onz ounce ounces", 28.349523125, "g"),
    ("lb lbs pound pounds", 453.59237, "g"),
    ("floz", 29.5735295625, "ml"),
    ("pt pint pints", 473.176473, "ml"),
    ("qt quart quarts", 946.352946, "ml"),
    ("gal gallon gallons", 3785.411784, "ml"),
)
_UNITS: dict[str, tuple[float, Unit, bool]] = {
    name: (factor, unit, table is _METRIC)
    for table in (_METRIC, _CUSTOMARY)
    for names, factor, unit in table
    for name in names.split()
}

_NUMBER = r"(?:\d+\s+\d+/\d+|\d+/\d+|0,\s\d+|\d{1,3}(?:,\d{3})+\.\d+|\d+[.,]?\d*|[.,]\d+)"
_UNIT = "|".join(sorted((re.escape(name) for name in _UNITS), key=len, reverse=True))
_CONTAINER = r"(?:\s?(?:cans?|bottles?|packs?|pcs|pieces?|st|szt|uds?)\.?(?:\s+(?:of|de|van|a))?|[盒瓶罐包袋支片个枚])"
# A unit may stick to the number, and the estimated sign ℮ (76/211/EEC) to the unit; another letter may not.
_MEASURE = re.compile(
    rf"(?<![a-wyz\d])(?P<before>(?:\d+{_CONTAINER}?\s*x\s*)*)"
    rf"(?P<number>{_NUMBER})\s*(?P<unit>{_UNIT})(?:e(?![a-z])|(?!(?!x\s*\d)[a-zà-żа-я]))\.?"
    rf"(?P<after>(?:\s*x\s*\d+(?!\s*(?:{_UNIT}|x|\d|[.,/]\d)))?)",
)
_SIMPLE = re.compile(r"(?P<number>\d+(?:[.,]\d{1,2})?)\s?(?P<unit>g|kg|ml|cl|l|L)(?:\s?[e℮])?")
_COUNT_OF = re.compile(rf"(\d+){_CONTAINER}\s+(?=\d)")
_COUNT_DASH = re.compile(r"(?<![\d.,/])(\d{1,2}) - (?=[\d.])")
_GROSS = re.compile(r"\s*(?:brutto|brut|gross)\b|\s*毛重")
_TOLERANCE = 0.05  # labels round: 24 x 591 mL is "(14.2 L)"
_GRAMS_MIN, _GRAMS_MAX = 0.5, 100_000.0


@lru_cache(maxsize=8192)  # a hundred thousand packages come in a few thousand sizes
def parse_quantity(text: str) -> Quantity | None:
    """The net content that ``text`` declares, or None where it declares none that one can be sure of.

    A metric figure beats its own conversion into ounces; a total beats the drained weight beside it, since the liquid
    is on the scale too; a total with its multipack in brackets counts as the multipack. Ounces are avoirdupois unless
    "fl" is with them. "1,000 g" is a thousand grams, "1,000 kg" one kilogram.

    >>> parse_quantity("6 x 330 ml")
    Quantity(count=6, each=330.0, unit='ml')
    >>> parse_quantity("200 g (4 x 50 g)"), parse_quantity("12 servings")
    (Quantity(count=4, each=50.0, unit='g'), None)
    """
    if simple := _SIMPLE.fullmatch(text):
        factor, unit, _ = _UNITS[simple["unit"].lower()]
        return _plausible(Quantity(1, round(float(simple["number"].replace(",", ".")) * factor, 3), unit))
    measures = list(_measures(_plain(text)))
    metric = [measure.quantity for measure in measures if measure.is_metric]
    quantities = metric or _compound([measure.quantity for measure in measures])
    for wanted in ("g", "ml"):
        of_unit = [quantity for quantity in quantities if quantity.unit == wanted]
        if of_unit:
            return _plausible(_choose(of_unit))
    return None


def _plausible(quantity: Quantity | None) -> Quantity | None:
    return quantity if quantity is not None and _GRAMS_MIN <= quantity.total <= _GRAMS_MAX else None


def _plain(text: str) -> str:
    """Lower case, half width, one sign for "times", fractions as 1/2, "fl. oz." as one word."""
    text = text.replace("\N{REPLACEMENT CHARACTER}", "x").replace("\N{ESTIMATED SYMBOL}", " ")
    text = re.sub(r"(\d)([\u00bc-\u00be\u2150-\u215e])", r"\1 \2", text)
    text = unicodedata.normalize("NFKC", text).lower().replace("\N{FRACTION SLASH}", "/")
    text = re.sub(r"[×*✕✖х](?=\s*\d)", "x", text)
    text = re.sub(r"\bfl\.?\s*(?:oz|ounces?)|\bf\.?\s*oz\b|(?<=\d)fl\.?\s*oz", " floz", text)
    text = re.sub(r"\b(?:one|a)\s+(?=pint|quart|gallon|pound)", "1 ", text)
    return re.sub(r"\bhalf\s+(?=gallon|pint|pound)", "1/2 ", text)


def _measures(text: str) -> Iterator[_Measure]:
    text = _COUNT_DASH.sub(r"\1 x ", _COUNT_OF.sub(r"\1 x ", text))
    for found in _MEASURE.finditer(text):
        if _GROSS.match(text, found.end()):
            continue
        factor, unit, is_metric = _UNITS[found["unit"]]
        number = _number(found["number"], is_small_unit=factor == 1)
        if number is None:
            continue
        count = 1
        for times in re.findall(r"\d+", found["before"] + found["after"]):
            count *= int(times)
        if 0 < count <= 1000:
            yield _Measure(Quantity(count, round(number * factor, 3), unit), is_metric)


def _number(text: str, *, is_small_unit: bool) -> float | None:
    """A number with point or comma, thousands marks, or a fraction; grams and millilitres never have three decimals."""
    text = re.sub(r"(?<=^0,)\s", "", text)
    if "/" in text:
        *whole, fraction = text.split()
        above, below = fraction.split("/")
        return float(whole[0] if whole else 0) + int(above) / int(below) if int(below) else None
    if "," in text and "." in text:
        return float(text.replace(",", ""))
    if is_small_unit and re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", text):
        return float(re.sub(r"[.,]", "", text))
    return float(text.replace(",", ".").rstrip("."))


def _compound(quantities: list[Quantity]) -> list[Quantity]:
    """US labels say "40 OZ (2 LB 8 OZ)" and "1 lb 9 oz": the first when they agree, else the sum of a falling row."""
    if len(quantities) < 2:
        return quantities
    first, second = quantities[:2]
    is_row = first.count == second.count == 1 and first.unit == second.unit and second.each < first.each / 1.9
    if is_row and not any(_agree(first.total, other.total) for other in quantities[1:]):
        return [Quantity(1, round(first.each + second.each, 3), first.unit)]
    return quantities[:1] if all(_agree(first.total, other.total) for other in quantities[1:2]) else quantities


def _choose(quantities: list[Quantity]) -> Quantity | None:
    """Of figures in one unit the multipack that makes the total, else the largest; None for a list of sizes."""
    largest = max(quantities, key=lambda quantity: quantity.total)
    for quantity in quantities:
        if quantity.count > 1 and _agree(quantity.total, largest.total):
            return quantity
    distinct = {quantity.total for quantity in quantities}
    return largest if len(distinct) <= 3 else None


def _agree(one: float, other: float) -> bool:
    return abs(one - other) <= _TOLERANCE * max(one, other)
