"""The store's side of a card terminal that speaks ZVT.

One dialogue at a time; a payment's dialogue lasts until the shopper is done, so it runs in the background. Before it is
begun, the terminal's last transaction and ours-to-be are in the journal; after a dialogue that broke, the terminal's
last transaction tells what became of it, or a person does. Nothing is ever begun twice.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Literal

import msgspec

from unqueue.kernel.clock import Clock, micros
from unqueue.providers.port import (
    Action,
    Attempt,
    Channel,
    Charge,
    ProviderRefused,
    ProviderState,
    ProviderUnavailable,
    RefundRequest,
    RefundState,
)
from unqueue.providers.zvt_terminal import reading, wire
from unqueue.providers.zvt_terminal.dialogue import (
    Dialogue,
    Ending,
    Line,
    NotReached,
    Patience,
    Refused,
    abort_from_outside,
    open_dialogue,
)
from unqueue.providers.zvt_terminal.journal import Entry, Journal
from unqueue.providers.zvt_terminal.wire import Apdu, StatusInformation

AMOUNT_MINOR_MAX = 10**12 - 1
_WAIT = Action("none")
_AHEAD_S = 0.5
_LOOKS = 10


class DayEnd(msgspec.Struct, frozen=True):
    """The day's turnover was handed in; ``lines`` is what the terminal prints about it."""

    lines: tuple[str, ...]
    amount_minor: int | None


class TerminalStatus(msgspec.Struct, frozen=True):
    """``code``: 0, or what ails it (PA00P015, error messages)."""

    well: bool
    code: int


class _Running:
    """The dialogue of a payment or refund that a shopper stands before."""

    def __init__(self, subject_id: str) -> None:
        self.subject_id = subject_id
        self.stop = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


