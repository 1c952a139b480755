"""The ccTalk drivers where their port says nothing: lines, late answers, counters, settings, makers' tables."""

import asyncio
import contextlib
from typing import Any

import pytest
from tests.devices.drivers.cctalk_bench import HALF, TEN, YUAN, bus_of, coins_of, insert, notes_of, opened, simulated
from tests.support.cash_rigs import Hearer, counted, listening

from unqueue.devices.drivers.cctalk_bus import BusTrouble, CctalkBus, CctalkBusSettings, Handle, Refused
from unqueue.devices.drivers.cctalk_coin_acceptor import CctalkCoinAcceptor, CoinAcceptorSettings
from unqueue.devices.drivers.cctalk_events import bill_event, coin_event
from unqueue.devices.drivers.cctalk_marks import at_rest
from unqueue.devices.ports import (
    Credited,
    CreditUnknown,
    DeviceStatus,
    GivenBack,
    Trouble,
    wait_until_ready,
)
from unqueue.devices.wire.cctalk import HOST, Frame, Header, encode_frame
from unqueue.devices.wire.cctalk_messages import (
    Event,
    EventBuffer,
    Question,
    decode_ack,
    decode_event_buffer,
    decode_text,
)
from unqueue.kernel.cash import Denomination


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ({"echo": True}, {}),
        ({"echo": False}, {}),
        ({"echo": False}, {"echo": False}),
        ({"echo": True, "tcp_port": 0}, {}),
        ({"echo": False, "tcp_port": 0}, {}),
    ],
)
@pytest.mark.parametrize("fault", [None, "garbage", "split"])
def test_every_line(options: dict[str, Any], settings: dict[str, Any], fault: str | None) -> None:
    async def scene() -> None:
        async with simulated(**options) as simulator:
            await simulator.handle({"fault": fault})
            bus = bus_of(simulator, **settings)
            async with bus:
                async with asyncio.timeout(3):
                    while not bus.connected:
                        await asyncio.sleep(0.001)
                for address, kind, header in ((2, "Coin Acceptor", 229), (40, "Bill Validator", 159)):
                    handle = Handle(bus, address, kind, simulator.devices[address].checksum, kind)  # type: ignore[arg-type]
                    for _ in range(10):
                        buffer = await handle.question(Header(header), decode_event_buffer)
                        assert buffer == EventBuffer(0, (Event(0, 0),) * 5)
                    with pytest.raises(Refused):
                        await handle.question(Header.TEST_HOPPER, decode_ack)

    asyncio.run(scene())


def test_a_bill_validator_with_the_simple_checksum() -> None:
    async def scene() -> None:
        async with simulated(bill_checksum="sum") as simulator:
            hearer, device = Hearer(), notes_of(simulator, checksum="sum")
            async with device, listening(device, hearer):
                await opened(device, TEN)
                await insert(simulator, TEN)
                await hearer.hear(Credited)

    asyncio.run(scene())


def test_another_kind_of_device_at_the_address_is_not_believed() -> None:
    async def scene() -> None:
        async with simulated() as simulator, coins_of(simulator, address=3) as device:
            status = await wait_until_ready(device, 1)
            assert status.status == "failed"
            assert "Coin Acceptor" in status.detail

    asyncio.run(scene())


def test_nobody_at_the_address_is_said_and_nothing_else_suffers() -> None:
    async def scene() -> None:
        async with simulated() as simulator:
            bus = bus_of(simulator, answer_timeout_s=0.02, attempts=2)
            missing = Handle(bus, 9, "Payout", "sum", "hopper 9")
            present = Handle(bus, 2, "Coin Acceptor", "sum", "coins")
            async with bus:
                await asyncio.sleep(0.05)
                for _ in range(3):
                    with pytest.raises(BusTrouble, match="does not answer"):
                        await missing.question(Header.SIMPLE_POLL, decode_ack)
                    await present.question(Header.SIMPLE_POLL, decode_ack)

    asyncio.run(scene())


