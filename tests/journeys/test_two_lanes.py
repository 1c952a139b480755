"""Calls that it takes two lanes for, in a real browser: an exception that goes on in a bay with a scale and a gate of
its own, and an order that is bound to a lane that is cut off.

Server, lane, bay, wallet and each simulated device are processes of their own, and their screens the real ones.
"""

import re
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from playwright.sync_api import BrowserContext, Page, expect
from tests.journeys.test_calls import told
from tests.journeys.test_visits import PAY, SUBMIT, scan, start_shopping
from tests.support.browsers import Shop
from tests.support.running_lane import LaneVisit, running_lane
from tests.support.running_store import ATTENDANT, PIN, Processes
from tests.support.service_desk import assert_usable, sign_in
from tests.support.stores import MILK
from tests.support.wallets import MERCHANT, running_wallet

pytestmark = pytest.mark.browser
MANAGER = {"name": ATTENDANT, "pin": PIN}
MILK_G, TEA_G = 1060, 528
OF_LANE = 'data_dir = "lane"\nside_bay = "bay"\nside_bay_after_s = 1\n'
OF_SERVER = """
[[payments.providers]]
id = "sandbox"
kind = "sandbox_wallet"
zh = "沙盒钱包"
en = "Sandbox wallet"
url = "{url}"
merchant_id = "{merchant}"
private_key_file = "{key}"
provider_public_key_file = "{wallet_key}"
"""


class Place:
    """A lane, its hands and its screen. What they do runs in a loop of its own: the browser's runs in this thread."""

    def __init__(self, portal: BlockingPortal, visit: LaneVisit, url: str) -> None:
        self.visit, self.url = visit, url
        self._portal = portal

    def do(self, work: Callable[..., Coroutine[Any, Any, Any]], *given: Any, **named: Any) -> Any:
        return self._portal.call(partial(work, *given, **named))

    def show(self, code: str) -> None:
        self.do(self.visit.scanner.ask, scan=code)

    def until(self, *states: str, prompt: str | None = None) -> dict[str, Any]:
        found: dict[str, Any] = self.do(self.visit.until, *states, prompt=prompt)
        return found

    def lay(self, *weights_g: float) -> None:
        self.do(self.visit.lay, *weights_g)

    def walk(self) -> None:
        self.do(self.visit.walk)

    def gate_mark(self) -> int:
        found: int = self.do(self.visit.gate_mark)
        return found

    def lettings_out(self, since: int) -> int:
        found: int = self.do(self.visit.lettings_out, since)
        return found


class Floor(NamedTuple):
    processes: Processes
    shop: Shop
    lane: Place
    bay: Place


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    directory = tmp_path_factory.mktemp("two-lanes")
    url = f"sqlite:///{directory}/store.db"
    with ExitStack() as stack:
        wallet = stack.enter_context(running_wallet(directory / "wallet"))
        keys = {"key": wallet.merchant_key, "wallet_key": wallet.announced["public_key_file"]}
        of_server = OF_SERVER.format(url=wallet.url, merchant=MERCHANT, **keys)
        processes = stack.enter_context(
            running_lane(directory, url, of_lane=OF_LANE, of_server=of_server, beside={"bay": 'name = "2"\n'})
        )
        portal = stack.enter_context(start_blocking_portal())
        shop = Shop(f"http://127.0.0.1:{processes.server_port}", url)
        stack.callback(shop.http.close)

        def place(beside: str, port: int) -> Place:
            visit = stack.enter_context(portal.wrap_async_context_manager(LaneVisit(processes, beside)))
            found = Place(portal, visit, f"http://127.0.0.1:{port}/")
            found.until("idle")
            return found

        lane, bay = place("", processes.station_port), place("bay", processes.beside["bay"].port)
        yield Floor(processes, shop, lane, bay)


def buy(page: Page, shop: Shop) -> str:
    """Milk, scanned and paid on the handset; the pass that it shows."""
    start_shopping(page, shop)
    scan(page, {"code": MILK, "name_zh": "纯牛奶 1 升"})
    page.get_by_role("button", name=SUBMIT).click()
    page.get_by_role("button", name=PAY).click()
    page.wait_for_url("**/pay/**")
    page.get_by_role("button", name=PAY).first.click()
    page.wait_for_url("**/handset/**")
    return shown_pass(page)


def shown_pass(page: Page) -> str:
    shown = page.locator("main.pass [data-code]")
    expect(shown).to_be_visible()
    return str(shown.get_attribute("data-code"))


