"""GS1 coupon codes: taken apart into what they say. Pure.

AI 255 is a Global Coupon Number (GS1 General Specifications 3.5.12): 13 digits with a check digit, and up to 12 of a
serial number. AI 8110 is the North American coupon code, a grammar of its own (North American Coupon Application
Guideline Using GS1 DataBar Expanded Symbols, R2.0, sections 4 and 5). AI 8112 points to an offer in a positive offer
file (GS1 AI (8112) Coupon Data Specification). What is well-formed is as the linters ``couponcode`` and
``couponposoffer`` of the GS1 Barcode Syntax Dictionary have it; that a company prefix exists is not looked up.
"""

import calendar
import re
from datetime import date
from typing import Literal

import msgspec
from biip import ParseConfig, ParseError
from biip.gs1_messages import GS1Message

from unqueue.server.catalogue.gtin import has_right_check_digit

TEXT_MAX = 200
Requirement = Literal["0", "1", "2", "3", "4", "9"]
"""What a purchase is counted in: 0 units, 1 cents of these goods, 2 cents of the whole transaction, 3 hundredths of a
pound, 4 grams, 9 left to the cashier."""
Rule = Literal["0", "1", "2", "3"]
"""Which purchases are needed: 0 any one of them, 1 all, 2 the first and one of the others, 3 the first, for which the
goods of the others count too."""
SaveCode = Literal["0", "1", "2", "5", "6"]
"""What the save value is: 0 cents off, 1 one free (up to so many cents, if not zero), 2 so many free, 5 percent off,
6 cents off the transaction."""

_AIM = re.compile(r"\][A-Za-z]\d")
_GS1_SYMBOLOGIES = {"]C1", "]e0", "]e1", "]e2", "]d2", "]Q3", "]J1"}
_SEPARATORS = re.compile(r"\{GS\}|<GS>|\{FNC1\}|<FNC1>|\u241d|\^", re.IGNORECASE)
_DATES_UNCHECKED = ParseConfig(gs1_element_strings_verify_date=False)


