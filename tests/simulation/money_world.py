"""The state of a money simulation, and the checks after each event: what the store says against what was seen."""

import asyncio
from collections import Counter, deque
from collections.abc import Coroutine
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Connection, select
from tests.simulation.money_outside import Kiosk, WalletBooks, WalletClient
from tests.simulation.money_store import CASH, SteppedDatabase, Store, quiet
from tests.support import money_invariants as holds
from tests.support.databases import OPENING
from tests.support.money_invariants import CashFold, OrderFacts, OutsideCharge, Replay

from unqueue.kernel.clock import ManualClock, micros
from unqueue.kernel.database import open_engine
from unqueue.kernel.errors import DomainError
from unqueue.kernel.journal import Event
from unqueue.server.access import Principal
from unqueue.server.coupons.store import coupon_redemptions
from unqueue.server.ledger import store as ledger
from unqueue.server.orders.model import Order
from unqueue.server.payments import store as payments_store
from unqueue.server.staff.model import MAY
from unqueue.server.tables import metadata
from unqueue.server.tills import store as tills_store
from unqueue.server.tills.model import Report

PATIENCE_S = 5 * 86_400
"""Within this simulated time after the last that anybody did for an order, nothing may be under way for it."""


class Shop:
    """Someone with an order, as the outside knows it: what was locked, and what was tried."""

    def __init__(self, order: Order, elapsed_s: float, patience: int) -> None:
        self.order = order
        self.order_id = order.order_id
        self.payments: list[tuple[str, str]] = []
        self.redemptions: list[str] = []
        self.returns: list[str] = []
        self.patience = patience
        self.touched_s = elapsed_s
        self.was_paid = False


