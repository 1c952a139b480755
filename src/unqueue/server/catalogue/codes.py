"""From what a scanner or a person hands over to a GTIN and what else the code says.

Nearly every scan is a plain EAN-13, so digits are read here with one check-digit sum; GS1 element strings and Digital
Link URIs are taken apart by biip. Sources: GS1 General Specifications 24 (element strings: section 3, UPC-E: 5.2.2.4,
processing: 7.8), GS1 Digital Link URI syntax 1.4, ISO/IEC 15424 (AIM symbology identifiers, ``]E0``).
"""

import calendar
import re
import unicodedata
from collections.abc import Iterable
from datetime import date

import msgspec
from biip import ParseConfig, ParseError
from biip.gs1_digital_link_uris import GS1DigitalLinkURI
from biip.gs1_element_strings import GS1ElementString
from biip.gs1_messages import GS1Message
from biip.upc import Upc

from unqueue.kernel.errors import DomainError
from unqueue.kernel.money import currency_exponent
from unqueue.server.catalogue.gtin import gtin_14, has_right_check_digit
from unqueue.server.catalogue.templates import Template, index_templates

_TEXT_MAX = 2000  # a QR code holds 4,296 characters, a product's Digital Link a few hundred
_GRAMS = {"310": 1000.0, "320": 453.59237, "357": 28.349523125}  # AI 310n kilograms, 320n pounds, 357n ounces
# ISO 4217 numeric codes, as AI 393n carries them.
_CURRENCIES = {
    "156": "CNY", "344": "HKD", "392": "JPY", "410": "KRW", "702": "SGD", "756": "CHF",
    "826": "GBP", "840": "USD", "901": "TWD", "978": "EUR", "985": "PLN",
}  # fmt: skip
_AIM = re.compile(r"\][A-Za-z]\d")
_SEPARATORS = re.compile(r"\{GS\}|<GS>|\{FNC1\}|<FNC1>|\u241d", re.IGNORECASE)
_DATES_UNCHECKED = ParseConfig(gs1_element_strings_verify_date=False)  # the century depends on today; see _date


