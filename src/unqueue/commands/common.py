"""What the commands share: settings, and how to complain."""

import os
from datetime import date
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from sqlalchemy import inspect, make_url

from unqueue.kernel.database import Database
from unqueue.kernel.settings import Settings, SettingsError, find_settings, load_settings

console = Console()
complaints = Console(stderr=True)

SettingsOption = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        "-s",
        help="The settings file. Without it: UNQUEUE_SETTINGS, else unqueue.toml here, else the defaults.",
    ),
]


DAY = "YYYY-MM-DD"


def day_of(text: str) -> date:
    """The parser of an option that is a day; typer.BadParameter."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; write it as 2026-01-31.") from None


LastDayOption = Annotated[
    date | None, typer.Option("--to", parser=day_of, metavar=DAY, help="The last day. Without it: today.")
]


def days_or_exit(first: date | None, last: date | None) -> None:
    """typer.BadParameter where the first day is after the last."""
    if first is not None and last is not None and first > last:
        raise typer.BadParameter(f"--from {first} is after --to {last}; give the first day, then the last.")


def settings_or_exit(path: Path | None) -> Settings:
    """The settings, or an exit that says what is wrong with them, in which line, and how to mend it."""
    from unqueue.server.setup import settings_rules

    try:
        return load_settings(path or find_settings(os.environ, Path.cwd()), os.environ, settings_rules())
    except SettingsError as error:
        fail(str(error))


def opened_database(settings: Settings) -> Database:
    """The database of a store that has been opened before, or an exit that says that there is none."""
    url = settings.database_url
    where = make_url(url)
    missing = where.get_backend_name() == "sqlite" and not Path(where.database or "").exists()
    database = Database(url) if not missing else None
    if database is None or not inspect(database.engine).has_table("journal"):
        place = where.render_as_string(hide_password=True)
        fail(
            f"There is no store's database at {place}. `unqueue serve` makes it; or is it elsewhere? Its settings are "
            f"looked for in --settings, in UNQUEUE_SETTINGS, and in unqueue.toml here ({Path.cwd()})."
        )
    return database


def fail(message: str) -> NoReturn:
    """Say what is wrong, and exit with status 1."""
    complaints.print(message, style="red", markup=False, highlight=False)
    raise typer.Exit(1)
