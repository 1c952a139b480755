"""Counts the tables of exits, calls and audits by day and lane; the database does the counting, over its indexes of
time, and what it answers is bounded by days, lanes and seconds, not by shoppers.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, String, and_, case, func, literal, literal_column, null, select

from unqueue.server.audits.store import audit_draws, audit_results
from unqueue.server.exits.before_lane import SHOP_FLOOR
from unqueue.server.exits.store import calls, exit_releases, exit_weighings, exits
from unqueue.server.figures.model import WAIT_S_MAX, AttendedRow, ExitRow, FoundRow, Rows, WaitRow

_SECOND_US = 1_000_000
_DAY_US = 86_400 * _SECOND_US
ELSEWHERE = ""
"""No lane's name: an audit whose order did not leave."""


def read(connection: Connection, starts: Sequence[int]) -> Rows:
    """All rows of the days that begin at ``starts``, but for the last, which is their end."""
    return Rows(
        exits=_exits(connection, starts),
        found=[*_found_at_calls(connection, starts), *_found_by_audits(connection, starts)],
        waits=[*_shoppers_waits(connection, starts), *_calls_waits(connection, starts)],
        attended=_attended(connection, starts),
    )


def has_exits(connection: Connection, lane: str) -> bool:
    """Whether anybody ever came to a lane."""
    return connection.execute(select(exits.c.exit_id).where(exits.c.lane == lane).limit(1)).first() is not None


def has_calls(connection: Connection, place: str) -> bool:
    """Whether anybody was ever called to a place."""
    return connection.execute(select(calls.c.call_id).where(calls.c.lane == place).limit(1)).first() is not None


def _exits(connection: Connection, starts: Sequence[int]) -> list[ExitRow]:
    is_weight = calls.c.kind == "weight"
    about = (
        select(
            calls.c.exit_id,
            func.max(_flag(is_weight)).label("is_checked"),
            func.max(_flag(and_(is_weight, calls.c.finding == "nothing"))).label("is_nothing"),
            func.max(_flag(and_(is_weight, calls.c.finding == "unpaid"))).label("is_unpaid"),
        )
        # A call about an exit is never opened before its order, and neither waits longer than a day.
        .where(
            calls.c.opened_us >= starts[0] - _DAY_US,
            calls.c.opened_us < starts[-1] + _DAY_US,
            calls.c.exit_id.is_not(None),
        )
        .group_by(calls.c.exit_id)
        .subquery()
    )
    found = case((about.c.is_unpaid == 1, "unpaid"), (about.c.is_nothing == 1, "nothing"), else_=null().cast(String))
    columns: list[ColumnElement[Any]] = [
        _day(exits.c.claimed_us, starts),
        exits.c.lane,
        exits.c.status,
        _flag(exits.c.weighing.is_not(None)),
        func.coalesce(about.c.is_checked, 0),
        found,
        _flag(about.c.exit_id.is_not(None)),
    ]
    query = (
        select(*(column.label(f"c{place}") for place, column in enumerate(columns)), func.count())
        .select_from(exits)
        .outerjoin(about, about.c.exit_id == exits.c.exit_id)
        .where(exits.c.claimed_us >= starts[0], exits.c.claimed_us < starts[-1])
    )
    rows = connection.execute(_grouped(query, len(columns)))
    return [ExitRow(day, lane, status, w == 1, c == 1, f, a == 1, n) for day, lane, status, w, c, f, a, n in rows]


def _found_at_calls(connection: Connection, starts: Sequence[int]) -> list[FoundRow]:
    """What a rescan found is left out, at its own call and at one about the weight: the audit says it."""
    query = (
        select(
            _day(calls.c.opened_us, starts).label("c0"),
            _lane().label("c1"),
            func.count(),
            func.count(calls.c.worth_minor),
            func.coalesce(func.sum(calls.c.worth_minor), 0),
        )
        .select_from(calls)
        .outerjoin(exits, exits.c.exit_id == calls.c.exit_id)
        .where(_opened(starts), calls.c.finding == "unpaid", calls.c.kind != "audit", calls.c.found_by.is_(None))
    )
    rows = connection.execute(_grouped(query, 2))
    return [FoundRow(day, lane, False, count, priced, int(worth)) for day, lane, count, priced, worth in rows]


