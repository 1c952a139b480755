"""The command line. Each command imports its part of the house only when it is called, so that all start quickly."""

import importlib
import sys
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from unqueue import __version__

# Without this, httpx brings its own command line (and rich's syntax colouring) into every process that we start: 0.16
# instead of 0.09 seconds of processor to import it, in each of the demo's eighteen processes.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None: not to be imported

# name → where its Typer application is. The order is that of `unqueue --help`.
_PARTS = {
    "demo": "unqueue.commands.demo",
    "serve": "unqueue.commands.serve",
    "lane": "unqueue.commands.lane",
    "kiosk": "unqueue.commands.kiosk",
    "simulate": "unqueue.commands.simulate",
    "catalogue": "unqueue.commands.catalogue",
    "promotions": "unqueue.commands.promotions",
    "coupons": "unqueue.commands.coupons",
    "ledger": "unqueue.commands.ledger",
    "settlement": "unqueue.commands.settlement",
    "weighing": "unqueue.commands.weighing",
    "audits": "unqueue.commands.audits",
    "figures": "unqueue.commands.figures",
    "staff": "unqueue.commands.staff",
    "device": "unqueue.commands.device",
    "trolley": "unqueue.commands.trolley",
    "journal": "unqueue.commands.journal",
    "doctor": "unqueue.commands.doctor",
    "bench": "unqueue.commands.bench",
    "api": "unqueue.commands.api",
}


class _Parts(TyperGroup):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # Typer's signature
        return list(_PARTS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in _PARTS:
            return None
        part: Any = importlib.import_module(_PARTS[cmd_name])
        part.app.rich_markup_mode = "markdown"  # else "[server]" in a help text is taken for a colour
        command = get_command(part.app)
        command.name = cmd_name
        return command


app = typer.Typer(cls=_Parts, no_args_is_help=True, rich_markup_mode="markdown", add_completion=False)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"unqueue {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Say the version."),
) -> None:
    """Scan as you shop, pay where you stand, walk out.

    Start with `unqueue demo`: a whole store on this machine. A real one is `unqueue serve` on the store's server and
    `unqueue lane` or `unqueue kiosk` on each lane's or kiosk's computer; `unqueue doctor` says what is wrong and how to
    mend it.
    """


main: Callable[[], Any] = app

if __name__ == "__main__":
    main()
