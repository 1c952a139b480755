"""The columns of an Unqueue CSV: what each is called, and how its cells are read. docs/guides/import-products.md."""

import difflib
import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from unqueue.kernel.money import currency_exponent
from unqueue.server.catalogue.given import Given, RowRefused, clean_text, read_gtin
from unqueue.server.catalogue.gtin import store_item_gtin
from unqueue.server.catalogue.model import PACKAGINGS, SOLD_BY, TAGS

Parser = Callable[[str], Any]
EMPTY = "-"  # a cell that says so empties the field; an empty cell leaves it as it is
_AMOUNT_MAX = 100_000_000  # minor units; more is a slip of the keyboard
_NUMBER_LENGTH_MAX = 40
_MAGNITUDE_MAX = 20  # powers of ten up or down; arithmetic with 1e99999 takes seconds
_VALUES_KEPT = 5000  # of a column, so that names, of which each comes once, do not pile up
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LIST = re.compile(r"\s*[|;,]\s*|\s+")


def _text(length_max: int) -> Parser:
    return lambda cell: clean_text(cell, length_max)


def _whole(lowest: int, highest: int) -> Parser:
    def read(cell: str) -> int:
        number = _decimal(cell)
        if number != int(number) or not lowest <= number <= highest:
            raise RowRefused(f"{cell} is not a whole number from {lowest} to {highest}")
        return int(number)

    return read


def _fraction(lowest: float, highest: float) -> Parser:
    def read(cell: str) -> float:
        number = float(_decimal(cell))
        if not lowest <= number <= highest:
            raise RowRefused(f"{cell} is not a number from {lowest:g} to {highest:g}")
        return number

    return read


def _word(words: Sequence[str]) -> Parser:
    by_folded = {word.casefold(): word for word in words}

    def read(cell: str) -> str:
        word = by_folded.get(cell.casefold())
        if word is None:
            raise RowRefused(f"{cell[:40]} is none of {', '.join(words)}")
        return word

    return read


def _slug(cell: str) -> str:
    if not _SLUG.fullmatch(cell) or len(cell) > 64:
        raise RowRefused(f"{cell[:40]} is no category: use a-z, 0-9 and hyphens")
    return cell


def _list(cell: str) -> tuple[str, ...]:
    return tuple(sorted({clean_text(item, 40) for item in _LIST.split(cell) if item}))


def _decimal(cell: str) -> Decimal:
    if len(cell) > _NUMBER_LENGTH_MAX:
        raise RowRefused(f"{cell[:40]}… is not a number")
    try:
        number = Decimal(cell.replace(",", ".") if "." not in cell else cell)
    except InvalidOperation:
        raise RowRefused(f"{cell} is not a number") from None
    if not number.is_finite():
        raise RowRefused(f"{cell} is not a number")
    if abs(number.adjusted()) > _MAGNITUDE_MAX:
        raise RowRefused(f"{cell} is far too large or too small")
    return number


# Column → field of Product and reader. Columns whose unit is another come in _amounts below.
_FIELDS: dict[str, tuple[str, Parser]] = {
    "name_zh": ("name_zh", _text(200)),
    "name_en": ("name_en", _text(200)),
    "brand": ("brand", _text(100)),
    "category": ("category", _slug),
    "sold_by": ("sold_by", _word(SOLD_BY)),
    "quantity": ("quantity_text", _text(200)),
    "net_weight_g": ("net_weight_g", _whole(1, 1_000_000)),
    "packaging": ("packaging", _word(PACKAGINGS)),
    "weight_g_expected": ("weight_g_expected", _whole(1, 1_000_000)),
    "weight_g_sd": ("weight_g_sd", _fraction(0, 100_000)),
    "tare_g": ("tare_g", _whole(0, 10_000)),
    "age_limit": ("age_limit", _whole(1, 99)),
    "tag": ("tag", _word(TAGS)),
    "status": ("status", _word(("active", "withdrawn", "recalled"))),
    "recalled_lots": ("recalled_lots", _list),
}
_DETAILS: dict[str, Parser] = {
    "origin": _text(200), "producer": _text(200), "ingredients": _text(5000), "allergens": _text(500),
}  # fmt: skip
NUTRITION = (
    "energy_kj", "fat_g", "saturated_fat_g", "carbohydrates_g", "sugars_g", "fiber_g", "proteins_g", "salt_g",
    "alcohol_percent",
)  # fmt: skip
_IDENTITY = ("gtin", "store_item", "product_id", "other_codes", "currency")
_AMOUNTS = {
    "unit_price": "unit_price_minor", "unit_price_minor": "unit_price_minor",
    "deposit": "deposit_minor", "deposit_minor": "deposit_minor", "tax_rate": "tax_rate_bp",
}  # fmt: skip
COLUMNS = (*_IDENTITY, *_AMOUNTS, *_FIELDS, *_DETAILS, *NUTRITION)
# What "-" leaves behind; a field that is not here cannot be emptied.
_EMPTIES: dict[str, Any] = {
    "brand": "", "quantity_text": "", "net_weight_g": None, "age_limit": None, "deposit_minor": 0, "recalled_lots": (),
    "tare_g": 0, "origin": "", "producer": "", "ingredients": "", "allergens": "",
}  # fmt: skip


