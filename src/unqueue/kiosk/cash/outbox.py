"""Reports to the merchant server: in order, at least once, however long it is away.

A report that the server refuses for good is set aside: it stays in the journal, staff are called, and what has nothing
to do with it goes on. What would mislead the server without it (:func:`unqueue.kiosk.cash.reports.must_follow`) waits.
Once it was mended, staff have it sent again, in its old place.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from unqueue.kiosk.cash.desk import Desk
from unqueue.kiosk.cash.reports import Report, about, kind_of

logger = logging.getLogger(__name__)

Send = Callable[[Report], Awaitable[None]]

_WAIT_S_MAX = 60.0


class NotTaken(Exception):
    """The server did not take a report: `send` is called again with the same report later. `answered`: it was there,
    and failed over it.
    """

    def __init__(self, why: str = "", *, answered: bool = False) -> None:
        self.answered = answered
        super().__init__(why)


class ReportRefused(Exception):
    """The server will not take this report, however often it is sent. `code` is its word for why."""

    def __init__(self, code: str, detail: str) -> None:
        self.code, self.detail = code, detail
        super().__init__(f"{code}: {detail}")


class Outbox:
    """Sends what waits. `send` returns once the server made the report durable, and raises otherwise, whatever it is:
    nothing that happens on the way to the server may stop the till.
    """

    def __init__(self, desk: Desk, send: Send) -> None:
        self._desk = desk
        self._send = send
        self._one_at_a_time = asyncio.Lock()
        self._failing: tuple[int, int] | None = None
        """The report that the server fails over, and since when."""
        self._late = ""

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
        """Send everything that waits, the oldest first. NotTaken at the first that has to be sent again."""
        async with self._one_at_a_time:
            while True:
                self._desk.to_send.clear()
                reports = self._desk.journal.waiting_reports()
                for report in reports:
                    if not await self._deliver(report):
                        break  # the next ones may have to wait for it
                if not reports:
                    return

    @property
    def problem(self) -> str:
        """What staff must know of it; empty while everything goes out."""
        stuck = self._desk.journal.stuck_reports()
        if not stuck:
            return self._late
        refused = [one for one in stuck if one.code]
        told = ", ".join(f"{one.kind} {one.about}".rstrip() + f" ({one.code})" for one in refused[:3])
        waiting = f"; {len(stuck) - len(refused)} wait for them" if len(stuck) > len(refused) else ""
        return f"the server refused {len(refused)} of the cash reports: {told}{waiting}"

    def retry(self, by: str) -> int:
        """Send what was set aside again: somebody mended the reason. How many."""
        with self._desk.journal.transaction(self._desk.now_us()) as transaction:
            count = transaction.retry_reports()
            transaction.entry("reports_retried", by=by, data={"count": count})
        self._desk.show()
        return count

    async def _deliver(self, report: Report) -> bool:
        """Whether the server has it now; False where it was set aside."""
        try:
            await self._send(report)
        except ReportRefused as refusal:
            self._heard(report, answered=False)
            self._set_aside(report, refusal)
            return False
        except Exception as error:
            logger.warning("report %s was not taken: %s", report.seq, error)
            self._heard(report, answered=isinstance(error, NotTaken) and error.answered)
            raise NotTaken(str(error)) from error
        self._heard(report, answered=False)
        self._desk.journal.report_taken(report.seq, self._desk.now_us())
        return True

    def _set_aside(self, report: Report, refusal: ReportRefused) -> None:
        logger.error("report %s (%s) is refused for good: %s", report.seq, kind_of(report.body), refusal)
        with self._desk.journal.transaction(self._desk.now_us()) as transaction:
            transaction.set_aside(report.seq, refusal.code, refusal.detail)
            data = {"seq": report.seq, "about": about(report.body), "code": refusal.code, "detail": refusal.detail}
            transaction.entry("report_refused", data=data)
        self._desk.show()

    def _heard(self, report: Report, *, answered: bool) -> None:
        """Keep since when the server has failed over one and the same report, though it is there."""
        now_us, before = self._desk.now_us(), self._late
        if not answered:
            self._failing, self._late = None, ""
        elif self._failing is None or self._failing[0] != report.seq:
            self._failing, self._late = (report.seq, now_us), ""
        elif now_us - self._failing[1] >= self._desk.timing.report_s_max * 1_000_000:
            self._late = f"the server fails over the cash report {kind_of(report.body)} {about(report.body)}".rstrip()
        if self._late != before:
            self._desk.show()
