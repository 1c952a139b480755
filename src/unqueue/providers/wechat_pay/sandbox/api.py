"""The sandbox's HTTP for merchants: every request signed by the merchant, every answer signed by WeChat Pay."""

import re
from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from unqueue.kernel.ids import new_id
from unqueue.providers.port import FRESH_S_MAX
from unqueue.providers.sandbox_kit.book import Book
from unqueue.providers.sandbox_kit.model import Refused
from unqueue.providers.wechat_pay import signing
from unqueue.providers.wechat_pay.sandbox.bills import Bills
from unqueue.providers.wechat_pay.sandbox.options import Options, Secrets
from unqueue.providers.wechat_pay.sandbox.orders import REFUSALS, Orders

AnyRequest = Request[Any, Any, State]
_FIELD = re.compile(r'(\w+)="([^"]*)"')


class Gate:
    """Lets in what the merchant signed, once; signs what goes out."""

    def __init__(self, book: Book, options: Options, secrets: Secrets) -> None:
        self._book = book
        self._options = options
        self._secrets = secrets

    async def answer(
        self, request: AnyRequest, work: Callable[[bytes], dict[str, Any] | None], status: int = 200
    ) -> Response[bytes]:
        """Run ``work(body)`` for a request that proves whose it is; a signed refusal else."""
        body = await request.body()
        try:
            self._check(request, body)
            result = work(body)
            content = b"" if result is None else msgspec.json.encode(result)
        except Refused as error:
            status, code, message = REFUSALS.get(error.code, (error.status, error.code, error.detail))
            content = msgspec.json.encode({"code": code, "message": message})
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            status = 400
            content = msgspec.json.encode({"code": "PARAM_ERROR", "message": str(error)})
        secrets, now_s = self._secrets, self._book.now_us // 1_000_000
        headers = signing.headers_of(secrets.key, secrets.public_key_id, now_s, new_id(), content)
        headers["request-id"] = new_id()
        return Response(content, status_code=status, media_type="application/json", headers=headers)

    async def unsigned(self, request: AnyRequest, work: Callable[[], bytes]) -> Response[bytes]:
        """Run ``work`` for a signed request whose answer is a file: WeChat Pay signs none."""
        try:
            self._check(request, await request.body())
            content = work()
        except Refused as error:
            content = msgspec.json.encode({"code": error.code, "message": error.detail})
            return Response(content, status_code=error.status, media_type="application/json")
        return Response(content, media_type="application/octet-stream")

    def _check(self, request: AnyRequest, body: bytes) -> None:
        """Refused (401, ``SIGN_ERROR``) unless the merchant signed just this request, just now, for the first time."""
        scheme, _, rest = request.headers.get("authorization", "").partition(" ")
        fields = dict(_FIELD.findall(rest))
        if scheme != signing.SCHEME or set(fields) != {"mchid", "nonce_str", "signature", "timestamp", "serial_no"}:
            raise _sign_error("Authorization 不完整")
        if (fields["mchid"], fields["serial_no"]) != (self._options.merchant_id, self._secrets.serial_number):
            raise _sign_error("商户号或商户证书序列号不存在")
        if request.headers.get("wechatpay-serial", self._secrets.public_key_id) != self._secrets.public_key_id:
            raise _sign_error("Wechatpay-Serial 不存在")
        try:
            as_if = {
                signing.TIMESTAMP: fields["timestamp"],
                signing.NONCE: fields["nonce_str"],
                signing.SERIAL: fields["serial_no"],
                signing.SIGNATURE: fields["signature"],
            }
            signed = signing.read_headers(as_if)
        except signing.Unverified as error:
            raise _sign_error(error.problem) from None
        query = request.scope["query_string"].decode()
        path = request.scope["path"] + (f"?{query}" if query else "")
        text = signing.request_text(request.method, path, signed.timestamp_s, signed.nonce, body)
        if not signing.is_signed(self._secrets.merchant_public_key, signed.signature, text):
            raise _sign_error("签名错误")
        now_s = self._book.now_us // 1_000_000
        if abs(now_s - signed.timestamp_s) > FRESH_S_MAX:
            raise _sign_error("时间戳过期")
        # A nonce is kept for twice the time in which its request stays fresh, whatever the two clocks say.
        if not self._book.store.use_nonce(signed.serial, signed.nonce, now_s, now_s - 2 * FRESH_S_MAX):
            raise _sign_error("随机串重复")


def _sign_error(detail: str) -> Refused:
    return Refused(401, "SIGN_ERROR", detail)


def routes(orders: Orders, bills: Bills, gate: Gate) -> list[HTTPRouteHandler]:
    @post("/v3/pay/transactions/{product:str}", status_code=200)
    async def create(request: AnyRequest, product: FromPath[str]) -> Response[bytes]:
        """Native, H5 or JSAPI order."""
        if product not in {"native", "h5", "jsapi"}:
            return await gate.answer(request, lambda _: _unknown_path())
        return await gate.answer(request, lambda body: orders.create(product, body))

    @get("/v3/pay/transactions/out-trade-no/{number:str}")
    async def find(request: AnyRequest, number: FromPath[str]) -> Response[bytes]:
        """An order by the merchant's number."""
        return await gate.answer(request, lambda _: orders.find(number, request.query_params.get("mchid", "")))

    @get("/v3/pay/transactions/id/{number:str}")
    async def find_transaction(request: AnyRequest, number: FromPath[str]) -> Response[bytes]:
        """An order by WeChat Pay's number."""
        merchant_id = request.query_params.get("mchid", "")
        return await gate.answer(request, lambda _: orders.find_transaction(number, merchant_id))

    @post("/v3/pay/transactions/out-trade-no/{number:str}/close", status_code=200)
    async def close(request: AnyRequest, number: FromPath[str]) -> Response[bytes]:
        """Take no money for an order any more."""
        return await gate.answer(request, lambda body: orders.close(number, body), 204)

    @post("/v3/refund/domestic/refunds", status_code=200)
    async def refund(request: AnyRequest) -> Response[bytes]:
        """Give money back."""
        return await gate.answer(request, orders.refund)

    @get("/v3/refund/domestic/refunds/{number:str}")
    async def find_refund(request: AnyRequest, number: FromPath[str]) -> Response[bytes]:
        """What became of a refund."""
        return await gate.answer(request, lambda _: orders.find_refund(number))

    @get("/v3/bill/tradebill")
    async def trade_bill(request: AnyRequest) -> Response[bytes]:
        """Where the bill of a day is."""
        return await gate.answer(request, lambda _: bills.describe(dict(request.query_params)))

    @get("/v3/billdownload/file")
    async def bill_file(request: AnyRequest) -> Response[bytes]:
        """A bill."""
        return await gate.unsigned(request, lambda: bills.file(request.query_params.get("token", "")))

    return [create, find, find_transaction, close, refund, find_refund, trade_bill, bill_file]


def _unknown_path() -> dict[str, Any]:
    raise Refused(404, "NOT_FOUND", "接口不存在")
