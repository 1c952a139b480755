"""Lanes that are cut off from the server: who may let an order out, what is told later, and what a lane that restarts
still knows (invariants 10 and 11). Any interleaving of all of it: `test_partitions_in_any_order.py`.
"""

import uuid

import msgspec
import pytest
from sqlalchemy import Connection, select
from tests.support.cut_off import ALONE, OUT, Floor, floor, lanes, play, released_by, status
from tests.support.lanes import Buy, buy, clients
from tests.support.stores import MILK

from unqueue.kernel.errors import NotFound
from unqueue.lane.sequence.words import Abandon, Claim, Lane, ReadExits
from unqueue.server.access import Principal
from unqueue.server.app import MerchantServer
from unqueue.server.exits.calls import Answer
from unqueue.server.exits.offline import DEAD_AFTER_S, OfflineLanes
from unqueue.server.exits.refusals import LaneAnswers
from unqueue.server.exits.store import live_of_order, pass_bindings
from unqueue.server.fleet.store import last_contact
from unqueue.station.link import ServerRefused

__all__ = ["buy", "clients", "floor", "lanes"]
pytestmark = pytest.mark.anyio


async def test_the_bound_lane_lets_out_alone_and_tells_later(floor: Floor) -> None:
    assert await play(floor, *ALONE, ("show", 0), *OUT, ("step", 0)) == [1, 0, 0]
    assert await status(floor) == "paid"
    await floor.end()
    assert await status(floor) == "left"
    assert floor.lanes[0].book.untold() == []


async def test_another_lane_that_is_cut_off_takes_nothing(floor: Floor) -> None:
    assert await play(floor, ("cut", 1), ("seconds", 0), ("look", 1), ("show", 1), *OUT, ("step", 1)) == [0, 0, 0]


async def test_another_lane_waits_for_staff_while_the_bound_one_is_silent(store: MerchantServer, floor: Floor) -> None:
    assert await play(floor, *ALONE, ("show", 1), ("step", 1), ("step", 1)) == [0, 0, 0]
    assert floor.lanes[1].lane.exit is not None
    assert floor.lanes[1].lane.exit.checks == ("other_lane",)
    (waiting,) = await store.calls.list(status="open")
    assert (waiting.kind, waiting.evidence["bound_to"]) == ("other_lane", floor.lanes[0].name)
    # The lane is there again, and has not let it out: nobody has to look any more.
    await play(floor, ("heal", 0), ("go_on", 0), ("go_on", 0), ("look", 0), ("look", 0))
    assert await play(floor, ("step", 1), ("step", 1)) == [0, 1, 0]
    assert await store.calls.list(status="open") == []


async def test_a_person_vouches_for_a_dead_lane(store: MerchantServer, floor: Floor) -> None:
    """Nobody comes back from it to give its orders up; whoever stands before it can."""
    dead = floor.lanes[0]
    await dead.server.heartbeat("idle", {})
    person = Principal("staff", "s1", "小李", "attendant")
    with pytest.raises(LaneAnswers):
        await store.offline_lanes.vouch(person, dead.name)
    with pytest.raises(NotFound):
        await store.offline_lanes.vouch(person, "lane-9")
    assert await play(floor, *ALONE, ("show", 1), ("step", 1), ("step", 1)) == [0, 0, 0]
    floor.clock.advance(DEAD_AFTER_S)
    assert (await store.offline_lanes.vouch(person, dead.name)).orders == 1
    assert (await store.offline_lanes.vouch(person, dead.name)).orders == 0
    assert await store.calls.list(status="open") == []
    assert await play(floor, ("step", 1), ("step", 1)) == [0, 1, 0]
    # It comes back, and is cut off again: it has heard that it gave the order up.
    await play(floor, ("restart", 0), ("heal", 0), ("go_on", 0), ("look", 0), *ALONE)
    assert await play(floor, ("show", 0), *OUT) == [0, 1, 0]
    await floor.end()
    assert await status(floor) == "left"


