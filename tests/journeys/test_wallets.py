"""A phone pays with each wallet and bank, in the sandbox that speaks its protocol, in a real browser."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from tests.support.browsers import Shop

pytestmark = pytest.mark.browser

START, SUBMIT, PAY = "开始购物", "提交订单", re.compile("^付款|^用.*付")
WALLETS = {"wechat": "微信支付", "alipay": "支付宝", "unionpay": "银联在线支付"}
WECHAT = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 "
    "MicroMessenger/8.0.50 NetType/WIFI Language/zh_CN"
)


@pytest.fixture
def good(shop: Shop) -> dict[str, Any]:
    """Something from the demo's shelf that needs no age check and has no tag."""
    found = shop.http.get("/api/catalogue/products", params={"category": "snacks"}).json()["products"]
    return next(one for one in found if one["sold_by"] == "piece" and not one["age_limit"] and not one["eas"])


def submit(page: Page, shop: Shop, good: dict[str, Any]) -> None:
    """A handset with one item, submitted."""
    page.goto(f"{shop.url}/handset/")
    page.get_by_role("button", name=START).click()
    expect(page.get_by_role("button", name=SUBMIT)).to_be_visible()
    page.evaluate(
        """code => { for (const key of [...code, "Enter"])
             document.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true})) }""",
        good["code"],
    )
    expect(page.get_by_text(good["name_zh"], exact=True).first).to_be_visible()
    page.get_by_role("button", name=SUBMIT).click()
    expect(page.get_by_text("订单号")).to_be_visible()


def confirm(page: Page, name: str) -> None:
    """Press "pay" on the sandbox's cashier page; a form that leads back by itself may follow."""
    page.wait_for_url(re.compile(f"/{name}/"))
    page.get_by_role("button", name=re.compile("付款|支付|Pay")).first.click()


@pytest.mark.parametrize("method", WALLETS)
def test_a_phone_pays_with(shop: Shop, phone: BrowserContext, good: dict[str, Any], method: str) -> None:
    page = phone.new_page()
    submit(page, shop, good)
    page.get_by_text(WALLETS[method], exact=True).click()
    page.get_by_role("button", name=re.compile("^付款")).click()
    confirm(page, {"wechat": "wechat-pay"}.get(method, method))
    if method == "unionpay":
        page.get_by_role("button").first.click()
    page.wait_for_url("**/handset/**")
    expect(page.locator("main.pass [data-code]")).to_be_visible(timeout=15_000)


def test_wechat_s_own_browser_opens_the_wallet_by_itself(
    shop: Shop, browser: Browser, phone: BrowserContext, good: dict[str, Any]
) -> None:
    handset = phone.new_page()
    submit(handset, shop, good)
    url = handset.locator("[data-code*='/o/']").first.get_attribute("data-code")
    assert url is not None
    inside = browser.new_context(user_agent=WECHAT, locale="zh-CN", viewport={"width": 390, "height": 780})
    page = inside.new_page()
    page.on("load", lambda: page.add_script_tag(url=f"{shop.url}/wechat-pay/bridge.js"))
    page.goto(url)
    first = page.get_by_role("button", name=re.compile("^用.*付")).first
    expect(first).to_contain_text("微信支付")
    first.click()
    confirm(page, "wechat-pay")
    expect(handset.locator("main.pass [data-code]")).to_be_visible(timeout=15_000)
    inside.close()
    handset.close()


def test_a_coupon_a_card_and_a_wallet_pay_one_order(shop: Shop, phone: BrowserContext, good: dict[str, Any]) -> None:
    page = phone.new_page()
    submit(page, shop, good)
    page.get_by_role("button", name="优惠券或购物卡").click()
    page.get_by_label("券码或卡号").fill("SNACK10")
    page.get_by_role("button", name="使用", exact=True).click()
    expect(page.get_by_text("用券后应付")).to_be_visible()
    page.get_by_role("button", name="优惠券或购物卡").click()
    page.get_by_label("券码或卡号").fill("2990 1234 5678 9012")
    page.get_by_role("button", name="使用", exact=True).click()
    expect(page.locator("main.pass [data-code]")).to_be_visible(timeout=15_000)


def test_the_receipt_comes_by_sms_and_can_be_kept(shop: Shop, phone: BrowserContext, good: dict[str, Any]) -> None:
    page = phone.new_page()
    submit(page, shop, good)
    page.get_by_text(WALLETS["alipay"], exact=True).click()
    page.get_by_role("button", name=re.compile("^付款")).click()
    confirm(page, "alipay")
    page.wait_for_url("**/handset/**")
    page.get_by_role("button", name=re.compile("小票")).first.click()
    page.get_by_role("button", name="短信发小票").click()
    page.get_by_label("手机号码").fill("138 1234 5678")
    page.get_by_role("button", name="发送", exact=True).click()
    expect(page.get_by_text(re.compile("••")).first).to_be_visible()
    page.wait_for_timeout(3_000)
    messages = shop.http.get("/sms/messages").json()
    assert any("13812345678" in str(one) for one in messages), messages
    with page.expect_download() as download:
        page.get_by_role("button", name="保存小票").click()
    assert download.value.suggested_filename.startswith("R-")
