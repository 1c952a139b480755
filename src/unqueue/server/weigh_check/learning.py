"""The store's own weigh check: it knows the catalogue, and learns from each order that left.

Everything here runs in a thread: reading the journal, testing, and the refits, which take seconds. What it knows is
kept in a directory with its place in the journal; what was not kept yet is read again after a restart.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, select

from unqueue.kernel.database import Database
from unqueue.kernel.journal import Event, journal
from unqueue.server.catalogue import store as catalogue_store
from unqueue.server.catalogue.model import Product
from unqueue.server.exits import store as exits_store
from unqueue.server.exits.weights import Brought
from unqueue.server.exits.weights import Weighing as LaneWeighing
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import OrderLine
from unqueue.server.weigh_check.visits import member_of
from unqueue.weighing import state
from unqueue.weighing.counting import Tally
from unqueue.weighing.design import Line, Order, Weighing
from unqueue.weighing.examiner import Examiner, Expected, Suspected
from unqueue.weighing.learner import Learner
from unqueue.weighing.priors import Goods, Gross

PRODUCTS_MAX = 50_000
"""Products that are known from the start; others are added when they are first sold."""
_AT_ONCE = 200
_GUESS_UNIT_SD = 0.1
_TARE_DOUBT_G, _LABEL_SD_G = 2.0, 2.0
_HABIT = 0.5
NOTHING = Brought()
T = TypeVar("T")
_log = logging.getLogger(__name__)


class Learning:
    """The learner of one store. ``examiner`` is what it knew last; it may be read at any time, from any thread."""

    def __init__(self, database: Database, directory: Path, *, false_alarm: float) -> None:
        self._database = database
        self._directory = directory
        goods = [goods_of(product) for product in self._read(_products)]
        try:
            self._learner = state.load(directory, goods, false_alarm=false_alarm, trusts_all=False)
        except state.StateUnusable as problem:
            _log.warning("what was learned of weights is set aside, and learned anew from the journal: %s", problem)
            state.set_aside(directory)
            self._learner = Learner(goods, false_alarm=false_alarm)
        self._fitted, self._kept = self._learner.fitted, self._learner.position
        self.examiner: Examiner = self._learner.examiner()

    @property
    def orders(self) -> int:
        """How many orders were learned from."""
        return self._learner.seen

    @property
    def tallies(self) -> Mapping[str, Tally]:
        """What the belt of each lane has counted."""
        return self._learner.tallies

    @property
    def wrong(self) -> float:
        """The share of orders that are taken to be wrong."""
        return self._learner.parameters.wrong

    def catch_up(self) -> None:
        """Learn from the orders that left since last time."""
        while events := self._read(partial(_left, after=self._learner.position)):
            weighed = self._read(partial(_weighed, events=events))
            self._know(weighed)
            self._learner.take(weighed)
            for order, _ in weighed:
                for line in order.lines:
                    self._learner.popularity[self._learner.columns[line.product_id]] += line.quantity
            self._learner.position = events[-1].seq
            self.examiner = self._learner.examiner()
            if self._learner.fitted != self._fitted:
                self.save()

    def save(self) -> None:
        """Keep what was learned since it was kept last."""
        if self._learner.position != self._kept:
            state.save(self._learner, self._directory)
            self._fitted, self._kept = self._learner.fitted, self._learner.position

    def expected(
        self,
        order_id: str,
        lines: Sequence[OrderLine],
        interval_g: int,
        brought: Brought = NOTHING,
        *,
        lane: str | None = None,
    ) -> Expected | None:
        """What an order should weigh on a scale of this interval, at this lane; None with a product that is new."""
        try:
            order = order_of(order_id, lines, brought=brought)
            counting = None if brought.count else lane  # in bags things are not counted one by one
            return self.examiner.expected(order, interval_g, brought.bags, lane=counting)
        except KeyError:
            return None

    def suspects(
        self,
        order_id: str,
        lines: Sequence[OrderLine],
        weighing: LaneWeighing,
        likelier: Mapping[str, float],
        *,
        brought: Brought = NOTHING,
        lane: str = "",
    ) -> tuple[Suspected, ...]:
        """What may be wrong with an order that a lane weighed."""
        try:
            order = order_of(order_id, lines, brought=brought)
            return self.examiner.suspects(order, measured(weighing, brought, lane), likelier)
        except KeyError:
            return ()

    def habits(self, member: str | None) -> dict[str, float]:
        """What a member bought before: the share of each product in what they may have left unscanned."""
        known = dict(self._learner.habits.get(member, {})) if member else {}
        together = sum(known.values())
        return {product_id: _HABIT * count / together for product_id, count in known.items()}

    def _know(self, weighed: Iterable[tuple[Order, Weighing]]) -> None:
        """Add products that came into the catalogue meanwhile."""
        sold = {line.product_id for order, _ in weighed for line in order.lines}
        new = sorted(sold - set(self._learner.columns))
        if new:
            found = self._read(lambda connection: catalogue_store.records(connection, new))
            self._learner.add([goods_of(record.product) for record in found.values()])

    def _read(self, function: Callable[[Connection], T]) -> T:
        with self._database.engine.connect() as connection:  # a thread's own
            return function(connection)


def goods_of(product: Product) -> Goods:
    """What is believed of a product before it was sold. What the store weighed itself is nearly certain; a weight that
    the catalogue only guessed is hardly known; else net weight, packaging and legal tolerances say it.
    """
    if product.is_weighed:
        tare = Gross(product.tare_g, _TARE_DOUBT_G, _LABEL_SD_G)
        return Goods(product.product_id, 0.0, product.packaging, "labelled", gross=tare)
    gross = None
    if product.weight_source == "given":
        gross = Gross(product.weight_g_expected, product.weight_g_sd / 2, product.weight_g_sd)
    elif product.weight_source == "guessed" or not product.net_weight_g:
        typical_g = product.weight_g_expected
        gross = Gross(typical_g, product.weight_g_sd, _GUESS_UNIT_SD * typical_g)
    net_g = float(product.net_weight_g or product.weight_g_expected)
    return Goods(product.product_id, net_g, product.packaging, "packed", gross=gross)


def order_of(
    order_id: str, lines: Sequence[OrderLine], member: str | None = None, *, brought: Brought = NOTHING
) -> Order:
    """An order as the weigh check takes it. Containers that were brought weigh what those weigh that are sold."""
    together: dict[str, list[float]] = {product_id: [count, 0.0] for product_id, count in brought.containers}
    for line in lines:
        found = together.setdefault(line.product_id, [0, 0.0])
        found[0] += line.quantity
        found[1] += line.weight_g or 0
    return Order(
        order_id, tuple(Line(name, int(count), label_g) for name, (count, label_g) in together.items()), member or ""
    )


def _products(connection: Connection) -> list[Product]:
    return catalogue_store.browse(connection, [], None, offset=0, limit=PRODUCTS_MAX)


def _left(connection: Connection, after: int) -> list[Event]:
    columns = [journal.c[name] for name in ("seq", "at_us", "kind", "stream", "actor", "data")]
    rows = connection.execute(
        select(*columns)
        .where(journal.c.seq > after, journal.c.kind == "exit.released")
        .order_by(journal.c.seq)
        .limit(_AT_ONCE)
    )
    return [Event(*row) for row in rows]


def _weighed(connection: Connection, events: Iterable[Event]) -> list[tuple[Order, Weighing]]:
    """The orders that left, with what was weighed last. Goods that could not be weighed teach nothing."""
    found = []
    for event in events:
        payload: Mapping[str, str] = event.payload()
        one = exits_store.get(connection, event.stream.removeprefix("exit:"))
        weighing = one.weighing if one is not None else None
        if one is None or weighing is None or weighing.overweight or weighing.interval_g <= 0:
            continue
        if weighing.tare_g_sd:  # with a trolley's doubt in it; it teaches the trolley
            continue
        lines = orders_store.lines(connection, payload["order_id"])
        brought = exits_store.brought(connection, payload["order_id"])
        order = order_of(payload["order_id"], lines, member_of(connection, payload["trip_id"]), brought=brought)
        if order.lines:
            found.append((order, measured(weighing, brought, one.lane)))
    return found


def measured(weighing: LaneWeighing, brought: Brought = NOTHING, lane: str = "") -> Weighing:
    """What a lane told, for the test: each part was a reading of its own, and things in bags were not counted."""
    counted = None if brought.count else weighing.counted
    grams, interval_g = float(weighing.measured_g), float(weighing.interval_g)
    return Weighing(grams, interval_g, brought.bags, weighing.parts, counted, lane)