async def test_a_dead_lane_frees_only_who_waits_elsewhere(store: MerchantServer, floor: Floor) -> None:
    """Others may have left there before it died: a picture of their pass is good nowhere without a look."""
    dead = floor.lanes[0]
    await dead.server.heartbeat("idle", {})
    assert await play(floor, *ALONE, ("show", 0), *OUT, ("step", 0), ("minute", 0)) == [1, 0, 0]
    person = Principal("staff", "s1", "小李", "attendant")
    assert (await store.offline_lanes.vouch(person, dead.name)).orders == 0
    assert await play(floor, ("pass", 0), ("show", 1), ("step", 1), ("step", 1)) == [1, 0, 0]
    (call,) = await store.calls.list(status="open")
    assert call.kind == "other_lane"


async def test_after_the_server_was_away_every_lane_has_its_time_to_be_heard(
    store: MerchantServer, floor: Floor
) -> None:
    lane = floor.lanes[0]
    await lane.server.heartbeat("idle", {})
    floor.clock.advance(600)
    restarted = OfflineLanes(store.database, store.exits.passes, let_out=store.bays.let_out, last_contact=last_contact)
    person = Principal("staff", "s1", "小李", "attendant")
    with pytest.raises(LaneAnswers):
        await restarted.vouch(person, lane.name)
    floor.clock.advance(DEAD_AFTER_S)
    assert (await restarted.vouch(person, lane.name)).orders == 0


async def test_who_vouches_for_a_lane_that_was_not_dead_hears_of_it(store: MerchantServer, floor: Floor) -> None:
    lane = floor.lanes[0]
    await lane.server.heartbeat("idle", {})
    assert await play(floor, *ALONE, ("show", 0), *OUT, ("step", 0), ("show", 1)) == [1, 0, 0]
    floor.clock.advance(DEAD_AFTER_S)
    await store.offline_lanes.vouch(Principal("staff", "s1", "小李", "attendant"), lane.name)
    assert await play(floor, ("step", 1), ("step", 1), ("step", 1)) == [1, 1, 0]
    await floor.end()
    (told,) = await store.calls.list(status="open")
    assert (told.kind, "and elsewhere as well" in told.evidence["detail"]) == ("help", True)


async def test_a_lane_that_answers_gives_the_order_up(floor: Floor) -> None:
    """Then it is too late for it to take a copy, cut off or not."""
    moves = [("show", 1), ("look", 0), ("look", 0), ("step", 1), ("step", 1)]
    assert await play(floor, *moves) == [0, 1, 0]
    assert await play(floor, *ALONE, ("show", 0), *OUT) == [0, 1, 0]


async def test_an_exit_goes_on_alone_when_the_server_goes_away(floor: Floor) -> None:
    assert await play(floor, ("show", 0), ("step", 0), *ALONE, ("step", 0)) == [1, 0, 0]
    await floor.end()
    assert await status(floor) == "left"


async def test_a_lane_that_restarted_takes_nothing_before_it_has_heard_the_server(floor: Floor) -> None:
    assert await play(floor, *ALONE, ("restart", 0), ("seconds", 0), ("look", 0), ("show", 0), *OUT) == [0, 0, 0]


async def test_a_pass_that_has_ended_is_not_taken(floor: Floor) -> None:
    assert await play(floor, *ALONE, *[("minute", 0)] * 61, ("show", 0), *OUT) == [0, 0, 0]


async def test_a_pass_that_ends_while_the_goods_lie_there_is_not_taken(floor: Floor) -> None:
    """By then another lane may have the order."""
    assert await play(floor, *ALONE, ("show", 0), ("step", 0), *[("minute", 0)] * 61, *OUT) == [0, 0, 0]


async def test_an_order_at_the_bound_lane_is_not_given_up(floor: Floor) -> None:
    """Its claim grows stale for the server, and another lane gets it; but only the bound one may go on by itself."""
    moves = [("show", 0), ("look", 0), ("look", 0), ("cut", 0), ("minute", 0), ("look", 0)]
    assert await play(floor, *moves, ("pass", 0), ("show", 1), ("step", 1), ("step", 1), *OUT) == [1, 0, 0]
    await floor.end()
    assert floor.lanes[1].opened == []
    assert await status(floor) == "left"


