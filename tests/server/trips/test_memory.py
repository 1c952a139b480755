"""A trip is kept in memory: it must be the trip of the journal, whatever happened to the one or the other."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.support.stores import APPLES_512_G, BEER, MILK, TEA, Handset, reopen

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.database import Transaction
from unqueue.server.app import MerchantServer
from unqueue.server.catalogue.importing import import_products
from unqueue.server.catalogue.model import Product
from unqueue.server.trips import store as trips_store

pytestmark = pytest.mark.anyio


async def test_those_who_waited_for_a_write_that_failed_go_on_with_one_state(
    store: MerchantServer, handset: Handset, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = trips_store.insert_action

    def fail_first(tx: Transaction, trip_id: str, action_id: str, *more: Any, **others: Any) -> None:
        if action_id == f"{0:032x}":
            raise ZeroDivisionError("a fault of ours")
        insert(tx, trip_id, action_id, *more, **others)

    monkeypatch.setattr(trips_store, "insert_action", fail_first)
    path = f"/api/trips/{handset.trip}/scans"
    codes = (MILK, TEA, BEER, TEA, BEER)
    fails, *wait, comes_later = [{"id": f"{number:032x}", "code": code} for number, code in enumerate(codes)]
    failing = asyncio.create_task(handset.http.post(path, json=fails))
    waiting = [asyncio.create_task(handset.http.post(path, json=body)) for body in wait]
    assert (await failing).status_code == 500
    later = await handset.http.post(path, json=comes_later)  # finds no trip in memory, while three still wait
    assert [answer.status_code for answer in (*await asyncio.gather(*waiting), later)] == [200] * 4
    in_memory = await handset.basket()
    store.trips.forget(handset.trip)
    assert await handset.basket() == in_memory
    assert sum(line["quantity"] for line in in_memory["lines"]) == 4


async def test_what_was_scanned_costs_what_it_did_whatever_becomes_of_the_product(
    store: MerchantServer, handset: Handset, tmp_path: Path
) -> None:
    await handset.scan(APPLES_512_G)
    before = (await handset.scan(BEER))["basket"]
    changed = tmp_path / "changed.csv"
    header = "gtin,store_item,unit_price,sold_by,deposit,tax_rate"
    changed.write_text(f"{header}\n,2100001,1.00,weight,,13\n{BEER},,9.00,piece,2.00,9\n")
    assert import_products(store.database, changed, currency="CNY", actor="test").changed == 2
    async with reopen(store) as (http, _):
        after = await http.get(f"/api/trips/{handset.trip}", headers=handset.http.headers)
        assert after.json() == before


async def test_what_becomes_of_an_order_while_its_trip_is_read_is_not_missed(
    store: MerchantServer, handset: Handset, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await handset.scan(MILK)
    await handset.submit()
    store.trips.forget(handset.trip)
    find, reading, go_on = store.catalogue.find, asyncio.Event(), asyncio.Event()

    async def find_slowly(gtin: str) -> Product | None:
        reading.set()
        await go_on.wait()
        return await find(gtin)

    monkeypatch.setattr(store.catalogue, "find", find_slowly)
    loading = asyncio.create_task(store.trips.live(handset.trip))
    await reading.wait()
    clock.advance(3_600)
    assert await store.orders.expire() == 1
    go_on.set()
    assert ((await loading).trip.status, (await loading).trip.order_id) == ("shopping", None)


async def test_a_visit_that_is_over_leaves_no_memory(store: MerchantServer, handset: Handset) -> None:
    order = await handset.submit() if (await handset.scan(MILK)) else {}
    record = {"trip_id": handset.trip, "order_id": order["id"], "status": "left"}
    await store.database.unit(lambda tx: tx.record("order.left", f"order:{order['id']}", "test", record))
    assert handset.trip not in store.trips._live
    assert (await handset.basket())["item_count"] == 1
