"""Calls for staff: opened by what happens at a lane, answered by a person with a name. One open call of a kind for
one exit (or for a lane): what comes in meanwhile is added to it.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import NotFound
from unqueue.kernel.ids import new_id
from unqueue.server.access import Principal
from unqueue.server.exits import age_checks, store, supplements
from unqueue.server.exits.answers import Action, AlarmKind, CallKind, Finding, TagCause
from unqueue.server.exits.goods import ITEMS_MAX, Goods, UnpaidGood, worth_minor
from unqueue.server.exits.model import Call, Exit
from unqueue.server.exits.refusals import ExitConflict
from unqueue.server.exits.views import CallView, call_view, call_views
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order
from unqueue.server.trips.service import normal_id

ANSWERED_SHOWN_MAX = 50
DETAIL_LENGTH_MAX = 500
GOODS_SHOWN_MAX = 20
GOODS_MAX = 2000
"""As many tags as a lane keeps: were each another product, what it tells of them would still be heard."""


class GateGood(msgspec.Struct, frozen=True):
    """Goods of which more were read at the gate than are paid on the order: ``read`` pieces, and ``paid``."""

    product_id: str
    name_zh: str
    name_en: str
    read: int
    paid: int


class Alarm(msgspec.Struct, frozen=True):
    """What a lane calls for. ``id`` is made by the lane; ``detail`` is for staff; ``cause`` is why a tag may ring;
    ``goods`` are those that the gate's reader saw.
    """

    id: str
    kind: AlarmKind
    exit_id: str | None = None
    detail: str | None = None
    cause: TagCause | None = None
    goods: Annotated[list[GateGood], msgspec.Meta(max_length=GOODS_MAX)] = []


class Answer(msgspec.Struct, frozen=True):
    """What a member of staff decides. ``id`` is made by the console; ``evidence_id`` is that of the call as it was
    looked at, and who lets go must name it. ``finding`` is what was found, where that was looked for; ``found`` are the
    goods that were not paid, where they are known.
    """

    id: str
    action: Action
    reason: str = ""
    evidence_id: str | None = None
    finding: Finding | None = None
    found: Annotated[list[UnpaidGood], msgspec.Meta(max_length=ITEMS_MAX)] = []


class Security(msgspec.Struct, frozen=True):
    """Why the guard is called."""

    reason: str


LetOut = Callable[[Transaction, Exit, str], None]
"""What to do with an exit in a side bay that the actor has cleared."""


class Calls:
    """All calls of the store. ``let_out`` ends what was cleared in a side bay, ``send_back`` what nobody looks at there
    any more.
    """

    def __init__(
        self, database: Database, goods: Goods, *, let_out: LetOut | None = None, send_back: LetOut | None = None
    ) -> None:
        self._database = database
        self._goods = goods
        self._let_out, self._send_back = let_out, send_back

    async def raise_alarm(self, device: Principal, alarm: Alarm) -> CallView:
        """A lane needs a person: a live tag at the gate, a device that failed, a shopper who asks for help."""
        alarm_id = normal_id(alarm.id)
        exit_id = normal_id(alarm.exit_id) if alarm.exit_id is not None else None
        detail = alarm.detail[:DETAIL_LENGTH_MAX] if alarm.detail is not None else None

        def write(tx: Transaction) -> CallView:
            known = store.call_of_alarm(tx.connection, alarm_id)
            if known is not None:
                if known.lane != device.id or known.kind != alarm.kind:
                    raise ExitConflict
                return call_view(tx.connection, known)
            one = store.get(tx.connection, exit_id) if exit_id is not None else None
            if one is not None and one.lane != device.id:
                one = None
            # A lane that decides alone may call about an exit that the server has still to hear of: nobody is left to
            # wait for that.
            if one is None and alarm.kind != "live_tag":
                # A lane that restarted may not know yet which order is at it; staff must be able to move that one.
                one = store.live_of_lane(tx.connection, device.id)
            evidence: dict[str, Any] = {"detail": detail}
            if alarm.cause is not None:
                evidence["cause"] = alarm.cause
            if alarm.goods:
                evidence["goods"] = msgspec.to_builtins(alarm.goods[:GOODS_SHOWN_MAX])
            call = _open(tx, device.id, one, alarm.kind, actor=device.actor, evidence=evidence, call_id=alarm_id)
            store.insert_alarm(tx, alarm_id, call.call_id, device.id, detail)
            return call_view(tx.connection, call)

        return await self._database.unit(write)

    async def end_alarm(self, device: Principal, alarm_id: str) -> CallView:
        """What a lane called for is over by itself, unless somebody asked for help there as well. NotFound."""
        plain = normal_id(alarm_id)

        def write(tx: Transaction) -> CallView:
            call = store.call_of_alarm(tx.connection, plain)
            if call is None or call.lane != device.id:
                raise NotFound
            if call.status == "open" and call.evidence.get("times", 1) == 1:
                call = call.settled(reason="is_over", at_us=tx.at_us)
                store.update_call(tx, call)
                _record(tx, "call.settled", call, None, device.actor)
            return call_view(tx.connection, call)

        return await self._database.unit(write)

    async def answer(self, staff: Principal, call_id: str, request: Answer) -> CallView:
        """A person decides, by name. The exit follows: it is accepted, weighed again or given up."""
        plain, answer_id = normal_id(call_id), normal_id(request.id)
        values_minor = await self._goods.values_minor(request.found)

        def write(tx: Transaction) -> CallView:
            known = store.call_of_answer(tx.connection, answer_id)
            if known is not None:
                if (known.call_id, known.action) != (plain, request.action):
                    raise ExitConflict
                return call_view(tx.connection, known)
            call = store.get_call(tx.connection, plain)
            if call is None:
                raise NotFound
            one = store.get(tx.connection, call.exit_id) if call.exit_id is not None else None
            answered = answer_in(tx, staff, call, one, request, of_codes=values_minor)
            now = store.get(tx.connection, one.exit_id) if one is not None else None
            if now is not None and now.bay is not None:
                follow = self._let_out if now.status == "accepted" else self._send_back
                if follow is not None:
                    follow(tx, now, staff.actor)
            return call_view(tx.connection, answered)

        return await self._database.unit(write)

    async def look(self, staff: Principal, call_id: str) -> CallView:
        """Somebody opened the call on a console: from now on a person is at it. Only the first counts."""

        def write(tx: Transaction) -> CallView:
            call, one = _call_and_exit(tx, call_id)
            looked = call.looked_at(staff.name, tx.at_us)
            if looked != call:
                store.update_call(tx, looked)
                _record(tx, "call.looked_at", looked, one, staff.actor)
            return call_view(tx.connection, looked)

        return await self._database.unit(write)

    async def call_security(self, staff: Principal, call_id: str, request: Security) -> CallView:
        """Call the guard to an open call, by name and with a reason. It stays open: a person decides what follows."""

        def write(tx: Transaction) -> CallView:
            call, one = _call_and_exit(tx, call_id)
            guarded = call.guarded(staff.name, request.reason, tx.at_us)
            if guarded != call:
                store.update_call(tx, guarded)
                _record(tx, "call.security", guarded, one, staff.actor)
            return call_view(tx.connection, guarded)

        return await self._database.unit(write)

    async def list(self, *, status: str) -> list[CallView]:
        """The open calls, oldest first; or those answered last, newest first."""

        def read(connection: Connection) -> list[CallView]:
            if status == "open":
                return call_views(connection, store.open_calls(connection))
            return call_views(connection, store.recent_calls(connection, ANSWERED_SHOWN_MAX))

        return await self._database.read(read)


def answer_in(
    tx: Transaction,
    staff: Principal,
    call: Call,
    one: Exit | None,
    request: Answer,
    *,
    of_codes: Mapping[str, int | None] | None = None,
) -> Call:
    """A person's answer, in a unit of work that does more than that; the call as it then is, and its exit follows.
    ``of_codes``: what one costs of each scanned code that it names.
    """
    paid_minor = supplements.close_with(tx, call, staff.actor) if request.action in {"let_go", "done"} else None
    finding = "unpaid" if paid_minor is not None or request.found else request.finding
    found = request.found or (_seen_at_gate(call) if finding == "unpaid" else [])
    answered = call.answered(
        answer_id=normal_id(request.id),
        by=staff.name,
        action=request.action,
        reason=request.reason,
        at_us=tx.at_us,
        one=one,
        evidence_id=request.evidence_id,
        finding=finding,
        worth_minor=paid_minor if paid_minor is not None else worth_minor(tx.connection, found, of_codes),
    )
    store.update_call(tx, answered)
    about = one or (orders_store.get(tx.connection, call.order_id) if call.order_id is not None else None)
    _record(tx, "call.answered", answered, about, staff.actor)
    if (call.kind, request.action) == ("min_age", "let_go"):
        age_checks.clear(tx, answered)
    if one is not None:
        call_for_other_lane(tx, _follow(tx, one, answered, request.action, staff.actor), staff.actor)
    return answered


def _seen_at_gate(call: Call) -> list[UnpaidGood]:
    """The goods that a gate's call names, as many as are more than was paid."""
    goods = msgspec.convert(call.evidence.get("goods", []), list[GateGood])
    return [UnpaidGood(good.product_id, quantity=good.read - good.paid) for good in goods if good.read > good.paid]


