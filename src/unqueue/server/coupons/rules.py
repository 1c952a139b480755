"""Coupons as data: what a store writes down, imports and keeps. Pure.

A coupon is a JSON object whose ``kind`` names its type. Amounts are minor units (fen, cents) of the coupon's currency,
shares are basis points (1 % = 100), days are days of the store's own zone, the last one included.
docs/guides/coupons.md shows every kind with an example.
"""

import re
from collections.abc import Callable, Collection
from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from unqueue.kernel.money import currency_exponent
from unqueue.server.catalogue.gtin import gtin_14, has_right_check_digit
from unqueue.server.promotions.rules import BasisPoints, Currency, Minor, MinorOrNothing, RuleId, Text, Units

Code = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z0-9]{4,40}$",
        description="4 to 40 capital letters and digits; spaces and hyphens that people type are left out",
        examples=["SUMMER10"],
    ),
]
Gcn = Annotated[str, Meta(pattern="^[0-9]{13}$", description="the 13 digits of an AI 255", examples=["9501101530003"])]
CompanyPrefix = Annotated[
    str, Meta(pattern="^[0-9]{6,12}$", description="a GS1 company prefix of 6 to 12 digits", examples=["0614141"])
]
OfferCode = Annotated[str, Meta(pattern="^[0-9]{6}$", description="an offer code of 6 digits", examples=["654321"])]
FamilyCode = Annotated[str, Meta(pattern="^[0-9]{3}$", description="a family code of 3 digits", examples=["120"])]
Group = Annotated[
    str, Meta(pattern="^[a-z0-9._-]{1,48}$", description="a name of a-z, 0-9, dot, - and _", examples=["welcome"])
]
Uses = Annotated[int, Meta(ge=1, le=1_000_000_000, description="a number of uses, at least 1", examples=[500])]
Priority = Annotated[int, Meta(ge=1, le=99, description="1 (first) to 99 (last)", examples=[50])]
FundedBy = Literal["store", "issuer"]
"""Who bears it: the store (a reduction of the price), or the issuer, who pays the store back (a tender)."""
Stage = Literal["product", "category", "basket_amount", "basket_percent"]
Test = Callable[[str, str, str], bool]
STAGES: tuple[Stage, ...] = ("product", "category", "basket_amount", "basket_percent")
"""The order in which coupons are applied; within a stage by priority, then by code."""


def check_gtins(field: str, gtins: Collection[str]) -> None:
    """ValueError, with how to mend it, for what is no GTIN."""
    for gtin in gtins:
        if not re.fullmatch(r"[0-9]{8}|[0-9]{12,14}", gtin, re.ASCII):
            raise ValueError(f"{field} holds {gtin!r}, which is no GTIN: write its 8, 12, 13 or 14 digits")


class Selection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Goods, by any of their marks: what at least one list names."""

    product_ids: tuple[str, ...] = ()
    gtins: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_gtins("gtins", self.gtins)

    @property
    def is_empty(self) -> bool:
        return not (self.product_ids or self.gtins or self.categories)

    def test(self) -> Test:
        """Whether goods are meant, as a function of product id, GTIN (14 digits) and category."""
        product_ids, categories = frozenset(self.product_ids), frozenset(self.categories)
        gtins = frozenset(gtin_14(one) for one in self.gtins)
        return lambda product_id, gtin, category: product_id in product_ids or gtin in gtins or category in categories


class Goods(Selection, frozen=True, kw_only=True):
    """What a coupon is for: products, or categories, or ``everything``; without those in ``excluding``."""

    everything: bool = False
    excluding: Selection | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [bool(self.product_ids or self.gtins), bool(self.categories), self.everything]
        if sum(given) != 1:
            found = "names products and categories together" if any(given) else "names no goods"
            raise ValueError(f"on {found}: give product_ids and gtins, or categories, or everything: true")

    @property
    def of_products(self) -> bool:
        return bool(self.product_ids or self.gtins)

    def test(self) -> Test:
        named = super().test()
        excluded = self.excluding.test() if self.excluding is not None else None
        return lambda *marks: (self.everything or named(*marks)) and not (excluded and excluded(*marks))


class Offer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The offer of an AI 8112: each serial number of it is good once."""

    funder_id: CompanyPrefix
    offer_code: OfferCode


