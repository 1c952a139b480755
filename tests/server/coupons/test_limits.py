"""Never more uses than there are, however many come at once, from several servers, on every kind of database."""

import asyncio

import pytest
from sqlalchemy import Connection, func, select, update
from sqlalchemy.exc import IntegrityError
from tests.server.coupons.baskets import amount, counts, line, offer, open_order

from unqueue.kernel.database import Database
from unqueue.kernel.ids import new_id
from unqueue.server.coupons import store
from unqueue.server.coupons.model import Redemptions
from unqueue.server.coupons.redeeming import Redeeming
from unqueue.server.coupons.refusals import CouponUsedUp
from unqueue.server.orders.model import Order

AT = Redeeming(time_zone="Asia/Shanghai")
A_CODE = "C00A"


def test_the_database_itself_refuses_one_too_many(idle_database: Database) -> None:
    offer(idle_database, amount("a", 1, uses_max=2, serials=("ONLYONE",)))
    for table, one_too_many in ((store.coupons, 3), (store.coupon_codes, 2)):
        change = update(table).values(reserved=one_too_many)
        with pytest.raises(IntegrityError):
            idle_database.write_now(lambda tx, change=change: tx.execute(change))  # type: ignore[misc]


@pytest.mark.anyio
async def test_200_parallel_uses_of_an_n_use_coupon_give_exactly_n(database: Database) -> None:
    limit = 7
    offer(database, amount("a", 100, uses_max=limit))
    assert await in_parallel(database, A_CODE) == limit
    assert counts(database, "a") == (limit, 0)


@pytest.mark.anyio
async def test_200_parallel_uses_of_a_serial_give_exactly_one(database: Database) -> None:
    offer(database, amount("a", 100, serials=("ONLYONE", "ANOTHER")))
    assert await in_parallel(database, "ONLYONE") == 1
    assert counts(database, "a") == (1, 0)


@pytest.mark.anyio
async def test_200_parallel_uses_of_an_unknown_serial_give_exactly_one(database: Database) -> None:
    offer(database, amount("a", 100, gcn="9501101530003"))
    assert await in_parallel(database, "(255)9501101530003000042") == 1


async def in_parallel(database: Database, code: str) -> int:
    """200 orders try at once, by two servers; how many got it. The others hear that it is used up."""
    orders = await database.unit(lambda tx: [open_order(tx, [line(1, 500, 4)]) for _ in range(200)])
    other = Database(database.url, clock=database.clock)
    await other.start()

    async def one(number: int, order: Order) -> Redemptions:
        server = database if number % 2 else other
        action_id = new_id()
        return await server.unit(lambda tx: AT.redeem(tx, order, code, member=None, action_id=action_id, actor="test"))

    answers = await asyncio.gather(*(one(number, order) for number, order in enumerate(orders)), return_exceptions=True)
    await other.close()
    got = [answer for answer in answers if isinstance(answer, Redemptions)]
    assert all(isinstance(answer, CouponUsedUp) for answer in answers if answer not in got)
    assert database.read_now(_live) == len(got)
    return len(got)


def _live(connection: Connection) -> int:
    table = store.coupon_redemptions
    count = connection.scalar(select(func.count()).where(table.c.status == "reserved"))
    return count or 0
