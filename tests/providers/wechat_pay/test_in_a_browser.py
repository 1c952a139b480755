"""The sandbox in Chromium: its pages, and its bridge for pages that believe they are in WeChat's own browser."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright
from tests.contracts.providers.rig_wechat_pay import MODULE, account_of
from tests.providers.wechat_pay.shop import attempt
from tests.support.browsers import QUIET, chromium
from tests.support.sandboxes import SandboxProcess

from unqueue.kernel.clock import SystemClock
from unqueue.providers.port import Action, Attempt
from unqueue.providers.wechat_pay import open_account

__all__ = ["chromium"]
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    process = SandboxProcess(tmp_path_factory.mktemp("wechat"), MODULE, "wechat-pay")
    process.start()
    yield process
    assert process.stop() == 0


class Store:
    """A store's pay page, on this machine: a browser lets no page from elsewhere load what is here."""

    def __init__(self) -> None:
        self.page = ""
        store = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.end_headers()
                self.wfile.write(store.page.encode())

            def log_message(self, *_: Any) -> None:
                """Tests are quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/o/x"


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    made = Store()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture(scope="module")
def actions(sandbox: SandboxProcess, store: Store) -> dict[str, Action]:
    """An order of each channel, made before the browser starts."""

    async def create() -> dict[str, Action]:
        client = open_account(account_of(sandbox), SystemClock())
        made: dict[str, Action] = {}
        for channel in client.channels:
            payer = ""
            if channel == "in_wallet":
                payer = await client.identify(await _code(client.identity_url(store.url, "s")))
            made[channel] = await client.create(_attempt(channel, payer, store.url))
        await client.stop()
        return made

    return asyncio.run(create())


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    # Not the session's: while Playwright waits in a thread, no test there may run an event loop.
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield one
        one.close()


def _attempt(channel: str, payer: str, return_url: str) -> Attempt:
    return attempt(channel=channel, payer=payer, return_url=return_url, notify_url="http://127.0.0.1:9/nobody")


async def _code(there: str) -> str:
    async with httpx.AsyncClient(trust_env=False) as http:
        return str(httpx.URL((await http.get(there)).headers["location"]).params["code"])


def test_a_page_in_the_wallets_browser_pays_over_the_bridge(
    sandbox: SandboxProcess, actions: dict[str, Action], store: Store, browser: Browser
) -> None:
    store.page = f"""<!doctype html><html lang="en"><title>Store</title><button>Pay</button>
<script src="{sandbox.url}/bridge.js"></script>
<script>document.querySelector("button").onclick = () =>
  WeixinJSBridge.invoke("getBrandWCPayRequest", {json.dumps(actions["in_wallet"].fields)}, () => {{}});</script>"""
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(store.url)
    page.get_by_role("button", name="Pay").click()
    page.wait_for_url(f"{sandbox.url}/pay/*")
    assert page.get_by_text("WeChat Pay (sandbox)").first.is_visible()
    page.locator("button[value=pay]").click()
    page.wait_for_url(store.url)
    context.close()


@pytest.mark.parametrize(("scheme", "locale"), [("light", "zh-CN"), ("dark", "en-GB")])
def test_its_pages_can_be_used_by_everyone(
    sandbox: SandboxProcess, actions: dict[str, Action], browser: Browser, scheme: str, locale: str
) -> None:
    context = browser.new_context(
        viewport={"width": 360, "height": 640}, color_scheme="dark" if scheme == "dark" else "light", locale=locale
    )
    page = context.new_page()
    page.goto(f"{sandbox.url}/scan")
    page.locator("textarea").fill(actions["qr"].url)
    page.locator("button").click()
    page.wait_for_url(f"{sandbox.url}/pay/*")
    page.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert Axe().run(page).response["violations"] == []
    page.goto(actions["page"].url)
    assert page.locator("button[value=pay]").is_visible()
    context.close()
