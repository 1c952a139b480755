"""The tables of imported bills, and what payments, refunds and books hold of the same.

What a row says of money never changes. ``times`` grows where a bill names it more often; it is settled once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    RowMapping,
    String,
    Table,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal,
    select,
    text,
    update,
)

from unqueue.kernel.database import Transaction
from unqueue.kernel.money import Money
from unqueue.kernel.schema import metadata
from unqueue.providers.bills import BillRow
from unqueue.server.ledger.store import ledger
from unqueue.server.payments.books import clearing
from unqueue.server.payments.store import payments, refunds
from unqueue.server.settlement.model import TEXT_LENGTH_MAX, Imported, Key, Kind, Ours, Span, Sum, key, key_of

T = TypeVar("T")
_OPEN = text("settled_us IS NULL")
_IDS_MAX = 500  # in one statement

bill_rows = Table(
    "bill_rows",
    metadata,
    Column("method", String(64), primary_key=True),
    Column("kind", String(8), primary_key=True),
    # The attempt's id of a charge, the refund's of a refund.
    Column("row_id", String(TEXT_LENGTH_MAX), primary_key=True),
    Column("attempt_id", String(TEXT_LENGTH_MAX), nullable=False),
    Column("reference", String(TEXT_LENGTH_MAX), nullable=False),
    Column("status", String(TEXT_LENGTH_MAX), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("fee_minor", BigInteger, nullable=False),
    Column("fee_currency", String(3), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("times", Integer, nullable=False),
    Column("imported_us", BigInteger, nullable=False),
    Column("settled_us", BigInteger),
    CheckConstraint("kind IN ('charge', 'refund')", name="kind"),
    CheckConstraint("amount_minor >= 0", name="amount"),
    CheckConstraint("times >= 1", name="times"),
    Index("bill_rows_at", "method", "at_us"),
    Index("bill_rows_open", "method", sqlite_where=_OPEN, postgresql_where=_OPEN),
)

# The times that the imported bills cover: what happened in them should be named.
bill_spans = Table(
    "bill_spans",
    metadata,
    Column("method", String(64), primary_key=True),
    Column("from_us", BigInteger, primary_key=True, autoincrement=False),
    Column("until_us", BigInteger, primary_key=True, autoincrement=False),
    Column("imported_us", BigInteger, nullable=False),
    CheckConstraint("from_us < until_us", name="span"),
)


def known(connection: Connection, method: str, rows: Iterable[BillRow]) -> dict[Key, Imported]:
    """What was imported before of what these rows are about."""
    found: dict[Key, Imported] = {}
    for kind, ids in _ids(map(key, rows)):
        query = select(bill_rows).where(
            bill_rows.c.method == method, bill_rows.c.kind == kind, bill_rows.c.row_id.in_(ids)
        )
        for row in connection.execute(query).mappings():
            one = _imported(row)
            found[key(one.row)] = one
    return found


def add(tx: Transaction, method: str, rows: Sequence[Imported]) -> None:
    """Keep rows that were not known."""
    columns: list[Mapping[str, Any]] = [
        {
            "method": method,
            "kind": one.row.kind,
            "row_id": key(one.row)[1],
            "attempt_id": one.row.attempt_id,
            "reference": one.row.reference,
            "status": one.row.status,
            "amount_minor": one.row.amount.amount_minor,
            "currency": one.row.amount.currency,
            "fee_minor": one.row.fee.amount_minor,
            "fee_currency": one.row.fee.currency,
            "at_us": one.row.at_us,
            "times": one.times,
            "imported_us": tx.at_us,
            "settled_us": None,
        }
        for one in rows
    ]
    if columns:
        tx.execute(insert(bill_rows), columns)


def again(tx: Transaction, method: str, one: Imported) -> None:
    """Keep the last word of a known row's status, and how often one bill had it."""
    tx.execute(update(bill_rows).where(*_is(method, key(one.row))).values(status=one.row.status, times=one.times))


