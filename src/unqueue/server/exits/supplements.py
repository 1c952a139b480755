"""Goods that turned up unpaid and that the shopper wants after all: staff scan them, and they become a small order of
their own, which is paid like any other. Once it is paid, whoever answered the call may let everything go.

Until then it is an ordinary order: where it is not paid, it expires; where it is paid but never let go with the call,
its goods go out through a lane, or back at the service desk.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from sqlalchemy import BigInteger, Column, Connection, ForeignKey, String, Table, insert, select

from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import DomainError, InvalidRequest, NotFound
from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.kernel.schema import metadata
from unqueue.server.access import Principal
from unqueue.server.catalogue import store as catalogue_store
from unqueue.server.exits import store
from unqueue.server.exits.answers import PAYABLE
from unqueue.server.exits.goods import ITEMS_MAX, UnpaidGood
from unqueue.server.exits.model import Call
from unqueue.server.exits.refusals import ActionNotPossible, CallAnswered
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order
from unqueue.server.orders.service import Orders
from unqueue.server.trips.requests import Scan
from unqueue.server.trips.service import Trips, normal_id

call_payments = Table(
    "call_payments",
    metadata,
    Column("order_id", String(32), ForeignKey("orders.order_id"), primary_key=True),
    Column("call_id", String(32), ForeignKey("calls.call_id"), nullable=False, index=True),
    Column("by_name", String(80), nullable=False),
    Column("at_us", BigInteger, nullable=False),
)


class PaymentDue(DomainError):
    code = "payment_due"
    status = 409
    permanent = False
    zh = "补付还没有完成，请等顾客付款，或取消补付"
    en = "The extra payment is not done yet. Please wait for it, or take it back."


class Payment(msgspec.Struct, frozen=True):
    """What is to be paid for now; at least one item."""

    items: Annotated[list[UnpaidGood], msgspec.Meta(min_length=1, max_length=ITEMS_MAX)]


class SupplementView(msgspec.Struct, frozen=True):
    """The extra order of a call: its number for the kiosk, its QR for a phone, and whether it is paid."""

    order_id: str
    number: str
    status: str
    total: Money
    url: str
    svg: str
    by: str


class Supplements:
    """The extra payments at calls."""

    def __init__(self, database: Database, trips: Trips, orders: Orders) -> None:
        self._database = database
        self._trips = trips
        self._orders = orders

    async def take(self, staff: Principal, call_id: str, payment: Payment) -> SupplementView:
        """Make an order of goods that turned up at a call; the one that there is already, where there is one.
        CallAnswered, ActionNotPossible, or why the goods can't be sold.
        """
        plain = normal_id(call_id)
        known = await self._database.read(lambda connection: _live(connection, _payable(connection, plain)))
        if known is not None:
            return await self._view(known, staff.name)
        gtins = await self._database.read(lambda connection: _codes(connection, payment.items))
        opened = await self._trips.open("zh", None)
        live = await self._trips.live(opened.id)
        for gtin, item in zip(gtins, payment.items, strict=True):
            await self._trips.scan(live, Scan(new_id(), gtin, item.quantity))
        made, _ = await self._orders.submit(live)

        def write(tx: Transaction) -> Order:
            call = _payable(tx.connection, plain)
            quicker = _live(tx.connection, call)
            if quicker is not None:
                return quicker
            values = {"order_id": made.id, "call_id": plain, "by_name": staff.name, "at_us": tx.at_us}
            tx.execute(insert(call_payments), values)
            told: dict[str, Any] = {
                "lane": call.lane,
                "status": call.status,
                "call": call.kind,
                "exit_id": call.exit_id,
            }
            told |= {"order_id": call.order_id, "payment_order_id": made.id, "total_minor": made.total.amount_minor}
            tx.record("call.payment_asked", f"call:{plain}", staff.actor, {**told, "by": staff.name})
            order = orders_store.get(tx.connection, made.id)
            assert order is not None, "it was written a moment ago"
            return order

        return await self._view(await self._database.unit(write), staff.name)

    async def of_call(self, call_id: str) -> SupplementView:
        """The extra order of a call as it stands; NotFound where there is none."""
        plain = normal_id(call_id)
        found = await self._database.read(lambda connection: _latest(connection, plain))
        if found is None:
            raise NotFound
        return await self._view(*found)

    async def withdraw(self, staff: Principal, call_id: str) -> None:
        """The shopper does not want the goods after all. OrderPaid, PaymentOpen or OrderPartPaid where money moves."""
        plain = normal_id(call_id)
        order = await self._database.read(lambda connection: _live(connection, _payable(connection, plain)))
        if order is not None:
            await self._orders.reopen(await self._trips.live(order.trip_id), staff.actor)

    async def _view(self, order: Order, by: str) -> SupplementView:
        shown = await self._orders.view(order)
        return SupplementView(order.order_id, order.number, order.status, shown.total, shown.qr.url, shown.qr.svg, by)


def close_with(tx: Transaction, call: Call, actor: str) -> int | None:
    """A call is let go: what was paid extra leaves with it; its total in minor units, None where nothing was.
    PaymentDue while something is still to be paid.
    """
    total_minor = None
    for order in _orders_of(tx.connection, call.call_id):
        if order.status == "open":
            raise PaymentDue
        if order.status == "paid" and store.live_of_order(tx.connection, order.order_id) is None:
            orders_store.mark_left(tx, order, actor)
            total_minor = (total_minor or 0) + order.total_minor
    return total_minor


def _payable(connection: Connection, call_id: str) -> Call:
    call = store.get_call(connection, call_id)
    if call is None:
        raise NotFound
    if call.status != "open":
        raise CallAnswered(answered_by=call.answered_by or "系统 / The system")
    if call.kind not in PAYABLE:
        raise ActionNotPossible
    return call


def _codes(connection: Connection, items: Sequence[UnpaidGood]) -> list[str]:
    ids = [item.product_id for item in items if item.product_id is not None]
    known = catalogue_store.records(connection, ids) if ids else {}
    codes = []
    for item in items:
        record = known.get(item.product_id) if item.product_id is not None else None
        code = record.product.gtin if record is not None else item.code
        if not code:
            raise InvalidRequest(problem="give a product that the catalogue knows, or a code")
        codes.append(code)
    return codes


def _orders_of(connection: Connection, call_id: str) -> list[Order]:
    query = select(call_payments.c.order_id).where(call_payments.c.call_id == call_id).order_by(call_payments.c.at_us)
    found = [orders_store.get(connection, order_id) for order_id in connection.scalars(query)]
    return [order for order in found if order is not None]


def paid_orders_of(connection: Connection, exit_id: str) -> list[str]:
    """Orders that were paid at calls of an exit, for goods that go out with it."""
    query = (
        select(call_payments.c.order_id)
        .join(store.calls, store.calls.c.call_id == call_payments.c.call_id)
        .where(store.calls.c.exit_id == exit_id)
    )
    found = (orders_store.get(connection, order_id) for order_id in connection.scalars(query).all())
    return [order.order_id for order in found if order is not None and order.status in {"paid", "left"}]


def _live(connection: Connection, call: Call) -> Order | None:
    return next((one for one in _orders_of(connection, call.call_id) if one.status in {"open", "paid"}), None)


def _latest(connection: Connection, call_id: str) -> tuple[Order, str] | None:
    query = select(call_payments).where(call_payments.c.call_id == call_id).order_by(call_payments.c.at_us.desc())
    row = connection.execute(query.limit(1)).first()
    order = orders_store.get(connection, row.order_id) if row is not None else None
    return (order, row.by_name) if row is not None and order is not None else None
