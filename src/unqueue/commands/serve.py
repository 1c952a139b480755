"""``unqueue serve``: the merchant server."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
import uvicorn

from unqueue.commands.common import SettingsOption, console, fail, settings_or_exit

app = typer.Typer()


@app.command(short_help="Run the merchant server.")
def serve(
    settings: SettingsOption = None,
    host: Annotated[str | None, typer.Option(help="Listen on this address instead of the settings'.")] = None,
    port: Annotated[int | None, typer.Option(help="Listen on this port instead of the settings'.")] = None,
    migrate: Annotated[bool, typer.Option(help="Bring the database's tables up to date first.")] = True,
) -> None:
    """Run the merchant server: products, trips, orders, payments, exits, and the screens.

    It listens on [server] host and port of the settings, over HTTPS where a certificate is named there. Ctrl-C ends it;
    requests under way are finished.
    """
    from unqueue.server.app import create_app
    from unqueue.server.setup import StoreInUse, migrate_database, only_server

    loaded = settings_or_exit(settings)
    listen = msgspec.structs.replace(
        loaded.server, host=host or loaded.server.host, port=loaded.server.port if port is None else port
    )
    loaded = msgspec.structs.replace(loaded, server=listen)
    Path(loaded.server.data_dir).mkdir(parents=True, exist_ok=True)
    try:
        with only_server(loaded):
            if migrate:
                migrate_database(loaded.database_url)
            secure: dict[str, Any] = {}
            if loaded.server.tls_certificate_file is not None and loaded.server.tls_key_file is not None:
                secure["ssl_certfile"] = str(loaded.server.tls_certificate_file)
                secure["ssl_keyfile"] = str(loaded.server.tls_key_file)
            console.print(
                f"Unqueue listens on http{'s' if secure else ''}://{listen.host}:{listen.port}", highlight=False
            )
            uvicorn.run(
                create_app(loaded),
                host=listen.host,
                port=listen.port,
                access_log=False,
                proxy_headers=False,  # nothing here asks for the client's address: links start with public_url
                log_level="warning",
                timeout_graceful_shutdown=3,
                timeout_keep_alive=75,
                **secure,
            )
    except StoreInUse as error:
        fail(str(error))
