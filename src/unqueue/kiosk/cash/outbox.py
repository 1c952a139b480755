"""Reports to the merchant server: in order, at least once, however long it is away."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from unqueue.kiosk.cash.desk import Desk
from unqueue.kiosk.cash.reports import Report

logger = logging.getLogger(__name__)

Send = Callable[[Report], Awaitable[None]]

_WAIT_S_MAX = 60.0


class NotTaken(Exception):
    """The server did not take a report: `send` is called again with the same report later."""


class Outbox:
    """Sends what waits. `send` returns once the server made the report durable, and raises otherwise, whatever it is:
    nothing that happens on the way to the server may stop the till.
    """

    def __init__(self, desk: Desk, send: Send) -> None:
        self._desk = desk
        self._send = send

    async def run(self) -> None:
        wait_s = self._desk.timing.retry_s
        while True:
            try:
                await self.deliver()
            except NotTaken:
                await asyncio.sleep(wait_s)
                wait_s = min(_WAIT_S_MAX, wait_s * 2)
                continue
            wait_s = self._desk.timing.retry_s
            await self._desk.to_send.wait()

    async def deliver(self) -> None:
        """Send everything that waits, the oldest first; stops at the first that is not taken."""
        while True:
            self._desk.to_send.clear()
            reports = self._desk.journal.waiting_reports()
            for report in reports:
                try:
                    await self._send(report)
                except Exception as error:
                    logger.warning("report %s was not taken: %s", report.seq, error)
                    raise NotTaken from error
                self._desk.journal.report_taken(report.seq, self._desk.now_us())
            if not reports:
                return
