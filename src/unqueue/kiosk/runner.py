"""Runs the kiosk's sequence: brings it what shopper, devices, till and server tell, and does what it wants.

One event loop, no locks: every input is one synchronous step. The till keeps its own journal and its own word; what is
asked of the server is repeated with the same id until it is answered or given up.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, Literal

import msgspec

from unqueue.devices.ports import Device, DeviceFailed
from unqueue.kernel.errors import DomainError
from unqueue.kernel.ids import new_id
from unqueue.kiosk.cashier import Cashier
from unqueue.kiosk.hardware import Hardware
from unqueue.kiosk.refunds import give_back
from unqueue.kiosk.screen import KioskState, show
from unqueue.kiosk.sequence import step
from unqueue.kiosk.sequence.words import (
    CASH,
    Answered,
    BeginCash,
    CallSeen,
    CancelCash,
    CashRefused,
    Code,
    Command,
    Config,
    DeviceSeen,
    ExtendCash,
    Input,
    Kiosk,
    MethodsSeen,
    Notice,
    OrderSeen,
    PaidOut,
    PayOut,
    Pending,
    Printed,
    PrintReceipt,
    PrintSlip,
    RaiseAlarm,
    Refused,
    Started,
    Tick,
)
from unqueue.kiosk.server import ServerAway, ServerBusy, ServerRefused, StoreServer
from unqueue.kiosk.slips import render_slip
from unqueue.kiosk.visit import Visit, VisitFile

logger = logging.getLogger(__name__)
_BACKLOG_MAX = 100
_RETRY_S_FIRST, _RETRY_S_MAX = 0.1, 2.0
_RECEIPT_TRIES = 20
_EXPIRES_AFTER_S = 60.0
"""The till gives money back by itself if the sequence, which does so earlier, is not there."""


class Pace(msgspec.Struct, frozen=True):
    """How often the kiosk looks, in seconds."""

    tick_s: float = 0.2
    status_s: float = 2.0
    heartbeat_s: float = 5.0
    refresh_s: float = 3.0
    refresh_tender_s: float = 1.0
    methods_s: float = 30.0
    reconcile_s: float = 5.0


class KioskRunner:
    """One kiosk at work. ``shown`` is its screen; :meth:`watch` tells every change of it."""

    def __init__(
        self,
        config: Config,
        hardware: Hardware,
        server: StoreServer,
        visits: VisitFile,
        *,
        name: str = "1",
        cashier: Cashier | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.kiosk = Kiosk(language=config.language)
        self.hardware = hardware
        self.server = server
        self.cashier = cashier
        self._config = config
        self._name = name
        self._visits = visits
        self._pace = pace or Pace()
        self._clock: Callable[[], float] = asyncio.get_running_loop().time
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pursuit: asyncio.Task[None] | None = None
        self._pursued = 0
        self._following: asyncio.Task[None] | None = None
        self._followed: str | None = None
        self._alarms: dict[int, tuple[RaiseAlarm, str]] = {}
        self._beat = asyncio.Event()
        self._settled = asyncio.Event()
        self._refresh_due = asyncio.Event()
        self._methods_due = asyncio.Event()
        self._reconcile_due = asyncio.Event()
        self._watchers: set[asyncio.Queue[KioskState]] = set()
        self.shown = show(self.kiosk, self._clock(), config, name=name, seq=0)

    async def run(self) -> None:
        """Work until cancelled. An error of our own ends it: whoever started the process starts it again, and till and
        server know where it was.
        """
        jobs: list[Coroutine[Any, Any, None]] = [
            self._until_failed(),
            self._tick(),
            self._send_heartbeats(),
            self._refresh(),
            self._read_methods(),
            self._watch_calls(),
        ]
        if self.hardware.scanner is not None:
            jobs += [self._take_codes(), self._watch_status("scanner", self.hardware.scanner)]
        if self.hardware.printer is not None:
            jobs.append(self._watch_status("printer", self.hardware.printer))
        async with contextlib.AsyncExitStack() as claimed:
            for device in self.hardware.devices():
                await claimed.enter_async_context(device)
            if self.cashier is not None:
                await claimed.enter_async_context(self.cashier.till)
                jobs += [self._watch_till(self.cashier), self.cashier.till.wait_failed(), self._reconcile(self.cashier)]
                self.hear(self.cashier.seen())
            visit = self._visits.read()
            self.hear(Started(visit.order_id, visit.language) if visit else Started(language=self._config.language))
            try:
                async with asyncio.TaskGroup() as group:
                    for job in jobs:
                        group.create_task(job)
            finally:
                for task in self._tasks:
                    task.cancel()

    def hear(self, heard: Input) -> None:
        """One step of the sequence, and what follows from it."""
        before = self.kiosk
        self.kiosk, commands = step(before, heard, self._clock(), self._config)
        if self.kiosk.phase != before.phase:
            logger.info("%s → %s", before.phase, self.kiosk.phase)
        if before.phase != "starting" or self.kiosk.phase != "starting":
            kiosk = self.kiosk
            self._visits.keep(Visit(kiosk.order_id, kiosk.language) if kiosk.order_id is not None else None)
        for command in commands:
            self._do(command)
        self._pursue()
        self._follow()
        self._show()

    async def watch(self) -> AsyncGenerator[KioskState]:
        """The screen now, and after each change."""
        changes: asyncio.Queue[KioskState] = asyncio.Queue()
        self._watchers.add(changes)
        try:
            yield self.shown
            while True:
                yield await changes.get()
        finally:
            self._watchers.discard(changes)

    async def settled(self, timeout_s: float) -> None:
        """Wait until nothing is asked of the server any more, or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._settled.wait()

    # What the sequence wants.

    def _do(self, command: Command) -> None:
        match command:
            case BeginCash():
                self._start(self._begin_cash(command))
            case CancelCash(payment_id, reason):
                self._start(self._of_till(lambda cashier: cashier.till.cancel(payment_id, reason)))
            case ExtendCash(payment_id):
                self._start(self._of_till(lambda cashier: cashier.extend(payment_id, self._expires_after_s)))
            case PayOut(order_id):
                self._start(self._pay_out(order_id))
            case PrintReceipt():
                self._start(self._print_receipt(command))
            case PrintSlip(order_number, debts):
                self._start(self._print_slip(render_slip(self._name, order_number, debts)))
            case RaiseAlarm():
                self._alarms[command.key] = (command, new_id())
                self._start(self._raise_alarm(command.key))

    @property
    def _expires_after_s(self) -> float:
        return self._config.timing.idle_s + self._config.timing.idle_warning_s + _EXPIRES_AFTER_S

    async def _begin_cash(self, command: BeginCash) -> None:
        assert self.cashier is not None, "cash is offered only where there is a till"
        try:
            await self.cashier.begin(command.payment_id, command.amount, self._expires_after_s)
        except DomainError as refusal:
            logger.warning("the till did not begin: %s", refusal.problem())
            self.cashier.decline(command.payment_id, command.amount)
            notice = Notice(refusal.code, refusal.text_zh, refusal.text_en, "not_taken")
            self.hear(CashRefused(command.payment_id, notice))
            await self._deliver(self.cashier)

    async def _of_till(self, order: Callable[[Cashier], Coroutine[Any, Any, Any]]) -> None:
        assert self.cashier is not None, "cash is offered only where there is a till"
        try:
            await order(self.cashier)
        except DomainError as refusal:
            logger.warning("the till: %s", refusal.problem())

    async def _pay_out(self, order_id: str) -> None:
        given_minor = 0
        if self.cashier is not None:
            given_minor = await give_back(self.cashier, self.server, order_id)
            self._start(self._deliver(self.cashier))
        self.hear(PaidOut(order_id, given_minor))

    async def _print_receipt(self, command: PrintReceipt) -> None:
        printer = self.hardware.printer
        assert printer is not None, "printing is offered only where there is a printer"
        receipt = await self._receipt_of(command.order_id)
        if receipt is None:
            self.hear(Printed(command.order_id, "", "no_receipt"))
            return
        number = str(receipt["number"])
        try:
            await printer.print_receipt(receipt, command.language, copy=command.is_copy)
        except DeviceFailed as failure:
            logger.warning("printer: %s", failure)
            self._seen("printer", "failed", str(failure.details["detail"]))
            self.hear(Printed(command.order_id, number, "not_printed"))
        else:
            self.hear(Printed(command.order_id, number))

    async def _receipt_of(self, order_id: str) -> dict[str, Any] | None:
        """A receipt is made right after the payment; the server may be away at that moment."""
        for _ in range(_RECEIPT_TRIES):
            try:
                return await self.server.receipt(order_id)
            except (ServerAway, ServerBusy, ServerRefused):
                await asyncio.sleep(1.0)
        return None

    async def _print_slip(self, data: bytes) -> None:
        if self.hardware.printer is None:
            return
        try:
            await self.hardware.printer.print_bytes(data)
        except DeviceFailed as failure:
            logger.warning("a slip did not print: %s", failure)
            self._seen("printer", "failed", str(failure.details["detail"]))

    def _pursue(self) -> None:
        """Ask the server what the sequence wants to know now; what it no longer wants is given up."""
        pending = self.kiosk.request
        number = pending.number if pending is not None else 0
        if pending is None:
            self._settled.set()
        else:
            self._settled.clear()
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
                if not self.kiosk.methods:  # an order makes sense only with the ways to pay it
                    self.hear(MethodsSeen(await self.server.methods()))
                answer = await self.server.ask(pending.request, request_id)
            except (ServerAway, ServerBusy) as error:
                self._seen("server", "failed" if isinstance(error, ServerAway) else "ready", str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _RETRY_S_MAX)
            except ServerRefused as refusal:
                logger.info("%s: %s", type(pending.request).__name__, refusal.code)
                self._seen("server", "ready")
                self.hear(Refused(pending.number, refusal.notice))
                self._refresh_due.set()
                return
            else:
                self._seen("server", "ready")
                self.hear(Answered(pending.number, answer))
                return

    async def _raise_alarm(self, key: int) -> None:
        """Call staff, however long it takes."""
        pause_s = _RETRY_S_FIRST
        while key in self._alarms:
            alarm, alarm_id = self._alarms[key]
            try:
                is_open = await self.server.alarm(alarm, alarm_id)
            except (ServerAway, ServerBusy):
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _RETRY_S_MAX)
            except ServerRefused as refusal:
                logger.warning("staff could not be called: %s", refusal.code)
                self._alarms.pop(key, None)
            else:
                self.hear(CallSeen(key, is_open))
                if not is_open or key != self.kiosk.help_key:
                    self._alarms.pop(key, None)
                return

    def _follow(self) -> None:
        """Listen to what happens to the order that is here, and to no other."""
        order = self.kiosk.order
        token = order.token if order is not None else None
        if token == self._followed:
            return
        if self._following is not None:
            self._following.cancel()
        self._followed = token
        self._following = self._start(self._listen(token)) if token is not None else None
        self._methods_due.set()

    async def _listen(self, token: str) -> None:
        while True:
            with contextlib.suppress(ServerAway):
                self._refresh_due.set()  # something may have happened while nobody listened
                async for name in self.server.events(token):
                    if name in {"order", "payment", "coupon"}:
                        self._refresh_due.set()
            await asyncio.sleep(1.0)

    # What devices, till and server tell.

    async def _tick(self) -> None:
        while True:
            self.hear(Tick())
            await asyncio.sleep(self._pace.tick_s)

    async def _take_codes(self) -> None:
        assert self.hardware.scanner is not None, "started only where there is a scanner"
        async for scan in self.hardware.scanner.scans():
            self.hear(Code(scan.code))

    async def _watch_status(self, name: str, device: Device) -> None:
        while True:
            status = await device.status()
            self._seen(name, status.status, status.detail)
            await asyncio.sleep(self._pace.status_s)

    async def _watch_till(self, cashier: Cashier) -> None:
        version = -1
        while True:
            view = await cashier.till.wait_changed(version)
            version = view.version
            for seen in cashier.devices():
                self._seen(seen.name, seen.status, seen.detail)
            self.hear(cashier.seen())

    async def _reconcile(self, cashier: Cashier) -> None:
        """Payments that the server wrote down and the till never began are ended; what waits in the outbox is sent."""
        while True:
            with contextlib.suppress(ServerAway, ServerBusy, ServerRefused):
                for one in await self.server.waiting():
                    tender = self.kiosk.tender
                    may_begin_yet = tender is not None and tender.payment_id in {"", one.payment_id}
                    if not may_begin_yet and cashier.decline(one.payment_id, one.amount):
                        logger.warning("payment %s was never begun: it is told as cancelled", one.payment_id)
                await self._deliver(cashier)
            self._reconcile_due.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pace.reconcile_s):
                    await self._reconcile_due.wait()

    async def _deliver(self, cashier: Cashier) -> None:
        trouble = await cashier.deliver()
        if trouble is None:
            self._refresh_due.set()
        else:
            logger.info("a cash report waits: %s", trouble)

    async def _send_heartbeats(self) -> None:
        """Every few seconds, and at once when the screen's phase changes."""
        while True:
            self._beat.clear()
            devices = {
                name: {"status": seen.status, "detail": seen.detail}
                for name, seen in self.kiosk.devices.items()
                if name != "server"
            }
            try:
                await self.server.heartbeat(self.shown.phase, devices)
                self._seen("server", "ready")
            except (ServerAway, ServerBusy) as away:
                self._seen("server", "failed", str(away))
            except ServerRefused as refusal:
                self._seen("server", "failed", f"the server does not take this kiosk's token ({refusal.code})")
            wait_s = self._pace.heartbeat_s if not self.kiosk.is_server_away else _RETRY_S_MAX / 2
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._beat.wait()

    async def _read_methods(self) -> None:
        while True:
            wait_s = self._pace.methods_s
            self._methods_due.clear()
            try:
                self.hear(MethodsSeen(await self.server.methods()))
            except (ServerAway, ServerBusy, ServerRefused):
                wait_s = _RETRY_S_MAX
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._methods_due.wait()

    async def _watch_calls(self) -> None:
        """Ask how the call for help stands; nothing else tells a kiosk that somebody answered."""
        while True:
            await asyncio.sleep(self._pace.heartbeat_s)
            key = self.kiosk.help_key
            if key is not None and key in self._alarms:
                await self._raise_alarm(key)

    async def _refresh(self) -> None:
        """Read how the order stands: when an event says so, and now and then while it is here."""
        while True:
            is_under_way = self.kiosk.phase in {"tender", "stopping"}
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pace.refresh_tender_s if is_under_way else self._pace.refresh_s):
                    await self._refresh_due.wait()
            self._refresh_due.clear()
            kiosk = self.kiosk
            if kiosk.order is None or kiosk.phase in {"opening", "starting", "giving_back", "paid"}:
                continue
            try:
                tender = kiosk.tender
                if tender is not None and tender.payment_id and tender.method.kind != CASH:
                    await self.server.look(kiosk.order.order_id, tender.payment_id)
                order = await self.server.order(kiosk.order.order_id)
            except ServerAway as away:
                self._seen("server", "failed", str(away))
            except (ServerBusy, ServerRefused) as error:
                logger.info("the order could not be read: %s", error)
            else:
                if self.kiosk.serial == kiosk.serial:  # else something newer was asked meanwhile
                    self.hear(OrderSeen(order))

    def _seen(self, name: str, status: Literal["ready", "busy", "failed"], detail: str = "") -> None:
        known = self.kiosk.devices.get(name)
        seen = DeviceSeen(name, status, "" if name == "server" and status == "ready" else detail)
        if known == seen:
            return
        if known is None or known.status != status:
            level = logging.WARNING if status == "failed" else logging.INFO
            logger.log(level, "%s is %s%s", name, status, detail and f": {detail}")
            if name == "server" and status == "ready":
                self._refresh_due.set()
                self._reconcile_due.set()
                self._methods_due.set()
        self.hear(seen)

    def _show(self) -> None:
        shown = show(self.kiosk, self._clock(), self._config, name=self._name, seq=self.shown.seq)
        if shown == self.shown:
            return
        if shown.phase != self.shown.phase:
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
