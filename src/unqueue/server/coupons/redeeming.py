"""Coupons on an order: what happens to them within a unit of work of whoever changes or pays the order.

redeem, redeem_all → reserved → ``use`` (with the payment, in its unit) → used
                  → ``withdraw`` (the shopper takes it off), ``release`` (the order is closed): the use is given back

A coupon that was good when it was redeemed stays good for its order, whatever is imported and whenever it expires; an
order that is not paid expires soon enough. Whether a payment is under way is for the caller to check.
"""

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.clock import from_micros
from unqueue.kernel.database import Transaction
from unqueue.kernel.errors import DomainError, NotFound
from unqueue.server.coupons import choosing, keys, model, store
from unqueue.server.coupons.choosing import Chosen, Paper, Shopper
from unqueue.server.coupons.gs1 import NorthAmericanCoupon
from unqueue.server.coupons.keys import Key
from unqueue.server.coupons.model import Effect, Held, Policy, Redemption, Redemptions, Share, Status
from unqueue.server.coupons.refusals import (
    CouponAlreadyRedeemed,
    CouponConflict,
    CouponMemberUsedUp,
    CouponUnknown,
    CouponUsedUp,
    CouponVisitUsedUp,
)
from unqueue.server.coupons.rules import Coupon, NorthAmerican
from unqueue.server.coupons.store import RedemptionRow
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order, OrderClosed, OrderPaid


class Wanted(msgspec.Struct, frozen=True):
    """A coupon of a basket: ``redemption_id`` names its use, should it be taken."""

    redemption_id: str
    paper: Paper