def settled(tx: Transaction, method: str, keys: Sequence[Key]) -> None:
    """Keep that rows are in the books."""
    if not keys:
        return
    statement = (
        update(bill_rows)
        .where(
            bill_rows.c.method == method,
            bill_rows.c.kind == bindparam("of_kind"),
            bill_rows.c.row_id == bindparam("of_id"),
        )
        .values(settled_us=tx.at_us)
    )
    tx.execute(statement, [{"of_kind": kind, "of_id": row_id} for kind, row_id in keys])


def unsettled(connection: Connection, method: str) -> list[Imported]:
    """Rows that are not in the books, oldest first."""
    return _rows(connection, method, bill_rows.c.settled_us.is_(None))


def named_twice(connection: Connection, method: str) -> list[Imported]:
    """Rows that are in the books, and that a bill had more than once."""
    return _rows(connection, method, and_(bill_rows.c.settled_us.is_not(None), bill_rows.c.times > 1))


def _rows(connection: Connection, method: str, condition: ColumnElement[bool]) -> list[Imported]:
    query = select(bill_rows).where(bill_rows.c.method == method, condition)
    rows = connection.execute(query.order_by(bill_rows.c.at_us, bill_rows.c.kind, bill_rows.c.row_id))
    return [_imported(row) for row in rows.mappings()]


def sums_settled(connection: Connection, method: str, span: Span | None) -> list[Sum]:
    """How many rows matched and came once, and what they come to."""
    at = bill_rows.c
    query = select(at.kind, at.currency, func.count(), func.sum(at.amount_minor), func.sum(at.fee_minor)).where(
        at.method == method, at.settled_us.is_not(None), at.times == 1
    )
    if span is not None:
        query = query.where(at.at_us >= span.from_us, at.at_us < span.until_us)
    return [
        Sum(
            verdict="matched",
            kind=kind,
            currency=currency,
            count=count,
            bill_minor=int(amount),
            fee_minor=int(fee),
            ours_minor=int(amount),
        )
        for kind, currency, count, amount, fee in connection.execute(query.group_by(at.kind, at.currency))
    ]


def spans(connection: Connection, method: str) -> list[Span]:
    """The times that imported bills cover."""
    query = select(bill_spans.c.from_us, bill_spans.c.until_us).where(bill_spans.c.method == method)
    return [Span(*row) for row in connection.execute(query)]


def add_span(tx: Transaction, method: str, span: Span) -> bool:
    """Keep that a bill covers a time; whether that is new."""
    if span in spans(tx.connection, method):
        return False
    tx.execute(insert(bill_spans), {"method": method, **span._asdict(), "imported_us": tx.at_us})
    return True


def ours(connection: Connection, method: str, rows: Iterable[BillRow]) -> dict[Key, Ours]:
    """What we know of what these rows are about."""
    found: dict[Key, Ours] = {}
    for kind, ids in _ids(map(key, rows)):
        of, row_id, prefixes = _SIDES[kind]
        # Two statements, for a join would let SQLite walk all of the clearing account for each of the rows.
        entries = select(ledger.c.entry_id, *_BOOKED).where(
            ledger.c.entry_id.in_([prefix + one for prefix in prefixes for one in ids]),
            ledger.c.account == clearing(method),
        )
        booked = {entry_id.partition(":")[2]: tuple(rest) for entry_id, *rest in connection.execute(entries)}
        query = select(*_columns(kind)).where(of.c.method == method, row_id.in_(ids))
        for row in connection.execute(query):
            one = _ours(kind, row, booked.get(row.refund_id or row.payment_id))
            found[key_of(one)] = one
    return found


