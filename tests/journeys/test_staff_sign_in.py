"""Staff sign in, in a real browser: with a passkey (Chromium's own authenticator), and through head office."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, Route, expect
from tests.support.browsers import Shop, open_shop
from tests.support.service_desk import assert_usable, hire, sign_in, wait_for

pytestmark = pytest.mark.browser
MANAGER = {"name": "周强", "pin": "316427"}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A store where managers need a passkey."""
    with open_shop(tmp_path_factory.mktemp("strict"), STAFF__PASSKEY_FOR='["manager"]') as one:
        yield one


@pytest.fixture
def desktop(browser: Browser) -> Iterator[BrowserContext]:
    """The office's computer, in English: 1280 × 800."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB", reduced_motion="reduce")
    context.set_default_timeout(30_000)
    yield context
    context.close()


def with_finger(page: Page) -> tuple[CDPSession, str]:
    """A device that knows its user's finger (Chrome DevTools Protocol, domain WebAuthn)."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made: dict[str, Any] = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session, str(made["authenticatorId"])


def is_in(page: Page) -> None:
    expect(page.get_by_role("button", name=re.compile("退出登录|Sign out"))).to_be_visible()


def sign_out(page: Page) -> None:
    page.get_by_role("button", name=re.compile("退出登录|Sign out")).click()
    expect(page.locator("input[name=username]")).to_be_visible()


def test_a_passkey_on_the_phone(shop: Shop, phone: BrowserContext) -> None:
    person = {"name": "吴敏", "pin": "730164"}
    hire(shop, person, "attendant")
    page = phone.new_page()
    session, authenticator = with_finger(page)
    sign_in(page, shop, person, at="#floor")
    page.get_by_role("button", name=re.compile("我的登录方式")).click()
    sheet = page.get_by_role("dialog")
    expect(sheet.get_by_text("还没有。")).to_be_visible()
    sheet.get_by_label("给它起个名字").fill("我的手机")
    assert_usable(page)
    sheet.get_by_role("button", name="添加通行密钥").click()
    expect(sheet.get_by_text("我的手机", exact=True)).to_be_visible()
    assert_usable(page)
    sheet.get_by_role("button", name="关闭").click()
    sign_out(page)
    assert_usable(page)

    # A finger that the device does not know: nothing happens but a word about it.
    session.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": False})
    page.get_by_role("button", name="用通行密钥登录").click()
    expect(page.locator("main [role=alert]")).to_contain_text("通行密钥没有用上")
    session.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": True})
    held: list[Route] = []
    page.route("**/passkey/options", lambda route: held.append(route) if not held else route.continue_())
    page.get_by_role("button", name="用通行密钥登录").click()
    expect(page.locator("main [role=alert]")).to_have_count(0)  # it was about the try before this one
    wait_for(lambda: page.evaluate("document.readyState") and held, bool)  # a look at the page lets its requests in
    held[0].continue_()
    is_in(page)

    page.get_by_role("button", name=re.compile("我的登录方式")).click()
    expect(sheet.get_by_text("这次用通行密钥登录")).to_be_visible()
    sheet.get_by_role("button", name="移除 我的手机").click()
    expect(sheet.get_by_role("heading", name="移除这个通行密钥？")).to_be_visible()
    assert_usable(page)
    sheet.get_by_role("button", name="移除", exact=True).click()
    expect(sheet.get_by_text("还没有。")).to_be_visible()
    sheet.get_by_role("button", name="关闭").click()
    sign_out(page)
    page.get_by_role("button", name="用通行密钥登录").click()
    expect(page.locator("main [role=alert]")).to_contain_text("不认识这个通行密钥")


def test_where_the_role_asks_for_a_passkey(strict: Shop, desktop: BrowserContext) -> None:
    hire(strict, MANAGER, "manager")
    page = desktop.new_page()
    with_finger(page)

    def by_pin() -> None:
        page.goto(f"{strict.url}/console/#floor")
        page.locator("input[name=username]").fill(MANAGER["name"])
        page.locator("input[type=password]").fill(MANAGER["pin"])
        page.keyboard.press("Enter")

    by_pin()
    expect(page.get_by_role("heading", name="First, add a passkey")).to_be_visible()
    expect(page.get_by_role("button", name="Add a passkey")).to_be_visible()
    assert_usable(page)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("Now sign in with it").last).to_be_visible()
    page.get_by_role("button", name="Sign in with a passkey").click()
    is_in(page)
    sign_out(page)
    by_pin()
    expect(page.locator("main [role=alert]")).to_contain_text("signs in with its passkey")


def to_head_office(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.url}/console/#floor")
    page.get_by_role("button", name=re.compile("总部账号|head office")).click()
    expect(page.get_by_role("heading", name=re.compile("总部（沙盒）|Head office"))).to_be_visible()


def test_head_office_lets_its_manager_in(shop: Shop, phone: BrowserContext) -> None:
    page = phone.new_page()
    to_head_office(page, shop)
    assert_usable(page)
    page.get_by_role("button", name="王芳").click()
    is_in(page)
    assert "code=" not in page.url
    page.get_by_role("button", name=re.compile("我的登录方式: 王芳")).click()
    sheet = page.get_by_role("dialog")
    expect(sheet.get_by_text("这次用总部账号登录")).to_be_visible()
    expect(sheet.get_by_role("button", name="添加通行密钥")).to_have_count(0)
    assert_usable(page)


def test_head_office_refuses_in_words_that_help(shop: Shop, desktop: BrowserContext) -> None:
    page = desktop.new_page()
    to_head_office(page, shop)
    page.get_by_role("button", name="孙丽").click()
    expect(page.locator("main [role=alert]")).to_contain_text(
        "孙丽, your head office account has no role in this store"
    )
    assert_usable(page)
    to_head_office(page, shop)
    page.get_by_role("button", name="Don’t sign in").click()
    expect(page.locator("main [role=alert]")).to_contain_text("Head office did not sign you in")
    to_head_office(page, shop)
    page.get_by_text("For testers").click()
    page.get_by_label("ID token").select_option("hs256_public_key")
    page.get_by_role("button", name="王芳").click()
    expect(page.locator("main [role=alert]")).to_contain_text("Head office did not confirm")
    page.goto(f"{shop.url}/console/?code=stolen&state=of-somebody-else")
    expect(page.locator("main [role=alert]")).to_contain_text("Head office did not sign you in")
    assert "code=" not in page.url
