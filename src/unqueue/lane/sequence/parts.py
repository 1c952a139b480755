"""Goods that are weighed in parts: more than the scale can weigh, or than has room on it. Pure.

Only goods without tags: those are silenced when the whole order fits, and by then the first part has left the belt.
"""

from unqueue.lane.sequence.turn import Turn
from unqueue.lane.sequence.words import Config, Lane, PartDone, Tick

PARTS_MAX = 8


def may_be_in_parts(lane: Lane, config: Config) -> bool:
    """Whether the order at the lane may be weighed in parts at all."""
    return lane.exit is not None and not lane.exit.tags and config.trolley is None and len(lane.parts) < PARTS_MAX


def is_part(lane: Lane, now_s: float, config: Config) -> bool:
    """Whether what lies there can be kept as a part, and the rest be laid afterwards."""
    waits = lane.phase in {"loading", "check"} and not lane.part_lies and not lane.overweight
    still = lane.weighed_s >= lane.changed_s and now_s - lane.changed_s >= config.timing.part_s
    light = lane.verdict is not None and lane.verdict.verdict == "check" and lane.verdict.is_light
    return waits and still and light and not lane.is_near_empty and may_be_in_parts(lane, config)


def part_done(turn: Turn, _: PartDone) -> bool:
    """Keep what lies there, and wait until it was taken off."""
    if is_part(turn.lane, turn.now_s, turn.config):
        turn.to("loading", told=None, parts=(*turn.lane.parts, turn.lane.reading), part_lies=True, changed_s=turn.now_s)
    return False


def taken_off(turn: Turn) -> bool:
    """Whether no part lies there any more. Until then nothing is weighed for the order."""
    if turn.lane.part_lies and turn.lane.is_near_empty:
        turn.set(part_lies=False, changed_s=turn.now_s, verdict=turn.judge(turn.exit))
    return not turn.lane.part_lies


def left_there(turn: Turn, _: Tick) -> bool:
    """Whether a part lies there still. After a while it is no part any more."""
    if turn.lane.part_lies and turn.waited_s >= turn.timing.part_off_s_max:
        turn.set(part_lies=False, parts=turn.lane.parts[:-1], changed_s=turn.now_s)
        turn.set(verdict=turn.judge(turn.exit))
    return turn.lane.part_lies
