"""A note recycler that speaks SSP: UnifiedPOS BillAcceptor and BillDispenser (ITL NV200 with Smart Payout and alike).

One task keeps the session: it opens it, polls, holds a note in escrow until it is decided upon, and opens the session
again whenever the device or its line was away. All questions go over the wire one at a time.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Literal, TypeVar

import msgspec

from unqueue.devices.drivers.claiming import Claimed
from unqueue.devices.drivers.ssp_acceptance import CONCERNS_HEARER, Acceptance, Device, Where
from unqueue.devices.drivers.ssp_link import Answer, NewLine, SessionLost, SspLink
from unqueue.devices.drivers.ssp_marks import (
    Memory,
    PayoutMark,
    amount_of,
    decode_memory,
    decode_payout_mark,
    note_of,
)
from unqueue.devices.ports import CashEvent, DeviceFailed, DeviceStatus, Payout
from unqueue.devices.transports.serial import LineDown, LineSettings, SerialLine
from unqueue.devices.transports.tasks import end
from unqueue.devices.wire.ssp_encryption import FIXED_KEY_DEFAULT
from unqueue.devices.wire.ssp_events import NEEDS_ACK, Event, EventCode, Unreadable, decode_events
from unqueue.devices.wire.ssp_messages import (
    Command,
    Counters,
    Level,
    Reply,
    Setup,
    decode_counters,
    decode_levels,
    decode_setup,
    encode_amount,
    encode_inhibits,
    encode_payout,
    encode_route,
)
from unqueue.kernel.cash import Denomination

_E = EventCode
_NAME = "note recycler"
_PROTOCOL_VERSIONS = (8, 7, 6)
_SMART_PAYOUT = 6
_COUNT_MAX = 0xFFFF
_PAYING = frozenset({
    _E.DISPENSING, _E.FLOATING, _E.EMPTYING, _E.SMART_EMPTYING, _E.JAM_RECOVERY, _E.NOTE_HELD_IN_BEZEL, _E.INITIALISING,
})  # fmt: skip
_JAMS = frozenset({_E.SAFE_JAM, _E.UNSAFE_JAM, _E.JAMMED, _E.NOTE_PATH_OPEN})
_ENDS = {
    _E.DISPENSED: "", _E.HALTED: "halted", _E.TIME_OUT: "timeout", _E.INCOMPLETE_PAYOUT: "reset", _E.JAMMED: "jam",
    _E.ERROR_DURING_PAYOUT: "jam", _E.PAYOUT_OUT_OF_SERVICE: "out_of_service",
}  # fmt: skip
T = TypeVar("T")


class SspNoteRecyclerSettings(msgspec.Struct, frozen=True):
    """The recycler's line and how the recycler is used."""

    url: str
    address: int = 0
    encrypted: bool = True
    """A Smart Payout pays nothing without."""
    fixed_key: int = FIXED_KEY_DEFAULT
    """The half of the key that was set in the device; this is what it leaves the factory with."""
    recycled: frozenset[Denomination] | None = None
    """Notes that go to the payout store; all others go to the cashbox. None: as the device is set up."""
    poll_interval_s: float = 0.2
    answer_timeout_s: float = 1.0
    repeats: int = 5
    """How often a question without answer is asked again."""
    settle_s: float = 2.0
    """How long nothing must move before the counters are believed to be final."""
    payout_ack_s: float = 10.0
    """How long the device repeats how a broken-off payout ended, unless `begin` or `enable` are called before."""
    retry_s: float = 0.5

    def line(self) -> LineSettings:
        return LineSettings(self.url, stop_bits=2)


