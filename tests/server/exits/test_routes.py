"""The way out over HTTP, on each kind of database."""

import asyncio
import uuid
from collections.abc import Iterable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, IntegrityError
from tests.support.lanes import Buy, LaneClient, OpenLane, StaffClient, mark_paid
from tests.support.stores import BEER, MILK, WINE

from unqueue.kernel import journal
from unqueue.kernel.clock import ManualClock
from unqueue.kernel.database import Transaction
from unqueue.server.app import MerchantServer
from unqueue.server.exits import store as exits_store
from unqueue.server.exits.model import STALE_AFTER_S
from unqueue.server.orders import store as orders_store
from unqueue.server.returns import store as returns_store
from unqueue.server.returns.model import Return

pytestmark = pytest.mark.anyio


async def events(store: MerchantServer, noun: str) -> list[tuple[str, dict[str, Any]]]:
    found = await store.database.read(journal.read)
    return [(event.kind, event.payload()) for event in found if event.kind.startswith(f"{noun}.")]


async def test_a_shopper_walks_out(store: MerchantServer, lane: LaneClient, buy: Buy) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    assert claimed["status"] == "claimed"
    assert claimed["order"]["number"] == paid.order["number"]
    assert [(line["weight_g_expected"], line["weight_g_sd"]) for line in claimed["lines"]] == [(1060, 6.0)]
    assert (await lane.weigh(claimed["id"]))["status"] == "accepted"
    released = await lane.release(claimed["id"], 7)
    assert (released["status"], released["passages"]) == ("released", 7)
    assert (await lane.left(claimed["id"], 8))["status"] == "left"
    assert (await paid.handset.call("GET", f"/api/orders/{paid.order['id']}"))["status"] == "left"
    assert await lane.exits() == []
    told = await events(store, "exit")
    assert [kind for kind, _ in told] == ["exit.claimed", "exit.weighed", "exit.released", "exit.left"]
    for _, payload in told:
        assert payload["trip_id"] == paid.handset.trip
        assert (payload["order_id"], payload["lane"]) == (paid.order["id"], "lane-1")
    assert told[-1][1]["status"] == "left"  # what tells the handset to say goodbye
    assert await store.database.read(journal.verify) is None


async def test_lines_are_weighed_whole(lane: LaneClient, buy: Buy) -> None:
    """Two of a kind: twice the mean, and the variances add up."""
    paid = await buy(MILK, MILK, WINE)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    weights = {line["product_id"]: (line["weight_g_expected"], line["weight_g_sd"]) for line in claimed["lines"]}
    assert weights == {"milk": (2120, 8.49), "wine": (1240, 12.0)}
    assert claimed["tags"] == 1


async def test_a_typed_number_serves_as_well(lane: LaneClient, buy: Buy) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(order_number=paid.order["number"])
    assert claimed["order"]["id"] == paid.order["id"]


@pytest.mark.parametrize(
    ("shown", "status", "code"),
    [
        ({"pass": "UQ2.x.y"}, 422, "pass_invalid"),
        ({"order_number": "104729388"}, 404, "order_unknown"),
        ({"order_number": "1"}, 404, "order_unknown"),
        ({}, 400, "invalid_request"),
        ({"pass": "UQ2.x.y", "order_number": "104729388"}, 400, "invalid_request"),
    ],
)
async def test_what_names_no_order_is_refused(lane: LaneClient, shown: dict[str, str], status: int, code: str) -> None:
    assert (await lane.claim(status=status, **shown))["code"] == code


async def test_an_unpaid_order_has_no_pass_and_no_exit(lane: LaneClient, buy: Buy) -> None:
    unpaid = await buy(MILK, pay=False)
    problem = await unpaid.handset.call("GET", f"/api/orders/{unpaid.order['id']}/pass", status=409)
    assert problem["code"] == "order_unpaid"
    assert (await lane.claim(order_number=unpaid.order["number"], status=409))["code"] == "order_unpaid"


async def test_a_pass_ends_and_is_made_anew(lane: LaneClient, buy: Buy, clock: ManualClock) -> None:
    paid = await buy(MILK)
    old = await paid.show_pass()
    clock.advance(3601)
    assert (await lane.claim(status=409, **{"pass": old}))["code"] == "pass_expired"
    assert (await lane.claim(**{"pass": await paid.show_pass()}))["status"] == "claimed"


