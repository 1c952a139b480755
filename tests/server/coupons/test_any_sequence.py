"""Any sequence of redeeming, taking off, paying, closing and importing: the counts and the cents always add up."""

from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Connection, func, select
from tests.server.coupons.baskets import DAIRY, MILK, amount, free, line, offer, open_order, percent
from tests.support.databases import OPENING

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import DomainError
from unqueue.kernel.ids import new_id
from unqueue.server.coupons import model, redeeming, store
from unqueue.server.coupons.model import Held, Policy
from unqueue.server.coupons.redeeming import Redeeming
from unqueue.server.coupons.shelf import worth
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order
from unqueue.server.tables import metadata

AT = Redeeming(time_zone="Asia/Shanghai")
CODES = ("C00A", "C00B", "C00F", "C00P", "C00X", "SER1", "SER2", "(255)9501101530003001", "(255)9501101530003", "NONE")
COUPONS = (
    amount("a", 300, uses_max=2),
    amount("b", 700, DAIRY, uses_max_per_member=1, excludes=("hot",)),
    free("f", MILK, uses_max=3),
    percent("p", 1500, minimum_spend_minor=800),
    amount("x", 5000, stackable=False),
    percent("s", 1000, MILK, serials=("SER1", "SER2"), groups=("hot",)),
    amount("g", 50, gcn="9501101530003", uses_max=2),
)


class Till(RuleBasedStateMachine):
    """Three orders that compete for a few coupons."""

    def __init__(self) -> None:
        super().__init__()
        self.database = Database("sqlite://", clock=ManualClock(OPENING))
        self._connection = self.database.engine.connect()  # keeps the database in memory
        metadata.create_all(self._connection)
        self.orders: list[Order] = []
        self.actions: list[tuple[Order, str, str]] = []

    def teardown(self) -> None:
        self._connection.close()
        self.database.dispose()

    @initialize()
    def opens(self) -> None:
        offer(self.database, *COUPONS)
        baskets = (
            [line(1, 500, 2, deposit=30), line(2, 300, 1, product_id="tea", category="drinks")],
            [line(1, 500, 1, off=100)],
            [line(1, 998, 1, weight_g=700, subtotal=699, product_id="cheese"), line(2, 1, 3)],
        )
        self.orders = [self.database.write_now(lambda tx, basket=basket: open_order(tx, basket)) for basket in baskets]

    def attempt(self, unit: Callable[[Transaction], Any]) -> bool:
        """Run a unit that may be refused; a refusal changes nothing."""
        before = self.state()
        try:
            self.database.write_now(unit)
        except DomainError:
            pass
        else:
            return True
        assert self.state() == before
        return False

    def state(self) -> Any:
        def read(connection: Connection) -> Any:
            tables = (store.coupons, store.coupon_codes, store.coupon_members, store.coupon_redemptions)
            return [sorted(map(repr, connection.execute(select(table)))) for table in tables]

        return self.database.read_now(read)

    @rule(number=st.integers(0, 2), code=st.sampled_from(CODES), member=st.sampled_from((None, "anna")))
    def redeem(self, number: int, code: str, member: str | None) -> None:
        order, action_id = self.orders[number], new_id()
        if self.attempt(lambda tx: AT.redeem(tx, order, code, member=member, action_id=action_id, actor="test")):
            self.actions.append((order, code, action_id))

    @precondition(lambda self: self.actions)
    @rule(data=st.data())
    def redeem_again(self, data: st.DataObject) -> None:
        order, code, action_id = data.draw(st.sampled_from(self.actions))
        before = self.state()
        self.database.write_now(lambda tx: AT.redeem(tx, order, code, member=None, action_id=action_id, actor="test"))
        assert self.state() == before

    @precondition(lambda self: self.actions)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        order, _, action_id = data.draw(st.sampled_from(self.actions))
        self.attempt(lambda tx: AT.withdraw(tx, order, action_id, actor="test"))

    @rule(number=st.integers(0, 2))
    def pay(self, number: int) -> None:
        self._finish(number, redeeming.use, orders_store.mark_paid)

    @rule(number=st.integers(0, 2))
    def close(self, number: int) -> None:
        """The order is given up, and the shopper submits the same basket again."""
        order = self.orders[number]
        if self._finish(number, redeeming.release, orders_store.close):
            lines = self.database.read_now(lambda connection: orders_store.lines(connection, order.order_id))
            self.orders[number] = self.database.write_now(lambda tx: open_order(tx, lines))

    def _finish(self, number: int, coupons: Any, order_moves: Any) -> bool:
        order = self.orders[number]
        now = self.database.read_now(lambda connection: orders_store.get(connection, order.order_id))
        if now is None or now.status != "open":
            return False

        def write(tx: Any) -> None:
            coupons(tx, order, "test")
            order_moves(tx, order, "test")

        self.database.write_now(write)
        return True

    @invariant()
    def uses_are_those_of_the_redemptions(self) -> None:
        def read(connection: Connection) -> None:
            taken = store.coupon_redemptions
            for table, column in ((store.coupons, "coupon_id"), (store.coupon_codes, "code")):
                for row in connection.execute(select(table)).mappings():
                    for status in ("reserved", "used"):
                        count = connection.scalar(
                            select(func.count()).where(taken.c[column] == row[column], taken.c.status == status)
                        )
                        assert row[status] == count
                    assert row["uses_max"] is None or row["reserved"] + row["used"] <= row["uses_max"]
            members = connection.execute(select(store.coupon_members)).all()
            assert all(row.reserved + row.used <= 1 for row in members)

        self.database.read_now(read)

    @invariant()
    def what_is_kept_is_what_the_model_says(self) -> None:
        """Whatever came and went in whatever order, the coupons on an order are those of a fresh calculation."""
        for order in self.orders:
            lines = self.database.read_now(
                lambda connection, order=order: orders_store.lines(connection, order.order_id)
            )
            rows = self.database.read_now(lambda connection, order=order: store.live(connection, order.order_id))
            shown = self.database.read_now(lambda connection, order=order: redeeming.summary(connection, order))
            held = [Held(row.redemption_id, row.code, store.decode(row.data)) for row in reversed(rows)]
            effects = model.apply(lines, held, Policy())
            assert [effect.problem for effect in effects] == [None] * len(rows)
            assert [(effect.held.redemption_id, effect.shares) for effect in effects] == [
                (one.redemption_id, one.lines) for one in shown.coupons
            ]
            assert all(one.amount_minor == sum(share.amount_minor for share in one.lines) for one in shown.coupons)
            assert shown.payable_minor == order.total_minor - sum(one.amount_minor for one in shown.coupons) >= 0
            off = shown.by_line()
            assert all(off.get(one.line, 0) <= worth(one) for one in lines)


class TestTill(Till.TestCase):
    settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
