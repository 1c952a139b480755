"""``make bench-lane``: how long a lane takes from the pass, or from the last thing laid down, to the open gate.

With devices that are as fast as real ones, and with devices that take no time: what is left then is ours. A shopper's
hands and feet take no time either. The gate's own arm is not part of it: the time ends when the gate is told to open.
"""

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from unqueue.bench.lane.store import AT_ONCE, PLAIN, REAL, TAGGED, LanePlace, Speed, running
from unqueue.twin.processes import warm_up

_WARM = 10
"""Exits that are not measured: code is loaded, the server's weigh check begins."""


class Visit(msgspec.Struct, frozen=True):
    """A kind of visit: what is bought, as code and weight in grams, with how many tags; and whether it lies on the
    belt already when the pass is shown.
    """

    name: str
    goods: tuple[tuple[str, int], ...]
    tags: int = 0
    lies_there: bool = True


VISITS = (
    Visit("goods lie there, pass → gate", (PLAIN,) * 4),
    Visit("the same, two with tags", (PLAIN, PLAIN, TAGGED, TAGGED), tags=2),
    Visit("pass shown before, last of the goods → gate", (PLAIN,) * 4, lies_there=False),
)


class Times(msgspec.Struct, frozen=True):
    """Milliseconds of one round."""

    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Times":
        ranked = sorted(seconds)
        last = len(ranked) - 1
        return cls(ranked[last // 2] * 1e3, ranked[round(last * 0.99)] * 1e3)


async def exit_s(place: LanePlace, visit: Visit) -> float:
    """Send one shopper through the lane. Seconds until the gate was told to open."""
    shown = await place.buy([code for code, _ in visit.goods])
    weight_g = float(sum(grams for _, grams in visit.goods))
    openings = await place.openings() + 1
    if visit.lies_there:
        await place.lay(weight_g, visit.tags)
        await asyncio.sleep(1.0)  # the scale stands still, and the lane knows
        begun_s = await place.show(shown)
    else:
        await place.show(shown)
        await place.until("loading")
        await asyncio.sleep(0.3)
        begun_s = await place.lay(weight_g, visit.tags)
    opened_s = await place.until_open(openings)
    await place.walk()
    return opened_s - begun_s


async def measure(speed: Speed, exits: int, rounds: int, directory: Path) -> list[Times]:
    """Medians over rounds, of each kind of visit."""
    async with running(directory, speed) as place:
        for number in range(_WARM):
            await exit_s(place, VISITS[number % len(VISITS)])
        found = []
        for visit in VISITS:
            times = [Times.of([await exit_s(place, visit) for _ in range(exits)]) for _ in range(rounds)]
            found.append(
                Times(statistics.median(one.p50_ms for one in times), statistics.median(one.p99_ms for one in times))
            )
        return found


def table_of(ours: Sequence[Times], real: Sequence[Times]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("", "our share p50 ms", "p99 ms", "real devices p50 ms", "p99 ms"):
        table.add_column(name, justify="right" if name else "left")
    for visit, ours_one, real_one in zip(VISITS, ours, real, strict=True):
        cells = (ours_one.p50_ms, ours_one.p99_ms, real_one.p50_ms, real_one.p99_ms)
        table.add_row(visit.name, *(f"{cell:,.0f}" for cell in cells))
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exits", type=int, default=60, help="of each kind, in a round")
    parser.add_argument("--rounds", type=int, default=3, help="medians over rounds are shown")
    given = parser.parse_args()
    console = Console()
    warm_up()
    # Not in /tmp, which may live in memory: durability must cost what it costs.
    with tempfile.TemporaryDirectory(prefix=".unqueue-bench-", dir=Path.cwd()) as name:
        found = []
        for speed in (AT_ONCE, REAL):
            console.print(f"devices: {speed.name} …", style="dim")
            found.append(asyncio.run(measure(speed, given.exits, given.rounds, Path(name) / speed.name)))
        console.print(table_of(*found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
