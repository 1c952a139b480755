"""The note recycler's driver on a bench in virtual time: what it tells, and what it never does."""

import asyncio
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.devices.drivers.ssp_lives import OTHER, RECYCLED, kinds, live
from tests.support.ssp_bench import NOTE, Bench, BenchLine, ready, run

from unqueue.devices.drivers.ssp_link import SessionLost, SspLink
from unqueue.devices.drivers.ssp_marks import decode_memory
from unqueue.devices.drivers.ssp_recycler import SspNoteRecycler, SspNoteRecyclerSettings
from unqueue.devices.ports import (
    Credited,
    DeviceFailed,
    Trouble,
)
from unqueue.devices.transports.serial import LineSettings
from unqueue.devices.wire.ssp import Packet, PacketDecoder, encode_packet
from unqueue.devices.wire.ssp_messages import Command
from unqueue.kernel.cash import Denomination, parse_denomination

GOLDEN = tomllib.loads((Path(__file__).parents[2] / "golden" / "ssp.toml").read_text("utf-8"))


def test_notes_go_where_they_are_routed_and_the_levels_follow() -> None:
    async def life(driver: SspNoteRecycler, bench: Bench) -> None:
        assert await driver.denominations() == {
            parse_denomination(f"CNY-{yuan}00-note") for yuan in (1, 5, 10, 20, 50, 100)
        }
        for note in (NOTE, OTHER):
            bench.hand(insert=str(note))
            await asyncio.sleep(2)
        assert (await driver.levels())[NOTE] == 1
        await driver.route(OTHER, "dispenser")
        bench.hand(insert=str(OTHER))
        await asyncio.sleep(2)
        assert (await driver.levels())[OTHER] == 1

    bench = live(life)
    assert kinds(bench.heard) == [
        "escrow 1000", "credited 1000 dispenser", "escrow 2000", "credited 2000 cashbox",
        "escrow 2000", "credited 2000 dispenser",
    ]  # fmt: skip
    assert bench.credits() == bench.truth()


def test_without_a_wish_notes_go_as_the_device_is_set_up() -> None:
    async def scene() -> None:
        bench = Bench()
        bench.device.inside.kept.routes[3] = "dispenser"

        async def life(driver: SspNoteRecycler) -> None:
            await ready(driver)
            assert {kind for kind in await driver.denominations() if driver._route(kind) == "dispenser"} == {NOTE}
            assert bench.device.inside.kept.routes[3] == "dispenser"

        await bench.host(life)

    run(scene)


def test_a_full_store_sends_notes_to_the_cashbox_and_the_credit_says_so() -> None:
    async def life(_: SspNoteRecycler, bench: Bench) -> None:
        for _ in range(2):
            bench.hand(insert=str(NOTE))
            await asyncio.sleep(2)

    bench = live(life, store_notes_max=1)
    assert kinds(bench.heard)[1::2] == ["credited 1000 dispenser", "credited 1000 cashbox"]
    assert bench.credits() == bench.truth()


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"insert": "CNY-5000-note"}, ["back inhibited"]),
        ({"insert": "CNY-1000-note", "quality": "counterfeit"}, ["back not_recognised"]),
        ({"insert": "", "quality": "unknown"}, ["back not_recognised"]),
    ],
)
def test_what_is_not_wanted_goes_back(request_: dict[str, Any], expected: list[str]) -> None:
    async def life(_: SspNoteRecycler, bench: Bench) -> None:
        assert bench.hand(**request_)["taken"]
        await asyncio.sleep(2)

    bench = live(life)
    assert kinds(bench.heard) == expected
    assert bench.device.state()["inserted"] == bench.device.state()["returned"]


def test_nothing_wanted_means_that_nothing_is_drawn_in() -> None:
    async def life(driver: SspNoteRecycler, bench: Bench) -> None:
        await driver.enable(frozenset())
        assert not bench.hand(insert=str(NOTE))["taken"]

    assert live(life).heard == []


