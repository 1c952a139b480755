"""A real PostgreSQL server for measurements and tests: a cluster in a temporary directory, over a Unix socket.

PostgreSQL refuses to run as root, so for root the server runs as Debian's `postgres` user. Nothing listens on the
network, and the server dies with the process that started it, even when that is killed.
"""

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

_SUPERUSER = "unqueue"
_UNPRIVILEGED = "postgres"
_SHORT = Path("/tmp")  # noqa: S108  # mkdtemp makes a directory of its own there
_START_SECONDS_MAX = 30.0
_STOP_SECONDS_MAX = 20.0
_INITDB_OPTIONS = ["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
# A test database is thrown away, so surviving a power cut is not worth the time, except where that is the question.
_FORGETFUL = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]


@dataclass(frozen=True)
class PostgresqlCluster:
    """A running server. `directory` holds its socket; `create_database` gives SQLAlchemy URLs (driver psycopg)."""

    directory: Path
    binaries: Path
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://{_SUPERUSER}@/{database}?host={self.directory}"

    def create_database(self, like: str | None = None) -> str:
        """A new empty database, or a copy of the one at the URL ``like``, which nobody may be connected to; its URL for
        `sqlalchemy.create_engine`.
        """
        name = f"unqueue_{next(self._numbers)}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE {_name(like) if like else 'template0'}")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop a database made by `create_database`, cutting off whoever is still connected."""
        self._administer(f"DROP DATABASE IF EXISTS {_name(url)} WITH (FORCE)")

    def connection_string(self, database: str = "postgres") -> str:
        """For libpq's own programs: psql, pgbench."""
        return f"host={self.directory} user={_SUPERUSER} dbname={database}"

    def _administer(self, statement: str) -> None:
        with psycopg.connect(self.connection_string(), autocommit=True) as connection:
            connection.execute(statement.encode())


def _name(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


def find_binaries() -> Path | None:
    """The directory that holds `initdb` and `postgres`: the newest of Debian's, else that of the PATH."""
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(versions, key=lambda path: int(path.parts[-3]), default=None)
    found = newest or (Path(which) if (which := shutil.which("initdb")) else None)
    return found.resolve().parent if found else None


@contextmanager
def running_cluster(binaries: Path, *, durable: bool = False) -> Iterator[PostgresqlCluster]:
    """Start a cluster; at the end stop it and remove its files. `durable=True` keeps PostgreSQL's fsync defaults."""
    # The path of a Unix socket may have 107 bytes at most, and others must be able to walk to it: so /tmp.
    directory = Path(tempfile.mkdtemp(prefix="unqueue-pg-", dir=_SHORT if _SHORT.is_dir() else None))
    try:
        if os.geteuid() == 0:
            shutil.chown(directory, _UNPRIVILEGED, _UNPRIVILEGED)
        data = directory / "data"
        initdb: list[str | Path] = [binaries / "initdb", "-D", data, "-U", _SUPERUSER, *_INITDB_OPTIONS]
        log = directory / "log"
        with log.open("wb") as output:
            made = subprocess.run(  # noqa: S603  # programs of the PostgreSQL installation
                _unprivileged(initdb), stdout=output, stderr=output, cwd="/", check=False
            )
            if made.returncode != 0:
                raise RuntimeError(f"initdb failed:\n{log.read_text()}")
            command: list[str | Path] = [binaries / "postgres", "-D", data, "-k", directory, "-c", "listen_addresses="]
            server = subprocess.Popen(  # noqa: S603  # likewise
                _unprivileged([*command, *([] if durable else _FORGETFUL)]), stdout=output, stderr=output, cwd="/"
            )
        try:
            cluster = PostgresqlCluster(directory, binaries)
            _wait_until_ready(server, cluster, log)
            yield cluster
        finally:
            _stop(server)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _unprivileged(command: list[str | Path]) -> list[str]:
    words = [str(word) for word in command]
    if not (setpriv := shutil.which("setpriv")):  # only Linux has it; elsewhere nobody tests as root
        return words
    who = ["--reuid", _UNPRIVILEGED, "--regid", _UNPRIVILEGED, "--init-groups"] if os.geteuid() == 0 else []
    return [setpriv, *who, "--pdeathsig", "INT", *words]


def _wait_until_ready(server: "subprocess.Popen[bytes]", cluster: PostgresqlCluster, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS_MAX
    while True:
        try:
            psycopg.connect(cluster.connection_string()).close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}") from None
            time.sleep(0.02)
        else:
            return


def _stop(server: "subprocess.Popen[bytes]") -> None:
    server.send_signal(signal.SIGINT)  # "fast shutdown": connections are cut, data files closed
    try:
        server.wait(_STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
