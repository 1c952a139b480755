"""Goods on the belt: weigh them, kill their tags, wait for whoever must look. Pure."""

from unqueue.lane.sequence import aside, parts, way_out
from unqueue.lane.sequence.turn import Turn, may_give_up, trouble
from unqueue.lane.sequence.words import (
    NEAR_EMPTY_G,
    Abandon,
    Answered,
    ExitInfo,
    ExitSeen,
    IoRead,
    TellWeighing,
    Tick,
    Weighed,
)
from unqueue.lane.weighing import Verdict


def loading_weighed(turn: Turn, _: Weighed) -> None:
    if not parts.taken_off(turn):
        return
    if turn.verdict.verdict == "pass":
        fits(turn)
    elif not turn.is_near_empty() and turn.is_settled():
        tell(turn)


def loading_tick(turn: Turn, tick: Tick) -> None:
    if parts.left_there(turn, tick):
        return
    quiet_s = turn.now_s - max(turn.lane.changed_s, turn.lane.since_s)
    if turn.side_bay and turn.lane.help_key is not None:
        # Whoever lays goods all the same, or is being helped just now, stays.
        if min(quiet_s, turn.now_s - turn.lane.help_s) >= turn.timing.check_s:
            aside.send(turn)
        return
    if turn.is_near_empty() and quiet_s >= turn.timing.lay_s_max and may_give_up(turn.lane):
        give_up(turn, "no_goods")


def loading_exit_seen(turn: Turn, seen: ExitSeen) -> None:
    """Staff decided about goods that were not weighed: a device is broken, or the shopper asked for help."""
    if seen.exit.exit_id == turn.exit.exit_id and seen.exit.status != "claimed":
        stand(turn, seen.exit)


def fits(turn: Turn) -> None:
    """The weight fits: kill the tags, unless a check may still hold the goods back, and tell the server."""
    if turn.exit.tags and not turn.lane.tags_done and not turn.exit.checks:
        turn.to("deactivating", told=None)
    else:
        tell(turn)


def tell(turn: Turn) -> None:
    """Tell the server what was weighed; it decides."""
    silenced = bool(turn.exit.tags) and turn.tags_silenced() is True
    turn.to("judging", told=turn.verdict)
    turn.ask(TellWeighing(turn.exit.exit_id, turn.verdict, turn.lane.interval_g, silenced, turn.tare))


def judging_answered(turn: Turn, answer: Answered) -> None:
    if turn.is_expected(answer):
        turn.set(request=None)
        stand(turn, answer.exits[0])


def stand(turn: Turn, one: ExitInfo) -> None:
    """Go on from where an exit stands: the server heard of a weighing, staff answered, or the lane restarted."""
    turn.set(exit=one)
    told = one.weighing
    if one.status in {"abandoned", "left"}:
        turn.to("idle", exit=None, told=None, verdict=None, left_behind=turn.lane.belt_g > NEAR_EMPTY_G)
        turn.notice("service_desk" if trouble(turn.lane) is None else "out_of_service")
    elif one.status == "accepted":
        _accepted(turn)
    elif one.status == "released":
        way_out.resume(turn, one)
    elif told is None:
        if turn.lane.phase in {"check", "staff"}:
            turn.set(items_base=None)  # staff had the goods in their hands
        turn.to("loading", told=None, parts=(), part_lies=False, changed_s=turn.now_s)
    elif turn.lane.phase not in {"check", "staff"}:
        _look(turn, told)


def _look(turn: Turn, told: Verdict) -> None:
    """Something has to be looked at: by the shopper, who has one chance where a side bay is, or by staff."""
    alone = told.verdict == "check"
    too_heavy = told.overweight and not parts.may_be_in_parts(turn.lane, turn.config)
    if turn.side_bay and (not alone or too_heavy or turn.lane.looks) and not _waits_for_a_word(turn, told):
        aside.send(turn)
    else:
        turn.to("check" if alone else "staff", told=told, looks=turn.lane.looks + 1)


def sending_answered(turn: Turn, answer: Answered) -> None:
    """The server heard that the shopper goes on in the side bay; or staff were quicker, and it goes on here."""
    if not turn.is_expected(answer):
        return
    turn.set(request=None)
    if answer.exits[0].bay is None:
        stand(turn, answer.exits[0])
    else:
        aside.begin(turn)


