"""What only a ccTalk bill validator or hopper does: escrow, the stacker, and payouts that are cut short."""

import asyncio

import pytest
from tests.devices.drivers.cctalk_bench import TEN, YUAN, bus_of, insert, notes_of, opened, simulated
from tests.support.cash_rigs import Hearer, counted, listening

from unqueue.devices.drivers.cctalk_hopper import CctalkHoppers, HopperSettings
from unqueue.devices.ports import (
    Credited,
    DeviceFailed,
    DeviceStatus,
    GivenBack,
    InEscrow,
    Trouble,
    wait_until_ready,
)


def test_a_note_is_held_as_long_as_nobody_decides() -> None:
    async def scene() -> None:
        async with simulated(escrow_ms=500) as simulator, notes_of(simulator, hold_interval_s=0.05) as device:
            events = device.events(None)
            waiting = asyncio.ensure_future(anext(events))
            await opened(device, TEN)
            await insert(simulator, TEN)
            held = await asyncio.wait_for(waiting, 2)
            assert isinstance(held, InEscrow)
            await asyncio.sleep(1.2)  # more than twice what a note waits by itself
            assert simulator.bill_validator.state()["escrow"] == str(TEN)
            await device.acknowledge(held.mark)
            await device.give_back()
            assert isinstance(await asyncio.wait_for(anext(events), 2), GivenBack)

    asyncio.run(scene())


def test_an_order_for_a_note_that_has_gone_does_not_move_the_next() -> None:
    async def scene() -> None:
        async with simulated(escrow_ms=30) as simulator, notes_of(simulator, hold_interval_s=9) as device:
            events = device.events(None)
            waiting = asyncio.ensure_future(anext(events))
            await opened(device, TEN)
            await insert(simulator, TEN)
            first = await asyncio.wait_for(waiting, 2)
            await asyncio.sleep(0.05)  # it goes back by itself
            await insert(simulator, TEN)
            await device.stack()  # what was decided about the first
            await asyncio.sleep(0.02)
            assert simulator.bill_validator.state()["taken"] == {}
            heard = [first]
            for _ in range(3):
                await device.acknowledge(heard[-1].mark)
                heard.append(await asyncio.wait_for(anext(events), 1))
            assert [type(event) for event in heard] == [InEscrow, GivenBack, InEscrow, GivenBack]

    asyncio.run(scene())


def test_the_stacker_is_removed_replaced_and_full() -> None:
    async def scene() -> None:
        async with simulated(stacker_capacity=1) as simulator:
            hearer, device = Hearer(), notes_of(simulator)
            async with device, listening(device, hearer):
                await opened(device, TEN)
                await insert(simulator, TEN)
                await hearer.hear(Trouble, 1)
                assert await insert(simulator, TEN) == "given back"
                await hearer.hear(Trouble, 2)
                await simulator.handle({"stacker": "removed", "address": 40})
                await hearer.hear(Trouble, 3)
                await simulator.handle({"stacker": "replaced", "address": 40})
                await hearer.hear(Trouble, 4)
                await insert(simulator, TEN)
                await hearer.hear(Credited, 2)
            kinds = [(event.kind, event.blocks) for event in hearer.of(Trouble)]
            assert kinds[:4] == [("full", True)] * 2 + [("cashbox_removed", True), ("cashbox_replaced", False)]

    asyncio.run(scene())


def test_an_emergency_stop_stops_and_is_told() -> None:
    async def scene() -> None:
        async with simulated(coin_ms=10, hoppers=(f"{YUAN}=50", f"{YUAN}=50")) as simulator:
            both = [HopperSettings(address=address, denomination=str(YUAN)) for address in (3, 4)]
            async with CctalkHoppers(bus_of(simulator), both) as hoppers:
                assert await wait_until_ready(hoppers, 3) == DeviceStatus("ready")
                mark = await hoppers.begin()
                await hoppers.dispense({YUAN: 40}, mark)  # two hoppers of one coin share
                await asyncio.sleep(0.06)
                await hoppers.stop()
                payout = await hoppers.payout(mark)
                assert payout.done
                assert payout.exact
                assert payout.problem == "stopped"
                assert payout.paid == counted(simulator.state()["paid_out"])
                assert 2 <= payout.paid[YUAN] < 40
                assert all(hopper.given for hopper in simulator.hoppers)

    asyncio.run(scene())


def test_only_an_order_that_went_out_is_uncertain() -> None:
    async def scene(cut_after_bytes: int) -> tuple[bool, int]:
        async with (
            simulated(coin_ms=500, hoppers=(f"{YUAN}=50",)) as simulator,
            CctalkHoppers(bus_of(simulator), [HopperSettings(address=3, denomination=str(YUAN))]) as hoppers,
        ):
            assert await wait_until_ready(hoppers, 3) == DeviceStatus("ready")
            mark = await hoppers.begin()
            await simulator.handle({"cut_after_bytes": cut_after_bytes})
            with pytest.raises(DeviceFailed) as failed:
                await hoppers.dispense({YUAN: 3}, mark)
            return failed.value.details["uncertain"], simulator.hoppers[0].state()["remaining"]

    async def scenes() -> None:
        fates = {at: await scene(at) for at in (1, 20, 51, 55, 60, 63)}
        assert not any(remaining and not uncertain for uncertain, remaining in fates.values()), fates
        assert fates[1] == (False, 0)
        assert fates[60] == (True, 3)  # the whole order arrived, and no byte of an answer came back
        assert any(uncertain for uncertain, _ in fates.values()), fates

    asyncio.run(scenes())
