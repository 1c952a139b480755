"""The use cases of the way out: an exit's steps at its lane. One unit of work each; every step may be
sent again and has one effect.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.clock import micros
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import DomainError, InvalidRequest, NotFound
from unqueue.kernel.ids import is_order_number
from unqueue.passes.signed import PassClaims, PassInvalid
from unqueue.server.access import Principal
from unqueue.server.exits import age_checks, bays, bindings, calls, store, trolleys
from unqueue.server.exits.bays import LastContact
from unqueue.server.exits.issuing import IsReturned, Passes
from unqueue.server.exits.journal import record
from unqueue.server.exits.model import Check, Exit, checks_of, refuse_unless_paid
from unqueue.server.exits.refusals import (
    ExitConflict,
    ExitNotAccepted,
    LaneBusy,
    LaneClosed,
    OrderAtBay,
    OrderAtOtherLane,
    OrderReturned,
)
from unqueue.server.exits.views import ExitView, exit_view
from unqueue.server.exits.weights import ExpectedWeight, Suspect, Weighing
from unqueue.server.guesses import Guesses, TooManyGuesses
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order, OrderUnknown, OrderUnpaid
from unqueue.server.trips.service import normal_id

ABANDON_REASON_LENGTH_MAX = 200
INTERVAL_G = 5
"""Of a scale that did not say."""
SUSPECTS_MAX = 3


class Claim(msgspec.Struct, frozen=True):
    """What the lane read: a pass, or the order number that was typed. ``id`` is made by the lane; ``interval_g`` is
    its scale's. ``shown_s`` is when a pass was shown that is bound to the lane and that it took while it was cut off:
    the server's clock, in seconds since 1970.
    """

    id: str
    pass_: str | None = msgspec.field(name="pass", default=None)
    order_number: str | None = None
    interval_g: int = INTERVAL_G
    shown_s: float | None = None


AuditOf = Callable[[Transaction, Order], dict[str, Any] | None]
"""What staff see of the audit that holds an order; None for an order that may go without. Stands above exits."""


class WeightJudge(Protocol):
    """Who knows what goods weigh; stands above exits."""

    async def expected(self, order_id: str, interval_g: int, lane: str | None = None) -> ExpectedWeight | None:
        """What an order should weigh on a scale of this interval, at this lane; None while that is not known."""

    async def suspects(self, order_id: str, weighing: Weighing, lane: str) -> list[Suspect]:
        """What is likeliest to be wrong with goods that do not fit; nothing where it can't say."""


