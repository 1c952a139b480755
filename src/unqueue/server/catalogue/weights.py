"""What a product weighs on a scale before anyone has weighed it: expected gross weight and its standard deviation.

The content: packers must fill so that the mean of a lot is not below the nominal quantity and at most 2.5 % of the
packages lack more than the tolerable deficiency T (OIML R 87:2016, 4 and table 1; China: JJF 1070-2005, table 3;
EU: Directive 76/211/EEC, annex I, 2.4: the same figures up to 10 kg). A packer who fills to the nominal mean can
therefore spread by T / 1.96 at most. Packers fill tighter than that, so this is a cautious first figure: a store
replaces it by what it weighs.

The packaging: a fixed part and a share of the content for each class, rough means of what supermarkets sell, with a
spread that says so: a film or pouch is 3 g and 1.5 %; a carton, tin, can or plastic bottle 6 g and 6 %; a glass bottle
or jar 70 g and 45 %.
"""

from math import sqrt

import msgspec

from unqueue.kernel.money import divide_half_up
from unqueue.server.catalogue.categories import category
from unqueue.server.catalogue.model import Packaging, WeightSource
from unqueue.server.catalogue.quantity import Quantity

# Nominal quantity up to (g or ml): tolerable deficiency in percent of it, or in g or ml. OIML R 87:2016, table 1.
_DEFICIENCIES: tuple[tuple[float, float | None, float], ...] = (
    (50, 9.0, 0), (100, None, 4.5), (200, 4.5, 0), (300, None, 9), (500, 3.0, 0), (1000, None, 15),
    (10_000, 1.5, 0), (15_000, None, 150), (float("inf"), 1.0, 0),
)  # fmt: skip
_SHARE_BELOW_DEFICIENCY = 1.96  # standard deviations that leave 2.5 % below
# Packaging class: fixed grams, share of the content, relative standard deviation of the result.
_PACKAGINGS: dict[Packaging, tuple[float, float, float]] = {
    "none": (0, 0, 0), "flexible": (3, 0.015, 0.5), "rigid": (6, 0.06, 0.5), "glass": (70, 0.45, 0.25),
}  # fmt: skip
_GUESS_SD = 0.5  # of a weight that is only guessed


class Weight(msgspec.Struct, frozen=True):
    """A gross weight: mean and standard deviation in grams."""

    mean_g: int
    sd_g: float


def tolerable_deficiency(nominal: float) -> float:
    """How much a package of ``nominal`` grams or millilitres may lack (OIML R 87:2016, table 1), in the same unit.

    >>> tolerable_deficiency(40), tolerable_deficiency(330), tolerable_deficiency(1500)
    (3.6, 9.9, 22.5)
    """
    for limit, percent, absolute in _DEFICIENCIES:
        if nominal <= limit:
            return absolute if percent is None else round(nominal * percent / 100, 3)
    raise AssertionError("the last limit is infinite")


def derive_weight(quantity: Quantity, packaging: Packaging, density_g_per_ml: float) -> Weight:
    """Gross weight of a package from its declared content: each of a multipack varies on its own.

    >>> derive_weight(Quantity(1, 500, "g"), "flexible", 1.0)
    Weight(mean_g=510, sd_g=9.3)
    """
    density = density_g_per_ml if quantity.unit == "ml" else 1.0
    net_each = quantity.each * density
    sd_content = tolerable_deficiency(quantity.each) * density / _SHARE_BELOW_DEFICIENCY
    fixed, share, relative = _PACKAGINGS[packaging]
    empty_each = fixed + share * net_each
    # One kind of packaging: what the guess is off by, it is off by in every piece of the multipack.
    sd_empty = relative * empty_each * quantity.count
    variance = quantity.count * sd_content**2 + sd_empty**2
    return Weight(round(quantity.count * (net_each + empty_each)), round(sqrt(variance), 1))


def piece_weight(
    quantity: Quantity | None, net_weight_g: int | None, packaging: Packaging, slug: str
) -> tuple[Weight, WeightSource]:
    """The best first figure for one piece of a product of category ``slug``, and what it rests on."""
    department = category(slug)
    if quantity is not None:
        return derive_weight(quantity, packaging, department.density_g_per_ml), "derived"
    if net_weight_g is not None:
        return derive_weight(Quantity(1, net_weight_g, "g"), packaging, 1.0), "derived"
    typical_g = department.weight_g_typical
    return Weight(typical_g, typical_g * _GUESS_SD), "guessed"


def net_weight(quantity: Quantity, slug: str) -> int:
    """The declared content in whole grams, millilitres weighed by the category's density."""
    thousandths = round((category(slug).density_g_per_ml if quantity.unit == "ml" else 1.0) * 1000)
    return max(1, divide_half_up(round(quantity.total * 1000) * thousandths, 1_000_000))
