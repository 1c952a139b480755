"""Cash: what a coin or a note is. Pure."""

from typing import Literal, NamedTuple

Form = Literal["coin", "note"]


class Denomination(NamedTuple):
    """A kind of coin or note: ISO 4217 currency, face value in the currency's minor units, and what it is.

    A value may exist as a coin and as a note, as CNY 100 (1 yuan) does: they are two denominations.

    >>> str(Denomination("CNY", 1000, "note"))
    'CNY-1000-note'
    """

    currency: str
    value_minor: int
    form: Form

    def __str__(self) -> str:
        return f"{self.currency}-{self.value_minor}-{self.form}"


def parse_denomination(text: str) -> Denomination:
    """What :meth:`Denomination.__str__` wrote. ValueError for anything else.

    >>> parse_denomination("EUR-200-coin")
    Denomination(currency='EUR', value_minor=200, form='coin')
    """
    currency, _, rest = text.partition("-")
    value, _, form = rest.partition("-")
    if not (len(currency) == 3 and currency.isascii() and currency.isupper() and value.isascii() and value.isdigit()):
        raise ValueError(f"{text!r} names no denomination: it should look like CNY-1000-note")
    if int(value) == 0 or form not in {"coin", "note"}:
        raise ValueError(f"{text!r} names no denomination: it should look like CNY-1000-note")
    return Denomination(currency, int(value), "coin" if form == "coin" else "note")
