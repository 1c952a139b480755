"""Watches the gate's RFID reader: brings its reads together with the orders that are let out, has the server say what
is more than was paid, and tells the sequence. While the server is away nothing rings: a reader holds nobody up.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Never

from unqueue.devices.ports import RFIDScanner
from unqueue.lane.gate_tags import CarriedOut, GateTags, TagRule
from unqueue.lane.sequence.words import GateGood, Gone, GoodsSeen, Lane
from unqueue.station.jobs import Job
from unqueue.station.link import ServerRefused, TryLater

logger = logging.getLogger(__name__)

AskSurplus = Callable[[str, Mapping[str, int]], Awaitable[tuple[GateGood, ...]]]
PATIENCE_S = 10.0
"""Later the shopper is gone, and a bell would frighten somebody else."""
LOOK_S = 0.2
"""How often the reads are looked through; what belongs to one bag comes in one look, mostly."""


class GateWatch:
    """``surplus`` asks the server; ``hear`` takes what the sequence is to hear; ``lane`` tells its state."""

    def __init__(
        self,
        reader: RFIDScanner,
        rule: TagRule,
        *,
        lane: Callable[[], Lane],
        surplus: AskSurplus,
        hear: Callable[[GoodsSeen], None],
        clock: Callable[[], float],
    ) -> None:
        self._reader = reader
        self._tags = GateTags(rule)
        self._lane = lane
        self._surplus = surplus
        self._hear = hear
        self._clock = clock
        self._carried: CarriedOut | None = None
        self._carried_more = asyncio.Event()

    def jobs(self) -> tuple[Job, Job, Job]:
        return self._take_reads(), self._look(), self._ask()

    async def _take_reads(self) -> None:
        async for read in self._reader.reads():
            self._tags.see(read, self._clock())

    async def _look(self) -> Never:
        followed: str | None = None
        last_gone: Gone | None = None
        while True:
            await asyncio.sleep(LOOK_S)
            lane, now_s = self._lane(), self._clock()
            one, gone = lane.exit, lane.gone
            # An order that the lane decides about alone is not known to the server yet.
            released = one is not None and one.status == "released" and not one.offline
            # Who walked through is not followed any more, though the server may not have heard of it.
            released = released and (gone is None or one is None or gone.exit_id != one.exit_id)
            if one is not None and released:
                followed = one.exit_id
                self._tags.let_out(followed, now_s)
            else:
                if gone is not None and gone != last_gone and gone.exit_id != followed:  # in and out between two looks
                    followed = gone.exit_id
                    self._tags.let_out(followed, gone.at_s)
                self._tags.let_out(None, gone.at_s if gone is not None and gone.exit_id == followed else now_s)
            last_gone = gone
            carried = self._tags.look(self._clock())
            if carried is not None:
                self._carried = carried
                self._carried_more.set()

    async def _ask(self) -> Never:
        told: tuple[str, tuple[GateGood, ...]] | None = None
        while True:
            await self._carried_more.wait()
            self._carried_more.clear()
            asked = self._carried
            if asked is None:
                continue
            goods = await self._answer(asked)
            if goods and (asked.exit_id, goods) != told:
                told = asked.exit_id, goods
                self._hear(GoodsSeen(asked.exit_id, goods))

    async def _answer(self, asked: CarriedOut) -> tuple[GateGood, ...]:
        """What is more than was paid. Nothing where the server says no, or is away for longer than it matters."""
        until_s = self._clock() + PATIENCE_S
        while self._clock() < until_s and not self._carried_more.is_set():
            try:
                return await self._surplus(asked.exit_id, asked.counts)
            except ServerRefused as refusal:
                logger.warning("goods at the gate: %s", refusal.code)
                return ()
            except TryLater:
                await asyncio.sleep(LOOK_S)
        return ()
