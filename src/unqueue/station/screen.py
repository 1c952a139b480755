"""What a station's screen shows now, and everyone who watches it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Generic, TypeVar

import msgspec

from unqueue.station.words import ScreenState

_BACKLOG_MAX = 100


State = TypeVar("State", bound=ScreenState)


class LiveScreen(Generic[State]):
    """``draw`` makes the state of what is the case, with a given ``seq``."""

    def __init__(self, draw: Callable[[int], State]) -> None:
        self._draw = draw
        self._watchers: set[asyncio.Queue[State]] = set()
        self.shown = draw(0)

    def redraw(self) -> None:
        """Show how things are now, and tell those who watch if that is a change."""
        drawn = self._draw(self.shown.seq)
        if drawn == self.shown:
            return
        self.shown = msgspec.structs.replace(drawn, seq=drawn.seq + 1)
        for changes in self._watchers:
            if changes.qsize() > _BACKLOG_MAX:  # a screen that sleeps needs only the newest
                while not changes.empty():
                    changes.get_nowait()
            changes.put_nowait(self.shown)

    async def watch(self) -> AsyncGenerator[State]:
        """The screen now, and after each change."""
        changes: asyncio.Queue[State] = asyncio.Queue()
        self._watchers.add(changes)
        try:
            yield self.shown
            while True:
                yield await changes.get()
        finally:
            self._watchers.discard(changes)
