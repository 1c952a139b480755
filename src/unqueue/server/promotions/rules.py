"""Promotion rules as data: what a store writes down, imports and keeps. Pure.

A rule is a JSON object whose ``kind`` names its type. ``off_bp`` is a reduction in basis points (1 % = 100), amounts
are minor units (fen, cents) of the rule's currency, times are instants in UTC, and daily hours are the store's own
clock. docs/guides/promotions.md shows every kind with an example.
"""

import re
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

RuleId = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9._-]{0,47}$",
        description="1 to 48 characters of a-z, 0-9, dot, - and _, a letter or digit first",
        examples=["dairy-3-for-2"],
    ),
]
Text = Annotated[str, Meta(min_length=1, max_length=200, description="1 to 200 characters", examples=["Three for two"])]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$", description="a currency of ISO 4217", examples=["CNY"])]
BasisPoints = Annotated[
    int, Meta(ge=1, le=10_000, description="basis points from 1 to 10000 (2000 is 20 %)", examples=[2000])
]
Minor = Annotated[
    int, Meta(ge=1, le=1_000_000_000, description="minor units of the currency, at least 1", examples=[500])
]
MinorOrNothing = Annotated[
    int, Meta(ge=0, le=1_000_000_000, description="minor units of the currency, not negative", examples=[990])
]
Units = Annotated[int, Meta(ge=1, le=100, description="a number of units from 1 to 100", examples=[3])]
Uses = Annotated[int, Meta(ge=1, le=1_000_000, description="a number of times, at least 1", examples=[2])]
Weekday = Annotated[int, Meta(ge=1, le=7, description="a weekday from 1 (Monday) to 7 (Sunday)", examples=[6])]
TimeOfDay = Annotated[
    str,
    Meta(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$",
        description="a time of day as hours and minutes",
        examples=["18:00"],
    ),
]
Instant = Annotated[
    datetime,
    Meta(tz=True, description="a time with its zone (RFC 3339)", examples=["2026-03-01T00:00:00Z"]),
]


_WAYS = "price_minor, off_bp, off_minor, cheapest_off_bp, or off_bp in groups"
_REWARDS = {False: "no reward is given", True: "several rewards are given"}


class Selection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Products, by any of their marks: a product is meant when at least one list names it."""

    product_ids: tuple[str, ...] = ()
    gtins: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for gtin in self.gtins:
            if not re.fullmatch(r"[0-9]{8}|[0-9]{12,14}", gtin, re.ASCII):
                raise ValueError(f"gtins holds {gtin!r}, which is no GTIN: write its 8, 12, 13 or 14 digits")

    @property
    def is_empty(self) -> bool:
        return not (self.product_ids or self.gtins or self.brands or self.categories)


class Target(Selection, frozen=True, kw_only=True):
    """What a rule is for: the products named, or ``everything``, without those in ``excluding``.

    ``sold_by`` narrows it to goods sold by the piece or by weight.
    """

    everything: bool = False
    excluding: Selection | None = None
    sold_by: Literal["piece", "weight"] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.is_empty and not self.everything:
            raise ValueError("names no product: give product_ids, gtins, brands or categories, or everything: true")
        if self.everything and not self.is_empty:
            raise ValueError("says everything and names products too: leave one of them out")


class Promotion(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True, omit_defaults=True
):
    """What all rules have.

    Valid from ``valid_from`` until just before ``valid_until``; on ``weekdays`` (all if none is given); from
    ``daily_from`` until just before ``daily_until`` by the store's clock, past midnight if that is not later (the hours
    after midnight belong to the day before). ``max_uses`` is per basket.
    """

    id: RuleId
    zh: Text
    en: Text
    currency: Currency
    members_only: bool = False
    max_uses: Uses | None = None
    valid_from: Instant | None = None
    valid_until: Instant | None = None
    weekdays: tuple[Weekday, ...] = ()
    daily_from: TimeOfDay | None = None
    daily_until: TimeOfDay | None = None

    def __post_init__(self) -> None:
        if self.valid_from and self.valid_until and self.valid_from >= self.valid_until:
            raise ValueError("valid_until is not later than valid_from: put the later time into valid_until")
        if (self.daily_from is None) != (self.daily_until is None):
            raise ValueError("daily_from and daily_until come together: give both or none")
        if self.daily_from is not None and self.daily_from == self.daily_until:
            raise ValueError("daily_from and daily_until are the same: leave both out for the whole day")
        if self.daily_from == "24:00":
            raise ValueError('daily_from is 24:00: write "00:00" for midnight')


class PercentOff(Promotion, frozen=True, kw_only=True, tag="percent_off"):
    """``off_bp`` off each unit; a unit's reduction is rounded to the minor unit, halves up."""

    on: Target
    off_bp: BasisPoints


