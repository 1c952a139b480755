"""``unqueue demo``: a whole store on this machine."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer

from unqueue.commands.common import complaints
from unqueue.twin.processes import ProcessFailed, warm_up

app = typer.Typer()


@app.command(short_help="Open a whole store on this machine: simulated devices, pretended money, real everything else.")
def demo(
    port: Annotated[int, typer.Option(help="Where the front door is.")] = 8000,
    lan: Annotated[bool, typer.Option("--lan", help="Open it to phones in this network, over HTTPS.")] = False,
    shoppers: Annotated[int, typer.Option(min=0, max=50, help="How many simulated shoppers walk about.")] = 0,
    seed: Annotated[int, typer.Option(help="Makes simulated people and goods the same again.")] = 1,
    directory: Annotated[Path, typer.Option(help="Where its database, keys and logs are kept.")] = Path(
        ".unqueue/demo"
    ),
    side_bay: Annotated[
        bool, typer.Option("--side-bay", help="Lanes send what needs a person to a side bay, and go on.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the last time: begin with an empty store.")] = False,
) -> None:
    """Open a whole store: server, exit lane, scale, scanner, I/O module, printer and a wallet, each its own process.

    Open the printed address: a plan of the store whose places are doors. Take a handset, scan, pay in the sandboxed
    wallet, lay the goods on the belt, walk out. Ctrl-C closes the store; what happened is kept for the next time.
    """
    begun = time.monotonic()
    warm_up()  # while this process imports its own part, below
    from unqueue.commands.demo_visit import visit
    from unqueue.twin.demo import DemoOptions

    if fresh:
        _forget(directory)
    options = DemoOptions(
        directory=directory.absolute(), port=port, lan=lan, shoppers=shoppers, seed=seed, side_bay=side_bay
    )
    try:
        asyncio.run(visit(options, begun))
    except ProcessFailed as error:
        complaints.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _forget(directory: Path) -> None:
    import shutil

    if directory.exists() and not (directory / "store").exists() and any(directory.iterdir()):
        complaints.print(f"{directory} holds something that is not a demo store; it stays.", style="red")
        raise typer.Exit(1)
    shutil.rmtree(directory, ignore_errors=True)
