"""What journeys at the service desk share: shoppers who bought, staff who sign in, what makes a page usable."""

import contextlib
import re
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from tests.support.browsers import Shop

from unqueue.kernel.database import Database
from unqueue.server.staff.model import Role
from unqueue.server.staff.service import create_staff


def goods_of(shop: Shop) -> list[dict[str, Any]]:
    """Products of the demo that are sold by the piece and need no age check."""
    found = shop.http.get("/api/catalogue/products", params={"category": "snacks"}).json()["products"]
    plain = [one for one in found if one["sold_by"] == "piece" and not one["age_limit"]]
    assert len(plain) >= 3
    return plain


def submit(shop: Shop, *wanted: tuple[dict[str, Any], int]) -> dict[str, Any]:
    """Shop by HTTP, as a handset does; the order, and the trip's ``token`` with it."""
    trip = shop.http.post("/api/trips", json={}).json()
    for good, quantity in wanted:
        scan = {"id": str(uuid4()), "code": good["code"], "quantity": quantity}
        call(shop, trip["token"], "POST", f"/api/trips/{trip['id']}/scans", scan)
    return {**call(shop, trip["token"], "POST", f"/api/trips/{trip['id']}/order", {}), "token": trip["token"]}


def buy(shop: Shop, *wanted: tuple[dict[str, Any], int]) -> dict[str, Any]:
    """Shop and pay; the order once it is paid, and the trip's ``token`` with it."""
    order = submit(shop, *wanted)
    token = order["token"]
    payment = {"id": str(uuid4()), "method": "sandbox", "channel": "page"}
    url = call(shop, token, "POST", f"/api/orders/{order['id']}/payments", payment)["action"]["url"]
    form = {"action": "pay", "trouble": "none"}
    assert httpx.post(url, data=form, headers={"Accept": "application/json"}, trust_env=False).is_success
    paid = wait_for(
        lambda: call(shop, token, "GET", f"/api/orders/{order['id']}"), lambda now: bool(now["status"] == "paid")
    )
    return {**paid, "token": token}


def call(shop: Shop, token: str, method: str, path: str, body: object = None) -> Any:
    """The JSON of a request that has to succeed."""
    answer = shop.http.request(method, path, headers={"Authorization": f"Bearer {token}"}, json=body)
    assert answer.is_success, answer.text
    return answer.json()


def wait_for(read: Callable[[], Any], is_right: Callable[[Any], bool], seconds: float = 30.0) -> Any:
    end = time.monotonic() + seconds
    while not is_right(now := read()):
        assert time.monotonic() < end, f"it stays {now}"
        time.sleep(0.1)
    return now


def sign_in(page: Page, shop: Shop, person: dict[str, str] | None = None, at: str = "#desk") -> None:
    person = person or shop.http.get("/demo/api/store").json()["attendant"]
    page.goto(f"{shop.url}/console/{at}")
    page.locator("input[name=username]").fill(person["name"])
    page.locator("input[type=password]").fill(person["pin"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=re.compile("退出登录|Sign out"))).to_be_visible()


def clear_lane(shop: Shop) -> None:
    """Wait until lane 1 is idle; where it does not get there by itself, clear it as the attendant would, so that one
    journey's trouble is not the next one's.
    """
    with contextlib.suppress(AssertionError):
        shop.wait_for_lane("idle", seconds=5)
        return
    person = shop.http.get("/demo/api/store").json()["attendant"]
    signed_in = shop.http.post("/api/staff/sessions", json={"name": person["name"], "pin": person["pin"]}).json()
    shop.lane("/belt", method="DELETE")
    end = time.monotonic() + 60
    while (state := shop.lane_state()) != "idle":
        if state == "loading":
            shop.http.post("/lanes/lane-1/help").raise_for_status()
        assert time.monotonic() < end, f"the lane stays at {shop.lane_state()}"
        for one in call(shop, signed_in["token"], "GET", "/api/staff/calls"):
            for action in ("refuse", "done", "let_go"):  # who is only helped would stay
                answer = {"id": str(uuid4()), "action": action, "reason": "after a test"}
                told = {"headers": {"Authorization": f"Bearer {signed_in['token']}"}, "json": answer}
                if shop.http.post(f"/api/staff/calls/{one['id']}/answer", **told).is_success:
                    break
        time.sleep(0.5)


def hire(shop: Shop, person: dict[str, str], role: Role = "supervisor") -> None:
    """One more member of staff, as `unqueue staff` takes them in."""
    database = Database(shop.database_url)
    try:
        create_staff(database, person["name"], person["pin"], role)
    finally:
        database.dispose()


def find_order(page: Page, number: str) -> None:
    page.get_by_label("订单号或小票号").fill(number)
    page.get_by_role("button", name="查找").click()
    expect(page.get_by_role("heading", name="订单 " + " ".join(re.findall("...", number)))).to_be_visible()


def pull_trigger(page: Page, code: str) -> None:
    """A hand scanner types a code as key presses, as fast as it can, and Enter."""
    page.evaluate(
        """code => { for (const key of [...code, "Enter"])
             document.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true})) }""",
        code,
    )


def assert_usable(page: Page) -> None:
    """Nothing to object to for those who see, hear or press otherwise, and nothing wider than the screen."""
    page.locator("main").first.wait_for()
    found = Axe().run(page).response["violations"]
    assert found == [], [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]
    width = page.viewport_size["width"] if page.viewport_size else 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def yuan(amount_minor: int) -> str:
    return f"¥{amount_minor / 100:,.2f}"
