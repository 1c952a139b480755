"""The wallet's HTTP for shoppers: the cashier page. A simulated shopper posts the same form and asks for JSON."""

from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any
from urllib.parse import parse_qs

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from unqueue.providers.sandbox_wallet.messages import PaymentStatus, Refusal
from unqueue.providers.sandbox_wallet.sandbox import pages
from unqueue.providers.sandbox_wallet.sandbox.model import TROUBLES, Payment, Refused
from unqueue.providers.sandbox_wallet.sandbox.options import Merchant
from unqueue.providers.sandbox_wallet.sandbox.pages import Language
from unqueue.providers.sandbox_wallet.sandbox.wallet import Wallet

AnyRequest = Request[Any, Any, State]

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_ASSETS = {"wallet.css": "text/css", "wallet.svg": "image/svg+xml"}


class Decided(msgspec.Struct, frozen=True):
    """The answer to a form that was posted with ``Accept: application/json``."""

    status: PaymentStatus
    return_url: str


def routes(wallet: Wallet, merchants: Mapping[str, Merchant]) -> list[HTTPRouteHandler]:
    @get("/pay/{cashier_token:str}")
    async def page(request: AnyRequest, cashier_token: FromPath[str]) -> Response[Any]:
        """The cashier page: what is to be paid, to whom, and the buttons."""
        return _answer(request, lambda: wallet.at_cashier(cashier_token), merchants)

    @post("/pay/{cashier_token:str}", status_code=200)
    async def decide(request: AnyRequest, cashier_token: FromPath[str]) -> Response[Any]:
        """``action=pay|decline&trouble=none|late|…``: then back to the merchant (303), or JSON if asked for."""
        form = parse_qs((await request.body()).decode(errors="replace"))
        action, trouble = form.get("action", [""])[0], form.get("trouble", ["none"])[0]

        def decided() -> Payment:
            known = next((kind for kind in TROUBLES if kind == trouble), None)
            if action == "pay" and known is not None:
                return wallet.pay(cashier_token, known)
            if action == "decline":
                return wallet.decline(cashier_token)
            raise Refused(422, "action_unknown")

        return _answer(request, decided, merchants, go_back=True)

    @get("/{name:str}")
    async def asset(name: FromPath[str]) -> Response[bytes]:
        """The page's style and icon."""
        if name not in _ASSETS:
            return Response(b"", status_code=404, media_type="text/plain")
        content = resources.files(__package__).joinpath(name).read_bytes()
        return Response(content, media_type=_ASSETS[name], headers={"Cache-Control": "max-age=300"})

    return [page, decide, asset]


def _answer(
    request: AnyRequest, work: Callable[[], Payment], merchants: Mapping[str, Merchant], *, go_back: bool = False
) -> Response[Any]:
    as_json = "application/json" in request.headers.get("accept", "")
    language = _language(request)
    try:
        payment = work()
    except Refused as error:
        if as_json:
            content = msgspec.json.encode(Refusal(error.code, error.detail))
            return Response(content, status_code=error.status, media_type="application/json", headers=_HEADERS)
        if error.status != 404:  # the button came too late: the page says how things stand
            return Response(b"", status_code=303, media_type="text/html", headers={**_HEADERS, "Location": "?"})
        return Response(pages.unknown(language), status_code=404, media_type="text/html", headers=_HEADERS)
    if as_json:
        content = msgspec.json.encode(Decided(payment.status, payment.return_url))
        return Response(content, media_type="application/json", headers=_HEADERS)
    if go_back and payment.status in {"succeeded", "failed"}:
        location = {**_HEADERS, "Location": payment.return_url}
        return Response(b"", status_code=303, media_type="text/html", headers=location)
    body = pages.cashier(payment, merchants[payment.merchant_id], language)
    return Response(body, media_type="text/html", headers=_HEADERS)


def _language(request: AnyRequest) -> Language:
    """What the visitor chose, else what the browser prefers, else Chinese."""
    asked = request.query_params.get("language") or request.headers.get("accept-language")
    return "en" if str(asked).lower().startswith("en") else "zh"
