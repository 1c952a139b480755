"""Refunds that hang: a provider that never answers, a kiosk that died with its claim. Staff can end each, by name."""

from typing import Any

import pytest
from tests.support.tills import BEER, KIOSK, METHOD, MILK, Shopper, Till

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.errors import DomainError, NotFound
from unqueue.kernel.ids import new_id
from unqueue.providers.port import Charge, ProviderRefused, ProviderUnavailable, RefundRequest, RefundState
from unqueue.providers.sandbox_wallet.client import SandboxWallet
from unqueue.server.access import Principal
from unqueue.server.fleet.model import Device
from unqueue.server.fleet.store import save
from unqueue.server.ledger import store as ledger
from unqueue.server.orders import store as orders_store
from unqueue.server.payments import settling
from unqueue.server.payments import store as payments_store
from unqueue.server.payments.model import (
    BackBy,
    KioskAwake,
    PaidBy,
    RefundArrived,
    RefundAtKiosk,
    RefundUnderWay,
)
from unqueue.server.payments.service import Wish
from unqueue.server.returns.model import GivenTwiceEnded
from unqueue.server.returns.service import KIOSK_SILENT_S, Wanted
from unqueue.server.returns.views import TwiceView
from unqueue.server.staff.model import MAY
from unqueue.server.tills.model import PaymentFinished, PayoutFinished, Report, Tendered

pytestmark = pytest.mark.anyio
AN = Principal("staff", "a" * 32, "An", "manager", MAY["manager"])
BO = Principal("staff", "b" * 32, "Bo", "manager", MAY["manager"])
CLEARING = f"provider:{METHOD}:clearing"
HOUR_S = 3600


async def returned(till: Till) -> Shopper:
    """An order that a wallet paid, and whose goods came back."""
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    await till.bank.press(payment["action"]["url"])
    await till.bank.send()
    await till.returns.propose(shopper.order.order_id, [Wanted(1, 1)], "", new_id(), AN)
    return shopper


async def unanswered(till: Till, clock: ManualClock, fault: str = "lose_request") -> str:
    """A refund of which the wallet has said nothing for an hour; its id."""
    await returned(till)
    till.bank.wire.fails = [fault]
    await till.work()
    till.bank.wire.is_cut = True
    clock.advance(HOUR_S)
    await till.work()
    (waiting,) = await till.returns.refunds_waiting()
    return waiting.id


async def balanced(till: Till) -> dict[str, int]:
    assert await till.database.read(ledger.out_of_balance) == []
    return await till.balances()


async def test_what_waits_tells_why_and_what_can_be_done(till: Till, clock: ManualClock) -> None:
    await returned(till)
    till.bank.wire.fails = ["lose_request"]
    await till.work()
    (early,) = await till.returns.refunds_waiting()
    assert (early.may_arrive, early.claimed_by, early.ways) == (True, "", [])
    clock.advance(HOUR_S)
    (late,) = await till.returns.refunds_waiting()
    assert (late.ways, late.tries) == (["settle"], 1)
    assert late.problem is not None


@pytest.mark.parametrize(("paid_by", "account"), [("cash", "desk"), ("bank", "bank")])
async def test_a_provider_that_never_answers_is_not_waited_for(
    till: Till, clock: ManualClock, paid_by: PaidBy, account: str
) -> None:
    refund_id = await unanswered(till, clock)
    for _ in range(2):  # an answer may be lost
        await till.returns.settle_by_hand(refund_id, paid_by, "a day without a word", AN)
    with pytest.raises(RefundArrived):
        await till.returns.settle_by_hand(refund_id, paid_by, "me too", BO)
    with pytest.raises(RefundArrived):
        await till.returns.pay_by_hand(refund_id, BO)
    assert await till.returns.refunds_waiting() == []
    assert await balanced(till) == {CLEARING: 1290, account: -1290}
    ((_, told),) = await till.events("payment.refunded_by_hand")
    assert (told["by"], told["paid_by"], told["reason"]) == ("An", paid_by, "a day without a word")


async def test_too_early_nobody_settles_by_hand(till: Till, clock: ManualClock) -> None:
    await returned(till)
    till.bank.wire.fails = ["lose_answer"]
    await till.work()
    (waiting,) = await till.returns.refunds_waiting()
    clock.advance(HOUR_S - 1)
    with pytest.raises(RefundUnderWay):
        await till.returns.settle_by_hand(waiting.id, "cash", "impatient", AN)


