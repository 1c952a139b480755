"""A store that learns what its goods weigh."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.lanes import LaneClient, attendant, buy, clients, lane, open_lane
from tests.support.stores import STOCK, settings_for

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.settings import Settings, Weighing
from unqueue.server.app import MerchantServer
from unqueue.server.catalogue.importing import import_products
from unqueue.server.weigh_check import service

__all__ = ["attendant", "buy", "clients", "lane", "open_lane"]


@pytest.fixture(autouse=True)
def opens_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests don't wait for a store's first quiet moment."""
    monkeypatch.setattr(service, "OPEN_AFTER_S", 0.0)


@pytest.fixture
def learning_settings(database_url: str, tmp_path: Path) -> Settings:
    return msgspec.structs.replace(settings_for(database_url, tmp_path / "data"), weighing=Weighing())


@pytest.fixture
async def store(learning_settings: Settings, clock: ManualClock) -> AsyncIterator[MerchantServer]:
    server = MerchantServer(learning_settings, clock=clock)
    import_products(server.database, STOCK, currency="CNY", actor="test")
    await server.start()
    yield server
    await server.stop()


async def expected(lane: LaneClient) -> dict[str, Any]:
    """What the order at the lane should weigh, once the store knows."""
    for _ in range(1_000):
        found = (await lane.exits())[0]["expected"]
        if found is not None:
            return dict(found)
        await asyncio.sleep(0.01)
    raise AssertionError("the weigh check did not open")
