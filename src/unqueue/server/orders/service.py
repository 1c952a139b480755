"""The use cases of an order: submit a basket, read it, go back to shopping."""

import asyncio
import base64
import hmac
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import segno
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from unqueue.kernel.clock import from_micros, micros
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import NotFound
from unqueue.kernel.ids import new_id, new_order_number, token_hash
from unqueue.kernel.money import Money
from unqueue.server.access import Principal
from unqueue.server.orders import store
from unqueue.server.orders.model import (
    Order,
    OrderClosed,
    OrderLine,
    OrderPaid,
    OrderPartPaid,
    PaymentOpen,
    Standing,
    basket_hash,
    order_lines,
)
from unqueue.server.promotions.pricing import Pricing
from unqueue.server.trips.basket import LineViews, show_basket
from unqueue.server.trips.coupons import BasketCoupon, Found
from unqueue.server.trips.live import LiveTrip
from unqueue.server.trips.model import BasketEmpty, Trip
from unqueue.server.trips.service import Trips

NUMBER_TRIES = 5
EXPIRY_LOOK_S = 20.0
_log = logging.getLogger(__name__)
StandingOf = Callable[[Connection, Order], Standing]
Closing = Callable[[Transaction, Order, str], None]
Opening = Callable[[Transaction, Order, list[OrderLine], Trip, Mapping[int, Found]], list[BasketCoupon]]


class OrderQr(msgspec.Struct, frozen=True):
    """The one QR of an order: ``url`` opens the pay page; kiosk and lane read the token out of it."""

    url: str
    svg: str


class OrderView(msgspec.Struct, frozen=True):
    """An order as its owner sees it: ``Order`` of docs/protocols/http.md."""

    id: str
    number: str
    token: str
    status: str
    trip_id: str
    created_at: str
    paid_at: str | None
    basket_hash: str
    basket: msgspec.Raw
    total: Money
    payable: Money
    paid: Money
    due: Money
    qr: OrderQr
    payments: list[Any]
    coupons: list[Any]


