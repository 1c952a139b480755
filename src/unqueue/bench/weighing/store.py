"""A simulated store: goods with true weights, lots, and shoppers whose orders are sometimes wrong.

Unit weights are lognormal. Each product has a fill bias that its label does not tell, and lots whose units are all a
little too heavy or too light; a lot lies on the shelf for some hundred orders. A share of the goods are sold by the
piece and vary by 10 to 20 %; some carry a label with their weight.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

PACKAGINGS = ("flexible", "rigid", "glass", "none")
KINDS = ("packed", "labelled", "piece")
NOTHING, MISSED, MORE, FEWER, SWAPPED = range(5)
INTERVAL_G = 5.0
_SIZES_G = np.array(
    [25, 50, 75, 100, 125, 150, 200, 250, 300, 330, 400, 500, 600, 750, 1000, 1500, 2000, 3000, 5000], dtype=float
)
FAULTS = (0.6, 0.15, 0.1, 0.15)
"""How often each fault is behind a wrong order."""


class Sales:
    """Orders, as flat arrays: line ``i`` belongs to order ``order[i]``. ``fault`` is what is wrong with each order, and
    ``culprit`` the product that should be named for it: the missed one, or that of the line where the fault is.
    """

    def __init__(self, order: Integers, product: Integers, quantity: Integers, label_g: Floats, count: int) -> None:
        self.order, self.product, self.quantity, self.label_g, self.count = order, product, quantity, label_g, count
        self.measured_g = np.zeros(count)
        self.fault = np.zeros(count, dtype=np.int64)
        self.culprit = np.full(count, -1, dtype=np.int64)
        self.items = np.bincount(order, quantity, minlength=count)


def per_order(order: Integers, values: Floats, count: int) -> Floats:
    """The sum of each order's values."""
    found: Floats = np.bincount(order, values, count).astype(np.float64)
    return found


