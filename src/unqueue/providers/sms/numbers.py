"""Telephone numbers: read as people write them, kept as E.164, shown without what gives them away."""

from typing import Literal

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

Fault = Literal["not_a_number", "invalid", "no_mobile"]
_TEXTED = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE, PhoneNumberType.PERSONAL_NUMBER})
LENGTH_MAX = 40


class NumberUnfit(ValueError):
    """No SMS can go there. It does not say the number."""

    def __init__(self, fault: Fault) -> None:
        self.fault: Fault = fault
        super().__init__(fault)


def normalised(text: str, country: str) -> str:
    """The number in E.164 form. ``country`` (ISO 3166) is where one without a country code belongs. NumberUnfit.

    >>> normalised("138 0013 8000", "CN"), normalised("+44 7400 123456", "CN"), normalised("０７９ 123 45 67", "CH")
    ('+8613800138000', '+447400123456', '+41791234567')
    """
    if len(text) > LENGTH_MAX:
        raise NumberUnfit("not_a_number")
    try:
        number = phonenumbers.parse(text, country or None)
    except NumberParseException as error:
        raise NumberUnfit("not_a_number") from error
    if number.extension or not phonenumbers.is_valid_number(number):
        raise NumberUnfit("invalid")
    if phonenumbers.number_type(number) not in _TEXTED:
        raise NumberUnfit("no_mobile")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def country_of(currency: str) -> str:
    """The country that a currency's code begins with (ISO 4217: its first two letters are ISO 3166's), if it is one.

    >>> country_of("CNY"), country_of("CHF"), country_of("EUR")
    ('CN', 'CH', '')
    """
    country = currency[:2]
    return country if country in phonenumbers.SUPPORTED_REGIONS else ""


def masked(number: str) -> str:
    """What may be shown and logged of an E.164 number: the country code and the last two digits.

    >>> masked("+8613800138000")
    '+86 ••••00'
    """
    return f"+{phonenumbers.parse(number).country_code} ••••{number[-2:]}"


def national(number: str, country_code: str) -> str:
    """An E.164 number without its plus, and without its country code where that is ``country_code``.

    >>> national("+8613800138000", "86"), national("+85251234567", "86")
    ('13800138000', '85251234567')
    """
    return number.removeprefix("+").removeprefix(country_code if number.startswith(f"+{country_code}") else "")
