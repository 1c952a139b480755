"""Any interleaving of lanes and staff lets an order out at most once, and only cleared: invariants 10 and 11."""

import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from tests.support.lanes import Buy
from tests.support.stores import BEER

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.errors import DomainError
from unqueue.server.access import Principal
from unqueue.server.app import MerchantServer
from unqueue.server.exits import store as exits_store
from unqueue.server.exits.calls import Answer
from unqueue.server.exits.service import Claim
from unqueue.server.exits.weights import Weighing

pytestmark = pytest.mark.anyio

LANES = 3
BAY = "bay"
STAFF = Principal("staff", "s1", "小李", "attendant")
MOVES = st.one_of(
    st.tuples(
        st.sampled_from(["claim", "fits", "off", "aside", "release", "left", "abandon"]), st.integers(0, LANES - 1)
    ),
    st.tuples(st.sampled_from(["let_go", "reweigh", "refuse", "minute"]), st.just(0)),
)


class Floor:
    """Lanes that race for one order; each remembers the exit that it was given."""

    def __init__(self, store: MerchantServer, clock: ManualClock, number: str) -> None:
        self.store = store
        self.clock = clock
        self.number = number
        self.lanes = [Principal("device", uuid.uuid4().hex, "", "lane") for _ in range(LANES)]
        self.exits: list[str | None] = [None] * LANES

    async def move(self, name: str, at: int) -> None:
        device, exit_id, exits = self.lanes[at], self.exits[at], self.store.exits
        if name == "claim":
            self.exits[at] = (await exits.claim(device, Claim(uuid.uuid4().hex, order_number=self.number))).id
        elif name == "minute":
            self.clock.advance(61)
        elif name in {"let_go", "reweigh", "refuse"}:
            for call in await self.store.calls.list(status="open"):
                if call.lane in {BAY, *(lane.id for lane in self.lanes)}:
                    answer = Answer(uuid.uuid4().hex, name, "seen", call.evidence_id)  # type: ignore[arg-type]
                    await self.store.calls.answer(STAFF, call.id, answer)
        elif exit_id is not None:
            await self._step(name, device, exit_id)

    async def _step(self, name: str, device: Principal, exit_id: str) -> None:
        exits = self.store.exits
        if name in {"fits", "off"}:
            verdict: Any = "pass" if name == "fits" else "check"
            await exits.weigh(device, exit_id, Weighing(uuid.uuid4().hex, 1, 5, 1, 1.0, 10, verdict))
        elif name == "aside":
            await self.store.bays.send_aside(device, exit_id, BAY)
        elif name == "abandon":
            await exits.abandon(device, exit_id, "test")
        else:
            await getattr(exits, name)(device, exit_id, 7)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(moves=st.lists(MOVES, min_size=8, max_size=30))
@example(moves=[("claim", 1), ("let_go", 0), ("fits", 1), ("release", 1), ("left", 1)])
@example(moves=[("claim", 1), ("off", 1), ("aside", 1), ("claim", 0), ("release", 1), ("let_go", 0), ("claim", 2)])
async def test_any_interleaving(
    store: MerchantServer, clock: ManualClock, buy: Buy, moves: list[tuple[str, int]]
) -> None:
    paid = await buy(BEER)
    floor = Floor(store, clock, paid.order["number"])
    for name, at in moves:
        before = {one.exit_id: one for one in await _exits(store, paid.order["id"])}
        try:
            await floor.move(name, at)
        except DomainError:
            continue
        if name == "release" and (exit_id := floor.exits[at]) is not None:
            # Whoever was let out had been cleared: the weight, and the age.
            assert before[exit_id].status in {"accepted", "released", "left"}
    found = await _exits(store, paid.order["id"])
    assert sum(one.status in {"released", "left"} for one in found) <= 1
    assert sum(one.status in {"claimed", "accepted", "released"} for one in found) <= 1
    for one in found:
        if one.status in {"released", "left"}:
            assert not one.checks
            assert one.weighing is not None
            assert one.weighing.verdict == "pass" or one.override_call_id is not None


async def _exits(store: MerchantServer, order_id: str) -> list[Any]:
    table = exits_store.exits

    def read(connection: Any) -> list[Any]:
        rows = connection.execute(select(table.c.exit_id).where(table.c.order_id == order_id))
        return [exits_store.get(connection, row.exit_id) for row in rows]

    return await store.database.read(read)
