"""Ending background tasks for certain, and what they must not leave half done."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

_AGAIN_S = 0.1


async def end(task: "asyncio.Task[None]") -> None:
    """Cancel a task, as often as it takes, and wait for it, although the caller is cancelled meanwhile: that is raised
    afterwards, as is an exception that the task died of before.

    Once is not always enough: `asyncio.wait_for` of Python 3.11, which libraries use, swallows a cancellation that
    comes in the same moment as what it waits for.
    """
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        task.cancel()
        try:
            await asyncio.wait({task}, timeout=_AGAIN_S)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    with contextlib.suppress(asyncio.CancelledError):
        task.result()


async def finish(work: Coroutine[Any, Any, None]) -> None:
    """Do it to the end, however often the caller is cancelled meanwhile; the cancellation is raised afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    task.result()
