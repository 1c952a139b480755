"""The tables behind receipts by SMS: who may be texted, and the queue of what is to be sent."""

from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
    text,
    update,
)

from unqueue.kernel import journal
from unqueue.kernel.database import Transaction
from unqueue.kernel.schema import metadata
from unqueue.server.receipts.contacts import PURPOSE, Contact, Message, Status

_EVENTS_MAX = 10_000

contacts = Table(
    "receipt_contacts",
    metadata,
    Column("order_id", String(32), ForeignKey("orders.order_id"), primary_key=True),
    Column("sealed", LargeBinary),
    Column("shown", String(16), nullable=False),
    Column("keep", Boolean, nullable=False),
    Column("consent_version", String(32), nullable=False),
    Column("consent_us", BigInteger, nullable=False),
    Column("language", String(2), nullable=False),
)
messages = Table(
    "receipt_messages",
    metadata,
    Column("message_id", String(32), primary_key=True),
    Column("order_id", String(32), ForeignKey("orders.order_id"), nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("reference", String(128), nullable=False),
    Column("problem", String(128), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("numbers", Integer, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("first_us", BigInteger),
    Column("due_us", BigInteger),
    Column("changed_us", BigInteger, nullable=False),
    UniqueConstraint("order_id", "purpose", name="receipt_messages_once"),
    CheckConstraint(
        "status IN ('waiting', 'due', 'sending', 'uncertain', 'sent', 'delivered', 'failed', 'perhaps', 'withdrawn')",
        name="status",
    ),
    Index(
        "receipt_messages_due",
        "due_us",
        sqlite_where=text("due_us IS NOT NULL"),
        postgresql_where=text("due_us IS NOT NULL"),
    ),
)


def contact(connection: Connection, order_id: str) -> Contact | None:
    row = connection.execute(select(contacts).where(contacts.c.order_id == order_id)).first()
    return Contact(**row._asdict()) if row is not None else None


def put_contact(tx: Transaction, one: Contact) -> None:
    """Write a contact, in place of the one that was there."""
    tx.execute(delete(contacts).where(contacts.c.order_id == one.order_id))
    tx.execute(insert(contacts), msgspec.structs.asdict(one))


def drop_number(tx: Transaction, order_id: str, *, wholly: bool = False) -> None:
    """Forget a number; ``wholly``: also what is shown of it, and that it might have been kept."""
    values: dict[str, Any] = {"sealed": None, **({"shown": "", "keep": False} if wholly else {})}
    tx.execute(update(contacts).where(contacts.c.order_id == order_id).values(**values))


def message(connection: Connection, order_id: str, purpose: str = PURPOSE) -> Message | None:
    query = select(messages).where(messages.c.order_id == order_id, messages.c.purpose == purpose)
    return _message(connection.execute(query).first())


def was_sent_again(connection: Connection, order_id: str, act: str) -> bool:
    """Whether an act of sending again was done: the journal keeps each for ever, the queue only the last message."""
    events = journal.latest(connection, _EVENTS_MAX, f"receipt:{order_id}")
    return any(one.kind == "receipt.sms_sent_again" and one.payload().get("act") == act for one in events)


def insert_message(tx: Transaction, one: Message) -> None:
    tx.execute(insert(messages), msgspec.structs.asdict(one))


def move(tx: Transaction, one: Message, status: Status, **values: Any) -> bool:
    """Change a message that is still as it was read; False where something else came first."""
    done = tx.execute(
        update(messages)
        .where(
            messages.c.message_id == one.message_id,
            messages.c.status == one.status,
            messages.c.tries == one.tries,
        )
        .values(status=status, changed_us=tx.at_us, **values)
    )
    return done.rowcount == 1


def release(tx: Transaction, order_id: str) -> None:
    """The receipt is there: what waited for it is due."""
    tx.execute(
        update(messages)
        .where(messages.c.order_id == order_id, messages.c.status == "waiting")
        .values(status="due", due_us=tx.at_us, changed_us=tx.at_us)
    )


def doubt_unfinished(tx: Transaction) -> None:
    """After a crash: what was being sent may have left."""
    tx.execute(update(messages).where(messages.c.status == "sending").values(status="uncertain", due_us=tx.at_us))


def due(connection: Connection, now_us: int, limit: int) -> list[Message]:
    query = select(messages).where(messages.c.due_us <= now_us).order_by(messages.c.due_us).limit(limit)
    return [Message(**row._asdict()) for row in connection.execute(query)]


def in_trouble(connection: Connection, before_us: int, since_us: int, limit: int) -> list[Message]:
    """What failed after ``since_us``, and what was to leave before ``before_us`` and has not, the newest first."""
    failed = messages.c.status.in_(("failed", "perhaps")) & (messages.c.changed_us > since_us)
    late = func.coalesce(messages.c.first_us, messages.c.due_us) <= before_us
    waits = messages.c.status.in_(("due", "sending", "uncertain")) & late
    query = select(messages).where(messages.c.purpose == PURPOSE, failed | waits)
    rows = connection.execute(query.order_by(messages.c.changed_us.desc(), messages.c.message_id).limit(limit))
    return [Message(**row._asdict()) for row in rows]


def _message(row: Any) -> Message | None:
    return Message(**row._asdict()) if row is not None else None


def forget(tx: Transaction, one: Message) -> None:
    """Make room for another message of the same receipt: this one never left, or never arrived."""
    tx.execute(delete(messages).where(messages.c.message_id == one.message_id))
