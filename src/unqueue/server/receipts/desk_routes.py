"""HTTP of receipts for the service desk: SMS that failed, and slips."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody

from unqueue.server.access import Access
from unqueue.server.receipts.contacts import ReceiptSms, SmsTrouble
from unqueue.server.receipts.slips import DebtView, DeskPrinter, Slips
from unqueue.server.receipts.texting import Texting
from unqueue.server.trips.service import normal_id

AnyRequest = Request[Any, Any, State]


class SendAgain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``id`` (a UUID) makes a resend the same SMS. ``number``: where it goes now; empty: to the one that is kept."""

    id: str
    number: Annotated[str, msgspec.Meta(max_length=64)] = ""

    def __repr__(self) -> str:
        return f"SendAgain(id={self.id!r})"  # the number stays out of logs


class SlipWanted(msgspec.Struct, frozen=True):
    language: Literal["zh", "en"] = "zh"


def routes(texting: Texting, slips: Slips, access: Access) -> list[HTTPRouteHandler]:
    @get("/api/desk/sms", tags=["receipts"])
    async def troubles(request: AnyRequest) -> list[SmsTrouble]:
        """Receipts whose SMS failed in the last week, or has not left for a minute."""
        await access.staff(request, "look_up")
        return await texting.troubles()

    @post("/api/desk/sms/{order_id:str}/send", status_code=200, tags=["receipts"])
    async def send_again(order_id: FromPath[str], data: JSONBody[SendAgain], request: AnyRequest) -> ReceiptSms:
        """Send it again, by name. 422 ``number_refused``; 409 ``sms_not_failed``, ``number_gone``, ``sms_not_offered``;
        429 ``numbers_used_up``.
        """
        staff = await access.staff(request, "look_up")
        act_id, number = normal_id(data.id), data.number.strip()
        return await texting.send_again(normal_id(order_id), act_id, number, actor=staff.actor)

    return [troubles, send_again, *_slip_routes(slips, access)]


def _slip_routes(slips: Slips, access: Access) -> list[HTTPRouteHandler]:
    @get("/api/desk/printer", tags=["receipts"])
    async def printer(request: AnyRequest) -> DeskPrinter:
        """Whether slips can be printed by the desk's own printer."""
        await access.staff(request, "look_up")
        return DeskPrinter(slips.prints)

    @get("/api/desk/debts", tags=["receipts"])
    async def debts(request: AnyRequest) -> list[DebtView]:
        """What kiosks could not give back and still owe."""
        await access.staff(request, "look_up")
        return await slips.debts()

    @get("/api/desk/returns/{return_id:str}/slip.html", tags=["receipts"], media_type="text/html")
    async def return_slip(
        return_id: FromPath[str], request: AnyRequest, language: FromQuery[Literal["zh", "en"]] = "zh"
    ) -> Response[str]:
        """The slip of a return as one HTML file; 409 ``return_not_done``."""
        await access.staff(request, "take_back")
        return _page(await slips.return_page(normal_id(return_id), language))

    @get("/api/desk/debts/{number:str}/slip.html", tags=["receipts"], media_type="text/html")
    async def debt_slip(
        number: FromPath[str], request: AnyRequest, language: FromQuery[Literal["zh", "en"]] = "zh"
    ) -> Response[str]:
        """The slip of what a kiosk owes as one HTML file."""
        await access.staff(request, "hand_over")
        return _page(await slips.debt_page(number, language))

    @post("/api/desk/returns/{return_id:str}/slip", status_code=204, tags=["receipts"])
    async def print_return(return_id: FromPath[str], data: JSONBody[SlipWanted], request: AnyRequest) -> None:
        """Print it on the desk's printer. 409 ``no_desk_printer``, ``return_not_done``; 503 ``desk_printer_failed``,
        ``desk_printer_unsure``.
        """
        await access.staff(request, "take_back")
        await slips.print_return(normal_id(return_id), data.language)

    @post("/api/desk/debts/{number:str}/slip", status_code=204, tags=["receipts"])
    async def print_debt(number: FromPath[str], data: JSONBody[SlipWanted], request: AnyRequest) -> None:
        """Print it on the desk's printer; refusals as for a return's."""
        await access.staff(request, "hand_over")
        await slips.print_debt(number, data.language)

    return [printer, debts, return_slip, debt_slip, print_return, print_debt]


def _page(document: str) -> Response[str]:
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return Response(document, media_type="text/html; charset=utf-8", headers=headers)
