"""The cashier page in Chromium on the smallest phone: it fits, can be used by everyone, and pays."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright
from tests.support.browsers import QUIET, chromium
from tests.support.wallets import WalletProcess, running_wallet

from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.providers.port import Attempt

__all__ = ["chromium"]
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def wallet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WalletProcess]:
    with running_wallet(tmp_path_factory.mktemp("wallet")) as process:
        yield process


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    # Not the session's: while Playwright waits in a thread, no test there may run an event loop.
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield one
        one.close()


def cashier_url(wallet: WalletProcess) -> str:
    """A new payment's page; the way back leads to the wallet's own icon, for there is no store here."""
    attempt = Attempt(
        attempt_id=new_id(),
        order_id=new_id(),
        order_number="104729389",
        amount=Money(123_456, "CNY"),
        subject_zh="3 件商品",
        subject_en="3 items",
        return_url=f"{wallet.url}/cashier.svg",
        notify_url="http://127.0.0.1:9/nobody",
        created_us=int(time.time() * 1_000_000),
        expires_us=int((time.time() + 600) * 1_000_000),
    )

    async def create() -> str:
        account = wallet.account()
        action = await account.create(attempt)
        await account.stop()
        return action.url

    return asyncio.run(create())


@pytest.fixture(scope="module")
def urls(wallet: WalletProcess) -> list[str]:
    """Made before the browser starts."""
    return [cashier_url(wallet) for _ in range(5)]


@pytest.mark.parametrize(("number", "scheme", "locale"), [(0, "light", "zh-CN"), (1, "dark", "en-GB")])
def test_it_fits_a_small_phone_and_pays(
    urls: list[str], browser: Browser, number: int, scheme: str, locale: str
) -> None:
    context = browser.new_context(
        viewport={"width": 360, "height": 640}, color_scheme="dark" if scheme == "dark" else "light", locale=locale
    )
    page = context.new_page()
    page.goto(urls[number])
    assert page.locator("details").get_attribute("open") is None, "the testers' section is folded"
    page.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert Axe().run(page).response["violations"] == []
    heights = page.evaluate(
        "[...document.querySelectorAll('button, a, summary, label')].map(one => one.getBoundingClientRect().height)"
    )
    assert min(heights) >= 48
    page.locator("button[value=pay]").click()
    page.wait_for_url("**/cashier.svg")
    page.goto(urls[number])
    assert page.locator("h1.succeeded").is_visible()
    assert page.locator("button").count() == 0
    assert Axe().run(page).response["violations"] == []
    context.close()


def test_the_language_can_be_switched(urls: list[str], browser: Browser) -> None:
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(urls[2])
    page.get_by_text("English").click()
    assert page.get_by_role("button", name="Pay", exact=True).is_visible()
    page.get_by_text("中文").click()
    assert page.get_by_role("button", name="付款", exact=True).is_visible()
    context.close()


@pytest.mark.parametrize(("scheme", "locale"), [("light", "zh-CN"), ("dark", "en-GB")])
def test_the_phone_page_takes_the_content_of_a_code(
    wallet: WalletProcess, urls: list[str], browser: Browser, scheme: str, locale: str
) -> None:
    context = browser.new_context(
        viewport={"width": 360, "height": 640}, color_scheme="dark" if scheme == "dark" else "light", locale=locale
    )
    page = context.new_page()
    page.goto(f"{wallet.url}/scan")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert Axe().run(page).response["violations"] == []
    page.locator("textarea").fill("weixin://wxpay/bizpayurl?pr=nobody")
    page.locator("button").click()
    assert page.get_by_role("alert").is_visible()
    assert page.locator("textarea").input_value() == "weixin://wxpay/bizpayurl?pr=nobody"
    assert Axe().run(page).response["violations"] == []
    page.locator("textarea").fill(urls[3])
    page.locator("button").click()
    assert page.locator("button[value=pay]").is_visible()
    context.close()
