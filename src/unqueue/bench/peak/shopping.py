"""Who comes to the lanes in a peak hour, with what, and how long hands and feet take. Every assumption is here."""

import math
import random
from collections.abc import Iterator

import msgspec

from unqueue.lane.weighing import Line
from unqueue.passes.signed import PREFIX


class Habits(msgspec.Struct, frozen=True):
    """What the simulation assumes. Durations in seconds are medians of lognormal draws with ``spread``; shares are of
    one. Goods stand in bags already: who scans while shopping packs while shopping.
    """

    shoppers_per_hour: int = 600
    lanes: int = 3
    attendants: int = 2
    hour_s: float = 3600.0
    lane_out_s: tuple[float, float] = (1200.0, 2400.0)
    """When the second lane is out of service, on purpose in the middle of the hour."""
    # What they carry.
    items_mean: float = 9.0
    items_per_bag: int = 8
    products: int = 2000
    popular: float = 0.2
    popular_sales: float = 0.7
    """So many of the products make so many of the sales; the rest are of any product alike."""
    unit_sd_share: float = 0.012
    tagged: float = 0.25
    """Orders with a tag to silence."""
    # What is out of the ordinary.
    slips: float = 0.02
    """Orders with one thing more in the bag than was scanned."""
    found_alone: float = 0.5
    """Slips that the shopper finds without help."""
    audits: float = 0.05
    """Orders that a person has to look at, whatever they weigh."""
    wrong_weights: float = 0.002
    """Products whose catalogue weight is off."""
    wrong_by: tuple[float, float] = (0.15, 0.5)
    # Hands, feet and devices.
    spread: float = 0.3
    step_up_s: float = 2.0
    bag_down_s: float = 2.0
    bag_up_s: float = 1.2
    walk_out_s: float = 2.0
    look_s: float = 7.0
    to_bay_s: float = 5.0
    scale_settles_s: float = 0.6
    belt_s: float = 1.2
    gate_s: float = 0.6
    server_s: float = 0.03
    # Attendants.
    to_lane_s: float = 8.0
    in_bay_s: float = 3.0
    rescan_s: float = 60.0
    """A partial rescan, or whatever else an audit asks for."""
    set_right_s: float = 40.0
    """Find out why a weight does not fit."""
    tidy_s: float = 10.0
    """Whatever else a lane calls for."""


class Visit(msgspec.Struct):
    """One shopper with a paid order. ``true_g`` is what the bags weigh, ``right_g`` once a slip was put right."""

    number: int
    comes_s: float
    lines: tuple[Line, ...]
    bags: int
    true_g: float
    right_g: float
    tags: int
    is_audited: bool
    finds_alone: bool
    done_s: float | None = None
    was_aside: bool = False

    @property
    def code(self) -> str:
        """What the shopper shows: the lane asks the server what it is worth."""
        return f"{PREFIX}.{self.number}.x.x"


class Chance:
    """One seed's luck."""

    def __init__(self, seed: int, habits: Habits) -> None:
        self._random = random.Random(seed)  # noqa: S311  # a simulation must be repeatable, not secret
        self.habits = habits
        self._goods = [self._product() for _ in range(habits.products)]

    def takes_s(self, median_s: float) -> float:
        """How long something takes this time."""
        return self._random.lognormvariate(math.log(median_s), self.habits.spread)

    def visits(self) -> Iterator[Visit]:
        """All shoppers of the hour, as they come."""
        now_s = 0.0
        for number in range(10 * self.habits.shoppers_per_hour):
            now_s += self._random.expovariate(self.habits.shoppers_per_hour / self.habits.hour_s)
            if now_s >= self.habits.hour_s:
                return
            yield self._visit(number, now_s)

    def _product(self) -> tuple[int, float]:
        """The catalogue's weight of a product, and what it really weighs on the average."""
        said_g = round(self._random.lognormvariate(math.log(350), 0.8)) + 20
        if self._random.random() >= self.habits.wrong_weights:
            return said_g, float(said_g)
        off = self._random.uniform(*self.habits.wrong_by) * self._random.choice((-1, 1))
        return said_g, said_g * (1 + off)

    def _piece(self) -> tuple[int, int, float]:
        """A product that people buy, what the catalogue says of it, and what this piece weighs."""
        popular = self._random.random() < self.habits.popular_sales
        product = self._random.randrange(round(len(self._goods) * (self.habits.popular if popular else 1.0)))
        said_g, mean_g = self._goods[product]
        return product, said_g, self._random.gauss(mean_g, self.habits.unit_sd_share * mean_g)

    def _visit(self, number: int, comes_s: float) -> Visit:
        habits, chance = self.habits, self._random.random
        items = 1 + int(self._random.expovariate(1 / (habits.items_mean - 0.5)))
        lines, true_g = [], 0.0
        for line in range(items):
            product, said_g, weight_g = self._piece()
            name = f"product-{product}"
            lines.append(Line(line, name, name, name, 1, said_g, habits.unit_sd_share * said_g))
            true_g += weight_g
        more_g = self._piece()[2] if chance() < habits.slips else 0.0
        return Visit(
            number=number,
            comes_s=comes_s,
            lines=tuple(lines),
            bags=math.ceil(items / habits.items_per_bag),
            true_g=true_g + more_g,
            right_g=true_g,
            tags=int(chance() < habits.tagged),
            is_audited=chance() < habits.audits,
            finds_alone=more_g > 0 and chance() < habits.found_alone,
        )
