"""What one row of a file says about a product, before it meets what is already known."""

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from unqueue.server.catalogue.gtin import gtin_14, has_right_check_digit

Origin = Literal["store", "off"]
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_EXPONENT = re.compile(r"\d([.,]\d+)?[eE]\+?\d+")
_GTIN_DIGITS_MIN, _GTIN_DIGITS_MAX = 8, 14


class RowRefused(Exception):
    """A row cannot be used; the text says why, for the person who made the file."""


class Given(msgspec.Struct, frozen=True, gc=False):
    """``fields`` of Product and ``details`` of ProductDetails that the row states; what it leaves open is absent.

    ``product_id`` None: that of the product which has the GTIN, else the GTIN itself. ``other_codes`` None: as before.
    """

    gtin: str
    fields: Mapping[str, Any]
    details: Mapping[str, Any]
    source: Origin
    product_id: str | None = None
    other_codes: tuple[str, ...] | None = None


def clean_text(text: str, length_max: int) -> str:
    """One line without control characters, or :class:`RowRefused` when it is too long or was no text at all."""
    if text.isprintable() and "  " not in text and len(text) <= length_max:  # most are; str does this in C
        return text
    plain = " ".join(_CONTROL.sub(" ", text).split())
    if len(plain) > length_max:
        raise RowRefused(f"longer than {length_max} characters: {plain[:40]}…")
    try:
        plain.encode()
    except UnicodeEncodeError:
        raise RowRefused("not readable as text: the file's encoding is wrong here") from None
    return plain


def read_gtin(text: str) -> str:
    """The GTIN-14 of a code in a file. Leading zeros that a spreadsheet ate are given back.

    >>> read_gtin("6901234567892"), read_gtin("36000291452")
    ('06901234567892', '00036000291452')
    """
    digits = text if text.isdigit() else text.replace(" ", "").replace("-", "")
    if not digits:
        raise RowRefused("no code")
    if not (digits.isascii() and digits.isdigit()):
        if _EXPONENT.fullmatch(digits):
            raise RowRefused(f"{text}: a spreadsheet rounded this code; format the column as text and export again")
        raise RowRefused(f"{text[:40]} is no code: it has more than digits")
    if not _GTIN_DIGITS_MIN <= len(digits) <= _GTIN_DIGITS_MAX:
        raise RowRefused(f"{digits[:40]} has {len(digits)} digits; a GTIN has 8, 12, 13 or 14")
    if not has_right_check_digit(digits):
        raise RowRefused(f"{digits}: the check digit is wrong")
    if not digits.strip("0"):
        raise RowRefused(f"{digits} is no code: it is zero")
    return gtin_14(digits)
