"""The trip's HTTP contract: scans are durable, resends are the same scan, and nobody reads another's basket."""

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from tests.server.coupons.baskets import amount, offer
from tests.support.stores import APPLES_512_G, BEER, CHEESE, MILK, RECALLED, TEA, WINE, WITHDRAWN, Handset, reopen

from unqueue.kernel import journal
from unqueue.server.app import MerchantServer
from unqueue.server.trips import store as trips_store

pytestmark = pytest.mark.anyio


def yuan(amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "CNY"}


async def test_a_scan_answers_the_line_and_the_whole_priced_basket(handset: Handset) -> None:
    answer = await handset.scan(MILK, quantity=2, symbology="ean_13")
    line, basket = answer["line"], answer["basket"]
    assert line["line"] == 1
    assert (line["name_zh"], line["name_en"], line["quantity"]) == ("纯牛奶 1 升", "Milk 1 l", 2)
    assert line["unit_price"] == yuan(1290)
    assert line["subtotal"] == yuan(2580)
    assert basket["lines"] == [line]
    assert basket["item_count"] == 2
    assert basket["total"]["amount_minor"] == sum(
        sign * basket[part]["amount_minor"] for sign, part in ((1, "subtotal"), (-1, "discount"), (1, "deposit"))
    )


async def test_the_same_goods_share_a_line_and_weighed_goods_do_not(handset: Handset) -> None:
    await handset.scan(MILK)
    await handset.scan(f"0{MILK}"[-13:])
    await handset.scan(APPLES_512_G)
    basket = (await handset.scan(APPLES_512_G))["basket"]
    assert [(line["product_id"], line["quantity"], line["weight_g"]) for line in basket["lines"]] == [
        ("milk", 2, None),
        ("apples", 1, 512),
        ("apples", 1, 512),
    ]
    assert basket["lines"][1]["subtotal"] == yuan(511)  # 9.98 a kilogram × 0.512 kg = 5.10976


@pytest.mark.parametrize(
    "code", [f"(01)0{MILK}(3922)000001", f"https://id.gs1.org/01/0{MILK}?3922=000001", f"(01)0{MILK}(3103)000001"]
)
async def test_nobody_types_a_price_for_a_piece(handset: Handset, code: str) -> None:
    line = (await handset.scan(code))["line"]
    assert (line["subtotal"], line["weight_g"], line["quantity"]) == (yuan(1290), None, 1)
    assert (await handset.scan(MILK))["line"]["quantity"] == 2


async def test_a_deposit_is_added_per_bottle_and_an_age_limit_shown(handset: Handset) -> None:
    basket = (await handset.scan(BEER, quantity=3))["basket"]
    assert basket["deposit"] == yuan(150)
    assert basket["total"] == yuan(3 * 600 + 150)
    assert basket["age_limit"] == 18


async def test_a_scan_sent_again_gets_the_same_answer_and_changes_nothing(handset: Handset) -> None:
    body = {"id": str(uuid.uuid4()), "code": MILK}
    path = f"/api/trips/{handset.trip}/scans"
    first = await handset.call("POST", path, body)
    await handset.scan(TEA)
    for spelling in (body, {**body, "id": body["id"].replace("-", "").upper()}):
        assert await handset.call("POST", path, spelling) == first
    assert (await handset.basket())["item_count"] == 2


async def test_a_resend_gets_the_same_answer_from_a_server_that_was_started_anew(
    handset: Handset, store: MerchantServer
) -> None:
    body = {"id": str(uuid.uuid4()), "code": MILK}
    path = f"/api/trips/{handset.trip}/scans"
    first = await handset.call("POST", path, body)
    await handset.scan(MILK)
    store.trips.forget(handset.trip)
    assert await handset.call("POST", path, body) == first


async def test_the_same_id_with_another_body_is_a_conflict(handset: Handset) -> None:
    body = {"id": str(uuid.uuid4()), "code": MILK}
    path = f"/api/trips/{handset.trip}/scans"
    await handset.call("POST", path, body)
    for other in ({"code": TEA}, {"quantity": 2}, {"at": "2026-01-01T00:00:00Z"}):
        problem = await handset.call("POST", path, {**body, **other}, status=409)
        assert problem["code"] == "scan_conflict"
    batch = {"id": body["id"], "add": [{"code": MILK}]}
    assert (await handset.call("POST", f"/api/trips/{handset.trip}/lines:batch", batch, status=409))["code"]
    assert (await handset.basket())["item_count"] == 1


