"""A sandbox's HTTP for shoppers: the cashier page, and the page that plays a phone. Simulated shoppers send the same
forms and ask for JSON.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, quote

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from unqueue.providers.sandbox_kit.book import Book
from unqueue.providers.sandbox_kit.model import TROUBLES, Payment, PaymentStatus, Refused
from unqueue.providers.sandbox_kit.pages import Brand, Language, Merchant, Pages, WayBack

AnyRequest = Request[Any, Any, State]

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Decided(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer to a form that was sent with ``Accept: application/json``; ``fields`` are for ``return_url``."""

    status: PaymentStatus
    return_url: str
    fields: dict[str, str] = {}


class Scanned(msgspec.Struct, frozen=True):
    """The answer to a phone that asked for JSON: the cashier page behind the code."""

    cashier_url: str


class Refusal(msgspec.Struct, frozen=True):
    """The body of every JSON answer from 400 on. ``code`` is stable, ``detail`` is for developers."""

    code: str
    detail: str = ""


class Cashier:
    """The pages of one sandbox. ``way_back`` says how a browser leaves (a protocol may sign the address, or want a
    form); it goes to the payment's ``return_url`` else.
    """

    def __init__(
        self,
        book: Book,
        brand: Brand,
        merchants: Mapping[str, Merchant],
        way_back: Callable[[Payment], WayBack] = lambda payment: WayBack(payment.return_url),
    ) -> None:
        self._book = book
        self._pages = Pages(brand)
        self._merchants = merchants
        self._way_back = way_back

    def routes(self) -> list[HTTPRouteHandler]:
        @get("/pay/{cashier_token:str}")
        async def page(request: AnyRequest, cashier_token: FromPath[str]) -> Response[Any]:
            """The cashier page: what is to be paid, to whom, and the buttons."""
            return self._answer(request, lambda: self._book.at_cashier(cashier_token))

        @post("/pay/{cashier_token:str}", status_code=200)
        async def decide(request: AnyRequest, cashier_token: FromPath[str]) -> Response[Any]:
            """``action=pay|decline&trouble=none|late|…``: then back to the merchant (303), or JSON if asked for."""
            form = parse_qs((await request.body()).decode(errors="replace"))
            action, trouble = form.get("action", [""])[0], form.get("trouble", ["none"])[0]
            return self._answer(request, lambda: self._decide(cashier_token, action, trouble), go_back=True)

        @get("/scan")
        async def scan(request: AnyRequest) -> Response[Any]:
            """``?code=…``: on to the cashier page behind a QR code; without one, the page that asks for it."""
            return self._scan(request, request.query_params.get("code", "").strip())

        @get("/cashier.css")
        async def style() -> Response[bytes]:
            return Response(self._pages.style(), media_type="text/css", headers={"Cache-Control": "max-age=300"})

        @get("/cashier.svg")
        async def icon() -> Response[bytes]:
            return Response(self._pages.icon(), media_type="image/svg+xml", headers={"Cache-Control": "max-age=300"})

        return [page, decide, scan, style, icon]

    def _decide(self, cashier_token: str, action: str, trouble: str) -> Payment:
        known = next((kind for kind in TROUBLES if kind == trouble), None)
        if action == "pay" and known is not None:
            return self._book.pay(cashier_token, known)
        if action == "decline":
            return self._book.decline(cashier_token)
        raise Refused(422, "action_unknown")

    def _answer(self, request: AnyRequest, work: Callable[[], Payment], *, go_back: bool = False) -> Response[Any]:
        language = _language(request)
        try:
            payment = work()
        except Refused as error:
            if wants_json(request):
                return _refusal(error)
            if error.status != 404:  # the button came too late: the page says how things stand
                return _redirect("?")
            return Response(self._pages.unknown(language), status_code=404, media_type="text/html", headers=HEADERS)
        way_back = self._way_back(payment)
        if wants_json(request):
            content = msgspec.json.encode(Decided(payment.status, way_back.url, way_back.fields))
            return Response(content, media_type="application/json", headers=HEADERS)
        if go_back and payment.status in {"succeeded", "failed"}:
            # A form back to the store is on the page: the shopper sends it. Other screens go on by themselves.
            return _redirect(way_back.url if way_back.url and not way_back.fields else "?")
        body = self._pages.cashier(payment, self._merchants[payment.merchant_id], way_back, language)
        return Response(body, media_type="text/html", headers=HEADERS)

    def _scan(self, request: AnyRequest, code: str) -> Response[Any]:
        try:
            payment = self._book.at_code(code)
        except Refused as error:
            if wants_json(request):
                return _refusal(error)
            body = self._pages.scan(code, _language(request))
            return Response(body, status_code=404 if code else 200, media_type="text/html", headers=HEADERS)
        if wants_json(request):
            content = msgspec.json.encode(Scanned(self._book.cashier_url(payment)))
            return Response(content, media_type="application/json", headers=HEADERS)
        chosen = request.query_params.get("language")
        return _redirect(f"pay/{payment.cashier_token}" + (f"?language={quote(chosen)}" if chosen else ""))


def wants_json(request: AnyRequest) -> bool:
    """Whether no person looks at the answer."""
    return "application/json" in request.headers.get("accept", "")


def _refusal(error: Refused) -> Response[Any]:
    content = msgspec.json.encode(Refusal(error.code, error.detail))
    return Response(content, status_code=error.status, media_type="application/json", headers=HEADERS)


def _redirect(location: str) -> Response[Any]:
    return Response(b"", status_code=303, media_type="text/html", headers={**HEADERS, "Location": location})


def _language(request: AnyRequest) -> Language:
    """What the visitor chose, else what the browser prefers, else Chinese."""
    asked = request.query_params.get("language") or request.headers.get("accept-language")
    return "en" if str(asked).lower().startswith("en") else "zh"