class Code(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What a scanned code says. ``gtin`` has 14 digits; weights are grams, prices minor units of the store's currency.

    ``expires`` is AI 17 (or the day of 7003), ``best_before`` AI 15, ``sell_by`` AI 16; ``count`` AI 30. ``other_gtin``
    is the second reading of eight digits that are right both as EAN-8 and as UPC-E, where nobody said which they are.
    """

    gtin: str
    weight_g: int | None = None
    price_minor: int | None = None
    count: int | None = None
    expires: date | None = None
    best_before: date | None = None
    sell_by: date | None = None
    lot: str | None = None
    serial: str | None = None
    other_gtin: str | None = None


class CodeMalformed(DomainError):
    code = "code_malformed"
    status = 422
    zh = "这个码不是商品条码，请扫商品上的条码"
    en = "This is not a product's barcode. Please scan the one on the product."


class CheckDigitWrong(DomainError):
    code = "check_digit_wrong"
    status = 422
    zh = "条码不对，请再扫一次，或核对输入的数字"
    en = "That barcode is not right. Please scan it again, or check the digits you typed."


class CodeReader:
    """Reads codes for one store: its templates for store-printed codes, and its currency."""

    def __init__(self, templates: Iterable[Template] = (), currency: str = "CNY") -> None:
        self._templates = index_templates(templates)
        self._currency = currency

    def read(self, text: str, today: date, symbology: str | None = None) -> Code:
        """What ``text`` says, or :class:`CodeMalformed`, or :class:`CheckDigitWrong`.

        ``today`` is the store's local date: it decides the century of two-digit years (General Specifications 7.12).
        ``symbology`` is what the scanner calls it ("ean_13", "UPC-E", …); it decides only where digits alone cannot.

        >>> CodeReader().read("6901234567892", date(2026, 1, 2)).gtin
        '06901234567892'
        >>> CodeReader().read("(01)06901234567892(17)260131(10)A7", date(2026, 1, 2)).expires
        datetime.date(2026, 1, 31)
        """
        if text.isascii() and text.isdigit():
            return self._digits(text, today, symbology)
        text = unicodedata.normalize("NFKC", text[: _TEXT_MAX + 1]).strip()
        if not text or len(text) > _TEXT_MAX:
            raise CodeMalformed
        if aim := _AIM.match(text):
            return self._identified(aim[0], text[3:], today)
        joined = re.sub(r"[ \t-]", "", text)
        if joined.isascii() and joined.isdigit():
            return self._digits(joined, today, symbology)
        return self._gs1(text, today)

    def _identified(self, aim: str, text: str, today: date) -> Code:
        """Read data that an AIM identifier tells the symbology of (ISO/IEC 15424, table 1)."""
        if not (text.isascii() and text.isdigit()):
            return self._gs1(text, today)
        if aim in {"]C1", "]e0", "]d2", "]Q3", "]J1"}:  # GS1-128, DataBar, GS1 DataMatrix, GS1 QR, GS1 DotCode
            return self._gs1(text, today)
        if aim == "]E3":  # EAN-13 and its add-on of two or five digits, which says nothing about the product
            text = text[:13]
        return self._digits(text, today, "ean8" if aim == "]E4" else None)

    def _digits(self, digits: str, today: date, symbology: str | None) -> Code:
        length = len(digits)
        if by_prefix := self._templates.get(length):
            template = by_prefix.get(digits[:2])
            if template is not None:
                return self._store_code(template, digits)
        if length in {12, 13, 14, 11}:  # eleven: a UPC-A whose leading zero the scanner was told to drop
            if length == 13 and digits[0] == "0" and (by_prefix := self._templates.get(12)):
                template = by_prefix.get(digits[1:3])
                if template is not None:
                    return self._store_code(template, digits[1:])
            if has_right_check_digit(digits):
                return Code(digits.zfill(14))
            raise CheckDigitWrong
        if length <= 8:
            return _short(digits, symbology)
        if length >= 18 and digits.startswith("01"):
            return self._gs1(digits, today)
        if length == 16 and digits.startswith("01"):
            return self._gs1(digits, today)
        raise CodeMalformed

    def _store_code(self, template: Template, digits: str) -> Code:
        measured = template.read(digits, self._currency)
        if measured is None:
            raise CheckDigitWrong
        return Code(measured.gtin, measured.weight_g, measured.price_minor)

    def _gs1(self, text: str, today: date) -> Code:
        try:
            if re.match(r"https?://", text, re.IGNORECASE):
                elements = GS1DigitalLinkURI.parse(text, config=_DATES_UNCHECKED).element_strings
            elif text.startswith("("):
                elements = GS1Message.parse_hri(text, config=_DATES_UNCHECKED).element_strings
            else:
                message = _SEPARATORS.sub("\x1d", text).strip("\x1d")
                elements = GS1Message.parse(message, config=_DATES_UNCHECKED).element_strings
        except (ParseError, ValueError) as error:
            raise CodeMalformed from error
        return self._code(elements, today)

    def _code(self, elements: Iterable[GS1ElementString], today: date) -> Code:
        """The code that a list of element strings makes; of a repeated one the first counts."""
        by_ai = {element.ai.ai: element for element in reversed(list(elements))}
        if "01" not in by_ai:
            raise CodeMalformed
        gtin = by_ai["01"].value
        if not gtin.strip("0"):
            raise CodeMalformed
        if not has_right_check_digit(gtin):
            raise CheckDigitWrong
        values = {ai: element.value for ai, element in by_ai.items()}
        return Code(
            gtin,
            weight_g=_weight_g(values),
            price_minor=self._price_minor(by_ai),
            count=int(values["30"]) if "30" in values else None,
            expires=_date(values.get("17") or values.get("7003"), today),
            best_before=_date(values.get("15"), today),
            sell_by=_date(values.get("16"), today),
            lot=values.get("10"),
            serial=values.get("21"),
        )

    def _price_minor(self, by_ai: dict[str, GS1ElementString]) -> int | None:
        """AI 392n, or 393n when it is in the store's currency: the amount to pay for a variable measure."""
        for ai, element in by_ai.items():
            if ai[:3] not in {"392", "393"} or element.decimal is None:
                continue
            if ai[:3] == "393" and _CURRENCIES.get(element.pattern_groups[0]) != self._currency:
                continue
            return round(element.decimal.scaleb(currency_exponent(self._currency))) or None
        return None


def _short(digits: str, symbology: str | None) -> Code:
    """Eight digits and fewer: EAN-8, or UPC-E with or without number system and check digit."""
    told = re.sub(r"[^a-z0-9]", "", symbology.lower()) if symbology else ""
    if told == "upce":
        upc_e = _upc_e(digits)
        if upc_e is None:
            raise CheckDigitWrong if len(digits) == 8 and digits[0] in "01" else CodeMalformed
        return Code(upc_e)
    if len(digits) != 8:
        raise CodeMalformed
    ean_8 = gtin_14(digits) if has_right_check_digit(digits) else None
    upc_e = _upc_e(digits) if told != "ean8" else None
    # Digits alone do not tell. A leading zero is all but certainly a UPC-E: EAN-8s with one stay inside a company.
    first, second = (upc_e, ean_8) if digits[0] == "0" else (ean_8, upc_e)
    if first is None and second is None:
        raise CheckDigitWrong
    return Code(first, other_gtin=second) if first is not None else Code(str(second))


def _upc_e(digits: str) -> str | None:
    """The GTIN-14 of a UPC-E, expanded by General Specifications 5.2.2.4.2; None where it is none."""
    if len(digits) == 8 and digits[0] not in "01":  # UPC-E has number systems 0 and 1 only
        return None
    candidates = [digits]
    if len(digits) == 7 and digits[0] != "0":  # with its check digit but without number system 0, as most scanners do
        candidates = ["0" + digits, digits]
    for candidate in candidates:
        try:
            return gtin_14(Upc.parse(candidate).as_upc_a())
        except ParseError:
            continue
    return None


def _weight_g(values: dict[str, str]) -> int | None:
    """Net weight in whole grams from AI 310n, 320n or 357n, whose last digit counts the decimals (3.6.2)."""
    for ai, value in values.items():
        if len(ai) == 4 and ai[:3] in _GRAMS:
            return round(int(value) * _GRAMS[ai[:3]] / 10 ** int(ai[3])) or None
    return None


def _date(text: str | None, today: date) -> date | None:
    """YYMMDD (more digits are a time of day); day 00 is the month's last. Years as General Specifications 7.12 says:
    from 49 years ago to 50 years ahead.
    """
    if not text:
        return None
    year = today.year - today.year % 100 + int(text[:2])
    if year - today.year >= 51:
        year -= 100
    elif year - today.year <= -50:
        year += 100
    month, day = int(text[2:4]), int(text[4:6])
    try:
        return date(year, month, day or calendar.monthrange(year, month)[1])
    except (ValueError, calendar.IllegalMonthError) as error:
        raise CodeMalformed from error
