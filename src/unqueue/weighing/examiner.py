"""What was learned, as it stood at one moment: it tests orders while the learning goes on beside it. Pure."""

from collections.abc import Mapping

import msgspec

from unqueue.weighing import deciding
from unqueue.weighing.alternatives import Kind, MissedTable
from unqueue.weighing.design import Batch, Order, Weighing, batch_of
from unqueue.weighing.fitting import Parameters
from unqueue.weighing.priors import Floats, Prior


class Expected(msgspec.Struct, frozen=True):
    """What the goods of an order should weigh, in grams: the mean, its standard deviation, and between which weights
    they pass.
    """

    expected_g: int
    sigma_g: float
    low_g: int
    high_g: int


class Suspected(msgspec.Struct, frozen=True):
    """A likely cause, by product, and how probable it is, given the weight."""

    product_id: str
    kind: Kind
    probability: float


class Examiner(msgspec.Struct, frozen=True):
    """``columns`` has the column of each product, ``product_of`` the product of each column; ``popularity`` has a row
    a column. Tests at the rate ``false_alarm``.
    """

    columns: Mapping[str, int]
    product_of: tuple[str, ...]
    bag: int
    parameters: Parameters
    prior: Prior
    missed: MissedTable
    popularity: Floats
    false_alarm: float

    def expected(self, order: Order, scale_interval_g: float, bags: int = 0) -> Expected:
        """What these goods should weigh on a scale of this interval. KeyError for an unknown product."""
        guess = self._batch(order, Weighing(0.0, scale_interval_g, bags))
        mean_g = float((guess.label_g + guess.count @ self.parameters.mean_g(self.prior))[0])
        batch = self._batch(order, Weighing(mean_g, scale_interval_g, bags))
        test = deciding.examine(batch, self.parameters, self.prior, self.missed, self.false_alarm)
        low_g, high_g = mean_g + float(test.low_g[0]), mean_g + float(test.high_g[0])
        return Expected(round(mean_g), round(float(test.sigma_g[0]), 2), round(low_g), round(high_g))

    def suspects(
        self, order: Order, weighing: Weighing, likelier: Mapping[str, float] | None = None
    ) -> tuple[Suspected, ...]:
        """What is likeliest to be wrong with an order, the likeliest first. KeyError for an unknown product.

        ``likelier``: the share of what this shopper leaves unscanned that is this product, as far as one may guess;
        the rest of it is taken as all shoppers buy.
        """
        popularity = self.popularity / self.popularity.sum()
        for product_id, share in (likelier or {}).items():
            column = self.columns.get(product_id)
            if column is not None:
                popularity = popularity * (1 - share)
                popularity[column] += share
        row = self._batch(order, weighing)
        found = deciding.suspects(row, self.parameters, self.prior, self.missed, popularity)
        return tuple(Suspected(self.product_of[one.column], one.kind, one.probability) for one in found)

    def _batch(self, order: Order, weighing: Weighing) -> Batch:
        return batch_of([(order, weighing)], self.columns, self.bag, len(self.product_of))
