"""A refund that a kiosk claimed comes to an end, wherever the kiosk was killed, and is never given twice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from tests.kiosk.cash.at_the_server import KioskThere
from tests.kiosk.cash.fakes import PowerCut
from tests.support.tills import MILK, Shopper, Till

from unqueue.kiosk.cash.refusals import PayoutUnavailable, TillBusy, UnknownRefund
from unqueue.kiosk.cashier import REFUNDS
from unqueue.server.access import Principal
from unqueue.server.payments.model import RefundAtKiosk
from unqueue.server.tills.service import PayoutView
from unqueue.station.link import ServerAway, ServerRefused

pytestmark = pytest.mark.anyio
AN = Principal("staff", "a", "An")


@pytest.fixture
async def kiosk(tmp_path: Path, till: Till) -> AsyncIterator[KioskThere]:
    there = KioskThere(tmp_path / "cash.db", till)
    await there.start()
    yield there
    await there.stop()


@pytest.fixture
async def shopper(kiosk: KioskThere) -> Shopper:
    """Somebody who paid ¥10.00 in cash and wants it back."""
    found = await kiosk.store.order(MILK)
    await kiosk.paid_in_cash(found, 1000)
    await found.call("POST", f"{found.path}/give-back")
    return found


async def the_refund(kiosk: KioskThere) -> PayoutView:
    (found,) = await kiosk.store.tills.payouts(Principal("device", "kiosk-1", "1", "kiosk"))
    return found


async def killed_after(kiosk: KioskThere, shopper: Shopper, step: str) -> None:
    """The process dies right after the server took its claim, or after the till wrote the refund down."""

    async def and_die(done: Callable[[], Awaitable[object]]) -> None:
        await done()
        raise PowerCut

    server, cash_till = kiosk.server, kiosk.cashier.till
    claim, pay_out = server.claim, cash_till.pay_out
    if step == "claim":
        server.claim = lambda refund_id: and_die(lambda: claim(refund_id))  # type: ignore[method-assign]
    else:
        cash_till.pay_out = lambda *args, **more: and_die(lambda: pay_out(*args, **more))  # type: ignore[method-assign,assignment]
    with pytest.raises(PowerCut):
        await kiosk.give_back(shopper)
    server.claim = claim  # type: ignore[method-assign]
    await kiosk.restart()


async def the_till_is_done(kiosk: KioskThere, refund_id: str) -> None:
    view = kiosk.cashier.till.view()
    while kiosk.cashier.till.session(refund_id).state != "finished":
        view = await kiosk.cashier.till.wait_changed(view.version)


async def test_killed_before_the_till_knew_it_goes_back_to_the_desk(kiosk: KioskThere, shopper: Shopper) -> None:
    await killed_after(kiosk, shopper, "claim")
    refund = await the_refund(kiosk)
    assert refund.claimed
    with pytest.raises(RefundAtKiosk):
        await kiosk.store.returns.pay_by_hand(refund.refund_id, AN)
    for _ in range(2):
        await kiosk.look_after()
    assert not (await the_refund(kiosk)).claimed
    assert await kiosk.give_back(shopper) == 0, "what the desk may be paying now is not given here"
    await kiosk.restart()
    assert await kiosk.give_back(shopper) == 0
    assert kiosk.gained_minor == 0


async def test_the_shopper_who_still_stands_here_gets_it_once(kiosk: KioskThere, shopper: Shopper) -> None:
    await killed_after(kiosk, shopper, "claim")
    await kiosk.look_after(shopper)
    assert (await the_refund(kiosk)).claimed
    assert await kiosk.give_back(shopper) == 1000
    await kiosk.look_after()
    assert kiosk.gained_minor == 1000
    assert await kiosk.store.tills.payouts(Principal("device", "kiosk-1", "1", "kiosk")) == []


async def test_nobody_still_stands_here_after_a_long_power_cut(kiosk: KioskThere, shopper: Shopper) -> None:
    await killed_after(kiosk, shopper, "claim")
    kiosk.world.clock.advance(3600)
    assert await kiosk.give_back(shopper) == 0
    await kiosk.look_after(shopper)
    assert not (await the_refund(kiosk)).claimed
    assert kiosk.gained_minor == 0


async def test_killed_after_the_till_knew_it_is_given_once(kiosk: KioskThere, shopper: Shopper) -> None:
    refund = await the_refund(kiosk)
    await killed_after(kiosk, shopper, "pay_out")
    await kiosk.look_after()
    await the_till_is_done(kiosk, refund.refund_id)
    await kiosk.look_after()
    assert kiosk.gained_minor == 1000
    assert await kiosk.store.tills.payouts(Principal("device", "kiosk-1", "1", "kiosk")) == []


@pytest.mark.parametrize("failure", [PayoutUnavailable(detail="it jammed"), TillBusy()])
async def test_whatever_fails_after_the_claim_goes_back_to_the_desk(
    kiosk: KioskThere, shopper: Shopper, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr("unqueue.kiosk.refunds._BUSY_S_MAX", 0.0)
    monkeypatch.setattr(kiosk.cashier.till, "pay_out", fails)
    assert await kiosk.give_back(shopper) == 0
    assert not (await the_refund(kiosk)).claimed
    assert kiosk.gained_minor == 0


async def test_a_server_that_is_away_hears_of_it_later(
    kiosk: KioskThere, shopper: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: str) -> None:
        raise ServerAway("no answer")

    await killed_after(kiosk, shopper, "claim")
    with monkeypatch.context() as patched:
        patched.setattr(kiosk.server, "release", away)
        with pytest.raises(ServerAway):
            await kiosk.look_after()
    await kiosk.restart()
    assert await kiosk.give_back(shopper) == 0, "the server may have heard it all the same"
    await kiosk.look_after()
    assert not (await the_refund(kiosk)).claimed


async def test_one_that_the_server_refuses_keeps_no_other_waiting(
    kiosk: KioskThere, shopper: Shopper, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refused = await the_refund(kiosk)
    await killed_after(kiosk, shopper, "claim")
    other = await kiosk.store.order(MILK)
    await kiosk.paid_in_cash(other, 500)
    await other.call("POST", f"{other.path}/give-back")
    await killed_after(kiosk, other, "claim")
    release = kiosk.server.release

    async def refuses_one(refund_id: str) -> None:
        if refund_id == refused.refund_id:
            raise ServerRefused({"code": "not_found"})
        await release(refund_id)

    monkeypatch.setattr(kiosk.server, "release", refuses_one)
    await kiosk.look_after()
    left = await kiosk.store.tills.payouts(Principal("device", "kiosk-1", "1", "kiosk"))
    assert {one.refund_id for one in left if one.claimed} == {refused.refund_id}
    assert f"the server did not take refund {refused.refund_id} back: not_found" in caplog.text


@pytest.mark.parametrize("was_heard", [False, True])
async def test_nobody_waits_for_long_for_a_claim_that_the_server_does_not_answer(
    kiosk: KioskThere, shopper: Shopper, was_heard: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = kiosk.server.claim

    async def unanswered(refund_id: str) -> None:
        if was_heard:
            await claim(refund_id)
        raise ServerAway("no answer")

    monkeypatch.setattr("unqueue.kiosk.refunds._CLAIM_S_MAX", 0.1)
    with monkeypatch.context() as patched:
        patched.setattr(kiosk.server, "claim", unanswered)
        async with asyncio.timeout(5):
            assert await kiosk.give_back(shopper) == 0
    assert (await the_refund(kiosk)).claimed is was_heard
    await kiosk.look_after()
    assert not (await the_refund(kiosk)).claimed
    assert kiosk.gained_minor == 0


@pytest.mark.parametrize(("later_s", "is_here"), [(2400, True), (0, False)])
async def test_no_coins_for_somebody_who_left_while_the_server_was_asked(
    kiosk: KioskThere, shopper: Shopper, later_s: int, is_here: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = kiosk.server.claim

    async def late(refund_id: str) -> None:
        kiosk.world.clock.advance(later_s)
        await claim(refund_id)

    monkeypatch.setattr(kiosk.server, "claim", late)
    assert await kiosk.give_back(shopper, is_here=is_here) == 0
    assert not (await the_refund(kiosk)).claimed
    assert kiosk.gained_minor == 0


@pytest.mark.parametrize(
    "failure",
    [ServerAway("no answer"), ServerRefused({"code": "not_found"}), ServerRefused({"code": "not_authenticated"})],
)
async def test_a_hand_back_that_the_server_does_not_take_is_repeated_later(
    kiosk: KioskThere, shopper: Shopper, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def jams(*_: object, **__: object) -> None:
        raise PayoutUnavailable(detail="it jammed")

    async def fails(_: str) -> None:
        raise failure

    monkeypatch.setattr("unqueue.kiosk.refunds._HAND_BACK_S_MAX", 0.1)
    monkeypatch.setattr(kiosk.cashier.till, "pay_out", jams)
    with monkeypatch.context() as patched:
        patched.setattr(kiosk.server, "release", fails)
        async with asyncio.timeout(5):
            assert await kiosk.give_back(shopper) == 0
    assert (await the_refund(kiosk)).claimed
    await kiosk.look_after(shopper)
    assert not (await the_refund(kiosk)).claimed
    assert kiosk.gained_minor == 0


@pytest.mark.parametrize("was_given", [False, True])
async def test_a_journal_that_knows_nothing_leaves_it_to_staff(
    kiosk: KioskThere, shopper: Shopper, was_given: bool
) -> None:
    """The disk was replaced: nobody can prove that the money did not go out."""
    await killed_after(kiosk, shopper, "claim")
    await kiosk.kill()
    kiosk.path = kiosk.path.with_name("new.db")
    await kiosk.start()
    refund = await the_refund(kiosk)
    for _ in range(2):
        await kiosk.look_after()
        assert await kiosk.give_back(shopper) == 0
    assert (await the_refund(kiosk)).claimed, "the desk may not pay it either"
    (seen,) = [one for one in kiosk.cashier.devices() if one.name == REFUNDS]
    assert (seen.status, refund.refund_id in seen.detail) == ("failed", True)
    told = [data["body"] for kind, data in await kiosk.store.events("till.attention")]
    assert [body["trouble"] for body in told] == ["payout_unsure"]

    kiosk.cashier.claims.settle(refund.refund_id, "Li Na", was_given=was_given)
    with pytest.raises(UnknownRefund):
        kiosk.cashier.claims.settle(refund.refund_id, "Li Na", was_given=was_given)
    await kiosk.look_after()
    left = await kiosk.store.tills.payouts(Principal("device", "kiosk-1", "1", "kiosk"))
    assert [one.claimed for one in left] == ([] if was_given else [False])
    assert [one.status for one in kiosk.cashier.devices() if one.name == REFUNDS] == ["ready"]
    balances = await kiosk.store.balances()
    assert balances.get("cash-suspense:kiosk-1", 0) == (-1000 if was_given else 0)
    assert kiosk.gained_minor == 0
    assert sum(balances.values()) == 0
