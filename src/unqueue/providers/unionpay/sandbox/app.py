"""The pretended gateway as a process: its routes, put together, and how it is run."""

from collections.abc import Callable
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from litestar import Request, Response, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler

from unqueue.kernel.clock import Clock, SystemClock
from unqueue.providers.sandbox_kit.book import Book
from unqueue.providers.sandbox_kit.cashier import HEADERS, Cashier
from unqueue.providers.sandbox_kit.model import Payment
from unqueue.providers.sandbox_kit.notifier import Notifier
from unqueue.providers.sandbox_kit.pages import Brand, Pages, WayBack
from unqueue.providers.sandbox_kit.process import application, serve
from unqueue.providers.sandbox_kit.store import BookStore
from unqueue.providers.unionpay import messages, signing
from unqueue.providers.unionpay.messages import Malformed
from unqueue.providers.unionpay.sandbox.authority import Authority
from unqueue.providers.unionpay.sandbox.gateway import Answered, Fields, Gateway
from unqueue.providers.unionpay.sandbox.options import Merchant, Options

BRAND = Brand(
    name_zh="银联网关（沙盒）",
    name_en="UnionPay gateway (sandbox)",
    colour="#00677f",
    colour_dark="#4fb6cf",
    on_colour_dark="#04161b",
)
_SUBJECT = ("网上银行付款", "Online banking payment")
AnyRequest = Request[Any, Any, State]


class SandboxApp:
    """A gateway put together from its options: ``asgi`` is the application, ``book`` what stands behind it."""

    def __init__(
        self, options: Options, *, clock: Clock | None = None, notify_transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        clock = clock or SystemClock()
        self.authority = Authority(options.data_dir, clock.now())
        self._gateway = Gateway(self.authority.gateway, merchant_keys(options.merchants), lag_s=options.lag_s)
        store = BookStore(options.data_dir / "sandbox.db")
        self.notifier = Notifier(
            store, self._gateway.sending(), clock, retry_first_s=options.retry_first_s, transport=notify_transport
        )
        self.book = Book(
            store,
            clock,
            self._gateway.telling(),
            late_s=options.late_s,
            refund_s=options.refund_s,
            on_planned=self.notifier.wake,
        )
        self.book.public_url = options.public_url
        merchants = {merchant.merchant_id: merchant for merchant in options.merchants}
        cashier = Cashier(self.book, BRAND, merchants, self._way_back)
        self.asgi = application([*self._routes(), *cashier.routes()], self.notifier, store)

    def _way_back(self, payment: Payment) -> WayBack:
        return WayBack(payment.return_url, self._gateway.way_back(payment))

    def _routes(self) -> list[HTTPRouteHandler]:
        book, gateway = self.book, self._gateway

        @post(messages.FRONT, status_code=200)
        async def front(request: AnyRequest) -> Response[Any]:
            """A shopper's browser brings a merchant's form, and goes on to the cashier page."""
            try:
                payment = gateway.begin(book, gateway.read(await request.body()), _SUBJECT)
            except (Malformed, Answered):
                page = Pages(BRAND).unknown("zh")
                return Response(page, status_code=400, media_type="text/html", headers=HEADERS)
            location = {**HEADERS, "Location": book.cashier_url(payment)}
            return Response(b"", status_code=303, media_type="text/html", headers=location)

        @post(messages.QUERY, status_code=200)
        async def query(request: AnyRequest) -> Response[bytes]:
            """What became of a transaction."""
            return await self._answer(request, lambda asked: gateway.tell_of(book, asked))

        @post(messages.BACK, status_code=200)
        async def back(request: AnyRequest) -> Response[bytes]:
            """Give money back."""
            return await self._answer(request, lambda asked: gateway.give_back(book, asked))

        return [front, query, back]

    async def _answer(self, request: AnyRequest, work: Callable[[Fields], Fields]) -> Response[bytes]:
        body, said, code = await request.body(), {}, "00"
        try:
            asked = messages.parse_form(body)
        except Malformed:
            return Response(b"Invalid request.", status_code=400, media_type="text/plain")
        try:
            said = work(self._gateway.read(body))
        except Answered as error:
            code = error.code
        answer = self._gateway.answer(asked, code, said)
        return Response(answer, media_type="text/html;charset=utf-8")


def merchant_keys(merchants: tuple[Merchant, ...]) -> dict[tuple[str, str], RSAPublicKey]:
    """The public keys by merchant and serial number of the certificate. ValueError, OSError."""
    keys: dict[tuple[str, str], RSAPublicKey] = {}
    for merchant in merchants:
        for certificate in signing.load_certificates(merchant.certificate_file.read_bytes()):
            key = certificate.public_key()
            if not isinstance(key, RSAPublicKey):
                raise ValueError(f"{merchant.certificate_file} holds no RSA key")  # noqa: TRY004  # a file, not a type
            keys[merchant.merchant_id, str(certificate.serial_number)] = key
    return keys


async def run(options: Options, announce: Callable[[dict[str, Any]], None]) -> None:
    """Serve until SIGTERM or SIGINT. ``announce`` is told where the gateway is, once it answers."""
    app = SandboxApp(options)
    where: dict[str, Any] = {"device": "unionpay"}

    def listening(url: str) -> None:
        app.book.public_url = options.public_url or url
        where.update(
            url=url,
            public_url=app.book.public_url,
            root_certificate_file=str(app.authority.root_file),
            middle_certificate_file=str(app.authority.middle_file),
            environment="test",
        )

    await serve(app.asgi, options.host, options.port, listening, lambda: announce(where))