async def test_what_was_given_up_is_not_taken_over(floor: Floor) -> None:
    """The answer to the claim was lost; the lane gave the order up before it heard that it has it."""
    moves = [("deaf", 0), ("show", 0), ("heal", 0), ("look", 0), ("look", 0), ("step", 0), ("cut", 0), ("minute", 0)]
    moves += [("look", 0), ("pass", 0), ("show", 1), ("step", 1), ("step", 1)]
    assert await play(floor, *moves, *OUT, *OUT) == [0, 0, 0]
    # It had the order again since, so the other lane waits for its word.
    await play(floor, ("heal", 0), ("go_on", 0), ("go_on", 0), ("look", 0), ("look", 0))
    assert await play(floor, ("step", 1), ("step", 1)) == [0, 1, 0]


async def test_who_was_sent_aside_waits_until_the_lane_has_given_the_order_up(
    store: MerchantServer, floor: Floor
) -> None:
    async def waits_for() -> tuple[str, ...]:
        order_id = floor.paid.order["id"]
        one = await store.database.read(lambda connection: live_of_order(connection, order_id))
        assert one is not None
        assert one.bay == "bay"
        return one.checks

    await play(floor, ("show", 0), ("off", 0), ("aside", 0))
    assert await waits_for() == ("other_lane",)
    await play(floor, ("look", 0), ("look", 0))
    assert await waits_for() == ()


async def test_a_lane_that_did_not_hear_that_the_order_is_in_the_bay_goes_on_with_it(floor: Floor) -> None:
    moves = [("show", 0), ("off", 0), ("deaf", 0), ("aside", 0), ("seconds", 0), ("look", 0)]
    assert await play(floor, *moves, ("go_on", 0), ("go_on", 0), *OUT) == [1, 0, 0]
    await floor.end()
    assert await status(floor) == "left"


async def test_time_alone_frees_no_order(store: MerchantServer, floor: Floor) -> None:
    """The bound lane let it out, and is still cut off when the pass has long ended."""
    moves = [*ALONE, ("show", 0), *OUT, ("hour", 0), ("hour", 0), ("pass", 0), ("show", 1), ("step", 1), ("step", 1)]
    assert await play(floor, *moves) == [1, 0, 0]
    (waiting,) = await store.calls.list(status="open")
    assert waiting.kind == "other_lane"
    await floor.end()
    assert await status(floor) == "left"
    assert floor.lanes[1].opened == []


async def test_a_binding_ends_when_its_lane_says_that_the_pass_has_ended(store: MerchantServer, floor: Floor) -> None:
    def bound(connection: Connection) -> int:
        return len(list(connection.execute(select(pass_bindings))))

    await play(floor, ("cut", 0), ("hour", 0), ("hour", 0), ("pass", 0), ("show", 1))
    assert await store.database.read(bound) == 1
    await play(floor, ("heal", 0), ("look", 0))
    assert await store.database.read(bound) == 0
    # The shopper shows a fresh pass, which may be bound to any lane now.
    assert sum(await play(floor, ("pass", 0), ("show", 1), ("step", 1), ("step", 1), ("look", 0), ("step", 1))) == 1


@pytest.mark.parametrize("goes_on", [[], [("show", 1)], [("show", 1), ("step", 1), ("step", 1)]])
async def test_a_lost_word_that_the_order_is_at_the_side_bay(floor: Floor, goes_on: list[tuple[str, int]]) -> None:
    """The bay has a gate of its own; the lane did not hear that the shopper was sent there, and let them out."""
    moves = [("show", 0), ("off", 0), ("deaf", 0), ("aside_to_next", 0), *goes_on, ("seconds", 0), ("look", 0)]
    assert await play(floor, *moves, ("go_on", 0), ("go_on", 0), *OUT) == [1, 0, 0]
    await floor.end()
    assert await status(floor) == "left"
    assert floor.lanes[0].book.untold() == []