class Redeeming:
    """Redeems coupons for one store: by the days of its zone, and by its policy."""

    def __init__(self, *, time_zone: str, policy: Policy | None = None) -> None:
        self._zone = ZoneInfo(time_zone)
        self._policy = policy or Policy()

    @property
    def policy(self) -> Policy:
        return self._policy

    def day(self, at: datetime) -> date:
        """The day of the store at a moment."""
        return at.astimezone(self._zone).date()

    def redeem(
        self, tx: Transaction, order: Order, text: str, *, member: str | None, action_id: str, actor: str
    ) -> Redemptions:
        """Put a coupon on an open order and reserve one use of it; again with the same id changes nothing.

        ``action_id`` is 32 hexadecimal digits and becomes the redemption's id. ``member`` is a stable name of the
        member whose order it is, None for others. Every refusal of refusals.py, OrderPaid, OrderClosed.
        """
        candidates = keys.read(text, self._today(tx))
        known = store.redemption(tx.connection, action_id)
        if known is not None:
            if known.order_id != order.order_id or known.code not in {key.code for key in candidates}:
                raise CouponConflict
            return summary(tx.connection, order)
        _must_be_open(tx, order)
        paper = find(tx.connection, candidates, order.currency)
        if paper is None:
            raise CouponUnknown
        key, coupon = paper.key, paper.coupon  # without its serials: they are codes of their own
        shopper = Shopper(order.trip_id, member)
        rows = store.live(tx.connection, order.order_id)
        if key.code in {row.code for row in rows}:
            raise CouponAlreadyRedeemed
        if (no := choosing.refusal(paper, shopper, self._today(tx), self._policy)) is not None:
            raise no
        new = Held(action_id, key.code, coupon, key.ticket)
        lines = orders_store.lines(tx.connection, order.order_id)
        effects = choosing.fitting(lines, [_held(row) for row in rows], new, self._policy)
        if (no := _reserve(tx, paper, shopper)) is not None:
            raise no
        added = _row(tx, order, new, effects, shopper)
        store.insert_redemption(tx, added)
        self._set(tx, [*rows, added], effects)
        shown = summary(tx.connection, order)
        _record(tx, "coupon.redeemed", added, shown, actor)
        return shown

    def redeem_all(
        self, tx: Transaction, order: Order, wanted: Sequence[Wanted], *, shopper: Shopper, actor: str
    ) -> Chosen:
        """Put the coupons of a basket on its new order, in the order in which they were scanned.

        What doesn't hold (any more) is left out, with the reason; so is what is used up meanwhile. Never refuses.
        """
        papers = {one.redemption_id: now for one in wanted if (now := _now(tx, one.paper, order)) is not None}
        refused: dict[str, DomainError] = {one.redemption_id: CouponUnknown() for one in wanted}
        for redemption_id, paper in papers.items():
            no = choosing.refusal(paper, shopper, self._today(tx), self._policy)
            if no is None:
                del refused[redemption_id]
            else:
                refused[redemption_id] = no
        held = [
            Held(redemption_id, paper.key.code, paper.coupon, paper.key.ticket)
            for redemption_id, paper in papers.items()
        ]
        lines = orders_store.lines(tx.connection, order.order_id)
        chosen = choosing.choose(
            lines, held, refused, self._policy, lambda one: _reserve(tx, papers[one.redemption_id], shopper)
        )
        rows = [_row(tx, order, effect.held, chosen.effects, shopper) for effect in chosen.effects]
        for row in rows:
            store.insert_redemption(tx, row)
        self._set(tx, rows, chosen.effects)
        shown = summary(tx.connection, order)
        for row in rows:
            _record(tx, "coupon.redeemed", row, shown, actor)
        for one in wanted:
            if (why := chosen.refused.get(one.redemption_id)) is not None:
                _record_left_out(tx, order, one.paper.coupon, why, actor)
        return chosen

    def withdraw(self, tx: Transaction, order: Order, redemption_id: str, *, actor: str) -> Redemptions:
        """Take a coupon off an open order and give its use back; again changes nothing. NotFound, OrderPaid,
        OrderClosed.

        Should another coupon of the order do nothing any more without it, that one goes too.
        """
        row = store.redemption(tx.connection, redemption_id)
        if row is None or row.order_id != order.order_id:
            raise NotFound
        if row.status in {"withdrawn", "released"}:
            return summary(tx.connection, order)
        _must_be_open(tx, order)
        lines = orders_store.lines(tx.connection, order.order_id)
        rows = store.live(tx.connection, order.order_id)
        gone = [row]
        while True:
            rows = [one for one in rows if one.redemption_id != gone[-1].redemption_id]
            effects = model.apply(lines, [_held(one) for one in rows], self._policy)
            idle = next((effect.held.redemption_id for effect in effects if effect.problem), None)
            if idle is None:
                break
            gone.append(next(one for one in rows if one.redemption_id == idle))
        for one in gone:
            store.end(tx, one, "withdrawn")
        self._set(tx, rows, effects)
        shown = summary(tx.connection, order)
        for one in gone:
            _record(tx, "coupon.withdrawn", msgspec.structs.replace(one, status="withdrawn"), shown, actor)
        return shown

    def _today(self, tx: Transaction) -> date:
        return self.day(from_micros(tx.at_us))

    def _set(self, tx: Transaction, rows: Sequence[RedemptionRow], effects: Sequence[Effect]) -> None:
        by_id = {row.redemption_id: row for row in rows}
        for position, effect in enumerate(effects):
            store.set_shares(tx, by_id[effect.held.redemption_id], position, effect.shares)


def use(tx: Transaction, order: Order, actor: str) -> None:
    """The order is paid: its reserved coupons are used, in the unit that says so. Again changes nothing."""
    _end_all(tx, order, "used", actor)


def release(tx: Transaction, order: Order, actor: str) -> None:
    """The order is given up: what its coupons reserved goes back. Again changes nothing."""
    _end_all(tx, order, "released", actor)


def of_order(connection: Connection, order_id: str) -> list[Redemption]:
    """The coupons on an order, reserved or used, with what each takes off each line."""
    return store.shown(connection, order_id)


def summary(connection: Connection, order: Order) -> Redemptions:
    """The same with what is left to pay."""
    return Redemptions(
        order_id=order.order_id,
        currency=order.currency,
        total_minor=order.total_minor,
        coupons=tuple(of_order(connection, order.order_id)),
    )


def payable_minor(connection: Connection, order: Order) -> int:
    """What is to be paid for an order: its locked total without its coupons. Never negative."""
    return summary(connection, order).payable_minor


def _end_all(tx: Transaction, order: Order, to: Status, actor: str) -> None:
    rows = [row for row in store.live(tx.connection, order.order_id) if row.status == "reserved"]
    shown = summary(tx.connection, order)
    for row in rows:
        store.end(tx, row, to)
        _record(tx, f"coupon.{to}", msgspec.structs.replace(row, status=to), shown, actor)


