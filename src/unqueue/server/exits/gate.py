"""The gate and the order: what its RFID reader saw with an exit that was let out, against what was paid; and the gate
that staff open with one touch.

A lane tells GTINs and how many pieces, never serials: which piece somebody carried home is nobody's business. Nothing
of it is kept here; only where there is more than was paid does the lane call staff, and the call names the goods.
"""

import asyncio
from collections import Counter
from typing import Annotated, Literal

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.clock import micros
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import NotFound
from unqueue.server.access import Principal
from unqueue.server.catalogue import store as catalogue_store
from unqueue.server.exits import store, supplements
from unqueue.server.exits.calls import GOODS_MAX, GateGood
from unqueue.server.exits.model import GATE_OPENING_FRESH_S, GateOpening
from unqueue.server.exits.refusals import ExitConflict
from unqueue.server.orders import store as orders_store
from unqueue.server.trips.service import normal_id

_ANSWER_S_MAX, _LOOK_S = GATE_OPENING_FRESH_S + 1.0, 0.1
"""Whoever asked is told that the gate stays shut only once no lane would open it any more."""

Gtin = Annotated[str, msgspec.Meta(pattern="^[0-9]{14}$")]
Pieces = Annotated[int, msgspec.Meta(ge=1, le=10_000)]


class GoodsRead(msgspec.Struct, frozen=True):
    """Pieces by GTIN-14 that a gate's reader saw with an exit."""

    exit_id: str
    counts: Annotated[dict[Gtin, Pieces], msgspec.Meta(max_length=GOODS_MAX)]


class Surplus(msgspec.Struct, frozen=True):
    """Goods of which more passed than are paid; empty where all is right."""

    surplus: list[GateGood]


class Opening(msgspec.Struct, frozen=True):
    """A wish to open a gate. ``id`` is made by the console."""

    id: str


class OpeningView(msgspec.Struct, frozen=True):
    """``opened``: the gate took the order. ``waiting``: it did not answer, and will not open later, either."""

    id: str
    lane: str
    status: Literal["opened", "waiting"]


class OpeningsWanted(msgspec.Struct, frozen=True):
    """The ids of the wishes that a gate has still to heed, the oldest first."""

    wanted: list[str]


class Gates:
    """All gates of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def surplus(self, device: Principal, read: GoodsRead) -> Surplus:
        """What is more than was paid. Goods that the store does not sell are nobody's matter: a coat has a tag, too."""
        exit_id = normal_id(read.exit_id)

        def look(connection: Connection) -> Surplus:
            one = store.get(connection, exit_id)
            if one is None or one.lane != device.id:
                raise NotFound
            paid: Counter[str] = Counter()
            for order_id in (one.order_id, *supplements.paid_orders_of(connection, exit_id)):
                for line in orders_store.lines(connection, order_id):
                    paid[line.product_id] += line.quantity
            seen: Counter[str] = Counter()
            names: dict[str, tuple[str, str]] = {}
            for gtin, count in read.counts.items():
                product = catalogue_store.find(connection, gtin)
                if product is not None:
                    seen[product.product_id] += count
                    names[product.product_id] = (product.name_zh, product.name_en)
            return Surplus(
                [
                    GateGood(key, *names[key], count, paid[key])
                    for key, count in sorted(seen.items())
                    if count > paid[key]
                ]
            )

        return await self._database.read(look)

    async def open_by(self, staff: Principal, lane: str, wish: Opening) -> OpeningView:
        """A person opens a gate, by name: whoever is inside gets out. Tells whether the gate has heard of it."""
        opening_id = normal_id(wish.id)
        if len(lane) > store.LANE_LENGTH_MAX:
            raise NotFound

        def write(tx: Transaction) -> None:
            known = store.gate_opening(tx.connection, opening_id)
            if known is not None and known.lane != lane:
                raise ExitConflict
            if known is None:
                store.insert_gate_opening(tx, GateOpening(opening_id, lane, staff.name, tx.at_us))
                tx.record("lane.gate_asked", f"lane:{lane}", staff.actor, {"opening_id": opening_id, "by": staff.name})

        await self._database.unit(write)
        for _ in range(round(_ANSWER_S_MAX / _LOOK_S)):
            known = await self._database.read(lambda connection: store.gate_opening(connection, opening_id))
            if known is not None and known.taken_us is not None:
                return OpeningView(opening_id, lane, "opened")
            await asyncio.sleep(_LOOK_S)
        return OpeningView(opening_id, lane, "waiting")

    async def wanted(self, device: Principal) -> OpeningsWanted:
        """The wishes of a moment ago that the lane has not heeded yet."""
        now_us = micros(self._database.clock.now())
        open_ = await self._database.read(lambda connection: store.untaken_gate_openings(connection, device.id))
        return OpeningsWanted([one.opening_id for one in open_ if one.is_fresh(now_us)])

    async def opened(self, device: Principal, opening_id: str) -> None:
        """The lane's gate took the order; again is the same."""
        opening_id = normal_id(opening_id)

        def write(tx: Transaction) -> None:
            one = store.gate_opening(tx.connection, opening_id)
            if one is None or one.lane != device.id:
                raise NotFound
            if one.taken_us is None:
                store.take_gate_opening(tx, opening_id)
                note = {"opening_id": opening_id, "by": one.by}
                tx.record("lane.gate_opened", f"lane:{device.id}", device.actor, note)

        await self._database.unit(write)