def amend(tx: Transaction, call: Call, one: Exit, actor: str, evidence: dict[str, Any]) -> Call:
    """There is more to see of an open call: what was answered before it is known holds no more."""
    amended = msgspec.structs.replace(call, evidence=evidence)
    store.update_call(tx, amended)
    _record(tx, "call.amended", amended, one, actor)
    return amended


def found_by_rescan(tx: Transaction, one: Exit, actor: str, result_id: str, unpaid_minor: int) -> None:
    """What a rescan found unpaid is what the open call about the weight was about."""
    for call in store.open_calls(tx.connection, exit_id=one.exit_id, kind="weight"):
        told = call.after_rescan(result_id, unpaid_minor)
        if told != call:
            store.update_call(tx, told)
            _record(tx, "call.amended", told, one, actor)


def open_for_exit(tx: Transaction, one: Exit, kind: CallKind, actor: str, evidence: dict[str, Any]) -> None:
    """Call staff to an exit, or bring the call that is open up to date."""
    _open(tx, one.place, one, kind, actor=actor, evidence=evidence, call_id=new_id())


def open_for_order(tx: Transaction, place: str, order: Order, kind: CallKind, *, evidence: dict[str, Any]) -> None:
    """Call staff to a shopper who is not at a lane yet."""
    call = _new(tx, place, kind, order_id=order.order_id, exit_id=None, evidence=evidence, call_id=new_id())
    store.insert_call(tx, call)
    _record(tx, "call.opened", call, order, "system")


