"""What wallets, their lines and kiosks do in the money simulation."""

import msgspec
from tests.simulation.money_people import Acting
from tests.simulation.money_world import device

from unqueue.server.tills.model import PayoutGone

TELL_MAX = 25  # a provider gives up telling at some time


class Wallets(Acting):
    """They take money in time, late, or another amount, tell of it in any order, and lie."""

    def _charges(self, *statuses: str) -> list[tuple[str, str]]:
        return [
            (name, payment_id)
            for shop in self.world.shops.values()
            for payment_id, _ in shop.payments
            for name, books in self.world.wallets.items()
            if payment_id in books.charges and books.charges[payment_id].status in statuses
        ]

    def _take(self, status: str, *, other: bool = False) -> bool:
        found = self._charges(status)
        if not found:
            return False
        name, payment_id = self.chance.choice(found)
        books = self.world.wallets[name]
        charge = books.charges[payment_id]
        books.pay(charge, self.chance.randint(1, 5000) if other else charge.asked_minor)
        self._touch(charge.order_id)
        return True

    def _touch(self, order_id: str) -> None:
        if order_id in self.world.shops:
            self.world.shops[order_id].touched_s = self.world.elapsed_s

    def wallet_takes(self) -> bool:
        return self._take("pending")

    def wallet_takes_other(self) -> bool:
        """A provider that takes another amount than it was asked for."""
        return self._take("pending", other=True)

    def wallet_takes_late(self) -> bool:
        """Money for a charge that was closed or declined: the bank was slow."""
        return self._take(self.chance.choice(("closed", "failed")))

    def wallet_declines(self) -> bool:
        found = self._charges("pending")
        if not found:
            return False
        name, payment_id = self.chance.choice(found)
        books = self.world.wallets[name]
        books.charges[payment_id].status = "failed"
        books.tell(books.charges[payment_id])
        return True

    def wallet_tells(self) -> bool:
        """Any of the messages that wait arrives, perhaps not for the last time."""
        waiting = [name for name, books in self.world.wallets.items() if books.to_tell]
        if not waiting:
            return False
        books = self.world.wallets[self.chance.choice(waiting)]
        index = self.chance.randrange(len(books.to_tell))
        message, keeps = books.to_tell[index], self.chance.random() < 0.15

        async def tell() -> None:
            answer = await self.world.store.notifications.receive(books.name, {}, message)
            tries = books.tries[message] = books.tries.get(message, 0) + 1
            if message in books.to_tell and (tries > TELL_MAX or (answer.status == 200 and not keeps)):
                books.to_tell.remove(message)

        self.world.spawn(tell())
        return True

    def wallet_lies(self) -> bool:
        """A message that is authentic and wrong: of another amount, or of money that never came."""
        found = self._charges("pending", "closed", "failed", "succeeded")
        if not found:
            return False
        name, payment_id = self.chance.choice(found)
        books = self.world.wallets[name]
        charge = books.charges[payment_id]
        told = {"payment": payment_id, "status": "succeeded", "amount": charge.asked_minor}
        if self.chance.random() < 0.5:
            told["amount"] = self.chance.randint(1, 9999)
        self.world.spawn(self.world.store.notifications.receive(name, {}, msgspec.json.encode(told)))
        return True

    def line_goes_on(self) -> bool:
        waiting = [books.line for books in self.world.wallets.values() if books.line.late]
        if not waiting:
            return False
        line = self.chance.choice(waiting)
        line.let_go(self.chance.randrange(len(line.late)))
        return True

    def line_drifts_in(self) -> bool:
        waiting = [books.line for books in self.world.wallets.values() if books.line.adrift]
        if not waiting:
            return False
        line = self.chance.choice(waiting)
        line.arrive(self.chance.randrange(len(line.adrift)))
        return True

    def provider_balks(self) -> bool:
        """A provider has too little of our money to give any back, or has enough again."""
        books = self.chance.choice(list(self.world.wallets.values()))
        books.refuses_refunds = not books.refuses_refunds
        return True


class Kiosks(Acting):
    """They end payments, report in any order, learn more later, and give refunds back."""

    def kiosk_finishes(self) -> bool:
        """A kiosk ends a payment that it knows of; or it asks what it should know of after a restart."""
        kiosk = self.world.kiosks[self.chance.choice(list(self.world.kiosks))]
        if kiosk.begun:
            kiosk.finish(self.chance.choice(list(kiosk.begun)), self.world.now_us)
            return True

        async def ask() -> None:
            for one in await self.world.store.tills.waiting(device(kiosk.name)):
                self._begin_at_kiosk(kiosk.name, one.payment_id, one.amount.amount_minor)

        self.world.spawn(ask())
        return True

    def kiosk_reports(self) -> bool:
        """Any report gets through, perhaps twice, perhaps before an earlier one."""
        waiting = [kiosk for kiosk in self.world.kiosks.values() if kiosk.outbox]
        if not waiting:
            return False
        kiosk = self.chance.choice(waiting)
        report = self.chance.choice(kiosk.outbox[:4])
        keeps = self.chance.random() < 0.15

        async def tell() -> None:
            self.world.told(report)
            await self.world.store.tills.hear(device(kiosk.name), report)
            self.world.acknowledge("report", report.id)
            if not keeps and report in kiosk.outbox:
                kiosk.outbox.remove(report)

        self.world.spawn(tell())
        return True

    def kiosk_revises(self) -> bool:
        found = [kiosk for kiosk in self.world.kiosks.values() if kiosk.revisable]
        if not found:
            return False
        kiosk = self.chance.choice(found)
        kiosk.revise(self.chance.choice(list(kiosk.revisable)), self.world.now_us)
        return True

    def kiosk_settles(self) -> bool:
        found = [kiosk for kiosk in self.world.kiosks.values() if kiosk.owed]
        if not found:
            return False
        self.chance.choice(found).settle_debt(self.world.now_us)
        return True

    def kiosk_fills(self) -> bool:
        self.chance.choice(list(self.world.kiosks.values())).fill(self.world.now_us)
        return True

    def kiosk_claims(self) -> bool:
        kiosk = self.world.kiosks[self.chance.choice(list(self.world.kiosks))]

        async def claim() -> None:
            for payout in (await self.world.store.tills.payouts(device(kiosk.name)))[:2]:
                if payout.refund_id in kiosk.paid_out or payout.refund_id in kiosk.claimed:
                    continue
                try:
                    given = await self.world.store.tills.claim_payout(device(kiosk.name), payout.refund_id)
                except PayoutGone:
                    continue
                kiosk.claimed[given.refund_id] = given.amount.amount_minor

        self.world.spawn(claim())
        return True

    def kiosk_pays_out(self) -> bool:
        found = [kiosk for kiosk in self.world.kiosks.values() if kiosk.claimed]
        if not found:
            return False
        kiosk = self.chance.choice(found)
        kiosk.pay_out(self.chance.choice(list(kiosk.claimed)), self.world.now_us)
        return True
