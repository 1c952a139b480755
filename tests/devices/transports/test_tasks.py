"""Tasks end when they are told to."""

import asyncio

import pytest

from unqueue.devices.transports.tasks import end


def test_a_task_that_swallows_a_cancellation_is_ended_all_the_same() -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed > 2:
                    raise

    async def scene() -> None:
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
        async with asyncio.timeout(2):
            await end(task)
        assert task.cancelled()

    asyncio.run(scene())
    assert swallowed == 3


def test_what_a_task_died_of_is_told() -> None:
    async def broken() -> None:
        raise ValueError("a mistake of ours")

    async def scene() -> None:
        task = asyncio.create_task(broken())
        await asyncio.sleep(0.01)
        with pytest.raises(ValueError, match="a mistake of ours"):
            await end(task)

    asyncio.run(scene())
