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
from unqueue.providers.sandbox_kit.process import announce

app = typer.Typer(name="simulate", no_args_is_help=True)

DEMO_APP, DEMO_SELLER = "2021000000000001", "2088000000000001"


@app.callback()
def _simulate() -> None:
    """Keeps `alipay` a named command when this module runs by itself."""


@app.command(short_help="Alipay's gateway, with pretended money.")
def alipay(  # noqa: PLR0917  # every argument is an option of the command line
    data_dir: Annotated[Path, typer.Option(help="Where its keys and its database live.")] = Path(".unqueue/alipay"),
    merchant: Annotated[
        list[str] | None,
        typer.Option(
            help="A store with an account: APP_ID,SELLER_ID,PUBLIC_KEY_FILE[,CHINESE NAME,ENGLISH NAME]. May be given "
            "again. Without one, a demo store gets a new key pair in the data directory (demo-store.key).",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 takes a free one.")] = 0,
    public_url: Annotated[
        str, typer.Option(help="Where browsers reach it, with the front door's prefix, such as https://host/alipay.")
    ] = "",
    late_s: Annotated[float, typer.Option(min=0, help="How late a late notification comes, in seconds.")] = 30.0,
    retry_first_s: Annotated[
        float, typer.Option(min=0.01, help="First pause before a notification is sent again; doubles up to an hour.")
    ] = 1.0,
) -> None:
    """Alipay's gateway with its signatures, a cashier page, its own books and notifications, in its own process.

    The first line on standard output is JSON: `url` for the store's settings, and `public_key_file`, which the store
    needs to believe it (支付宝公钥). /scan plays the phone that reads a payment code. On the cashier page testers find
    a folded section that makes things go wrong. Nothing is forgotten when it is stopped and started again with the
    same data directory.
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
    asyncio.run(sandbox_app.run(options, announce))


def _merchant(text: str) -> Merchant:
    match text.split(","):
        case [app_id, seller_id, path] if app_id and seller_id and path:
            merchant = Merchant(merchant_id=seller_id, app_id=app_id, public_key_file=Path(path))
        case [app_id, seller_id, path, zh, en] if app_id and seller_id and path:
            merchant = Merchant(
                merchant_id=seller_id, app_id=app_id, public_key_file=Path(path), name_zh=zh, name_en=en
            )
        case _:
            form = "APP_ID,SELLER_ID,PUBLIC_KEY_FILE[,CHINESE NAME,ENGLISH NAME]"
            raise typer.BadParameter(f"write --merchant as {form}, not {text!r}")
    try:
        keys.load_public_key(merchant.public_key_file)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"the public key of {merchant.app_id} can't be read: {error}") from error
    return merchant


def _demo_store(data_dir: Path) -> Merchant:
    _, public_path = keys.ensure_key_pair(data_dir, "demo-store")
    return Merchant(
        merchant_id=DEMO_SELLER,
        app_id=DEMO_APP,
        public_key_file=public_path,
        name_zh="不排队超市",
        name_en="Unqueue Store",
    )


if __name__ == "__main__":
    app()
