"""The side bay: an exit that would keep its lane goes on there, and the lane takes the next shopper.

A bay is a name. Where a lane's process with a scale and a gate of its own has that name, the shopper shows the pass
there and goes on as at a lane. Else the attendant who clears the exit lets the shopper out by hand: the answer to the
call is the release, with a person's name in the journal, and once for ever like any other.
"""

import re
from collections.abc import Callable

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import InvalidRequest, NotFound
from unqueue.server.access import Principal
from unqueue.server.exits import bindings, calls, store
from unqueue.server.exits.journal import record
from unqueue.server.exits.model import STALE_AFTER_S, Exit
from unqueue.server.exits.refusals import ExitNotAccepted, LaneBusy, OrderAtBay
from unqueue.server.exits.views import ExitView, exit_view
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import OrderUnpaid
from unqueue.server.trips.service import normal_id

LastContact = Callable[[Connection, str], int | None]
"""When a lane was last heard of, in microseconds UTC; None for never. The fleet knows."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class Bays:
    """All side bays of the store."""

    def __init__(self, database: Database, *, last_contact: LastContact) -> None:
        self._database = database
        self._last_contact = last_contact

    async def send_aside(self, device: Principal, exit_id: str, bay: str) -> ExitView:
        """Free the device's lane of an exit, which goes on in a bay; its calls go with it. What staff decided a moment
        before stands: the exit is answered as it is.
        """
        plain = normal_id(exit_id)
        if not _NAME.fullmatch(bay) or bay == device.id:
            raise InvalidRequest(problem="a bay has a name of its own: a-z, 0-9, - and _")

        def write(tx: Transaction) -> ExitView:
            one = store.get(tx.connection, plain)
            if one is None or one.lane != device.id:
                raise NotFound
            if one.bay is None:
                asks_for_help = any(
                    call.kind == "help" for call in store.open_calls(tx.connection, exit_id=one.exit_id)
                )
                now = one.sent_aside(bay, asks_for_help=asks_for_help)
                if now != one:
                    now = _keep(tx, bindings.hold_aside(tx, now, device))
                    calls.move(tx, now, device.actor)
                    record(tx, "exit.aside", now, device.actor, bay=bay)
                one = now
            return exit_view(tx.connection, one)

        return await self._database.unit(write)

    def let_out(self, tx: Transaction, one: Exit, actor: str) -> None:
        """An exit in a bay is cleared: it is over, unless the bay has a gate of its own that will open for it.
        OrderUnpaid, or ExitNotAccepted for another basket.
        """
        assert one.bay is not None, "only who was sent aside is let out by hand"
        if one.status != "accepted" or self._has_gate(tx, one.bay):
            return
        order = orders_store.get(tx.connection, one.order_id)
        if order is None or order.status != "paid":
            raise OrderUnpaid
        if order.basket_hash != one.basket_hash:
            raise ExitNotAccepted
        released = one.released(None)
        store.insert_release(tx, released)
        record(tx, "exit.released", released, actor, bay=one.bay, by_hand=True)
        left = _keep(tx, released.left())
        orders_store.mark_left(tx, order, actor)
        record(tx, "exit.left", left, actor, bay=one.bay, by_hand=True)
        calls.settle(tx, left, None, actor, "left")

    def send_back(self, tx: Transaction, one: Exit, actor: str) -> None:
        """Nobody looks at this exit in its bay any more, as after help that is over, and the bay has no scale and gate
        for the goods: their shopper comes to a lane again.
        """
        assert one.bay is not None, "only who was sent aside can be sent back"
        if one.status != "claimed" or store.open_calls(tx.connection, exit_id=one.exit_id):
            return
        if not self._has_gate(tx, one.bay):
            back = _keep(tx, one.abandoned())
            record(tx, "exit.abandoned", back, actor, reason="helped", bay=one.bay)

    def _has_gate(self, tx: Transaction, bay: str) -> bool:
        contact_us = self._last_contact(tx.connection, bay)
        return contact_us is not None and tx.at_us - contact_us <= STALE_AFTER_S * 1_000_000


def take(tx: Transaction, device: Principal, one: Exit) -> Exit:
    """Go on with an exit that was sent aside, at the bay's own scale; or at any lane, once staff have cleared it.
    OrderAtBay, LaneBusy.
    """
    assert one.bay is not None, "it is at a lane"
    one = bindings.look_again(tx, one)
    if one.bay != device.id and one.status != "accepted":
        raise OrderAtBay(bay=one.bay)
    if store.live_of_lane(tx.connection, device.id) is not None:
        raise LaneBusy
    now = bindings.look_again(tx, _keep(tx, one.taken_at(device.id)))
    calls.move(tx, now, device.actor)
    record(tx, "exit.taken", now, device.actor, bay=one.bay)
    return now


def _keep(tx: Transaction, one: Exit) -> Exit:
    touched = msgspec.structs.replace(one, touched_us=tx.at_us)
    store.update_exit(tx, touched)
    return touched
