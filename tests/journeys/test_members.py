"""A member in a real browser: the card is scanned like a product, and members' prices count."""

from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect
from tests.journeys.test_coupons import fits
from tests.journeys.test_visits import pay, pull_trigger, scan, start_shopping
from tests.support.browsers import Shop

from unqueue.commands.demo_wallets import MEMBER_CARD

pytestmark = pytest.mark.browser

COLA_MEMBERS_MINOR = 230


def cola(shop: Shop) -> dict[str, Any]:
    found = shop.http.get("/api/catalogue/products", params={"query": "可口可乐"}).json()["products"]
    return next(one for one in found if one["unit_price"]["amount_minor"] > COLA_MEMBERS_MINOR)


def test_a_scanned_card_brings_members_prices(shop: Shop, phone: BrowserContext) -> None:
    page, good = phone.new_page(), cola(shop)
    start_shopping(page, shop)
    scan(page, good)
    expect(page.get_by_text("· 会员", exact=True)).to_have_count(0)
    pull_trigger(page, MEMBER_CARD.replace(" ", ""))
    expect(page.get_by_text("会员您好，已按会员价计算").last).to_be_visible()
    expect(page.get_by_text("· 会员", exact=True)).to_be_visible()
    expect(page.locator("footer")).to_contain_text("2.30")
    assert fits(page)
    page.reload()
    expect(page.locator("footer")).to_contain_text("2.30")
    pay(page)
    page.get_by_role("button", name="看小票").click()
    expect(page.get_by_text("会员价 2.30 元").first).to_be_visible()
