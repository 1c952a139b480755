"""A shopper whose weight does not fit goes on in the side bay; the lane takes the next one meanwhile."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect
from tests.journeys.test_visits import goods, lay, pay, scan, show_pass, start_shopping
from tests.support.browsers import Shop, open_shop

__all__ = ["goods"]
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The demo store, with a side bay."""
    with open_shop(tmp_path_factory.mktemp("demo-with-bay"), "--side-bay") as one:
        yield one


def test_the_next_shopper_leaves_while_the_first_waits_in_the_bay(
    shop: Shop, phone: BrowserContext, goods: list[dict[str, Any]]
) -> None:
    first, lane, console = phone.new_page(), phone.new_page(), phone.new_page()
    lane.goto(f"{shop.url}/lanes/lane-1/")
    start_shopping(first, shop)
    scan(first, goods[0])
    pay(first)
    show_pass(first, shop)
    lay(shop, goods[0], goods[1])
    shop.wait_for_lane("check")
    number = shop.http.get("/lanes/lane-1/state").json()["order"]["number"]
    shop.wait_for_lane("aside")
    expect(lane.get_by_text("请带商品到旁边的服务位")).to_be_visible()
    expect(lane.get_by_text("Please take your goods to the side bay.")).to_be_visible()
    expect(first.get_by_text("请带商品到旁边的服务位")).to_be_visible()
    assert shop.lane(body=None, method="GET")["gate"] == "closed"
    shop.lane("/belt", method="DELETE")
    shop.wait_for_lane("idle")

    second = phone.browser.new_context(locale="zh-CN").new_page()  # type: ignore[union-attr]
    start_shopping(second, shop)
    scan(second, goods[2])
    pay(second)
    show_pass(second, shop)
    lay(shop, goods[2])
    shop.wait_for_lane("open")
    shop.walk()
    expect(second.get_by_text("谢谢光临，祝您生活愉快")).to_be_visible()

    attendant = shop.http.get("/demo/api/store").json()["attendant"]
    console.goto(f"{shop.url}/console/")
    console.locator("input[name=username]").fill(attendant["name"])
    console.locator("input[type=password]").fill(attendant["pin"])
    console.keyboard.press("Enter")
    call = console.get_by_role("region", name=re.compile("呼叫")).get_by_role("button", name=re.compile("重量"))
    expect(call).to_contain_text("服务位")
    call.click()
    detail = console.get_by_role("region", name="呼叫详情")
    expect(detail).to_contain_text(" ".join(re.findall("...", number)))
    expect(detail.get_by_role("button", name="再称一次")).to_have_count(0)
    console.get_by_role("button", name="放行", exact=True).click()
    console.get_by_role("button", name="看过了，商品都对").click()
    expect(first.get_by_text("谢谢光临，祝您生活愉快")).to_be_visible()
    expect(console.get_by_role("button", name=re.compile("重量"))).to_have_count(0)
