"""Orders as sparse matrices: which products, how many, and what the scale said. Pure."""

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from scipy import sparse

from unqueue.kernel.weight import permissible_error_g
from unqueue.weighing.priors import Floats, Integers


class Line(msgspec.Struct, frozen=True):
    """A line of an order. ``label_weight_g``: what the label of weighed goods says, for the whole line."""

    product_id: str
    quantity: int
    label_weight_g: float = 0.0


class Order(msgspec.Struct, frozen=True):
    """What was paid, in lines, and by whom where that is known."""

    order_id: str
    lines: tuple[Line, ...]
    customer_id: str = ""

    @property
    def items(self) -> int:
        """How many things that are."""
        return sum(line.quantity for line in self.lines)


class Weighing(msgspec.Struct, frozen=True):
    """What lay on the scale, all of it: ``parts`` weighings that add up, each read to ``scale_interval_g``; and how
    many things the belt of that lane counted, None where it did not.
    """

    measured_g: float
    scale_interval_g: float
    bags: int = 0
    parts: int = 1
    counted: int | None = None
    lane: str = ""

    @property
    def scale_variance(self) -> float:
        """Of the sum of all parts, g²."""
        return self.parts * scale_error_sd_g(self.measured_g / self.parts, self.scale_interval_g) ** 2


def scale_error_sd_g(load_g: float, interval_g: float) -> float:
    """The standard deviation of one reading: a scale that keeps what its verification permits with two standard
    deviations, and the rounding to whole intervals. The calibration mends it where a store's scales are worse.

    >>> round(scale_error_sd_g(1000, 5), 2), round(scale_error_sd_g(12_000, 5), 2)
    (1.91, 4.02)
    """
    return math.hypot(permissible_error_g(load_g, interval_g) / 2, interval_g / math.sqrt(12))


class Batch(msgspec.Struct, frozen=True):
    """Orders, one row each. ``count`` has a column for each product: the quantity. ``rest_g`` is what the scale said
    less the labels of weighed goods: what the columns have to explain.
    """

    count: sparse.csr_array
    rest_g: Floats
    label_g: Floats
    scale_variance: Floats

    def __len__(self) -> int:
        return int(self.count.shape[0])

    @property
    def pairs(self) -> sparse.csr_array:
        """How many pairs of like units each line has: what the lots' common error multiplies."""
        return sparse.csr_array(
            (self.count.data * (self.count.data - 1), self.count.indices, self.count.indptr), shape=self.count.shape
        )

    def rows(self, chosen: Integers) -> "Batch":
        return Batch(self.count[chosen], self.rest_g[chosen], self.label_g[chosen], self.scale_variance[chosen])


def batch_of(weighed: Sequence[tuple[Order, Weighing]], columns: Mapping[str, int], bag: int, width: int) -> Batch:
    """Orders in columns. ``bag`` is the column of the shopper's own bags. KeyError for an unknown product."""
    starts, found = [0], list[int]()
    quantities = list[float]()
    for order, weighing in weighed:
        together: dict[int, float] = {}
        for line in order.lines:
            column = columns[line.product_id]
            together[column] = together.get(column, 0.0) + line.quantity
        if weighing.bags:
            together[bag] = float(weighing.bags)
        found.extend(together)
        quantities.extend(together.values())
        starts.append(len(found))
    label_g = np.array([sum(line.label_weight_g for line in order.lines) for order, _ in weighed], dtype=float)
    measured = np.array([weighing.measured_g for _, weighing in weighed], dtype=float)
    count = sparse.csr_array(
        (np.array(quantities, dtype=float), np.array(found, dtype=np.int64), np.array(starts, dtype=np.int64)),
        shape=(len(weighed), width),
    )
    return Batch(count, measured - label_g, label_g, np.array([one.scale_variance for _, one in weighed], dtype=float))
