"""What calls staff to a lane beside a weight: help, a tag at the gate, an age, a broken scale. Then the gate by one
touch, and the answers that send a shopper round once more.

The attendant answers on the console's page, the shopper's side is the lane's own screen, and each ends outside.
"""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, TimeoutError, expect  # noqa: A004  # Playwright's own
from tests.journeys.test_calls import arrive, open_call, told, walk_out
from tests.support.browsers import Shop
from tests.support.service_desk import assert_usable, buy, clear_lane, goods_of, sign_in, wait_for

pytestmark = pytest.mark.browser


@pytest.fixture
def goods(shop: Shop) -> list[dict[str, Any]]:
    return [one for one in goods_of(shop) if not one["eas"]]


@pytest.fixture
def tagged(shop: Shop) -> dict[str, Any]:
    """Something with a tag, sold to everybody."""
    names = [one["slug"] for one in shop.http.get("/api/catalogue/categories").json()]
    pages = (shop.http.get("/api/catalogue/products", params={"category": name}).json() for name in names)
    return next(
        one for page in pages for one in page["products"] if one["eas"] and not one["age_limit"] and one["gtin"]
    )


@pytest.fixture
def console(phone: BrowserContext) -> Page:
    return phone.new_page()


@pytest.fixture
def lane(shop: Shop, phone: BrowserContext) -> Iterator[Page]:
    """The lane's screen; the lane is idle again afterwards, also after a journey that failed half way."""
    page = phone.new_page()
    page.goto(f"{shop.url}/lanes/lane-1/")
    yield page
    clear_lane(shop)


def test_help_is_asked_for_on_the_lane_s_screen(
    shop: Shop, lane: Page, console: Page, goods: list[dict[str, Any]]
) -> None:
    order = buy(shop, (goods[0], 1))
    arrive(shop, order)
    lane.get_by_role("button", name="请店员帮忙").click()
    expect(lane.get_by_text("店员马上就来").first).to_be_visible()
    open_call(console, shop, "顾客请求帮忙")
    expect(console.get_by_role("region", name="呼叫详情")).to_contain_text(order["number"][:3])
    assert_usable(console)
    console.get_by_role("button", name="已帮好", exact=True).click()
    expect(console.get_by_role("button", name=re.compile("顾客请求帮忙"))).to_have_count(0)
    wait_for(lambda: told(shop, "call.answered", order), lambda now: bool(now["action"] == "done"))
    shop.lane("/belt", {"goods": [{"gtin": goods[0]["gtin"], "quantity": 1}]})
    walk_out(shop)


def test_what_was_typed_wrongly_is_forgotten_once_somebody_is_let_on(
    shop: Shop, lane: Page, goods: list[dict[str, Any]]
) -> None:
    order = buy(shop, (goods[0], 1))
    lane.get_by_role("button", name="输入订单号").click()
    dialog = lane.get_by_role("dialog")
    for digit in "000000000":
        dialog.get_by_role("button", name=digit, exact=True).click()
    dialog.get_by_role("button", name=re.compile("确定.*Go", re.DOTALL)).click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    arrive(shop, order)
    expect(lane.get_by_text("请把商品放到传送带上")).to_be_visible()
    expect(dialog).to_have_count(0)
    assert lane.locator(".reply p").count() == 0  # at once: after a while it goes by itself
    shop.lane("/belt", {"goods": [{"gtin": goods[0]["gtin"], "quantity": 1}]})
    walk_out(shop)


def test_a_tag_that_is_not_on_the_order_rings(
    shop: Shop, lane: Page, console: Page, goods: list[dict[str, Any]], tagged: dict[str, Any]
) -> None:
    order = buy(shop, (goods[0], 1))
    arrive(shop, order, goods[0])
    shop.wait_for_lane("open")
    walked = shop.walk(tagged)
    assert walked["live_tags"] == 1
    shop.wait_for_lane("alarm")
    expect(lane.get_by_text("请稍等一下，店员马上来看看")).to_be_visible()
    open_call(console, shop, "门口有未消的标签")
    at_the_gate = console.get_by_role("region", name="呼叫详情")  # the bell knows of a tag, the reader of what bears it
    expect(at_the_gate).to_contain_text(tagged["name_zh"])
    expect(at_the_gate).to_contain_text("读到 1 件，已付 0 件")
    assert_usable(console)
    console.get_by_role("button", name="已处理", exact=True).click()
    console.get_by_role("button", name="商品已交回").click()
    shop.wait_for_lane("idle")
    answer = wait_for(lambda: told(shop, "call.answered", order), lambda now: bool(now["action"]))
    assert (answer["action"], answer["finding"]) == ("done", "unpaid")


