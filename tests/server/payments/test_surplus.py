"""Money that came too late, twice or in another amount goes back: once, whole, and without voiding the order."""

import asyncio
from typing import Any

import msgspec
import pytest
from tests.support.tills import METHOD, MILK, Shopper, Till

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.money import Money
from unqueue.providers.port import Charge, ProviderState, ProviderUnavailable, RefundState
from unqueue.providers.port import RefundRequest as Wanted
from unqueue.providers.sandbox_wallet.client import SandboxWallet
from unqueue.providers.sandbox_wallet.messages import RefundRequest
from unqueue.server.payments import store

pytestmark = pytest.mark.anyio


async def surplus(till: Till) -> tuple[Shopper, dict[str, Any], dict[str, Any]]:
    """An order paid with its second attempt, when the wallet takes money for the first one too."""
    shopper = await till.order(MILK)
    first = await shopper.start_payment()
    await shopper.close(first)
    till.bank.clock.advance(1)
    second = await shopper.start_payment()
    await till.bank.press(second["action"]["url"])
    await till.bank.send()
    answer = await till.bank.press(first["action"]["url"], trouble="after_close")
    assert answer.json()["status"] == "succeeded"
    return shopper, first, second


async def test_a_late_success_is_a_surplus_that_goes_back_without_voiding_the_order(till: Till) -> None:
    shopper, first, second = await surplus(till)
    await till.bank.send()
    order = await shopper.read()
    assert order["status"] == "paid"
    assert [entry["status"] for entry in order["payments"]] == ["surplus", "succeeded"]
    assert (await till.balances())[f"surplus:{shopper.order.order_id}"] == -shopper.order.total_minor
    await till.work()
    order = await shopper.read()
    assert order["status"] == "paid"
    assert [entry["status"] for entry in order["payments"]] == ["refunded", "succeeded"]
    held = await till.balances()
    assert f"surplus:{shopper.order.order_id}" not in held
    assert held[f"provider:{METHOD}:clearing"] == shopper.order.total_minor
    assert till.bank.app.store.refunded_minor("store-7", first["id"]) == shopper.order.total_minor
    assert till.bank.app.store.refunded_minor("store-7", second["id"]) == 0


async def test_a_late_success_of_an_order_that_was_reopened_goes_back(till: Till) -> None:
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    await shopper.close(payment)
    await shopper.call("POST", f"/api/trips/{shopper.order.trip_id}/reopen")
    await till.bank.press(payment["action"]["url"], trouble="after_close")
    await till.bank.send()
    await till.work()
    assert (await till.payment(payment["id"])).status == "refunded"
    assert await till.balances() == {}
    assert (await shopper.read())["status"] == "closed"


async def test_a_late_success_nobody_tells_of_is_found_too(till: Till, clock: ManualClock) -> None:
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    await shopper.close(payment)
    await till.bank.press(payment["action"]["url"], trouble="after_close")
    # The notification never reaches us: only what we look at ourselves counts.
    clock.advance(60)
    await till.work(2)
    assert (await till.payment(payment["id"])).status == "refunded"
    assert (await shopper.read())["status"] == "open"


@pytest.mark.parametrize("fault", ["lose_request", "lose_answer", "error", "garble"])
async def test_a_refund_is_tried_until_it_arrived_and_arrives_once(till: Till, clock: ManualClock, fault: str) -> None:
    shopper, first, _ = await surplus(till)
    await till.bank.send()
    till.bank.wire.fails = [fault, fault]
    await till.work()
    assert (await till.payment(first["id"])).status == "surplus"
    clock.advance(1)
    await till.work()
    assert (await till.payment(first["id"])).status == "surplus"
    clock.advance(5)
    await till.work()
    assert (await till.payment(first["id"])).status == "refunded"
    assert till.bank.app.store.refunded_minor("store-7", first["id"]) == shopper.order.total_minor
    assert len(await till.events("payment.refunded")) == 1
    if fault == "lose_answer":  # it was asked about first, and had arrived: nothing needed to be sent again
        assert sum(asked.startswith("POST") and asked.endswith("/refunds") for asked in till.bank.wire.asked) == 1


class StingyWallet(SandboxWallet):
    """A provider that gives back less than it was told to, and says so."""

    async def refund(self, request: Wanted, charge: Charge) -> RefundState:
        less = Money(request.amount.amount_minor - 1, request.amount.currency)
        given = await super().refund(msgspec.structs.replace(request, amount=less), charge)
        return RefundState("succeeded", given.amount, given.reference)


