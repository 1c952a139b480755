"""``unqueue staff``: who may sign in to the console, and what each role may do there."""

from typing import Annotated

import typer

from unqueue.commands.common import SettingsOption, console, fail, settings_or_exit
from unqueue.kernel.database import Database
from unqueue.kernel.errors import DomainError

app = typer.Typer(no_args_is_help=True, help="Staff accounts: who may sign in to the console, and as what.")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="The name that stands under every decision.")],
    pin: Annotated[str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="6 to 12 digits.")],
    role: Annotated[
        str | None,
        typer.Option(help="attendant, supervisor, manager or it. Without it: as before, and an attendant if new."),
    ] = None,
    settings: SettingsOption = None,
) -> None:
    """Add a member of staff, or give one a new PIN or role (which signs them out everywhere)."""
    from unqueue.server.setup import migrate_database
    from unqueue.server.staff.model import role_of
    from unqueue.server.staff.service import create_staff

    url = settings_or_exit(settings).database_url
    migrate_database(url)
    try:
        create_staff(Database(url), name, pin, role_of(role) if role is not None else None)
    except DomainError as error:
        fail(error.text_en)
    console.print(f"[green]✓[/] {name} can sign in at /console/.")


@app.command("list")
def list_all(settings: SettingsOption = None) -> None:
    """Everybody who may sign in, with their roles."""
    from rich.table import Table

    from unqueue.server.setup import migrate_database
    from unqueue.server.staff.service import list_staff

    url = settings_or_exit(settings).database_url
    migrate_database(url)
    table = Table("Name", "Role", box=None)
    for member in list_staff(Database(url)):
        table.add_row(member.name, member.role)
    console.print(table)


@app.command()
def roles() -> None:
    """What each role may do."""
    from rich.table import Table

    from unqueue.server.staff.model import MAY, ROLES, WHAT

    table = Table("May", "", *ROLES, box=None)
    for may, what in WHAT.items():
        table.add_row(may, what, *("✓" if may in MAY[role] else "" for role in ROLES))
    console.print(table)
