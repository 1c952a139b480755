"""The store's end of WeChat Pay (API v3): Native codes, H5 pages, and JSAPI in WeChat's own browser."""

import json
from collections.abc import Mapping
from datetime import date, timedelta, timezone
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import msgspec
from wechatpayv3.async_ import WeChatPayType

from unqueue.kernel.clock import Clock, from_micros
from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.providers.port import (
    FRESH_S_MAX,
    Acknowledgement,
    Action,
    Attempt,
    Channel,
    Charge,
    Notification,
    NotificationRefused,
    ProviderRefused,
    ProviderState,
    ProviderUnavailable,
    RefundNotification,
    RefundRequest,
    RefundState,
)
from unqueue.providers.wechat_pay import messages, signing
from unqueue.providers.wechat_pay.account import Credentials
from unqueue.providers.wechat_pay.gateway import Gateway
from unqueue.providers.wechat_pay.messages import Malformed
from unqueue.providers.wechat_pay.signing import Unverified

CHINA = timezone(timedelta(hours=8))
DESCRIPTION_CHARS_MAX = 127
_UNKNOWN = {"ORDER_NOT_EXIST", "ORDERNOTEXIST"}
_REFUND_UNKNOWN = {"RESOURCE_NOT_EXISTS", "RESOURCE_NOT_EXIST", "REFUNDNOTEXIST", "REFUND_NOT_EXISTS"}
_PAID = {"ORDERPAID", "ORDER_PAID"}
_WECHAT_BUSY = -1
"""``errcode`` of WeChat's OAuth that asks to be asked again."""


