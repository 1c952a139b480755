"""The command line of the SMS sandbox: `unqueue simulate sms`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from unqueue.providers.sandbox_kit.process import announce
from unqueue.providers.sms.sandbox import app as sms_app
from unqueue.providers.sms.sandbox.options import Options

app = typer.Typer(name="simulate", no_args_is_help=True)


@app.callback()
def _simulate() -> None:
    """Keeps `sms` a named command when this module runs by itself."""


@app.command(short_help="Aliyun, Tencent and Twilio, and a phone that shows the SMS.")
def sms(  # noqa: PLR0917  # every argument is an option of the command line
    data_dir: Annotated[Path, typer.Option(help="Where the messages are kept.")] = Path(".unqueue/sms"),
    account: Annotated[str, typer.Option(help="The store's AccessKey ID, SecretId or Account SID.")] = "demo-account",
    key_file: Annotated[
        Path | None,
        typer.Option(help="Its key, in the first line. Without one, demo.key is made in the data directory."),
    ] = None,
    sign_name: Annotated[str, typer.Option(help="The approved 签名.")] = "不排队超市",
    link_base: Annotated[
        str, typer.Option(help="Where the store's receipts are: the fixed part of the link in the templates.")
    ] = "http://localhost:8000/o/",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 takes a free one.")] = 0,
    public_url: Annotated[
        str, typer.Option(help="Where browsers reach it, with the front door's prefix, such as https://host/sms.")
    ] = "",
) -> None:
    """Three SMS providers at one address, in a process of its own; nothing is sent.

    They check the same signatures as the real ones. The first line on standard output is JSON: `url` for the store's
    settings, and the account's key file. Its page is the phone that got the messages; `GET /messages` has them as JSON,
    and `POST /trouble` with `{"next": ["limit", "lost_answer"]}` makes the next ones go wrong. Templates:
    SMS_RECEIPT_ZH and SMS_RECEIPT_EN (Aliyun), 2000001 and 2000002 (Tencent).
    """
    path = key_file or _demo_key(data_dir)
    options = Options(
        data_dir=data_dir,
        account=account,
        key=path.read_text("utf-8").strip(),
        sign_name=sign_name,
        link_base=link_base,
        host=host,
        port=port,
        public_url=public_url.rstrip("/"),
    )
    about = {"account": account, "key_file": str(path), "sign_name": sign_name, "app_id": options.app_id}
    asyncio.run(sms_app.run(options, lambda where: announce({**where, **about})))


def _demo_key(data_dir: Path) -> Path:
    """A key for trying out: what it guards is a pretended network."""
    path = data_dir / "demo.key"
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        path.write_text("demo-key\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    app()
