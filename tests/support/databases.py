"""Fixtures: a store's database, empty but for its tables, on each kind of database that we promise."""

import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from unqueue.bench.postgresql import PostgresqlCluster
from unqueue.kernel.clock import ManualClock
from unqueue.kernel.database import Database, open_engine
from unqueue.server.tables import metadata

OPENING = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # a Monday, nine in the morning in Shanghai


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """On which kind of database a test runs: one after the other on each."""
    kind: str = request.param
    return kind


@pytest.fixture
def empty_database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if database_kind == "postgresql":
        url: str = request.getfixturevalue("fresh_postgresql_url")
        return url
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables and nothing in them, to be copied: that takes a fraction of making them."""
    file = tmp_path_factory.mktemp("template") / "store.db"
    _make_tables(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgresql_template(postgresql_cluster: PostgresqlCluster) -> str:
    """The same on the session's server: the URL of a database to be copied."""
    url = postgresql_cluster.create_database()
    _make_tables(url)
    return url


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that has all tables."""
    if database_kind == "sqlite":
        yield f"sqlite:///{shutil.copyfile(request.getfixturevalue('sqlite_template'), tmp_path / 'store.db')}"
        return
    cluster: PostgresqlCluster = request.getfixturevalue("postgresql_cluster")
    url = cluster.create_database(like=request.getfixturevalue("postgresql_template"))
    yield url
    cluster.drop_database(url)


def _make_tables(url: str) -> None:
    engine = open_engine(url)
    metadata.create_all(engine)
    engine.dispose()


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
