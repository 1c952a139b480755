"""What every payment provider must do behind the port: run on each implementation, over real HTTP, against the
provider's own process. To add one, write another :class:`Bench` and name it in ``BENCHES``.
"""

import asyncio
import queue
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support.wallets import Listener, WalletProcess, listening, running_wallet

from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.providers.port import (
    Action,
    Attempt,
    NotificationRefused,
    Provider,
    ProviderRefused,
    ProviderUnavailable,
)
from unqueue.providers.sandbox_wallet import signing
from unqueue.providers.sandbox_wallet.signing import Signer

pytestmark = pytest.mark.anyio


class Bench(Protocol):
    """A provider, and the hands that its shoppers and accidents need."""

    provider: Provider
    listener: Listener

    def shopper_pays(self, action: Action) -> None: ...
    def shopper_declines(self, action: Action) -> None: ...
    def crash(self) -> None: ...
    def come_back(self) -> None: ...
    def sign(self, body: bytes, at_s: int) -> dict[str, str]: ...


class SandboxBench:
    """The sandbox wallet in its own process."""

    def __init__(self, process: WalletProcess, listener: Listener) -> None:
        self.process = process
        self.listener = listener
        self.provider: Provider = process.account()

    def shopper_pays(self, action: Action) -> None:
        self._press(action, "pay")

    def shopper_declines(self, action: Action) -> None:
        self._press(action, "decline")

    def _press(self, action: Action, button: str) -> None:
        form = {"action": button, "trouble": "none"}
        httpx.post(action.url, data=form, headers={"Accept": "application/json"}, trust_env=False)

    def crash(self) -> None:
        self.process.kill()

    def come_back(self) -> None:
        self.process.start()

    def sign(self, body: bytes, at_s: int) -> dict[str, str]:
        signer = Signer(signing.load_private_key(self.process.directory / "wallet.key"))
        return signer.headers(at_s, "n", signing.notification_text(at_s, "n", body))


@pytest.fixture(scope="module")
def wallet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WalletProcess]:
    with running_wallet(tmp_path_factory.mktemp("wallet"), "--retry-first-s", "0.05") as process:
        yield process


@pytest.fixture(params=["sandbox_wallet"])
async def bench(wallet: WalletProcess) -> Any:
    with listening() as listener:
        made = SandboxBench(wallet, listener)
        yield made
        await made.provider.stop()


def attempt_for(bench: Bench, **changes: Any) -> Attempt:
    plain: dict[str, Any] = {
        "attempt_id": new_id(),
        "order_id": new_id(),
        "order_number": "104729389",
        "amount": Money(1290, "CNY"),
        "subject_zh": "3 件商品",
        "subject_en": "3 items",
        "return_url": "https://store.example/o/x",
        "notify_url": bench.listener.url,
        "expires_us": int((time.time() + 600) * 1_000_000),
    }
    return Attempt(**{**plain, **changes})


async def test_an_attempt_waits_for_its_shopper(bench: Bench) -> None:
    attempt = attempt_for(bench)
    action = await bench.provider.create(attempt)
    assert action.kind in {"redirect", "qr", "none"}
    state = await bench.provider.query(attempt.attempt_id)
    assert state.status == "pending"


async def test_create_is_idempotent_by_id(bench: Bench) -> None:
    attempt = attempt_for(bench)
    assert await bench.provider.create(attempt) == await bench.provider.create(attempt)


async def test_an_id_belongs_to_one_attempt(bench: Bench) -> None:
    attempt = attempt_for(bench)
    await bench.provider.create(attempt)
    dearer = attempt_for(bench, attempt_id=attempt.attempt_id, amount=Money(9999, "CNY"))
    with pytest.raises(ProviderRefused):
        await bench.provider.create(dearer)


async def test_what_it_never_heard_of_is_unknown(bench: Bench) -> None:
    assert (await bench.provider.query(new_id())).status == "unknown"
    assert (await bench.provider.close(new_id())).status == "unknown"
    assert (await bench.provider.query_refund(new_id(), new_id())).status == "unknown"


