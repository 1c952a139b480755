"""What an attendant does at a call, in a real browser: an item comes off, a payment is taken, security is called, an
age is checked before the lane. Each ends with the shopper out of the door, and with a name in the books.
"""

import itertools
import re
import time
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import APIResponse, Browser, BrowserContext, Page, Route, expect
from tests.support.browsers import Shop
from tests.support.service_desk import assert_usable, buy, call, goods_of, hire, pull_trigger, sign_in, wait_for

from unqueue.kernel import journal
from unqueue.kernel.database import Database

pytestmark = pytest.mark.browser


@pytest.fixture
def goods(shop: Shop) -> list[dict[str, Any]]:
    return goods_of(shop)


def arrive(shop: Shop, order: dict[str, Any], *there: dict[str, Any]) -> None:
    """The order's shopper at lane 1, with these goods on the belt."""
    shown = call(shop, order["token"], "GET", f"/api/orders/{order['id']}/pass")["pass"]
    shop.lane("/scanner", {"code": shown})
    shop.wait_for_lane("loading")
    shop.lane("/belt", {"goods": [{"gtin": one["gtin"], "quantity": 1} for one in there]})


def walk_out(shop: Shop) -> None:
    shop.wait_for_lane("open")
    shop.walk()
    shop.lane("/belt", method="DELETE")
    shop.wait_for_lane("idle")


def told(shop: Shop, kind: str, order: dict[str, Any]) -> dict[str, Any]:
    """What the journal has of the last such event about an order; nothing where there was none."""
    database = Database(shop.database_url)
    try:
        found = [event.payload() for event in database.read_now(journal.read) if event.kind == kind]
        return next((one for one in reversed(found) if one.get("order_id") == order["id"]), {"action": None})
    finally:
        database.dispose()


def open_call(page: Page, shop: Shop, kind: str) -> None:
    sign_in(page, shop, at="#floor")
    page.get_by_role("region", name=re.compile("呼叫")).get_by_role("button", name=re.compile(kind)).first.click()


def test_an_item_is_taken_off_and_the_rest_goes(shop: Shop, phone: BrowserContext, goods: list[dict[str, Any]]) -> None:
    order = buy(shop, (goods[0], 1))
    arrive(shop, order, goods[0], goods[1])
    shop.wait_for_lane("check")
    page = phone.new_page()
    open_call(page, shop, "重量不符")
    page.get_by_role("button", name="把商品拿下").click()
    assert_usable(page)
    # By its barcode, which names it and what it is worth.
    page.get_by_label("没付的商品的条码").fill(goods[1]["code"])
    page.get_by_role("button", name="加上").click()
    came_off = page.get_by_role("list", name="没付的商品").get_by_role("listitem")
    expect(came_off).to_contain_text(goods[1]["name_zh"])
    assert_usable(page)
    page.get_by_role("button", name="拿下这些").click()
    wait_for(lambda: told(shop, "call.answered", order), lambda now: bool(now["action"] == "take_off"))
    shop.lane("/belt", method="DELETE")
    shop.lane("/belt", {"goods": [{"gtin": goods[0]["gtin"], "quantity": 1}]})
    expect(page.get_by_role("button", name=re.compile("重量不符"))).to_have_count(0)
    walk_out(shop)
    answer = told(shop, "call.answered", order)
    assert (answer["action"], answer["finding"]) == ("take_off", "unpaid")
    price = goods[1]["unit_price"]["amount_minor"] + goods[1]["deposit"]["amount_minor"]
    assert answer["worth_minor"] == price
    attendant = shop.http.get("/demo/api/store").json()["attendant"]["name"]
    assert answer["answered_by"] == attendant
    # A supervisor reads who decided what, and why.
    supervisor = {"name": "陈主管", "pin": "739164"}
    hire(shop, supervisor)
    page.get_by_role("button", name="退出登录").click()
    sign_in(page, shop, supervisor, at="#overrides")
    number = " ".join(re.findall("...", order["number"]))
    one = page.get_by_role("listitem").filter(has_text=number)
    for words in ("把商品拿下", "重量不符", f"拿下了：{goods[1]['name_zh']}", attendant):
        expect(one).to_contain_text(words)
    expect(page.get_by_role("status").filter(has_text="没有被改动")).to_be_visible()
    assert_usable(page)
    one.get_by_role("button", name=re.compile(number)).click()
    expect(page.get_by_text(f"订单 {number} 的记录，不论哪一天")).to_be_visible()
    expect(page.get_by_role("listitem")).to_have_count(1)


