"""The gateway: every request signed by an application, every answer signed by Alipay."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler

from unqueue.kernel.clock import from_micros
from unqueue.providers.alipay import signing
from unqueue.providers.alipay.messages import read_china_time
from unqueue.providers.alipay.sandbox.bills import write_bill
from unqueue.providers.alipay.sandbox.methods import Methods, day_us
from unqueue.providers.alipay.sandbox.words import GatewayRefused, answer, failed, invalid
from unqueue.providers.sandbox_kit.cashier import HEADERS, wants_json
from unqueue.providers.sandbox_kit.model import Refused
from unqueue.providers.sandbox_kit.pages import Pages

AnyRequest = Request[Any, Any, State]

PAGE = "alipay.trade.wap.pay"
_SKEW_S_MAX = 600
_PAGE_S_MAX = 3600
"""A page is opened a while after its address was signed."""


class Gateway:
    """Lets in what an application signed; signs what goes out. ``apps`` is app_id → merchant and public key."""

    def __init__(
        self, methods: Methods, key: RSAPrivateKey, apps: Mapping[str, tuple[str, RSAPublicKey]], pages: Pages
    ) -> None:
        self._methods = methods
        self._key = key
        self._apps = apps
        self._pages = pages

    def routes(self) -> list[HTTPRouteHandler]:
        @post("/gateway.do", status_code=200)
        async def ask(request: AnyRequest) -> Response[bytes]:
            """A method that answers the merchant: public parameters in the query or the form, ``biz_content`` too."""
            return self._answer(_parameters(request, await request.body()))

        @get("/gateway.do")
        async def page(request: AnyRequest) -> Response[Any]:
            """``alipay.trade.wap.pay``: the shopper's browser comes with a signed address; on to the cashier."""
            return self._page(request, _parameters(request, b""))

        @get("/downloadBillFile.resource")
        async def bill(request: AnyRequest) -> Response[bytes]:
            """A bill, for whoever was told its secret number."""
            found = self._methods.files.get(request.query_params.get("fileId", ""))
            if found is None:
                return Response(b"", status_code=404, media_type="text/plain")
            merchant_id, day = found
            store = self._methods.trades.store
            content = write_bill(
                merchant_id,
                day,
                store.payments_decided(merchant_id, *day_us(day)),
                store.refunds_made(merchant_id, *day_us(day)),
                self._methods.trades.find,
            )
            return Response(content, media_type="application/zip")

        return [ask, page, bill]

    def _answer(self, parameters: Mapping[str, str]) -> Response[bytes]:
        method = parameters.get("method", "")
        known = self._methods.known.get(method)
        member = signing.member_of(method) if known else signing.ERROR_MEMBER
        key: RSAPrivateKey | None = self._key
        try:
            merchant_id = self._merchant(parameters, _SKEW_S_MAX)
            if known is None:
                raise invalid("isv.invalid-method", "不存在的方法名")
            content = known(merchant_id, _content(parameters), parameters)
        except GatewayRefused as error:
            content = error.content
            if parameters.get("app_id", "") not in self._apps:
                key = None  # whose key would check it?
        except Refused as error:
            content = failed(error)
        return Response(answer(member, content, key), media_type="text/html;charset=utf-8")

    def _page(self, request: AnyRequest, parameters: Mapping[str, str]) -> Response[Any]:
        try:
            if parameters.get("method") != PAGE:
                raise invalid("isv.invalid-method", "不存在的方法名")
            merchant_id = self._merchant(parameters, _PAGE_S_MAX)
            payment = self._methods.begin(merchant_id, PAGE, _content(parameters), parameters)
        except (GatewayRefused, Refused) as error:
            if wants_json(request):
                content = error.content if isinstance(error, GatewayRefused) else failed(error)
                body = answer(signing.ERROR_MEMBER, content, None)
                return Response(body, status_code=400, media_type="application/json", headers=HEADERS)
            english = request.headers.get("accept-language", "").lower().startswith("en")
            page = self._pages.unknown("en" if english else "zh")
            return Response(page, status_code=404, media_type="text/html", headers=HEADERS)
        location = self._methods.trades.cashier_url(payment)
        return Response(b"", status_code=303, media_type="text/html", headers={**HEADERS, "Location": location})

    def _merchant(self, parameters: Mapping[str, str], skew_s_max: int) -> str:
        """Whose application signed this. The order of the checks is that of what they need."""
        for name, missing in _NEEDED.items():
            if not parameters.get(name):
                raise GatewayRefused("40001", "Missing Required Arguments", missing, f"缺少{name}参数")
        app = self._apps.get(parameters["app_id"])
        if app is None:
            raise invalid("isv.invalid-app-id", "无效的AppID参数")
        if parameters["sign_type"] != "RSA2":
            raise invalid("isv.invalid-signature-type", "无效的签名类型")
        if parameters.get("charset", "").lower() != "utf-8":
            raise invalid("isv.invalid-charset", "字符集错误")
        merchant_id, key = app
        if not signing.verify(key, parameters["sign"], signing.request_text(parameters)):
            raise invalid("isv.invalid-signature", "验签出错，建议检查签名字符串或签名私钥与应用公钥是否匹配")
        try:
            at = read_china_time(parameters["timestamp"])
        except ValueError:
            raise invalid("isv.invalid-timestamp", "非法的时间戳参数") from None
        if abs((from_micros(self._methods.trades.now_us) - at).total_seconds()) > skew_s_max:
            raise invalid("isv.invalid-timestamp", "非法的时间戳参数")
        return merchant_id


_NEEDED = {
    "method": "isv.missing-method",
    "app_id": "isv.missing-app-id",
    "sign": "isv.missing-signature",
    "sign_type": "isv.missing-signature-type",
    "timestamp": "isv.missing-timestamp",
    "version": "isv.missing-version",
}


def _parameters(request: AnyRequest, body: bytes) -> dict[str, str]:
    """The parameters of query and form; of one that is there twice, the first."""
    query = parse_qsl(request.scope["query_string"].decode("ascii", "replace"), keep_blank_values=True)
    form = parse_qsl(body.decode("ascii", "replace"), keep_blank_values=True)
    return dict(reversed([*query, *form]))


def _content(parameters: Mapping[str, str]) -> dict[str, str]:
    try:
        content = json.loads(parameters.get("biz_content", "{}"), parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        raise invalid("isv.invalid-parameter", "参数无效") from None
    if not isinstance(content, dict):
        raise invalid("isv.invalid-parameter", "参数无效")
    return {name: value for name, value in content.items() if isinstance(value, str)}
