"""The tax that prices contain. Pure; the books and the receipt use the same rows.

Prices include tax. Lines are added up by rate first and rounded once for each rate, halves away from zero:
tax = gross · rate / (1 + rate), net = gross - tax. So a receipt's rows add up to its total, and rounding does not grow
with the number of lines.

A deposit on packaging is a debt to the shopper, not a sale, while it is kept apart in the books: it is not taxed
(China: 国税发〔1993〕154号 第二条(一)). It stands in the row of rate 0.
"""

from collections.abc import Iterable
from typing import Protocol

import msgspec

from unqueue.kernel.money import divide_half_up

WHOLE_BP = 10_000


class TaxedLine(Protocol):
    """What a line must tell; amounts in minor units, the rate in hundredths of a percent."""

    @property
    def subtotal_minor(self) -> int: ...
    @property
    def discount_minor(self) -> int: ...
    @property
    def deposit_minor(self) -> int: ...
    @property
    def tax_rate_bp(self) -> int: ...


class TaxRow(msgspec.Struct, frozen=True):
    """What was sold at one rate: ``gross = net + tax``, in minor units."""

    rate_bp: int
    net_minor: int
    tax_minor: int
    gross_minor: int


def tax_rows(lines: Iterable[TaxedLine]) -> list[TaxRow]:
    """One row for each rate, the highest first; their gross amounts add up to the total of the lines.

    >>> from types import SimpleNamespace as Line
    >>> milk = Line(subtotal_minor=1090, discount_minor=0, deposit_minor=50, tax_rate_bp=900)
    >>> soap = Line(subtotal_minor=1200, discount_minor=70, deposit_minor=0, tax_rate_bp=1300)
    >>> [(row.rate_bp, row.net_minor, row.tax_minor, row.gross_minor) for row in tax_rows([milk, soap])]
    [(1300, 1000, 130, 1130), (900, 1000, 90, 1090), (0, 50, 0, 50)]
    """
    gross: dict[int, int] = {}
    for line in lines:
        sold = line.subtotal_minor - line.discount_minor
        gross[line.tax_rate_bp] = gross.get(line.tax_rate_bp, 0) + sold
        if line.deposit_minor:
            gross[0] = gross.get(0, 0) + line.deposit_minor
    return [_row(rate_bp, gross_minor) for rate_bp, gross_minor in sorted(gross.items(), reverse=True)]


def _row(rate_bp: int, gross_minor: int) -> TaxRow:
    tax_minor = divide_half_up(gross_minor * rate_bp, WHOLE_BP + rate_bp)
    return TaxRow(rate_bp, gross_minor - tax_minor, tax_minor, gross_minor)
