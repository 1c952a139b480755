"""WeChat Pay's gateway, spoken to with the SDK ``wechatpayv3`` and believed only after our own checks.

The SDK knows the paths, the parameters and how a request is signed. Its sending is replaced: it opens a connection for
each request, checks no signature of an answer from 400 on, no answer's age, and where an answer or a notification names
a key that it doesn't know, it fetches certificates. Here every answer must be signed by the key of the settings, and
fresh.
"""

import gzip
import hashlib
import json
import logging
import zlib
from datetime import date
from http import HTTPStatus
from typing import Any, TypeVar

import httpx
import msgspec
from cryptography.hazmat.primitives import serialization
from wechatpayv3.async_ import AsyncWeChatPay, WeChatPayType
from wechatpayv3.async_.type import RequestType
from wechatpayv3.async_.utils import build_authorization

from unqueue.kernel.clock import Clock
from unqueue.providers.address import is_local
from unqueue.providers.port import FRESH_S_MAX, ProviderRefused, ProviderUnavailable
from unqueue.providers.wechat_pay import messages, signing
from unqueue.providers.wechat_pay.account import Credentials
from unqueue.providers.wechat_pay.signing import Unverified

T = TypeVar("T")
_TIMEOUT = httpx.Timeout(10.0, connect=3.0)
_ANSWER_BYTES_MAX = 1_000_000
_BILL_BYTES_MAX = 500_000_000
_BUSY = {"SYSTEM_ERROR", "SYSTEMERROR", "BANKERROR", "BANK_ERROR", "FREQUENCY_LIMITED", "FREQUENCY_LIMIT_EXCEED"}
"""Refusals that ask to be asked again."""

# WeChat's address for openids takes the AppSecret in its query, and httpx logs the address of every request at INFO.
logging.getLogger("httpx").setLevel(logging.WARNING)


