"""The wallet's HTTP for merchants: every request signed by the merchant, every answer signed by the wallet."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from unqueue.kernel.ids import new_id
from unqueue.providers.port import FRESH_S_MAX
from unqueue.providers.sandbox_kit.model import Refused
from unqueue.providers.sandbox_wallet import signing
from unqueue.providers.sandbox_wallet.messages import PAYMENTS, PaymentRequest, RefundRequest, Refusal
from unqueue.providers.sandbox_wallet.sandbox.wallet import Wallet
from unqueue.providers.sandbox_wallet.signing import Signer, Unverified

AnyRequest = Request[Any, Any, State]
T = TypeVar("T")


class Gate:
    """Lets in what a merchant signed, once; signs what goes out."""

    def __init__(self, wallet: Wallet, signer: Signer, merchants: Mapping[str, tuple[str, Ed25519PublicKey]]) -> None:
        self._wallet = wallet
        self._signer = signer
        self._merchants = {serial: merchant_id for serial, (merchant_id, _) in merchants.items()}
        self._keys = {serial: key for serial, (_, key) in merchants.items()}

    async def answer(
        self, request: AnyRequest, work: Callable[[str, bytes], msgspec.Struct], status: int = 200
    ) -> Response[bytes]:
        """Run ``work(merchant_id, body)`` for a request that proves whose it is; a signed refusal else."""
        body = await request.body()
        try:
            result = work(self._merchant(request, body), body)
        except Unverified as error:
            status, result = 401, Refusal(error.problem)
        except Refused as error:
            status, result = error.status, Refusal(error.code, error.detail)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            status, result = 422, Refusal("body_malformed", str(error))
        content, nonce, timestamp_s = msgspec.json.encode(result), new_id(), self._wallet.now_us // 1_000_000
        asked = request.headers.get(signing.NONCE, "")
        text = signing.response_text(asked, status, timestamp_s, nonce, content)
        headers = self._signer.headers(timestamp_s, nonce, text)
        return Response(content, status_code=status, media_type="application/json", headers=headers)

    def _merchant(self, request: AnyRequest, body: bytes) -> str:
        signed = signing.read_headers(request.headers)
        query = request.scope["query_string"].decode()
        path = request.scope["path"] + (f"?{query}" if query else "")
        text = signing.request_text(request.method, path, signed.timestamp_s, signed.nonce, body)
        now_s = self._wallet.now_us / 1_000_000
        signing.verify(signed, text, self._keys, now_s, FRESH_S_MAX)
        # A nonce is kept for twice the time in which its request stays fresh, whatever the two clocks say.
        if not self._wallet.book.store.use_nonce(signed.serial, signed.nonce, int(now_s), int(now_s) - 2 * FRESH_S_MAX):
            raise Refused(401, "nonce_replayed")
        return self._merchants[signed.serial]


def routes(wallet: Wallet, gate: Gate) -> list[HTTPRouteHandler]:
    @post(PAYMENTS, status_code=200)
    async def create(request: AnyRequest) -> Response[bytes]:
        """A payment for a shopper to make."""
        return await gate.answer(request, lambda merchant, body: wallet.create(merchant, _read(body, PaymentRequest)))

    @get(PAYMENTS + "/{payment_id:str}")
    async def query(request: AnyRequest, payment_id: FromPath[str]) -> Response[bytes]:
        """What became of a payment."""
        return await gate.answer(request, lambda merchant, _: wallet.query(merchant, payment_id))

    @post(PAYMENTS + "/{payment_id:str}/close", status_code=200)
    async def close(request: AnyRequest, payment_id: FromPath[str]) -> Response[bytes]:
        """Take no money for it any more."""
        return await gate.answer(request, lambda merchant, _: wallet.close(merchant, payment_id))

    @post(PAYMENTS + "/{payment_id:str}/refunds", status_code=200)
    async def refund(request: AnyRequest, payment_id: FromPath[str]) -> Response[bytes]:
        """Give money back."""
        return await gate.answer(
            request, lambda merchant, body: wallet.refund(merchant, payment_id, _read(body, RefundRequest))
        )

    @get(PAYMENTS + "/{payment_id:str}/refunds/{refund_id:str}")
    async def query_refund(request: AnyRequest, payment_id: FromPath[str], refund_id: FromPath[str]) -> Response[bytes]:
        """What became of a refund."""
        return await gate.answer(request, lambda merchant, _: wallet.query_refund(merchant, payment_id, refund_id))

    return [create, query, close, refund, query_refund]


def _read(body: bytes, kind: type[T]) -> T:
    return msgspec.json.decode(body, type=kind)