async def test_what_the_server_does_not_take_is_told_until_it_does(store: MerchantServer, floor: Floor) -> None:
    await play(floor, *ALONE, ("show", 0), *OUT, ("step", 0), ("refused", 0))
    floor.lanes[0].line.is_cut = False
    for at in (0, 1):  # a copy of the pass, at the same lane and at another one
        await play(floor, ("look", 0), ("show", at), ("step", at), ("step", at), ("look", 0), ("step", at))
    assert [len(lane.opened) for lane in floor.lanes] == [1, 0, 0]
    calls = await store.calls.list(status="open")
    assert sorted((call.kind for call in calls), reverse=True) == ["other_lane", "help"]
    await play(floor, ("heal", 0), ("look", 0))
    assert await status(floor) == "left"


async def test_what_the_server_stumbles_over_holds_up_nothing_else(
    store: MerchantServer, floor: Floor, buy: Buy
) -> None:
    """An exit that it can't write down, by an error of its own: the lane works on, and staff know."""
    lane = floor.lanes[0]
    await play(floor, *ALONE, ("show", 0), *OUT, ("step", 0))
    lane.line.is_cut, lane.line.fails = False, "/offline-exits"
    await play(floor, ("look", 0), ("look", 0))
    assert not lane.lane.offline
    (call,) = await store.calls.list(status="open")
    assert (call.kind, call.evidence.get("times")) == ("help", None)
    assert floor.paid.order["number"] in call.evidence["detail"]
    next_order = await buy(MILK)
    await lane.show("", next_order.order["number"])
    await play(floor, *OUT)
    assert lane.opened == [floor.paid.order["id"], next_order.order["id"]]
    assert [body["order_id"] for _, _, body in lane.book.untold()] == [floor.paid.order["id"]]
    await play(floor, ("show", 1), ("step", 1), ("step", 1), ("heal", 0), ("look", 0))
    assert (await status(floor), floor.lanes[1].opened) == ("left", [])


@pytest.mark.parametrize("says", ["refused", "fails"])
@pytest.mark.parametrize("forgets", [True, False])
async def test_what_left_alone_is_not_gone_on_with_when_the_server_is_back(
    floor: Floor, buy: Buy, says: str, *, forgets: bool
) -> None:
    """It began with the server, which still takes it to be here, and does not take that it left: neither a restart nor
    the next shopper makes the lane open for it again.
    """
    lane = floor.lanes[0]
    moves = [("show", 0), ("step", 0), *ALONE, ("step", 0), ("step", 0), (says, 0)]
    assert await play(floor, *moves, *[("restart", 0)] * forgets, ("back", 0), ("look", 0)) == [1, 0, 0]
    next_order = await buy(MILK)
    for _ in range(3):
        await lane.show("", next_order.order["number"])
        await play(floor, *OUT, ("step", 0))
    assert lane.opened == [floor.paid.order["id"], next_order.order["id"]]
    # As long as the server does not take it, no other lane lets it out; then it has left.
    assert await play(floor, ("show", 1), *[("step", 1)] * 2, ("look", 0), ("step", 1)) == [2, 0, 0]
    await play(floor, ("heal", 0), ("look", 0))
    assert (await status(floor), lane.book.untold()) == ("left", [])


async def test_a_lane_that_hears_that_it_is_taken_for_dead_lets_nobody_out_that_it_holds(floor: Floor) -> None:
    lane = floor.lanes[0]
    await lane.server.heartbeat("idle", {})
    await play(floor, *ALONE, ("show", 0), ("step", 0), ("show", 1), ("minute", 0), ("vouch", 0))
    await play(floor, ("heal", 0), ("look", 0), ("look", 0), ("step", 1), ("step", 1))
    assert await play(floor, *OUT) == [0, 1, 0]
    assert lane.alone.desk.in_hand() == ()


async def test_staff_are_told_again_until_they_could_be(store: MerchantServer, floor: Floor) -> None:
    lane = floor.lanes[0]
    await play(floor, *ALONE, ("show", 0), *OUT, ("step", 0))
    lane.line.is_cut, lane.line.refused = False, ("/offline-exits", "/alarms")
    await play(floor, ("look", 0))
    assert await store.calls.list(status="open") == []
    lane.line.refused = "/offline-exits"
    await play(floor, ("look", 0), ("look", 0))
    (call,) = await store.calls.list(status="open")
    assert (call.kind, call.evidence.get("times")) == ("help", None)