async def test_nothing_is_sent_any_more_once_it_is_settled(till: Till, clock: ManualClock) -> None:
    refund_id = await unanswered(till, clock)
    await till.returns.settle_by_hand(refund_id, "cash", "a day", AN)
    till.bank.wire.is_cut = False
    till.bank.wire.asked.clear()
    for _ in range(6):
        clock.advance(24 * HOUR_S)
        await till.work()
    assert [asked for asked in till.bank.wire.asked if asked.startswith("POST")] == []
    assert 1 <= len(till.bank.wire.asked) <= 4, "the provider is asked for a while, and then no more"
    assert await balanced(till) == {CLEARING: 1290, "desk": -1290}
    assert await till.returns.given_twice() == []


async def test_what_arrives_after_all_is_owed_by_name(till: Till, clock: ManualClock) -> None:
    """The wallet had taken the request and its answer was lost: the shopper has the money twice."""
    refund_id = await unanswered(till, clock, "lose_answer")
    await till.returns.settle_by_hand(refund_id, "bank", "a day", AN)
    till.bank.wire.is_cut = False
    for _ in range(4):
        clock.advance(24 * HOUR_S)
        await till.work()
    (twice,) = await till.returns.given_twice()
    assert (twice.refund_id, twice.amount.amount_minor, twice.paid_by) == (refund_id, 1290, "An")
    assert await balanced(till) == {"bank": -1290, f"given-twice:{twice.order_id}": 1290}
    assert len(await till.events("payment.refunded_twice")) == 1


async def test_the_provider_s_own_word_is_enough(till: Till, clock: ManualClock) -> None:
    """It tells by itself that it arrived, long after nobody asks any more; it is asked, and asked once."""
    refund_id = await unanswered(till, clock, "lose_answer")
    await till.returns.settle_by_hand(refund_id, "cash", "a day", AN)
    for _ in range(6):
        clock.advance(24 * HOUR_S)
        await till.work()
    assert await till.returns.given_twice() == []
    till.bank.wire.is_cut = False
    for _ in range(2):
        await till.database.unit(lambda tx: settling.hasten_refund(tx, refund_id))
        await till.work(2)
    assert len(await till.returns.given_twice()) == 1
    till.bank.wire.asked.clear()
    await till.work(2)
    assert till.bank.wire.asked == []


class Late(SandboxWallet):
    """Says that it did it, just when staff have stopped waiting."""

    till: Till

    async def refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        await self.till.returns.settle_by_hand(request.refund_id, "cash", "no word", AN)
        return await super().refund(request, charge)


async def test_an_answer_that_comes_in_the_same_moment_is_not_lost(till: Till, clock: ManualClock) -> None:
    await unanswered(till, clock)
    till.bank.wire.is_cut = False
    wallet = till.bank.account(Late)
    assert isinstance(wallet, Late)
    wallet.till = till
    late = Till(till.database, till.bank, {METHOD: wallet})
    clock.advance(HOUR_S)
    await late.work()
    await late.stop()
    (twice,) = await till.returns.given_twice()
    assert await balanced(till) == {"desk": -1290, f"given-twice:{twice.order_id}": 1290}


async def heard(till: Till) -> None:
    """The kiosk sends a sign of life."""
    device = Device(KIOSK.id, "kiosk", "1", "h" * 64, "idle")
    await till.database.unit(lambda tx: save(tx, Device(**{**_fields(device), "seen_us": tx.at_us})))


def _fields(device: Device) -> dict[str, Any]:
    return {name: getattr(device, name) for name in device.__struct_fields__}


async def claimed(till: Till) -> str:
    """Ten yuan in cash that the kiosk is about to give back; the refund's id."""
    refund_id = await unclaimed(till)
    await till.tills.claim_payout(KIOSK, refund_id)
    await heard(till)
    return refund_id


