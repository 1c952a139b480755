"""``unqueue staff``: who may answer calls."""

from typing import Annotated

import typer

from unqueue.commands.common import SettingsOption, console, fail, settings_or_exit
from unqueue.kernel.database import Database
from unqueue.kernel.errors import DomainError

app = typer.Typer(no_args_is_help=True, help="Staff accounts: who may sign in to the console.")


@app.callback()
def _staff() -> None:
    """Keeps `staff` a group of commands, whatever their number."""


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="The name that stands under every decision.")],
    pin: Annotated[str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="6 to 12 digits.")],
    settings: SettingsOption = None,
) -> None:
    """Add an attendant, or give one a new PIN (which signs them out everywhere)."""
    from unqueue.server.setup import migrate_database
    from unqueue.server.staff.service import create_staff

    url = settings_or_exit(settings).database_url
    migrate_database(url)
    try:
        create_staff(Database(url), name, pin)
    except DomainError as error:
        fail(error.text_en)
    console.print(f"[green]✓[/] {name} can sign in at /console/.")