async def test_that_a_shopper_left_is_not_lost_when_the_server_says_no_to_it(
    store: MerchantServer, floor: Floor
) -> None:
    lane = floor.lanes[0]
    await play(floor, ("type", 0), *OUT)
    assert lane.opened
    await play(floor, *ALONE, ("step", 0))
    assert lane.alone.desk.later()
    lane.line.is_cut, lane.line.refused = False, ("/left", "/alarms")
    await play(floor, ("look", 0))
    assert lane.alone.desk.later()  # until somebody knows
    lane.line.refused = "/left"
    await play(floor, ("look", 0), ("look", 0))
    (call,) = await store.calls.list(status="open")
    assert (call.kind, call.evidence.get("times")) == ("help", None)
    assert lane.alone.desk.later() == []


async def test_a_server_that_is_back_decides_whatever_it_says(floor: Floor) -> None:
    await play(floor, *ALONE)
    lane = floor.lanes[0]
    assert lane.lane.offline
    lane.line.mend()
    lane.line.refused = "/briefing"
    await play(floor, ("look", 0))
    assert not lane.lane.offline
    assert await play(floor, ("show", 0), *OUT) == [1, 0, 0]
    assert await play(floor, ("step", 0)) == [1, 0, 0]
    assert await status(floor) == "left"


async def test_a_lane_that_restarted_hears_what_it_has_given_up(floor: Floor) -> None:
    """So it does not take over alone what another lane may have let out by now."""
    moves = [
        ("show", 1),
        ("look", 0),
        ("look", 0),
        ("abandon", 1),
        ("restart", 0),
        ("step", 0),
        ("look", 0),
        ("show", 0),
    ]
    assert await play(floor, *moves, *ALONE, ("step", 0), ("step", 0)) == [0, 0, 0]
    assert await play(floor, ("minute", 0), ("pass", 0), ("show", 1), ("step", 1), ("step", 1)) == [0, 0, 0]
    await play(floor, ("heal", 0), ("go_on", 0), ("go_on", 0), ("look", 0), ("look", 0))
    assert await play(floor, ("step", 1), ("step", 1)) == [0, 1, 0]


async def test_what_is_told_late_of_giving_up_counts_no_more(floor: Floor) -> None:
    """It is on its way while the lane restarts, and has the order again."""
    a, b = floor.lanes[0], floor.lanes[1]
    await play(floor, ("show", 1), ("look", 0))
    a.line.delays = "/briefing"
    await play(floor, ("look", 0), ("abandon", 1), ("restart", 0), ("step", 0), ("show", 0))
    assert a.lane.exit is not None
    a.line.delays = ""
    await play(floor, ("look", 0), ("cut", 0))
    await a.line.deliver()
    await play(floor, ("minute", 0), ("look", 0), ("step", 0), ("step", 0))
    await play(floor, ("pass", 0), ("show", 1), ("step", 1), ("step", 1))
    assert len(a.opened) + len(b.opened) == 1


async def test_who_gave_an_order_up_and_has_it_again_has_it(floor: Floor) -> None:
    """It says so late, too; then it restarts, and knows no more that it gave the order up."""
    a = floor.lanes[0]
    await play(floor, ("show", 1), ("look", 0), ("look", 0), ("abandon", 1), ("restart", 0), ("step", 0), ("look", 0))
    await play(floor, ("restart", 0), ("step", 0), ("show", 0), ("look", 0))
    assert a.lane.exit is not None
    await play(floor, *ALONE, ("step", 0), ("step", 0), ("minute", 0), ("pass", 0), ("show", 1))
    assert sum(await play(floor, ("step", 1), ("step", 1))) <= 1


