"""``unqueue journal``: read and check what happened."""

from typing import Annotated

import typer
from rich.table import Table

from unqueue.commands.common import SettingsOption, console, fail, opened_database, settings_or_exit
from unqueue.kernel import journal
from unqueue.kernel.clock import from_micros

app = typer.Typer(no_args_is_help=True, help="Read and check the journal: what happened, in order, hash-chained.")


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
    after: Annotated[int | None, typer.Option(help="Start after this event instead of showing the latest.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at the most.")] = 50,
) -> None:
    """Print the latest events, oldest first; with --after, those that follow an event."""
    database = opened_database(settings_or_exit(settings))
    table = Table("event", "time (UTC)", "what", "to", "by", "data", box=None, pad_edge=False)
    if after is None:
        events = database.read_now(lambda connection: journal.latest(connection, limit, stream))
    else:
        events = database.read_now(lambda connection: journal.read(connection, after, limit, stream))
    for event in events:
        at = f"{from_micros(event.at_us):%Y-%m-%d %H:%M:%S}"
        data = event.data if len(event.data) < 80 else event.data[:79] + "…"
        table.add_row(str(event.seq), at, event.kind, event.stream, event.actor, data)
    console.print(table)
    if after is not None and len(events) == limit:
        console.print(f"There may be more: --after {events[-1].seq}", style="dim")
    elif after is None and events and len(events) == limit:
        console.print(f"The latest {limit}; --limit shows more, --after 0 begins with the first.", style="dim")
