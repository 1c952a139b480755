"""A visit to the demo store: opening it, saying where it is, and closing it."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Iterator
from typing import Any

import segno
from rich.panel import Panel
from rich.table import Table

from unqueue.commands.common import console
from unqueue.commands.demo_store import prepare
from unqueue.twin.demo import Demo, DemoOptions


async def visit(options: DemoOptions, begun: float) -> None:
    """Open the store and keep it open until SIGINT or SIGTERM. ProcessFailed where a part of it does not start.

    ``begun`` is the monotonic time at which the visitor asked for it.
    """
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
    table.add_row("Manager", f"{store.store.attendant['name']}, PIN {store.store.attendant['pin']}")
    table.add_row("Kept in", str(store.options.directory))
    console.print(Panel(table, title=f"不排队 · Unqueue is open ({seconds:.1f} s)", expand=False, border_style="green"))
    if store.store.lan is not None:
        segno.make(store.public_url, micro=False).terminal(compact=True)
        console.print(
            "Scan it with a phone in the same network. The certificate was made just now by this machine,\n"
            "so the phone will warn once: accept it, and the camera works."
        )
    console.print("Ctrl-C closes the store.", style="dim")
