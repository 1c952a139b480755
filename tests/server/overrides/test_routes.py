"""Who decided what, over HTTP: read by supervisors, and told where the books were changed behind the journal's back."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from tests.support.lanes import ATTENDANT, Bearer, Buy, Clients, LaneClient, StaffClient
from tests.support.stores import MILK, TEA

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.ids import new_id
from unqueue.server.app import MerchantServer
from unqueue.server.staff.service import create_staff, list_staff

pytestmark = pytest.mark.anyio


@pytest.fixture
async def supervisor(store: MerchantServer, clients: Clients) -> Bearer:
    create_staff(store.database, "王主管", "739164", "supervisor")
    client = Bearer(await clients())
    session = await client.call("POST", "/api/staff/sessions", {"name": "王主管", "pin": "739164"}, status=201)
    client.http.headers["Authorization"] = f"Bearer {session['token']}"
    return client


async def overrides(supervisor: Bearer, **asked: Any) -> Any:
    return await supervisor.call("GET", "/api/staff/overrides?" + "&".join(f"{k}={v}" for k, v in asked.items()))


async def answered(lane: LaneClient, attendant: StaffClient, buy: Buy, *, reason: str) -> Any:
    """An order whose weight did not fit, and which was let go; the order."""
    paid = await buy(MILK)
    one = await lane.claim(**{"pass": await paid.show_pass()})
    call = (await lane.weigh(one["id"], fits=False))["call"]
    await attendant.answer(call["id"], "let_go", reason)
    await lane.release(one["id"])
    await lane.left(one["id"])
    return paid.order


async def test_who_decided_what_and_why(
    store: MerchantServer, lane: LaneClient, attendant: StaffClient, supervisor: Bearer, buy: Buy
) -> None:
    order = await answered(lane, attendant, buy, reason="自带袋子 / own bag")
    (one,) = (told := await overrides(supervisor))["overrides"]
    (staff_id,) = (member.staff_id for member in list_staff(store.database) if member.name == ATTENDANT)
    assert (one["kind"], one["lane"], one["action"], one["reason"]) == (
        "weight",
        "lane-1",
        "let_go",
        "自带袋子 / own bag",
    )
    assert (one["by"], one["staff_id"], one["fits"]) == (ATTENDANT, staff_id, True)
    assert one["order"] == {"id": order["id"], "number": order["number"]}
    assert told["next"] is None
    assert told["chain"]["broken_at"] is None
    assert told["chain"]["checked"] == told["chain"]["events"] >= one["event"]


async def test_a_gate_that_was_opened_by_hand_is_told_too(
    lane: LaneClient, attendant: StaffClient, supervisor: Bearer
) -> None:
    opening = new_id()
    asking = asyncio.create_task(attendant.call("POST", f"/api/staff/lanes/{lane.lane}/gate-openings", {"id": opening}))
    while not (await lane.call("GET", f"/api/lanes/{lane.lane}/gate-openings"))["wanted"]:
        await asyncio.sleep(0.01)
    await lane.call("POST", f"/api/lanes/{lane.lane}/gate-openings/{opening}/opened", status=204)
    await asking
    (one,) = (await overrides(supervisor))["overrides"]
    assert (one["kind"], one["action"], one["by"], one["order"]) == ("gate", "open_gate", ATTENDANT, None)
    assert one["fits"]


async def test_a_page_after_the_other_and_one_order(
    clock: ManualClock, lane: LaneClient, attendant: StaffClient, supervisor: Bearer, buy: Buy
) -> None:
    orders = []
    for number in range(5):
        orders.append(await answered(lane, attendant, buy, reason=f"reason {number}"))
        clock.advance(number % 2)  # some at the same moment
    seen: list[str] = []
    asked: dict[str, Any] = {"limit": 2}
    while True:
        told = await overrides(supervisor, **asked)
        seen += [one["reason"] for one in told["overrides"]]
        if told["next"] is None:
            break
        asked["before"] = told["next"]
    assert sorted(seen) == [f"reason {number}" for number in range(5)]
    assert [seen.index(f"reason {number}") for number in (4, 2, 0)] == sorted(
        seen.index(f"reason {number}") for number in (4, 2, 0)
    )
    told = await overrides(supervisor, order=orders[1]["number"], first="2020-01-01", last="2020-01-01")
    assert [one["reason"] for one in told["overrides"]] == ["reason 1"]
    assert (told["first"], told["last"]) == (None, None)


async def test_days(clock: ManualClock, lane: LaneClient, attendant: StaffClient, supervisor: Bearer, buy: Buy) -> None:
    await answered(lane, attendant, buy, reason="today")
    today = (clock.now() + timedelta(hours=8)).date()
    assert len((await overrides(supervisor, first=today, last=today))["overrides"]) == 1
    before = today - timedelta(days=1)
    assert (await overrides(supervisor, first=before, last=before))["overrides"] == []


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("first=2026-03-02&last=2026-03-01", 400),
        ("first=0001-01-01", 400),
        ("limit=0", 400),
        ("limit=1000", 400),
        ("before=nonsense", 400),
        ("order=386669816", 404),
    ],
)
async def test_what_can_not_be_asked(supervisor: Bearer, asked: str, status: int) -> None:
    await supervisor.call("GET", f"/api/staff/overrides?{asked}", status=status)


async def test_what_settled_itself_is_nobodys_decision(lane: LaneClient, supervisor: Bearer, buy: Buy) -> None:
    paid = await buy(TEA)
    one = await lane.claim(**{"pass": await paid.show_pass()})
    await lane.weigh(one["id"], fits=False)
    await lane.weigh(one["id"])
    assert (await overrides(supervisor))["overrides"] == []


@pytest.mark.parametrize("what", ["the answer", "the journal"])
async def test_a_change_behind_the_journals_back_shows(  # noqa: PLR0917  # who takes part
    store: MerchantServer,
    clock: ManualClock,
    lane: LaneClient,
    attendant: StaffClient,
    supervisor: Bearer,
    buy: Buy,
    what: str,
) -> None:
    for reason in ("first", "second"):
        await answered(lane, attendant, buy, reason=reason)
        clock.advance(1)
    if what == "the answer":
        change = "UPDATE calls SET reason = 'another' WHERE reason = 'first'"
    else:
        change = "UPDATE journal SET data = replace(data, '\"first\"', '\"other\"') WHERE kind = 'call.answered'"

    def write(tx: Any) -> None:
        if what == "the journal":
            is_postgresql = tx.connection.dialect.name == "postgresql"
            trigger = "journal_append_only ON journal" if is_postgresql else "journal_no_update"
            tx.connection.execute(text(f"DROP TRIGGER {trigger}"))
        tx.connection.execute(text(change))

    await store.database.unit(write)
    told = await overrides(supervisor)
    assert [one["fits"] for one in told["overrides"]] == [True, False]
    assert (told["chain"]["broken_at"] is not None) is (what == "the journal")
