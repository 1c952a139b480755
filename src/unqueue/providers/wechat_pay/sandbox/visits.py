"""What the shopper's side of WeChat does: the openid, the H5 page's start, and the bridge of WeChat's own browser."""

import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler

from unqueue.kernel.ids import same_secret
from unqueue.providers.sandbox_kit.cashier import HEADERS, Refusal, Scanned, wants_json
from unqueue.providers.sandbox_kit.model import Refused
from unqueue.providers.wechat_pay import signing
from unqueue.providers.wechat_pay.sandbox.options import Options, Secrets
from unqueue.providers.wechat_pay.sandbox.orders import Orders

AnyRequest = Request[Any, Any, State]
CODE_S_MAX = 300
"""How long a code of the OAuth redirect can be exchanged."""
PREPAY_S_MAX = 7200
"""How long WeChat's own browser can pay with a ``prepay_id``."""

BRIDGE_JS = """// A page that loads this in an ordinary browser finds itself in the sandbox's WeChat.
(() => {
  const sandbox = new URL(document.currentScript.src).href.replace(/\\/bridge\\.js.*$/, "");
  window.WeixinJSBridge = {
    invoke(name, fields, done) {
      if (name !== "getBrandWCPayRequest") return done({ err_msg: `${name}:fail` });
      const form = document.createElement("form");
      form.method = "post";
      form.action = `${sandbox}/bridge`;
      for (const [key, value] of Object.entries({ ...fields, return_url: location.href })) {
        const field = document.createElement("input");
        field.type = "hidden";
        field.name = key;
        field.value = value;
        form.append(field);
      }
      document.body.append(form);
      form.submit();
    },
  };
  document.dispatchEvent(new Event("WeixinJSBridgeReady"));
})();
"""


