"""All tenders together: whatever is asked, lost, doubled, cut or late, and whatever the clock says, money is kept.

A state machine plays shoppers with coupons, cards, cash and the real sandbox wallet behind a faulty wire, kiosks that
report in any order, a service desk, restarts and wrong clocks. After each step the invariants of money hold; at the end
all has calmed down, and everything is settled, refunded, or on the list that staff look at.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.simulation.money_outside import Kiosk
from tests.support import money_invariants as holds
from tests.support.money_invariants import OrderFacts, OutsideCharge
from tests.support.tills import BEER, BOOK, CARD, MANAGER, METHOD, MILK, Bank, Shopper, Till

from unqueue.kernel.clock import ManualClock, micros
from unqueue.kernel.database import Database
from unqueue.kernel.errors import DomainError
from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.server.access import Principal
from unqueue.server.coupons.loader import Loaded
from unqueue.server.coupons.rules import AmountOff, PercentOff
from unqueue.server.coupons.service import import_coupons
from unqueue.server.payments.service import Wish
from unqueue.server.returns.service import Wanted
from unqueue.server.staff.model import MAY
from unqueue.server.stored_value.service import NewCard
from unqueue.server.tills.model import PayoutGone, Report

BASKETS = {"milk": (MILK,), "beer": (BEER, BEER, MILK), "book": (BOOK, BEER)}
PICK = st.integers(min_value=0, max_value=7)
FAULTS = st.lists(st.sampled_from(["lose_request", "lose_answer", "error", "garble", ""]), max_size=2)
TROUBLES = st.sampled_from(["none", "none", "twice", "late", "never", "wrong_amount", "wrong_order", "after_close"])
PARTS = st.sampled_from([None, None, 1, 250, 600])
STAFF = tuple(Principal("staff", one * 32, one, "manager", MAY["manager"]) for one in "ab")
YEAR_S = 31_536_000


class Stage:
    """The store and the wallet that all examples of one test share, and the loop they run on."""

    def __init__(self, database_url: str, directory: Path, clock: ManualClock) -> None:
        self.runner = asyncio.Runner()
        self.clock = clock
        self.url = database_url
        self.database = Database(database_url, clock=clock)
        self.run(self.database.start())
        self.bank = Bank(directory, clock)
        self.till = self.run(self._open())
        self.examples = 0

    async def _open(self) -> Till:
        return Till(self.database, self.bank)

    def run(self, coroutine: Any) -> Any:
        return self.runner.run(coroutine)

    def restart(self) -> None:
        """The store's process ends and comes back, on another connection: what it kept in memory is gone."""
        self.run(self.till.stop())
        self.run(self.database.close())
        self.database = Database(self.url, clock=self.clock)
        self.run(self.database.start())
        self.till = self.run(self._open())
        self.run(self.till.worker.start())
        self.run(self.till.worker.stop())

    def close(self) -> None:
        self.run(self.till.stop())
        self.run(self.bank.stop())
        self.run(self.database.close())
        self.runner.close()


