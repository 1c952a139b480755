"""The orders' tables. An order's amounts never change; its status only moves on."""

import msgspec
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    bindparam,
    insert,
    or_,
    select,
    text,
    update,
)

from unqueue.kernel.database import Transaction
from unqueue.kernel.schema import metadata
from unqueue.server.orders.model import Order, OrderClosed, OrderLine, OrderPaid, Status
from unqueue.server.trips import store as trips_store
from unqueue.server.trips.model import Status as TripStatus

orders = Table(
    "orders",
    metadata,
    Column("order_id", String(32), primary_key=True),
    Column("trip_id", String(32), ForeignKey("trips.trip_id"), nullable=False),
    Column("number", String(9), nullable=False, unique=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("status", String(16), nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("basket_hash", String(64), nullable=False),
    Column("item_count", Integer, nullable=False),
    Column("basket", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("paid_us", BigInteger),
    Column("left_us", BigInteger),
    CheckConstraint("status IN ('open', 'paid', 'left', 'closed')", name="status"),
    CheckConstraint("total_minor >= 0", name="total"),
    Index(
        "orders_live_trip",
        "trip_id",
        unique=True,
        sqlite_where=text("status <> 'closed'"),
        postgresql_where=text("status <> 'closed'"),
    ),
    Index("orders_open", "created_us", sqlite_where=text("status = 'open'"), postgresql_where=text("status = 'open'")),
)

order_lines = Table(
    "order_lines",
    metadata,
    Column("order_id", String(32), ForeignKey("orders.order_id"), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("product_id", String(64), nullable=False),
    Column("gtin", String(14), nullable=False),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("category", String(64), nullable=False),
    Column("sold_by", String(8), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("weight_g", Integer),
    Column("unit_price_minor", BigInteger, nullable=False),
    Column("subtotal_minor", BigInteger, nullable=False),
    Column("discount_minor", BigInteger, nullable=False),
    Column("deposit_minor", BigInteger, nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("tax_rate_bp", Integer, nullable=False),
    Column("weight_g_expected", Integer, nullable=False),
    Column("weight_g_sd", Float, nullable=False),
    Column("tag", String(8), nullable=False),
    Column("age_limit", Integer),
    CheckConstraint("quantity > 0", name="quantity"),
    CheckConstraint("discount_minor >= 0 AND discount_minor <= subtotal_minor", name="discount"),
    CheckConstraint("total_minor = subtotal_minor - discount_minor + deposit_minor", name="total"),
)


def submit(tx: Transaction, order: Order, lines: list[OrderLine]) -> None:
    """Write a new order and freeze its trip."""
    trips_store.change_status(tx, order.trip_id, expected="shopping", to="submitted", order_id=order.order_id)
    tx.execute(insert(orders), msgspec.structs.asdict(order))
    tx.execute(insert(order_lines), [{"order_id": order.order_id, **msgspec.structs.asdict(line)} for line in lines])
    tx.record(
        "order.submitted",
        f"order:{order.order_id}",
        f"trip:{order.trip_id}",
        {
            **_names(order, "open"),
            "number": order.number,
            "total_minor": order.total_minor,
            "currency": order.currency,
            "basket_hash": order.basket_hash,
            "lines": lines,
        },
    )


def set_basket(tx: Transaction, order: Order) -> None:
    """What is shown of the basket, once it is known what became of its coupons; in the unit that submits it."""
    tx.execute(update(orders).where(orders.c.order_id == order.order_id).values(basket=order.basket))


def get(connection: Connection, order_id: str) -> Order | None:
    row = connection.execute(_GET, {"order_id": order_id}).first()
    return Order(*row) if row is not None else None


def by_number(connection: Connection, number: str) -> Order | None:
    row = connection.execute(select(orders).where(orders.c.number == number)).first()
    return Order(*row) if row is not None else None


def by_token(connection: Connection, token_hash: str) -> Order | None:
    row = connection.execute(select(orders).where(orders.c.token_hash == token_hash)).first()
    return Order(*row) if row is not None else None


def live_of_trip(connection: Connection, trip_id: str) -> Order | None:
    """The order of a trip that is not closed; there is at most one."""
    row = connection.execute(select(orders).where(orders.c.trip_id == trip_id, orders.c.status != "closed")).first()
    return Order(*row) if row is not None else None


def open_outside(connection: Connection, from_us: int, to_us: int) -> list[Order]:
    """Orders that wait for payment and were created before ``from_us``, or after ``to_us``: by a clock that ran ahead
    and has been set back. Oldest first.
    """
    is_outside = or_(orders.c.created_us < from_us, orders.c.created_us > to_us)
    rows = connection.execute(select(orders).where(orders.c.status == "open", is_outside).order_by(orders.c.created_us))
    return [Order(*row) for row in rows]


def lines(connection: Connection, order_id: str) -> list[OrderLine]:
    return [OrderLine(*row) for row in connection.execute(_LINES, {"order_id": order_id})]


# Put together once: they are asked for with every payment.
_GET = select(orders).where(orders.c.order_id == bindparam("order_id"))
_LINES = (
    select(*(column for column in order_lines.columns if column.name != "order_id"))
    .where(order_lines.c.order_id == bindparam("order_id"))
    .order_by(order_lines.c.line)
)


class _Move(msgspec.Struct, frozen=True):
    """A step of an order and its trip."""

    expected: Status
    to: Status
    trip_expected: TripStatus
    trip_to: TripStatus


_PAY = _Move("open", "paid", "submitted", "paid")
_LEAVE = _Move("paid", "left", "paid", "left")
_CLOSE = _Move("open", "closed", "submitted", "shopping")


def mark_paid(tx: Transaction, order: Order, actor: str) -> None:
    """Open → paid, with its trip. OrderPaid or OrderClosed where it isn't open (any more)."""
    _move(tx, order, _PAY, actor, paid_us=tx.at_us)


def mark_left(tx: Transaction, order: Order, actor: str) -> None:
    """Paid → left, with its trip: the goods are out of the door."""
    _move(tx, order, _LEAVE, actor, left_us=tx.at_us)


def close(tx: Transaction, order: Order, actor: str) -> None:
    """Open → closed: the shopper goes on shopping."""
    _move(tx, order, _CLOSE, actor)


def _move(tx: Transaction, order: Order, move: _Move, actor: str, **values: int) -> None:
    changed = tx.execute(
        update(orders)
        .where(orders.c.order_id == order.order_id, orders.c.status == move.expected)
        .values(status=move.to, **values)
    )
    if changed.rowcount != 1:
        now = get(tx.connection, order.order_id)
        raise OrderClosed if now is not None and now.status == "closed" else OrderPaid
    keeps_order = None if move.trip_to == "shopping" else order.order_id
    trips_store.change_status(tx, order.trip_id, expected=move.trip_expected, to=move.trip_to, order_id=keeps_order)
    tx.record(f"order.{move.to}", f"order:{order.order_id}", actor, _names(order, move.to))


def _names(order: Order, status: str) -> dict[str, str]:
    return {"order_id": order.order_id, "trip_id": order.trip_id, "status": status}
