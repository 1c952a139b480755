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
    func,
    or_,
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


class Wanted(msgspec.Struct, frozen=True):
    """Which events somebody wants to read. ``kinds``: whole ones (``exit.released``) or nouns (``exit``).
    ``mentions``: any of these is named, as the stream, the actor or in the data. Times from ``from_us`` to below
    ``until_us``.
    """

    kinds: tuple[str, ...] = ()
    stream: str | None = None
    mentions: tuple[str, ...] = ()
    from_us: int | None = None
    until_us: int | None = None


def find(connection: Connection, wanted: Wanted, *, after: int | None = None, limit: int = 1000) -> list[Event]:
    """The last ``limit`` events that are wanted, or with ``after`` the first that follow it; oldest first."""
    query = _events(wanted.stream)
    if wanted.kinds:
        nouns = [journal.c.kind.startswith(f"{kind}.", autoescape=True) for kind in wanted.kinds]
        query = query.where(or_(journal.c.kind.in_(wanted.kinds), *nouns))
    if wanted.mentions:
        fields = (journal.c.stream, journal.c.actor, journal.c.data)
        said = [field.contains(name, autoescape=True) for name in wanted.mentions for field in fields]
        query = query.where(or_(*said))
    if wanted.from_us is not None:
        first = first_seq_since(connection, wanted.from_us)
        query = query.where(journal.c.seq >= first, journal.c.at_us >= wanted.from_us)
    if wanted.until_us is not None:
        query = query.where(journal.c.at_us < wanted.until_us)
    if after is not None:
        query = query.where(journal.c.seq > after).order_by(journal.c.seq)
    else:
        query = query.order_by(journal.c.seq.desc())
    found = [Event(*row) for row in connection.execute(query.limit(limit))]
    return found if after is not None else found[::-1]


def first_seq_since(connection: Connection, at_us: int) -> int:
    """The first event at or after a time, by halving: the journal is in order of time, and seq has no gaps.

    Where the clock was once set back, it may be an event near there: good enough to count a day from.
    """
    low, high = 1, (connection.execute(select(func.max(journal.c.seq))).scalar() or 0) + 1
    while low < high:
        middle = (low + high) // 2
        found = connection.execute(select(journal.c.at_us).where(journal.c.seq == middle)).scalar()
        low, high = (middle + 1, high) if found is not None and found < at_us else (low, middle)
    return low


def fits(connection: Connection, seq: int) -> bool:
    """Whether one row is what was written: its hash covers it and the hash of the row before it."""
    rows = connection.execute(select(journal).where(journal.c.seq.in_((seq - 1, seq))).order_by(journal.c.seq)).all()
    if not rows or rows[-1].seq != seq or (len(rows) == 1) != (seq == 1):
        return False
    previous = rows[0].hash if seq > 1 else GENESIS
    return bool(chain(previous, Event(*rows[-1][:-1])) == rows[-1].hash)


class Checked(msgspec.Struct, frozen=True):
    """How far the chain was checked: up to the event ``seq`` with its ``hash``. ``broken_at`` is the first row that
    does not fit; ``is_done``: nothing more was there.
    """

    seq: int = 0
    hash: bytes = GENESIS
    broken_at: int | None = None
    is_done: bool = False


def verify_on(connection: Connection, known: Checked, batch: int = 5000) -> Checked:
    """Check up to ``batch`` rows more."""
    if known.broken_at is not None:
        return known
    previous, after = known.hash, known.seq
    query = select(journal).where(journal.c.seq > after).order_by(journal.c.seq).limit(batch)
    rows = connection.execute(query).all()
    for row in rows:
        event = Event(row.seq, row.at_us, row.kind, row.stream, row.actor, row.data)
        if row.seq != after + 1 or chain(previous, event) != row.hash:
            return Checked(after, previous, int(row.seq), is_done=True)
        previous, after = row.hash, row.seq
    return Checked(after, previous, is_done=len(rows) < batch)


def verify(connection: Connection, batch: int = 5000) -> int | None:
    """Check the whole chain. The sequence number of the first row that does not fit, or None when all is well."""
    known = Checked()
    while not known.is_done:
        known = verify_on(connection, known, batch)
    return known.broken_at
