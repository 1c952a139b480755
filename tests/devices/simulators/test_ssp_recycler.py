"""The simulated note recycler as a process: real bytes on a pseudo-terminal and on TCP, and the hands at it."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from tests.support.ssp_rig import SspRig

from unqueue.devices.drivers.ssp_recycler import SspNoteRecycler
from unqueue.devices.ports import CashEvent, Credited, InEscrow, Trouble, wait_until_ready
from unqueue.devices.simulators.control import ControlClient, ControlRefused
from unqueue.devices.simulators.process import SimulatorProcess
from unqueue.devices.simulators.ssp_recycler import RecyclerOptions, SimulatedRecycler
from unqueue.devices.wire.ssp import Packet, PacketDecoder, encode_packet

LINES: dict[str, list[str]] = {
    "pseudo-terminal": [],
    "TCP": ["--tcp-port", "0"],
    "in clear": ["--no-encrypted"],
    "old firmware": ["--no-poll-with-ack"],
}


@pytest.fixture(scope="module", params=LINES)
def rig(request: pytest.FixtureRequest) -> Iterator[SspRig]:
    rig = SspRig(SimulatorProcess.start, *LINES[request.param])
    if request.param == "in clear":
        rig = rig.with_settings(encrypted=False)
    yield rig
    assert rig.simulator.stop() == 0


def run(rig: SspRig, scene: Callable[[SspNoteRecycler, ControlClient], Coroutine[Any, Any, None]]) -> None:
    async def all_of_it() -> None:
        async with rig.hands() as hands:
            await rig.plug(hands, plugged=True)
            async with rig.driver() as driver:
                assert (await wait_until_ready(driver, 5)).status == "ready"
                await scene(driver, hands)

    asyncio.run(all_of_it())


def test_a_note_comes_in_is_recycled_and_goes_out_again(rig: SspRig) -> None:
    note = rig.money[0]

    async def scene(driver: SspNoteRecycler, hands: ControlClient) -> None:
        before = await hands.ask(get=True)
        heard: list[CashEvent] = []

        async def hear() -> None:
            async for event in driver.events(None):
                heard.append(event)
                await driver.acknowledge(event.mark)
                if isinstance(event, InEscrow):
                    await driver.stack()

        hearing = asyncio.create_task(hear())
        await driver.route(note, "dispenser")
        await driver.enable(frozenset({note}))
        await rig.insert(hands, note)
        async with asyncio.timeout(5):
            while not heard or not isinstance(heard[-1], Credited):
                await asyncio.sleep(0.01)
            assert [type(event) for event in heard] == [InEscrow, Credited]
            assert heard[-1].where == "dispenser"
            while (await driver.status()).status != "ready":
                await asyncio.sleep(0.01)
            mark = await driver.begin()
            await driver.dispense({note: 1}, mark)
            while not (payout := await driver.payout(mark)).done:
                await asyncio.sleep(0.01)
        assert (payout.paid, payout.exact) == ({note: 1}, True)
        after = await hands.ask(get=True)
        assert after["store"] == before["store"]
        assert after["dispensed"][str(note)] == before["dispensed"].get(str(note), 0) + 1
        hearing.cancel()

    run(rig, scene)


def test_unplugged_it_vanishes_and_plugged_in_it_is_the_same(rig: SspRig) -> None:
    async def scene(driver: SspNoteRecycler, hands: ControlClient) -> None:
        events = driver.events(None)
        first = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0.1)
        await hands.ask(fault="unplugged")
        trouble = await asyncio.wait_for(first, 3)
        assert isinstance(trouble, Trouble)
        assert (trouble.kind, trouble.blocks) == ("unplugged", True)
        await driver.acknowledge(trouble.mark)
        await hands.ask(fault=None)
        trouble = await asyncio.wait_for(anext(events), 3)
        assert isinstance(trouble, Trouble)
        assert (trouble.kind, trouble.blocks) == ("back", False)

    run(rig, scene)


@pytest.mark.parametrize(
    "request_",
    [{"insert": "EUR-500-note"}, {"cashbox": "on fire"}, {"jam": "a bit"}, {"fault": "odd"}, {"burn": 1}, {}],
)
def test_what_makes_no_sense_is_refused(rig: SspRig, request_: dict[str, Any]) -> None:
    async def scene(_: SspNoteRecycler, hands: ControlClient) -> None:
        with pytest.raises(ControlRefused):
            await hands.ask(request_)

    run(rig, scene)


# Without a process ----------------------------------------------------------------------------------------------------


def device(**options: Any) -> SimulatedRecycler:
    return SimulatedRecycler(RecyclerOptions(tcp_port=0, encrypted=False, **options))


def ask(simulated: SimulatedRecycler, text: str, *, sequence: bool = False) -> str:
    [packet] = PacketDecoder().feed(simulated.respond(encode_packet(Packet(bytes.fromhex(text), sequence))))
    assert isinstance(packet, Packet)
    assert packet.sequence == sequence
    return packet.data.hex(" ")


def test_a_repeated_question_is_answered_again_and_not_carried_out_again() -> None:
    async def scene() -> None:
        simulated = device()
        simulated.inside.kept.store[:] = [3, 3, 3]
        order = "46 01 01 00 e8 03 00 00 43 4e 59 58"
        assert ask(simulated, "5c 00") == "f0"
        assert ask(simulated, order, sequence=True) == "f0"
        assert ask(simulated, order, sequence=True) == "f0"
        assert simulated.inside.kept.store == [3, 3]
        assert ask(simulated, order, sequence=False) == "f5 03"

    asyncio.run(scene())


def test_who_wants_a_key_says_so_to_everybody_without() -> None:
    async def scene() -> None:
        simulated = SimulatedRecycler(RecyclerOptions(tcp_port=0))
        assert ask(simulated, "11", sequence=True) == "f0"
        assert ask(simulated, "07") == "fa"
        assert ask(simulated, "4c" + "00" * 8, sequence=True) == "f8"
        assert ask(simulated, "4a 04 00 00 00 00 00 00 00") == "f4"

    asyncio.run(scene())


def test_commands_that_nobody_knows_and_parameters_that_are_missing() -> None:
    async def scene() -> None:
        simulated = device()
        assert ask(simulated, "99") == "f2"
        assert ask(simulated, "3b 00", sequence=True) == "f3"
        assert ask(simulated, "57") == "f5"

    asyncio.run(scene())
