"""Codes that people guess: after many unknown ones the looking pauses, for coupons and for members' cards."""

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from tests.server.coupons.baskets import amount, offer
from tests.support.applications import application
from tests.support.stores import MILK, TEA, Handset

from unqueue.kernel.clock import ManualClock, micros
from unqueue.kernel.money import Money
from unqueue.server.app import MerchantServer
from unqueue.server.coupons.guessing import ADDRESS_MAX, VISIT_MAX
from unqueue.server.stored_value import store as cards
from unqueue.server.stored_value.service import NewCard, code_hash, issue

pytestmark = pytest.mark.anyio
UNKNOWN_PRODUCT = "4006381333948"
CARD = "2990001234567"
Visitor = Callable[..., Awaitable[Handset]]


@pytest.fixture
def visitor(store: MerchantServer) -> Visitor:
    """Another shopper, at an address."""
    app = application(store)

    async def start(address: str) -> Handset:
        transport = httpx.ASGITransport(app, client=(address, 5000))
        one = Handset(httpx.AsyncClient(transport=transport, base_url="https://store.example"))
        await one.start()
        return one

    return start


async def batch(handset: Handset, codes: list[str]) -> dict[str, Any]:
    body = {"id": str(uuid.uuid4()), "add": [{"code": code} for code in codes]}
    return await handset.call("POST", f"/api/trips/{handset.trip}/lines:batch", body)


def wrong(count: int) -> list[str]:
    return [f"GUESS{number:04}" for number in range(count)]


async def test_a_visit_guesses_only_so_often_and_goods_go_on(
    handset: Handset, store: MerchantServer, clock: ManualClock
) -> None:
    offer(store.database, amount("a", 100))
    answer = await batch(handset, [*wrong(50), "C00A", MILK])
    told = [one["problem"]["code"] for one in answer["refused"]]
    assert told == ["code_malformed"] * 20 + ["too_many_guesses"] * 31
    problem = await handset.scan("C00A", status=429)
    assert (problem["code"], problem["permanent"]) == ("too_many_guesses", True), "a handset drops it, and goes on"
    assert problem["retry_after_s"] > 0
    await handset.scan(TEA)
    assert (await handset.scan(UNKNOWN_PRODUCT, status=404))["code"] == "product_unknown"
    clock.advance(301)
    assert (await handset.scan("C00A"))["coupon"]["coupon_id"] == "a"


async def test_honest_mistakes_and_goods_count_for_nothing(handset: Handset, store: MerchantServer) -> None:
    offer(store.database, *(amount(f"a{number}", 100) for number in range(5)))
    await batch(handset, [UNKNOWN_PRODUCT] * 60)
    for code in wrong(10):
        await handset.scan(code, status=422)
    for number in range(5):
        await handset.scan(f"C0A{number}")
    assert len((await handset.basket())["coupons"]) == 5


async def test_an_address_guesses_only_so_often_over_all_its_visits(store: MerchantServer, visitor: Visitor) -> None:
    offer(store.database, amount("a", 100))
    for _ in range(ADDRESS_MAX // VISIT_MAX):
        await batch(await visitor("203.0.113.5"), wrong(VISIT_MAX))
    assert (await (await visitor("203.0.113.5")).scan("C00A", status=429))["code"] == "too_many_guesses"
    assert (await (await visitor("203.0.113.6")).scan("C00A"))["coupon"]["coupon_id"] == "a"


async def test_an_order_guesses_no_more_than_its_visit(handset: Handset, store: MerchantServer) -> None:
    offer(store.database, amount("a", 100))
    await handset.scan(MILK)
    order = await handset.submit()
    path = f"/api/orders/{order['id']}/coupons"
    good = {"id": str(uuid.uuid4()), "code": "C00A"}
    for code in wrong(19):
        await handset.call("POST", path, {"id": str(uuid.uuid4()), "code": code}, status=404)
    first = await handset.call("POST", path, good)
    await handset.call("POST", path, {"id": str(uuid.uuid4()), "code": "ONEMORE"}, status=404)
    refused = await handset.call("POST", path, {"id": str(uuid.uuid4()), "code": "C00A"}, status=429)
    assert refused["code"] == "too_many_guesses"
    assert await handset.call("POST", path, good) == first, "what was done is no guess"


async def give_card(store: MerchantServer, *, expires_us: int | None = None) -> str:
    wanted = NewCard([CARD], "member", Money(0, "CNY"), "lee", expires_us)
    card_id = uuid.uuid4().hex
    await store.database.unit(lambda tx: issue(tx, wanted, card_id, "staff:an"))
    return card_id


async def test_a_members_card_is_not_found_by_trying(store: MerchantServer, http: httpx.AsyncClient) -> None:
    await give_card(store)
    for number in range(5):
        await Handset(http).call("POST", "/api/trips", {"member": f"29900099999{number:02}"}, status=422)
    refused = await Handset(http).call("POST", "/api/trips", {"member": CARD}, status=429)
    assert refused["code"] == "too_many_guesses"
    await Handset(http).start()


@pytest.mark.parametrize("why", ["blocked", "expired"])
async def test_a_card_that_is_no_longer_good_names_nobody(
    store: MerchantServer, http: httpx.AsyncClient, clock: ManualClock, why: str
) -> None:
    card_id = await give_card(store, expires_us=micros(clock.now()) + 60_000_000)
    assert await store.members.name(CARD) is not None
    if why == "blocked":
        await store.database.unit(lambda tx: cards.set_status(tx, card_id, "blocked"))
    else:
        clock.advance(61)
    assert await store.members.name(CARD) is None
    assert store.database.read_now(lambda connection: cards.by_code(connection, code_hash(CARD))) is not None
    problem = await Handset(http).call("POST", "/api/trips", {"member": CARD}, status=422)
    assert problem["code"] == "member_card_invalid"
