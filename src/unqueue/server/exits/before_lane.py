"""Age checks before the lane: staff hear of an order with an age limit as soon as it is made, and whoever looked at
the shopper's ID clears it by name, so that its lane does not ask again.
"""

from typing import Literal

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import NotFound
from unqueue.kernel.journal import Event
from unqueue.server.access import Principal
from unqueue.server.exits import calls, store
from unqueue.server.exits.age_checks import age_limit_of, evidence_of, is_cleared, is_refused
from unqueue.server.follower import Follower
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.service import may_see

SHOP_FLOOR = "shop-floor"
"""The place of a call about a shopper who is not at a lane yet."""


class AgeCheckView(msgspec.Struct, frozen=True):
    """What the shopper is told: ``due`` until a person has looked at their ID; ``refused`` where that person said no,
    until the next one is called; ``none`` where nobody has to look.
    """

    status: Literal["none", "due", "cleared", "refused"]
    age_limit: int | None


class AgeChecks:
    """Calls staff to orders with an age limit before they come to a lane. Start it once, after the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._follower = Follower(database, "age-checks", {"order.submitted", "order.closed", "order.left"}, _handle)

    async def start(self) -> None:
        await self._follower.start()

    async def catch_up(self) -> None:
        """Handle every order that is in the journal now."""
        await self._follower.catch_up()

    async def stop(self) -> None:
        await self._follower.stop()

    async def of_order(self, principal: Principal, order_id: str) -> AgeCheckView:
        """How the age check of an order stands; NotFound for an order that the principal may not see."""

        def read(connection: Connection) -> AgeCheckView:
            order = orders_store.get(connection, order_id)
            if order is None or not may_see(principal, order):
                raise NotFound
            age_limit = age_limit_of(connection, order_id)
            if age_limit is None:
                return AgeCheckView("none", None)
            if is_refused(connection, order_id):
                return AgeCheckView("refused", age_limit)
            return AgeCheckView("cleared" if is_cleared(connection, order_id) else "due", age_limit)

        return await self._database.read(read)


def _handle(tx: Transaction, event: Event) -> None:
    names = event.payload()
    order = orders_store.get(tx.connection, names["order_id"])
    if order is None:
        return
    known = store.open_calls(tx.connection, order_id=order.order_id, kind="min_age")
    if order.status not in {"open", "paid"}:
        for call in known:
            calls.settle_alone(tx, call, order, "system", order.status)
        return
    age_limit = age_limit_of(tx.connection, order.order_id)
    if age_limit is None or known or is_cleared(tx.connection, order.order_id):
        return
    if store.live_of_order(tx.connection, order.order_id) is None:  # else its lane has called
        calls.open_for_order(
            tx, SHOP_FLOOR, order, "min_age", evidence=evidence_of(tx.connection, order.order_id, age_limit)
        )
