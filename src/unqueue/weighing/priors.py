"""What a product is believed to weigh before the first order: net weight, packaging and legal tolerances. Pure.

Gross weight is net weight, plus what fillers add to be on the safe side, plus the packaging. Where the catalogue says
nothing better, the packaging's mass is taken from its class. The class's own coefficients are learned too
(:mod:`unqueue.weighing.fitting`), so these are starting values with wide error bars, not facts.
"""

from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

Packaging = Literal["flexible", "rigid", "glass", "none"]
Kind = Literal["packed", "labelled", "piece"]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

PACKAGINGS: tuple[Packaging, ...] = ("flexible", "rigid", "glass", "none")
KINDS: tuple[Kind, ...] = ("packed", "labelled", "piece")

BAG_G, BAG_SD_G = 60.0, 45.0
"""A shopper's own bag: thin cotton weighs 40 g, a jute bag 250."""

_TARE_G = {"flexible": (2.0, 0.012), "rigid": (8.0, 0.06), "glass": (60.0, 0.45), "none": (0.0, 0.0)}
"""Packaging: grams, and grams for each gram of net weight."""
_TARE_SD_G = {"flexible": (2.0, 0.010), "rigid": (6.0, 0.04), "glass": (30.0, 0.15), "none": (0.5, 0.002)}
_FILL_SD = 0.008
"""How far a filler's mean may lie from what the package says, of the net weight."""
_DOUBT_MIN_G = 0.2
_PIECE_SD = 0.12
"""How far a store's apples may weigh from what its catalogue says of an apple, on average."""


class Goods(msgspec.Struct, frozen=True):
    """A product as the weigh check sees it. ``popularity`` is relative; ``net_weight_g`` of a ``labelled`` product is
    ignored, for its label says it each time, and of a ``piece`` it is the typical one. ``gross``: what is known of one
    unit with its packaging, where the store has weighed it; then the rest is not asked.
    """

    product_id: str
    net_weight_g: float
    packaging: Packaging = "flexible"
    kind: Kind = "packed"
    popularity: float = 1.0
    price_minor: int = 0
    gross: "Gross | None" = None


class Gross(msgspec.Struct, frozen=True):
    """A gross weight in grams: the mean of one unit, how far that may lie from the truth, and how far units differ."""

    mean_g: float
    doubt_g: float
    unit_sd_g: float


_UP_TO_G = np.array([50, 100, 200, 300, 500, 1000, 10_000, 15_000])
_SHARE = np.array([0.09, 0.0, 0.045, 0.0, 0.03, 0.0, 0.015, 0.0, 0.01])
_GRAMS = np.array([0.0, 4.5, 0.0, 9.0, 0.0, 15.0, 0.0, 150.0, 0.0])


def legal_tolerance_g(net_weight_g: Floats) -> Floats:
    """The tolerable negative error of a package: OIML R 87 table 2, Directive 76/211/EEC annex I 2.4.

    >>> legal_tolerance_g(np.array([20.0, 80.0, 150.0, 400.0, 750.0, 2000.0, 30_000.0])).round(2).tolist()
    [1.8, 4.5, 6.75, 12.0, 15.0, 30.0, 300.0]
    """
    row = np.searchsorted(_UP_TO_G, net_weight_g, side="left")
    found: Floats = _SHARE[row] * net_weight_g + _GRAMS[row]
    return found


class Prior(msgspec.Struct, frozen=True):
    """A product's weight before anything was learned, one row a product.

    The mean is ``offset_g + features · coefficients + deviation``: the deviation, of standard deviation ``spread_g``,
    is the product's own; the coefficients, of mean ``coefficients_mean`` and standard deviation ``coefficients_sd``,
    are shared by all products of a class. ``unit_sd_g`` is how much one unit differs from the next.
    ``group`` numbers the class whose unit variances are scaled together.
    """

    offset_g: Floats
    features: Floats
    spread_g: Floats
    unit_sd_g: Floats
    group: Integers
    coefficients_mean: Floats
    coefficients_sd: Floats

    @property
    def mean_g(self) -> Floats:
        return self.offset_g + self.features @ self.coefficients_mean

    @property
    def content_g(self) -> Floats:
        """What a unit weighs beside its packaging where only its label tells, and nobody scanned that."""
        return np.where(_LABELLED[self.group], CONTENT_G, 0.0)

    @property
    def content_variance(self) -> Floats:
        return np.where(_LABELLED[self.group], CONTENT_SD_G**2, 0.0)


CONTENT_G, CONTENT_SD_G = 500.0, 350.0
"""What a label would say of weighed goods that nobody scanned: fruit, meat, cheese from the counter."""

BAG = "bag"
_CLASSES: tuple[tuple[Kind, Packaging], ...] = tuple((kind, packaging) for kind in KINDS for packaging in PACKAGINGS)
GROUPS = len(_CLASSES) + 1
BAG_GROUP = len(_CLASSES)
_LABELLED = np.array([kind == "labelled" for kind, _ in _CLASSES] + [False])


def prior_of(goods: list[Goods]) -> Prior:
    """The prior of a catalogue's products, in order, and of a shopper's own bag as the last row."""
    count = len(goods) + 1
    offset, spread, unit_sd = np.zeros(count), np.zeros(count), np.zeros(count)
    group = np.full(count, BAG_GROUP)
    features = np.zeros((count, 2 * len(_CLASSES)))
    mean, deviation = np.zeros(2 * len(_CLASSES)), np.zeros(2 * len(_CLASSES))
    kinds, packagings = np.array([one.kind for one in goods]), np.array([one.packaging for one in goods])
    net = np.array([max(one.net_weight_g, 0.0) for one in goods], dtype=float)
    for number, (kind, packaging) in enumerate(_CLASSES):
        chosen = np.flatnonzero((kinds == kind) & (packagings == packaging))
        base_g, share = _TARE_G[packaging]
        base_sd_g, share_sd = _TARE_SD_G[packaging]
        grams = np.zeros(len(chosen)) if kind == "labelled" else net[chosen]
        mean[2 * number : 2 * number + 2] = base_g, share if kind != "labelled" else 0.0
        own = share_sd + (_FILL_SD if kind == "packed" else _PIECE_SD if kind == "piece" else 0.0)
        deviation[2 * number : 2 * number + 2] = base_sd_g + 0.2, own
        offset[chosen] = grams
        features[chosen, 2 * number], features[chosen, 2 * number + 1] = 1.0, grams
        spread[chosen] = base_sd_g + own * grams
        tare_sd = 0.03 * (base_g + share * grams)
        filling = {
            "packed": legal_tolerance_g(grams) / 3,
            "labelled": np.full(len(chosen), 1.5),
            "piece": 0.15 * grams,
        }[kind]
        unit_sd[chosen] = np.hypot(filling, tare_sd) + 0.2
        group[chosen] = number
    for row, one in enumerate(goods):
        if one.gross is not None:
            offset[row], spread[row] = one.gross.mean_g, max(one.gross.doubt_g, _DOUBT_MIN_G)
            unit_sd[row] = max(one.gross.unit_sd_g, _DOUBT_MIN_G)
            features[row] = 0.0
    offset[-1], spread[-1], unit_sd[-1] = BAG_G, BAG_SD_G / 2, BAG_SD_G
    return Prior(offset, features, spread, unit_sd, group, mean, deviation)
