"""HTTP of the service desk: for staff."""

from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody

from unqueue.server.access import Access
from unqueue.server.payments.model import BackBy, PaidBy
from unqueue.server.returns.service import Returns, Wanted
from unqueue.server.returns.views import DeskView, QuoteView, RefundView, ReturnView, TwiceView

AnyRequest = Request[Any, Any, State]


class NewReturn(msgspec.Struct, frozen=True):
    """``id`` (a UUID) makes a resend the same return."""

    id: str
    lines: Annotated[list[Wanted], msgspec.Meta(max_length=1000)]
    reason: Annotated[str, msgspec.Meta(max_length=500)] = ""


class Found(msgspec.Struct, frozen=True):
    """A paid order: its number, its receipt's number, or what the QR on either holds."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


Reason = Annotated[str, msgspec.Meta(max_length=500, pattern=r"\S")]


class ClaimRelease(msgspec.Struct, frozen=True):
    """``reason``: how somebody knows that no cash went out."""

    reason: Reason


class Settling(msgspec.Struct, frozen=True):
    """``paid_by``: from the drawer, or a transfer from the store's bank account."""

    paid_by: PaidBy
    reason: Reason


class TwiceEnd(msgspec.Struct, frozen=True):
    """``back_by``: into the drawer, onto the store's bank account, or ``written_off``."""

    back_by: BackBy
    reason: Reason


class QuoteAsked(msgspec.Struct, frozen=True):
    lines: Annotated[list[Wanted], msgspec.Meta(max_length=1000)]


def routes(returns: Returns, access: Access) -> list[HTTPRouteHandler]:
    @get("/api/desk/orders", tags=["returns"], responses={200: ResponseSpec(DeskView, generate_examples=False)})
    async def look(number: FromQuery[str], request: AnyRequest) -> DeskView:
        """A paid order by the number on its receipt: what can come back, and what it is worth."""
        await access.staff(request, "look_up")
        return await returns.look(number)

    # What a QR holds is a key to its order: it must not stand in an address, which is logged.
    @post(
        "/api/desk/orders",
        status_code=200,
        tags=["returns"],
        responses={200: ResponseSpec(DeskView, generate_examples=False)},
    )
    async def find(data: JSONBody[Found], request: AnyRequest) -> DeskView:
        """A paid order by its number, its receipt's number, or the QR on it."""
        await access.staff(request, "look_up")
        return await returns.look(data.code)

    @post(
        "/api/orders/{order_id:str}/returns/quote",
        status_code=200,
        tags=["returns"],
        responses={200: ResponseSpec(QuoteView, generate_examples=False)},
    )
    async def quote(order_id: FromPath[str], data: JSONBody[QuoteAsked], request: AnyRequest) -> QuoteView:
        """What these lines would bring and how it would go back; nothing is taken back yet."""
        await access.staff(request, "take_back")
        return await returns.quote(order_id, data.lines)

    @post(
        "/api/orders/{order_id:str}/returns",
        status_code=201,
        tags=["returns"],
        responses={201: ResponseSpec(ReturnView, generate_examples=False)},
    )
    async def propose(order_id: FromPath[str], data: JSONBody[NewReturn], request: AnyRequest) -> ReturnView:
        """Take goods back. Above the store's limit a second member of staff has to agree."""
        staff = await access.staff(request, "take_back")
        return await returns.propose(order_id, data.lines, data.reason, data.id, staff)

    @post("/api/returns/{return_id:str}/accept", status_code=200, tags=["returns"])
    async def accept(return_id: FromPath[str], request: AnyRequest) -> ReturnView:
        """Agree to a refund that somebody else proposed."""
        return await returns.decide(return_id, await access.staff(request, "second"), accept=True)

    @post("/api/returns/{return_id:str}/reject", status_code=200, tags=["returns"])
    async def reject(return_id: FromPath[str], request: AnyRequest) -> ReturnView:
        """Turn a proposed refund down: a second person, or whoever proposed it."""
        return await returns.decide(return_id, await access.staff(request, "take_back"), accept=False)

    @get("/api/desk/returns", tags=["returns"])
    async def waiting(request: AnyRequest) -> list[ReturnView]:
        """What waits for a second person."""
        await access.staff(request, "look_up")
        return await returns.waiting()

    @get("/api/desk/refunds", tags=["returns"])
    async def refunds(request: AnyRequest) -> list[RefundView]:
        """Money that should have arrived with a shopper and has not."""
        await access.staff(request, "look_up")
        return await returns.refunds_waiting()

    @post("/api/desk/refunds/{refund_id:str}/by-hand", status_code=200, tags=["returns"])
    async def by_hand(refund_id: FromPath[str], request: AnyRequest) -> RefundView:
        """The money was handed over at the desk."""
        return await returns.pay_by_hand(refund_id, await access.staff(request, "hand_over"))

    return [look, find, quote, propose, accept, reject, waiting, refunds, by_hand, *_ways_out(returns, access)]


def _ways_out(returns: Returns, access: Access) -> list[HTTPRouteHandler]:
    @post("/api/desk/refunds/{refund_id:str}/release", status_code=200, tags=["returns"])
    async def release(refund_id: FromPath[str], data: JSONBody[ClaimRelease], request: AnyRequest) -> RefundView:
        """The kiosk that has claimed it is silent, and nothing came out of it. 409 ``kiosk_awake``."""
        return await returns.release(refund_id, data.reason, await access.staff(request, "settle_refunds"))

    @post("/api/desk/refunds/{refund_id:str}/settle", status_code=200, tags=["returns"])
    async def settle(refund_id: FromPath[str], data: JSONBody[Settling], request: AnyRequest) -> RefundView:
        """Its provider says nothing: it is given back in cash or by bank. 409 ``refund_under_way`` too early."""
        staff = await access.staff(request, "settle_refunds")
        return await returns.settle_by_hand(refund_id, data.paid_by, data.reason, staff)

    @get("/api/desk/refunds/given-twice", tags=["returns"])
    async def given_twice(request: AnyRequest) -> list[TwiceView]:
        """Refunds that shoppers got by hand and from the provider as well: what they still owe."""
        await access.staff(request, "look_up")
        return await returns.given_twice()

    @post("/api/desk/refunds/{refund_id:str}/given-twice", status_code=200, tags=["returns"])
    async def end_given_twice(refund_id: FromPath[str], data: JSONBody[TwiceEnd], request: AnyRequest) -> TwiceView:
        """What came twice is back, or the store bears it; once for each refund. 409 ``given_twice_ended``."""
        staff = await access.staff(request, "settle_refunds")
        return await returns.end_given_twice(refund_id, data.back_by, data.reason, staff)

    return [release, settle, given_twice, end_given_twice]