class Common(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True, omit_defaults=True
):
    """What all coupons have.

    ``uses_max`` over all orders, ``uses_max_per_member`` for each member over all visits (and for one visit of
    whoever shows no member's card). ``minimum_spend_minor`` counts the basket
    after promotions, without deposits. ``stackable``: may be used with other stackable coupons, but for those whose
    ``groups`` are in ``excludes`` of one of the two. ``without_age_limited``: goods with an age limit are neither
    reduced nor counted.
    """

    id: RuleId
    zh: Text
    en: Text
    currency: Currency
    funded_by: FundedBy = "store"
    uses_max: Uses | None = None
    uses_max_per_member: Uses | None = None
    members_only: bool = False
    valid_from: date | None = None
    valid_until: date | None = None
    minimum_spend_minor: MinorOrNothing = 0
    minimum_spend_on: Literal["basket", "goods"] = "basket"
    stackable: bool = False
    groups: tuple[Group, ...] = ()
    excludes: tuple[Group, ...] = ()
    not_with_promotions: bool = False
    without_age_limited: bool = False
    priority: Priority = 50

    def __post_init__(self) -> None:
        if self.valid_from and self.valid_until and self.valid_from > self.valid_until:
            raise ValueError("valid_until is before valid_from: put the later day into valid_until")
        if self.excludes and not self.stackable:
            raise ValueError("excludes goes with stackable only: a coupon that is not stackable stands alone anyway")


class Coded(Common, frozen=True, kw_only=True):
    """A coupon that is found by its own code: ``code`` (used many times), ``serials`` (each good once; more can be
    imported later), ``gcn`` (an AI 255; a serial number on it is good once), or ``offer`` (an AI 8112).
    """

    on: Goods = Goods(everything=True)
    code: Code | None = None
    serials: tuple[Code, ...] | None = None
    gcn: Gcn | None = None
    offer: Offer | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if sum(way is not None for way in (self.code, self.serials, self.gcn, self.offer)) != 1:
            raise ValueError("code, serials, gcn and offer are alternatives: give one of them")
        if self.gcn is not None and not has_right_check_digit(self.gcn):
            raise ValueError("gcn has a wrong check digit: look at the last of the 13 digits")
        if self.serials is not None and len(set(self.serials)) < len(self.serials):
            raise ValueError("serials holds a code twice: each is good once")


class AmountOff(Coded, frozen=True, kw_only=True, tag="amount_off"):
    """``off_minor`` off, at most what the goods cost. For products: off ``units`` of them together, which must be
    there; one, if not given.
    """

    off_minor: Minor
    units: Units | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.units is not None and not self.on.of_products:
            raise ValueError("units goes with products only: leave it out, or name products in on")


class PercentOff(Coded, frozen=True, kw_only=True, tag="percent_off"):
    """``off_bp`` off, at most ``off_max_minor``. For products: off ``units`` of them, or off all there are."""

    off_bp: BasisPoints
    off_max_minor: Minor | None = None
    units: Units | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.units is not None and not self.on.of_products:
            raise ValueError("units goes with products only: leave it out, or name products in on")


class FreeProduct(Coded, frozen=True, kw_only=True, tag="free_product"):
    """``units`` of the products are free, worth at most ``off_max_minor``."""

    units: Units = 1
    off_max_minor: Minor | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.on.of_products:
            raise ValueError("on names no products: a free product needs product_ids or gtins")


class NorthAmerican(Common, frozen=True, kw_only=True, tag="north_american"):
    """Coupons with an AI 8110 of these companies are taken, by agreement with whoever pays them back.

    ``offer_codes``: only these, if any are given. ``families``: family code → GTINs of its goods, as the company says;
    a family that is not here is every product of the company. ``off_max_minor``: no coupon is worth more.
    """

    company_prefixes: Annotated[tuple[CompanyPrefix, ...], Meta(min_length=1, description="at least one prefix")]
    offer_codes: tuple[OfferCode, ...] = ()
    families: dict[FamilyCode, tuple[str, ...]] = {}
    off_max_minor: Minor
    funded_by: FundedBy = "issuer"

    def __post_init__(self) -> None:
        super().__post_init__()
        if currency_exponent(self.currency) != 2:
            raise ValueError("currency has no cents: an AI 8110 counts in hundredths")
        for gtins in self.families.values():
            check_gtins("families", gtins)


Coupon = AmountOff | PercentOff | FreeProduct | NorthAmerican