def _must_be_open(tx: Transaction, order: Order) -> None:
    now = orders_store.get(tx.connection, order.order_id)
    if now is None:
        raise NotFound
    if now.status == "closed":
        raise OrderClosed
    if now.status != "open":
        raise OrderPaid


def find(connection: Connection, candidates: Sequence[Key], currency: str) -> Paper | None:
    """The coupon that a code finds."""
    for key in candidates:
        for found_by in key.found_by:
            row = store.coupon_of(connection, found_by)
            if row is None:
                continue
            coupon = row.coupon
            if coupon.currency == currency and isinstance(coupon, NorthAmerican) == (key.ticket is not None):
                return Paper(key, coupon)
    return None


def used_up(connection: Connection, paper: Paper, shopper: Shopper) -> DomainError | None:
    """Whether a coupon has a use left for this shopper, as far as it can be known without reserving it."""
    match store.used_up(connection, paper.coupon, paper.key.code, shopper.counted_as):
        case "member":
            return CouponMemberUsedUp() if shopper.member is not None else CouponVisitUsedUp()
        case "coupon":
            return CouponUsedUp()
        case None:
            return None


def _now(tx: Transaction, paper: Paper, order: Order) -> Paper | None:
    """A coupon that was scanned a while ago, as it is now."""
    return find(tx.connection, [paper.key], order.currency)


def _reserve(tx: Transaction, paper: Paper, shopper: Shopper) -> DomainError | None:
    """Count one use, or say why there is none. A serial number that is seen first becomes a code of its own."""
    key, coupon = paper.key, paper.coupon
    if (no := used_up(tx.connection, paper, shopper)) is not None:
        return no
    if key.code not in store.owners(tx.connection, [key.code]):
        store.add_codes(tx, coupon.id, [key.code], uses_max=1 if key.is_single else None)
    if not store.reserve(tx, coupon, key.code, shopper.counted_as):  # there is one writer: it was there just now
        raise CouponUsedUp
    return None


def _row(tx: Transaction, order: Order, new: Held, effects: Sequence[Effect], shopper: Shopper) -> RedemptionRow:
    effect = next(effect for effect in effects if effect.held is new)
    return RedemptionRow(
        redemption_id=new.redemption_id,
        order_id=order.order_id,
        trip_id=order.trip_id,
        coupon_id=new.coupon.id,
        code=new.code,
        ticket=msgspec.json.encode(new.ticket).decode() if new.ticket is not None else "",
        member=shopper.counted_as,
        data=msgspec.json.encode(new.coupon).decode(),
        zh=new.coupon.zh,
        en=new.coupon.en,
        funded_by=model.funded_by(new),
        status="reserved",
        position=effects.index(effect),
        amount_minor=effect.amount_minor,
        currency=order.currency,
        created_us=tx.at_us,
    )


def _held(row: RedemptionRow) -> Held:
    ticket = msgspec.json.decode(row.ticket, type=NorthAmericanCoupon) if row.ticket else None
    return Held(row.redemption_id, row.code, store.decode(row.data), ticket)


def _record(tx: Transaction, kind: str, row: RedemptionRow, shown: Redemptions, actor: str) -> None:
    """Journal what happened to a use; whoever may see its order hears of it. The code itself stays out: it is money."""
    lines: list[Share] = next((list(one.lines) for one in shown.coupons if one.redemption_id == row.redemption_id), [])
    data = {
        "redemption_id": row.redemption_id,
        "coupon_id": row.coupon_id,
        "order_id": row.order_id,
        "trip_id": row.trip_id,
        "status": row.status,
        "funded_by": row.funded_by,
        "amount_minor": row.amount_minor,
        "currency": row.currency,
        "lines": lines,
        "payable_minor": shown.payable_minor,
    }
    tx.record(kind, f"coupon:{row.coupon_id}", actor, data)


def _record_left_out(tx: Transaction, order: Order, coupon: Coupon, why: DomainError, actor: str) -> None:
    data = {
        "coupon_id": coupon.id,
        "order_id": order.order_id,
        "trip_id": order.trip_id,
        "status": "left_out",
        "reason": why.code,
    }
    tx.record("coupon.left_out", f"coupon:{coupon.id}", actor, data)
