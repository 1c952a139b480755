"""The weigh check of the store, as exits ask for it: what an order should weigh, and what may be wrong if it does not.

The heavy part (:mod:`unqueue.server.weigh_check.learning`) is imported and opened in a thread, after the store has
opened: until then, and whenever something is unknown to it, the lane's own plainer rule decides.
"""

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Container, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from unqueue.kernel.database import Database
from unqueue.kernel.journal import Event
from unqueue.server.catalogue import store as catalogue_store
from unqueue.server.exits import store as exits_store
from unqueue.server.exits.weights import Brought, ExpectedByCount, ExpectedWeight, Suspect, SuspectKind, Weighing
from unqueue.server.orders import store as orders_store
from unqueue.server.trips.service import Trips
from unqueue.server.weigh_check import visits

if TYPE_CHECKING:
    from unqueue.server.weigh_check.learning import Learning

OPEN_AFTER_S = 15.0
"""A store that opens has better things to do first; but the first order at a lane wakes it."""
LOOK_S = 30.0
"""How often it looks for orders that left, beside those that it hears of."""
_KEPT_MAX = 500
_SUSPECTS_MAX = 3
_PROBABLE_MIN = 0.05
_KINDS: dict[str, SuspectKind] = {"missed": "missed", "more": "more", "fewer": "extra", "swapped": "swapped"}
_log = logging.getLogger(__name__)


class WeighCheck:
    """What goods weigh, learned from the totals of orders that left. ``directory`` keeps what was learned."""

    def __init__(self, database: Database, trips: Trips, directory: Path, *, false_alarm: float) -> None:
        self._database = database
        self._trips = trips
        self._directory = directory
        self._false_alarm = false_alarm
        self._learning: Learning | None = None
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        # What a lane was told holds while the order is there: it must not change between two weighings.
        self._told: OrderedDict[tuple[str, int, Brought, str | None], ExpectedWeight] = OrderedDict()
        database.listen(self._hear)

    @property
    def learning(self) -> "Learning | None":
        """What does the learning; None until it is open."""
        return self._learning

    async def start(self) -> None:
        """Begin to learn, in the background."""
        self._task = asyncio.create_task(self._run(), name="weigh-check")

    async def stop(self) -> None:
        """End, and keep what was learned."""
        if self._task is None:
            return
        self._stopping = True
        self._wake.set()
        await self._task  # a thread can't be cancelled, and what it reads must not be closed under it
        self._task = None
        if self._learning is not None:
            await asyncio.to_thread(self._learning.save)

    async def expected(self, order_id: str, interval_g: int, lane: str | None = None) -> ExpectedWeight | None:
        """What an order should weigh on a scale of this interval; at a ``lane`` whose belt counts things, by that as
        well. None while it is not known.
        """
        brought = await self._database.read(lambda connection: exits_store.brought(connection, order_id))
        asked = order_id, interval_g, brought, lane
        known = self._told.get(asked)
        if known is not None:
            return known
        if self._learning is None:
            self._wake.set()
            return None
        lines = await self._database.read(lambda connection: orders_store.lines(connection, order_id))
        found = await asyncio.to_thread(self._learning.expected, order_id, lines, interval_g, brought, lane=lane)
        if found is None:
            return None
        by_count = [ExpectedByCount(one.more, one.low_g, one.high_g) for one in found.by_count]
        told = ExpectedWeight(found.expected_g, found.sigma_g, found.low_g, found.high_g, by_count)
        self._told[asked] = told
        while len(self._told) > _KEPT_MAX:
            self._told.popitem(last=False)
        return told

    async def suspects(self, order_id: str, weighing: Weighing, lane: str) -> list[Suspect]:
        """What is likeliest to be wrong with goods that do not fit, the likeliest first; nothing where it can't say."""
        learning = self._learning
        if learning is None or weighing.interval_g <= 0:
            return []
        lines = await self._database.read(lambda connection: orders_store.lines(connection, order_id))
        likelier = await self._likelier(learning, order_id, [line.gtin for line in lines])
        brought = await self._database.read(lambda connection: exits_store.brought(connection, order_id))
        found = await asyncio.to_thread(
            learning.suspects, order_id, lines, weighing, likelier, brought=brought, lane=lane
        )
        by_product = {line.product_id: line for line in lines}
        things = _one_a_thing([(_KINDS[one.kind], one.product_id, one.probability) for one in found], by_product)
        probable = [one for one in things if one[2] >= _PROBABLE_MIN][:_SUSPECTS_MAX]
        names = [product_id for _, product_id, _ in probable]
        records = await self._database.read(lambda connection: catalogue_store.records(connection, names))
        return [
            Suspect(
                kind=kind,
                zh=records[product_id].product.name_zh or records[product_id].product.name_en,
                en=records[product_id].product.name_en or records[product_id].product.name_zh,
                line=by_product[product_id].line if product_id in by_product else None,
                product_id=product_id,
                probability=round(probability, 3),
            )
            for kind, product_id, probability in probable
            if product_id in records
        ]

    async def _likelier(self, learning: "Learning", order_id: str, on_order: list[str]) -> dict[str, float]:
        """What this shopper buys else, and what this visit tells: the share of each product in what was left out."""
        order = await self._database.read(lambda connection: orders_store.get(connection, order_id))
        if order is None:
            return {}
        live = await self._trips.live(order.trip_id)
        found = learning.habits(live.trip.member)
        for gtin, share in visits.likelier(live.actions, live.viewed, on_order).items():
            product = await self._database.read(partial(catalogue_store.find, gtin=gtin))
            if product is not None:
                found[product.product_id] = found.get(product.product_id, 0.0) + share
        return found

    def _hear(self, events: list[Event]) -> None:
        if any(event.kind == "exit.released" for event in events):
            self._wake.set()

    async def _run(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), OPEN_AFTER_S)
        while not self._stopping:
            self._wake.clear()
            try:
                if self._learning is None:
                    self._learning = await asyncio.to_thread(self._open)
                await asyncio.to_thread(self._learning.catch_up)
            except Exception:  # noqa: BLE001  # a lane goes on without it; learning must not end for ever
                _log.exception("the weigh check could not learn; it tries again")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_S)

    def _open(self) -> "Learning":
        from unqueue.server.weigh_check.learning import Learning  # noqa: PLC0415  # numpy and scipy take a second

        return Learning(self._database, self._directory, false_alarm=self._false_alarm)


def _one_a_thing(
    found: Iterable[tuple[SuspectKind, str, float]], on_order: Container[str]
) -> list[tuple[SuspectKind, str, float]]:
    """Causes by kind and product, the likeliest first. One more of what is on the order is one thing, whether the
    shopper forgot to scan it or counted wrongly: to whoever looks for it on the belt that is the same.
    """
    things: dict[tuple[SuspectKind, str], float] = {}
    for kind, product_id, probability in found:
        key: tuple[SuspectKind, str] = ("more" if kind == "missed" and product_id in on_order else kind, product_id)
        things[key] = things.get(key, 0.0) + probability
    return sorted(((*key, probability) for key, probability in things.items()), key=lambda one: -one[2])
