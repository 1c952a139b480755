"""The service desk in a real browser: goods come back, money goes back, and cards are looked after."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from tests.support.browsers import Shop
from tests.support.service_desk import (
    assert_usable,
    buy,
    find_order,
    goods_of,
    hire,
    pull_trigger,
    sign_in,
    yuan,
)

pytestmark = pytest.mark.browser
SECOND = {"name": "小王", "pin": "314159"}
HELPER = {"name": "小陈", "pin": "271828"}
SECOND_PERSON_ABOVE_MINOR = 20_000


@pytest.fixture
def goods(shop: Shop) -> list[dict[str, Any]]:
    """Products of the demo that are sold by the piece and need no age check."""
    return goods_of(shop)


@pytest.fixture
def desk(browser: Browser) -> Iterator[BrowserContext]:
    """The screen on the counter, in Chinese: 1440 × 900."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN", reduced_motion="reduce")
    context.set_default_timeout(30_000)
    yield context
    context.close()


def test_one_item_comes_back_and_its_money_arrives(
    shop: Shop, phone: BrowserContext, goods: list[dict[str, Any]]
) -> None:
    order = buy(shop, (goods[0], 2), (goods[1], 1))
    page = phone.new_page()
    sign_in(page, shop)
    assert_usable(page)
    find_order(page, order["number"])
    assert_usable(page)
    worth_minor = next(
        line["total"]["amount_minor"]
        for line in order["basket"]["lines"]
        if line["product_id"] == goods[1]["product_id"]
    )
    page.get_by_role("button", name=f"退 {goods[1]['name_zh']}").click()
    refund = page.get_by_role("button", name="退款", exact=True)
    refund.click()
    expect(page.get_by_role("region", name="怎么退")).to_contain_text("请选一个原因")
    page.get_by_text("破损或有质量问题").click()
    assert_usable(page)
    refund.click()
    sheet = page.get_by_role("dialog")
    expect(sheet).to_contain_text(yuan(worth_minor))
    expect(sheet).to_contain_text("沙盒钱包")
    assert_usable(page)
    sheet.get_by_role("button", name="确认退款").click()
    expect(page.get_by_role("heading", name="退货已办好")).to_be_visible()
    expect(page.get_by_text("已退到")).to_be_visible()
    assert_usable(page)
    page.get_by_role("button", name="下一位").click()
    find_order(page, order["number"])
    expect(page.get_by_text("已全部退回")).to_be_visible()


def test_scanners_find_the_order_and_pick_what_comes_back(
    shop: Shop, desk: BrowserContext, goods: list[dict[str, Any]]
) -> None:
    order = buy(shop, (goods[0], 1), (goods[1], 1))
    page = desk.new_page()
    sign_in(page, shop)
    expect(page.get_by_label("订单号或小票号")).to_be_visible()
    pull_trigger(page, order["qr"]["url"])
    expect(page.get_by_role("heading", name=re.compile("^订单"))).to_be_visible()
    picked = page.get_by_role("group", name=f"数量: {goods[1]['name_zh']}")
    pull_trigger(page, goods[1]["code"])
    with suppress(PlaywrightTimeout):
        picked.wait_for(timeout=3_000)
    if not picked.is_visible():  # a machine that halts between two keys makes a typist of a scanner
        pull_trigger(page, goods[1]["code"])
    expect(picked).to_contain_text("1")
    pull_trigger(page, goods[1]["code"])
    expect(page.get_by_text("没有可退的这件商品").last).to_be_visible()
    assert_usable(page)


def test_a_return_whose_answer_is_lost_is_made_once(
    shop: Shop, desk: BrowserContext, goods: list[dict[str, Any]]
) -> None:
    order = buy(shop, (goods[0], 3))
    page = desk.new_page()
    sign_in(page, shop)
    find_order(page, order["number"])
    page.get_by_role("button", name=f"退 {goods[0]['name_zh']}").click()
    page.get_by_text("顾客不想要了").click()
    lost = []

    def lose(route: Any) -> None:
        lost.append(route.fetch().status)  # the server has it, the desk never hears of it
        route.abort()

    page.route("**/api/orders/*/returns", lose, times=1)
    page.get_by_role("button", name="退款", exact=True).click()
    page.get_by_role("button", name="确认退款").click()
    expect(page.get_by_text("不知道有没有办成")).to_be_visible()
    assert lost == [201]
    assert_usable(page)
    page.get_by_role("button", name="再发一次").click()
    expect(page.get_by_role("heading", name="退货已办好")).to_be_visible()
    page.get_by_role("button", name="这张订单再退").click()
    expect(page.get_by_text("还能退 2 件")).to_be_visible()


