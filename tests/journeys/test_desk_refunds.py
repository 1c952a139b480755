"""The service desk in a real browser: refunds that hang, and money that a shopper got twice.

Server and wallet are processes of their own; the kiosk is what it says over HTTP, until it falls silent. Hours are not
waited for: what happened is moved back in the books.
"""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from sqlalchemy import text
from tests.support.browsers import Shop
from tests.support.running_store import ATTENDANT, PIN, Processes
from tests.support.service_desk import assert_usable, buy, call, hire, sign_in, submit, wait_for
from tests.support.wallets import MERCHANT, WalletProcess, running_wallet

from unqueue.kernel.clock import SystemClock
from unqueue.providers.port import RefundRequest
from unqueue.server.payments import store as payments_store

pytestmark = pytest.mark.browser
MANAGER, HELPER = {"name": ATTENDANT, "pin": PIN}, {"name": "小陈", "pin": "271828"}
MILK = {"code": "6901234567892"}
HOUR_US = 3_600_000_000
SETTINGS = """
[[payments.providers]]
id = "sandbox"
kind = "sandbox_wallet"
zh = "沙盒钱包"
en = "Sandbox wallet"
url = "{url}"
merchant_id = "{merchant}"
private_key_file = "{key}"
provider_public_key_file = "{wallet_key}"
[[payments.providers]]
id = "cash"
kind = "cash"
zh = "现金"
en = "Cash"
"""
SAYS = {
    "late": ("还没退到的钱", "Money that has not arrived"),
    "wait": ("还在等回音", "We wait for an answer"),
    "none": ("该退的都退到了", "Every refund has arrived"),
    "settle": ("用别的方式退", "Give it back another way"),
    "cash": ("钱箱里的现金", "Cash from the drawer"),
    "bank": ("银行转账", "Bank transfer"),
    "why": ("为什么不等了？", "Why not wait any longer?"),
    "gave": ("确认，已退 ¥12.90", "Yes, ¥12.90 was given back"),
    "gave_cash": ("已记下：¥12.90 现金退还", "Noted: ¥12.90 given back in cash"),
    "gave_bank": ("已记下：¥12.90 银行转账退还", "Noted: ¥12.90 given back by bank transfer"),
    "twice": ("退了两次的钱", "Given back twice"),
    "end": ("记下结果", "Say how it ended"),
    "back.cash": ("已收回钱箱", "Back in the drawer"),
    "back.bank": ("已转回门店账户", "Back on the store’s account"),
    "back.written_off": ("收不回，门店承担", "Not coming back"),
    "know": ("怎么知道的？", "How do you know?"),
    "why_lost": ("为什么收不回？", "Why is it not coming back?"),
    "is_back": ("确认，已收回 ¥12.90", "Yes, ¥12.90 is back"),
    "is_lost": ("确认，门店承担 ¥12.90", "Yes, the store bears ¥12.90"),
    "ended.cash": ("已记下：¥12.90 收回钱箱", "Noted: ¥12.90 is back in the drawer"),
    "ended.bank": ("已记下：¥12.90 转回门店账户", "Noted: ¥12.90 is back on the store’s account"),
    "ended.written_off": ("已记下：¥12.90 由门店承担", "Noted: the store bears ¥12.90"),
    "not_yours": ("您的岗位不能做这一步", "This is not part of your role"),
    "kiosk_wait": ("请到那台付款机上看", "Please look at that kiosk"),
    "release": ("从付款机收回", "Free it from the kiosk"),
    "know_tray": ("怎么知道没有出钱？", "How do you know that nothing came out?"),
    "free": ("收回，让别处来退", "Free it for others"),
    "freed": ("已收回，现在可以在这里退", "Freed: it can be paid here now"),
    "by_hand": ("已用现金给顾客", "Handed over by hand"),
    "handed": ("确认，已交给顾客", "Yes, handed over"),
    "handed_done": ("已记下：¥10.00 现金给付", "Noted: ¥10.00 handed over"),
    "signed": ("会记下您的名字", "recorded with your name"),
    "order": ("订单", "order"),
}


class Store(NamedTuple):
    """A store with a wallet that can be cut off, and one kiosk."""

    processes: Processes
    wallet: WalletProcess
    shop: Shop


