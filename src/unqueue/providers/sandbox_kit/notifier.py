"""Sends a wallet's notifications until the merchant acknowledges them, across restarts."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import NamedTuple

import httpx

from unqueue.kernel.clock import Clock, micros
from unqueue.providers.sandbox_kit.model import retry_after_us
from unqueue.providers.sandbox_kit.store import BookStore, Waiting

GIVE_UP_US = 24 * 3600 * 1_000_000
_AT_ONCE = 16
_REST_S_MAX = 60.0

log = logging.getLogger(__name__)


class Sealed(NamedTuple):
    """A notification as it goes out."""

    headers: dict[str, str]
    body: bytes


class Sending(NamedTuple):
    """How a protocol sends. ``seal`` signs a kept message, at a time in microseconds, with a wrong key where it is
    ``forged``; ``acknowledged`` knows the answer that ends the sending.
    """

    seal: Callable[[Waiting, int], Sealed]
    acknowledged: Callable[[httpx.Response], bool]


class Notifier:
    """One task that sleeps until the next notification is due."""

    def __init__(
        self,
        store: BookStore,
        sending: Sending,
        clock: Clock,
        *,
        retry_first_s: float,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._store = store
        self._sending = sending
        self._clock = clock
        self._retry_first_us = int(retry_first_s * 1_000_000)
        self._http = httpx.AsyncClient(timeout=5.0, trust_env=False, transport=transport)
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="sandbox-notifier")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._http.aclose()

    def wake(self) -> None:
        """There may be something to send."""
        self._wake.set()

    async def send_due(self) -> int:
        """Send what is due now; how many were sent."""
        waiting = self._store.due(self._now_us(), _AT_ONCE)
        await asyncio.gather(*(self._send(entry) for entry in waiting))
        return len(waiting)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                if await self.send_due():
                    continue
            except Exception:
                log.exception("sending notifications failed; trying again")
            next_us = self._store.next_due_us()
            rest_s = _REST_S_MAX if next_us is None else (next_us - self._now_us()) / 1_000_000
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), min(max(rest_s, 0.01), _REST_S_MAX))

    async def _send(self, entry: Waiting) -> None:
        tries = entry.tries + 1
        if await self._acknowledged(entry):
            self._store.tried(entry.notification, tries, None)
            return
        due_us = self._now_us() + retry_after_us(tries, self._retry_first_us)
        gives_up = tries == entry.tries_max or due_us > entry.created_us + GIVE_UP_US
        self._store.tried(entry.notification, tries, None if gives_up else due_us)

    async def _acknowledged(self, entry: Waiting) -> bool:
        sealed = self._sending.seal(entry, self._now_us())
        try:
            answer = await self._http.post(entry.url, content=sealed.body, headers=sealed.headers)
        except (httpx.HTTPError, httpx.InvalidURL):
            return False
        return self._sending.acknowledged(answer)

    def _now_us(self) -> int:
        return micros(self._clock.now())
