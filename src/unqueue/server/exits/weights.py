"""What goods on their way out weigh: as expected, as a lane weighed them, and what shoppers have with them. Pure."""

from typing import Literal

import msgspec

BAG_G, BAG_SD_G = 60, 45.0
"""A shopper's own bag, as :mod:`unqueue.weighing.priors` has it before any was weighed."""


class Brought(msgspec.Struct, frozen=True):
    """What a shopper says they have with them, which lies on the scale with the goods: ``bags`` of their own that
    nobody knows, and ``containers`` that the catalogue knows, by product, each at least once, sorted.
    """

    bags: int = 0
    containers: tuple[tuple[str, int], ...] = ()

    @property
    def count(self) -> int:
        return self.bags + sum(count for _, count in self.containers)


SuspectKind = Literal["missed", "more", "extra", "swapped", "unknown"]


class Suspect(msgspec.Struct, frozen=True, omit_defaults=True):
    """A guess at what is wrong, and how probable it is where that is known. ``missed``: on the belt but not on the
    order; ``more``: another one of a line; ``extra``: on the order but not there; ``swapped``: another product there.
    """

    kind: SuspectKind
    zh: str
    en: str
    line: int | None = None
    product_id: str | None = None
    probability: float | None = None


class ExpectedByCount(msgspec.Struct, frozen=True):
    """Between which weights goods pass where the lane's belt counted so many things ``more`` than were paid (negative:
    fewer). Where no weight does ``low_g`` is above ``high_g``.
    """

    more: int
    low_g: int
    high_g: int


class ExpectedWeight(msgspec.Struct, frozen=True):
    """What the goods of an order should weigh together, in grams: the mean, its standard deviation, and between which
    weights they pass; ``by_count`` the same by what the lane's belt counted, where it is known what that is worth.
    """

    expected_g: int
    sigma_g: float
    low_g: int
    high_g: int
    by_count: list[ExpectedByCount] = []


class Weighing(msgspec.Struct, frozen=True):
    """What a lane weighed and concluded; grams, ``interval_g`` is the scale's. ``id`` is made by the lane. Between
    ``low_g`` and ``high_g`` it passes; None from a lane that goes by ``tolerance_g`` to either side. ``overweight``:
    more lies there than the scale can weigh, and ``measured_g`` says nothing. Where whole trolleys are weighed,
    ``tare_g`` ± ``tare_g_sd`` was subtracted for the ``trolley`` of that code, None where its code was not read.
    ``parts``: how many weighings add up to ``measured_g``; ``counted``: how many things the lane's belt counted.
    """

    id: str
    measured_g: int
    interval_g: int
    expected_g: int
    sigma_g: float
    tolerance_g: int
    verdict: Literal["pass", "check"]
    suspects: list[Suspect] = []
    tags_deactivated: bool = False
    low_g: int | None = None
    high_g: int | None = None
    overweight: bool = False
    tare_g: int = 0
    tare_g_sd: float = 0.0
    trolley: str | None = None
    parts: int = 1
    counted: int | None = None
