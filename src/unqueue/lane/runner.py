"""Runs the lane's sequence: brings it what devices and server tell, and does what it wants.

One event loop, no locks: every input is one synchronous step. What can fail is tried again here and nowhere else, with
one exception: the gate is told to open once, and the sequence looks at its counter before it tells it again.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, Literal

import msgspec

from unqueue.devices.ports import Device, DeviceFailed, NotReady
from unqueue.kernel.ids import new_id
from unqueue.lane.hardware import Hardware
from unqueue.lane.screen import LaneState, show
from unqueue.lane.sequence import DECIDED_BY_STAFF, outputs, step
from unqueue.lane.sequence.words import (
    Answered,
    CallSeen,
    Code,
    Command,
    Config,
    DeviceSeen,
    ExitSeen,
    Input,
    IoRead,
    Lane,
    OpenGate,
    Outputs,
    Pending,
    RaiseAlarm,
    Refused,
    Sound,
    Tick,
    Weighed,
    ZeroScale,
)
from unqueue.lane.server import ServerAway, ServerEvent, ServerRefused, StoreServer

logger = logging.getLogger(__name__)
_BACKLOG_MAX = 100
_RETRY_S_FIRST, _RETRY_S_MAX = 0.1, 2.0
_FAILURES_MAX = 2
"""A scale that misses one answer is no broken scale."""


class Pace(msgspec.Struct, frozen=True):
    """How often the lane looks, in seconds."""

    tick_s: float = 0.1
    io_s: float = 0.1
    scale_s: float = 0.05
    scale_idle_s: float = 0.4
    status_s: float = 2.0
    heartbeat_s: float = 5.0
    refresh_s: float = 2.0


class LaneRunner:
    """One lane at work. ``shown`` is its screen; :meth:`watch` tells every change of it."""

    def __init__(
        self,
        lane_id: str,
        name: str,
        hardware: Hardware,
        server: StoreServer,
        config: Config | None = None,
        *,
        pace: Pace | None = None,
    ) -> None:
        self.lane = Lane()
        self.hardware = hardware
        self.server = server
        self._config = config or Config()
        self._pace = pace or Pace()
        self._id, self._name = lane_id, name
        self._clock: Callable[[], float] = asyncio.get_running_loop().time
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pursuit: asyncio.Task[None] | None = None
        self._pursued = 0
        self._alarms: dict[int, tuple[RaiseAlarm, str]] = {}
        self._beat = asyncio.Event()
        self._outputs_stale = asyncio.Event()
        self._refresh_due = asyncio.Event()
        self._io_due = asyncio.Event()
        self._watchers: set[asyncio.Queue[LaneState]] = set()
        self.shown = show(self.lane, self._clock(), lane_id=lane_id, name=name, seq=0)

    async def run(self) -> None:
        """Work until cancelled; then every output is switched off. An error of our own ends it: whoever started the
        process starts it again, and the server knows where it was.
        """
        jobs: list[Coroutine[Any, Any, None]] = [
            self._until_failed(),
            self._tick(),
            self._watch_io(),
            self._watch_scale(),
            self._apply_outputs(),
            self._send_heartbeats(),
            self._follow_events(),
            self._refresh(),
        ]
        if self.hardware.scanner is not None:
            jobs += [self._take_codes(), self._watch_status("scanner", self.hardware.scanner)]
        if self.hardware.printer is not None:
            jobs.append(self._watch_status("printer", self.hardware.printer))
        async with contextlib.AsyncExitStack() as claimed:
            for device in self.hardware.devices():
                await claimed.enter_async_context(device)
            try:
                async with asyncio.TaskGroup() as group:
                    for job in jobs:
                        group.create_task(job)
            finally:
                for task in self._tasks:
                    task.cancel()

    def hear(self, heard: Input) -> None:
        """One step of the sequence, and what follows from it."""
        before = self.lane
        self.lane, commands = step(before, heard, self._clock(), self._config)
        if self.lane.phase != before.phase:
            logger.info("%s → %s", before.phase, self.lane.phase)
        for command in commands:
            self._do(command)
        if outputs(self.lane) != outputs(before):
            self._outputs_stale.set()
        self._pursue()
        self._show()

    async def watch(self) -> AsyncGenerator[LaneState]:
        """The screen now, and after each change."""
        changes: asyncio.Queue[LaneState] = asyncio.Queue()
        self._watchers.add(changes)
        try:
            yield self.shown
            while True:
                yield await changes.get()
        finally:
            self._watchers.discard(changes)

    # What the sequence wants.

    def _do(self, command: Command) -> None:
        match command:
            case OpenGate():
                self._start(self._open_gate())
            case Sound(cycles):
                self._start(self._order("tone", self.hardware.tone.sound(cycles=cycles)))
            case ZeroScale():
                self._start(self._order("scale", self.hardware.scale.zero()))
            case RaiseAlarm():
                self._alarms[command.key] = (command, new_id())
                self._start(self._raise_alarm(command.key))

    async def _open_gate(self) -> None:
        await self._order("gate", self.hardware.gate.open())
        self._io_due.set()  # the screen says that the gate is open when its contact does

    async def _order(self, device: str, order: Coroutine[Any, Any, Any]) -> None:
        """Tell a device something, once."""
        try:
            await order
        except DeviceFailed as failure:
            logger.warning("%s: %s", device, failure)

    def _pursue(self) -> None:
        """Ask the server what the sequence wants to know now; what it no longer wants is given up."""
        pending = self.lane.request
        number = pending.number if pending is not None else 0
        if number == self._pursued:
            return
        if self._pursuit is not None and self._pursuit is not asyncio.current_task():
            self._pursuit.cancel()
        self._pursued = number
        self._pursuit = self._start(self._ask(pending)) if pending is not None else None

    async def _ask(self, pending: Pending) -> None:
        request_id, pause_s = new_id(), _RETRY_S_FIRST
        while True:
            try:
                exits = await self.server.ask(pending.request, request_id)
            except ServerAway as away:
                self._seen("server", "failed", str(away))
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _RETRY_S_MAX)
            except ServerRefused as refusal:
                logger.info("%s: %s", type(pending.request).__name__, refusal.code)
                self._seen("server", "ready")
                self.hear(Refused(pending.number, refusal.code))
                return
            else:
                self._seen("server", "ready")
                self.hear(Answered(pending.number, exits))
                return

    async def _raise_alarm(self, key: int) -> None:
        """Call staff, however long it takes; asked again later, it tells how the call stands."""
        pause_s = _RETRY_S_FIRST
        while key in self._alarms:
            alarm, alarm_id = self._alarms[key]
            try:
                call = await self.server.alarm(alarm, alarm_id)
            except ServerAway:
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _RETRY_S_MAX)
            except ServerRefused as refusal:
                logger.warning("staff could not be called: %s", refusal.code)
                del self._alarms[key]
            else:
                self.hear(CallSeen(key, call))
                if call.status == "answered" or key != self.lane.alarm_key:
                    self._alarms.pop(key, None)
                return

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
            self._io_due.clear()
            try:
                self.hear(
                    IoRead(
                        fire=await hardware.fire_alarm.is_active(),
                        alarms=await hardware.eas.alarm_count(),
                        deactivated=await hardware.deactivator.deactivated_count(),
                        # Closed before the count: whoever walked through before it closed is then counted.
                        gate_closed=await hardware.gate.is_closed(),
                        passages=await hardware.gate.passage_count(),
                    )
                )
                self._seen("io", "ready")
            except DeviceFailed as failure:
                self._seen("io", "failed", str(failure.details["detail"]))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pace.io_s):
                    await self._io_due.wait()

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
            in_use = self.lane.exit is not None
            await asyncio.sleep(self._pace.scale_s if in_use and not failures else self._pace.scale_idle_s)

    async def _take_codes(self) -> None:
        assert self.hardware.scanner is not None, "started only where there is a scanner"
        async for scan in self.hardware.scanner.scans():
            self.hear(Code(scan.code))

    async def _watch_status(self, name: str, device: Device) -> None:
        while True:
            status = await device.status()
            self._seen(name, status.status, status.detail)
            await asyncio.sleep(self._pace.status_s)

    async def _send_heartbeats(self) -> None:
        """Every few seconds, and at once when the screen's state changes."""
        while True:
            self._beat.clear()
            devices = {
                name: {"status": seen.status, "detail": seen.detail}
                for name, seen in self.lane.devices.items()
                if name != "server"
            }
            try:
                await self.server.heartbeat(self.shown.state, devices)
                self._seen("server", "ready")
            except ServerAway as away:
                self._seen("server", "failed", str(away))
            except ServerRefused as refusal:
                self._seen("server", "failed", f"the server does not take this lane's token ({refusal.code})")
            wait_s = self._pace.heartbeat_s if "server" not in self.lane.failed_s else _RETRY_S_MAX
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._beat.wait()

    async def _follow_events(self) -> None:
        while True:
            with contextlib.suppress(ServerAway):
                self._refresh_due.set()  # something may have happened while nobody listened
                async for event in self.server.events():
                    if self._concerns_us(event):
                        self._refresh_due.set()
            self._beat.set()
            await asyncio.sleep(1.0)

    def _concerns_us(self, event: ServerEvent) -> bool:
        return event.name == "call" or (event.name == "exit" and event.id == self.lane.exit_id)

    async def _refresh(self) -> None:
        """Read how exit and call stand: when an event says so, and now and then while a person may decide."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pace.refresh_s):
                    await self._refresh_due.wait()
            self._refresh_due.clear()
            if self.lane.alarm_key in self._alarms:
                await self._raise_alarm(self.lane.alarm_key)
            if self.lane.phase not in DECIDED_BY_STAFF or self.lane.exit_id is None:
                continue
            serial = self.lane.serial
            with contextlib.suppress(ServerAway, ServerRefused):
                one = await self.server.exit(self.lane.exit_id)
                if self.lane.serial == serial:  # else something newer was asked meanwhile
                    self.hear(ExitSeen(one))

    def _seen(self, name: str, status: Literal["ready", "busy", "failed"], detail: str = "") -> None:
        known = self.lane.devices.get(name)
        seen = DeviceSeen(name, status, detail)
        if known == seen:
            return
        if known is None or known.status != status:
            logger.log(
                logging.WARNING if status == "failed" else logging.INFO,
                "%s is %s%s",
                name,
                status,
                detail and f": {detail}",
            )
        self.hear(seen)

    def _show(self) -> None:
        shown = show(self.lane, self._clock(), lane_id=self._id, name=self._name, seq=self.shown.seq)
        if shown == self.shown:
            return
        if shown.state != self.shown.state:
            self._beat.set()
        self.shown = msgspec.structs.replace(shown, seq=shown.seq + 1)
        for changes in self._watchers:
            if changes.qsize() > _BACKLOG_MAX:  # a screen that sleeps needs only the newest
                while not changes.empty():
                    changes.get_nowait()
            changes.put_nowait(self.shown)

    def _start(self, job: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self._failed.done():
            self._failed.set_exception(error)

    async def _until_failed(self) -> None:
        await self._failed