def _found_by_audits(connection: Connection, starts: Sequence[int]) -> list[FoundRow]:
    """The first rescan of each audited order: what a second one finds was there before."""
    query = (
        select(
            _day(audit_results.c.at_us, starts).label("c0"),
            func.coalesce(exits.c.lane, ELSEWHERE).label("c1"),
            func.count(),
            func.sum(case((audit_results.c.unpaid_minor > 0, 1), else_=0)),
            func.sum(audit_results.c.unpaid_minor),
        )
        .select_from(audit_results)
        .join(audit_draws, audit_draws.c.result_id == audit_results.c.result_id)
        .outerjoin(exit_releases, exit_releases.c.order_id == audit_results.c.order_id)
        .outerjoin(exits, exits.c.exit_id == exit_releases.c.exit_id)
        .where(audit_results.c.at_us >= starts[0], audit_results.c.at_us < starts[-1])
    )
    rows = connection.execute(_grouped(query, 2))
    return [FoundRow(day, lane, True, count, int(priced), int(worth)) for day, lane, count, priced, worth in rows]


def _shoppers_waits(connection: Connection, starts: Sequence[int]) -> list[WaitRow]:
    """What a lane told after it was cut off has no times of its own, and is left out."""
    first = (
        select(func.min(exit_weighings.c.at_us))
        .where(exit_weighings.c.exit_id == exit_releases.c.exit_id)
        .scalar_subquery()
    )
    times = (
        select(
            _day(exit_releases.c.at_us, starts).label("day"),
            exits.c.lane,  # of the lane that a shopper came to, also where the side bay let them out
            (exit_releases.c.at_us - first).label("wait_us"),
        )
        .join(exits, exits.c.exit_id == exit_releases.c.exit_id)
        .where(
            exit_releases.c.at_us >= starts[0],
            exit_releases.c.at_us < starts[-1],
            exit_releases.c.is_offline.is_(False),
        )
        .subquery()
    )
    query = select(
        times.c.day.label("c0"), times.c.lane.label("c1"), _seconds(times.c.wait_us).label("c2"), func.count()
    ).where(times.c.wait_us.is_not(None))
    return [
        WaitRow(day, lane, "", wait_s, count) for day, lane, wait_s, count in connection.execute(_grouped(query, 3))
    ]


def _calls_waits(connection: Connection, starts: Sequence[int]) -> list[WaitRow]:
    query = (
        select(
            _day(calls.c.opened_us, starts).label("c0"),
            _lane().label("c1"),
            calls.c.kind.label("c2"),
            _seconds(calls.c.answered_us - calls.c.opened_us).label("c3"),
            func.count(),
        )
        .select_from(calls)
        .outerjoin(exits, exits.c.exit_id == calls.c.exit_id)
        # Nobody stands and waits where an age is checked before the lane.
        .where(_opened(starts), calls.c.answered_by.is_not(None), calls.c.lane != SHOP_FLOOR)
    )
    return [WaitRow(*row) for row in connection.execute(_grouped(query, 4))]


def _attended(connection: Connection, starts: Sequence[int]) -> list[AttendedRow]:
    query = (
        select(
            _day(calls.c.opened_us, starts).label("c0"),
            _lane().label("c1"),
            func.count(),
            func.count(calls.c.looked_us),
            func.coalesce(func.sum(_seconds(calls.c.answered_us - calls.c.looked_us)), 0),
        )
        .select_from(calls)
        .outerjoin(exits, exits.c.exit_id == calls.c.exit_id)
        .where(_opened(starts), calls.c.answered_by.is_not(None))
    )
    rows = connection.execute(_grouped(query, 2))
    return [AttendedRow(day, lane, answered, known, int(seconds)) for day, lane, answered, known, seconds in rows]


def _opened(starts: Sequence[int]) -> ColumnElement[bool]:
    return and_(calls.c.opened_us >= starts[0], calls.c.opened_us < starts[-1])


def _lane() -> ColumnElement[str]:
    """The lane of a call: that of its exit, also where the shopper went on in a side bay."""
    return func.coalesce(exits.c.lane, calls.c.lane)


def _day(at_us: ColumnElement[int], starts: Sequence[int]) -> ColumnElement[int]:
    """Which of the days a time falls in, counted from the first."""
    ends = [(at_us < end, literal(day)) for day, end in enumerate(starts[1:-1])]
    return case(*ends, else_=len(starts) - 2) if ends else literal(0)


def _seconds(time_us: ColumnElement[int]) -> ColumnElement[int]:
    """Whole seconds, from nothing (a clock was set back) to an hour."""
    limit_us = WAIT_S_MAX * _SECOND_US
    return case((time_us < 0, 0), (time_us > limit_us, WAIT_S_MAX), else_=time_us // _SECOND_US)


def _flag(is_so: ColumnElement[bool]) -> ColumnElement[int]:
    return case((is_so, 1), else_=0)


def _grouped(query: Any, columns: int) -> Any:
    """Grouped by its first columns, by their place: with bound values in them, PostgreSQL takes no repeated words."""
    return query.group_by(*(literal_column(str(place + 1)) for place in range(columns)))