def test_a_note_in_escrow_waits_for_a_decision_however_long_it_takes() -> None:
    async def life(driver: SspNoteRecycler, bench: Bench) -> None:
        bench.hand(insert=str(NOTE))
        await asyncio.sleep(60)
        assert bench.device.state()["path"] == "escrow"
        assert (await driver.status()).status == "busy"

    async def undecided(bench: Bench, driver: SspNoteRecycler) -> None:
        async for event in driver.events(None):
            bench.heard.append(event)
            await driver.acknowledge(event.mark)

    original = Bench.hear
    try:
        Bench.hear = undecided  # type: ignore[method-assign]
        bench = live(life)
    finally:
        Bench.hear = original  # type: ignore[method-assign]
    assert kinds(bench.heard) == ["escrow 1000"]


def test_a_note_is_given_back_when_asked() -> None:
    async def life(driver: SspNoteRecycler, bench: Bench) -> None:
        bench.hand(insert=str(NOTE))
        await asyncio.sleep(2)
        assert bench.device.state()["returned"] == {str(NOTE): 1}
        with pytest.raises(DeviceFailed, match="no note"):
            await driver.stack()

    assert kinds(live(life, keep=False).heard) == ["escrow 1000", "back asked"]


@pytest.mark.parametrize(
    ("after_s", "expected"),
    [
        (0.03, ["fraud!"]),
        (0.15, ["escrow 1000", "fraud!", "back withdrawn"]),
        (0.19, ["escrow 1000", "credited 1000 dispenser", "fraud!"]),
    ],
    ids=["while it is read", "before the safe point", "after its credit"],
)
def test_a_note_on_a_string(after_s: float, expected: list[str]) -> None:
    async def life(_: SspNoteRecycler, bench: Bench) -> None:
        bench.hand(insert=str(NOTE))
        await asyncio.sleep(after_s)
        assert not bench.hand(pull=True)["taken"]
        await asyncio.sleep(5)
        bench.hand(insert=str(OTHER))
        await asyncio.sleep(3)

    bench = live(life)
    assert kinds(bench.heard) == [*expected, "escrow 2000", "credited 2000 cashbox"]
    [fraud] = [event for event in bench.heard if isinstance(event, Trouble)]
    assert ("never arrived" in fraud.detail) == ("credited 1000 dispenser" in expected)


@pytest.mark.parametrize(
    ("jam", "expected"),
    [
        ("safe", ["escrow 1000", "jam!", "credited 1000 dispenser"]),
        ("unsafe", ["escrow 1000", "jam!", "back not_recognised"]),
    ],
)
def test_a_jam_is_told_once_and_the_note_is_accounted_for_when_it_is_cleared(jam: str, expected: list[str]) -> None:
    async def life(_: SspNoteRecycler, bench: Bench) -> None:
        bench.hand(insert=str(NOTE))
        await asyncio.sleep(0.15)
        bench.hand(jam=jam)
        await asyncio.sleep(20)
        bench.hand(jam=None)
        await asyncio.sleep(3)

    bench = live(life)
    assert kinds(bench.heard) == expected
    assert bench.credits() == bench.truth()


def test_a_note_that_staff_take_out_of_a_jam_belongs_to_nobody_yet() -> None:
    async def life(_: SspNoteRecycler, bench: Bench) -> None:
        bench.hand(insert=str(NOTE))
        await asyncio.sleep(0.15)
        bench.hand(jam="unsafe")
        await asyncio.sleep(5)
        bench.device.inside.kept.note = None
        bench.hand(jam=None)
        await asyncio.sleep(3)

    assert kinds(live(life).heard) == ["escrow 1000", "jam!", "unknown 1"]


def test_the_cashbox_is_full_taken_out_and_put_back() -> None:
    async def life(_: SspNoteRecycler, bench: Bench) -> None:
        for what in ("full", "removed", "replaced"):
            bench.hand(cashbox=what)
            await asyncio.sleep(1)
            assert bench.hand(insert=str(OTHER))["taken"] == (what == "replaced")
        await asyncio.sleep(3)

    assert kinds(live(life).heard) == [
        "full!", "cashbox_removed!", "cashbox_replaced", "escrow 2000", "credited 2000 cashbox",
    ]  # fmt: skip


