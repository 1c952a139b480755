"""What people decided, from the tables of calls and gates, each with its event in the journal."""

from sqlalchemy import ColumnElement, Connection, and_, or_, select, text

from unqueue.kernel import journal
from unqueue.kernel.journal import Event
from unqueue.server.exits.store import calls, exits, gate_openings
from unqueue.server.orders.store import orders
from unqueue.server.overrides.model import Asked, Override

_DAY_US = 86_400_000_000
_NOT_TRIP = text("stream NOT LIKE 'trip:%'")  # so that the journal's index of streams serves


def read(connection: Connection, asked: Asked, limit: int) -> list[Override]:
    """The newest that are asked for, at most ``limit``."""
    found = [*_answers(connection, asked, limit), *_openings(connection, asked, limit)]
    return sorted(found, key=lambda one: (one.at_us, one.override_id), reverse=True)[:limit]


def _answers(connection: Connection, asked: Asked, limit: int) -> list[Override]:
    at, key = calls.c.answered_us, calls.c.call_id
    # The order of a call that a lane opened about its exit stands with that exit, too.
    query = (
        select(calls, orders.c.number)
        .outerjoin(exits, exits.c.exit_id == calls.c.exit_id)
        .outerjoin(orders, orders.c.order_id == calls.c.order_id)
        .where(calls.c.answered_by.is_not(None), *_between(at, key, asked))
        .order_by(at.desc(), key.desc())
        .limit(limit)
    )
    if asked.from_us is not None:  # by the index; a call waits no longer than a day
        query = query.where(calls.c.opened_us >= asked.from_us - _DAY_US)
    if asked.until_us is not None:
        query = query.where(calls.c.opened_us < asked.until_us)
    if asked.order_id is not None:
        query = query.where(or_(calls.c.order_id == asked.order_id, exits.c.order_id == asked.order_id))
    return [
        Override(
            override_id=row.call_id,
            at_us=row.answered_us,
            kind=row.kind,
            lane=row.lane,
            order_id=row.order_id,
            order_number=row.number,
            by=row.answered_by,
            action=row.action,
            reason=row.reason,
            finding=row.finding,
            worth_minor=row.worth_minor,
        )
        for row in connection.execute(query)
    ]


def _openings(connection: Connection, asked: Asked, limit: int) -> list[Override]:
    if asked.order_id is not None:
        return []
    at, key = gate_openings.c.asked_us, gate_openings.c.opening_id
    query = select(gate_openings).where(*_between(at, key, asked)).order_by(at.desc(), key.desc()).limit(limit)
    return [
        Override(
            override_id=row.opening_id,
            at_us=row.asked_us,
            kind="gate",
            lane=row.lane,
            by=row.by,
            action="open_gate" if row.taken_us is not None else "gate_stayed_shut",
        )
        for row in connection.execute(query)
    ]


def _between(at: ColumnElement[int], key: ColumnElement[str], asked: Asked) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if asked.from_us is not None:
        found.append(at >= asked.from_us)
    if asked.until_us is not None:
        found.append(at < asked.until_us)
    if asked.before is not None:
        last_us, last_key = asked.before
        found.append(or_(at < last_us, and_(at == last_us, key < last_key)))
    return found


def event_of(connection: Connection, one: Override) -> Event | None:
    """The journal's event of an override."""
    columns = journal.journal.c
    fields = (columns.seq, columns.at_us, columns.kind, columns.stream, columns.actor, columns.data)
    query = select(*fields).where(columns.at_us == one.at_us, _NOT_TRIP).order_by(columns.seq)
    if one.kind == "gate":  # a lane has many events: only those from then on are looked at
        first = journal.first_seq_since(connection, one.at_us)
        query = query.where(columns.stream == f"lane:{one.lane}", columns.kind == "lane.gate_asked")
        query = query.where(columns.seq >= first)
    else:
        query = query.where(columns.stream == f"call:{one.override_id}", columns.kind == "call.answered")
    found = [Event(*row) for row in connection.execute(query)]
    return next((event for event in found if one.is_told_by(event.payload())), None)