class Words(NamedTuple):
    """A desk in one language on one screen."""

    page: Page
    says: dict[str, str]

    def row(self, region: str, order: dict[str, Any]) -> Locator:
        number = " ".join(re.findall("...", order["number"]))
        return self.page.get_by_role("region", name=self.says[region]).get_by_role("listitem").filter(has_text=number)

    def open(self, row: Locator, way: str) -> Locator:
        """Press a button of a row with the keyboard; the sheet that it opens."""
        button = row.get_by_role("button", name=re.compile(f"^{self.says[way]}.*{self.says['order']}"))
        expect(button).to_be_enabled()  # not before the lists were read anew
        button.press("Enter")
        sheet = self.page.get_by_role("dialog")
        expect(sheet).to_contain_text(self.says["signed"])
        return sheet

    def noted(self, what: str) -> None:
        expect(self.page.get_by_text(self.says[what]).last).to_be_visible()
        expect(self.page.get_by_role("dialog")).to_have_count(0)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    directory = tmp_path_factory.mktemp("late")
    with ExitStack() as stack:
        url = f"sqlite:///{directory}/store.db"
        processes = Processes(directory, url, stack, station="kiosk", simulators={})
        wallet = stack.enter_context(running_wallet(directory / "wallet"))
        keys = {"key": wallet.merchant_key, "wallet_key": wallet.announced["public_key_file"]}
        processes.write_settings(SETTINGS.format(url=wallet.url, merchant=MERCHANT, **keys), "")
        stack.callback(processes.stop, "server")
        processes.start("server")
        shop = Shop(f"http://127.0.0.1:{processes.server_port}", url)
        stack.callback(shop.http.close)
        wait_for(lambda: _is_up(shop), bool)
        hire(shop, HELPER, "attendant")
        yield Store(processes, wallet, shop)


def _is_up(shop: Shop) -> bool:
    try:
        return shop.http.get("/api/health").is_success
    except httpx.TransportError:
        return False


SCREENS = [("zh-CN", 360), ("en-GB", 360), ("zh-CN", 1280), ("en-GB", 1280)]


@pytest.fixture(params=SCREENS, ids=lambda one: "-".join(map(str, one)))
def desk(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Words]:
    locale, width = request.param
    context = browser.new_context(viewport={"width": width, "height": 800}, locale=locale, reduced_motion="reduce")
    context.set_default_timeout(20_000)
    yield Words(context.new_page(), {key: both[locale != "zh-CN"] for key, both in SAYS.items()})
    context.close()


def staff_token(store: Store) -> str:
    token: str = store.shop.http.post("/api/staff/sessions", json=MANAGER).json()["token"]
    return token


def late(store: Store, order: dict[str, Any]) -> dict[str, Any]:
    """The refund of an order that has not arrived, once it was tried."""
    token = staff_token(store)

    def read() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = call(store.shop, token, "GET", "/api/desk/refunds")
        return [one for one in found if one["order_id"] == order["id"]]

    return dict(wait_for(read, lambda found: len(found) == 1)[0])


def change(store: Store, statement: str, **values: object) -> None:
    """What an hour does to the books."""
    with store.processes.database.engine.begin() as connection:
        connection.execute(text(statement), values)


def unanswered(store: Store) -> dict[str, Any]:
    """An order whose goods came back while its wallet was away; its refund as ``refund_id``."""
    order = buy(store.shop, (MILK, 1))
    store.wallet.kill()
    try:
        body = {"id": str(uuid4()), "lines": [{"line": 1, "quantity": 1}]}
        call(store.shop, staff_token(store), "POST", f"/api/orders/{order['id']}/returns", body)
        return {**order, "refund_id": late(store, order)["id"]}
    finally:
        # The wallet will be there again, and the next try is an hour off: also where one was under way just now.
        for pause_s in (0.5, 0.0):
            change(store, "UPDATE refunds SET due_us = due_us + :by WHERE status = 'pending'", by=HOUR_US)
            time.sleep(pause_s)
        store.wallet.start()


def an_hour_later(store: Store, order: dict[str, Any]) -> None:
    earlier = "UPDATE refunds SET created_us = created_us - :by WHERE refund_id = :id"
    change(store, earlier, by=HOUR_US, id=order["refund_id"])


