"""What every CashAcceptor promises, against a simulated device in its own process (`tests.support.cash_rigs`)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from tests.support.cash_rigs import ACCEPTOR_RIGS, AcceptorRig, Hearer, Start, listening

from unqueue.devices.ports import (
    CashAcceptor,
    CashEvent,
    Credited,
    CreditUnknown,
    DeviceFailed,
    DeviceStatus,
    GivenBack,
    InEscrow,
    Trouble,
    wait_until_ready,
)
from unqueue.devices.simulators.control import ControlClient


@pytest.fixture(scope="module", params=ACCEPTOR_RIGS)
def rig(request: pytest.FixtureRequest, start: Start) -> AcceptorRig:
    return ACCEPTOR_RIGS[request.param](start)


@asynccontextmanager
async def claimed(rig: AcceptorRig, *, ready: bool = True) -> AsyncIterator[CashAcceptor]:
    async with rig.driver() as device:
        if ready:
            assert await wait_until_ready(device, 5) == DeviceStatus("ready")
        yield device


def run(rig: AcceptorRig, scene: Callable[[ControlClient], Coroutine[Any, Any, None]]) -> None:
    async def with_hands() -> None:
        async with rig.hands() as hands:
            await rig.plug(hands, plugged=True)
            await scene(hands)

    asyncio.run(with_hands())


async def open_for(device: CashAcceptor, *money: Any) -> None:
    """Enable, once the hearer is being listened to."""
    await asyncio.sleep(0.05)
    await device.enable(frozenset(money))
    await asyncio.sleep(0.02)


async def next_event(events: AsyncIterator[CashEvent], timeout_s: float = 3) -> CashEvent:
    async with asyncio.timeout(timeout_s):
        return await anext(events)


async def gained(rig: AcceptorRig, hands: ControlClient, before: Any) -> Any:
    return await rig.inside(hands) - before


def test_what_it_recognises(rig: AcceptorRig) -> None:
    async def scene(_: ControlClient) -> None:
        device = rig.driver()
        with pytest.raises(DeviceFailed):
            await device.denominations()
        async with claimed(rig) as device:
            assert set(rig.money) <= await device.denominations()

    run(rig, scene)


def test_what_is_enabled_is_credited_once_and_the_rest_given_back(rig: AcceptorRig) -> None:
    wanted, other = rig.money

    async def scene(hands: ControlClient) -> None:
        before, hearer = await rig.inside(hands), Hearer()
        async with claimed(rig) as device, listening(device, hearer):
            await open_for(device, wanted)
            for count in (1, 2, 3):
                await rig.insert(hands, wanted)
                await hearer.hear(Credited, count)
            await rig.insert(hands, other)
            [back] = await hearer.hear(GivenBack)
            assert back.reason == "inhibited"
            await device.enable(frozenset())
            await rig.insert(hands, wanted)
            await asyncio.sleep(0.1)
            await open_for(device, other)
            await rig.insert(hands, other)
            await hearer.hear(Credited, 4)
        assert hearer.credited() == {wanted: 3, other: 1} == await gained(rig, hands, before)
        assert hearer.unknown() == 0
        assert {event.where for event in hearer.of(Credited)} == {"cashbox"}
        assert len({event.mark for event in hearer.events}) == len(hearer.events)

    run(rig, scene)


def test_a_counterfeit_goes_back(rig: AcceptorRig) -> None:
    async def scene(hands: ControlClient) -> None:
        before, hearer = await rig.inside(hands), Hearer()
        async with claimed(rig) as device, listening(device, hearer):
            await open_for(device, *rig.money)
            await rig.insert(hands, rig.money[0], "counterfeit")
            await hearer.hear(GivenBack)
        assert not hearer.credited()
        assert not await gained(rig, hands, before)

    run(rig, scene)


def test_an_event_comes_until_it_is_acknowledged_and_the_next_only_then(rig: AcceptorRig) -> None:
    async def scene(hands: ControlClient) -> None:
        hearer = Hearer()
        async with claimed(rig) as device, listening(device, hearer):
            await open_for(device, rig.money[0])
            await rig.insert(hands, rig.money[0])
            await hearer.hear(Credited)
        async with claimed(rig) as device:
            events = device.events(hearer.mark)
            waiting = asyncio.ensure_future(next_event(events))
            await open_for(device, rig.money[0])
            await rig.insert(hands, rig.money[0])
            first = await waiting
            with pytest.raises(TimeoutError):
                await next_event(events, 0.1)
            events = device.events(hearer.mark)  # whoever listens anew from the same place hears the same again
            heard = [await next_event(events)]
            assert type(heard[0]) is type(first)
            while not isinstance(heard[-1], Credited):
                await device.acknowledge(heard[-1].mark)
                await device.stack()
                heard.append(await next_event(events))
            await device.acknowledge(heard[-1].mark)
            with pytest.raises(TimeoutError):
                await next_event(events, 0.1)
            assert [type(event) for event in heard] == ([InEscrow, Credited] if rig.has_escrow else [Credited])

    run(rig, scene)


def test_a_restart_at_any_event_loses_nothing_and_repeats_nothing(rig: AcceptorRig) -> None:
    """The kiosk dies at every single event: once before it is on disk, and once after."""
    if rig.exact:
        return  # it can't say again what lies in escrow, and gives it back: test_ssp_power_cuts does this its way
    money = rig.money[0]

    async def life(hands: ControlClient, kept: Hearer, *, insert: bool, on_disk: bool) -> None:
        async with claimed(rig) as device:
            events = device.events(kept.mark)
            waiting = asyncio.ensure_future(next_event(events))
            if insert:
                await open_for(device, money)
                await rig.insert(hands, money)
            event = await waiting
            if on_disk:
                kept.events.append(event)
                kept.mark = event.mark
                if isinstance(event, InEscrow):
                    await device.stack()

    async def scene(hands: ControlClient) -> None:
        before, kept = await rig.inside(hands), Hearer()
        async with claimed(rig) as device, listening(device, kept):
            await open_for(device, money)
            await rig.insert(hands, money)
            await kept.hear(Credited)
        for count in (2, 3):
            await life(hands, kept, insert=True, on_disk=False)
            while kept.credited()[money] < count:
                await life(hands, kept, insert=False, on_disk=False)
                await life(hands, kept, insert=False, on_disk=True)
        assert kept.credited() == {money: 3} == await gained(rig, hands, before)
        assert kept.unknown() == 0

    run(rig, scene)


def test_none_means_from_now_on(rig: AcceptorRig) -> None:
    async def scene(hands: ControlClient) -> None:
        for _ in range(2):
            hearer = Hearer()
            async with claimed(rig) as device, listening(device, hearer):
                await open_for(device, rig.money[0])
                await rig.insert(hands, rig.money[0])
                await hearer.hear(Credited)
                await asyncio.sleep(0.05)
            assert hearer.credited() == {rig.money[0]: 1}

    run(rig, scene)


def test_the_mark_of_now_loses_nothing_before_it_is_listened_to(rig: AcceptorRig) -> None:
    """What happens between `mark` and `events` after it is heard once, whether the device let it in or not."""
    money = rig.money[0]

    async def scene(hands: ControlClient) -> None:
        before, hearer = await rig.inside(hands), Hearer()
        async with claimed(rig) as device:
            hearer.mark = await device.mark()
            await device.enable(frozenset({money}))
            await rig.insert(hands, money)
            await asyncio.sleep(0.1)
            async with listening(device, hearer):
                with suppress(TimeoutError):
                    await hearer.hear(Credited, timeout_s=0.5)
                if not hearer.credited():  # devices may take nothing before somebody listens
                    assert not await gained(rig, hands, before)
                    await rig.insert(hands, money)
                    await hearer.hear(Credited)
                await asyncio.sleep(0.1)
        assert hearer.credited() == {money: 1} == await gained(rig, hands, before)
        assert hearer.unknown() == 0

    run(rig, scene)


def test_a_kiosk_that_dies_before_its_first_event_is_on_disk_goes_on_from_the_mark_of_now(rig: AcceptorRig) -> None:
    money = rig.money[0]

    async def scene(hands: ControlClient) -> None:
        before, hearer = await rig.inside(hands), Hearer()
        async with claimed(rig) as device:
            hearer.mark = await device.mark()
            waiting = asyncio.ensure_future(next_event(device.events(hearer.mark)))
            await open_for(device, money)
            await rig.insert(hands, money)
            assert isinstance(await waiting, InEscrow if rig.has_escrow else Credited)
        async with claimed(rig) as device, listening(device, hearer):
            async with asyncio.timeout(5):
                while not hearer.of(Credited) and not hearer.of(GivenBack):
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
        assert hearer.credited() == await gained(rig, hands, before)
        assert hearer.unknown() == 0
        # A device that can't say again what lies in escrow gives it back.
        assert len(hearer.of(Credited)) == (0 if rig.has_escrow and rig.exact else 1)

    run(rig, scene)


def test_there_is_no_mark_of_a_device_that_is_not_there(rig: AcceptorRig) -> None:
    async def scene(hands: ControlClient) -> None:
        with pytest.raises(DeviceFailed):
            await rig.driver().mark()
        await rig.plug(hands, plugged=False)
        async with claimed(rig, ready=False) as device:
            with pytest.raises(DeviceFailed):
                await device.mark()
            await rig.plug(hands, plugged=True)
            assert await wait_until_ready(device, 5) == DeviceStatus("ready")
            assert await device.mark()

    run(rig, scene)


def test_unplugged_and_plugged_in_again(rig: AcceptorRig) -> None:
    money = rig.money[0]

    async def scene(hands: ControlClient) -> None:
        before, hearer = await rig.inside(hands), Hearer()
        async with claimed(rig) as device, listening(device, hearer):
            await open_for(device, money)
            for count in (1, 2):
                await rig.plug(hands, plugged=False)
                async with asyncio.timeout(3):
                    while (await device.status()).status != "failed":
                        await asyncio.sleep(0.01)
                with pytest.raises(DeviceFailed):
                    await device.enable(frozenset({money}))
                await rig.plug(hands, plugged=True)
                assert await wait_until_ready(device, 5) == DeviceStatus("ready")
                await open_for(device, money)
                await rig.insert(hands, money)
                await hearer.hear(Credited, count)
        kinds = [event.kind for event in hearer.of(Trouble)]
        assert kinds == ["unplugged", "back"] * 2
        assert hearer.credited() == {money: 2} == await gained(rig, hands, before)
        assert hearer.unknown() == 0

    run(rig, scene)


def test_it_comes_when_it_is_plugged_in_later(rig: AcceptorRig) -> None:
    async def scene(hands: ControlClient) -> None:
        await rig.plug(hands, plugged=False)
        async with claimed(rig, ready=False) as device:
            await asyncio.sleep(0.1)
            assert (await device.status()).status == "failed"
            await rig.plug(hands, plugged=True)
            assert await wait_until_ready(device, 5) == DeviceStatus("ready")

    run(rig, scene)


def test_when_the_device_loses_power_while_it_takes_money_nobody_knows(rig: AcceptorRig) -> None:
    money = rig.money[0]

    async def scene(hands: ControlClient) -> None:
        before, hearer = await rig.inside(hands), Hearer()
        async with claimed(rig) as device, listening(device, hearer):
            await open_for(device, money)
            await rig.insert(hands, money)
            await hearer.hear(Credited)
            await rig.cut_power(hands)
            if rig.exact:
                await hearer.hear(Trouble)
            else:
                await hearer.hear(CreditUnknown)
            assert "reset" in {event.kind for event in hearer.of(Trouble)}
            assert await wait_until_ready(device, 5) == DeviceStatus("ready")
            await open_for(device, money)
            await rig.insert(hands, money)
            await hearer.hear(Credited, 2)
        assert hearer.credited() == {money: 2} == await gained(rig, hands, before)

    run(rig, scene)


def test_when_it_loses_power_while_it_takes_nothing_all_is_known(rig: AcceptorRig) -> None:
    money = rig.money[0]

    async def scene(hands: ControlClient) -> None:
        hearer = Hearer()
        async with claimed(rig) as device, listening(device, hearer):
            await open_for(device, money)
            await rig.insert(hands, money)
            await hearer.hear(Credited)
            await device.enable(frozenset())
            await asyncio.sleep(0.3)
            await rig.cut_power(hands)
            await hearer.hear(Trouble)
            await asyncio.sleep(0.05)
        assert hearer.unknown() == 0

    run(rig, scene)


def test_the_device_loses_power_while_the_kiosk_is_off(rig: AcceptorRig) -> None:
    money = rig.money[0]

    async def scene(hands: ControlClient) -> None:
        hearer = Hearer()
        async with claimed(rig) as device, listening(device, hearer):
            await open_for(device, money)
            await rig.insert(hands, money)
            await hearer.hear(Credited)
        await rig.cut_power(hands)
        async with claimed(rig) as device, listening(device, hearer):
            await hearer.hear(Trouble)
            await open_for(device, money)
            await rig.insert(hands, money)
            await hearer.hear(Credited, 2)
        assert hearer.credited() == {money: 2}

    run(rig, scene)


def test_released_it_takes_nothing(rig: AcceptorRig) -> None:
    async def scene(hands: ControlClient) -> None:
        hearer = Hearer()
        async with claimed(rig) as device, listening(device, hearer):
            await open_for(device, *rig.money)
        before = await rig.inside(hands)
        await rig.insert(hands, rig.money[0])
        await asyncio.sleep(0.05)
        assert not await gained(rig, hands, before)
        assert (await device.status()).status == "failed"
        with pytest.raises(DeviceFailed):
            await device.enable(frozenset(rig.money))

    run(rig, scene)


def test_a_jam_is_trouble_and_what_is_stuck_is_not_credited(rig: AcceptorRig) -> None:
    async def scene(hands: ControlClient) -> None:
        before, hearer = await rig.inside(hands), Hearer()
        async with claimed(rig) as device, listening(device, hearer):
            await open_for(device, rig.money[0])
            await rig.insert(hands, rig.money[0], "jam")
            [trouble] = await hearer.hear(Trouble)
            assert (trouble.kind, trouble.blocks) == ("jam", True)
            if not rig.exact:  # it waits and sees
                await hearer.hear(CreditUnknown)
        assert not hearer.credited()
        assert hearer.unknown() >= (0 if rig.exact else 1)
        assert not await gained(rig, hands, before)
        with suppress(Exception):  # where hands can clear it, they do
            await (hands.ask(jam=None) if rig.exact else hands.ask(jam=False, address=2))

    run(rig, scene)


def test_pulled_out_again_is_fraud_and_no_credit(rig: AcceptorRig) -> None:
    async def scene(hands: ControlClient) -> None:
        before, hearer = await rig.inside(hands), Hearer(stacks=False)
        async with claimed(rig) as device:
            events = device.events(None)
            task = asyncio.create_task(_collect(device, events, hearer))
            await open_for(device, rig.money[0])
            await rig.insert(hands, rig.money[0], "string")
            [trouble] = await hearer.hear(Trouble)
            assert (trouble.kind, trouble.blocks) == ("fraud", True)
            if not rig.exact:  # it knows that none came in
                await hearer.hear(CreditUnknown)
            task.cancel()
        assert not hearer.credited()
        assert not await gained(rig, hands, before)

    async def _collect(device: CashAcceptor, events: AsyncIterator[CashEvent], hearer: Hearer) -> None:
        async for event in events:
            hearer.events.append(event)
            await device.acknowledge(event.mark)

    run(rig, scene)


def test_a_note_in_escrow_waits_and_goes_where_it_is_told(rig: AcceptorRig) -> None:
    async def scene(hands: ControlClient) -> None:
        before = await rig.inside(hands)
        for stacks in (True, False):
            hearer = Hearer(stacks=stacks)
            async with claimed(rig) as device, listening(device, hearer):
                with pytest.raises(DeviceFailed):
                    await device.stack()
                with pytest.raises(DeviceFailed):
                    await device.give_back()
                if not rig.has_escrow:
                    return
                await open_for(device, rig.money[0])
                await rig.insert(hands, rig.money[0])
                [held] = await hearer.hear(InEscrow)
                assert held.denomination == rig.money[0]
                [end] = await hearer.hear(Credited if stacks else GivenBack)
                assert stacks or end.reason == "asked"
        assert await gained(rig, hands, before) == Counter({rig.money[0]: 1})

    run(rig, scene)


def test_a_kiosk_that_restarts_with_a_note_in_escrow_can_still_decide(rig: AcceptorRig) -> None:
    if not rig.has_escrow:
        return

    async def scene(hands: ControlClient) -> None:
        before = await rig.inside(hands)
        async with claimed(rig) as device:
            events = device.events(None)
            waiting = asyncio.ensure_future(next_event(events))
            await open_for(device, rig.money[0])
            await rig.insert(hands, rig.money[0])
            held = await waiting
            assert isinstance(held, InEscrow)
            await device.acknowledge(held.mark)
        async with claimed(rig) as device:
            events = device.events(held.mark)
            waiting = asyncio.ensure_future(next_event(events))
            await asyncio.sleep(0.05)
            await device.stack()
            assert isinstance(await waiting, Credited)
        assert await gained(rig, hands, before) == Counter({rig.money[0]: 1})

    run(rig, scene)
