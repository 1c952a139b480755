"""Fixtures: a store's database, empty but for its tables, on each kind of database that we promise."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.database import Database, open_engine
from unqueue.server.tables import metadata

OPENING = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # a Monday, nine in the morning in Shanghai


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("fresh_postgresql_url")
        return url
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def database_url(empty_database_url: str) -> str:
    """The URL of a database that has all tables."""
    engine = open_engine(empty_database_url)
    metadata.create_all(engine)
    engine.dispose()
    return empty_database_url


@pytest.fixture
def clock() -> ManualClock:
    """The store's clock; it stands still until a test moves it."""
    return ManualClock(OPENING)


@pytest.fixture
async def database(database_url: str, clock: ManualClock) -> AsyncIterator[Database]:
    """The started database of a store."""
    started = Database(database_url, clock=clock)
    await started.start()
    yield started
    await started.close()


@pytest.fixture
def idle_database(database_url: str, clock: ManualClock) -> Iterator[Database]:
    """A database without its writer, as command lines use it."""
    unstarted = Database(database_url, clock=clock)
    yield unstarted
    unstarted.dispose()