class Exits:
    """All exits of the store.

    ``passes`` reads what is shown at lanes; ``last_contact`` tells when a lane was last heard of; ``judge`` knows what
    orders should weigh; ``audit_of`` which of them are scanned again; ``is_closed`` which lanes staff took out;
    ``is_returned`` which orders are not whole any more.
    """

    def __init__(
        self,
        database: Database,
        *,
        passes: Passes,
        last_contact: LastContact,
        judge: WeightJudge | None = None,
        audit_of: AuditOf | None = None,
        is_closed: Callable[[Connection, str], bool] | None = None,
        is_returned: IsReturned | None = None,
    ) -> None:
        self._database = database
        self.passes = passes
        self._last_contact = last_contact
        self._judge = judge
        self._audit_of = audit_of
        self._is_closed = is_closed
        self._is_returned = is_returned
        self._interval_g: dict[str, int] = {}  # of each lane's scale, as it said last
        self._guesses: defaultdict[str, Guesses] = defaultdict(Guesses)

    async def claim(self, device: Principal, request: Claim) -> ExitView:
        """Bind an order to the device's lane. The lane's own live exit of that order is answered as it is."""
        exit_id, request_hash = normal_id(request.id), _hash(request)
        if (request.pass_ is None) == (request.order_number is None):
            raise InvalidRequest(problem="give a pass or an order number")

        shown = self._shown(device, request)

        def write(tx: Transaction) -> ExitView:
            known = store.get(tx.connection, exit_id)
            if known is not None:
                if known.lane != device.id or known.request_hash != request_hash:
                    raise ExitConflict
                return exit_view(tx.connection, known)
            if isinstance(shown, DomainError):
                raise shown
            if shown is not None:
                order, pass_id = _order_of_pass(tx.connection, shown), shown.pass_id.hex()
            else:
                order, pass_id = self._order_of_number(tx.connection, device.id, request.order_number or ""), None
            claimed = self._claim(tx, device, order, exit_id=exit_id, request_hash=request_hash, pass_id=pass_id)
            return exit_view(tx.connection, claimed)

        if request.interval_g > 0:
            self._interval_g[device.id] = request.interval_g
        try:
            return await self._with_expected(await self._database.unit(write))
        except OrderUnknown:
            if request.order_number is not None:
                self._guesses[device.id].wrong(self._now_s())
            raise

    def _shown(self, device: Principal, request: Claim) -> PassClaims | DomainError | None:
        if request.pass_ is None:
            return None
        return self.passes.read(request.pass_, lane=device.id, shown_s=request.shown_s)

    def _order_of_number(self, connection: Connection, lane: str, text: str) -> Order:
        pause_s = self._guesses[lane].pause_s(self._now_s())
        if pause_s:
            raise TooManyGuesses(retry_after_s=pause_s)
        number = text.strip()
        order = orders_store.by_number(connection, number) if is_order_number(number) else None
        if order is None:
            raise OrderUnknown
        return order

    def _refuse_returned(self, tx: Transaction, order: Order) -> None:
        if self._is_returned is not None and self._is_returned(tx.connection, order.order_id):
            raise OrderReturned

    def _claim(
        self, tx: Transaction, device: Principal, order: Order, *, exit_id: str, request_hash: str, pass_id: str | None
    ) -> Exit:
        live = store.live_of_order(tx.connection, order.order_id)
        if live is not None and live.lane == device.id and live.bay is None:
            return live
        refuse_unless_paid(order)
        self._refuse_returned(tx, order)
        if live is not None and live.bay is not None:
            return bays.take(tx, device, live)
        if live is not None:
            contact_us = self._last_contact(tx.connection, live.lane)
            if not live.is_stale(last_contact_us=contact_us, now_us=tx.at_us):
                raise OrderAtOtherLane(lane=live.lane)
            _abandon(tx, live, device.actor, "lane_silent")
        if store.live_of_lane(tx.connection, device.id) is not None:
            raise LaneBusy
        if self._is_closed is not None and self._is_closed(tx.connection, device.id):
            raise LaneClosed
        is_cleared = age_checks.is_cleared(tx.connection, order.order_id)
        age_limit = None if is_cleared else age_checks.age_limit_of(tx.connection, order.order_id)
        elsewhere: tuple[Check, ...] = ("other_lane",) if bindings.take(tx, order.order_id, device) else ()
        audit = self._audit_of(tx, order) if self._audit_of is not None else None
        fresh = Exit(
            exit_id=exit_id,
            lane=device.id,
            order_id=order.order_id,
            trip_id=order.trip_id,
            basket_hash=order.basket_hash,
            request_hash=request_hash,
            pass_id=pass_id,
            status="claimed",
            checks=checks_of([age_limit], is_audited=audit is not None) + elsewhere,
            weighing=None,
            override_call_id=None,
            passages=None,
            claimed_us=tx.at_us,
            touched_us=tx.at_us,
        )
        store.insert_exit(tx, fresh)
        record(tx, "exit.claimed", fresh, device.actor, pass_id=pass_id)
        if age_limit is not None and not calls.bring(tx, fresh, "min_age", device.actor):
            evidence = age_checks.evidence_of(tx.connection, order.order_id, age_limit)
            calls.open_for_exit(tx, fresh, "min_age", device.actor, evidence)
        if audit is not None:
            calls.open_for_exit(tx, fresh, "audit", device.actor, audit)
        return fresh

    async def of_lane(self, device: Principal) -> list[ExitView]:
        """The lane's exits that are not ended: what it reads after a restart."""

        def read(connection: Connection) -> list[ExitView]:
            live = store.live_of_lane(connection, device.id)
            return [exit_view(connection, live)] if live is not None else []

        return [await self._with_expected(view) for view in await self._database.read(read)]

    async def get(self, device: Principal, exit_id: str) -> ExitView:
        """An exit as it stands. What it waits for may have settled itself by now."""
        plain = normal_id(exit_id)
        view = await self._database.read(lambda connection: exit_view(connection, _own(connection, device, plain)))
        if "other_lane" in view.checks:

            def look(tx: Transaction) -> ExitView:
                return exit_view(tx.connection, bindings.look_again(tx, _own(tx.connection, device, plain)))

            view = await self._database.unit(look)
        return await self._with_expected(view)

    async def _with_expected(self, view: ExitView) -> ExitView:
        if self._judge is None or view.status not in {"claimed", "accepted"}:
            return view
        expected = await self._judge.expected(view.order.id, self._interval_g.get(view.lane, INTERVAL_G), view.lane)
        return msgspec.structs.replace(view, expected=expected)

    async def _with_suspects(self, device: Principal, exit_id: str, weighing: Weighing) -> Weighing:
        """A weighing that does not fit, with what is likeliest to be wrong where that is known: before the lane's own
        guesses, which know nothing of the store.
        """
        if self._judge is None or weighing.verdict != "check" or weighing.overweight:
            return weighing
        order_id = await self.order_of(device, exit_id)
        found = await self._judge.suspects(order_id, weighing, device.id)
        rest = [one for one in weighing.suspects if one.product_id is None or not found]
        return msgspec.structs.replace(weighing, suspects=[*found, *rest][:SUSPECTS_MAX])

    async def _heeds_count(self, device: Principal, exit_id: str, weighing: Weighing) -> bool:
        """Whether what the belt counted means anything: not in bags, nor before it is known what that is worth."""
        if self._judge is None or weighing.verdict != "check" or weighing.counted is None:
            return False
        order_id = await self.order_of(device, exit_id)
        expected = await self._judge.expected(order_id, max(weighing.interval_g, 1), device.id)
        return expected is not None and bool(expected.by_count)

    async def weigh(self, device: Principal, exit_id: str, request: Weighing) -> ExitView:
        """Take a weighing to the books. A ``check`` opens a call for staff; a ``pass`` settles one that is open."""
        plain = normal_id(exit_id)
        body = msgspec.structs.replace(request, id=normal_id(request.id))
        if body.parts < 1:
            raise InvalidRequest(problem="parts is at least 1")
        if body.counted is not None and body.counted < 0:
            raise InvalidRequest(problem="counted is not negative")
        if min(body.interval_g, body.expected_g, body.sigma_g, body.tolerance_g, body.tare_g, body.tare_g_sd) < 0:
            raise InvalidRequest(problem="weights but measured_g are not negative")
        told = await self._with_suspects(device, plain, body)
        counted = body.counted if await self._heeds_count(device, plain, body) else None

        def write(tx: Transaction) -> ExitView:
            one = _own(tx.connection, device, plain)
            known = store.weighing(tx.connection, body.id)
            if known is not None:
                if known[0] != plain or _as_sent(known[1]) != _as_sent(body):
                    raise ExitConflict
                return exit_view(tx.connection, one)
            now = _touched(tx, bindings.look_again(tx, one).weighed(told))
            store.insert_weighing(tx, plain, told)
            store.update_exit(tx, now)
            record(tx, "exit.weighed", now, device.actor, weighing=told)
            if body.verdict == "check":
                evidence = {
                    "expected_g": body.expected_g,
                    "measured_g": body.measured_g,
                    "tolerance_g": body.tolerance_g,
                    "sigma_g": body.sigma_g,
                    "low_g": body.low_g,
                    "high_g": body.high_g,
                    "parts": body.parts,
                    "counted": counted,
                    "suspects": told.suspects,
                }
                calls.open_for_exit(tx, now, "weight", device.actor, msgspec.to_builtins(evidence))
            else:
                calls.settle(tx, now, "weight", device.actor, "weight_fits")
            calls.call_for_other_lane(tx, now, device.actor)
            return exit_view(tx.connection, now)

        self._interval_g[device.id] = max(body.interval_g, 1)
        return await self._with_expected(await self._database.unit(write))

    async def release(
        self, device: Principal, exit_id: str, passages: int, *, tags_deactivated: bool | None = None
    ) -> ExitView:
        """Allow the gate to open, durably and once per order for ever: accepted, still paid, the same basket."""
        plain = normal_id(exit_id)

        def write(tx: Transaction) -> ExitView:
            one = _own(tx.connection, device, plain)
            if one.status not in {"released", "left"}:
                one = bindings.look_again(tx, one)
                order = orders_store.get(tx.connection, one.order_id)
                if order is None or order.status != "paid":
                    raise OrderUnpaid
                self._refuse_returned(tx, order)
                if order.basket_hash != one.basket_hash:
                    raise ExitNotAccepted
                one = _touched(tx, one.released(passages))
                store.insert_release(tx, one)
                store.update_exit(tx, one)
                record(tx, "exit.released", one, device.actor, passages=passages, tags_deactivated=tags_deactivated)
            return exit_view(tx.connection, one)

        return await self._database.unit(write)

    async def left(self, device: Principal, exit_id: str, passages: int) -> ExitView:
        """The shopper walked through: the visit is over."""
        plain = normal_id(exit_id)

        def write(tx: Transaction) -> ExitView:
            one = _own(tx.connection, device, plain)
            if one.status != "left":
                one = _touched(tx, one.left())
                order = orders_store.get(tx.connection, one.order_id)
                assert order is not None, "a released order stays known"
                store.update_exit(tx, one)
                orders_store.mark_left(tx, order, device.actor)
                record(tx, "exit.left", one, device.actor, passages=passages)
                calls.settle(tx, one, None, device.actor, "left")
                trolleys.learn(tx, one.weighing, let_go=one.override_call_id is not None)
            return exit_view(tx.connection, one)

        return await self._database.unit(write)

    async def abandon(self, device: Principal, exit_id: str, reason: str) -> ExitView:
        """Let the order go back: it can come again, here or at another lane. Not after a release."""
        plain = normal_id(exit_id)

        def write(tx: Transaction) -> ExitView:
            one = _own(tx.connection, device, plain)
            if one.status != "abandoned":
                one = _abandon(tx, one, device.actor, reason[:ABANDON_REASON_LENGTH_MAX])
            return exit_view(tx.connection, one)

        return await self._database.unit(write)

    async def order_of(self, device: Principal, exit_id: str) -> str:
        """The order's id of an exit at the device's lane."""
        plain = normal_id(exit_id)
        return (await self._database.read(lambda connection: _own(connection, device, plain))).order_id

    def _now_s(self) -> int:
        return micros(self._database.clock.now()) // 1_000_000


