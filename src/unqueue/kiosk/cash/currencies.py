"""What cash exists per currency, how amounts are rounded for it, and what foreign cash is worth. Pure, exact integers.

Sources: the issuing banks' own lists (People's Bank of China, fifth series and the small fourth-series pieces that are
still legal tender; European Central Bank; Swiss National Bank; Federal Reserve and US Mint; Bank of England and Royal
Mint; Bank of Japan; Hong Kong Monetary Authority). Rounding to 5 Rappen: the Swiss franc has no smaller coin (Swiss
Currency Act and the Federal Council's ordinance on coins).
"""

from datetime import datetime
from fractions import Fraction
from typing import Literal

import msgspec

from unqueue.kernel.cash import Denomination
from unqueue.kernel.money import currency_exponent

Half = Literal["up", "down"]
Favour = Literal["store", "shopper", "nearest"]


class CashCurrency(msgspec.Struct, frozen=True):
    """The pieces of a currency, in minor units, and the step its cash amounts are rounded to (1: not rounded)."""

    currency: str
    coins_minor: tuple[int, ...]
    notes_minor: tuple[int, ...]
    increment_minor: int = 1

    @property
    def minor_digits(self) -> int:
        """Digits after the decimal point (ISO 4217 "minor unit")."""
        return currency_exponent(self.currency)

    def denominations(self) -> frozenset[Denomination]:
        coins = {Denomination(self.currency, value, "coin") for value in self.coins_minor}
        return frozenset(coins | {Denomination(self.currency, value, "note") for value in self.notes_minor})


CURRENCIES = {
    cash.currency: cash
    for cash in (
        # 1 yuan, 5 jiao and 1 jiao exist as coin and as note.
        CashCurrency("CNY", (1, 2, 5, 10, 50, 100), (10, 50, 100, 500, 1000, 2000, 5000, 10000)),
        CashCurrency("EUR", (1, 2, 5, 10, 20, 50, 100, 200), (500, 1000, 2000, 5000, 10000, 20000, 50000)),
        CashCurrency("CHF", (5, 10, 20, 50, 100, 200, 500), (1000, 2000, 5000, 10000, 20000, 100000), 5),
        CashCurrency("USD", (1, 5, 10, 25, 50, 100), (100, 200, 500, 1000, 2000, 5000, 10000)),
        CashCurrency("GBP", (1, 2, 5, 10, 20, 50, 100, 200), (500, 1000, 2000, 5000)),
        CashCurrency("JPY", (1, 5, 10, 50, 100, 500), (1000, 2000, 5000, 10000)),
        CashCurrency("HKD", (10, 20, 50, 100, 200, 500, 1000), (1000, 2000, 5000, 10000, 50000, 100000)),
    )
}


def round_cash(amount_minor: int, increment_minor: int, half: Half = "up") -> int:
    """The nearest multiple of `increment_minor` to an amount that is not negative; a half goes `up` or `down`.

    >>> [round_cash(amount, 5) for amount in (1232, 1233, 1237, 1238)]
    [1230, 1235, 1235, 1240]
    >>> round_cash(1235, 10), round_cash(1235, 10, "down")
    (1240, 1230)
    """
    assert amount_minor >= 0, amount_minor
    assert increment_minor > 0, increment_minor
    whole, rest = divmod(amount_minor, increment_minor)
    up = 2 * rest > increment_minor or (2 * rest == increment_minor and half == "up")
    return (whole + up) * increment_minor


class ExchangeRate(msgspec.Struct, frozen=True):
    """One unit of `currency` is worth `rate` units of the store's currency, as a decimal text such as ``"7.8125"``.

    It holds from `valid_from` until just before `valid_until`.
    """

    currency: str
    rate: str
    valid_from: datetime
    valid_until: datetime

    def __post_init__(self) -> None:
        if self.valid_from >= self.valid_until:
            raise ValueError(f"the rate of {self.currency} ends before it begins")
        exact_rate(self.rate)


class CashPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How a store takes cash. `increment_minor`: None is the currency's own step; a store may set 10 for CNY (1 jiao).

    `favour` says whose favour a foreign piece's value is rounded in. `refund_in_store_currency`: where foreign cash
    can't be given back as it came, its credited value is given instead; otherwise it becomes a debt in its currency.
    """

    currency: str
    increment_minor: int | None = None
    half: Half = "up"
    rates: tuple[ExchangeRate, ...] = ()
    favour: Favour = "store"
    refund_in_store_currency: bool = True

    @property
    def step_minor(self) -> int:
        if self.increment_minor is not None:
            return self.increment_minor
        known = CURRENCIES.get(self.currency)
        return known.increment_minor if known else 1

    def rates_at(self, at: datetime) -> dict[str, str]:
        """The rates that hold at a moment; of two that hold, the one that began later."""
        ordered = sorted(self.rates, key=lambda rate: rate.valid_from)
        return {entry.currency: entry.rate for entry in ordered if entry.valid_from <= at < entry.valid_until}


def exact_rate(text: str) -> Fraction:
    """The rate that a decimal text names, exactly. ValueError unless it is a plain decimal above zero.

    >>> exact_rate("7.8125")
    Fraction(125, 16)
    """
    whole, _, fraction = text.partition(".")
    if not (whole.isascii() and whole.isdigit() and (fraction or "0").isascii() and (fraction or "0").isdigit()):
        raise ValueError(f"{text!r} is no exchange rate: it should look like 7.8125")
    rate = Fraction(text)
    if rate == 0:
        raise ValueError(f"{text!r} is no exchange rate: it must be above zero")
    return rate


def exact_value(face_minor: int, currency: str, store_currency: str, rate: str) -> Fraction:
    """What `face_minor` of `currency` is worth in the store's minor units, before any rounding."""
    scale = Fraction(10 ** currency_exponent(store_currency), 10 ** currency_exponent(currency))
    return face_minor * exact_rate(rate) * scale


def exchange(face_minor: int, currency: str, store_currency: str, rate: str, *, step_minor: int, favour: Favour) -> int:
    """What the store credits for foreign cash: whole minor units of its own, a multiple of `step_minor`, rounded down
    (the store's `favour`), up (the shopper's) or to the nearest (a half up).

    Every piece is rounded for itself, so that the credits that a shopper saw add up to the total. Multiples of the step
    of cash rounding, so that change and refunds never need a coin that does not exist.

    >>> exchange(1000, "EUR", "CNY", "7.8123", step_minor=1, favour="store")
    7812
    >>> exchange(1000, "EUR", "CNY", "7.8123", step_minor=10, favour="shopper")
    7820
    >>> exchange(1000, "JPY", "CNY", "0.0485", step_minor=1, favour="store")
    4850
    """
    steps = exact_value(face_minor, currency, store_currency, rate) / step_minor
    if favour == "store":
        whole = steps.numerator // steps.denominator
    elif favour == "shopper":
        whole = -(-steps.numerator // steps.denominator)
    else:
        whole = (2 * steps.numerator + steps.denominator) // (2 * steps.denominator)
    return whole * step_minor
