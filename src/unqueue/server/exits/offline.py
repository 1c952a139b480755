"""The use cases of lanes that may be cut off: what they need to know before, and what they tell afterwards."""

import base64
from collections.abc import Callable

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.clock import micros
from unqueue.kernel.database import Database, Transaction
from unqueue.passes.signed import PassClaims, PassInvalid
from unqueue.server.access import Principal
from unqueue.server.exits import bindings, calls, store
from unqueue.server.exits.issuing import Passes
from unqueue.server.exits.journal import record
from unqueue.server.exits.model import Exit, ExitConflict, Weighing
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order, OrderUnknown
from unqueue.server.trips.service import normal_id

LetOut = Callable[[Transaction, Exit, str], None]


class Heard(msgspec.Struct, frozen=True):
    """The ids of orders that the lane will not take by itself any more: those that it was told of last, and that it
    has not let out meanwhile.
    """

    heard: list[str] = []


class Briefing(msgspec.Struct, frozen=True):
    """What a lane needs while it is cut off. ``now_s`` is the server's clock, in seconds since 1970; ``public_key``
    verifies passes (base64, 32 bytes); ``taken`` are the orders bound to this lane that it must not take.
    """

    store_id: str
    now_s: float
    public_key: str
    taken: list[str]


class OfflineExit(msgspec.Struct, frozen=True):
    """An exit that a lane decided while it was cut off. ``id`` is made by the lane, or the server's own where it began
    with the server; ``passages`` is the gate's counter before it opened, ``left_passages`` after the shopper walked
    through, None while that is not sure. It may be told again, and again with more.
    """

    id: str
    pass_: str = msgspec.field(name="pass")
    passages: int
    weighing: Weighing | None = None
    left_passages: int | None = None
    tags_deactivated: bool | None = None


class Taken(msgspec.Struct, frozen=True):
    """How the server took it. ``twice``: the order had left through another lane; staff are called."""

    status: str
    twice: bool


class OfflineLanes:
    """All lanes that may be cut off; ``let_out`` lets out by hand who was cleared in a side bay."""

    def __init__(self, database: Database, passes: Passes, *, let_out: LetOut) -> None:
        self._database = database
        self._passes = passes
        self._let_out = let_out

    async def brief(self, device: Principal, request: Heard) -> Briefing:
        """What the lane needs to know, as of now. What it has heard frees those orders for other lanes."""
        heard = set(request.heard)

        def write(tx: Transaction) -> None:
            for bound in store.bindings_of(tx.connection, device.id, tx.at_us):
                if bound.order_id in heard and bound.taken_us is not None and not bound.is_heard:
                    store.save_binding(tx, bound.heard())
                    one = store.live_of_order(tx.connection, bound.order_id)
                    now = bindings.look_again(tx, one) if one is not None else None
                    if now is not None and now.bay is not None and now.status == "accepted":
                        self._let_out(tx, now, device.actor)  # a person has cleared it before

        def read(connection: Connection) -> tuple[list[str], bool]:
            now_us = micros(self._database.clock.now())
            found = store.bindings_of(connection, device.id, now_us)
            news = any(one.order_id in heard and not one.is_heard for one in found if one.taken_us is not None)
            return [one.order_id for one in found if one.taken_us is not None], news

        _, news = await self._database.read(read)
        if news:
            await self._database.unit(write)
        # The clock is read first: what is taken from now on is told by an event, and waits until it was heard.
        now_us = micros(self._database.clock.now())
        taken, _ = await self._database.read(read)
        self._passes.briefed(device.id, now_us)
        key = base64.b64encode(self._passes.public_key).decode()
        return Briefing(self._passes.store_id, now_us / 1_000_000, key, taken)

    async def take(self, device: Principal, told: OfflineExit) -> Taken:
        """Write down what a lane did on its own. It has happened, so it is never refused for what came between;
        PassInvalid where it shows no pass that is bound to this lane.
        """
        exit_id = normal_id(told.id)
        if told.weighing is not None:
            told = msgspec.structs.replace(
                told, weighing=msgspec.structs.replace(told.weighing, id=normal_id(told.weighing.id))
            )
        claims = self._passes.authentic(told.pass_)
        if claims.lane != device.id:
            raise PassInvalid

        def write(tx: Transaction) -> Taken:
            order = orders_store.get(tx.connection, claims.order_id.hex())
            if order is None:
                raise OrderUnknown
            one = store.get(tx.connection, exit_id)
            if one is not None and (one.lane != device.id or one.order_id != order.order_id):
                raise ExitConflict
            bindings.take(tx, order.order_id, device)  # a lane that restarts must hear that it has left
            if one is None or one.status not in {"released", "left"}:
                if _has_left_elsewhere(tx, order, exit_id):
                    return _twice(tx, device, order, told)
                _end_others(tx, device, order, told)
                if one is None:
                    one = _claimed(tx, device, order, exit_id, claims)
                one = _released(tx, device, one, told)
            if told.left_passages is not None and one.status != "left":
                one = _left(tx, device, order, one, told.left_passages)
            return Taken(one.status, twice=False)

        return await self._database.unit(write)


