"""Time as an argument: rules get the time handed in, so that tests and simulations decide what time it is."""

import time
from datetime import UTC, date, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The server's time. Devices' clocks are never trusted for money."""

    def now(self) -> datetime:
        """This moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def advance(self, seconds: float) -> None:
        self._at += timedelta(seconds=seconds)


def micros(at: datetime) -> int:
    """Microseconds since 1970-01-01 UTC: how times are stored.

    >>> micros(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_micros(value: int) -> datetime:
    """The stored time as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=value)


def first_of_days(last: date, days: int) -> date:
    """The first of so many days that end with ``last``; the calendar's first day where it has fewer.

    >>> first_of_days(date(2026, 3, 2), 7), first_of_days(date(1, 1, 3), 7)
    (datetime.date(2026, 2, 24), datetime.date(1, 1, 1))
    """
    return date.fromordinal(max(1, last.toordinal() - (days - 1)))


def wait_seconds(seconds: float) -> None:
    """Block this thread; the one place that sleeps outside an event loop."""
    time.sleep(seconds)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
