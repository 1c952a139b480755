"""What a station does at the same time: jobs that last, jobs on the side, and the bells that wake them."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Job = Coroutine[Any, Any, object]
Subject = TypeVar("Subject")


class Jobs:
    """A station's tasks. One that fails ends them all: whoever started the process starts it again."""

    def __init__(self) -> None:
        self._on_the_side: set[asyncio.Task[object]] = set()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self, job: Job) -> "asyncio.Task[object]":
        """Do something on the side. Its error ends :meth:`run`."""
        task = asyncio.create_task(job)
        self._on_the_side.add(task)
        task.add_done_callback(self._ended)
        return task

    async def run(self, *lasting: Job) -> None:
        """Do the lasting jobs until one fails, or one on the side does, or this is cancelled; then all are cancelled.

        ExceptionGroup of what failed.
        """
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._until_failed())
                for job in lasting:
                    group.create_task(job)
        finally:
            for task in self._on_the_side:
                task.cancel()

    def _ended(self, task: "asyncio.Task[object]") -> None:
        self._on_the_side.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self._failed.done():
            self._failed.set_exception(error)

    async def _until_failed(self) -> None:
        await self._failed


class Pursuit(Generic[Subject]):
    """One job at a time, about one subject: what is no longer wanted is given up."""

    def __init__(self, jobs: Jobs, job_about: Callable[[Subject], Job]) -> None:
        self._jobs, self._job_about = jobs, job_about
        self._subject: Subject | None = None
        self._task: asyncio.Task[object] | None = None

    def turn_to(self, subject: Subject | None) -> bool:
        """Work on a subject from now on, None for nothing; whether that is a change."""
        if subject == self._subject:
            return False
        # The job itself may have brought the change about: then it is at its end, and must not cancel itself.
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        self._subject = subject
        self._task = self._jobs.start(self._job_about(subject)) if subject is not None else None
        return True


class Bell:
    """Wakes a job before its time. One that rings while the job works is heard when it waits again."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, seconds_max: float) -> bool:
        """Until it rings, or the time is over. Whether it rang."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds_max):
                await self._rung.wait()
        rang = self._rung.is_set()
        self._rung.clear()
        return rang
