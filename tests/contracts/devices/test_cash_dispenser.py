"""What every CashDispenser promises, against a simulated device in its own process (`tests.support.cash_rigs`)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.support.cash_rigs import DISPENSER_RIGS, Cash, DispenserRig, Start

from unqueue.devices.ports import CashDispenser, DeviceFailed, DeviceStatus, Payout, wait_until_ready
from unqueue.devices.simulators.control import ControlClient
from unqueue.kernel.cash import Denomination


@pytest.fixture(scope="module", params=DISPENSER_RIGS)
def rig(request: pytest.FixtureRequest, start: Start) -> DispenserRig:
    return DISPENSER_RIGS[request.param](start)


@asynccontextmanager
async def claimed(rig: DispenserRig) -> AsyncIterator[CashDispenser]:
    async with rig.driver() as device:
        assert await wait_until_ready(device, 5) == DeviceStatus("ready")
        yield device


def run(rig: DispenserRig, scene: Callable[[ControlClient], Coroutine[Any, Any, None]]) -> None:
    async def with_hands() -> None:
        async with rig.hands() as hands:
            await rig.plug(hands, plugged=True)
            for money in rig.money:
                await rig.jam(hands, money, jammed=False)
                await rig.fill(hands, money, 30)
            await scene(hands)

    asyncio.run(with_hands())


async def end(device: CashDispenser, mark: str) -> Payout:
    """What became of it once it moves no more."""
    async with asyncio.timeout(5):
        while not (payout := await device.payout(mark)).done:
            await asyncio.sleep(0.002)
    return payout


async def gained(rig: DispenserRig, hands: ControlClient, before: Cash) -> Cash:
    return await rig.given(hands) - before


def test_what_it_can_give(rig: DispenserRig) -> None:
    async def scene(_: ControlClient) -> None:
        device = rig.driver()
        with pytest.raises(DeviceFailed):
            await device.denominations()
        assert (await device.status()).status == "failed"
        async with claimed(rig) as device:
            assert set(rig.money) <= await device.denominations()

    run(rig, scene)


@pytest.mark.parametrize("counts", [(1, 0), (0, 1), (3, 2), (7, 7)])
def test_it_gives_what_is_asked_and_tells_so(rig: DispenserRig, counts: tuple[int, int]) -> None:
    wanted = {money: count for money, count in zip(rig.money, counts, strict=True) if count}

    async def scene(hands: ControlClient) -> None:
        before = await rig.given(hands)
        async with claimed(rig) as device:
            mark = await device.begin()
            await device.dispense(wanted, mark)
            assert await end(device, mark) == Payout(wanted, done=True)
        assert await gained(rig, hands, before) == wanted

    run(rig, scene)


def test_a_payout_that_was_never_begun_is_done_and_gave_nothing(rig: DispenserRig) -> None:
    async def scene(hands: ControlClient) -> None:
        before = await rig.given(hands)
        async with claimed(rig) as device:
            mark = await device.begin()
        async with claimed(rig) as device:
            assert await device.payout(mark) == Payout({}, done=True)
        assert not await gained(rig, hands, before)

    run(rig, scene)


def test_a_mark_is_good_for_one_payout_also_after_a_restart(rig: DispenserRig) -> None:
    wanted = {rig.money[0]: 3}

    async def scene(hands: ControlClient) -> None:
        before = await rig.given(hands)
        async with claimed(rig) as device:
            mark = await device.begin()
            await asyncio.gather(*(device.dispense(wanted, mark) for _ in range(3)))
            await device.dispense(wanted, mark)
        for _ in range(2):
            async with claimed_while_busy(rig) as device:
                await device.dispense(wanted, mark)
                assert await end(device, mark) == Payout(wanted, done=True)
                await device.dispense(wanted, mark)
        assert await gained(rig, hands, before) == wanted

    run(rig, scene)


@asynccontextmanager
async def claimed_while_busy(rig: DispenserRig) -> AsyncIterator[CashDispenser]:
    async with rig.driver() as device, asyncio.timeout(5):
        while (await device.status()).status == "failed":
            await asyncio.sleep(0.01)
        yield device


def test_while_it_pays_it_says_how_far_it_is(rig: DispenserRig) -> None:
    wanted = {rig.money[0]: 8}

    async def scene(_: ControlClient) -> None:
        async with claimed(rig) as device:
            mark = await device.begin()
            await device.dispense(wanted, mark)
            seen = []
            while not (payout := await device.payout(mark)).done:
                seen.append(payout.paid.get(rig.money[0], 0))
                assert not payout.problem
            assert seen == sorted(seen)
            assert len(set(seen)) > 2
            assert payout == Payout(wanted, done=True)

    run(rig, scene)


def test_it_runs_empty(rig: DispenserRig) -> None:
    money = rig.money[0]
    if rig.exact:
        return  # it refuses: see test_what_it_does_not_have_is_refused_before_anything_is_given

    async def scene(hands: ControlClient) -> None:
        before = await rig.given(hands)
        await rig.fill(hands, money, 2)
        async with claimed(rig) as device:
            mark = await device.begin()
            await device.dispense({money: 5}, mark)
            assert await end(device, mark) == Payout({money: 2}, done=True, problem="empty")
            assert (await device.levels()).get(money, 0) == 0
            await rig.fill(hands, money, 10)
            assert (await device.levels()).get(money) != 0
            mark = await device.begin()
            await device.dispense({money: 3}, mark)
            assert await end(device, mark) == Payout({money: 3}, done=True)
        assert await gained(rig, hands, before) == {money: 5}

    run(rig, scene)


def test_it_jams(rig: DispenserRig) -> None:
    money, other = rig.money

    async def scene(hands: ControlClient) -> None:
        before = await rig.given(hands)
        async with claimed(rig) as device:
            mark = await device.begin()
            await device.dispense({money: 9, other: 1}, mark)
            await asyncio.sleep(0.03)
            await rig.jam(hands, money, jammed=True)
            payout = await end(device, mark)
            assert (payout.problem, payout.done, payout.exact) == ("jam", True, True)
            assert payout.paid == await gained(rig, hands, before)
            assert payout.paid.get(money, 0) < 9
            assert (await device.status()).status == "failed"
            await rig.jam(hands, money, jammed=False)
            assert await wait_until_ready(device, 5) == DeviceStatus("ready")

    run(rig, scene)


def test_unplugged_while_it_pays(rig: DispenserRig) -> None:
    wanted = {rig.money[0]: 6, rig.money[1]: 2}

    async def scene(hands: ControlClient) -> None:
        before = await rig.given(hands)
        async with claimed(rig) as device:
            mark = await device.begin()
            await device.dispense(wanted, mark)
            await rig.plug(hands, plugged=False)
            with pytest.raises(DeviceFailed):
                await device.payout(mark)
            await asyncio.sleep(0.15)
            await rig.plug(hands, plugged=True)
            assert await wait_until_ready(device, 5) == DeviceStatus("ready")
            payout = await end(device, mark)
        assert payout.paid == await gained(rig, hands, before)
        assert (payout.done, payout.exact) == (True, True)

    run(rig, scene)


def test_an_order_whose_answer_is_lost_is_uncertain_and_can_be_asked_about(rig: DispenserRig) -> None:
    wanted = {rig.money[0]: 2}

    async def scene(hands: ControlClient) -> None:
        before = await rig.given(hands)
        async with claimed(rig) as device:
            mark = await device.begin()
            await rig.deafen(hands, deaf=True)
            with pytest.raises(DeviceFailed):
                await device.dispense(wanted, mark)
            await rig.deafen(hands, deaf=False)
            assert await wait_until_ready(device, 5) == DeviceStatus("ready")
            payout = await end(device, mark)
        assert payout.paid == await gained(rig, hands, before)

    run(rig, scene)


@pytest.mark.parametrize("after_ms", [0, 10, 20, 35, 50, 70, 95])
def test_the_device_loses_power_while_it_pays(rig: DispenserRig, after_ms: int) -> None:
    wanted = {rig.money[0]: 5, rig.money[1]: 1}

    async def scene(hands: ControlClient) -> None:
        before = await rig.given(hands)
        async with claimed(rig) as device:
            mark = await device.begin()
            await device.dispense(wanted, mark)
            await asyncio.sleep(after_ms / 1000)
            await rig.cut_power(hands)
            assert await wait_until_ready(device, 5) == DeviceStatus("ready")
        async with claimed(rig) as device:  # the kiosk had lost power, too
            payout = await end(device, mark)
            assert (payout.done, payout.exact) == (True, True)
            assert payout.paid == await gained(rig, hands, before)
            if payout.paid != wanted:
                assert payout.problem == "reset"
                rest = {money: wanted[money] - payout.paid.get(money, 0) for money in wanted}
                mark = await device.begin()
                await device.dispense({money: count for money, count in rest.items() if count}, mark)
                assert not (await end(device, mark)).problem
        assert await gained(rig, hands, before) == wanted

    run(rig, scene)


def test_what_it_does_not_have_is_refused_before_anything_is_given(rig: DispenserRig) -> None:
    async def scene(hands: ControlClient) -> None:
        before = await rig.given(hands)
        async with claimed(rig) as device:
            mark = await device.begin()
            for impossible in ({Denomination("XTS", 7, "coin"): 1}, {rig.money[0]: 100_000}):
                with pytest.raises(DeviceFailed) as refused:
                    await device.dispense({rig.money[1]: 1, **impossible}, mark)
                assert refused.value.details["uncertain"] is False
            await device.dispense({}, mark)
            await asyncio.sleep(0.05)
            assert (await device.payout(mark)).paid == {}
        assert await gained(rig, hands, before) == Counter()

    run(rig, scene)
