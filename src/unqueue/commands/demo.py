"""``unqueue demo``: a whole store on this machine."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import segno
import typer
from rich.panel import Panel
from rich.table import Table

from unqueue.commands.common import complaints, console
from unqueue.commands.demo_store import prepare
from unqueue.twin.demo import Demo, DemoOptions
from unqueue.twin.processes import ProcessFailed

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
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the last time: begin with an empty store.")] = False,
) -> None:
    """Open a whole store: server, exit lane, scale, scanner, I/O module, printer and a wallet, each its own process.

    Open the printed address: a plan of the store whose places are doors. Take a handset, scan, pay in the sandboxed
    wallet, lay the goods on the belt, walk out. Ctrl-C closes the store; what happened is kept for the next time.
    """
    if fresh:
        _forget(directory)
    options = DemoOptions(directory=directory.absolute(), port=port, lan=lan, shoppers=shoppers, seed=seed)
    begun = time.monotonic()
    try:
        asyncio.run(_run(options, begun))
    except ProcessFailed as error:
        complaints.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


async def _run(options: DemoOptions, begun: float) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with _steps() as tell:
        store = Demo(options, prepare, tell)
        opening = asyncio.ensure_future(store.open())
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if opening.done():
                opening.result()
        except BaseException:
            await store.close()
            raise
    if not stop.is_set():
        _welcome(store, time.monotonic() - begun)
        await stop.wait()
        console.print("\nClosing the store …")
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    await store.close()


@contextlib.contextmanager
def _steps() -> Iterator[Any]:
    with console.status("Opening the store") as status:
        yield lambda step: status.update(f"Opening the store: {step}")


def _welcome(store: Demo, seconds: float) -> None:
    assert store.store is not None, "the store is open"
    table = Table.grid(padding=(0, 2))
    table.add_row("Store", f"[bold link={store.public_url}]{store.public_url}[/]")
    table.add_row("Attendant", f"{store.store.attendant['name']}, PIN {store.store.attendant['pin']}")
    table.add_row("Kept in", str(store.options.directory))
    console.print(Panel(table, title=f"不排队 · Unqueue is open ({seconds:.1f} s)", expand=False, border_style="green"))
    if store.store.lan is not None:
        segno.make(store.public_url, micro=False).terminal(compact=True)
        console.print(
            "Scan it with a phone in the same network. The certificate was made just now by this machine,\n"
            "so the phone will warn once: accept it, and the camera works."
        )
    console.print("Ctrl-C closes the store.", style="dim")


def _forget(directory: Path) -> None:
    import shutil  # noqa: PLC0415

    if directory.exists() and not (directory / "store").exists() and any(directory.iterdir()):
        complaints.print(f"{directory} holds something that is not a demo store; it stays.", style="red")
        raise typer.Exit(1)
    shutil.rmtree(directory, ignore_errors=True)
