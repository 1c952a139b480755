"""Following the journal: how a higher capability hears of a lower one's events, at least once and in order.

The handler runs in the same unit of work that moves the follower's offset, so that what it writes through its
transaction happens exactly once, whatever crashes in between.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable

from sqlalchemy import Connection, delete, insert, select

from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.journal import Event, followers, journal

Handle = Callable[[Transaction, Event], None]

BATCH_MAX = 200
SKIPPED_MAX = 10_000
"""The offset is kept after so many events of no interest, so that a restart need not read them all again."""
RETRY_S = (0.2, 1.0, 5.0, 30.0)
LOOK_S = 5.0
"""How often it looks for events that another process wrote; those of this process wake it at once."""

log = logging.getLogger(__name__)


class Follower:
    """Calls ``handle(transaction, event)`` for each journal event of ``kinds``, oldest first.

    ``name`` is the key of its offset and never changes. An event whose handling fails is tried again until it
    succeeds, and what comes after it waits: the handler refuses nothing that can be in the journal.
    """

    def __init__(self, database: Database, name: str, kinds: Iterable[str], handle: Handle) -> None:
        self.name = name
        self._database = database
        self._kinds = frozenset(kinds)
        self._handle = handle
        self._seen = 0  # up to here nothing is left to do
        self._kept: int | None = None  # the offset in the database, once it was read
        self._wake = asyncio.Event()
        self._catching_up = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        database.listen(self._hear)

    async def start(self) -> None:
        """Begin where it stopped, with what happened meanwhile."""
        self._wake.set()
        self._task = asyncio.create_task(self._run(), name=f"follower-{self.name}")

    async def stop(self) -> None:
        """Stop listening. The batch that the database has in hand still becomes durable, offset and all."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def catch_up(self) -> None:
        """Handle everything that is in the journal now."""
        async with self._catching_up:
            while await self._step():
                pass

    def _hear(self, events: list[Event]) -> None:
        if any(event.kind in self._kinds for event in events):
            self._wake.set()
        elif self._seen + 1 == events[0].seq and not self._catching_up.locked():
            self._seen = events[-1].seq

    async def _run(self) -> None:
        failures = 0
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_S)
            self._wake.clear()
            try:
                await self.catch_up()
            except Exception:
                log.exception("follower %s failed; it tries again", self.name)
                await asyncio.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])
                failures += 1
                self._wake.set()
            else:
                failures = 0

    async def _step(self) -> bool:
        """Handle one batch; whether there may be more."""
        kept = self._kept
        if kept is None:
            self._seen = kept = self._kept = await self._database.read(lambda connection: offset(connection, self.name))
        after = self._seen
        events, head = await self._database.read(lambda connection: _interesting(connection, after, self._kinds))
        last = events[-1].seq if len(events) == BATCH_MAX else head
        if events or last - kept > SKIPPED_MAX:
            if not await self._database.unit(lambda tx: self._take(tx, kept, events, last)):
                self._kept = None  # another process took this batch: begin again from its offset
                return True
            self._kept = last
        self._seen = max(last, after)
        return len(events) == BATCH_MAX

    def _take(self, tx: Transaction, kept: int, events: list[Event], last: int) -> bool:
        if offset(tx.connection, self.name) != kept:
            return False
        for event in events:
            self._handle(tx, event)
        tx.execute(delete(followers).where(followers.c.name == self.name))
        tx.execute(insert(followers).values(name=self.name, seq=last))
        return True


def offset(connection: Connection, name: str) -> int:
    """The sequence number up to which a follower has handled everything; 0 for one that never ran."""
    row = connection.execute(select(followers.c.seq).where(followers.c.name == name)).first()
    return int(row.seq) if row is not None else 0


def _interesting(connection: Connection, after: int, kinds: frozenset[str]) -> tuple[list[Event], int]:
    """The next events of ``kinds``, at most ``BATCH_MAX``, and the journal's head as of the same moment."""
    newest = connection.execute(select(journal.c.seq).order_by(journal.c.seq.desc()).limit(1)).scalar()
    head = int(newest or 0)
    columns = [journal.c[name] for name in ("seq", "at_us", "kind", "stream", "actor", "data")]
    rows = connection.execute(
        select(*columns)
        .where(journal.c.seq > after, journal.c.seq <= head, journal.c.kind.in_(kinds))
        .order_by(journal.c.seq)
        .limit(BATCH_MAX)
    )
    return [Event(*row) for row in rows], head
