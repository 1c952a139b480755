"""The tables of audits: the days' seeds, one draw per order, and what the rescans found."""

from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Row,
    String,
    Table,
    Text,
    func,
    insert,
    select,
    text,
    update,
)

from unqueue.kernel.database import Transaction
from unqueue.kernel.journal import Event, journal
from unqueue.kernel.schema import append_only, metadata
from unqueue.server.audits.comparing import Difference, Sums
from unqueue.server.audits.estimates import Sampled
from unqueue.server.audits.model import Draw, Rules, Visit
from unqueue.server.exits.supplements import call_payments
from unqueue.server.orders.store import orders

_SECRET = text("revealed_us IS NULL")

audit_days = Table(
    "audit_days",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("commitment", String(64), nullable=False),
    Column("seed", String(64), nullable=False),
    Column("committed_us", BigInteger, nullable=False),
    Column("revealed_us", BigInteger),
    Index("audit_days_secret", "day", sqlite_where=_SECRET, postgresql_where=_SECRET),
)

audit_draws = Table(
    "audit_draws",
    metadata,
    Column("order_id", String(32), ForeignKey("orders.order_id"), primary_key=True),
    Column("day", String(10), ForeignKey("audit_days.day"), nullable=False, index=True),
    Column("at_us", BigInteger, nullable=False),
    Column("member", String(64)),
    Column("rules", Text, nullable=False),
    Column("visit", Text, nullable=False),
    Column("probability", Float, nullable=False),
    Column("value", Float, nullable=False),
    Column("kind", String(8)),
    Column("articles", Text, nullable=False),
    Column("chosen", Text, nullable=False),
    Column("status", String(12), nullable=False),
    Column("result_id", String(32)),
    Column("cleared_us", BigInteger),
    CheckConstraint("status IN ('none', 'due', 'clean', 'differences', 'waived')", name="status"),
    CheckConstraint("probability >= 0 AND probability <= 1", name="probability"),
    CheckConstraint("(kind IS NULL) = (status = 'none')", name="kind"),
    Index(
        "audit_draws_member",
        "member",
        "at_us",
        sqlite_where=text("member IS NOT NULL"),
        postgresql_where=text("member IS NOT NULL"),
    ),
)

audit_results = Table(
    "audit_results",
    metadata,
    Column("result_id", String(32), primary_key=True),
    Column("order_id", String(32), ForeignKey("audit_draws.order_id"), nullable=False, index=True),
    Column("at_us", BigInteger, nullable=False, index=True),
    Column("by_name", String(80), nullable=False),
    Column("request_hash", String(64), nullable=False),
    Column("listed_unpaid_minor", BigInteger, nullable=False),
    Column("unlisted_unpaid_minor", BigInteger, nullable=False),
    Column("overpaid_minor", BigInteger, nullable=False),
    Column("is_wrong", Boolean, nullable=False),
    Column("unpaid_minor", BigInteger, nullable=False),
    Column("differences", Text, nullable=False),
)
append_only(audit_results)


class Day(msgspec.Struct, frozen=True):
    """A day's seed, secret until ``revealed_us``; ``seed`` and ``commitment`` in hexadecimal."""

    day: str
    commitment: str
    seed: str
    committed_us: int
    revealed_us: int | None


class Result(msgspec.Struct, frozen=True):
    """What a rescan found, and who made it."""

    result_id: str
    order_id: str
    at_us: int
    by_name: str
    request_hash: str
    sums: Sums
    differences: list[Difference]


def get_day(connection: Connection, day: str) -> Day | None:
    row = connection.execute(select(audit_days).where(audit_days.c.day == day)).first()
    return Day(*row) if row is not None else None


def secret_days(connection: Connection, before: str) -> list[Day]:
    """The days before ``before`` whose seed was not told yet."""
    query = select(audit_days).where(_SECRET, audit_days.c.day < before).order_by(audit_days.c.day)
    return [Day(*row) for row in connection.execute(query)]


def last_revealed(connection: Connection) -> str | None:
    """The last day whose seed is no secret any more."""
    found: str | None = connection.execute(
        select(func.max(audit_days.c.day)).where(audit_days.c.revealed_us.is_not(None))
    ).scalar()
    return found


def insert_day(tx: Transaction, day: Day) -> None:
    tx.execute(insert(audit_days), msgspec.structs.asdict(day))


def set_revealed(tx: Transaction, day: str) -> None:
    tx.execute(update(audit_days).where(audit_days.c.day == day).values(revealed_us=tx.at_us))


def get(connection: Connection, order_id: str) -> Draw | None:
    row = connection.execute(select(audit_draws).where(audit_draws.c.order_id == order_id)).first()
    return _draw(row) if row is not None else None


def insert_draw(tx: Transaction, draw: Draw) -> None:
    tx.execute(insert(audit_draws), _columns(draw))


def update_draw(tx: Transaction, draw: Draw) -> None:
    columns = _columns(draw)
    tx.execute(update(audit_draws).where(audit_draws.c.order_id == columns.pop("order_id")).values(columns))


def visits_of(connection: Connection, member: str) -> int:
    """How many orders of a member were drawn for, audits or not."""
    query = select(func.count()).select_from(audit_draws).where(audit_draws.c.member == member)
    return int(connection.execute(query).scalar_one())


