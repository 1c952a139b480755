"""A station's heartbeat: how the merchant server knows of it, and it of the server."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Never

from unqueue.station.devices import SERVER, Notice
from unqueue.station.jobs import Bell
from unqueue.station.link import RETRY_S_MAX, ServerRefused, TryLater


class Heartbeat:
    """``send`` tells the server how the station is, and ``notice`` takes note of how that went. ``kind`` is the
    station's, in words for staff. What changes within ``gather_s`` is told once.
    """

    def __init__(
        self,
        send: Callable[[], Awaitable[None]],
        notice: Notice,
        *,
        kind: str,
        every_s: float,
        while_away_s: float = RETRY_S_MAX,
        gather_s: float = 0.0,
    ) -> None:
        self._send, self._notice = send, notice
        self._kind = kind
        self._every_s, self._while_away_s, self._gather_s = every_s, while_away_s, gather_s
        self._due = Bell()

    def hurry(self) -> None:
        """Something has changed that the server should know soon."""
        self._due.ring()

    async def run(self) -> Never:
        """Every few seconds, and soon when there is a hurry."""
        while True:
            if await self._due.wait(self._every_s if await self._beat() else self._while_away_s):
                await asyncio.sleep(self._gather_s)

    async def _beat(self) -> bool:
        """Whether the server takes it."""
        try:
            await self._send()
        except TryLater as trouble:
            self._notice(SERVER, "failed", str(trouble))
        except ServerRefused as refusal:
            self._notice(SERVER, "failed", f"the server does not take this {self._kind}'s token ({refusal.code})")
        else:
            self._notice(SERVER, "ready")
            return True
        return False
