"""The lane's bench on a store that it makes itself: shoppers get out, and slow devices are seen in the figures."""

from pathlib import Path

import msgspec
import pytest

from unqueue.bench.lane import figures
from unqueue.bench.lane.figures import VISITS, Times, exit_s
from unqueue.bench.lane.store import AT_ONCE, running
from unqueue.twin.processes import warm_up

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


def test_the_middle_and_the_last_hundredth() -> None:
    assert Times.of([number / 1000 for number in range(100, -1, -1)]) == Times(p50_ms=50.0, p99_ms=99.0)


async def test_shoppers_get_out_and_slow_devices_take_their_time(tmp_path: Path) -> None:
    warm_up()
    slow = msgspec.structs.replace(AT_ONCE, settle_ms=700, belt_ms=800)
    async with running(tmp_path, slow) as place:
        lies_there, tagged, laid_later = [await exit_s(place, visit) for visit in VISITS]
    assert lies_there > 0
    assert tagged > 0.8
    assert laid_later > 0.7


def test_its_table_names_each_kind_of_visit() -> None:
    times = [Times(1.0, 2.0)] * len(VISITS)
    assert figures.table_of(times, times).row_count == len(VISITS)