def bring(tx: Transaction, one: Exit, kind: CallKind, actor: str) -> bool:
    """Bring a call about an order to the lane that its shopper has come to, who waits from now on; whether there was
    one.
    """
    for call in store.open_calls(tx.connection, order_id=one.order_id, kind=kind):
        moved = msgspec.structs.replace(call, lane=one.place, exit_id=one.exit_id, opened_us=tx.at_us)
        store.update_call(tx, moved)
        _record(tx, "call.moved", moved, one, actor)
        return True
    return False


def settle_alone(tx: Transaction, call: Call, order: Order, actor: str, reason: str) -> None:
    """Close a call about an order that nobody needs to answer any more."""
    settled = call.settled(reason=reason, at_us=tx.at_us)
    store.update_call(tx, settled)
    _record(tx, "call.settled", settled, order, actor)


def move(tx: Transaction, one: Exit, actor: str) -> None:
    """Bring the open calls about an exit to where it goes on. A live tag rings where it rang."""
    for call in store.open_calls(tx.connection, exit_id=one.exit_id):
        if call.kind != "live_tag" and call.lane != one.place:
            moved = msgspec.structs.replace(call, lane=one.place)
            store.update_call(tx, moved)
            _record(tx, "call.moved", moved, one, actor)


def call_for_other_lane(tx: Transaction, one: Exit, actor: str) -> None:
    """The lane that the order is bound to has not answered while the goods were looked at: a person looks there."""
    if one.status != "claimed" or "other_lane" not in one.checks:
        return
    if all(call.kind != "other_lane" for call in store.open_calls(tx.connection, exit_id=one.exit_id)):
        bound = store.binding(tx.connection, one.order_id)
        open_for_exit(tx, one, "other_lane", actor, {"bound_to": bound.lane if bound is not None else one.lane})


def open_for_lane(tx: Transaction, lane: str, kind: CallKind, actor: str, evidence: dict[str, Any]) -> Call:
    """Call staff to a lane, about no exit that is there now."""
    return _open(tx, lane, None, kind, actor=actor, evidence=evidence, call_id=new_id())


def call_to_silent(tx: Transaction, lane: str, detail: str) -> None:
    """Call staff to a lane or kiosk that is not heard any more, unless they were called to its devices already."""
    if all(call.exit_id is not None for call in store.open_calls(tx.connection, lane=lane, kind="device")):
        open_for_lane(tx, lane, "device", "system", {"detail": detail})