async def test_a_report_that_is_not_taken_holds_the_order_at_other_lanes(floor: Floor) -> None:
    moves = [*ALONE, ("show", 0), *OUT, ("step", 0), ("refused", 0)]
    await play(floor, *moves)
    floor.lanes[0].line.is_cut = False
    moves = [("look", 0), ("show", 1), ("look", 0), ("look", 0), ("step", 1), ("step", 1)]
    assert await play(floor, *moves) == [1, 0, 0]
    moves = [("hour", 0), ("hour", 0), ("look", 0), ("look", 0), ("type", 1), ("step", 1), ("step", 1)]
    assert await play(floor, *moves) == [1, 0, 0]


async def test_an_order_in_hand_is_not_given_up(floor: Floor) -> None:
    """The sequence forgot it, its desk did not."""
    a = floor.lanes[0]
    await play(floor, *ALONE, ("show", 0), ("step", 0), ("show", 1))
    a.lane = Lane()
    await play(floor, ("heal", 0), ("look", 0), ("look", 0), ("step", 1), ("step", 1))
    a.wants(ReadExits())
    assert sum(await play(floor, ("go_on", 0), *OUT)) == 1


async def test_the_bay_does_not_go_on_with_what_the_lane_let_out(store: MerchantServer, floor: Floor) -> None:
    moves = [("show", 0), ("off", 0), ("deaf", 0), ("aside_to_next", 0), ("show", 1), ("step", 1), ("step", 1)]
    await play(floor, *moves, ("seconds", 0), ("look", 0), ("go_on", 0), ("go_on", 0), *OUT, ("heal", 0), ("look", 0))
    assert await play(floor, ("step", 1), ("go_on", 1), ("go_on", 1), ("step", 1), ("step", 1)) == [1, 0, 0]
    order_id = floor.paid.order["id"]
    assert await store.database.read(lambda connection: released_by(connection, order_id)) == floor.lanes[0].name


async def test_nobody_is_let_out_of_a_bay_by_nobody(store: MerchantServer, floor: Floor) -> None:
    """All was well but for the other lane's word; in the bay nobody has seen the goods."""
    await play(floor, ("show", 1), ("step", 1), ("aside", 1), ("look", 0), ("look", 0))
    assert await status(floor) == "paid"
    (call,) = await store.calls.list(status="open")
    assert call.kind == "other_lane"
    answer = Answer(uuid.uuid4().hex, "let_go", "seen by a person", call.evidence_id)
    await store.calls.answer(Principal("staff", "s1", "小李", "manager"), call.id, answer)
    assert await status(floor) == "left"


async def test_staff_hear_of_goods_that_wait_since_long_before_the_server_was_back(
    store: MerchantServer, floor: Floor
) -> None:
    await play(
        floor, *ALONE, ("show", 0), ("off", 0), ("minute", 0), ("minute", 0), ("heal", 0), ("look", 0), ("off", 0)
    )
    (waiting,) = await store.calls.list(status="open")
    assert (waiting.kind, waiting.lane) == ("weight", floor.lanes[0].name)


async def test_an_old_pass_is_good_at_no_other_lane_for_being_called_old(floor: Floor) -> None:
    other = floor.lanes[1]
    shown_s = floor.clock.now().timestamp()
    await play(floor, ("minute", 0), ("minute", 0))
    with pytest.raises(ServerRefused, match="pass_expired"):
        await other.server.ask(Claim(pass_=floor.code, shown_s=shown_s), uuid.uuid4().hex)


async def test_a_call_that_was_lost_is_made_again(store: MerchantServer, floor: Floor) -> None:
    lane = floor.lanes[0]
    await play(floor, *ALONE, ("show", 0), *OUT, ("step", 0), ("refused", 0))
    lane.line.is_cut, lane.line.delays = False, "/alarms"
    await play(floor, ("look", 0))
    lane.line.delays = ""
    await play(floor, ("look", 0), ("look", 0))
    (call,) = await store.calls.list(status="open")
    assert (call.kind, call.evidence.get("times")) == ("help", None)


