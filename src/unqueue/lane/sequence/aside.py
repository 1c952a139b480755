"""An exception goes on in the side bay, and the lane takes the next shopper. Pure.

The goods keep their tags: nobody has cleared them yet. What happens in the bay is no longer this lane's matter.
"""

from unqueue.lane.sequence.turn import Turn
from unqueue.lane.sequence.words import CallOver, CallSeen, SendAside, Tick


def send(turn: Turn) -> None:
    """Hand the exit over to the side bay."""
    turn.to("sending_aside")
    turn.ask(SendAside(turn.exit.exit_id, turn.side_bay))


def begin(turn: Turn) -> None:
    """The server knows: lead the shopper there."""
    turn.to("aside", exit=None, told=None, verdict=None, notice=None)


def waiting_tick(turn: Turn, _: Tick) -> None:
    """The lane is free as soon as the goods are off the belt; who leaves them there is helped."""
    lane, timing = turn.lane, turn.timing
    empty_s = turn.now_s - lane.changed_s if turn.is_near_empty() else 0.0
    if empty_s >= timing.aside_empty_s and turn.waited_s >= timing.aside_s_min:
        if lane.alarm_key is not None:
            turn.commands.append(CallOver(lane.alarm_key))
        turn.to("idle", alarm_key=None)
    elif lane.alarm_key is None and turn.waited_s >= timing.aside_s_max:
        detail = "goods still lie on the belt after their shopper was sent to the side bay"
        turn.set(alarm_key=turn.alarm("help", None, detail))


def call_seen(turn: Turn, seen: CallSeen) -> None:
    """Staff looked after the goods that were left. If they lie there still, the lane asks again after a while."""
    if seen.key == turn.lane.alarm_key and seen.call.status == "answered":
        turn.to("aside", alarm_key=None)
