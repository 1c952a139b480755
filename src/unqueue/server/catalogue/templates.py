"""Codes that a store prints itself: which of their digits are item, price, weight and check digits.

GS1 leaves the codes that begin with 02 and 20 to 29 to each country and store (General Specifications 2.1.12), so a
store writes down what its scales print:

``21 IIIII PPP.PP C``
    prefix 21, five digits of item, a price of 000.00 to 999.99, the check digit
``22=21 IIIII WW.WWW C``
    prefix 22, a weight in kilograms; its items are those of prefix 21
``2[3-5] IIIII V PP.PP C``
    prefixes 23, 24 and 25; ``V`` is the price check digit of GS1 General Specifications 7.9.3 and 7.9.4
``28 IIIII WWWWW PPPPP C``
    eighteen digits; without a point ``W`` counts grams and ``P`` the currency's minor units

``?`` is a digit that means nothing. Spaces are for the reader only.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby, product

import msgspec
from biip.checksums import gs1_price_weight_check_digit

from unqueue.kernel.money import currency_exponent
from unqueue.kernel.settings import Objection, Settings
from unqueue.server.catalogue.gtin import check_digit, gtin_14, has_right_check_digit

_LETTERS = "IPWVC?"
_LENGTH_MIN, _LENGTH_MAX = 8, 32
_PREFIX = re.compile(r"((?:\d|\[[\d-]+\])+)(?:=(\d+))?")


class TemplateInvalid(ValueError):
    """A template that cannot be read; the message names the template and the fault, for the person who wrote it."""


class Measured(msgspec.Struct, frozen=True):
    """What a store code says: the GTIN-14 of its item, and the weight in grams or price in minor units it carries."""

    gtin: str
    weight_g: int | None
    price_minor: int | None


class Template(msgspec.Struct, frozen=True):
    """One way in which a store prints its codes; made by :func:`parse_template`.

    ``spans`` maps each letter to where its digits are; ``decimals`` says how many of them follow the point, None
    where there is none.
    """

    text: str
    length: int
    prefixes: tuple[str, ...]
    item_prefix: str | None
    spans: dict[str, slice]
    decimals: dict[str, int | None]

    def read(self, digits: str, currency: str) -> Measured | None:
        """Take ``digits`` (of this template's length and one of its prefixes) apart; None if a check digit is wrong.

        A weight or price of zero is none: the code of a shelf label, not of a weighed bag.
        """
        if "C" in self.spans and not has_right_check_digit(digits):
            return None
        if "V" in self.spans and not self._measure_checked(digits):
            return None
        prefix = self.item_prefix or digits[: len(self.prefixes[0])]
        body = (prefix + digits[self.spans["I"]]).ljust(11 if self.length == 12 else 12, "0")
        return Measured(gtin_14(body + check_digit(body)), self._weight_g(digits), self._price_minor(digits, currency))

    def compose(self, gtin: str, currency: str, *, weight_g: int, price_minor: int) -> str | None:
        """The code that a scale set to this template prints for the item stored as ``gtin``; None if it cannot.

        The opposite of :meth:`read`.
        """
        body = gtin[14 - self.length : -1] if self.length in {12, 13} else gtin[1:-1]
        prefix = next((prefix for prefix in self.prefixes if body.startswith(self.item_prefix or prefix)), None)
        if prefix is None:
            return None
        start = len(self.item_prefix or prefix)
        item_digits = self.spans["I"].stop - self.spans["I"].start
        digits = ["0"] * self.length
        digits[: len(prefix)] = prefix
        digits[self.spans["I"]] = body[start : start + item_digits]
        for letter, value, exponent in (("W", weight_g, 3), ("P", price_minor, currency_exponent(currency))):
            if letter in self.spans:
                span, decimals = self.spans[letter], self.decimals[letter]
                printed = str(value if decimals is None else _scaled(value, decimals - exponent))
                if len(printed) > span.stop - span.start:
                    return None
                digits[span] = printed.zfill(span.stop - span.start)
        if "V" in self.spans:
            measure = "".join(digits[self.spans["P" if "P" in self.spans else "W"]])
            digits[self.spans["V"]] = str(gs1_price_weight_check_digit(measure))
        if "C" in self.spans:
            digits[-1] = check_digit("".join(digits[:-1]))
        code = "".join(digits)
        measured = self.read(code, currency)
        return code if measured is not None and measured.gtin == gtin else None

    def _measure_checked(self, digits: str) -> bool:
        measure = digits[self.spans["P" if "P" in self.spans else "W"]]
        return digits[self.spans["V"]] == str(gs1_price_weight_check_digit(measure))

    def _weight_g(self, digits: str) -> int | None:
        if "W" not in self.spans:
            return None
        decimals = self.decimals["W"]
        value = int(digits[self.spans["W"]])
        return (value if decimals is None else _scaled(value, 3 - decimals)) or None

    def _price_minor(self, digits: str, currency: str) -> int | None:
        if "P" not in self.spans:
            return None
        decimals = self.decimals["P"]
        value = int(digits[self.spans["P"]])
        return (value if decimals is None else _scaled(value, currency_exponent(currency) - decimals)) or None


def parse_template(text: str) -> Template:
    """Read a template in the notation above. A fault is a :class:`TemplateInvalid`.

    >>> template = parse_template("21 IIIII PPP.PP C")
    >>> template.length, template.prefixes, template.read("2112345012988", "CNY")
    (13, ('21',), Measured(gtin='02112345000008', weight_g=None, price_minor=1298))
    """
    pattern = "".join(text.split())
    matched = _PREFIX.match(pattern)
    if matched is None:
        raise _invalid(text, "it begins with the prefix, such as 21 or 2[1-3]")
    prefixes = tuple("".join(digits) for digits in product(*_choices(text, matched[1])))
    if len(prefixes[0]) > 2:
        raise _invalid(text, "the prefix has one or two digits; what follows belongs to the item")
    spans, decimals, length = _spans(text, pattern[matched.end() :], len(prefixes[0]))
    if "I" not in spans:
        raise _invalid(text, "no I says which digits are the item")
    if "P" not in spans and "W" not in spans:
        raise _invalid(text, "neither P (price) nor W (weight) is there")
    if "C" in spans and spans["C"] != slice(length - 1, length):
        raise _invalid(text, "C is one digit, and the last")
    if "V" in spans:
        measure = spans["P"] if "P" in spans else spans["W"]
        if measure.stop - measure.start not in {4, 5} or spans["V"].stop - spans["V"].start != 1:
            raise _invalid(text, "V is one digit, and checks a price or weight of four or five")
    item_prefix = matched[2]
    if len(item_prefix or prefixes[0]) + spans["I"].stop - spans["I"].start > (11 if length == 12 else 12):
        raise _invalid(text, "prefix and item together do not fit into a GTIN")
    if not _LENGTH_MIN <= length <= _LENGTH_MAX:
        raise _invalid(text, f"it has {length} digits, not {_LENGTH_MIN} to {_LENGTH_MAX}")
    return Template(text, length, prefixes, item_prefix, spans, decimals)


def check_store_codes(settings: Settings) -> Iterator[Objection]:
    """A rule for :func:`unqueue.kernel.settings.load_settings`: templates can be read, none claims another's codes."""
    templates: list[Template] = []
    for position, store_code in enumerate(settings.catalogue.store_codes):
        try:
            templates.append(parse_template(store_code.template))
            index_templates(templates)
        except TemplateInvalid as error:
            key = ("catalogue", "store_codes", position, "template")
            yield key, str(error), "docs/guides/store-codes.md explains the notation."


def index_templates(templates: Iterable[Template]) -> dict[int, dict[str, Template]]:
    """Number of digits → first two digits → template, to find a code's template at once.

    Two templates for the same codes are a :class:`TemplateInvalid`.
    """
    index: dict[int, dict[str, Template]] = {}
    for template in templates:
        for prefix in template.prefixes:
            for key in _keys(prefix):
                other = index.setdefault(template.length, {}).setdefault(key, template)
                if other is not template:
                    raise _invalid(template.text, f"{other.text!r} already reads codes that begin with {key}")
    return index


def _keys(prefix: str) -> Iterator[str]:
    if len(prefix) == 1:
        yield from (prefix + digit for digit in "0123456789")
    else:
        yield prefix[:2]


def _choices(text: str, prefix: str) -> Iterator[str]:
    for part in re.findall(r"\d|\[[\d-]+\]", prefix):
        if len(part) == 1:
            yield part
            continue
        digits = re.sub(r"(\d)-(\d)", lambda ends: "".join(map(str, range(int(ends[1]), int(ends[2]) + 1))), part[1:-1])
        if not digits.isdigit():
            raise _invalid(text, f"{part} is no set of digits such as [1-3] or [157]")
        yield digits


def _spans(text: str, letters: str, start: int) -> tuple[dict[str, slice], dict[str, int | None], int]:
    """Where each letter's digits are, how many follow the point, and how many digits there are in all."""
    spans: dict[str, slice] = {}
    decimals: dict[str, int | None] = {}
    position = start
    for letter, run in groupby(letters.replace(".", "")):
        if letter not in _LETTERS:
            raise _invalid(text, f"{letter!r} means nothing here; I, P, W, V, C and ? do")
        if letter in spans and letter != "?":
            raise _invalid(text, f"{letter} comes twice")
        stop = position + len(list(run))
        spans[letter] = slice(position, stop)
        decimals[letter] = None
        position = stop
    points = re.findall(r"([PW])\.(\1+)", letters)
    if letters.count(".") != len(points):
        raise _invalid(text, "a point stands once, between two P or two W")
    for letter, after in points:
        decimals[letter] = len(after)
    return spans, decimals, position


def _scaled(value: int, exponent: int) -> int:
    """``value`` × 10 ** ``exponent``, halves rounded up."""
    if exponent >= 0:
        return int(value * 10**exponent)
    divisor = int(10**-exponent)
    return (value + divisor // 2) // divisor


def _invalid(text: str, fault: str) -> TemplateInvalid:
    return TemplateInvalid(f"store code template {text!r}: {fault}")
