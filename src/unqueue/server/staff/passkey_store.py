"""The table of passkeys."""

from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)

from unqueue.kernel.database import Transaction
from unqueue.kernel.schema import metadata
from unqueue.server.staff.credentials import Passkey

staff_passkeys = Table(
    "staff_passkeys",
    metadata,
    Column("passkey_id", String(32), primary_key=True),
    Column("staff_id", String(32), ForeignKey("staff_members.staff_id"), nullable=False),
    Column("name", String(40), nullable=False),
    Column("credential_hash", String(64), nullable=False, unique=True),
    Column("credential", LargeBinary(4096), nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("added_us", BigInteger, nullable=False),
    Column("used_us", BigInteger),
    Column("is_off", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("locked_until_us", BigInteger, nullable=False),
    Index("staff_passkeys_member", "staff_id"),
)


def by_credential(connection: Connection, credential_hash: str) -> Passkey | None:
    """The passkey whose credential id has this SHA-256."""
    query = select(staff_passkeys).where(staff_passkeys.c.credential_hash == credential_hash)
    return _passkey(connection.execute(query).first())


def of_member(connection: Connection, staff_id: str) -> list[Passkey]:
    """A member's passkeys, the oldest first."""
    query = select(staff_passkeys).where(staff_passkeys.c.staff_id == staff_id)
    rows = connection.execute(query.order_by(staff_passkeys.c.added_us, staff_passkeys.c.passkey_id))
    return [passkey for row in rows if (passkey := _passkey(row)) is not None]


def count_of(connection: Connection, staff_id: str) -> int:
    """How many passkeys a member has, with those that are switched off: nobody becomes freer by a copied one."""
    query = select(func.count()).select_from(staff_passkeys).where(staff_passkeys.c.staff_id == staff_id)
    return int(connection.execute(query).scalar_one())


def counts(connection: Connection) -> dict[str, int]:
    """How many passkeys each member has."""
    query = select(staff_passkeys.c.staff_id, func.count()).group_by(staff_passkeys.c.staff_id)
    return {row.staff_id: row[1] for row in connection.execute(query)}


def add(tx: Transaction, passkey: Passkey) -> None:
    tx.execute(insert(staff_passkeys), msgspec.structs.asdict(passkey))


def save(tx: Transaction, passkey: Passkey) -> None:
    """Write down what became of a passkey that is known."""
    values = msgspec.structs.asdict(passkey)
    tx.execute(update(staff_passkeys).where(staff_passkeys.c.passkey_id == passkey.passkey_id).values(values))


def remove(tx: Transaction, passkey_id: str) -> None:
    tx.execute(delete(staff_passkeys).where(staff_passkeys.c.passkey_id == passkey_id))


def _passkey(row: Row[Any] | None) -> Passkey | None:
    return Passkey(**row._mapping) if row is not None else None  # noqa: SLF001  # SQLAlchemy's way to read by names
