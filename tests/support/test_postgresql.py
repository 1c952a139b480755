"""The test server keeps its promises: empty databases, fsync as asked, nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import create_engine, text

_HOLD = """
import sys
from tests.support.postgresql import find_binaries, running_cluster
with running_cluster(find_binaries()) as cluster:
    print(cluster.directory, flush=True)
    sys.stdin.read()
"""


def _ask(url: str, question: str) -> object:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return connection.execute(text(question)).scalar()
    finally:
        engine.dispose()


def test_the_session_shares_a_database_in_utf8(postgresql_url: str) -> None:
    assert _ask(postgresql_url, "SHOW server_encoding") == "UTF8"
    assert _ask(postgresql_url, "SHOW fsync") == "off"


def test_a_fresh_database_is_another_one_and_empty(fresh_postgresql_url: str, postgresql_url: str) -> None:
    assert fresh_postgresql_url != postgresql_url
    assert _ask(fresh_postgresql_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


def test_the_durable_server_syncs(durable_postgresql_url: str) -> None:
    assert _ask(durable_postgresql_url, "SHOW fsync") == "on"
    assert _ask(durable_postgresql_url, "SHOW synchronous_commit") == "on"


def test_the_server_dies_with_a_killed_test_process() -> None:
    root = Path(__file__).parents[2]
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout
    assert holder.stdin
    directory = Path(holder.stdout.readline().strip())
    server = int((directory / "data" / "postmaster.pid").read_text().split()[0])
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    deadline = time.monotonic() + 10
    while _lives(server) and time.monotonic() < deadline:
        time.sleep(0.02)
    alive = _lives(server)
    subprocess.run(["rm", "-rf", directory], check=True)
    assert not alive


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