def test_late_answers_are_not_taken_for_others() -> None:
    """Every answer comes late for a while: nothing is credited twice, lost, or for another coin's value."""

    async def scene() -> None:
        async with simulated() as simulator:
            bus = bus_of(simulator, answer_timeout_s=0.1)
            settings = CoinAcceptorSettings(poll_interval_s=0.003, guard_s=0.0, settle_s=0.03, positions=3)
            hearer, device = Hearer(), CctalkCoinAcceptor(bus, settings)
            async with device, listening(device, hearer):
                await opened(device, YUAN, HALF)
                for money in (YUAN, HALF, YUAN):
                    await insert(simulator, money)
                    await simulator.handle({"fault": "late"})
                    await asyncio.sleep(0.25)
                    await simulator.handle({"fault": None})
                    assert (await wait_until_ready(device, 3, 0.005)).status == "ready"
                    await opened(device, YUAN, HALF)
                await hearer.hear(Credited, 3)
                await asyncio.sleep(0.6)  # what is still under way comes in
                assert await device.denominations() == {Denomination("CNY", value, "coin") for value in (10, 50, 100)}
            assert hearer.credited() == {YUAN: 2, HALF: 1} == counted(simulator.state()["inside"])

    asyncio.run(scene())


def test_the_second_answer_to_what_are_you_is_not_taken_for_another() -> None:
    """The hopper says what it is too late the first time, so that it says so twice."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        names = {Header.REQUEST_EQUIPMENT_CATEGORY: b"Payout", Header.REQUEST_PRODUCT_CODE: b"HOP-1"}
        answers: list[bytes] = []
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                request = await reader.readexactly(5)
                answers.append(encode_frame(Frame(HOST, Header.REPLY, names[Header(request[3])], 3)))
                if len(answers) > 1:  # nothing is said to the first
                    writer.write(answers.pop(0))
                    if request[3] == Header.REQUEST_PRODUCT_CODE:
                        writer.write(answers.pop(0))
        writer.close()

    async def scene() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        bus = CctalkBus(CctalkBusSettings(f"socket://127.0.0.1:{port}", answer_timeout_s=0.05))
        hopper = Handle(bus, 3, "Payout", "sum", "hopper 3")
        async with server, bus:
            async with asyncio.timeout(2):
                while not bus.connected:
                    await asyncio.sleep(0.001)
            assert await hopper.question(Header.REQUEST_PRODUCT_CODE, decode_text) == "HOP-1"

    asyncio.run(scene())


def test_the_counter_goes_round() -> None:
    async def scene() -> None:
        async with simulated() as simulator:
            hearer, device = Hearer(), coins_of(simulator, guard_s=0.0)
            acceptor = simulator.coin_acceptor
            async with device, listening(device, hearer):
                await opened(device, YUAN)
                while acceptor.state()["counter"] < 253:
                    acceptor.note(0, 1)
                    await hearer.hear(GivenBack, acceptor.state()["counter"])
                await device.enable(frozenset({YUAN}))
                for count in range(1, 6):
                    await insert(simulator, YUAN)
                    await hearer.hear(Credited, count)
            assert acceptor.state()["counter"] == 3
            assert hearer.unknown() == 0
            assert [event.mark.split(":")[1].split(".")[0] for event in hearer.of(Credited)] == [
                "254", "255", "1", "2", "3"
            ]  # fmt: skip

    asyncio.run(scene())


def test_more_than_five_events_at_once_are_a_gap() -> None:
    async def scene() -> None:
        async with simulated() as simulator:
            hearer, device = Hearer(), coins_of(simulator, poll_interval_s=0.3, guard_s=0.0)
            async with device, listening(device, hearer):
                await opened(device, YUAN)
                await asyncio.sleep(0.35)
                for _ in range(8):
                    assert await insert(simulator, YUAN) == "cashbox"
                await hearer.hear(Credited, 5)
            assert [type(event) for event in hearer.events] == [CreditUnknown] + [Credited] * 5
            assert hearer.unknown() == 3

    asyncio.run(scene())


def test_while_nobody_listens_nothing_is_taken() -> None:
    async def scene() -> None:
        async with simulated() as simulator, coins_of(simulator) as device:
            await opened(device, YUAN)
            assert await insert(simulator, YUAN) == "given back"
            hearer = Hearer()
            async with listening(device, hearer):
                await asyncio.sleep(0.05)
                assert await insert(simulator, YUAN) == "cashbox"
                await hearer.hear(Credited)

    asyncio.run(scene())


@pytest.mark.parametrize("known", [True, False])
def test_what_is_wanted_before_the_first_look_waits_for_it(*, known: bool) -> None:
    """Else a device that stands at nought would look like one that was reset, or its first coin like an old one."""

    async def scene() -> None:
        async with simulated() as simulator, coins_of(simulator, poll_interval_s=0.3) as device:
            assert await wait_until_ready(device, 3, 0.001) == DeviceStatus("ready")
            hearer = Hearer()
            hearer.mark = await device.mark() if known else None
            async with listening(device, hearer):
                await asyncio.sleep(0.05)
                await device.enable(frozenset({YUAN}))
                assert await insert(simulator, YUAN) == "given back"
                await asyncio.sleep(0.6)
                assert await insert(simulator, YUAN) == "cashbox"
                await hearer.hear(Credited)
                assert hearer.unknown() == 0

    asyncio.run(scene())


def test_while_too_much_is_not_acknowledged_nothing_is_taken() -> None:
    async def scene() -> None:
        async with simulated() as simulator, coins_of(simulator, guard_s=0.0) as device:
            events = device.events(None)
            waiting = asyncio.ensure_future(anext(events))
            await opened(device, YUAN)
            went = []
            for _ in range(6):
                went.append(await insert(simulator, YUAN))
                await asyncio.sleep(0.03)
            assert went == ["cashbox"] * 3 + ["given back"] * 3
            async with asyncio.timeout(2):
                heard = [await waiting]
                for _ in range(2):
                    await device.acknowledge(heard[-1].mark)
                    heard.append(await anext(events))
            assert [type(event) for event in heard] == [Credited] * 3
            await device.acknowledge(heard[-1].mark)
            await asyncio.sleep(0.03)
            assert await insert(simulator, YUAN) == "cashbox"

    asyncio.run(scene())


def test_a_fraud_locks_until_somebody_enables_again() -> None:
    async def scene() -> None:
        async with simulated() as simulator:
            hearer, device = Hearer(), coins_of(simulator)
            async with device, listening(device, hearer):
                await opened(device, YUAN)
                await insert(simulator, YUAN, "string")
                await hearer.hear(Trouble)
                await asyncio.sleep(0.02)
                assert await insert(simulator, YUAN) == "given back"
                await device.enable(frozenset({YUAN}))
                assert await insert(simulator, YUAN) == "cashbox"

    asyncio.run(scene())


def test_a_string_that_is_pulled_late_is_still_fraud() -> None:
    async def scene() -> None:
        async with simulated(string_ms=80) as simulator:
            hearer, device = Hearer(), coins_of(simulator, guard_s=0.0)
            async with device, listening(device, hearer):
                await opened(device, YUAN)
                await insert(simulator, YUAN, "string")
                await hearer.hear(Credited)
                [trouble] = await hearer.hear(Trouble)
                assert trouble.kind == "fraud"
            assert [type(event) for event in hearer.events] == [Credited, Trouble]

    asyncio.run(scene())


def test_coins_that_go_to_a_hopper_say_so() -> None:
    async def scene() -> None:
        async with simulated(recycle=True, hoppers=(f"{YUAN}=5",)) as simulator:
            hearer, device = Hearer(), coins_of(simulator, paths={4: "dispenser"})
            async with device, listening(device, hearer):
                await opened(device, YUAN, HALF)
                await insert(simulator, YUAN)
                await hearer.hear(Credited, 1)
                await insert(simulator, HALF)
                await hearer.hear(Credited, 2)
            assert [event.where for event in hearer.of(Credited)] == ["dispenser", "cashbox"]
            assert simulator.hoppers[0].stock == 6

    asyncio.run(scene())


def test_settings_say_what_a_coin_is() -> None:
    async def scene() -> None:
        async with simulated() as simulator:
            token = Denomination("CNY", 777, "coin")
            async with coins_of(simulator, denominations={"CN100A": str(token)}) as device:
                assert await wait_until_ready(device, 3) == DeviceStatus("ready")
                assert token in await device.denominations()
                assert YUAN not in await device.denominations()
                assert device.about == {"serial_number": 4711002, "manufacturer": "UNQ", "product": "SIM-CA"}

    asyncio.run(scene())
    with pytest.raises(ValueError, match="names no denomination"):
        CctalkCoinAcceptor(CctalkBus(CctalkBusSettings("x")), CoinAcceptorSettings(denominations={"CN100A": "free"}))


def test_a_machine_that_was_switched_off_at_rest_is_no_riddle() -> None:
    async def scene(*, rest: bool) -> float:
        async with simulated() as simulator:
            hearer, device = Hearer(), coins_of(simulator)
            async with device, listening(device, hearer):
                await opened(device, YUAN)
                await insert(simulator, YUAN)
                await hearer.hear(Credited)
            await simulator.handle({"power": "blink", "address": 2})
            assert hearer.mark is not None
            if rest:
                hearer.mark = at_rest(hearer.mark)
            device = coins_of(simulator)
            async with device, listening(device, hearer):
                await hearer.hear(Trouble)
                await asyncio.sleep(0.03)
            return hearer.unknown()

    assert asyncio.run(scene(rest=True)) == 0
    assert asyncio.run(scene(rest=False)) == float("inf")


def test_another_device_in_its_place_is_a_reset() -> None:
    async def scene() -> None:
        async with simulated() as simulator:
            hearer, device = Hearer(), coins_of(simulator)
            async with device, listening(device, hearer):
                await opened(device, YUAN)
                await insert(simulator, YUAN)
                await hearer.hear(Credited)
                await simulator.handle({"fault": "unplugged"})
                await asyncio.sleep(0.05)
                simulator.coin_acceptor.serial_number = 99
                for _ in range(3):
                    simulator.coin_acceptor.note(3, 1)  # what it took elsewhere
                await simulator.handle({"fault": None})
                await hearer.hear(CreditUnknown)
                await opened(device, YUAN)
                await insert(simulator, YUAN)
                await hearer.hear(Credited, 2)
                await asyncio.sleep(0.03)
            assert hearer.credited() == {YUAN: 2}
            assert hearer.mark is not None
            assert hearer.mark.startswith("99:")

    asyncio.run(scene())


@pytest.mark.parametrize("code", range(256))
def test_every_code_of_a_coin_acceptor_and_a_bill_validator_means_something(code: int) -> None:
    """Nothing may come to pass without moving the mark, and nothing that may be money without being told."""
    coin = coin_event(Event(0, code), {}, {}, doubtful=False, robbed=False)
    note = bill_event(Event(0, code), {}, in_escrow=False)
    assert coin
    assert note
    safe = {1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 22, 24, 25, 26, 30, 32, 33, 37, 38, 254, *range(128, 160)}
    assert (code in safe) == (not any(isinstance(event, CreditUnknown) for event in coin))


def test_a_coin_of_unknown_value_is_not_credited() -> None:
    assert coin_event(Event(7, 1), {}, {}, doubtful=False, robbed=False) == [
        CreditUnknown("a coin of position 7, whose value is not known", 1, "")
    ]
    assert bill_event(Event(7, 0), {}, in_escrow=False) == [
        CreditUnknown("a note of type 7, whose value is not known", 1, "")
    ]


def test_a_question_without_data_has_no_type_of_its_own() -> None:
    with pytest.raises(AssertionError):
        asyncio.run(_ask_wrongly())


async def _ask_wrongly() -> None:
    async with simulated() as simulator, bus_of(simulator) as bus:
        await asyncio.sleep(0.05)
        bus.expect(2, "Coin Acceptor")
        await bus.ask(2, Question(Header.DISPENSE_HOPPER_COINS), decode_ack)
