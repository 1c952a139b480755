"""An exit: one order on its way out through one lane, and the calls that bring staff to it. Pure.

    claimed ─→ accepted ─→ released ─→ left
       └──────────┴──→ abandoned

A shopper with an exception may be sent aside: the exit goes on in a side bay and its lane is free. It ends as any
other: let out by a named person, or taken on by the bay's own scale and gate.

Accepted means that the last weighing fits, or that a named person let it go (or the goods, where the lane could not
weigh them), and that every check is cleared. A released exit is never taken back: the gate may have opened.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from unqueue.server.exits.answers import (
    ABOUT_WEIGHT,
    REASON_NEEDED,
    Action,
    CallKind,
    Finding,
    Status,
    actions_of,
)
from unqueue.server.exits.refusals import (
    ActionNotPossible,
    CallAnswered,
    CallChanged,
    ExitEnded,
    ExitNotAccepted,
    ExitNotReleased,
    ExitReleased,
    OrderLeft,
    ReasonNeeded,
)
from unqueue.server.exits.weights import Weighing
from unqueue.server.orders.model import Order, OrderUnpaid

Check = Literal["min_age", "other_lane", "audit"]
"""``other_lane``: the order's pass is bound to a lane that may be cut off, and may have let it out."""
STALE_AFTER_S = 60
"""A lane that was silent for so long has lost its claim: the shopper may go to another lane."""
GATE_OPENING_FRESH_S = 5
REASON_LENGTH_MAX = 200

_CHECK_OF: Mapping[CallKind, Check] = {"min_age": "min_age", "other_lane": "other_lane", "audit": "audit"}


class Exit(msgspec.Struct, frozen=True):
    """One order at one lane. ``checks`` are those that staff have still to clear; ``override_call_id`` is the call
    whose answer let the last weighing go, or goods that could not be weighed; ``passages`` is the gate's counter before
    it opened. ``bay`` is the side bay that the shopper was sent to: ``lane`` is then the one that sent them, and has
    nothing to do with it any more.
    """

    exit_id: str
    lane: str
    order_id: str
    trip_id: str
    basket_hash: str
    request_hash: str
    pass_id: str | None
    status: Status
    checks: tuple[Check, ...]
    weighing: Weighing | None
    override_call_id: str | None
    passages: int | None
    claimed_us: int
    touched_us: int
    bay: str | None = None

    @property
    def place(self) -> str:
        """Where the shopper is: the lane, or the side bay."""
        return self.bay or self.lane

    def weighed(self, weighing: Weighing) -> "Exit":
        """After a weighing. The last one counts: it also ends what an earlier one was let go for."""
        self._refuse_if_over()
        return _judged(msgspec.structs.replace(self, weighing=weighing, override_call_id=None))

    def answered(self, kind: CallKind, action: Action, call_id: str) -> "Exit":
        """After staff answered a call about this exit."""
        if self.status not in {"claimed", "accepted"}:
            return self
        if action == "refuse":
            return msgspec.structs.replace(self, status="abandoned")
        if action == "reweigh" or (action == "take_off" and self.bay is None):
            # Nothing counts any more until the lane weighs again.
            return _judged(msgspec.structs.replace(self, weighing=None, override_call_id=None))
        # A bay has no scale to weigh what is left: whoever took the item off there answers for the rest.
        if action not in {"let_go", "take_off"}:
            return self
        if kind in ABOUT_WEIGHT and (kind != "weight" or self.weighing is not None):
            return _judged(msgspec.structs.replace(self, override_call_id=call_id))
        cleared = _CHECK_OF.get(kind)
        return self.without(cleared) if cleared is not None else self

    def held_for(self, check: Check) -> "Exit":
        """With one more check to clear."""
        if check in self.checks:
            return self
        return _judged(msgspec.structs.replace(self, checks=(*self.checks, check)))

    def without(self, check: Check) -> "Exit":
        """After a check settled itself, without a person."""
        if self.status not in {"claimed", "accepted"}:
            return self
        return _judged(msgspec.structs.replace(self, checks=tuple(c for c in self.checks if c != check)))

    def sent_aside(self, bay: str, *, asks_for_help: bool = False) -> "Exit":
        """After the lane sent the shopper to the side bay; as it was where staff had decided a moment before, that
        it is cleared or to be weighed anew. Goods that were not weighed come there with a shopper who
        ``asks_for_help``.
        """
        self._refuse_if_over()
        decided = self.status == "accepted" or (self.weighing is None and not asks_for_help)
        return self if decided else msgspec.structs.replace(self, bay=bay)

    def taken_at(self, bay: str) -> "Exit":
        """After the side bay's own scale and gate took it on. What the lane weighed does not lie there: only what a
        person let go still counts.
        """
        return _judged(msgspec.structs.replace(self, lane=bay, bay=None, weighing=None))

    def released(self, passages: int | None) -> "Exit":
        """After the gate was allowed to open, or a person let the shopper out of the side bay (no ``passages``);
        ExitNotAccepted unless everything is cleared.
        """
        if self.status != "accepted":
            raise ExitNotAccepted
        return msgspec.structs.replace(self, status="released", passages=passages)

    def left(self) -> "Exit":
        if self.status != "released":
            raise ExitNotReleased
        return msgspec.structs.replace(self, status="left")

    def abandoned(self) -> "Exit":
        if self.status in {"released", "left"}:
            raise ExitReleased
        return msgspec.structs.replace(self, status="abandoned")

    def is_stale(self, *, last_contact_us: int | None, now_us: int) -> bool:
        """Whether the lane fell silent before it released: its claim no longer binds."""
        heard_us = max(self.touched_us, last_contact_us or 0)
        return (
            self.bay is None
            and self.status in {"claimed", "accepted"}
            and now_us - heard_us > STALE_AFTER_S * 1_000_000
        )

    def _refuse_if_over(self) -> None:
        if self.status == "released":
            raise ExitReleased
        if self.status not in {"claimed", "accepted"}:
            raise ExitEnded

    def let_out_offline(self, weighing: Weighing | None, passages: int) -> "Exit":
        """After a lane that was cut off let it out. The gate has opened: nothing is left to decide."""
        weighed = weighing if weighing is not None else self.weighing
        out = {"status": "released", "checks": (), "weighing": weighed, "passages": passages, "bay": None}
        return msgspec.structs.replace(self, **out)


