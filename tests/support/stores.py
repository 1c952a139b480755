"""A small store with a few known products, and its server as an HTTP client sees it."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.applications import application

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.settings import Catalogue as CatalogueSettings
from unqueue.kernel.settings import Database as DatabaseSettings
from unqueue.kernel.settings import Server, Settings, Store, StoreCode, Weighing
from unqueue.server.app import MerchantServer
from unqueue.server.catalogue.importing import import_products
from unqueue.server.promotions.service import import_rules, load_rules

STOCK = Path(__file__).parent / "stock.csv"
PROMOTIONS = Path(__file__).parent / "promotions.json"

MILK = "6901234567892"
TEA = "6923450657713"
BEER = "4006381333931"
WINE = "9771234567003"
CHEESE = "7622210449283"
RECALLED = "5000112546415"
WITHDRAWN = "8410128800093"
APPLES_512_G = "2200001005129"


class Handset:
    """A shopper's HTTP client; unpacks answers and keeps the trip's token."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.trip = ""

    async def start(self, **body: Any) -> dict[str, Any]:
        opened = await self.call("POST", "/api/trips", body)
        self.trip = opened["id"]
        self.http.headers["Authorization"] = f"Bearer {opened['token']}"
        return opened

    async def call(self, method: str, path: str, body: Any = None, *, status: int | None = None) -> dict[str, Any]:
        """The JSON answer; its status must be ``status``, or any of success."""
        response = await self.http.request(method, path, json=body)
        expected = response.is_success if status is None else response.status_code == status
        assert expected, f"{method} {path}: {response.status_code} {response.text}"
        answer: dict[str, Any] = response.json() if response.content else {}
        return answer

    async def scan(self, code: str, *, status: int = 200, **more: Any) -> dict[str, Any]:
        body = {"id": str(uuid.uuid4()), "code": code, **more}
        return await self.call("POST", f"/api/trips/{self.trip}/scans", body, status=status)

    async def basket(self) -> dict[str, Any]:
        return await self.call("GET", f"/api/trips/{self.trip}")

    async def submit(self, *, status: int = 201) -> dict[str, Any]:
        return await self.call("POST", f"/api/trips/{self.trip}/order", status=status)


def settings_for(database_url: str, directory: Path) -> Settings:
    return Settings(
        store=Store(id="test-store", public_url="https://store.example"),
        database=DatabaseSettings(url=database_url),
        server=Server(data_dir=directory),
        weighing=Weighing(learns=False),
        catalogue=CatalogueSettings(store_codes=[StoreCode(name="weight", template="22=21 IIIII WW.WWW C")]),
    )


@pytest.fixture
async def store(database_url: str, tmp_path: Path, clock: ManualClock) -> AsyncIterator[MerchantServer]:
    """A started store with the products of ``stock.csv`` and two promotions."""
    server = MerchantServer(settings_for(database_url, tmp_path / "data"), clock=clock)
    import_products(server.database, STOCK, currency="CNY", actor="test")
    import_rules(server.database, load_rules(PROMOTIONS), actor="test")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def http(store: MerchantServer) -> AsyncIterator[httpx.AsyncClient]:
    """The store's HTTP interface, without a network."""
    transport = httpx.ASGITransport(application(store))
    async with httpx.AsyncClient(transport=transport, base_url="https://store.example") as client:
        yield client


@pytest.fixture
async def handset(store: MerchantServer) -> AsyncIterator[Handset]:
    """A shopper who has just taken a handset."""
    transport = httpx.ASGITransport(application(store))
    async with httpx.AsyncClient(transport=transport, base_url="https://store.example") as client:
        one = Handset(client)
        await one.start()
        yield one


@asynccontextmanager
async def reopen(store: MerchantServer) -> AsyncIterator[tuple[httpx.AsyncClient, MerchantServer]]:
    """The same store after its server was started anew: nothing is left of its memory."""
    other = MerchantServer(store.settings, clock=store.database.clock)
    await other.start()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(application(other)), base_url="https://store.example"
    ) as client:
        yield client, other
    await other.stop()


@pytest.fixture
def raise_price(store: MerchantServer, tmp_path: Path) -> Callable[[str, str], Awaitable[None]]:
    """Give a product another price, as an import by another process does."""

    async def change(code: str, price: str) -> None:
        file = tmp_path / "price.csv"
        file.write_text(f"gtin,unit_price\n{code},{price}\n")
        import_products(store.database, file, currency="CNY", actor="test")
        store.catalogue._checked_at = float("-inf")  # it looks once a second by the wall; the test does not wait

    return change