class Visits:
    """Shoppers on their way to the cashier. Codes live in memory, as long as WeChat's do."""

    def __init__(self, orders: Orders, options: Options, secret: Secrets) -> None:
        self._orders = orders
        self._options = options
        self._secrets = secret
        self._codes: dict[str, int] = {}

    def routes(self) -> list[HTTPRouteHandler]:
        @get("/connect/oauth2/authorize")
        async def authorize(request: AnyRequest) -> Response[bytes]:
            """The silent redirect: back to the store with a code."""
            return self._answer(request, lambda: _redirect(self.authorize(dict(request.query_params))))

        @get("/sns/oauth2/access_token")
        async def access_token(request: AnyRequest) -> Response[bytes]:
            """A code for an openid; refusals come with status 200, as WeChat's do."""
            content = msgspec.json.encode(self.exchange(dict(request.query_params)))
            return Response(content, media_type="text/plain")

        @get("/cgi-bin/mmpayweb-bin/checkmweb")
        async def h5(request: AnyRequest) -> Response[bytes]:
            """Where ``h5_url`` leads: on to the cashier page, which goes back to ``redirect_url``."""
            query = dict(request.query_params)
            return self._answer(request, lambda: _redirect(self.open_h5(query)))

        @post("/bridge", status_code=200)
        async def bridge(request: AnyRequest) -> Response[bytes]:
            """What WeChat's browser does with ``getBrandWCPayRequest``: check ``paySign``, open the cashier page."""
            body = await request.body()
            json = request.headers.get("content-type", "").startswith("application/json")

            def opened() -> Response[bytes]:
                fields = msgspec.json.decode(body, type=dict[str, str]) if json else dict(parse_qsl(body.decode()))
                url = self.open_bridge(fields)
                if not wants_json(request):
                    return _redirect(url)
                return Response(msgspec.json.encode(Scanned(url)), media_type="application/json", headers=HEADERS)

            return self._answer(request, opened)

        @get("/bridge.js")
        async def bridge_js() -> Response[str]:
            """WeChat's bridge for pages in an ordinary browser, for testers."""
            return Response(BRIDGE_JS, media_type="text/javascript", headers={"Cache-Control": "max-age=300"})

        return [authorize, access_token, h5, bridge, bridge_js]

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser goes back to. Refused for another app, scope or an address that is none."""
        back = urlsplit(query.get("redirect_uri", ""))
        good = query.get("appid") == self._options.app_id and query.get("response_type") == "code"
        if not good or query.get("scope") != "snsapi_base" or back.scheme not in {"http", "https"}:
            raise Refused(400, "PARAM_ERROR", "appid, redirect_uri, response_type 或 scope 无效")
        now_s = self._orders.book.now_us // 1_000_000
        self._codes = {code: at_s for code, at_s in self._codes.items() if at_s > now_s - CODE_S_MAX}
        code = secrets.token_hex(16)
        self._codes[code] = now_s
        parameters = [*parse_qsl(back.query, keep_blank_values=True), ("code", code), ("state", query.get("state", ""))]
        return urlunsplit(back._replace(query=urlencode(parameters)))

    def exchange(self, query: dict[str, str]) -> dict[str, Any]:
        """The shopper's openid for a code, once."""
        if query.get("appid") != self._options.app_id:
            return {"errcode": 40013, "errmsg": "invalid appid"}
        if not same_secret(query.get("secret", ""), self._secrets.app_secret):
            return {"errcode": 40125, "errmsg": "invalid appsecret"}
        at_s = self._codes.pop(query.get("code", ""), None)
        if at_s is None or at_s <= self._orders.book.now_us // 1_000_000 - CODE_S_MAX:
            return {"errcode": 40029, "errmsg": "invalid code"}
        return {
            "access_token": secrets.token_urlsafe(32),
            "expires_in": 7200,
            "refresh_token": secrets.token_urlsafe(32),
            "openid": self._orders.openid,
            "scope": "snsapi_base",
        }

    def open_h5(self, query: dict[str, str]) -> str:
        """The cashier page of an H5 order. Refused: ``payment_unknown``."""
        payment = self._orders.book.at_code(f"prepay_id={query.get('prepay_id', '')}")
        if payment.details["trade_type"] != "MWEB" or payment.details["package"] != query.get("package"):
            raise Refused(404, "payment_unknown")
        if url := query.get("redirect_url", ""):
            self._orders.book.send_home(payment, url)
        return self._orders.book.cashier_url(payment)

    def open_bridge(self, fields: dict[str, str]) -> str:
        """The cashier page of a JSAPI order, once ``paySign`` is the merchant's and fresh."""
        given = {name: fields.get(name, "") for name in ("appId", "timeStamp", "nonceStr", "package", "paySign")}
        payment = self._orders.book.at_code(given["package"])
        text = signing.bridge_text(given["appId"], given["timeStamp"], given["nonceStr"], given["package"])
        try:
            as_if = {
                signing.TIMESTAMP: given["timeStamp"],
                signing.NONCE: given["nonceStr"],
                signing.SERIAL: "",
                signing.SIGNATURE: given["paySign"],
            }
            signed = signing.read_headers(as_if)
        except signing.Unverified as error:
            raise Refused(400, "SIGN_ERROR", error.problem) from None
        fresh = abs(self._orders.book.now_us // 1_000_000 - signed.timestamp_s) <= PREPAY_S_MAX
        ours = given["appId"] == self._options.app_id and fields.get("signType") == "RSA"
        if not (fresh and ours and signing.is_signed(self._secrets.merchant_public_key, signed.signature, text)):
            raise Refused(400, "SIGN_ERROR", "支付验证签名失败")
        if payment.details["trade_type"] != "JSAPI":
            raise Refused(404, "payment_unknown")
        if url := fields.get("return_url", ""):
            self._orders.book.send_home(payment, url)
        return self._orders.book.cashier_url(payment)

    def _answer(self, request: AnyRequest, work: Callable[[], Response[bytes]]) -> Response[bytes]:
        """The answer, or a refusal: as JSON, or on the phone's page, which says that there is no such payment."""
        try:
            return work()
        except (msgspec.DecodeError, UnicodeDecodeError):
            refused = Refused(400, "PARAM_ERROR")
        except Refused as error:
            refused = error
        if refused.code == "payment_unknown" and not wants_json(request):
            return _redirect(f"{self._orders.book.public_url}/pay/unknown")
        content = msgspec.json.encode(Refusal(refused.code, refused.detail))
        return Response(content, status_code=refused.status, media_type="application/json", headers=HEADERS)


def _redirect(location: str) -> Response[bytes]:
    return Response(b"", status_code=303, media_type="text/html", headers={**HEADERS, "Location": location})
