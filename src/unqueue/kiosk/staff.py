"""What staff do with the kiosk's cash, for `unqueue kiosk cash` on the same machine.

The token is the kiosk's own, from its settings: who may read those may do this. It is with an attendant's name in the
till's journal and in its reports to the server.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler

from unqueue.kernel.cash import Denomination, parse_denomination
from unqueue.kernel.errors import InvalidRequest, NotAuthenticated
from unqueue.kernel.ids import same_secret
from unqueue.kiosk.cash.cashup import CashUp, DeviceCounts
from unqueue.kiosk.cash.refusals import CashUnavailable
from unqueue.kiosk.cash.reports import DayClosed
from unqueue.kiosk.cash.store import Claim, StuckReport
from unqueue.kiosk.cashier import Cashier

AnyRequest = Request[Any, Any, State]


class Deed(msgspec.Struct, frozen=True):
    """Something that an attendant did. ``id`` makes a repetition harmless; ``counts`` are pieces per denomination."""

    id: str
    device: str
    by: str
    counts: dict[str, int] | None = None


class Slip(msgspec.Struct, frozen=True):
    """A slip that was paid by hand, or (``was_given``) whose money had come out after all."""

    number: str
    by: str
    was_given: bool = False


class Looked(msgspec.Struct, frozen=True):
    """A refund in doubt that somebody looked at: the count shows that it was given, or the desk gives it."""

    refund: str
    by: str
    was_given: bool = False


class Name(msgspec.Struct, frozen=True):
    by: str


class Retried(msgspec.Struct, frozen=True):
    """How many reports that the server had refused go out again."""

    count: int


TillOf = Callable[[AnyRequest], Cashier]


def routes(cashier: Cashier | None, token: str) -> list[HTTPRouteHandler]:
    def till_of(request: AnyRequest) -> Cashier:
        if not same_secret(request.headers.get("authorization", ""), f"Bearer {token}"):
            raise NotAuthenticated
        if cashier is None:
            raise CashUnavailable(detail="this kiosk has no cash devices")
        return cashier

    return [*_of_cash(till_of), *_of_trouble(till_of)]


def _of_cash(till_of: TillOf) -> list[HTTPRouteHandler]:
    @get("/staff/cash")
    async def counts(request: AnyRequest) -> list[DeviceCounts]:
        """What lies where."""
        return await till_of(request).till.staff.counts()

    @post("/staff/cash/{action:str}", status_code=204)
    async def act(action: str, data: Deed, request: AnyRequest) -> None:
        """``fill``, ``remove-cashbox``, ``empty``, ``recount``, ``unlock``."""
        _act(till_of(request).till.staff, action, data)

    @post("/staff/slips", status_code=204)
    async def settle(data: Slip, request: AnyRequest) -> None:
        """A slip was paid by hand."""
        till_of(request).till.staff.settle_debt(data.number, _name(data.by), "not_owed" if data.was_given else "paid")

    @post("/staff/day", status_code=200)
    async def close_day(data: Name, request: AnyRequest) -> DayClosed:
        """The day's end."""
        return till_of(request).till.staff.close_day(_name(data.by))

    return [counts, act, settle, close_day]


def _of_trouble(till_of: TillOf) -> list[HTTPRouteHandler]:
    @get("/staff/reports")
    async def stuck(request: AnyRequest) -> list[StuckReport]:
        """Reports that the server refused for good, and those that wait for them."""
        return till_of(request).stuck_reports()

    @post("/staff/reports/retry", status_code=200)
    async def retry(data: Name, request: AnyRequest) -> Retried:
        """Send them again: the reason was mended."""
        return Retried(till_of(request).till.reports.retry(_name(data.by)))

    @get("/staff/refunds")
    async def unsure(request: AnyRequest) -> list[Claim]:
        """Refunds of which it is not known whether they were given back here."""
        return till_of(request).claims.unsure()

    @post("/staff/refunds", status_code=204)
    async def looked(data: Looked, request: AnyRequest) -> None:
        """Somebody looked at one of them."""
        cashier = till_of(request)
        cashier.claims.settle(data.refund, _name(data.by), was_given=data.was_given)
        cashier.refresh()

    return [stuck, retry, unsure, looked]


def _act(staff: CashUp, action: str, deed: Deed) -> None:
    pieces = _pieces(deed.counts)
    by = _name(deed.by)
    match action:
        case "fill":
            staff.fill_float(deed.device, pieces or {}, by, deed.id)
        case "remove-cashbox":
            staff.remove_cashbox(deed.device, by, deed.id, pieces)
        case "empty":
            staff.empty(deed.device, by, deed.id, pieces)
        case "recount":
            staff.recount(deed.device, pieces or {}, by, deed.id)
        case "unlock":
            staff.unlock(deed.device, by)
        case _:
            raise InvalidRequest(problem=f"there is no {action}")


def _name(by: str) -> str:
    if not by.strip():
        raise InvalidRequest(problem="say who you are")
    return by.strip()


def _pieces(counts: dict[str, int] | None) -> dict[Denomination, int] | None:
    if counts is None:
        return None
    if any(count < 0 for count in counts.values()):
        raise InvalidRequest(problem="nobody counts less than nothing")
    try:
        return {parse_denomination(text): count for text, count in counts.items() if count}
    except ValueError as error:
        raise InvalidRequest(problem=str(error)) from None