class SspNoteRecycler(Claimed):
    """See `ports.CashAcceptor` and `ports.CashDispenser`. Whatever it takes it can give again, once it is stored."""

    def __init__(self, settings: SspNoteRecyclerSettings, new_line: NewLine = SerialLine) -> None:
        self._settings = settings
        self._link = SspLink(
            settings.line(),
            address=settings.address,
            fixed_key=settings.fixed_key,
            answer_timeout_s=settings.answer_timeout_s,
            repeats=settings.repeats,
            new_line=new_line,
        )
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._wanted: frozenset[Denomination] = frozenset()
        self._routes: dict[Denomination, Where] = {}
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Nothing is known of the device."""
        device = Device(self._counters, self._reject_code, self._channel, self._route)
        self._acceptance = Acceptance(device, self._settings.settle_s)
        self._setup: Setup | None = None
        self._serial = 0
        self._with_ack = True
        self._ready = False
        self._away = False
        self._unconfigured = True
        self._trouble = "not claimed"
        self._hearer: tuple[Memory | None] | None = None
        self._decision: Literal["stack", "give_back"] | None = None
        self._decided: Literal["stack", "give_back"] | None = None
        self._ack_owed = False
        self._ack_not_before = 0.0
        self._latched = b""
        self._parked = False
        self._paying = False
        self._starting = False
        self._jammed = False
        self._told: dict[str, int] | None = None
        self._problem = ""
        self._marks_used: set[str] = set()

    async def claim(self) -> None:
        if self._keeper is None:
            self._begin_anew()
            self._trouble = "not connected yet"
            self._link.start()
            self._keeper = asyncio.create_task(self._keep(), name=f"{_NAME} {self._settings.url}")

    async def release(self) -> None:
        if self._keeper is not None:
            keeper, self._keeper = self._keeper, None
            await end(keeper)
            with contextlib.suppress(LineDown, SessionLost, TimeoutError):
                async with asyncio.timeout(self._settings.answer_timeout_s):
                    await self._link.ask(bytes([Command.DISABLE]), repeat=False)
            await self._link.stop()
            await self._acceptance.inbox.close()
        self._ready, self._trouble = False, "not claimed"

    async def status(self) -> DeviceStatus:
        if not self._ready:
            return DeviceStatus("failed", self._trouble if self._keeper else "not claimed")
        if self._unconfigured:
            return DeviceStatus("busy", "starting")
        if self._jammed:
            return DeviceStatus("failed", "a note is stuck")
        if self._paying:
            return DeviceStatus("busy", "paying out")
        return DeviceStatus("busy", "taking a note") if self._acceptance.outstanding else DeviceStatus("ready")

    async def denominations(self) -> frozenset[Denomination]:
        if not self._ready:
            raise DeviceFailed(device=_NAME, detail=self._trouble)
        return frozenset(self._channels())

    async def mark(self) -> str:
        async def mark() -> str:
            if self._unconfigured:
                raise DeviceFailed(device=_NAME, detail="it is still starting")
            return (self._acceptance.memory or await self._acceptance.baseline(self._serial)).encode()

        return await self._in_turn(mark)

    async def enable(self, wanted: frozenset[Denomination]) -> None:
        async def enable() -> None:
            self._ack_not_before = 0.0
            self._wanted = wanted
            answers = await self._let_in_what_is_wanted()
            if any(answer.reply == Reply.COMMAND_CANNOT_BE_PROCESSED for answer in answers):
                self._unconfigured = True  # it is still starting

        await self._in_turn(enable)

    async def events(self, after: str | None) -> AsyncIterator[CashEvent]:
        if self._hearer is None:
            self._hearer = (decode_memory(after) if after is not None else None,)
            self._wake.set()
        elif after is not None:
            await self._acceptance.inbox.skip_to(after)
            self._wake.set()
        async for event in self._acceptance.inbox.events():
            yield event

    async def acknowledge(self, mark: str) -> None:
        await self._acceptance.inbox.acknowledge(mark)
        self._wake.set()

    async def stack(self) -> None:
        await self._decide("stack")

    async def give_back(self) -> None:
        await self._decide("give_back")

    async def route(self, denomination: Denomination, to: Where) -> None:
        """Where notes of this kind go from now on: the payout store (`dispenser`) or the cashbox. DeviceFailed."""

        async def route() -> None:
            self._routes[denomination] = to
            await self._must(encode_route(amount_of(denomination), to))

        await self._in_turn(route)

    async def empty(self) -> None:
        """Begin to move all notes from the payout store to the cashbox. DeviceFailed. `status` is busy meanwhile."""
        await self._in_turn(lambda: self._start_moving(bytes([Command.SMART_EMPTY])))

    async def halt(self) -> None:
        """Stop a payout; `payout` then says how far it came. DeviceFailed."""
        await self._in_turn(lambda: self._must(bytes([Command.HALT_PAYOUT])))

    async def levels(self) -> dict[Denomination, int]:
        return await self._in_turn(self._levels)

    async def begin(self) -> str:
        async def begin() -> str:
            self._ack_not_before = 0.0
            counters, levels = await self._needed_counters(), await self._levels()
            by_name = {str(denomination): count for denomination, count in levels.items()}
            return PayoutMark(
                self._serial, secrets.token_hex(8), counters.stored, counters.dispensed, counters.transferred, by_name
            ).encode()

        return await self._in_turn(begin)

    async def dispense(self, counts: Mapping[Denomination, int], mark: str) -> None:
        before = decode_payout_mark(mark)

        async def dispense() -> None:
            wanted = tuple(Level(count, amount_of(denomination)) for denomination, count in counts.items() if count)
            if before.serial != self._serial:
                raise DeviceFailed(device=_NAME, detail="another device is connected than the payout was begun with")
            if unknown := sorted(map(str, counts.keys() - self._channels().keys())):
                raise DeviceFailed(device=_NAME, detail=f"it has no {', '.join(unknown)}")
            if mark in self._marks_used or before.was_used(await self._needed_counters(), await self._levels()):
                return
            if max(counts.values()) > _COUNT_MAX:
                raise DeviceFailed(device=_NAME, detail="the payout was refused: not enough value")
            answer = await self._link.ask(encode_payout(wanted, test=True))
            if not answer.ok:
                raise DeviceFailed(device=_NAME, detail=answer.payout_refusal)
            self._marks_used.add(mark)
            await self._start_moving(encode_payout(wanted, test=False))

        if any(counts.values()):
            await self._in_turn(dispense)

    async def payout(self, mark: str) -> Payout:
        before = decode_payout_mark(mark)

        async def payout() -> Payout:
            if before.serial != self._serial:
                return Payout({}, done=True, problem="another_device", exact=False)
            done = await self._is_still()
            counters, levels = await self._needed_counters(), await self._levels()
            outcome = before.outcome(counters, levels, self._told, done=done)
            return msgspec.structs.replace(outcome, problem=self._problem if done else "")

        return await self._in_turn(payout)

    # The session -----------------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        while True:
            await self._link.wait_connected()
            try:
                async with self._turn:
                    await self._open()
                await self._live()
            except (LineDown, SessionLost, DeviceFailed) as lost:
                await self._lost(str(lost), at_once=isinstance(lost, LineDown))
            except ValueError as nonsense:
                await self._lost(f"the device's answer makes no sense: {nonsense}", at_once=True)
            await asyncio.sleep(self._settings.retry_s)

    async def _lost(self, why: str, *, at_once: bool) -> None:
        """A device that was only started anew has forgotten the session: it is not away if that can be opened again."""
        if not self._away and (at_once or not self._ready):
            self._away = True
            await self._acceptance.connection("unplugged", why)
        self._ready = False
        self._trouble = why

    async def _open(self) -> None:
        """From silence to a device that is set up as we want it. LineDown, SessionLost, ValueError."""
        await self._link.open(encrypted=self._settings.encrypted)
        for version in _PROTOCOL_VERSIONS:
            if (await self._link.ask(bytes([Command.HOST_PROTOCOL_VERSION, version]))).ok:
                break
        self._setup = decode_setup((await self._must(bytes([Command.SETUP_REQUEST]))).data)
        serial = await self._must(bytes([Command.GET_SERIAL_NUMBER]))
        self._serial = int.from_bytes(serial.data[:4], "big")
        # A poll would take a note that lies in escrow, and nobody may have decided so.
        held = (await self._link.ask(bytes([Command.HOLD]))).ok
        if self._acceptance.leaving:
            self._decision = self._decided  # the device may not have heard of it
        self._ack_owed = False
        self._latched = b""
        self._with_ack = True
        self._unconfigured = True
        self._acceptance.session_opened(held=held)
        await self._configure()
        self._ready = True
        if self._away:
            self._away = False
            await self._acceptance.connection("back", "the device is connected again")

    async def _configure(self) -> None:
        """Everything that a device forgets. One that is busy starting is asked again later."""
        recycled = self._settings.recycled
        if recycled is not None:
            self._routes = {d: "dispenser" if d in recycled else "cashbox" for d in self._channels()} | self._routes
        answers = []
        if self._known_setup().unit_type == _SMART_PAYOUT:
            answers.append(await self._link.ask(bytes([Command.ENABLE_PAYOUT_DEVICE, 0])))
            for unknown in self._channels().keys() - self._routes.keys():  # stays as the device is set up
                found = await self._link.ask(
                    bytes([Command.GET_DENOMINATION_ROUTE]) + encode_amount(amount_of(unknown))
                )
                if found.ok:
                    self._routes[unknown] = "dispenser" if found.data[:1] == b"\0" else "cashbox"
            answers += [await self._link.ask(encode_route(amount_of(d), to)) for d, to in self._routes.items()]
        answers += await self._let_in_what_is_wanted()
        self._unconfigured = any(answer.reply == Reply.COMMAND_CANNOT_BE_PROCESSED for answer in answers)

    async def _let_in_what_is_wanted(self) -> list[Answer]:
        channels = self._channels()
        wanted = frozenset(channels[denomination] for denomination in self._wanted if denomination in channels)
        inhibits = encode_inhibits(wanted, len(self._known_setup().channels))
        order = bytes([Command.ENABLE if wanted else Command.DISABLE])
        return [await self._link.ask(inhibits), await self._link.ask(order)]

    async def _live(self) -> None:
        """Poll until something breaks."""
        while True:
            self._wake.clear()
            async with self._turn:
                if self._hearer is not None and self._acceptance.memory is None:
                    await self._acceptance.adopt(self._hearer[0], self._serial)
                if self._unconfigured and not self._starting:
                    await self._configure()
                await self._cycle()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.poll_interval_s):
                    await self._wake.wait()

    async def _cycle(self) -> None:
        acceptance = self._acceptance
        now = asyncio.get_running_loop().time()
        if self._ack_owed and not len(acceptance.inbox) and now >= self._ack_not_before:
            await self._link.ask(bytes([Command.EVENT_ACK]))  # refused when there was nothing to acknowledge
            self._ack_owed = False
            self._latched = b""
        if acceptance.escrow_channel is None:
            await self._poll()
        if await acceptance.announce():
            self._decision = self._decided = None
        if acceptance.escrow_channel is None:
            return
        if acceptance.awaits_decision and not acceptance.is_known():
            self._decision = "give_back"
        if acceptance.leaving:
            self._decision = self._decided
        if self._decision is None or not acceptance.awaits_decision:
            if not (await self._link.ask(bytes([Command.HOLD]))).ok:
                acceptance.escrow_channel = None  # it went back by itself
            return
        self._decided, self._decision = self._decision, None
        acceptance.escrow_channel = None
        acceptance.leaving = True
        if self._decided == "give_back":
            await self._link.ask(bytes([Command.REJECT]))
        await self._poll()  # which takes a note in escrow

    async def _poll(self) -> None:
        answer = await self._link.ask(bytes([Command.POLL_WITH_ACK if self._with_ack else Command.POLL]))
        if self._with_ack and answer.reply == Reply.COMMAND_NOT_KNOWN:
            self._with_ack = False
            return
        if not answer.ok or (self._ack_owed and answer.data == self._latched):
            return
        found = decode_events(answer.data, self._known_setup().protocol_version)
        events = [event for event in found if isinstance(event, Event)]
        await self._take_payout(events)
        parked = self._acceptance.memory is None and any(event.code in CONCERNS_HEARER for event in events)
        self._parked = parked
        if self._acceptance.memory is not None:
            await self._acceptance.take(events)
            if any(isinstance(part, Unreadable) for part in found):
                await self._acceptance.unreadable()
        else:
            self._acceptance.overhear(events)
        if any(event.code in {_E.SLAVE_RESET, _E.PAYOUT_OUT_OF_SERVICE} for event in events):
            self._unconfigured = True
        waits = any(isinstance(part, Unreadable) or part.code in NEEDS_ACK for part in found)
        if self._with_ack and waits and not parked:
            self._ack_owed, self._latched = True, answer.data
            if any(_ENDS.get(event.code) for event in events):
                # Its value is needed to say what was paid, also by the host after this one, should this one die now.
                self._ack_not_before = asyncio.get_running_loop().time() + self._settings.payout_ack_s

    async def _take_payout(self, events: list[Event]) -> None:
        self._paying = any(event.code in _PAYING for event in events)
        self._jammed = any(event.code in _JAMS for event in events)
        self._starting = any(event.code == _E.INITIALISING for event in events)
        for event in events:
            if event.code in _ENDS:
                self._problem = _ENDS[event.code]
            if event.code in _ENDS and event.amounts:
                self._told = {amount.currency: amount.value_minor for amount in event.amounts}

    async def _in_turn(self, order: Callable[[], Awaitable[T]]) -> T:
        async with self._turn:
            if not self._ready:
                raise DeviceFailed(device=_NAME, detail=self._trouble)
            try:
                return await order()
            except (LineDown, SessionLost) as lost:
                raise DeviceFailed(device=_NAME, detail=str(lost)) from lost
            except ValueError as nonsense:
                raise DeviceFailed(device=_NAME, detail=f"the answer makes no sense: {nonsense}") from nonsense

    async def _decide(self, decision: Literal["stack", "give_back"]) -> None:
        remembered = self._hearer[0] if self._hearer and self._acceptance.memory is None else self._acceptance.memory
        if remembered is None or remembered.escrow is None:
            raise DeviceFailed(device=_NAME, detail="no note is in escrow")
        self._decision = decision  # and if the note is on its way already, this changes nothing
        self._wake.set()

    async def _start_moving(self, order: bytes) -> None:
        """Send an order that moves notes: never twice, and uncertain when its answer is lost."""
        self._told, self._problem = None, ""
        try:
            answer = await self._link.ask(order, repeat=False)
        except (LineDown, SessionLost) as lost:
            self._wake.set()  # the session is opened anew
            raise DeviceFailed(device=_NAME, detail=str(lost), uncertain=True) from lost
        if not answer.ok:
            raise DeviceFailed(device=_NAME, detail=answer.payout_refusal)
        self._paying = True

    async def _is_still(self) -> bool:
        """Whether no note moves inside. A note in escrow means that none does; a poll would take it."""
        if self._acceptance.escrow_channel is None:
            await self._poll()
        if self._parked or (self._ack_owed and len(self._acceptance.inbox)):
            return False  # the device says nothing new until its last event is acknowledged
        return not self._paying

    async def _must(self, order: bytes) -> Answer:
        answer = await self._link.ask(order)
        if not answer.ok:
            raise DeviceFailed(device=_NAME, detail=f"{Command(order[0]).name} was answered {answer.reply:02X}")
        return answer

    async def _counters(self) -> Counters | None:
        answer = await self._link.ask(bytes([Command.GET_COUNTERS]))
        return decode_counters(answer.data) if answer.ok else None

    async def _needed_counters(self) -> Counters:
        counters = await self._counters()
        if counters is None:
            raise DeviceFailed(device=_NAME, detail="the device has no counters")
        return counters

    async def _reject_code(self) -> int:
        answer = await self._link.ask(bytes([Command.LAST_REJECT_CODE]))
        return answer.data[0] if answer.ok and answer.data else 0

    async def _levels(self) -> dict[Denomination, int]:
        levels = decode_levels((await self._must(bytes([Command.GET_ALL_LEVELS]))).data)
        return {note_of(level.amount): level.count for level in levels}

    def _known_setup(self) -> Setup:
        if self._setup is None:
            raise DeviceFailed(device=_NAME, detail=self._trouble)
        return self._setup

    def _channels(self) -> dict[Denomination, int]:
        channels = enumerate(self._known_setup().channels, start=1)
        return {note_of(amount): number for number, amount in channels if amount.value_minor}

    def _channel(self, number: int) -> Denomination | None:
        channels = self._setup.channels if self._setup else ()
        if not 1 <= number <= len(channels) or not channels[number - 1].value_minor:
            return None
        return note_of(channels[number - 1])

    def _route(self, denomination: Denomination) -> Where:
        return self._routes.get(denomination, "cashbox")