async def unclaimed(till: Till) -> str:
    """Ten yuan in cash that go back; the refund's id."""
    till.returns._by_hand = frozenset({"cash"})
    shopper = await till.order(MILK)
    wish = Wish(method="cash", place=KIOSK.id, amount_minor=1000, return_to="order")
    payment = await till.payments.create(shopper.order, wish, actor=KIOSK.actor)
    took = PaymentFinished(
        payment_id=payment.payment_id,
        revision=1,
        outcome="paid",
        currency="CNY",
        due_minor=1000,
        rounding_minor=0,
        tendered=[Tendered("CNY-1000-note", 1, 1000, "cashbox:notes")],
        dispensed={},
        debts=[],
    )
    await till.tills.hear(KIOSK, Report("j:1", KIOSK.id, "j", 1, 1, took))
    await shopper.call("POST", f"{shopper.path}/give-back")
    await till.work()
    (payout,) = await till.tills.payouts(KIOSK)
    return payout.refund_id


def gave(refund_id: str, amount_minor: int = 1000) -> Report:
    told = PayoutFinished(
        refund_id=refund_id,
        revision=1,
        currency="CNY",
        amount_minor=amount_minor,
        rounding_minor=0,
        dispensed={"CNY-1000-note": 1},
        debts=[],
    )
    return Report("j:2", KIOSK.id, "j", 2, 1, told)


async def test_a_kiosk_that_runs_keeps_its_claim(till: Till, clock: ManualClock) -> None:
    refund_id = await claimed(till)
    clock.advance(KIOSK_SILENT_S)
    (waiting,) = await till.returns.refunds_waiting()
    assert (waiting.claimed_by, waiting.ways, waiting.may_arrive) == (KIOSK.id, [], False)
    assert waiting.claimed_seen_at is not None
    with pytest.raises(KioskAwake):
        await till.returns.release(refund_id, "it looks dead", AN)
    with pytest.raises(RefundAtKiosk):
        await till.returns.settle_by_hand(refund_id, "cash", "it looks dead", AN)


async def released(till: Till, clock: ManualClock) -> str:
    refund_id = await claimed(till)
    clock.advance(KIOSK_SILENT_S + 1)
    (waiting,) = await till.returns.refunds_waiting()
    assert waiting.ways == ["release"]
    for _ in range(2):
        await till.returns.release(refund_id, "its screen is dark, the tray is empty", AN)
    ((_, told),) = await till.events("payment.refund_released")
    assert (told["by"], told["place"], told["reason"]) == ("An", KIOSK.id, "its screen is dark, the tray is empty")
    return refund_id


async def test_a_silent_kiosk_is_released_and_staff_give_it_back(till: Till, clock: ManualClock) -> None:
    refund_id = await released(till, clock)
    await till.returns.settle_by_hand(refund_id, "cash", "kiosk is dead", BO)
    assert await till.tills.payouts(KIOSK) == []
    assert await balanced(till) == {"cash:kiosk-1": 1000, "desk": -1000}


async def test_a_released_kiosk_that_comes_back_may_give_it_after_all(till: Till, clock: ManualClock) -> None:
    """Nobody else has meanwhile: its report is the refund."""
    refund_id = await released(till, clock)
    await till.tills.hear(KIOSK, gave(refund_id))
    assert await till.returns.refunds_waiting() == []
    assert await balanced(till) == {}
    with pytest.raises(RefundArrived):
        await till.returns.settle_by_hand(refund_id, "cash", "kiosk is dead", BO)


async def test_a_released_kiosk_that_had_paid_is_a_second_refund(till: Till, clock: ManualClock) -> None:
    refund_id = await released(till, clock)
    await till.returns.settle_by_hand(refund_id, "cash", "kiosk is dead", BO)
    for _ in range(2):
        await till.tills.hear(KIOSK, gave(refund_id))
    (twice,) = await till.returns.given_twice()
    assert twice.amount.amount_minor == 1000
    assert await balanced(till) == {"desk": -1000, f"given-twice:{twice.order_id}": 1000}


async def test_what_the_kiosk_has_told_is_not_released(till: Till, clock: ManualClock) -> None:
    refund_id = await claimed(till)
    await till.tills.hear(KIOSK, gave(refund_id))
    clock.advance(KIOSK_SILENT_S + 1)
    with pytest.raises(RefundArrived):
        await till.returns.release(refund_id, "too late", AN)


async def test_what_a_kiosk_told_otherwise_is_nobody_s_to_hand_over(till: Till, clock: ManualClock) -> None:
    """It paid out, though not what it should have: its tray was not empty after all."""
    refund_id = await released(till, clock)
    await till.tills.hear(KIOSK, gave(refund_id, 900))
    (waiting,) = await till.returns.refunds_waiting()
    assert waiting.ways == []
    for act in (
        till.returns.pay_by_hand(refund_id, AN),
        till.returns.settle_by_hand(refund_id, "cash", "x", AN),
        till.returns.release(refund_id, "x", AN),
    ):
        with pytest.raises(RefundArrived):
            await act