def _has_left_elsewhere(tx: Transaction, order: Order, exit_id: str) -> bool:
    released = store.release_of(tx.connection, order.order_id)
    return released is not None and released != exit_id


def _twice(tx: Transaction, device: Principal, order: Order, told: OfflineExit) -> Taken:
    """Only a person can have let that happen, by name; now a person hears of it."""
    known = {"order_id": order.order_id, "trip_id": order.trip_id, "lane": device.id, "exit_id": told.id}
    tx.record("exit.left_twice", f"exit:{normal_id(told.id)}", device.actor, known)
    detail = f"order {order.number} left here while this lane was cut off, and through another lane as well"
    calls.open_for_lane(tx, device.id, "help", device.actor, {"detail": detail})
    return Taken("left", twice=True)


def _end_others(tx: Transaction, device: Principal, order: Order, told: OfflineExit) -> None:
    """Whatever the server takes to be under way for this order, or at this lane, is not."""
    for live in (store.live_of_order(tx.connection, order.order_id), store.live_of_lane(tx.connection, device.id)):
        if live is None or live.exit_id == normal_id(told.id):
            continue
        if live.status == "released":  # the lane goes on with another shopper, so the one before has left
            _left(tx, device, orders_store.get(tx.connection, live.order_id) or order, live, told.passages)
            continue
        given_up = msgspec.structs.replace(live.abandoned(), touched_us=tx.at_us)
        store.update_exit(tx, given_up)
        record(tx, "exit.abandoned", given_up, device.actor, reason="left_offline")
        calls.settle(tx, given_up, None, device.actor, "left_offline")


def _claimed(tx: Transaction, device: Principal, order: Order, exit_id: str, claims: PassClaims) -> Exit:
    one = Exit(
        exit_id=exit_id,
        lane=device.id,
        order_id=order.order_id,
        trip_id=order.trip_id,
        basket_hash=order.basket_hash,
        request_hash="",
        pass_id=claims.pass_id.hex(),
        status="claimed",
        checks=(),
        weighing=None,
        override_call_id=None,
        passages=None,
        claimed_us=tx.at_us,
        touched_us=tx.at_us,
    )
    store.insert_exit(tx, one)
    record(tx, "exit.claimed", one, device.actor, pass_id=one.pass_id, offline=True)
    return one


def _released(tx: Transaction, device: Principal, one: Exit, told: OfflineExit) -> Exit:
    weighing = told.weighing
    if weighing is not None and store.weighing(tx.connection, weighing.id) is None:
        store.insert_weighing(tx, one.exit_id, weighing)
        record(tx, "exit.weighed", one, device.actor, weighing=weighing, offline=True)
    now = msgspec.structs.replace(one.let_out_offline(weighing, told.passages), touched_us=tx.at_us)
    store.update_exit(tx, now)
    store.insert_release(tx, now)
    calls.settle(tx, now, None, device.actor, "left_offline")
    more = {"passages": told.passages, "tags_deactivated": told.tags_deactivated, "offline": True}
    record(tx, "exit.released", now, device.actor, **more)
    return now


def _left(tx: Transaction, device: Principal, order: Order, one: Exit, passages: int) -> Exit:
    now = msgspec.structs.replace(one.left(), touched_us=tx.at_us)
    store.update_exit(tx, now)
    if order.status == "paid":
        orders_store.mark_left(tx, order, device.actor)
    record(tx, "exit.left", now, device.actor, passages=passages)
    calls.settle(tx, now, None, device.actor, "left")
    return now
