"""The receipts' table. A receipt is kept as it was issued, for ever."""

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
)

from unqueue.kernel.database import Transaction
from unqueue.kernel.schema import append_only, metadata

receipts = Table(
    "receipts",
    metadata,
    Column("number", String(32), primary_key=True),
    Column("order_id", String(32), ForeignKey("orders.order_id"), nullable=False, unique=True),
    Column("day", String(8), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("issued_us", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
    UniqueConstraint("day", "sequence", name="receipts_day_sequence"),
)
append_only(receipts)

# Receipts that have their number and wait for the fiscal signer. Only stores that have one use it.
drafts = Table(
    "receipt_drafts",
    metadata,
    Column("number", String(32), primary_key=True),
    Column("order_id", String(32), ForeignKey("orders.order_id"), nullable=False, unique=True),
    Column("day", String(8), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("issued_us", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
    UniqueConstraint("day", "sequence", name="receipt_drafts_day_sequence"),
)


class ReceiptRow(msgspec.Struct, frozen=True):
    """``document`` is the JSON that was issued; ``day`` the store's own day as YYYYMMDD."""

    number: str
    order_id: str
    day: str
    sequence: int
    issued_us: int
    document: str


def insert_receipt(tx: Transaction, row: ReceiptRow) -> None:
    tx.execute(insert(receipts), msgspec.structs.asdict(row))


def of_order(connection: Connection, order_id: str) -> ReceiptRow | None:
    row = connection.execute(select(receipts).where(receipts.c.order_id == order_id)).first()
    return ReceiptRow(*row) if row is not None else None


def order_of(connection: Connection, number: str) -> str | None:
    """The order that a receipt is about, by the number printed on it."""
    found = connection.execute(select(receipts.c.order_id).where(receipts.c.number == number)).scalar()
    return str(found) if found is not None else None


def next_sequence(connection: Connection, day: str) -> int:
    """The next number of a day, from 1. Ask inside a unit of work: there is one writer, so nobody else gets it."""
    newest = [
        connection.execute(select(func.max(table.c.sequence)).where(table.c.day == day)).scalar()
        for table in (receipts, drafts)
    ]
    return max(int(number or 0) for number in newest) + 1


def insert_draft(tx: Transaction, row: ReceiptRow) -> None:
    tx.execute(insert(drafts), msgspec.structs.asdict(row))


def delete_draft(tx: Transaction, number: str) -> None:
    tx.execute(delete(drafts).where(drafts.c.number == number))


def draft_of_order(connection: Connection, order_id: str) -> ReceiptRow | None:
    row = connection.execute(select(drafts).where(drafts.c.order_id == order_id)).first()
    return ReceiptRow(*row) if row is not None else None


def first_draft(connection: Connection) -> ReceiptRow | None:
    """The draft whose turn it is to be signed."""
    row = connection.execute(select(drafts).order_by(drafts.c.day, drafts.c.sequence).limit(1)).first()
    return ReceiptRow(*row) if row is not None else None
