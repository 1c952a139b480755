"""The journal: what happened, in order, append-only. Each row's hash covers the row before it, so a change shows."""

import hashlib
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    Select,
    String,
    Table,
    Text,
    select,
    text,
)

from unqueue.kernel.schema import append_only, metadata

GENESIS = b"\0" * 32
_NOT_TRIP = text("stream NOT LIKE 'trip:%'")

journal = Table(
    "journal",
    metadata,
    # INTEGER is SQLite's own row number (64 bits): no second index to keep.
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at_us", BigInteger, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("stream", String(64), nullable=False),
    Column("actor", String(80), nullable=False),
    Column("data", Text, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    # A trip's events are found through its actions; an index entry for each scan would cost the hot path a page.
    Index("journal_stream", "stream", "seq", sqlite_where=_NOT_TRIP, postgresql_where=_NOT_TRIP),
)
append_only(journal)

followers = Table(
    "journal_followers",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("seq", BigInteger, nullable=False),
)


class Event(msgspec.Struct, frozen=True):
    """One thing that happened.

    ``kind`` is ``<noun>.<past participle>``; ``stream`` is the thing it happened to, ``trip:<id>``, ``order:<id>``;
    ``actor`` is who did it, ``trip:<id>``, ``staff:<name>``, ``lane:<id>``, ``provider:<id>``, ``system``;
    ``data`` is a JSON object.
    """

    seq: int
    at_us: int
    kind: str
    stream: str
    actor: str
    data: str

    def payload(self) -> dict[str, Any]:
        decoded: dict[str, Any] = msgspec.json.decode(self.data)
        return decoded


def chain(previous: bytes, event: Event) -> bytes:
    """SHA-256 over the previous row's hash and this row, each field preceded by its length."""
    covered = [previous]
    for field in (str(event.seq), str(event.at_us), event.kind, event.stream, event.actor, event.data):
        raw = field.encode()
        covered += (len(raw).to_bytes(4, "big"), raw)
    return hashlib.sha256(b"".join(covered)).digest()


def head(connection: Connection) -> tuple[int, bytes]:
    """The last row's sequence number and hash; ``(0, GENESIS)`` when nothing has happened yet."""
    row = connection.execute(select(journal.c.seq, journal.c.hash).order_by(journal.c.seq.desc()).limit(1)).first()
    return (row.seq, row.hash) if row is not None else (0, GENESIS)


def read(connection: Connection, after: int = 0, limit: int = 1000, stream: str | None = None) -> list[Event]:
    """Events with a sequence number above ``after``, oldest first, at most ``limit``; of one ``stream`` (no trip's)."""
    query = _events(stream).where(journal.c.seq > after).order_by(journal.c.seq).limit(limit)
    return [Event(*row) for row in connection.execute(query)]


def latest(connection: Connection, limit: int, stream: str | None = None) -> list[Event]:
    """The last ``limit`` events, oldest first; of one ``stream`` (no trip's)."""
    query = _events(stream).order_by(journal.c.seq.desc()).limit(limit)
    return [Event(*row) for row in connection.execute(query)][::-1]


def _events(stream: str | None) -> Select[Any]:
    query: Select[Any] = select(
        journal.c.seq, journal.c.at_us, journal.c.kind, journal.c.stream, journal.c.actor, journal.c.data
    )
    return query if stream is None else query.where(journal.c.stream == stream, _NOT_TRIP)


def verify(connection: Connection, batch: int = 5000) -> int | None:
    """Check the whole chain. The sequence number of the first row that does not fit, or None when all is well."""
    previous, after = GENESIS, 0
    while True:
        rows = connection.execute(
            select(journal).where(journal.c.seq > after).order_by(journal.c.seq).limit(batch)
        ).all()
        if not rows:
            return None
        for row in rows:
            event = Event(row.seq, row.at_us, row.kind, row.stream, row.actor, row.data)
            if row.seq != after + 1 or chain(previous, event) != row.hash:
                return int(row.seq)
            previous, after = row.hash, row.seq
