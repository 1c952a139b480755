"""Keeps a lane ready to be cut off, brings its own decisions to the server afterwards, and says when which of the two
decides.
"""

import logging
from collections.abc import Callable
from typing import Never, Protocol

from unqueue.lane.offline import OfflineDesk
from unqueue.lane.sequence.words import Claim, ExitInfo, Lane, ReadExits, Request
from unqueue.lane.server import StoreServer
from unqueue.station.jobs import Bell
from unqueue.station.link import ServerRefused, TryLater

logger = logging.getLogger(__name__)
BRIEF_EVERY_S, AGAIN_S = 5.0, 1.0
ALONE_AFTER_S = 10.0
"""The lane decides alone when the server has not been heard for so long."""


class Tell(Protocol):
    def __call__(self, *, on: bool) -> None: ...


class Alone:
    """One lane's readiness. ``tell`` hears whether the lane may decide alone; ``at_lane`` tells the order there."""

    def __init__(self, server: StoreServer, desk: OfflineDesk, tell: Tell, at_lane: Callable[[], str | None]) -> None:
        self.desk = desk
        self.due = Bell()
        self._server = server
        self._tell = tell
        self._at_lane = at_lane
        self._said: list[str] = []

    async def run(self) -> Never:
        """Stay ready until cancelled."""
        while True:
            await self.due.wait(await self.look())

    async def look(self) -> float:
        """Bring to the server what it has not heard, and hear how things are; in how many seconds to do so again."""
        try:
            await self.bring()
            self._tell(on=False)
        except TryLater:
            silent_s = self.desk.silent_s()
            if silent_s is not None and silent_s >= ALONE_AFTER_S:
                self._tell(on=True)
            return AGAIN_S
        except ServerRefused as refusal:
            logger.warning("the server does not prepare this lane for being cut off: %s", refusal.code)
            return BRIEF_EVERY_S
        # The server hears at once that this lane knows.
        return BRIEF_EVERY_S if set(self.desk.heard(self._at_lane())) == set(self._said) else 0.0

    async def bring(self) -> None:
        """Tell what was decided alone, then hear how things are. TryLater, ServerRefused."""
        await self.tell_server()
        heard = self.desk.give_up(self._at_lane())
        asked_s = self.desk.clock()
        self.desk.hear(await self._server.brief(heard), asked_s)
        self._said = heard

    async def tell_server(self) -> None:
        """What was decided alone, in order. One that the server will never take is kept aside. TryLater."""
        for exit_id, version, body in self.desk.untold():
            try:
                await self._server.tell_offline(body)
            except ServerRefused as refusal:
                logger.warning("the server does not take exit %s, which left: %s", exit_id, refusal.code)
                self.desk.put_aside(exit_id, version)
            else:
                self.desk.told(exit_id, version)
        for request, request_id in self.desk.later():
            try:
                await self._server.ask(request, request_id)
            except ServerRefused as refusal:
                logger.info("%s: %s", type(request).__name__, refusal.code)
            self.desk.done(request_id)

    async def ask(self, lane: Lane, request: Request, request_id: str) -> tuple[ExitInfo, ...]:
        """The answer to one of the sequence's requests: the lane's own where it decides, else the server's. TryLater,
        ServerRefused.
        """
        own = self._own(lane, request, request_id)
        if own is not None:
            return own
        try:
            if isinstance(request, ReadExits):
                await self.tell_server()  # after a restart it must know what was decided before it says how things are
            exits = await self._server.ask(request, request_id)
        except TryLater:
            own = self._instead(lane, request, request_id)
            if own is None:
                raise
            return own
        self.desk.used_by(exits)
        return exits

    def _own(self, lane: Lane, request: Request, request_id: str) -> tuple[ExitInfo, ...] | None:
        """The lane's own answer where it decides; None where the server is to be asked. Refusal."""
        if self.desk.holds(getattr(request, "exit_id", "")):
            self.due.ring()
            return (self.desk.answer(request),)
        if not lane.offline:
            return None
        if isinstance(request, Claim):
            return (self.desk.claim(request.pass_, request_id),)
        return self.desk.in_hand() if isinstance(request, ReadExits) else None

    def _instead(self, lane: Lane, request: Request, request_id: str) -> tuple[ExitInfo, ...] | None:
        """The lane's own answer after the server gave none, about an exit that began with it; None where it has none.
        Refusal.
        """
        one = lane.exit
        if not lane.offline or one is None or getattr(request, "exit_id", "") != one.exit_id:
            return None
        if self.desk.take_over(one, lane.code):
            return (self.desk.answer(request),)
        ended = self.desk.answer_later(request, request_id, one)
        return (ended,) if ended is not None else None
