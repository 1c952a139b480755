"""What the wallet takes from its merchants: what is signed, fresh, and new."""

import time
from collections.abc import Iterator

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support.wallets import WalletProcess, running_wallet

from unqueue.providers.sandbox_wallet import signing
from unqueue.providers.sandbox_wallet.signing import Signer

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def wallet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WalletProcess]:
    with running_wallet(tmp_path_factory.mktemp("wallet")) as process:
        yield process


async def test_a_request_is_taken_once(wallet: WalletProcess) -> None:
    """Caught on the way and sent again, a signed request is refused."""
    signer = Signer(signing.load_private_key(wallet.merchant_key))
    path, now_s = "/v1/payments/12345678", int(time.time())
    headers = signer.headers(now_s, "once", signing.request_text("GET", path, now_s, "once", b""))
    async with httpx.AsyncClient(trust_env=False) as http:
        first = await http.get(wallet.url + path, headers=headers)
        second = await http.get(wallet.url + path, headers=headers)
        elsewhere = await http.get(wallet.url + path + "9", headers=headers)
    assert (first.status_code, first.json()["code"]) == (404, "payment_unknown")
    assert (second.status_code, second.json()["code"]) == (401, "nonce_replayed")
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (401, "signature_invalid")


async def test_an_unsigned_or_stale_request_is_refused(wallet: WalletProcess) -> None:
    signer = Signer(signing.load_private_key(wallet.merchant_key))
    path, old_s = "/v1/payments/12345678", int(time.time()) - 301
    stale = signer.headers(old_s, "stale", signing.request_text("GET", path, old_s, "stale", b""))
    forger = Signer(Ed25519PrivateKey.generate())
    forged = forger.headers(old_s, "x", signing.request_text("GET", path, old_s, "x", b""))
    async with httpx.AsyncClient(trust_env=False) as http:
        codes = [(await http.get(wallet.url + path, headers=headers)).json()["code"] for headers in ({}, stale, forged)]
    assert codes == ["header_missing", "timestamp_stale", "key_unknown"]
