"""The service desk in a real browser: payments without an end, SMS that failed, and slips."""

import re
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import text
from tests.support.browsers import Shop
from tests.support.service_desk import assert_usable, buy, find_order, goods_of, hire, sign_in, submit, wait_for, yuan

from unqueue.kernel.database import Database

pytestmark = pytest.mark.browser
HELPER = {"name": "小陈", "pin": "271828"}
FIVE_MINUTES_US = 300_000_000
DEAD_KIOSK = "kiosk-9"


@pytest.fixture
def goods(shop: Shop) -> list[dict[str, Any]]:
    return goods_of(shop)


@pytest.fixture
def desk(browser: Browser) -> Iterator[BrowserContext]:
    """The screen on the counter, in Chinese: 1280 × 900."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="zh-CN", reduced_motion="reduce")
    context.set_default_timeout(30_000)
    yield context
    context.close()


def settings(shop: Shop, name: str) -> dict[str, Any]:
    """A settings file of the demo."""
    return tomllib.loads((Path(shop.database_url.removeprefix("sqlite:///")).parents[1] / name).read_text())


def at_kiosk(shop: Shop, path: str, body: dict[str, Any]) -> httpx.Response:
    """What the kiosk's own process asks of the server."""
    token = settings(shop, "kiosk-1.toml")["kiosk"]["token"]
    answer = shop.http.post(path, json=body, headers={"Authorization": f"Bearer {token}"})
    assert answer.is_success, answer.text
    return answer


def stuck_in_cash(shop: Shop, good: dict[str, Any]) -> dict[str, Any]:
    """An order whose cash payment was begun five minutes ago at a kiosk that is dead: it tells nothing more."""
    order = submit(shop, (good, 1))
    payment = {"id": uuid4().hex, "method": "cash"}
    at_kiosk(shop, f"/api/orders/{order['id']}/payments", payment)
    database = Database(shop.database_url)
    try:
        with database.engine.begin() as connection:
            earlier = text("UPDATE payments SET created_us = created_us - :by, place = :place WHERE payment_id = :id")
            connection.execute(earlier, {"by": FIVE_MINUTES_US, "place": DEAD_KIOSK, "id": payment["id"]})
    finally:
        database.dispose()
    return {**order, "payment_id": payment["id"]}


