"""What a note recycler's poll events mean for the money that comes in: each note once, whoever lost power when.

A note is announced (`InEscrow`), then either credited or given back. Which it was is told by events, and where events
were lost, by the device's counters: one note more has come in, or none. See `ssp_marks` for what is remembered.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Literal

import msgspec

from unqueue.devices.drivers.ssp_marks import UNKNOWN_NOTE, Memory, note_of
from unqueue.devices.ports import CashEvent, Credited, CreditUnknown, GivenBack, InEscrow, Trouble
from unqueue.devices.wire.ssp_events import Event, EventCode
from unqueue.devices.wire.ssp_messages import REJECT_REASONS, Counters
from unqueue.kernel.cash import Denomination, parse_denomination

Where = Literal["cashbox", "dispenser"]
HELD = -1
"""The channel of a note that lies in escrow since before this session; which note it is, the memory may know."""

_E = EventCode

CONCERNS_HEARER = frozenset({
    _E.CREDIT, _E.FRAUD_ATTEMPT, _E.CLEARED_FROM_FRONT, _E.CLEARED_INTO_CASHBOX, _E.NOTE_INTO_STACKER_AT_RESET,
    _E.NOTE_INTO_STORE_AT_RESET,
})  # fmt: skip
"""Events that nobody but the hearer may acknowledge: they are left with the device until one has come."""

_RESTLESS = frozenset({
    _E.READ, _E.STACKING, _E.REJECTING, _E.CREDIT, _E.INITIALISING, _E.SAFE_JAM, _E.UNSAFE_JAM, _E.NOTE_PATH_OPEN,
    _E.JAM_RECOVERY, _E.CLEARED_FROM_FRONT, _E.CLEARED_INTO_CASHBOX, _E.NOTE_INTO_STACKER_AT_RESET,
    _E.NOTE_INTO_STORE_AT_RESET,
})  # fmt: skip
Kind = Literal["jam", "fraud", "full", "cashbox_removed", "cashbox_replaced", "reset", "unplugged", "back", "fault"]
_TROUBLES: dict[EventCode, tuple[Kind, str, bool]] = {
    _E.SAFE_JAM: ("jam", "a note is stuck inside", True),
    _E.UNSAFE_JAM: ("jam", "a note is stuck where it can be reached", True),
    _E.JAMMED: ("jam", "the payout is jammed", True),
    _E.NOTE_PATH_OPEN: ("fault", "the note path is open", True),
    _E.STACKER_FULL: ("full", "the cashbox is full", True),
    _E.CASHBOX_REMOVED: ("cashbox_removed", "the cashbox was taken out", True),
    _E.CASHBOX_REPLACED: ("cashbox_replaced", "the cashbox is back", False),
    _E.PAYOUT_OUT_OF_SERVICE: ("fault", "the payout is out of service", False),
    _E.ERROR_DURING_PAYOUT: ("fault", "a note went astray during a payout", False),
    _E.SLAVE_RESET: ("reset", "the device was started anew", False),
}
_RULES: dict[EventCode, Where] = {
    _E.CLEARED_INTO_CASHBOX: "cashbox",
    _E.NOTE_INTO_STACKER_AT_RESET: "cashbox",
    _E.NOTE_INTO_STORE_AT_RESET: "dispenser",
}


class Device(msgspec.Struct, frozen=True):
    """What acceptance asks of the driver. Each question may raise LineDown or SessionLost."""

    counters: Callable[[], Awaitable[Counters | None]]
    reject_code: Callable[[], Awaitable[int]]
    channel: Callable[[int], Denomination | None]
    route: Callable[[Denomination], Where]


class Inbox:
    """Events that wait to be heard: each is there until it is acknowledged."""

    def __init__(self) -> None:
        self._waiting: deque[CashEvent] = deque()
        self._changed = asyncio.Condition()
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    async def put(self, event: CashEvent) -> None:
        async with self._changed:
            self._waiting.append(event)
            self._changed.notify_all()

    async def acknowledge(self, mark: str) -> None:
        async with self._changed:
            if self._waiting and self._waiting[0].mark == mark:
                self._waiting.popleft()
                self._changed.notify_all()

    async def skip_to(self, mark: str) -> None:
        """Forget events up to the one with this mark, if it waits here."""
        async with self._changed:
            if any(event.mark == mark for event in self._waiting):
                while self._waiting.popleft().mark != mark:
                    pass
                self._changed.notify_all()

    async def close(self) -> None:
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def events(self) -> AsyncIterator[CashEvent]:
        while True:
            async with self._changed:
                while not self._waiting and not self._closed:
                    await self._changed.wait()
                if self._closed:
                    return
                head = self._waiting[0]
            yield head
            async with self._changed:
                while self._is_first(head):
                    await self._changed.wait()

    def _is_first(self, event: CashEvent) -> bool:
        return not self._closed and bool(self._waiting) and self._waiting[0] is event


class Acceptance:
    """From poll events to cash events. `memory` is what is accounted for, with every event that waits in the inbox."""

    def __init__(self, device: Device, settle_s: float) -> None:
        self.inbox = Inbox()
        self.memory: Memory | None = None
        self.escrow_channel: int | None = None
        self.leaving = False
        """The note's fate was decided, and the device told."""
        self.was_reset = False
        self._fresh = False  # no mark was handed over: what the device repeats from before is nobody's
        self._announced = False
        self._device = device
        self._settle_s = settle_s
        self._conditions: frozenset[EventCode] = frozenset()
        self._quiet_since: float | None = None
        self._doubtful = True  # counters are to be compared once it is quiet

    @property
    def outstanding(self) -> bool:
        """Whether a note was announced that has neither been credited nor given back."""
        return self.memory is not None and self.memory.escrow is not None

    @property
    def awaits_decision(self) -> bool:
        """Whether the announced note still lies in escrow."""
        return self.escrow_channel is not None and self._announced

    def is_known(self) -> bool:
        """Whether the note in escrow is one that can be credited."""
        if self.escrow_channel == HELD:
            return self._escrow_note() is not None
        return self.escrow_channel is not None and self._device.channel(self.escrow_channel) is not None

    async def baseline(self, serial: int, number: int = 0) -> Memory:
        """What the device counts now, accounted for."""
        counters = await self._device.counters()
        notes_in = (counters.stacked + counters.stored) if counters else 0
        return Memory(serial, number, notes_in, counters.stored if counters else 0)

    async def adopt(self, memory: Memory | None, serial: int) -> None:
        """Begin where this memory ends; None: with what the device counts now."""
        baseline = await self.baseline(serial, memory.number if memory else 0)
        self._fresh = memory is None
        self._doubtful = True
        self.memory = memory or baseline
        if self.was_reset and memory is not None:
            await self._trouble("reset", _TROUBLES[_E.SLAVE_RESET][1], blocks=False)
        if memory is not None and memory.serial != serial:
            self.memory = baseline
            if memory.escrow is not None:
                await self._unknown("another device is connected; a note was in the former one", 1)
            else:
                await self._trouble("fault", "another device is connected", blocks=False)

    def session_opened(self, *, held: bool) -> None:
        """The session is new: what the device was about to say may be lost. `held`: a note lies in escrow."""
        self.escrow_channel = HELD if held else None
        self.leaving = False
        self._announced = False
        self._quiet_since = None
        self._doubtful = True

    async def connection(self, kind: Literal["unplugged", "back"], detail: str) -> None:
        if self.memory is not None:
            await self._trouble(kind, detail, blocks=kind == "unplugged")

    async def unreadable(self) -> None:
        """Part of an answer could not be read: whether money was in it, the counters will tell."""
        self._doubtful = True
        await self._trouble("fault", "the device sent an event that is not known", blocks=False)

    async def announce(self) -> bool:
        """Tell of the note in escrow, if it was not told yet and somebody listens; whether it was told now.

        A note from before this session was told of then, or else its channel is not known, and it goes back.
        """
        if self.escrow_channel is None or self._announced or self.memory is None:
            return False
        self._announced = True
        if self.escrow_channel == HELD and self.outstanding:
            return False
        denomination = self._device.channel(self.escrow_channel)
        if denomination is None:
            self.memory = msgspec.structs.replace(self.memory, escrow=UNKNOWN_NOTE, jammed=False)
            return True
        mark = self._next(escrow=str(denomination), jammed=False)
        await self.inbox.put(InEscrow(denomination, mark))
        return True

    def overhear(self, events: list[Event]) -> None:
        """What a poll said that must be told to whoever listens later."""
        for event in events:
            if event.code == _E.READ and event.channel:
                self.escrow_channel = event.channel
            self.was_reset = self.was_reset or event.code == _E.SLAVE_RESET

    async def take(self, events: list[Event]) -> None:
        """What one poll said. Only for a device somebody listens to."""
        assert self.memory is not None, "nobody listens yet"
        codes = frozenset(event.code for event in events)
        for event in events:
            await self._take(event)
        self._conditions = codes
        self._fresh = False
        if self.escrow_channel is None:
            self.leaving = False
        now = asyncio.get_running_loop().time()
        if codes & _RESTLESS or self.escrow_channel is not None:
            self._quiet_since = None
        elif self._quiet_since is None:
            self._quiet_since = now
        if self._quiet_since is not None and now - self._quiet_since >= self._settle_s:
            await self._settle()

    async def _take(self, event: Event) -> None:
        match event.code:
            case _E.READ:
                await self._read(event.channel or 0)
            case _E.CREDIT:
                self.escrow_channel = None
                await self._note_in(self._device.channel(event.channel or 0), None)
            case _E.CLEARED_INTO_CASHBOX:
                await self._note_in(self._device.channel(event.channel or 0), "cashbox")
            case _E.NOTE_INTO_STACKER_AT_RESET | _E.NOTE_INTO_STORE_AT_RESET:
                known = note_of(event.amounts[0]) if event.amounts else None
                await self._note_in(known, _RULES[event.code])
            case _E.REJECTED:
                reason = REJECT_REASONS.get(await self._device.reject_code(), "not_recognised")
                await self._back(reason, another=reason == "second_note")
            case _E.CLEARED_FROM_FRONT:
                await self._back("power")
            case _E.FRAUD_ATTEMPT:
                await self._fraud(event.channel or 0)
            case _:
                await self._condition(event.code)

    async def _read(self, channel: int) -> None:
        if channel == 0 or self.escrow_channel is not None:
            return
        self.escrow_channel = channel
        if not self.leaving:  # else the device has yet to begin with what was decided
            if self.outstanding:
                await self._settle()  # the one before must have found its way: there is room for another
            self._announced = False

    async def _condition(self, code: EventCode) -> None:
        """Something that goes on for a while is told when it begins."""
        if code == _E.SLAVE_RESET:
            self.was_reset = self._doubtful = True
            self.escrow_channel = None
        if code not in _TROUBLES or code in self._conditions:
            return
        kind, detail, blocks = _TROUBLES[code]
        if kind == "jam" and self.outstanding and self.memory is not None:
            self.memory = msgspec.structs.replace(self.memory, jammed=True)
        await self._trouble(kind, detail, blocks=blocks)

    async def _fraud(self, channel: int) -> None:
        denomination = self._device.channel(channel)
        counters = await self._device.counters()
        missing = counters is not None and self.memory is not None and self.memory.arrivals(counters) < 0
        detail = f"somebody pulled at {denomination or 'a note'}"
        await self._trouble(
            "fraud", detail + (", which was credited and never arrived" if missing else ""), blocks=True
        )

    async def _note_in(self, denomination: Denomination | None, where: Where | None) -> None:
        """The device says that a note is safe. Is it a new one?"""
        assert self.memory is not None, "nobody listens yet"
        counters = await self._arrived()
        arrivals = self.memory.arrivals(counters) if counters else 0
        if self._fresh:
            await self._unknown("the device repeats a credit from before we listened", 1)
        elif self.outstanding or arrivals > 0:
            await self._credit(denomination or self._escrow_note(), where, counters)
        # Else it is accounted for: its event was heard, and its acknowledgement was lost.

    async def _credit(self, denomination: Denomination | None, where: Where | None, counters: Counters | None) -> None:
        assert self.memory is not None, "nobody listens yet"
        if denomination is None:
            await self._unknown("a note of unknown value came in", 1)
            return
        if counters is not None and self.memory.arrivals(counters) > 0:
            where = "dispenser" if self.memory.stored_arrivals(counters) > 0 else "cashbox"
        where = where or self._device.route(denomination)
        mark = self._next(
            notes_in=self.memory.notes_in + 1,
            stored=self.memory.stored + (where == "dispenser"),
            escrow=None,
            jammed=False,
        )
        await self.inbox.put(Credited(denomination, where, mark))

    async def _arrived(self) -> Counters | None:
        """The counters, once they have counted the note that is on its way, or when we have waited long enough."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._settle_s
        while True:
            counters = await self._device.counters()
            if counters is None or self.memory is None or self.memory.arrivals(counters) > 0 or loop.time() >= until:
                return counters
            await asyncio.sleep(self._settle_s / 10)

    async def _settle(self) -> None:
        """It is quiet: nothing moves. What the counters say now is final."""
        if self.memory is None or not (self.outstanding or self._doubtful):
            return
        counters = await self._device.counters()
        arrivals = self.memory.arrivals(counters) if counters else 0
        self._doubtful = False
        if arrivals == 1 and self.outstanding:
            await self._credit(self._escrow_note(), None, counters)
        elif arrivals > 0:
            await self._unknown("the device counted notes that no event told of", arrivals)
        elif self.outstanding and (counters is None or self.memory.jammed):
            await self._unknown("nobody can tell where the note in escrow went", 1, came_in=0)
        elif self.outstanding:
            await self._back("power" if self.was_reset else "withdrawn")
        self.was_reset = False
        if counters is not None:  # what was predicted and did not come true is forgotten here
            self.memory = msgspec.structs.replace(
                self.memory, notes_in=counters.stacked + counters.stored, stored=counters.stored
            )

    async def _back(self, reason: str, *, another: bool = False) -> None:
        """A note went back: the one that was in escrow, unless it was another."""
        if not another:
            self.escrow_channel = None
        mark = self._next() if another else self._next(escrow=None, jammed=False)
        await self.inbox.put(GivenBack(reason, mark))

    async def _unknown(self, detail: str, count: int, *, came_in: int | None = None) -> None:
        assert self.memory is not None, "nobody listens yet"
        notes_in = self.memory.notes_in + (count if came_in is None else came_in)
        mark = self._next(notes_in=notes_in, escrow=None, jammed=False)
        await self.inbox.put(CreditUnknown(detail, count, mark))

    async def _trouble(self, kind: Kind, detail: str, *, blocks: bool) -> None:
        await self.inbox.put(Trouble(kind, detail, blocks, self._next()))

    def _escrow_note(self) -> Denomination | None:
        if self.memory is None or self.memory.escrow in {None, UNKNOWN_NOTE}:
            return None
        return parse_denomination(str(self.memory.escrow))

    def _next(self, **changes: object) -> str:
        """The memory after the next event, as its mark."""
        assert self.memory is not None, "nobody listens yet"
        self.memory = msgspec.structs.replace(self.memory, number=self.memory.number + 1, **changes)
        return self.memory.encode()
