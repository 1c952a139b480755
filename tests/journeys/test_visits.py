"""Journeys through the whole store in a real browser: every part is the real one, devices speak their own bytes."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from tests.support.browsers import Shop

pytestmark = pytest.mark.browser

START, SUBMIT, PAY = "开始购物", "提交订单", re.compile("^付款")


@pytest.fixture
def goods(shop: Shop) -> list[dict[str, Any]]:
    """Products of the demo that need no age check and have no tag: whatever lies on its shelves."""
    found = shop.http.get("/api/catalogue/products").json()["products"]
    other = shop.http.get("/api/catalogue/products", params={"category": "snacks"}).json()["products"]
    plain = [one for one in [*other, *found] if one["sold_by"] == "piece" and not one["age_limit"] and not one["eas"]]
    assert len(plain) >= 3
    return plain


def start_shopping(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.url}/handset/")
    page.get_by_role("button", name=START).click()
    expect(page.get_by_role("button", name=SUBMIT)).to_be_visible()


def pull_trigger(page: Page, code: str) -> None:
    """A hand scanner types a code as key presses, as fast as it can, and Enter."""
    page.evaluate(
        """code => { for (const key of [...code, "Enter"])
             document.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true})) }""",
        code,
    )


def scan(page: Page, good: dict[str, Any]) -> None:
    pull_trigger(page, good["code"])
    expect(page.get_by_text(good["name_zh"], exact=True).first).to_be_visible()


def pay(page: Page) -> None:
    """Check out and pay in the sandbox wallet; ends on the exit pass."""
    page.get_by_role("button", name=SUBMIT).click()
    page.get_by_role("button", name=PAY).click()
    page.wait_for_url("**/wallet/pay/**")
    page.get_by_role("button", name=PAY).first.click()
    page.wait_for_url("**/handset/**")
    expect(page.locator("main.pass [data-code]")).to_be_visible()


def show_pass(page: Page, shop: Shop) -> None:
    shop.wait_for_lane("idle")
    code = page.locator("main.pass [data-code]").get_attribute("data-code")
    shop.lane("/scanner", {"code": code})
    shop.wait_for_lane("loading")


def lay(shop: Shop, *goods: dict[str, Any]) -> None:
    shop.lane("/belt", {"goods": [{"gtin": good["gtin"], "quantity": 1} for good in goods]})


def everything_kept(page: Page) -> list[str]:
    """What is left in the browser's storage."""
    found: list[str] = page.evaluate(
        """async () => [...Object.keys(localStorage), ...Object.keys(sessionStorage),
             ...(await indexedDB.databases()).map(database => "database " + database.name)]"""
    )
    return found


def test_scan_pay_weigh_walk_out(shop: Shop, phone: BrowserContext, goods: list[dict[str, Any]]) -> None:
    page = phone.new_page()
    start_shopping(page, shop)
    for good in goods[:2]:
        scan(page, good)
    pay(page)
    show_pass(page, shop)
    lay(shop, *goods[:2])
    shop.wait_for_lane("open")
    assert shop.walk()["live_tags"] == 0
    expect(page.get_by_text("谢谢光临，祝您生活愉快")).to_be_visible()
    expect(page.get_by_role("button", name=START)).to_be_visible(timeout=60_000)
    assert [name for name in everything_kept(page) if "language" not in name] == []