def test_a_payment_is_taken_for_what_was_not_paid(
    shop: Shop, phone: BrowserContext, goods: list[dict[str, Any]]
) -> None:
    order = buy(shop, (goods[0], 1))
    arrive(shop, order, goods[0], goods[1])
    shop.wait_for_lane("check")
    page = phone.new_page()
    open_call(page, shop, "重量不符")
    page.get_by_role("button", name="补付没付的商品").click()
    page.get_by_label("没付的商品的条码").fill(goods[1]["code"])
    page.get_by_role("button", name="加上").click()
    to_pay = page.get_by_role("list", name="没付的商品")
    expect(to_pay).to_contain_text(goods[1]["name_zh"])
    page.get_by_label("没付的商品的条码").fill("96385074")
    page.get_by_role("button", name="加上").click()
    expect(page.get_by_text("没有条码是 96385074 的商品").last).to_be_visible()  # at once, and nothing is lost
    expect(to_pay.get_by_role("listitem")).to_have_count(1)
    assert_usable(page)
    page.get_by_role("button", name="请顾客付款").click()
    expect(page.get_by_text("等顾客付款")).to_be_visible()
    assert_usable(page)
    page.get_by_role("button", name="放行", exact=True).click()
    page.get_by_role("button", name="看过了，商品都对").click()
    expect(page.get_by_text("补付还没有完成").last).to_be_visible()
    url = page.locator("[data-code]").get_attribute("data-code")
    assert url is not None
    pay(shop, url.rpartition("/")[2])
    expect(page.get_by_text("已付款，可以放行了")).to_be_visible()
    page.get_by_role("button", name="放行", exact=True).click()
    page.get_by_role("button", name="看过了，商品都对").click()
    walk_out(shop)
    answer = told(shop, "call.answered", order)
    assert (answer["action"], answer["finding"]) == ("let_go", "unpaid")
    assert answer["worth_minor"] > 0


def test_a_console_that_can_not_read_does_not_say_that_it_is_live(
    shop: Shop, phone: BrowserContext, goods: list[dict[str, Any]]
) -> None:
    page = phone.new_page()
    sign_in(page, shop, at="#floor")
    expect(page.get_by_text("实时", exact=True)).to_be_visible()
    page.route("**/api/staff/floor", lambda route: route.abort())
    buy(shop, (goods[0], 1))  # something happens, of which the console hears
    expect(page.get_by_text("实时", exact=True)).to_have_count(0)
    expect(page.get_by_text("连接断开")).to_be_visible()
    expect(page.get_by_text(re.compile(r"这是 \d\d:\d\d 的情况"))).to_be_visible()
    assert_usable(page)
    page.unroute("**/api/staff/floor")
    page.get_by_role("button", name="再试一次").click()
    expect(page.get_by_text("现在读不到新的")).to_have_count(0)
    expect(page.get_by_text("实时", exact=True)).to_be_visible()


def test_a_payment_that_was_given_up_does_not_come_back_with_a_late_answer(
    shop: Shop, phone: BrowserContext, goods: list[dict[str, Any]]
) -> None:
    order = buy(shop, (goods[0], 1))
    arrive(shop, order, goods[0], goods[1])
    shop.wait_for_lane("check")
    page = phone.new_page()
    open_call(page, shop, "重量不符")
    page.get_by_role("button", name="补付没付的商品").click()
    page.get_by_label("没付的商品的条码").fill(goods[1]["code"])
    page.get_by_role("button", name="加上").click()
    expect(page.get_by_role("list", name="没付的商品")).to_contain_text(goods[1]["name_zh"])
    page.get_by_role("button", name="请顾客付款").click()
    expect(page.get_by_text("等顾客付款")).to_be_visible()
    late: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        if route.request.method == "GET" and not late:
            late.append((route, route.fetch()))
        else:
            route.continue_()

    page.route("**/api/staff/calls/*/payment", hold)
    end = time.monotonic() + 30
    while not late:
        assert time.monotonic() < end, "the console does not ask"
        page.wait_for_timeout(50)
    page.get_by_role("button", name="不补付了").click()
    expect(page.get_by_text("等顾客付款")).to_have_count(0)
    with page.expect_event("requestfinished", lambda request: request == late[0][0].request):
        late[0][0].fulfill(response=late[0][1])
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.get_by_text("等顾客付款").count() == 0  # at once: it would go again with the next answer
    expect(page.get_by_text("补付已经取消")).to_have_count(0)  # nobody else gave it up
    page.get_by_role("button", name="放行", exact=True).click()
    page.get_by_role("button", name="看过了，商品都对").click()
    walk_out(shop)


def pay(shop: Shop, token: str) -> None:
    """What the shopper does with the code on the attendant's screen."""
    order = call(shop, token, "GET", "/api/orders/current")
    payment = {"id": str(uuid4()), "method": "sandbox", "channel": "page"}
    url = call(shop, token, "POST", f"/api/orders/{order['id']}/payments", payment)["action"]["url"]
    form = {"action": "pay", "trouble": "none"}
    assert httpx.post(url, data=form, headers={"Accept": "application/json"}, trust_env=False).is_success


