"""The till as the kiosk's runner uses it: what the sequence hears of it, and its word to the server."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import msgspec

from unqueue.kernel.clock import Clock
from unqueue.kernel.money import Money
from unqueue.kiosk.cash.currencies import CashPolicy
from unqueue.kiosk.cash.machine import CashDevice
from unqueue.kiosk.cash.outbox import NotTaken, Send
from unqueue.kiosk.cash.store import CashJournal
from unqueue.kiosk.cash.till import CashTill
from unqueue.kiosk.declining import decline, deliver
from unqueue.kiosk.sequence.words import CashInfo, CashSeen, DeviceSeen


class Cashier:
    """A till with its journal."""

    def __init__(
        self,
        journal: CashJournal,
        devices: tuple[CashDevice, ...],
        policy: CashPolicy,
        *,
        clock: Clock,
        send: Send,
    ) -> None:
        self._journal = journal
        self._policy, self._clock, self._send = policy, clock, send
        self._acceptors = {device.name for device in devices if device.acceptor is not None}
        self._sending = asyncio.Lock()
        self.till = CashTill(journal=journal, devices=devices, policy=policy, clock=clock, send=send)

    def close(self) -> None:
        self._journal.close()

    def seen(self) -> CashSeen:
        """How the till stands."""
        return CashSeen(msgspec.convert(self.till.view(), CashInfo, from_attributes=True))

    def devices(self) -> Iterator[DeviceSeen]:
        """Each device, and ``cash``: whether any money can be taken."""
        view = self.till.view()
        able = False
        for device in view.devices:
            why = "; ".join(filter(None, [device.lock, *(f"{k}: {v}" for k, v in sorted(device.troubles.items()))]))
            able = able or (device.ready and device.device in self._acceptors)
            yield DeviceSeen(device.device, "ready" if device.ready else "failed", why)
        if self.till.is_halted:
            yield DeviceSeen("cash", "failed", "the till stopped after a fault")
        else:
            yield DeviceSeen("cash", "ready" if able else "failed", "" if able else "no device can take money")

    async def begin(self, payment_id: str, due: Money, seconds: float) -> None:
        """Take cash for a payment. TillBusy, CashConflict, CashUnavailable."""
        await self.till.begin(payment_id, due, self._clock.now() + timedelta(seconds=seconds))

    async def extend(self, payment_id: str, seconds: float) -> None:
        await self.till.extend(payment_id, self._clock.now() + timedelta(seconds=seconds))

    def knows(self, refund_id: str) -> bool:
        """Whether giving it back was begun, and so will be ended by the till itself."""
        return self._journal.session(refund_id) is not None

    async def pay_out(self, refund_id: str, amount: Money) -> None:
        """Give a refund back, and return when it is over; for what can't be given there is a slip. TillBusy."""
        view = await self.till.pay_out(refund_id, amount, or_slip=True)
        while self.till.session(refund_id).state != "finished":
            view = await self.till.wait_changed(view.version)

    def decline(self, payment_id: str, due: Money) -> bool:
        """A payment that the till never began: it is told as cancelled. False if the till knows it."""
        return decline(self._journal, self._policy, self._clock, payment_id, due)

    async def deliver(self) -> str | None:
        """Send what waits in the outbox now; why it still waits, or None."""
        async with self._sending:
            try:
                await deliver(self._journal, self._clock, self._send)
            except (NotTaken, OSError) as error:
                return str(error)
        return None
