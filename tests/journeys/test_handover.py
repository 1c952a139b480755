"""A phone without a network hands its basket to a kiosk by QR, which takes the money; then the phone is back."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from tests.support.browsers import Shop

pytestmark = pytest.mark.browser
KIOSK, HANDS = "/kiosks/kiosk-1", "/demo/api/kiosks/kiosk-1"
HAND_OVER = "用二维码交给付款机"


def goods(shop: Shop) -> list[dict[str, Any]]:
    found = shop.http.get("/api/catalogue/products", params={"category": "snacks"}).json()["products"]
    return [one for one in found if one["sold_by"] == "piece" and not one["age_limit"] and not one["eas"]]


def pull_trigger(page: Page, code: str) -> None:
    page.evaluate(
        """code => { for (const key of [...code, "Enter"])
             document.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true})) }""",
        code,
    )


def until(shop: Shop, holds: Callable[[dict[str, Any]], bool], timeout_s: float = 30.0) -> dict[str, Any]:
    end = time.monotonic() + timeout_s
    while not holds(found := shop.http.get(f"{KIOSK}/state").json()):
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found  # type: ignore[no-any-return]


def parts_shown(page: Page, count: int) -> set[str]:
    """What the screen shows while it goes round by itself."""
    shown: set[str] = set()
    end = time.monotonic() + 20
    while len(shown) < count:
        shown.add(page.locator("dialog [data-code]").get_attribute("data-code") or "")
        assert time.monotonic() < end, f"{len(shown)} of {count} parts"
        time.sleep(0.1)
    return shown


def hold_up(shop: Shop, part: str) -> None:
    shop.http.post(f"{HANDS}/scanner", json={"code": part}).raise_for_status()


def test_offline_basket_is_paid_at_the_kiosk_and_nothing_is_doubled(shop: Shop, phone: BrowserContext) -> None:
    kiosk, page = phone.new_page(), phone.new_page()
    kiosk.set_viewport_size({"width": 1080, "height": 1920})
    kiosk.goto(f"{shop.url}{KIOSK}/")
    if shop.http.get(f"{KIOSK}/state").json()["phase"] != "welcome":
        shop.http.post(f"{KIOSK}/done")
    page.goto(f"{shop.url}/handset/")
    page.get_by_role("button", name="开始购物").click()
    first, second = goods(shop)[:2]
    pull_trigger(page, first["code"])
    expect(page.get_by_text(first["name_zh"], exact=True).first).to_be_visible()
    expect(page.get_by_role("button", name=HAND_OVER)).to_have_count(0)

    # The network goes. Twelve more scans, and one piece of the first line is put back.
    kiosk.close()  # its screen is a page of this context, the kiosk itself goes on
    phone.set_offline(True)
    for code in [first["code"], *[second["code"]] * 11]:
        pull_trigger(page, code)
    page.get_by_role("button", name=HAND_OVER).click(timeout=15_000)
    label = page.get_by_role("status").filter(has_text=re.compile("共 2 张"))
    expect(label).to_be_visible()
    one, other = sorted(parts_shown(page, 2))

    # The kiosk reads them in the wrong order, one of them twice.
    hold_up(shop, other)
    until(shop, lambda found: found["basket"] is not None and found["basket"]["missing"] == [1])
    hold_up(shop, other)
    hold_up(shop, one)
    shown = until(shop, lambda found: found["phase"] == "order")
    assert shown["order"]["item_count"] == 13
    hold_up(shop, other)  # the phone goes on showing
    until(shop, lambda found: found["phase"] == "order" and found["notice"] is None)
    methods = {one["kind"]: one["method"] for one in shown["methods"]}
    shop.http.post(f"{KIOSK}/pay", json={"method": methods["nexo_terminal"]}).raise_for_status()
    until(shop, lambda found: found["phase"] == "tender")
    shop.http.post(f"{HANDS}/card", json={"entry": "chip", "outcome": "approve"}).raise_for_status()
    until(shop, lambda found: found["phase"] == "paid")

    # The phone is back: it sends what it had, which is there already, and shows the pass of what was paid.
    phone.set_offline(False)
    expect(page.locator("main.pass [data-code]")).to_be_visible(timeout=30_000)
    page.wait_for_function("() => !Object.keys(localStorage).some(name => name.includes('.queue.'))")
    trip = page.evaluate("JSON.parse(localStorage.getItem('unqueue.handset.trip'))")
    basket = shop.http.get(f"/api/trips/{trip['id']}", headers={"Authorization": f"Bearer {trip['token']}"}).json()
    assert (basket["item_count"], basket["status"]) == (13, "paid")
    shop.http.post(f"{KIOSK}/done")
