"""``unqueue coupons``: coupons in, and a look at how they are used."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from unqueue.commands.common import SettingsOption, console, fail, opened_database, settings_or_exit
from unqueue.kernel.database import Database
from unqueue.kernel.errors import DomainError

app = typer.Typer(no_args_is_help=True, help="Coupons: what shoppers bring along.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON or CSV; see docs/guides/coupons.md.")],
    settings: SettingsOption = None,
) -> None:
    """Import coupons, or more serials for them, all or none. Importing the same file again changes nothing."""
    from unqueue.server.coupons.service import import_coupons, load
    from unqueue.server.setup import migrate_database

    found = settings_or_exit(settings)
    migrate_database(found.database_url)
    database = Database(found.database_url)
    try:
        report = import_coupons(database, load(file), currency=found.store.currency, actor="command line")
    except DomainError as error:
        fail(error.text_en)
    finally:
        database.dispose()
    console.print(f"[green]✓[/] {report}")


@app.command("list")
def list_(settings: SettingsOption = None) -> None:
    """Show all coupons: until when they are good, and how often they are held by open orders and were used."""
    from unqueue.server.coupons import store

    database = opened_database(settings_or_exit(settings))
    rows = database.read_now(store.all_coupons)
    database.dispose()
    table = Table("Coupon", "Text", "Borne by", "Until", "Held", "Used", "Of")
    for row in rows:
        coupon = row.coupon
        until = coupon.valid_until.isoformat() if coupon.valid_until else ""
        limit = str(row.uses_max) if row.uses_max is not None else ""
        table.add_row(row.coupon_id, coupon.en, coupon.funded_by, until, str(row.reserved), str(row.used), limit)
    console.print(table)
