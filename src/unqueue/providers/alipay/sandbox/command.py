"""The command line of Alipay's sandbox: `unqueue simulate alipay`.

It prints one line of JSON that says where the sandbox is, and runs until it is stopped.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from unqueue.providers.alipay import keys
from unqueue.providers.alipay.sandbox import app as sandbox_app
from unqueue.providers.alipay.sandbox.options import Merchant, Options
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

app = typer.Typer(name="simulate", no_args_is_help=True)

_FIELDS = ("APP_ID", "SELLER_ID", "PUBLIC_KEY_FILE")
DEMO_APP, DEMO_SELLER = "2021000000000001", "2088000000000001"


@app.callback()
def _simulate() -> None:
    """Keeps `alipay` a named command when this module runs by itself."""


@app.command(short_help="Alipay's gateway, with pretended money.")
def alipay(  # noqa: PLR0917  # every argument is an option of the command line
    data_dir: Annotated[Path, typer.Option(help="Where its keys and its database live.")] = Path(".unqueue/alipay"),
    merchant: Annotated[
        list[str] | None,
        merchants_option(
            _FIELDS, "Without one, a demo store gets a new key pair in the data directory (demo-store.key)."
        ),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 0,
    public_url: Annotated[str, public_url_option("alipay")] = "",
    late_s: LateS = 30.0,
    retry_first_s: RetryFirstS = 1.0,
) -> None:
    """Alipay's gateway with its signatures, a cashier page, its own books and notifications, in its own process.

    The first line on standard output is JSON: `url` for the store's settings, and `public_key_file`, which the store
    needs to believe it (支付宝公钥). /scan plays the phone that reads a payment code. On the cashier page testers find
    a folded section that makes things go wrong. Nothing is forgotten when it is stopped and started again with the
    same data directory.
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
    asyncio.run(sandbox_app.run(options, announce))


def _merchant(text: str) -> Merchant:
    (app_id, seller_id, path), names = split_merchant(text, _FIELDS)
    with reading(f"the public key of {app_id}"):
        keys.load_public_key(Path(path))
    return Merchant(merchant_id=seller_id, app_id=app_id, public_key_file=Path(path), **names)


def _demo_store(data_dir: Path) -> Merchant:
    _, public_path = keys.ensure_key_pair(data_dir, "demo-store")
    return Merchant(merchant_id=DEMO_SELLER, app_id=DEMO_APP, public_key_file=public_path, **DEMO_NAMES)


if __name__ == "__main__":
    app()
