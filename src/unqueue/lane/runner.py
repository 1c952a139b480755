"""Runs the lane's sequence: brings it what devices and server tell, and does what it wants.

One event loop, no locks: every input is one synchronous step. What can fail is tried again here and nowhere else, with
one exception: the gate is told to open once, and the sequence looks at its counter before it tells it again.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Literal

import msgspec

from unqueue.devices.ports import DeviceFailed, NotReady
from unqueue.kernel.ids import new_id
from unqueue.lane.alone import Alone
from unqueue.lane.gate_tags import TagRule
from unqueue.lane.gate_watch import GateWatch
from unqueue.lane.hardware import Hardware
from unqueue.lane.offline import OfflineDesk
from unqueue.lane.screen import LaneState, show
from unqueue.lane.sequence import DECIDED_BY_STAFF, outputs, step
from unqueue.lane.sequence.words import (
    Answered,
    AskTare,
    CallInfo,
    CallOver,
    CallRefused,
    CallSeen,
    Code,
    Command,
    Config,
    DeviceSeen,
    ExitInfo,
    ExitSeen,
    Input,
    IoRead,
    Lane,
    OfflineSeen,
    OpenGate,
    Outputs,
    Pending,
    RaiseAlarm,
    Refused,
    Request,
    Sound,
    TareSeen,
    Tick,
    Weighed,
    ZeroScale,
)
from unqueue.lane.server import StoreServer
from unqueue.station.calls import StaffCalls
from unqueue.station.devices import SERVER, attend, for_heartbeat, log_change, watch_status
from unqueue.station.heartbeat import Heartbeat
from unqueue.station.jobs import Bell, Jobs, Pursuit
from unqueue.station.link import ServerEvent, ServerRefused, TryLater, follow, until_answered
from unqueue.station.screen import LiveScreen
from unqueue.station.words import Status

logger = logging.getLogger(__name__)
_FAILURES_MAX = 2
"""A scale that misses one answer is no broken scale."""


class Pace(msgspec.Struct, frozen=True):
    """How often the lane looks, in seconds."""

    tick_s: float = 0.1
    io_s: float = 0.1
    io_deactivating_s: float = 0.02
    scale_s: float = 0.01
    scale_idle_s: float = 0.4
    status_s: float = 2.0
    heartbeat_s: float = 5.0
    refresh_s: float = 2.0
    unread_s: float = 0.5
    """So soon it is asked again what staff want of the gate: a wish is good for a few seconds."""
    gather_s: float = 0.25
    """So long the server is not told how the lane is after a change: it has better things to answer just then."""


class LaneRunner:
    """One lane at work, and its screen."""

    def __init__(
        self,
        lane_id: str,
        name: str,
        hardware: Hardware,
        server: StoreServer,
        config: Config | None = None,
        *,
        pace: Pace | None = None,
        desk: OfflineDesk | None = None,
        tags: TagRule | None = None,
    ) -> None:
        self.lane = Lane()
        self.hardware = hardware
        self.server = server
        self._alone = Alone(server, desk, self._hear_alone, self._order_id) if desk is not None else None
        self._config = config or Config()
        self._pace = pace or Pace()
        self._clock: Callable[[], float] = asyncio.get_running_loop().time
        self._jobs = Jobs()
        self._pursuit = Pursuit(self._jobs, self._ask)
        self._calls = StaffCalls(
            server.alarm, self._hear_of_call, lambda key: self.hear(CallRefused(key)), server.alarm_over
        )
        self._heartbeat = Heartbeat(
            self._beat, self._seen, kind="lane", every_s=self._pace.heartbeat_s, gather_s=self._pace.gather_s
        )
        self._gate = self._gate_watch(tags or TagRule())
        self._outputs_stale = asyncio.Event()
        self._refresh_due, self._io_due, self._opening_due, self._scale_due = Bell(), Bell(), Bell(), Bell()
        self.screen: LiveScreen[LaneState] = LiveScreen(
            lambda seq: show(self.lane, self._clock(), self._config, lane_id=lane_id, name=name, seq=seq)
        )

    def _gate_watch(self, rule: TagRule) -> GateWatch | None:
        reader, surplus = self.hardware.rfid, self.server.surplus
        if reader is None:
            return None
        return GateWatch(reader, rule, lane=lambda: self.lane, surplus=surplus, hear=self.hear, clock=self._clock)

    async def run(self) -> None:
        """Work until cancelled; then every output is switched off. An error of our own ends it: whoever started the
        process starts it again, and the server knows where it was.
        """
        hardware = self.hardware
        async with contextlib.AsyncExitStack() as claimed:
            for device in hardware.devices():
                await claimed.enter_async_context(device)
            await self._jobs.run(
                self._tick(),
                self._watch_io(),
                self._watch_scale(),
                self._apply_outputs(),
                self._heartbeat.run(),
                self._follow_events(),
                self._refresh(),
                self._open_for_staff(),
                *([self._alone.run()] if self._alone is not None else []),
                *(self._gate.jobs() if self._gate is not None else ()),
                *attend(
                    hardware.scanner,
                    hardware.printer,
                    take_code=lambda text: self.hear(Code(text)),
                    notice=self._seen,
                    every_s=self._pace.status_s,
                ),
                *([watch_status("rfid", hardware.rfid, self._seen, self._pace.status_s)] if hardware.rfid else []),
            )

    def hear(self, heard: Input) -> None:
        """One step of the sequence, and what follows from it."""
        before = self.lane
        self.lane, commands = step(before, heard, self._clock(), self._config)
        if self.lane.phase != before.phase:
            logger.info("%s → %s", before.phase, self.lane.phase)
            if self.lane.phase == "claiming":
                self._scale_due.ring()  # the goods are weighed while the server is asked
        for command in commands:
            self._do(command)
        if outputs(self.lane) != outputs(before):
            self._outputs_stale.set()
        self._pursuit.turn_to(self.lane.request)
        shown = self.screen.shown
        self.screen.redraw()
        if self.screen.shown.state != shown.state:
            self._heartbeat.hurry()

    # What the sequence wants.

    def _do(self, command: Command) -> None:
        match command:
            case OpenGate():
                self._jobs.start(self._open_gate())
            case Sound(cycles):
                self._jobs.start(self._order("tone", self.hardware.tone.sound(cycles=cycles)))
            case ZeroScale():
                self._jobs.start(self._order("scale", self.hardware.scale.zero()))
            case AskTare(code):
                self._jobs.start(self._ask_tare(code))
            case RaiseAlarm():
                self._jobs.start(self._calls.begin(command.key, command))
            case CallOver(key):
                self._jobs.start(self._calls.end(key))

    async def _ask_tare(self, code: str) -> None:
        """What a trolley weighs. One that nobody knows has the usual tare, and its code goes with the weighing."""
        usual = self._config.trolley
        assert usual is not None, "only a lane that weighs trolleys asks"
        try:
            self.hear(TareSeen(await self.server.trolley(code)))
        except (TryLater, ServerRefused):
            self.hear(TareSeen(msgspec.structs.replace(usual, code=code)))

    async def _open_gate(self) -> bool:
        """Whether the gate took the order."""
        taken = await self._order("gate", self.hardware.gate.open())
        self._io_due.ring()  # the screen says that the gate is open when its contact does
        return taken

    async def _open_for_staff(self) -> None:
        """A person opens the gate, whatever the sequence is at: nobody is ever shut in. A gate that does not answer is
        told again while the wish is fresh, and so is a server asked; it hears of it when the gate has opened, however
        late.
        """
        opened: set[str] = set()
        untold: set[str] = set()
        while True:
            wanted: set[str] = set()
            next_s = self._pace.heartbeat_s
            try:
                wanted = set(await self.server.gate_openings())
                opened &= wanted | untold  # of the others the server knows
                if wanted - opened and await self._open_gate():
                    logger.info("staff open the gate")
                    untold |= wanted - opened
                    opened |= wanted
                for one in sorted(untold):
                    await self.server.gate_opened(one)
                    untold.discard(one)
                wanted -= opened
            except TryLater:
                next_s = self._pace.unread_s
            except ServerRefused as refusal:
                logger.warning("staff's wishes to open the gate: %s", refusal.code)
            await self._opening_due.wait(self._pace.io_s if wanted else next_s)

    async def _order(self, device: str, order: Coroutine[Any, Any, Any]) -> bool:
        """Tell a device something, once; whether it answered."""
        try:
            await order
        except DeviceFailed as failure:
            logger.warning("%s: %s", device, failure)
            return False
        return True

    async def _ask(self, pending: Pending) -> None:
        """Ask the server what the sequence wants to know now."""
        request_id = new_id()
        try:
            exits = await until_answered(lambda: self._answer(pending.request, request_id), self._unanswered)
        except ServerRefused as refusal:
            logger.info("%s: %s", type(pending.request).__name__, refusal.code)
            self._seen_unless_alone()
            self.hear(Refused(pending.number, refusal.code))
        else:
            self._seen_unless_alone()
            self.hear(Answered(pending.number, exits))

    async def _answer(self, request: Request, request_id: str) -> tuple[ExitInfo, ...]:
        if self._alone is not None:
            return await self._alone.ask(self.lane, request, request_id)
        return await self.server.ask(request, request_id)

    def _seen_unless_alone(self) -> None:
        if not self.lane.offline:
            self._seen(SERVER, "ready")

    def _order_id(self) -> str | None:
        return self.lane.exit.order_id if self.lane.exit is not None else None

    def _hear_alone(self, *, on: bool) -> None:
        if self.lane.offline != on:
            logger.warning("the lane decides alone" if on else "the server is there again")
            self.hear(OfflineSeen(on))

    def _unanswered(self, trouble: TryLater) -> None:
        self._seen(SERVER, "failed", str(trouble))

    def _hear_of_call(self, key: int, call: CallInfo) -> bool:
        self.hear(CallSeen(key, call))
        return call.status != "answered" and key in {self.lane.alarm_key, self.lane.help_key}

    async def _apply_outputs(self) -> None:
        """Bring belt, deactivator and lamps to where the sequence wants them, and keep them there."""
        applied: Outputs | None = None
        while True:
            if "io" in self.lane.failed_s:
                applied = None  # a module that was away may have restarted with everything off
                await asyncio.sleep(self._pace.io_s)
                continue
            wanted = outputs(self.lane)
            self._outputs_stale.clear()
            if wanted == applied:
                await self._outputs_stale.wait()
                continue
            try:
                await self._apply(wanted, applied)
                applied = wanted
                if wanted.deactivator:
                    self._io_due.ring()
            except DeviceFailed as failure:
                applied = None
                self._seen("io", "failed", str(failure.details["detail"]))

    async def _apply(self, wanted: Outputs, applied: Outputs | None) -> None:
        hardware = self.hardware
        # The deactivator goes off before anything else does.
        if applied is None or applied.deactivator != wanted.deactivator:
            await (hardware.deactivator.activate() if wanted.deactivator else hardware.deactivator.deactivate())
        if applied is None or applied.belt != wanted.belt:
            await (hardware.belt.start() if wanted.belt else hardware.belt.stop())
        colors: tuple[tuple[Literal["green", "red"], bool, bool | None], ...] = (
            ("green", wanted.green, applied.green if applied is not None else None),
            ("red", wanted.red, applied.red if applied is not None else None),
        )
        for color, on, was in colors:
            if on != was:
                await (hardware.lights.switch_on(color) if on else hardware.lights.switch_off(color))

    # What devices and server tell.

    async def _tick(self) -> None:
        while True:
            self.hear(Tick())
            await asyncio.sleep(self._pace.tick_s)

    async def _watch_io(self) -> None:
        hardware = self.hardware
        while True:
            try:
                self.hear(
                    IoRead(
                        fire=await hardware.fire_alarm.is_active(),
                        alarms=await hardware.eas.alarm_count(),
                        deactivated=await hardware.deactivator.deactivated_count(),
                        # Closed before the count: whoever walked through before it closed is then counted.
                        gate_closed=await hardware.gate.is_closed(),
                        passages=await hardware.gate.passage_count(),
                        items=await hardware.belt.item_count() if self._config.counts_items else None,
                    )
                )
                self._seen("io", "ready")
            except DeviceFailed as failure:
                self._seen("io", "failed", str(failure.details["detail"]))
            is_deactivating = self.lane.phase == "deactivating"
            await self._io_due.wait(self._pace.io_deactivating_s if is_deactivating else self._pace.io_s)

    async def _watch_scale(self) -> None:
        failures = 0
        while True:
            weighing = await self.hardware.scale.weigh()
            failures = failures + 1 if isinstance(weighing, NotReady) else 0
            if isinstance(weighing, NotReady) and failures >= _FAILURES_MAX:
                self._seen("scale", "failed", weighing.detail)
            elif not failures:
                self._seen("scale", "ready")
            self.hear(Weighed(weighing))
            in_use = self.lane.exit is not None or self.lane.phase == "claiming"
            await self._scale_due.wait(self._pace.scale_s if in_use and not failures else self._pace.scale_idle_s)

    async def _beat(self) -> None:
        await self.server.heartbeat(self.screen.shown.state, for_heartbeat(self.lane.devices))

    async def _follow_events(self) -> None:
        def heard(event: ServerEvent) -> None:
            if self._concerns_us(event):
                self._refresh_due.ring()
            if event.name == "lane":
                self._opening_due.ring()
            if event.name == "lane" and self._alone is not None:
                self._alone.due.ring()  # perhaps an order that is bound to this lane is at another one

        await follow(self.server.events, connecting=self._refresh_due.ring, heard=heard, lost=self._heartbeat.hurry)

    def _concerns_us(self, event: ServerEvent) -> bool:
        return event.name == "call" or (event.name == "exit" and event.id == self.lane.exit_id)

    async def _refresh(self) -> None:
        """Read how exit and call stand: when an event says so, and now and then while a person may decide."""
        while True:
            await self._refresh_due.wait(self._pace.refresh_s)
            for key in (self.lane.alarm_key, self.lane.help_key):
                if key is not None:
                    await self._calls.ask(key)
            if self.lane.phase not in DECIDED_BY_STAFF or self.lane.exit_id is None:
                continue
            serial = self.lane.serial
            with contextlib.suppress(TryLater):
                one = await self._read_exit(self.lane.exit)
                if one is not None and self.lane.serial == serial:  # else something newer was asked meanwhile
                    self.hear(ExitSeen(one))

    async def _read_exit(self, one: ExitInfo | None) -> ExitInfo | None:
        """The exit as the server knows it; abandoned, where it does not know one that this lane began alone and could
        not hand over. None while the lane decides itself. TryLater.
        """
        if one is None or (self._alone is not None and self._alone.desk.holds(one.exit_id)):
            return None
        try:
            return await self.server.exit(one.exit_id)
        except ServerRefused as refusal:
            is_unknown = one.offline and refusal.code == "not_found"
            return msgspec.structs.replace(one, status="abandoned") if is_unknown else None

    def _seen(self, name: str, status: Status, detail: str = "") -> None:
        known, seen = self.lane.devices.get(name), DeviceSeen(name, status, detail)
        if known == seen:
            return
        log_change(logger, known, seen)
        self.hear(seen)
