"""Global Trade Item Numbers: check digits and the one form in which we store them, 14 digits."""


def check_digit(body: str) -> str:
    """The check digit for ``body``, decimal digits without it (GS1 General Specifications 7.9.1).

    >>> check_digit("690123456789"), check_digit("9501234")
    ('2', '6')
    """
    digits = body.encode()
    total = 3 * sum(digits[-1::-2]) + sum(digits[-2::-2]) - 48 * (len(body) + 2 * ((len(body) + 1) // 2))
    return str(-total % 10)


def has_right_check_digit(digits: str) -> bool:
    """Whether the last of ``digits`` (decimal digits of any number) is the check digit of those before it.

    Leading zeros change nothing, so one rule serves GTIN-8 to GTIN-14 and the longer codes that stores print.

    >>> has_right_check_digit("6901234567892"), has_right_check_digit("6901234567893")
    (True, False)
    """
    padded = digits.zfill(len(digits) + len(digits) % 2).encode()
    # Bytes add up in C. The zeros' ASCII value 48, weighted 3 1 3 1 over n bytes, leaves 6 n modulo 10.
    return (3 * sum(padded[::2]) + sum(padded[1::2]) - 6 * len(padded)) % 10 == 0


def gtin_14(digits: str) -> str:
    """A GTIN-8, -12, -13 or -14 as it is stored: filled up with zeros on the left to 14 digits.

    >>> gtin_14("6901234567892")
    '06901234567892'
    """
    return digits.zfill(14)


def shortest(gtin: str) -> str:
    """The form in which people meet a stored GTIN: 13 digits, 8 for a GTIN-8, 14 for a case.

    A GTIN-12 has no shorter form here: the world outside North America prints it with its leading zero.

    >>> shortest("06901234567892"), shortest("00000096385074"), shortest("16901234567899")
    ('6901234567892', '96385074', '16901234567899')
    """
    if gtin.startswith("000000"):
        return gtin[6:]
    return gtin.removeprefix("0")


def store_item_gtin(digits: str) -> str:
    """The GTIN-14 under which a product that has only a number of the store's own is kept.

    ``digits`` is the restricted-circulation prefix and the item number as the store's scales print them (GS1 General
    Specifications 2.1.12). What varies, price or weight, is zero, and the check digit of a GTIN-13 follows.

    >>> store_item_gtin("2112345")
    '02112345000008'
    """
    body = digits.ljust(12, "0")
    return gtin_14(body + check_digit(body))