class Orders:
    """All orders of the store.

    ``standing`` tells how far an order is paid, and ``closing`` is called in the unit of work that closes one, with who
    does it: payments and coupons, which know these things, stand above orders. ``opening`` is called in the unit that
    writes an order whose basket has coupons: it reserves them, and answers what became of each. An order that is not
    paid is closed after ``expiry_minutes``.
    """

    def __init__(
        self,
        database: Database,
        trips: Trips,
        *,
        public_url: str,
        token_key: bytes,
        standing: StandingOf,
        closing: Closing,
        opening: Opening | None = None,
        expiry_minutes: int = 30,
    ) -> None:
        self._database = database
        self._trips = trips
        self._public_url = public_url.rstrip("/")
        self._token_key = token_key
        self._standing = standing
        self._closing = closing
        self._opening = opening
        self._expiry_minutes = expiry_minutes

    def token(self, order_id: str) -> str:
        """The order's token. It can be made again from the store's key, so that every answer may show the QR."""
        digest = hmac.digest(self._token_key, b"order:" + order_id.encode(), "sha256")
        return "o_" + base64.urlsafe_b64encode(digest).decode().rstrip("=")

    async def submit(self, held: LiveTrip) -> tuple[OrderView, bool]:
        """Lock the basket's prices and make it an order. Again: the same order, and False."""
        async with self._trips.turn(held) as live:
            if live.trip.status != "shopping":
                trip_id = live.row.trip_id
                existing = await self._database.read(lambda connection: store.live_of_trip(connection, trip_id))
                if existing is None:
                    raise OrderClosed
                return await self.view(existing), False
            if not live.trip.lines:
                raise BasketEmpty
            return await self.view(await self._submit(live)), True

    async def _submit(self, live: LiveTrip) -> Order:
        pricing = self._trips.price(live.trip)
        lines = order_lines(live.trip, pricing)
        order_id = new_id()
        frozen = msgspec.structs.replace(live.trip, status="submitted", order_id=order_id)
        for remaining in reversed(range(NUMBER_TRIES)):
            order = Order(
                order_id=order_id,
                trip_id=live.row.trip_id,
                number=new_order_number(),
                token_hash=token_hash(self.token(order_id)),
                status="open",
                total_minor=sum(line.total_minor for line in lines),
                currency=live.trip.currency,
                basket_hash=basket_hash(live.row.trip_id, live.trip.currency, lines),
                item_count=sum(line.quantity for line in lines),
                basket=_basket(frozen, pricing, self._trips.preview(live, frozen, pricing)),
                created_us=micros(self._database.clock.now()),
            )

            def write(tx: Transaction, order: Order = order) -> Order:
                return self._open(tx, order, lines, (frozen, pricing, live.coupons))

            try:
                return await self._database.unit(write)
            except IntegrityError:
                if not remaining:  # five random numbers were all taken: something else is wrong
                    raise
                continue
            except BaseException:
                self._trips.forget(live.row.trip_id)
                raise
        raise AssertionError("the last try returns or raises")

    def _open(
        self,
        tx: Transaction,
        order: Order,
        lines: list[OrderLine],
        basket: tuple[Trip, Pricing, Mapping[int, Found]],
    ) -> Order:
        """Write an order. What became of the basket's coupons is kept with its basket."""
        store.submit(tx, order, lines)
        trip, pricing, found = basket
        if not trip.coupons or self._opening is None:
            return order
        outcome = self._opening(tx, order, lines, trip, {number: found[number] for number in trip.coupons})
        order = msgspec.structs.replace(order, basket=_basket(trip, pricing, outcome))
        store.set_basket(tx, order)
        return order

    async def reopen(self, held: LiveTrip, actor: str) -> bytes:
        """Give the order up and go on shopping: the basket as JSON.

        OrderPaid; PaymentOpen while a payment is under way; OrderPartPaid until the shopper has asked for what was
        paid: money that is on its way back must be the shopper's own wish.
        """
        async with self._trips.turn(held) as live:
            trip_id = live.row.trip_id

            def write(tx: Transaction) -> None:
                order = store.live_of_trip(tx.connection, trip_id)
                if order is None:
                    return
                if order.status != "open":
                    raise OrderPaid
                standing = self._standing(tx.connection, order)
                if standing.open_payment is not None:
                    raise PaymentOpen(payment=standing.open_payment)
                if standing.paid_minor:
                    raise OrderPartPaid(paid=Money(standing.paid_minor, order.currency))
                self._closing(tx, order, actor)
                store.close(tx, order, actor)

            await self._database.unit(write)
            return self._trips.basket(live)

    async def expire(self) -> int:
        """Close the orders that waited for payment too long and have no payment under way; how many it closed.

        The shopper is back at the shelf with the basket as it was, and gets back what was paid of it.
        """
        now_us, patience_us = micros(self._database.clock.now()), self._expiry_minutes * 60_000_000

        def read(connection: Connection) -> list[Order]:
            return store.open_outside(connection, now_us - patience_us, now_us + patience_us)

        waiting = await self._database.read(read)
        closed = 0
        for order in waiting:
            closed += await self._database.unit(lambda tx, order=order: self._close_if_idle(tx, order))  # type: ignore[misc]
        return closed

    def _close_if_idle(self, tx: Transaction, order: Order) -> bool:
        now = store.get(tx.connection, order.order_id)
        if now is None or now.status != "open" or self._standing(tx.connection, now).open_payment is not None:
            return False
        self._closing(tx, order, "system")
        store.close(tx, order, "system")
        return True

    async def watch(self) -> None:
        """Look for orders that expired, until cancelled."""
        while True:
            await asyncio.sleep(EXPIRY_LOOK_S)
            try:
                await self.expire()
            except Exception:  # noqa: BLE001  # a database that is away for a moment must not end the watch
                _log.exception("looking for expired orders failed")

    async def of(self, principal: Principal, order_id: str) -> Order:
        """An order that the principal may see: its trip's, its own token's; any for staff and kiosks. Else NotFound."""
        order = await self._database.read(lambda connection: store.get(connection, order_id))
        if order is None or not may_see(principal, order):
            raise NotFound
        return order

    async def view(self, order: Order) -> OrderView:
        """The order as JSON shows it."""
        standing = await self._database.read(lambda connection: self._standing(connection, order))
        url = f"{self._public_url}/o/{self.token(order.order_id)}"
        is_paid = order.status in {"paid", "left"}
        paid_minor = standing.payable_minor if is_paid else standing.paid_minor
        due_minor = 0 if is_paid else standing.due_minor
        return OrderView(
            id=order.order_id,
            number=order.number,
            token=self.token(order.order_id),
            status=order.status,
            trip_id=order.trip_id,
            created_at=from_micros(order.created_us).isoformat(),
            paid_at=from_micros(order.paid_us).isoformat() if order.paid_us is not None else None,
            basket_hash=order.basket_hash,
            basket=msgspec.Raw(order.basket.encode()),
            total=Money(order.total_minor, order.currency),
            payable=Money(standing.payable_minor, order.currency),
            paid=Money(paid_minor, order.currency),
            due=Money(due_minor, order.currency),
            qr=OrderQr(url, qr_svg(url)),
            payments=standing.payments,
            coupons=standing.coupons,
        )


def _basket(trip: Trip, pricing: Pricing, coupons: Sequence[BasketCoupon]) -> str:
    """The JSON of a basket as an order keeps it: of views of its own, as the trip's are in use."""
    return msgspec.json.encode(show_basket(trip, pricing, LineViews(), coupons)).decode()


def may_see(principal: Principal, order: Order) -> bool:
    """Who may read an order."""
    match principal.kind:
        case "trip":
            return principal.id == order.trip_id
        case "order":
            return principal.id == order.order_id
        case "staff":
            return "look_up" in principal.may
        case "device":
            return principal.role == "kiosk"
        case "enrolment":
            return False


@lru_cache(maxsize=512)  # an order's is asked for with every look at it
def qr_svg(text: str) -> str:
    """A QR code (ISO/IEC 18004, error correction M) as SVG that scales to its box, with the quiet zone of 4 modules."""
    return segno.make(text, error="m", micro=False).svg_inline(border=4, omitsize=True, light="#fff", dark="#000")