class CodeError(ValueError):
    """It is not a code of its kind. ``what`` is a short English name of the mistake."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(what)


class GlobalCoupon(msgspec.Struct, frozen=True):
    """AI 255. ``serial`` is empty for a coupon that is printed many times; ``expires`` is AI 17, where it is there."""

    gcn: str
    serial: str = ""
    expires: date | None = None


class PositiveOffer(msgspec.Struct, frozen=True):
    """AI 8112. Each ``serial`` is one piece of paper. ``is_digital``: format 1, for offers that are not printed."""

    funder_id: str
    offer_code: str
    serial: str
    is_digital: bool = False


class Purchase(msgspec.Struct, frozen=True):
    """One purchase that AI 8110 asks for: ``amount`` of goods of a family of a company, in units of ``code``."""

    amount: int
    code: Requirement
    family_code: str
    company_prefix: str


class Saving(msgspec.Struct, frozen=True):
    """Optional field 9: what the save value means, the place of the purchase that it applies to, and two flags.

    ``store_coupon`` other than "0" says that the store itself issued it.
    """

    code: SaveCode = "0"
    applies_to: int = 0
    store_coupon: str = "0"
    is_not_multiplied: bool = False


class NorthAmericanCoupon(msgspec.Struct, frozen=True):
    """AI 8110. ``save_value`` is in cents, percent or pieces, as ``saving`` says (None: cents, of the whole purchase).

    ``starts`` and ``expires`` are the first and the last day. ``retailer_id`` is the only one who may take it.
    """

    company_prefix: str
    offer_code: str
    save_value: int
    purchases: tuple[Purchase, ...]
    rule: Rule | None = None
    starts: date | None = None
    expires: date | None = None
    serial: str = ""
    retailer_id: str = ""
    saving: Saving | None = None

    @property
    def is_of_store(self) -> bool:
        """Whether the store issued it itself."""
        return self.saving is not None and self.saving.store_coupon != "0"


Scanned = GlobalCoupon | PositiveOffer | NorthAmericanCoupon


def read(text: str, today: date) -> Scanned | None:
    """What a scanned GS1 code says; None if it isn't one with a coupon in it. CodeError for a coupon that is broken.

    Understood are element strings with an AIM symbology identifier, with parentheses, or bare, FNC1 as ASCII 29 or as
    scanners spell it. ``today`` decides the century (General Specifications 7.12).

    >>> read("(255)9501101530003123456", date(2026, 1, 2))
    GlobalCoupon(gcn='9501101530003', serial='123456', expires=None)
    >>> read("]e08110106141416543213150110120", date(2026, 1, 2)).offer_code
    '654321'
    >>> read("SUMMER10", date(2026, 1, 2)) is None
    True
    """
    values = _values(text)
    if "8110" in values:
        return north_american(values["8110"], today)
    if "8112" in values:
        return positive_offer(values["8112"])
    if "255" in values:
        coupon = global_coupon(values["255"])
        expires = day(values["17"], today) if "17" in values else None
        return msgspec.structs.replace(coupon, expires=expires)
    return None


def _values(text: str) -> dict[str, str]:
    """Application identifier → value; of a repeated one the first counts. Empty where it is no GS1 code."""
    aim = _AIM.match(text)
    if len(text) > TEXT_MAX or (aim and aim[0] not in _GS1_SYMBOLOGIES):
        return {}
    text = text[3:] if aim else text
    try:
        if text.startswith("("):
            elements = GS1Message.parse_hri(text, config=_DATES_UNCHECKED).element_strings
        else:
            message = _SEPARATORS.sub("\x1d", text).strip("\x1d")
            elements = GS1Message.parse(message, config=_DATES_UNCHECKED).element_strings
    except (ParseError, ValueError):
        return {}
    return {element.ai.ai: element.value for element in reversed(list(elements))}


def global_coupon(data: str) -> GlobalCoupon:
    """The value of an AI 255. CodeError.

    >>> global_coupon("9501101530003")
    GlobalCoupon(gcn='9501101530003', serial='', expires=None)
    """
    reader = _Reader(data)
    gcn, serial = reader.take(13, "gcn"), reader.rest()
    if len(serial) > 12:
        raise CodeError("excess_data")
    if not has_right_check_digit(gcn):
        raise CodeError("check_digit")
    return GlobalCoupon(gcn, serial)


def positive_offer(data: str) -> PositiveOffer:
    """The value of an AI 8112. CodeError.

    >>> positive_offer("001234561234560654321").serial
    '654321'
    """
    reader = _Reader(data)
    form = reader.one("01", "format_code")
    funder_id = reader.variable("funder", "0123456", 6)
    offer_code = reader.take(6, "offer_code")
    serial = reader.variable("serial_number", "0123456789", 6)
    reader.end()
    return PositiveOffer(funder_id, offer_code, serial, form == "1")


def north_american(data: str, today: date) -> NorthAmericanCoupon:
    """The value of an AI 8110. CodeError.

    >>> coupon = north_american("106141416543213250110120", date(2026, 1, 2))
    >>> coupon.company_prefix, coupon.save_value, coupon.purchases[0].family_code
    ('0614141', 250, '120')
    """
    reader = _Reader(data)
    company_prefix = reader.variable("gcp", "0123456", 6)
    offer_code = reader.take(6, "offer_code")
    save_value = int(reader.variable("save_value", "12345", 0))
    purchases = [_purchase(reader, "1st", company_prefix)]
    rule: Rule | None = None
    if reader.field("1"):
        rule = reader.one("0123", "additional_purchase_rules_code")  # type: ignore[assignment]  # one of the four
        purchases.append(_purchase(reader, "2nd", None, company_prefix))
    if reader.field("2"):
        purchases.append(_purchase(reader, "3rd", None, company_prefix))
    expires, starts = _dates(reader, today)
    serial = reader.variable("serial_number", "0123456789", 6) if reader.field("5") else ""
    retailer_id = reader.variable("retailer_gcp_or_gln", "1234567", 6) if reader.field("6") else ""
    saving = _saving(reader) if reader.field("9") else None
    reader.end()
    return NorthAmericanCoupon(
        company_prefix=company_prefix,
        offer_code=offer_code,
        save_value=save_value,
        purchases=tuple(purchases),
        rule=rule,
        starts=starts,
        expires=expires,
        serial=serial,
        retailer_id=retailer_id,
        saving=saving,
    )


def day(yymmdd: str, today: date) -> date:
    """A date with a year of two digits, from 49 years ago to 50 years ahead (General Specifications 7.12). CodeError.

    Day 00 is the last of its month where a date stands alone (AI 17); AI 8110 does not have it.
    """
    year = today.year - today.year % 100 + int(yymmdd[:2])
    if year - today.year >= 51:
        year -= 100
    elif year - today.year <= -50:
        year += 100
    month, number = int(yymmdd[2:4]), int(yymmdd[4:6])
    try:
        return date(year, month, number or calendar.monthrange(year, month)[1])
    except (ValueError, calendar.IllegalMonthError) as error:
        raise CodeError("date") from error


def _purchase(reader: "_Reader", nth: str, prefix: str | None, first_prefix: str = "") -> Purchase:
    """A purchase requirement; the second and third bring a company prefix of their own, or 9: the first's."""
    amount = int(reader.variable(f"{nth}_purchase_requirement", "12345", 0))
    code: Requirement = reader.one("012349", f"{nth}_purchase_requirement_code")  # type: ignore[assignment]  # likewise
    family_code = reader.take(3, f"{nth}_purchase_family_code")
    if prefix is None:
        prefix = first_prefix if reader.field("9") else reader.variable(f"{nth}_purchase_gcp", "0123456", 6)
    return Purchase(amount, code, family_code, prefix)


