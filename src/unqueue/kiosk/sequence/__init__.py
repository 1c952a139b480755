"""The kiosk's sequence: from an order's code to the receipt. Pure: :func:`step` takes the state, what was heard and the
time, and gives the next state and what to do. What it wants from the server is part of the state (``Kiosk.request``);
commands are things done once.

    starting ─→ welcome ─→ opening ─→ order ⇄ beginning ─→ tender ─→ (stopping) ─→ order … paid ─→ welcome
                   ↑                    └──────→ giving_back ←──────────┘                     │
                   └────────────────────────────────┴─────────────────────────────────────────┘

Money is the till's and the server's affair: a tender begins only when the server has written its payment down, and
ends only when the server says so. The screen follows.
"""

from collections.abc import Callable
from typing import Any

from unqueue.kiosk.sequence import collecting, following, ordering, tendering
from unqueue.kiosk.sequence.turn import Turn
from unqueue.kiosk.sequence.words import (
    Answered,
    CallSeen,
    Cancel,
    CashRefused,
    CashSeen,
    Code,
    Command,
    Config,
    DeviceSeen,
    Done,
    GiveBack,
    HelpAsked,
    Input,
    Kiosk,
    MethodsSeen,
    OrderSeen,
    PaidOut,
    Pay,
    Phase,
    PrintAgain,
    Printed,
    RaiseAlarm,
    Refused,
    Speak,
    Started,
    Stay,
    TakeOff,
    Tick,
)

TOUCHES = (Code, Pay, Cancel, GiveBack, TakeOff, Speak, Stay, PrintAgain, HelpAsked)
"""What only somebody who is there does."""
SUMS = frozenset({"server", "cash"})
"""Not devices that somebody could look at: the server, and all cash devices together, each of which is called for."""


def step(kiosk: Kiosk, heard: Input, now_s: float, config: Config) -> tuple[Kiosk, tuple[Command, ...]]:
    """The state after ``heard`` at ``now_s``, and what to do."""
    turn = Turn(kiosk, now_s, config)
    if isinstance(heard, TOUCHES):
        turn.touch()
    always = _ALWAYS.get(type(heard))
    if always is not None:
        always(turn, heard)
    handler = _IN_PHASE.get((turn.kiosk.phase, type(heard)))
    if handler is not None:
        handler(turn, heard)
    return turn.kiosk, tuple(turn.commands)


def can_hear(kiosk: Kiosk, heard: Input) -> bool:
    """Whether something that a shopper asks for means anything now."""
    return type(heard) in _ALWAYS or (kiosk.phase, type(heard)) in _IN_PHASE


def is_idle_watched(kiosk: Kiosk) -> bool:
    """Whether the kiosk looks for somebody who has gone: not while money moves, or all that is left is the server's."""
    if kiosk.phase == "order":
        return True
    if kiosk.phase != "tender":
        return False
    return kiosk.own_cash is None or kiosk.own_cash.state == "taking"


def _time_went_on(turn: Turn, _: Tick) -> None:
    kiosk = turn.kiosk
    if kiosk.notice is not None and turn.now_s >= kiosk.notice_until_s:
        turn.set(notice=None)
    for name, since_s in kiosk.failed_s.items():
        due = turn.now_s - since_s >= turn.timing.trouble_s
        if name not in SUMS and name not in kiosk.called_for and due:
            turn.set(called_for=turn.kiosk.called_for | {name})
            detail = f"{name}: {kiosk.devices[name].detail}"
            turn.commands.append(RaiseAlarm(turn.new_key(), "device", detail))
    if is_idle_watched(turn.kiosk):
        _look_for_somebody(turn)


def _look_for_somebody(turn: Turn) -> None:
    kiosk = turn.kiosk
    if kiosk.asked_s is None:
        if turn.now_s - max(kiosk.touched_s, kiosk.since_s) >= turn.timing.idle_s:
            turn.set(asked_s=turn.now_s)
    elif turn.now_s - kiosk.asked_s >= turn.timing.idle_warning_s:
        turn.set(leaving="leave", asked_s=None)
        if kiosk.phase == "tender":
            following.stop(turn, timed_out=True)
        else:
            turn.go_on()


