"""The tables of what kiosks told: every report as it came, and what of it stands in the books."""

from typing import NamedTuple

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
    select,
    update,
)

from unqueue.kernel.database import Transaction
from unqueue.kernel.schema import append_only, metadata
from unqueue.server.ledger.model import Posting

reports = Table(
    "till_reports",
    metadata,
    Column("report_id", String(80), primary_key=True),
    Column("kiosk", String(40), nullable=False),
    Column("journal", String(64), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("about", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("heard_us", BigInteger, nullable=False),
    UniqueConstraint("journal", "seq", name="till_reports_journal_seq"),
    Index("till_reports_about", "about"),
    Index("till_reports_kiosk", "kiosk", "kind", "heard_us"),
)
append_only(reports)

# What stands in the books of a payment or payout: a later report about the same replaces it.
booked = Table(
    "till_booked",
    metadata,
    Column("about", String(64), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("postings", Text, nullable=False),
)


class ReportRow(NamedTuple):
    report_id: str
    kiosk: str
    journal: str
    seq: int
    kind: str
    about: str
    body: str
    at_us: int
    heard_us: int


class Booked(NamedTuple):
    """What was told last about a payment or payout. ``postings`` is the JSON of what stands in the books."""

    about: str
    revision: int
    outcome: str
    amount_minor: int
    currency: str
    postings: str

    @property
    def standing(self) -> list[Posting]:
        return msgspec.json.decode(self.postings, type=list[Posting])


def get(connection: Connection, report_id: str) -> ReportRow | None:
    row = connection.execute(select(reports).where(reports.c.report_id == report_id)).first()
    return ReportRow(*row) if row is not None else None


def has(connection: Connection, journal: str, seq: int) -> bool:
    """Whether a kiosk's journal has told this number already."""
    query = select(reports.c.report_id).where(reports.c.journal == journal, reports.c.seq == seq)
    return connection.execute(query).first() is not None


def insert_report(tx: Transaction, row: ReportRow) -> None:
    tx.execute(insert(reports), row._asdict())


def newest(connection: Connection, kiosk: str, kind: str) -> ReportRow | None:
    """The newest report of a kind from a kiosk."""
    query = select(reports).where(reports.c.kiosk == kiosk, reports.c.kind == kind)
    row = connection.execute(query.order_by(reports.c.heard_us.desc(), reports.c.seq.desc()).limit(1)).first()
    return ReportRow(*row) if row is not None else None


def booked_of(connection: Connection, about: str) -> Booked | None:
    row = connection.execute(select(booked).where(booked.c.about == about)).first()
    return Booked(*row) if row is not None else None


def was_told(connection: Connection, about: str) -> bool:
    """Whether a kiosk has told how a payment or payout ended."""
    return booked_of(connection, about) is not None


def save_booked(tx: Transaction, row: Booked) -> None:
    changed = tx.execute(update(booked).where(booked.c.about == row.about).values(row._asdict()))
    if changed.rowcount == 0:
        tx.execute(insert(booked), row._asdict())
