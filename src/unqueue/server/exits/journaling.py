"""What the journal hears of an exit."""

from typing import Any

from unqueue.kernel.database import Transaction
from unqueue.server.exits.model import Exit


def record(tx: Transaction, kind: str, one: Exit, actor: str, **more: Any) -> None:
    """Journal what happened to an exit, so that its trip, its order, its lane and staff hear of it."""
    names = {"trip_id": one.trip_id, "order_id": one.order_id, "lane": one.lane, "status": one.status}
    tx.record(kind, f"exit:{one.exit_id}", actor, {**names, **more})
