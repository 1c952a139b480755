"""What staff gave by hand and a provider gave as well: the shopper owes it, by name, until somebody ends it."""

import pytest
from tests.server.returns.hanging import AN, BO, HOUR_S, balanced, unanswered
from tests.support.tills import BEER, METHOD, MILK, Till

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.errors import NotFound
from unqueue.kernel.ids import new_id
from unqueue.providers.port import Charge, RefundRequest, RefundState
from unqueue.providers.sandbox_wallet.client import SandboxWallet
from unqueue.server.payments import settling
from unqueue.server.payments.model import BackBy
from unqueue.server.returns.model import GivenTwiceEnded
from unqueue.server.returns.service import Wanted
from unqueue.server.returns.views import TwiceView

pytestmark = pytest.mark.anyio


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
