"""The store's side of Alipay: the provider port over the gateway of Alipay's open platform."""

import json
from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from unqueue.kernel.clock import Clock
from unqueue.kernel.money import Money
from unqueue.providers.address import is_local
from unqueue.providers.alipay import messages, signing
from unqueue.providers.alipay.answers import believe, judge, notification_of, refund_of, state_of, text_of
from unqueue.providers.alipay.messages import china_time, china_time_us, yuan
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

GATEWAY = "https://openapi.alipay.com/gateway.do"
_TIMEOUT = httpx.Timeout(8.0, connect=3.0)
_BODY_BYTES_MAX = 1_000_000
_BILL_BYTES_MAX = 200_000_000
_FIELDS_MAX = 200
_NOT_EXIST = "ACQ.TRADE_NOT_EXIST"


class Alipay:
    """A merchant's account at Alipay.

    ``merchant_id`` is the seller's PID (2088…), ``app_id`` the application that acts for it, ``gateway`` the whole
    address that ends in ``/gateway.do``. Answers that Alipay's key did not sign are no answers: they raise
    ProviderUnavailable, for what was asked may have been done.
    """

    channels: tuple[Channel, ...] = ("page", "qr", "in_wallet")
    wallet = "alipay"
    _products: ClassVar[Mapping[str, str]] = {
        "alipay.trade.wap.pay": "QUICK_WAP_WAY",
        "alipay.trade.precreate": "QR_CODE_OFFLINE",
    }

    def __init__(
        self,
        *,
        provider_id: str,
        merchant_id: str,
        app_id: str,
        gateway: str,
        key: RSAPrivateKey,
        alipay_key: RSAPublicKey,
        clock: Clock,
        front_gateway: str = "",
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.provider_id = provider_id
        self.merchant_id = merchant_id
        self._app_id = app_id
        self._gateway = gateway
        self._front_gateway = front_gateway or gateway
        self._key = key
        self._alipay_key = alipay_key
        self._clock = clock
        # A proxy of the environment is for the world outside; a sandbox on this machine is reached directly.
        self._http = httpx.AsyncClient(timeout=_TIMEOUT, transport=transport, trust_env=not is_local(gateway))

    async def create(self, attempt: Attempt) -> Action:
        """A code for ``qr``; else the gateway's own page, which opens the wallet on a phone and inside the wallet.

        The page's address is signed here and known to Alipay only once the shopper is there.
        """
        _check_amount(attempt.amount)
        method = "alipay.trade.precreate" if attempt.channel == "qr" else "alipay.trade.wap.pay"
        content = {
            "out_trade_no": attempt.attempt_id,
            "total_amount": yuan(attempt.amount),
            "subject": messages.subject(attempt.subject_zh) or attempt.order_number,
            "product_code": self._products[method],
            "seller_id": self.merchant_id,
            "passback_params": messages.passback(attempt.order_id, attempt.order_number),
            "time_expire": china_time_us(attempt.expires_us),
        }
        if attempt.channel == "qr":
            answer = await self._ask(method, content, notify_url=attempt.notify_url)
            _same(answer, "out_trade_no", attempt.attempt_id)
            code = text_of(answer, "qr_code")
            if not code.startswith(("https://", "http://")):
                raise ProviderUnavailable("answer_malformed", "no qr_code")
            return Action("qr", code)
        content["quit_url"] = attempt.return_url
        # Signed as of when the attempt began, so that asking again gives the same address.
        at = china_time_us(attempt.created_us)
        returns = {"notify_url": attempt.notify_url, "return_url": attempt.return_url}
        return Action("redirect", f"{self._front_gateway}?{urlencode(self._signed(method, content, at, returns))}")

    async def query(self, charge: Charge) -> ProviderState:
        """``unknown`` until the shopper is at the trade, too: only then is there one at Alipay."""
        try:
            answer = await self._ask("alipay.trade.query", {"out_trade_no": charge.attempt_id})
        except ProviderRefused as error:
            if error.code == _NOT_EXIST:
                return ProviderState("unknown")
            raise
        _same(answer, "out_trade_no", charge.attempt_id)
        return state_of(answer, recorded=bool(charge.reference))

    async def close(self, charge: Charge) -> ProviderState:
        """Close the trade, or revoke it where nobody has opened it yet. What was paid stays paid, and is told."""
        try:
            answer = await self._ask("alipay.trade.close", {"out_trade_no": charge.attempt_id})
        except ProviderRefused as error:
            if error.code == _NOT_EXIST:
                return await self._revoke(charge)
            return await self._instead(charge, error)
        _same(answer, "out_trade_no", charge.attempt_id)
        return ProviderState("closed", reference=text_of(answer, "trade_no"))

    async def _revoke(self, charge: Charge) -> ProviderState:
        """Have Alipay refuse a trade that does not exist yet.

        Should the shopper have paid between closing and revoking, then Alipay has given the money back by itself.
        """
        try:
            answer = await self._ask("alipay.trade.cancel", {"out_trade_no": charge.attempt_id})
        except ProviderRefused as error:
            return await self._instead(charge, error)
        _same(answer, "out_trade_no", charge.attempt_id)
        if text_of(answer, "retry_flag") == "Y":
            raise ProviderUnavailable("cancel_again", text_of(answer, "action"))
        return ProviderState("closed", reference=text_of(answer, "trade_no"))

    async def _instead(self, charge: Charge, refused: ProviderRefused) -> ProviderState:
        """Why a trade can't be closed, if it is because it is decided."""
        state = await self.query(charge)
        if state.status == "pending":
            raise ProviderUnavailable("close_again", refused.code)
        return state

    async def refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        _check_amount(request.amount)
        content = {
            "out_trade_no": charge.attempt_id,
            "refund_amount": yuan(request.amount),
            "out_request_no": request.refund_id,
        }
        answer = await self._ask("alipay.trade.refund", content)
        _same(answer, "out_trade_no", charge.attempt_id)
        if text_of(answer, "fund_change") == "Y":
            return RefundState("succeeded", request.amount, text_of(answer, "trade_no"))
        # No money moved: it did when this refund was asked for before, or it did not yet.
        return await self.query_refund(request, charge)

    async def query_refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        content = {"out_trade_no": charge.attempt_id, "out_request_no": request.refund_id}
        try:
            answer = await self._ask("alipay.trade.fastpay.refund.query", content)
        except ProviderRefused as error:
            if error.code == _NOT_EXIST:
                return RefundState("unknown")
            raise
        return refund_of(answer, charge.attempt_id, request.refund_id)

    async def download_bill(self, day: date) -> bytes:
        """The bill of a day in China, from ten o'clock the next morning on: the bytes of a zip, for ``bill.read``."""
        method = "alipay.data.dataservice.bill.downloadurl.query"
        answer = await self._ask(method, {"bill_type": "trade", "bill_date": day.isoformat()})
        url = text_of(answer, "bill_download_url")
        if not url.startswith(("https://", "http://")):
            raise ProviderUnavailable("answer_malformed", "no bill_download_url")
        content = bytearray()
        try:
            async with self._http.stream("GET", url) as response:
                if response.status_code != HTTPStatus.OK:
                    raise ProviderUnavailable("bill_failed", f"status {response.status_code}")
                async for part in response.aiter_bytes():
                    content += part
                    if len(content) > _BILL_BYTES_MAX:
                        raise ProviderUnavailable("bill_failed", "too long")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ProviderUnavailable("no_answer", type(error).__name__) from error
        return bytes(content)

    def parse_notification(
        self,
        headers: Mapping[str, str],  # noqa: ARG002  # Alipay signs the form's own fields
        body: bytes,
    ) -> Notification | RefundNotification:
        try:
            pairs = parse_qsl(
                body.decode("ascii"),
                keep_blank_values=True,
                strict_parsing=True,
                errors="strict",
                max_num_fields=_FIELDS_MAX,
            )
        except ValueError:
            raise NotificationRefused("body_malformed") from None
        fields = dict(pairs)
        if len(fields) != len(pairs):
            raise NotificationRefused("body_malformed")
        authentic = signing.verify(self._alipay_key, fields.get("sign", ""), signing.notification_text(fields))
        if fields.get("sign_type") != "RSA2" or not authentic:
            raise NotificationRefused("signature_invalid")
        if fields.get("app_id") != self._app_id:
            raise NotificationRefused("key_unknown")
        try:
            age_s = (self._clock.now() - messages.read_china_time(fields.get("notify_time", ""))).total_seconds()
        except ValueError:
            raise NotificationRefused("body_malformed") from None
        if abs(age_s) > FRESH_S_MAX:
            raise NotificationRefused("timestamp_stale")
        return notification_of(fields)

    def acknowledge(self, ok: bool) -> Acknowledgement:
        """Alipay reads only the seven letters of ``success``; anything else, and it tells again."""
        if ok:
            return Acknowledgement(HTTPStatus.OK, b"success", "text/plain")
        return Acknowledgement(HTTPStatus.BAD_REQUEST, b"fail", "text/plain")

    async def stop(self) -> None:
        await self._http.aclose()

    def _signed(self, method: str, content: Mapping[str, str], at: str, more: Mapping[str, str]) -> dict[str, str]:
        parameters = {
            "app_id": self._app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": at,
            "version": "1.0",
            **more,
            "biz_content": json.dumps(content, ensure_ascii=False, separators=(",", ":")),
        }
        parameters["sign"] = signing.sign(self._key, signing.request_text(parameters))
        return parameters

    async def _ask(self, method: str, content: Mapping[str, str], **more: str) -> dict[str, Any]:
        """What the gateway answers, once its signature is checked. ProviderRefused where it says no."""
        parameters = self._signed(method, content, china_time(self._clock.now()), more)
        business = {"biz_content": parameters.pop("biz_content")}
        try:
            response = await self._http.post(self._gateway, params=parameters, data=business)
        except httpx.HTTPError as error:
            raise ProviderUnavailable("no_answer", type(error).__name__) from error
        if response.status_code != HTTPStatus.OK or len(response.content) > _BODY_BYTES_MAX:
            raise ProviderUnavailable("answer_failed", f"status {response.status_code}")
        return judge(believe(response.content, method, self._alipay_key))


def _check_amount(amount: Money) -> None:
    if amount.currency != messages.CURRENCY:
        raise ProviderRefused("currency_unsupported", f"Alipay takes {messages.CURRENCY}, not {amount.currency}")
    if not 0 < amount.amount_minor <= messages.FEN_MAX:
        raise ProviderRefused("amount_invalid", str(amount))


def _same(answer: Mapping[str, Any], name: str, expected: str) -> None:
    """An answer about another trade is no answer."""
    if answer.get(name) != expected:
        raise ProviderUnavailable("answer_mismatch", f"the answer's {name} is another one")
