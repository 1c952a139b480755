"""The composition root of the merchant server: the one place that knows every capability."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from litestar import Litestar, Request, get
from litestar.datastructures import CacheControlHeader, State
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.response import File, Redirect
from litestar.router import Router
from litestar.static_files import create_static_files_router
from sqlalchemy import Connection

from unqueue import __version__
from unqueue.kernel.clock import Clock
from unqueue.kernel.database import Database
from unqueue.kernel.settings import Settings
from unqueue.server import events
from unqueue.server.access import Access, Principal
from unqueue.server.catalogue import routes as catalogue_routes
from unqueue.server.catalogue.service import Catalogue
from unqueue.server.keys import secret_file
from unqueue.server.orders import routes as orders_routes
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.service import Orders
from unqueue.server.problems import EXCEPTION_HANDLERS
from unqueue.server.promotions.service import Promotions
from unqueue.server.trips import routes as trips_routes
from unqueue.server.trips import store as trips_store
from unqueue.server.trips.service import Trips

WEB = Path(__file__).parent.parent / "web_dist"
BODY_BYTES_MAX = 1_000_000


class MerchantServer:
    """Everything of one store's server, made from its settings and wired together."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self.settings = settings
        self.database = Database(settings.database_url, clock=clock)
        self.access = Access(self.database)
        self.access.register("trip", _trip_principal)
        self.access.register("order", _order_principal)
        self.hub = events.Hub(self.database)
        self.catalogue = Catalogue(self.database, settings)
        self.promotions = Promotions(self.database)
        self.trips = Trips(
            self.database,
            self.catalogue,
            self.promotions,
            currency=settings.store.currency,
            time_zone=settings.store.time_zone,
        )
        self.orders = Orders(
            self.database,
            self.trips,
            public_url=settings.store.public_url,
            token_key=secret_file(settings.server.data_dir / "keys" / "order-token.key"),
            payments_of=lambda _connection, _order: [],
            open_payment=lambda _connection, _order: None,
        )

    async def start(self) -> None:
        await self.database.start()

    async def stop(self) -> None:
        self.hub.close()
        await self.database.close()

    def handlers(self) -> list[HTTPRouteHandler]:
        return [
            *trips_routes.routes(self.trips),
            *orders_routes.routes(self.orders, self.trips, self.access),
            *catalogue_routes.routes(self.catalogue),
            *events.routes(self.hub, self.access),
            health,
            openapi,
        ]


@get("/api/health", tags=["operations"])
async def health() -> dict[str, str]:
    """Answers when the server is up."""
    return {"status": "ok", "version": __version__}


@get("/openapi.json", include_in_schema=False, sync_to_thread=False)
def openapi(request: Request[Any, Any, State]) -> dict[str, Any]:
    """The contract in the form that machines read (OpenAPI 3.1)."""
    return request.app.openapi_schema.to_schema()


def create_app(settings: Settings, *, clock: Clock | None = None) -> Litestar:
    """The ASGI application of one store."""
    return application(MerchantServer(settings, clock=clock))


def application(server: MerchantServer) -> Litestar:
    """The ASGI application of a server that was put together; it starts and stops with it."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await server.start()
        try:
            yield
        finally:
            await server.stop()

    return Litestar(
        route_handlers=[*server.handlers(), *screens()],
        lifespan=[lifespan],
        exception_handlers=EXCEPTION_HANDLERS,
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=OpenAPIConfig(
            title="Unqueue", version=__version__, path="/api/schema", render_plugins=[JsonRenderPlugin()]
        ),
        logging_config=None,
    )


def screens() -> Sequence[HTTPRouteHandler | Router]:
    """The built web screens: handset, console, and the pay page under every order's address."""
    if not WEB.exists():
        return [home]
    shop = WEB / "shop" / "index.html"

    @get("/o/{token:str}", include_in_schema=False, sync_to_thread=False)
    def pay_page(token: str) -> File:  # noqa: ARG001  # the page itself reads it from its address
        return File(shop, media_type="text/html; charset=utf-8", content_disposition_type="inline", headers=_PRIVATE)

    return [
        home,
        pay_page,
        *(_screen(name) for name in ("handset", "console", "shop") if (WEB / name).exists()),
    ]


@get("/", include_in_schema=False, sync_to_thread=False)
def home() -> Redirect:
    return Redirect("/handset/")


def _screen(name: str) -> Router:
    return create_static_files_router(
        path=f"/{name}",
        directories=[WEB / name],
        html_mode=True,
        include_in_schema=False,
        cache_control=CacheControlHeader(no_cache=True),  # always asked again; unchanged files answer 304
    )


# The order's token is in the address: nobody may learn it from a referrer or a cache.
_PRIVATE = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


def _trip_principal(connection: Connection, token_hash: str) -> Principal | None:
    row = trips_store.by_token(connection, token_hash)
    return Principal("trip", row.trip_id) if row is not None else None


def _order_principal(connection: Connection, token_hash: str) -> Principal | None:
    order = orders_store.by_token(connection, token_hash)
    return Principal("order", order.order_id) if order is not None else None
