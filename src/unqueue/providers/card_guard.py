"""Keeps card numbers out: whatever text a terminal hands us goes through here before it is kept, sent on or logged.

A terminal should print ``**** **** **** 0010``. Should it print the whole number one day, the number ends here: any 13
to 19 digits that pass the check of ISO/IEC 7812-1 annex B (Luhn), with blanks or dashes among them, across line ends
too, and inside longer rows of digits. One row in ten passes by chance, so now and then a harmless number loses its
digits; that is the cheaper mistake. No bank's number begins with 0 (ISO/IEC 7812-1 §4.2), but application identifiers
do, and those (``A0000000041010`` is Mastercard's) must stay on a receipt.

The last four digits stay, as PCI DSS 4.0 requirement 3.4.1 allows.
"""

import re
from collections.abc import Iterable

from unqueue.kernel.ids import luhn_digit

SHORTEST, LONGEST = 13, 19
"""Digits of a primary account number (ISO/IEC 7812-1 §4.1; shorter ones are no bank's)."""

_KEPT = 4
# Blanks (ordinary, no-break, thin, figure, ideographic), dashes, dots, underscores, soft hyphens and line ends: what
# people and printers put between groups of digits. At most four in a row, for what stands further apart is two numbers.
_BETWEEN = "[ \t\r\n\u00a0\u00ad\u2007-\u2015\u202f\u3000.\u00b7_-]{0,4}"
_ROW = re.compile(rf"\d(?:{_BETWEEN}\d){{{SHORTEST - 1},}}")


def mask(text: str) -> str:
    """The text without card numbers.

    >>> mask("Card 4111 1111 1111 1111 approved"), mask("order 104729389, 12.90")
    ('Card **** **** **** 1111 approved', 'order 104729389, 12.90')
    """
    while True:
        masked = _ROW.sub(lambda row: _mask_row(row[0]), text)
        if masked == text:
            return text
        text = masked  # what stays of one number may be a part of the next


def mask_lines(lines: Iterable[str]) -> tuple[str, ...]:
    r"""The lines without card numbers, not even one that is broken at a line's end.

    >>> mask_lines(["4111 1111", "1111 1111", "EUR 12.90"])
    ('**** ****', '**** 1111', 'EUR 12.90')
    """
    return tuple(mask("\n".join(line.replace("\n", " ") for line in lines)).split("\n"))


def holds_card_number(text: str) -> bool:
    """Whether :func:`mask` would change the text."""
    return mask(text) != text


def _mask_row(row: str) -> str:
    characters = list(row)
    places = [place for place, character in enumerate(characters) if character.isdecimal()]
    digits = "".join(str(int(characters[place])) for place in places)
    start = 0
    while start + SHORTEST <= len(digits):
        length = next((n for n in range(LONGEST, SHORTEST - 1, -1) if _passes(digits[start : start + n], n)), 0)
        masked = max(0, length - _KEPT)
        for place in places[start : start + masked]:
            characters[place] = "*"
        start += max(1, masked)
    return "".join(characters)


def _passes(digits: str, length: int) -> bool:
    return len(digits) == length and digits[0] != "0" and luhn_digit(digits[:-1]) == digits[-1]
