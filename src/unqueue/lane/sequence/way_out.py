"""From the release to the empty lane. Pure."""

import msgspec

from unqueue.lane.sequence.codes import is_of_shopper
from unqueue.lane.sequence.turn import Turn
from unqueue.lane.sequence.words import (
    NEAR_EMPTY_G,
    Answered,
    CallRefused,
    CallSeen,
    Code,
    ExitInfo,
    Gone,
    IoRead,
    Left,
    Refused,
    Release,
    Tick,
)


def release(turn: Turn) -> None:
    """Everything is cleared: ask the server to let this order out, once."""
    turn.to("releasing")
    turn.ask(Release(turn.exit.exit_id, turn.io.passages, turn.tags_silenced()))


def releasing_answered(turn: Turn, answer: Answered) -> None:
    if not turn.is_expected(answer):
        return
    turn.set(exit=answer.exits[0])
    if turn.exit.status == "released":
        # The gate has not opened for this order: whatever was counted since belongs to somebody before.
        turn.to("open", passages_base=turn.io.passages)
        turn.open_gate()
    else:
        turn.resynchronise()


def resume(turn: Turn, one: ExitInfo) -> None:
    """After a restart: the gate was allowed to open, and perhaps did. Its counter tells whether somebody passed."""
    assert one.passages is not None, "a released exit tells the counter"
    turn.set(passages_base=one.passages)
    if turn.io.passages == one.passages:
        turn.to("open")
        turn.open_gate()
    elif turn.io.passages > one.passages:
        leave(turn)
    else:
        detail = f"the gate's counter began anew: did the shopper of order {one.number} leave?"
        turn.set(passages_base=turn.io.passages)  # of a passage from now on the lane knows
        turn.to("staff", alarm_key=turn.alarm("help", one.exit_id, detail))


def open_io(turn: Turn, seen: IoRead) -> None:
    lane = turn.lane
    if turn.has_passed(seen):
        leave(turn)
        return
    closed_s = turn.now_s - lane.gate_told_s
    if turn.may_open_again(seen) and closed_s >= turn.timing.gate_s and turn.waited_s < turn.timing.walk_s_max:
        turn.open_gate()


def open_tick(turn: Turn, _: Tick) -> None:
    if turn.lane.alarm_key is None and turn.waited_s >= turn.timing.walk_s_max:
        detail = "the gate was opened for this order and nobody walked through"
        turn.set(alarm_key=turn.alarm("help", turn.exit.exit_id, detail))


def open_code(turn: Turn, code: Code) -> None:
    """The same order again: the gate closed too soon."""
    if not is_of_shopper(turn.lane, code.text):
        turn.notice("wait_turn")
    elif turn.may_open_again(turn.io):
        turn.set(since_s=turn.now_s)
        turn.open_gate()


def call_seen(turn: Turn, seen: CallSeen) -> None:
    """Staff looked whether the shopper of a released exit has left, and say so; or that the gate is to open once more,
    for the same release. An order that the server did not let out may be let out by now, or may not.
    """
    if seen.key != turn.lane.alarm_key or seen.call.status != "answered":
        return
    if turn.exit.status != "released":
        turn.resynchronise()
        if seen.call.action == "refuse":
            turn.notice("service_desk")
        return
    if seen.call.action != "open_again" or turn.has_passed(turn.io):
        leave(turn)
        return
    # A person says that nobody passed, even where the counter began anew.
    turn.to("open", alarm_key=None, passages_base=turn.io.passages)
    turn.open_gate()


def call_refused(turn: Turn, refused: CallRefused) -> None:
    """The server takes no such call, so nobody will answer it: the lane goes on as if there was none, and calls again
    where it has to.
    """
    if refused.key == turn.lane.alarm_key:
        turn.set(alarm_key=None, since_s=turn.now_s)


def leave(turn: Turn) -> None:
    turn.to("leaving", alarm_key=None)
    _tell_left(turn, turn.io)


def _tell_left(turn: Turn, seen: IoRead) -> None:
    counted = turn.tags_counted(seen)
    # The next shopper has another trolley, whichever way the lane gets to its rest.
    turn.set(gone=Gone(turn.exit.exit_id, turn.exit.tags, counted, turn.now_s), tare=None, parts=(), part_lies=False)
    turn.ask(Left(turn.exit.exit_id, seen.passages))


def leaving_answered(turn: Turn, answer: Answered) -> None:
    if turn.is_expected(answer):
        turn.to("idle", exit=None, told=None, verdict=None, left_behind=turn.lane.belt_g > NEAR_EMPTY_G)


def alarm_io(turn: Turn, seen: IoRead) -> None:
    if turn.lane.request is None and turn.has_passed(seen):
        _tell_left(turn, seen)


def alarm_tick(turn: Turn, _: Tick) -> None:
    """Nobody can be called while the server is away, or takes no call, and staff who come by the lamp have nothing to
    answer: who is through the gate does not close the lane for those behind.
    """
    lane = turn.lane
    gone = lane.exit is None or turn.has_passed(turn.io)
    nobody = lane.offline or lane.alarm_key is None
    if nobody and gone and lane.request is None and turn.waited_s >= turn.timing.alarm_alone_s:
        _after_alarm(turn)


def alarm_answered(turn: Turn, answer: Answered) -> None:
    """What was asked before the bell rang, or that the shopper left meanwhile."""
    if not turn.is_expected(answer):
        return
    asked = turn.lane.request.request if turn.lane.request is not None else None
    turn.set(request=None)
    if isinstance(asked, Left):
        turn.set(exit=None, told=None, verdict=None)


def alarm_refused(turn: Turn, refusal: Refused) -> None:
    if turn.is_expected(refusal):
        turn.set(request=None, exit=None, told=None, verdict=None)


def alarm_call_seen(turn: Turn, seen: CallSeen) -> None:
    lane = turn.lane
    if seen.key != lane.alarm_key or seen.call.status != "answered":
        return
    goods_are_known = lane.exit is not None or turn.is_near_empty()  # else somebody's unpaid goods may lie there
    if seen.call.action == "deactivate" and goods_are_known:
        turn.to("deactivating_again", alarm_key=None, again_base=turn.io.deactivated)
    else:
        _after_alarm(turn)


def alarm_call_refused(turn: Turn, refused: CallRefused) -> None:
    if refused.key == turn.lane.alarm_key:
        turn.set(alarm_key=None)


def _after_alarm(turn: Turn) -> None:
    """Staff have looked at the bell: go on where it rang."""
    if turn.lane.exit is None:
        turn.resynchronise()  # a claim may have been answered meanwhile
    elif turn.has_passed(turn.io):
        leave(turn)
    else:
        turn.to("open", alarm_key=None)
        turn.open_gate()


def again_io(turn: Turn, seen: IoRead) -> None:
    """Staff hold the item whose tag was missed to the deactivator."""
    lane = turn.lane
    if seen.deactivated <= lane.again_base:
        return
    if lane.exit is None and lane.gone is not None and lane.gone.tags_counted is not None:
        counted = lane.gone.tags_counted + seen.deactivated - lane.again_base
        turn.set(gone=msgspec.structs.replace(lane.gone, tags_counted=counted, at_s=turn.now_s))
    _after_alarm(turn)


def again_tick(turn: Turn, _: Tick) -> None:
    if turn.waited_s >= turn.timing.deactivate_again_s_max:
        _after_alarm(turn)
