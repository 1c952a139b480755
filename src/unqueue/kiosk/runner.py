"""Runs the kiosk's sequence: brings it what shopper, devices, till and server tell, and does what it wants.

One event loop, no locks: every input is one synchronous step. The till keeps its own journal and its own word; what is
asked of the server is repeated with the same id until it is answered or given up.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from unqueue.devices.ports import DeviceFailed
from unqueue.kernel.errors import DomainError
from unqueue.kernel.ids import new_id
from unqueue.kiosk.cashier import Cashier
from unqueue.kiosk.hardware import Hardware
from unqueue.kiosk.refunds import give_back, look_after
from unqueue.kiosk.screen import KioskState, show
from unqueue.kiosk.sequence import step
from unqueue.kiosk.sequence.words import (
    CASH,
    Answered,
    BeginCash,
    Begun,
    CallSeen,
    CancelCash,
    CardInfo,
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
    OrderInfo,
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
from unqueue.kiosk.server import StoreServer, notice_of
from unqueue.kiosk.slips import render_slip
from unqueue.kiosk.visit import Visit, VisitFile
from unqueue.station.calls import StaffCalls
from unqueue.station.devices import SERVER, attend, for_heartbeat, log_change
from unqueue.station.heartbeat import Heartbeat
from unqueue.station.jobs import Bell, Job, Jobs, Pursuit
from unqueue.station.link import (
    RETRY_S_MAX,
    ServerAway,
    ServerBusy,
    ServerEvent,
    ServerRefused,
    TryLater,
    follow,
    until_answered,
)
from unqueue.station.screen import LiveScreen
from unqueue.station.words import Status

logger = logging.getLogger(__name__)
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
    """One kiosk at work, and its screen."""

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
        self._jobs = Jobs()
        self._pursuit = Pursuit(self._jobs, self._ask)
        self._following = Pursuit(self._jobs, self._listen)
        self._calls = StaffCalls(server.alarm, self._hear_of_call)
        self._heartbeat = Heartbeat(
            self._beat,
            self._seen,
            kind="kiosk",
            every_s=self._pace.heartbeat_s,
            while_away_s=RETRY_S_MAX / 2,
        )
        self._settled = asyncio.Event()
        self._refresh_due, self._methods_due, self._reconcile_due = Bell(), Bell(), Bell()
        self.screen: LiveScreen[KioskState] = LiveScreen(
            lambda seq: show(self.kiosk, self._clock(), config, name=name, seq=seq)
        )

    async def run(self) -> None:
        """Work until cancelled. An error of our own ends it: whoever started the process starts it again, and till and
        server know where it was.
        """
        hardware, cashier = self.hardware, self.cashier
        async with contextlib.AsyncExitStack() as claimed:
            for device in hardware.devices():
                await claimed.enter_async_context(device)
            of_till: list[Job] = []
            if cashier is not None:
                await claimed.enter_async_context(cashier.till)
                of_till = [self._watch_till(cashier), cashier.till.wait_failed(), self._reconcile(cashier)]
                self.hear(cashier.seen())
            visit = self._visits.read()
            self.hear(Started(visit.order_id, visit.language) if visit else Started(language=self._config.language))
            await self._jobs.run(
                self._tick(),
                self._heartbeat.run(),
                self._refresh(),
                self._read_methods(),
                self._watch_calls(),
                *of_till,
                *attend(
                    hardware.scanner,
                    hardware.printer,
                    take_code=lambda text: self.hear(Code(text)),
                    notice=self._seen,
                    every_s=self._pace.status_s,
                ),
            )

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
        shown = self.screen.shown
        self.screen.redraw()
        if self.screen.shown.phase != shown.phase:
            self._heartbeat.hurry()

    async def settled(self, timeout_s: float) -> None:
        """Wait until nothing is asked of the server any more, or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._settled.wait()

    # What the sequence wants.

    def _do(self, command: Command) -> None:
        match command:
            case BeginCash():
                self._jobs.start(self._begin_cash(command))
            case CancelCash(payment_id, reason):
                self._jobs.start(self._of_till(lambda cashier: cashier.till.cancel(payment_id, reason)))
            case ExtendCash(payment_id):
                self._jobs.start(self._of_till(lambda cashier: cashier.extend(payment_id, self._expires_after_s)))
            case PayOut(order_id):
                self._jobs.start(self._pay_out(order_id))
            case PrintReceipt():
                self._jobs.start(self._print_receipt(command))
            case PrintSlip(order_number, debts):
                self._jobs.start(self._print_slip(render_slip(self._name, order_number, debts)))
            case RaiseAlarm():
                self._jobs.start(self._calls.begin(command.key, command))

    @property
    def _expires_after_s(self) -> float:
        return self._config.timing.idle_s + self._config.timing.idle_warning_s + _EXPIRES_AFTER_S

    async def _begin_cash(self, command: BeginCash) -> None:
        assert self.cashier is not None, "cash is offered only where there is a till"
        try:
            await self.cashier.begin(command.payment_id, command.amount, self._expires_after_s, is_part=command.is_part)
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
            given_minor = await give_back(
                self.cashier, self.server, order_id, is_here=lambda: self.kiosk.order_id == order_id
            )
            self._jobs.start(self._deliver(self.cashier))
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
            except (TryLater, ServerRefused):
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
        """Turn to what the sequence wants to know now, and listen to the order that is here, and to no other."""
        if self.kiosk.request is None:
            self._settled.set()
        else:
            self._settled.clear()
        self._pursuit.turn_to(self.kiosk.request)
        order = self.kiosk.order
        if self._following.turn_to(order.token if order is not None else None):
            self._methods_due.ring()

    async def _ask(self, pending: Pending) -> None:
        request_id = new_id()

        async def ask() -> OrderInfo | CardInfo | Begun:
            if not self.kiosk.methods:  # an order makes sense only with the ways to pay it
                self.hear(MethodsSeen(await self.server.methods()))
            return await self.server.ask(pending.request, request_id)

        try:
            answer = await until_answered(ask, self._unanswered)
        except ServerRefused as refusal:
            logger.info("%s: %s", type(pending.request).__name__, refusal.code)
            self._seen(SERVER, "ready")
            self.hear(Refused(pending.number, notice_of(refusal)))
            self._refresh_due.ring()
        else:
            self._seen(SERVER, "ready")
            self.hear(Answered(pending.number, answer))

    def _unanswered(self, trouble: TryLater) -> None:
        if isinstance(trouble, ServerBusy):
            self._seen(SERVER, "ready")
        else:
            self._seen(SERVER, "failed", str(trouble))

    def _hear_of_call(self, key: int, is_open: bool) -> bool:
        self.hear(CallSeen(key, is_open))
        return is_open and key == self.kiosk.help_key

    async def _listen(self, order_token: str) -> None:
        def heard(event: ServerEvent) -> None:
            if event.name in {"order", "payment", "coupon"}:
                self._refresh_due.ring()

        await follow(lambda: self.server.events(order_token), connecting=self._refresh_due.ring, heard=heard)

    # What devices, till and server tell.

    async def _tick(self) -> None:
        while True:
            self.hear(Tick())
            await asyncio.sleep(self._pace.tick_s)

    async def _watch_till(self, cashier: Cashier) -> None:
        version = -1
        while True:
            view = await cashier.till.wait_changed(version)
            version = view.version
            for seen in cashier.devices():
                self._seen(seen.name, seen.status, seen.detail)
            self.hear(cashier.seen())

    async def _reconcile(self, cashier: Cashier) -> None:
        """Payments that the server wrote down and the till never began are ended, and so are refunds that this kiosk
        claimed; what waits in the outbox is sent.
        """
        while True:
            with contextlib.suppress(TryLater, ServerRefused):
                for one in await self.server.waiting():
                    tender = self.kiosk.tender
                    may_begin_yet = tender is not None and tender.payment_id in {"", one.payment_id}
                    if not may_begin_yet and cashier.decline(one.payment_id, one.amount):
                        logger.warning("payment %s was never begun: it is told as cancelled", one.payment_id)
                await self._deliver(cashier)
                if self.kiosk.phase != "starting":  # else whose order is here is not known yet
                    await look_after(cashier, self.server, order_here=self.kiosk.order_id)
            await self._reconcile_due.wait(self._pace.reconcile_s)

    async def _deliver(self, cashier: Cashier) -> None:
        trouble = await cashier.deliver()
        if trouble is None:
            self._refresh_due.ring()
        else:
            logger.info("a cash report waits: %s", trouble)

    async def _beat(self) -> None:
        await self.server.heartbeat(self.screen.shown.phase, for_heartbeat(self.kiosk.devices))

    async def _read_methods(self) -> None:
        while True:
            wait_s = self._pace.methods_s
            try:
                self.hear(MethodsSeen(await self.server.methods()))
            except (TryLater, ServerRefused):
                wait_s = RETRY_S_MAX
            await self._methods_due.wait(wait_s)

    async def _watch_calls(self) -> None:
        """Ask how the call for help stands; nothing else tells a kiosk that somebody answered."""
        while True:
            await asyncio.sleep(self._pace.heartbeat_s)
            key = self.kiosk.help_key
            if key is not None:
                await self._calls.ask(key)

    async def _refresh(self) -> None:
        """Read how the order stands: when an event says so, and now and then while it is here."""
        while True:
            is_under_way = self.kiosk.phase in {"tender", "stopping"}
            await self._refresh_due.wait(self._pace.refresh_tender_s if is_under_way else self._pace.refresh_s)
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

    def _seen(self, name: str, status: Status, detail: str = "") -> None:
        known, seen = self.kiosk.devices.get(name), DeviceSeen(name, status, detail)
        if known == seen:
            return
        if log_change(logger, known, seen) and (name, status) == (SERVER, "ready"):
            self._refresh_due.ring()
            self._reconcile_due.ring()
            self._methods_due.ring()
        self.hear(seen)
