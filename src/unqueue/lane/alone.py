"""Keeps a lane ready to be cut off, brings its own decisions to the server afterwards, and says when which of the two
decides.
"""

import contextlib
import logging
import uuid
from collections.abc import Callable
from typing import Never, Protocol

from unqueue.lane.offline import OfflineDesk
from unqueue.lane.sequence.words import Abandon, Claim, ExitInfo, Lane, Left, RaiseAlarm, ReadExits, Request
from unqueue.lane.server import StoreServer
from unqueue.station.jobs import Bell
from unqueue.station.link import ServerFailed, ServerRefused, TryLater

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
        self._not_taken_for: dict[str, str] = {}
        """Exits that the server does not take, each with why; and those of them that staff know of."""
        self._told_staff: dict[str, str] = {}

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
            # It was asked and answered: it decides, whatever it says.
            self._tell(on=False)
            logger.warning("the server does not prepare this lane for being cut off: %s", refusal.code)
            return BRIEF_EVERY_S
        # The server hears at once that this lane knows.
        return BRIEF_EVERY_S if set(self.desk.heard(self._at_lane())) == set(self._said) else 0.0

    async def bring(self) -> None:
        """Tell what was decided alone, then hear how things are. TryLater, ServerRefused."""
        await self.tell_server()
        heard = self.desk.give_up(self._at_lane())
        asked_s = self.desk.clock()
        briefing = await self._server.brief(heard, let_out=self.desk.let_out(), now_s=self.desk.now_s())
        self.desk.hear(briefing, asked_s)
        self._said = heard
        for exit_id, claim in self.desk.undecided():
            with contextlib.suppress(ServerRefused):  # then the server does not know the exit, and the lane gives it up
                await self._server.ask(claim, exit_id)
            self.desk.hand_over(exit_id)

    async def tell_server(self) -> None:
        """What was decided alone, in order. One that the server does not take is told again, until somebody has seen to
        that: as long as it does not know, nobody else may let the order out. The others do not wait for it. TryLater.
        """
        for exit_id, version, body in self.desk.untold():
            try:
                await self._server.tell_offline(body)
            except (ServerRefused, ServerFailed) as refusal:
                await self._not_taken(exit_id, body.get("number"), _why(refusal))
            else:
                self.desk.told(exit_id, version)
        for request, request_id in self.desk.later():
            try:
                await self._server.ask(request, request_id)
            except ServerFailed as failure:
                logger.warning("%s: %s", type(request).__name__, failure)
                continue
            except ServerRefused as refusal:
                logger.info("%s: %s", type(request).__name__, refusal.code)
                if isinstance(request, Left):  # an order that goes back may come again; one that left is gone
                    await self._not_taken(request.exit_id, None, refusal.code)
                    if request.exit_id not in self._told_staff:
                        continue
            self.desk.done(request_id)

    async def _not_taken(self, exit_id: str, number: str | None, why: str) -> None:
        """Say that the server does not take what this lane did: in the log once, and to staff as soon as that can be
        told.
        """
        if self._told_staff.get(exit_id) == why:
            return
        if self._not_taken_for.get(exit_id) != why:
            logger.warning("the server does not take exit %s, which left: %s", exit_id, why)
            self._not_taken_for[exit_id] = why
        what = f"order {number}" if number is not None else f"the order of exit {exit_id}"
        detail = f"{what} left here while the lane was cut off, and the server does not take that: {why}"
        with contextlib.suppress(ServerRefused, ServerFailed):
            await self._server.alarm(RaiseAlarm(0, "help", None, detail), uuid.uuid5(uuid.NAMESPACE_OID, exit_id).hex)
            self._told_staff[exit_id] = why

    async def ask(self, lane: Lane, request: Request, request_id: str) -> tuple[ExitInfo, ...]:
        """The answer to one of the sequence's requests: the lane's own where it decides, else the server's. TryLater,
        ServerRefused.
        """
        own = self._own(lane, request, request_id)
        if own is not None:
            return own
        try:
            if isinstance(request, ReadExits | Claim):
                await self.tell_server()  # it must know what was decided here before it says how things are
            if isinstance(request, Claim):
                self.desk.refuse_if_let_out(request)
            exits = await self._without_let_out(await self._server.ask(request, request_id))
        except TryLater:
            own = self._instead(lane, request, request_id)
            if own is None:
                raise
            return own
        self.desk.used_by(exits)
        if isinstance(request, Left):
            self.desk.ended(request.exit_id)
        return exits

    async def _without_let_out(self, exits: tuple[ExitInfo, ...]) -> tuple[ExitInfo, ...]:
        """Exits as the server has them, but for those that were let out here and that it does not take: they are over
        there too, or the gate would open for them again. Who let them out is told on. TryLater where the server does
        not end them: it can't be asked about anything then.
        """
        let_out = self.desk.let_out()
        over = [one for one in exits if one.order_id in let_out and one.status in {"claimed", "accepted"}]
        for one in over:
            try:
                await self._server.ask(Abandon(one.exit_id, "left_offline"), uuid.uuid4().hex)
            except ServerRefused as refusal:
                raise TryLater(f"exit {one.exit_id}, which left, is not ended: {refusal.code}") from refusal
        return tuple(one for one in exits if one not in over)

    def _own(self, lane: Lane, request: Request, request_id: str) -> tuple[ExitInfo, ...] | None:
        """The lane's own answer where it decides; None where the server is to be asked. Refusal."""
        if self.desk.holds(getattr(request, "exit_id", "")):
            self.due.ring()
            return (self.desk.answer(request),)
        if isinstance(request, ReadExits) and (lane.offline or self.desk.in_hand()):
            return self.desk.in_hand()  # what it decides about is not over because the server is back
        if isinstance(request, Claim) and lane.offline:
            return (self.desk.claim(request.pass_, request_id),)
        return None

    def _instead(self, lane: Lane, request: Request, request_id: str) -> tuple[ExitInfo, ...] | None:
        """The lane's own answer after the server gave none, about an exit that began with it; None where it has none.
        An end needs no more than to be told later. Refusal.
        """
        if not lane.offline:
            return None
        one = lane.exit
        is_at_lane = one is not None and getattr(request, "exit_id", "") == one.exit_id
        if is_at_lane and one is not None and self.desk.take_over(one, lane.code):
            return (self.desk.answer(request),)
        return () if self.desk.ask_later(request, request_id) else None


def _why(refusal: ServerRefused | ServerFailed) -> str:
    return refusal.code if isinstance(refusal, ServerRefused) else "internal_error"
