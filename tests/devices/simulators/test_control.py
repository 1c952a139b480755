"""The physical side's JSON lines."""

import asyncio
from typing import Any

import pytest

from unqueue.devices.simulators.control import ControlClient, ControlRefused, ControlServer, one_of, only_keys


async def handle(request: dict[str, Any]) -> dict[str, Any]:
    only_keys(request, "say", "wait_s")
    await asyncio.sleep(float(request.get("wait_s", 0)))
    return {"said": one_of(request.get("say", "a"), "a", "茶")}


def test_requests_are_answered_in_order() -> None:
    async def scene() -> None:
        async with ControlServer(handle) as server, ControlClient(server.port) as client:
            answers = tuple(await asyncio.gather(client.ask(say="a", wait_s=0.05), client.ask({"say": "茶"})))
            assert answers == ({"said": "a"}, {"said": "茶"})

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"{}", "nothing asked; known: say, wait_s"),
        (b'{"cry": 1}', "cry asked; known: say, wait_s"),
        (b'{"say": "b"}', "'b' is none of 'a', '茶'"),
        (b'{"wait_s": "long"}', "could not convert"),
        (b"[1]", "Expected `object`"),
        (b"nonsense", "malformed"),
    ],
)
def test_nonsense_is_refused_with_a_reason_and_the_line_stays_open(line: bytes, error: str) -> None:
    async def scene() -> None:
        async with ControlServer(handle) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(line + b"\n" + b'{"say": "a"}\n')
            assert error in (await reader.readline()).decode()
            assert await reader.readline() == b'{"said": "a"}\n'
            writer.close()
            await writer.wait_closed()

    asyncio.run(scene())


def test_a_refusal_and_a_death_are_told_apart() -> None:
    async def scene() -> None:
        async with ControlServer(handle) as server:
            client = ControlClient(server.port)
            await client.__aenter__()
            with pytest.raises(ControlRefused):
                await client.ask(say="b")
        with pytest.raises(ConnectionError):
            await client.ask(say="a")
        await client.__aexit__(None, None, None)

    asyncio.run(scene())
