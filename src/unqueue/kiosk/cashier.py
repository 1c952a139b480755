"""The till as the kiosk's runner uses it: what the sequence hears of it, and its word to the server."""

from collections.abc import Iterator
from datetime import timedelta

import msgspec

from unqueue.kernel.clock import Clock
from unqueue.kernel.money import Money
from unqueue.kiosk.cash.claims import Claims
from unqueue.kiosk.cash.currencies import CashPolicy
from unqueue.kiosk.cash.machine import CashDevice
from unqueue.kiosk.cash.outbox import NotTaken, Send
from unqueue.kiosk.cash.store import CashJournal, Claim, StuckReport
from unqueue.kiosk.cash.till import CashTill
from unqueue.kiosk.declining import decline
from unqueue.kiosk.sequence.words import CashInfo, CashSeen, DeviceSeen
from unqueue.kiosk.server import Payout

REPORTS, REFUNDS = "cash-reports", "cash-refunds"
"""What is shown among the devices once a report to the server is stuck, or a refund is in doubt."""


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
        self._policy, self._clock = policy, clock
        self._acceptors = {device.name for device in devices if device.acceptor is not None}
        self._told: set[str] = set()
        self.claims = Claims(journal, clock)
        self.in_hand: set[str] = set()
        """The refunds that are being claimed and given back now."""
        self.till = CashTill(journal=journal, devices=devices, policy=policy, clock=clock, send=send)

    def close(self) -> None:
        self._journal.close()

    def seen(self) -> CashSeen:
        """How the till stands."""
        return CashSeen(msgspec.convert(self.till.view(), CashInfo, from_attributes=True))

    def devices(self) -> Iterator[DeviceSeen]:
        """Each device, and ``cash``: whether any money can be taken; and what else staff must see to."""
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
        for name, problem in ((REPORTS, self.till.reports.problem), (REFUNDS, self._unsure_refunds())):
            if problem or name in self._told:
                self._told.add(name)
                yield DeviceSeen(name, "failed" if problem else "ready", problem)

    def _unsure_refunds(self) -> str:
        found = [one.refund_id for one in self.claims.unsure()]
        return f"it is not known whether these were given back: {', '.join(found)}" if found else ""

    async def begin(self, payment_id: str, due: Money, seconds: float, *, is_part: bool = False) -> None:
        """Take cash for a payment. TillBusy, CashConflict, CashUnavailable, CashPartUneven."""
        await self.till.begin(payment_id, due, self._clock.now() + timedelta(seconds=seconds), is_part=is_part)

    async def extend(self, payment_id: str, seconds: float) -> None:
        await self.till.extend(payment_id, self._clock.now() + timedelta(seconds=seconds))

    async def check_payout(self, payout: Payout) -> None:
        """Whether the machine could give a refund back now. TillBusy, PayoutUnavailable."""
        await self.till.check_payout(payout.amount, kept_minor=self._kept_minor(payout))

    def is_abandoned(self, claim: Claim) -> bool:
        """Whether nobody waits for a refund any more that was claimed long ago: money is not laid in the tray then."""
        return self.claims.age_s(claim) > self.till.timing.abandoned_after_s

    def refresh(self) -> None:
        """Something was written in the journal beside the till: show it, and send what waits."""
        self.till.refresh()

    def stuck_reports(self) -> list[StuckReport]:
        """What the server refused for good, and what waits for it."""
        return self._journal.stuck_reports()

    def knows(self, refund_id: str) -> bool:
        """Whether giving it back was begun, and so will be ended by the till itself."""
        return self._journal.session(refund_id) is not None

    async def pay_out(self, payout: Payout) -> None:
        """Give a refund back, and return when it is over; for what can't be given there is a slip.

        TillBusy, CashConflict, PayoutUnavailable: nothing is given.
        """
        kept_minor = self._kept_minor(payout)
        view = await self.till.pay_out(payout.refund_id, payout.amount, or_slip=True, kept_minor=kept_minor)
        while self.till.session(payout.refund_id).state != "finished":
            view = await self.till.wait_changed(view.version)

    def _kept_minor(self, payout: Payout) -> int | None:
        """What the store has kept of the order's cash, as far as is known here: its rounding depends on it."""
        kept_minor = payout.paid_minor - self._journal.begun_minor(payout.order_id)
        return kept_minor if kept_minor >= payout.amount.amount_minor else None

    def decline(self, payment_id: str, due: Money) -> bool:
        """A payment that the till never began: it is told as cancelled. False if the till knows it."""
        return decline(self._journal, self._policy, self._clock, payment_id, due)

    async def deliver(self) -> str | None:
        """Send what waits in the outbox now; why it still waits, or None."""
        try:
            await self.till.reports.deliver()
        except NotTaken as error:
            return str(error)
        return None