class ZvtTerminal:
    """A terminal on the store's network, as a provider. It tells nothing by itself: it is asked.

    ``refunds_to_card``: give parts of a payment back to the card that is presented (06 31); else they are refused, and
    the store gives them back another way. All of a payment goes back without a card (06 30), until the day's end.
    """

    channels: tuple[Channel, ...] = ("page",)
    wallet = ""

    def __init__(
        self,
        *,
        provider_id: str,
        merchant_id: str,
        line: Line,
        journal: Journal,
        clock: Clock,
        refunds_to_card: bool = False,
        patience: Patience = Patience(),  # noqa: B008  # frozen
    ) -> None:
        self.provider_id = provider_id
        self.merchant_id = merchant_id
        self._line = line
        self._journal = journal
        self._clock = clock
        self._refunds_to_card = refunds_to_card
        self._patience = patience
        self._turn = asyncio.Lock()
        self._running: _Running | None = None
        self._broken_us: dict[str, int] = {}

    async def create(self, attempt: Attempt) -> Action:
        amount = attempt.amount
        if not 0 < amount.amount_minor <= AMOUNT_MINOR_MAX or amount.currency != self._line.currency:
            raise ProviderRefused("amount_invalid", f"the terminal takes {self._line.currency}, more than nothing")
        known = self._journal.get(attempt.attempt_id)
        if known is not None:
            if known.kind != "payment" or (known.amount_minor, known.currency) != (
                amount.amount_minor,
                amount.currency,
            ):
                raise ProviderRefused("attempt_conflict", "another amount under the same id")
            return _WAIT
        if self._now_us >= attempt.expires_us or attempt.created_us <= self._journal.forgotten_until_us:
            raise ProviderRefused("expired", "too late to begin")
        entry = Entry(
            subject_id=attempt.attempt_id, kind="payment", amount_minor=amount.amount_minor, currency=amount.currency,
            created_us=attempt.created_us, begun_us=self._now_us,
        )  # fmt: skip
        command = wire.authorisation(amount.amount_minor, amount.currency)
        await self._begin(entry, command, (attempt.expires_us - self._now_us) / 1_000_000)
        return _WAIT

    async def query(self, charge: Charge) -> ProviderState:
        entry = await self._look(charge.attempt_id, charge.created_us)
        return ProviderState("unknown") if entry is None else reading.attempt_state(entry)

    async def close(self, charge: Charge) -> ProviderState:
        entry = self._journal.get(charge.attempt_id)
        running = self._running
        if running is not None and running.subject_id == charge.attempt_id and running.task is not None:
            running.stop.set()
            await asyncio.wait({running.task}, timeout=self._patience.ending_s)
        elif running is None and entry is not None and entry.status == "begun":
            await abort_from_outside(self._line, self._patience)
        for _ in range(_LOOKS):
            state = await self._query_busy(charge)
            if state.status != "pending":
                return state
            await asyncio.sleep(self._patience.ending_s / _LOOKS)
        raise ProviderUnavailable("abort_unclear", "the terminal is still at it")

    async def _query_busy(self, charge: Charge) -> ProviderState:
        """As ``query``, and a terminal that lets nobody in has not ended what it is at."""
        try:
            return await self.query(charge)
        except NotReached as error:
            if error.code != "not_registered":
                raise
            return ProviderState("pending", charge.amount)

    async def refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        amount, whole = request.amount, charge.amount
        if amount.currency != whole.currency or not 0 < amount.amount_minor <= whole.amount_minor:
            raise ProviderRefused("refund_amount_invalid", "more than was taken, or nothing")
        known = await self._look(request.refund_id, request.created_us)
        if known is not None:
            if (known.charge_id, known.amount_minor) != (charge.attempt_id, amount.amount_minor):
                raise ProviderRefused("refund_conflict", "another refund under the same id")
            if known.status != "failed":
                return reading.refund_state(known)
        receipt = await self._receipt(charge)
        given_minor = self._journal.given_back_minor(charge.attempt_id, but=request.refund_id)
        if given_minor + amount.amount_minor > whole.amount_minor:
            raise ProviderRefused("refund_exceeds_payment", "more than is left")
        part = amount.amount_minor < whole.amount_minor
        if part and not self._refunds_to_card:
            raise ProviderRefused("partial_refund_unsupported", "ZVT reverses whole payments only")
        entry = Entry(
            subject_id=request.refund_id, kind="refund" if part else "reversal", amount_minor=amount.amount_minor,
            currency=amount.currency, created_us=request.created_us, begun_us=self._now_us,
            charge_id=charge.attempt_id,
        )  # fmt: skip
        if part:
            command = wire.refund(self._line.password, amount.amount_minor, amount.currency)
        else:
            command = wire.reversal(self._line.password, receipt)
        await self._begin(entry, command, self._patience.step_s)
        done = await self._look(request.refund_id, request.created_us)
        assert done is not None, "it was begun"
        if done.status == "failed" and not part:
            raise ProviderRefused("reversal_refused", "the terminal does not give it back")
        return reading.refund_state(done)

    async def query_refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        entry = await self._look(request.refund_id, request.created_us)
        if entry is None or entry.charge_id != charge.attempt_id:
            return RefundState("unknown")
        return reading.refund_state(entry)

    def decide(self, subject_id: str, status: Literal["succeeded", "failed"], reference: str = "") -> None:
        """A person looked at the terminal's own journal: that settles an outcome that was unclear.

        ProviderRefused for anything else. ``reference`` is RECEIPT/TRACE/TERMINAL, needed to give the money back later.
        """
        entry = self._journal.get(subject_id)
        if entry is None or entry.status not in {"begun", "unclear"}:
            raise ProviderRefused("nothing_to_decide", "its outcome is known")
        self._journal.put(msgspec.structs.replace(entry, status=status, reference=reference or entry.reference))

    async def reconcile(self) -> DayEnd:
        """Hand the day's turnover in (06 50). From then on its payments can't be reversed."""
        async with self._dialogue() as dialogue:
            await self._settle_begun(dialogue)
            ending = await _run(dialogue, wire.end_of_day(self._line.password))
        if not ending.completed:
            raise ProviderRefused(f"terminal_{ending.code:02x}", "the day was not closed")
        return DayEnd(ending.slip, ending.status.amount_minor if ending.status else None)

    async def status(self) -> TerminalStatus:
        """Whether the terminal is well (05 01)."""
        async with self._dialogue() as dialogue:
            ending = await _run(dialogue, wire.status_enquiry(self._line.password))
        code = ending.code or (ending.status.result if ending.status else wire.OK)
        return TerminalStatus(ending.completed and code == wire.OK, code)

    async def stop(self) -> None:
        running = self._running
        if running is not None and running.task is not None:
            running.task.cancel()
            await asyncio.gather(running.task, return_exceptions=True)
        self._journal.close()

    async def _begin(self, entry: Entry, command: Apdu, seconds: float) -> None:
        """Note what is begun, then begin it; the dialogue goes on in the background."""
        if self._running is not None and self._running.task is not None:
            await asyncio.wait({self._running.task}, timeout=self._patience.glance_s)
        if self._running is not None:
            raise ProviderUnavailable("terminal_busy", "another shopper stands before it")
        running = self._running = _Running(entry.subject_id)
        dialogue: Dialogue | None = None
        try:
            await self._turn.acquire()
            try:
                dialogue = await open_dialogue(self._line, self._patience)
                last = await self._settle_begun(dialogue)
                entry = self._journal.put(msgspec.structs.replace(entry, before=reading.name_of(last)))
            except BaseException:
                if dialogue is not None:
                    await dialogue.close()
                self._turn.release()
                raise
        except BaseException:
            self._running = None
            raise
        running.task = asyncio.create_task(self._see_through(entry, command, dialogue, running, seconds))

    async def _see_through(
        self, entry: Entry, command: Apdu, dialogue: Dialogue, running: _Running, seconds: float
    ) -> None:
        ender = asyncio.get_running_loop().call_later(max(0.0, seconds - _AHEAD_S), running.stop.set)
        try:
            ending = await dialogue.run(command, running.stop)
            after = reading.after_dialogue(entry, ending, stopped=running.stop.is_set())
            if after.status == "begun":
                after = await self._after_break(entry, dialogue)
            self._journal.put(after)
        except Refused:
            self._journal.put(msgspec.structs.replace(entry, status="failed"))
        except ProviderUnavailable:
            self._broken_us[entry.subject_id] = self._now_us
        finally:
            ender.cancel()
            self._running = None
            self._turn.release()
            await dialogue.close()

    async def _look(self, subject_id: str, created_us: int) -> Entry | None:
        """An entry as it is now, asking the terminal about one whose dialogue broke."""
        entry = self._journal.get(subject_id)
        if entry is None:
            if created_us <= self._journal.forgotten_until_us:
                raise ProviderUnavailable("outcome_forgotten", "too long ago")
            return None
        running = self._running
        if running is not None and running.subject_id == subject_id:
            if running.task is not None:
                await asyncio.wait({running.task}, timeout=self._patience.glance_s)
            return self._journal.get(subject_id)
        if entry.status == "begun":
            if running is not None or self._is_settling(subject_id):
                return entry
            async with self._dialogue() as dialogue:
                await self._settle_begun(dialogue)
        return self._journal.get(subject_id)

    def _is_settling(self, subject_id: str) -> bool:
        """Whether a command that was cut off may still be on its way to the terminal."""
        broken_us = self._broken_us.get(subject_id, 0)
        return self._now_us - broken_us < self._patience.settle_s * 1_000_000

    async def _settle_begun(self, dialogue: Dialogue) -> StatusInformation | None:
        """Settle what was begun and not heard of since; the terminal's last transaction, while it is still the last."""
        last = await self._last(dialogue)
        for entry in self._journal.unsettled():
            if self._running is None or self._running.subject_id != entry.subject_id:
                self._journal.put(reading.after_break(entry, last))
                self._broken_us.pop(entry.subject_id, None)
        return last

    async def _after_break(self, entry: Entry, dialogue: Dialogue) -> Entry:
        return reading.after_break(entry, await self._last(dialogue))

    async def _last(self, dialogue: Dialogue) -> StatusInformation | None:
        """The terminal's last transaction; None when it knows of none, or will not say."""
        ending = await _run(dialogue, wire.repeat_receipt(self._line.password), none_if=wire.NOT_POSSIBLE)
        if not ending.completed and ending.code != wire.NOT_POSSIBLE:
            raise ProviderUnavailable("terminal_busy", f"aborted with {ending.code:02X}")
        return ending.status

    async def _receipt(self, charge: Charge) -> int:
        """The receipt number of the payment that is to be given back. ProviderRefused when it was not paid."""
        reference = charge.reference
        if not reference:
            state = await self.query(charge)
            if state.status != "succeeded":
                raise ProviderRefused("not_paid", "no payment to give back")
            reference = state.reference
        try:
            return reading.receipt_of(reference)
        except ValueError:
            raise ProviderRefused("not_paid", "the terminal's numbers of the payment are not known") from None

    @contextlib.asynccontextmanager
    async def _dialogue(self) -> AsyncIterator[Dialogue]:
        try:
            async with asyncio.timeout(self._patience.answer_s):
                await self._turn.acquire()
        except TimeoutError:
            raise ProviderUnavailable("terminal_busy", "a shopper stands before it") from None
        try:
            dialogue = await open_dialogue(self._line, self._patience)
            try:
                yield dialogue
            finally:
                await dialogue.close()
        finally:
            self._turn.release()

    @property
    def _now_us(self) -> int:
        return micros(self._clock.now())


async def _run(dialogue: Dialogue, command: Apdu, *, none_if: int = wire.OK) -> Ending:
    """A command that no shopper takes part in. ProviderUnavailable when the terminal does not take it now, unless it
    says ``none_if``.
    """
    try:
        return await dialogue.run(command)
    except Refused as refused:
        if refused.code == none_if:
            return Ending(completed=False, code=refused.code)
        raise ProviderUnavailable("terminal_busy", f"refused with {refused.code:02X}") from None
