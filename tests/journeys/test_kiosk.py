"""The pay kiosk with its real screen in a browser: cash and its change, several tenders, a card, and money back.

Hands act on the simulated devices: the coin slot and the note mouth, the card terminal, the scanner.
"""

import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import APIResponse, BrowserContext, Page, Route, expect
from tests.support.browsers import Shop
from tests.support.service_desk import assert_usable, pull_trigger, sign_in

pytestmark = pytest.mark.browser
KIOSK, HANDS = "/kiosks/kiosk-1", "/demo/api/kiosks/kiosk-1"
YUAN = 100


@pytest.fixture
def screen(shop: Shop, phone: BrowserContext) -> Page:
    """The kiosk's screen, with nobody before it."""
    page = phone.new_page()
    page.set_viewport_size({"width": 1080, "height": 1920})
    page.goto(f"{shop.url}{KIOSK}/")
    if state(shop)["phase"] != "welcome":
        shop.http.post(f"{KIOSK}/done")
    expect(page.get_by_text("请扫描订单码，或输入订单号").first).to_be_visible(timeout=60_000)
    return page


def state(shop: Shop) -> dict[str, Any]:
    found: dict[str, Any] = shop.http.get(f"{KIOSK}/state").json()
    return found


def until(shop: Shop, holds: Callable[[dict[str, Any]], bool], timeout_s: float = 30.0) -> dict[str, Any]:
    """The kiosk's state as soon as it is so."""
    end = time.monotonic() + timeout_s
    while not holds(found := state(shop)):
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found


def order(shop: Shop, items: int = 1) -> dict[str, Any]:
    """A submitted order of snacks."""
    found = shop.http.get("/api/catalogue/products", params={"category": "snacks"}).json()["products"]
    plain = [one for one in found if one["sold_by"] == "piece" and not one["age_limit"] and not one["eas"]]
    trip = shop.http.post("/api/trips", json={}).json()
    owner = {"Authorization": f"Bearer {trip['token']}"}
    for good in plain[:items]:
        scan = {"id": str(uuid.uuid4()), "code": good["code"]}
        shop.http.post(f"/api/trips/{trip['id']}/scans", json=scan, headers=owner).raise_for_status()
    made: dict[str, Any] = shop.http.post(f"/api/trips/{trip['id']}/order", headers=owner).json()
    return made


def read(shop: Shop, made: dict[str, Any]) -> dict[str, Any]:
    owner = {"Authorization": f"Bearer {made['token']}"}
    found: dict[str, Any] = shop.http.get(f"/api/orders/{made['id']}", headers=owner).json()
    return found


def show(shop: Shop, made: dict[str, Any]) -> None:
    """Hold the order's QR before the scanner; again where the kiosk says that the server was slow."""
    end = time.monotonic() + 60
    while True:
        shop.http.post(f"{HANDS}/scanner", json={"code": made["qr"]["url"]}).raise_for_status()
        found = until(shop, lambda found: found["phase"] == "order" or is_slow(found))
        if found["phase"] == "order":
            return
        assert time.monotonic() < end, found


def is_slow(found: dict[str, Any]) -> bool:
    return found["phase"] == "welcome" and found["notice"] is not None and found["notice"]["code"] == "server_away"


def put_in(shop: Shop, denomination: str) -> None:
    """A coin or note, as soon as the mouth is open for it."""
    end = time.monotonic() + 15
    while True:
        accepted = [one["denomination"] for one in (state(shop)["cash"] or {"accepted": []})["accepted"]]
        answer = (
            shop.http.post(f"{HANDS}/cash", json={"denomination": denomination}) if denomination in accepted else None
        )
        if answer is not None and answer.is_success:
            return
        assert time.monotonic() < end, (denomination, accepted, answer and answer.text)
        time.sleep(0.2)


def tray(shop: Shop) -> dict[str, int]:
    found: dict[str, int] = shop.http.get(HANDS).json()["tray"]
    return found


def worth(pieces: dict[str, int]) -> int:
    return sum(int(name.split("-")[1]) * count for name, count in pieces.items())


def test_cash_pays_an_order_and_change_comes_out(shop: Shop, screen: Page) -> None:
    made, before = order(shop), worth(tray(shop))
    due = made["due"]["amount_minor"]
    show(shop, made)
    screen.get_by_role("button", name=re.compile("现金")).first.click()
    expect(screen.get_by_text("现在能收").first).to_be_visible()
    given = 0
    while given < due:
        put_in(shop, "CNY-2000-note")
        given += 20 * YUAN
        until(shop, lambda found, given=given: found["phase"] != "tender" or inserted(found) >= given)  # type: ignore[misc]
    until(shop, lambda found: found["phase"] == "paid")
    assert read(shop, made)["status"] == "paid"
    assert worth(tray(shop)) - before == given - due
    expect(screen.get_by_text(re.compile("已打印")).first).to_be_visible(timeout=15_000)
    screen.get_by_role("button", name="完成").first.click()
    expect(screen.get_by_text("请扫描订单码，或输入订单号").first).to_be_visible()
    assert state(shop)["order"] is None