class Binding(msgspec.Struct, frozen=True):
    """The one lane that may let an order out while it is cut off from the server; until ``until_us`` its passes are
    good. ``taken_us``: since when the order is at a lane that asked the server; ``is_heard``: the bound lane knows that
    and will not take it any more. Time does not end a binding, for the lane may have let the order out in time and be
    cut off still: it ends when the lane itself says that it is that late, and has told of all that it let out.
    """

    order_id: str
    lane: str
    until_us: int
    taken_us: int | None = None
    is_heard: bool = False

    def taken(self, now_us: int) -> "Binding":
        return msgspec.structs.replace(self, taken_us=now_us)

    def heard(self) -> "Binding":
        return msgspec.structs.replace(self, is_heard=True)

    def forbids(self, lane: str) -> bool:
        """Whether the order may be on its way out at the bound lane, so that another one has to wait."""
        return lane != self.lane and not self.is_heard


class GateOpening(msgspec.Struct, frozen=True):
    """A person's wish that a lane's gate opens. It is for now: a lane that hears of it later leaves the gate shut."""

    opening_id: str
    lane: str
    by: str
    asked_us: int
    taken_us: int | None = None

    def is_fresh(self, now_us: int) -> bool:
        return now_us - self.asked_us <= GATE_OPENING_FRESH_S * 1_000_000


def _judged(one: Exit) -> Exit:
    fits = one.weighing is not None and one.weighing.verdict == "pass"
    weight_accepted = fits or one.override_call_id is not None
    status: Status = "accepted" if weight_accepted and not one.checks else "claimed"
    return msgspec.structs.replace(one, status=status)


