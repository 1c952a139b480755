"""The tables of staff: members and their sessions."""

from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    insert,
    select,
    update,
)

from unqueue.kernel.database import Transaction
from unqueue.kernel.schema import metadata
from unqueue.server.staff.model import Member, Way

staff_members = Table(
    "staff_members",
    metadata,
    Column("staff_id", String(32), primary_key=True),
    Column("name", String(40), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("pin_salt", LargeBinary(16), nullable=False),
    Column("pin_hash", LargeBinary(64), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("locked_until_us", BigInteger, nullable=False),
    Column("is_removed", Boolean, nullable=False),
)

staff_sessions = Table(
    "staff_sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("staff_id", String(32), ForeignKey("staff_members.staff_id"), nullable=False),
    Column("way", String(16), nullable=False),
    Column("began_us", BigInteger, nullable=False),
    Column("ends_us", BigInteger, nullable=False),
)


def names(connection: Connection) -> dict[str, str]:
    """The name of everybody who works or worked here, by id."""
    return {row[0]: row[1] for row in connection.execute(select(staff_members.c.staff_id, staff_members.c.name))}


def by_name(connection: Connection, name: str) -> Member | None:
    """The member of that name, also one who has left."""
    return _member(connection.execute(select(staff_members).where(staff_members.c.name == name)).first())


def by_id(connection: Connection, staff_id: str) -> Member | None:
    """A member, also one who has left."""
    return _member(connection.execute(select(staff_members).where(staff_members.c.staff_id == staff_id)).first())


def by_session(connection: Connection, token_hash: str, now_us: int) -> tuple[Member, Way] | None:
    """The member whose session it is, and how it began, while it lasts."""
    joined = select(staff_members, staff_sessions.c.way).join(
        staff_sessions, staff_sessions.c.staff_id == staff_members.c.staff_id
    )
    lasting = joined.where(staff_sessions.c.token_hash == token_hash, staff_sessions.c.ends_us > now_us)
    row = connection.execute(lasting).first()
    if row is None:
        return None
    columns = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's way to read by names
    way: Way = columns.pop("way")
    return Member(**columns), way


def everybody(connection: Connection) -> list[Member]:
    """All members who have not left, by name."""
    here = select(staff_members).where(staff_members.c.is_removed.is_(False))
    rows = connection.execute(here.order_by(staff_members.c.name))
    return [member for row in rows if (member := _member(row)) is not None]


def save(tx: Transaction, member: Member) -> None:
    """Write a member, new or known."""
    columns = msgspec.structs.asdict(member)
    changed = tx.execute(update(staff_members).where(staff_members.c.staff_id == member.staff_id).values(columns))
    if changed.rowcount == 0:
        tx.execute(insert(staff_members), columns)


def begin_session(tx: Transaction, token_hash: str, staff_id: str, way: Way, ends_us: int) -> None:
    values = {"token_hash": token_hash, "staff_id": staff_id, "way": way, "began_us": tx.at_us, "ends_us": ends_us}
    tx.execute(insert(staff_sessions), values)


def end_session(tx: Transaction, token_hash: str) -> None:
    ending = update(staff_sessions).where(
        staff_sessions.c.token_hash == token_hash, staff_sessions.c.ends_us > tx.at_us
    )
    tx.execute(ending.values(ends_us=tx.at_us))


def end_sessions_of(tx: Transaction, staff_id: str, *, but: str = "") -> None:
    """End all that are open, ``but`` one by its token's hash: the PIN was changed, or a key was lost."""
    theirs = (staff_sessions.c.staff_id == staff_id, staff_sessions.c.token_hash != but)
    ending = update(staff_sessions).where(*theirs, staff_sessions.c.ends_us > tx.at_us)
    tx.execute(ending.values(ends_us=tx.at_us))


def _member(row: Row[Any] | None) -> Member | None:
    return Member(**row._mapping) if row is not None else None  # noqa: SLF001  # SQLAlchemy's way to read by names
