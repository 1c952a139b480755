"""What can be answered to each kind of call, and what has to be said with it. Pure."""

from collections.abc import Mapping
from typing import Literal

Status = Literal["claimed", "accepted", "released", "left", "abandoned"]
CallKind = Literal["weight", "min_age", "other_lane", "audit", "live_tag", "device", "help"]
AlarmKind = Literal["live_tag", "device", "help"]
Action = Literal["let_go", "reweigh", "take_off", "refuse", "done", "open_again", "deactivate"]
"""``take_off``: goods that were not paid came off, and the rest goes on."""
TagCause = Literal["tag_missed", "not_on_order"]
"""Why a tag may be live at the gate: the deactivator counted fewer than the order has, or it counted them all."""
Finding = Literal["nothing", "unpaid"]
"""What whoever answered found: that nothing was wrong with the goods, or that some were not paid."""

ALWAYS: Mapping[CallKind, frozenset[Action]] = {
    "weight": frozenset({"let_go", "reweigh", "take_off", "refuse"}),
    "min_age": frozenset({"let_go", "refuse"}),
    "other_lane": frozenset({"let_go", "refuse"}),
    "audit": frozenset({"let_go", "refuse"}),
    "live_tag": frozenset({"let_go", "done"}),
    "device": frozenset({"done"}),
    "help": frozenset({"done"}),
}
"""What can be answered however the exit stands; :func:`actions_of` tells what else."""
_BEFORE_RELEASE: Mapping[CallKind, frozenset[Action]] = {
    # A lane that can't go on must not keep the shopper: the goods are looked at by a person, or go to another lane.
    "device": frozenset({"let_go", "refuse"}),
    "help": frozenset({"let_go", "refuse"}),
}
_AFTER_RELEASE: Mapping[CallKind, frozenset[Action]] = {"help": frozenset({"open_again"})}
ABOUT_WEIGHT: frozenset[CallKind] = frozenset({"weight", "device", "help"})
"""Whoever lets go on such a call answers for the goods on the belt."""
REASON_NEEDED: frozenset[tuple[CallKind, Action]] = frozenset(
    {
        ("weight", "let_go"),
        ("weight", "take_off"),
        ("weight", "refuse"),
        ("min_age", "refuse"),
        ("other_lane", "let_go"),
        ("other_lane", "refuse"),
        ("audit", "let_go"),
        ("audit", "refuse"),
        ("live_tag", "let_go"),
        ("live_tag", "done"),
        ("device", "let_go"),
        ("device", "refuse"),
        ("help", "let_go"),
        ("help", "refuse"),
    }
)
PAYABLE: frozenset[CallKind] = frozenset({"weight", "audit", "live_tag", "device", "help"})
"""Calls at which goods may turn up that were not paid, so that a payment can be taken."""


def actions_of(kind: CallKind, status: Status | None) -> frozenset[Action]:
    """What can be answered to a call of a kind, with its exit as it stands; None for a call that is about no exit.

    >>> sorted(actions_of("help", "claimed")), sorted(actions_of("help", "released")), sorted(actions_of("help", None))
    (['done', 'let_go', 'refuse'], ['done', 'open_again'], ['done'])
    """
    if status in {"claimed", "accepted"}:
        return ALWAYS[kind] | _BEFORE_RELEASE.get(kind, frozenset())
    return ALWAYS[kind] | (_AFTER_RELEASE.get(kind, frozenset()) if status == "released" else frozenset())
