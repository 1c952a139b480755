"""How attempts and refunds are named on the wire, so that the same one is never begun twice."""

import hashlib
from typing import Literal

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PLACES = 9
_WINDOW_MS = 72 * 3_600_000
_HASHES = len(_DIGITS) ** _PLACES // _WINDOW_MS  # 391,823


def service_id(kind: Literal["payment", "refund"], subject_id: str, created_us: int) -> str:
    """The ServiceID of a payment or refund: always the same ten characters for the same one.

    A terminal wants it unique among one SaleID's messages for 48 hours. It is a letter for the kind, and in base 36 the
    millisecond of creation within 72 hours together with a hash of the id. So two differ unless they are of one kind,
    were created in the same millisecond (one terminal serves one shopper at a time) and their hashes fall together, one
    chance in 391,823. Even then nothing is taken for the other: the SaleTransactionID carries the whole id.

    >>> service_id("payment", "1f0c", 1_767_323_045_000_000)
    'PDJ82A0WNM'
    """
    hashed = int.from_bytes(hashlib.sha256(subject_id.encode()).digest()[:8], "big") % _HASHES
    return ("P" if kind == "payment" else "R") + _base36((created_us // 1000 % _WINDOW_MS) * _HASHES + hashed)


def passing_service_id(chance: int) -> str:
    """The ServiceID of a question that need not be found again. ``chance``: at least 47 random bits.

    >>> passing_service_id(123456789)
    'Q00021I3V9'
    """
    return "Q" + _base36(chance % len(_DIGITS) ** _PLACES)


def _base36(number: int) -> str:
    text = ""
    for _ in range(_PLACES):
        number, digit = divmod(number, len(_DIGITS))
        text = _DIGITS[digit] + text
    return text
