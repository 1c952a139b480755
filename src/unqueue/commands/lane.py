"""``unqueue lane``: an exit lane's own process."""

import asyncio

import typer

from unqueue.commands.common import SettingsOption, complaints, settings_or_exit
from unqueue.kernel.settings import SettingsError, lane_of

app = typer.Typer()


@app.command(short_help="Run an exit lane, on the lane's computer.")
def lane(settings: SettingsOption = None) -> None:
    """Run an exit lane: belt, scale, tag deactivator, gate, voice, and the lane's screen.

    Its devices and the server's address are in the settings' [lane] table; `unqueue device add` on the server gives
    its token. Ctrl-C ends it; the gate stays as it is.
    """
    from unqueue.lane.app import run
    from unqueue.lane.book import BookUnusable

    loaded = settings_or_exit(settings)
    try:
        own = lane_of(loaded)
    except SettingsError as error:
        complaints.print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from error
    try:
        asyncio.run(run(loaded, own))
    except BookUnusable as error:
        complaints.print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from error