async def test_a_pass_of_another_basket_is_none(store: MerchantServer, lane: LaneClient, buy: Buy) -> None:
    """Signed by us, but for another content of the order."""
    paid = await buy(MILK)
    text = await paid.show_pass()
    store.database.write_now(
        lambda tx: tx.connection.exec_driver_sql(
            f"UPDATE orders SET basket_hash = '{'0' * 64}' WHERE order_id = '{paid.order['id']}'"
        )
    )
    assert (await lane.claim(status=422, **{"pass": text}))["code"] == "pass_invalid"


async def test_an_order_leaves_once(lane: LaneClient, open_lane: OpenLane, buy: Buy) -> None:
    paid = await buy(MILK)
    text = await paid.show_pass()
    claimed = await lane.claim(**{"pass": text})
    await lane.weigh(claimed["id"])
    await lane.release(claimed["id"])
    await lane.left(claimed["id"])
    other = await open_lane("lane-2")
    for again in (lane, other):
        assert (await again.claim(status=409, **{"pass": text}))["code"] == "order_left"
        assert (await again.claim(status=409, order_number=paid.order["number"]))["code"] == "order_left"
    problem = await paid.handset.call("GET", f"/api/orders/{paid.order['id']}/pass", status=409)
    assert problem["code"] == "order_left"


async def test_one_lane_at_a_time(lane: LaneClient, open_lane: OpenLane, buy: Buy) -> None:
    paid = await buy(MILK)
    other = await open_lane("lane-2")
    text = await paid.show_pass()
    claimed = await lane.claim(**{"pass": text})
    problem = await other.claim(status=409, **{"pass": text})
    assert (problem["code"], problem["lane"]) == ("order_at_other_lane", "lane-1")
    await lane.abandon(claimed["id"])
    assert (await other.claim(**{"pass": text}))["status"] == "claimed"


async def test_the_same_lane_may_ask_again(lane: LaneClient, buy: Buy) -> None:
    """It restarted, or the shopper showed the pass twice: the exit that goes on there is the answer."""
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    again = await lane.claim(**{"pass": await paid.show_pass()})
    assert again["id"] == claimed["id"]
    assert [one["id"] for one in await lane.exits()] == [claimed["id"]]


async def test_one_order_at_a_lane(lane: LaneClient, buy: Buy) -> None:
    first, second = await buy(MILK), await buy(BEER)
    await lane.claim(**{"pass": await first.show_pass()})
    assert (await lane.claim(status=409, **{"pass": await second.show_pass()}))["code"] == "lane_busy"


async def test_a_silent_lane_loses_its_claim_but_not_its_release(
    lane: LaneClient, open_lane: OpenLane, buy: Buy, clock: ManualClock
) -> None:
    paid = await buy(MILK)
    other = await open_lane("lane-2")
    text = await paid.show_pass()
    claimed = await lane.claim(**{"pass": text})
    await lane.weigh(claimed["id"])
    clock.advance(STALE_AFTER_S - 1)
    await lane.heartbeat("weighing")
    clock.advance(STALE_AFTER_S - 1)
    text = await paid.show_pass()
    assert (await other.claim(status=409, **{"pass": text}))["code"] == "order_at_other_lane"
    clock.advance(2)
    moved = await other.claim(**{"pass": text})
    assert (await lane.release(claimed["id"], status=409))["code"] == "exit_not_accepted"
    await other.weigh(moved["id"])
    await other.release(moved["id"])
    clock.advance(3600)
    assert (await lane.claim(status=409, order_number=paid.order["number"]))["code"] == "order_at_other_lane"


async def test_every_step_may_be_sent_again(store: MerchantServer, lane: LaneClient, buy: Buy) -> None:
    paid = await buy(MILK)
    shown = {"pass": await paid.show_pass(), "id": str(uuid.uuid4())}
    claimed = await lane.claim(**shown)
    assert await lane.claim(**shown) == claimed
    weighing_id = str(uuid.uuid4())
    first = await lane.weigh(claimed["id"], id=weighing_id)
    assert await lane.weigh(claimed["id"], id=weighing_id.replace("-", "")) == first
    first = await lane.release(claimed["id"], 7)
    assert (
        await lane.release(claimed["id"], 9) == first
    )  # the counter before the gate opened is the first that was told
    await lane.left(claimed["id"])
    assert (await lane.left(claimed["id"]))["status"] == "left"
    assert (await lane.release(claimed["id"]))["status"] == "left"
    assert (await lane.claim(**shown))["status"] == "left"
    told = [kind for kind, _ in await events(store, "exit")]
    assert told == ["exit.claimed", "exit.weighed", "exit.released", "exit.left"]


