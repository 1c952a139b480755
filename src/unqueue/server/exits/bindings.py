"""Which lane may let an order out while it is cut off from the server, and what another lane has to wait for."""

import msgspec

from unqueue.kernel.database import Transaction
from unqueue.server.access import Principal
from unqueue.server.exits import calls, store
from unqueue.server.exits.journal import record
from unqueue.server.exits.model import Binding, Exit

NOWHERE = ""
"""No lane's name: where an exit is that goes on in a side bay."""


def take(tx: Transaction, order_id: str, device: Principal) -> bool:
    """The order has come to a lane that asks the server: its bound lane must not take it by itself any more. Whether
    this lane has to wait until the bound one knows that.
    """
    bound = store.binding(tx.connection, order_id)
    if bound is None:
        return False
    if bound.lane == device.id and bound.is_heard:
        # It gave the order up, and has it again: if it restarted in between, it knows no more that it did.
        bound = msgspec.structs.replace(bound, is_heard=False)
        store.save_binding(tx, bound)
    if bound.taken_us is None:
        bound = bound.taken(tx.at_us)
        store.save_binding(tx, bound)
        if bound.lane != device.id:
            tx.record("lane.order_taken", f"lane:{bound.lane}", device.actor, {"lane": bound.lane})
    return bound.forbids(device.id)


def hold_aside(tx: Transaction, one: Exit, device: Principal) -> Exit:
    """An exit that its lane has sent aside. If the answer is lost, that lane may think that it still has it, and let it
    out alone where it is bound to it: so the bay waits for its word, as another lane would.
    """
    bound = store.binding(tx.connection, one.order_id)
    if bound is None or bound.lane != device.id or bound.is_heard:
        return one
    tx.record("lane.order_taken", f"lane:{bound.lane}", device.actor, {"lane": bound.lane})
    return one.held_for("other_lane")


def look_again(tx: Transaction, one: Exit, *, actor: str = "system", reason: str = "lane_answered") -> Exit:
    """An exit, without the wait for the bound lane where that is over; ``reason`` says why it is."""
    bound = store.binding(tx.connection, one.order_id)
    where = one.lane if one.bay is None else NOWHERE
    if "other_lane" not in one.checks or (bound is not None and bound.forbids(where)):
        return one
    now = one.without("other_lane")
    if now.bay is not None and now.status == "accepted" and not store.is_let_go(tx.connection, now.exit_id):
        # What lies in a bay without a gate nobody has looked at: whoever lets it out says so by name.
        calls.call_for_other_lane(tx, one, "system")
        return one
    store.update_exit(tx, now)
    record(tx, "exit.cleared", now, actor, check="other_lane")
    calls.settle(tx, now, "other_lane", actor, reason)
    return now


def end(tx: Transaction, bound: Binding) -> Exit | None:
    """The bound lane will not let the order out any more, for its passes have ended there, and it has told of all that
    it let out; the exit that waited for that.
    """
    store.delete_binding(tx, bound.order_id)
    return _free(tx, bound)


def hear(tx: Transaction, bound: Binding) -> Exit | None:
    """The bound lane has given the order up; the exit that waited for that."""
    store.save_binding(tx, bound.heard())
    return _free(tx, bound)


def vouch(tx: Transaction, bound: Binding, staff: Principal) -> Exit | None:
    """A person says that nobody leaves at the bound lane any more, which can't say so itself; the exit that waited for
    that. When the lane is back it hears that it has given the order up.
    """
    store.save_binding(tx, (bound if bound.taken_us is not None else bound.taken(tx.at_us)).heard())
    return _free(tx, bound, actor=staff.actor, reason="lane_vouched")


def _free(tx: Transaction, bound: Binding, *, actor: str = "system", reason: str = "lane_answered") -> Exit | None:
    one = store.live_of_order(tx.connection, bound.order_id)
    if one is None or "other_lane" not in one.checks:
        return None
    return look_again(tx, one, actor=actor, reason=reason)
