"""``unqueue simulate``: devices, wallets and banks, simulated, each in a process of its own."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from unqueue.devices.simulators.command import app as devices

SANDBOXES: Mapping[str, str] = {
    "alipay": "unqueue.providers.alipay.sandbox.command",
    "card-terminal": "unqueue.providers.card_terminal_sandbox.command",
    "head-office": "unqueue.providers.oidc.sandbox.command",
    "sms": "unqueue.providers.sms.sandbox.command",
    "unionpay": "unqueue.providers.unionpay.sandbox.command",
    "wallet": "unqueue.providers.sandbox_wallet.sandbox.command",
    "wechat-pay": "unqueue.providers.wechat_pay.sandbox.command",
}
"""The providers' commands, and the module of each."""


class _Simulators(TyperGroup):
    """The devices' commands, and the providers', which are web servers: only who runs one pays for loading it."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*_devices().list_commands(ctx), *SANDBOXES]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in SANDBOXES:
            return _devices().get_command(ctx, cmd_name)
        group: Any = get_command(import_module(SANDBOXES[cmd_name]).app)
        return group.get_command(ctx, cmd_name)


def _devices() -> Any:
    return get_command(devices)


app = typer.Typer(name="simulate", cls=_Simulators, no_args_is_help=True, help=devices.info.help)


@app.callback()
def _simulate() -> None:
    """Keeps `simulate` a group of commands, whatever their number."""