def arrive_after_all(store: Store, order: dict[str, Any]) -> None:
    """What the store had asked of the wallet gets there, and the store looks after it."""
    with store.processes.database.engine.connect() as connection:
        refund = payments_store.get_refund(connection, order["refund_id"])
        assert refund is not None
        payment = payments_store.get(connection, refund.payment_id)
        assert payment is not None
    asked = RefundRequest(refund_id=refund.refund_id, amount=refund.amount, created_us=refund.created_us)

    async def ask() -> None:
        account = store.wallet.account()
        try:
            assert (await account.refund(asked, payment.charge)).status == "succeeded"
        finally:
            await account.stop()

    with ThreadPoolExecutor(1) as aside:  # a loop runs in this thread already: the browser's
        aside.submit(asyncio.run, ask()).result(20)
    now_us = int(SystemClock().now().timestamp() * 1_000_000)
    change(store, "UPDATE refunds SET due_us = :now WHERE refund_id = :id", now=now_us, id=order["refund_id"])
    token = staff_token(store)
    path = "/api/desk/refunds/given-twice"
    wait_for(lambda: call(store.shop, token, "GET", path), lambda found: _has(found, order))


def _has(found: list[dict[str, Any]], order: dict[str, Any]) -> bool:
    return any(one["order_id"] == order["id"] for one in found)


def cash_from_silent_kiosk(store: Store) -> dict[str, Any]:
    """An order whose cash a kiosk has begun to give back; its refund as ``refund_id``."""
    order = submit(store.shop, (MILK, 1))
    token, kiosk = store.processes.token, "/api/kiosks/kiosk-1"
    payment = {"id": uuid4().hex, "method": "cash", "amount_minor": 1000, "return_to": "order"}
    call(store.shop, token, "POST", f"/api/orders/{order['id']}/payments", payment)
    tendered = {"denomination": "CNY-1000-note", "count": 1, "credited_minor": 1000, "place": "cashbox:notes"}
    body = {
        "kind": "cash.payment", "payment_id": payment["id"], "revision": 1, "outcome": "paid", "currency": "CNY",
        "due_minor": 1000, "rounding_minor": 0, "tendered": [tendered], "dispensed": {}, "debts": [],
    }  # fmt: skip
    journal = uuid4().hex
    told = {"id": f"{journal}:1", "kiosk": "kiosk-1", "journal": journal, "seq": 1, "at_us": 1, "body": body}
    owner = {"Authorization": f"Bearer {token}"}
    store.shop.http.post(f"{kiosk}/reports", json=told, headers=owner).raise_for_status()
    call(store.shop, order["token"], "POST", f"/api/orders/{order['id']}/give-back")
    payouts = call(store.shop, token, "GET", f"{kiosk}/payouts")
    (refund_id,) = [one["refund_id"] for one in payouts if one["order_id"] == order["id"]]
    call(store.shop, token, "POST", f"{kiosk}/payouts/{refund_id}/claim")
    late(store, order)
    return {**order, "refund_id": refund_id}


def at_desk(desk: Words, store: Store, person: dict[str, str] = MANAGER) -> None:
    sign_in(desk.page, store.shop, person, at="#desk/waiting")


@pytest.mark.parametrize(
    ("desk", "back_by"),
    list(zip(SCREENS, ["cash", "bank", "written_off", "cash"], strict=True)),
    indirect=["desk"],
)
def test_what_came_twice_is_settled_and_ended(store: Store, desk: Words, back_by: str) -> None:
    page, says = desk.page, desk.says
    order = unanswered(store)
    at_desk(desk, store)
    expect(desk.row("late", order)).to_contain_text(says["wait"])
    expect(desk.row("late", order).get_by_role("button")).to_have_count(0)
    assert_usable(page)
    an_hour_later(store, order)
    page.reload()
    paid_by = "bank" if back_by == "bank" else "cash"
    sheet = desk.open(desk.row("late", order), "settle")
    send = sheet.get_by_role("button", name=says["gave"])
    sheet.get_by_role("radio", name=says[paid_by]).press("Space")
    expect(send).to_be_disabled()
    sheet.get_by_label(says["why"]).fill("no word for an hour")
    assert_usable(page)
    send.press("Enter")
    desk.noted(f"gave_{paid_by}")
    expect(desk.row("late", order)).to_have_count(0)

    arrive_after_all(store, order)
    page.reload()
    row = desk.row("twice", order)
    expect(row).to_contain_text(ATTENDANT)
    assert_usable(page)
    sheet = desk.open(row, "end")
    is_lost = back_by == "written_off"
    send = sheet.get_by_role("button", name=says["is_lost" if is_lost else "is_back"])
    sheet.get_by_role("radio", name=says[f"back.{back_by}"]).press("Space")
    expect(send).to_be_disabled()
    sheet.get_by_label(says["why_lost" if is_lost else "know"]).fill("told on the phone")
    assert_usable(page)
    send.press("Enter")
    desk.noted(f"ended.{back_by}")
    expect(row).to_have_count(0)
    assert told_of(store, "payment.given_twice_ended", order) == {
        "by": ATTENDANT,
        "back_by": back_by,
        "reason": "told on the phone",
    }