class Call(msgspec.Struct, frozen=True):
    """A call for staff. ``answered_by`` is a person's name, None where the matter settled itself.

    ``looked_by`` opened it first on a console; ``security_by`` called the guard to it, for ``security_reason``.
    ``finding`` is what whoever answered found, None where nobody said; ``worth_minor`` is what the goods that were not
    paid cost, None where that is not known. ``found_by`` is the rescan that found it, which has the last word.
    """

    call_id: str
    kind: CallKind
    status: Literal["open", "answered"]
    lane: str
    exit_id: str | None
    order_id: str | None
    opened_us: int
    answered_us: int | None
    answered_by: str | None
    action: Action | None
    reason: str | None
    answer_id: str | None
    evidence: dict[str, Any]
    looked_us: int | None = None
    looked_by: str | None = None
    security_us: int | None = None
    security_by: str | None = None
    security_reason: str | None = None
    finding: Finding | None = None
    worth_minor: int | None = None
    found_by: str | None = None

    def actions(self, one: Exit | None) -> frozenset[Action]:
        """What can be answered to this call about ``one``; nothing any more once it is answered."""
        if self.status == "answered":
            return frozenset()
        again: frozenset[Action] = frozenset({"deactivate"} if self.evidence.get("cause") == "tag_missed" else ())
        possible = actions_of(self.kind, one.status if one is not None else None) | again
        return possible - {"reweigh"} if one is not None and one.bay is not None else possible

    def evidence_id(self, one: Exit | None) -> str:
        """Names what there is to see of this call about ``one``: how often it was raised, and what was weighed last."""
        times = str(self.evidence.get("times", 1))
        if self.evidence.get("result_id") is not None:  # what a rescan found is something else to see
            return f"{times}.{self.evidence['result_id']}"
        if one is None or one.weighing is None or self.kind not in ABOUT_WEIGHT:
            return times
        return f"{times}.{one.weighing.id}"

    def answered(
        self,
        *,
        answer_id: str,
        by: str,
        action: Action,
        reason: str,
        at_us: int,
        one: Exit | None = None,
        evidence_id: str | None = None,
        finding: Finding | None = None,
        worth_minor: int | None = None,
    ) -> "Call":
        """After a person's answer, who saw what ``evidence_id`` names. An item that is taken off was not paid.
        ActionNotPossible, ReasonNeeded, CallAnswered
        when someone was quicker, or CallChanged when there is something else to see by now.
        """
        if self.status == "answered":
            raise CallAnswered(answered_by=self.answered_by or "系统 / The system")
        reason = reason.strip()[:REASON_LENGTH_MAX]
        if action not in self.actions(one):
            raise ActionNotPossible
        if not reason and (self.kind, action) in REASON_NEEDED:
            raise ReasonNeeded
        if (action == "let_go" or evidence_id is not None) and evidence_id != self.evidence_id(one):
            raise CallChanged
        if self.found_by is not None:
            finding, worth_minor = self.finding, self.worth_minor
        return msgspec.structs.replace(
            self,
            status="answered",
            answered_us=at_us,
            answered_by=by,
            action=action,
            reason=reason or None,
            answer_id=answer_id,
            finding="unpaid" if action == "take_off" else finding,
            worth_minor=worth_minor,
        )

    def after_rescan(self, result_id: str, unpaid_minor: int) -> "Call":
        """After a rescan counted the goods while it is open: what it found unpaid is what was wrong, whatever is
        answered. A recount takes the place of the one before it.
        """
        if unpaid_minor > 0:
            return msgspec.structs.replace(self, finding="unpaid", worth_minor=unpaid_minor, found_by=result_id)
        if self.found_by is None:
            return self
        return msgspec.structs.replace(self, finding=None, worth_minor=None, found_by=None)

    def looked_at(self, by: str, at_us: int) -> "Call":
        """After somebody opened it on a console; only the first who did counts."""
        if self.status == "answered" or self.looked_us is not None:
            return self
        return msgspec.structs.replace(self, looked_us=at_us, looked_by=by)

    def guarded(self, by: str, reason: str, at_us: int) -> "Call":
        """After somebody called security to it; it stays open. CallAnswered, ReasonNeeded."""
        if self.status == "answered":
            raise CallAnswered(answered_by=self.answered_by or "系统 / The system")
        reason = reason.strip()[:REASON_LENGTH_MAX]
        if not reason:
            raise ReasonNeeded
        if self.security_us is not None:
            return self
        return msgspec.structs.replace(self, security_us=at_us, security_by=by, security_reason=reason)

    def settled(self, *, reason: str, at_us: int) -> "Call":
        """After the matter settled itself, without a person: the weight fits now, the shopper went back."""
        return msgspec.structs.replace(self, status="answered", answered_us=at_us, reason=reason)


def refuse_unless_paid(order: Order) -> None:
    """OrderLeft or OrderUnpaid unless an order may go out."""
    if order.status == "left":
        raise OrderLeft
    if order.status != "paid":
        raise OrderUnpaid


def checks_of(age_limits: list[int | None], *, is_audited: bool = False) -> tuple[Check, ...]:
    """The checks that an order asks for: by its lines' age limits, and by the draw.

    >>> checks_of([None, 18]), checks_of([None], is_audited=True)
    (('min_age',), ('audit',))
    """
    checks: list[Check] = []
    if any(age_limits):
        checks.append("min_age")
    if is_audited:
        checks.append("audit")
    return tuple(checks)
