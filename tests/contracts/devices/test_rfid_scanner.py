"""What an RFIDScanner promises, against a simulated reader in its own process and against one that others wrote."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from llrpkit.emulator import EmulatedTag, LLRPEmulator
from llrpkit.protocol import messages

from unqueue.devices.drivers.llrp_gate import LlrpReader, LlrpReaderSettings
from unqueue.devices.ports import DeviceStatus, RFIDScanner, TagRead, wait_until_ready
from unqueue.devices.simulators.control import ControlClient, ControlRefused
from unqueue.devices.simulators.process import SimulatorProcess

EPC = "3074257bf7194e4000001a85"
QUICK = {"keepalive_s": 0.2, "answer_s_max": 0.5, "retry_s_max": 0.2}


@pytest.fixture(scope="module")
def simulator(start: Callable[..., SimulatorProcess]) -> SimulatorProcess:
    return start("rfid", "--read-ms", "5", "--shelf-ms", "20")


def reader_at(port: int) -> LlrpReader:
    return LlrpReader(LlrpReaderSettings("127.0.0.1", port, **QUICK))


def run(
    simulator: SimulatorProcess, scenario: Callable[[RFIDScanner, ControlClient], Coroutine[Any, Any, None]]
) -> None:
    async def scene() -> None:
        async with simulator.control() as hand:
            await hand.ask(fault=None, shelf=[])
            async with reader_at(simulator.announced["port"]) as reader:
                assert await wait_until_ready(reader, 3) == DeviceStatus("ready")
                await scenario(reader, hand)

    asyncio.run(scene())


async def take(reader: RFIDScanner, count: int) -> list[TagRead]:
    taken: list[TagRead] = []
    async with asyncio.timeout(3):
        async for read in reader.reads():
            taken.append(read)
            if len(taken) == count:
                break
    return taken


@pytest.mark.parametrize("fault", [None, "split", "spoiled"])
def test_each_read_of_a_tag_that_passes(simulator: SimulatorProcess, fault: str | None) -> None:
    async def scenario(reader: RFIDScanner, hand: ControlClient) -> None:
        await hand.ask(fault=fault)
        await hand.ask(tags=[{"epc": EPC, "reads": 3, "rssi_dbm": -40, "antenna": 2}])
        reads = await take(reader, 3)
        assert {(read.epc.hex(), read.antenna, read.count) for read in reads} == {(EPC, 2, 1)}
        assert all(-43 <= (read.rssi_dbm or 0) <= -40 for read in reads)

    run(simulator, scenario)


def test_long_serials_and_tags_nearby(simulator: SimulatorProcess) -> None:
    async def scenario(reader: RFIDScanner, hand: ControlClient) -> None:
        await hand.ask(tags=[{"gtin": "70614141123451", "serial": "32a/b", "reads": 1}])
        (read,) = await take(reader, 1)
        assert read.epc.hex().startswith("3634257bf6b7a659b2c2bf1")
        await hand.ask(shelf=[{"epc": EPC}])
        assert len(await take(reader, 5)) == 5
        await hand.ask(shelf=[], noise=4)

    run(simulator, scenario)


@pytest.mark.parametrize(
    ("fault", "detail"),
    [
        ("unplugged", ""),
        ("silent", "no sign of life"),
        ("garbage", "no LLRP"),
        ("busy", "another client"),
        ("antenna", "antenna 1"),
    ],
)
def test_a_fault_is_told_and_what_comes_after_it_is_read(simulator: SimulatorProcess, fault: str, detail: str) -> None:
    async def scenario(reader: RFIDScanner, hand: ControlClient) -> None:
        await hand.ask(fault=fault)
        async with asyncio.timeout(3):
            while (status := await reader.status()).status == "ready" or detail not in status.detail:
                await asyncio.sleep(0.02)
        assert status.status == "failed"
        assert status.detail
        await hand.ask(fault=None)
        assert (await wait_until_ready(reader, 3)).status == "ready"
        reading = asyncio.create_task(take(reader, 1))
        await hand.ask(tags=[{"epc": EPC, "reads": 1}])
        assert [read.epc.hex() for read in await reading] == [EPC]

    run(simulator, scenario)


def test_a_reader_that_refuses_says_why(simulator: SimulatorProcess) -> None:
    async def scene() -> None:
        async with simulator.control() as hand:
            await hand.ask(fault="refuse")
            async with reader_at(simulator.announced["port"]) as reader:
                status = await wait_until_ready(reader, 0.4)
                assert status == DeviceStatus("failed", "the reader refuses SET_READER_CONFIG: 100 told to refuse")
            await hand.ask(fault=None)

    asyncio.run(scene())


def test_signs_of_life_are_answered_and_keep_a_quiet_line(simulator: SimulatorProcess) -> None:
    async def scenario(reader: RFIDScanner, hand: ControlClient) -> None:
        before = (await hand.ask(get=True))["acknowledged"]
        await asyncio.sleep(1.0)
        assert (await reader.status()).status == "ready"
        assert (await hand.ask(get=True))["acknowledged"] - before >= 3

    run(simulator, scenario)


def test_the_next_client_gets_the_reader_at_once(simulator: SimulatorProcess) -> None:
    async def scenario(reader: RFIDScanner, hand: ControlClient) -> None:
        reading = asyncio.create_task(take(reader, 1000))
        await asyncio.sleep(0.02)
        await reader.release()
        assert await asyncio.wait_for(reading, 1) == []
        assert (await reader.status()).status == "failed"
        assert not (await hand.ask(get=True))["connected"]
        async with reader_at(simulator.announced["port"]) as another:
            assert (await wait_until_ready(another, 1)).status == "ready"

    run(simulator, scenario)


@pytest.mark.parametrize("tags", [[{}], [{"epc": "xyz"}], [{"gtin": "1"}], [{"epc": EPC, "height": 2}], "tags"])
def test_what_is_no_tag_is_refused(simulator: SimulatorProcess, tags: Any) -> None:
    async def scenario(_reader: RFIDScanner, hand: ControlClient) -> None:
        with pytest.raises(ControlRefused):
            await hand.ask(tags=tags)

    run(simulator, scenario)


def test_against_a_reader_that_others_wrote() -> None:
    async def scene() -> None:
        tags = [EmulatedTag(bytes.fromhex(EPC), (1,), -45.0)]
        async with LLRPEmulator(tags=tags, reads_per_sec=50) as emulator, reader_at(emulator.port) as reader:
            assert await wait_until_ready(reader, 3) == DeviceStatus("ready")
            reads = await take(reader, 5)
            assert {(read.epc.hex(), read.antenna) for read in reads} == {(EPC, 1)}
            assert all(read.rssi_dbm is not None for read in reads)
            await emulator.send_keepalive()
            await emulator.wait_keepalive_ack()
            await emulator.set_antenna_connected(1, connected=False)
            async with asyncio.timeout(2):
                while (await reader.status()).status == "ready":
                    await asyncio.sleep(0.02)
            assert (await reader.status()).detail == "antenna 1 is not connected"

    asyncio.run(scene())


def test_a_lost_answer_of_that_reader_is_waited_for_no_longer_than_set() -> None:
    async def scene() -> None:
        async with LLRPEmulator() as emulator:
            emulator.drop_next(messages.START_ROSPEC)
            async with reader_at(emulator.port) as reader:
                assert (await wait_until_ready(reader, 3)).status == "ready", "the second connection is used"

    asyncio.run(scene())
