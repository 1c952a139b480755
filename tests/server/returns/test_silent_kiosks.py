"""A kiosk that died with its claim holds no refund up: staff release it, by name, and nobody gives it twice unseen."""

import pytest
from tests.server.returns.hanging import AN, BO, HOUR_S, balanced, gave, unclaimed
from tests.support.tills import KIOSK, Till

from unqueue.kernel.clock import ManualClock
from unqueue.server.fleet.model import Device
from unqueue.server.fleet.store import save
from unqueue.server.payments.model import KioskAwake, RefundArrived, RefundAtKiosk
from unqueue.server.returns.service import KIOSK_SILENT_S

pytestmark = pytest.mark.anyio


async def heard(till: Till) -> None:
    """The kiosk sends a sign of life."""
    await till.database.unit(lambda tx: save(tx, Device(KIOSK.id, "kiosk", "1", "h" * 64, "idle", seen_us=tx.at_us)))


async def claimed(till: Till) -> str:
    """Ten yuan in cash that the kiosk is about to give back; the refund's id."""
    refund_id = await unclaimed(till)
    await till.tills.claim_payout(KIOSK, refund_id)
    await heard(till)
    return refund_id


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


async def test_cash_that_was_handed_over_is_not_watched(till: Till, clock: ManualClock) -> None:
    """No kiosk gives what staff gave: there is nobody to ask."""
    refund_id = await unclaimed(till)
    clock.advance(60)
    await till.work()
    await till.returns.pay_by_hand(refund_id, AN)
    clock.advance(24 * HOUR_S)
    assert await till.worker.work_off() == 0
