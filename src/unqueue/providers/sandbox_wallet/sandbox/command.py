"""The command line of the sandbox wallet: `unqueue simulate wallet`.

It prints one line of JSON that says where the wallet is, and runs until it is stopped.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from unqueue.providers.sandbox_kit.process import announce
from unqueue.providers.sandbox_wallet import signing
from unqueue.providers.sandbox_wallet.sandbox import app as wallet_app
from unqueue.providers.sandbox_wallet.sandbox.options import Merchant, Options

app = typer.Typer(name="simulate", no_args_is_help=True)


@app.callback()
def _simulate() -> None:
    """Keeps `wallet` a named command when this module runs by itself."""


@app.command(short_help="A wallet that takes pretended money.")
def wallet(  # noqa: PLR0917  # every argument is an option of the command line
    data_dir: Annotated[Path, typer.Option(help="Where its keys and its database live.")] = Path(".unqueue/wallet"),
    merchant: Annotated[
        list[str] | None,
        typer.Option(
            help="A store with an account: ID,PUBLIC_KEY_FILE[,CHINESE NAME,ENGLISH NAME]. May be given again. "
            "Without one, the merchant demo-store gets a new key pair in the data directory.",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 takes a free one.")] = 0,
    public_url: Annotated[
        str, typer.Option(help="Where browsers reach it, with the front door's prefix, such as https://host/wallet.")
    ] = "",
    late_s: Annotated[float, typer.Option(min=0, help="How late a late notification comes, in seconds.")] = 30.0,
    retry_first_s: Annotated[
        float, typer.Option(min=0.01, help="First pause before a notification is sent again; doubles up to an hour.")
    ] = 1.0,
) -> None:
    """A wallet with a cashier page, its own books and signed notifications, in a process of its own.

    The first line on standard output is JSON: `url` for the store's settings, and `public_key_file`, which the store
    needs to believe it. On the cashier page testers find a folded section that makes things go wrong. Nothing is
    forgotten when it is stopped and started again with the same data directory.
    """
    options = Options(
        data_dir=data_dir,
        merchants=tuple(map(_merchant, merchant)) if merchant else (_demo_store(data_dir),),
        host=host,
        port=port,
        public_url=public_url.rstrip("/"),
        late_s=late_s,
        retry_first_s=retry_first_s,
    )
    asyncio.run(wallet_app.run(options, announce))


def _merchant(text: str) -> Merchant:
    merchant_id, _, rest = text.partition(",")
    path, *names = rest.split(",")
    if not merchant_id or not path or len(names) not in {0, 2}:
        raise typer.BadParameter(f"write --merchant as ID,PUBLIC_KEY_FILE[,CHINESE NAME,ENGLISH NAME], not {text!r}")
    try:
        signing.load_public_key(Path(path))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"the public key of {merchant_id} can't be read: {error}") from error
    if not names:
        return Merchant(merchant_id=merchant_id, public_key_file=Path(path))
    return Merchant(merchant_id=merchant_id, public_key_file=Path(path), name_zh=names[0], name_en=names[1])


def _demo_store(data_dir: Path) -> Merchant:
    _, public_path = signing.ensure_key_pair(data_dir, "demo-store")
    return Merchant(
        merchant_id="demo-store", public_key_file=public_path, name_zh="不排队超市", name_en="Unqueue Store"
    )


if __name__ == "__main__":
    app()
