"""What the lane's screen shows of its state: ``LaneState`` of docs/protocols/http.md. Pure."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from unqueue.lane.prompts import PROMPTS, recording_of
from unqueue.lane.sequence.parts import is_part, may_be_in_parts
from unqueue.lane.sequence.turn import trouble
from unqueue.lane.sequence.words import Config, Lane, Phase
from unqueue.lane.weighing import Suspect, Verdict
from unqueue.station.words import ScreenState

State = Literal["idle", "loading", "weighing", "check", "staff", "aside", "open", "alarm", "out_of_service"]
WALK_OUT_AFTER_S = 12.0
GATE_OPENS_S = 1.5
LEFT_BEHIND_AFTER_S = 2.0
"""The scale takes a moment to show that the goods were taken."""
NAMED_FROM = 0.5
"""The probability from which a cause is spoken of as such."""
_PROMPT_OF_KIND: Mapping[str, str] = {
    "missed": "not_scanned",
    "more": "count_wrong",
    "extra": "not_on_belt",
    "swapped": "mis_scanned",
}
_NAMES_AFTER = frozenset(_PROMPT_OF_KIND.values())
HUSH_S = 0.4
"""The voice says a prompt again when it falls silent for a moment: screens speak whenever the prompt changes."""

_SHOWN: Mapping[Phase, tuple[State, str]] = {
    "starting": ("out_of_service", "starting"),
    "idle": ("idle", "welcome"),
    "claiming": ("idle", "one_moment"),
    "loading": ("loading", "lay_goods"),
    "deactivating": ("weighing", "weighing"),
    "judging": ("weighing", "weighing"),
    "check": ("check", "not_scanned"),
    "staff": ("staff", "staff_coming"),
    "abandoning": ("idle", "one_moment"),
    "releasing": ("weighing", "weighing"),
    "open": ("open", "thanks"),
    "leaving": ("open", "thanks"),
    "alarm": ("alarm", "live_tag"),
    "deactivating_again": ("staff", "tag_again"),
    "sending_aside": ("aside", "one_moment"),
    "aside": ("aside", "to_side_bay"),
}
_UNUSED: frozenset[Phase] = frozenset({"starting", "idle", "claiming", "abandoning"})


_PROMPT_OF_CHECK: Mapping[str, str] = {"min_age": "age_check", "audit": "audit_check"}
"""What the shopper may do for a check, the first of them first; for the others a person comes."""


class ShownPrompt(msgspec.Struct, frozen=True):
    id: str
    zh: str
    en: str


class ShownOrder(msgspec.Struct, frozen=True):
    number: str
    item_count: int


class ShownWeight(msgspec.Struct, frozen=True):
    """``parts`` of the goods were weighed before, and are in ``measured_g``."""

    measured_g: int
    expected_g: int
    tolerance_g: int
    parts: int


class Named(msgspec.Struct, frozen=True):
    """A product's name, to be said aloud after the prompt."""

    zh: str
    en: str


class LaneState(ScreenState, frozen=True):
    """``voice`` is the prompt to say, None for silence; ``named`` the product to name after it; ``more``: the
    shopper may say that what lies there is a part of the goods.
    """

    lane: str
    name: str
    state: State
    prompt: ShownPrompt
    voice: str | None
    named: Named | None
    order: ShownOrder | None
    weight: ShownWeight | None
    suspects: tuple[Suspect, ...]
    more: bool
    devices: Mapping[str, str]


def show(lane: Lane, now_s: float, config: Config, *, lane_id: str, name: str, seq: int) -> LaneState:
    """The screen of a state at a time."""
    state, prompt = _state_and_prompt(lane, now_s)
    if prompt == "too_heavy" and may_be_in_parts(lane, config):
        prompt = "too_heavy_at_once"
    if lane.notice is not None and lane.fire_s is None:
        prompt = lane.notice
    hush = lane.reminded_s > lane.since_s and now_s - lane.reminded_s < HUSH_S
    # An empty lane does not talk to passers-by: it says welcome when goods lie there and nobody has shown a pass.
    silent = hush or (prompt == "welcome" and lane.notice is None)
    order = lane.exit
    verdict = lane.verdict if order is not None else None
    told = lane.told if state in {"check", "staff"} and lane.told is not None else None
    return LaneState(
        lane=lane_id,
        name=name,
        state=state,
        seq=seq,
        prompt=ShownPrompt(prompt, PROMPTS[prompt].zh, PROMPTS[prompt].en),
        voice=None if silent else recording_of(prompt),
        named=named_aloud(told) if told is not None and prompt in _NAMES_AFTER else None,
        order=ShownOrder(order.number, order.item_count) if order is not None else None,
        weight=ShownWeight(lane.goods_g, verdict.expected_g, verdict.tolerance_g, len(lane.parts))
        if verdict is not None
        else None,
        suspects=told.suspects if told is not None else (),
        more=is_part(lane, now_s, config) and state in {"loading", "weighing", "check"},
        devices={name: seen.status for name, seen in lane.devices.items()},
    )


