"""Lanes that are cut off from the server, in any interleaving: no order leaves twice, whoever holds how many copies of
its pass, whichever messages are lost, and whenever a lane restarts (invariants 10 and 11); and afterwards the server
knows of every order that left.
"""

import os
from collections import Counter
from itertools import chain

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from tests.support.cut_off import (
    ALONE,
    BRIEFED,
    LANES,
    OUT,
    Floor,
    LaneAlone,
    copies,
    lanes,
    released_by,
)
from tests.support.lanes import Buy, buy, clients
from tests.support.stores import MILK

from unqueue.kernel.clock import ManualClock
from unqueue.server.app import MerchantServer

__all__ = ["buy", "clients", "lanes"]
pytestmark = pytest.mark.anyio

EXAMPLES = int(os.environ.get("PARTITIONS", "20"))
"""How many interleavings are tried; some thousand by hand."""
LANE = st.integers(0, LANES - 1)
STEPS = [
    *(["show"], ["step"], ["look"], ["show", "step", "step"], ["show", "step"], ["show", "step", "step", "step"]),
    *(["cut"], ["deaf"], ["cut", "seconds", "look"], ["deaf", "seconds", "look"], ["heal", "look"], ["heal"]),
    *(
        ["abandon"],
        ["off", "aside"],
        ["restart"],
        ["restart", "step", "look"],
        ["pass"],
        ["type"],
        ["seconds"],
        ["minute"],
        ["hour"],
        ["refused"],
        ["fails"],
        ["back", "look"],
        ["back"],
        ["off", "aside_to_next"],
    ),
]
MOVES = st.lists(
    st.tuples(st.sampled_from(STEPS), LANE).map(lambda one: [(name, one[1]) for name in one[0]]),
    min_size=3,
    max_size=14,
).map(lambda found: list(chain.from_iterable(found)))


QUICK = settings(
    max_examples=EXAMPLES, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@QUICK
@given(moves=MOVES.map(lambda moves: [*BRIEFED, *moves]))
@example(moves=copies(*ALONE, ("show", 0), *OUT, ("show", 1), ("step", 1), ("step", 1)))
@example(moves=copies(("show", 1), ("step", 1), *ALONE, ("show", 0), *OUT, ("step", 1), ("step", 1)))
@example(moves=copies(("show", 0), *ALONE, *OUT, ("minute", 0), ("show", 1), ("step", 1), ("step", 1)))
@example(
    moves=copies(("show", 0), ("deaf", 0), ("seconds", 0), ("look", 0), *OUT, ("restart", 0), ("heal", 0), ("step", 0))
)
@example(
    moves=copies(
        ("show", 0),
        ("step", 0),
        *ALONE,
        ("step", 0),
        ("refused", 0),
        ("restart", 0),
        ("back", 0),
        ("step", 0),
        ("step", 0),
        ("step", 0),
    )
)
async def test_no_order_leaves_twice(
    store: MerchantServer, clock: ManualClock, buy: Buy, lanes: list[LaneAlone], moves: list[tuple[str, int]]
) -> None:
    for lane in lanes:
        lane.line.mend()
        lane.restart()
    paid = await buy(MILK)
    floor = Floor(store, lanes, paid, clock)
    for name, at in moves:
        await floor.move(name, at)
    await floor.end()
    order_id = paid.order["id"]
    event(f"opened {sum(order_id in lane.opened for lane in lanes)}, alone {any(lane.lane.offline for lane in lanes)}")
    opened = Counter({lane.name: lane.opened.count(order_id) for lane in lanes})
    assert opened.total() <= 1
    released = await store.database.read(lambda connection: released_by(connection, order_id))
    if opened.total():
        assert [released] == [name for name, count in opened.items() if count]
    assert not any(body["order_id"] == order_id for lane in lanes for _, _, body in lane.book.untold())


VOUCHED = st.one_of(MOVES, LANE.map(lambda at: [("hour", at), ("vouch", at)]))


@QUICK
@given(moves=st.lists(VOUCHED, min_size=2, max_size=3).map(lambda some: [*BRIEFED, *chain.from_iterable(some)]))
@example(
    moves=copies(
        *ALONE, ("show", 0), *OUT, ("show", 1), ("minute", 0), ("vouch", 0), ("step", 1), ("step", 1), ("step", 1)
    )
)
@example(
    moves=copies(
        *ALONE, ("show", 0), ("step", 0), ("show", 1), ("minute", 0), ("vouch", 0), ("heal", 0), ("look", 0),
        ("step", 1), ("step", 1), *OUT,
    )
)  # fmt: skip
async def test_who_says_of_a_lane_that_it_is_dead_and_is_wrong_hears_of_it(
    store: MerchantServer, clock: ManualClock, buy: Buy, lanes: list[LaneAlone], moves: list[tuple[str, int]]
) -> None:
    """A person's word can let an order out twice, at the lane that lived and at another; nothing else can."""
    for lane in lanes:
        lane.line.mend()
        lane.restart()
        await lane.server.heartbeat("idle", {})
    paid = await buy(MILK)
    floor = Floor(store, lanes, paid, clock)
    for name, at in moves:
        await floor.move(name, at)
    await floor.end()
    order_id = paid.order["id"]
    opened = Counter({lane.name: lane.opened.count(order_id) for lane in lanes})
    event(f"opened {opened.total()}, vouched {floor.vouched}")
    assert max(opened.values()) <= 1
    calls = [call for call in await store.calls.list(status="open") if call.kind == "help"]
    told = any(f"order {paid.order['number']} left here" in call.evidence.get("detail", "") for call in calls)
    assert opened.total() <= (2 if floor.vouched and told else 1)
