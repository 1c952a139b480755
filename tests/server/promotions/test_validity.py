"""When rules hold: instants, weekdays and hours, by the store's clock."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unqueue.server.promotions.model import PricingLine, RuleBook
from unqueue.server.promotions.rules import PercentOff, Target
from unqueue.server.promotions.validity import Calendar, Validity, moment_of

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
LINE = PricingLine(1, "p", "0", "", "dairy", 1, 100, None, 100)
MONDAY = datetime(2026, 3, 2, tzinfo=SHANGHAI)


def rule(rule_id: str = "rule", **fields: Any) -> PercentOff:
    on = Target(everything=True)
    return PercentOff(id=rule_id, zh="优惠", en="Offer", currency="CNY", on=on, off_bp=1000, **fields)


def holds(at: datetime, **fields: Any) -> bool:
    return bool(RuleBook([rule(**fields)]).price([LINE], at=at, member=False).applied)


@pytest.mark.parametrize(
    ("fields", "at", "expected"),
    [
        ({}, MONDAY, True),
        ({"valid_from": datetime(2026, 3, 1, 16, tzinfo=UTC)}, MONDAY, True),
        ({"valid_from": datetime(2026, 3, 1, 16, 0, 1, tzinfo=UTC)}, MONDAY, False),
        ({"valid_until": datetime(2026, 3, 1, 16, tzinfo=UTC)}, MONDAY, False),
        ({"valid_until": datetime(2026, 3, 1, 16, tzinfo=UTC)}, MONDAY - timedelta(microseconds=1), True),
        ({"weekdays": (1,)}, MONDAY, True),
        ({"weekdays": (1,)}, MONDAY + timedelta(hours=23, minutes=59), True),
        ({"weekdays": (1,)}, MONDAY + timedelta(days=1), False),
        ({"weekdays": (7, 6)}, MONDAY - timedelta(minutes=1), True),
        ({"daily_from": "19:00", "daily_until": "24:00"}, MONDAY + timedelta(hours=18, minutes=59), False),
        ({"daily_from": "19:00", "daily_until": "24:00"}, MONDAY + timedelta(hours=19), True),
        ({"daily_from": "19:00", "daily_until": "24:00"}, MONDAY + timedelta(days=1), False),
        # Past midnight, and past the end of the week: Sunday evening lasts into Monday.
        ({"daily_from": "22:00", "daily_until": "02:00", "weekdays": (7,)}, MONDAY + timedelta(hours=1), True),
        ({"daily_from": "22:00", "daily_until": "02:00", "weekdays": (7,)}, MONDAY + timedelta(hours=2), False),
        ({"daily_from": "22:00", "daily_until": "02:00", "weekdays": (7,)}, MONDAY + timedelta(hours=23), False),
        ({"daily_from": "22:00", "daily_until": "02:00", "weekdays": (1,)}, MONDAY + timedelta(hours=25), True),
    ],
)
def test_when_a_rule_holds(fields: dict[str, Any], at: datetime, expected: bool) -> None:
    assert holds(at, **fields) is expected


def test_hours_are_those_of_the_store_s_clock_through_the_change_to_summer_time() -> None:
    hours = {"daily_from": "18:00", "daily_until": "20:00"}
    for day in (28, 29):  # clocks go forward in the night to the 29th of March 2026
        assert holds(datetime(2026, 3, day, 18, 0, tzinfo=BERLIN), **hours)
        assert not holds(datetime(2026, 3, day, 17, 59, tzinfo=BERLIN), **hours)
    assert holds(datetime(2026, 3, 29, 16, 30, tzinfo=UTC).astimezone(BERLIN), **hours)


instants = st.datetimes(datetime(2026, 3, 1), datetime(2026, 3, 15)).map(  # noqa: DTZ001  # the zone comes next
    lambda at: at.replace(second=0, microsecond=0, tzinfo=SHANGHAI)
)
times = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))


@st.composite
def timed(draw: st.DrawFn) -> list[PercentOff]:
    book = []
    for number in range(draw(st.integers(1, 5))):
        first, last = sorted([draw(instants), draw(instants)])
        start, end = draw(times), draw(times)
        fields: dict[str, Any] = {"weekdays": tuple(draw(st.lists(st.integers(1, 7), max_size=3, unique=True)))}
        if first < last and draw(st.booleans()):
            fields |= {"valid_from": first, "valid_until": last}
        if start != end and draw(st.booleans()):
            fields |= {"daily_from": start, "daily_until": end}
        book.append(rule(f"r{number}", **fields))
    return book


@settings(max_examples=60)
@given(timed(), st.lists(instants, min_size=1, max_size=12))
def test_within_a_period_nothing_begins_or_ends(rules: list[PercentOff], moments: list[datetime]) -> None:
    validities = [Validity(one) for one in rules]
    calendar = Calendar(validities)
    seen: dict[tuple[int, int], list[bool]] = {}
    for at in moments:
        now = [validity.holds(moment_of(at)) for validity in validities]
        assert seen.setdefault(calendar.period(at), now) == now


@settings(max_examples=60)
@given(timed(), st.lists(instants, min_size=1, max_size=12))
def test_a_book_asked_at_many_times_answers_as_a_fresh_one(rules: list[PercentOff], moments: list[datetime]) -> None:
    book = RuleBook(rules)
    for at in moments:
        assert book.price([LINE], at=at, member=False) == RuleBook(rules).price([LINE], at=at, member=False)
        assert book.rules_at(at) == tuple(one for one in rules if Validity(one).holds(moment_of(at)))
