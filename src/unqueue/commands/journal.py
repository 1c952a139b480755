"""``unqueue journal``: read and check what happened."""

import sys
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import typer
from rich.padding import Padding
from rich.text import Text
from sqlalchemy import Connection

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
from unqueue.kernel import journal
from unqueue.kernel.clock import from_micros, micros
from unqueue.kernel.journal import Event, Wanted

app = typer.Typer(no_args_is_help=True, help="Read and check the journal: what happened, in order, hash-chained.")

OVERRIDE = "override"
OVERRIDES = ("call.answered", "lane.gate_asked")
"""Where a person decided, by name: the answer to a call, a gate that was opened by hand."""


@app.command()
def verify(settings: SettingsOption = None) -> None:
    """Check that no row of the journal was changed, taken out or put in."""
    database = opened_database(settings_or_exit(settings))
    wrong = database.read_now(journal.verify)
    if wrong is not None:
        fail(f"The chain breaks at event {wrong}: that row, or the one before it, is not what was written.")
    last, _ = database.read_now(journal.head)
    console.print(f"[green]✓[/] {last:,} events, unbroken.")


@app.command()
def show(
    settings: SettingsOption = None,
    stream: Annotated[str | None, typer.Option(help="Only this thing's events, such as order:4f1c….")] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            help="Only such events: a whole kind (call.answered), a noun (call), or `override`: what staff answered to "
            "calls, and gates opened by hand. May be given several times."
        ),
    ] = None,
    order: Annotated[str | None, typer.Option(help="Only what names this order, by its number or id.")] = None,
    first: Annotated[
        date | None, typer.Option("--from", parser=day_of, metavar=DAY, help="The first day, in the store's time zone.")
    ] = None,
    last: LastDayOption = None,
    after: Annotated[int | None, typer.Option(help="Start after this event instead of showing the latest.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at the most.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, for a program.")] = False,
) -> None:
    """Print the latest events, oldest first and in full; with --after, those that follow an event."""
    known = settings_or_exit(settings)
    days_or_exit(first, last)
    zone = ZoneInfo(known.store.time_zone)
    database = opened_database(known)
    wanted = Wanted(
        kinds=tuple(one for name in kind or () for one in (OVERRIDES if name == OVERRIDE else (name,))),
        stream=stream,
        mentions=database.read_now(lambda connection: _ids_of(connection, order)) if order is not None else (),
        from_us=_midnight_us(first, zone) if first is not None else None,
        until_us=_midnight_us(last + timedelta(days=1), zone) if last is not None else None,
    )
    events = database.read_now(lambda connection: journal.find(connection, wanted, after=after, limit=limit))
    names = database.read_now(_names)
    if as_json:
        for event in events:
            sys.stdout.buffer.write(msgspec.json.encode(_told(event, names)) + b"\n")
        return
    if events:
        console.print(f"Times are of {zone.key}.", style="dim")
    for event in events:
        _print(event, names, zone)
    if not events:
        console.print("Nothing of this kind.", style="dim")
    elif len(events) == limit and after is not None:
        console.print(f"There may be more: --after {events[-1].seq}", style="dim")
    elif len(events) == limit:
        console.print(f"The latest {limit}; --limit shows more, --after 0 begins with the first.", style="dim")


def _ids_of(connection: Connection, number: str) -> tuple[str, ...]:
    """What the journal calls an order by: its own id and its trip's."""
    from unqueue.server.orders import store as orders

    plain = "".join(number.split())
    found = orders.by_number(connection, plain) or orders.get(connection, plain)
    if found is None:
        fail(f"There is no order {number}. The number has nine digits, and stands on receipt and pass.")
    return (found.order_id, found.trip_id)


def _names(connection: Connection) -> dict[str, str]:
    """The names of staff, those who have left too, by how the journal names them."""
    from unqueue.server.staff import store as staff

    return {f"staff:{staff_id}": name for staff_id, name in staff.names(connection).items()}


def _midnight_us(day: date, zone: ZoneInfo) -> int:
    return micros(datetime.combine(day, time(), zone))


def _told(event: Event, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "at": from_micros(event.at_us).isoformat(),
        "kind": event.kind,
        "stream": event.stream,
        "actor": event.actor,
        "name": names.get(event.actor),
        "data": msgspec.Raw(event.data.encode()),
    }


def _print(event: Event, names: Mapping[str, str], zone: ZoneInfo) -> None:
    at = f"{from_micros(event.at_us).astimezone(zone):%Y-%m-%d %H:%M:%S}"
    name = names.get(event.actor)
    by = f"{name} ({event.actor})" if name is not None else event.actor
    console.print(Text.assemble((str(event.seq), "dim"), f"  {at}  ", (event.kind, "bold"), f"  {event.stream}"))
    console.print(Padding(Text(f"by {by}", style="dim"), (0, 0, 0, 4)))
    console.print(Padding(Text(event.data, overflow="fold"), (0, 0, 0, 4)), highlight=False)
