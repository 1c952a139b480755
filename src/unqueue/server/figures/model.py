"""The figures of lanes and days: what each of them counts, and how they are put together. Pure.

Every figure says from how many cases it comes. The rows that they are made of come from the tables, counted there by
day and lane (:mod:`unqueue.server.figures.store`).
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from unqueue.kernel.clock import micros
from unqueue.kernel.errors import DomainError

FEW_CASES = 20
"""A share or a time from fewer cases says little, and is shown as such."""
DAYS_MAX = 92
_FIRST_DAY, _LAST_DAY = date(1970, 1, 2), date(9999, 12, 30)  # whose beginning and end every time zone can tell
WAIT_S_MAX = 3600
"""Longer times count as so long: somebody forgot to answer, or the shopper had gone."""
_Z = 1.959963984540054  # of the normal distribution, for 95 %


class DaysWrong(DomainError):
    """Details: ``days_max``."""

    code = "days_wrong"
    status = 422
    zh = "请选最多 {days_max} 天，从早到晚"
    en = "Please choose at most {days_max} days, the first before the last."


class DaysBeyond(DaysWrong):
    """A day whose beginning or end not every time zone can tell. Details: ``first``, ``last``."""

    zh = "请选 {first} 到 {last} 之间的日子"
    en = "Please choose days between {first} and {last}."


class LaneUnknown(DomainError):
    """Details: ``lane``."""

    code = "lane_unknown"
    status = 404
    zh = "本店没有“{lane}”这条通道"
    en = "This store has no lane {lane}."


class ExitRow(msgspec.Struct, frozen=True):
    """So many exits that came to a lane on a day (counted from the first), with the same story. ``is_weighed``: its
    goods were weighed; ``is_checked``: and did not fit; ``found``: what staff said of that, "nothing" or "unpaid";
    ``is_called``: staff were called to it, for whatever reason.
    """

    day: int
    lane: str
    status: str
    is_weighed: bool
    is_checked: bool
    found: str | None
    is_called: bool
    count: int


class FoundRow(msgspec.Struct, frozen=True):
    """Goods that were found unpaid: so many times, of which so many with a known price, and what these came to."""

    day: int
    lane: str
    is_audit: bool
    count: int
    priced: int
    worth_minor: int


class WaitRow(msgspec.Struct, frozen=True):
    """So many waits of so many whole seconds; ``kind`` is the call's, "" for a shopper's wait at the lane."""

    day: int
    lane: str
    kind: str
    wait_s: int
    count: int


class AttendedRow(msgspec.Struct, frozen=True):
    """Calls that a person answered; ``known`` of them were opened on a console first, for ``seconds`` together."""

    day: int
    lane: str
    answered: int
    known: int
    seconds: int


class Rows(msgspec.Struct, frozen=True):
    """All that the tables say of some days."""

    exits: list[ExitRow]
    found: list[FoundRow]
    waits: list[WaitRow]
    attended: list[AttendedRow]


class Share(msgspec.Struct, frozen=True):
    """``count`` of ``cases``, with the 95 % interval by Wilson (1927); all None without a case."""

    count: int
    cases: int
    value: float | None
    low: float | None
    high: float | None


class Spread(msgspec.Struct, frozen=True):
    """Times in whole seconds: half of the cases took at most ``p50_s``, 95 % at most ``p95_s``. None without a case."""

    cases: int
    p50_s: int | None
    p95_s: int | None


class FloorFigures(msgspec.Struct, frozen=True):
    """The figures of some exits. Amounts in minor units.

    ``left``: orders that were let out; ``given_up``: exits that ended otherwise. ``checks``: weighed exits whose weight
    did not fit; ``false_alarms``: weighed exits whose weight did not fit and where staff found nothing wrong;
    ``unsaid``: checks that settled themselves, or of which nobody said what was found. ``called``: exits to which staff
    were called. ``unpaid_minor`` is what was found unpaid at calls, ``unpaid_cases`` how often with a known price and
    ``unpaid_unpriced`` how often without; ``audit_unpaid_minor`` is what rescans found unpaid, in ``audit_cases`` of
    ``audits``.
    ``wait``: from a shopper's first weighing until the gate may open; ``calls``: from a call until a person answered,
    and ``calls_by_kind`` the same for each kind. ``attended_s``: from opening a call on a console until its answer, of
    the ``attended`` among ``answered`` calls where that is known; ``attended_s_per_shopper`` is that over ``left``.
    """

    left: int
    given_up: int
    weighed: int
    checks: Share
    false_alarms: Share
    unpaid_exits: int
    unsaid: int
    called: Share
    unpaid_minor: int
    unpaid_cases: int
    unpaid_unpriced: int
    audits: int
    audit_cases: int
    audit_unpaid_minor: int
    wait: Spread
    calls: Spread
    calls_by_kind: dict[str, Spread]
    answered: int
    attended: int
    attended_s: int
    attended_s_per_shopper: float | None


def day_starts(first: date, last: date, zone: ZoneInfo) -> list[int]:
    """When each day from ``first`` to ``last`` begins, and at the end when the day after does; microseconds UTC. Days
    with a change of the clocks have 23 or 25 hours. DaysWrong.

    >>> starts = day_starts(date(2026, 3, 28), date(2026, 3, 29), ZoneInfo("Europe/Berlin"))
    >>> [(one - other) // 3_600_000_000 for other, one in zip(starts, starts[1:])]
    [24, 23]
    """
    count = (last - first).days + 1
    if min(first, last) < _FIRST_DAY or max(first, last) > _LAST_DAY:
        raise DaysBeyond(first=_FIRST_DAY.isoformat(), last=_LAST_DAY.isoformat())
    if not 1 <= count <= DAYS_MAX:
        raise DaysWrong(days_max=DAYS_MAX)
    return [micros(datetime.combine(first + timedelta(days=day), time(), zone)) for day in range(count + 1)]


def figures(rows: Rows, *, day: int | None = None, lane: str | None = None) -> FloorFigures:
    """The figures of all rows, or of one day's or one lane's."""

    def of(row: ExitRow | FoundRow | WaitRow | AttendedRow) -> bool:
        return (day is None or row.day == day) and (lane is None or row.lane == lane)

    exits = [row for row in rows.exits if of(row)]
    found = [row for row in rows.found if of(row)]
    attended = [row for row in rows.attended if of(row)]
    waits: dict[str, Counter[int]] = {}
    for row in rows.waits:
        if of(row):
            waits.setdefault(row.kind, Counter())[row.wait_s] += row.count
    left = _count(row for row in exits if row.status in {"released", "left"})
    weighed = _count(row for row in exits if row.is_weighed)
    attended_s = sum(row.seconds for row in attended)
    has_known = any(row.known for row in attended)
    return FloorFigures(
        left=left,
        given_up=_count(row for row in exits if row.status == "abandoned"),
        weighed=weighed,
        checks=share(_count(row for row in exits if row.is_weighed and row.is_checked), weighed),
        false_alarms=share(_count(row for row in exits if row.is_weighed and row.found == "nothing"), weighed),
        unpaid_exits=_count(row for row in exits if row.is_checked and row.found == "unpaid"),
        unsaid=_count(row for row in exits if row.is_checked and row.found is None),
        called=share(_count(row for row in exits if row.is_called), _count(exits)),
        unpaid_minor=sum(row.worth_minor for row in found if not row.is_audit),
        unpaid_cases=sum(row.priced for row in found if not row.is_audit),
        unpaid_unpriced=sum(row.count - row.priced for row in found if not row.is_audit),
        audits=sum(row.count for row in found if row.is_audit),
        audit_cases=sum(row.priced for row in found if row.is_audit),
        audit_unpaid_minor=sum(row.worth_minor for row in found if row.is_audit),
        wait=spread(waits.get("", Counter())),
        calls=spread(sum((times for kind, times in waits.items() if kind), Counter())),
        calls_by_kind={kind: spread(times) for kind, times in sorted(waits.items()) if kind},
        answered=sum(row.answered for row in attended),
        attended=sum(row.known for row in attended),
        attended_s=attended_s,
        attended_s_per_shopper=attended_s / left if left and has_known else None,
    )


def lanes_of(rows: Rows) -> list[str]:
    """The lanes and other places that the rows are about, sorted."""
    parts = (rows.exits, rows.found, rows.waits, rows.attended)
    return sorted({row.lane for part in parts for row in part})


def share(count: int, cases: int) -> Share:
    """A share with its interval.

    >>> one = share(1, 100)
    >>> one.value, round(one.low, 4), round(one.high, 4)
    (0.01, 0.0018, 0.0545)
    >>> share(0, 0).value is None
    True
    """
    if cases == 0:
        return Share(count, cases, None, None, None)
    value = count / cases
    middle = value + _Z**2 / (2 * cases)
    reach = _Z * math.sqrt(value * (1 - value) / cases + _Z**2 / (4 * cases**2))
    scale = 1 + _Z**2 / cases
    return Share(count, cases, value, max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale))


def spread(times: Mapping[int, int]) -> Spread:
    """Median and 95th percentile (nearest rank) of times, given as how often each number of seconds came.

    >>> spread({3: 10, 8: 9, 400: 1})
    Spread(cases=20, p50_s=3, p95_s=8)
    """
    cases = sum(times.values())
    return Spread(cases, _rank(times, math.ceil(cases / 2)), _rank(times, math.ceil(cases * 0.95)))


def _rank(times: Mapping[int, int], rank: int) -> int | None:
    below = 0
    for seconds in sorted(times):
        below += times[seconds]
        if below >= rank:
            return seconds
    return None


def _count(rows: Iterable[ExitRow]) -> int:
    return sum(row.count for row in rows)