class Gateway:
    """A merchant's line to WeChat Pay. ``sdk`` makes requests; what comes back was checked.

    Every call may raise ProviderUnavailable (no authentic answer, or the gateway is busy) or ProviderRefused with
    WeChat Pay's own code.
    """

    def __init__(
        self, credentials: Credentials, clock: Clock, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._credentials = credentials
        self._clock = clock
        # A proxy of the environment is for the world outside; a sandbox on this machine is reached directly.
        self._http = httpx.AsyncClient(timeout=_TIMEOUT, transport=transport, trust_env=not is_local(credentials.url))
        self._sdk = AsyncWeChatPay(
            wechatpay_type=WeChatPayType.NATIVE,
            mchid=credentials.merchant_id,
            private_key=_pem(credentials),
            cert_serial_no=credentials.serial_number,
            appid=credentials.app_id,
            apiv3_key=credentials.api_v3_key.decode("latin-1"),
            public_key=_public_pem(credentials),
            public_key_id=credentials.public_key_id,
        )
        self._sdk._core.request = self._request  # noqa: SLF001  # the only way in: see this module's docstring
        self._sdk._core._gate_way = credentials.url  # noqa: SLF001  # likewise; it shortens a bill's address

    async def stop(self) -> None:
        await self._http.aclose()

    async def pay(self, kind: WeChatPayType, answer: type[T], **asked: Any) -> T:
        """Make an order known: ``asked`` as the SDK's ``pay`` names it."""
        return _read(await self._sdk.pay(pay_type=kind, **asked), answer)

    async def query(self, out_trade_no: str) -> messages.Transaction:
        return _read(await self._sdk.query(out_trade_no=out_trade_no), messages.Transaction)

    async def close(self, out_trade_no: str) -> None:
        await self._sdk.close(out_trade_no=out_trade_no)

    async def refund(self, **asked: Any) -> messages.Refund:
        """Give money back: ``asked`` as the SDK's ``refund`` names it."""
        return _read(await self._sdk.refund(**asked), messages.Refund)

    async def query_refund(self, out_refund_no: str) -> messages.Refund:
        return _read(await self._sdk.query_refund(out_refund_no=out_refund_no), messages.Refund)

    async def trade_bill(self, day: date) -> bytes:
        """The bill of a day in China, unpacked, and just as the signed answer says (SHA-1)."""
        bill = _read(await self._sdk.trade_bill(bill_date=day.isoformat()), messages.Bill)
        url = httpx.URL(bill.download_url)
        # Our Authorization goes to our gateway and nowhere else, whatever host the answer names.
        _, packed = await self._sdk.download_bill(url.raw_path.decode())
        try:
            plain = gzip.decompress(packed)
        except (OSError, EOFError, zlib.error) as error:
            raise ProviderUnavailable("bill_malformed", type(error).__name__) from None
        digest = hashlib.sha1(plain, usedforsecurity=False).hexdigest()
        if bill.hash_type != "SHA1" or digest != bill.hash_value.lower():
            raise ProviderUnavailable("bill_malformed", "it is not the file whose hash WeChat Pay signed")
        return plain

    def sign_bridge(self, timestamp: str, nonce: str, package: str) -> str:
        """``paySign`` for the wallet's own browser."""
        return str(self._sdk.sign([self._credentials.app_id, timestamp, nonce, package]))

    async def fetch(self, url: str, parameters: dict[str, str]) -> bytes:
        """A plain GET, for the addresses of WeChat that sign nothing. ProviderUnavailable where none answers."""
        try:
            response = await self._http.get(url, params=parameters)
        except httpx.HTTPError as error:
            raise ProviderUnavailable("no_answer", type(error).__name__) from None  # the address holds a secret
        if response.status_code != HTTPStatus.OK or len(response.content) > _ANSWER_BYTES_MAX:
            raise ProviderUnavailable("answer_failed", f"status {response.status_code}")
        return response.content

    async def _request(
        self, path: str, method: RequestType = RequestType.GET, data: Any = None, *, skip_verify: bool = False
    ) -> tuple[int, bytes]:
        """In the place of the SDK's own: send a signed request, give back status and body of an answer that is true.

        ``skip_verify`` is the SDK's word for bills, which are not signed: their hash is.
        """
        body = "" if data is None else json.dumps(data)
        who = self._credentials
        authorization = build_authorization(
            path, method.value, who.merchant_id, who.serial_number, who.key, data=body or None
        )
        headers = {
            "Authorization": authorization,
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": "Unqueue",
            "Wechatpay-Serial": who.public_key_id,
        }
        try:
            response = await self._http.request(method.value, who.url + path, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise ProviderUnavailable("no_answer", type(error).__name__) from error
        if skip_verify and response.status_code == HTTPStatus.OK and len(response.content) <= _BILL_BYTES_MAX:
            return response.status_code, response.content
        return response.status_code, self._believe(response)

    def _believe(self, response: httpx.Response) -> bytes:
        """The body of an answer that WeChat Pay signed just now."""
        body, status = response.content, response.status_code
        busy = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS
        if busy or len(body) > _ANSWER_BYTES_MAX:
            raise ProviderUnavailable("answer_failed", f"status {status}")
        keys = {self._credentials.public_key_id: self._credentials.platform_key}
        try:
            signed = signing.read_headers(response.headers)
            signing.verify(signed, body, keys, self._clock.now().timestamp(), FRESH_S_MAX)
        except Unverified as error:
            raise ProviderUnavailable("answer_unverified", error.problem) from None
        if status >= HTTPStatus.BAD_REQUEST:
            refusal = _decoded(body, messages.Refusal)
            if refusal.code in _BUSY:
                raise ProviderUnavailable(refusal.code, refusal.message)
            raise ProviderRefused(refusal.code, refusal.message)
        if status not in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:
            raise ProviderUnavailable("answer_failed", f"status {status}")
        return body


def _read(answer: tuple[int, bytes], kind: type[T]) -> T:
    return _decoded(answer[1], kind)


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProviderUnavailable("answer_malformed", str(error)) from None


def _pem(credentials: Credentials) -> str:
    """The merchant's key as the SDK can read it (PKCS #8)."""
    return credentials.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _public_pem(credentials: Credentials) -> str:
    return credentials.platform_key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()
