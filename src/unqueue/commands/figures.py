"""``unqueue figures``: the figures of lanes and days, as the console shows them."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from unqueue.commands.common import (
    DAY,
    LastDayOption,
    SettingsOption,
    console,
    day_of,
    days_or_exit,
    fail,
    opened_database,
    settings_or_exit,
)
from unqueue.kernel.clock import first_of_days
from unqueue.kernel.money import format_minor

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection

    from unqueue.server.figures.model import FloorFigures, Share, Spread

app = typer.Typer()

_BLOCKS = " ▁▂▃▄▅▆▇█"


@app.command(short_help="False alarms, prevented loss and waiting times, by lane and by day.")
def figures(
    settings: SettingsOption = None,
    first: Annotated[
        date | None,
        typer.Option("--from", parser=day_of, metavar=DAY, help="The first day. Without it: six days before the last."),
    ] = None,
    last: LastDayOption = None,
    lane: Annotated[str | None, typer.Option(help="Only this lane, in the part by day.")] = None,
) -> None:
    """False alarms, prevented loss and waiting times, by lane and by day. `?` marks what comes from few cases.

    A false alarm is a weighed exit whose weight did not fit and where staff found nothing wrong. Loss is what staff and
    audits found unpaid, with a known price. Waits are the median and the 95th percentile: of shoppers from the first
    weighing until the gate may open, of calls until a person answers.
    """
    from unqueue.kernel.errors import DomainError
    from unqueue.server.figures.service import DAYS_USUAL, view

    store = settings_or_exit(settings)
    zone = ZoneInfo(store.store.time_zone)
    end = last or datetime.now(zone).date()
    begin = first or first_of_days(end, DAYS_USUAL)
    days_or_exit(begin, end)
    currency = store.store.currency
    database = opened_database(store)
    if lane is not None:
        _refuse_unknown(database.read_now(lambda connection: known_lanes(connection, lane)), lane)
    try:
        told = database.read_now(
            lambda connection: view(connection, begin, end, currency=currency, time_zone=zone.key, lane=lane)
        )
    except DomainError as error:
        fail(error.text_en)
    console.print(f"{begin} to {end}, days of {zone.key}; amounts in {currency}.")
    by_lane = [(one.lane or "(no lane)", one.figures) for one in told.by_lane]
    console.print(_table("lane", [*by_lane, ("all", told.total)], currency, told.few_cases))
    console.print(_table("day", [(one.day, one.figures) for one in told.by_day], currency, told.few_cases))
    days = [one.figures for one in told.by_day]
    for name, values in (
        ("exits", [float(one.left) for one in days]),
        ("false alarms", [one.false_alarms.value for one in days]),
        ("loss", [float(one.unpaid_minor + one.audit_unpaid_minor) for one in days]),
        ("wait p95", [one.wait.p95_s for one in days]),
        ("calls p95", [one.calls.p95_s for one in days]),
    ):
        console.print(f"{name:>13} │{bars(values)}│", highlight=False)
    console.print(
        f"Checks of which nobody said what was found: {told.total.unsaid:,}. "
        f"Found unpaid without a known price: {told.total.unpaid_unpriced:,}.",
        style="dim",
    )


def _refuse_unknown(known: "Collection[str]", lane: str) -> None:
    if lane not in known:
        there = f"There are: {', '.join(sorted(known))}." if known else "None is registered yet."
        raise typer.BadParameter(f"there is no lane {lane}. {there}", param_hint="--lane")


def known_lanes(connection: "Connection", lane: str) -> set[str]:
    """The lanes that there are, and ``lane`` where somebody ever came to it."""
    from unqueue.server.figures.store import has_exits
    from unqueue.server.fleet.service import lanes

    found = {one.id for one in lanes(connection)}
    return found | {lane} if has_exits(connection, lane) else found


def bars(values: list[float] | list[float | None] | list[int | None]) -> str:
    """One character a value, as tall as it is against the largest; a dot where there is none.

    >>> bars([0, 1, None, 2])
    ' ▄·█'
    """
    most = max((value for value in values if value is not None), default=0) or 1
    return "".join("·" if value is None else _BLOCKS[round(8 * value / most)] for value in values)


def _table(head: str, rows: "list[tuple[str, FloorFigures]]", currency: str, few: int) -> Table:
    table = Table(head, box=None, pad_edge=False, padding=(0, 1))
    for name in ("exits", "checks", "false\nalarms", "95 %\ninterval", "loss", "wait\np50/p95", "calls\np50/p95"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, one in rows:
        low, high = one.false_alarms.low, one.false_alarms.high
        table.add_row(
            name,
            f"{one.left:,}",
            f"{one.checks.count:,} of {one.weighed:,}",
            _share(one.false_alarms, few),
            f"{100 * low:.1f}–{100 * high:.1f} %" if low is not None and high is not None else "",
            format_minor(one.unpaid_minor + one.audit_unpaid_minor, currency),
            _spread(one.wait, few),
            _spread(one.calls, few),
        )
    return table


def _share(one: "Share", few: int) -> str:
    if one.value is None:
        return "–"
    return f"{100 * one.value:.2f} %{'?' if one.cases < few else ''}"


def _spread(one: "Spread", few: int) -> str:
    if not one.cases:
        return "–"
    return f"{one.p50_s}/{one.p95_s} s{'?' if one.cases < few else ''}"
