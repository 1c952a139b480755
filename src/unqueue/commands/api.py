"""``unqueue api``: the HTTP contract as OpenAPI, for those who generate clients."""

import json
import tempfile
from pathlib import Path

import typer

from unqueue.kernel.settings import Server, Settings

app = typer.Typer()


@app.command(short_help="Print the OpenAPI document.")
def api() -> None:
    """Print the OpenAPI document of the merchant server, the same that it serves at /openapi.json."""
    from unqueue.server.app import MerchantServer, routed

    with tempfile.TemporaryDirectory() as directory:
        routes = routed(MerchantServer(Settings(server=Server(data_dir=Path(directory)))))
        typer.echo(json.dumps(routes.openapi_schema.to_schema(), ensure_ascii=False, indent=1, sort_keys=True))
