"""What a gate's reader saw against what was paid, and the gate that staff open, on each kind of database."""

import asyncio
import uuid
from typing import Any

import pytest
from tests.support.lanes import ATTENDANT, Buy, LaneClient, OpenLane, StaffClient, mark_paid
from tests.support.stores import BEER, MILK

from unqueue.kernel import journal
from unqueue.server.app import MerchantServer
from unqueue.server.exits.model import GATE_OPENING_FRESH_S, GateOpening

pytestmark = pytest.mark.anyio


async def surplus(lane: LaneClient, exit_id: str, counts: dict[str, Any], *, status: int = 200) -> Any:
    body = {"exit_id": exit_id, "counts": counts}
    answer = await lane.call("POST", f"/api/lanes/{lane.lane}/gate-goods", body, status=status)
    return answer["surplus"] if status == 200 else answer


async def open_gate(
    staff: StaffClient, lane: str = "lane-1", opening_id: str | None = None, *, status: int = 200
) -> Any:
    body = {"id": opening_id or str(uuid.uuid4())}
    return await staff.call("POST", f"/api/staff/lanes/{lane}/gate-openings", body, status=status)


async def wanted(lane: LaneClient) -> list[str]:
    answer = await lane.call("GET", f"/api/lanes/{lane.lane}/gate-openings")
    return list(answer["wanted"])


async def tell_opened(lane: LaneClient, opening_id: str, *, status: int = 204) -> None:
    await lane.call("POST", f"/api/lanes/{lane.lane}/gate-openings/{opening_id}/opened", status=status)


async def test_more_pieces_than_were_paid_are_named(lane: LaneClient, buy: Buy) -> None:
    claimed = await lane.claim(**{"pass": await (await buy(MILK, MILK, MILK)).show_pass()})
    milk, beer = MILK.zfill(14), BEER.zfill(14)
    assert await surplus(lane, claimed["id"], {milk: 3}) == []
    (more,) = await surplus(lane, claimed["id"], {milk: 4})
    assert (more["read"], more["paid"], more["product_id"]) == (4, 3, claimed["lines"][0]["product_id"])
    assert more["name_zh"]
    assert more["name_en"]
    both = await surplus(lane, claimed["id"], {milk: 3, beer: 1})
    assert [(good["read"], good["paid"]) for good in both] == [(1, 0)]


@pytest.mark.parametrize(
    ("said", "beers"),
    [
        ({"finding": "unpaid"}, 2),
        ({"finding": "unpaid", "found": [{"code": BEER}]}, 1),  # whoever looked says what it was
        ({"finding": "nothing"}, None),
        ({}, None),
    ],
)
async def test_goods_handed_back_at_the_gate_are_worth_their_price(
    store: MerchantServer,
    lane: LaneClient,
    attendant: StaffClient,
    buy: Buy,
    said: dict[str, Any],
    *,
    beers: int | None,
) -> None:
    """Two of three beers were not paid: the call names them, and nobody has to type it again."""
    claimed = await lane.claim(**{"pass": await (await buy(MILK)).show_pass()})
    beer = await store.catalogue.find(BEER.zfill(14))
    assert beer is not None
    good = {"product_id": beer.product_id, "name_zh": "b", "name_en": "b", "read": 3, "paid": 1}
    call = await lane.alarm("live_tag", exit_id=claimed["id"], cause="not_on_order", goods=[good])
    body = {"id": str(uuid.uuid4()), "action": "done", "reason": "handed back", **said}
    await attendant.call("POST", f"/api/staff/calls/{call['id']}/answer", body)
    events = await store.database.read(journal.read)
    (record,) = [event.payload() for event in events if event.kind == "call.answered"]
    worth = beers * (beer.unit_price_minor + beer.deposit_minor) if beers is not None else None
    assert (record.get("finding"), record.get("worth_minor")) == (said.get("finding"), worth)


async def test_goods_that_the_store_does_not_sell_are_nobody_s_matter(lane: LaneClient, buy: Buy) -> None:
    claimed = await lane.claim(**{"pass": await (await buy(MILK)).show_pass()})
    assert await surplus(lane, claimed["id"], {"80614141123458": 9}) == []


async def test_a_shopper_with_more_kinds_of_goods_than_anybody_expects_is_answered(lane: LaneClient, buy: Buy) -> None:
    claimed = await lane.claim(**{"pass": await (await buy(MILK)).show_pass()})
    coats = {str(80614141000000 + number): 1 for number in range(600)}
    (beer,) = await surplus(lane, claimed["id"], {**coats, BEER.zfill(14): 1})
    await lane.alarm("live_tag", exit_id=claimed["id"], cause="not_on_order", goods=[beer] * 600)


async def test_nothing_of_what_was_read_is_kept(store: MerchantServer, lane: LaneClient, buy: Buy) -> None:
    claimed = await lane.claim(**{"pass": await (await buy(MILK)).show_pass()})
    before = len(await store.database.read(journal.read))
    await surplus(lane, claimed["id"], {BEER.zfill(14): 2})
    assert len(await store.database.read(journal.read)) == before