WORDS_BROKEN = """() => [...document.querySelectorAll("button, .button")].flatMap((button) => {
  const found = [], texts = document.createTreeWalker(button, NodeFilter.SHOW_TEXT), range = document.createRange();
  while (texts.nextNode())
    for (const word of texts.currentNode.data.matchAll(/\\w+/g)) {
      range.setStart(texts.currentNode, word.index);
      range.setEnd(texts.currentNode, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size > 1) found.push(word[0]);
    }
  return found;
})"""


def test_in_english_the_buttons_of_a_call_keep_their_words_whole(
    shop: Shop, browser: Browser, goods: list[dict[str, Any]]
) -> None:
    order = buy(shop, (goods[0], 1))
    arrive(shop, order, goods[0], goods[1])
    shop.wait_for_lane("check")
    context = browser.new_context(viewport={"width": 360, "height": 800}, locale="en-GB")
    page = context.new_page()
    sign_in(page, shop, at="#floor")
    page.get_by_role("button", name="Weight differs").first.click()
    expect(page.get_by_role("button", name="Call security")).to_be_visible()
    assert page.evaluate(WORDS_BROKEN) == []
    page.get_by_role("button", name="Take a payment").click()
    page.get_by_label("Barcode of what was not paid").fill("96385074")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("No product has the barcode 96385074.").last).to_be_visible()  # staff ask no staff
    assert page.evaluate(WORDS_BROKEN) == []
    assert_usable(page)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{shop.url}/console/")
    plan = page.get_by_role("region", name="Plan of the store")
    expect(plan.get_by_role("button", name=re.compile(r"^Lane 1, Weight differs, waiting \d+:\d\d$"))).to_be_visible()
    expect(plan.get_by_text("Nobody waits")).to_have_count(0)
    page.get_by_role("button", name="Weight differs").first.click()
    page.get_by_role("button", name="Let go", exact=True).click()
    page.get_by_role("button", name="Checked: all goods are right").click()
    walk_out(shop)
    context.close()


def test_security_is_called_and_every_console_says_so(
    shop: Shop, phone: BrowserContext, goods: list[dict[str, Any]]
) -> None:
    order = buy(shop, (goods[0], 1))
    arrive(shop, order, goods[0], goods[1])
    shop.wait_for_lane("check")
    page, other = phone.new_page(), phone.new_page()
    sign_in(other, shop, at="#floor")
    open_call(page, shop, "重量不符")
    page.get_by_role("button", name="叫保安").click()
    assert_usable(page)
    page.get_by_role("button", name="有人威胁或动手").click()
    expect(page.get_by_text(re.compile("叫了保安：有人威胁或动手"))).to_be_visible()
    expect(other.get_by_role("button", name=re.compile("已叫保安"))).to_be_visible()
    page.get_by_role("button", name="放行", exact=True).click()
    page.get_by_role("button", name="看过了，商品都对").click()
    walk_out(shop)
    assert told(shop, "call.security", order)["security_reason"] == "有人威胁或动手"
    assert told(shop, "call.answered", order)["finding"] == "nothing"


def test_an_age_is_checked_before_the_lane(shop: Shop, phone: BrowserContext) -> None:
    found = shop.http.get("/api/catalogue/products", params={"q": "beer"}).json()["products"]
    beer = next(one for one in found if one["age_limit"] and one["sold_by"] == "piece")
    shopper, page = phone.new_page(), phone.new_page()
    order = buy(shop, (beer, 1))
    shopper.goto(f"{shop.url}/o/{order['qr']['url'].rpartition('/')[2]}")
    open_call(page, shop, "核对年龄")
    detail = page.get_by_role("region", name="呼叫详情")
    expect(detail).to_contain_text("还没到通道")
    expect(detail).to_contain_text(" ".join(re.findall("...", order["number"])))
    page.get_by_role("button", name="年龄没问题").click()
    wait_for(
        lambda: call(shop, order["token"], "GET", f"/api/orders/{order['id']}/age-check"),
        lambda now: bool(now["status"] == "cleared"),
    )
    arrive(shop, order, beer)
    walk_out(shop)
    assert told(shop, "call.answered", order)["action"] == "let_go"
    page.goto(f"{shop.url}/console/#figures")
    expect(page.get_by_role("heading", name="误报")).to_be_visible()
    expect(page.get_by_role("region", name="出场")).not_to_contain_text("没有数据")
    assert_usable(page)
    figures_of_a_lane(page)