def _own(connection: Connection, device: Principal, exit_id: str) -> Exit:
    one = store.get(connection, exit_id)
    if one is None or one.lane != device.id:
        raise NotFound
    if one.bay is not None and one.status in {"claimed", "accepted"}:
        raise OrderAtBay(bay=one.bay)
    return one


def _order_of_pass(connection: Connection, shown: PassClaims) -> Order:
    order = orders_store.get(connection, shown.order_id.hex())
    if order is None:
        raise OrderUnknown
    if order.basket_hash != shown.basket_hash.hex():
        raise PassInvalid
    return order


def _abandon(tx: Transaction, one: Exit, actor: str, reason: str) -> Exit:
    ended = _touched(tx, one.abandoned())
    store.update_exit(tx, ended)
    record(tx, "exit.abandoned", ended, actor, reason=reason)
    calls.settle(tx, ended, None, actor, reason)
    return ended


def _touched(tx: Transaction, one: Exit) -> Exit:
    return msgspec.structs.replace(one, touched_us=tx.at_us)


def _as_sent(weighing: Weighing) -> Weighing:
    """A weighing without what the server added to it."""
    return msgspec.structs.replace(weighing, suspects=[])


def _hash(request: Claim) -> str:
    return hashlib.sha256(msgspec.json.encode([request.pass_, request.order_number])).hexdigest()