async def test_a_paid_attempt_is_told_and_says_so_when_asked(bench: Bench) -> None:
    attempt = attempt_for(bench)
    bench.shopper_pays(await bench.provider.create(attempt))
    state = await bench.provider.query(attempt.attempt_id)
    assert (state.status, state.amount) == ("succeeded", attempt.amount)
    assert state.order_id in {"", attempt.order_id}
    assert state.reference
    told = bench.listener.next()
    notification = bench.provider.parse_notification(told.headers, told.body)
    assert (notification.attempt_id, notification.status) == (attempt.attempt_id, "succeeded")
    assert (notification.order_id, notification.order_number) == (attempt.order_id, attempt.order_number)
    assert (notification.amount, notification.reference) == (attempt.amount, state.reference)
    assert notification.merchant_id == bench.provider.merchant_id


async def test_a_declined_attempt_failed(bench: Bench) -> None:
    attempt = attempt_for(bench)
    bench.shopper_declines(await bench.provider.create(attempt))
    assert (await bench.provider.query(attempt.attempt_id)).status == "failed"


async def test_what_is_acknowledged_is_not_told_again(bench: Bench) -> None:
    answer = bench.provider.acknowledge(ok=True)
    bench.listener.status, bench.listener.answer = answer.status, answer.body
    bench.shopper_pays(await bench.provider.create(attempt_for(bench)))
    bench.listener.next()
    with pytest.raises(queue.Empty):
        bench.listener.next(0.4)


async def test_what_is_not_acknowledged_is_told_again(bench: Bench) -> None:
    answer = bench.provider.acknowledge(ok=False)
    bench.listener.status, bench.listener.answer = answer.status, answer.body
    bench.shopper_pays(await bench.provider.create(attempt_for(bench)))
    first, second = bench.listener.next(), bench.listener.next()
    assert bench.provider.parse_notification(first.headers, first.body) == bench.provider.parse_notification(
        second.headers, second.body
    )
    answer = bench.provider.acknowledge(ok=True)
    bench.listener.status, bench.listener.answer = answer.status, answer.body
    bench.listener.next()


async def test_a_closed_attempt_takes_no_money(bench: Bench) -> None:
    attempt = attempt_for(bench)
    action = await bench.provider.create(attempt)
    assert (await bench.provider.close(attempt.attempt_id)).status == "closed"
    bench.shopper_pays(action)
    assert (await bench.provider.query(attempt.attempt_id)).status == "closed"
    assert (await bench.provider.close(attempt.attempt_id)).status == "closed"


async def test_closing_too_late_says_that_it_is_paid(bench: Bench) -> None:
    attempt = attempt_for(bench)
    bench.shopper_pays(await bench.provider.create(attempt))
    state = await bench.provider.close(attempt.attempt_id)
    assert (state.status, state.amount) == ("succeeded", attempt.amount)


