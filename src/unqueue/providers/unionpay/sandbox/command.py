"""The command line of the pretended gateway: `unqueue simulate unionpay`.

It prints one line of JSON that says where the gateway is, and runs until it is stopped.
"""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from unqueue.providers.sandbox_kit.process import announce
from unqueue.providers.unionpay.sandbox import app as gateway_app
from unqueue.providers.unionpay.sandbox.authority import Authority
from unqueue.providers.unionpay.sandbox.options import Merchant, Options

DEMO = "777000000000001"

app = typer.Typer(name="simulate", no_args_is_help=True)


@app.callback()
def _simulate() -> None:
    """Keeps `unionpay` a named command when this module runs by itself."""


@app.command(short_help="UnionPay's gateway, with pretended money.")
def unionpay(  # noqa: PLR0917  # every argument is an option of the command line
    data_dir: Annotated[Path, typer.Option(help="Where its certificates and its books live.")] = Path(
        ".unqueue/unionpay"
    ),
    merchant: Annotated[
        list[str] | None,
        typer.Option(
            help="A store with an account: ID,CERTIFICATE_FILE[,CHINESE NAME,ENGLISH NAME]. May be given again. "
            f"Without one, the merchant {DEMO} gets a certificate: {DEMO}.pfx and {DEMO}.password in the data "
            "directory.",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 takes a free one.")] = 0,
    public_url: Annotated[
        str, typer.Option(help="Where browsers reach it, with the front door's prefix, such as https://host/unionpay.")
    ] = "",
    late_s: Annotated[float, typer.Option(min=0, help="How late a late notification comes, in seconds.")] = 30.0,
    refund_s: Annotated[float, typer.Option(min=0, help="How long a refund takes, in seconds.")] = 0.0,
    lag_s: Annotated[
        float, typer.Option(min=0, help="How long a question is answered with “accepted” after the payment.")
    ] = 0.0,
    retry_first_s: Annotated[
        float, typer.Option(min=0.01, help="First pause before a notification is sent again; doubles up to an hour.")
    ] = 1.0,
) -> None:
    """A gateway with a cashier page, its own books and certificates, in a process of its own.

    The first line on standard output is JSON: `url` for the store's settings, and the root and middle certificates,
    with which the store believes it (`options.environment = "test"`). On the cashier page testers find a folded section
    that makes things go wrong. Nothing is forgotten when it is stopped and started again with the same data directory.
    """
    options = Options(
        data_dir=data_dir,
        merchants=tuple(map(_merchant, merchant)) if merchant else (_demo_store(data_dir),),
        host=host,
        port=port,
        public_url=public_url.rstrip("/"),
        late_s=late_s,
        refund_s=refund_s,
        lag_s=lag_s,
        retry_first_s=retry_first_s,
    )
    asyncio.run(gateway_app.run(options, announce))


def _merchant(text: str) -> Merchant:
    merchant_id, _, rest = text.partition(",")
    path, *names = rest.split(",")
    if not merchant_id or not path or len(names) not in {0, 2}:
        raise typer.BadParameter(f"write --merchant as ID,CERTIFICATE_FILE[,CHINESE NAME,ENGLISH NAME], not {text!r}")
    merchant = Merchant(merchant_id=merchant_id, certificate_file=Path(path))
    if names:
        merchant = Merchant(merchant_id=merchant_id, certificate_file=Path(path), name_zh=names[0], name_en=names[1])
    try:
        gateway_app.merchant_keys((merchant,))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"the certificate of {merchant_id} can't be read: {error}") from error
    return merchant


def _demo_store(data_dir: Path) -> Merchant:
    certificate_file = Authority(data_dir, datetime.now(UTC)).enrol(DEMO)
    return Merchant(merchant_id=DEMO, certificate_file=certificate_file, name_zh="不排队超市", name_en="Unqueue Store")


if __name__ == "__main__":
    app()
