"""The figures of lanes and days over HTTP, from visits as they happen; on each kind of database."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from tests.support.lanes import Bearer, Buy, Clients, LaneClient, OpenLane, StaffClient
from tests.support.stores import MILK, TEA

from unqueue.kernel.clock import ManualClock, micros
from unqueue.kernel.database import Transaction
from unqueue.server.app import MerchantServer
from unqueue.server.staff.service import create_staff

pytestmark = pytest.mark.anyio
DAY_US = 86_400_000_000


@pytest.fixture
async def supervisor(store: MerchantServer, clients: Clients) -> Bearer:
    create_staff(store.database, "王主管", "739164", "supervisor")
    return await sign_in(clients)


async def sign_in(clients: Clients) -> Bearer:
    client = Bearer(await clients())
    session = await client.call("POST", "/api/staff/sessions", {"name": "王主管", "pin": "739164"}, status=201)
    client.http.headers["Authorization"] = f"Bearer {session['token']}"
    return client


async def figures(supervisor: Bearer, clock: ManualClock, **more: str) -> Any:
    # Shanghai is eight hours ahead: its day, which every visit of a test falls into.
    today = (clock.now() + timedelta(hours=8)).date()
    asked = {"first": str(today - timedelta(days=1)), "last": str(today + timedelta(days=1)), **more}
    return await supervisor.call("GET", "/api/staff/figures?" + "&".join(f"{k}={v}" for k, v in asked.items()))


async def walk_out(clock: ManualClock, lane: LaneClient, buy: Buy, *, after_s: int) -> None:
    paid = await buy(MILK)
    one = await lane.claim(**{"pass": await paid.show_pass()})
    await lane.weigh(one["id"])
    clock.advance(after_s)
    await lane.release(one["id"])
    await lane.left(one["id"])


async def test_what_happened_is_counted(  # noqa: PLR0917  # who takes part
    store: MerchantServer,
    clock: ManualClock,
    lane: LaneClient,
    open_lane: OpenLane,
    attendant: StaffClient,
    supervisor: Bearer,
    buy: Buy,
) -> None:
    for after_s in (2, 2, 3):
        await walk_out(clock, lane, buy, after_s=after_s)
    # A false alarm: it waits 40 seconds for an answer, 30 of them with somebody at it.
    paid = await buy(MILK)
    one = await lane.claim(**{"pass": await paid.show_pass()})
    call = (await lane.weigh(one["id"], fits=False))["call"]
    clock.advance(10)
    await attendant.call("POST", f"/api/staff/calls/{call['id']}/look")
    clock.advance(30)
    body = {"id": "1" * 32, "action": "let_go", "reason": "own bag", "evidence_id": call["evidence_id"]}
    await attendant.call("POST", f"/api/staff/calls/{call['id']}/answer", body | {"finding": "nothing"})
    await lane.release(one["id"])
    await lane.left(one["id"])
    # At another lane an item turns up, and its price is known; nobody looked it up on a console first.
    other = await open_lane("lane-2")
    tea = await store.catalogue.find(TEA.zfill(14))
    assert tea is not None
    paid = await buy(MILK)
    one = await other.claim(**{"pass": await paid.show_pass()})
    call = (await other.weigh(one["id"], fits=False))["call"]
    found = {"action": "take_off", "reason": "tea", "found": [{"product_id": tea.product_id}]}
    body = {"id": "2" * 32, "evidence_id": call["evidence_id"], **found}
    await attendant.call("POST", f"/api/staff/calls/{call['id']}/answer", body)
    await other.weigh(one["id"])
    await other.abandon(one["id"])

    told = await figures(supervisor, clock)
    whole = told["total"]
    assert (whole["left"], whole["given_up"], whole["weighed"]) == (4, 1, 5)
    assert (whole["checks"]["count"], whole["false_alarms"]["count"], whole["unpaid_exits"]) == (2, 1, 1)
    assert whole["false_alarms"]["cases"] == 5
    price = tea.unit_price_minor + tea.deposit_minor
    assert (whole["unpaid_minor"], whole["unpaid_cases"], whole["unpaid_unpriced"]) == (price, 1, 0)
    assert whole["wait"] == {"cases": 4, "p50_s": 2, "p95_s": 40}
    assert whole["calls_by_kind"] == {"weight": {"cases": 2, "p50_s": 0, "p95_s": 40}}
    assert (whole["answered"], whole["attended"], whole["attended_s"]) == (2, 1, 30)
    assert [one["lane"] for one in told["by_lane"]] == ["lane-1", "lane-2"]
    assert [one["figures"]["left"] for one in told["by_lane"]] == [4, 0]
    assert [one["figures"]["left"] for one in told["by_day"]] == [0, 4, 0]
    await open_lane("lane-9")
    nobody_there = await figures(supervisor, clock, lane="lane-9")
    assert [(one["lane"], one["figures"]["left"]) for one in nobody_there["by_lane"]][-1] == ("lane-9", 0)
    assert [one["figures"]["left"] for one in nobody_there["by_day"]] == [0, 0, 0]
    narrowed = await figures(supervisor, clock, lane="lane-2")
    assert narrowed["total"] == whole
    assert [one["figures"]["given_up"] for one in narrowed["by_day"]] == [0, 1, 0]


async def test_a_day_ends_at_the_stores_midnight(
    clock: ManualClock, lane: LaneClient, supervisor: Bearer, buy: Buy, clients: Clients
) -> None:
    local = clock.now() + timedelta(hours=8)
    until_midnight_s = int(
        (datetime(local.year, local.month, local.day, tzinfo=UTC) + timedelta(days=1) - local).total_seconds()
    )
    clock.advance(until_midnight_s - 1)
    await walk_out(clock, lane, buy, after_s=0)
    clock.advance(1)
    await walk_out(clock, lane, buy, after_s=0)
    supervisor = await sign_in(clients)  # the shift before is over
    told = await figures(supervisor, clock)
    assert [one["figures"]["left"] for one in told["by_day"]] == [1, 1, 0]


@pytest.mark.parametrize(
    "days",
    [
        "first=2026-03-02&last=2026-03-01",
        "first=2026-01-01&last=2026-12-31",
        "first=9999-12-31&last=9999-12-31",
        "first=0001-01-01&last=0001-01-01",
        "last=0001-01-01",
        "first=0001-01-01",
    ],
)
async def test_days_that_are_none_or_too_many(supervisor: Bearer, days: str) -> None:
    assert (await supervisor.call("GET", f"/api/staff/figures?{days}", status=422))["code"] == "days_wrong"


async def test_the_calendar_ends_are_told_as_such(supervisor: Bearer) -> None:
    beyond = await supervisor.call("GET", "/api/staff/figures?first=9999-12-31&last=9999-12-31", status=422)
    assert beyond["en"] == "Please choose days between 1970-01-02 and 9999-12-30."
    assert "1970-01-02" in beyond["zh"]


async def test_a_lane_that_nobody_knows_is_refused(supervisor: Bearer, lane: LaneClient) -> None:
    refused = await supervisor.call("GET", "/api/staff/figures?lane=lane-77", status=404)
    assert (refused["code"], refused["lane"]) == ("lane_unknown", "lane-77")
    assert (await supervisor.call("GET", "/api/staff/figures?lane=lane-1"))["lane"] == "lane-1"
    assert (await supervisor.call("GET", "/api/staff/figures?lane="))["lane"] == ""
    await lane.alarm("help")
    assert (await supervisor.call("GET", "/api/staff/figures?lane=lane-1"))["total"]["answered"] == 0


async def test_a_hundred_thousand_exits(store: MerchantServer, clock: ManualClock, supervisor: Bearer) -> None:
    """A month of a large store is counted in seconds, and one day of it in a fraction of that."""
    last_us = micros(clock.now())
    first_us = last_us - 29 * DAY_US
    await store.database.unit(lambda tx: _fill(tx, 100_000, first_us, (last_us - first_us) // 100_000))
    began = time.perf_counter()
    today = (clock.now() + timedelta(hours=8)).date()
    days = f"first={today - timedelta(days=30)}&last={today}"
    whole = (await supervisor.call("GET", f"/api/staff/figures?{days}"))["total"]
    took_s = time.perf_counter() - began
    assert (whole["left"], whole["weighed"], whole["checks"]["count"]) == (100_000, 100_000, 1_000)
    assert (whole["false_alarms"]["count"], whole["unpaid_minor"], whole["unpaid_cases"]) == (500, 500 * 700, 500)
    assert (whole["wait"]["cases"], whole["wait"]["p50_s"], whole["wait"]["p95_s"]) == (100_000, 9, 18)
    assert whole["calls"] == {"cases": 1_000, "p50_s": 45, "p95_s": 45}
    assert took_s < 15, "far more than it needs: some seconds on a slow machine"
    day = today - timedelta(days=10)
    began = time.perf_counter()
    one = (await supervisor.call("GET", f"/api/staff/figures?first={day}&last={day}"))["total"]
    assert 3_000 < one["left"] < 4_000
    print(f"100,000 exits: {took_s:.2f} s; one of 30 days: {time.perf_counter() - began:.2f} s")


def _fill(tx: Transaction, count: int, first_us: int, step_us: int) -> None:
    """So many exits at three lanes, one in a hundred with a weight check: half false alarms, half worth 7.00."""
    is_postgresql = tx.connection.dialect.name == "postgresql"
    words = {
        "id": "lpad(i::text, 32, '0')" if is_postgresql else "substr('00000000000000000000000000000000' || i, -32)",
        "at": f"CAST({first_us} AS BIGINT) + i * CAST({step_us} AS BIGINT)",
        "lane": "'lane-' || (1 + i % 3)",
        "n": f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {count - 1}) SELECT",
    }
    for statement in FILL:
        tx.connection.execute(text(statement.format(**words)))


FILL = (
    """INSERT INTO exits (exit_id, lane, order_id, trip_id, basket_hash, request_hash, status, checks, weighing,
    claimed_us, touched_us) {n} {id}, {lane}, {id}, {id}, '', '', 'left', '[]', '{{}}', {at}, {at} FROM n""",
    "INSERT INTO exit_weighings (weighing_id, exit_id, at_us, body) {n} {id}, {id}, {at}, '{{}}' FROM n",
    """INSERT INTO exit_releases (order_id, exit_id, lane, passages, at_us, is_offline)
    {n} {id}, {id}, {lane}, i, {at} + (i % 20) * 1000000, false FROM n""",
    """INSERT INTO calls (call_id, kind, status, lane, exit_id, order_id, opened_us, answered_us, answered_by, action,
    evidence, finding, worth_minor) {n} {id}, 'weight', 'answered', {lane}, {id}, {id}, {at}, {at} + 45000000, 'a',
    'let_go', '{{}}', CASE WHEN i % 200 = 0 THEN 'nothing' ELSE 'unpaid' END,
    CASE WHEN i % 200 = 0 THEN NULL ELSE 700 END FROM n WHERE i % 100 = 0""",
)
