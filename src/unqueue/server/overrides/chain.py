"""The journal's whole chain, checked bit by bit beside everything else, so that whoever reads overrides knows whether
they can be believed.
"""

import asyncio
import contextlib
from functools import partial

import msgspec

from unqueue.kernel import journal
from unqueue.kernel.database import Database

WAIT_S = 1.0
"""A small journal is checked while somebody waits."""
_PAUSE_S = 0.02
_BATCH = 2_000


class ChainView(msgspec.Struct, frozen=True):
    """``checked`` of ``events`` were checked since this server was started; ``broken_at`` is the first that is not what
    was written.
    """

    events: int
    checked: int
    broken_at: int | None


class ChainWatch:
    """Checks the chain from its beginning, once, and then what came since; only when somebody asks."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known = journal.Checked()
        self._checking: asyncio.Task[None] | None = None

    async def look(self) -> ChainView:
        """How far it is checked by now."""
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(self._check(), name="chain")
        await asyncio.wait({self._checking}, timeout=WAIT_S)
        last, _ = await self._database.read(journal.head)
        return ChainView(last, self._known.seq, self._known.broken_at)

    async def stop(self) -> None:
        if self._checking is not None:
            self._checking.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._checking

    async def _check(self) -> None:
        known = msgspec.structs.replace(self._known, is_done=False)
        while not known.is_done and known.broken_at is None:
            known = await self._database.read_long(partial(journal.verify_on, known=known, batch=_BATCH))
            self._known = known
            await asyncio.sleep(_PAUSE_S)