def test_unplugged_and_plugged_in_again() -> None:
    async def life(driver: SspNoteRecycler, bench: Bench) -> None:
        assert bench.line is not None
        bench.hand(insert=str(NOTE))
        await asyncio.sleep(0.21)
        for _ in range(2):
            bench.line.plug(plugged=False)
            await asyncio.sleep(0.3)
            assert (await driver.status()).status == "failed"
            for order in (driver.levels, driver.begin, driver.halt):
                with pytest.raises(DeviceFailed):
                    await order()
            bench.line.plug(plugged=True)
            await asyncio.sleep(2)
            await ready(driver)
        bench.hand(insert=str(OTHER))
        await asyncio.sleep(2)

    bench = live(life)
    assert bench.credits() == bench.truth()
    assert len(bench.truth()) == 2
    assert [kind for kind in kinds(bench.heard) if kind in {"unplugged!", "back"}] == ["unplugged!", "back"] * 2


def test_notes_that_the_device_counted_and_never_told_of_are_unknown() -> None:
    async def life(_: SspNoteRecycler, bench: Bench) -> None:
        assert bench.line is not None
        bench.line.plug(plugged=False)
        bench.device.inside.kept.counts["stacked"] += 2
        bench.line.plug(plugged=True)
        await asyncio.sleep(3)

    assert kinds(live(life).heard) == ["unplugged!", "back", "unknown 2"]


def test_a_credit_from_before_the_first_mark_belongs_to_nobody() -> None:
    async def scene() -> None:
        bench = Bench(settings=RECYCLED)

        async def pays(driver: SspNoteRecycler) -> None:
            await ready(driver)
            await driver.enable(frozenset({NOTE}))
            bench.hand(insert=str(NOTE))
            await asyncio.sleep(0.4)

        bench.commit_s = 0.12
        await bench.host(pays)
        bench.heard, bench.mark = [], None
        await bench.host(lambda _: asyncio.sleep(5))
        assert kinds(bench.heard) == ["unknown 1"]
        await bench.host(lambda _: asyncio.sleep(5))
        assert kinds(bench.heard) == ["unknown 1"]

    run(scene)


def test_another_device_does_not_inherit_a_note() -> None:
    async def scene() -> None:
        bench, other = Bench(settings=RECYCLED), Bench(settings=RECYCLED, serial=77)

        async def pays(driver: SspNoteRecycler) -> None:
            await ready(driver)
            await driver.enable(frozenset({NOTE}))
            bench.hand(insert=str(NOTE))
            await asyncio.sleep(0.2)

        await bench.host(pays)
        assert kinds(bench.heard) == ["escrow 1000"]
        other.mark = bench.mark
        await other.host(lambda _: asyncio.sleep(3))
        assert kinds(other.heard) == ["unknown 1"]

    run(scene)


def test_who_hears_again_in_the_same_life_gets_what_was_not_acknowledged() -> None:
    async def scene() -> None:
        bench = Bench(settings=RECYCLED)
        driver = bench.driver()
        async with driver:
            await ready(driver)
            await driver.enable(frozenset({NOTE}))
            first = driver.events(None)
            bench.hand(insert=str(NOTE))
            escrow = await anext(first)
            again = driver.events(None)
            assert await anext(again) == escrow
            await driver.stack()
            third = driver.events(escrow.mark)
            assert isinstance(await anext(third), Credited)

    run(scene)


# The session ----------------------------------------------------------------------------------------------------------


def test_a_device_with_another_fixed_key_is_never_ready() -> None:
    async def scene() -> None:
        bench = Bench(encrypted=True, fixed_key=0x1111)
        driver = bench.driver()
        async with driver:
            await asyncio.sleep(10)
            assert (await driver.status()).status == "failed"
            with pytest.raises(DeviceFailed):
                await driver.denominations()
        assert (await driver.status()).detail == "not claimed"

    run(scene)


def test_a_lossy_line_costs_time_and_nothing_else() -> None:
    async def life(_: SspNoteRecycler, bench: Bench) -> None:
        respond, number = bench.device.respond, 0

        def lossy(data: bytes) -> bytes:
            nonlocal number
            number += 1
            if number % 4 == 1:
                return b""  # the question is lost
            answer = respond(data)
            return b"\x7f\x00\xff" + answer[:-1] if number % 4 == 3 else answer  # or the answer is spoilt

        bench.device.respond = lossy  # type: ignore[method-assign]
        for note in (NOTE, OTHER):
            bench.hand(insert=str(note))
            await asyncio.sleep(30)

    bench = live(life)
    assert bench.credits() == bench.truth()
    assert len(bench.credits()) == 2


