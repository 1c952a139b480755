"""Ending background tasks for certain."""

import asyncio
import contextlib

_AGAIN_S = 0.1


async def end(task: "asyncio.Task[None]") -> None:
    """Cancel a task, as often as it takes, and wait for it. An exception that it died of before is raised.

    Once is not always enough: `asyncio.wait_for` of Python 3.11, which libraries use, swallows a cancellation that
    comes in the same moment as what it waits for.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_AGAIN_S)
    with contextlib.suppress(asyncio.CancelledError):
        task.result()
