"""What a trip knows of coupons: that they lie in the basket, and whom to ask about them. Pure.

Coupons stand above trips. The composition root hands in who finds them and tells what they would give.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from unqueue.kernel.money import Money
from unqueue.server.promotions.pricing import Pricing
from unqueue.server.promotions.words import Words
from unqueue.server.trips.model import Trip


class Found(msgspec.Struct, frozen=True):
    """A coupon that a code found. ``code`` is the same for the same paper; ``about`` is for whoever found it."""

    coupon_id: str
    code: str
    zh: str
    en: str
    about: Any = None


class CouponShare(msgspec.Struct, frozen=True):
    """What a coupon takes off a line."""

    line: int
    amount: Money


class BasketCoupon(msgspec.Struct, frozen=True):
    """A coupon in the basket: what it would take off now, or the ``problem`` why nothing (a problem document).

    ``note`` says in words how often it may be used. Nothing is reserved before the basket is submitted.
    """

    coupon: int
    coupon_id: str
    zh: str
    en: str
    amount: Money
    funded_by: str
    lines: list[CouponShare]
    problem: dict[str, Any] | None = None
    note: Words | None = None


class CouponFinder(Protocol):
    """What a trip needs of the coupons. Nothing here writes."""

    async def find(self, text: str, trip: Trip, asker: str | None = None) -> Found | None:
        """The coupon of a scanned or typed code; None for what is none. Refusals for one that is of no use today, and
        after many unknown codes. ``asker`` is the client's address; None for a code that is no guess: goods' own.
        """

    async def recall(self, text: str, trip: Trip) -> Found | None:
        """The same without refusals, for a coupon that lies in the basket already."""

    def preview(self, trip: Trip, pricing: Pricing, found: Mapping[int, Found]) -> list[BasketCoupon]:
        """What the coupons of a basket (by their numbers) would give if it were submitted now."""
