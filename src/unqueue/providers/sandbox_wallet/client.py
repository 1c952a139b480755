"""The store's side of the sandbox wallet: the provider port over signed HTTP."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import TypeVar

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from unqueue.kernel.clock import Clock
from unqueue.kernel.ids import new_id
from unqueue.providers.address import is_local
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
    RefundRequest,
    RefundState,
)
from unqueue.providers.sandbox_wallet import messages, signing
from unqueue.providers.sandbox_wallet.messages import PAYMENTS
from unqueue.providers.sandbox_wallet.signing import Signer, Unverified

T = TypeVar("T")
_TIMEOUT = httpx.Timeout(5.0, connect=2.0)
_BODY_BYTES_MAX = 1_000_000


class SandboxWallet:
    """A merchant's account at a sandbox wallet.

    ``url`` is the wallet's address without a slash at its end. Answers that the wallet's key did not sign are no
    answers: they raise ProviderUnavailable, for what was asked may have been done.
    """

    channels: tuple[Channel, ...] = ("page", "qr")
    wallet = ""

    def __init__(
        self,
        *,
        provider_id: str,
        merchant_id: str,
        url: str,
        signer: Signer,
        wallet_key: Ed25519PublicKey,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.provider_id = provider_id
        self.merchant_id = merchant_id
        self._url = url
        self._signer = signer
        self._keys = {signing.serial_of(wallet_key): wallet_key}
        self._clock = clock
        # A proxy of the environment is for the world outside; a wallet on this machine is reached directly.
        self._http = httpx.AsyncClient(timeout=_TIMEOUT, transport=transport, trust_env=not is_local(url))

    async def create(self, attempt: Attempt) -> Action:
        asked = messages.PaymentRequest(
            id=attempt.attempt_id,
            order_id=attempt.order_id,
            order_number=attempt.order_number,
            amount=attempt.amount,
            subject_zh=attempt.subject_zh,
            subject_en=attempt.subject_en,
            return_url=attempt.return_url,
            notify_url=attempt.notify_url,
            expires_s=attempt.expires_us // 1_000_000,
        )
        state = await self._ask("POST", PAYMENTS, asked, messages.PaymentState)
        return Action("qr" if attempt.channel == "qr" else "redirect", state.cashier_url)

    async def query(self, charge: Charge) -> ProviderState:
        return await self._state("GET", f"{PAYMENTS}/{charge.attempt_id}", charge.attempt_id)

    async def close(self, charge: Charge) -> ProviderState:
        return await self._state("POST", f"{PAYMENTS}/{charge.attempt_id}/close", charge.attempt_id)

    async def refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        asked = messages.RefundRequest(request.refund_id, request.amount)
        answer = await self._ask("POST", f"{PAYMENTS}/{charge.attempt_id}/refunds", asked, messages.RefundState)
        return RefundState(answer.status, answer.amount, answer.reference)

    async def query_refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        try:
            path = f"{PAYMENTS}/{charge.attempt_id}/refunds/{request.refund_id}"
            answer = await self._ask("GET", path, None, messages.RefundState)
        except ProviderRefused as error:
            if error.code in {"refund_unknown", "payment_unknown"}:
                return RefundState("unknown")
            raise
        return RefundState(answer.status, answer.amount, answer.reference)

    def parse_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        try:
            signed = signing.read_headers(headers)
            text = signing.notification_text(signed.timestamp_s, signed.nonce, body)
            signing.verify(signed, text, self._keys, self._now_s(), FRESH_S_MAX)
        except Unverified as error:
            raise NotificationRefused(error.problem) from None
        try:
            told = msgspec.json.decode(body, type=messages.NotificationBody)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise NotificationRefused("body_malformed") from None
        return Notification(
            attempt_id=told.payment_id,
            merchant_id=told.merchant_id,
            order_id=told.order_id,
            order_number=told.order_number,
            status=told.status,
            amount=told.amount,
            reference=told.reference,
        )

    def acknowledge(self, ok: bool) -> Acknowledgement:
        status = HTTPStatus.OK if ok else HTTPStatus.BAD_REQUEST
        return Acknowledgement(status, json.dumps({"code": "OK" if ok else "REFUSED"}).encode())

    async def stop(self) -> None:
        await self._http.aclose()

    async def _state(self, method: str, path: str, attempt_id: str) -> ProviderState:
        try:
            state = await self._ask(method, path, None, messages.PaymentState)
        except ProviderRefused as error:
            if error.code == "payment_unknown":
                return ProviderState("unknown")
            raise
        if state.id != attempt_id or state.merchant_id != self.merchant_id:
            raise ProviderUnavailable("answer_mismatch", "the answer is about another payment")
        return ProviderState(state.status, state.amount, state.order_id, state.reference)

    async def _ask(self, method: str, path: str, asked: msgspec.Struct | None, kind: type[T]) -> T:
        body = b"" if asked is None else msgspec.json.encode(asked)
        nonce, timestamp_s = new_id(), int(self._now_s())
        headers = self._signer.headers(timestamp_s, nonce, signing.request_text(method, path, timestamp_s, nonce, body))
        headers["content-type"] = "application/json"
        try:
            response = await self._http.request(method, self._url + path, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise ProviderUnavailable("no_answer", type(error).__name__) from error
        return self._believe(response, nonce, kind)

    def _believe(self, response: httpx.Response, request_nonce: str, kind: type[T]) -> T:
        """The body of an answer that the wallet signed for this very request."""
        body, status = response.content, response.status_code
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or len(body) > _BODY_BYTES_MAX:
            raise ProviderUnavailable("answer_failed", f"status {status}")
        try:
            signed = signing.read_headers(response.headers)
            text = signing.response_text(request_nonce, status, signed.timestamp_s, signed.nonce, body)
            signing.verify(signed, text, self._keys, self._now_s(), FRESH_S_MAX)
            if status >= HTTPStatus.BAD_REQUEST:
                refusal = msgspec.json.decode(body, type=messages.Refusal)
                raise ProviderRefused(refusal.code, refusal.detail)
            return msgspec.json.decode(body, type=kind)
        except Unverified as error:
            raise ProviderUnavailable("answer_unverified", error.problem) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ProviderUnavailable("answer_malformed", str(error)) from None

    def _now_s(self) -> float:
        return self._clock.now().timestamp()
