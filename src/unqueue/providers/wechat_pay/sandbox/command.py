"""The command line of WeChat Pay's sandbox: `unqueue simulate wechat-pay`.

It prints one line of JSON that says where the sandbox is, and runs until it is stopped.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from unqueue.providers.sandbox_kit.command import DEMO_NAMES, Host, LateS, Port, RetryFirstS, public_url_option
from unqueue.providers.sandbox_kit.process import announce
from unqueue.providers.wechat_pay.sandbox import app as wechat_pay_app
from unqueue.providers.wechat_pay.sandbox.options import Options

app = typer.Typer(name="simulate", no_args_is_help=True)


@app.callback()
def _simulate() -> None:
    """Keeps `wechat-pay` a named command when this module runs by itself."""


@app.command("wechat-pay", short_help="WeChat Pay's API v3 with pretended money.")
def wechat_pay(  # noqa: PLR0917  # every argument is an option of the command line
    data_dir: Annotated[Path, typer.Option(help="Where its keys, the store's and its database live.")] = Path(
        ".unqueue/wechat-pay"
    ),
    merchant_id: Annotated[str, typer.Option(help="The store's merchant number (商户号).")] = "1900000109",
    app_id: Annotated[str, typer.Option(help="The store's AppID.")] = "wxd678efh567hg6787",
    name_zh: Annotated[str, typer.Option(help="The store's Chinese name on the cashier page.")] = DEMO_NAMES["name_zh"],
    name_en: Annotated[str, typer.Option(help="Its English name.")] = DEMO_NAMES["name_en"],
    host: Host = "127.0.0.1",
    port: Port = 0,
    public_url: Annotated[str, public_url_option("wechat-pay")] = "",
    late_s: LateS = 30.0,
    retry_first_s: RetryFirstS = 1.0,
    refund_s: Annotated[float, typer.Option(min=0, help="How long a refund is on its way, in seconds.")] = 1.0,
) -> None:
    """WeChat Pay's API v3 with a cashier page, its own books and signed notifications, in a process of its own.

    The first line on standard output is JSON: `account` is what the store's settings need, with the store's new keys in
    the data directory. On the cashier page testers find a folded section that makes things go wrong; `/scan` plays a
    phone that reads a code. Nothing is forgotten when it is stopped and started again with the same data directory.
    """
    options = Options(
        data_dir=data_dir,
        merchant_id=merchant_id,
        app_id=app_id,
        name_zh=name_zh,
        name_en=name_en,
        host=host,
        port=port,
        public_url=public_url.rstrip("/"),
        late_s=late_s,
        retry_first_s=retry_first_s,
        refund_s=refund_s,
    )
    asyncio.run(wechat_pay_app.run(options, announce))


if __name__ == "__main__":
    app()
