"""The rules of an exit and of calls, as tables."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.kernel.errors import DomainError
from unqueue.server.exits.answers import ALWAYS, REASON_NEEDED, Action, CallKind, Status
from unqueue.server.exits.model import STALE_AFTER_S, Call, Exit, checks_of
from unqueue.server.exits.weights import Weighing
from unqueue.server.guesses import Guesses

FITS = Weighing("a" * 32, 1060, 5, 1060, 6.7, 23, "pass")
OFF = Weighing("b" * 32, 1588, 5, 1060, 6.7, 23, "check")
FRESH = Exit(
    exit_id="e",
    lane="lane-1",
    order_id="o",
    trip_id="t",
    basket_hash="h",
    request_hash="r",
    pass_id=None,
    status="claimed",
    checks=(),
    weighing=None,
    override_call_id=None,
    passages=None,
    claimed_us=0,
    touched_us=0,
)
AGED = msgspec.structs.replace(FRESH, checks=("min_age",))

# What happens, one after the other, and where it leads. "!code" is a refusal.
STEPS: dict[str, Any] = {
    "fits": lambda one: one.weighed(FITS),
    "off": lambda one: one.weighed(OFF),
    "weight let_go": lambda one: one.answered("weight", "let_go", "call"),
    "weight reweigh": lambda one: one.answered("weight", "reweigh", "call"),
    "weight refuse": lambda one: one.answered("weight", "refuse", "call"),
    "age let_go": lambda one: one.answered("min_age", "let_go", "call"),
    "age refuse": lambda one: one.answered("min_age", "refuse", "call"),
    "help let_go": lambda one: one.answered("help", "let_go", "call"),
    "help done": lambda one: one.answered("help", "done", "call"),
    "help open_again": lambda one: one.answered("help", "open_again", "call"),
    "device let_go": lambda one: one.answered("device", "let_go", "call"),
    "device refuse": lambda one: one.answered("device", "refuse", "call"),
    "device done": lambda one: one.answered("device", "done", "call"),
    "tag done": lambda one: one.answered("live_tag", "done", "call"),
    "tag let_go": lambda one: one.answered("live_tag", "let_go", "call"),
    "release": lambda one: one.released(7),
    "left": lambda one: one.left(),
    "abandon": lambda one: one.abandoned(),
}
PATHS = [
    (FRESH, "fits, release, left", "left"),
    (FRESH, "fits", "accepted"),
    (FRESH, "off", "claimed"),
    (FRESH, "off, fits", "accepted"),
    (FRESH, "off, weight let_go", "accepted"),
    (FRESH, "off, weight let_go, release", "released"),
    (FRESH, "off, weight let_go, off", "claimed"),  # what was let go was the weighing before
    (FRESH, "fits, off", "claimed"),
    (FRESH, "off, weight reweigh", "claimed"),
    (FRESH, "off, weight let_go, weight reweigh", "claimed"),
    (FRESH, "off, weight reweigh, fits", "accepted"),
    (FRESH, "off, weight refuse", "abandoned"),
    (FRESH, "weight let_go", "claimed"),  # nothing was weighed
    (FRESH, "off, tag let_go", "claimed"),  # a tag is no weight
    (FRESH, "off, tag done", "claimed"),
    (FRESH, "off, age let_go", "claimed"),
    (AGED, "fits", "claimed"),
    (AGED, "fits, age let_go", "accepted"),
    (AGED, "age let_go, fits", "accepted"),
    (AGED, "off, weight let_go", "claimed"),
    (AGED, "off, weight let_go, age let_go", "accepted"),
    (AGED, "fits, age refuse", "abandoned"),
    # The scale is broken, or the shopper asked for help: a person looks at the goods and answers for them.
    (FRESH, "device let_go", "accepted"),
    (FRESH, "help let_go, release", "released"),
    (FRESH, "device let_go, off", "claimed"),  # goods that were weighed afterwards are another matter
    (FRESH, "off, help let_go", "accepted"),
    (FRESH, "help done", "claimed"),
    (FRESH, "device done", "claimed"),
    (AGED, "device let_go", "claimed"),  # whoever looks at the goods has not looked at an ID
    (AGED, "device let_go, age let_go", "accepted"),
    (FRESH, "device refuse", "abandoned"),
    (FRESH, "fits, device refuse", "abandoned"),
    (FRESH, "fits, release, device refuse", "released"),
    (FRESH, "fits, help open_again", "accepted"),
    (FRESH, "fits, release, help open_again", "released"),
    (FRESH, "fits, release, help open_again, release", "!exit_not_accepted"),
    (FRESH, "abandon", "abandoned"),
    (FRESH, "fits, abandon", "abandoned"),
    (FRESH, "abandon, weight let_go", "abandoned"),
    (FRESH, "fits, release, weight refuse", "released"),
    (FRESH, "release", "!exit_not_accepted"),
    (FRESH, "off, release", "!exit_not_accepted"),
    (AGED, "fits, release", "!exit_not_accepted"),
    (FRESH, "abandon, release", "!exit_not_accepted"),
    (FRESH, "fits, release, release", "!exit_not_accepted"),
    (FRESH, "fits, release, off", "!exit_released"),
    (FRESH, "fits, release, abandon", "!exit_released"),
    (FRESH, "fits, release, left, abandon", "!exit_released"),
    (FRESH, "abandon, fits", "!exit_ended"),
    (FRESH, "fits, left", "!exit_not_released"),
    (FRESH, "abandon, left", "!exit_not_released"),
]


def outcome(one: Exit, path: str) -> str:
    for name in path.split(", "):
        try:
            one = STEPS[name](one)
        except DomainError as refusal:
            return f"!{refusal.code}"
    return one.status


@pytest.mark.parametrize(("one", "path", "expected"), PATHS, ids=[f"{p[1]} → {p[2]}" for p in PATHS])
def test_where_a_path_leads(one: Exit, path: str, expected: str) -> None:
    assert outcome(one, path) == expected


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=12), st.sampled_from([FRESH, AGED]))
def test_whatever_happens_only_a_cleared_exit_is_released_and_once(names: list[str], one: Exit) -> None:
    """Invariants 10 and 11: weight accepted or a named override, checks cleared, never a second time."""
    releases, answered_for = 0, False
    for name in names:
        before = one
        try:
            one = STEPS[name](one)
        except DomainError:
            continue
        answered_for = name.endswith("let_go") or (answered_for and name not in {"fits", "off", "weight reweigh"})
        if name == "release":
            releases += 1
            assert not before.checks
            if before.weighing is None or before.weighing.verdict == "check":
                assert before.override_call_id is not None
                assert answered_for
        if before.status in {"released", "left"}:
            assert one.status in {"released", "left"}
    assert releases <= 1


@pytest.mark.parametrize(
    ("status", "touched_s", "contact_s", "is_stale"),
    [
        ("claimed", 0, None, True),
        ("accepted", 0, None, True),
        ("claimed", 40, None, False),
        ("claimed", 0, 40, False),
        ("claimed", 0, 39, True),
        ("released", 0, None, False),  # the gate may have opened: never again
        ("abandoned", 0, None, False),
    ],
)
def test_a_claim_of_a_lane_that_fell_silent_no_longer_binds(
    status: Any, touched_s: int, contact_s: int | None, is_stale: bool
) -> None:
    one = msgspec.structs.replace(FRESH, status=status, touched_us=touched_s * 1_000_000)
    contact_us = contact_s * 1_000_000 if contact_s is not None else None
    now_us = (40 + STALE_AFTER_S) * 1_000_000
    assert one.is_stale(last_contact_us=contact_us, now_us=now_us) is is_stale


def call(kind: CallKind) -> Call:
    return Call("c", kind, "open", "lane-1", None, None, 0, None, None, None, None, None, {})


ALL_ACTIONS: tuple[Action, ...] = ("let_go", "reweigh", "refuse", "done", "open_again")
STATUSES: tuple[Status | None, ...] = (None, "claimed", "accepted", "released", "left", "abandoned")
# What is possible only while the exit stands so.
SOMETIMES: dict[tuple[CallKind, Action], set[Status | None]] = {
    **{(kind, action): {"claimed", "accepted"} for kind in ("device", "help") for action in ("let_go", "refuse")},  # type: ignore[misc]
    ("help", "open_again"): {"released"},
}


@pytest.mark.parametrize("kind", sorted(ALWAYS))
@pytest.mark.parametrize("action", ALL_ACTIONS)
@pytest.mark.parametrize("status", STATUSES)
def test_each_kind_of_call_has_its_answers(kind: CallKind, action: Action, status: Status | None) -> None:
    one = msgspec.structs.replace(FRESH, status=status) if status is not None else None
    about = {"one": one, "evidence_id": call(kind).evidence_id(one)}
    if action in ALWAYS[kind] or status in SOMETIMES.get((kind, action), set()):
        answered = call(kind).answered(answer_id="x", by="小李", action=action, reason=" seen ", at_us=5, **about)
        assert (answered.status, answered.answered_by, answered.action, answered.reason) == (
            "answered",
            "小李",
            action,
            "seen",
        )
    else:
        with pytest.raises(DomainError, match="action_not_possible"):
            call(kind).answered(answer_id="x", by="小李", action=action, reason="seen", at_us=5, **about)


@pytest.mark.parametrize(("kind", "action"), sorted(REASON_NEEDED))
def test_an_override_needs_a_reason(kind: CallKind, action: Action) -> None:
    about = {"one": FRESH, "evidence_id": call(kind).evidence_id(FRESH)}
    with pytest.raises(DomainError, match="reason_needed"):
        call(kind).answered(answer_id="x", by="小李", action=action, reason="  ", at_us=5, **about)


@pytest.mark.parametrize("kind", ["weight", "device", "help"])
def test_who_lets_goods_go_names_what_was_seen(kind: CallKind) -> None:
    """An answer to an earlier weighing, or to none, does not hold for the one that was told meanwhile."""
    seen, now = FRESH.weighed(OFF), FRESH.weighed(msgspec.structs.replace(OFF, id="d" * 32, measured_g=6060))
    answer = {"answer_id": "x", "by": "小李", "action": "let_go", "reason": "seen", "at_us": 5}
    for evidence_id in (call(kind).evidence_id(seen), None):
        with pytest.raises(DomainError, match="call_changed"):
            call(kind).answered(**answer, one=now, evidence_id=evidence_id)  # type: ignore[arg-type]
    answered = call(kind).answered(**answer, one=now, evidence_id=call(kind).evidence_id(now))  # type: ignore[arg-type]
    assert answered.action == "let_go"


def test_an_age_check_does_not_change_with_the_goods() -> None:
    assert call("min_age").evidence_id(FRESH) == call("min_age").evidence_id(FRESH.weighed(OFF))


def test_only_the_first_answer_counts() -> None:
    answered = call("help").answered(answer_id="x", by="小李", action="done", reason="", at_us=5)
    with pytest.raises(DomainError, match="小李"):
        answered.answered(answer_id="y", by="小王", action="done", reason="", at_us=6)


@pytest.mark.parametrize(("limits", "checks"), [([], ()), ([None, None], ()), ([None, 18], ("min_age",))])
def test_goods_with_an_age_limit_ask_for_a_check(limits: list[int | None], checks: tuple[str, ...]) -> None:
    assert checks_of(limits) == checks


def test_guesses_pause_and_go_on() -> None:
    guesses = Guesses(limit=3, window_s=60)
    for at_s in (0.0, 1.0, 2.0):
        assert guesses.pause_s(at_s) == 0
        guesses.wrong(at_s)
    assert guesses.pause_s(2.0) == 58
    assert guesses.pause_s(60.0) == 0
