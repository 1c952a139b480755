"""Units of work: one writer, group commit, SQLite or PostgreSQL.

A unit of work is a function of a :class:`Transaction`. The writer thread takes all units that wait, runs them in one
database transaction and answers when it is durable. Where a unit refuses (raises), the whole group is rolled back and
run again with a savepoint around each unit, so that one refusal costs the others nothing but time. A unit may
therefore run twice: it must do nothing but read and write through its transaction.
"""

import asyncio
import logging
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Connection, CursorResult, Dialect, Engine, Executable, create_engine, event, insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from unqueue.kernel import journal
from unqueue.kernel.clock import Clock, SystemClock, micros
from unqueue.kernel.errors import Busy
from unqueue.kernel.journal import Event

_log = logging.getLogger(__name__)
T = TypeVar("T")
Listener = Callable[[list[Event]], None]

GROUP_MAX = 256
BUSY_TIMEOUT_MS = 30_000  # how long a writer waits for another process that writes: an import of 100,000 products
# Threads hand over the interpreter this often. The writer returns from SQLite many times per group; at Python's
# default of 5 ms each return could wait that long for the event loop.
SWITCH_INTERVAL_S = 0.0005
_WRITER_LOCK = 0x756E7175  # PostgreSQL advisory lock: "unqu". One writer at a time, whatever the number of processes.


class Prepared:
    """A Core statement compiled once for each kind of database; values are then given in the order of ``names``.

    >>> from sqlalchemy.dialects import sqlite
    >>> Prepared(insert(journal.followers), "name", "seq").sql(sqlite.dialect())
    'INSERT INTO journal_followers (name, seq) VALUES (?, ?)'
    """

    def __init__(self, statement: Any, *names: str) -> None:
        self._statement = statement
        self._names = names
        self._sql: dict[str, str] = {}

    def sql(self, dialect: Dialect) -> str:
        ready = self._sql.get(dialect.name)
        if ready is None:
            dialect_type: Any = type(dialect)
            positional = dialect_type(paramstyle="qmark" if dialect.name == "sqlite" else "format")
            compiled = self._statement.compile(dialect=positional, column_keys=list(self._names))
            assert tuple(compiled.positiontup) == self._names, f"order is {compiled.positiontup}"
            ready = self._sql[dialect.name] = str(compiled)
        return ready


