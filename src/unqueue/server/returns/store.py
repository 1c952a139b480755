"""The returns' table. What came back and what it is worth never changes; a proposed return is decided once."""

from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Index,
    RowMapping,
    String,
    Table,
    Text,
    insert,
    select,
    update,
)

from unqueue.kernel.database import Transaction
from unqueue.kernel.schema import metadata
from unqueue.server.returns.model import Return, ReturnedLine, Share

returns = Table(
    "returns",
    metadata,
    Column("return_id", String(32), primary_key=True),
    Column("order_id", String(32), ForeignKey("orders.order_id"), nullable=False),
    Column("trip_id", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    Column("lines", Text, nullable=False),
    Column("shares", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("reason", Text, nullable=False),
    Column("by_id", String(32), nullable=False),
    Column("by", String(80), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("decided_by", String(80)),
    Column("decided_us", BigInteger),
    CheckConstraint("status IN ('proposed', 'accepted', 'rejected')", name="status"),
    CheckConstraint("amount_minor >= 0", name="amount"),
    Index("returns_order", "order_id"),
    Index("returns_status", "status", "created_us"),
)


def insert_return(tx: Transaction, made: Return) -> None:
    row = msgspec.structs.asdict(made)
    row["lines"] = msgspec.json.encode(made.lines).decode()
    row["shares"] = msgspec.json.encode(made.shares).decode()
    tx.execute(insert(returns), row)


def decide(tx: Transaction, made: Return) -> None:
    """Keep how a proposed return was decided, and by whom."""
    tx.execute(
        update(returns)
        .where(returns.c.return_id == made.return_id, returns.c.status == "proposed")
        .values(status=made.status, decided_by=made.decided_by, decided_us=made.decided_us)
    )


def get(connection: Connection, return_id: str) -> Return | None:
    row = connection.execute(select(returns).where(returns.c.return_id == return_id)).mappings().first()
    return _return(row) if row is not None else None


def of_order(connection: Connection, order_id: str) -> list[Return]:
    """The returns of an order, oldest first."""
    query = select(returns).where(returns.c.order_id == order_id).order_by(returns.c.created_us, returns.c.return_id)
    return [_return(row) for row in connection.execute(query).mappings()]


def is_returned(connection: Connection, order_id: str) -> bool:
    """Whether goods of an order were taken back, or a second person is asked whether they are."""
    query = select(returns.c.return_id).where(returns.c.order_id == order_id, returns.c.status != "rejected")
    return connection.execute(query.limit(1)).first() is not None


def proposed(connection: Connection, limit: int) -> list[Return]:
    """What waits for a second person, the oldest first."""
    query = select(returns).where(returns.c.status == "proposed").order_by(returns.c.created_us).limit(limit)
    return [_return(row) for row in connection.execute(query).mappings()]


def _return(row: RowMapping) -> Return:
    columns: dict[str, Any] = dict(row)
    columns["lines"] = _lines.decode(columns["lines"])
    columns["shares"] = _shares.decode(columns["shares"])
    return Return(**columns)


_lines = msgspec.json.Decoder(tuple[ReturnedLine, ...])
_shares = msgspec.json.Decoder(tuple[Share, ...])
