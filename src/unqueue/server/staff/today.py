"""The figures of the day: counted from the journal once at the start, then kept up to date as things happen."""

from collections.abc import Iterable
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, select

from unqueue.kernel.clock import from_micros, micros
from unqueue.kernel.database import Database
from unqueue.kernel.journal import Event, first_seq_since, journal
from unqueue.kernel.money import Money
from unqueue.server.orders import store as orders_store

_COUNTED = ("trip.opened", "order.submitted", "order.paid", "exit.left", "exit.weighed")
_SCANNED = ("trip.scanned", "trip.batched")


class TodayView(msgspec.Struct, frozen=True):
    """``trips`` are visits that began today and in which something was scanned; ``checks`` are exits with a weighing
    that did not fit, each once; ``revenue`` is what the orders paid today come to.
    """

    trips: int
    orders: int
    paid: int
    exits: int
    checks: int
    revenue: Money


class Today:
    """Counts the store's day, which begins at midnight in its own time zone."""

    def __init__(self, database: Database, *, currency: str, time_zone: str) -> None:
        self._database = database
        self._currency = currency
        self._zone = ZoneInfo(time_zone)
        self._last_seq = 0
        self._waiting: list[Event] | None = []  # what happens until start() has counted what was before
        self._begin(self._date(micros(database.clock.now())))
        database.listen(self._hear)

    def _begin(self, day: date) -> None:
        self._day = day
        self._numbers = dict.fromkeys(_COUNTED, 0)
        self._opened, self._scanned = set[str](), set[str]()  # the streams of trips
        self._checked = set[str]()  # those of exits
        self._paid_minor: dict[str, int | None] = {}

    async def start(self) -> None:
        """Count what happened today before this process started. Call once, after the database's own start."""
        earlier, scanned = await self._database.read_long(self._earlier)
        self._count(earlier)
        self._scanned |= self._opened & scanned
        waiting, self._waiting = self._waiting or [], None
        self._count(waiting)

    def view(self, connection: Connection) -> TodayView:
        day = self._date(micros(self._database.clock.now()))
        if day > self._day:
            self._begin(day)
        numbers, paid_minor = self._numbers, self._paid_minor
        for order_id in [order_id for order_id, total_minor in list(paid_minor.items()) if total_minor is None]:
            order = orders_store.get(connection, order_id)
            paid_minor[order_id] = order.total_minor if order is not None else 0
        return TodayView(
            trips=len(self._scanned),
            orders=numbers["order.submitted"],
            paid=numbers["order.paid"],
            exits=numbers["exit.left"],
            checks=len(self._checked),
            revenue=Money(sum(filter(None, list(paid_minor.values()))), self._currency),
        )

    def _hear(self, events: list[Event]) -> None:
        if self._waiting is None:
            self._count(events)
        else:
            self._waiting.extend(events)

    def _count(self, events: Iterable[Event]) -> None:
        for event in events:
            if event.kind in _SCANNED and event.stream in self._opened:
                self._scanned.add(event.stream)
            if event.kind not in self._numbers or event.seq <= self._last_seq:
                continue
            self._last_seq = event.seq
            day = self._date(event.at_us)
            if day > self._day:
                self._begin(day)
            if day < self._day:
                continue
            self._numbers[event.kind] += 1
            if event.kind == "trip.opened":
                self._opened.add(event.stream)
            elif event.kind == "order.paid":
                self._paid_minor.setdefault(event.stream.partition(":")[2])
            elif event.kind == "exit.weighed" and event.payload()["weighing"]["verdict"] == "check":
                self._checked.add(event.stream)

    def _earlier(self, connection: Connection) -> tuple[list[Event], set[str]]:
        midnight_us = micros(datetime.combine(self._day, time(), self._zone))
        first = first_seq_since(connection, midnight_us)
        columns = (journal.c.seq, journal.c.at_us, journal.c.kind, journal.c.stream, journal.c.actor, journal.c.data)
        query = select(*columns).where(journal.c.seq >= first, journal.c.kind.in_(_COUNTED)).order_by(journal.c.seq)
        scanned = select(journal.c.stream).distinct().where(journal.c.seq >= first, journal.c.kind.in_(_SCANNED))
        return [Event(*row) for row in connection.execute(query)], set(connection.scalars(scanned))

    def _date(self, at_us: int) -> date:
        return from_micros(at_us).astimezone(self._zone).date()
