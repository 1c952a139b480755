"""The command line of the pretended gateway: `unqueue simulate unionpay`.

It prints one line of JSON that says where the gateway is, and runs until it is stopped.
"""

import asyncio
from datetime import UTC, datetime
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
from unqueue.providers.unionpay.sandbox import app as gateway_app
from unqueue.providers.unionpay.sandbox.authority import Authority
from unqueue.providers.unionpay.sandbox.options import Merchant, Options

_FIELDS = ("ID", "CERTIFICATE_FILE")
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
        merchants_option(
            _FIELDS,
            f"Without one, the merchant {DEMO} gets a certificate: {DEMO}.pfx and {DEMO}.password in the data "
            "directory.",
        ),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 0,
    public_url: Annotated[str, public_url_option("unionpay")] = "",
    late_s: LateS = 30.0,
    refund_s: Annotated[float, typer.Option(min=0, help="How long a refund takes, in seconds.")] = 0.0,
    lag_s: Annotated[
        float, typer.Option(min=0, help="How long a question is answered with “accepted” after the payment.")
    ] = 0.0,
    retry_first_s: RetryFirstS = 1.0,
) -> None:
    """A gateway with a cashier page, its own books and certificates, in a process of its own.

    The first line on standard output is JSON: `url` for the store's settings, and the root and middle certificates,
    with which the store believes it (`options.environment = "test"`). On the cashier page testers find a folded section
    that makes things go wrong. Nothing is forgotten when it is stopped and started again with the same data directory.
    """
    options = Options(
        data_dir=data_dir,
        merchants=merchants_of(merchant, _merchant, lambda: _demo_store(data_dir)),
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
    (merchant_id, path), names = split_merchant(text, _FIELDS)
    merchant = Merchant(merchant_id=merchant_id, certificate_file=Path(path), **names)
    with reading(f"the certificate of {merchant_id}"):
        gateway_app.merchant_keys((merchant,))
    return merchant


def _demo_store(data_dir: Path) -> Merchant:
    certificate_file = Authority(data_dir, datetime.now(UTC)).enrol(DEMO)
    return Merchant(merchant_id=DEMO, certificate_file=certificate_file, **DEMO_NAMES)


if __name__ == "__main__":
    app()
