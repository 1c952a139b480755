"""``unqueue trolley``: what the store's trolleys weigh."""

from typing import Annotated

import typer
from rich.table import Table

from unqueue.commands.common import SettingsOption, console, opened_database, settings_or_exit
from unqueue.kernel.database import Database

app = typer.Typer(no_args_is_help=True, help="What trolleys weigh, where a lane weighs them whole.")

SD_G = 10.0
"""Of a tare that a person weighed and typed in."""


@app.callback()
def _trolley() -> None:
    """Keeps `trolley` a group of commands, whatever their number."""


@app.command("set")
def set_tare(
    code: Annotated[str, typer.Argument(help="What its barcode says: a GRAI (8003), without the 8003.")],
    tare_g: Annotated[int, typer.Argument(min=100, max=200_000, help="What it weighs empty, in grams.")],
    settings: SettingsOption = None,
) -> None:
    """Say what a trolley weighs empty. Orders that pass go on telling of it."""
    from unqueue.server.exits import trolleys
    from unqueue.server.setup import migrate_database

    url = settings_or_exit(settings).database_url
    migrate_database(url)
    one = trolleys.Trolley(code[: trolleys.CODE_LENGTH_MAX], tare_g, SD_G)
    Database(url).write_now(lambda tx: trolleys.save(tx, one))
    console.print(f"{one.code}: {tare_g} g", markup=False, highlight=False)


@app.command("list")
def list_all(settings: SettingsOption = None) -> None:
    """What each trolley weighs, as typed in or as learned."""
    from unqueue.server.exits import trolleys

    found = opened_database(settings_or_exit(settings)).read_now(trolleys.read_all)
    if not found:
        console.print("No trolley is known. Lanes that weigh whole trolleys learn them, or: unqueue trolley set --help")
        return
    table = Table("Trolley", "Tare (g)", "± (g)", "Orders")
    for column in table.columns[1:]:
        column.justify = "right"
    for one in found:
        table.add_row(one.code, f"{one.tare_g:,.0f}", f"{one.tare_g_sd:.0f}", f"{one.orders:,}")
    console.print(table)
