"""The wallet's notifications: sent until they are heard, but not for ever."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.money import Money
from unqueue.providers.sandbox_kit.model import Trouble
from unqueue.providers.sandbox_wallet import signing
from unqueue.providers.sandbox_wallet.messages import PaymentRequest
from unqueue.providers.sandbox_wallet.sandbox.app import WalletApp
from unqueue.providers.sandbox_wallet.sandbox.options import Merchant, Options

pytestmark = pytest.mark.anyio


class Ear:
    """A merchant who hears everything and answers as it is set to."""

    def __init__(self) -> None:
        self.heard: list[httpx.Request] = []
        self.answer: Callable[[], httpx.Response] = lambda: httpx.Response(200, json={"code": "OK"})

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.heard.append(request)
        return self.answer()


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
async def wallet(tmp_path: Path, clock: ManualClock, ear: Ear) -> AsyncIterator[WalletApp]:
    _, public = signing.ensure_key_pair(tmp_path, "m")
    options = Options(data_dir=tmp_path, merchants=(Merchant(merchant_id="m1", public_key_file=public),))
    app = WalletApp(options, clock=clock, notify_transport=httpx.MockTransport(ear))
    yield app
    await app.stop()


def pay(wallet: WalletApp, trouble: Trouble) -> None:
    request = PaymentRequest(
        id="payment-1",
        order_id="o1",
        order_number="104729389",
        amount=Money(1290, "CNY"),
        subject_zh="",
        subject_en="",
        return_url="https://store.example/",
        notify_url="https://store.example/n",
        expires_s=9_999_999_999,
    )
    token = wallet.wallet.create("m1", request).cashier_url.rpartition("/")[2]
    wallet.book.pay(token, trouble)


async def send_for(wallet: WalletApp, clock: ManualClock, seconds: int, step: int = 1) -> None:
    for _ in range(seconds // step):
        await wallet.notifier.send_due()
        clock.advance(step)


async def test_it_comes_again_ever_more_slowly_until_it_is_heard(
    wallet: WalletApp, clock: ManualClock, ear: Ear
) -> None:
    ear.answer = lambda: httpx.Response(500)
    pay(wallet, "none")
    await send_for(wallet, clock, 20)
    assert len(ear.heard) == 5, "at 0, 1, 3, 7 and 15 seconds"
    assert len({request.headers["wallet-nonce"] for request in ear.heard}) == 5, "each is signed anew"
    ear.answer = lambda: httpx.Response(200, json={"code": "OK"})
    await send_for(wallet, clock, 100)
    assert len(ear.heard) == 6


@pytest.mark.parametrize(
    "answer",
    [
        lambda: httpx.Response(200, text="thanks"),
        lambda: httpx.Response(200, json={"code": "REFUSED"}),
        lambda: httpx.Response(200, json=["OK"]),
        lambda: httpx.Response(204),
    ],
)
async def test_only_the_right_answer_is_an_acknowledgement(
    wallet: WalletApp, clock: ManualClock, ear: Ear, answer: Callable[[], httpx.Response]
) -> None:
    ear.answer = answer
    pay(wallet, "none")
    await send_for(wallet, clock, 2)
    assert len(ear.heard) == 2


async def test_after_a_day_it_gives_up(wallet: WalletApp, clock: ManualClock, ear: Ear) -> None:
    ear.answer = lambda: httpx.Response(500)
    pay(wallet, "none")
    await send_for(wallet, clock, 30 * 3600, step=600)
    assert 24 <= len(ear.heard) <= 40
    assert wallet.store.next_due_us() is None


@pytest.mark.parametrize("trouble", ["wrong_amount", "wrong_order", "forged"])
async def test_what_is_wrong_on_purpose_is_sent_three_times(
    wallet: WalletApp, clock: ManualClock, ear: Ear, trouble: Trouble
) -> None:
    ear.answer = lambda: httpx.Response(400, json={"code": "REFUSED"})
    pay(wallet, trouble)
    await send_for(wallet, clock, 600)
    assert len(ear.heard) == 3
    assert wallet.store.next_due_us() is None


async def test_a_late_one_comes_late(wallet: WalletApp, clock: ManualClock, ear: Ear) -> None:
    pay(wallet, "late")
    await send_for(wallet, clock, 30)
    assert ear.heard == []
    await send_for(wallet, clock, 1)
    assert len(ear.heard) == 1
