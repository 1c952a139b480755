"""The events of the money simulation, and how often each comes.

A method returns whether it did anything. What it asks of the store it spawns: the store may answer at once, much later,
or die first.
"""

import msgspec
from tests.simulation.money_store import CARD, CASH, quiet
from tests.simulation.money_world import AN, BO, Shop, World, device
from tests.support.tills import BEER, BOOK, MILK

from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.server.coupons.loader import Loaded
from unqueue.server.coupons.rules import AmountOff, PercentOff
from unqueue.server.coupons.service import import_coupons
from unqueue.server.orders import store as orders_store
from unqueue.server.payments.service import Wish
from unqueue.server.returns.service import Wanted
from unqueue.server.stored_value.service import NewCard
from unqueue.server.tills.model import PayoutGone
from unqueue.server.trips.service import Batch, BatchAdd

LIVE_MAX = 24
CODES_MAX, CARDS_MAX = 6, 12

EVENTS = {
    "arrive": 30,
    "pay_by_wallet": 60,
    "pay_by_card": 25,
    "pay_in_cash": 35,
    "start_again": 10,
    "look": 12,
    "give_up": 10,
    "wallet_takes": 60,
    "wallet_takes_late": 5,
    "wallet_takes_other": 2,
    "wallet_declines": 4,
    "wallet_tells": 60,
    "wallet_lies": 4,
    "redeem": 25,
    "withdraw": 6,
    "give_back": 8,
    "reopen": 6,
    "expire": 8,
    "new_coupon": 6,
    "new_card": 6,
    "top_up": 5,
    "block": 2,
    "work_off": 90,
    "line_goes_on": 60,
    "line_drifts_in": 25,
    "kiosk_finishes": 40,
    "kiosk_reports": 70,
    "kiosk_revises": 10,
    "kiosk_settles": 6,
    "kiosk_fills": 2,
    "kiosk_claims": 25,
    "kiosk_pays_out": 20,
    "take_back": 20,
    "decide": 12,
    "hand_over": 10,
    "provider_balks": 2,
    "time_passes": 110,
    "clock_jumps": 1,
    "crash": 1,
    "crash_in_commit": 3,
    "leave": 60,
}