def test_an_age_is_checked_at_the_lane(shop: Shop, lane: Page, console: Page) -> None:
    found = shop.http.get("/api/catalogue/products", params={"q": "beer"}).json()["products"]
    beer = next(one for one in found if one["age_limit"] and one["sold_by"] == "piece" and not one["eas"])
    order = buy(shop, (beer, 1))
    arrive(shop, order, beer)
    shop.wait_for_lane("staff")
    expect(lane.get_by_text("有商品需要核对年龄，请准备好证件")).to_be_visible()
    open_call(console, shop, "核对年龄")
    expect(console.get_by_role("region", name="呼叫详情")).to_contain_text("18")
    assert_usable(console)
    console.get_by_role("button", name="年龄没问题").click()
    walk_out(shop)
    assert told(shop, "call.answered", order)["action"] == "let_go"


def test_a_scale_that_broke_under_the_goods_keeps_nobody(
    shop: Shop, lane: Page, console: Page, goods: list[dict[str, Any]]
) -> None:
    order = buy(shop, (goods[0], 1))
    arrive(shop, order)
    shop.lane("/scale", {"plugged": False})
    try:
        shop.wait_for_lane("staff")
        expect(lane.get_by_text("设备正在恢复，店员马上就来")).to_be_visible()
        open_call(console, shop, "设备有问题")
        assert_usable(console)
        console.get_by_role("button", name="放行", exact=True).click()
        console.get_by_role("button", name="设备坏了，人工核对过").click()
        shop.wait_for_lane("open")
        shop.walk()
        answer = wait_for(lambda: told(shop, "call.answered", order), lambda now: bool(now["action"]))
        assert (answer["action"], answer["reason"]) == ("let_go", "设备坏了，人工核对过")
    finally:
        shop.lane("/scale", {"plugged": True})
    expect(lane.get_by_text("请出示出场码")).to_be_visible(timeout=30_000)


def test_one_touch_opens_the_gate_whatever_the_lane_is_at(
    shop: Shop, lane: Page, console: Page, goods: list[dict[str, Any]]
) -> None:
    order = buy(shop, (goods[0], 1))
    arrive(shop, order)
    expect(lane.get_by_text("请把商品放到传送带上")).to_be_visible()
    sign_in(console, shop, at="#floor")
    assert shop.lane(body=None, method="GET")["gate"] == "closed"
    console.get_by_role("button", name="打开 1 号通道的门").click()
    wait_for(lambda: shop.lane(body=None, method="GET")["gate"], lambda now: bool(now == "open"))
    expect(console.get_by_text("门正在打开").first).to_be_visible()
    shop.lane("/belt", {"goods": [{"gtin": goods[0]["gtin"], "quantity": 1}]})
    walk_out(shop)


def test_help_at_the_open_gate_opens_it_again(
    shop: Shop, lane: Page, console: Page, goods: list[dict[str, Any]]
) -> None:
    order = buy(shop, (goods[0], 1))
    arrive(shop, order, goods[0])
    shop.wait_for_lane("open")
    shop.http.post("/lanes/lane-1/help").raise_for_status()
    expect(lane.get_by_text("店员马上就来，请稍等")).to_be_visible()
    open_call(console, shop, "顾客请求帮忙")
    expect(console.get_by_role("button", name="顾客已离开", exact=True)).to_be_visible()
    assert_usable(console)
    console.get_by_role("button", name="再开一次门").click()
    answer = wait_for(lambda: told(shop, "call.answered", order), lambda now: bool(now["action"]))
    assert answer["action"] == "open_again"
    walk_out(shop)


def test_a_tag_that_the_deactivator_missed_is_held_to_it_again(
    shop: Shop, lane: Page, console: Page, tagged: dict[str, Any]
) -> None:
    """The goods stay in the bag, and the attendant lets them go so: their tag rings at the gate."""
    order = buy(shop, (tagged, 1))
    arrive(shop, order)
    lane.get_by_role("button", name="请店员帮忙").click()
    open_call(console, shop, "顾客请求帮忙")
    console.get_by_role("button", name="放行", exact=True).click()
    console.get_by_role("button", name="看过了，商品都对").click()
    shop.wait_for_lane("open")
    assert shop.walk(tagged)["live_tags"] == 1
    shop.wait_for_lane("alarm")
    expect(lane.get_by_text("请留步，有个防盗标签还没解除，店员来帮您")).to_be_visible()
    console.get_by_role("button", name=re.compile("门口有未消的标签")).first.click()
    assert_usable(console)
    console.get_by_role("button", name="再消一次").click()
    expect(lane.get_by_text("店员正在解除防盗标签，请稍等")).to_be_visible()
    shop.lane("/belt", {"goods": [{"gtin": tagged["gtin"], "quantity": 1}]})
    wait_for(lambda: shop.lane(body=None, method="GET")["tags_live"], lambda live: bool(live == 0))
    shop.lane("/belt", method="DELETE")
    shop.wait_for_lane("idle")
    assert told(shop, "call.answered", order)["action"] == "deactivate"