def unnamed(connection: Connection, method: str, span: Span) -> list[Ours]:
    """What may have happened in a time by our books, and stands in no bill."""
    found: list[Ours] = []
    for kind, (of, row_id, prefixes) in _SIDES.items():
        entry_ids = [literal(prefix) + row_id for prefix in prefixes]
        booked = and_(ledger.c.payment_id == of.c.payment_id, ledger.c.entry_id.in_(entry_ids))
        named = exists().where(*_is(method, (kind, row_id)), bill_rows.c.attempt_id == of.c.payment_id)
        query = (
            select(*_columns(kind), *_BOOKED)
            .select_from(ledger.join(of, booked))
            .where(ledger.c.account == clearing(method), ledger.c.at_us >= span.from_us, of.c.method == method)
            .where(of.c.created_us < span.until_us, ~named)
        )
        rows = connection.execute(query.order_by(ledger.c.at_us, row_id))
        found += [_ours(kind, row, tuple(row[-len(_BOOKED) :])) for row in rows]
    return found


def methods_of(connection: Connection, attempt_ids: Iterable[str]) -> dict[str, int]:
    """By which methods these attempts were made, and how many by each; attempts that we never made don't count."""
    counts: dict[str, int] = {}
    for ids in _chunks(attempt_ids):
        query = select(payments.c.method, func.count()).where(payments.c.payment_id.in_(ids))
        for method, count in connection.execute(query.group_by(payments.c.method)):
            counts[method] = counts.get(method, 0) + count
    return counts


_SIDES: Mapping[Kind, tuple[Table, Column[str], tuple[str, ...]]] = {
    "charge": (payments, payments.c.payment_id, ("capture:",)),
    "refund": (refunds, refunds.c.refund_id, ("refund:", "given-twice:")),
}
"""Kind → its table, its id, and what the id of its entry on the clearing account begins with. A refund has one there:
its own, or, where staff gave it back by hand, that of its second coming.
"""

_BOOKED = (ledger.c.amount_minor.label("booked_minor"), ledger.c.currency.label("booked_currency"), ledger.c.at_us)


def _columns(kind: Kind) -> list[ColumnElement[Any]]:
    of = _SIDES[kind][0]
    refund_id = refunds.c.refund_id if kind == "refund" else literal("").label("refund_id")
    names = ("payment_id", "order_id", "status", "amount_minor", "currency", "created_us")
    return [refund_id, *(of.c[name] for name in names)]


def _ours(kind: Kind, row: Any, booked: tuple[Any, ...] | None) -> Ours:
    """``booked``: the amount, currency and time of its posting on the clearing account."""
    return Ours(
        kind=kind,
        payment_id=row.payment_id,
        refund_id=row.refund_id,
        order_id=row.order_id,
        status=row.status,
        asked=Money(row.amount_minor, row.currency),
        taken=Money(abs(booked[0]), booked[1]) if booked is not None else None,
        from_us=row.created_us,
        until_us=booked[2] if booked is not None else None,
    )


def _is(method: str, about: tuple[Any, Any]) -> tuple[ColumnElement[bool], ...]:
    return (bill_rows.c.method == method, bill_rows.c.kind == about[0], bill_rows.c.row_id == about[1])


def _imported(row: RowMapping) -> Imported:
    kind: Kind = row["kind"]
    return Imported(
        row=BillRow(
            kind=kind,
            attempt_id=row["attempt_id"],
            refund_id=row["row_id"] if kind == "refund" else "",
            reference=row["reference"],
            amount=Money(row["amount_minor"], row["currency"]),
            fee=Money(row["fee_minor"], row["fee_currency"]),
            at_us=row["at_us"],
            status=row["status"],
        ),
        times=row["times"],
    )


def _ids(keys: Iterable[Key]) -> Iterator[tuple[Kind, list[str]]]:
    """Ids by kind, no more at once than go into a statement."""
    sorted_ids: Mapping[Kind, dict[str, None]] = {"charge": {}, "refund": {}}
    for kind, row_id in keys:
        sorted_ids[kind][row_id] = None
    for kind, ids in sorted_ids.items():
        for chunk in _chunks(ids):
            yield kind, chunk


def _chunks(values: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(values)
    while chunk := list(islice(rest, _IDS_MAX)):
        yield chunk