async def test_a_refund_of_another_amount_is_not_booked_as_done(till: Till) -> None:
    _, first, _ = await surplus(till)
    await till.bank.send()
    stingy = Till(till.database, till.bank, {METHOD: till.bank.account(StingyWallet)})
    await stingy.work()
    await stingy.stop()
    assert (await till.payment(first["id"])).status == "surplus"
    assert [data["problem"] for _, data in await till.events("payment.refund_refused")] == ["refund_amount_mismatch"]


async def test_two_workers_give_a_surplus_back_once(till: Till) -> None:
    shopper, first, _ = await surplus(till)
    await till.bank.send()
    await asyncio.gather(*(till.worker.work_off() for _ in range(3)))
    assert len(await till.events("payment.refunded")) == 1
    assert till.bank.app.store.refunded_minor("store-7", first["id"]) == shopper.order.total_minor
    assert (await till.balances())[f"provider:{METHOD}:clearing"] == shopper.order.total_minor


class SlowWallet(SandboxWallet):
    """A provider whose first answer to a refund is late, and lost; ``may_answer`` lets it come."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.may_answer = asyncio.Event()
        self.asked = 0

    async def refund(self, request: Wanted, charge: Charge) -> RefundState:
        self.asked += 1
        if self.asked == 1:
            await self.may_answer.wait()
            raise ProviderUnavailable("timeout", "the answer is lost")
        return await super().refund(request, charge)


async def test_a_refund_that_arrived_stays_so_though_an_earlier_try_ends_later(
    till: Till, caplog: pytest.LogCaptureFixture
) -> None:
    _, first, _ = await surplus(till)
    await till.bank.send()
    wallet = till.bank.account(SlowWallet)
    slow = Till(till.database, till.bank, {METHOD: wallet})
    earlier = asyncio.create_task(slow.worker.work_off())
    while not wallet.asked:
        await asyncio.sleep(0)
    await slow.worker.work_off()
    assert (await till.payment(first["id"])).status == "refunded"
    wallet.may_answer.set()
    await earlier
    await slow.stop()
    later_us = till.payments.now_us + 10**12
    assert await till.database.read(lambda connection: store.refunds_due(connection, later_us, 9)) == []
    assert (await till.payment(first["id"])).status == "refunded"
    assert "Traceback" not in caplog.text


class BrokenWallet(SlowWallet):
    """A driver with a fault: it fails where no driver may, while a refund is under way."""

    async def query(self, charge: Charge) -> ProviderState:
        raise ZeroDivisionError(charge.attempt_id)


async def test_a_fault_with_one_payment_does_not_leave_the_others_running(
    till: Till, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    await surplus(till)
    await till.bank.send()
    other = await till.order(MILK)
    await other.start_payment()
    clock.advance(5)
    wallet = till.bank.account(BrokenWallet)
    broken = Till(till.database, till.bank, {METHOD: wallet})
    working = asyncio.create_task(broken.worker.work_off())
    while not wallet.asked:
        await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0.001)
    assert not working.done(), "the refund is still under way"
    wallet.may_answer.set()
    assert await working == 1
    await broken.stop()
    assert "ZeroDivisionError" in caplog.text


async def test_a_refund_that_the_provider_refuses_is_told_to_staff_once_and_tried_on(
    till: Till, clock: ManualClock
) -> None:
    _, first, _ = await surplus(till)
    await till.bank.send()
    # The wallet has already given it back by hand, so our own refund would be too much.
    till.bank.app.wallet.refund("store-7", first["id"], RefundRequest("by-hand-1", Money(1290, "CNY")))
    for _ in range(4):
        await till.work()
        clock.advance(3600)
    told = await till.events("payment.refund_refused")
    assert [data["problem"] for _, data in told] == ["refund_exceeds_payment"]
    assert (await till.payment(first["id"])).status == "surplus"
    assert len(await till.database.read(lambda connection: store.refunds_due(connection, till.payments.now_us, 9))) == 1


async def test_money_that_is_not_what_was_asked_for_does_not_pay_the_order(till: Till) -> None:
    """The provider itself says that it took another amount: the order stays unpaid and the money goes back."""
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    taken = ProviderState("succeeded", Money(1000, "CNY"), shopper.order.order_id, "W1")
    await till.payments.settle(await till.payment(payment["id"]), taken)
    assert (await shopper.read())["status"] == "open"
    assert (await till.payment(payment["id"])).status == "surplus"
    assert await till.balances() == {
        f"provider:{METHOD}:clearing": 1000,
        f"surplus:{shopper.order.order_id}": -1000,
    }
