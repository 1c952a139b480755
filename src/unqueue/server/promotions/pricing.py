"""What goes into the pricing of a basket and what comes out. Pure data."""

from typing import Literal

import msgspec

from unqueue.server.promotions import words
from unqueue.server.promotions.words import Named, Words


class PricingLine(msgspec.Struct, frozen=True, gc=False):
    """A line of a basket as promotions see it. Amounts are minor units of the store's currency, before discounts.

    A weighed line (``weight_g`` set) is one unit that costs ``subtotal_minor``; a line of pieces is ``quantity`` units
    that share it. ``line`` is unique in the basket. Goods that may never be reduced have ``discountable=False``.
    """

    line: int
    product_id: str
    gtin: str
    brand: str
    category: str
    quantity: int
    unit_price_minor: int
    weight_g: int | None
    subtotal_minor: int
    discountable: bool = True


class Discount(msgspec.Struct, frozen=True, gc=False):
    """``amount_minor`` (more than 0) that a promotion takes off one line."""

    promotion_id: str
    line: int
    amount_minor: int


class Applied(msgspec.Struct, frozen=True):
    """A promotion that took part: its texts, all that it saved, and the lines that it touched, ascending."""

    promotion_id: str
    zh: str
    en: str
    amount_minor: int
    lines: tuple[int, ...]


class Reason(msgspec.Struct, frozen=True):
    """A choice that had to be made, kept as data; :attr:`Pricing.explained` says it in words.

    ``contest``: ``chosen`` saves ``saved_minor``; each rival alone would have saved its amount. ``kept``: an item-level
    offer was left out, for the basket offers in ``chosen`` save more. ``unproven``: the search ended at its step limit.
    """

    kind: Literal["contest", "kept", "unproven"]
    chosen: tuple[Named, ...] = ()
    saved_minor: int = 0
    rivals: tuple[tuple[Named, int], ...] = ()


class Pricing(msgspec.Struct, frozen=True):
    """The discounts of a basket.

    ``discounts`` is sorted by line and holds each (promotion, line) once; its amounts add up to those of ``applied``.
    ``optimal`` tells whether this is proven to be the best combination for the shopper.
    """

    discounts: list[Discount]
    applied: list[Applied]
    optimal: bool = True
    currency: str = ""
    reasons: tuple[Reason, ...] = ()

    @property
    def saved_minor(self) -> int:
        """All that was saved."""
        return sum(applied.amount_minor for applied in self.applied)

    @property
    def explained(self) -> Words:
        """Why this combination, in words. Empty when nothing applies."""
        sentences = [words.saves(one.zh, one.en, one.amount_minor, self.currency) for one in self.applied]
        for reason in self.reasons:
            if reason.kind == "contest":
                sentences.append(words.contest(reason.chosen, reason.saved_minor, reason.rivals, self.currency))
            elif reason.kind == "kept":
                sentences.append(words.kept(reason.chosen))
            else:
                sentences.append(words.UNPROVEN)
        return words.join(sentences)