def test_weighed_again_and_sent_back(shop: Shop, lane: Page, console: Page, goods: list[dict[str, Any]]) -> None:
    order = buy(shop, (goods[0], 1))
    arrive(shop, order, goods[0], goods[1])
    shop.wait_for_lane("check")
    open_call(console, shop, "重量不符")
    console.get_by_role("button", name="再称一次").click()
    answer = wait_for(lambda: told(shop, "call.answered", order), lambda now: bool(now["action"]))
    assert answer["action"] == "reweigh"
    while True:  # as much as before: another call, and the console may still show the first one
        console.get_by_role("button", name=re.compile("重量不符")).first.click()
        with contextlib.suppress(TimeoutError):
            console.get_by_role("button", name="不放行", exact=True).click(timeout=5_000)
            break
    console.get_by_role("button", name="请顾客补扫没扫到的商品").click()
    expect(lane.get_by_text("请到服务台，店员会帮您处理")).to_be_visible()
    assert shop.lane(body=None, method="GET")["gate"] == "closed"
    shop.lane("/belt", method="DELETE")
    shop.wait_for_lane("idle")
    arrive(shop, order, goods[0])  # without what was not scanned
    walk_out(shop)
    answer = told(shop, "call.answered", order)
    assert (answer["action"], answer["finding"]) == ("refuse", "unpaid")


def test_a_scale_that_broke_before_anybody_came_is_mended(shop: Shop, lane: Page, console: Page) -> None:
    shop.lane("/scale", {"plugged": False})
    try:
        expect(lane.get_by_text("通道暂停使用，请走旁边的通道")).to_be_visible()
        open_call(console, shop, "设备有问题")
        expect(console.get_by_role("button", name="放行", exact=True)).to_have_count(0)
        assert_usable(console)
    finally:
        shop.lane("/scale", {"plugged": True})
    console.get_by_role("button", name="已修好", exact=True).click()
    expect(console.get_by_role("button", name=re.compile("设备有问题"))).to_have_count(0)
    expect(lane.get_by_text("请出示出场码")).to_be_visible(timeout=30_000)


def test_who_is_too_young_does_not_leave_with_it(shop: Shop, lane: Page, console: Page) -> None:
    found = shop.http.get("/api/catalogue/products", params={"q": "beer"}).json()["products"]
    beer = next(one for one in found if one["age_limit"] and one["sold_by"] == "piece" and not one["eas"])
    order = buy(shop, (beer, 1))
    arrive(shop, order, beer)
    shop.wait_for_lane("staff")
    open_call(console, shop, "核对年龄")
    console.get_by_role("button", name="不放行", exact=True).click()
    console.get_by_role("button", name="还不到年龄").click()
    expect(lane.get_by_text("请到服务台，店员会帮您处理")).to_be_visible()
    shop.lane("/belt", method="DELETE")
    shop.wait_for_lane("idle")
    assert shop.lane("/walk", {"goods": []})["through"] is False
    assert told(shop, "call.answered", order)["reason"] == "还不到年龄"
    assert told(shop, "exit.released", order) == {"action": None}
    arrive(shop, order, beer)  # the same order once more: whoever is called then hears of it
    shop.wait_for_lane("staff")
    console.get_by_role("region", name=re.compile("呼叫")).get_by_role("button", name=re.compile("核对年龄")).click()
    expect(console.get_by_text(re.compile(r".+ \d\d:\d\d 没有放行这张订单：还不到年龄"))).to_be_visible()
    assert_usable(console)
    console.get_by_role("button", name="不放行", exact=True).click()
    console.get_by_role("button", name="没有带证件").click()
    shop.lane("/belt", method="DELETE")
    shop.wait_for_lane("idle")


def test_a_shopper_whose_lane_broke_is_sent_to_another(
    shop: Shop, lane: Page, console: Page, goods: list[dict[str, Any]]
) -> None:
    order = buy(shop, (goods[0], 1))
    arrive(shop, order)
    shop.lane("/scale", {"plugged": False})
    try:
        shop.wait_for_lane("staff")
        open_call(console, shop, "设备有问题")
        console.get_by_role("button", name="请走别的通道").click()
        console.get_by_role("button", name="请顾客去旁边的通道").click()
        expect(lane.get_by_text("通道暂停使用，请走旁边的通道")).to_be_visible()
        wait_for(lambda: told(shop, "call.answered", order), lambda now: bool(now["action"] == "refuse"))
        for _ in range(10):  # called again, for it is broken still; the answered call may stand there for a moment
            console.get_by_role("button", name=re.compile("设备有问题")).first.click()
            with contextlib.suppress(TimeoutError):
                console.get_by_role("button", name="已修好", exact=True).click(timeout=3_000)
                break
        else:
            pytest.fail("the second call can't be answered")
    finally:
        shop.lane("/scale", {"plugged": True})
    expect(lane.get_by_text("请出示出场码")).to_be_visible(timeout=30_000)
    arrive(shop, order, goods[0])  # the order is free again: at any lane, and at this one
    walk_out(shop)
