"""Money: whole minor units of an ISO 4217 currency. Never a float, never a bare number."""

from collections.abc import Sequence
from typing import Self

import msgspec

# ISO 4217:2015 table A.1, column "minor unit", for the currencies whose exponent is not 2.
_EXPONENTS = {
    "BHD": 3, "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "IQD": 3, "ISK": 0, "JOD": 3, "JPY": 0, "KMF": 0,
    "KRW": 0, "KWD": 3, "LYD": 3, "OMR": 3, "PYG": 0, "RWF": 0, "TND": 3, "UGX": 0, "UYI": 0, "VND": 0,
    "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
}  # fmt: skip
_SYMBOLS = {"CNY": "¥", "EUR": "€", "GBP": "£", "JPY": "¥", "USD": "$", "HKD": "HK$", "CHF": "CHF "}


class Money(msgspec.Struct, frozen=True, gc=False):
    """An amount: ``amount_minor`` minor units (fen, cents) of ``currency`` (ISO 4217 alphabetic code).

    >>> str(Money(1290, "CNY"))
    '¥12.90'
    >>> Money(100, "CNY") + Money(250, "CNY")
    Money(amount_minor=350, currency='CNY')
    """

    amount_minor: int
    currency: str

    def __add__(self, other: Self) -> "Money":
        self._same_currency(other)
        return Money(self.amount_minor + other.amount_minor, self.currency)

    def __sub__(self, other: Self) -> "Money":
        self._same_currency(other)
        return Money(self.amount_minor - other.amount_minor, self.currency)

    def _same_currency(self, other: "Money") -> None:
        assert self.currency == other.currency, f"adding {other.currency} to {self.currency}"

    def __str__(self) -> str:
        return format_minor(self.amount_minor, self.currency)


def currency_exponent(currency: str) -> int:
    """Digits after the decimal point of a currency (ISO 4217 "minor unit")."""
    return _EXPONENTS.get(currency, 2)


def format_minor(amount_minor: int, currency: str) -> str:
    """The amount as shoppers write it, with the currency's own number of decimals.

    >>> format_minor(-5, "CNY"), format_minor(1234567, "JPY"), format_minor(1500, "KWD")
    ('-¥0.05', '¥1,234,567', 'KWD 1.500')
    """
    exponent = currency_exponent(currency)
    whole, fraction = divmod(abs(amount_minor), 10**exponent)
    digits = f"{whole:,}" + (f".{fraction:0{exponent}d}" if exponent else "")
    return ("-" if amount_minor < 0 else "") + _SYMBOLS.get(currency, f"{currency} ") + digits


def allocate(total_minor: int, weights: Sequence[int]) -> list[int]:
    """Split ``total_minor`` over ``weights`` (none negative) so that the parts add up exactly.

    Largest remainder; of equal remainders the earlier part gets the unit. Parts of weight 0 get 0 unless all are 0,
    when the first part gets everything.

    >>> allocate(100, [1, 1, 1])
    [34, 33, 33]
    >>> allocate(-7, [2, 1])
    [-5, -2]
    """
    if not weights:
        assert total_minor == 0, "nothing to allocate to"
        return []
    sign, total = (-1, -total_minor) if total_minor < 0 else (1, total_minor)
    whole = sum(weights)
    if whole == 0:
        return [total_minor, *([0] * (len(weights) - 1))]
    parts = [total * weight // whole for weight in weights]
    left = total - sum(parts)
    if left:
        remainders = [total * weight % whole for weight in weights]
        # A stable sort in reverse keeps equal remainders in order, so the earlier part comes first.
        for index in sorted(range(len(weights)), key=remainders.__getitem__, reverse=True)[:left]:
            parts[index] += 1
    return parts if sign > 0 else [-part for part in parts]


def divide_half_up(numerator: int, denominator: int) -> int:
    """``numerator / denominator`` (denominator > 0) rounded to a whole number, halves away from zero.

    >>> divide_half_up(5, 2), divide_half_up(-5, 2), divide_half_up(4, 3)
    (3, -3, 1)
    """
    quotient = (2 * abs(numerator) + denominator) // (2 * denominator)
    return quotient if numerator >= 0 else -quotient
