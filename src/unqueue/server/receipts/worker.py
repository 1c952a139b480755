"""What happens to receipts by SMS while nobody looks: they are sent, once, and their numbers are dropped.

An SMS costs money and can't be taken back. So it is written down that a message is being sent before it is; who comes
back from a crash, or got no answer, asks the provider before anything is sent again. Only where the provider's lists
are complete, and the message is not in them after two minutes, is it sent once more.
"""

import asyncio
import contextlib
import logging
from typing import Any

import msgspec

from unqueue.kernel.clock import micros
from unqueue.kernel.database import Transaction
from unqueue.kernel.journal import Event
from unqueue.providers.port import ProviderError
from unqueue.providers.sms.port import SmsMessage, SmsNotTaken, SmsSender, SmsState
from unqueue.server.receipts import contact_store, store
from unqueue.server.receipts.contacts import (
    GIVE_UP_S,
    PERHAPS_S,
    QUIET_S,
    Message,
    Status,
    is_older,
    look_at,
    retry_at,
)
from unqueue.server.receipts.texting import Texting, names

LOOK_EVERY_S = 1.0
AT_ONCE = 16
_NEWS = frozenset({"receipt.issued", "receipt.sms_asked", "receipt.sms_sent_again"})
_KNOWN: dict[str, Status] = {"delivered": "delivered", "failed": "failed", "sent": "sent"}

log = logging.getLogger(__name__)


class SmsWorker:
    """A background task. What it has to do is in the database, so it goes on after a crash where it stopped."""

    def __init__(self, texting: Texting) -> None:
        self._texting = texting
        self._database = texting.database
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._database.listen(self._hear)

    async def start(self) -> None:
        """Begin with the messages that were being sent when the server ended."""
        if self._texting.sender is None:
            return
        await self._database.unit(contact_store.doubt_unfinished)
        self._task = asyncio.create_task(self._run(self._texting.sender), name="sms-worker")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._texting.sender is not None:
            await self._texting.sender.stop()

    async def work_off(self, sender: SmsSender) -> int:
        """Do once what is due now; how many messages it looked at."""
        now_us = self._now_us
        found = await self._database.read(lambda connection: contact_store.due(connection, now_us, AT_ONCE))
        results = await asyncio.gather(*(self._look_after(sender, one) for one in found), return_exceptions=True)
        failures = [one for one in results if one is not None]
        for failure in failures:
            log.error("looking after a receipt's SMS failed; trying again", exc_info=failure)
        return len(found) - len(failures)

    @property
    def _now_us(self) -> int:
        return micros(self._database.clock.now())

    def _hear(self, events: list[Event]) -> None:
        if any(event.kind in _NEWS for event in events):
            self._wake.set()

    async def _run(self, sender: SmsSender) -> None:
        while True:
            self._wake.clear()
            try:
                if await self.work_off(sender) >= AT_ONCE:
                    continue
            except Exception:
                log.exception("looking after receipts by SMS failed; trying again")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_EVERY_S)

    async def _look_after(self, sender: SmsSender, one: Message) -> None:
        if one.status == "due":
            await self._send(sender, one)
        else:
            await self._ask(sender, one)

    async def _send(self, sender: SmsSender, one: Message) -> None:
        first_us = one.first_us if one.first_us is not None else self._now_us
        begun = await self._database.unit(
            lambda tx: contact_store.move(tx, one, "sending", tries=one.tries + 1, first_us=first_us, due_us=None)
        )
        if not begun:
            return
        one = msgspec.structs.replace(one, status="sending", tries=one.tries + 1, first_us=first_us)
        written = await self._written(one)
        if written is None:
            return
        try:
            state = await sender.send(written)
        except SmsNotTaken as error:
            log.warning("SMS %s: %s", one.message_id, error)
            if is_older(one, self._now_us, GIVE_UP_S):
                await self._end(one, "failed", error.code)
            else:
                await self._move(one, "due", due_us=retry_at(self._now_us, one.tries - 1), problem=error.code)
        except ProviderError as error:
            log.warning("SMS %s: %s", one.message_id, error)
            if error.permanent:
                await self._end(one, "failed", error.code)
            else:
                await self._move(one, "uncertain", due_us=look_at(self._now_us, 0), problem=error.code)
        else:
            due_us = look_at(self._now_us, 0)
            await self._move(one, "sent", reference=state.reference, tries=0, due_us=due_us, problem="")

    async def _ask(self, sender: SmsSender, one: Message) -> None:
        written = await self._written(one)
        if written is None:
            return
        try:
            state = await sender.query(written, one.reference)
        except ProviderError as error:
            log.warning("SMS %s: %s", one.message_id, error)
            state = None
        if state is not None and state.status != "unknown" and not (state.status == one.status == "sent"):
            await self._known(one, state)
        elif one.status == "uncertain":
            await self._unknown(sender, one, heard=state is not None)
        elif is_older(one, self._now_us, GIVE_UP_S):
            await self._end(one, "sent", "")  # no phone has answered in a day: the number has served
        else:
            await self._later(one)

    async def _known(self, one: Message, state: SmsState) -> None:
        if state.status == "sent":
            due_us = look_at(self._now_us, 0)
            await self._move(one, "sent", reference=state.reference, tries=0, due_us=due_us, problem="")
        else:
            reference = state.reference or one.reference
            await self._end(one, _KNOWN[state.status], state.problem, reference=reference)

    async def _unknown(self, sender: SmsSender, one: Message, *, heard: bool) -> None:
        """The provider does not know, or did not answer, whether it took a message."""
        now_us = self._now_us
        if heard and sender.query_is_complete and is_older(one, now_us, QUIET_S):
            await self._move(one, "due", due_us=now_us, problem="")
        elif is_older(one, now_us, PERHAPS_S if heard else GIVE_UP_S):
            await self._end(one, "perhaps", one.problem)
        else:
            await self._later(one)

    async def _later(self, one: Message) -> None:
        await self._move(one, one.status, tries=one.tries + 1, due_us=look_at(self._now_us, one.tries))

    async def _written(self, one: Message) -> SmsMessage | None:
        """The message with its number; None, and the end of it, where the number is gone."""
        contact = await self._database.read(lambda connection: contact_store.contact(connection, one.order_id))
        receipt = await self._database.read(lambda connection: store.of_order(connection, one.order_id))
        if contact is None or contact.sealed is None or receipt is None:
            await self._end(one, "withdrawn", "")
            return None
        return self._texting.written(contact, one, receipt.document)

    async def _move(self, one: Message, status: Status, **values: Any) -> None:
        await self._database.unit(lambda tx: self._note(tx, one, status, **values))

    async def _end(self, one: Message, status: Status, problem: str, **values: Any) -> None:
        """Nothing more will be done: the number goes, unless its owner agreed that it stays and it has served."""

        def write(tx: Transaction) -> None:
            if not self._note(tx, one, status, due_us=None, problem=problem[:128], **values):
                return
            contact = contact_store.contact(tx.connection, one.order_id)
            if contact is not None and not (contact.keep and status in {"delivered", "sent"}):
                contact_store.drop_number(tx, one.order_id)

        await self._database.unit(write)

    def _note(self, tx: Transaction, one: Message, status: Status, **values: Any) -> bool:
        moved = contact_store.move(tx, one, status, **values)
        if moved and status != one.status and status in {"sent", "delivered", "failed", "perhaps"}:
            said = {**names(tx, one.order_id, status), "problem": values.get("problem", "")}
            tx.record(f"receipt.sms_{status}", f"receipt:{one.order_id}", "system", said)
        return moved
