"""Calls for staff that a station made: each is told to the server until it is taken, always with the same id."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from unqueue.kernel.ids import new_id
from unqueue.station.link import ServerRefused, TryLater, pauses_s

logger = logging.getLogger(__name__)
Alarm = TypeVar("Alarm")
Standing = TypeVar("Standing")


class StaffCalls(Generic[Alarm, Standing]):
    """The calls by the keys of the sequence that made them.

    ``send`` tells the server of one under its id and has how it stands; ``heard`` is told that, and says whether it is
    asked for again; ``refused`` hears of one that the server does not take: nobody will answer it. ``over`` tells the
    server of one that nobody need answer any more.
    """

    def __init__(
        self,
        send: Callable[[Alarm, str], Awaitable[Standing]],
        heard: Callable[[int, Standing], bool],
        refused: Callable[[int], None] | None = None,
        over: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._send, self._heard, self._refused, self._over = send, heard, refused, over
        self._open: dict[int, tuple[Alarm, str]] = {}

    async def begin(self, key: int, alarm: Alarm) -> None:
        """Call staff, however long it takes."""
        self._open[key] = (alarm, new_id())
        await self.ask(key)

    async def end(self, key: int) -> None:
        """What a call was about is over: say so, however long it takes. One that was answered is over anyway."""
        if self._over is None or key not in self._open:
            return
        _, alarm_id = self._open.pop(key)
        for pause_s in pauses_s():
            try:
                await self._over(alarm_id)
            except TryLater:
                await asyncio.sleep(pause_s)
            except ServerRefused as refusal:
                logger.info("a call is not ended: %s", refusal.code)
                return
            else:
                return

    async def ask(self, key: int) -> None:
        """Hear how a call stands, unless it is over. One that the server never heard of is made by this."""
        for pause_s in pauses_s():
            if key not in self._open:
                return
            alarm, alarm_id = self._open[key]
            try:
                standing = await self._send(alarm, alarm_id)
            except TryLater:
                await asyncio.sleep(pause_s)
            except ServerRefused as refusal:
                logger.warning("staff could not be called: %s", refusal.code)
                self._open.pop(key, None)
                if self._refused is not None:
                    self._refused(key)
            else:
                if not self._heard(key, standing):
                    self._open.pop(key, None)
                return