class AllTenders(RuleBasedStateMachine):
    """Orders, and everybody who wants something of them."""

    stage: Stage

    @initialize(baskets=st.lists(st.sampled_from(sorted(BASKETS)), min_size=1, max_size=3), seed=st.integers(0, 99))
    def open(self, baskets: list[str], seed: int) -> None:
        self.stage.examples += 1
        self.mark = f"{self.stage.examples:04d}"
        self.payments: list[tuple[Shopper, str, str]] = []
        self.kiosks = [Kiosk(f"kiosk-{self.mark}-{number}", Random(seed + number)) for number in (1, 2)]
        self.by_hand: dict[str, int] = {}
        self.desk_wants: dict[str, int] = {}
        self.returns: list[str] = []
        self.redemptions: list[tuple[Shopper, str]] = []
        self.ever_paid: set[str] = set()
        self.jumped_s = 0
        self.shoppers = [self.stage.run(self.stage.till.order(*BASKETS[name])) for name in baskets]
        self._offer_coupons()
        self.card = f"299{self.mark}000001"
        issued = NewCard([self.card], "gift", Money(900, "CNY"))
        self.stage.run(self.stage.till.cards.issue(issued, new_id(), MANAGER))

    def _offer_coupons(self) -> None:
        """One coupon for two uses, fewer than there may be orders; one for a single use that pays everything."""
        names = {"zh": "券", "en": "Coupon", "currency": "CNY"}
        off = AmountOff(id=f"off-{self.mark}", code=f"OFF{self.mark}", off_minor=333, uses_max=2, **names)
        free = PercentOff(
            id=f"all-{self.mark}", code=f"ALL{self.mark}", off_bp=10_000, uses_max=1, funded_by="issuer", **names
        )
        self.codes = [f"OFF{self.mark}", f"ALL{self.mark}"]
        import_coupons(self.stage.database, Loaded((off, free)), currency="CNY", actor="system")

    # -- shoppers -----------------------------------------------------------------------------------------------------

    @rule(who=PICK, part=PARTS, faults=FAULTS)
    def pay_by_wallet(self, who: int, part: int | None, faults: list[str]) -> None:
        self._fail(faults)
        self._pay(who, Wish(method=METHOD, payment_id=new_id(), amount_minor=part))

    @rule(who=PICK, part=PARTS)
    def pay_by_card(self, who: int, part: int | None) -> None:
        self._pay(who, Wish(method=CARD, payment_id=new_id(), amount_minor=part, instrument=self.card))

    @rule(who=PICK, part=PARTS, at=st.integers(0, 1))
    def pay_in_cash(self, who: int, part: int | None, at: int) -> None:
        self._pay(who, Wish(method="cash", payment_id=new_id(), amount_minor=part, place=self.kiosks[at].name))

    @precondition(lambda self: self.payments)
    @rule(which=PICK, faults=FAULTS)
    def ask_again(self, which: int, faults: list[str]) -> None:
        """The same request, with the same id."""
        shopper, payment_id, place = self._payment(which)
        known = next((one for one in self._facts(shopper).payments if one.payment_id == payment_id), None)
        if known is not None:
            self._fail(faults)
            wish = Wish(method=known.method, payment_id=payment_id, place=place)
            self._do(lambda till: till.payments.create(shopper.order, wish, actor="trip"))

    @precondition(lambda self: self.payments)
    @rule(which=PICK, faults=FAULTS)
    def give_up(self, which: int, faults: list[str]) -> None:
        shopper, payment_id, _ = self._payment(which)
        self._fail(faults)
        self._do(lambda till: till.payments.close(shopper.order, payment_id))

    @rule(who=PICK, faults=FAULTS)
    def give_back(self, who: int, faults: list[str]) -> None:
        self._fail(faults)
        self._do(lambda till: till.payments.give_back(self._shopper(who).order, actor="trip"))

    @rule(who=PICK)
    def reopen(self, who: int) -> None:
        async def reopen(till: Till) -> None:
            live = await till.trips.live(self._shopper(who).order.trip_id)
            await till.orders.reopen(live, live.actor)

        self._do(reopen)

    @rule(who=PICK, which=st.integers(0, 1), times=st.integers(1, 2))
    def redeem(self, who: int, which: int, times: int) -> None:
        shopper, redemption_id = self._shopper(who), new_id()
        for _ in range(times):
            self._do(lambda till: till.coupons.redeem(shopper.order, self.codes[which], redemption_id, "trip"))
        self.redemptions.append((shopper, redemption_id))

    @precondition(lambda self: self.redemptions)
    @rule(which=PICK)
    def withdraw(self, which: int) -> None:
        shopper, redemption_id = self.redemptions[which % len(self.redemptions)]
        self._do(lambda till: till.coupons.withdraw(shopper.order, redemption_id, "trip"))

    # -- the wallet ---------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.payments)
    @rule(which=PICK, trouble=TROUBLES, action=st.sampled_from(["pay", "pay", "pay", "decline"]))
    def press(self, which: int, trouble: str, action: str) -> None:
        _, payment_id, _ = self._payment(which)
        at_wallet = self.stage.bank.app.store.payment("store-7", payment_id)
        if at_wallet is not None:
            url = f"https://wallet.example/pay/{at_wallet.cashier_token}"
            self.stage.run(self.stage.bank.press(url, action, trouble))

    @rule(faults=FAULTS, passes=st.integers(1, 2))
    def wallet_tells(self, faults: list[str], passes: int) -> None:
        self._fail(faults)
        for _ in range(passes):
            self.stage.run(self.stage.bank.send())

    # -- kiosks -------------------------------------------------------------------------------------------------------

    @rule(at=st.integers(0, 1), which=PICK)
    def kiosk_ends(self, at: int, which: int) -> None:
        """A payment ends at its kiosk: paid, with change, short of it, in foreign notes, or everything goes back."""
        kiosk = self.kiosks[at]
        for waiting in self._ask(lambda till: till.tills.waiting(_device(kiosk))):
            if waiting.payment_id not in kiosk.done:
                kiosk.begun[waiting.payment_id] = waiting.amount.amount_minor
        if kiosk.begun:
            kiosk.finish(sorted(kiosk.begun)[which % len(kiosk.begun)], self._now_us)

    @rule(at=st.integers(0, 1), which=PICK, again=st.booleans())
    def kiosk_tells(self, at: int, which: int, again: bool) -> None:
        """Any of its reports arrives, perhaps twice."""
        kiosk = self.kiosks[at]
        if kiosk.outbox:
            report = kiosk.outbox[which % len(kiosk.outbox)]
            for _ in range(1 + again):
                self._tell(kiosk, report)
            kiosk.outbox.remove(report)

    @rule(at=st.integers(0, 1))
    def kiosk_learns_more(self, at: int) -> None:
        kiosk = self.kiosks[at]
        if kiosk.revisable:
            kiosk.revise(min(kiosk.revisable), self._now_us)
        elif kiosk.owed:
            kiosk.settle_debt(self._now_us)
        else:
            kiosk.fill(self._now_us)

    @rule(at=st.integers(0, 1), gives=st.booleans())
    def kiosk_gives_back(self, at: int, gives: bool) -> None:
        """It claims a refund, and pays it out now or later."""
        kiosk = self.kiosks[at]
        for payout in self._ask(lambda till: till.tills.payouts(_device(kiosk))):
            if payout.refund_id not in kiosk.paid_out:
                try:
                    self._ask(lambda till, payout=payout: till.tills.claim_payout(_device(kiosk), payout.refund_id))
                except PayoutGone:
                    continue
                kiosk.claimed[payout.refund_id] = payout.amount.amount_minor
        if gives and kiosk.claimed:
            kiosk.pay_out(min(kiosk.claimed), self._now_us)

    # -- the service desk ---------------------------------------------------------------------------------------------

    @rule(who=PICK, line=st.integers(1, 2), quantity=st.integers(1, 3), by=st.integers(0, 1))
    def take_back(self, who: int, line: int, quantity: int, by: int) -> None:
        return_id, order_id = new_id(), self._shopper(who).order.order_id
        wanted = [Wanted(line, quantity)]
        if self._do(lambda till: till.returns.propose(order_id, wanted, "", return_id, STAFF[by])):
            self.returns.append(return_id)

    @precondition(lambda self: self.returns)
    @rule(which=PICK, by=st.integers(0, 1), accept=st.booleans())
    def decide(self, which: int, by: int, accept: bool) -> None:
        return_id = self.returns[which % len(self.returns)]
        self._do(lambda till: till.returns.decide(return_id, STAFF[by], accept=accept))

    @rule(by=st.integers(0, 1), which=PICK)
    def hand_over(self, by: int, which: int) -> None:
        """Staff hand over what is on their list, which may be old by now."""
        for refund in self._ask(lambda till: till.returns.refunds_waiting()):
            if refund.order_id in {shopper.order.order_id for shopper in self.shoppers}:
                self.desk_wants.setdefault(refund.id, refund.amount.amount_minor)
        if self.desk_wants:
            refund_id = sorted(self.desk_wants)[which % len(self.desk_wants)]
            if self._do(lambda till: till.returns.pay_by_hand(refund_id, STAFF[by])):
                self.by_hand[refund_id] = self.desk_wants.pop(refund_id)

    # -- time and restarts --------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 5, 60, 600, 2000, 4000]), faults=FAULTS)
    def time_passes(self, seconds: int, faults: list[str]) -> None:
        self.stage.clock.advance(seconds)
        self._fail(faults)
        self.stage.run(self.stage.till.work())
        self._do(lambda till: till.orders.expire())

    @rule(jump_s=st.sampled_from([3600, 86_400, YEAR_S, -3600, -YEAR_S]))
    def clock_jumps(self, jump_s: int) -> None:
        """The clock goes wrong, or is set right again."""
        if self.jumped_s:
            jump_s = -self.jumped_s
        self.jumped_s += jump_s
        self.stage.clock.advance(jump_s)

    @rule()
    def restart(self) -> None:
        self.stage.restart()
        for shopper in self.shoppers:
            shopper.till = self.stage.till

    # -- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def money_is_kept(self) -> None:
        for shopper in getattr(self, "shoppers", ()):
            facts = self._facts(shopper)
            holds.check_order(facts)
            assert (facts.total_minor, facts.basket_hash) == (shopper.order.total_minor, shopper.order.basket_hash)
            assert facts.is_paid or shopper.order.order_id not in self.ever_paid, "paid never regresses"
            if facts.is_paid:
                self.ever_paid.add(shopper.order.order_id)
            self._outside_agrees(facts)

    def _outside_agrees(self, facts: OrderFacts) -> None:
        holds.outside_agrees(facts, self._charges(facts), self.by_hand)
        cash = {one.payment_id for one in facts.payments if one.method == "cash"}
        for refund in facts.refunds:
            if refund.payment_id in cash:
                given = [one.paid_out[refund.refund_id] for one in self.kiosks if refund.refund_id in one.paid_out]
                given += [self.by_hand[refund.refund_id]] if refund.refund_id in self.by_hand else []
                assert len(given) <= 1, f"{refund} went out {len(given)} times"

    def _charges(self, facts: OrderFacts) -> list[OutsideCharge]:
        charges = []
        for payment in facts.payments:
            at_wallet = self.stage.bank.app.store.payment("store-7", payment.payment_id)
            if payment.method == METHOD and at_wallet is not None:
                took = at_wallet.amount.amount_minor if at_wallet.status == "succeeded" else 0
                given = {
                    refund.refund_id: found.amount.amount_minor
                    for refund in facts.refunds
                    if refund.payment_id == payment.payment_id
                    if (found := self.stage.bank.app.store.refund("store-7", refund.refund_id)) is not None
                }
                charges.append(OutsideCharge(payment.payment_id, took, given, payment.pauses <= 1))
        return charges

    def teardown(self) -> None:
        if not getattr(self, "shoppers", None):
            return
        if self.jumped_s:
            self.clock_jumps(0)
        self._fail([])
        for seconds in (1, 60, 600, 2000, 4000, 4000, 90_000, 90_000, 90_000, 90_000):
            self.stage.clock.advance(seconds)
            self.stage.run(self.stage.till.work(2))
            self.stage.run(self.stage.bank.send())
            for at in range(len(self.kiosks)):
                self._kiosk_finishes_all(at)
            self._do(lambda till: till.orders.expire())
            self.money_is_kept()
        for shopper in self.shoppers:
            facts = self._facts(shopper)
            assert holds.at_rest(facts), f"still under way: {facts}"
        database = self.stage.database
        database.read_now(holds.check_store)
        database.read_now(holds.card_spends_are_captured_once)
        database.read_now(holds.cash_is_what_all_reports_say)
        replay = holds.Replay()
        database.read_now(replay.read_on)
        database.read_now(replay.agrees)

    def _kiosk_finishes_all(self, at: int) -> None:
        self.kiosk_ends(at, 0)
        self.kiosk_gives_back(at, gives=True)
        kiosk = self.kiosks[at]
        while kiosk.begun:
            kiosk.finish(min(kiosk.begun), self._now_us)
        while kiosk.claimed:
            kiosk.pay_out(min(kiosk.claimed), self._now_us)
        while kiosk.revisable:
            kiosk.revise(min(kiosk.revisable), self._now_us)
        for report in kiosk.outbox:
            self._tell(kiosk, report)
        kiosk.outbox.clear()

    # -- how ----------------------------------------------------------------------------------------------------------

    def _pay(self, who: int, wish: Wish) -> None:
        shopper = self._shopper(who)
        self._do(lambda till: till.payments.create(shopper.order, wish, actor="trip"))
        self.payments.append((shopper, str(wish.payment_id), wish.place))

    def _do(self, ask: Callable[[Till], Awaitable[Any]]) -> bool:
        """Ask the store for something. Whether it did it; a refusal is an answer, anything else is a fault."""
        try:
            self._ask(ask)
        except DomainError as error:
            if error.status >= 500 and error.code != "provider_busy":
                raise
            return False
        return True

    def _ask(self, ask: Callable[[Till], Awaitable[Any]]) -> Any:
        async def asked() -> Any:
            return await ask(self.stage.till)

        return self.stage.run(asked())

    def _tell(self, kiosk: Kiosk, report: Report) -> None:
        self._ask(lambda till: till.tills.hear(_device(kiosk), report))

    def _facts(self, shopper: Shopper) -> OrderFacts:
        order_id = shopper.order.order_id
        facts: OrderFacts = self.stage.database.read_now(lambda connection: holds.facts_of(connection, order_id))
        return facts

    def _shopper(self, who: int) -> Shopper:
        return self.shoppers[who % len(self.shoppers)]

    def _payment(self, which: int) -> tuple[Shopper, str, str]:
        return self.payments[which % len(self.payments)]

    def _fail(self, faults: list[str]) -> None:
        self.stage.bank.wire.fails = list(faults)

    @property
    def _now_us(self) -> int:
        return micros(self.stage.clock.now())


def _device(kiosk: Kiosk) -> Principal:
    return Principal("device", kiosk.name, "1", "kiosk")


@pytest.mark.slow
def test_all_tenders_in_any_order_keep_every_invariant(database_url: str, tmp_path: Path, clock: ManualClock) -> None:
    stage = Stage(database_url, tmp_path / "wallet", clock)
    try:
        machine = type("Machine", (AllTenders,), {"stage": stage})
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            machine,
            settings=settings(
                max_examples=12,
                stateful_step_count=30,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        stage.close()