def _device_seen(turn: Turn, seen: DeviceSeen) -> None:
    kiosk = turn.kiosk
    failed_s, called_for = dict(kiosk.failed_s), kiosk.called_for
    if seen.status == "failed":
        failed_s.setdefault(seen.name, turn.now_s)
    else:
        failed_s.pop(seen.name, None)
        called_for -= {seen.name}
    turn.set(devices={**kiosk.devices, seen.name: seen}, failed_s=failed_s, called_for=called_for)


def _methods_seen(turn: Turn, heard: MethodsSeen) -> None:
    turn.set(methods=heard.methods)


def _help_asked(turn: Turn, _: HelpAsked) -> None:
    kiosk = turn.kiosk
    if kiosk.help_key is None or turn.now_s - kiosk.help_s >= turn.timing.help_s:
        key = turn.new_key()
        turn.set(help_key=key, help_s=turn.now_s)
        detail = f"order {kiosk.order.number}" if kiosk.order is not None else None
        turn.commands.append(RaiseAlarm(key, "help", detail))
    turn.notice("staff_coming")


def _call_seen(turn: Turn, heard: CallSeen) -> None:
    if heard.key == turn.kiosk.help_key and not heard.is_open:
        turn.set(help_key=None)


def _speak(turn: Turn, heard: Speak) -> None:
    turn.set(language=heard.language)


def _nothing_more(_: Turn, __: Stay) -> None:
    """That somebody is there is noted already."""


_ALWAYS: dict[type, Callable[[Turn, Any], None]] = {
    Tick: _time_went_on,
    DeviceSeen: _device_seen,
    MethodsSeen: _methods_seen,
    HelpAsked: _help_asked,
    CallSeen: _call_seen,
    Speak: _speak,
    Stay: _nothing_more,
    CashSeen: tendering.cash_told,
    CashRefused: tendering.cash_refused,
    OrderSeen: following.seen,
    Printed: tendering.printed,
}
_IN_PHASE: dict[tuple[Phase, type], Callable[[Turn, Any], None]] = {
    ("starting", Started): ordering.started,
    ("starting", Answered): ordering.starting_answered,
    ("starting", Refused): ordering.starting_refused,
    ("starting", Cancel): tendering.starting_cancel,
    ("starting", Done): tendering.starting_done,
    ("welcome", Code): ordering.welcome_code,
    ("welcome", Done): tendering.paid_done,
    ("welcome", Cancel): collecting.begin_anew,
    ("welcome", Tick): collecting.look_at_time,
    ("opening", Answered): ordering.opening_answered,
    ("opening", Refused): ordering.opening_refused,
    ("opening", Tick): ordering.opening_tick,
    ("opening", Done): ordering.opening_left,
    ("opening", Cancel): ordering.opening_left,
    ("order", Code): ordering.order_code,
    ("order", Pay): ordering.order_pay,
    ("order", TakeOff): ordering.order_take_off,
    ("order", Answered): ordering.order_answered,
    ("order", Refused): ordering.order_refused,
    ("order", Cancel): ordering.order_cancel,
    ("order", GiveBack): ordering.order_give_back,
    ("order", Done): ordering.order_done,
    ("beginning", Answered): tendering.beginning_answered,
    ("beginning", Refused): tendering.beginning_refused,
    ("beginning", Tick): tendering.beginning_tick,
    ("beginning", Cancel): tendering.beginning_stopped,
    ("beginning", GiveBack): tendering.beginning_stopped,
    ("beginning", Done): tendering.beginning_stopped,
    ("tender", Cancel): tendering.tender_stopped,
    ("tender", GiveBack): tendering.tender_stopped,
    ("tender", Done): tendering.tender_stopped,
    ("tender", Tick): tendering.wait_tick,
    ("stopping", Answered): following.stopping_answered,
    ("stopping", Refused): following.stopping_refused,
    ("stopping", Tick): tendering.wait_tick,
    ("stopping", GiveBack): tendering.stopping_left,
    ("stopping", Done): tendering.stopping_left,
    ("giving_back", Answered): following.giving_back_answered,
    ("giving_back", Refused): following.giving_back_refused,
    ("giving_back", PaidOut): following.giving_back_paid_out,
    ("giving_back", Tick): following.giving_back_tick,
    ("giving_back", Done): following.giving_back_done,
    ("paid", PrintAgain): tendering.paid_print,
    ("paid", Tick): tendering.paid_tick,
    ("paid", Done): tendering.paid_done,
}
