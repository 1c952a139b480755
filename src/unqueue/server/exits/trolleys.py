"""What the store's trolleys weigh, each by its own code: told by a person, or learned from the orders that passed.

A lane that weighs whole trolleys on a floor scale subtracts the trolley. Of one whose code it read it asks here; a
trolley that nobody knows has the lane's usual tare, whose doubt makes the test weaker. Each order that passes then
tells a little about its trolley: the gross weight less what the goods should weigh, with the doubt of both. That is a
Kalman filter with a slow drift, for wheels are changed and advertising is put on. Orders that a person let go tell
nothing.
"""

import math
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Connection, Float, Integer, String, Table, insert, select, update

from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import NotFound
from unqueue.kernel.schema import metadata
from unqueue.server.exits.weights import Weighing

CODE_LENGTH_MAX = 60
DRIFT_G_SD = 4.0
"""How much a trolley may change from one order to the next: grams, one standard deviation."""
_SD_G_LEAST = 3.0

trolleys = Table(
    "trolleys",
    metadata,
    Column("code", String(CODE_LENGTH_MAX), primary_key=True),
    Column("tare_g", Float, nullable=False),
    Column("tare_g_sd", Float, nullable=False),
    Column("orders", Integer, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
)


class Trolley(msgspec.Struct, frozen=True):
    """One trolley: its tare and that one's standard deviation in grams, and how many orders told of it."""

    code: str
    tare_g: float
    tare_g_sd: float
    orders: int = 0

    def after(self, gross_less_goods_g: float, goods_g_sd: float) -> "Trolley":
        """After an order that passed. Seven times as much doubt about the goods as about the trolley leaves it as it
        is, nearly.

        >>> new = Trolley("T1", 21_500, 150)
        >>> once = new.after(21_620, 20)
        >>> round(once.tare_g), round(once.tare_g_sd)
        (21618, 20)
        """
        variance = self.tare_g_sd**2 + DRIFT_G_SD**2
        gain = variance / (variance + goods_g_sd**2)
        return Trolley(
            self.code,
            self.tare_g + gain * (gross_less_goods_g - self.tare_g),
            max(math.sqrt((1 - gain) * variance), _SD_G_LEAST),
            self.orders + 1,
        )


class Trolleys:
    """The store's trolleys, as lanes ask for them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, code: str) -> Trolley:
        """A trolley by its code; NotFound for one that nobody knows yet."""
        known = await self._database.read(lambda connection: read(connection, code))
        if known is None:
            raise NotFound
        return known


def read(connection: Connection, code: str) -> Trolley | None:
    columns = (trolleys.c.code, trolleys.c.tare_g, trolleys.c.tare_g_sd, trolleys.c.orders)
    row = connection.execute(select(*columns).where(trolleys.c.code == code)).first()
    return Trolley(*row) if row is not None else None


def read_all(connection: Connection) -> list[Trolley]:
    """All trolleys, by code."""
    columns = (trolleys.c.code, trolleys.c.tare_g, trolleys.c.tare_g_sd, trolleys.c.orders)
    return [Trolley(*row) for row in connection.execute(select(*columns).order_by(trolleys.c.code))]


def save(tx: Transaction, one: Trolley) -> None:
    """Write a trolley, new or known."""
    values: dict[str, Any] = {**msgspec.structs.asdict(one), "changed_us": tx.at_us}
    code = values.pop("code")
    if tx.execute(update(trolleys).where(trolleys.c.code == code).values(values)).rowcount == 0:
        tx.execute(insert(trolleys), {"code": code, **values})


def learn(tx: Transaction, weighing: Weighing | None, *, let_go: bool) -> None:
    """What an order that left tells of its trolley."""
    if weighing is None or weighing.trolley is None or weighing.verdict != "pass" or let_go or weighing.overweight:
        return
    known = read(tx.connection, weighing.trolley)
    if known is None:
        known = Trolley(weighing.trolley, weighing.tare_g, weighing.tare_g_sd)
    goods_g_sd = math.sqrt(max(weighing.sigma_g**2 - weighing.tare_g_sd**2, 1.0))
    save(tx, known.after(weighing.measured_g + weighing.tare_g - weighing.expected_g, goods_g_sd))
