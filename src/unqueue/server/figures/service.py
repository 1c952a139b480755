"""The use case of figures: those of some days, by lane and by day."""

from collections.abc import Callable
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.clock import first_of_days
from unqueue.kernel.database import Database
from unqueue.server.figures import store
from unqueue.server.figures.model import FEW_CASES, FloorFigures, LaneUnknown, Rows, day_starts, figures, lanes_of

IsDevice = Callable[[Connection, str], bool]
"""Whether a lane or kiosk of that id is registered."""
DAYS_USUAL = 7
"""How many days, today included, where nobody says which."""


class LaneFigures(msgspec.Struct, frozen=True):
    lane: str
    figures: FloorFigures


class DayFigures(msgspec.Struct, frozen=True):
    day: str
    figures: FloorFigures


class FloorFiguresView(msgspec.Struct, frozen=True):
    """``FiguresOfDays`` of docs/protocols/http.md. ``by_day`` is about ``lane`` alone where one was asked for, and
    ``by_lane`` has that lane also where nothing happened there; a share
    or a time from fewer than ``few_cases`` says little. Amounts are in minor units of ``currency``.
    """

    first: str
    last: str
    time_zone: str
    currency: str
    few_cases: int
    lane: str | None
    total: FloorFigures
    by_lane: list[LaneFigures]
    by_day: list[DayFigures]


def view(
    connection: Connection, first: date, last: date, *, currency: str, time_zone: str, lane: str | None = None
) -> FloorFiguresView:
    """The figures from one day to another, both included, in the store's time zone. DaysWrong."""
    rows: Rows = store.read(connection, day_starts(first, last, ZoneInfo(time_zone)))
    lanes = sorted({*lanes_of(rows), *([lane] if lane is not None else [])})
    return FloorFiguresView(
        first=first.isoformat(),
        last=last.isoformat(),
        time_zone=time_zone,
        currency=currency,
        few_cases=FEW_CASES,
        lane=lane,
        total=figures(rows),
        by_lane=[LaneFigures(one, figures(rows, lane=one)) for one in lanes],
        by_day=[
            DayFigures((first + timedelta(days=day)).isoformat(), figures(rows, day=day, lane=lane))
            for day in range((last - first).days + 1)
        ],
    )


class StoreFigures:
    """All figures of the store."""

    def __init__(self, database: Database, *, currency: str, time_zone: str, is_device: IsDevice) -> None:
        self._database = database
        self._is_device = is_device
        self._currency = currency
        self._time_zone = time_zone

    async def of(self, first: date | None, last: date | None, lane: str | None) -> FloorFiguresView:
        """The figures of some days, without dates the last seven; ``lane`` narrows those by day. DaysWrong,
        LaneUnknown.
        """
        end = last or self._database.clock.now().astimezone(ZoneInfo(self._time_zone)).date()
        begin = first or first_of_days(end, DAYS_USUAL)

        def read(connection: Connection) -> FloorFiguresView:
            if lane and not self._knows(connection, lane):  # empty: what happened at no lane
                raise LaneUnknown(lane=lane)
            return view(connection, begin, end, currency=self._currency, time_zone=self._time_zone, lane=lane)

        return await self._database.read_long(read)

    def _knows(self, connection: Connection, lane: str) -> bool:
        """Whether there is such a place, or ever was."""
        return (
            self._is_device(connection, lane) or store.has_exits(connection, lane) or store.has_calls(connection, lane)
        )
