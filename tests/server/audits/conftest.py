"""A store that audits every visit, in full unless a test says otherwise."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.support.lanes import attendant, buy, clients, lane, open_lane
from tests.support.stores import STOCK, settings_for

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.settings import Audits, Settings
from unqueue.server.app import MerchantServer
from unqueue.server.catalogue.importing import import_products

__all__ = ["attendant", "buy", "clients", "lane", "open_lane"]

EVERY_VISIT = Audits(
    rate=1.0,
    rate_max=1.0,
    full_share=1.0,
    new_shopper_factor=1.0,
    labelled_factor=1.0,
    clean_factor=1.0,
    differences_factor=1.0,
    month_max=100,
)


@pytest.fixture
def audits() -> Audits:
    """The store's rules; a test may have its own."""
    return EVERY_VISIT


@pytest.fixture
def audit_settings(database_url: str, tmp_path: Path, audits: Audits) -> Settings:
    return msgspec.structs.replace(settings_for(database_url, tmp_path / "data"), audits=audits)


@pytest.fixture
async def store(audit_settings: Settings, clock: ManualClock) -> AsyncIterator[MerchantServer]:
    server = MerchantServer(audit_settings, clock=clock)
    import_products(server.database, STOCK, currency="CNY", actor="test")
    await server.start()
    yield server
    await server.stop()
