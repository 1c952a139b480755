"""What coin acceptors and bill validators on a ccTalk bus have in common: polling, marks, inhibits.

Both keep their last five events and a counter, which is 0 after a reset and goes round from 1 to 255. The driver polls,
puts what is new in line, and hands the line out one event at a time. What was not acknowledged before a restart is
still in the device's buffer, or its loss is seen by the counter and told as `CreditUnknown`.

The device takes money only while somebody listens, few events wait, and what a reset left open is acknowledged.
"""

import asyncio
import logging
from abc import abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from unqueue.devices.drivers.cctalk_bus import BusTrouble, CctalkBus, Handle, Kind, Refused, identify
from unqueue.devices.drivers.cctalk_marks import Position, at_rest
from unqueue.devices.drivers.claiming import Claimed
from unqueue.devices.ports import CashEvent, CreditUnknown, DeviceFailed, DeviceStatus, Trouble
from unqueue.devices.transports.tasks import end
from unqueue.devices.wire.cctalk import Checksum, Header
from unqueue.devices.wire.cctalk_messages import (
    EVENTS_BUFFERED,
    Event,
    EventBuffer,
    SetInhibits,
    SetMasterInhibit,
    counter_after,
    counter_steps,
    decode_ack,
    decode_event_buffer,
    decode_inhibits,
)
from unqueue.kernel.cash import Denomination, parse_denomination

logger = logging.getLogger(__name__)

_WAITING_MAX = 2
"""With more events in line the device is told to take nothing: it remembers only five for us."""
_POLL_PAUSE_S_MAX = 1.0
"""After a longer pause between polls devices may take nothing until they are told to again."""


class AcceptorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What coin acceptors and bill validators share."""

    address: int
    checksum: Checksum = "sum"
    poll_interval_s: float = 0.2
    """Devices stop taking money when they are not polled for a second (coins) or five (bills)."""
    settle_s: float = 1.0
    """How long after the order to take nothing something that was already moving may still be credited."""
    denominations: dict[str, str] = {}
    """What identifiers mean that the table does not know, such as {"TK001A": "CNY-100-coin"}."""
    positions: int = 16
    """How many kinds of coin or note the device can hold: fewer make its start quicker."""
    master_inhibit: bool = True
    """Whether the device knows header 228."""


class CctalkAcceptor(Claimed):
    """See `ports.CashAcceptor`."""

    kind: Kind
    poll_header: Header

    def __init__(self, bus: CctalkBus, settings: AcceptorSettings, name: str) -> None:
        self._handle = Handle(bus, settings.address, self.kind, settings.checksum, name)
        self._settings = settings
        self._named = {name: parse_denomination(money) for name, money in settings.denominations.items()}
        self._turn = asyncio.Lock()
        self._poller: asyncio.Task[None] | None = None
        self._change = asyncio.Condition()
        self._line: deque[CashEvent] = deque()
        self._number = 0
        self._position: Position | None = None
        self._resumed = False
        self._acknowledged: str | None = None
        self._mark_of_now: str | None = None
        """What `mark` said before anybody listened."""
        self._hearer = 0
        self._listening = False
        self._known: dict[int, Denomination] | None = None
        self._serial_number = 0
        self._wanted: frozenset[Denomination] = frozenset()
        self._was_open = False
        """Whether it took money when we met it: then it has not been off since an earlier life of ours."""
        self._taken: int | None = None
        """The inhibits that are in force; None: not known."""
        self._returning = False
        self._unsettled = True
        """Money may have been taken since the last event that was put in line."""
        self._closed_at = 0.0
        self._polled_at = 0.0
        self._until_acknowledged = False
        self._trouble = "not claimed"
        self.about: dict[str, Any] = {}
        """What the device says of itself: serial number, manufacturer, product."""

    async def claim(self) -> None:
        await self._handle.bus.claim()
        if self._poller is None:
            self._trouble = "not connected yet"
            self._poller = asyncio.create_task(self._keep_polling(), name=self._handle.name)

    async def release(self) -> None:
        """The device takes nothing any more, if it can still be told so."""
        if self._poller is not None:
            await end(self._poller)
            self._poller = None
            async with self._turn:
                self._wanted = frozenset()
                if not self._trouble:
                    try:
                        await self._inhibit(0)
                    except (BusTrouble, Refused):
                        logger.warning("%s: could not be told to take nothing", self._handle.name)
            self._trouble, self._listening = "not claimed", False
            self._known, self._taken, self._position, self._mark_of_now = None, None, None, None
            await self._handle.bus.release()
            async with self._change:
                self._hearer += 1
                self._line.clear()
                self._change.notify_all()

    async def status(self) -> DeviceStatus:
        return DeviceStatus("failed", self._trouble) if self._trouble else DeviceStatus("ready")

    async def denominations(self) -> frozenset[Denomination]:
        if self._known is None or self._trouble:
            raise DeviceFailed(device=self._handle.name, detail=self._trouble)
        return frozenset(self._known.values())

    async def mark(self) -> str:
        async with self._turn:
            if self._known is None or self._trouble:
                raise DeviceFailed(device=self._handle.name, detail=self._trouble)
            if self._position is None:
                try:
                    buffer = await self._handle.question(self.poll_header, decode_event_buffer)
                except (BusTrouble, Refused) as trouble:
                    self._handle.fail(trouble)
                self._mark_of_now = Position(self._serial_number, buffer.counter).mark(0)
                return self._mark_of_now
            self._number += 1
            return self._position._replace(at_rest=False).mark(self._number)

    async def enable(self, wanted: frozenset[Denomination]) -> None:
        async with self._turn:
            self._wanted = wanted
            if self._trouble:
                self._wanted = frozenset()
                raise DeviceFailed(device=self._handle.name, detail=self._trouble)
            try:
                await self._apply()
            except (BusTrouble, Refused) as trouble:
                self._wanted = frozenset()
                self._handle.fail(trouble)

    def at_rest(self, mark: str) -> str:
        """See `cctalk_marks.at_rest`."""
        return at_rest(mark)

    async def events(self, after: str | None) -> AsyncIterator[CashEvent]:
        hearer = await self._begin_hearing(after)
        while True:
            async with self._change:
                await self._change.wait_for(lambda: self._line or hearer != self._hearer)
                if hearer != self._hearer:
                    return
                event = self._line[0]
            yield event
            async with self._change:
                while self._line and self._line[0] is event and hearer == self._hearer:
                    await self._change.wait()

    async def acknowledge(self, mark: str) -> None:
        async with self._change:
            if self._line and self._line[0].mark == mark:
                self._line.popleft()
                self._acknowledged = mark
                self._change.notify_all()

    async def stack(self) -> None:
        raise DeviceFailed(device=self._handle.name, detail="it has no escrow")

    async def give_back(self) -> None:
        raise DeviceFailed(device=self._handle.name, detail="it has no escrow")

    async def _begin_hearing(self, after: str | None) -> int:
        position = Position.parse(after) if after is not None else None
        async with self._turn, self._change:
            self._hearer += 1
            # Whoever comes back with the mark that was acknowledged last goes on where the line stands.
            if after is None or after != self._acknowledged or self._position is None:
                self._line.clear()
                self._position, self._resumed, self._acknowledged = position, position is not None, after
                known_closed = after is not None and after == self._mark_of_now  # nothing is let in before a hearer is
                self._unsettled = position is None or not (position.at_rest or known_closed)
                self._until_acknowledged = False
            self._listening = True
            self._change.notify_all()
            return self._hearer

    async def _keep_polling(self) -> None:
        while True:
            async with self._turn:
                try:
                    await self._poll()
                except (BusTrouble, Refused) as trouble:
                    await self._lost(str(trouble))
            await asyncio.sleep(self._settings.poll_interval_s)

    async def _poll(self) -> None:
        if self._returning or self._known is None:
            self._serial_number, self.about = await identify(self._handle)
            self._known = await self._identify_money()
            self._was_open = not self._returning and await self._inhibits() not in {None, 0}
        buffer = await self._handle.question(self.poll_header, decode_event_buffer)
        was_reset = await self._has_forgotten(buffer) if self._taken else False
        now = asyncio.get_running_loop().time()
        if self._returning or now - self._polled_at > _POLL_PAUSE_S_MAX:
            self._taken = None  # it may have closed by itself
        self._polled_at = now
        await self._found()
        if self._listening:
            await self._take_in(buffer, was_reset=was_reset)
        await self._apply()

    async def _has_forgotten(self, buffer: EventBuffer) -> bool:
        """Whether the inhibits are not as we set them: the device was off for a moment. Asked where it may matter."""
        if not self._returning and buffer.counter:
            return False
        return await self._inhibits() not in {None, self._taken}

    async def _inhibits(self) -> int | None:
        """The inhibits as the device has them; None when it won't say."""
        try:
            return await self._handle.question(Header.REQUEST_INHIBIT_STATUS, decode_inhibits)
        except Refused:
            return None

    async def _lost(self, detail: str) -> None:
        if not self._trouble and self._listening and self._position is not None:
            await self._put([Trouble("unplugged", detail, blocks=True, mark="")], self._position)
        self._returning = self._known is not None
        self._trouble = detail

    async def _found(self) -> None:
        if self._returning and self._listening and self._position is not None:
            await self._put([Trouble("back", "it answers again", blocks=False, mark="")], self._position)
        self._returning = False
        self._trouble = ""

    async def _take_in(self, buffer: EventBuffer, *, was_reset: bool) -> None:
        """Put in line what is new."""
        if self._position is None:
            self._position = Position(self._serial_number, buffer.counter)
            self._look_back(buffer.events)
            return
        resumed, self._resumed = self._resumed, False
        position = self._position
        if position.serial_number != self._serial_number:
            await self._put_reset("another device", Position(self._serial_number, buffer.counter))
        elif was_reset or (buffer.counter == 0 and position.counter):
            await self._put_reset("it was reset", Position(self._serial_number, 0))
        elif resumed and not buffer.counter and self._unsettled and not self._was_open:
            await self._put_reset("it may have been reset", Position(self._serial_number, 0))
        elif resumed:
            steps = counter_steps(position.counter, buffer.counter)
            self._look_back(buffer.events[steps:])
        await self._put_new(buffer)
        self._settle(buffer)

    async def _put_new(self, buffer: EventBuffer) -> None:
        assert self._position is not None, "hearing has begun"
        steps = counter_steps(self._position.counter, buffer.counter)
        lost = steps - EVENTS_BUFFERED
        if lost > 0:
            after = Position(self._serial_number, counter_after(self._position.counter, lost))
            detail = f"{lost} events were lost: more than five came before they could be read"
            await self._put([CreditUnknown(detail, lost, "")], after)
            self._look_back(())
            steps = EVENTS_BUFFERED
        new: Sequence[Event] = buffer.events[:steps][::-1]
        for at, event in enumerate(new):
            parts = self._parts(event, new[at + 1] if at + 1 < len(new) else None)
            if parts is None:
                return
            told = self._position.part
            after = Position(self._serial_number, counter_after(self._position.counter, 1))
            self._passed(event)
            await self._put(parts[min(told, len(parts)) :], after)
            self._position = after

    async def _put_reset(self, detail: str, after: Position) -> None:
        """A reset device has forgotten its events: what was taken since the last poll can't be known."""
        assert self._position is not None, "hearing has begun"
        unknown: list[CashEvent] = []
        if self._unsettled:
            unknown.append(CreditUnknown(f"{detail}: what it took since the last event is not known", None, ""))
        # As long as the second is not acknowledged, the mark is before the reset: it would be seen again.
        reset = Trouble("reset", detail, blocks=False, mark="")
        await self._put([reset], self._position if unknown else after)
        await self._put(unknown, after)
        self._position = after
        self._taken = None
        self._until_acknowledged = True
        self._look_back(())

    async def _put(self, parts: Sequence[CashEvent], after: Position) -> None:
        """Events in line. Marks of all but the last say that the rest is still to come."""
        assert self._position is not None, "hearing has begun"
        async with self._change:
            for at, part in enumerate(parts, 1):
                self._number += 1
                here = after if at == len(parts) else self._position._replace(part=self._position.part + at)
                self._line.append(msgspec.structs.replace(part, mark=here._replace(at_rest=False).mark(self._number)))
                if isinstance(part, Trouble) and part.kind == "fraud":
                    self._wanted = frozenset()  # until somebody enables it again
                logger.info("%s: %s", self._handle.name, self._line[-1])
            self._change.notify_all()

    def _settle(self, buffer: EventBuffer) -> None:
        """Whether nothing more can come of what was let in."""
        assert self._position is not None, "hearing has begun"
        quiet_since = asyncio.get_running_loop().time() - self._closed_at
        if self._taken == 0 and quiet_since >= self._settings.settle_s and buffer.counter == self._position.counter:
            self._unsettled = self._is_holding()

    async def _apply(self) -> None:
        """Let the device take what is wanted, as far as that is safe now."""
        if self._until_acknowledged and not self._line:
            self._until_acknowledged = False
        placed = self._position is not None and not self._resumed  # else what comes next may look like what came before
        safe = self._listening and placed and not self._until_acknowledged and len(self._line) <= _WAITING_MAX
        taken = sum(1 << at - 1 for at, money in (self._known or {}).items() if safe and money in self._wanted)
        if taken != self._taken:
            await self._inhibit(taken)

    async def _inhibit(self, taken: int) -> None:
        self._taken = None
        if taken:
            self._unsettled = True
            await self._prepare()
        await self._handle.ask(SetInhibits(taken), decode_ack)
        if self._settings.master_inhibit:
            await self._handle.ask(SetMasterInhibit(bool(taken)), decode_ack)
        self._taken = taken
        self._closed_at = asyncio.get_running_loop().time()

    async def _identify_money(self) -> dict[int, Denomination]:
        known = {}
        for position in range(1, self._settings.positions + 1):
            try:
                money = await self._ask_money(position)
            except Refused:
                continue  # no such position
            if money is not None:
                known[position] = money
        return known

    @abstractmethod
    async def _ask_money(self, position: int) -> Denomination | None:
        """What is recognised at this position. BusTrouble, Refused."""

    @abstractmethod
    def _parts(self, event: Event, following: Event | None) -> list[CashEvent] | None:
        """What an event means; None: it can't be told yet."""

    @abstractmethod
    def _passed(self, event: Event) -> None:
        """This event is being put in line."""

    @abstractmethod
    def _look_back(self, events: Sequence[Event]) -> None:
        """These events, the newest first, came before what is told."""

    @abstractmethod
    def _is_holding(self) -> bool:
        """Whether money lies where its owner's right to it is not decided."""

    async def _prepare(self) -> None:
        """Before money is let in."""