def test_marks_of_others_are_refused() -> None:
    for mark in ("", "7", '["ssp-out",1]', '{"x": 1}'):
        with pytest.raises(msgspec.DecodeError):
            decode_memory(mark)


def test_the_line_is_9600_8n2() -> None:
    line = SspNoteRecyclerSettings("/dev/ttyUSB0").line()
    assert (line.baud_rate, line.data_bits, line.parity, line.stop_bits) == (9600, 8, "none", 2)


def test_a_session_is_dead_after_an_unanswered_question() -> None:
    """Its flag would make the device take the next question for a repeat, and answer what was asked before."""

    async def scene() -> None:
        bench = Bench()

        def new_line(_: LineSettings, on_data: Any, on_state: Any) -> BenchLine:
            return BenchLine(bench.wire, on_data, on_state)

        link = SspLink(LineSettings("bench"), answer_timeout_s=0.1, repeats=1, new_line=new_line)
        link.start()
        await link.open(encrypted=False)
        bench.wire.plugged = False
        with pytest.raises(SessionLost):
            await link.ask(bytes([Command.GET_COUNTERS]))
        bench.wire.plugged = True
        with pytest.raises(SessionLost):
            await link.ask(bytes([Command.GET_COUNTERS]))
        await link.open(encrypted=False)
        assert (await link.ask(bytes([Command.GET_COUNTERS]))).ok

    run(scene)


def test_against_answers_that_others_recorded() -> None:
    """An NV200 with a Smart Payout, as kybarg's tests hold it, with the manual's credit of channel 1."""
    setup = bytes.fromhex(GOLDEN["setup"]["kybarg_smart_payout"]["data"])
    counters = bytes.fromhex("05 11 00 00 00 28 00 00 00 23 00 00 00 0A 00 00 00 10 00 00 00")
    stacked = bytes.fromhex("05 12 00 00 00 28 00 00 00 23 00 00 00 0A 00 00 00 10 00 00 00")
    polls = iter(["", "EF 00", "EF 01", "CC", "CC EE 01"])
    seen: list[int] = []
    frames = PacketDecoder()

    def respond(data: bytes) -> bytes:
        [packet] = frames.feed(data)
        assert isinstance(packet, Packet)
        command = packet.data[0]
        seen.append(command)
        credited = seen.count(Command.POLL_WITH_ACK) >= 5
        answers = {
            Command.SETUP_REQUEST: setup,
            Command.GET_SERIAL_NUMBER: bytes.fromhex("00 4A 78 B4"),
            Command.GET_COUNTERS: stacked if credited else counters,
            Command.POLL_WITH_ACK: b"",
        }
        answer = answers.get(Command(command), b"")
        if command == Command.POLL_WITH_ACK:
            acknowledged = Command.EVENT_ACK in seen
            answer = bytes.fromhex(next(polls, "" if acknowledged else "CC EE 01"))
        in_escrow = seen.count(Command.POLL_WITH_ACK) == 3
        reply = (
            0xF5
            if (command == Command.HOLD and not in_escrow) or (command == Command.EVENT_ACK and not credited)
            else 0xF0
        )
        return encode_packet(Packet(bytes([reply]) + answer, packet.sequence))

    async def scene() -> None:
        bench = Bench()
        bench.device.respond = respond  # type: ignore[method-assign]

        async def life(driver: SspNoteRecycler) -> None:
            await ready(driver)
            assert Denomination("USD", 10000, "note") in await driver.denominations()
            await asyncio.sleep(3)

        await bench.host(life)
        assert kinds(bench.heard) == ["escrow 100", "credited 100 cashbox"]
        assert seen.count(Command.EVENT_ACK) == 1
        assert seen.index(Command.EVENT_ACK) > seen.index(Command.HOLD)

    run(scene)
