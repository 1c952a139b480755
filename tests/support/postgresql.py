"""Fixtures: real PostgreSQL servers.

`postgresql_url` (one database for the session), `fresh_postgresql_url` (an empty database for each test) and
`durable_postgresql_url` (a second cluster with fsync on, for tests about durability).
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from unqueue.bench.postgresql import PostgresqlCluster, find_binaries, running_cluster


def _binaries_or_skip() -> Path:
    binaries = find_binaries()
    if binaries is None:
        message = "PostgreSQL is not installed: apt-get install postgresql (make test does it for root)"
        if os.environ.get("CI"):
            pytest.fail(message)  # under CI nothing is skipped
        pytest.skip(message)
    return binaries


@pytest.fixture(scope="session")
def postgresql_cluster() -> Iterator[PostgresqlCluster]:
    """The session's server, quick and forgetful (fsync off)."""
    with running_cluster(_binaries_or_skip()) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def postgresql_url(postgresql_cluster: PostgresqlCluster) -> str:
    """One database that the tests of a session share."""
    return postgresql_cluster.create_database()


@pytest.fixture
def fresh_postgresql_url(postgresql_cluster: PostgresqlCluster) -> Iterator[str]:
    """An empty database for this test alone."""
    url = postgresql_cluster.create_database()
    yield url
    postgresql_cluster.drop_database(url)


@pytest.fixture(scope="session")
def durable_postgresql_cluster() -> Iterator[PostgresqlCluster]:
    """A second server with fsync on: what it acknowledges survives a power cut."""
    with running_cluster(_binaries_or_skip(), durable=True) as cluster:
        yield cluster


@pytest.fixture
def durable_postgresql_url(durable_postgresql_cluster: PostgresqlCluster) -> Iterator[str]:
    """An empty database for this test alone, on the server with fsync on."""
    url = durable_postgresql_cluster.create_database()
    yield url
    durable_postgresql_cluster.drop_database(url)
