"""What the store's side says in a dialogue, byte for byte, against a terminal that follows a script."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from unqueue.providers.port import ProviderUnavailable
from unqueue.providers.zvt_terminal import wire
from unqueue.providers.zvt_terminal.dialogue import Line, NotReached, Patience, Refused, open_dialogue
from unqueue.providers.zvt_terminal.wire import Apdu

pytestmark = pytest.mark.anyio
IMPATIENT = Patience(answer_s=0.3, step_s=0.3, glance_s=0.1, ending_s=0.3, settle_s=0.0)
OK, PAID = "80 00 00", "04 0f 0c 27 00 04 00 00 00 00 12 90 87 00 42"
REGISTERED = [OK, "06 0f 00", ""]  # and nothing, when that is acknowledged
TAKE = wire.authorisation(1290, "EUR")


@asynccontextmanager
async def scripted(*frames: str) -> AsyncIterator[tuple[Line, list[str]]]:
    """A terminal that sends its next frame after each frame of the store, then says nothing more; what it heard."""
    heard: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder, left = wire.ApduDecoder(), list(frames)
        while data := await reader.read(1000):
            for apdu in decoder.feed(data):
                heard.append(wire.encode(apdu).hex(" "))
                # An acknowledgement of a command goes together with what follows it, as terminals send it.
                while left:
                    frame = left.pop(0)
                    writer.write(bytes.fromhex(frame))
                    if frame != OK:
                        break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    line = Line(host="127.0.0.1", port=server.sockets[0].getsockname()[1], password="000000", currency="EUR")
    try:
        yield line, heard
    finally:
        server.close()
        await server.wait_closed()


async def test_every_message_is_acknowledged() -> None:
    async with scripted(*REGISTERED, OK, "04 ff 01 0a", PAID, "06 d1 02 00 41", "06 0f 00") as (line, heard):
        dialogue = await open_dialogue(line, IMPATIENT)
        ending = await dialogue.run(TAKE)
        await asyncio.sleep(0.05)
        await dialogue.close()
    assert ending.completed
    assert ending.status is not None
    assert (ending.status.amount_minor, ending.status.receipt) == (1290, 42)
    assert ending.slip == ("A",)
    registration = wire.encode(wire.registration("000000", "EUR")).hex(" ")
    assert heard == [registration, OK, wire.encode(TAKE).hex(" "), OK, OK, OK, OK]


async def test_a_spoiled_result_is_asked_for_once_more() -> None:
    async with scripted(*REGISTERED, OK, PAID[:-6].replace("0c", "0a", 1), PAID, "06 0f 00") as (line, heard):
        dialogue = await open_dialogue(line, IMPATIENT)
        ending = await dialogue.run(TAKE)
        await dialogue.close()
    assert ending.status is not None
    assert ending.status.receipt == 42
    assert heard[3:5] == ["84 9c 00", OK]


async def test_a_result_that_is_spoiled_twice_is_acknowledged_and_not_believed() -> None:
    spoiled = PAID[:-6].replace("0c", "0a", 1)
    async with scripted(*REGISTERED, OK, spoiled, spoiled, "06 0f 00") as (line, heard):
        dialogue = await open_dialogue(line, IMPATIENT)
        ending = await dialogue.run(TAKE)
        await dialogue.close()
    assert (ending.completed, ending.status) == (True, None)
    assert heard[3:5] == ["84 9c 00", OK]


async def test_what_nobody_knows_is_refused_and_goes_on() -> None:
    async with scripted(*REGISTERED, OK, "04 77 00", PAID, "06 0f 00") as (line, heard):
        dialogue = await open_dialogue(line, IMPATIENT)
        assert (await dialogue.run(TAKE)).completed
        await dialogue.close()
    assert heard[3] == "84 83 00"


async def test_a_refusal_an_abort_and_silence() -> None:
    async with scripted(*REGISTERED, "84 6b 00") as (line, _):
        dialogue = await open_dialogue(line, IMPATIENT)
        with pytest.raises(Refused):
            await dialogue.run(TAKE)
        await dialogue.close()
    async with scripted(*REGISTERED, OK, "06 1e 01 6c") as (line, _):
        dialogue = await open_dialogue(line, IMPATIENT)
        ending = await dialogue.run(TAKE)
        assert (ending.completed, ending.code) == (False, wire.ABORTED)
        await dialogue.close()
    async with scripted(*REGISTERED, OK, "04 ff 01 0a", "80 00") as (line, _):
        dialogue = await open_dialogue(line, IMPATIENT)
        with pytest.raises(ProviderUnavailable):
            await dialogue.run(TAKE)
        await dialogue.close()
    async with scripted("84 83 00") as (line, _):
        with pytest.raises(NotReached):
            await open_dialogue(line, IMPATIENT)
    async with scripted("06 1e 01 ff") as (line, _):
        with pytest.raises(NotReached):
            await open_dialogue(line, IMPATIENT)


async def test_the_abort_is_sent_once_and_the_end_is_heard() -> None:
    stop = asyncio.Event()
    async with scripted(*REGISTERED, OK, "04 ff 01 0a", OK, "06 1e 01 6c") as (line, heard):
        dialogue = await open_dialogue(line, IMPATIENT)
        asyncio.get_running_loop().call_later(0.05, stop.set)
        ending = await dialogue.run(TAKE, stop)
        await dialogue.close()
    assert ending.code == wire.ABORTED
    assert heard.count(wire.encode(Apdu(wire.ABORT_BY_STORE)).hex(" ")) <= 1


async def test_a_receipt_that_cannot_be_read_does_no_harm() -> None:
    async with scripted(*REGISTERED, OK, PAID, "06 d3 02 06 05", "06 0f 00") as (line, heard):
        dialogue = await open_dialogue(line, IMPATIENT)
        ending = await dialogue.run(TAKE)
        await dialogue.close()
    assert ending.completed
    assert ending.slip == ()
    assert "84" not in " ".join(heard[3:])