def settle_for_lane(tx: Transaction, lane: str, detail: str, actor: str) -> None:
    """Close a call to a lane, with this detail, that nobody needs to answer any more."""
    for call in store.open_calls(tx.connection, lane=lane):
        if call.exit_id is None and call.evidence.get("detail") == detail:
            settled = call.settled(reason="is_back", at_us=tx.at_us)
            store.update_call(tx, settled)
            _record(tx, "call.settled", settled, None, actor)


def settle(tx: Transaction, one: Exit, kind: CallKind | None, actor: str, reason: str) -> None:
    """Close open calls about an exit that nobody needs to answer any more: of one kind, or all but a live tag, of which
    a person must say what it was.
    """
    for call in store.open_calls(tx.connection, exit_id=one.exit_id):
        if call.kind == kind or (kind is None and call.kind != "live_tag"):
            settled = call.settled(reason=reason, at_us=tx.at_us)
            store.update_call(tx, settled)
            _record(tx, "call.settled", settled, one, actor)


def _open(
    tx: Transaction,
    lane: str,
    one: Exit | None,
    kind: CallKind,
    *,
    actor: str,
    evidence: dict[str, Any],
    call_id: str,
) -> Call:
    exit_id = one.exit_id if one is not None else None
    for known in store.open_calls(tx.connection, lane=lane):
        if known.kind == kind and known.exit_id == exit_id:
            times = known.evidence.get("times", 1) + 1
            kept = {"goods": known.evidence["goods"]} if "goods" in known.evidence else {}  # a bell names no goods
            again = msgspec.structs.replace(known, evidence={**kept, **evidence, "times": times})
            store.update_call(tx, again)
            _record(tx, "call.repeated", again, one, actor)
            return again
    order_id = one.order_id if one is not None else None
    call = _new(tx, lane, kind, order_id=order_id, exit_id=exit_id, evidence=evidence, call_id=call_id)
    store.insert_call(tx, call)
    _record(tx, "call.opened", call, one, actor)
    return call


def _new(
    tx: Transaction,
    lane: str,
    kind: CallKind,
    *,
    order_id: str | None,
    exit_id: str | None,
    evidence: dict[str, Any],
    call_id: str,
) -> Call:
    return Call(
        call_id=call_id,
        kind=kind,
        status="open",
        lane=lane,
        exit_id=exit_id,
        order_id=order_id,
        opened_us=tx.at_us,
        answered_us=None,
        answered_by=None,
        action=None,
        reason=None,
        answer_id=None,
        evidence=evidence,
    )


def _call_and_exit(tx: Transaction, call_id: str) -> tuple[Call, Exit | None]:
    call = store.get_call(tx.connection, normal_id(call_id))
    if call is None:
        raise NotFound
    return call, store.get(tx.connection, call.exit_id) if call.exit_id is not None else None


def _follow(tx: Transaction, one: Exit, call: Call, action: Action, actor: str) -> Exit:
    now = one.answered(call.kind, action, call.call_id)
    if now == one:
        return one
    now = msgspec.structs.replace(now, touched_us=tx.at_us)
    store.update_exit(tx, now)
    names = {"trip_id": now.trip_id, "order_id": now.order_id, "lane": now.lane, "status": now.status}
    verb = "abandoned" if now.status == "abandoned" else "cleared"
    tx.record(f"exit.{verb}", f"exit:{now.exit_id}", actor, {**names, "call_id": call.call_id, "reason": call.reason})
    if now.status == "abandoned":
        settle(tx, now, None, actor, "refused")
    elif now.override_call_id == call.call_id:
        settle(tx, now, "weight", actor, "let_go")
    return now


def _record(tx: Transaction, kind: str, call: Call, one: Exit | Order | None, actor: str) -> None:
    names = {"lane": call.lane, "status": call.status, "call": call.kind, "exit_id": call.exit_id}
    if one is not None:
        names |= {"trip_id": one.trip_id, "order_id": one.order_id}
    told: dict[str, Any] = {
        "answered_by": call.answered_by,
        "action": call.action,
        "reason": call.reason,
        "evidence": call.evidence,
    }
    if call.finding is not None:
        told |= {"finding": call.finding, "worth_minor": call.worth_minor}
    if call.security_by is not None:
        told |= {"security_by": call.security_by, "security_reason": call.security_reason}
    tx.record(kind, f"call:{call.call_id}", actor, {**names, **told})
