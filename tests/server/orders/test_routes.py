"""Orders: what was submitted stays as it was; there is one order a trip; an unpaid one can be given up."""

import asyncio
import re

import httpx
import pytest
from tests.support.stores import APPLES_512_G, BEER, MILK, TEA, WINE, Handset, reopen

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.errors import Busy
from unqueue.kernel.ids import is_order_number
from unqueue.server.app import MerchantServer
from unqueue.server.orders import store as orders_store

pytestmark = pytest.mark.anyio


async def filled(handset: Handset) -> None:
    await handset.scan(TEA, quantity=2)
    await handset.scan(BEER)
    await handset.scan(APPLES_512_G)


async def test_an_order_has_a_number_one_can_type_and_one_qr(handset: Handset) -> None:
    await filled(handset)
    order = await handset.submit()
    assert is_order_number(order["number"])
    assert order["qr"]["url"] == f"https://store.example/o/{order['token']}"
    assert order["qr"]["svg"].startswith("<svg")
    assert order["status"] == "open"
    assert order["basket"]["status"] == "submitted"
    assert order["total"] == order["basket"]["total"]
    # 2 teas, the second at half price, 0.20 deposit; a beer and 0.50 deposit; apples 5.11
    assert order["total"]["amount_minor"] == 450 + 225 + 20 + 600 + 50 + 511


async def test_submitting_again_gives_the_same_order(handset: Handset, store: MerchantServer) -> None:
    await filled(handset)
    first = await handset.submit()
    assert await handset.submit(status=200) == first
    store.trips.forget(handset.trip)
    assert await handset.submit(status=200) == first


async def test_many_submits_at_once_make_one_order(handset: Handset) -> None:
    await filled(handset)
    answers = await asyncio.gather(*(handset.http.post(f"/api/trips/{handset.trip}/order") for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["number"] for answer in answers}) == 1


async def test_a_submitted_basket_is_frozen(handset: Handset) -> None:
    await filled(handset)
    order = await handset.submit()
    assert (await handset.scan(MILK, status=409))["code"] == "trip_frozen"
    problem = await handset.call("DELETE", f"/api/trips/{handset.trip}/lines/1", status=409)
    assert problem["code"] == "trip_frozen"
    assert (await handset.call("GET", f"/api/orders/{order['id']}"))["basket"] == order["basket"]


async def test_an_empty_basket_makes_no_order(handset: Handset) -> None:
    assert (await handset.submit(status=409))["code"] == "basket_empty"


async def test_going_back_closes_the_order_and_the_next_one_is_another(handset: Handset) -> None:
    await filled(handset)
    first = await handset.submit()
    basket = await handset.call("POST", f"/api/trips/{handset.trip}/reopen")
    assert basket["status"] == "shopping"
    assert (await handset.call("GET", f"/api/orders/{first['id']}"))["status"] == "closed"
    await handset.scan(MILK)
    second = await handset.submit()
    assert second["number"] != first["number"]
    assert second["token"] != first["token"]
    assert second["basket_hash"] != first["basket_hash"]


async def test_the_hash_names_the_basket_and_its_prices(handset: Handset) -> None:
    await handset.scan(TEA)
    one = await handset.submit()
    await handset.call("POST", f"/api/trips/{handset.trip}/reopen")
    again = await handset.submit()
    assert again["basket_hash"] == one["basket_hash"]
    assert re.fullmatch("[0-9a-f]{64}", one["basket_hash"])


async def test_an_order_outlives_its_server(handset: Handset, store: MerchantServer) -> None:
    await filled(handset)
    order = await handset.submit()
    async with reopen(store) as (other, _):
        there = Handset(other)
        other.headers.update(handset.http.headers)
        assert await there.call("GET", f"/api/orders/{order['id']}") == order


async def test_who_may_read_an_order(handset: Handset, http: httpx.AsyncClient) -> None:
    await handset.scan(WINE)
    order = await handset.submit()
    path = f"/api/orders/{order['id']}"
    reader = Handset(http)
    await reader.call("GET", path, status=401)
    http.headers["Authorization"] = f"Bearer {order['token']}"
    assert await reader.call("GET", path) == order
    assert await reader.call("GET", "/api/orders/current") == order
    await reader.call("GET", f"/api/trips/{handset.trip}", status=404)
    http.headers["Authorization"] = f"Bearer {order['token'][:-1]}x"
    await reader.call("GET", path, status=401)
    await reader.start()
    await reader.call("GET", path, status=404)
    await reader.call("GET", "/api/orders/current", status=404)


async def test_an_order_that_nobody_pays_expires_and_its_basket_comes_back(
    handset: Handset, store: MerchantServer, clock: ManualClock
) -> None:
    await filled(handset)
    order = await handset.submit()
    clock.advance(29 * 60)
    assert await store.orders.expire() == 0
    clock.advance(2 * 60)
    assert await store.orders.expire() == 1
    assert (await handset.call("GET", f"/api/orders/{order['id']}"))["status"] == "closed"
    assert (await handset.basket())["status"] == "shopping"
    assert await store.orders.expire() == 0


async def test_the_lines_keep_what_the_way_out_needs(handset: Handset, store: MerchantServer) -> None:
    await filled(handset)
    await handset.scan(WINE)
    order = await handset.submit()
    lines = await store.database.read(lambda connection: orders_store.lines(connection, order["id"]))
    kept = {line.product_id: line for line in lines}
    assert (kept["tea"].weight_g_expected, kept["tea"].weight_g_sd, kept["tea"].tag) == (528, 3.0, "none")
    assert kept["apples"].weight_g_expected == 512 + 5
    assert (kept["wine"].tag, kept["wine"].age_limit) == ("EAS", 18)
    assert sum(line.total_minor for line in lines) == order["total"]["amount_minor"]


async def test_looking_for_expired_orders_outlives_a_database_that_is_away(
    store: MerchantServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looked = asyncio.Event()
    troubles = [Busy()]

    async def look() -> int:
        if troubles:
            raise troubles.pop()
        looked.set()
        return 0

    monkeypatch.setattr("unqueue.server.orders.service.EXPIRY_LOOK_S", 0.01)
    monkeypatch.setattr(store.orders, "expire", look)
    watching = asyncio.create_task(store.orders.watch())
    async with asyncio.timeout(10):
        await looked.wait()
    watching.cancel()
    assert "looking for expired orders failed" in caplog.text
