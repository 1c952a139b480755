"""``unqueue catalogue``: products in, and a look at what a code means."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from unqueue.commands.common import SettingsOption, console, fail, opened_database, settings_or_exit
from unqueue.kernel.clock import SystemClock
from unqueue.kernel.database import Database
from unqueue.kernel.errors import DomainError

if TYPE_CHECKING:
    from unqueue.server.catalogue.importing import ImportReport
    from unqueue.server.catalogue.service import Catalogue

app = typer.Typer(no_args_is_help=True, help="The catalogue: import products, look a code up.")


@app.command("import")
def import_(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="CSV or JSONL, also packed (.gz).")],
    rejects: Annotated[
        Path | None,
        typer.Option(help="Where to list rows that need a look. Without it: FILE.rejects.csv in this directory."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and compare everything, write nothing.")] = False,
    settings: SettingsOption = None,
) -> None:
    """Import products from Unqueue CSV files and exports of Open Food Facts; the format is recognised.

    Rows that cannot be used are listed with their line and cause, the others go in together. What a file leaves open
    stays as it is, so a file with the columns `gtin` and `unit_price` changes prices only. Importing a file again
    changes nothing. docs/guides/import-products.md explains the columns.
    """
    from unqueue.server.catalogue.importing import import_products
    from unqueue.server.catalogue.sources import SourceUnreadable
    from unqueue.server.setup import migrate_database

    if rejects is not None and len(files) > 1:
        fail("--rejects names one file: import the files one by one, or leave it out.")
    chosen = settings_or_exit(settings)
    migrate_database(chosen.database_url)
    database = Database(chosen.database_url)
    ctx.call_on_close(database.dispose)
    nothing_taken = False
    for file in files:
        listed = rejects or Path(f"{file.name}.rejects.csv")
        with _progress() as bars:
            tell = _Teller(bars, file.name)
            try:
                report = import_products(
                    database,
                    file,
                    currency=chosen.store.currency,
                    actor="command line",
                    rejects=listed,
                    progress=tell,
                    dry_run=dry_run,
                )
            except SourceUnreadable as error:
                bars.stop()
                fail(str(error))
        _show(report, listed, dry_run=dry_run)
        nothing_taken = nothing_taken or _took_nothing(report)
    if nothing_taken:
        raise typer.Exit(1)


@app.command()
def show(
    ctx: typer.Context,
    code: Annotated[str, typer.Argument(help="What a shopper would scan or type.")],
    symbology: Annotated[str | None, typer.Option(help="What the scanner calls it, such as upc_e.")] = None,
    settings: SettingsOption = None,
) -> None:
    """Say what a code means here: how it is read, which product it is, and whether it could be bought now."""
    from unqueue.server.catalogue.service import Catalogue

    chosen = settings_or_exit(settings)
    database = opened_database(chosen)
    ctx.call_on_close(database.dispose)
    today = SystemClock().now().astimezone(ZoneInfo(chosen.store.time_zone))
    try:
        _show_code(Catalogue(database, chosen), database, code, symbology, today)
    except DomainError as error:
        fail(f"{error.code}: {error.text_en} / {error.text_zh}")


def _show_code(catalogue: "Catalogue", database: Database, text: str, symbology: str | None, now: datetime) -> None:
    from unqueue.server.catalogue import model, store

    read = catalogue.codes.read(text, now.date(), symbology)
    table = Table("", "", show_header=False, box=None)
    for name in read.__struct_fields__:
        if (value := getattr(read, name)) is not None:
            table.add_row(f"code: {name}", str(value))
    gtins = [gtin for gtin in (read.gtin, read.other_gtin) if gtin is not None]
    found = database.read_now(lambda connection: [store.find(connection, gtin) for gtin in gtins])
    product = next((one for one in found if one is not None), None)
    if product is not None:
        for name in product.__struct_fields__:
            table.add_row(name, str(getattr(product, name)))
    console.print(table)
    if product is None:
        raise model.ProductUnknown(gtin=read.gtin)
    model.resolve(product, read, now.date())
    console.print("[green]✓[/] can be bought")


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)


class _Teller:
    """Draws one bar for reading (in bytes) and one for writing (in products)."""

    def __init__(self, bars: Progress, name: str) -> None:
        self._bars = bars
        self._name = name
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(f"{stage} {self._name}", total=total)
        self._bars.update(self._tasks[stage], completed=done, total=total)


def _took_nothing(report: "ImportReport") -> bool:
    return report.rejected > 0 and report.rejected == report.rows


def _show(report: "ImportReport", rejects: Path, *, dry_run: bool) -> None:
    would = "would be " if dry_run else ""
    counts = f"{report.added:,} {would}added, {report.changed:,} {would}changed, {report.unchanged:,} unchanged"
    mark = "[red]✗[/]" if _took_nothing(report) else "[green]✓[/]"
    console.print(f"{mark} {report.file} ({report.format}): {report.rows:,} rows; {counts}", highlight=False)
    if report.unpriced:
        console.print(
            f"  {report.unpriced:,} have no price yet and cannot be sold: import gtin and unit_price for them"
        )
    if report.rejected or report.unparsed:
        told = f"{report.rejected:,} rejected, {report.unparsed:,} taken with a quantity that was not understood"
        console.print(f"  [yellow]![/] {told}: see {rejects}", highlight=False)
