"""Whatever happens in whatever order and however often, the books end where the wallet's own facts say.

A state machine plays shoppers, a faulty network, lying notifications and restarts against a real wallet; after each
step the books must balance, and at the end, when all has calmed down, they are compared with what they must be.
"""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.support.tills import BEER, BOOK, METHOD, MILK, Bank, Shopper, Till

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.database import Database
from unqueue.kernel.money import Money
from unqueue.providers.sandbox_kit.model import status_at
from unqueue.server.ledger import store as ledger
from unqueue.server.orders import store as orders_store
from unqueue.server.payments import store

BASKETS = {"milk": (MILK,), "beer": (BEER, BEER, MILK), "book": (BOOK,)}
PICK = st.integers(min_value=0, max_value=7)
FAULTS = st.lists(st.sampled_from(["lose_request", "lose_answer", "error", "garble", ""]), max_size=3)
TROUBLES = st.sampled_from(["none", "twice", "late", "never", "wrong_amount", "wrong_order", "forged", "after_close"])


class Attempt:
    """One attempt of a shopper. ``counts`` once it was paid while the wallet still wanted it."""

    def __init__(self, shopper: Shopper, payment_id: str) -> None:
        self.shopper = shopper
        self.payment_id = payment_id
        self.counts = False


class Stage:
    """The store and the wallet that all examples of one test share, and the loop they run on."""

    def __init__(self, database_url: str, directory: Path, clock: ManualClock) -> None:
        self.runner = asyncio.Runner()
        self.clock = clock
        self.database = Database(database_url, clock=clock)
        self.run(self.database.start())
        self.bank = Bank(directory, clock)
        self.till = self.run(self._open())

    async def _open(self) -> Till:
        return Till(self.database, self.bank)

    def run(self, coroutine: Any) -> Any:
        return self.runner.run(coroutine)

    def restart(self) -> None:
        """The store's process dies and comes back: what it kept in memory is gone."""
        self.run(self.till.stop())
        self.till = self.run(self._open())
        self.run(self.till.worker.start())
        self.run(self.till.worker.stop())

    def close(self) -> None:
        self.run(self.till.stop())
        self.run(self.bank.stop())
        self.run(self.database.close())
        self.runner.close()


