"""Which lane may let an order out while it is cut off from the server, and what another lane has to wait for."""

from unqueue.kernel.database import Transaction
from unqueue.server.access import Principal
from unqueue.server.exits import calls, store
from unqueue.server.exits.journal import record
from unqueue.server.exits.model import Exit

NOWHERE = ""
"""No lane's name: where an exit is that goes on in a side bay."""


def take(tx: Transaction, order_id: str, device: Principal) -> bool:
    """The order has come to a lane that asks the server: its bound lane must not take it by itself any more. Whether
    this lane has to wait until the bound one knows that.
    """
    bound = store.binding(tx.connection, order_id)
    if bound is None or bound.is_over(tx.at_us):
        return False
    if bound.taken_us is None:
        bound = bound.taken(tx.at_us)
        store.save_binding(tx, bound)
        if bound.lane != device.id:
            tx.record("lane.order_taken", f"lane:{bound.lane}", device.actor, {"lane": bound.lane})
    return bound.forbids(device.id, tx.at_us)


def hold_aside(tx: Transaction, one: Exit, device: Principal) -> Exit:
    """An exit that its lane has sent aside. If the answer is lost, that lane may think that it still has it, and let it
    out alone: so the bay waits for its word, as another lane would.
    """
    bound = store.binding(tx.connection, one.order_id)
    if bound is None or not bound.forbids(NOWHERE, tx.at_us):
        return one
    tx.record("lane.order_taken", f"lane:{bound.lane}", device.actor, {"lane": bound.lane})
    return one.held_for("other_lane")


def look_again(tx: Transaction, one: Exit) -> Exit:
    """An exit, without the wait for the bound lane where that is over."""
    bound = store.binding(tx.connection, one.order_id)
    where = one.lane if one.bay is None else NOWHERE
    if "other_lane" not in one.checks or (bound is not None and bound.forbids(where, tx.at_us)):
        return one
    now = one.without("other_lane")
    store.update_exit(tx, now)
    record(tx, "exit.cleared", now, "system", check="other_lane")
    calls.settle(tx, now, "other_lane", "system", "lane_answered")
    return now


def call_staff(tx: Transaction, one: Exit, actor: str) -> None:
    """All is well but for the bound lane, which did not answer while the goods were weighed: a person looks there."""
    bound = store.binding(tx.connection, one.order_id)
    if "other_lane" in one.checks and bound is not None:
        calls.open_for_exit(tx, one, "other_lane", actor, {"bound_to": bound.lane})
