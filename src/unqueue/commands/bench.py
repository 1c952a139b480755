"""``unqueue bench``: how fast the hot path is, as ratios to a raw floor of the same run."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from unqueue.commands.common import console

app = typer.Typer()


@app.command(short_help="Measure scans and payments a second.")
def bench(
    seconds: Annotated[float, typer.Option(min=0.2, help="Length of one measurement.")] = 4.0,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is repeated; medians are shown.")] = 3,
    products_max: Annotated[int, typer.Option(help="The largest catalogue.")] = 1_000_000,
    directory: Annotated[Path | None, typer.Option(help="Work here instead of in a temporary directory.")] = None,
) -> None:
    """Measure scans and payments a second with everything on, against the raw database, and scans against growth.

    Machines are noisy: every figure is the median of some rounds, and ratios compare rounds of the same run.
    """
    from unqueue.bench.scenarios import Bench, Figure

    def show(title: str, figures: list[Figure]) -> None:
        console.print(title, style="bold")
        table = Table(*figures[0].columns, box=None, pad_edge=False)
        for column in table.columns[1:]:
            column.justify = "right"
        for figure in figures:
            table.add_row(*figure.cells)
        console.print(table)
        console.print()

    with Bench(directory, seconds=seconds, rounds=rounds, tell=lambda text: console.print(text, style="dim")) as one:
        show("The raw floor: two writes, one durable transaction", one.floors())
        show("Scans, everything on (30,000 products, 1,000 promotions, SQLite)", one.clients())
        show("Payments settled (three durable units each), beside the same ledger rows written raw", one.payments())
        show("Growth with the catalogue (16 clients)", one.catalogues(products_max))
        show("Growth with active promotions (16 clients)", one.promotions())
        show("Growth with the basket (16 clients)", one.baskets())
