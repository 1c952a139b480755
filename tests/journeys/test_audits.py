"""A random audit in a real browser: the shopper is told, the attendant scans again, both sides are seen, thanks."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from tests.support.browsers import Shop, open_shop
from tests.support.service_desk import assert_usable, buy, call, goods_of, pull_trigger, sign_in, wait_for

pytestmark = pytest.mark.browser
EVERY_VISIT = {"AUDITS__RATE": "1", "AUDITS__RATE_MAX": "1", "AUDITS__FULL_SHARE": "1", "AUDITS__MONTH_MAX": "100"}


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A store that audits every visit in full."""
    with open_shop(tmp_path_factory.mktemp("audited"), **EVERY_VISIT) as one:
        yield one


@pytest.fixture
def goods(audited: Shop) -> list[dict[str, Any]]:
    return goods_of(audited)


@pytest.fixture
def counter(browser: Browser) -> Iterator[BrowserContext]:
    """The attendant's screen, in English: 1280 × 800."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB", reduced_motion="reduce")
    context.set_default_timeout(30_000)
    yield context
    context.close()


def arrive(shop: Shop, goods: list[dict[str, Any]]) -> dict[str, Any]:
    """Two of the first and one of the second, paid and before lane 1; the order."""
    order = buy(shop, (goods[0], 2), (goods[1], 1))
    told = wait_for(
        lambda: call(shop, order["token"], "GET", f"/api/orders/{order['id']}/audit"),
        lambda now: bool(now["status"] == "due"),
    )
    assert "随机抽查" in told["text"]["zh"]
    shop.lane("/scanner", {"code": call(shop, order["token"], "GET", f"/api/orders/{order['id']}/pass")["pass"]})
    shop.wait_for_lane("loading")
    return order


def lay_everything(shop: Shop, order: dict[str, Any]) -> None:
    """Let the lane's scale show what the order should weigh."""
    lines = order["basket"]["lines"]
    shop.lane("/belt", {"goods": [{"gtin": line["gtin"], "quantity": line["quantity"]} for line in lines]})
    shop.wait_for_lane("staff")


def open_call(page: Page, shop: Shop, name: str) -> None:
    sign_in(page, shop, at="#floor")
    page.get_by_role("button", name=re.compile(name)).first.click()


def test_a_clean_audit_ends_with_thanks(audited: Shop, phone: BrowserContext, goods: list[dict[str, Any]]) -> None:
    order = arrive(audited, goods)
    lay_everything(audited, order)
    shown = audited.http.get("/lanes/lane-1/state").json()
    assert shown["prompt"]["id"] == "audit_check"
    page = phone.new_page()
    open_call(page, audited, "随机抽查")
    panel = page.get_by_role("region", name="重新扫描")
    expect(panel.get_by_text("与您个人无关")).to_be_visible()
    detail = page.get_by_role("region", name="呼叫详情")
    expect(detail.get_by_text("数完才显示件数")).to_be_visible()  # who counts should count what is there
    assert "3 件" not in page.locator("main").inner_text()
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(page.get_by_role("heading", name="通道", exact=True)).to_be_visible()
    assert "3 件" not in page.locator("main").inner_text()
    page.set_viewport_size({"width": 360, "height": 740})
    assert_usable(page)
    page.get_by_role("button", name="补付没付的商品").click()
    pull_trigger(page, goods[2]["code"])  # it is to be paid, and is not counted as well
    expect(page.get_by_role("list", name="没付的商品")).to_contain_text(goods[2]["name_zh"])
    page.wait_for_timeout(500)
    expect(panel.get_by_role("listitem")).to_have_count(0)
    page.get_by_role("button", name="补付没付的商品").click()
    pull_trigger(page, goods[1]["code"])
    expect(panel.get_by_role("group", name=f"数量: {goods[1]['name_zh']}")).to_contain_text("1")
    page.wait_for_timeout(700)  # sooner it is one pull of the trigger, and counts once without a word
    pull_trigger(page, goods[1]["code"])  # a second time, and there is one on the order: another, or the same?
    expect(panel.get_by_role("button", name="同一件")).to_be_focused()
    assert_usable(page)
    page.keyboard.press("Enter")
    panel.get_by_label("条码", exact=True).fill(goods[0]["code"])
    page.keyboard.press("Enter")
    panel.get_by_role("button", name=f"加一件 {goods[0]['name_zh']}").click()
    panel.get_by_role("button", name="核对", exact=True).click()
    expect(panel.get_by_text("都付过款")).to_be_visible()
    expect(panel.get_by_text("付了款的都在")).to_be_visible()
    assert_usable(page)
    panel.get_by_role("button", name="都对，放行").click()
    expect(page.get_by_text("都对，已放行").last).to_be_visible()
    audited.wait_for_lane("open")
    assert audited.http.get("/lanes/lane-1/state").json()["prompt"]["id"] == "audit_thanks"
    told = call(audited, order["token"], "GET", f"/api/orders/{order['id']}/audit")
    assert "谢谢" in told["text"]["zh"]
    audited.walk()
    audited.wait_for_lane("idle")


