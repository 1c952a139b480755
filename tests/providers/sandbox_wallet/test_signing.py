"""Signatures: against vectors that OpenSSL made, and against changes of any part."""

import stat
import tomllib
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from unqueue.kernel.clock import ManualClock, from_micros
from unqueue.kernel.money import Money
from unqueue.providers.port import Charge, Notification, ProviderUnavailable, RefundRequest
from unqueue.providers.sandbox_wallet import signing
from unqueue.providers.sandbox_wallet.client import SandboxWallet
from unqueue.providers.sandbox_wallet.messages import PaymentState
from unqueue.providers.sandbox_wallet.signing import Signed, Signer, Unverified, read_headers, verify

pytestmark = pytest.mark.anyio

GOLDEN: dict[str, Any] = tomllib.loads((Path(__file__).parents[2] / "golden" / "sandbox-wallet.toml").read_text())
KEY = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(GOLDEN["key"]["secret"]))
PUBLIC = Ed25519PublicKey.from_public_bytes(bytes.fromhex(GOLDEN["key"]["public"]))


def golden_text(kind: str) -> bytes:
    part = GOLDEN[kind]
    body, at_s, nonce = part["body"].encode(), part["timestamp_s"], part["nonce"]
    if kind == "request":
        return signing.request_text(part["method"], part["path"], at_s, nonce, body)
    if kind == "response":
        return signing.response_text(part["request_nonce"], part["status"], at_s, nonce, body)
    return signing.notification_text(at_s, nonce, body)


@pytest.mark.parametrize("kind", ["request", "response", "notification"])
def test_signatures_are_those_that_openssl_makes(kind: str) -> None:
    part = GOLDEN[kind]
    assert Signer(KEY).headers(part["timestamp_s"], part["nonce"], golden_text(kind)) == {
        "wallet-timestamp": str(part["timestamp_s"]),
        "wallet-nonce": part["nonce"],
        "wallet-serial": GOLDEN["key"]["serial"],
        "wallet-signature": part["signature"],
    }


def account(at_s: int, transport: httpx.AsyncBaseTransport | None = None) -> SandboxWallet:
    return SandboxWallet(
        provider_id="sandbox",
        merchant_id="store-7",
        url="https://wallet.example",
        signer=Signer(KEY),
        wallet_key=PUBLIC,
        clock=ManualClock(from_micros(at_s * 1_000_000)),
        transport=transport,
    )


def charge(attempt_id: str) -> Charge:
    return Charge(attempt_id=attempt_id, amount=Money(1290, "CNY"), created_us=0)


def headers_of(kind: str) -> dict[str, str]:
    part = GOLDEN[kind]
    return {
        "wallet-timestamp": str(part["timestamp_s"]),
        "wallet-nonce": part["nonce"],
        "wallet-serial": GOLDEN["key"]["serial"],
        "wallet-signature": part["signature"],
    }


def test_the_client_believes_a_notification_that_openssl_signed() -> None:
    part = GOLDEN["notification"]
    told = account(part["timestamp_s"]).parse_notification(headers_of("notification"), part["body"].encode())
    assert told == Notification(
        attempt_id="0123456789abcdef",
        merchant_id="store-7",
        order_id="o1",
        order_number="104729389",
        status="succeeded",
        amount=Money(1290, "CNY"),
        reference="W0123456789ABCDE",
    )


async def test_the_client_sends_the_request_that_openssl_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte for byte; and it believes the golden answer, which names this request's nonce."""
    request, response = GOLDEN["request"], GOLDEN["response"]
    monkeypatch.setattr("unqueue.providers.sandbox_wallet.client.new_id", lambda: request["nonce"])
    sent: list[httpx.Request] = []

    def answer(asked: httpx.Request) -> httpx.Response:
        sent.append(asked)
        return httpx.Response(response["status"], headers=headers_of("response"), content=response["body"].encode())

    wallet = account(request["timestamp_s"], httpx.MockTransport(answer))
    asked_for = RefundRequest(refund_id="refund-1", amount=Money(290, "CNY"), created_us=0)
    state = await wallet.refund(asked_for, charge("0123456789abcdef"))
    await wallet.stop()
    assert (state.status, state.amount, state.reference) == ("succeeded", Money(290, "CNY"), "R0123456789ABCDE")
    assert (sent[0].method, sent[0].url.path) == (request["method"], request["path"])
    assert sent[0].content == request["body"].encode()
    assert sent[0].headers["wallet-signature"] == request["signature"]