class Store:
    """``true_g`` and ``true_sd_g`` are one unit's mean and standard deviation, ``lot_sd_g`` that of its lots."""

    def __init__(self, seed: int, products: int = 1500, piece: float = 0.05, labelled: float = 0.04) -> None:
        chance = self.chance = np.random.default_rng(seed)
        self.products = products
        self.kind = np.where(chance.random(products) < labelled, 1, 0)
        self.kind[chance.random(products) < piece] = 2
        self.packaging = chance.choice(4, products, p=(0.45, 0.35, 0.17, 0.03))
        self.packaging[self.kind == 1] = chance.choice(2, int((self.kind == 1).sum()))
        self.packaging[self.kind == 2] = 3
        wished = np.exp(chance.normal(np.log(300), 0.9, products)).clip(20, 5000)
        self.net_g = _SIZES_G[np.abs(np.log(wished[:, None] / _SIZES_G)).argmin(axis=1)]
        self.net_g[self.kind == 2] = chance.choice([80.0, 120, 150, 200, 350, 700], int((self.kind == 2).sum()))
        self.net_g[self.kind == 1] = 0.0
        tare_g = np.choose(
            self.packaging,
            [2 + 0.01 * self.net_g, 6 + 0.05 * self.net_g, 30 + 0.5 * self.net_g, 0 * self.net_g],
        ) * np.exp(chance.normal(0, 0.3, products))
        fill = 1 + chance.normal(0.008, 0.006, products)
        typical = np.exp(chance.normal(0, 0.1, products))
        self.true_g = np.select(
            [self.kind == 0, self.kind == 1], [self.net_g * fill + tare_g, tare_g + 3], self.net_g * typical
        )
        variation = np.exp(chance.normal(np.log(0.006), 0.5, products))
        self.true_sd_g = np.select(
            [self.kind == 0, self.kind == 1],
            [np.hypot(self.true_g * variation, 0.02 * tare_g) + 0.3, np.full(products, 1.5)],
            self.true_g * chance.uniform(0.1, 0.2, products),
        )
        self.lot_sd_g = np.where(self.kind == 0, 0.4 * self.true_sd_g, 0.0)
        popularity = 1 / np.arange(1, products + 1) ** 0.8
        chance.shuffle(popularity)
        self.popularity = popularity / popularity.sum()
        self._cumulative = np.cumsum(self.popularity)
        self._lot_orders = chance.integers(300, 3000, products)
        self._lots = chance.normal(0, 1, (products, 1024))
        self.price_minor = chance.lognormal(7, 0.6, products).astype(np.int64)
        self.sold = 0

    def repack(self, share: float) -> Integers:
        """New packaging for some of the packed goods: 3 to 12 % lighter or heavier. Which."""
        changed = np.flatnonzero((self.kind == 0) & (self.chance.random(self.products) < share))
        factor = 1 + self.chance.choice([-1, 1], len(changed)) * self.chance.uniform(0.03, 0.12, len(changed))
        self.true_g = self.true_g.copy()
        self.true_g[changed] *= factor
        return changed

    def units_g(self, product: Integers, at: Integers) -> Floats:
        """What single units weigh that are taken while the order number ``at`` is made."""
        mean, sd = self.true_g[product], self.true_sd_g[product]
        spread = np.sqrt(np.log1p((sd / mean) ** 2))
        weight = mean * np.exp(self.chance.normal(0, 1, len(product)) * spread - spread**2 / 2)
        lot = (at // self._lot_orders[product]) % self._lots.shape[1]
        found: Floats = weight + self._lots[product, lot] * self.lot_sd_g[product]
        return found

    def pick(self, count: int) -> Integers:
        """Products, by popularity."""
        found: Integers = np.searchsorted(self._cumulative, self.chance.random(count) * self._cumulative[-1])
        return np.minimum(found, self.products - 1)

    def sell(self, count: int, wrong: float) -> Sales:
        """The next orders. ``wrong``: the share with a fault."""
        chance = self.chance
        sizes = np.minimum(1 + chance.geometric(1 / 11, count), 60)
        order = np.repeat(np.arange(count), sizes)
        lines, quantity = np.unique(order * self.products + self.pick(len(order)), return_counts=True)
        order, product = lines // self.products, lines % self.products
        quantity = quantity + (chance.random(len(quantity)) < 0.12)
        content_g = np.where(self.kind[product] == 1, chance.uniform(100, 900, len(product)) * quantity, 0.0)
        sales = Sales(order, product, quantity, np.round(content_g).astype(np.float64), count)
        at = self.sold + np.repeat(order, quantity)
        total_g = per_order(np.repeat(order, quantity), self.units_g(np.repeat(product, quantity), at), count)
        total_g += per_order(order, content_g.astype(np.float64), count) + self._faults_g(sales, wrong)
        sales.measured_g = self.weigh(total_g)
        self.sold += count
        return sales

    def missed(self, count: int) -> tuple[Integers, Floats]:
        """Things that nobody scanned: which, and what they weigh."""
        product = self.pick(count)
        content_g = np.where(self.kind[product] == 1, self.chance.uniform(100, 900, count), 0.0)
        return product, self.units_g(product, np.full(count, self.sold)) + content_g

    def _faults_g(self, sales: Sales, wrong: float) -> Floats:
        chance, added = self.chance, np.zeros(sales.count)
        faulty = np.flatnonzero(chance.random(sales.count) < wrong)
        sales.fault[faulty] = 1 + chance.choice(4, len(faulty), p=FAULTS)
        first = np.searchsorted(sales.order, np.arange(sales.count))
        lines = np.bincount(sales.order, minlength=sales.count)
        line = first + (chance.random(sales.count) * lines).astype(np.int64)
        own = sales.product[line]
        other, other_g = self.missed(sales.count)
        own_g = self.units_g(own, self.sold + np.arange(sales.count))
        for fault, grams in ((MISSED, other_g), (MORE, own_g), (FEWER, -own_g), (SWAPPED, other_g - own_g)):
            chosen = sales.fault == fault
            added[chosen] = grams[chosen]
            sales.culprit[chosen] = (other if fault == MISSED else own)[chosen]
        return added

    def scale_sd_g(self, load_g: Floats) -> Floats:
        """A scale that keeps the limits of OIML R 76 class III with two standard deviations, before rounding."""
        steps = np.abs(load_g) / INTERVAL_G
        found: Floats = INTERVAL_G / 2 * np.select([steps <= 500, steps <= 2000], [0.5, 1.0], 1.5)
        return found

    def weigh(self, load_g: Floats) -> Floats:
        """What the scale shows."""
        shown = np.round((load_g + self.chance.normal(0, 1, len(load_g)) * self.scale_sd_g(load_g)) / INTERVAL_G)
        found: Floats = np.maximum(shown * INTERVAL_G, 0.0)
        return found