async def test_a_refund_that_there_is_not(till: Till) -> None:
    for act in (
        till.returns.release(new_id(), "x", AN),
        till.returns.settle_by_hand(new_id(), "cash", "x", AN),
    ):
        with pytest.raises(DomainError) as refused:
            await act
        assert refused.value.code == "not_found"


class Broken(SandboxWallet):
    """Fails in a way that nobody foresaw."""

    tries = 0

    async def refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        self.tries += 1
        raise RuntimeError(request.refund_id + charge.attempt_id)


async def test_a_refund_that_fails_in_an_unforeseen_way_waits_longer_each_time(
    till: Till, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Else it would be tried every second for ever, and keep the sixteen places from the others."""
    await returned(till)
    wallet = till.bank.account(Broken)
    assert isinstance(wallet, Broken)
    broken = Till(till.database, till.bank, {METHOD: wallet})
    for _ in range(60):
        await broken.work()
        clock.advance(1)
    await broken.stop()
    assert 2 <= wallet.tries <= 5
    assert "looking after a payment failed" in caplog.text
    (waiting,) = await till.returns.refunds_waiting()
    assert waiting.may_arrive
    with pytest.raises(RefundUnderWay):
        await till.returns.pay_by_hand(waiting.id, BO)


class Away(SandboxWallet):
    async def query_refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        raise ProviderUnavailable("timeout", request.refund_id + charge.attempt_id)


async def test_a_provider_that_is_away_uses_no_look_up(till: Till, clock: ManualClock) -> None:
    """It had given the money back before it went away: what it says once it is there again is still heard."""
    refund_id = await unanswered(till, clock, "lose_answer")
    await till.returns.settle_by_hand(refund_id, "cash", "a day", AN)
    away = Till(till.database, till.bank, {METHOD: till.bank.account(Away)})
    clock.advance(60)
    looked = 0
    for _ in range(8):
        looked += await away.worker.work_off()
        assert await away.worker.work_off() == 0
        clock.advance(600)
    await away.stop()
    assert looked == 8
    till.bank.wire.is_cut = False
    await till.work()
    assert len(await till.returns.given_twice()) == 1


class Fickle(SandboxWallet):
    """Its refund has failed; asked again, it is at it after all; then it is away."""

    asked = 0

    async def refund(self, request: RefundRequest, charge: Charge) -> RefundState:  # noqa: ARG002
        return RefundState("failed")

    async def query_refund(self, request: RefundRequest, charge: Charge) -> RefundState:  # noqa: ARG002
        self.asked += 1
        if self.asked == 1:
            return RefundState("pending")
        raise ProviderUnavailable("timeout", request.refund_id)


async def test_what_its_provider_is_doing_after_all_is_not_handed_over(till: Till, clock: ManualClock) -> None:
    await returned(till)
    wallet = till.bank.account(Fickle)
    assert isinstance(wallet, Fickle)
    fickle = Till(till.database, till.bank, {METHOD: wallet})
    for _ in range(3):
        await fickle.work()
        clock.advance(60)
    await fickle.stop()
    assert wallet.asked == 2
    (waiting,) = await till.returns.refunds_waiting()
    assert (waiting.problem, waiting.may_arrive, waiting.ways) == ("timeout", True, [])
    with pytest.raises(RefundUnderWay):
        await till.returns.pay_by_hand(waiting.id, BO)


async def test_a_refund_in_cash_stays_free_for_any_kiosk(till: Till, clock: ManualClock) -> None:
    """Its answer is that nobody has given it yet: nobody has it in hand either."""
    refund_id = await unclaimed(till)
    for _ in range(3):
        clock.advance(60)
        await till.work()
    (waiting,) = await till.returns.refunds_waiting()
    assert (waiting.may_arrive, waiting.claimed_by) == (False, "")
    await till.tills.claim_payout(KIOSK, refund_id)
    (waiting,) = await till.returns.refunds_waiting()
    assert waiting.claimed_by == KIOSK.id


class Rethinks(SandboxWallet):
    """Refuses, and has done it all the same when it is asked later."""

    async def refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        await super().refund(request, charge)
        raise ProviderRefused("refund_window_closed", request.refund_id)


async def test_a_refusal_that_was_handed_over_is_watched_too(till: Till, clock: ManualClock) -> None:
    await returned(till)
    rethinks = Till(till.database, till.bank, {METHOD: till.bank.account(Rethinks)})
    await rethinks.work()
    await rethinks.stop()
    (waiting,) = await till.returns.refunds_waiting()
    await till.returns.pay_by_hand(waiting.id, AN)
    clock.advance(60)
    await till.work()
    (twice,) = await till.returns.given_twice()
    assert await balanced(till) == {"desk": -1290, f"given-twice:{twice.order_id}": 1290}


async def test_cash_that_was_handed_over_is_not_watched(till: Till, clock: ManualClock) -> None:
    """No kiosk gives what staff gave: there is nobody to ask."""
    refund_id = await unclaimed(till)
    clock.advance(60)
    await till.work()
    await till.returns.pay_by_hand(refund_id, AN)
    clock.advance(24 * HOUR_S)
    assert await till.worker.work_off() == 0


async def test_a_transfer_is_told_from_cash(till: Till, clock: ManualClock) -> None:
    refund_id = await unanswered(till, clock)
    await till.returns.settle_by_hand(refund_id, "bank", "a day", AN)
    refund = await till.database.read(lambda connection: payments_store.get_refund(connection, refund_id))
    assert refund is not None
    (made,) = (await till.returns.look(await numbered(till, refund.order_id))).returns
    assert [(share.by_hand, share.paid_by) for share in made.shares] == [(True, "bank")]


async def twice_given(till: Till, clock: ManualClock) -> TwiceView:
    """Cash from the desk for what the wallet had given back as well."""
    refund_id = await unanswered(till, clock, "lose_answer")
    await till.returns.settle_by_hand(refund_id, "cash", "a day", AN)
    till.bank.wire.is_cut = False
    clock.advance(60)
    await till.work()
    (twice,) = await till.returns.given_twice()
    return twice


@pytest.mark.parametrize(
    ("back_by", "left"),
    [
        ("cash", {}),
        ("bank", {"desk": -1290, "bank": 1290}),
        ("written_off", {"desk": -1290, "given-twice-lost": 1290}),
    ],
)
async def test_what_came_twice_is_ended_once(
    till: Till, clock: ManualClock, back_by: BackBy, left: dict[str, int]
) -> None:
    twice = await twice_given(till, clock)
    assert await till.returns.end_given_twice(twice.refund_id, back_by, "she brought it", AN) == twice
    assert await balanced(till) == left
    assert await till.returns.given_twice() == []
    with pytest.raises(GivenTwiceEnded):
        await till.returns.end_given_twice(twice.refund_id, back_by, "again", BO)
    ((_, told),) = await till.events("payment.given_twice_ended")
    assert (told["by"], told["back_by"], told["reason"]) == ("An", back_by, "she brought it")


async def test_what_came_once_is_not_ended(till: Till, clock: ManualClock) -> None:
    refund_id = await unanswered(till, clock)
    for unknown in (refund_id, new_id()):
        with pytest.raises(NotFound):
            await till.returns.end_given_twice(unknown, "cash", "x", AN)


async def test_of_two_in_one_order_the_open_one_stays(till: Till, clock: ManualClock) -> None:
    shopper = await till.order(MILK, BEER)
    payment = await shopper.start_payment()
    await till.bank.press(payment["action"]["url"])
    await till.bank.send()
    for line in (1, 2):
        await till.returns.propose(shopper.order.order_id, [Wanted(line, 1)], "", new_id(), AN)
    till.bank.wire.fails = ["lose_answer", "lose_answer"]
    await till.work()
    clock.advance(HOUR_S)
    for waiting in await till.returns.refunds_waiting():
        await till.returns.settle_by_hand(waiting.id, "cash", "a day", AN)
    clock.advance(60)
    await till.work()
    ended, stays = await till.returns.given_twice()
    await till.returns.end_given_twice(ended.refund_id, "cash", "back", AN)
    assert await till.returns.given_twice() == [stays]


async def numbered(till: Till, order_id: str) -> str:
    order = await till.database.read(lambda connection: orders_store.get(connection, order_id))
    assert order is not None
    return order.number
