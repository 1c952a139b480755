"""The store of the money simulation: its real services on a real SQLite file, stepped so that a seed repeats a run.

Four things are replaced, and nothing else. Group commits happen on the event loop instead of in a thread, with the
code of :class:`Database` itself, so that they can be cut before or after their COMMIT. Random ids come from the seed.
The loop is asked whether anything is ready, so that an event ends when all that it set off waits. And no QR codes are
drawn.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Literal
from unittest import mock

from sqlalchemy import event as engine_event
from tests.support.tills import RETURN_LIMIT_MINOR, RULES, Shelf

from unqueue.kernel import ids
from unqueue.kernel.clock import Clock
from unqueue.kernel.database import GROUP_MAX, Database, _Group, _Unit
from unqueue.kernel.journal import Event
from unqueue.kernel.settings import Provider as Account
from unqueue.providers.port import Provider
from unqueue.server.coupons.redeeming import Redeeming
from unqueue.server.coupons.service import Coupons
from unqueue.server.fleet.store import last_contact
from unqueue.server.orders import service as orders_service
from unqueue.server.orders.service import Orders
from unqueue.server.payments import store as payments_store
from unqueue.server.payments import views as payments_views
from unqueue.server.payments.notifications import Notifications
from unqueue.server.payments.service import Payments
from unqueue.server.payments.views import closing, open_attempt, standing
from unqueue.server.payments.worker import PaymentWorker
from unqueue.server.promotions.model import RuleBook
from unqueue.server.receipts import store as receipts_store
from unqueue.server.returns.service import Returns
from unqueue.server.stored_value.service import StoredValue, StoredValueProvider
from unqueue.server.tills import store as tills_store
from unqueue.server.tills.service import KioskCash, Tills
from unqueue.server.trips.service import Trips

CARD, CASH = "gift-card", "cash"
ZONE = "Asia/Shanghai"


class SteppedDatabase(Database):
    """A database whose every group is written on the loop. ``dies``: where the next group is cut by a crash."""

    def __init__(self, path: Path, clock: Clock, *, synchronous: str) -> None:
        super().__init__(f"sqlite:///{path}", clock=clock)
        self.dies: Literal["", "before", "after"] = ""
        self.is_dead = False

        def configure(connection: Any, _record: Any) -> None:
            connection.execute(f"PRAGMA synchronous={synchronous}")

        engine_event.listen(self.engine, "connect", configure)

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()

    def _write_next(self) -> None:
        if self.is_dead or not self._waiting:
            self._is_writing = False
            return
        units = [self._waiting.popleft() for _ in range(min(len(self._waiting), GROUP_MAX))]
        done = self._run_here(units)
        if self.dies == "before":
            self._roll_back_or_drop()
            self.is_dead = True
            return
        events = self._commit(units, done)
        if self.dies == "after":
            self.is_dead = True
            return
        assert self._loop is not None, "start() it first"
        self._loop.call_soon(self._answer_on_loop, units, events)

    def _commit(self, units: list[_Unit], done: list[Event] | None) -> list[Event]:
        try:
            return self._finish(_Group(units, done))
        except Exception as error:  # noqa: BLE001  # as in the writer's thread: whoever waits must hear it
            self._drop_writer()
            for unit in units:
                unit.error = error
            return []

    def crash(self) -> None:
        """The process is gone: nothing is answered, what was not committed never was."""
        self.is_dead = self._closed = True
        self._waiting.clear()
        self.dispose()


class Store:
    """All services that move money, as the composition root puts them together."""

    def __init__(self, database: Database, wallets: dict[str, Provider]) -> None:
        self.database = database
        accounts = [Account(id=name, kind="sandbox_wallet", zh=name, en=name) for name in wallets]
        accounts.append(Account(id=CARD, kind="stored_value", zh="购物卡", en="Gift card"))
        accounts.append(Account(id=CASH, kind="cash", zh="现金", en="Cash"))
        providers = {**wallets, CARD: StoredValueProvider(CARD, database), CASH: KioskCash(CASH, database)}
        self.trips = Trips(database, Shelf(), RuleBook(RULES), currency="CNY", time_zone=ZONE)  # type: ignore[arg-type]
        self.orders = Orders(
            database,
            self.trips,
            public_url="https://store.example",
            token_key=b"k" * 32,
            standing=standing,
            closing=closing,
        )
        self.payments = Payments(
            database,
            providers,
            accounts,
            public_url="https://store.example",
            notify_bases={},
            order_token=self.orders.token,
        )
        self.notifications = Notifications(self.payments)
        self.worker = PaymentWorker(self.payments)
        self.cards = StoredValue(database, limit_minor=10**12)
        self.coupons = Coupons(database, Redeeming(time_zone=ZONE), open_payment=open_attempt)
        self.returns = Returns(
            database,
            limit_minor=RETURN_LIMIT_MINOR,
            by_hand=frozenset({CASH}),
            order_of_receipt=receipts_store.order_of,
            last_contact=last_contact,
            was_paid_out=tills_store.was_told,
        )
        self.tills = Tills(database, method=CASH)

    async def begin(self) -> None:
        """What the worker does first after a start."""
        await self.database.unit(lambda tx: payments_store.ask_unanswered_now(tx, tx.at_us))


class SeededSecrets:
    """The part of :mod:`secrets` that ids are made of, from a seed."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance

    def token_bytes(self, count: int) -> bytes:
        return self._chance.randbytes(count)

    def token_urlsafe(self, count: int) -> str:
        return self._chance.randbytes(count).hex()

    def randbelow(self, end: int) -> int:
        return self._chance.randrange(end)


@contextlib.contextmanager
def seeded(chance: Random) -> Iterator[None]:
    """Have all new ids come from a seed, for they decide ties; and draw no QR codes, for nobody looks at them."""
    with (
        mock.patch.object(ids, "secrets", SeededSecrets(chance)),
        mock.patch.object(orders_service, "qr_svg", lambda text: text),
        mock.patch.object(payments_views, "qr_svg", lambda text: text),
    ):
        yield


class SteppedLoop(asyncio.SelectorEventLoop):
    """An event loop that can say whether anything is ready to run."""

    @property
    def is_idle(self) -> bool:
        ready: Any = self._ready  # type: ignore[attr-defined]
        return not ready


async def quiet() -> None:
    """Wait until everything that could go on has gone on, and the rest waits for the world outside."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SteppedLoop)
    while True:
        await asyncio.sleep(0)
        if loop.is_idle:
            return