def test_coupon_cash_and_card_pay_one_order(shop: Shop, screen: Page) -> None:
    made = order(shop, 2)
    show(shop, made)
    shop.http.post(f"{HANDS}/scanner", json={"code": "SNACK10"}).raise_for_status()
    until(shop, lambda found: found["order"] is not None and len(found["order"]["coupons"]) == 1)
    shop.http.post(f"{KIOSK}/pay", json={"method": "cash", "amount_minor": 10 * YUAN}).raise_for_status()
    put_in(shop, "CNY-1000-note")
    until(shop, lambda found: found["phase"] == "order" and found["order"]["paid"]["amount_minor"] == 10 * YUAN)
    screen.get_by_role("button", name=re.compile("银行卡")).first.click()
    until(shop, lambda found: found["phase"] == "tender")
    shop.http.post(f"{HANDS}/card", json={"outcome": "approve"}).raise_for_status()
    until(shop, lambda found: found["phase"] == "paid")
    paid = read(shop, made)
    assert paid["status"] == "paid"
    assert sorted(one["method"] for one in paid["payments"] if one["status"] == "succeeded") == ["card", "cash"]
    shop.http.post(f"{KIOSK}/done")


def test_a_declined_card_takes_nothing_and_another_way_pays(shop: Shop, screen: Page) -> None:
    made = order(shop)
    show(shop, made)
    screen.get_by_role("button", name=re.compile("银行卡")).first.click()
    until(shop, lambda found: found["phase"] == "tender")
    shop.http.post(f"{HANDS}/card", json={"outcome": "decline"}).raise_for_status()
    until(shop, lambda found: found["phase"] == "order" and found["notice"] is not None)
    assert read(shop, made)["paid"]["amount_minor"] == 0
    screen.get_by_role("button", name=re.compile("银行卡")).first.click()
    until(shop, lambda found: found["phase"] == "tender")
    shop.http.post(f"{HANDS}/card", json={"outcome": "approve"}).raise_for_status()
    until(shop, lambda found: found["phase"] == "paid")
    shop.http.post(f"{KIOSK}/done")


def test_cancelling_gives_back_what_was_put_in(shop: Shop, screen: Page) -> None:
    made, before = order(shop, 2), worth(tray(shop))
    show(shop, made)
    screen.get_by_role("button", name=re.compile("现金")).first.click()
    put_in(shop, "CNY-1000-note")
    until(shop, lambda found: inserted(found) == 10 * YUAN)
    put_in(shop, "CNY-100-coin")
    until(shop, lambda found: inserted(found) == 11 * YUAN)
    screen.get_by_role("button", name="取消，退回现金").first.click()
    until(shop, lambda found: found["phase"] == "order")
    assert worth(tray(shop)) - before == 11 * YUAN
    assert read(shop, made)["paid"]["amount_minor"] == 0
    shop.http.post(f"{KIOSK}/done")


def test_the_real_screen_has_no_axe_finding_on_the_way(shop: Shop, screen: Page) -> None:
    made = order(shop)
    findings = {"welcome": found_by_axe(screen)}
    show(shop, made)
    expect(screen.get_by_text("怎么付？")).to_be_visible()
    findings["order"] = found_by_axe(screen)
    screen.get_by_role("button", name=re.compile("微信支付")).first.click()
    until(shop, lambda found: found["tender"] is not None and found["tender"]["qr_svg"] is not None)
    expect(screen.get_by_text("用微信支付扫这个码").first).to_be_visible()
    findings["tender"] = found_by_axe(screen)
    assert {where: rules for where, rules in findings.items() if rules} == {}
    shop.http.post(f"{KIOSK}/cancel")
    until(shop, lambda found: found["phase"] == "order")
    shop.http.post(f"{KIOSK}/done")


@contextmanager
def held(page: Page, command: str) -> Iterator[None]:
    """The kiosk does what the screen asks for at once, and its answer arrives at the end of the block."""
    answers: list[tuple[Route, APIResponse]] = []
    pattern = f"**{KIOSK}/{command}"
    page.route(pattern, lambda route: answers.append((route, route.fetch())), times=1)
    yield
    for _ in range(200):
        if answers:
            break
        page.wait_for_timeout(50)  # on a slow machine the screen may only now be asking
    ((route, answer),) = answers
    route.fulfill(response=answer)
    expect(page.locator("[aria-busy]")).to_have_count(0, timeout=20_000)


