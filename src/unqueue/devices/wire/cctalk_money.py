"""What money a ccTalk device means by `EU200A` (header 184) or `CN0010A` (header 157). Pure.

A coin's identifier is country, three characters of value, one of issue; a bill's has four digits of value, which the
country's scaling factor (header 156) multiplies. Source: ccTalk Generic Specification issue 4.7 part 3, appendices 3
and 10; part 2, headers 156 and 157.
"""

import re

from unqueue.devices.wire.cctalk_messages import Scaling
from unqueue.kernel.cash import Denomination
from unqueue.kernel.money import currency_exponent

COUNTRY_CURRENCIES = {
    "AE": "AED", "AR": "ARS", "AU": "AUD", "BR": "BRL", "CA": "CAD", "CH": "CHF", "CL": "CLP", "CN": "CNY",
    "CO": "COP", "CZ": "CZK", "DK": "DKK", "EG": "EGP", "EU": "EUR", "GB": "GBP", "HK": "HKD", "HU": "HUF",
    "ID": "IDR", "IL": "ILS", "IN": "INR", "IS": "ISK", "JP": "JPY", "KR": "KRW", "MO": "MOP", "MX": "MXN",
    "MY": "MYR", "NO": "NOK", "NZ": "NZD", "PH": "PHP", "PL": "PLN", "RO": "RON", "RS": "RSD", "RU": "RUB",
    "SA": "SAR", "SE": "SEK", "SG": "SGD", "TH": "THB", "TR": "TRY", "TW": "TWD", "UA": "UAH", "US": "USD",
    "VN": "VND", "ZA": "ZAR",
}  # fmt: skip
"""Countries (ISO 3166-1, and EU for the euro) and the currency (ISO 4217) of their identifiers today."""

_COIN = re.compile(r"([A-Z]{2})(?=.{3}[A-Z0-9]$)([0-9]*)([KM]?)([0-9]*)[A-Z0-9]")
_BILL = re.compile(r"([A-Z]{2})([0-9]{4})[A-Z0-9]")
_MULTIPLES = {"": 1, "K": 1_000, "M": 1_000_000}


def coin_denomination(identifier: str) -> Denomination | None:
    """The coin of an identifier, its value in the smallest unit; None when the position is empty or a token's, or when
    the value is not a whole number of that unit: such coins are told to the driver by its settings.

    >>> coin_denomination("CN100A"), coin_denomination("TK001A"), coin_denomination("......")
    (Denomination(currency='CNY', value_minor=100, form='coin'), None, None)
    >>> [str(coin_denomination(identifier)) for identifier in ("KR500A", "ID1K0A", "VN2K5A", "ID10KA")]
    ['KRW-500-coin', 'IDR-1000-coin', 'VND-2500-coin', 'IDR-10000-coin']
    """
    found = _COIN.fullmatch(identifier)
    currency = COUNTRY_CURRENCIES.get(found[1]) if found else None
    if found is None or currency is None:
        return None
    # K and M stand where the decimal point of a number of thousands or millions would.
    _, whole, unit, decimals = found.groups()
    value = int(whole + decimals) * _MULTIPLES[unit]
    minor, rest = divmod(value, 10 ** len(decimals) if unit else 1)
    return Denomination(currency, minor, "coin") if minor and not rest else None


def bill_country(identifier: str) -> str | None:
    """The country of a bill's identifier; None for an empty type (`.......`) or a ticket.

    >>> bill_country("CN0010A"), bill_country(".......")
    ('CN', None)
    """
    found = _BILL.fullmatch(identifier)
    return found[1] if found else None


def bill_denomination(identifier: str, scaling: Scaling) -> Denomination | None:
    """The bill of an identifier; None when it is unknown or its value is not a whole number of minor units.

    >>> bill_denomination("CN0010A", Scaling(100, 2))
    Denomination(currency='CNY', value_minor=1000, form='note')
    """
    found = _BILL.fullmatch(identifier)
    currency = COUNTRY_CURRENCIES.get(found[1]) if found else None
    if found is None or currency is None:
        return None
    value = int(found[2]) * scaling.factor * 10 ** currency_exponent(currency)
    minor, rest = divmod(value, 10**scaling.decimals)
    return Denomination(currency, minor, "note") if minor and not rest else None