def _accepted(turn: Turn) -> None:
    """What was accepted is one weighing. If the belt holds something else by now, that is weighed and told."""
    weighing = turn.exit.weighing
    if weighing is not None and turn.differs(weighing):
        tell(turn)
    elif turn.exit.tags and not turn.lane.tags_done:
        # Without a weighing a person answered for the goods that lie there now.
        turn.to("deactivating", told=weighing or turn.verdict)
    else:
        way_out.release(turn)


def waiting_exit_seen(turn: Turn, seen: ExitSeen) -> None:
    if turn.lane.alarm_key is None and seen.exit.exit_id == turn.exit.exit_id:
        stand(turn, seen.exit)


def waiting_weighed(turn: Turn, _: Weighed) -> None:
    """The shopper, or staff, changed what lies there."""
    told = turn.lane.told
    if turn.lane.alarm_key is not None or told is None or not turn.differs(told) or _is_rescanned(turn):
        return
    if turn.verdict.verdict == "pass":
        fits(turn)
    elif told.overweight and not turn.lane.overweight:
        turn.to("loading", told=None, changed_s=turn.now_s)  # some of it was taken off, to be weighed afterwards
    elif not turn.is_near_empty() and turn.is_settled():
        tell(turn)


def waiting_tick(turn: Turn, _: Tick) -> None:
    lane = turn.lane
    a_word = turn.side_bay and lane.phase == "staff" and lane.told is not None and _waits_for_a_word(turn, lane.told)
    if (lane.phase == "check" or a_word) and lane.alarm_key is None and turn.waited_s >= turn.timing.check_s:
        if not turn.side_bay:
            turn.to("staff")
        elif turn.is_settled() or turn.waited_s >= 2 * turn.timing.check_s:
            aside.send(turn)  # not while the shopper's hands are at it
            return
    emptied = turn.is_near_empty() and lane.verdict is not None and lane.verdict.verdict == "check"
    quiet_s = turn.now_s - lane.changed_s
    patience_s = turn.timing.rescan_s if _is_rescanned(turn) else turn.timing.emptied_s
    if emptied and lane.alarm_key is None and quiet_s >= patience_s and may_give_up(lane):
        give_up(turn, "goods_taken_back")


def unanswered_tick(turn: Turn, _: Tick) -> None:
    """The server can't say how this order stands, nor may the lane decide about it. Once its goods are off the belt,
    the lane takes those who may go out alone. Not after it asked for the release: that may have been given.
    """
    quiet_s = turn.now_s - max(turn.lane.changed_s, turn.lane.since_s)
    is_stuck = turn.lane.offline and not turn.exit.offline
    if is_stuck and turn.is_near_empty() and quiet_s >= turn.timing.emptied_s:
        give_up(turn, "server_away")


def _waits_for_a_word(turn: Turn, told: Verdict) -> bool:
    """Whether all is well but for the lane that the order is bound to: its word is a matter of a moment, mostly."""
    return told.verdict == "pass" and turn.exit.checks == ("other_lane",)


def _is_rescanned(turn: Turn) -> bool:
    """Whether goods whose weight was right are being audited: staff take them up and lay them back, and what lies there
    is weighed again when they are done.
    """
    told = turn.lane.told
    return told is not None and told.verdict == "pass" and "audit" in turn.exit.checks


def give_up(turn: Turn, reason: str) -> None:
    exit_id = turn.exit.exit_id
    turn.to("abandoning", exit=None, told=None, verdict=None)
    turn.ask(Abandon(exit_id, reason))


def abandoning_answered(turn: Turn, answer: Answered) -> None:
    if turn.is_expected(answer):
        turn.to("idle")
        turn.notice("offline_staff" if turn.lane.offline else "took_long")


def deactivating_io(turn: Turn, seen: IoRead) -> None:
    if seen.deactivated - turn.lane.tags_base >= turn.exit.tags:
        _deactivated(turn)


def deactivating_tick(turn: Turn, _: Tick) -> None:
    if turn.waited_s >= turn.timing.deactivate_s_max:
        _deactivated(turn)  # a tag that is still live rings at the gate, and staff see how many were counted


def deactivating_weighed(turn: Turn, _: Weighed) -> None:
    """Something was put among goods that had been weighed: it must not lose its tag unpaid."""
    told = turn.lane.told
    if not (turn.differs(told) if told is not None else turn.verdict.verdict == "check"):
        return
    if turn.exit.status == "accepted":
        tell(turn)  # at once: until the server hears of it, the goods that were accepted still are
    else:
        turn.to("loading", told=None)


def _deactivated(turn: Turn) -> None:
    turn.set(tags_done=True)
    if turn.exit.status == "accepted":
        way_out.release(turn)
    else:
        tell(turn)
