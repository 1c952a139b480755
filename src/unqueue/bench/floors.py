"""The raw floor: the same two writes that a scan makes, one durable transaction each, without anything of ours."""

import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

import msgspec

_TABLES = (
    """CREATE TABLE journal (seq {integer} PRIMARY KEY, at_us {integer}, kind TEXT, stream TEXT, actor TEXT,
    data TEXT, hash {bytes})""",
    """CREATE TABLE trip_actions (trip_id TEXT, action_id TEXT, seq {integer}, body_hash {bytes},
    PRIMARY KEY (trip_id, action_id))""",
)
_SCRIPT = r"""\set trip random(1, 16)
BEGIN;
INSERT INTO journal VALUES (nextval('seq'), 1, 'trip.scanned', 'trip:' || :trip, 'trip:' || :trip, 'DATA',
    decode(repeat('68', 32), 'hex'));
INSERT INTO trip_actions VALUES (:trip, gen_random_uuid(), 1, decode(repeat('62', 16), 'hex'));
COMMIT;
"""
_DATA = '{"type":"added","line":7,"gtin":"06901234567892","quantity":1,"unit_price_minor":1290,"code":"6901234567892"}'


class Floor(msgspec.Struct, frozen=True):
    """Durable two-statement transactions a second, and their latencies in milliseconds."""

    name: str
    clients: int
    per_second: float
    p50_ms: float
    p99_ms: float


def sqlite_floor(directory: Path, seconds: float) -> Floor:
    """One SQLite connection, WAL, ``synchronous=FULL``: BEGIN, two INSERTs, COMMIT, again."""
    path = directory / "floor.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    for table in _TABLES:
        connection.execute(table.format(integer="INTEGER", bytes="BLOB"))
    latencies: list[float] = []
    end = time.perf_counter() + seconds
    seq = 0
    while (begun := time.perf_counter()) < end:
        seq += 1
        trip, action = f"{seq % 16:032x}", f"{seq:032x}"
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?)",
            (seq, seq, "trip.scanned", f"trip:{trip}", f"trip:{trip}", _DATA, b"h" * 32),
        )
        connection.execute("INSERT INTO trip_actions VALUES (?, ?, ?, ?)", (trip, action, seq, b"b" * 16))
        connection.execute("COMMIT")
        latencies.append(time.perf_counter() - begun)
    connection.close()
    path.unlink()
    latencies.sort()
    return Floor("SQLite, one connection", 1, len(latencies) / seconds, *percentiles_ms(latencies))


def pgbench_floor(binaries: Path, url: str, clients: int, seconds: float) -> Floor:
    """``pgbench`` with as many connections as clients, prepared statements, on a server with fsync on.

    ``url`` is a libpq connection string.
    """
    script = _SCRIPT.replace("DATA", _DATA)
    tables = [table.format(integer="BIGINT", bytes="BYTEA") for table in _TABLES]
    old = ["DROP TABLE IF EXISTS journal, trip_actions", "DROP SEQUENCE IF EXISTS seq"]
    _run(binaries, "psql", "-q", "-d", url, "-c", "; ".join([*old, *tables, "CREATE SEQUENCE seq"]))
    with tempfile.NamedTemporaryFile("w", suffix=".sql", delete=False) as file:
        file.write(script)
    threads = str(min(clients, os.cpu_count() or 1))
    log = Path(tempfile.mkdtemp())
    options = ["-n", "-M", "prepared", "-c", str(clients), "-j", threads, "-T", str(max(1, round(seconds)))]
    told = _run(binaries, "pgbench", *options, "-l", f"--log-prefix={log}/t", "-f", file.name, url)
    Path(file.name).unlink()
    latencies = sorted(int(line.split()[2]) / 1e6 for part in log.glob("t.*") for line in part.read_text().splitlines())
    shutil.rmtree(log)
    rate = re.search(r"tps = ([\d.]+)", told)
    assert rate is not None, told
    return Floor("PostgreSQL, pgbench", clients, float(rate[1]), *percentiles_ms(latencies))


def _run(binaries: Path, program: str, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603  # programs of the PostgreSQL installation found above
        [str(binaries / program), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout


def percentiles_ms(sorted_seconds: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile, in milliseconds."""
    if not sorted_seconds:
        return 0.0, 0.0
    last = len(sorted_seconds) - 1
    return sorted_seconds[last // 2] * 1e3, sorted_seconds[round(last * 0.99)] * 1e3
