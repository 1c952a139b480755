"""The use cases of lanes that may be cut off: what they need to know before, and what they tell afterwards."""

import base64
import contextlib
import hashlib
from collections.abc import Callable

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.clock import micros
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import NotFound
from unqueue.passes.signed import PassClaims, PassInvalid
from unqueue.server.access import Principal
from unqueue.server.exits import bindings, calls, store, trolleys
from unqueue.server.exits.bays import LastContact
from unqueue.server.exits.issuing import Passes
from unqueue.server.exits.journal import record
from unqueue.server.exits.model import Binding, Exit
from unqueue.server.exits.refusals import ExitConflict, ExitNotAccepted, LaneAnswers
from unqueue.server.exits.weights import Weighing
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order, OrderUnknown, OrderUnpaid
from unqueue.server.trips.service import normal_id

LetOut = Callable[[Transaction, Exit, str], None]
DEAD_AFTER_S = 20
"""Of a lane that was heard of later nobody may say that it is dead."""


class Heard(msgspec.Struct, frozen=True):
    """``heard`` are orders that the lane will not take by itself any more: those that it was told of last, and that it
    has not let out meanwhile. ``let_out`` are orders that it did let out, and could not tell of. ``now_s`` is the
    server's clock as the lane reckons it, by which it takes passes: seconds since 1970, None where it can't know.
    """

    heard: list[str] = []
    let_out: list[str] = []
    now_s: float | None = None


class Briefing(msgspec.Struct, frozen=True):
    """What a lane needs while it is cut off. ``now_s`` is the server's clock, in seconds since 1970; ``public_key``
    verifies passes (base64, 32 bytes); ``taken`` are the orders bound to this lane that it must not take, ``given_up``
    those of them that it has given up for good.
    """

    store_id: str
    now_s: float
    public_key: str
    taken: list[str]
    given_up: list[str]


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


class Vouched(msgspec.Struct, frozen=True):
    """How many orders waited elsewhere for a dead lane's word, and go on."""

    orders: int


class OfflineLanes:
    """All lanes that may be cut off; ``let_out`` lets out by hand who was cleared in a side bay; ``last_contact`` tells
    when a lane was last heard of.
    """

    def __init__(self, database: Database, passes: Passes, *, let_out: LetOut, last_contact: LastContact) -> None:
        self._database = database
        self._passes = passes
        self._let_out = let_out
        self._last_contact = last_contact
        self._since_us = micros(database.clock.now())

    async def brief(self, device: Principal, request: Heard) -> Briefing:
        """What the lane needs to know, as of now. What it has heard frees those orders for other lanes, and so does
        that their passes have ended where it is.
        """

        def read(connection: Connection) -> list[Binding]:
            return store.bindings_of(connection, device.id)

        def write(tx: Transaction) -> None:
            for bound in read(tx.connection):
                if _has_ended(bound, request):
                    self._free(tx, bindings.end(tx, bound), device)
                elif _is_news(bound, request) and not _is_at(tx, bound, device):
                    self._free(tx, bindings.hear(tx, bound), device)

        if any(_has_ended(one, request) or _is_news(one, request) for one in await self._database.read(read)):
            await self._database.unit(write)
        # The clock is read first: what is taken from now on is told by an event, and waits until it was heard.
        now_us = micros(self._database.clock.now())
        taken = [one for one in await self._database.read(read) if one.taken_us is not None]
        self._passes.briefed(device.id, now_us)
        return Briefing(
            store_id=self._passes.store_id,
            now_s=now_us / 1_000_000,
            public_key=base64.b64encode(self._passes.public_key).decode(),
            taken=[one.order_id for one in taken],
            given_up=[one.order_id for one in taken if one.is_heard],
        )

    async def vouch(self, staff: Principal, lane: str) -> Vouched:
        """A person has seen that a lane is dead, and says by name that nobody leaves there: the shoppers who wait
        elsewhere for its word go on. Again is the same. Other orders that are bound to it stay so, for they may have
        left there before it died. NotFound, or LaneAnswers for one that was heard of a moment ago; a silence from
        before this server started counts for nothing.
        """

        def write(tx: Transaction) -> Vouched:
            heard_us = self._last_contact(tx.connection, lane)
            if heard_us is None:
                raise NotFound
            if tx.at_us - max(heard_us, self._since_us) < DEAD_AFTER_S * 1_000_000:
                raise LaneAnswers
            bound = [
                one
                for one in store.bindings_of(tx.connection, lane)
                if not one.is_heard and _waits(store.live_of_order(tx.connection, one.order_id))
            ]
            for one in bound:
                self._free(tx, bindings.vouch(tx, one, staff), staff)
            told = {"lane": lane, "by": staff.name, "order_ids": [one.order_id for one in bound]}
            tx.record("lane.vouched", f"lane:{lane}", staff.actor, told)
            return Vouched(len(bound))

        return await self._database.unit(write)

    def _free(self, tx: Transaction, waited: Exit | None, who: Principal) -> None:
        """An exit that waited for this lane's word goes on; what a person has cleared before in a bay is let out."""
        if waited is None or waited.bay is None or waited.status != "accepted":
            return
        with contextlib.suppress(OrderUnpaid, ExitNotAccepted):  # it was paid back meanwhile: it stays where it is
            self._let_out(tx, waited, who.actor)

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
            own_id = _own_id(tx, device, order, exit_id)
            bindings.take(tx, order.order_id, device)  # a lane that restarts must hear that it has left
            one = store.get(tx.connection, own_id)
            if _has_left_elsewhere(tx, order, own_id, one):
                return _twice(tx, device, order, exit_id)
            if one is None or one.status not in {"released", "left"}:
                _end_others(tx, device, order, own_id, told.passages)
                one = _released(tx, device, one or _claimed(tx, device, order, own_id, claims), told)
            if told.left_passages is not None and one.status != "left":
                one = _left(tx, device, order, one, told.left_passages)
            return Taken(one.status, twice=False)

        return await self._database.unit(write)


