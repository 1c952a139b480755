"""``unqueue staff``: who may sign in to the console, and what each role may do there."""

from typing import Annotated

import typer

from unqueue.commands.common import SettingsOption, console, fail, opened_database, settings_or_exit
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


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="Who has left.")],
    settings: SettingsOption = None,
) -> None:
    """Let a member of staff go: PIN, passkeys and head office account open nothing any more, and all sessions end."""
    from unqueue.server.staff.service import remove_staff

    database = opened_database(settings_or_exit(settings))
    try:
        remove_staff(database, name)
    except DomainError as error:
        fail(error.text_en)
    console.print(f"[green]✓[/] {name} can't sign in any more. The name stays in the journal.")


@app.command("forget-passkeys")
def forget_passkeys(
    name: Annotated[str, typer.Argument(help="Whose phone or key was lost.")],
    settings: SettingsOption = None,
) -> None:
    """Forget all passkeys of a member of staff, and end all sessions. The PIN stays."""
    from unqueue.server.staff.passkeys import remove_passkeys

    database = opened_database(settings_or_exit(settings))
    try:
        count = remove_passkeys(database, name)
    except DomainError as error:
        fail(error.text_en)
    console.print(f"[green]✓[/] {name}: {count} forgotten, and signed out everywhere.")


@app.command()
def link(
    name: Annotated[str, typer.Argument(help="Who signs in with a PIN here.")],
    subject: Annotated[str, typer.Argument(help="The person's number at head office (the claim `sub`).")],
    settings: SettingsOption = None,
) -> None:
    """Say that a member of staff is that person at head office: one person, with both ways to sign in."""
    from unqueue.server.staff.head_office import link_member

    known = settings_or_exit(settings)
    if not known.staff.oidc.issuer:
        fail("This store has no head office in its settings: [staff.oidc], as in unqueue.toml.example.")
    database = opened_database(known)
    try:
        link_member(database, known.staff.oidc.issuer, name, subject)
    except DomainError as error:
        fail(error.text_en)
    console.print(f"[green]✓[/] {name} is {subject} at head office.")


@app.command("list")
def list_all(settings: SettingsOption = None) -> None:
    """Everybody who may sign in, with their roles, and how they can."""
    from rich.table import Table

    from unqueue.server.staff.head_office import list_linked
    from unqueue.server.staff.passkeys import list_passkeys
    from unqueue.server.staff.service import list_staff

    database = opened_database(settings_or_exit(settings))
    passkeys, linked = list_passkeys(database), list_linked(database)
    table = Table("Name", "Role", "PIN", "Passkeys", "Head office", box=None)
    for member in list_staff(database):
        pin, office = ("✓" if has else "" for has in (member.knows_pin, member.staff_id in linked))
        table.add_row(member.name, member.role, pin, str(passkeys.get(member.staff_id, "")), office)
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
