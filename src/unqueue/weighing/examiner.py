"""What was learned, as it stood at one moment: it tests orders while the learning goes on beside it. Pure."""

from collections.abc import Mapping

import msgspec

from unqueue.weighing import deciding
from unqueue.weighing.alternatives import Kind, MissedTable
from unqueue.weighing.counting import CountModel, model_for
from unqueue.weighing.design import Batch, Order, Weighing, batch_of
from unqueue.weighing.fitting import Parameters
from unqueue.weighing.priors import Floats, Prior


class ByCount(msgspec.Struct, frozen=True):
    """Between which weights goods pass where the belt counted so many things ``more`` than were paid (or fewer). Where
    none does ``low_g`` is above ``high_g``.
    """

    more: int
    low_g: int
    high_g: int


class Expected(msgspec.Struct, frozen=True):
    """What the goods of an order should weigh, in grams: the mean, its standard deviation, and between which weights
    they pass; ``by_count`` the same for each count of a belt that says something.
    """

    expected_g: int
    sigma_g: float
    low_g: int
    high_g: int
    by_count: tuple[ByCount, ...] = ()


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
    counts: Mapping[str, CountModel]
    """What the counts of each lane's belt are worth, where that is known."""

    def expected(self, order: Order, scale_interval_g: float, bags: int = 0, *, lane: str | None = None) -> Expected:
        """What these goods should weigh on a scale of this interval; at a ``lane`` whose belt counts them, by count as
        well. KeyError for an unknown product.
        """
        guess = self._batch(order, Weighing(0.0, scale_interval_g, bags))
        mean_g = float((guess.label_g + guess.count @ self.parameters.mean_g(self.prior))[0])
        batch = self._batch(order, Weighing(mean_g, scale_interval_g, bags))
        test = deciding.examine(batch, self.parameters, self.prior, self.missed, self.false_alarm)
        low_g, high_g = mean_g + float(test.low_g[0]), mean_g + float(test.high_g[0])
        model = model_for(self.counts, lane, items=order.items, bags=bags)
        by_count: tuple[ByCount, ...] = ()
        if model is not None:
            known = (self.parameters, self.prior, self.missed, self.false_alarm)
            found = deciding.examine_counted(batch, *known, model=model, items=order.items)
            by_count = tuple(
                ByCount(one.more, round(mean_g + one.low_g), round(mean_g + one.high_g))
                if one.low_g <= one.high_g
                else ByCount(one.more, 1, 0)
                for one in found.limits
            )
        return Expected(round(mean_g), round(float(test.sigma_g[0]), 2), round(low_g), round(high_g), by_count)

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
        model = model_for(self.counts, weighing.lane, items=order.items, bags=weighing.bags)
        ratios = deciding.count_ratios(model, order.items, weighing.counted)
        found = deciding.suspects(row, self.parameters, self.prior, self.missed, popularity, by_count=ratios)
        return tuple(Suspected(self.product_of[one.column], one.kind, one.probability) for one in found)

    def _batch(self, order: Order, weighing: Weighing) -> Batch:
        return batch_of([(order, weighing)], self.columns, self.bag, len(self.product_of))
