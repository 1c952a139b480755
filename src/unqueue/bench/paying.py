"""Payments settled a second: the real service path, everything durable, beside the raw floor of the same ledger writes.

A payment here is what a shopper's tap sets off: the intent is written, the provider hears of it and is asked, its word
settles the payment, the sale goes into the books, and the order is paid: three units of work, each synced to the disk.
The provider answers at once, in this process: what is measured is ours.
"""

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import func, select

from unqueue.bench.floors import Floor, percentiles_ms
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.ids import luhn_digit
from unqueue.kernel.settings import Provider as Account
from unqueue.providers.port import (
    Action,
    Attempt,
    Channel,
    Charge,
    ProviderState,
    RefundRequest,
    RefundState,
)
from unqueue.server.ledger import store as ledger_store
from unqueue.server.ledger.store import ledger
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order, OrderLine
from unqueue.server.payments.service import Payments, Wish
from unqueue.server.setup import migrate_database
from unqueue.server.trips import store as trips_store

METHOD = "prompt"
LINES = 5
TOTAL_MINOR = 1130
_PREPARED_AT_ONCE = 200


class Paid(msgspec.Struct, frozen=True):
    """Payments settled a second by so many clients at once, and how long each took, in milliseconds; and how many
    transactions a second the raw database made of the same ledger rows in the same run.
    """

    clients: int
    per_second: float
    p50_ms: float
    p99_ms: float
    floor: Floor


class PromptProvider:
    """A provider that takes the money as soon as it hears of an attempt."""

    provider_id = METHOD
    merchant_id = "store"
    channels: tuple[Channel, ...] = ("page",)
    wallet = ""

    def __init__(self) -> None:
        self._taken: dict[str, str] = {}

    async def create(self, attempt: Attempt) -> Action:
        self._taken[attempt.attempt_id] = attempt.order_id
        return Action("none")

    async def query(self, charge: Charge) -> ProviderState:
        order_id = self._taken.get(charge.attempt_id)
        if order_id is None:
            return ProviderState("unknown")
        return ProviderState("succeeded", charge.amount, order_id, charge.attempt_id[:12])

    async def close(self, charge: Charge) -> ProviderState:
        return await self.query(charge)

    async def refund(self, request: RefundRequest, charge: Charge) -> RefundState:  # noqa: ARG002
        return RefundState("succeeded", request.amount, request.refund_id[:12])

    async def query_refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        return await self.refund(request, charge)

    async def stop(self) -> None:
        """There is nothing to let go of."""


def payments_beside_floor(directory: Path, *, clients: int, count: int) -> Paid:
    """Pay ``count`` orders with ``clients`` at once in a new database, then write the same ledger rows without us."""
    directory.mkdir(parents=True, exist_ok=True)
    path, floor_path = directory / "payments.db", directory / "payments-floor.db"
    for old in (*directory.glob("payments.db*"), *directory.glob("payments-floor.db*")):
        old.unlink()
    url = f"sqlite:///{path}"
    migrate_database(url)
    orders = _prepare(url, count)
    seconds, latencies = asyncio.run(_pay(url, orders, clients))
    floor = ledger_floor(path, floor_path)
    for done in (*directory.glob("payments.db*"), *directory.glob("payments-floor.db*")):
        done.unlink()
    return Paid(clients, count / seconds, *percentiles_ms(sorted(latencies)), floor)


def _prepare(url: str, count: int) -> list[Order]:
    """Orders that wait for payment, written as a submit writes them."""
    database = Database(url)
    orders = [_order(number) for number in range(count)]
    for start in range(0, count, _PREPARED_AT_ONCE):
        some = orders[start : start + _PREPARED_AT_ONCE]

        def write(tx: Transaction, some: list[Order] = some) -> None:
            for order in some:
                trips_store.insert_trip(tx, _trip(order))
                orders_store.submit(tx, order, list(_lines()))

        database.write_now(write)
    database.dispose()
    return orders


async def _pay(url: str, orders: list[Order], clients: int) -> tuple[float, list[float]]:
    database = Database(url)
    await database.start()
    account = Account(id=METHOD, kind="sandbox_wallet", zh="即付", en="Prompt")
    payments = Payments(
        database,
        {METHOD: PromptProvider()},
        [account],
        public_url="https://store.example",
        notify_bases={},
        order_token=lambda order_id: order_id,
    )
    waiting, latencies = iter(orders), []

    async def client() -> None:
        for order in waiting:
            begun = time.perf_counter()
            payment = await payments.create(order, Wish(method=METHOD), actor=f"trip:{order.trip_id}")
            latencies.append(time.perf_counter() - begun)
            assert payment.status == "succeeded", payment

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    seconds = time.perf_counter() - begun
    sold = select(func.sum(ledger.c.amount_minor)).where(ledger.c.account == f"provider:{METHOD}:clearing")
    assert database.read_now(lambda connection: connection.execute(sold).scalar()) == TOTAL_MINOR * len(orders)
    assert database.read_now(ledger_store.out_of_balance) == []
    await payments.stop()
    await database.close()
    return seconds, latencies


def ledger_floor(source: Path, target: Path) -> Floor:
    """The ledger rows of each order in ``source``, inserted into the same table by raw ``sqlite3``: one connection, one
    durable transaction (WAL, ``synchronous=FULL``) for each order.
    """
    migrate_database(f"sqlite:///{target}")
    with sqlite3.connect(source) as reading:
        columns = [row[1] for row in reading.execute("PRAGMA table_info(ledger)")]
        rows = reading.execute(f"SELECT {', '.join(columns)} FROM ledger ORDER BY order_id").fetchall()  # noqa: S608
    reading.close()
    by_order: dict[str, list[Any]] = {}
    for row in rows:
        by_order.setdefault(row[columns.index("order_id")], []).append(row)
    insert = f"INSERT INTO ledger ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
    connection = sqlite3.connect(target, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    latencies: list[float] = []
    begun = time.perf_counter()
    for of_order in by_order.values():
        one = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(insert, of_order)
        connection.execute("COMMIT")
        latencies.append(time.perf_counter() - one)
    seconds = time.perf_counter() - begun
    connection.close()
    return Floor("the same ledger rows", 1, len(latencies) / seconds, *percentiles_ms(sorted(latencies)))


def _order(number: int) -> Order:
    body = f"{10_000_000 + number}"
    return Order(
        order_id=f"{number:032x}",
        trip_id=f"{number + (1 << 64):032x}",
        number=body + luhn_digit(body),
        token_hash=f"{number:064x}",
        status="open",
        total_minor=TOTAL_MINOR,
        currency="CNY",
        basket_hash=f"{number:064x}",
        item_count=LINES,
        basket="{}",
        created_us=1,
    )


def _trip(order: Order) -> trips_store.TripRow:
    return trips_store.TripRow(
        trip_id=order.trip_id,
        token_hash=order.token_hash,
        status="shopping",
        currency=order.currency,
        language="zh",
        is_member=False,
        opened_us=1,
        order_id=None,
    )


def _lines() -> Iterator[OrderLine]:
    price = TOTAL_MINOR // LINES
    for line in range(1, LINES + 1):
        yield OrderLine(
            line=line,
            product_id=f"p{line}",
            gtin=f"{line:014d}",
            name_zh="商品",
            name_en="Product",
            category="category",
            sold_by="piece",
            quantity=1,
            weight_g=None,
            unit_price_minor=price,
            subtotal_minor=price,
            discount_minor=0,
            deposit_minor=0,
            total_minor=price,
            tax_rate_bp=1300,
            weight_g_expected=100,
            weight_g_sd=3.0,
            tag="none",
            age_limit=None,
        )
