"""The use case of overrides: who decided what, when and why, and whether the journal says so, too."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection

from unqueue.kernel import journal
from unqueue.kernel.clock import first_of_days, from_micros, micros
from unqueue.kernel.database import Database
from unqueue.kernel.errors import InvalidRequest
from unqueue.kernel.money import Money
from unqueue.server.exits.answers import Finding
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import OrderUnknown
from unqueue.server.overrides import store
from unqueue.server.overrides.chain import ChainView, ChainWatch
from unqueue.server.overrides.model import Asked, Override, OverrideAction, OverrideKind, cursor_of

DAYS_USUAL = 7
LIMIT_MAX = 200
_FIRST_DAY, _LAST_DAY = date(1970, 1, 2), date(9999, 12, 30)  # whose beginning and end every time zone can tell


class OverrideOrder(msgspec.Struct, frozen=True):
    id: str
    number: str


class OverrideView(msgspec.Struct, frozen=True):
    """``event`` is its number in the journal, ``staff_id`` who wrote it there. ``fits``: the journal says the same of
    it, and that row and the one before it are what was written.
    """

    id: str
    at: str
    kind: OverrideKind
    lane: str
    order: OverrideOrder | None
    by: str
    staff_id: str | None
    action: OverrideAction | None
    reason: str | None
    finding: Finding | None
    worth: Money | None
    event: int | None
    fits: bool


class OverridesView(msgspec.Struct, frozen=True):
    """``Overrides`` of docs/protocols/http.md: the newest first. ``next`` asks for those before them; None at the end.
    ``first`` and ``last`` are None where one order was asked for, of whatever day.
    """

    first: str | None
    last: str | None
    time_zone: str
    overrides: list[OverrideView]
    next: str | None
    chain: ChainView


class Overrides:
    """All overrides of the store."""

    def __init__(self, database: Database, *, currency: str, time_zone: str) -> None:
        self._database = database
        self._currency = currency
        self._zone = ZoneInfo(time_zone)
        self._chain = ChainWatch(database)

    async def stop(self) -> None:
        await self._chain.stop()

    async def of(
        self, first: date | None, last: date | None, *, number: str | None, before: str | None, limit: int
    ) -> OverridesView:
        """Those of some days, without dates the last seven; or of one order, by its number. OrderUnknown."""
        if not 1 <= limit <= LIMIT_MAX:
            raise InvalidRequest(problem=f"limit is from 1 to {LIMIT_MAX}")
        after = cursor_of(before) if before is not None else None
        if before is not None and after is None:
            raise InvalidRequest(problem="before is the next of an earlier answer")
        days = None if number is not None else self._days(first, last)

        def read(connection: Connection) -> tuple[list[OverrideView], str | None]:
            asked = Asked(before=after)
            if number is not None:
                order = orders_store.by_number(connection, "".join(number.split()))
                if order is None:
                    raise OrderUnknown
                asked = msgspec.structs.replace(asked, order_id=order.order_id)
            elif days is not None:
                begin, end = (micros(datetime.combine(day, time(), self._zone)) for day in _around(*days))
                asked = msgspec.structs.replace(asked, from_us=begin, until_us=end)
            found = store.read(connection, asked, limit + 1)
            shown = found[:limit]
            return [self._view(connection, one) for one in shown], shown[-1].cursor if len(found) > limit else None

        views, following = await self._database.read_long(read)
        return OverridesView(
            first=days[0].isoformat() if days is not None else None,
            last=days[1].isoformat() if days is not None else None,
            time_zone=self._zone.key,
            overrides=views,
            next=following,
            chain=await self._chain.look(),
        )

    def _days(self, first: date | None, last: date | None) -> tuple[date, date]:
        end = last or self._database.clock.now().astimezone(self._zone).date()
        begin = first or first_of_days(end, DAYS_USUAL)
        if not _FIRST_DAY <= begin <= end <= _LAST_DAY:
            raise InvalidRequest(problem="give the first day, then the last, as 2026-01-31")
        return begin, end

    def _view(self, connection: Connection, one: Override) -> OverrideView:
        event = store.event_of(connection, one)
        known = one.order_id is not None and one.order_number is not None
        actor, _, staff_id = event.actor.partition(":") if event is not None else ("", "", "")
        return OverrideView(
            id=one.override_id,
            at=from_micros(one.at_us).isoformat(),
            kind=one.kind,
            lane=one.lane,
            order=OverrideOrder(one.order_id or "", one.order_number or "") if known else None,
            by=one.by,
            staff_id=staff_id if actor == "staff" else None,
            action=one.action,
            reason=one.reason,
            finding=one.finding,
            worth=Money(one.worth_minor, self._currency) if one.worth_minor is not None else None,
            event=event.seq if event is not None else None,
            fits=event is not None and journal.fits(connection, event.seq),
        )


def _around(first: date, last: date) -> tuple[date, date]:
    return first, last + timedelta(days=1)