def _waits(live: Exit | None) -> bool:
    """Whether a shopper stands elsewhere, and waits for the word of the lane that the order is bound to."""
    return live is not None and "other_lane" in live.checks


def _has_ended(bound: Binding, request: Heard) -> bool:
    """Whether the lane can't let the order out any more, and has not."""
    in_time = request.now_s is None or request.now_s * 1_000_000 < bound.until_us
    return not in_time and bound.order_id not in request.let_out


def _is_news(bound: Binding, request: Heard) -> bool:
    return bound.taken_us is not None and not bound.is_heard and bound.order_id in request.heard


def _own_id(tx: Transaction, device: Principal, order: Order, exit_id: str) -> str:
    """The id of an exit in the books: the lane's own, unless the exit was sent aside, which the lane did not hear, and
    goes on under that id elsewhere. ExitConflict for an id of another order.
    """
    one = store.get(tx.connection, exit_id)
    if one is not None and one.order_id != order.order_id:
        raise ExitConflict
    return exit_id if one is None or one.lane == device.id else _apart(exit_id)


def _is_at(tx: Transaction, bound: Binding, device: Principal) -> bool:
    """Whether the order is at the lane again: then what it said of giving it up is from before, and came late."""
    live = store.live_of_order(tx.connection, bound.order_id)
    return live is not None and live.lane == device.id and live.bay is None


def _has_left_elsewhere(tx: Transaction, order: Order, exit_id: str, one: Exit | None) -> bool:
    """Whether another exit let the order out; or this one did, by a person's hand in the side bay."""
    by_hand = one is not None and one.status in {"released", "left"} and one.passages is None
    released = store.release_of(tx.connection, order.order_id)
    return by_hand or (released is not None and released != exit_id)


def _twice(tx: Transaction, device: Principal, order: Order, exit_id: str) -> Taken:
    """Only a person can have let that happen, by name; now a person hears of it, once."""
    alarm_id = _apart(exit_id, "twice")
    if store.call_of_alarm(tx.connection, alarm_id) is None:
        known = {"order_id": order.order_id, "trip_id": order.trip_id, "lane": device.id, "exit_id": exit_id}
        tx.record("exit.left_twice", f"exit:{exit_id}", device.actor, known)
        detail = f"order {order.number} left here while this lane was cut off, and elsewhere as well"
        call = calls.open_for_lane(tx, device.id, "help", device.actor, {"detail": detail})
        store.insert_alarm(tx, alarm_id, call.call_id, device.id, detail)
    return Taken("left", twice=True)


def _apart(exit_id: str, what: str = "alone") -> str:
    """Another id that goes with an exit's, the same whenever it is told again."""
    return hashlib.sha256(f"{exit_id}:{what}".encode()).hexdigest()[:32]


def _end_others(tx: Transaction, device: Principal, order: Order, exit_id: str, passages: int) -> None:
    """Whatever the server takes to be under way for this order, or at this lane, is not."""
    found = (store.live_of_order(tx.connection, order.order_id), store.live_of_lane(tx.connection, device.id))
    for live in {one.exit_id: one for one in found if one is not None and one.exit_id != exit_id}.values():
        if live.status == "released":  # the lane goes on with another shopper, so the one before has left
            _left(tx, device, orders_store.get(tx.connection, live.order_id) or order, live, passages)
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
    store.insert_release(tx, now, is_offline=True)
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
    trolleys.learn(tx, now.weighing, let_go=now.override_call_id is not None)
    return now
