"""The scale's driver against a scale that plays back frames which others wrote down: no codec of ours answers here."""

import asyncio
import itertools
import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from unqueue.devices.drivers.toledo8217 import Toledo8217Scale, Toledo8217Settings
from unqueue.devices.ports import NotReady, Overweight, StableWeight, UnderZero, UnstableWeight, Weighing
from unqueue.kernel.weight import Reading

GOLDEN = tomllib.loads((Path(__file__).parents[2] / "golden" / "toledo-8217.toml").read_text("utf-8"))
FRAMES = {(frame["source"], frame["name"]): bytes.fromhex(frame["bytes"]) for frame in GOLDEN["answer"]}
Play = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


async def with_scale(play: Play, scene: Callable[[Toledo8217Scale], Awaitable[None]], **settings: Any) -> None:
    """A TCP port that plays a scale: `play` gets each byte of the host outside an echo, and answers."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        echoing = False
        while byte := await reader.read(1):
            if byte == b"E" and not echoing:
                echoing = True
                writer.write(b"\x02E\r")
            elif byte == b"F" and echoing:
                echoing = False
            elif echoing:
                writer.write(byte)
            else:
                await play(byte, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    quick = {"command_interval_s": 0.0, "answer_timeout_s": 0.15, "stable_timeout_s": 0.3, **settings}
    async with server:
        async with Toledo8217Scale(Toledo8217Settings(f"socket://127.0.0.1:{port}", **quick)) as scale:
            async with asyncio.timeout(2):
                while not scale._line.connected:  # asking for the status would be a question
                    await asyncio.sleep(0.01)
            await scene(scale)
        await asyncio.sleep(0.01)


def weigh_golden(frame: bytes, unit: str = "kg") -> Weighing:
    result: list[Weighing] = []

    async def play(byte: bytes, writer: asyncio.StreamWriter) -> None:
        if byte == b"W":
            writer.write(frame)

    async def scene(scale: Toledo8217Scale) -> None:
        result.append(await scale.weigh())

    asyncio.run(with_scale(play, scene, unit=unit))
    return result[0]


WEIGHINGS: list[tuple[str, str, str, Weighing]] = [
    ("emupos", "1250 g, no tare", "kg", StableWeight(Reading(1250, 5))),
    ("emupos", "tare 200 g, gross 1450 g", "kg", StableWeight(Reading(1250, 5), tared=True)),
    ("diva", "gross weight in pounds, WW.WW: 2.50 lb", "lb", StableWeight(Reading(1134, 5))),
    ("diva", "8213 mode, gross weight in pounds, 0WW.WW: 2.50 lb", "lb", StableWeight(Reading(1134, 5))),
    ("brecknell", "kilograms with two decimals, XXX.XX: 12.34 kg", "kg", StableWeight(Reading(12_340, 5))),
    ("odoo", "leading spaces, which its pattern allows", "kg", StableWeight(Reading(1250, 5))),
    ("emupos", "in motion", "kg", UnstableWeight()),
    ("emupos", "over capacity; the status byte is STX", "kg", Overweight()),
    ("emupos", "under zero", "kg", UnderZero()),
    ("emupos", "net weight below zero", "kg", UnderZero()),
    ("emupos", "moving, over capacity and net", "kg", UnstableWeight()),
    ("benchpro", "bits 5 and 6 always set: in motion", "kg", UnstableWeight()),
    ("diva", "moving, under zero and outside the zero range; the status byte is CR", "kg", UnstableWeight()),
    (
        "diva",
        "8213 mode, bit 6 always set: center of zero",
        "kg",
        NotReady("the scale gives no weight and no reason"),
    ),
]


@pytest.mark.parametrize(("source", "name", "unit", "weighing"), WEIGHINGS, ids=[case[1] for case in WEIGHINGS])
def test_golden_frames(source: str, name: str, unit: str, weighing: Weighing) -> None:
    assert weigh_golden(FRAMES[source, name], unit) == weighing


def test_an_answer_that_comes_while_the_next_question_waits_is_not_believed() -> None:
    """The first question's answer (1.000 kg) arrives right after the second question, before its own answer."""

    async def scene(scale: Toledo8217Scale) -> None:
        questions = []
        first = await scale.weigh()
        assert isinstance(first, NotReady), first
        questions.append(await scale.weigh())
        assert questions == [StableWeight(Reading(2000, 5))]

    asked = 0

    async def play(byte: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        if byte == b"F":  # the word that begins the agreement: here the late answer comes in
            if asked:
                writer.write(b"\x0201.000\r")
        elif byte == b"W":
            asked += 1
            if asked > 1:
                writer.write(b"\x0202.000\r")

    asyncio.run(with_scale(play, scene, stable_timeout_s=0.1))


def test_commands_keep_the_pause_that_the_manual_asks_for() -> None:
    at: list[float] = []

    async def play(byte: bytes, writer: asyncio.StreamWriter) -> None:
        at.append(asyncio.get_running_loop().time())
        if byte == b"W":
            writer.write(b"\x02?\x01\r")

    async def scene(scale: Toledo8217Scale) -> None:
        assert await scale.weigh() == UnstableWeight()

    asyncio.run(with_scale(play, scene, command_interval_s=0.1, stable_timeout_s=0.5))
    assert len(at) >= 4
    assert min(later - earlier for earlier, later in itertools.pairwise(at)) > 0.08


def test_a_stream_of_noise_does_not_hang_the_lane() -> None:
    async def play(byte: bytes, writer: asyncio.StreamWriter) -> None:
        if byte == b"W":
            writer.write(bytes(range(256)) * 8)

    async def scene(scale: Toledo8217Scale) -> None:
        assert isinstance(await asyncio.wait_for(scale.weigh(), 3), NotReady)

    asyncio.run(with_scale(play, scene))


def test_the_manuals_pause_is_the_default() -> None:
    assert Toledo8217Settings("/dev/ttyS0").command_interval_s == 0.2
    line = Toledo8217Settings("/dev/ttyS0").line()
    assert (line.baud_rate, line.data_bits, line.parity) == (9600, 7, "even")
    line = Toledo8217Settings("socket://10.0.0.7:4001", parity="software").line()
    assert (line.data_bits, line.parity) == (8, "none")
