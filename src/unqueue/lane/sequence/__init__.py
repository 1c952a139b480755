"""The lane's sequence: from the pass to the open gate. Pure: :func:`step` takes the state, what was heard and the
time, and gives the next state and what to do. What it wants from the server is part of the state (``Lane.request``),
and so is how the outputs stand (:func:`outputs`); commands are things done once.

    starting ─→ idle ─→ claiming ─→ loading ─→ (deactivating) ─→ judging ─→ (deactivating) ─→ releasing ─→ open
                                       ↑             check, staff ─┘                                          │
                                       └──────────────────┘                                 idle ←─ leaving ←─┘

Where the store has a side bay, an exception does not keep the lane: *check* and what needs staff go to *sending_aside*
and *aside*, and from there, once the belt is empty, to *idle*.

The gate opens on a release that the server made durable, and never again after somebody walked through; in a fire it
simply opens. The deactivator is on only while a paid order's goods lie on the belt and their weight fits, or a named
person let them go; or a named person holds to it a paid item whose tag it missed.
"""

from collections.abc import Callable
from typing import Any

from unqueue.devices.ports import Overweight, StableWeight, UnderZero
from unqueue.lane.sequence import arrival, aside, belt, parts, way_out
from unqueue.lane.sequence.codes import trolley_of
from unqueue.lane.sequence.turn import Turn, trouble
from unqueue.lane.sequence.words import (
    NEAR_EMPTY_G,
    Answered,
    AskTare,
    CallRefused,
    CallSeen,
    Code,
    Command,
    Config,
    DeviceSeen,
    ExitSeen,
    Gone,
    GoodsSeen,
    HelpAsked,
    Input,
    IoRead,
    Lane,
    OfflineSeen,
    Outputs,
    PartDone,
    Phase,
    Refused,
    Sound,
    TagCause,
    TareSeen,
    Tick,
    Weighed,
)

ALARM_CYCLES = 5
DECIDED_BY_STAFF: frozenset[Phase] = frozenset({"loading", "check", "staff"})
"""Here the lane waits for the shopper or for staff, and hears by :class:`ExitSeen` what staff decided. In all others it
is about to ask the server, whose answer tells.
"""
_REMINDS: frozenset[Phase] = frozenset({"loading", "check", "staff", "open", "aside"})
# In these phases no goods of an order are being weighed: a bell at the gate is all that matters.
_AT_THE_GATE: frozenset[Phase] = frozenset({"starting", "idle", "claiming", "open", "leaving"})


def step(lane: Lane, heard: Input, now_s: float, config: Config) -> tuple[Lane, tuple[Command, ...]]:
    """The state after ``heard`` at ``now_s``, and what to do."""
    turn = Turn(lane, now_s, config)
    always = _ALWAYS.get(type(heard))
    if always is None or always(turn, heard):
        handler = _IN_PHASE.get((turn.lane.phase, type(heard)))
        if handler is not None:
            handler(turn, heard)
    return turn.lane, tuple(turn.commands)


def outputs(lane: Lane) -> Outputs:
    """How belt, deactivator and lamps stand in a state."""
    carries = lane.phase == "deactivating" and lane.fire_s is None
    again = lane.phase == "deactivating_again" and lane.fire_s is None
    stop = lane.phase in {"check", "staff", "alarm", "deactivating_again"} or trouble(lane) is not None
    return Outputs(
        belt=carries,
        deactivator=carries or again,
        green=lane.fire_s is not None or (lane.phase in {"idle", "open"} and not stop),
        red=lane.fire_s is None and stop,
    )


def _time_went_on(turn: Turn, _: Tick) -> bool:
    lane = turn.lane
    if lane.notice is not None and turn.now_s >= lane.notice_until_s:
        turn.set(notice=None)
    if lane.fire_s is not None and turn.now_s - lane.gate_told_s >= turn.timing.gate_s:
        turn.open_gate()
    for name, since_s in lane.failed_s.items():
        # A call about an exit ends with it. A device that is broken still is a matter of its own.
        ended = lane.phase == "idle" and lane.called_for.get(name) is not None
        called = name in lane.called_for and not ended
        if name != "server" and not called and turn.now_s - since_s >= turn.timing.trouble_s:
            turn.set(called_for={**turn.lane.called_for, name: lane.exit_id})
            turn.alarm("device", lane.exit_id, f"{name}: {lane.devices[name].detail}")
    if turn.now_s - lane.reminded_s >= turn.timing.remind_s and lane.phase in _REMINDS:
        turn.set(reminded_s=turn.now_s)
    return True