class Happenings:
    """What can happen next."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.chance = world.chance
        self.jumped_s = 0.0

    def _shop(self) -> Shop | None:
        shops = [shop for shop in self.world.shops.values() if shop.patience > 0]
        if not shops:
            return None
        shop = self.chance.choice(shops)
        shop.patience -= 1
        shop.touched_s = self.world.elapsed_s
        return shop

    # -- shoppers -----------------------------------------------------------------------------------------------------

    def arrive(self) -> bool:
        if len(self.world.shops) >= LIVE_MAX:
            return False
        goods = [self.chance.choice((MILK, BEER, BOOK)) for _ in range(self.chance.randint(1, 3))]
        quantity, patience = self.chance.choice((1, 1, 2, 3)), self.chance.randint(2, 14)

        async def shop() -> None:
            trips, orders = self.world.store.trips, self.world.store.orders
            opened = await trips.open("zh", None)
            live = await trips.live(opened.id)
            await trips.batch(live, Batch(new_id(), [BatchAdd(one.gtin[1:], quantity) for one in goods]))
            view, _ = await orders.submit(live)
            order = self.world.database.read_now(lambda connection: orders_store.get(connection, view.id))
            assert order is not None, "it was acknowledged"
            self.world.shops[order.order_id] = Shop(order, self.world.elapsed_s, patience)
            self.world.orders_made += 1

        self.world.spawn(shop())
        return True

    def pay_by_wallet(self) -> bool:
        return self._pay(self.chance.choice(list(self.world.wallets)))

    def pay_by_card(self) -> bool:
        if not self.world.cards:
            return False
        _, code = self.chance.choice(self.world.cards)
        return self._pay(CARD, instrument=code)

    def pay_in_cash(self) -> bool:
        return self._pay(CASH, place=self.chance.choice(list(self.world.kiosks)))

    def _pay(self, method: str, *, place: str = "", instrument: str = "") -> bool:
        shop = self._shop()
        if shop is None:
            return False
        payment_id = new_id()
        amount_minor = None if self.chance.random() < 0.5 else self.chance.randint(1, shop.order.total_minor)
        wish = Wish(
            method=method, payment_id=payment_id, amount_minor=amount_minor, place=place, instrument=instrument
        )
        shop.payments.append((payment_id, place))
        self.world.spawn(self._create(shop, wish))
        return True

    async def _create(self, shop: Shop, wish: Wish) -> None:
        payment = await self.world.store.payments.create(shop.order, wish, actor=f"trip:{shop.order.trip_id}")
        self.world.acknowledge("payment", payment.payment_id)
        if payment.status == "succeeded" and self.world.facts(shop.order_id).is_paid:
            self.world.acknowledge("paid", shop.order_id)
        if wish.place and payment.status == "pending":
            self._begin_at_kiosk(wish.place, payment.payment_id, payment.amount_minor)

    def _begin_at_kiosk(self, place: str, payment_id: str, due_minor: int) -> None:
        kiosk = self.world.kiosks[place]
        if payment_id not in kiosk.done:
            kiosk.begun[payment_id] = due_minor

    def start_again(self) -> bool:
        """The same request once more, with its id: the handset did not hear the answer."""
        shop = self._shop()
        if shop is None or not shop.payments:
            return False
        payment_id, place = self.chance.choice(shop.payments)
        known = next((one for one in self.world.facts(shop.order_id).payments if one.payment_id == payment_id), None)
        if known is None:
            return False
        self.world.spawn(self._create(shop, Wish(method=known.method, payment_id=payment_id, place=place)))
        return True

    def look(self) -> bool:
        shop = self._shop()
        if shop is None or not shop.payments:
            return False
        payment_id, _ = self.chance.choice(shop.payments)
        self.world.spawn(self.world.store.payments.look(shop.order, payment_id))
        return True

    def give_up(self) -> bool:
        shop = self._shop()
        if shop is None or not shop.payments:
            return False
        payment_id, _ = self.chance.choice(shop.payments)
        self.world.spawn(self.world.store.payments.close(shop.order, payment_id))
        return True

    def give_back(self) -> bool:
        shop = self._shop()
        if shop is None or not shop.payments:
            return False
        self.world.spawn(self.world.store.payments.give_back(shop.order, actor=f"trip:{shop.order.trip_id}"))
        return True

    def reopen(self) -> bool:
        shop = self._shop()
        if shop is None:
            return False

        async def reopen() -> None:
            live = await self.world.store.trips.live(shop.order.trip_id)
            await self.world.store.orders.reopen(live, f"trip:{shop.order.trip_id}")

        self.world.spawn(reopen())
        return True

    def redeem(self) -> bool:
        shop = self._shop()
        if shop is None or not self.world.coupons:
            return False
        again = bool(shop.redemptions) and self.chance.random() < 0.1
        redemption_id = shop.redemptions[-1] if again else new_id()
        code = self.chance.choice(self.world.coupons)

        async def redeem() -> None:
            await self.world.store.coupons.redeem(shop.order, code, redemption_id, f"trip:{shop.order.trip_id}")
            self.world.acknowledge("redemption", redemption_id)

        shop.redemptions.append(redemption_id)
        self.world.spawn(redeem())
        return True

    def withdraw(self) -> bool:
        shop = self._shop()
        if shop is None or not shop.redemptions:
            return False
        redemption_id = self.chance.choice(shop.redemptions)
        self.world.spawn(
            self.world.store.coupons.withdraw(shop.order, redemption_id, f"trip:{shop.order.trip_id}")
        )
        return True

    # -- wallets ------------------------------------------------------------------------------------------------------

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
            if answer.status == 200 and not keeps and message in books.to_tell:
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

    # -- kiosks -------------------------------------------------------------------------------------------------------

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

    # -- the service desk ---------------------------------------------------------------------------------------------

    def take_back(self) -> bool:
        shop = self._shop()
        if shop is None or not shop.was_paid:
            return False
        again = bool(shop.returns) and self.chance.random() < 0.1
        return_id = shop.returns[-1] if again else new_id()
        wanted = [Wanted(self.chance.randint(1, 2), self.chance.randint(1, 2))]
        staff = self.chance.choice((AN, BO))
        shop.returns.append(return_id)
        self.world.spawn(self.world.store.returns.propose(shop.order_id, wanted, "", return_id, staff))
        return True

    def decide(self) -> bool:
        found = [shop for shop in self.world.shops.values() if shop.returns]
        if not found:
            return False
        shop = self.chance.choice(found)
        return_id, staff = self.chance.choice(shop.returns), self.chance.choice((AN, BO))
        accept = self.chance.random() < 0.7
        self.world.spawn(self.world.store.returns.decide(return_id, staff, accept=accept))
        return True

    def hand_over(self) -> bool:
        """Staff hand over what does not arrive. The money leaves the drawer when the store has said yes."""
        staff = self.chance.choice((AN, BO))

        async def hand_over() -> None:
            for refund in await self.world.store.returns.refunds_waiting():
                self.world.desk_wants.setdefault(refund.id, refund.amount.amount_minor)
            if not self.world.desk_wants:
                return
            refund_id = self.chance.choice(sorted(self.world.desk_wants))
            await self.world.store.returns.pay_by_hand(refund_id, staff)
            amount_minor = self.world.desk_wants.pop(refund_id, 0)
            if amount_minor:
                assert refund_id not in self.world.by_hand, "handed over twice"
                self.world.by_hand[refund_id] = amount_minor
            self.world.acknowledge("refund", refund_id)

        self.world.spawn(hand_over())
        return True

    # -- the store ----------------------------------------------------------------------------------------------------

    def work_off(self) -> bool:
        if self.world.working is not None and not self.world.working.done():
            return False
        self.world.working = self.world.spawn(self.world.store.worker.work_off())
        return True

    def expire(self) -> bool:
        self.world.spawn(self.world.store.orders.expire())
        return True

    def new_coupon(self) -> bool:
        number = len(self.world.coupons)
        code = f"C{new_id()[:12].upper()}"
        common = {
            "id": code.lower(),
            "zh": "券",
            "en": "Coupon",
            "currency": "CNY",
            "code": code,
            "uses_max": self.chance.randint(1, 3),
            "stackable": self.chance.random() < 0.5,
            "funded_by": self.chance.choice(("store", "issuer")),
        }
        coupon = (
            AmountOff(off_minor=self.chance.randint(1, 3000), **common)  # type: ignore[arg-type]
            if number % 2
            else PercentOff(off_bp=self.chance.choice((500, 1000, 3333, 10_000)), **common)  # type: ignore[arg-type]
        )
        import_coupons(self.world.database, Loaded((coupon,)), currency="CNY", actor="system")
        self.world.coupons.append(code)
        del self.world.coupons[:-CODES_MAX]
        return True

    def new_card(self) -> bool:
        card_id, code = new_id(), f"29{self.chance.randrange(10**11):011d}"
        amount = Money(self.chance.randint(1, 8000), "CNY")
        kind = self.chance.choice(("gift", "voucher"))

        async def issue() -> None:
            for _ in range(self.chance.randint(1, 2)):
                await self.world.store.cards.issue(NewCard([code], kind, amount), card_id, "staff:an")  # type: ignore[arg-type]
            self.world.cards.append((card_id, code))
            del self.world.cards[:-CARDS_MAX]

        self.world.spawn(issue())
        return True

    def top_up(self) -> bool:
        if not self.world.cards:
            return False
        card_id, _ = self.chance.choice(self.world.cards)
        move_id, amount = new_id(), Money(self.chance.randint(1, 5000), "CNY")

        async def top_up() -> None:
            for _ in range(self.chance.randint(1, 2)):
                await self.world.store.cards.top_up(card_id, amount, move_id, "staff:an")

        self.world.spawn(top_up())
        return True

    def block(self) -> bool:
        if not self.world.cards:
            return False
        card_id, _ = self.chance.choice(self.world.cards)
        status = "blocked" if self.chance.random() < 0.4 else "active"
        self.world.spawn(self.world.store.cards.set_status(card_id, status, "staff:an"))  # type: ignore[arg-type]
        return True

    # -- time and death -----------------------------------------------------------------------------------------------

    def time_passes(self) -> bool:
        roll = self.chance.random()
        seconds = self.chance.uniform(0, 8) if roll < 0.8 else self.chance.uniform(8, 90)
        if roll > 0.985:
            seconds = self.chance.uniform(90, 4000)
        self.world.pass_time(seconds)
        return True

    def clock_jumps(self) -> bool:
        """The machine's clock was wrong, or is set right: by an hour, a day, a year, forwards and backwards."""
        if self.jumped_s:
            self.world.clock.advance(-self.jumped_s)
            self.jumped_s = 0.0
        else:
            self.jumped_s = self.chance.choice((1, -1)) * self.chance.choice((3600, 86_400, 31_536_000))
            self.world.clock.advance(self.jumped_s)
        return True

    def crash(self) -> bool:
        self.world.database.is_dead = True
        return True

    def crash_in_commit(self) -> bool:
        """The next group of units is the last of this process: cut before its COMMIT, or after it and before any answer."""
        self.world.database.dies = self.chance.choice(("before", "after"))
        return True

    def leave(self) -> bool:
        """Somebody for whom nothing is under way any more is forgotten, after a last look."""
        found = [shop for shop in self.world.shops.values() if shop.patience <= 0]
        if not found:
            return False
        shop = self.chance.choice(found)
        facts = self.world.check(shop.order_id)
        if not self.world.is_at_rest(facts):
            return False
        del self.world.shops[shop.order_id]
        return True

    async def calm_down(self) -> None:
        """All faults are over: everything that is under way must come to its end."""
        for shop in self.world.shops.values():
            shop.patience = 0
        for books in self.world.wallets.values():
            books.line.is_calm = True
            books.refuses_refunds = False
        self.world.database.dies = ""
        for _ in range(400):
            for name in CALM:
                getattr(self, name)()
                await quiet()
                await self.world.after_event()
            self.world.pass_time(self.chance.choice((1, 60, 600, 4000)))
            unfinished = [one for one in self.world.shops if not self.world.is_at_rest(self.world.facts(one))]
            if not unfinished:
                return
        raise AssertionError(f"never came to rest: {[self.world.facts(one) for one in unfinished]}")


CALM = (
    "line_goes_on",
    "line_drifts_in",
    "wallet_tells",
    "wallet_tells",
    "wallet_tells",
    "kiosk_finishes",
    "kiosk_finishes",
    "kiosk_revises",
    "kiosk_reports",
    "kiosk_reports",
    "kiosk_reports",
    "kiosk_claims",
    "kiosk_pays_out",
    "work_off",
    "expire",
)
