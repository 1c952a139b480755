"""The bags of their own that shoppers have with them: said by the shopper, weighed with the goods.

A bag makes the goods heavier by about what bags weigh, and the weighing less sharp by as much as they differ. So a
store says how many it takes a shopper's word for; and what was said stays as it is while a lane weighs by it.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import DomainError, NotFound
from unqueue.server.access import Principal
from unqueue.server.catalogue.model import Product
from unqueue.server.exits import store
from unqueue.server.exits.refusals import OrderLeft
from unqueue.server.exits.views import BagsView, ContainerView, known_containers
from unqueue.server.exits.weights import Brought
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


class ContainerUnknown(DomainError):
    """Details: ``product_id``."""

    code = "container_unknown"
    status = 422
    zh = "本店不按这种自带容器称重，请按自带袋子填写"
    en = "This store does not reckon with this container. Please name it as a bag of your own."


class BagsSaid(msgspec.Struct, frozen=True):
    """How many bags of their own a shopper has, and how many ``containers`` that the store knows, by product."""

    count: int
    containers: dict[str, int] = {}


class Bags:
    """What shoppers declare; up to ``bags_max`` of them, among them the store's own ``containers``, by product."""

    def __init__(self, database: Database, *, bags_max: int, containers: Sequence[str] = ()) -> None:
        self._database = database
        self._bags_max = bags_max
        self._containers = tuple(dict.fromkeys(containers))

    async def of(self, principal: Principal, order_id: str) -> BagsView:
        """How many were declared. NotFound for an order that is not the principal's own."""

        def read(connection: Connection) -> BagsView:
            _own(connection, principal, order_id)
            return self._view(connection, store.brought(connection, order_id))

        return await self._database.read(read)

    async def declare(self, principal: Principal, order_id: str, said: BagsSaid) -> BagsView:
        """They have so many. TooManyBags, ContainerUnknown; BagsAtLane, OrderLeft, OrderClosed, NotFound."""
        counts = (said.count, *said.containers.values())
        if min(counts) < 0 or sum(counts) > self._bags_max:
            raise TooManyBags(bags_max=self._bags_max)
        brought = Brought(said.count, tuple(sorted((name, count) for name, count in said.containers.items() if count)))

        def write(tx: Transaction) -> BagsView:
            order = _own(tx.connection, principal, order_id)
            offered = {one.product_id for one, _ in self._offered(tx.connection)}
            for product_id, _ in brought.containers:
                if product_id not in offered:
                    raise ContainerUnknown(product_id=product_id)
            if order.status == "left":
                raise OrderLeft
            if order.status == "closed":
                raise OrderClosed
            if store.live_of_order(tx.connection, order_id) is not None:
                raise BagsAtLane
            if store.brought(tx.connection, order_id) != brought:
                store.declare(tx, order_id, brought)
                told = {"order_id": order_id, "trip_id": order.trip_id, "bags": brought.bags}
                told["containers"] = dict(brought.containers)
                tx.record("order.bags_declared", f"order:{order_id}", principal.actor, told)
            return self._view(tx.connection, brought)

        return await self._database.unit(write)

    def _offered(self, connection: Connection) -> list[tuple[Product, int]]:
        """The containers that the catalogue knows, and knows the weight of."""
        known = known_containers(connection, Brought(0, tuple((name, 1) for name in self._containers)))
        return [(product, count) for product, count in known if not product.is_weighed]

    def _view(self, connection: Connection, brought: Brought) -> BagsView:
        counts = dict(brought.containers)
        containers = [
            ContainerView(
                one.product_id, one.name_zh or one.name_en, one.name_en or one.name_zh, counts.get(one.product_id, 0)
            )
            for one, _ in self._offered(connection)
        ]
        return BagsView(brought.bags, self._bags_max, containers)


def _own(connection: Connection, principal: Principal, order_id: str) -> Order:
    order = orders_store.get(connection, order_id)
    if order is None or principal.kind not in {"trip", "order"} or not may_see(principal, order):
        raise NotFound
    return order