class Transaction:
    """What a unit of work sees: the connection, and the journal."""

    __slots__ = ("_at_us", "_dialect", "_hash", "_raw", "_seq", "connection", "events")

    def __init__(self, connection: Connection, seq: int, previous: bytes, at_us: int) -> None:
        self.connection = connection
        self.events: list[Event] = []
        self._raw = _raw(connection)
        self._dialect = connection.dialect
        self._seq = seq
        self._hash = previous
        self._at_us = at_us

    @property
    def at_us(self) -> int:
        """The time of this unit: microseconds since 1970 UTC, by the server's clock."""
        return self._at_us

    def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | list[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        return self.connection.execute(statement, parameters)

    def run(self, prepared: "Prepared", *values: Any) -> None:
        """Execute a prepared statement with its values in order, at the driver's own speed: for the hot path.

        Errors are the driver's, not SQLAlchemy's.
        """
        self._raw.execute(prepared.sql(self._dialect), values)

    def record(self, kind: str, stream: str, actor: str, data: Any) -> Event:
        """Append an event to the journal. ``data`` is anything that msgspec writes as a JSON object."""
        self._seq += 1
        happened = Event(self._seq, self._at_us, kind, stream, actor, msgspec.json.encode(data).decode())
        self._hash = journal.chain(self._hash, happened)
        self.run(_INSERT_EVENT, self._seq, self._at_us, kind, stream, actor, happened.data, self._hash)
        self.events.append(happened)
        return happened

    def _mark(self) -> tuple[int, bytes, int]:
        return self._seq, self._hash, len(self.events)

    def _back_to(self, mark: tuple[int, bytes, int]) -> None:
        self._seq, self._hash = mark[:2]
        del self.events[mark[2] :]


class _Unit:
    __slots__ = ("error", "function", "future", "result")

    def __init__(self, function: Callable[[Transaction], Any], future: "asyncio.Future[Any] | None") -> None:
        self.function = function
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None


class _Group(NamedTuple):
    """Units that become durable together. ``events`` are those of units that ran already: only the COMMIT is left."""

    units: list[_Unit]
    events: list[Event] | None


class Database:
    """The store's database: :meth:`unit` writes, :meth:`read` reads, listeners hear what was committed."""

    def __init__(self, url: str, *, clock: Clock | None = None) -> None:
        self.url = url
        self.clock: Clock = clock or SystemClock()
        self.engine = open_engine(url)
        self.is_embedded = self.engine.dialect.name == "sqlite"
        self._waiting: deque[_Unit] = deque()
        self._groups: queue.SimpleQueue[_Group | None] = queue.SimpleQueue()
        self._is_writing = False
        self._at_rest = asyncio.Event()
        self._writer: Connection | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._listeners: list[Listener] = []
        self._reader: Connection | None = None
        self._reads: set[asyncio.Future[Any]] = set()
        self._closed = False

    async def start(self) -> None:
        """Start the writer. Call once, from the loop that will await the units."""
        assert self._thread is None, "the database was started already"
        self._loop = asyncio.get_running_loop()
        if sys.getswitchinterval() > SWITCH_INTERVAL_S:
            sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._thread = threading.Thread(target=self._write, name="unqueue-writer", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Finish the waiting units, then close every connection."""
        self._closed = True
        if self._thread is not None:
            if self._is_writing:
                self._at_rest.clear()
                await self._at_rest.wait()
            self._groups.put(None)
            await asyncio.to_thread(self._thread.join)
        await asyncio.gather(*self._reads, return_exceptions=True)
        self.dispose()

    def dispose(self) -> None:
        """Close every connection of a database whose writer was never started, or has ended."""
        self._drop_writer()
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self.engine.dispose()

    def listen(self, listener: Listener) -> None:
        """Have ``listener`` called on the event loop with each group's events once they are durable."""
        self._listeners.append(listener)

    async def unit(self, function: Callable[[Transaction], T]) -> T:
        """Run one unit of work; answers when it is durable. What ``function`` raises is raised here, undone."""
        assert self._loop is not None, "start() the database first"
        if self._closed:
            raise Busy
        future: asyncio.Future[T] = self._loop.create_future()
        self._enqueue(_Unit(function, future))
        return await future

    def later(self, function: Callable[[Transaction], Any]) -> None:
        """Run a unit of work for which nobody waits: a note that someone looked. Lost only if the process dies."""
        if not self._closed:
            self._enqueue(_Unit(function, None))

    async def read(self, function: Callable[[Connection], T]) -> T:
        """Read what is committed. On the embedded database a point read takes microseconds and waits for nobody, so
        it runs right here; on a database server it runs in a thread.
        """
        if self.is_embedded:
            return self.read_now(function)
        return await self._read_elsewhere(function)

    async def read_long(self, function: Callable[[Connection], T]) -> T:
        """Read much: always in a thread, on a connection of its own."""
        return await self._read_elsewhere(function)

    def read_now(self, function: Callable[[Connection], T]) -> T:
        """Read without an event loop, on this thread's turn: the embedded hot path, command lines, and tests."""
        if self._reader is None:
            self._reader = self.engine.connect()
        return function(self._reader)

    async def _read_elsewhere(self, function: Callable[[Connection], T]) -> T:
        """Read in a thread. Who stops waiting does not stop the thread: :meth:`close` lets it finish first."""
        reading = asyncio.ensure_future(asyncio.to_thread(self._read_in_thread, function))
        self._reads.add(reading)
        reading.add_done_callback(self._reads.discard)
        return await asyncio.shield(reading)

    def _read_in_thread(self, function: Callable[[Connection], T]) -> T:
        with self.engine.connect() as connection:
            return function(connection)

    def write_now(self, function: Callable[[Transaction], T]) -> T:
        """Run one unit of work without a writer thread: command lines and migrations."""
        with self.engine.connect() as connection:
            unit = _Unit(function, None)
            self._run_group(connection, [unit])
            if unit.error is not None:
                raise unit.error
            result: T = unit.result
            return result

    def _enqueue(self, unit: _Unit) -> None:
        assert self._loop is not None, "start() the database first"
        self._waiting.append(unit)
        if not self._is_writing:
            self._is_writing = True
            self._loop.call_soon(self._write_next)  # soon: whoever else is ready now joins the group

    def _write_next(self) -> None:
        """Have all that wait written, as one group. While that goes on, the next group gathers."""
        waiting = self._waiting
        if not waiting:
            self._is_writing = False
            self._at_rest.set()
            return
        units = [waiting.popleft() for _ in range(min(len(waiting), GROUP_MAX))]
        self._groups.put(_Group(units, self._run_here(units) if self.is_embedded else None))

    def _run_here(self, units: list[_Unit]) -> list[Event] | None:
        """Run units on the loop's own turn, all but the COMMIT. None, and nothing done, where that can't be.

        On the embedded database a statement takes microseconds; handing the interpreter to and fro between threads
        for each of them takes longer. What waits, for the disk or for another process, waits in the writer's thread.
        """
        try:
            if self._writer is None:
                self._writer = self.engine.connect()
                _raw(self._writer).execute("PRAGMA busy_timeout=0")
            self._begin(self._writer)
            return self._run_all(self._writer, units)
        except Exception:  # noqa: BLE001  # a lock, a refusal, a broken disk: the thread tries again, and tells
            self._roll_back_or_drop()
            return None

    def _roll_back_or_drop(self) -> None:
        if self._writer is None:
            return
        try:
            self._roll_back(self._writer)
        except Exception:  # noqa: BLE001  # then this connection is of no more use
            self._drop_writer()

    def _roll_back(self, connection: Connection) -> None:
        """Undo what was begun. A full disk has SQLite end the transaction by itself."""
        raw = _raw(connection)
        if not self.is_embedded or raw.in_transaction:
            raw.execute("ROLLBACK")

    def _write(self) -> None:
        while (group := self._groups.get()) is not None:
            events: list[Event] = []
            try:
                events = self._finish(group)
            except Exception as error:  # noqa: BLE001  # whatever the database says, every waiting caller must hear it
                self._drop_writer()
                for unit in group.units:
                    unit.error = error
            self._answer(group.units, events)

    def _finish(self, group: _Group) -> list[Event]:
        if self._writer is None or self._writer.closed:
            self._writer = self.engine.connect()
        if group.events is not None:
            _raw(self._writer).execute("COMMIT")
            return group.events
        if not self.is_embedded:
            return self._run_group(self._writer, group.units)
        raw = _raw(self._writer)
        raw.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        self._begin(self._writer)
        events = self._run_each(self._writer, group.units)  # whatever failed on the loop comes out here
        raw.execute("COMMIT")
        raw.execute("PRAGMA busy_timeout=0")
        return events

    def _drop_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.invalidate()
            writer.close()

    def _run_group(self, connection: Connection, units: list[_Unit]) -> list[Event]:
        self._begin(connection)
        try:
            events = self._run_all(connection, units)
        except Exception:  # noqa: BLE001  # which unit it was, and what it means, comes out in the second run
            self._roll_back(connection)
            self._begin(connection)
            events = self._run_each(connection, units)
        _raw(connection).execute("COMMIT")
        return events

    def _run_all(self, connection: Connection, units: list[_Unit]) -> list[Event]:
        transaction = self._transaction(connection)
        for unit in units:
            unit.result = unit.function(transaction)
        return transaction.events

    def _run_each(self, connection: Connection, units: list[_Unit]) -> list[Event]:
        transaction = self._transaction(connection)
        raw = _raw(connection)
        for unit in units:
            mark = transaction._mark()  # noqa: SLF001  # writer and transaction are two halves of one thing
            raw.execute("SAVEPOINT unit")
            try:
                unit.result = unit.function(transaction)
            except Exception as error:  # handed to the caller of this unit
                if self.is_embedded and not raw.in_transaction:  # a full disk: SQLite has undone the whole group
                    raise
                raw.execute("ROLLBACK TO SAVEPOINT unit")
                transaction._back_to(mark)  # noqa: SLF001
                unit.error = error
            raw.execute("RELEASE SAVEPOINT unit")
        return transaction.events

    def _begin(self, connection: Connection) -> None:
        if self.is_embedded:
            _raw(connection).execute("BEGIN IMMEDIATE")
        else:
            _raw(connection).execute("BEGIN")
            _raw(connection).execute(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})")

    def _transaction(self, connection: Connection) -> Transaction:
        row = _raw(connection).execute(_HEAD).fetchone()
        seq, previous = row if row is not None else (0, journal.GENESIS)
        return Transaction(connection, seq, previous, micros(self.clock.now()))

    def _answer(self, units: list[_Unit], events: list[Event]) -> None:
        assert self._loop is not None, "the writer runs only after start()"
        try:
            self._loop.call_soon_threadsafe(self._answer_on_loop, units, events)
        except RuntimeError:  # the loop is closed: nobody is left to hear the answer
            return

    def _answer_on_loop(self, units: list[_Unit], events: list[Event]) -> None:
        for listener in self._listeners if events else ():
            try:
                listener(events)
            except Exception:  # noqa: BLE001  # a fault of one listener must not stop the store
                _log.exception("a listener failed")
        for unit in units:
            future = unit.future
            if future is None or future.done():
                continue
            if unit.error is not None:
                future.set_exception(self._told(unit.error))
            else:
                future.set_result(unit.result)
        assert self._loop is not None, "the writer runs only after start()"
        self._loop.call_soon(self._write_next)  # after those who were answered: some of them join the next group

    def _told(self, error: BaseException) -> BaseException:
        """What a caller hears: that the database is away, locked or full is Busy, and passes."""
        driver: Any = self.engine.dialect.loaded_dbapi
        if not isinstance(error, OperationalError | driver.OperationalError):
            return error
        _log.error("the database can't write: %s", error)
        busy = Busy()
        busy.__cause__ = error
        return busy


def open_engine(url: str) -> Engine:
    """An engine whose connections leave transactions to us: autocommit, with BEGIN and COMMIT as plain statements.

    SQLite: write-ahead log, ``synchronous=FULL`` (a commit survives power loss), foreign keys checked.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, isolation_level="AUTOCOMMIT", pool_pre_ping=True)
    if parsed.database not in {None, "", ":memory:"}:
        Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, isolation_level="AUTOCOMMIT", connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _configure_sqlite)
    return engine


def _configure_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "cache_size=-65536",
        "mmap_size=1073741824",
        "wal_autocheckpoint=4000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _raw(connection: Connection) -> Any:
    """The driver's own connection: sqlite3 and psycopg both have ``execute(sql, values)`` on it."""
    return connection.connection.dbapi_connection


_HEAD = "SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1"
_INSERT_EVENT = Prepared(insert(journal.journal), *journal.journal.columns.keys())