class AmountOff(Promotion, frozen=True, kw_only=True, tag="amount_off"):
    """``off_minor`` off each set of ``units`` units (each unit, if not given), at most what the set costs."""

    on: Target
    off_minor: Minor
    units: Units = 1


class NForM(Promotion, frozen=True, kw_only=True, tag="n_for_m"):
    """Of ``units`` units the dearest ``pay_units`` are paid, the others are free."""

    on: Target
    units: Units
    pay_units: Units

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pay_units >= self.units:
            raise ValueError("pay_units is not less than units: whoever takes units of them pays for fewer")


class NForPrice(Promotion, frozen=True, kw_only=True, tag="n_for_price"):
    """``units`` units for ``price_minor`` together."""

    on: Target
    units: Units
    price_minor: Minor


class NthReduced(Promotion, frozen=True, kw_only=True, tag="nth_reduced"):
    """Of every ``nth`` units the cheapest costs ``pay_bp`` of its price: the second at half price is 2 and 5000."""

    on: Target
    nth: Units
    pay_bp: Annotated[
        int, Meta(ge=0, le=9_999, description="basis points from 0 to 9999 (5000 is half price)", examples=[5000])
    ]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nth < 2:
            raise ValueError("nth is 1: use percent_off to reduce every unit")


class Group(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """``units`` units of ``on``. ``off_bp`` reduces this group's units only: buy A, get B at half price."""

    on: Target
    units: Units = 1
    off_bp: BasisPoints | None = None


class MixAndMatch(Promotion, frozen=True, kw_only=True, tag="mix_and_match"):
    """A set takes its units from each group, and is then sold for ``price_minor``, or ``off_bp`` or ``off_minor`` off,
    or with its cheapest unit ``cheapest_off_bp`` off (10000: free), or with the groups' own ``off_bp``: one of these.
    """

    groups: Annotated[tuple[Group, ...], Meta(min_length=1, max_length=6, description="1 to 6 groups")]
    price_minor: Minor | None = None
    off_bp: BasisPoints | None = None
    off_minor: Minor | None = None
    cheapest_off_bp: BasisPoints | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        ways = [self.price_minor, self.off_bp, self.off_minor, self.cheapest_off_bp]
        if any(group.off_bp is not None for group in self.groups):
            ways.append(1)
        if sum(way is not None for way in ways) != 1:
            raise ValueError(f"{_REWARDS[sum(way is not None for way in ways) > 1]}: give one of {_WAYS}")


class MemberPrice(Promotion, frozen=True, kw_only=True, tag="member_price"):
    """Members pay ``price_minor`` a piece, or a kilogram of goods sold by weight. Always for members only."""

    on: Target
    price_minor: MinorOrNothing


class Spend(Promotion, frozen=True, kw_only=True, tag="spend"):
    """Whoever spends ``spend_minor`` on ``on``, item-level offers taken off, gets ``off_minor`` or ``off_bp`` off.

    With ``every``, ``off_minor`` is taken off for each full ``spend_minor`` (at most ``max_uses`` times). Of the rules
    of one ``step`` at most one applies; the next step counts what then remains.
    """

    spend_minor: MinorOrNothing
    on: Target = Target(everything=True)
    off_minor: Minor | None = None
    off_bp: BasisPoints | None = None
    every: bool = False
    step: Annotated[int, Meta(ge=1, le=9, description="a step from 1 to 9", examples=[1])] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.off_minor is None) == (self.off_bp is None):
            raise ValueError("off_minor and off_bp are alternatives: give one of them")
        if self.every and self.off_minor is None:
            raise ValueError("every goes with off_minor only: give off_minor, or leave every out")
        if self.every and self.spend_minor == 0:
            raise ValueError("every needs a spend_minor: write at least 1")
        if self.max_uses is not None and not self.every:
            raise ValueError("max_uses goes with every only: leave it out, a spend rule applies once")


Rule = PercentOff | AmountOff | NForM | NForPrice | NthReduced | MixAndMatch | MemberPrice | Spend


def is_for_members(rule: Rule) -> bool:
    """Whether only members get it."""
    return rule.members_only or isinstance(rule, MemberPrice)
