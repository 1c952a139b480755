"""The bags of their own that shoppers have with them: said by the shopper, weighed with the goods.

A bag makes the goods heavier by about what bags weigh, and the weighing less sharp by as much as they differ. So a
store says how many it takes a shopper's word for; and what was said stays as it is while a lane weighs by it.
"""

from sqlalchemy import Connection

from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import DomainError, NotFound
from unqueue.server.access import Principal
from unqueue.server.exits import store
from unqueue.server.exits.model import OrderLeft
from unqueue.server.exits.views import BagsView
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order, OrderClosed
from unqueue.server.orders.service import may_see


class TooManyBags(DomainError):
    code = "too_many_bags"
    status = 422
    zh = "自带的袋子最多填 {bags_max} 个；更多的请让店员看一下"
    en = "You can name up to {bags_max} bags of your own. With more, please ask a member of staff."


class BagsAtLane(DomainError):
    """The order is being weighed; what was said counts."""

    code = "bags_at_lane"
    status = 409
    permanent = False
    zh = "已经在出口称重了，袋子的数量请告诉店员"
    en = "Your goods are being weighed already. Please tell a member of staff about your bags."


class Bags:
    """What shoppers declare; up to ``bags_max`` of them."""

    def __init__(self, database: Database, *, bags_max: int) -> None:
        self._database = database
        self._bags_max = bags_max

    async def of(self, principal: Principal, order_id: str) -> BagsView:
        """How many were declared. NotFound for an order that is not the principal's own."""

        def read(connection: Connection) -> BagsView:
            _own(connection, principal, order_id)
            return BagsView(store.bags(connection, order_id), self._bags_max)

        return await self._database.read(read)

    async def declare(self, principal: Principal, order_id: str, count: int) -> BagsView:
        """There are ``count`` of them. TooManyBags; BagsAtLane, OrderLeft, OrderClosed, NotFound."""
        if not 0 <= count <= self._bags_max:
            raise TooManyBags(bags_max=self._bags_max)

        def write(tx: Transaction) -> None:
            order = _own(tx.connection, principal, order_id)
            if order.status == "left":
                raise OrderLeft
            if order.status == "closed":
                raise OrderClosed
            if store.live_of_order(tx.connection, order_id) is not None:
                raise BagsAtLane
            if store.bags(tx.connection, order_id) == count:
                return
            store.declare_bags(tx, order_id, count)
            said = {"order_id": order_id, "trip_id": order.trip_id, "bags": count}
            tx.record("order.bags_declared", f"order:{order_id}", principal.actor, said)

        await self._database.unit(write)
        return BagsView(count, self._bags_max)


def _own(connection: Connection, principal: Principal, order_id: str) -> Order:
    order = orders_store.get(connection, order_id)
    if order is None or principal.kind not in {"trip", "order"} or not may_see(principal, order):
        raise NotFound
    return order
