"""The sandbox as a process: three providers at one address, and the phone that gets what they send."""

from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody

from unqueue.kernel.clock import Clock, SystemClock
from unqueue.providers.sandbox_kit.process import serve
from unqueue.providers.sms.sandbox.aliyun import AliyunDoor
from unqueue.providers.sms.sandbox.book import Book
from unqueue.providers.sms.sandbox.options import Options
from unqueue.providers.sms.sandbox.phone import STYLE, page
from unqueue.providers.sms.sandbox.tencent import TencentDoor
from unqueue.providers.sms.sandbox.twilio import TwilioDoor

AnyRequest = Request[Any, Any, Any]


class Plan(msgspec.Struct, frozen=True):
    """What the next messages meet, in order (``book.Trouble``)."""

    next: list[str]


class SmsApp:
    """``asgi`` is the application; ``book`` holds what was sent.

    Aliyun and Tencent are called at ``/``, and told apart by their headers; Twilio below ``/2010-04-01``. ``GET /`` is
    the phone, ``GET /messages`` the same as JSON, ``POST /trouble`` makes things go wrong.
    """

    def __init__(self, options: Options, *, clock: Clock | None = None) -> None:
        self.book = Book(options.data_dir / "messages.jsonl", clock or SystemClock())
        handlers = [*_networks(self.book, options), *_phone(self.book)]
        self.asgi = Litestar(handlers, openapi_config=None, logging_config=None, request_max_body_size=100_000)


def _networks(book: Book, options: Options) -> list[HTTPRouteHandler]:
    aliyun, tencent, twilio = AliyunDoor(book, options), TencentDoor(book, options), TwilioDoor(book, options)

    @post("/", status_code=200)
    async def call(request: AnyRequest) -> Response[Any]:
        if "x-acs-action" in request.headers:
            return await aliyun.answer(request)
        if "x-tc-action" in request.headers:
            return await tencent.answer(request)
        return Response({"Code": "InvalidAction"}, status_code=400)

    @post("/2010-04-01/Accounts/{account:str}/Messages.json", status_code=200)
    async def create(request: AnyRequest, account: FromPath[str]) -> Response[Any]:
        return await twilio.answer(request, account)

    @get("/2010-04-01/Accounts/{account:str}/Messages.json")
    async def messages_of(request: AnyRequest, account: FromPath[str]) -> Response[Any]:
        return await twilio.answer(request, account)

    @get("/2010-04-01/Accounts/{account:str}/Messages/{sid:str}")
    async def message_of(request: AnyRequest, account: FromPath[str], sid: FromPath[str]) -> Response[Any]:
        return await twilio.answer(request, account, sid.removesuffix(".json"))

    return [call, create, messages_of, message_of]


def _phone(book: Book) -> list[HTTPRouteHandler]:
    @get("/messages", sync_to_thread=False)
    def messages() -> Response[bytes]:
        return Response(msgspec.json.encode(book.messages), media_type="application/json")

    @post("/trouble", status_code=204)
    async def trouble(data: JSONBody[Plan]) -> None:
        book.plan(data.next)

    @get("/", sync_to_thread=False)
    def phone(language: FromQuery[str] = "zh") -> Response[str]:
        shown = page(book.messages[::-1], "en" if language == "en" else "zh")
        return Response(shown, media_type="text/html; charset=utf-8", headers={"cache-control": "no-store"})

    @get("/phone.css", sync_to_thread=False)
    def style() -> Response[str]:
        return Response(STYLE, media_type="text/css; charset=utf-8")

    return [messages, trouble, phone, style]


async def run(options: Options, announce: Callable[[dict[str, Any]], None]) -> None:
    """Serve until SIGTERM or SIGINT. ``announce`` is told where it is, once it answers."""
    app = SmsApp(options)
    where = {"device": "sms", "url": "", "public_url": ""}

    def listening(url: str) -> None:
        where.update(url=url, public_url=options.public_url or url)

    await serve(app.asgi, options.host, options.port, listening, lambda: announce(where))
