"""The command line of the simulated card terminals: `unqueue simulate card-terminal`."""

import asyncio
from pathlib import Path
from typing import Annotated, Literal

import typer

from unqueue.providers.card_terminal_sandbox.process import LOOPBACK, Options

app = typer.Typer(name="simulate", no_args_is_help=True)


@app.callback()
def _simulate() -> None:
    """Keeps `card-terminal` a named command when this module runs by itself."""


@app.command(name="card-terminal", short_help="A card terminal that speaks nexo (Terminal API) or ZVT.")
def card_terminal(  # noqa: PLR0917  # every argument is an option of the command line
    protocol: Annotated[Literal["nexo", "zvt"], typer.Option(help="What it speaks.")] = "nexo",
    data_dir: Annotated[Path, typer.Option(help="Where its books, and its certificate, live.")] = Path(
        ".unqueue/card-terminal"
    ),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = LOOPBACK,
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 takes a free one.")] = 0,
    control_port: Annotated[int, typer.Option(help="TCP port of the physical side on 127.0.0.1; 0: a free one.")] = 0,
    card_number: Annotated[str, typer.Option(help="The number on the cards that are presented.")] = "4111111111111111",
    thinking_s: Annotated[float, typer.Option(min=0, help="How long card and bank take.")] = 0.05,
    timeout_s: Annotated[float, typer.Option(min=0.01, help="How long it waits for a card.")] = 60.0,
    poi_id: Annotated[str, typer.Option(help="nexo: the terminal's POIID.")] = "V400m-324688179",
    passphrase: Annotated[str, typer.Option(help="nexo: of the shared key.")] = "sandbox passphrase",  # noqa: S107  # a sandbox has no secrets
    key_identifier: Annotated[str, typer.Option(help="nexo: the shared key's name.")] = "sandbox",
    password: Annotated[str, typer.Option(help="ZVT: six digits.")] = "000000",  # noqa: S107  # likewise
) -> None:
    """A card terminal with a reader, in a process of its own. No real money moves.

    The first line on standard output is JSON: where the store finds it, and `control_port`, where lines of JSON do
    what shoppers and accidents do: {"present": "chip" | "contactless" | "magnetic_stripe", "outcome": "approve" |
    "decline" | "wrong_pin" | "removed"}, {"press": "stop"}, {"take_away": true}, {"trouble": "lose_reply" | …},
    {"reset": true}, {"get": true}. docs/protocols/card-terminals.md has them all. Its books outlive it.
    """
    options = Options(
        data_dir=data_dir, host=host, port=port, control_port=control_port, card_number=card_number,
        thinking_s=thinking_s, timeout_s=timeout_s,
    )  # fmt: skip
    if protocol == "nexo":
        from unqueue.providers.nexo_terminal.sandbox.server import run as run_nexo  # noqa: PLC0415  # only what is run

        asyncio.run(run_nexo(options, poi_id, passphrase, key_identifier))
    else:
        from unqueue.providers.zvt_terminal.sandbox.server import run as run_zvt  # noqa: PLC0415  # only what is run

        asyncio.run(run_zvt(options, password))


if __name__ == "__main__":
    app()
