"""A provider that never answers, or refuses, holds no refund up: staff end it, by name, and the provider is watched."""

import pytest
from tests.server.returns.hanging import AN, BO, CLEARING, HOUR_S, balanced, returned, unanswered
from tests.support.tills import METHOD, Till

from unqueue.kernel.clock import ManualClock
from unqueue.providers.port import Charge, ProviderRefused, ProviderUnavailable, RefundRequest, RefundState
from unqueue.providers.sandbox_wallet.client import SandboxWallet
from unqueue.server.orders import store as orders_store
from unqueue.server.payments import settling
from unqueue.server.payments import store as payments_store
from unqueue.server.payments.model import WATCH_AFTER_S, PaidBy, RefundArrived, RefundUnderWay

pytestmark = pytest.mark.anyio


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


class Refuses(SandboxWallet):
    """Will not say what became of a refund, and will not another time either."""

    asked = 0

    async def query_refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        self.asked += 1
        raise ProviderRefused("no_permission", request.refund_id + charge.attempt_id)


async def test_a_provider_that_refuses_to_say_is_not_asked_for_ever(till: Till, clock: ManualClock) -> None:
    """A refusal is an answer; what the provider tells by itself, or its settlement file says, is still heard."""
    refund_id = await unanswered(till, clock, "lose_answer")
    await till.returns.settle_by_hand(refund_id, "cash", "a day", AN)
    wallet = till.bank.account(Refuses)
    assert isinstance(wallet, Refuses)
    refuses = Till(till.database, till.bank, {METHOD: wallet})
    for _ in range(12):
        clock.advance(24 * HOUR_S)
        await refuses.work()
    await refuses.stop()
    assert wallet.asked == len(WATCH_AFTER_S)
    till.bank.wire.is_cut = False
    await till.database.unit(lambda tx: settling.hasten_refund(tx, refund_id))
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


async def test_a_transfer_is_told_from_cash(till: Till, clock: ManualClock) -> None:
    refund_id = await unanswered(till, clock)
    await till.returns.settle_by_hand(refund_id, "bank", "a day", AN)
    refund = await till.database.read(lambda connection: payments_store.get_refund(connection, refund_id))
    assert refund is not None
    (made,) = (await till.returns.look(await numbered(till, refund.order_id))).returns
    assert [(share.by_hand, share.paid_by) for share in made.shares] == [(True, "bank")]


async def numbered(till: Till, order_id: str) -> str:
    order = await till.database.read(lambda connection: orders_store.get(connection, order_id))
    assert order is not None
    return order.number
