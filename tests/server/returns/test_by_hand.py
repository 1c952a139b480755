"""Money that goes over the desk must not go back a second time by its provider, nor the other way round."""

import asyncio
from typing import Any

import pytest
from tests.server.returns.hanging import AN, BO, gave, returned, unclaimed
from tests.support.tills import KIOSK, METHOD, Till

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.errors import DomainError
from unqueue.kernel.ids import new_id
from unqueue.providers.port import Charge, ProviderRefused, ProviderUnavailable, RefundRequest, RefundState
from unqueue.providers.sandbox_wallet.client import SandboxWallet
from unqueue.server.payments.model import RefundArrived, RefundUnderWay

pytestmark = pytest.mark.anyio


class NoRefunds(SandboxWallet):
    async def refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        raise ProviderRefused("refund_window_closed", charge.attempt_id + request.refund_id)


async def test_what_arrived_meanwhile_is_not_handed_over(till: Till, clock: ManualClock) -> None:
    """The desk's list is a minute old: the wallet has given the money back since."""
    await returned(till)
    stubborn = Till(till.database, till.bank, {METHOD: till.bank.account(NoRefunds)})
    await stubborn.work()
    await stubborn.stop()
    (waiting,) = await till.returns.refunds_waiting()
    clock.advance(5)
    await till.work()
    assert await till.returns.refunds_waiting() == []
    with pytest.raises(RefundArrived):
        await till.returns.pay_by_hand(waiting.id, BO)


async def test_two_members_of_staff_hand_it_over_once(till: Till) -> None:
    await returned(till)
    stubborn = Till(till.database, till.bank, {METHOD: till.bank.account(NoRefunds)})
    await stubborn.work()
    await stubborn.stop()
    (waiting,) = await till.returns.refunds_waiting()
    for _ in range(2):  # an answer may be lost
        await till.returns.pay_by_hand(waiting.id, BO)
    with pytest.raises(RefundArrived):
        await till.returns.pay_by_hand(waiting.id, AN)


async def test_what_the_kiosk_paid_out_is_not_handed_over(till: Till) -> None:
    refund_id = await unclaimed(till)
    await till.tills.claim_payout(KIOSK, refund_id)
    await till.tills.hear(KIOSK, gave(refund_id))
    with pytest.raises(RefundArrived):
        await till.returns.pay_by_hand(refund_id, BO)


@pytest.mark.parametrize("fault", ["lose_request", "lose_answer"])
async def test_what_may_still_arrive_is_not_handed_over(till: Till, clock: ManualClock, fault: str) -> None:
    """Nobody knows whether the wallet has given it back: its answer was lost."""
    await returned(till)
    till.bank.wire.fails = [fault]
    await till.work()
    (waiting,) = await till.returns.refunds_waiting()
    with pytest.raises(RefundUnderWay):
        await till.returns.pay_by_hand(waiting.id, BO)
    clock.advance(5)
    await till.work()
    assert await till.returns.refunds_waiting() == []


class SlowWallet(SandboxWallet):
    """Refuses the first time; the second answer is late."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.may_answer = asyncio.Event()
        self.asked = 0

    async def refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        self.asked += 1
        if self.asked == 1:
            raise ProviderRefused("merchant_balance_too_small", request.refund_id)
        await self.may_answer.wait()
        return await super().refund(request, charge)


async def test_what_is_being_sent_is_not_handed_over(till: Till, clock: ManualClock) -> None:
    await returned(till)
    wallet = till.bank.account(SlowWallet)
    slow = Till(till.database, till.bank, {METHOD: wallet})
    await slow.work()
    (waiting,) = await till.returns.refunds_waiting()
    clock.advance(5)
    working = asyncio.create_task(slow.worker.work_off())
    while wallet.asked < 2:
        await asyncio.sleep(0)
    with pytest.raises(RefundUnderWay):
        await till.returns.pay_by_hand(waiting.id, BO)
    wallet.may_answer.set()
    await working
    await slow.stop()
    assert await till.returns.refunds_waiting() == []


async def test_what_was_never_sent_is_not_handed_over(till: Till) -> None:
    await returned(till)
    (waiting,) = await till.database.read(_refunds)
    with pytest.raises(RefundUnderWay):
        await till.returns.pay_by_hand(waiting, BO)
    await till.work()
    assert await till.returns.refunds_waiting() == []


class Flaky(NoRefunds):
    """Refuses, but for one try that gets no answer."""

    unanswered = 2
    tries = 0

    async def refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        self.tries += 1
        if self.tries == self.unanswered:
            raise ProviderUnavailable("timeout", request.refund_id)
        return await super().refund(request, charge)


@pytest.mark.parametrize("unanswered", [1, 2])
async def test_a_refusal_says_nothing_of_a_try_that_was_never_answered(
    till: Till, clock: ManualClock, unanswered: int
) -> None:
    """It may still be on its way, and be done once the wallet has the money."""
    await returned(till)
    wallet = till.bank.account(Flaky)
    wallet.unanswered = unanswered
    flaky = Till(till.database, till.bank, {METHOD: wallet})
    for _ in range(4):
        await flaky.work()
        clock.advance(60)
    assert wallet.tries == 4
    (waiting,) = await till.returns.refunds_waiting()
    with pytest.raises(RefundUnderWay):
        await till.returns.pay_by_hand(waiting.id, BO)
    await flaky.stop()


async def test_a_crash_while_it_is_sent_leaves_it_on_its_way(till: Till, clock: ManualClock) -> None:
    await returned(till)
    slow = Till(till.database, till.bank, {METHOD: till.bank.account(SlowWallet)})
    slow.payments.providers[METHOD].asked = 1  # type: ignore[attr-defined]  # so that it waits
    working = asyncio.create_task(slow.worker.work_off())
    while slow.payments.providers[METHOD].asked < 2:  # type: ignore[attr-defined]
        await asyncio.sleep(0)
    working.cancel()
    await slow.stop()
    refusing = Till(till.database, till.bank, {METHOD: till.bank.account(NoRefunds)})
    for _ in range(3):
        await refusing.work()
        clock.advance(60)
    (waiting,) = await till.returns.refunds_waiting()
    with pytest.raises(RefundUnderWay):
        await till.returns.pay_by_hand(waiting.id, BO)
    await refusing.stop()


async def test_a_refund_that_there_is_not(till: Till) -> None:
    for act in (
        till.returns.release(new_id(), "x", AN),
        till.returns.settle_by_hand(new_id(), "cash", "x", AN),
    ):
        with pytest.raises(DomainError) as refused:
            await act
        assert refused.value.code == "not_found"


def _refunds(connection: Any) -> list[str]:
    from unqueue.server.payments.store import refunds_due

    return [one.refund_id for one in refunds_due(connection, 1 << 62, 9)]