def _device_seen(turn: Turn, seen: DeviceSeen) -> bool:
    lane = turn.lane
    failed_s = dict(lane.failed_s)
    called_for = dict(lane.called_for)
    if seen.status == "failed":
        failed_s.setdefault(seen.name, turn.now_s)
        if seen.name == "io":
            turn.set(items_base=None)  # it may come back with a counter that began anew
    else:
        failed_s.pop(seen.name, None)
        called_for.pop(seen.name, None)
    turn.set(devices={**lane.devices, seen.name: seen}, failed_s=failed_s, called_for=called_for)
    return True


def _io_read(turn: Turn, seen: IoRead) -> bool:
    before = turn.lane.io
    turn.set(io=seen)
    if before is not None and seen.items is not None and (before.items is None or seen.items < before.items):
        turn.set(items_base=None)  # the counter began anew
    if before is None or seen.items != before.items:
        turn.set(items_s=turn.now_s)
    if seen.fire and turn.lane.fire_s is None:
        turn.set(fire_s=turn.now_s)
        turn.open_gate()
        turn.alarm("device", turn.lane.exit_id, "the fire alarm is active: the gate is kept open")
    elif not seen.fire and turn.lane.fire_s is not None:
        turn.set(fire_s=None)
        if turn.lane.phase not in {"open", "leaving", "alarm"}:
            turn.resynchronise()
    if before is not None and seen.alarms > before.alarms and turn.lane.fire_s is None:
        _live_tag(turn)
    return True


def _live_tag(turn: Turn) -> None:
    lane = turn.lane
    turn.commands.append(Sound(ALARM_CYCLES))
    whose = _at_the_gate(turn)
    detail: str | None = None
    cause: TagCause | None = None
    if whose is not None:
        # A tag of the order that was not counted may be the one; else nothing of the order has a live tag any more.
        counted = whose.tags_counted
        if lane.phase in _AT_THE_GATE and counted is not None:  # else another order's goods would be silenced
            cause = "tag_missed" if counted < whose.tags else "not_on_order"
        if whose.tags and counted is not None:
            detail = f"the deactivator counted {whose.tags_counted} of the order's {whose.tags} tags"
    key = turn.alarm("live_tag", whose.exit_id if whose is not None else None, detail, cause)
    _ring(turn, key, cause)


def _ring(turn: Turn, key: int, cause: TagCause | None) -> None:
    if turn.lane.phase in _AT_THE_GATE:
        turn.to("alarm", alarm_key=key, alarm_cause=cause, request=turn.lane.request)
    elif turn.lane.phase == "alarm":
        turn.set(
            alarm_key=key, alarm_cause=cause or turn.lane.alarm_cause
        )  # the bell before may have been answered by now
    else:
        turn.notice("live_tag")  # the order being weighed goes on, and staff look at the gate


def _goods_seen(turn: Turn, seen: GoodsSeen) -> bool:
    if turn.lane.fire_s is None:
        turn.commands.append(Sound(ALARM_CYCLES))
        key = turn.alarm("live_tag", seen.exit_id, None, "not_on_order", seen.goods)
        _ring(turn, key, "not_on_order")
    return False


def _at_the_gate(turn: Turn) -> Gone | None:
    """Whose goods are at the gate: those of the order that was let out, or that left a moment ago."""
    lane = turn.lane
    if lane.exit is not None and lane.exit.status == "released":
        return Gone(lane.exit.exit_id, lane.exit.tags, turn.tags_counted(turn.io), turn.now_s)
    recent = lane.gone is not None and turn.now_s - lane.gone.at_s <= turn.timing.bell_s
    return lane.gone if recent else None


