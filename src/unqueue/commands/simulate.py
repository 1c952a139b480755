"""``unqueue simulate``: devices and the wallet, simulated, each in a process of its own."""

from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from unqueue.devices.simulators.command import app as devices

WALLET = "wallet"


class _Simulators(TyperGroup):
    """The devices' commands, and the wallet's, which is a web server: only who runs the wallet pays for loading it."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*_devices().list_commands(ctx), WALLET]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name != WALLET:
            return _devices().get_command(ctx, cmd_name)
        from unqueue.providers.sandbox_wallet.sandbox.command import app as wallet

        group: Any = get_command(wallet)
        return group.get_command(ctx, WALLET)


def _devices() -> Any:
    return get_command(devices)


app = typer.Typer(name="simulate", cls=_Simulators, no_args_is_help=True, help=devices.info.help)


@app.callback()
def _simulate() -> None:
    """Keeps `simulate` a group of commands, whatever their number."""