def test_what_is_cleared_in_a_bay_with_a_gate_leaves_by_that_gate(floor: Floor, phone: BrowserContext) -> None:
    handset, lane, bay, console = (phone.new_page() for _ in range(4))
    lane.goto(floor.lane.url)
    bay.goto(floor.bay.url)
    mark = floor.bay.gate_mark()
    floor.lane.show(buy(handset, floor.shop))
    number = floor.lane.until("loading")["order"]["number"]
    floor.lane.lay(MILK_G, TEA_G)
    expect(lane.get_by_text("请带商品到旁边的服务位")).to_be_visible()
    floor.lane.lay()
    expect(handset.get_by_text("请带商品到旁边的服务位")).to_be_visible()
    shown_pass(handset)  # the bay wants to see it
    assert_usable(handset)

    sign_in(console, floor.shop, MANAGER, at="#floor")
    call = console.get_by_role("button", name=re.compile("重量不符")).first
    expect(call).to_contain_text("服务位")
    call.click()
    expect(console.get_by_role("region", name="呼叫详情")).to_contain_text(" ".join(re.findall("...", number)))
    assert_usable(console)
    console.get_by_role("button", name="放行", exact=True).click()
    console.get_by_role("button", name="看过了，商品都对").click()
    expect(console.get_by_role("button", name=re.compile("重量不符"))).to_have_count(0)

    expect(bay.get_by_text("请出示出场码")).to_be_visible()
    assert floor.bay.lettings_out(mark) == 0
    floor.bay.show(shown_pass(handset))  # it does not say yet that the way is free
    floor.bay.until("open")
    expect(bay.get_by_text("谢谢，请拿好商品，慢走")).to_be_visible()
    expect(handset.get_by_text("可以走了，请慢走")).to_be_visible()
    floor.bay.walk()
    expect(handset.get_by_text("谢谢光临，祝您生活愉快")).to_be_visible()
    floor.bay.until("idle")
    assert floor.bay.lettings_out(mark) == 1
    floor.lane.until("idle", prompt="welcome")  # for a moment it goes on showing the way to the bay


def test_what_fits_at_the_bay_leaves_by_itself(floor: Floor, phone: BrowserContext) -> None:
    """The shopper has the order's page only, and finds what was too much on the way to the bay."""
    order = floor.lane.do(floor.lane.visit.buy, MILK)
    page, bay = phone.new_page(), phone.new_page()
    page.goto(f"{floor.shop.url}/o/{order['qr']['url'].rpartition('/')[2]}")
    bay.goto(floor.bay.url)
    shown = page.locator("[data-code]")
    expect(shown).to_be_visible()
    floor.lane.show(str(shown.get_attribute("data-code")))
    expect(page.get_by_text("已经到出口通道，请看通道屏幕")).to_be_visible()
    floor.lane.until("loading")
    floor.lane.lay(MILK_G, TEA_G)
    expect(page.get_by_text("请带商品到旁边的服务位")).to_be_visible()
    assert_usable(page)
    floor.lane.lay()
    floor.bay.show(str(shown.get_attribute("data-code")))
    expect(bay.get_by_text("请把商品放到传送带上")).to_be_visible()
    expect(page.get_by_text("已经到出口通道，请看通道屏幕")).to_be_visible()
    floor.bay.lay(MILK_G)
    expect(bay.get_by_text("谢谢，请拿好商品，慢走")).to_be_visible()
    floor.bay.walk()
    expect(page.get_by_text("谢谢光临，慢走")).to_be_visible()
    floor.bay.until("idle")
    assert told(floor.shop, "exit.released", order)["lane"] == "bay"


def test_an_order_of_a_lane_that_is_cut_off_waits_for_a_look_there(floor: Floor, phone: BrowserContext) -> None:
    order, another = (floor.lane.do(floor.lane.visit.buy_bound, MILK) for _ in range(2))
    bay, console = phone.new_page(), phone.new_page()
    bay.goto(floor.bay.url)
    marks = floor.lane.gate_mark(), floor.bay.gate_mark()
    floor.processes.kill("lane")
    try:
        floor.bay.show(order["pass"])
        floor.bay.until("loading")
        floor.bay.lay(MILK_G)
        expect(bay.get_by_text("店员马上就来，请稍等")).to_be_visible()
        sign_in(console, floor.shop, MANAGER, at="#floor")
        console.get_by_role("button", name=re.compile("断网通道的订单")).first.click()
        expect(console.get_by_text("绑定在 1 号通道")).to_be_visible()
        assert_usable(console)
        console.get_by_role("button", name="放行", exact=True).click()
        console.get_by_role("button", name="看过了，没有从那里出场").click()
        floor.bay.until("open")
        floor.bay.walk()
        floor.bay.until("idle")
        # Who has seen once that the lane is dead need not look again for each of its orders.
        floor.bay.show(another["pass"])
        floor.bay.until("loading")
        floor.bay.lay(MILK_G)
        console.get_by_role("button", name=re.compile("断网通道的订单")).first.click()
        dead = console.get_by_role("button", name="1 号通道已经关掉")
        expect(dead).to_be_visible(timeout=60_000)  # as soon as it has been silent for long enough
        assert_usable(console)
        dead.click()
        floor.bay.until("open")
        floor.bay.walk()
        floor.bay.until("idle")
    finally:
        floor.processes.start("lane")
    floor.lane.until("idle", prompt="welcome")
    answer = told(floor.shop, "call.answered", order)
    assert (answer["action"], answer["answered_by"]) == ("let_go", ATTENDANT)
    floor.lane.show(order["pass"])
    floor.lane.until("idle", prompt="pass_used")
    assert (floor.lane.lettings_out(marks[0]), floor.bay.lettings_out(marks[1])) == (0, 2)