def test_who_is_refused_for_their_age_is_told_to_take_the_goods_out(shop: Shop, phone: BrowserContext) -> None:
    found = shop.http.get("/api/catalogue/products", params={"q": "beer"}).json()["products"]
    beer = next(one for one in found if one["age_limit"] and one["sold_by"] == "piece")
    shopper, page = phone.new_page(), phone.new_page()
    shopper.goto(f"{shop.url}/handset/")
    shopper.get_by_role("button", name="开始购物").click()
    expect(shopper.get_by_role("button", name="提交订单")).to_be_visible()
    pull_trigger(shopper, beer["code"])
    expect(shopper.get_by_text(beer["name_zh"], exact=True).first).to_be_visible()
    shopper.get_by_role("button", name="提交订单").click()
    expect(shopper.get_by_text("请把证件和订单号给店员看")).to_be_visible()
    open_call(page, shop, "核对年龄")
    page.get_by_role("button", name="不放行", exact=True).click()
    page.get_by_role("button", name="还不到年龄").click()
    refused = shopper.get_by_text(f"请点“继续购物”，把 {beer['age_limit']} 岁以上的商品拿出来再结账")
    expect(refused).to_be_visible()
    expect(shopper.get_by_text("请把证件和订单号给店员看")).to_have_count(0)
    assert_usable(shopper)
    shopper.get_by_role("button", name="继续购物").click()
    expect(shopper.get_by_role("button", name="提交订单")).to_be_visible()


def figures_of_a_lane(page: Page) -> None:
    """A lane that was chosen stays chosen when other days have nothing of it, and when they can't be read at first."""

    def with_another(route: Route) -> None:
        told = route.fetch()
        found = told.json()
        found["by_lane"] = [*found["by_lane"], {**found["by_lane"][0], "lane": "kiosk-1"}]
        route.fulfill(response=told, json=found)

    page.route("**/api/staff/figures?*", with_another)
    page.get_by_role("button", name="今天").click()
    lanes = page.get_by_role("combobox")
    lanes.select_option("kiosk-1")
    expect(page.get_by_role("table").first.get_by_text(re.compile("^付款机"))).to_be_visible()
    page.unroute("**/api/staff/figures?*")
    with page.expect_response(lambda answer: "lane=kiosk-1" in answer.url):
        page.get_by_role("button", name="最近 30 天").click()
    expect(page.get_by_role("region", name="出场").locator("rect")).to_have_count(30)  # one a day
    expect(page.get_by_role("region", name="误报")).to_contain_text("没有数据")
    expect(lanes).to_have_value("kiosk-1")
    page.route("**/api/staff/figures?*", lambda route: route.abort())
    page.get_by_role("button", name="今天").click()
    again = page.get_by_role("button", name="再试一次")
    expect(again).to_be_visible()
    expect(page.get_by_role("region", name="误报")).to_have_count(0)
    page.unroute("**/api/staff/figures?*")
    again.click()
    expect(page.get_by_role("region", name="误报")).to_be_visible()
    expect(lanes).to_have_value("kiosk-1")
    lanes.select_option(label="全部通道")
    expect(page.get_by_role("region", name="出场")).not_to_contain_text("没有数据")
    assert_usable(page)


def test_a_lane_is_taken_out_and_brought_back(shop: Shop, phone: BrowserContext, goods: list[dict[str, Any]]) -> None:
    page, lane = phone.new_page(), phone.new_page()
    lane.goto(f"{shop.url}/lanes/lane-1/")
    sign_in(page, shop, at="#floor")
    page.get_by_role("button", name="停用 1 号通道").click()
    expect(page.get_by_text("已停用，不接新顾客")).to_be_visible()
    assert_usable(page)
    order = buy(shop, (goods[0], 1))
    shown = call(shop, order["token"], "GET", f"/api/orders/{order['id']}/pass")["pass"]
    shop.lane("/scanner", {"code": shown})
    expect(lane.get_by_text("通道暂停使用，请走旁边的通道")).to_be_visible()
    page.get_by_role("button", name="恢复 1 号通道").click()
    expect(page.get_by_text("已停用，不接新顾客")).to_have_count(0)
    arrive(shop, order, goods[0])
    walk_out(shop)


@pytest.mark.parametrize("width", [360, 800, 1280])
def test_nothing_on_the_floor_lies_over_anything_else(shop: Shop, phone: BrowserContext, width: int) -> None:
    page = phone.new_page()
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page, shop, at="#floor")
    parts = [
        page.get_by_role("region", name=name).first for name in (re.compile("呼叫"), "平面图", "通道", "付款机", "今天")
    ]
    expect(parts[-1]).to_be_visible()
    for one, other in itertools.combinations([part.bounding_box() for part in parts], 2):
        assert one is not None
        assert other is not None
        beside = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
        above = one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
        assert beside or above, f"{one} and {other}"
    assert_usable(page)
