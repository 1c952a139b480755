"""``make bench-peak``: a lane that waits for its exceptions beside one that sends them aside, in simulated peak hours.

Every hour is played with each seed for each way of working; percentiles are of all shoppers of all hours together.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from unqueue.bench.peak.people import SAMPLE_EVERY_S, Hour
from unqueue.bench.peak.shopping import Habits

_QUANTILES = np.linspace(0, 99.5, 200)


class Way(NamedTuple):
    """A way of working, and the hours that it was played for."""

    name: str
    side_bay: bool
    habits: Habits


class Played(NamedTuple):
    """What came out of all hours of a way. ``door_s`` from the end of shopping to the door, of everybody;
    ``others_s`` of those that nothing was out of the ordinary with.
    """

    way: Way
    door_s: list[float]
    others_s: list[float]
    busy: list[float]
    attended_s: list[float]
    queue_max: list[int]
    queues: list[list[int]]
    aside: list[float]


def ways(habits: Habits) -> list[Way]:
    whole = msgspec.structs.replace(habits, lane_out_s=(0.0, 0.0))
    near = msgspec.structs.replace(habits, to_lane_s=habits.in_bay_s)
    return [
        Way("all lanes, waiting", False, whole),
        Way("all lanes, side bay", True, whole),
        Way("one out, waiting", False, habits),
        Way("one out, waiting, staff beside the lanes", False, near),
        Way("one out, side bay", True, habits),
    ]


def play(way: Way, seeds: Sequence[int]) -> Played:
    """Play an hour for each seed."""
    played = Played(way, [], [], [], [], [], [], [])
    for seed in seeds:
        hour = Hour(seed, way.habits, side_bay=way.side_bay).run()
        took_s = {visit.number: (visit.done_s or 0.0) - visit.comes_s for visit in hour.visits}
        played.door_s.extend(took_s.values())
        played.others_s.extend(took_s[number] for number in took_s if number not in hour.store.exceptions)
        played.busy.append(hour.busy_share())
        played.attended_s.append(hour.attended_s / len(hour.visits))
        played.queue_max.append(max(queue for _, queue, _ in hour.samples))
        played.queues.append([queue for _, queue, _ in hour.samples])
        played.aside.append(sum(visit.was_aside for visit in hour.visits) / len(hour.visits))
    return played


def table_of(title: str, found: Sequence[Played]) -> Table:
    columns = (
        "", "door p50 s", "p95 s", "others p95 s", "lanes busy", "longest queue", "attendant s a shopper", "sent aside",
    )  # fmt: skip
    table = Table(*columns, title=title, box=None, pad_edge=False, title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for one in found:
        p50_s, p95_s = np.percentile(one.door_s, (50, 95))
        table.add_row(
            one.way.name,
            f"{p50_s:.0f}",
            f"{p95_s:.0f}",
            f"{np.percentile(one.others_s, 95):.0f}",
            f"{np.mean(one.busy):.0%}",
            f"{np.mean(one.queue_max):.0f}",
            f"{np.mean(one.attended_s):.1f}",
            f"{np.mean(one.aside):.1%}" if one.way.side_bay else "",
        )
    return table


def _draw(path: Path, found: Sequence[Played]) -> None:
    from matplotlib import pyplot as plt  # noqa: PLC0415  # only this measurement draws

    figure, (queues, doors) = plt.subplots(1, 2, figsize=(11, 4.5))
    for one in found:
        style = "-" if one.way.side_bay else "--"
        longest = max(len(queue) for queue in one.queues)
        padded = np.array([[*queue, *[0] * (longest - len(queue))] for queue in one.queues])
        minutes = np.arange(longest) * SAMPLE_EVERY_S / 60
        queues.plot(minutes, padded.mean(axis=0), style, label=one.way.name)
        doors.plot(np.percentile(one.door_s, _QUANTILES), _QUANTILES, style, label=one.way.name)
    begin_s, end_s = found[-1].way.habits.lane_out_s
    queues.axvspan(begin_s / 60, end_s / 60, color="grey", alpha=0.15, linewidth=0)
    queues.set(xlabel="minute (grey: one lane is out)", ylabel="people in the queues", title="Queue, mean of all hours")
    doors.set(
        xscale="log", xlabel="from the end of shopping to the door, s", ylabel="% of shoppers", title="To the door"
    )
    doors.legend(fontsize=8)
    for axes in (queues, doors):
        axes.grid(visible=True, alpha=0.3)
    figure.tight_layout()
    figure.savefig(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hours", type=int, default=20, help="how many hours are played of each way")
    parser.add_argument("--shoppers", type=int, default=Habits().shoppers_per_hour, help="an hour")
    parser.add_argument("--lanes", type=int, default=Habits().lanes)
    parser.add_argument("--attendants", type=int, default=Habits().attendants)
    parser.add_argument("--out", type=Path, help="where the plot goes, as PNG or SVG")
    given = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 140)
    habits = Habits(shoppers_per_hour=given.shoppers, lanes=given.lanes, attendants=given.attendants)
    begun = time.perf_counter()
    found = [play(way, range(given.seed, given.seed + given.hours)) for way in ways(habits)]
    title = f"{given.shoppers} shoppers an hour, {given.lanes} lanes, {given.attendants} attendants, seed {given.seed}"
    console.print(table_of(f"{title}; {given.hours} hours each, played in {time.perf_counter() - begun:.0f} s", found))
    if given.out:
        _draw(given.out, found)
        console.print(f"plot: {given.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
