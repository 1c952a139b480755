"""The draw that everyone can check afterwards (commit and reveal). Pure.

Each day has a secret seed of 32 bytes. Its SHA-256 is in the journal before the day's first draw, and the seed itself
after the day. All chance of a day comes from it: HMAC-SHA-256 (RFC 2104) of the seed over a label, the first 53 bits
of which are a number between 0 and 1. An order's id is made when its basket is frozen and can't be chosen by anyone
who knows the seed without showing in the journal.
"""

import hashlib
import hmac
from collections.abc import Sequence

import msgspec

from unqueue.server.audits.model import Kind, Rules

SEED_BYTES = 32
_BITS = 53
"""As many as a float holds exactly."""


class Lot(msgspec.Struct, frozen=True):
    """What was drawn: the number, and the audit it leads to; ``chosen`` in the order of the draw."""

    value: float
    kind: Kind | None
    chosen: tuple[str, ...]


def commitment(seed: bytes) -> str:
    """What is told of a seed beforehand: its SHA-256, in hexadecimal."""
    return hashlib.sha256(seed).hexdigest()


def uniform(seed: bytes, label: str) -> float:
    """A number from 0 up to but not 1.

    >>> round(uniform(bytes(32), "an order"), 4), 0 <= uniform(bytes(32), "another") < 1
    (0.6842, True)
    """
    digest = hmac.digest(seed, label.encode(), "sha256")
    return (int.from_bytes(digest[:8], "big") >> (64 - _BITS)) * 2.0**-_BITS


def draw(seed: bytes, order_id: str, *, probability: float, rules: Rules, articles: Sequence[str]) -> Lot:
    """Draw for one order. A partial audit counts ``rules.partial_articles`` of its articles, any of them as probable as
    any other: those with the smallest numbers.
    """
    value = uniform(seed, order_id)
    if value >= probability:
        return Lot(value, None, ())
    if uniform(seed, f"{order_id}/kind") < rules.full_share:
        return Lot(value, "full", tuple(articles))
    ranked = sorted(articles, key=lambda article: uniform(seed, f"{order_id}/{article}"))
    return Lot(value, "partial", tuple(ranked[: rules.partial_articles]))
