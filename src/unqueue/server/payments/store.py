"""The payments' tables: attempts, and refunds on their way. Amounts never change; what they did is in the ledger."""

import msgspec
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from unqueue.kernel.database import Transaction
from unqueue.kernel.schema import metadata
from unqueue.server.payments.model import AGAIN_S_MAX, Payment, Refund

_PENDING = text("status = 'pending'")
_TO_ASK = text("query_due_us IS NOT NULL")
_TO_PAY_BACK = text("due_us IS NOT NULL")
_WHOLE = text("cause <> 'return'")

payments = Table(
    "payments",
    metadata,
    Column("payment_id", String(32), primary_key=True),
    Column("order_id", String(32), ForeignKey("orders.order_id"), nullable=False),
    Column("trip_id", String(32), nullable=False),
    Column("method", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("return_to", String(16), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("place", String(40), nullable=False),
    Column("asked", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("action_kind", String(16)),
    Column("action_url", Text, nullable=False),
    Column("action_fields", Text, nullable=False),
    Column("slip", Text, nullable=False),
    Column("reference", String(128), nullable=False),
    Column("problem", String(64)),
    Column("query_due_us", BigInteger),
    Column("pauses", Integer, nullable=False),
    CheckConstraint(
        "status IN ('pending', 'succeeded', 'failed', 'closed', 'surplus', 'refunded')",
        name="status",
    ),
    CheckConstraint("amount_minor >= 0", name="amount"),
    Index("payments_order", "order_id"),
    # One open attempt for each order, whatever the code above does.
    Index("payments_open", "order_id", unique=True, sqlite_where=_PENDING, postgresql_where=_PENDING),
    Index("payments_due", "query_due_us", sqlite_where=_TO_ASK, postgresql_where=_TO_ASK),
)

refunds = Table(
    "refunds",
    metadata,
    Column("refund_id", String(32), primary_key=True),
    Column("payment_id", String(32), ForeignKey("payments.payment_id"), nullable=False),
    Column("order_id", String(32), nullable=False),
    Column("method", String(64), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("cause", String(16), nullable=False),
    Column("return_id", String(32)),
    Column("place", String(40), nullable=False),
    Column("due_us", BigInteger),
    Column("tries", Integer, nullable=False),
    Column("reference", String(128), nullable=False),
    Column("problem", String(64)),
    CheckConstraint("status IN ('pending', 'succeeded')", name="status"),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint("(cause = 'return') = (return_id IS NOT NULL)", name="cause"),
    Index("refunds_due", "due_us", sqlite_where=_TO_PAY_BACK, postgresql_where=_TO_PAY_BACK),
    Index("refunds_payment", "payment_id"),
    Index("refunds_order", "order_id"),
    # What the order does not need goes back whole, once.
    Index("refunds_whole", "payment_id", unique=True, sqlite_where=_WHOLE, postgresql_where=_WHOLE),
)


def insert_payment(tx: Transaction, payment: Payment) -> None:
    tx.execute(_INSERT, msgspec.structs.asdict(payment))


def get(connection: Connection, payment_id: str) -> Payment | None:
    row = connection.execute(_GET, {"payment_id": payment_id}).mappings().first()
    return Payment(**row) if row is not None else None


def of_order(connection: Connection, order_id: str) -> list[Payment]:
    """An order's attempts, oldest first."""
    rows = connection.execute(_OF_ORDER, {"order_id": order_id}).mappings()
    return [Payment(**row) for row in rows]


def open_of_order(connection: Connection, order_id: str) -> Payment | None:
    """The attempt that is open; there is at most one."""
    row = connection.execute(_OPEN_OF_ORDER, {"order_id": order_id}).mappings().first()
    return Payment(**row) if row is not None else None


def paid_minor(connection: Connection, order_id: str) -> int:
    """What was taken for an order and counts for it, in minor units of the order's currency."""
    return int(connection.execute(_PAID_MINOR, {"order_id": order_id}).scalar_one())


def due(connection: Connection, now_us: int, limit: int) -> list[Payment]:
    """Attempts whose provider should be asked now, the longest overdue first."""
    rows = connection.execute(_DUE, _until(now_us, limit)).mappings()
    return [Payment(**row) for row in rows]


def update_payment(tx: Transaction, payment: Payment) -> None:
    """Keep what an attempt has become. Its order and its amount never change."""
    values = {name: getattr(payment, name) for name in _CHANGEABLE}
    tx.execute(_UPDATE, {"changed_id": payment.payment_id, **values})


def ask_unanswered_now(tx: Transaction, now_us: int) -> None:
    """Have the attempts looked at whose provider was never heard: we may have died between intent and call."""
    tx.execute(
        update(payments)
        .where(payments.c.status == "pending", payments.c.action_kind.is_(None))
        .values(query_due_us=now_us)
    )


def insert_refund(tx: Transaction, refund: Refund) -> None:
    tx.execute(_INSERT_REFUND, msgspec.structs.asdict(refund))


def get_refund(connection: Connection, refund_id: str) -> Refund | None:
    row = connection.execute(_GET_REFUND, {"refund_id": refund_id}).mappings().first()
    return Refund(**row) if row is not None else None


def refunds_of_order(connection: Connection, order_id: str) -> list[Refund]:
    """An order's refunds, oldest first."""
    rows = connection.execute(_REFUNDS_OF_ORDER, {"order_id": order_id}).mappings()
    return [Refund(**row) for row in rows]


def refunds_due(connection: Connection, now_us: int, limit: int) -> list[Refund]:
    """Refunds to try now, the longest overdue first."""
    rows = connection.execute(_REFUNDS_DUE, _until(now_us, limit)).mappings()
    return [Refund(**row) for row in rows]


def pending_at(connection: Connection, place: str, method: str) -> list[Payment]:
    """Attempts by a method that were begun at a kiosk and are open, oldest first."""
    query = select(payments).where(
        payments.c.status == "pending", payments.c.place == place, payments.c.method == method
    )
    return [Payment(**row) for row in connection.execute(query.order_by(payments.c.created_us)).mappings()]


def pending_since(connection: Connection, before_us: int) -> list[Payment]:
    """Attempts that were begun before ``before_us`` and are open, oldest first."""
    query = select(payments).where(payments.c.status == "pending", payments.c.created_us < before_us)
    return [Payment(**row) for row in connection.execute(query.order_by(payments.c.created_us)).mappings()]


def refunds_at(connection: Connection, place: str, method: str) -> list[Refund]:
    """Refunds by a method, on their way, of payments that were made at a kiosk; oldest first."""
    query = (
        select(refunds)
        .join(payments, payments.c.payment_id == refunds.c.payment_id)
        .where(_ON_ITS_WAY, refunds.c.method == method, payments.c.place == place)
    )
    return [Refund(**row) for row in connection.execute(query.order_by(refunds.c.created_us)).mappings()]


def refunds_waiting(connection: Connection, limit: int) -> list[Refund]:
    """Refunds that were tried and have not arrived, the oldest first."""
    query = select(refunds).where(_ON_ITS_WAY, refunds.c.tries > 0)
    rows = connection.execute(query.order_by(refunds.c.created_us).limit(limit)).mappings()
    return [Refund(**row) for row in rows]


def update_refund(tx: Transaction, refund: Refund) -> None:
    """Keep how far a refund has come. Its payment and its amount never change."""
    values = {name: getattr(refund, name) for name in _REFUND_CHANGEABLE}
    tx.execute(_UPDATE_REFUND, {"changed_id": refund.refund_id, **values})


def _is_due(due_us: Column[int]) -> ColumnElement[bool]:
    """Due by now, or planned further ahead than anything ever is: the clock was wrong then, and has been set back."""
    return or_(due_us <= bindparam("now_us"), due_us > bindparam("never_us"))


def _until(now_us: int, limit: int) -> dict[str, int]:
    return {"now_us": now_us, "never_us": now_us + AGAIN_S_MAX * 1_000_000, "most": limit}


# The condition on due_us is that of the index.
_ON_ITS_WAY = and_(refunds.c.due_us.is_not(None), refunds.c.status == "pending")
_CHANGEABLE = (
    "status",
    "asked",
    "action_kind",
    "action_url",
    "action_fields",
    "slip",
    "reference",
    "problem",
    "query_due_us",
    "pauses",
)
_REFUND_CHANGEABLE = ("status", "place", "due_us", "tries", "reference", "problem")

# To put a statement together takes several times as long as to run it: those of every payment are put together once.
_INSERT = insert(payments)
_GET = select(payments).where(payments.c.payment_id == bindparam("payment_id"))
_OF_ORDER = (
    select(payments)
    .where(payments.c.order_id == bindparam("order_id"))
    .order_by(payments.c.created_us, payments.c.payment_id)
)
_OPEN_OF_ORDER = select(payments).where(payments.c.order_id == bindparam("order_id"), payments.c.status == "pending")
_PAID_MINOR = select(func.coalesce(func.sum(payments.c.amount_minor), 0)).where(
    payments.c.order_id == bindparam("order_id"), payments.c.status == "succeeded"
)
_DUE = (
    select(payments)
    .where(_is_due(payments.c.query_due_us))
    .order_by(payments.c.query_due_us)
    .limit(bindparam("most", type_=Integer))
)
_UPDATE = (
    update(payments)
    .where(payments.c.payment_id == bindparam("changed_id"))
    .values({name: bindparam(name) for name in _CHANGEABLE})
)
_INSERT_REFUND = insert(refunds)
_GET_REFUND = select(refunds).where(refunds.c.refund_id == bindparam("refund_id"))
_REFUNDS_OF_ORDER = (
    select(refunds)
    .where(refunds.c.order_id == bindparam("order_id"))
    .order_by(refunds.c.created_us, refunds.c.refund_id)
)
_REFUNDS_DUE = (
    select(refunds).where(_is_due(refunds.c.due_us)).order_by(refunds.c.due_us).limit(bindparam("most", type_=Integer))
)
_UPDATE_REFUND = (
    update(refunds)
    .where(refunds.c.refund_id == bindparam("changed_id"))
    .values({name: bindparam(name) for name in _REFUND_CHANGEABLE})
)