@pytest.mark.parametrize(
    ("code", "status", "problem"),
    [
        ("not a code", 422, "code_malformed"),
        ("6901234567893", 422, "check_digit_wrong"),
        ("4012345678901", 404, "product_unknown"),
        (RECALLED, 409, "product_recalled"),
        (WITHDRAWN, 409, "product_withdrawn"),
        (f"01{MILK:0>14}17260301", 409, "product_expired"),
        (f"01{MILK:0>14}15260301", 409, "product_expired"),
        ("02100001000004", 422, "weight_needed"),
    ],
)
async def test_each_refused_code_says_why_in_both_languages_and_changes_nothing(
    handset: Handset, code: str, status: int, problem: str
) -> None:
    answer = await handset.scan(code, status=status)
    assert answer["code"] == problem
    assert answer["type"] == f"/problems/{problem}"
    assert answer["status"] == status
    assert answer["zh"]
    assert answer["en"]
    assert (await handset.basket())["lines"] == []


@pytest.mark.parametrize("quantity", [0, -1, 1000, 10**30, 1.5, "two", None, True])
async def test_only_whole_sensible_quantities_are_taken(handset: Handset, quantity: Any) -> None:
    answer = await handset.call(
        "POST",
        f"/api/trips/{handset.trip}/scans",
        {"id": str(uuid.uuid4()), "code": MILK, "quantity": quantity},
        status=422 if type(quantity) is int else 400,
    )
    assert answer["code"] in {"quantity_invalid", "invalid_request"}
    assert (await handset.basket())["lines"] == []


async def test_what_a_client_says_of_prices_is_ignored(handset: Handset) -> None:
    answer = await handset.scan(MILK, unit_price={"amount_minor": 1, "currency": "CNY"}, price_minor=1, discount=1290)
    assert answer["line"]["unit_price"] == yuan(1290)


async def test_lines_are_changed_and_deleted_and_their_numbers_never_reused(handset: Handset) -> None:
    await handset.scan(MILK)
    await handset.scan(TEA)
    lines = f"/api/trips/{handset.trip}/lines"
    changed = await handset.call("PATCH", f"{lines}/1", {"quantity": 5})
    assert changed["line"]["quantity"] == 5
    deleted = await handset.call("DELETE", f"{lines}/1")
    assert deleted["line"] is None
    assert [line["line"] for line in deleted["basket"]["lines"]] == [2]
    assert (await handset.call("DELETE", f"{lines}/1", status=404))["code"] == "line_unknown"
    assert (await handset.call("PATCH", f"{lines}/2", {"quantity": 0}, status=422))["code"] == "quantity_invalid"
    assert (await handset.scan(MILK))["line"]["line"] == 3


async def test_a_batch_adds_sets_and_deletes_in_one_go(handset: Handset) -> None:
    await handset.scan(MILK)
    await handset.scan(TEA)
    body = {
        "id": str(uuid.uuid4()),
        "add": [{"code": CHEESE, "quantity": 3}, {"code": "nonsense"}, {"code": CHEESE}],
        "set": [{"line": 2, "quantity": 4}],
        "delete": [1],
    }
    path = f"/api/trips/{handset.trip}/lines:batch"
    answer = await handset.call("POST", path, body)
    assert [(line["product_id"], line["quantity"]) for line in answer["basket"]["lines"]] == [("tea", 4), ("cheese", 4)]
    assert [(entry["code"], entry["problem"]["code"]) for entry in answer["refused"]] == [
        ("nonsense", "code_malformed")
    ]
    assert await handset.call("POST", path, body) == answer


@pytest.mark.parametrize("code", ["nonsense", MILK])
async def test_a_batch_sent_again_tells_again_what_was_refused(
    handset: Handset, store: MerchantServer, code: str
) -> None:
    body = {"id": str(uuid.uuid4()), "add": [{"code": code}, {"code": "C00A"}, {"code": RECALLED}]}
    path = f"/api/trips/{handset.trip}/lines:batch"
    answer = await handset.call("POST", path, body)
    assert [entry["code"] for entry in answer["refused"]][-2:] == ["C00A", RECALLED]
    offer(store.database, amount("a", 100))  # it would be taken now
    assert await handset.call("POST", path, body) == answer
    store.trips.forget(handset.trip)
    assert await handset.call("POST", path, body) == answer
    events = store.database.read_now(journal.read)
    assert [event.data for event in events if event.stream.startswith("trip:") and "C00A" in event.data] == [], (
        "a code may be worth money"
    )