async def test_an_attempt_expires(bench: Bench) -> None:
    attempt = attempt_for(bench, expires_us=int((time.time() + 1) // 1 + 1) * 1_000_000)
    action = await bench.provider.create(attempt)
    await asyncio.sleep(max(0.0, attempt.expires_us / 1_000_000 - time.time()) + 0.05)
    bench.shopper_pays(action)
    assert (await bench.provider.query(attempt.attempt_id)).status == "closed"


async def test_refunds_in_parts_and_never_more_than_was_taken(bench: Bench) -> None:
    attempt = attempt_for(bench)
    bench.shopper_pays(await bench.provider.create(attempt))
    part, rest, refund_id = Money(290, "CNY"), Money(1000, "CNY"), new_id()
    first = await bench.provider.refund(refund_id, attempt.attempt_id, part)
    assert (first.status, first.amount) == ("succeeded", part)
    assert await bench.provider.refund(refund_id, attempt.attempt_id, part) == first, "the same refund, not a second"
    assert await bench.provider.query_refund(refund_id, attempt.attempt_id) == first
    with pytest.raises(ProviderRefused):
        await bench.provider.refund(new_id(), attempt.attempt_id, Money(1001, "CNY"))
    with pytest.raises(ProviderRefused):
        await bench.provider.refund(refund_id, attempt.attempt_id, rest)
    assert (await bench.provider.refund(new_id(), attempt.attempt_id, rest)).status == "succeeded"
    with pytest.raises(ProviderRefused):
        await bench.provider.refund(new_id(), attempt.attempt_id, Money(1, "CNY"))


@pytest.mark.parametrize("amount", [Money(0, "CNY"), Money(-5, "CNY"), Money(5, "USD")])
async def test_a_refund_is_positive_and_in_the_same_currency(bench: Bench, amount: Money) -> None:
    attempt = attempt_for(bench)
    bench.shopper_pays(await bench.provider.create(attempt))
    with pytest.raises(ProviderRefused):
        await bench.provider.refund(new_id(), attempt.attempt_id, amount)


async def test_what_was_not_paid_is_not_refunded(bench: Bench) -> None:
    attempt = attempt_for(bench)
    await bench.provider.create(attempt)
    with pytest.raises(ProviderRefused):
        await bench.provider.refund(new_id(), attempt.attempt_id, attempt.amount)


async def test_a_crash_forgets_nothing_and_tells_what_was_untold(bench: Bench) -> None:
    bench.listener.status = 500
    paid, waiting = attempt_for(bench), attempt_for(bench)
    bench.shopper_pays(await bench.provider.create(paid))
    action = await bench.provider.create(waiting)
    bench.listener.next()
    bench.crash()
    with pytest.raises(ProviderUnavailable):
        await bench.provider.query(paid.attempt_id)
    while not bench.listener.told.empty():
        bench.listener.told.get()
    bench.listener.status = 200
    bench.come_back()
    told = bench.listener.next()
    assert bench.provider.parse_notification(told.headers, told.body).attempt_id == paid.attempt_id
    assert (await bench.provider.query(paid.attempt_id)).status == "succeeded"
    assert await bench.provider.create(waiting) == action
    bench.shopper_pays(action)
    assert (await bench.provider.query(waiting.attempt_id)).status == "succeeded"


@pytest.mark.parametrize("skew_s", [-301, 301])
async def test_a_stale_notification_is_refused(bench: Bench, skew_s: int) -> None:
    bench.shopper_pays(await bench.provider.create(attempt_for(bench)))
    told = bench.listener.next()
    now_s = int(time.time())
    bench.provider.parse_notification(bench.sign(told.body, now_s), told.body)
    with pytest.raises(NotificationRefused) as refused:
        bench.provider.parse_notification(bench.sign(told.body, now_s + skew_s), told.body)
    assert refused.value.reason == "timestamp_stale"


async def test_any_changed_bit_of_a_notification_is_refused(bench: Bench) -> None:
    bench.shopper_pays(await bench.provider.create(attempt_for(bench)))
    told = bench.listener.next()
    for place in range(0, len(told.body), 7):
        changed = bytearray(told.body)
        changed[place] ^= 1
        with pytest.raises(NotificationRefused):
            bench.provider.parse_notification(told.headers, bytes(changed))


async def test_answers_of_someone_else_are_no_answers(wallet: WalletProcess, tmp_path: Path) -> None:
    """Another wallet's key signs: what was asked may have been done, so it is no refusal."""
    _, other_public = signing.ensure_key_pair(tmp_path, "other")
    account = wallet.account(wallet_key=other_public)
    with pytest.raises(ProviderUnavailable) as unheard:
        await account.query(new_id())
    assert unheard.value.detail == "key_unknown"
    await account.stop()


async def test_requests_of_someone_else_are_refused(wallet: WalletProcess, tmp_path: Path) -> None:
    other_key, _ = signing.ensure_key_pair(tmp_path, "other")
    account = wallet.account(key=other_key)
    with pytest.raises(ProviderRefused) as refused:
        await account.query(new_id())
    assert refused.value.code == "key_unknown"
    await account.stop()


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
