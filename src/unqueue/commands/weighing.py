"""``unqueue weighing``: the weigh check, tried on a store's own logs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from unqueue.commands.common import console, fail

if TYPE_CHECKING:
    from unqueue.weighing.learner import Learner
    from unqueue.weighing.replay import Outcome

app = typer.Typer(no_args_is_help=True, help="The weigh check: try it on a store's own logs.")

CatalogueOption = Annotated[
    Path,
    typer.Option(
        "--catalogue",
        exists=True,
        dir_okay=False,
        help="Products: product_id, net_weight_g, packaging (flexible|rigid|glass|none), kind (packed|labelled|piece), "
        "popularity, price_minor.",
    ),
]
OrdersOption = Annotated[
    Path,
    typer.Option(
        "--orders",
        exists=True,
        dir_okay=False,
        help="A row a line, in time order: order_id, product_id, quantity, label_weight_g?, customer_id?.",
    ),
]
WeighingsOption = Annotated[
    Path,
    typer.Option(
        "--weighings",
        exists=True,
        dir_okay=False,
        help="order_id, measured_g, scale_interval_g, bags?, part? (parts of an order add up).",
    ),
]


@app.callback()
def _group() -> None:
    """Keeps the name of the one command."""


@app.command()
def replay(
    catalogue: CatalogueOption,
    orders: OrdersOption,
    weighings: WeighingsOption,
    out: Annotated[Path, typer.Option("--out", dir_okay=False, help="Where the verdicts go, as CSV, a row an order.")],
    false_alarm: Annotated[
        float, typer.Option("--false-alarm", min=0.0001, max=0.2, help="The share of honest orders that are checked.")
    ] = 0.01,
    state: Annotated[
        Path | None,
        typer.Option("--state", file_okay=False, help="A directory that keeps what was learned, to go on from."),
    ] = None,
    learn_all: Annotated[
        bool, typer.Option("--learn-all", help="Trust every order: learn from those that were checked too.")
    ] = False,
) -> None:
    """Test each order in turn, as the exit lane would have, learning as it goes from what lies in the past.

    Files are CSV or, by their name, Parquet. Nothing of the store is touched.
    """
    from unqueue.weighing import replay as replaying
    from unqueue.weighing import state as states
    from unqueue.weighing.learner import Learner

    try:
        goods = replaying.read_catalogue(catalogue)
        if state is None:
            learner = Learner(goods, false_alarm=false_alarm, trusts_all=learn_all)
        else:
            learner = states.load(state, goods, false_alarm=false_alarm, trusts_all=learn_all)
        also_read = [catalogue, *(state.iterdir() if state is not None and state.is_dir() else ())]
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as bars:
            task = bars.add_task("reading")
            outcome = replaying.run(
                learner,
                orders,
                weighings,
                out,
                lambda count: bars.update(task, description=f"{count:,} orders tested"),
                also_read=also_read,
            )
        if state is not None:
            states.save(learner, state)
    except (replaying.Unreadable, states.StateUnusable, OSError) as error:
        fail(str(error))
    _tell(learner, outcome, out, guessed=sum(one.gross is not None for one in goods))


def _tell(learner: "Learner", outcome: "Outcome", out: Path, *, guessed: int) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("orders tested", f"{outcome.orders:,}")
    if outcome.orders:
        table.add_row("to be checked", f"{outcome.checks:,}  ({outcome.checks / outcome.orders:.2%})")
        table.add_row("orders with something wrong, estimated", f"{learner.parameters.wrong:.2%}")
    table.add_row("products whose weight changed", f"{len(learner.changes):,}")
    if guessed:
        table.add_row("products without a net weight, guessed at first", f"{guessed:,}")
    for reason, count in outcome.skipped.most_common():
        table.add_row(f"left out: {reason}", f"{count:,}  (such as {outcome.first[reason]})")
    console.print(table)
    console.print(f"Verdicts: {out}")
