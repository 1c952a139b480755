"""When rules hold, without looking at the clock for each rule. Pure.

All instants and all times of the week at which any rule begins or ends cut time into periods in which nothing
changes. A :class:`Calendar` names the period of a moment; what was found out for a period stays true within it.
"""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime

from unqueue.kernel.clock import micros
from unqueue.server.promotions.rules import Promotion

DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES
_ALWAYS = (-(1 << 62), 1 << 62)

Moment = tuple[int, int]
"""Microseconds since 1970 UTC, and minutes since Monday 00:00 by the store's clock."""


class Validity:
    """When one rule holds: from ``from_us`` until before ``until_us``, within ``hours`` of the week if there are any.

    ``hours`` are half-open ranges of minutes since Monday 00:00, none reaching over the week's end.
    """

    __slots__ = ("from_us", "hours", "until_us")

    def __init__(self, rule: Promotion) -> None:
        self.from_us = micros(rule.valid_from) if rule.valid_from else _ALWAYS[0]
        self.until_us = micros(rule.valid_until) if rule.valid_until else _ALWAYS[1]
        self.hours = weekly_hours(rule)

    def holds(self, moment: Moment) -> bool:
        now_us, minute = moment
        if not self.from_us <= now_us < self.until_us:
            return False
        return not self.hours or any(start <= minute < end for start, end in self.hours)


class Calendar:
    """The periods between the moments at which any of many rules begins or ends to hold."""

    def __init__(self, validities: Iterable[Validity]) -> None:
        instants: set[int] = set()
        minutes: set[int] = set()
        for validity in validities:
            instants.update((validity.from_us, validity.until_us))
            for hours in validity.hours:
                minutes.update(hours)
        self._instants = sorted(instants.difference(_ALWAYS))
        self._minutes = sorted(minutes)

    def period(self, at: datetime) -> tuple[int, int]:
        """The name of the period in which ``at`` lies: local to the store, aware."""
        instants, minutes = self._instants, self._minutes
        return (
            bisect_right(instants, micros(at)) if instants else 0,
            bisect_right(minutes, minute_of_week(at)) if minutes else 0,
        )


def moment_of(at: datetime) -> Moment:
    return micros(at), minute_of_week(at)


def minute_of_week(at: datetime) -> int:
    """Minutes since Monday 00:00.

    >>> minute_of_week(datetime(2026, 1, 6, 0, 5))  # a Tuesday
    1445
    """
    return at.weekday() * DAY_MINUTES + at.hour * 60 + at.minute


def weekly_hours(rule: Promotion) -> tuple[tuple[int, int], ...]:
    """The ranges of a week in which a rule holds; empty means always."""
    if not rule.weekdays and rule.daily_from is None:
        return ()
    start = _minutes(rule.daily_from or "00:00")
    end = _minutes(rule.daily_until or "24:00")
    if end <= start:
        end += DAY_MINUTES
    hours = []
    for weekday in sorted(set(rule.weekdays or range(1, 8))):
        midnight = (weekday - 1) * DAY_MINUTES
        first, last = midnight + start, midnight + end
        hours.append((first, min(last, WEEK_MINUTES)))
        if last > WEEK_MINUTES:
            hours.append((0, last - WEEK_MINUTES))
    return tuple(hours)


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