def fault_of_header(names: Sequence[str]) -> str | None:
    """Why a file with these columns cannot be imported; None when it can."""
    for name in names:
        if name not in COLUMNS and (near := difflib.get_close_matches(name, COLUMNS, 1)):
            return f"there is no column {name!r}; did you mean {near[0]}?"
    if not {"gtin", "store_item"} & set(names):
        return "the first line must name the columns, gtin or store_item among them; see import-products.md"
    for name in names:
        if name not in COLUMNS:
            return f"there is no column {name!r}; the columns are {', '.join(COLUMNS)}"
        if names.count(name) > 1:
            return f"column {name} is there twice"
    return None


class _Column:
    """One column of a file: where it is, what it fills, how its cells are read. Cells repeat, so values are kept."""

    __slots__ = ("_known", "field", "index", "name", "parse")

    def __init__(self, index: int, name: str, field: str, parse: Parser) -> None:
        self.index = index
        self.name = name
        self.field = field
        self.parse = parse
        self._known: dict[str, Any] = {}

    def read(self, cell: str) -> Any:
        known = self._known
        if cell in known:
            return known[cell]
        if cell == EMPTY:
            if self.field not in _EMPTIES:
                raise RowRefused(f"{self.name}: cannot be emptied")
            return _EMPTIES[self.field]
        try:
            value = self.parse(cell)
        except RowRefused as refused:
            raise RowRefused(f"{self.name}: {refused}") from None
        if len(known) < _VALUES_KEPT:
            known[cell] = value
        return value


class ColumnReader:
    """Reads the rows of a file with a given header, for a store that sells in ``currency``."""

    def __init__(self, header: Sequence[str], currency: str) -> None:
        self._width = len(header)
        self._currency = currency
        self._index = {name: header.index(name) for name in _IDENTITY if name in header}
        columns = list(enumerate(header))
        self._fields = [_Column(at, name, *_FIELDS[name]) for at, name in columns if name in _FIELDS]
        for at, name in columns:
            if name in _AMOUNTS:
                self._fields.append(_Column(at, name, _AMOUNTS[name], partial(self._amount, name)))
        self._details = [_Column(at, name, name, _DETAILS[name]) for at, name in columns if name in _DETAILS]
        self._nutrition = [_Column(at, name, name, _fraction(0, 10_000)) for at, name in columns if name in NUTRITION]

    def read(self, cells: Sequence[str]) -> Given:
        """What a row states. Raises RowRefused."""
        if len(cells) != self._width:
            cells = self._fitted(cells)
        if (currency := self._cell(cells, "currency")) not in {"", self._currency}:
            raise RowRefused(f"currency {currency[:10]}: this store sells in {self._currency}")
        details = _stated(self._details, cells)
        if nutrition := _stated(self._nutrition, cells):
            details["nutrition"] = nutrition
        product_id = clean_text(self._cell(cells, "product_id"), 64) or None
        other_codes = _other_codes(self._cell(cells, "other_codes"))
        gtin = _gtin(self._cell(cells, "gtin"), self._cell(cells, "store_item"))
        return Given(gtin, _stated(self._fields, cells), details, "store", product_id, other_codes)

    def _cell(self, cells: Sequence[str], name: str) -> str:
        index = self._index.get(name)
        return "" if index is None else cells[index].strip()

    def _fitted(self, cells: Sequence[str]) -> Sequence[str]:
        if any(cells[self._width :]):
            raise RowRefused(f"{len(cells)} cells, but the header has {self._width}")
        return [*cells, *[""] * (self._width - len(cells))][: self._width]

    def _amount(self, column: str, cell: str) -> int:
        """Minor units, or hundredths of a percent for the tax rate."""
        exponent = 0 if column.endswith("_minor") else 2 if column == "tax_rate" else currency_exponent(self._currency)
        amount = _decimal(cell).scaleb(exponent)
        highest = 10_000 if column == "tax_rate" else _AMOUNT_MAX
        if amount != int(amount) or not 0 <= amount <= highest:
            raise RowRefused(f"{cell} is negative, too large, or has too many decimals")
        return int(amount)


def _stated(columns: list[_Column], cells: Sequence[str]) -> dict[str, Any]:
    return {column.field: column.read(cell) for column in columns if (cell := cells[column.index].strip())}


def _gtin(gtin: str, store_item: str) -> str:
    if gtin or not store_item:
        return read_gtin(gtin)
    digits = store_item.replace(" ", "")
    if not (digits.isascii() and digits.isdigit() and 3 <= len(digits) <= 12):
        raise RowRefused(f"store_item: {store_item[:40]} is not a prefix and an item number in 3 to 12 digits")
    return store_item_gtin(digits)


def _other_codes(cell: str) -> tuple[str, ...] | None:
    if not cell:
        return None
    return () if cell == EMPTY else tuple(sorted({read_gtin(code) for code in _LIST.split(cell) if code}))