def _offline_seen(turn: Turn, seen: OfflineSeen) -> bool:
    turn.set(offline=seen.on)
    return False


def _help_asked(turn: Turn, _: HelpAsked) -> bool:
    key = turn.alarm("help", turn.lane.exit_id, None)
    if turn.lane.phase == "open" and turn.lane.alarm_key is None:
        turn.set(alarm_key=key)  # staff may open the gate again
    elif turn.lane.phase == "loading":
        turn.set(help_key=key, help_s=turn.now_s)
    turn.notice("staff_coming")
    return True


def _weighed(turn: Turn, seen: Weighed) -> bool:
    """Keep what lies on the belt, and since when. Only a load that stands still is looked at in a phase."""
    lane, weighing = turn.lane, seen.weighing
    if isinstance(weighing, StableWeight):
        gross_g, interval_g, overweight = weighing.reading.net_g, weighing.reading.interval_g, False
    elif isinstance(weighing, Overweight | UnderZero):
        gross_g, interval_g, overweight = 0, lane.interval_g, isinstance(weighing, Overweight)
    else:
        turn.set(changed_s=turn.now_s)
        return False
    belt_g = _without_trolley(turn, gross_g)
    if overweight != lane.overweight or abs(belt_g - lane.belt_g) > interval_g:
        turn.set(changed_s=turn.now_s)
    before_g = lane.belt_g
    turn.set(gross_g=gross_g, belt_g=belt_g, interval_g=interval_g, overweight=overweight, weighed_s=turn.now_s)
    _mind_the_count(turn, before_g, lane.weighed_s > 0)
    if turn.lane.exit is not None:
        turn.set(verdict=turn.judge(turn.lane.exit))
    return True


def _mind_the_count(turn: Turn, before_g: int, was_weighed: bool) -> None:
    """What the barrier counts is of goods that are laid on an empty belt; taken off and laid again they count twice."""
    lane = turn.lane
    if lane.io is None or lane.io.items is None:
        return
    was_empty = was_weighed and before_g <= max(NEAR_EMPTY_G, 2 * lane.interval_g)
    if lane.is_near_empty:
        # What crosses and does not land is a hand, a cloth, or goods on their way back.
        landed = lane.belt_g > 2 * lane.interval_g or turn.now_s - lane.items_s < turn.timing.landing_s
        if not was_empty or lane.items_base is None or not landed:
            turn.set(items_base=lane.io.items)
    elif lane.belt_g < before_g - max(NEAR_EMPTY_G, 2 * lane.interval_g):
        turn.set(items_base=None)


def _without_trolley(turn: Turn, gross_g: int) -> int:
    """What the goods weigh. A plate with less than half a trolley on it has none; one whose code was read and that
    never came has gone elsewhere.
    """
    if turn.tare is None:
        return gross_g
    if gross_g >= turn.tare.tare_g / 2:
        return gross_g - turn.tare.tare_g
    if turn.lane.phase == "idle" and turn.now_s - turn.lane.tare_s >= turn.timing.tare_s_max:
        turn.set(tare=None)
    return gross_g


def _code(turn: Turn, code: Code) -> bool:
    """A trolley's own code says nothing of an order."""
    trolley = trolley_of(code.text) if turn.trolley is not None else None
    if trolley is not None:
        turn.commands.append(AskTare(trolley))
    return trolley is None


def _tare_seen(turn: Turn, seen: TareSeen) -> bool:
    if turn.trolley is not None:
        turn.set(tare=seen.tare, tare_s=turn.now_s, changed_s=turn.now_s)
        turn.set(belt_g=_without_trolley(turn, turn.lane.gross_g))
    return False


def _call_seen(turn: Turn, seen: CallSeen) -> bool:
    """Staff have helped, and the shopper goes on, wherever that is by now: an answer is told once."""
    if seen.key == turn.lane.help_key and seen.call.status == "answered":
        changed_s = turn.now_s if turn.lane.phase == "loading" else turn.lane.changed_s
        turn.set(help_key=None, changed_s=changed_s)
    return True