class World:
    """The store, and everything around it that survives its crashes."""

    def __init__(self, path: Path, chance: Random, *, synchronous: str) -> None:
        self.path = path
        self.chance = chance
        self.synchronous = synchronous
        self.clock = ManualClock(OPENING)
        self.elapsed_s = 0.0
        self.wallets = {name: WalletBooks(name, chance) for name in ("wallet", "bank")}
        self.kiosks = {name: Kiosk(name, chance) for name in ("kiosk-1", "kiosk-2")}
        self.shops: dict[str, Shop] = {}
        self.cards: list[tuple[str, str]] = []
        self.coupons: list[str] = []
        self.by_hand: dict[str, int] = {}
        self.desk_wants: dict[str, int] = {}
        self.refusals: Counter[str] = Counter()
        self.orders_made = 0
        self.crashes = 0
        self.tasks: set[asyncio.Task[Any]] = set()
        self.cash = CashFold()
        self.replay = Replay()
        self.acknowledged: deque[tuple[str, str]] = deque()
        self.working: asyncio.Task[Any] | None = None
        self._touched: set[str] = set()
        self._reports: list[str] = []
        self._told: dict[str, Report] = {}
        self._booked: set[str] = set()
        self._failure: BaseException | None = None
        self._at = ""

    async def open(self) -> None:
        engine = open_engine(f"sqlite:///{self.path}")
        metadata.create_all(engine)
        engine.dispose()
        await self._start()

    async def _start(self) -> None:
        self.database = SteppedDatabase(self.path, self.clock, synchronous=self.synchronous)
        await self.database.start()
        self.database.listen(self._hear)
        self.store = Store(self.database, {name: WalletClient(books) for name, books in self.wallets.items()})
        self.spawn(self.store.begin())
        await quiet()

    async def close(self) -> None:
        await self._drop_tasks()
        self.database.crash()

    async def _drop_tasks(self) -> None:
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks.clear()
        self.working = None

    async def crash(self) -> None:
        """The store's process dies with all that it was doing, and a new one opens the same file."""
        self.crashes += 1
        self.database.is_dead = self.database._closed = True
        await self._drop_tasks()
        for books in self.wallets.values():
            books.line.caller_died()
        self.database.crash()
        await self._start()
        self._touched.update(self.shops)  # what was committed last was told to nobody
        self._all_acknowledged_is_there()
        self._find_unheard_reports()

    @property
    def now_us(self) -> int:
        return micros(self.clock.now())

    def pass_time(self, seconds: float) -> None:
        self.elapsed_s += seconds
        self.clock.advance(seconds)

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Begin something that the store is asked to do. A refusal is an answer; any other error ends the run."""
        task = asyncio.get_running_loop().create_task(self._guarded(coroutine))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def _guarded(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        try:
            await coroutine
        except DomainError as error:
            self.refusals[error.code] += 1
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  # told by the next check
            self._failure = self._failure or error

    def acknowledge(self, kind: str, name: str) -> None:
        """The store said that something is done: from now on it must be there, whatever dies."""
        self.acknowledged.append((kind, name))

    def about(self) -> str:
        """What was looked at last."""
        return f"order {self._at}" if self._at else "the whole store"

    def facts(self, order_id: str) -> OrderFacts:
        return self.database.read_now(lambda connection: holds.facts_of(connection, order_id))

    def _hear(self, events: list[Event]) -> None:
        for event in events:
            about = event.stream.partition(":")[0]
            if about == "till":
                self._reports.append(event.payload()["report_id"])
            elif about in {"payment", "order", "coupon", "return"}:
                order_id = event.payload().get("order_id")
                if order_id in self.shops:
                    self._touched.add(order_id)

    async def after_event(self) -> None:
        """Check what the event touched. A store that died in it is opened again first."""
        if self.database.is_dead:
            await self.crash()
            await quiet()
        if self._failure is not None:
            raise self._failure
        touched, self._touched = self._touched, set()
        for order_id in sorted(touched):
            self.check(order_id)
        reports, self._reports = self._reports, []
        for report_id in reports:
            self._report_is_booked(report_id)
        self._at = ""

    def check(self, order_id: str) -> OrderFacts:
        """Every invariant of one order, by the store's own tables and by what the world outside knows of it."""
        self._at = order_id
        shop, facts = self.shops[order_id], self.facts(order_id)
        holds.check_order(facts)
        locked = (shop.order.total_minor, shop.order.currency, shop.order.basket_hash)
        assert (facts.total_minor, facts.currency, facts.basket_hash) == locked, "the locked price changed"
        assert facts.is_paid or not shop.was_paid, "paid regressed"
        shop.was_paid = facts.is_paid
        holds.outside_agrees(facts, self._charges(facts), self.by_hand)
        self._kiosks_agree(facts)
        return facts

    def _charges(self, facts: OrderFacts) -> list[OutsideCharge]:
        charges = []
        for payment in facts.payments:
            books = self.wallets.get(payment.method)
            charge = books.charges.get(payment.payment_id) if books is not None else None
            if charge is not None:
                is_told = payment.pauses <= 1  # a charge that was paid after the last look is told by notification
                charges.append(OutsideCharge(payment.payment_id, charge.taken_minor, charge.given, is_told))
        return charges

    def _kiosks_agree(self, facts: OrderFacts) -> None:
        """A refund in cash came out of one kiosk, or over the desk, and once."""
        cash = {one.payment_id for one in facts.payments if one.method == CASH}
        for refund in facts.refunds:
            if refund.payment_id not in cash:
                continue
            books = [self.by_hand, *(kiosk.paid_out for kiosk in self.kiosks.values())]
            given = [one[refund.refund_id] for one in books if refund.refund_id in one]
            assert len(given) <= 1, f"cash refund {refund.refund_id} went out {len(given)} times"
            if refund.status == "succeeded" and not refund.reference.startswith("desk"):
                assert given == [refund.amount_minor], f"{refund} never came out"

    def told(self, report: Report) -> None:
        """A kiosk is about to send this: remember it, to compare the books with."""
        if report.id not in self._booked:
            self._told[report.id] = report

    def _report_is_booked(self, report_id: str) -> None:
        """Invariant 6 for one report: it changed the machine's cash in the books by what its pieces say."""
        report = self._told.pop(report_id)
        self._booked.add(report_id)
        before = dict(self.cash.held)
        self.cash.hear(report.kiosk, report.body)
        posted: Counter[str] = Counter()
        for posting in self.database.read_now(lambda connection: ledger.postings_of(connection, f"till:{report_id}")):
            if posting.account == f"cash:{report.kiosk}":
                posted[posting.currency] += posting.amount_minor
        for (kiosk, currency), amount_minor in self.cash.held.items():
            if kiosk == report.kiosk:
                grown = amount_minor - before.get((kiosk, currency), 0)
                assert posted[currency] == grown, f"report {report_id}: {posted[currency]} {currency}, not {grown}"

    def _find_unheard_reports(self) -> None:
        def read(connection: Connection) -> list[str]:
            return [one for one in self._told if tills_store.get(connection, one) is not None]

        unheard = set(self.database.read_now(read)) - set(self._reports)
        rows = {name: self._told[name] for name in unheard}
        self._reports += sorted(rows, key=lambda name: (rows[name].kiosk, rows[name].seq))

    def _all_acknowledged_is_there(self) -> None:
        """Invariant 4: what was acknowledged before the crash is there after it."""

        def read(connection: Connection) -> None:
            for kind, name in self.acknowledged:
                if kind == "payment":
                    found: object = payments_store.get(connection, name)
                elif kind == "report":
                    found = tills_store.get(connection, name)
                elif kind == "paid":
                    found = holds.facts_of(connection, name).is_paid or None
                elif kind == "refund":
                    refund = payments_store.get_refund(connection, name)
                    found = refund if refund is not None and refund.status == "succeeded" else None
                else:
                    query = select(coupon_redemptions.c.status).where(coupon_redemptions.c.redemption_id == name)
                    found = connection.execute(query).scalar()
                assert found is not None, f"the acknowledged {kind} {name} is lost"

        self.database.read_now(read)
        self.acknowledged.clear()

    def check_everything(self) -> None:
        """The whole store: the books, the cards, the coupons, the machines, the journal; and nobody waits for ever."""
        self._at = ""
        self.database.read_now(holds.check_store)
        self.database.read_now(lambda connection: holds.cash_is_what_was_told(connection, self.cash))
        self.database.read_now(self.replay.read_on)
        self.database.read_now(self.replay.agrees)
        for order_id, shop in self.shops.items():
            facts = self.check(order_id)
            waited_s = self.elapsed_s - shop.touched_s
            assert waited_s < PATIENCE_S or self.is_at_rest(facts) or self._with_staff(facts), (
                f"after {waited_s / 3600:.0f} hours still under way: {facts}"
            )
        self._at = ""

    def is_at_rest(self, facts: OrderFacts) -> bool:
        """Whether nothing is under way for an order, in the store and outside."""
        ids = {one.payment_id for one in facts.payments}
        told = any(
            one.encode() in message for books in self.wallets.values() for message in books.to_tell for one in ids
        )
        return holds.at_rest(facts) and not told

    def _with_staff(self, facts: OrderFacts) -> bool:
        """Whether all that is under way is on the list that staff look at: refunds that were tried and refused."""
        waiting = [one for one in facts.refunds if one.status == "pending"]
        return facts.status != "open" and bool(waiting) and all(one.tries for one in waiting)


AN = Principal("staff", "a" * 32, "An", "manager", MAY["manager"])
BO = Principal("staff", "b" * 32, "Bo", "manager", MAY["manager"])


def device(name: str) -> Principal:
    return Principal("device", name, "1", "kiosk")