def _dates(reader: "_Reader", today: date) -> tuple[date | None, date | None]:
    """Fields 3 and 4, expiration and start. Their order is compared as written, as the linter does."""
    written: dict[str, str] = {}
    found: dict[str, date] = {}
    for field, name in (("3", "expiration_date"), ("4", "start_date")):
        if reader.field(field):
            written[name] = reader.take(6, name, missing="too_short_for")
            if written[name].endswith("00"):
                raise CodeError(f"invalid_{name}")
            try:
                found[name] = day(written[name], today)
            except CodeError as error:
                raise CodeError(f"invalid_{name}") from error
    if len(written) == 2 and written["start_date"] > written["expiration_date"]:
        raise CodeError("expiration_before_start")
    return found.get("expiration_date"), found.get("start_date")


def _saving(reader: "_Reader") -> Saving:
    code: SaveCode = reader.one("01256", "save_value_code")  # type: ignore[assignment]  # one of the five
    applies_to = int(reader.one("012", "save_value_applies_to_item"))
    store_coupon = reader.one("0123456789", "store_coupon_flag")
    is_not_multiplied = reader.one("01", "dont_multiply_flag") == "1"
    return Saving(code, applies_to, store_coupon, is_not_multiplied)


class _Reader:
    """Takes digits from the left. What is wrong is named as the linters name it."""

    def __init__(self, data: str) -> None:
        if not (data.isascii() and data.isdigit()) and data:
            raise CodeError("non_digit_character")
        self._data = data
        self._at = 0

    def take(self, count: int, name: str, *, missing: str = "truncated") -> str:
        taken = self._data[self._at : self._at + count]
        if len(taken) < count:
            raise CodeError(f"{missing}_{name}")
        self._at += count
        return taken

    def one(self, allowed: str, name: str) -> str:
        digit = self._data[self._at : self._at + 1]
        if not digit:
            raise CodeError(f"missing_{name}")
        if digit not in allowed:
            raise CodeError(f"invalid_{name}")
        self._at += 1
        return digit

    def variable(self, name: str, lengths: str, more: int) -> str:
        """Digits after their variable length indicator, one of ``lengths``, which counts from ``more``."""
        indicator = self._data[self._at : self._at + 1]
        if not indicator:
            raise CodeError(f"missing_{name}_vli")
        if indicator not in lengths:
            raise CodeError(f"invalid_{name}_length")
        self._at += 1
        return self.take(int(indicator) + more, name)

    def field(self, number: str) -> bool:
        """Whether an optional field begins here; its number is then taken."""
        begins = self._data[self._at : self._at + 1] == number
        self._at += begins
        return begins

    def rest(self) -> str:
        rest, self._at = self._data[self._at :], len(self._data)
        return rest

    def end(self) -> None:
        if self._at < len(self._data):
            raise CodeError("excess_data")
