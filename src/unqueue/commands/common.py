"""What the commands share: settings, and how to complain."""

import os
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

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


def settings_or_exit(path: Path | None) -> Settings:
    """The settings, or an exit that says what is wrong with them, in which line, and how to mend it."""
    from unqueue.server.setup import settings_rules

    try:
        return load_settings(path or find_settings(os.environ, Path.cwd()), os.environ, settings_rules())
    except SettingsError as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    """Say what is wrong, and exit with status 1."""
    complaints.print(message, style="red", markup=False, highlight=False)
    raise typer.Exit(1)
