"""What people do in the money simulation: shoppers, and the staff of the service desk."""

from tests.simulation.money_store import CARD, CASH
from tests.simulation.money_world import AN, BO, Shop, World
from tests.support.tills import BEER, BOOK, MILK

from unqueue.kernel.ids import new_id
from unqueue.server.orders import store as orders_store
from unqueue.server.payments.model import RefundArrived
from unqueue.server.payments.service import Wish
from unqueue.server.returns.service import Wanted
from unqueue.server.trips.requests import Batch, BatchAdd

LIVE_MAX = 24


class Acting:
    """Whoever acts: the world, chance, and the order that somebody acts for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.chance = world.chance

    def _shop(self) -> Shop | None:
        shops = [shop for shop in self.world.shops.values() if shop.patience > 0]
        if not shops:
            return None
        shop = self.chance.choice(shops)
        shop.patience -= 1
        shop.touched_s = self.world.elapsed_s
        return shop

    def _begin_at_kiosk(self, place: str, payment_id: str, due_minor: int) -> None:
        kiosk = self.world.kiosks[place]
        if payment_id not in kiosk.done:
            kiosk.begun[payment_id] = due_minor


class Shoppers(Acting):
    """They come, try to pay in every way, change their minds, and want their money back."""

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
        wish = Wish(method=method, payment_id=payment_id, amount_minor=amount_minor, place=place, instrument=instrument)
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
        self.world.spawn(self.world.store.coupons.withdraw(shop.order, redemption_id, f"trip:{shop.order.trip_id}"))
        return True


class Desk(Acting):
    """Goods come back, a second person decides, and what does not arrive is handed over."""

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
            try:
                await self.world.store.returns.pay_by_hand(refund_id, staff)
            except RefundArrived:
                del self.world.desk_wants[refund_id]
                raise
            amount_minor = self.world.desk_wants.pop(refund_id, 0)
            if amount_minor:
                assert refund_id not in self.world.by_hand, "handed over twice"
                self.world.by_hand[refund_id] = amount_minor
            self.world.acknowledge("refund", refund_id)

        self.world.spawn(hand_over())
        return True
