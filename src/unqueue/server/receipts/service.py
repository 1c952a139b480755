"""The use cases of receipts: one is issued for each paid order, once, by whoever comes first: the follower of the
journal, or the shopper who asks for it.
"""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec

from unqueue.kernel.clock import from_micros
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import NotFound
from unqueue.kernel.journal import Event
from unqueue.kernel.settings import Provider as Account
from unqueue.kernel.settings import Store
from unqueue.server.coupons import redeeming
from unqueue.server.follower import Follower
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import OrderUnpaid
from unqueue.server.payments import store as payments_store
from unqueue.server.receipts import store
from unqueue.server.receipts.model import StoreView, make_receipt, receipt_number


class Receipts:
    """All receipts of the store. ``accounts`` name the ways to pay."""

    def __init__(self, database: Database, seller: Store, accounts: Sequence[Account]) -> None:
        self._database = database
        self._zone = ZoneInfo(seller.time_zone)
        self._seller = StoreView(
            id=seller.id,
            name_zh=seller.name_zh,
            name_en=seller.name_en,
            address_zh=seller.address_zh,
            address_en=seller.address_en,
            tax_id=seller.tax_id,
        )
        self._methods = {account.id: (account.zh, account.en) for account in accounts}
        self._follower = Follower(database, "receipts", {"order.paid"}, self._hear)

    async def start(self) -> None:
        await self._follower.start()

    async def stop(self) -> None:
        await self._follower.stop()

    async def of(self, order_id: str) -> bytes:
        """The JSON of an order's receipt, issued on the spot if need be. NotFound.

        Whoever calls has made sure who asks.
        """
        known = await self._database.read(lambda connection: store.of_order(connection, order_id))
        if known is None:
            known = await self._database.unit(lambda tx: self.issue(tx, order_id))
        return known.document.encode()

    def issue(self, tx: Transaction, order_id: str) -> store.ReceiptRow:
        """The receipt of a paid order, in a unit of work: the one that is there, or a new one."""
        known = store.of_order(tx.connection, order_id)
        if known is not None:
            return known
        order = orders_store.get(tx.connection, order_id)
        if order is None:
            raise NotFound
        if order.status not in {"paid", "left"}:
            raise OrderUnpaid
        issued_at = from_micros(tx.at_us)
        day = issued_at.astimezone(self._zone).strftime("%Y%m%d")
        sequence = store.next_sequence(tx.connection, day)
        number = receipt_number(day, sequence)
        receipt = make_receipt(
            order,
            orders_store.lines(tx.connection, order_id),
            payments_store.of_order(tx.connection, order_id),
            redeeming.summary(tx.connection, order),
            number=number,
            issued_at=issued_at,
            store=self._seller,
            methods=self._methods,
        )
        document = msgspec.json.encode(receipt).decode()
        row = store.ReceiptRow(number, order_id, day, sequence, tx.at_us, document)
        store.insert_receipt(tx, row)
        names = {"number": number, "order_id": order_id, "trip_id": order.trip_id, "status": "issued"}
        tx.record("receipt.issued", f"receipt:{number}", "system", names)
        return row

    def _hear(self, tx: Transaction, event: Event) -> None:
        self.issue(tx, event.payload()["order_id"])