def owe(shop: Shop, number: str, amount_minor: int) -> None:
    """The kiosk could not give all of what somebody put in."""
    debt = {"number": number, "amount_minor": amount_minor, "currency": "CNY", "reason": "hopper_empty"}
    journal = uuid4().hex
    tendered = {"denomination": "CNY-2000-note", "count": 1, "credited_minor": 2000, "place": "cashbox:recycler"}
    body = {
        "kind": "cash.payment", "payment_id": uuid4().hex, "revision": 1, "outcome": "cancelled", "currency": "CNY",
        "due_minor": 0, "rounding_minor": 0, "tendered": [tendered], "stray": True, "debts": [debt],
        "dispensed": {"CNY-100-coin": (2000 - amount_minor) // 100},
    }  # fmt: skip
    told = {"id": f"{journal}:1", "kiosk": "kiosk-1", "journal": journal, "seq": 1, "at_us": 1, "body": body}
    at_kiosk(shop, "/api/kiosks/kiosk-1/reports", told)


def fail_sms(shop: Shop, order: dict[str, Any], number: str = "13800138000", trouble: str = "unsubscribed") -> None:
    """The shopper asks for the receipt, and the provider does what it does."""
    sandbox = settings(shop, "server.toml")["sms"]["url"]
    httpx.post(f"{sandbox}/trouble", json={"next": [trouble]}, trust_env=False).raise_for_status()
    headers = {"Authorization": f"Bearer {order['token']}"}
    path = f"/api/orders/{order['id']}/receipt/sms"
    shop.http.post(path, json={"number": number}, headers=headers).raise_for_status()
    wait_for(lambda: shop.http.get(path, headers=headers).json()["status"], lambda now: now == "failed")


def phone_numbers(shop: Shop) -> list[str]:
    sandbox = settings(shop, "server.toml")["sms"]["url"]
    return [one["number"] for one in httpx.get(f"{sandbox}/messages", trust_env=False).json()]


def shown(number: str) -> str:
    return " ".join(re.findall("...", number))


def test_a_payment_without_an_end_is_decided_by_name(
    shop: Shop, phone: BrowserContext, goods: list[dict[str, Any]]
) -> None:
    order = stuck_in_cash(shop, goods[0])
    page = phone.new_page()
    sign_in(page, shop, at="#desk/waiting")
    stuck = page.get_by_role("region", name="没有结果的付款")
    row = stuck.get_by_role("listitem").filter(has_text=shown(order["number"]))
    expect(row).to_contain_text("付款机 9")
    assert_usable(page)
    row.get_by_role("button", name=f"查看订单 {order['number']} 的付款").press("Enter")
    sheet = page.get_by_role("dialog")
    expect(sheet).to_contain_text("问了")
    expect(sheet.get_by_text("钱收到了", exact=True)).to_have_count(0)
    assert_usable(page)
    sheet.get_by_role("radio", name="没有收到钱").press("Space")
    send = sheet.get_by_role("button", name=f"确认没有收到 {yuan(order['due']['amount_minor'])}")
    expect(send).to_be_disabled()
    sheet.get_by_role("radio", name="看了付款机里的现金").press("Space")
    with page.expect_response("**/api/desk/payments*"):  # the lists are read anew, and what was said stays said
        buy(shop, (goods[1], 1))
    assert_usable(page)
    send.press("Enter")
    expect(page.get_by_text("没有收到，顾客可以再付").last).to_be_visible()
    expect(row).to_have_count(0)
    database = Database(shop.database_url)
    try:
        with database.engine.connect() as connection:
            query = text("SELECT data, actor FROM journal WHERE kind = 'payment.decided' AND stream = :stream")
            ((data, actor),) = connection.execute(query, {"stream": f"payment:{order['payment_id']}"}).all()
    finally:
        database.dispose()
    assert actor.startswith("staff:")
    assert "看了付款机里的现金" in (data.decode() if isinstance(data, bytes) else data)


def test_what_a_role_may_not_is_told(shop: Shop, phone: BrowserContext, goods: list[dict[str, Any]]) -> None:
    hire(shop, HELPER, "attendant")
    order = stuck_in_cash(shop, goods[0])
    page = phone.new_page()
    sign_in(page, shop, HELPER, at="#desk/waiting")
    page.get_by_role("button", name=f"查看订单 {order['number']} 的付款").click()
    sheet = page.get_by_role("dialog")
    expect(sheet).to_contain_text("您的岗位不能做这一步")
    expect(sheet.get_by_role("radio")).to_have_count(0)
    assert_usable(page)


def test_a_receipt_whose_sms_failed_goes_to_another_number(
    shop: Shop, phone: BrowserContext, goods: list[dict[str, Any]]
) -> None:
    order = buy(shop, (goods[0], 1))
    fail_sms(shop, order)
    page = phone.new_page()
    sign_in(page, shop, at="#desk/receipts")
    row = page.get_by_role("listitem").filter(has_text=shown(order["number"]))
    expect(row).to_contain_text("运营商不接受这个号码")
    expect(row).to_contain_text("+86 ••••00")
    expect(row).not_to_contain_text("13800138000")
    assert_usable(page)
    row.get_by_role("button", name=f"再发订单 {order['number']} 的小票短信").click()
    sheet = page.get_by_role("dialog")
    field = sheet.get_by_label("顾客的手机号码")
    field.fill("138")
    sheet.get_by_role("button", name="发送").click()
    expect(sheet.get_by_role("alert")).to_contain_text("号码好像不完整")
    field.fill("010 6552 9988")
    sheet.get_by_role("button", name="发送").click()
    expect(sheet.get_by_role("alert")).to_contain_text("这个手机号码无法接收短信")
    expect(field).to_be_focused()
    assert_usable(page)
    field.fill("139 0013 9000")
    field.press("Enter")
    expect(page.get_by_text("正在发到 +86 ••••00").last).to_be_visible()
    expect(row).to_have_count(0)
    wait_for(lambda: phone_numbers(shop), lambda now: "+8613900139000" in now)
    assert phone_numbers(shop).count("+8613900139000") == 1


def test_a_return_has_its_slip(shop: Shop, desk: BrowserContext, goods: list[dict[str, Any]]) -> None:
    order = buy(shop, (goods[0], 1))
    page = desk.new_page()
    sign_in(page, shop)
    find_order(page, order["number"])
    page.get_by_role("button", name=f"退 {goods[0]['name_zh']}").click()
    page.get_by_text("破损或有质量问题").click()
    page.get_by_role("button", name="退款", exact=True).click()
    page.get_by_role("button", name="确认退款").click()
    expect(page.get_by_role("heading", name="退货已办好")).to_be_visible()
    assert_usable(page)
    page.get_by_role("button", name="查看退货单").click()
    slip = page.frame_locator("iframe")
    expect(slip.get_by_text("退货单", exact=True)).to_be_visible()
    expect(slip.get_by_text(goods[0]["name_zh"])).to_be_visible()
    expect(slip.get_by_text("退回 沙盒钱包")).to_be_visible()
    assert_usable(page)
    assert saved(page).count(goods[0]["name_zh"]) == 1


def test_what_a_kiosk_owes_has_its_slip(shop: Shop, phone: BrowserContext) -> None:
    number = f"K1-{time.time_ns() % 10**8:08d}"
    owe(shop, number, 700)
    page = phone.new_page()
    sign_in(page, shop, at="#desk/receipts")
    row = page.get_by_role("listitem").filter(has_text=number)
    expect(row).to_contain_text("¥7.00")
    assert_usable(page)
    row.get_by_role("button", name="查看欠款凭条").click()
    slip = page.frame_locator("iframe")
    expect(slip.get_by_text("欠款凭条")).to_be_visible()
    expect(slip.get_by_text("¥7.00")).to_be_visible()
    assert_usable(page)
    assert number in saved(page)


def saved(page: Page) -> str:
    """The file that “save” keeps."""
    with page.expect_download() as download:
        page.get_by_role("dialog").get_by_role("button", name="保存").click()
    return download.value.path().read_text(encoding="utf-8")