def _state_and_prompt(lane: Lane, now_s: float) -> tuple[State, str]:
    if lane.fire_s is not None:
        return "alarm", "fire"
    state, prompt = _SHOWN[lane.phase]
    broken = trouble(lane)
    if broken is not None:
        return _in_trouble(lane, broken, state, prompt)
    if lane.phase == "loading" and lane.parts and (lane.part_lies or lane.is_near_empty):
        return "loading", "part_off" if lane.part_lies else "lay_rest"
    if lane.phase == "loading" and lane.verdict is not None and lane.belt_g > lane.verdict.tolerance_g:
        return "weighing", "lay_goods" if lane.verdict.is_light else "weighing"
    if lane.phase == "idle" and lane.left_behind and now_s - lane.since_s >= LEFT_BEHIND_AFTER_S:
        prompt = "take_goods"
    elif lane.phase == "open":
        return _at_the_gate(lane, now_s - lane.since_s)
    else:
        prompt = _looking_prompt(lane, prompt)
    return state, prompt


def _at_the_gate(lane: Lane, since_s: float) -> tuple[State, str]:
    """The gate is said to be open when its contact says so; or after a moment, if that contact does not work. One that
    has closed again, and that staff were called to, is not.
    """
    if lane.io is not None and lane.io.gate_closed:
        if since_s < GATE_OPENS_S:
            return "weighing", "one_moment"
        if lane.alarm_key is not None:
            return "staff", "staff_coming"
    thanks = "audit_thanks" if lane.exit is not None and lane.exit.is_thanked else "thanks"
    return "open", "walk_out" if since_s >= WALK_OUT_AFTER_S else thanks


def _in_trouble(lane: Lane, broken: str, state: State, prompt: str) -> tuple[State, str]:
    """A lane that nobody uses is closed; one that somebody uses says what it waits for."""
    phase = lane.phase
    if phase in _UNUSED:
        return "out_of_service", "server_away" if broken == "server" else "out_of_service"
    if broken == "server":
        if phase not in {"judging", "releasing", "sending_aside"}:
            return state, prompt
        # The lane may go on alone, but not with this order: its shopper need not wait for the end of that.
        return ("staff", "offline_staff") if lane.offline else (state, "server_away")
    return ("staff", "device_wait") if phase in {"loading", "deactivating", "check", "staff"} else (state, prompt)


def _what_to_check(told: Verdict) -> str:
    """Missed, mis-scanned or not there: the kind that is more probable than all else, or what the sign says."""
    by_kind: dict[str, float] = {}
    for suspect in told.suspects:
        by_kind[suspect.kind] = by_kind.get(suspect.kind, 0.0) + (suspect.probability or 0.0)
    probable = [kind for kind, probability in by_kind.items() if probability >= NAMED_FROM]
    if probable and probable[0] in _PROMPT_OF_KIND:
        return _PROMPT_OF_KIND[probable[0]]
    return "not_on_belt" if told.is_light else "not_scanned"


def named_aloud(told: Verdict) -> Named | None:
    """The one product that is worth naming aloud: a wrong name costs more time than none."""
    for suspect in told.suspects:
        if (suspect.probability or 0.0) >= NAMED_FROM and suspect.product_id is not None:
            return Named(suspect.zh, suspect.en)
    return None


def _looking_prompt(lane: Lane, prompt: str) -> str:
    """What the shopper should look at, or wait for."""
    told = lane.told
    if lane.phase == "check" and told is not None:
        if told.overweight:
            return "too_heavy"
        return _what_to_check(told)
    if lane.phase == "alarm" and lane.alarm_cause == "not_on_order":
        return "bell_call"
    if lane.phase == "staff" and lane.alarm_key is None and told is not None and told.verdict == "pass":
        checks = lane.exit.checks if lane.exit is not None else ()
        return next((said for check, said in _PROMPT_OF_CHECK.items() if check in checks), prompt)
    return prompt
