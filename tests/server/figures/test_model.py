"""How figures are put together from counted rows."""

from collections import Counter
from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.server.figures.model import (
    DAYS_MAX,
    AttendedRow,
    DaysWrong,
    ExitRow,
    FoundRow,
    Rows,
    Share,
    WaitRow,
    day_starts,
    figures,
    lanes_of,
    share,
    spread,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
ROWS = Rows(
    exits=[
        ExitRow(0, "lane-1", "left", True, False, None, False, 95),
        ExitRow(0, "lane-1", "left", True, True, "nothing", True, 2),
        ExitRow(0, "lane-1", "abandoned", True, True, "unpaid", True, 1),
        ExitRow(1, "lane-2", "left", True, True, None, True, 1),
        ExitRow(1, "lane-2", "released", False, False, None, True, 1),
        ExitRow(1, "lane-2", "claimed", False, False, None, False, 1),
    ],
    found=[FoundRow(0, "lane-1", False, 3, 2, 1500), FoundRow(1, "lane-2", True, 4, 4, 700)],
    waits=[WaitRow(0, "lane-1", "", 2, 90), WaitRow(0, "lane-1", "", 60, 7), WaitRow(1, "lane-2", "weight", 30, 4)],
    attended=[AttendedRow(0, "lane-1", 3, 2, 97), AttendedRow(1, "lane-2", 4, 0, 0)],
)


def test_the_whole() -> None:
    told = figures(ROWS)
    assert (told.left, told.given_up, told.weighed) == (99, 1, 99)
    assert (told.checks.count, told.checks.cases) == (4, 99)
    assert (told.false_alarms.count, told.false_alarms.cases) == (2, 99)
    assert (told.unpaid_exits, told.unsaid) == (1, 1)
    assert (told.called.count, told.called.cases) == (5, 101)
    assert (told.unpaid_minor, told.unpaid_cases, told.unpaid_unpriced) == (1500, 2, 1)
    assert (told.audits, told.audit_unpaid_minor) == (4, 700)
    assert (told.wait.cases, told.wait.p50_s, told.wait.p95_s) == (97, 2, 60)
    assert (told.calls.cases, told.calls.p50_s, list(told.calls_by_kind)) == (4, 30, ["weight"])
    assert (told.answered, told.attended, told.attended_s) == (7, 2, 97)
    assert told.attended_s_per_shopper == pytest.approx(97 / 99)


def test_lanes_and_days_are_parts_of_the_whole() -> None:
    assert lanes_of(ROWS) == ["lane-1", "lane-2"]
    for parts in (
        [figures(ROWS, lane=lane) for lane in lanes_of(ROWS)],
        [figures(ROWS, day=day) for day in (0, 1)],
    ):
        whole = figures(ROWS)
        for name in ("left", "given_up", "weighed", "unpaid_minor", "unpaid_unpriced", "audits", "answered"):
            assert sum(getattr(part, name) for part in parts) == getattr(whole, name)
    assert figures(ROWS, day=0, lane="lane-2").wait.p50_s is None
    assert figures(ROWS, lane="lane-2").attended_s_per_shopper is None  # nobody knows, which is not nothing


@given(st.lists(st.integers(0, 3600), min_size=1, max_size=60))
def test_half_take_no_longer_than_the_median_and_no_smaller_time_has_that(times: list[int]) -> None:
    found = spread(Counter(times))
    for rank, value in ((0.5, found.p50_s), (0.95, found.p95_s)):
        assert value in times
        assert sum(one <= value for one in times) >= rank * len(times)
        assert sum(one < value for one in times) < rank * len(times)


@given(st.integers(0, 500), st.integers(0, 500))
def test_a_share_lies_in_its_interval(count: int, others: int) -> None:
    found = share(count, count + others)
    if count + others == 0:
        assert found == Share(0, 0, None, None, None)
    else:
        assert found.value is not None
        assert found.low is not None
        assert found.high is not None
        assert 0 <= found.low <= found.value + 1e-12
        assert found.value <= found.high + 1e-12 <= 1 + 1e-9


@pytest.mark.parametrize(
    ("first", "last"),
    [(date(2026, 3, 2), date(2026, 3, 1)), (date(2026, 1, 1), date(2026, 1, 1 + 30).replace(month=12))],
)
def test_days_that_are_none_or_too_many(first: date, last: date) -> None:
    with pytest.raises(DaysWrong, match="days_wrong"):
        day_starts(first, last, SHANGHAI)


def test_a_day_begins_at_midnight_of_the_store() -> None:
    starts = day_starts(date(2026, 3, 1), date(2026, 3, 1), SHANGHAI)
    assert starts == [1_772_294_400_000_000, 1_772_380_800_000_000]  # 16:00 UTC of the day before
    assert len(day_starts(date(2026, 1, 1), date(2026, 4, 2), SHANGHAI)) == DAYS_MAX + 1
