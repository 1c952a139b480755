"""Staff over HTTP: sessions, the floor, and the figures of the day."""

import asyncio
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from tests.support.lanes import ATTENDANT, PIN, Buy, Clients, LaneClient, StaffClient
from tests.support.stores import MILK, TEA, WITHDRAWN, Handset

from unqueue.kernel import journal
from unqueue.kernel.clock import ManualClock, micros
from unqueue.kernel.ids import token_hash
from unqueue.server.access import Principal
from unqueue.server.app import MerchantServer
from unqueue.server.staff import service
from unqueue.server.staff.model import FREE_ATTEMPTS, SESSION_S, SignInFailed
from unqueue.server.staff.service import create_staff
from unqueue.server.staff.today import Today

pytestmark = pytest.mark.anyio


async def sign_in(clients: Clients, name: str = ATTENDANT, pin: str = PIN) -> tuple[int, dict[str, object]]:
    response = await (await clients()).post("/api/staff/sessions", json={"name": name, "pin": pin})
    return response.status_code, response.json()


async def test_a_session_begins_and_ends(attendant: StaffClient) -> None:
    await attendant.call("GET", "/api/staff/calls")
    await attendant.call("DELETE", "/api/staff/sessions/current", status=204)
    assert (await attendant.call("GET", "/api/staff/calls", status=401))["code"] == "not_authenticated"


async def test_a_session_lasts_one_shift(attendant: StaffClient, clock: ManualClock) -> None:
    clock.advance(SESSION_S - 1)
    await attendant.call("GET", "/api/staff/calls")
    clock.advance(1)
    await attendant.call("GET", "/api/staff/calls", status=401)


async def test_a_wrong_name_and_a_wrong_pin_are_answered_alike(clients: Clients, attendant: StaffClient) -> None:
    assert attendant
    wrong_name, wrong_pin = await sign_in(clients, name="nobody"), await sign_in(clients, pin="000000")
    assert wrong_name == wrong_pin
    assert (wrong_pin[0], wrong_pin[1]["code"]) == (401, "sign_in_failed")


async def test_guessing_pauses(clients: Clients, attendant: StaffClient, clock: ManualClock) -> None:
    assert attendant
    answers = await asyncio.gather(*(sign_in(clients, pin=f"{guess:06}") for guess in range(2 * FREE_ATTEMPTS)))
    statuses = sorted(status for status, _ in answers)
    assert statuses == [401] * FREE_ATTEMPTS + [429] * FREE_ATTEMPTS
    status, problem = await sign_in(clients)
    assert (status, problem["retry_after_s"]) == (429, 60)
    clock.advance(60)
    assert (await sign_in(clients))[0] == 201


async def test_names_that_nobody_has_pause_like_those_of_staff(
    clients: Clients, attendant: StaffClient, clock: ManualClock
) -> None:
    """Whatever is tried, and when: an answer never tells whether there is such a name."""
    assert attendant
    for pause_s in (0, 0, 0, 0, 0, 0, 30, 31, 0, 60, 61, 0, 3600, 0):
        clock.advance(pause_s)
        known, unknown = [await sign_in(clients, name=name, pin="000000") for name in (ATTENDANT, "nobody")]
        assert known == unknown