async def test_an_id_stands_for_one_thing(lane: LaneClient, open_lane: OpenLane, buy: Buy) -> None:
    first, second = await buy(MILK), await buy(MILK)
    other = await open_lane("lane-2")
    one_id = str(uuid.uuid4())
    claimed = await lane.claim(id=one_id, order_number=first.order["number"])
    problem = await lane.claim(id=one_id, order_number=second.order["number"], status=409)
    assert problem["code"] == "exit_conflict"
    problem = await other.claim(id=one_id, order_number=first.order["number"], status=409)
    assert problem["code"] == "exit_conflict"
    await lane.weigh(claimed["id"], id=one_id)
    assert (await lane.weigh(claimed["id"], id=one_id, fits=False, status=409))["code"] == "exit_conflict"


async def test_nothing_opens_without_an_accepted_weight(lane: LaneClient, buy: Buy) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    assert (await lane.release(claimed["id"], status=409))["code"] == "exit_not_accepted"
    await lane.weigh(claimed["id"], fits=False)
    assert (await lane.release(claimed["id"], status=409))["code"] == "exit_not_accepted"
    assert (await lane.left(claimed["id"], status=409))["code"] == "exit_not_released"


async def test_an_order_that_is_no_longer_paid_stays(store: MerchantServer, lane: LaneClient, buy: Buy) -> None:
    """Whatever took the payment back, it is seen before the gate opens."""
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    await lane.weigh(claimed["id"])
    order = paid.order["id"]
    for change, code in (
        ("status = 'open'", "order_unpaid"),
        ("status = 'paid', basket_hash = 'x'", "exit_not_accepted"),
    ):
        store.database.write_now(
            lambda tx, change=change: tx.connection.exec_driver_sql(
                f"UPDATE orders SET {change} WHERE order_id = '{order}'"
            )
        )
        assert (await lane.release(claimed["id"], status=409))["code"] == code


async def test_guessing_numbers_pauses_a_lane_and_no_other(
    lane: LaneClient, open_lane: OpenLane, buy: Buy, clock: ManualClock
) -> None:
    paid = await buy(MILK)
    other = await open_lane("lane-2")
    for _ in range(5):
        await lane.claim(order_number="104729388", status=404)
    problem = await lane.claim(order_number=paid.order["number"], status=429)
    assert (problem["code"], problem["retry_after_s"]) == ("too_many_guesses", 300)
    assert (await other.claim(order_number=paid.order["number"]))["status"] == "claimed"
    await other.abandon((await other.exits())[0]["id"])
    assert (await lane.claim(**{"pass": await paid.show_pass()}))["status"] == "claimed"  # a pass can't be guessed
    await lane.abandon((await lane.exits())[0]["id"])
    clock.advance(301)
    assert (await lane.claim(order_number=paid.order["number"]))["status"] == "claimed"


async def test_whose_exit_it_is(lane: LaneClient, open_lane: OpenLane, attendant: StaffClient, buy: Buy) -> None:
    """Invariant 15: nobody reads another's object; nobody learns that it is there."""
    paid, stranger = await buy(MILK), await buy(MILK)
    other = await open_lane("lane-2")
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    of_exit = f"/api/exits/{claimed['id']}"
    requests: Iterable[tuple[str, str, Any]] = [
        ("GET", of_exit, None),
        ("GET", f"{of_exit}/receipt", None),
        ("POST", f"{of_exit}/release", {"passages": 1}),
        ("POST", f"{of_exit}/left", {"passages": 1}),
        ("POST", f"{of_exit}/abandon", {"reason": "x"}),
        ("GET", "/api/lanes/lane-1/exits", None),
        ("POST", "/api/lanes/lane-1/exits", {"id": str(uuid.uuid4()), "order_number": paid.order["number"]}),
        ("POST", "/api/lanes/lane-1/alarms", {"id": str(uuid.uuid4()), "kind": "help"}),
        ("POST", f"/api/lanes/lane-1/alarms/{uuid.uuid4()}/over", None),
        ("POST", "/api/lanes/lane-1/heartbeat", {"state": "idle", "devices": {}}),
    ]
    for method, path, body in requests:
        for client in (other, attendant):
            assert (await client.call(method, path, body, status=404))["code"] == "not_found"
        assert (await paid.handset.call(method, path, body, status=404))["code"] == "not_found"
    of_order = f"/api/orders/{paid.order['id']}/pass"
    assert (await stranger.handset.call("GET", of_order, status=404))["code"] == "not_found"
    assert (await lane.call("GET", of_order, status=404))["code"] == "not_found"
    assert (await attendant.call("GET", of_order, status=404))["code"] == "not_found"
    for path in ("/api/staff/floor", "/api/staff/calls"):
        assert (await lane.call("GET", path, status=404))["code"] == "not_found"
        assert (await paid.handset.call("GET", path, status=404))["code"] == "not_found"


