"""The command line of the head office sandbox: `unqueue simulate head-office`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from unqueue.providers.key_files import write_private
from unqueue.providers.oidc.sandbox import app as head_office_app
from unqueue.providers.oidc.sandbox.options import Options
from unqueue.providers.sandbox_kit.process import announce

app = typer.Typer(name="simulate", no_args_is_help=True)


@app.callback()
def _simulate() -> None:
    """Keeps `head-office` a named command when this module runs by itself."""


@app.command("head-office", short_help="An OpenID provider with four people, for staff sign-in.")
def head_office(  # noqa: PLR0917  # every argument is an option of the command line
    data_dir: Annotated[Path, typer.Option(help="Where its keys are kept.")] = Path(".unqueue/head-office"),
    client_id: Annotated[str, typer.Option(help="The store's.")] = "demo-store",
    redirect_uri: Annotated[
        str, typer.Option(help="Where the browser may go back to: the store's console.")
    ] = "http://localhost:8000/console/",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 takes a free one.")] = 0,
    public_url: Annotated[
        str, typer.Option(help="Its issuer: where browsers and the store reach it, such as https://host/head-office.")
    ] = "",
) -> None:
    """An OpenID provider in a process of its own: pick who you are, without a password.

    The first line on standard output is JSON: `issuer`, `client_id` and `client_secret_file` for `[staff.oidc]`. Its
    ID tokens are signed with a real key; `POST /rotate` makes a new one, and `POST /trouble` with
    `{"next": ["expired", "alg_none"]}` makes the next ones wrong.
    """
    secret_file = data_dir / "client.secret"
    if not secret_file.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        write_private(secret_file, b"demo-secret\n")
    options = Options(
        data_dir=data_dir,
        client_id=client_id,
        client_secret=secret_file.read_text("utf-8").strip(),
        redirect_uri=redirect_uri,
        host=host,
        port=port,
        public_url=public_url.rstrip("/"),
    )
    about = {"client_id": client_id, "client_secret_file": str(secret_file)}
    asyncio.run(head_office_app.run(options, lambda where: announce({**where, **about})))


if __name__ == "__main__":
    app()