async def test_many_names_at_once_take_little_memory(store: MerchantServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_STRANGERS_MAX", 3)
    for name in ("a", "b", "c", "a", "d", "x" * 10_000):
        with pytest.raises(SignInFailed):
            await store.staff.sign_in(name, PIN)
    kept = store.staff._strangers
    assert len(kept) == 3
    assert {len(key) for key in kept} == {32}


async def test_a_new_pin_signs_out_everywhere(store: MerchantServer, clients: Clients, attendant: StaffClient) -> None:
    create_staff(store.database, ATTENDANT, "111222", "manager")
    await attendant.call("GET", "/api/staff/calls", status=401)
    assert (await sign_in(clients))[0] == 401
    status, session = await sign_in(clients, pin="111222")
    assert (status, session["name"], session["role"]) == (201, ATTENDANT, "manager")


async def test_no_pin_and_no_token_is_kept(store: MerchantServer, attendant: StaffClient) -> None:
    token = attendant.http.headers["Authorization"].split()[1]
    for table in ("staff_members", "staff_sessions", "journal", "devices"):
        rows = await store.database.read(
            lambda connection, table=table: connection.exec_driver_sql(f"SELECT * FROM {table}").all()
        )
        assert PIN not in str(rows)
        assert token not in str(rows)


async def test_the_floor(store: MerchantServer, attendant: StaffClient, lane: LaneClient, buy: Buy) -> None:
    paid = await buy(MILK, TEA)
    await buy(MILK, pay=False)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    await lane.weigh(claimed["id"], fits=False)
    await lane.heartbeat("check", scale="ready", io="ready")
    floor = await attendant.call("GET", "/api/staff/floor")
    assert floor["store"] == {"id": "test-store", "name_zh": "不排队超市", "name_en": "Unqueue Store"}
    (shown,) = floor["lanes"]
    assert (shown["id"], shown["state"], shown["exit"]["id"]) == ("lane-1", "check", claimed["id"])
    assert shown["devices"]["scale"]["status"] == "ready"
    assert [call["kind"] for call in floor["calls"]] == ["weight"]
    total = paid.order["total"]
    assert floor["today"] == {"trips": 2, "orders": 2, "paid": 1, "exits": 0, "checks": 1, "revenue": total}
    await lane.weigh(claimed["id"])
    await lane.release(claimed["id"])
    await lane.left(claimed["id"])
    floor = await attendant.call("GET", "/api/staff/floor")
    assert (floor["lanes"][0]["exit"], floor["calls"], floor["today"]["exits"]) == (None, [], 1)
    assert store.today


async def test_a_visit_without_a_scan_is_none_and_an_exit_is_checked_once(
    store: MerchantServer, attendant: StaffClient, lane: LaneClient, clients: Clients, buy: Buy
) -> None:
    """Somebody looks at the handset; staff try to sell a product that was withdrawn; goods are weighed three times."""
    await Handset(await clients()).start()
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    for _ in range(3):
        call = (await lane.weigh(claimed["id"], fits=False))["call"]
    for _ in range(2):
        body = {"items": [{"code": WITHDRAWN}]}
        refused = await attendant.call("POST", f"/api/staff/calls/{call['id']}/payment", body, status=409)
        assert refused["code"] == "product_withdrawn"
    today = (await attendant.call("GET", "/api/staff/floor"))["today"]
    assert (today["trips"], today["checks"]) == (1, 1)
    fresh = Today(store.database, currency="CNY", time_zone="Asia/Shanghai")
    await fresh.start()
    told = await store.database.read(fresh.view)
    assert (told.trips, told.checks) == (1, 1)


async def test_the_day_is_counted_alike_after_a_restart(
    store: MerchantServer, attendant: StaffClient, buy: Buy, clock: ManualClock
) -> None:
    await buy(MILK)
    yesterday = (await attendant.call("GET", "/api/staff/floor"))["today"]
    clock.advance(24 * 3600)
    assert (await attendant.call("GET", "/api/staff/floor", status=401))["code"] == "not_authenticated"
    await buy(TEA)
    live = await store.database.read(store.today.view)
    assert (live.trips, live.paid) == (1, 1)
    assert live.revenue.amount_minor < yesterday["revenue"]["amount_minor"]
    fresh = Today(store.database, currency="CNY", time_zone="Asia/Shanghai")
    await fresh.start()
    assert await store.database.read(fresh.view) == live
    clock.advance(24 * 3600)
    assert (await store.database.read(store.today.view)).trips == 0


async def test_where_a_day_begins_is_found_in_a_long_journal(store: MerchantServer, clock: ManualClock) -> None:
    for _ in range(20):
        await store.database.unit(lambda tx: tx.record("test.noted", "test:1", "test", {}))
        clock.advance(3600)
    midnight_us = micros(datetime(2026, 3, 3, tzinfo=ZoneInfo("Asia/Shanghai")))
    events = await store.database.read(journal.read)
    first = await store.database.read(lambda connection: journal.first_seq_since(connection, midnight_us))
    assert first == next(event.seq for event in events if event.at_us >= midnight_us)
    assert await store.database.read(lambda connection: journal.first_seq_since(connection, 0)) == 1
    beyond = await store.database.read(lambda connection: journal.first_seq_since(connection, 2**62))
    assert beyond == events[-1].seq + 1


async def test_staff_hear_what_happens_on_the_floor(
    attendant: StaffClient, lane: LaneClient, buy: Buy, store: MerchantServer
) -> None:
    """The console hears of exits and calls; the shopper of the own exit."""
    token = attendant.http.headers["Authorization"].split()[1]
    member = await store.database.read(lambda connection: store.staff_sessions.principal(connection, token_hash(token)))
    assert member is not None
    paid = await buy(MILK)
    staff, shopper = store.hub.stream(member), store.hub.stream(Principal("trip", paid.handset.trip))
    assert (await anext(staff), await anext(shopper)) == (b"retry: 1000\n\n", b"retry: 1000\n\n")
    staff_next, shopper_next = asyncio.ensure_future(anext(staff)), asyncio.ensure_future(anext(shopper))
    await asyncio.sleep(0)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    call = (await lane.weigh(claimed["id"], fits=False))["call"]
    heard = [await staff_next, await anext(staff), await anext(staff)]
    assert [frame.split(b"event: ")[1].split(b"\n")[0] for frame in heard] == [b"exit", b"exit", b"call"]
    assert call["id"].encode() in heard[2]
    assert claimed["id"].encode() in await shopper_next
    await staff.aclose()
    await shopper.aclose()
