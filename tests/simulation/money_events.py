"""The events of the money simulation, and how often each comes.

A method returns whether it did anything. What it asks of the store it spawns: the store may answer at once, much later,
or die first.
"""

from tests.simulation.money_machines import Kiosks, Wallets
from tests.simulation.money_people import Desk, Shoppers
from tests.simulation.money_store import quiet
from tests.simulation.money_world import AN, World

from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.server.coupons.loader import Loaded
from unqueue.server.coupons.rules import AmountOff, PercentOff
from unqueue.server.coupons.service import import_coupons
from unqueue.server.stored_value.service import NewCard

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
    "wallet_takes_other": 4,
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


class Happenings(Shoppers, Desk, Wallets, Kiosks):
    """What can happen next: what people and machines do, and what comes over the store itself."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.jumped_s = 0.0

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
                await self.world.store.cards.issue(NewCard([code], kind, amount), card_id, AN)  # type: ignore[arg-type]
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
                await self.world.store.cards.top_up(card_id, amount, move_id, AN)

        self.world.spawn(top_up())
        return True

    def block(self) -> bool:
        if not self.world.cards:
            return False
        card_id, _ = self.chance.choice(self.world.cards)
        status = "blocked" if self.chance.random() < 0.4 else "active"
        self.world.spawn(self.world.store.cards.set_status(card_id, status, "staff:an"))  # type: ignore[arg-type]
        return True

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
        """The next group of units is the last of this process: cut before its COMMIT, or before anybody is answered."""
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
        if self.jumped_s:
            self.clock_jumps()
        for _ in range(400):
            for name in CALM:
                getattr(self, name)()
                await quiet()
                await self.world.after_event()
            self.world.pass_time(self.chance.choice((1, 60, 600, 4000)))
            unfinished = [one for one in self.world.shops if not self.world.is_at_rest(self.world.facts(one))]
            if not unfinished:
                return
        raise AssertionError(f"{len(unfinished)} never came to rest, such as {self.world.facts(unfinished[0])}")


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