_ALWAYS: dict[type, Callable[[Turn, Any], bool]] = {
    CallSeen: _call_seen,
    Tick: _time_went_on,
    DeviceSeen: _device_seen,
    IoRead: _io_read,
    HelpAsked: _help_asked,
    PartDone: parts.part_done,
    GoodsSeen: _goods_seen,
    OfflineSeen: _offline_seen,
    Weighed: _weighed,
    Code: _code,
    TareSeen: _tare_seen,
}
_IN_PHASE: dict[tuple[Phase, type], Callable[[Turn, Any], None]] = {
    ("starting", Tick): arrival.starting_tick,
    ("starting", Answered): arrival.starting_answered,
    ("starting", Refused): arrival.refused,
    ("idle", Code): arrival.idle_code,
    ("idle", Weighed): arrival.idle_weighed,
    ("claiming", Answered): arrival.claiming_answered,
    ("claiming", Refused): arrival.claiming_refused,
    ("claiming", Tick): arrival.claiming_tick,
    ("claiming", Code): arrival.busy_code,
    ("loading", Weighed): belt.loading_weighed,
    ("loading", Tick): belt.loading_tick,
    ("loading", ExitSeen): belt.loading_exit_seen,
    ("loading", Code): arrival.busy_code,
    ("deactivating", IoRead): belt.deactivating_io,
    ("deactivating", Tick): belt.deactivating_tick,
    ("deactivating", Weighed): belt.deactivating_weighed,
    ("deactivating", Code): arrival.busy_code,
    ("judging", Answered): belt.judging_answered,
    ("judging", Refused): arrival.refused,
    ("judging", Tick): belt.unanswered_tick,
    ("judging", Code): arrival.busy_code,
    ("check", ExitSeen): belt.waiting_exit_seen,
    ("check", Weighed): belt.waiting_weighed,
    ("check", Tick): belt.waiting_tick,
    ("check", Code): arrival.busy_code,
    ("staff", ExitSeen): belt.waiting_exit_seen,
    ("staff", Weighed): belt.waiting_weighed,
    ("staff", Tick): belt.waiting_tick,
    ("staff", CallSeen): way_out.call_seen,
    ("staff", CallRefused): way_out.call_refused,
    ("staff", Code): arrival.busy_code,
    ("sending_aside", Answered): belt.sending_answered,
    ("sending_aside", Refused): arrival.refused,
    ("sending_aside", Tick): belt.unanswered_tick,
    ("sending_aside", Code): arrival.busy_code,
    ("aside", Tick): aside.waiting_tick,
    ("aside", CallSeen): aside.call_seen,
    ("aside", CallRefused): way_out.call_refused,
    ("aside", Code): arrival.busy_code,
    ("abandoning", Answered): belt.abandoning_answered,
    ("abandoning", Refused): arrival.refused,
    ("abandoning", Code): arrival.busy_code,
    ("releasing", Answered): way_out.releasing_answered,
    ("releasing", Refused): arrival.refused,
    ("releasing", Code): arrival.busy_code,
    ("open", IoRead): way_out.open_io,
    ("open", Tick): way_out.open_tick,
    ("open", Code): way_out.open_code,
    ("open", CallSeen): way_out.call_seen,
    ("open", CallRefused): way_out.call_refused,
    ("leaving", Answered): way_out.leaving_answered,
    ("leaving", Refused): arrival.refused,
    ("leaving", Code): arrival.busy_code,
    ("deactivating_again", IoRead): way_out.again_io,
    ("deactivating_again", Tick): way_out.again_tick,
    ("deactivating_again", Code): arrival.busy_code,
    ("alarm", IoRead): way_out.alarm_io,
    ("alarm", Tick): way_out.alarm_tick,
    ("alarm", Answered): way_out.alarm_answered,
    ("alarm", Refused): way_out.alarm_refused,
    ("alarm", CallSeen): way_out.alarm_call_seen,
    ("alarm", CallRefused): way_out.alarm_call_refused,
    ("alarm", Code): arrival.busy_code,
}
