"""A coupon in a real browser: scanned while shopping, paid with the sandbox wallet, explained by the receipt."""

import re
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from tests.journeys.test_visits import pay, pull_trigger, scan, start_shopping
from tests.support.browsers import Shop

pytestmark = pytest.mark.browser

COUPON, CODE = "欢迎券减 5 元", "WELCOME5"


def dear_good(shop: Shop) -> dict[str, Any]:
    """A product of the demo that costs more than the coupon takes off."""
    found = shop.http.get("/api/catalogue/products").json()["products"]
    return next(
        one
        for one in found
        if one["sold_by"] == "piece" and not one["age_limit"] and one["unit_price"]["amount_minor"] > 500
    )


def fits(page: Page) -> bool:
    """Whether nothing of the page is wider than the phone."""
    wide: bool = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return not wide


def test_a_coupon_is_scanned_while_shopping_and_told_by_the_receipt(shop: Shop, phone: BrowserContext) -> None:
    page, good = phone.new_page(), dear_good(shop)
    start_shopping(page, shop)
    pull_trigger(page, CODE)
    row = page.get_by_role("listitem").filter(has_text=COUPON)
    expect(row).to_contain_text("购物篮里没有这张优惠券适用的商品")
    scan(page, good)
    expect(row).to_contain_text("5.00")
    expect(page.get_by_text("用券后应付")).to_be_visible()
    assert fits(page)
    row.get_by_role("button", name=re.compile("删除")).click()
    expect(row).to_have_count(0)
    page.get_by_role("button", name="撤销").click()
    expect(row).to_contain_text("5.00")
    page.reload()
    expect(row).to_contain_text("5.00")
    pay(page)
    page.get_by_role("button", name="看小票").click()
    expect(page.get_by_text(f"“{COUPON}”省 ¥5.00").first).to_be_visible()


def test_in_english_and_typed(shop: Shop, phone: BrowserContext) -> None:
    page = phone.new_page()
    start_shopping(page, shop)
    page.get_by_role("button", name=re.compile("English|EN", re.IGNORECASE)).first.click()
    page.get_by_label("Type a code").fill("snack-10")
    page.keyboard.press("Enter")
    row = page.get_by_role("listitem").filter(has_text="10 % off snacks and biscuits")
    expect(row).to_contain_text("This coupon is not for the goods in your basket.")
    assert fits(page)