@pytest.mark.parametrize(("payment_id", "merchant_id"), [("another-one", "store-7"), ("12345678", "store-8")])
async def test_an_authentic_answer_about_something_else_is_no_answer(payment_id: str, merchant_id: str) -> None:
    body = msgspec.json.encode(
        PaymentState(
            id=payment_id,
            merchant_id=merchant_id,
            order_id="o1",
            order_number="104729389",
            status="succeeded",
            amount=Money(1290, "CNY"),
            refunded=Money(0, "CNY"),
            reference="W1",
            cashier_url="https://wallet.example/pay/x",
        )
    )

    def answer(asked: httpx.Request) -> httpx.Response:
        text = signing.response_text(asked.headers["wallet-nonce"], 200, 1000, "n", body)
        return httpx.Response(200, headers=Signer(KEY).headers(1000, "n", text), content=body)

    wallet = account(1000, httpx.MockTransport(answer))
    with pytest.raises(ProviderUnavailable, match="answer_mismatch"):
        await wallet.query(charge("12345678"))
    await wallet.stop()


def test_no_signature_serves_as_another() -> None:
    """The same fields, the same key: a notification is no request and no response."""
    texts = [
        signing.request_text("POST", "/x", 1, "n", b"{}"),
        signing.response_text("n", 200, 1, "n", b"{}"),
        signing.notification_text(1, "n", b"{}"),
    ]
    for text in texts:
        signed = read_headers(Signer(KEY).headers(1, "n", text))
        for other in texts:
            if other != text:
                with pytest.raises(Unverified, match="signature_invalid"):
                    verify(signed, other, {GOLDEN["key"]["serial"]: PUBLIC}, 1, 300)


@pytest.mark.parametrize(
    ("now_s", "problem"),
    [
        (1000, None),
        (1300, None),
        (700, None),
        (1300.9, "timestamp_stale"),
        (1301, "timestamp_stale"),
        (699, "timestamp_stale"),
    ],
)
def test_fresh_is_within_300_seconds(now_s: float, problem: str | None) -> None:
    text = signing.notification_text(1000, "n", b"{}")
    signed = read_headers(Signer(KEY).headers(1000, "n", text))
    keys = {GOLDEN["key"]["serial"]: PUBLIC}
    if problem is None:
        verify(signed, text, keys, now_s, 300)
    else:
        with pytest.raises(Unverified, match=problem):
            verify(signed, text, keys, now_s, 300)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"wallet-timestamp": None}, "header_missing"),
        ({"wallet-nonce": None}, "header_missing"),
        ({"wallet-serial": None}, "header_missing"),
        ({"wallet-signature": None}, "header_missing"),
        ({"wallet-timestamp": ""}, "header_missing"),
        ({"wallet-timestamp": "-5"}, "header_missing"),
        ({"wallet-timestamp": "1e3"}, "header_missing"),
        ({"wallet-timestamp": "٣"}, "header_missing"),
        ({"wallet-timestamp": "9" * 13}, "header_missing"),
        ({"wallet-nonce": "n" * 65}, "header_missing"),
        ({"wallet-signature": "%%%"}, "signature_invalid"),
    ],
)
def test_headers_that_can_not_be_read(changes: dict[str, str | None], problem: str) -> None:
    headers = {name: value for name, value in {**headers_of("request"), **changes}.items() if value is not None}
    with pytest.raises(Unverified, match=problem):
        read_headers(headers)


def test_a_signature_of_any_length_is_refused_not_a_crash() -> None:
    for length in (0, 1, 63, 65, 1000):
        signed = Signed(1, "n", GOLDEN["key"]["serial"], b"\0" * length)
        with pytest.raises(Unverified, match="signature_invalid"):
            verify(signed, b"", {GOLDEN["key"]["serial"]: PUBLIC}, 1, 300)


def test_keys_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    private, public = signing.ensure_key_pair(tmp_path / "keys", "store")
    before = private.read_bytes(), public.read_bytes()
    assert signing.ensure_key_pair(tmp_path / "keys", "store") == (private, public)
    assert (private.read_bytes(), public.read_bytes()) == before
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert signing.load_private_key(private).public_key() == signing.load_public_key(public)


def test_files_without_such_a_key_are_told(tmp_path: Path) -> None:
    private, public = signing.ensure_key_pair(tmp_path, "store")
    with pytest.raises(ValueError):  # noqa: PT011  # the message is cryptography's
        signing.load_private_key(public)
    with pytest.raises(ValueError):  # noqa: PT011
        signing.load_public_key(private)