def test_a_large_refund_waits_for_a_colleague(
    shop: Shop, desk: BrowserContext, phone: BrowserContext, goods: list[dict[str, Any]]
) -> None:
    quantity = SECOND_PERSON_ABOVE_MINOR // goods[0]["unit_price"]["amount_minor"] * 2 + 2
    order = buy(shop, (goods[0], quantity))
    page = desk.new_page()
    sign_in(page, shop)
    find_order(page, order["number"])
    page.get_by_role("button", name="全部退").click()
    page.get_by_text("买错或多扫了").click()
    page.get_by_role("button", name="提交", exact=True).click()
    page.get_by_role("button", name="提交，等同事同意").click()
    expect(page.get_by_role("heading", name="还需要一位同事同意")).to_be_visible()
    waiting = page.get_by_role("region", name="等另一位同事同意")
    expect(waiting.get_by_text("这是您提交的")).to_be_visible()
    assert_usable(page)
    token = shop.http.post("/api/staff/sessions", json=shop.http.get("/demo/api/store").json()["attendant"])
    headers = {"Authorization": f"Bearer {token.json()['token']}"}
    (proposed,) = shop.http.get("/api/desk/returns", headers=headers).json()
    own = shop.http.post(f"/api/returns/{proposed['id']}/accept", headers=headers)
    assert own.json()["code"] == "second_person_needed"
    hire(shop, SECOND)
    other = phone.new_page()
    sign_in(other, shop, SECOND, at="#desk/waiting")
    expect(other.get_by_text("买错或多扫了")).to_be_visible()
    assert_usable(other)
    other.get_by_role("button", name=re.compile("^同意退")).click()
    expect(other.get_by_role("dialog").get_by_role("heading", name="退货已办好")).to_be_visible()
    assert_usable(other)
    expect(page.get_by_role("heading", name="退货已办好")).to_be_visible()
    expect(waiting.get_by_text("没有要同意的退款")).to_be_visible()


def test_a_proposed_refund_can_be_withdrawn(shop: Shop, desk: BrowserContext, goods: list[dict[str, Any]]) -> None:
    quantity = SECOND_PERSON_ABOVE_MINOR // goods[0]["unit_price"]["amount_minor"] * 2 + 2
    order = buy(shop, (goods[0], quantity))
    page = desk.new_page()
    sign_in(page, shop)
    find_order(page, order["number"])
    page.get_by_role("button", name="全部退").click()
    page.get_by_text("其他").click()
    page.get_by_label("请写明原因").fill("试一试")
    page.get_by_role("button", name="提交", exact=True).click()
    page.get_by_role("button", name="提交，等同事同意").click()
    page.get_by_role("region", name="等另一位同事同意").get_by_role("button", name="撤回").click()
    expect(page.get_by_role("heading", name="同事没有同意")).to_be_visible()
    page.get_by_role("button", name="这张订单再退").click()
    expect(page.get_by_role("button", name="全部退")).to_be_visible()


def test_a_gift_card_is_issued_filled_blocked_and_used_again(shop: Shop, phone: BrowserContext) -> None:
    code = f"2990{uuid4().int % 10**12:012d}"
    page = phone.new_page()
    sign_in(page, shop, at="#desk/cards")
    assert_usable(page)
    pull_trigger(page, code)
    page.get_by_role("button", name="用这个卡号发新卡").click()
    page.get_by_role("button", name="¥100.00").click()
    assert_usable(page)
    page.get_by_role("button", name="发出 ¥100.00").click()
    heading = page.get_by_role("heading", name=f"购物卡 · 尾号 {code[-4:]}")
    expect(heading).to_be_visible()
    page.get_by_label("金额").fill("12.5")
    page.get_by_role("button", name="收好 ¥12.50，充值").click()
    expect(page.get_by_text("¥112.50")).to_be_visible()
    page.get_by_role("button", name="停用").click()
    expect(page.get_by_text("已停用 · 长期有效")).to_be_visible()
    assert_usable(page)
    page.get_by_role("button", name="恢复使用").click()
    expect(page.get_by_text("可使用 · 长期有效")).to_be_visible()


def test_both_views_work_on_a_phone_and_keep_what_was_begun(
    shop: Shop, phone: BrowserContext, goods: list[dict[str, Any]]
) -> None:
    order = buy(shop, (goods[0], 1))
    page = phone.new_page()
    sign_in(page, shop, at="")
    assert_usable(page)
    expect(page.get_by_role("heading", name="付款机", exact=True)).to_be_visible()
    views = page.get_by_role("navigation", name="页面")
    views.get_by_role("link", name="服务台").click()
    find_order(page, order["number"])
    views.get_by_role("link", name="现场").click()
    expect(page.get_by_role("heading", name="通道", exact=True)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name=re.compile("^订单"))).to_be_visible()
    for link in views.get_by_role("link").all():
        box = link.bounding_box()
        assert box is not None
        assert box["height"] >= 48


def test_value_on_a_card_takes_two_persons(shop: Shop, phone: BrowserContext) -> None:
    hire(shop, HELPER, "attendant")
    signer = shop.http.get("/demo/api/store").json()["attendant"]
    code = f"2990{uuid4().int % 10**12:012d}"
    page = phone.new_page()
    sign_in(page, shop, HELPER, at="#desk/cards")
    expect(page.get_by_label("卡号")).to_be_visible()
    pull_trigger(page, code)
    page.get_by_role("button", name="用这个卡号发新卡").click()
    page.get_by_role("button", name="¥100.00").click()
    page.get_by_role("button", name="发出 ¥100.00").click()
    sheet = page.get_by_role("dialog")
    sheet.get_by_label("主管姓名").fill(signer["name"])
    sheet.get_by_label("密码").fill("000000")
    sheet.get_by_role("button", name="签字并办理").click()
    expect(sheet.get_by_role("alert")).to_contain_text("第二位员工的姓名或密码不对")
    assert_usable(page)
    sheet.get_by_label("密码").fill(signer["pin"])
    sheet.get_by_role("button", name="签字并办理").click()
    expect(page.get_by_role("heading", name=f"购物卡 · 尾号 {code[-4:]}")).to_be_visible()
    page.get_by_role("button", name="停用").click()
    expect(page.get_by_text("已停用 · 长期有效")).to_be_visible()
    expect(page.get_by_role("button", name="恢复使用")).to_be_disabled()
    expect(page.get_by_text("您的岗位不能做这一步")).to_be_visible()