class Market(RuleBasedStateMachine):
    """Shoppers, a network and a wallet that do what they like."""

    stage: Stage

    @initialize(baskets=st.lists(st.sampled_from(sorted(BASKETS)), min_size=1, max_size=2))
    def open(self, baskets: list[str]) -> None:
        self.attempts: list[Attempt] = []
        self.ever_paid: set[str] = set()
        self.shoppers = [self.stage.run(self.stage.till.order(*BASKETS[name])) for name in baskets]

    @rule(who=PICK, faults=FAULTS)
    def start(self, who: int, faults: list[str]) -> None:
        shopper = self.shoppers[who % len(self.shoppers)]
        payment_id = f"{len(self.attempts):04d}{shopper.order.order_id[4:]}"
        self._fail(faults)
        answer = self._ask(shopper, "POST", "/payments", {"method": METHOD, "id": payment_id})
        if answer.status_code in {201, 503}:
            self.attempts.append(Attempt(shopper, payment_id))

    @rule(which=PICK, trouble=TROUBLES)
    def pay(self, which: int, trouble: str) -> None:
        attempt = self._attempt(which)
        at_wallet = self._at_wallet(attempt)
        if attempt is None or at_wallet is None:
            return
        wanted = status_at(at_wallet, self.stage.bank.app.wallet.now_us) == "pending"
        url = f"https://wallet.example/pay/{at_wallet.cashier_token}"
        answer = self.stage.run(self.stage.bank.press(url, trouble=trouble))
        if answer.status_code == 200 and wanted:
            attempt.counts = True

    @rule(which=PICK)
    def decline(self, which: int) -> None:
        at_wallet = self._at_wallet(self._attempt(which))
        if at_wallet is not None:
            url = f"https://wallet.example/pay/{at_wallet.cashier_token}"
            self.stage.run(self.stage.bank.press(url, action="decline"))

    @rule(which=PICK, faults=FAULTS)
    def close(self, which: int, faults: list[str]) -> None:
        attempt = self._attempt(which)
        if attempt is not None:
            self._fail(faults)
            self._ask(attempt.shopper, "POST", f"/payments/{attempt.payment_id}/close")

    @rule(which=PICK, faults=FAULTS)
    def look(self, which: int, faults: list[str]) -> None:
        attempt = self._attempt(which)
        if attempt is not None:
            self._fail(faults)
            self._ask(attempt.shopper, "GET", f"/payments/{attempt.payment_id}")

    @rule(faults=FAULTS)
    def wallet_sends(self, faults: list[str]) -> None:
        self._fail(faults)
        self.stage.run(self.stage.bank.send())

    @rule(which=PICK, times=st.integers(1, 3), lie=st.sampled_from(["", "status", "amount", "order", "attempt"]))
    def notify(self, which: int, times: int, lie: str) -> None:
        """A rightly signed notification comes out of the blue, true or not, several times at once."""
        attempt = self._attempt(which)
        at_wallet = self._at_wallet(attempt)
        if attempt is None or at_wallet is None:
            return
        changes: dict[str, Any] = {"status": status_at(at_wallet, self.stage.bank.app.wallet.now_us)}
        if lie == "status":
            changes["status"] = "succeeded"
        elif lie == "amount":
            changes["amount"] = Money(1, "CNY")
        elif lie == "order":
            changes["order_id"] = self.shoppers[-1].order.order_id
        elif lie == "attempt":
            changes["payment_id"] = self.attempts[0].payment_id
        body = attempt.shopper.told(attempt.payment_id, at_wallet.reference, **changes)
        headers = self.stage.bank.sign(body)

        async def send() -> None:
            answers = await asyncio.gather(*(self.stage.till.notify(body, headers) for _ in range(times)))
            assert {answer.status_code for answer in answers} <= {200, 400}

        self.stage.run(send())

    @rule(seconds=st.sampled_from([1, 5, 60, 600, 1000, 4000]), faults=FAULTS)
    def time_passes(self, seconds: int, faults: list[str]) -> None:
        self.stage.clock.advance(seconds)
        self._fail(faults)
        self.stage.run(self.stage.till.work())

    @rule(who=PICK)
    def reopen(self, who: int) -> None:
        shopper = self.shoppers[who % len(self.shoppers)]
        path = f"/api/trips/{shopper.order.trip_id}/reopen"
        self._call(shopper, "POST", path)

    @rule()
    def restart(self) -> None:
        self.stage.restart()
        for shopper in self.shoppers:
            shopper.till = self.stage.till

    @invariant()
    def the_books_balance(self) -> None:
        if not getattr(self, "shoppers", None):
            return
        assert self.stage.database.read_now(ledger.out_of_balance) == []
        for shopper in self.shoppers:
            status, attempts = self._state(shopper)
            paid = status == "paid"
            assert paid or shopper.order.order_id not in self.ever_paid, "paid never regresses"
            if paid:
                self.ever_paid.add(shopper.order.order_id)
            held = self._held(shopper)
            awaiting = -held.get(f"surplus:{shopper.order.order_id}", 0)
            captured = held.get(f"provider:{METHOD}:clearing", 0)
            assert awaiting >= 0
            assert captured == (shopper.order.total_minor if paid else 0) + awaiting
            assert f"order:{shopper.order.order_id}" not in held
            assert list(attempts.values()).count("pending") <= 1
            assert list(attempts.values()).count("succeeded") == int(paid)

    def teardown(self) -> None:
        if getattr(self, "shoppers", None):
            self._calm_down()
            self._compare()

    def _calm_down(self) -> None:
        """All faults are over, and enough time passes for everything that is due."""
        self._fail([])
        for hours in (0, 0.1, 0.3, 1, 1, 25, 25, 25):
            self.stage.clock.advance(timedelta(hours=hours).total_seconds())
            self.stage.run(self.stage.till.work(3))
            self.stage.run(self.stage.bank.send())

    def _compare(self) -> None:
        """What the store says must follow from the wallet's facts alone."""
        for shopper in self.shoppers:
            mine = [attempt for attempt in self.attempts if attempt.shopper is shopper]
            paying = [attempt for attempt in mine if attempt.counts]
            assert len(paying) <= 1
            status, statuses = self._state(shopper)
            assert (status == "paid") == bool(paying)
            for attempt in mine:
                at_wallet = self._at_wallet(attempt)
                taken = at_wallet is not None and at_wallet.status == "succeeded"
                refunded = self.stage.bank.app.store.refunded_minor("store-7", attempt.payment_id)
                if attempt.counts:
                    assert (statuses[attempt.payment_id], refunded) == ("succeeded", 0)
                elif taken:
                    assert (statuses[attempt.payment_id], refunded) == ("refunded", shopper.order.total_minor)
                else:
                    assert (statuses[attempt.payment_id] in {"failed", "closed"}, refunded) == (True, 0)
            total = shopper.order.total_minor if paying else 0
            held = self._held(shopper)
            assert held.pop(f"provider:{METHOD}:clearing", 0) == total
            assert -sum(held.values()) == total
            assert set(held) <= {"sales", "tax:900", "tax:1300", "deposit"}

    def _state(self, shopper: Shopper) -> tuple[str, dict[str, str]]:
        """The order's status, and that of each of its attempts."""
        order_id = shopper.order.order_id
        order = self.stage.database.read_now(lambda connection: orders_store.get(connection, order_id))
        attempts = self.stage.database.read_now(lambda connection: store.of_order(connection, order_id))
        assert order is not None
        return order.status, {attempt.payment_id: attempt.status for attempt in attempts}

    def _held(self, shopper: Shopper) -> dict[str, int]:
        order_id = shopper.order.order_id
        held = self.stage.database.read_now(lambda connection: ledger.balances(connection, order_id))
        return {account: amount for (account, _), amount in held.items()}

    def _attempt(self, which: int) -> Attempt | None:
        return self.attempts[which % len(self.attempts)] if self.attempts else None

    def _at_wallet(self, attempt: Attempt | None) -> Any:
        return self.stage.bank.app.store.payment("store-7", attempt.payment_id) if attempt is not None else None

    def _fail(self, faults: list[str]) -> None:
        self.stage.bank.wire.fails = list(faults)

    def _ask(self, shopper: Shopper, method: str, path: str, body: Any = None) -> Any:
        return self._call(shopper, method, shopper.path + path, body)

    def _call(self, shopper: Shopper, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {shopper.trip_token}"}
        answer = self.stage.run(self.stage.till.http.request(method, path, json=body, headers=headers))
        assert answer.status_code in {200, 201, 409, 503}, answer.text
        return answer


@pytest.mark.slow
def test_any_order_and_number_of_events_ends_in_the_same_books(
    database_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    stage = Stage(database_url, tmp_path / "wallet", clock)
    try:
        machine = type("OneMarket", (Market,), {"stage": stage})
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            machine,
            settings=settings(
                max_examples=20,
                stateful_step_count=25,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        stage.close()
