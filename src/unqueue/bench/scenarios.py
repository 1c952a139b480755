"""What is measured: a server of its own for each store, loads on it, and the floor between the rounds."""

import contextlib
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from unqueue.bench.floors import Floor, pgbench_floor, sqlite_floor
from unqueue.bench.load import Load, scan_load
from unqueue.bench.paying import payments_beside_floor
from unqueue.bench.stock import codes_of, write_products, write_promotions
from unqueue.kernel.database import Database
from unqueue.kernel.settings import load_settings
from unqueue.server.catalogue.importing import import_products
from unqueue.server.promotions.service import import_rules, load_rules
from unqueue.server.setup import migrate_database
from unqueue.twin.ports import free_port

CODES_MAX = 20_000
STORE_PRODUCTS = 30_000
STORE_PROMOTIONS = 1_000
CLIENTS = (1, 8, 16, 64)
COMPARED_CLIENTS = 16
PAYING_CLIENTS = (1, 8, 16)
PAYMENTS_A_SECOND = 250  # about what a small machine settles: how many orders fill the length of a measurement


class Figure(msgspec.Struct, frozen=True):
    """A row of a table."""

    columns: tuple[str, ...]
    cells: tuple[str, ...]


class Bench:
    """One run of all measurements, in a directory of its own."""

    def __init__(self, directory: Path | None, *, seconds: float, rounds: int, tell: Callable[[str], None]) -> None:
        self._seconds = seconds
        self._rounds = rounds
        self._tell = tell
        self._stack = contextlib.ExitStack()
        self._directory = directory
        self._floor_per_second = 0.0

    def __enter__(self) -> Self:
        if self._directory is None:
            # Not in /tmp, which may live in memory: durability must cost what it costs.
            temporary = tempfile.TemporaryDirectory(prefix=".unqueue-bench-", dir=Path.cwd())
            self._directory = Path(self._stack.enter_context(temporary))
        self._directory.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def directory(self) -> Path:
        assert self._directory is not None, "enter first"
        return self._directory

    def floors(self) -> list[Figure]:
        """SQLite's floor, and PostgreSQL's where it is installed."""
        floors = [_median_floor([sqlite_floor(self.directory, self._seconds) for _ in range(self._rounds)])]
        self._floor_per_second = floors[0].per_second
        floors += self._postgresql_floors()
        columns = ("", "clients", "a second", "p50 ms", "p99 ms")
        return [
            Figure(columns, (floor.name, str(floor.clients), *_numbers(floor.per_second, floor.p50_ms, floor.p99_ms)))
            for floor in floors
        ]

    def _postgresql_floors(self) -> list[Floor]:
        try:
            from unqueue.bench.postgresql import find_binaries, running_cluster  # noqa: PLC0415  # psycopg is optional
        except ImportError:
            self._tell("psycopg is not installed (pip install 'unqueue[postgresql]'): no floor of PostgreSQL.")
            return []
        binaries = find_binaries()
        if binaries is None:
            self._tell("PostgreSQL is not installed (apt-get install postgresql): its floor is left out.")
            return []
        floors = []
        with running_cluster(binaries, durable=True) as cluster:
            for clients in CLIENTS:
                url = cluster.connection_string()
                measured = [pgbench_floor(binaries, url, clients, self._seconds) for _ in range(self._rounds)]
                floors.append(_median_floor(measured))
        return floors

    def clients(self) -> list[Figure]:
        """Scans with more and more clients, each beside a floor of the same minute."""
        columns = ("clients", "scans a second", "p50 ms", "p99 ms", "of the floor")
        figures = []
        with self._store(STORE_PRODUCTS, STORE_PROMOTIONS) as (port, codes):
            for clients in CLIENTS:
                loads, floors = [], []
                for number in range(self._rounds):
                    floors.append(sqlite_floor(self.directory, max(0.5, self._seconds / 4)).per_second)
                    loads.append(scan_load(port, codes, clients=clients, seconds=self._seconds, seed=number))
                load, floor = _median_load(loads), statistics.median(floors)
                ratio = f"{load.per_second / floor:.2f}"
                numbers = _numbers(load.per_second, load.p50_ms, load.p99_ms)
                figures.append(Figure(columns, (str(clients), *numbers, ratio)))
        return figures

    def payments(self) -> list[Figure]:
        """Payments settled by ever more clients, each beside the raw floor of the same ledger rows in the same run."""
        columns = ("clients", "a second", "p50 ms", "p99 ms", "floor a second", "p50 ms", "p99 ms", "of the floor")
        count = max(20, round(self._seconds * PAYMENTS_A_SECOND))
        figures = []
        for clients in PAYING_CLIENTS:
            runs = [
                payments_beside_floor(self.directory / "payments", clients=clients, count=count)
                for _ in range(self._rounds)
            ]
            paid = sorted(runs, key=lambda run: run.per_second / run.floor.per_second)[len(runs) // 2]
            ours = _numbers(paid.per_second, paid.p50_ms, paid.p99_ms)
            floor = _numbers(paid.floor.per_second, paid.floor.p50_ms, paid.floor.p99_ms)
            ratio = f"{paid.per_second / paid.floor.per_second:.2f}"
            figures.append(Figure(columns, (str(clients), *ours, *floor, ratio)))
        return figures

    def catalogues(self, products_max: int) -> list[Figure]:
        """The same load on small and large catalogues, round by round in turn."""
        sizes = [size for size in (1_000, 30_000, 1_000_000) if size <= products_max]
        return self._grown("products", [(size, STORE_PROMOTIONS) for size in sizes], sizes)

    def promotions(self) -> list[Figure]:
        """The same load with few and with many active promotions."""
        counts = [10, 1_000, 10_000]
        return self._grown("promotions", [(STORE_PRODUCTS, count) for count in counts], counts)

    def baskets(self) -> list[Figure]:
        """The same load on baskets that hold ever more lines."""
        sizes = (1, 40, 200)
        with self._store(STORE_PRODUCTS, STORE_PROMOTIONS) as (port, codes):
            loads: list[list[Load]] = [[] for _ in sizes]
            for number in range(self._rounds):
                for lines, measured in zip(sizes, loads, strict=True):
                    measured.append(self._load(port, codes, number, lines=lines))
        return _growth("lines", sizes, [_median_load(measured) for measured in loads])

    def _grown(self, what: str, stores: Sequence[tuple[int, int]], sizes: Sequence[int]) -> list[Figure]:
        with contextlib.ExitStack() as stack:
            places = [stack.enter_context(self._store(*store)) for store in stores]
            loads: list[list[Load]] = [[] for _ in stores]
            for number in range(self._rounds):
                for (port, codes), measured in zip(places, loads, strict=True):
                    measured.append(self._load(port, codes, number))
        return _growth(what, sizes, [_median_load(measured) for measured in loads])

    def _load(self, port: int, codes: Sequence[str], seed: int, lines: int = 0) -> Load:
        return scan_load(
            port,
            codes,
            clients=COMPARED_CLIENTS,
            seconds=self._seconds,
            lines=lines,
            scans_per_trip=20 if not lines else 200,
            seed=seed,
        )

    @contextlib.contextmanager
    def _store(self, products: int, promotions: int) -> Iterator[tuple[int, list[str]]]:
        """A store with so many products and active promotions, its server running; its port and some codes."""
        directory = self.directory / f"store-{products}-{promotions}"
        settings_file, port = directory / "unqueue.toml", free_port()
        directory.mkdir(exist_ok=True)
        settings_file.write_text(f"[server]\nport = {port}\ndata_dir = '.'\n", encoding="utf-8")
        if not (directory / "unqueue.db").exists():
            self._tell(f"{products:,} products, {promotions:,} promotions …")
            url = load_settings(settings_file, {}).database_url
            migrate_database(url)
            database = Database(url)
            write_products(directory / "products.csv", products)
            import_products(database, directory / "products.csv", currency="CNY", actor="bench")
            write_promotions(directory / "promotions.json", promotions, products)
            import_rules(database, load_rules(directory / "promotions.json"), actor="bench")
            database.dispose()
        with _serving(settings_file, port):
            yield port, random.Random(1).sample(codes_of(products), min(products, CODES_MAX))  # noqa: S311


@contextlib.contextmanager
def _serving(settings_file: Path, port: int) -> Iterator[None]:
    server = subprocess.Popen(  # noqa: S603  # our own interpreter
        [sys.executable, "-m", "unqueue", "serve", "--settings", str(settings_file)], stdout=subprocess.DEVNULL
    )
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health"):
                break
            time.sleep(0.1)
        yield
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)


def _growth(what: str, sizes: Sequence[int], loads: Sequence[Load]) -> list[Figure]:
    columns = (what, "scans a second", "p50 ms", "p99 ms", "p50 to the smallest")
    return [
        Figure(
            columns,
            (
                f"{size:,}",
                *_numbers(load.per_second, load.p50_ms, load.p99_ms),
                f"{load.p50_ms / loads[0].p50_ms:.2f}",
            ),
        )
        for size, load in zip(sizes, loads, strict=True)
    ]


def _numbers(per_second: float, p50_ms: float, p99_ms: float) -> tuple[str, str, str]:
    return f"{per_second:,.0f}", f"{p50_ms:.2f}", f"{p99_ms:.2f}"


def _median_floor(floors: Sequence[Floor]) -> Floor:
    return sorted(floors, key=lambda floor: floor.per_second)[len(floors) // 2]


def _median_load(loads: Sequence[Load]) -> Load:
    return sorted(loads, key=lambda load: load.per_second)[len(loads) // 2]
