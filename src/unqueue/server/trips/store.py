"""The trips' tables: who owns a trip, which journal events are its actions, and the codes of its coupons."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    insert,
    select,
    update,
)

from unqueue.kernel.database import Prepared, Transaction
from unqueue.kernel.journal import journal
from unqueue.kernel.schema import metadata
from unqueue.server.trips.model import Action, Added, Status, TripFrozen

trips = Table(
    "trips",
    metadata,
    Column("trip_id", String(32), primary_key=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("status", String(16), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("language", String(8), nullable=False),
    Column("is_member", Boolean, nullable=False),
    Column("opened_us", BigInteger, nullable=False),
    Column("order_id", String(32)),
    Column("member", String(64)),
    CheckConstraint("status IN ('shopping', 'submitted', 'paid', 'left')", name="status"),
)

# One row an action: its id makes a resend the same action; the action itself is the journal event ``seq``.
trip_actions = Table(
    "trip_actions",
    metadata,
    Column("trip_id", String(32), ForeignKey("trips.trip_id"), primary_key=True),
    Column("action_id", String(32), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("body_hash", LargeBinary(16), nullable=False),
    sqlite_with_rowid=False,
)

# The codes of coupons in a basket, by their numbers there. They stay out of the journal: a code may be worth money.
trip_coupons = Table(
    "trip_coupons",
    metadata,
    Column("trip_id", String(32), ForeignKey("trips.trip_id"), primary_key=True),
    Column("coupon", Integer, primary_key=True, autoincrement=False),
    Column("code", String(500), nullable=False),
)

_INSERT_ACTION = Prepared(insert(trip_actions), "trip_id", "action_id", "seq", "body_hash")


class TripRow(msgspec.Struct, frozen=True):
    trip_id: str
    token_hash: str
    status: Status
    currency: str
    language: str
    is_member: bool
    opened_us: int
    order_id: str | None
    member: str | None = None


class ActionRow(msgspec.Struct, frozen=True):
    action_id: str
    body_hash: bytes
    action: Action


def insert_trip(tx: Transaction, row: TripRow) -> None:
    tx.execute(insert(trips), msgspec.structs.asdict(row))


def insert_action(
    tx: Transaction,
    trip_id: str,
    action_id: str,
    body_hash: bytes,
    action: Action,
    *,
    codes: Mapping[int, str] | None = None,
) -> None:
    """Journal the action and remember its id; the same id twice is the database's IntegrityError.

    ``codes`` are those of the coupons that it puts into the basket, by their numbers.
    """
    kind = "trip.scanned" if isinstance(action, Added) else f"trip.{action.__struct_config__.tag}"
    event = tx.record(kind, f"trip:{trip_id}", f"trip:{trip_id}", action)
    tx.run(_INSERT_ACTION, trip_id, action_id, event.seq, body_hash)
    if codes:
        rows: list[Mapping[str, Any]] = [
            {"trip_id": trip_id, "coupon": number, "code": code} for number, code in codes.items()
        ]
        tx.execute(insert(trip_coupons), rows)


def get(connection: Connection, trip_id: str) -> TripRow | None:
    row = connection.execute(select(trips).where(trips.c.trip_id == trip_id)).first()
    return TripRow(*row) if row is not None else None


def by_token(connection: Connection, token_hash: str) -> TripRow | None:
    row = connection.execute(select(trips).where(trips.c.token_hash == token_hash)).first()
    return TripRow(*row) if row is not None else None


def actions(connection: Connection, trip_id: str) -> list[ActionRow]:
    """A trip's actions, oldest first."""
    rows = connection.execute(
        select(trip_actions.c.action_id, trip_actions.c.body_hash, journal.c.data)
        .join(journal, journal.c.seq == trip_actions.c.seq)
        .where(trip_actions.c.trip_id == trip_id)
        .order_by(trip_actions.c.seq)
    )
    return [ActionRow(row.action_id, row.body_hash, _decode_action.decode(row.data)) for row in rows]


def coupon_codes(connection: Connection, trip_id: str) -> dict[int, str]:
    """The codes of all coupons that were ever put into a trip's basket, by their numbers there."""
    rows = connection.execute(
        select(trip_coupons.c.coupon, trip_coupons.c.code).where(trip_coupons.c.trip_id == trip_id)
    )
    return {row.coupon: row.code for row in rows}


def change_status(tx: Transaction, trip_id: str, *, expected: Status, to: Status, order_id: str | None) -> None:
    """Move a trip on; TripFrozen when it isn't where it was expected."""
    changed = tx.execute(
        update(trips).where(trips.c.trip_id == trip_id, trips.c.status == expected).values(status=to, order_id=order_id)
    )
    if changed.rowcount != 1:
        raise TripFrozen


_decode_action: msgspec.json.Decoder[Action] = msgspec.json.Decoder(Action)