def told_of(store: Store, kind: str, order: dict[str, Any]) -> dict[str, Any]:
    """Who said what of an order's refund, as the journal has it."""
    with store.processes.database.engine.connect() as connection:
        rows = connection.execute(text("SELECT data FROM journal WHERE kind = :kind"), {"kind": kind}).scalars()
        all_told = [json.loads(data) for data in rows]
    (told,) = [one for one in all_told if one.get("refund_id") == order["refund_id"]]
    return {name: told[name] for name in ("by", "back_by", "reason")}


def test_a_silent_kiosk_is_freed_and_its_cash_handed_over(store: Store, desk: Words) -> None:
    page, says = desk.page, desk.says
    order = cash_from_silent_kiosk(store)
    change(store, "UPDATE devices SET seen_us = :now", now=int(SystemClock().now().timestamp() * 1_000_000))
    at_desk(desk, store)
    expect(desk.row("late", order)).to_contain_text(says["kiosk_wait"])
    expect(desk.row("late", order).get_by_role("button")).to_have_count(0)
    assert_usable(page)
    change(store, "UPDATE devices SET seen_us = seen_us - :by", by=HOUR_US)
    page.reload()
    sheet = desk.open(desk.row("late", order), "release")
    send = sheet.get_by_role("button", name=says["free"])
    expect(send).to_be_disabled()
    sheet.get_by_label(says["know_tray"]).fill("its tray is empty")
    with page.expect_response("**/api/desk/refunds"):  # the lists are read anew, and what was said stays said
        buy(store.shop, (MILK, 1))
    assert_usable(page)
    send.press("Enter")
    desk.noted("freed")
    sheet = desk.open(desk.row("late", order), "by_hand")
    assert_usable(page)
    sheet.get_by_role("button", name=says["handed"]).press("Enter")
    desk.noted("handed_done")
    expect(desk.row("late", order)).to_have_count(0)


@pytest.mark.parametrize("desk", SCREENS[:2], indirect=True)
def test_what_a_role_may_not_is_told(store: Store, desk: Words) -> None:
    order = unanswered(store)
    an_hour_later(store, order)
    at_desk(desk, store, HELPER)
    row = desk.row("late", order)
    expect(row).to_contain_text(desk.says["not_yours"])
    expect(row.get_by_role("button")).to_have_count(0)
    settle(store, order)
    arrive_after_all(store, order)
    desk.page.reload()
    row = desk.row("twice", order)
    expect(row).to_contain_text(desk.says["not_yours"])
    expect(row.get_by_role("button")).to_have_count(0)
    assert_usable(desk.page)


def settle(store: Store, order: dict[str, Any]) -> None:
    body = {"paid_by": "cash", "reason": "no word"}
    call(store.shop, staff_token(store), "POST", f"/api/desk/refunds/{order['refund_id']}/settle", body)


@pytest.mark.parametrize("desk", SCREENS[2:3], indirect=True)
def test_what_a_colleague_has_ended_meanwhile_is_told(store: Store, desk: Words) -> None:
    """The sheet is open on one screen while somebody else says it on another."""
    order = unanswered(store)
    an_hour_later(store, order)
    settle(store, order)
    arrive_after_all(store, order)
    at_desk(desk, store)
    sheet = desk.open(desk.row("twice", order), "end")
    sheet.get_by_role("radio", name=desk.says["back.cash"]).press("Space")
    sheet.get_by_label(desk.says["know"]).fill("it is in the drawer")
    path, body = f"/api/desk/refunds/{order['refund_id']}/given-twice", {"back_by": "cash", "reason": "mine"}
    call(store.shop, staff_token(store), "POST", path, body)
    with suppress(PlaywrightTimeout):  # the screen may have heard of it first: then there is no sheet any more
        sheet.get_by_role("button", name=desk.says["is_back"]).press("Enter", timeout=2_000)
    expect(desk.page.get_by_role("dialog")).to_have_count(0)
    expect(desk.row("twice", order)).to_have_count(0)
    assert told_of(store, "payment.given_twice_ended", order)["reason"] == "mine"