@pytest.fixture
def codes(screen: Page) -> list[str]:
    """The codes that the screen sends to the kiosk."""
    sent: list[str] = []
    screen.on("request", lambda asked: sent.append(asked.post_data or "") if asked.url.endswith("/code") else None)
    return sent


def test_a_code_does_not_outlive_what_it_was_scanned_for(shop: Shop, screen: Page, codes: list[str]) -> None:
    """It may be a wallet's: sent after all, it would pay what somebody has turned back from."""
    show(shop, order(shop))
    with held(screen, "pay"):
        screen.get_by_role("button", name=re.compile("微信支付")).first.click()
        until(shop, lambda found: found["phase"] == "tender")
        pull_trigger(screen, "SNACK10")
        expect(screen.locator(".kiosk.tender")).to_be_visible()
        screen.keyboard.press("Escape")
        until(shop, lambda found: found["phase"] == "order")
        expect(screen.locator(".kiosk.order")).to_be_visible()
    assert codes == []
    assert state(shop)["order"]["coupons"] == []
    shop.http.post(f"{KIOSK}/done")


def test_a_code_does_not_reach_the_next_shopper(shop: Shop, screen: Page, codes: list[str]) -> None:
    show(shop, order(shop))
    with held(screen, "pay"):
        screen.get_by_role("button", name=re.compile("微信支付")).first.click()
        until(shop, lambda found: found["phase"] == "tender")
        pull_trigger(screen, "SNACK10")
        shop.http.post(f"{KIOSK}/cancel")  # as the kiosk does by itself after a while
        until(shop, lambda found: found["phase"] == "order")
        shop.http.post(f"{KIOSK}/done")
        show(shop, order(shop))
        expect(screen.locator(".kiosk.order")).to_be_visible()
    assert codes == []
    assert state(shop)["order"]["coupons"] == []
    shop.http.post(f"{KIOSK}/done")


def test_who_scans_while_the_last_one_leaves_is_served(shop: Shop, screen: Page, codes: list[str]) -> None:
    show(shop, order(shop))
    expect(screen.locator(".kiosk.order")).to_be_visible()
    made = order(shop)
    with held(screen, "done"):
        screen.get_by_role("button", name="先不付").first.click()
        pull_trigger(screen, made["qr"]["url"])
    until(shop, lambda found: found["order"] is not None and found["order"]["number"] == made["number"])
    assert len(codes) == 1
    shop.http.post(f"{KIOSK}/done")


def inserted(found: dict[str, Any]) -> int:
    return int(found["cash"]["inserted"]["amount_minor"]) if found["cash"] is not None else 0


def found_by_axe(page: Page) -> list[str]:
    """The rules that are broken, by name."""
    return [one["id"] for one in Axe().run(page).response["violations"]]


def answer_on_the_console(shop: Shop, console: Page, kind: str, answer: str) -> None:
    """The attendant opens the kiosk's call, and says that the matter is settled."""
    call = console.get_by_role("region", name=re.compile("呼叫")).get_by_role("button", name=re.compile(kind))
    sign_in(console, shop, at="#floor")
    expect(call.first).to_contain_text("付款机 1", timeout=30_000)  # a device is called for when it stays broken
    call.first.click()
    assert_usable(console)
    console.get_by_role("button", name=answer, exact=True).click()
    expect(call).to_have_count(0)


def test_help_is_asked_for_and_given(shop: Shop, screen: Page, phone: BrowserContext) -> None:
    made = order(shop)
    show(shop, made)
    screen.get_by_role("button", name="请店员帮忙").click()
    expect(screen.get_by_text("店员马上就来").first).to_be_visible()
    console = phone.new_page()
    answer_on_the_console(shop, console, "顾客请求帮忙", "已帮好")
    until(shop, lambda found: found["help"] != "called")
    expect(screen.get_by_role("button", name="请店员帮忙")).to_be_visible()
    shop.http.post(f"{KIOSK}/done")


def test_staff_are_called_to_a_printer_without_paper(shop: Shop, screen: Page, phone: BrowserContext) -> None:
    shop.http.post(f"{HANDS}/paper", json={"there": False}).raise_for_status()
    try:
        console = phone.new_page()
        until(shop, lambda found: found["devices"]["printer"] == "failed")
        answer_on_the_console(shop, console, "设备有问题", "已修好")
    finally:
        shop.http.post(f"{HANDS}/paper", json={"there": True}).raise_for_status()
    until(shop, lambda found: found["devices"]["printer"] == "ready")
    expect(screen.get_by_text("请扫描订单码，或输入订单号").first).to_be_visible()