def test_differences_are_seen_from_both_sides_and_answered_by_name(
    audited: Shop, counter: BrowserContext, goods: list[dict[str, Any]]
) -> None:
    order = arrive(audited, goods)
    lay_everything(audited, order)
    page = counter.new_page()
    open_call(page, audited, "Random audit")
    panel = page.get_by_role("region", name="Rescan")
    for code in (goods[0]["code"], goods[2]["code"]):
        panel.get_by_label("Barcode", exact=True).fill(code)
        page.keyboard.press("Enter")
        expect(panel.get_by_label("Barcode", exact=True)).to_have_value("")
    expect(panel.get_by_role("listitem")).to_have_count(2)
    page.reload()  # what was counted stays
    page.get_by_role("button", name=re.compile("Random audit")).first.click()
    expect(panel.get_by_role("listitem")).to_have_count(2)
    held: list[Route] = []
    page.route("**/look", lambda route: held.append(route))  # noqa: PLW0108  # it wants a function of ours
    panel.get_by_label("Barcode", exact=True).fill(goods[1]["code"])
    page.keyboard.press("Enter")
    panel.get_by_role("button", name="Compare", exact=True).click()  # before the last scan is known, which counts
    page.wait_for_timeout(500)
    held[0].continue_()
    expect(panel.get_by_role("region", name="There, not paid")).to_contain_text(goods[2]["name_en"])
    expect(panel.get_by_role("region", name="Paid, not there")).to_contain_text("1 counted")
    expect(panel.get_by_role("region", name="Paid, not there")).not_to_contain_text(goods[1]["name_en"])
    assert_usable(page)
    panel.get_by_role("button", name="Confirm the differences").click()
    expect(panel.get_by_role("heading", name=re.compile("What .* found"))).to_be_focused()
    assert audited.lane_state() == "staff"
    assert_usable(page)
    page.get_by_role("button", name="Let go", exact=True).click()
    page.get_by_role("button", name="What was not paid was taken off").click()
    audited.wait_for_lane("open")
    audited.walk()
    audited.wait_for_lane("idle")


def test_the_handset_says_why_before_the_lane(
    audited: Shop, phone: BrowserContext, goods: list[dict[str, Any]]
) -> None:
    page = phone.new_page()
    page.goto(f"{audited.url}/handset/")
    page.get_by_role("button", name="开始购物").click()
    expect(page.get_by_role("button", name="提交订单")).to_be_visible()
    pull_trigger(page, goods[0]["code"])
    expect(page.get_by_text(goods[0]["name_zh"], exact=True).first).to_be_visible()
    page.get_by_role("button", name="提交订单").click()
    page.get_by_role("button", name=re.compile("^付款")).click()
    page.wait_for_url("**/wallet/pay/**")
    page.get_by_role("button", name=re.compile("^付款")).first.click()
    page.wait_for_url("**/handset/**")
    expect(page.locator("main.pass").get_by_role("status").get_by_text("随机抽查")).to_be_visible()
    assert_usable(page)
