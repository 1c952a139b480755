"""What calls staff to a lane beside a weight: help, a tag at the gate, an age, a broken scale; the gate by one touch.

The attendant answers on the console's page, the shopper's side is the lane's own screen, and each ends outside.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from tests.journeys.test_calls import arrive, open_call, told, walk_out
from tests.support.browsers import Shop
from tests.support.service_desk import assert_usable, buy, goods_of, sign_in, wait_for

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
    """The lane's screen; the lane is idle again afterwards."""
    page = phone.new_page()
    page.goto(f"{shop.url}/lanes/lane-1/")
    yield page
    shop.wait_for_lane("idle")


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
    assert told(shop, "call.answered", order)["action"] == "done"
    shop.lane("/belt", {"goods": [{"gtin": goods[0]["gtin"], "quantity": 1}]})
    walk_out(shop)


def test_a_tag_that_is_not_on_the_order_rings(
    shop: Shop, lane: Page, console: Page, goods: list[dict[str, Any]], tagged: dict[str, Any]
) -> None:
    order = buy(shop, (goods[0], 1))
    arrive(shop, order, goods[0])
    shop.wait_for_lane("open")
    walked = shop.lane("/walk", {"goods": [{"gtin": tagged["gtin"], "quantity": 1}]})
    assert walked["live_tags"] == 1
    shop.wait_for_lane("alarm")
    expect(lane.get_by_text("请稍等一下，店员马上来看看")).to_be_visible()
    open_call(console, shop, "门口有未消的标签")
    expect(console.get_by_role("region", name="呼叫详情")).to_contain_text(tagged["name_zh"])
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
        shop.lane("/walk", {"goods": []})
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