async def test_the_database_itself_lets_no_order_out_twice(store: MerchantServer, lane: LaneClient, buy: Buy) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    await lane.weigh(claimed["id"])
    await lane.release(claimed["id"])
    exits, releases = exits_store.exits, exits_store.exit_releases

    def second_exit(tx: Any) -> None:
        row = dict(tx.execute(select(exits)).one()._mapping)
        tx.execute(exits.insert(), {**row, "exit_id": "f" * 32, "lane": "lane-2"})

    def second_release(tx: Any) -> None:
        row = dict(tx.execute(select(releases)).one()._mapping)
        tx.execute(releases.insert(), {**row, "exit_id": "f" * 32})

    for unit in (second_exit, second_release):
        with pytest.raises(IntegrityError):
            await store.database.unit(unit)
    for unit in (lambda tx: tx.execute(releases.delete()), lambda tx: tx.execute(releases.update().values(lane="x"))):
        with pytest.raises(DBAPIError, match="append-only"):
            await store.database.unit(unit)


async def test_many_lanes_at_once_let_an_order_out_once(store: MerchantServer, open_lane: OpenLane, buy: Buy) -> None:
    """The same pass at eight lanes at the same moment, each racing to its gate."""
    paid = await buy(MILK)
    text = await paid.show_pass()
    lanes = [await open_lane(f"lane-{number}") for number in range(8)]

    async def race(lane: LaneClient) -> int:
        response = await lane.http.post(f"/api/lanes/{lane.lane}/exits", json={"id": str(uuid.uuid4()), "pass": text})
        if response.status_code != 201:
            return 0
        exit_id = response.json()["id"]
        await lane.weigh(exit_id)
        await asyncio.gather(lane.release(exit_id), lane.release(exit_id))
        return 1

    assert sum(await asyncio.gather(*(race(lane) for lane in lanes))) == 1
    rows = await store.database.read(lambda connection: connection.execute(select(exits_store.exit_releases)).all())
    assert len(rows) == 1


async def test_an_order_paid_at_the_lane_can_go_at_once(store: MerchantServer, lane: LaneClient, buy: Buy) -> None:
    unpaid = await buy(MILK, pay=False)
    await lane.claim(order_number=unpaid.order["number"], status=409)
    await mark_paid(store, unpaid.order["id"])
    assert (await lane.claim(order_number=unpaid.order["number"]))["status"] == "claimed"


async def test_the_lane_prints_the_receipt(lane: LaneClient, buy: Buy) -> None:
    paid = await buy(MILK)
    claimed = await lane.claim(**{"pass": await paid.show_pass()})
    receipt = await lane.call("GET", f"/api/exits/{claimed['id']}/receipt")
    assert receipt["order_number"] == paid.order["number"]


async def test_an_order_whose_goods_were_taken_back_stays_in_the_store(
    store: MerchantServer, lane: LaneClient, buy: Buy
) -> None:
    """Its goods are on the shelf again, and the pass would fit them once more (invariant 10)."""
    paid = await buy(MILK)
    shown = await paid.show_pass()
    claimed = await lane.claim(**{"pass": shown})

    def take_back(tx: Transaction) -> None:
        order = orders_store.get(tx.connection, paid.order["id"])
        assert order is not None
        made = Return(
            return_id="r" * 32, order_id=order.order_id, trip_id=order.trip_id, status="accepted", lines=(), shares=(),
            amount_minor=0, currency="CNY", reason="changed their mind", by_id="s", by="An", created_us=tx.at_us,
        )  # fmt: skip
        returns_store.insert_return(tx, made)

    await lane.weigh(claimed["id"])
    await store.database.unit(take_back)
    assert (await lane.release(claimed["id"], status=409))["code"] == "order_returned"
    await lane.abandon(claimed["id"])
    assert (await lane.claim(status=409, **{"pass": shown}))["code"] == "order_returned"