async def test_nothing_is_kept_of_what_has_ended(floor: Floor) -> None:
    lane = floor.lanes[0]
    await play(floor, *ALONE, ("show", 0), *OUT, ("restart", 0), ("heal", 0), ("go_on", 0), ("look", 0), ("step", 0))
    assert await status(floor) == "left"
    assert lane.book.is_empty()


async def test_a_number_that_was_typed_before_the_cut_does_not_spoil_the_pass(floor: Floor) -> None:
    lane = floor.lanes[0]
    await play(floor, ("type", 0), ("cut", 0), ("seconds", 0), ("look", 0), ("step", 0))
    assert lane.lane.exit is not None
    exit_id, lane.lane = lane.lane.exit.exit_id, msgspec.structs.replace(lane.lane, exit=None)
    lane.wants(Abandon(exit_id, "server_away"))
    assert await play(floor, ("go_on", 0), ("show", 0), *OUT) == [1, 0, 0]


async def test_what_was_told_is_known_after_a_restart(floor: Floor) -> None:
    out = [*ALONE, ("show", 0), *OUT, ("step", 0), ("heal", 0), ("look", 0)]
    assert await play(floor, *out, ("restart", 0), ("step", 0), ("look", 0), *ALONE, ("show", 0), *OUT) == [1, 0, 0]


async def test_a_copy_that_comes_before_the_lane_has_told(floor: Floor) -> None:
    moves = [*ALONE, ("show", 0), *OUT, ("step", 0), ("heal", 0)]
    await play(floor, *moves)
    floor.lanes[0].lane = Lane()  # it has heard that the server is there, and not been asked to tell yet
    assert await play(floor, ("show", 0), *OUT, ("step", 0)) == [1, 0, 0]


async def test_an_exit_that_began_alone_goes_on_when_the_server_is_back(store: MerchantServer, floor: Floor) -> None:
    """Goods that do not fit: nobody could be called while the lane was alone, and now staff are."""
    await play(floor, *ALONE, ("show", 0), ("off", 0), ("heal", 0), ("look", 0), ("off", 0))
    (waiting,) = await store.calls.list(status="open")
    assert (waiting.kind, waiting.lane) == ("weight", floor.lanes[0].name)
    assert await play(floor, ("step", 0), ("step", 0), ("step", 0)) == [1, 0, 0]


async def test_what_the_lane_decided_is_not_over_because_the_server_is_back(floor: Floor) -> None:
    await play(floor, *ALONE, ("show", 0), ("step", 0))
    lane = floor.lanes[0]
    await play(floor, ("heal", 0), ("look", 0))
    lane.wants(ReadExits())
    assert await play(floor, ("go_on", 0), *OUT) == [1, 0, 0]
    await floor.end()
    assert await status(floor) == "left"


async def test_a_person_let_the_order_out_of_the_bay_meanwhile(store: MerchantServer, floor: Floor) -> None:
    """By name, without a look at the lane that had it: staff hear that it left twice, once."""
    await play(floor, ("show", 0), ("off", 0), ("deaf", 0), ("aside", 0), ("seconds", 0), ("look", 0))
    for kind in ("weight", "other_lane"):  # the second is opened by the answer to the first
        (call,) = await store.calls.list(status="open")
        assert call.kind == kind
        answer = Answer(uuid.uuid4().hex, "let_go", "seen by a person", call.evidence_id)
        await store.calls.answer(Principal("staff", "s1", "小李", "manager"), call.id, answer)
    assert await status(floor) == "left"
    await play(floor, ("go_on", 0), ("go_on", 0), *OUT)
    for lane in floor.lanes[:1]:
        lane.line.mend()
        await lane.alone.look()
        await lane.alone.look()
    (told,) = await store.calls.list(status="open")
    assert (told.kind, told.evidence.get("times")) == ("help", None)


async def test_what_was_let_out_before_a_power_cut_is_told_after_it(floor: Floor) -> None:
    assert await play(floor, *ALONE, ("show", 0), *OUT, ("restart", 0)) == [1, 0, 0]
    await play(floor, ("heal", 0))
    adopted = await floor.lanes[0].alone.ask(Lane(), ReadExits(), "after the restart")
    assert [one.status for one in adopted] == ["released"]
