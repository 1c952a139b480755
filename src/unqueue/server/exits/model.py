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

from unqueue.kernel.errors import DomainError
from unqueue.server.exits.answers import (
    ABOUT_WEIGHT,
    REASON_NEEDED,
    Action,
    CallKind,
    Finding,
    Status,
    actions_of,
)
from unqueue.server.orders.model import Order, OrderUnpaid

Check = Literal["min_age", "other_lane", "audit"]
"""``other_lane``: the order's pass is bound to a lane that may be cut off, and may have let it out."""
STALE_AFTER_S = 60
"""A lane that was silent for so long has lost its claim: the shopper may go to another lane."""
GATE_OPENING_FRESH_S = 5
REASON_LENGTH_MAX = 200

_CHECK_OF: Mapping[CallKind, Check] = {"min_age": "min_age", "other_lane": "other_lane", "audit": "audit"}


BAG_G, BAG_SD_G = 60, 45.0
"""A shopper's own bag, as :mod:`unqueue.weighing.priors` has it before any was weighed."""


class OrderLeft(DomainError):
    code = "order_left"
    status = 409
    zh = "这张订单已经出场了。如有疑问，请按求助"
    en = "This order has left the store already. If that is wrong, please press Help."


class OrderAtOtherLane(DomainError):
    """Details: ``lane``."""

    code = "order_at_other_lane"
    status = 409
    permanent = False
    zh = "这张订单正在另一条通道，请到那里继续"
    en = "This order is at another lane. Please go on there."


class LaneAnswers(DomainError):
    code = "lane_answers"
    status = 409
    zh = "这条通道还在线，订单要等它自己回话"
    en = "This lane still answers: its orders wait for its own word."


class OrderAtBay(DomainError):
    """Details: ``bay``."""

    code = "order_at_bay"
    status = 409
    permanent = False
    zh = "这张订单在旁边的服务位，请到那里继续"
    en = "This order is waiting in the side bay. Please go on there."


class LaneBusy(DomainError):
    code = "lane_busy"
    status = 409
    permanent = False
    zh = "这条通道还有一位顾客，请稍等"
    en = "Another shopper is still in this lane. One moment please."


class LaneClosed(DomainError):
    code = "lane_closed"
    status = 409
    permanent = False
    zh = "这条通道暂停使用，请走旁边的通道"
    en = "This lane is closed just now. Please use the next lane."


class ExitConflict(DomainError):
    code = "exit_conflict"
    status = 409
    zh = "这个编号已用于另一次操作"
    en = "This id was used for something else."


class ExitNotAccepted(DomainError):
    code = "exit_not_accepted"
    status = 409
    permanent = False
    zh = "还不能放行，请等店员"
    en = "Not cleared yet. Please wait for our staff."


class ExitNotReleased(DomainError):
    code = "exit_not_released"
    status = 409
    zh = "这次出场还没有放行"
    en = "This exit was not released."


class ExitReleased(DomainError):
    code = "exit_released"
    status = 409
    zh = "这次出场已经放行，不能再改"
    en = "This exit is released and can't be changed any more."


class ExitEnded(DomainError):
    code = "exit_ended"
    status = 409
    zh = "这次出场已经结束，请重新出示出场码"
    en = "This exit is over. Please show your pass again."


class CallAnswered(DomainError):
    """Details: ``answered_by``."""

    code = "call_answered"
    status = 409
    zh = "{answered_by} 已经处理了"
    en = "{answered_by} has answered this already."


class CallChanged(DomainError):
    code = "call_changed"
    status = 409
    zh = "传送带上的商品变了，请再看一下"
    en = "The goods have changed meanwhile. Please have another look."


class ActionNotPossible(DomainError):
    code = "action_not_possible"
    status = 409
    zh = "这个呼叫不能这样处理"
    en = "This call can't be answered in this way."


class ReasonNeeded(DomainError):
    code = "reason_needed"
    status = 422
    zh = "请写一下原因"
    en = "Please give a reason."


class Brought(msgspec.Struct, frozen=True):
    """What a shopper says they have with them, which lies on the scale with the goods: ``bags`` of their own that
    nobody knows, and ``containers`` that the catalogue knows, by product, each at least once, sorted.
    """

    bags: int = 0
    containers: tuple[tuple[str, int], ...] = ()

    @property
    def count(self) -> int:
        return self.bags + sum(count for _, count in self.containers)


SuspectKind = Literal["missed", "more", "extra", "swapped", "unknown"]


class Suspect(msgspec.Struct, frozen=True, omit_defaults=True):
    """A guess at what is wrong, and how probable it is where that is known. ``missed``: on the belt but not on the
    order; ``more``: another one of a line; ``extra``: on the order but not there; ``swapped``: another product there.
    """

    kind: SuspectKind
    zh: str
    en: str
    line: int | None = None
    product_id: str | None = None
    probability: float | None = None


class ExpectedByCount(msgspec.Struct, frozen=True):
    """Between which weights goods pass where the lane's belt counted so many things ``more`` than were paid (negative:
    fewer). Where no weight does ``low_g`` is above ``high_g``.
    """

    more: int
    low_g: int
    high_g: int


class ExpectedWeight(msgspec.Struct, frozen=True):
    """What the goods of an order should weigh together, in grams: the mean, its standard deviation, and between which
    weights they pass; ``by_count`` the same by what the lane's belt counted, where it is known what that is worth.
    """

    expected_g: int
    sigma_g: float
    low_g: int
    high_g: int
    by_count: list[ExpectedByCount] = []


class Weighing(msgspec.Struct, frozen=True):
    """What a lane weighed and concluded; grams, ``interval_g`` is the scale's. ``id`` is made by the lane. Between
    ``low_g`` and ``high_g`` it passes; None from a lane that goes by ``tolerance_g`` to either side. ``overweight``:
    more lies there than the scale can weigh, and ``measured_g`` says nothing. Where whole trolleys are weighed,
    ``tare_g`` ± ``tare_g_sd`` was subtracted for the ``trolley`` of that code, None where its code was not read.
    ``parts``: how many weighings add up to ``measured_g``; ``counted``: how many things the lane's belt counted.
    """

    id: str
    measured_g: int
    interval_g: int
    expected_g: int
    sigma_g: float
    tolerance_g: int
    verdict: Literal["pass", "check"]
    suspects: list[Suspect] = []
    tags_deactivated: bool = False
    low_g: int | None = None
    high_g: int | None = None
    overweight: bool = False
    tare_g: int = 0
    tare_g_sd: float = 0.0
    trolley: str | None = None
    parts: int = 1
    counted: int | None = None


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
    paid cost, None where that is not known.
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


class OrderReturned(DomainError):
    """Goods of an order that has not left were taken back: what may go out with it is for a person to say."""

    code = "order_returned"
    status = 409
    zh = "这张订单退过货，请到服务台，店员会帮您处理"
    en = "Goods of this order were taken back. Please come to the service desk; we will help you there."


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
