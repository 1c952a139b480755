"""A server's clock that was wrong and is set right must not hold money back."""

import pytest
from tests.support.tills import METHOD, MILK, Till

from unqueue.kernel.clock import ManualClock

pytestmark = pytest.mark.anyio
YEAR_S = 365 * 86_400


async def test_a_refund_that_was_planned_by_a_wrong_clock_goes_out(till: Till, clock: ManualClock) -> None:
    shopper = await till.order(MILK)
    payment = await shopper.start_payment(amount_minor=500)
    await till.bank.press(payment["action"]["url"])
    await till.bank.send()
    clock.advance(YEAR_S)
    till.bank.wire.is_cut = True
    await shopper.call("POST", f"{shopper.path}/give-back")
    await till.work()
    till.bank.wire.is_cut = False
    clock.advance(-YEAR_S)
    await till.work()
    assert (await till.payment(payment["id"])).status == "refunded"


async def test_an_attempt_from_the_future_ends(till: Till, clock: ManualClock) -> None:
    clock.advance(YEAR_S)
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    clock.advance(-YEAR_S)
    await till.work()
    assert (await till.payment(payment["id"])).status == "closed"


async def test_an_order_from_the_future_is_not_kept_for_ever(till: Till, clock: ManualClock) -> None:
    clock.advance(YEAR_S)
    shopper = await till.order(MILK)
    payment = await shopper.start_payment(amount_minor=500)
    await till.bank.press(payment["action"]["url"])
    await till.bank.send()
    clock.advance(-YEAR_S)
    assert await till.orders.expire() == 1
    await till.work(2)
    assert (await till.payment(payment["id"])).status == "refunded"
    assert await till.balances() == {}


async def test_a_small_step_back_ends_nothing(till: Till, clock: ManualClock) -> None:
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    clock.advance(-10)
    assert await till.orders.expire() == 0
    await till.work()
    assert (await till.payment(payment["id"])).status == "pending"
    assert METHOD in till.payments.providers
