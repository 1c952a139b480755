"""Names for things. Whoever starts an action makes its id, so that every action can be sent twice."""

import hashlib
import hmac
import secrets
import uuid


def new_id() -> str:
    """A fresh random id: 32 hexadecimal digits (UUID version 4, RFC 9562)."""
    return uuid.UUID(bytes=secrets.token_bytes(16), version=4).hex


def new_token() -> str:
    """A secret that names its bearer: 256 random bits, 43 URL-safe characters."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What is stored instead of a token: its SHA-256 in hexadecimal. (A 256-bit secret needs no salt.)"""
    return hashlib.sha256(token.encode()).hexdigest()


def same_secret(one: str, other: str) -> bool:
    """Equality that takes the same time whatever differs."""
    return hmac.compare_digest(one.encode(), other.encode())


def new_order_number() -> str:
    """A number that people read and type: eight random digits and a Luhn check digit (ISO/IEC 7812-1 annex B)."""
    body = f"{secrets.randbelow(90_000_000) + 10_000_000}"
    return body + luhn_digit(body)


def luhn_digit(body: str) -> str:
    """The check digit for ``body``.

    >>> luhn_digit("7992739871")
    '3'
    """
    total = 0
    for position, digit in enumerate(reversed(body)):
        doubled = int(digit) * (2 if position % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def is_order_number(text: str) -> bool:
    """Whether ``text`` is nine digits with a right check digit: a typing slip is told without asking the server."""
    return len(text) == 9 and text.isascii() and text.isdigit() and luhn_digit(text[:-1]) == text[-1]