def test_an_unscanned_item_is_noticed_and_cleared_by_name(
    shop: Shop, phone: BrowserContext, goods: list[dict[str, Any]]
) -> None:
    page, lane, console = phone.new_page(), phone.new_page(), phone.new_page()
    lane.goto(f"{shop.url}/lanes/lane-1/")
    start_shopping(page, shop)
    scan(page, goods[0])
    pay(page)
    show_pass(page, shop)
    lay(shop, goods[0], goods[1])
    assert shop.wait_for_lane("check", "staff") in {"check", "staff"}
    expect(lane.get_by_text(re.compile("没扫|没有扫|袋子|看一下")).first).to_be_visible()
    assert shop.lane(body=None, method="GET")["gate"] == "closed"
    attendant = shop.http.get("/demo/api/store").json()["attendant"]
    console.goto(f"{shop.url}/console/")
    console.locator("input[name=username]").fill(attendant["name"])
    console.locator("input[type=password]").fill(attendant["pin"])
    console.keyboard.press("Enter")
    number = shop.http.get("/lanes/lane-1/state").json()["order"]["number"]
    console.get_by_role("button", name=re.compile("重量|核对")).first.click()
    expect(console.get_by_role("region", name="呼叫详情")).to_contain_text(" ".join(re.findall("...", number)))
    console.get_by_role("button", name="放行", exact=True).click()
    console.get_by_role("button", name="看过了，商品都对").click()
    shop.wait_for_lane("open")
    shop.walk()
    shop.wait_for_lane("idle")


def test_a_lost_network_loses_no_scan_and_doubles_none(
    shop: Shop, phone: BrowserContext, goods: list[dict[str, Any]]
) -> None:
    page = phone.new_page()
    start_shopping(page, shop)
    scan(page, goods[0])
    page.evaluate("navigator.serviceWorker?.ready")
    phone.set_offline(True)
    for good in (goods[1], goods[1], goods[2]):
        pull_trigger(page, good["code"])
    page.wait_for_timeout(500)
    page.reload()
    expect(page.get_by_role("button", name=re.compile("提交订单|等待网络"))).to_be_visible()
    phone.set_offline(False)
    for good in goods[:3]:
        expect(page.get_by_text(good["name_zh"], exact=True).first).to_be_visible()
    expect(page.get_by_text("4 件").first).to_be_visible()
    page.reload()
    expect(page.get_by_text("4 件").first).to_be_visible()


def test_the_camera_reads_a_real_barcode(
    shop: Shop, open_camera: Callable[[str], Page], goods: list[dict[str, Any]]
) -> None:
    good = next(one for one in goods if len(one["code"]) == 13)
    page = open_camera(good["code"])
    start_shopping(page, shop)
    camera = page.get_by_role("button", name="打开摄像头")
    if camera.is_visible():  # it starts by itself where the shopper has allowed it before
        camera.click()
    expect(page.get_by_text(good["name_zh"], exact=True).first).to_be_visible()
    page.wait_for_timeout(2000)  # it goes on seeing the same code, and must not buy it again
    expect(page.get_by_text("1 件").first).to_be_visible()


def test_a_stranger_cannot_use_the_same_pass_again(
    shop: Shop, phone: BrowserContext, goods: list[dict[str, Any]]
) -> None:
    page = phone.new_page()
    start_shopping(page, shop)
    scan(page, goods[0])
    pay(page)
    code = page.locator("main.pass [data-code]").get_attribute("data-code")
    show_pass(page, shop)
    lay(shop, goods[0])
    shop.wait_for_lane("open")
    shop.walk()
    shop.wait_for_lane("idle")
    shop.lane("/scanner", {"code": code})
    for _ in range(10):
        assert shop.lane_state() != "open"
        time.sleep(0.1)


def test_the_pass_on_the_screen_changes_without_a_network(
    shop: Shop, phone: BrowserContext, goods: list[dict[str, Any]]
) -> None:
    page = phone.new_page()
    page.clock.install()
    start_shopping(page, shop)
    scan(page, goods[0])
    pay(page)
    shown = page.locator("main.pass [data-code]")
    before = str(shown.get_attribute("data-code"))
    drawn = shown.get_by_role("img").get_attribute("src")
    phone.set_offline(True)
    page.clock.fast_forward(16_000)
    expect(shown).not_to_have_attribute("data-code", before)
    after = str(shown.get_attribute("data-code"))
    assert before.rpartition(".")[0] == after.rpartition(".")[0]
    assert shown.get_by_role("img").get_attribute("src") != drawn
    phone.set_offline(False)
    shop.wait_for_lane("idle")
    shop.lane("/scanner", {"code": after})  # a handset whose clock is 16 seconds fast
    lay(shop, goods[0])
    shop.wait_for_lane("open")
    shop.walk()
    shop.wait_for_lane("idle")
