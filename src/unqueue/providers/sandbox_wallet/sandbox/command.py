"""The command line of the sandbox wallet: `unqueue simulate wallet`.

It prints one line of JSON that says where the wallet is, and runs until it is stopped.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from unqueue.providers.sandbox_kit.command import (
    DEMO_NAMES,
    Host,
    LateS,
    Port,
    RetryFirstS,
    merchants_of,
    merchants_option,
    public_url_option,
    reading,
    split_merchant,
)
from unqueue.providers.sandbox_kit.process import announce
from unqueue.providers.sandbox_wallet import signing
from unqueue.providers.sandbox_wallet.sandbox import app as wallet_app
from unqueue.providers.sandbox_wallet.sandbox.options import Merchant, Options

_FIELDS = ("ID", "PUBLIC_KEY_FILE")

app = typer.Typer(name="simulate", no_args_is_help=True)


@app.callback()
def _simulate() -> None:
    """Keeps `wallet` a named command when this module runs by itself."""


@app.command(short_help="A wallet that takes pretended money.")
def wallet(  # noqa: PLR0917  # every argument is an option of the command line
    data_dir: Annotated[Path, typer.Option(help="Where its keys and its database live.")] = Path(".unqueue/wallet"),
    merchant: Annotated[
        list[str] | None,
        merchants_option(_FIELDS, "Without one, the merchant demo-store gets a new key pair in the data directory."),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 0,
    public_url: Annotated[str, public_url_option("wallet")] = "",
    late_s: LateS = 30.0,
    retry_first_s: RetryFirstS = 1.0,
) -> None:
    """A wallet with a cashier page, its own books and signed notifications, in a process of its own.

    The first line on standard output is JSON: `url` for the store's settings, and `public_key_file`, which the store
    needs to believe it. On the cashier page testers find a folded section that makes things go wrong. Nothing is
    forgotten when it is stopped and started again with the same data directory.
    """
    options = Options(
        data_dir=data_dir,
        merchants=merchants_of(merchant, _merchant, lambda: _demo_store(data_dir)),
        host=host,
        port=port,
        public_url=public_url.rstrip("/"),
        late_s=late_s,
        retry_first_s=retry_first_s,
    )
    asyncio.run(wallet_app.run(options, announce))


def _merchant(text: str) -> Merchant:
    (merchant_id, path), names = split_merchant(text, _FIELDS)
    with reading(f"the public key of {merchant_id}"):
        signing.load_public_key(Path(path))
    return Merchant(merchant_id=merchant_id, public_key_file=Path(path), **names)


def _demo_store(data_dir: Path) -> Merchant:
    _, public_path = signing.ensure_key_pair(data_dir, "demo-store")
    return Merchant(merchant_id="demo-store", public_key_file=public_path, **DEMO_NAMES)


if __name__ == "__main__":
    app()
