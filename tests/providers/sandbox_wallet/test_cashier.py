"""The cashier page: what a person sees and may do, and the same form for those without a browser."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.money import Money
from unqueue.providers.sandbox_kit import pages
from unqueue.providers.sandbox_kit.model import TROUBLES
from unqueue.providers.sandbox_wallet import signing
from unqueue.providers.sandbox_wallet.messages import PaymentRequest
from unqueue.providers.sandbox_wallet.sandbox.app import WalletApp
from unqueue.providers.sandbox_wallet.sandbox.options import Merchant, Options

pytestmark = pytest.mark.anyio


class Page(HTMLParser):
    """The texts, buttons, choices and links of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.buttons: list[str | None] = []
        self.troubles: list[str | None] = []
        self.links: list[str | None] = []
        self.language: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        if tag == "html":
            self.language = found["lang"]
        if tag == "button":
            self.buttons.append(found.get("value"))
        if tag == "input":
            self.troubles.append(found.get("value"))
        if tag in {"a", "link"}:
            self.links.append(found.get("href"))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())


class Cashier:
    """A wallet with one merchant, and a browser that does not follow redirects."""

    def __init__(self, directory: Path, clock: ManualClock) -> None:
        _, public = signing.ensure_key_pair(directory, "m")
        merchant = Merchant(merchant_id="m1", public_key_file=public, name_zh="街角<超市>", name_en="Corner & Sons")
        self.app = WalletApp(
            Options(data_dir=directory, merchants=(merchant,), public_url="https://front.example/wallet"), clock=clock
        )
        self.browser = httpx.AsyncClient(transport=httpx.ASGITransport(self.app.asgi), base_url="https://front.example")
        self.clock = clock

    def open(self, **changes: Any) -> str:
        """A new payment's path, as it is behind the front door that takes the prefix away."""
        plain: dict[str, Any] = {
            "id": "payment-1",
            "order_id": "o1",
            "order_number": "104729389",
            "amount": Money(123_456, "CNY"),
            "subject_zh": "3 件商品",
            "subject_en": "3 items",
            "return_url": 'https://store.example/o/x?a=1&b="2"',
            "notify_url": "http://127.0.0.1:9/n",
            "expires_s": int(self.clock.now().timestamp()) + 600,
        }
        state = self.app.wallet.create("m1", PaymentRequest(**{**plain, **changes}))
        assert state.cashier_url.startswith("https://front.example/wallet/pay/")
        return state.cashier_url.removeprefix("https://front.example/wallet")

    async def press(self, path: str, action: str, trouble: str = "none", **headers: str) -> httpx.Response:
        return await self.browser.post(path, data={"action": action, "trouble": trouble}, headers=headers)


@pytest.fixture
async def cashier(tmp_path: Path, clock: ManualClock) -> Any:
    made = Cashier(tmp_path, clock)
    yield made
    await made.browser.aclose()
    await made.app.stop()


async def test_it_shows_merchant_order_and_amount_in_both_languages(cashier: Cashier) -> None:
    path = cashier.open()
    for language, expected in (
        ("zh", ["沙盒钱包", "街角<超市>", "104 729 389", "¥1,234.56", "3 件商品", "付款", "不付了"]),
        ("en-GB", ["Sandbox Wallet", "Corner & Sons", "104 729 389", "¥1,234.56", "3 items", "Pay", "Decline"]),
    ):
        answer = await cashier.browser.get(path, headers={"Accept-Language": language})
        page = Page(answer.text)
        assert set(expected) <= set(page.texts)
        assert page.language == ("zh-Hans" if language == "zh" else "en")
        assert page.buttons == ["decline", "pay"]
    chosen = await cashier.browser.get(path, params={"language": "en"}, headers={"Accept-Language": "zh"})
    assert Page(chosen.text).language == "en"


async def test_its_links_work_behind_any_prefix(cashier: Cashier) -> None:
    page = Page((await cashier.browser.get(cashier.open())).text)
    assert page.links == ["../cashier.css", "../cashier.svg", "?language=en"]
    for asset, kind in (("/cashier.css", "text/css"), ("/cashier.svg", "image/svg+xml")):
        answer = await cashier.browser.get(asset)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
    assert (await cashier.browser.get("/options.py")).status_code == 404


async def test_paying_returns_to_the_merchant(cashier: Cashier) -> None:
    path = cashier.open()
    answer = await cashier.press(path, "pay")
    assert (answer.status_code, answer.headers["location"]) == (303, 'https://store.example/o/x?a=1&b="2"')
    again = await cashier.press(path, "pay")
    assert again.status_code == 303, "a second tap pays nothing more and goes back too"
    assert len(cashier.app.store.due(cashier.app.wallet.now_us, 10)) == 1
    page = Page((await cashier.browser.get(path)).text)
    assert page.buttons == []
    assert "已付款" in page.texts
    assert page.links[-1] == 'https://store.example/o/x?a=1&b="2"'


async def test_declining_returns_to_the_merchant_and_can_not_be_undone(cashier: Cashier) -> None:
    path = cashier.open()
    assert (await cashier.press(path, "decline")).status_code == 303
    late = await cashier.press(path, "pay")
    assert (late.status_code, late.headers["location"]) == (303, "?"), "the page says how things stand"
    assert Page((await cashier.browser.get(path)).text).buttons == []


async def test_testers_find_every_trouble(cashier: Cashier, clock: ManualClock) -> None:
    path = cashier.open()
    page = Page((await cashier.browser.get(path)).text)
    offered = set(page.troubles)
    clock.advance(600)
    page = Page((await cashier.browser.get(path)).text)
    assert page.buttons == ["pay"]
    assert offered | set(page.troubles) == set(TROUBLES)
    assert (await cashier.press(path, "pay", "after_close")).status_code == 303


async def test_the_form_answers_json_to_those_without_a_browser(cashier: Cashier) -> None:
    path = cashier.open()
    paid = await cashier.press(path, "pay", accept="application/json")
    assert (paid.status_code, paid.json()["status"]) == (200, "succeeded")
    late = await cashier.press(path, "decline", accept="application/json")
    assert (late.status_code, late.json()["code"]) == (409, "payment_succeeded")
    nonsense = await cashier.press(path, "sing", accept="application/json")
    assert (nonsense.status_code, nonsense.json()["code"]) == (422, "action_unknown")
    lost = await cashier.press("/pay/nothing", "pay", accept="application/json")
    assert (lost.status_code, lost.json()["code"]) == (404, "payment_unknown")


async def test_an_unknown_payment_is_told_kindly(cashier: Cashier) -> None:
    answer = await cashier.browser.get("/pay/nothing")
    assert answer.status_code == 404
    assert "没有找到这笔付款，请回到商家重新发起" in Page(answer.text).texts


async def test_what_a_merchant_writes_is_never_markup(cashier: Cashier) -> None:
    path = cashier.open(
        subject_zh="<script>alert(1)</script>",
        order_number='"><img src=x>',
        return_url="https://store.example/\"onmouseover='x'",
    )
    await cashier.press(path, "decline")
    html = (await cashier.browser.get(path)).text
    assert "<script" not in html
    assert "<img" not in html
    assert 'href="https://store.example/&quot;onmouseover=&#x27;x&#x27;"' in html


async def test_pages_bring_a_strict_policy(cashier: Cashier) -> None:
    answer = await cashier.browser.get(cashier.open())
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


def test_every_text_is_there_in_both_languages() -> None:
    for key, texts in pages._TEXTS.items():
        assert set(texts) == {"zh", "en"}, key
        assert all(texts.values()), key