async def test_only_the_lane_of_the_exit_may_ask(lane: LaneClient, open_lane: OpenLane, buy: Buy) -> None:
    claimed = await lane.claim(**{"pass": await (await buy(MILK)).show_pass()})
    other = await open_lane("lane-2")
    await surplus(other, claimed["id"], {}, status=404)
    await surplus(lane, uuid.uuid4().hex, {}, status=404)
    for counts in ({"690": 1}, {MILK.zfill(14): 0}, {MILK.zfill(14): "a"}):
        await surplus(lane, claimed["id"], counts, status=400)


async def test_the_call_names_the_goods_and_a_bell_afterwards_does_not_hide_them(
    lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    claimed = await lane.claim(**{"pass": await (await buy(MILK)).show_pass()})
    await lane.weigh(claimed["id"])
    await lane.release(claimed["id"])
    goods = await surplus(lane, claimed["id"], {BEER.zfill(14): 1})
    call = await lane.alarm("live_tag", exit_id=claimed["id"], cause="not_on_order", goods=goods)
    assert call["evidence"]["goods"] == goods
    again = await lane.alarm("live_tag", exit_id=claimed["id"], cause="not_on_order", detail="0 of 0 tags")
    assert (again["id"], again["evidence"]["goods"], again["evidence"]["times"]) == (call["id"], goods, 2)
    await attendant.answer(call["id"], "done", "went back for it")


async def test_one_touch_opens_once_and_by_name(
    store: MerchantServer, lane: LaneClient, attendant: StaffClient
) -> None:
    async def lane_opens() -> list[str]:
        while not (ids := await wanted(lane)):
            await asyncio.sleep(0.02)
        assert await wanted(lane) == ids, "it is wanted until the gate has opened"
        for _ in range(2):  # the answer was lost
            await tell_opened(lane, ids[0])
        return ids

    opening_id = uuid.uuid4().hex
    told, ids = await asyncio.gather(open_gate(attendant, opening_id=opening_id), lane_opens())
    assert (told["status"], ids) == ("opened", [opening_id])
    assert (await open_gate(attendant, opening_id=opening_id))["status"] == "opened"
    assert await wanted(lane) == [], "the same wish again is the same wish"
    kinds = [event.kind for event in await store.database.read(journal.read)]
    assert kinds.count("lane.gate_opened") == 1
    events = {event.kind: event.payload() for event in await store.database.read(journal.read)}
    assert events["lane.gate_asked"]["by"] == events["lane.gate_opened"]["by"] == ATTENDANT


async def test_another_lane_hears_nothing_and_a_silent_one_is_told(
    open_lane: OpenLane, attendant: StaffClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unqueue.server.exits.gate._ANSWER_S_MAX", 0.2)
    other = await open_lane("lane-2")
    opening_id = uuid.uuid4().hex
    assert (await open_gate(attendant, opening_id=opening_id))["status"] == "waiting"
    assert await wanted(other) == []
    await tell_opened(other, opening_id, status=404)
    await tell_opened(other, uuid.uuid4().hex, status=404)
    await open_gate(attendant, "x" * 41, status=404)


async def test_a_lane_that_hears_of_a_wish_too_late_leaves_the_gate_shut(
    lane: LaneClient, attendant: StaffClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unqueue.server.exits.gate._ANSWER_S_MAX", 0.0)
    monkeypatch.setattr("unqueue.server.exits.model.GATE_OPENING_FRESH_S", -1)  # as if time had gone by
    assert (await open_gate(attendant))["status"] == "waiting"
    assert await wanted(lane) == []


async def test_only_staff_may(lane: LaneClient) -> None:
    await lane.call("POST", "/api/staff/lanes/lane-1/gate-openings", {"id": uuid.uuid4().hex}, status=404)


def test_a_wish_is_for_now() -> None:
    wish = GateOpening("1", "lane-1", "小李", 0)
    assert wish.is_fresh(GATE_OPENING_FRESH_S * 1_000_000)
    assert not wish.is_fresh(GATE_OPENING_FRESH_S * 1_000_000 + 1)


async def test_what_was_paid_at_a_call_goes_out_with_the_order(
    store: MerchantServer, lane: LaneClient, attendant: StaffClient, buy: Buy
) -> None:
    claimed = await lane.claim(**{"pass": await (await buy(MILK)).show_pass()})
    call = (await lane.weigh(claimed["id"], fits=False))["call"]
    asked = await attendant.call("POST", f"/api/staff/calls/{call['id']}/payment", {"items": [{"code": BEER}]})
    both = {MILK.zfill(14): 1, BEER.zfill(14): 1}
    assert len(await surplus(lane, claimed["id"], both)) == 1
    await mark_paid(store, asked["order_id"])
    assert await surplus(lane, claimed["id"], both) == []