async def test_a_batch_with_an_unknown_line_changes_nothing(handset: Handset) -> None:
    await handset.scan(MILK)
    body = {"id": str(uuid.uuid4()), "add": [{"code": TEA}], "delete": [1, 7]}
    await handset.call("POST", f"/api/trips/{handset.trip}/lines:batch", body, status=404)
    assert [line["product_id"] for line in (await handset.basket())["lines"]] == ["milk"]


async def test_a_trip_survives_its_server(handset: Handset, store: MerchantServer) -> None:
    await handset.scan(MILK, quantity=2)
    await handset.scan(APPLES_512_G)
    await handset.call("PATCH", f"/api/trips/{handset.trip}/lines/1", {"quantity": 3})
    before = await handset.basket()
    async with reopen(store) as (other, _):
        handset_there = Handset(other)
        handset_there.http.headers.update(handset.http.headers)
        handset_there.trip = handset.trip
        assert await handset_there.basket() == before
        assert (await handset_there.scan(MILK))["line"]["quantity"] == 4


async def test_the_price_of_a_line_is_the_one_that_was_shown_at_its_scan(
    handset: Handset, raise_price: Callable[[str, str], Awaitable[None]]
) -> None:
    await handset.scan(MILK)
    await raise_price(MILK, "13.90")
    basket = (await handset.scan(MILK))["basket"]
    assert [(line["quantity"], line["unit_price"]) for line in basket["lines"]] == [(1, yuan(1290)), (1, yuan(1390))]


async def test_without_a_token_nothing_is_told_and_with_anothers_it_is_not_there(
    handset: Handset, http: httpx.AsyncClient
) -> None:
    await handset.scan(WINE)
    stranger = Handset(http)
    anonymous = await stranger.call("GET", f"/api/trips/{handset.trip}", status=401)
    assert anonymous["code"] == "not_authenticated"
    await stranger.start()
    for method, path, body in (
        ("GET", "", None),
        ("POST", "/scans", {"id": str(uuid.uuid4()), "code": MILK}),
        ("PATCH", "/lines/1", {"quantity": 1}),
        ("DELETE", "/lines/1", None),
        ("POST", "/lines:batch", {"id": str(uuid.uuid4())}),
        ("GET", f"/products?code={MILK}", None),
        ("POST", "/order", None),
        ("POST", "/reopen", None),
    ):
        problem = await stranger.call(method, f"/api/trips/{handset.trip}{path}", body, status=404)
        assert problem["code"] == "not_found", path
    assert [line["product_id"] for line in (await handset.basket())["lines"]] == ["wine"]


async def test_every_scan_change_and_view_is_in_the_journal_and_no_token_is(
    handset: Handset, store: MerchantServer
) -> None:
    await handset.scan(MILK)
    await handset.call("GET", f"/api/trips/{handset.trip}/products?code={TEA}")
    await handset.call("DELETE", f"/api/trips/{handset.trip}/lines/1")
    await handset.basket()
    await store.database.unit(lambda _tx: None)  # the views were queued before it
    events = await store.database.read(journal.read)
    mine = [event.kind for event in events if event.stream == f"trip:{handset.trip}"]
    assert mine == ["trip.opened", "trip.scanned", "product.viewed", "trip.changed", "trip.viewed"]
    token = handset.http.headers["Authorization"].partition(" ")[2]
    assert not [event for event in events if token in event.data]
    row = await store.database.read(lambda connection: trips_store.get(connection, handset.trip))
    assert row is not None
    assert row.token_hash != token
    assert await store.database.read(journal.verify) is None


async def test_a_member_pays_member_prices_only_with_a_card(http: httpx.AsyncClient) -> None:
    member, guest = Handset(http), Handset(http)
    await guest.start()
    assert (await guest.scan(CHEESE))["line"]["discount"] == yuan(0)
    await member.start(member="79927398713")
    assert (await member.scan(CHEESE))["line"]["discount"] == yuan(300)
    problem = await Handset(http).call("POST", "/api/trips", {"member": "12345"}, status=422)
    assert problem["code"] == "member_card_invalid"


async def test_every_answer_tells_the_stores_time_zone(http: httpx.AsyncClient, store: MerchantServer) -> None:
    answer = await http.get("/api/health")
    assert answer.headers["store-time-zone"] == store.settings.store.time_zone
