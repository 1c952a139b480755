"""Whose age a person has checked: the rows by which a lane does not ask again."""

from typing import Any

from sqlalchemy import BigInteger, Column, Connection, ForeignKey, String, Table, insert, select

from unqueue.kernel.clock import from_micros
from unqueue.kernel.database import Transaction
from unqueue.kernel.schema import append_only, metadata
from unqueue.server.exits import store
from unqueue.server.exits.model import Call
from unqueue.server.orders import store as orders_store

age_checks = Table(
    "age_checks",
    metadata,
    Column("order_id", String(32), ForeignKey("orders.order_id"), primary_key=True),
    Column("call_id", String(32), ForeignKey("calls.call_id"), nullable=False),
    Column("by_name", String(80), nullable=False),
    Column("at_us", BigInteger, nullable=False),
)
append_only(age_checks)


def age_limit_of(connection: Connection, order_id: str) -> int | None:
    """The highest age limit of an order's lines, in years."""
    limits = [line.age_limit for line in orders_store.lines(connection, order_id) if line.age_limit is not None]
    return max(limits, default=None)


def is_cleared(connection: Connection, order_id: str) -> bool:
    """Whether a person has looked at the shopper's ID for this order."""
    query = select(age_checks.c.order_id).where(age_checks.c.order_id == order_id)
    return connection.execute(query).first() is not None


def is_refused(connection: Connection, order_id: str) -> bool:
    """Whether a person refused the order for its shopper's age, and nobody looks at it anew."""
    if is_cleared(connection, order_id) or store.open_calls(connection, order_id=order_id, kind="min_age"):
        return False
    return store.last_refused(connection, order_id, "min_age") is not None


def evidence_of(connection: Connection, order_id: str, age_limit: int) -> dict[str, Any]:
    """What a call about an order's age says: also when, by whom and why it was refused before."""
    refused = store.last_refused(connection, order_id, "min_age")
    if refused is None or refused.answered_us is None:
        return {"age_limit": age_limit}
    at = from_micros(refused.answered_us).isoformat()
    before = {"by": refused.answered_by, "at": at, "reason": refused.reason}
    return {"age_limit": age_limit, "refused_before": before}


def clear(tx: Transaction, call: Call) -> None:
    """Keep that whoever answered a call about an order's age found the shopper old enough."""
    if call.order_id is None or call.answered_by is None or is_cleared(tx.connection, call.order_id):
        return
    values = {"order_id": call.order_id, "call_id": call.call_id, "by_name": call.answered_by, "at_us": tx.at_us}
    tx.execute(insert(age_checks), values)