def audits_of(connection: Connection, member: str) -> list[tuple[str, str, int | None]]:
    """The audits of a member, the newest first: the day, the status, and what their first rescan found unpaid."""
    query = (
        select(audit_draws.c.day, audit_draws.c.status, audit_results.c.unpaid_minor)
        .outerjoin(audit_results, audit_results.c.result_id == audit_draws.c.result_id)
        .where(audit_draws.c.member == member, audit_draws.c.kind.is_not(None))
        .order_by(audit_draws.c.at_us.desc())
    )
    return [(row.day, row.status, row.unpaid_minor) for row in connection.execute(query)]


def insert_result(tx: Transaction, result: Result) -> None:
    columns = msgspec.structs.asdict(result)
    columns |= msgspec.structs.asdict(columns.pop("sums"))
    columns["differences"] = _json(result.differences)
    tx.execute(insert(audit_results), columns)


def result(connection: Connection, result_id: str) -> Result | None:
    row = connection.execute(select(audit_results).where(audit_results.c.result_id == result_id)).first()
    return _result(row) if row is not None else None


def latest_result(connection: Connection, order_id: str) -> Result | None:
    """What the last rescan of an order found."""
    query = select(audit_results).where(audit_results.c.order_id == order_id).order_by(audit_results.c.at_us.desc())
    row = connection.execute(query.limit(1)).first()
    return _result(row) if row is not None else None


def sampled(connection: Connection, from_day: str, to_day: str) -> list[Sampled]:
    """The orders that were drawn for from one day to another, both included, and have left."""
    query = (
        select(
            audit_draws.c.probability,
            audit_draws.c.rules,
            audit_draws.c.articles,
            audit_draws.c.kind,
            orders.c.total_minor,
            audit_results.c.result_id,
            *(audit_results.c[name] for name in Sums.__struct_fields__),
        )
        .join(orders, orders.c.order_id == audit_draws.c.order_id)
        .outerjoin(audit_results, audit_results.c.result_id == audit_draws.c.result_id)
        .where(
            orders.c.status == "left",
            # Goods that were paid for at a call leave by a person's hand: no lane could audit them.
            audit_draws.c.order_id.not_in(select(call_payments.c.order_id)),
            audit_draws.c.day >= from_day,
            audit_draws.c.day <= to_day,
        )
    )
    found = []
    for row in connection.execute(query):
        rules, articles = _rules.decode(row.rules), _names.decode(row.articles)
        sums = Sums(*(getattr(row, name) for name in Sums.__struct_fields__)) if row.result_id is not None else None
        found.append(
            Sampled(
                probability=row.probability,
                full_share=rules.full_share,
                articles=len(articles),
                counted=min(rules.partial_articles, len(articles)),
                total_minor=row.total_minor,
                kind=row.kind,
                found=sums,
            )
        )
    return found


def events_of_day(connection: Connection, day: str) -> list[Event]:
    """All that the journal has of a day's draws, oldest first."""
    columns = (journal.c.seq, journal.c.at_us, journal.c.kind, journal.c.stream, journal.c.actor, journal.c.data)
    query = select(*columns).where(journal.c.stream == stream_of(day), _NOT_TRIP).order_by(journal.c.seq)
    return [Event(*row) for row in connection.execute(query)]


def released_between(connection: Connection, first_seq: int, last_seq: int | None) -> list[str]:
    """The orders that were let out between two events of the journal."""
    query = select(journal.c.data).where(journal.c.seq > first_seq, journal.c.kind == "exit.released")
    if last_seq is not None:
        query = query.where(journal.c.seq < last_seq)
    return [str(msgspec.json.decode(data)["order_id"]) for data in connection.scalars(query)]


def drawn_of(connection: Connection, order_ids: list[str]) -> set[str]:
    """Those of the orders that were drawn for, on whatever day."""
    found: set[str] = set()
    for first in range(0, len(order_ids), 500):
        part = order_ids[first : first + 500]
        found |= set(connection.scalars(select(audit_draws.c.order_id).where(audit_draws.c.order_id.in_(part))))
    return found


def stream_of(day: str) -> str:
    """The journal's stream of a day's seed and draws."""
    return f"audit-day:{day}"


def _columns(draw: Draw) -> dict[str, Any]:
    columns = msgspec.structs.asdict(draw)
    return columns | {name: _json(columns[name]) for name in ("rules", "visit", "articles", "chosen")}


def _draw(row: Row[Any]) -> Draw:
    columns = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's documented way to read a row by names
    columns["rules"] = _rules.decode(columns["rules"])
    columns["visit"] = _visit.decode(columns["visit"])
    columns["articles"] = _names.decode(columns["articles"])
    columns["chosen"] = _names.decode(columns["chosen"])
    return Draw(**columns)


def _result(row: Row[Any]) -> Result:
    return Result(
        row.result_id,
        row.order_id,
        row.at_us,
        row.by_name,
        row.request_hash,
        Sums(*(getattr(row, name) for name in Sums.__struct_fields__)),
        _differences.decode(row.differences),
    )


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


_NOT_TRIP = text("stream NOT LIKE 'trip:%'")  # so that the journal's index of streams serves
_rules = msgspec.json.Decoder(Rules)
_visit = msgspec.json.Decoder(Visit)
_names: msgspec.json.Decoder[tuple[str, ...]] = msgspec.json.Decoder(tuple[str, ...])
_differences: msgspec.json.Decoder[list[Difference]] = msgspec.json.Decoder(list[Difference])
