"""``unqueue promotions``: offers in, offers out."""

from pathlib import Path
from typing import Annotated

import typer

from unqueue.commands.common import SettingsOption, console, fail, settings_or_exit
from unqueue.kernel.database import Database
from unqueue.kernel.errors import DomainError

app = typer.Typer(no_args_is_help=True, help="Promotions: rules as data.")


@app.callback()
def _promotions() -> None:
    """Keeps `promotions` a group of commands, whatever their number."""


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON; see docs/guides/promotions.md.")],
    settings: SettingsOption = None,
) -> None:
    """Import promotions from a JSON file, all or none. Importing the same file again changes nothing."""
    from unqueue.server.promotions.service import import_rules, load_rules
    from unqueue.server.setup import migrate_database

    url = settings_or_exit(settings).database_url
    migrate_database(url)
    try:
        report = import_rules(Database(url), load_rules(file), actor="command line")
    except DomainError as error:
        fail(error.text_en)
    console.print(f"[green]✓[/] {report}")