class WeChatPay:
    """A merchant's account at WeChat Pay, in public-key mode (微信支付公钥)."""

    wallet = "wechat"

    def __init__(
        self,
        *,
        provider_id: str,
        credentials: Credentials,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.provider_id = provider_id
        self.merchant_id = credentials.merchant_id
        self.channels: tuple[Channel, ...] = credentials.channels
        self._credentials = credentials
        self._clock = clock
        self._gateway = Gateway(credentials, clock, transport)

    async def create(self, attempt: Attempt) -> Action:
        """An order of the product that serves the attempt's channel.

        ProviderRefused where the account has no such channel, the currency is not CNY, or (H5) the shopper's address or
        (JSAPI) openid is not known. Where the order is paid already nothing is left to do: a query tells.
        """
        if attempt.channel not in self.channels:
            raise ProviderRefused("channel_unknown", f"this account has no {attempt.channel}")
        asked = {
            "description": attempt.subject_zh[:DESCRIPTION_CHARS_MAX] or attempt.order_number,
            "out_trade_no": attempt.attempt_id,
            "time_expire": from_micros(attempt.expires_us).astimezone(CHINA).isoformat(timespec="seconds"),
            "attach": messages.attach_of(attempt.order_id, attempt.order_number),
            "notify_url": attempt.notify_url,
            "amount": {"total": _fen(attempt.amount), "currency": messages.CURRENCY},
        }
        try:
            match attempt.channel:
                case "qr":
                    return await self._native(asked)
                case "page":
                    return await self._h5(asked, attempt)
                case "in_wallet":
                    return await self._jsapi(asked, attempt.payer)
        except ProviderRefused as error:
            if error.code in _PAID:
                return Action("none")
            raise

    async def query(self, charge: Charge) -> ProviderState:
        try:
            transaction = await self._gateway.query(charge.attempt_id)
            if (transaction.out_trade_no, transaction.mchid) != (charge.attempt_id, self.merchant_id):
                raise ProviderUnavailable("answer_mismatch", "the answer is about another order")
            status = messages.status_of(transaction)
        except ProviderRefused as error:
            if error.code in _UNKNOWN:
                return ProviderState("unknown")
            raise
        except Malformed as error:
            raise ProviderUnavailable("answer_malformed", str(error)) from None
        taken = transaction.amount
        amount = None if taken is None else Money(taken.total, taken.currency)
        order_id, _ = messages.read_attach(transaction.attach)
        return ProviderState(status, amount, order_id, transaction.transaction_id)

    async def close(self, charge: Charge) -> ProviderState:
        """Closed, unless a query says that it was paid meanwhile: WeChat Pay refuses to close then."""
        try:
            await self._gateway.close(charge.attempt_id)
        except ProviderRefused:
            state = await self.query(charge)
            if state.status == "pending":
                raise
            return state
        return ProviderState("closed")

    async def refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        if request.amount.amount_minor <= 0:
            raise ProviderRefused("amount_invalid", "a refund is positive")
        asked: dict[str, Any] = {
            "out_refund_no": request.refund_id,
            "out_trade_no": charge.attempt_id,
            "amount": {
                "refund": _fen(request.amount),
                "total": _fen(charge.amount),
                "currency": messages.CURRENCY,
            },
        }
        if request.notify_url:
            asked["notify_url"] = request.notify_url
        return self._refund_state(await self._gateway.refund(**asked), request, charge)

    async def query_refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        try:
            refund = await self._gateway.query_refund(request.refund_id)
        except ProviderRefused as error:
            if error.code in _REFUND_UNKNOWN:
                return RefundState("unknown")
            raise
        return self._refund_state(refund, request, charge)

    def parse_notification(self, headers: Mapping[str, str], body: bytes) -> Notification | RefundNotification:
        keys = {self._credentials.public_key_id: self._credentials.platform_key}
        try:
            signed = signing.read_headers(headers)
            signing.verify(signed, body, keys, self._clock.now().timestamp(), FRESH_S_MAX)
        except Unverified as error:
            raise NotificationRefused(error.problem) from None
        try:
            return messages.read_notification(body, self._credentials.api_v3_key)
        except Malformed:
            raise NotificationRefused("body_malformed") from None

    def acknowledge(self, ok: bool) -> Acknowledgement:
        status = HTTPStatus.OK if ok else HTTPStatus.BAD_REQUEST
        answer = {"code": "SUCCESS", "message": "成功"} if ok else {"code": "FAIL", "message": "失败"}
        return Acknowledgement(status, json.dumps(answer, ensure_ascii=False).encode())

    def identity_url(self, return_url: str, state: str) -> str:
        """The silent redirect (``snsapi_base``); WeChat's own browser follows it without asking the shopper."""
        parameters = {
            "appid": self._credentials.app_id,
            "redirect_uri": return_url,
            "response_type": "code",
            "scope": "snsapi_base",
            "state": state,
        }
        return f"{self._credentials.authorize_url}?{urlencode(parameters)}#wechat_redirect"

    async def identify(self, code: str) -> str:
        """The shopper's openid. ProviderRefused for a code that is wrong, old or used."""
        if not self._credentials.app_secret:
            raise ProviderRefused("app_secret_missing", "the account has no files.app_secret")
        parameters = {
            "appid": self._credentials.app_id,
            "secret": self._credentials.app_secret,
            "code": code,
            "grant_type": "authorization_code",
        }
        answer = await self._gateway.fetch(self._credentials.token_url, parameters)
        try:
            identity = msgspec.json.decode(answer, type=messages.Identity)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ProviderUnavailable("answer_malformed", str(error)) from None
        if identity.errcode == _WECHAT_BUSY:
            raise ProviderUnavailable("wechat_busy", identity.errmsg)
        if identity.errcode or not identity.openid:
            raise ProviderRefused(f"wechat_{identity.errcode}", identity.errmsg)
        return identity.openid

    async def trade_bill(self, day: date) -> bytes:
        """WeChat Pay's bill of a day in China, for :func:`unqueue.providers.wechat_pay.bill.read_bill`.

        It is there from about ten o'clock on the next day; ProviderRefused (``NO_STATEMENT_EXIST``) before, and where
        nothing happened.
        """
        return await self._gateway.trade_bill(day)

    async def stop(self) -> None:
        await self._gateway.stop()

    async def _native(self, asked: dict[str, Any]) -> Action:
        answer = await self._gateway.pay(WeChatPayType.NATIVE, messages.Native, **asked)
        return Action("qr", answer.code_url)

    async def _h5(self, asked: dict[str, Any], attempt: Attempt) -> Action:
        if not attempt.client_ip:
            raise ProviderRefused("client_ip_missing", "H5 wants to know the address of the shopper's browser")
        scene = {"payer_client_ip": attempt.client_ip, "h5_info": {"type": "Wap"}}
        answer = await self._gateway.pay(WeChatPayType.H5, messages.H5, scene_info=scene, **asked)
        return Action("redirect", f"{answer.h5_url}&redirect_url={quote(attempt.return_url, safe='')}")

    async def _jsapi(self, asked: dict[str, Any], openid: str) -> Action:
        if not openid:
            raise ProviderRefused("payer_missing", "JSAPI wants the shopper's openid")
        answer = await self._gateway.pay(WeChatPayType.JSAPI, messages.Jsapi, payer={"openid": openid}, **asked)
        timestamp, nonce = str(int(self._clock.now().timestamp())), new_id()
        package = f"prepay_id={answer.prepay_id}"
        fields = {
            "appId": self._credentials.app_id,
            "timeStamp": timestamp,
            "nonceStr": nonce,
            "package": package,
            "signType": "RSA",
            "paySign": self._gateway.sign_bridge(timestamp, nonce, package),
        }
        return Action("bridge", fields=fields)

    def _refund_state(self, refund: messages.Refund, request: RefundRequest, charge: Charge) -> RefundState:
        if (refund.out_refund_no, refund.out_trade_no) != (request.refund_id, charge.attempt_id):
            raise ProviderUnavailable("answer_mismatch", "the answer is about another refund")
        try:
            return messages.refund_state_of(refund)
        except Malformed as error:
            raise ProviderUnavailable("answer_malformed", str(error)) from None


def _fen(amount: Money) -> int:
    """An amount as WeChat Pay counts it. ProviderRefused for other currencies: a mainland merchant has none."""
    if amount.currency != messages.CURRENCY:
        raise ProviderRefused("currency_unknown", f"WeChat Pay takes {messages.CURRENCY}, not {amount.currency}")
    return amount.amount_minor
