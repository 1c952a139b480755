"""What people decided against the machines, by name. Pure."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from unqueue.server.exits.answers import Action, CallKind, Finding

OverrideKind = CallKind | Literal["gate"]
"""The kind of the call that was answered; ``gate``: a gate that was opened by hand, without a call."""
OverrideAction = Action | Literal["open_gate", "gate_stayed_shut"]


class Asked(msgspec.Struct, frozen=True):
    """Which overrides are asked for: from ``from_us`` to below ``until_us``, of one order; ``before`` is time and id of
    the last one that was seen.
    """

    from_us: int | None = None
    until_us: int | None = None
    order_id: str | None = None
    before: tuple[int, str] | None = None


class Override(msgspec.Struct, frozen=True):
    """A call's answer by name, or a gate that was opened by hand; ``override_id`` is the call's or the opening's."""

    override_id: str
    at_us: int
    kind: OverrideKind
    lane: str
    by: str
    action: OverrideAction | None
    order_id: str | None = None
    order_number: str | None = None
    reason: str | None = None
    finding: Finding | None = None
    worth_minor: int | None = None

    @property
    def cursor(self) -> str:
        return f"{self.at_us}.{self.override_id}"

    def is_told_by(self, data: Mapping[str, Any]) -> bool:
        """Whether an event of the journal says the same of it: who, what, why, and about which order."""
        if self.kind == "gate":
            return (data.get("opening_id"), data.get("by")) == (self.override_id, self.by)
        told = tuple(data.get(name) for name in ("answered_by", "action", "reason", "call", "lane", "finding"))
        if told != (self.by, self.action, self.reason, self.kind, self.lane, self.finding):
            return False
        has_worth = self.finding is None or data.get("worth_minor") == self.worth_minor
        return has_worth and data.get("order_id") == self.order_id


def cursor_of(text: str) -> tuple[int, str] | None:
    """The time and id of a cursor; None for what is none.

    >>> cursor_of("17.ab"), cursor_of("17"), cursor_of("x.y")
    ((17, 'ab'), None, None)
    """
    at, _, key = text.partition(".")
    return (int(at), key) if at.isascii() and at.isdigit() and len(at) < 19 and key else None
