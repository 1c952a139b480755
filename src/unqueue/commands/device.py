"""``unqueue device``: the lanes and kiosks that may speak to the server."""

from typing import Annotated, Literal

import msgspec
import typer

from unqueue.commands.common import SettingsOption, console, fail, settings_or_exit
from unqueue.kernel.database import Database
from unqueue.kernel.settings_types import IDENTIFIER_IS, Identifier

app = typer.Typer(no_args_is_help=True, help="Devices that may speak to the server.")


@app.callback()
def _device() -> None:
    """Keeps `device` a group of commands, whatever their number."""


@app.command()
def add(
    device_id: Annotated[str, typer.Argument(metavar="ID", help="Such as lane-1.")],
    name: Annotated[str, typer.Option(help="What people call it.")] = "",
    kind: Annotated[Literal["lane", "kiosk"], typer.Option(help="What it is.")] = "lane",
    settings: SettingsOption = None,
) -> None:
    """Register a lane or kiosk, or give it a new token (its old one ends).

    The token goes into [lane] or [kiosk] of the device's own settings.
    """
    from unqueue.server.fleet.service import register_device
    from unqueue.server.setup import migrate_database

    try:
        msgspec.convert(device_id, Identifier)
    except msgspec.ValidationError:
        fail(f"{device_id!r} can't be a device's id: it must be {IDENTIFIER_IS}, such as lane-1.")
    url = settings_or_exit(settings).database_url
    migrate_database(url)
    token = register_device(Database(url), device_id, kind, name or device_id.rpartition("-")[2])
    console.print(f'[{kind}]\nid = "{device_id}"\ntoken = "{token}"', markup=False, highlight=False)
