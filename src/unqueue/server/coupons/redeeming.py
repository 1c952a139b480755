"""Coupons on an order: what happens to them within a unit of work of whoever changes or pays the order.

redeem → reserved → ``use`` (with the payment, in its unit) → used
                  → ``withdraw`` (the shopper takes it off), ``release`` (the order is closed): the use is given back

A coupon that was good when it was redeemed stays good for its order, whatever is imported and whenever it expires; an
order that is not paid expires soon enough. Whether a payment is under way is for the caller to check.
"""

from datetime import date
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.clock import from_micros
from unqueue.kernel.database import Transaction
from unqueue.kernel.errors import NotFound
from unqueue.server.coupons import keys, model, store
from unqueue.server.coupons.gs1 import NorthAmericanCoupon
from unqueue.server.coupons.keys import Key
from unqueue.server.coupons.model import Effect, Held, Policy, Redemption, Redemptions, Share, Status
from unqueue.server.coupons.refusals import (
    CouponAlreadyRedeemed,
    CouponConflict,
    CouponExpired,
    CouponMemberOnly,
    CouponMinimumSpend,
    CouponNeedsStaff,
    CouponNotCombinable,
    CouponNotForTheseGoods,
    CouponNotYetValid,
    CouponOtherStore,
    CouponUnknown,
    CouponUsedUp,
)
from unqueue.server.coupons.rules import Coupon, NorthAmerican
from unqueue.server.coupons.store import RedemptionRow
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order, OrderClosed, OrderLine, OrderPaid


class Redeeming:
    """Redeems coupons for one store: by the days of its zone, and by its policy."""

    def __init__(self, *, time_zone: str, policy: Policy | None = None) -> None:
        self._zone = ZoneInfo(time_zone)
        self._policy = policy or Policy()

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
        key, coupon = _find(tx, candidates, order.currency)  # without its serials: they are codes of their own
        rows = store.live(tx.connection, order.order_id)
        if key.code in {row.code for row in rows}:
            raise CouponAlreadyRedeemed
        self._check(tx, key, coupon, member)
        in_the_way = [row for row in rows if not model.can_combine(coupon, store.decode(row.data))]
        if in_the_way:
            raise CouponNotCombinable([(row.zh, row.en) for row in in_the_way])
        _reserve(tx, key, coupon, member)
        new = Held(action_id, key.code, coupon, key.ticket)
        lines = orders_store.lines(tx.connection, order.order_id)
        effects = self._fitting(lines, rows, new)
        added = _row(tx, order, new, effects, member)
        store.insert_redemption(tx, added)
        self._set(tx, [*rows, added], effects)
        shown = summary(tx.connection, order)
        _record(tx, "coupon.redeemed", added, shown, actor)
        return shown

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
        return from_micros(tx.at_us).astimezone(self._zone).date()

    def _check(self, tx: Transaction, key: Key, coupon: Coupon, member: str | None) -> None:
        """What can be said without looking at the goods."""
        today, ticket = self._today(tx), key.ticket
        if ticket is not None and ticket.retailer_id and ticket.retailer_id not in self._policy.retailer_ids:
            raise CouponOtherStore
        starts = [day for day in (coupon.valid_from, ticket.starts if ticket else None) if day and day > today]
        if starts:
            raise CouponNotYetValid(max(starts))
        ends = (coupon.valid_until, key.expires, ticket.expires if ticket else None)
        over = [day for day in ends if day and day < today]
        if over:
            raise CouponExpired(min(over))
        if coupon.needs_member and member is None:
            raise CouponMemberOnly

    def _fitting(self, lines: list[OrderLine], rows: list[RedemptionRow], new: Held) -> list[Effect]:
        """What all coupons of an order do, the new one among them; refused where one of them would do nothing."""
        held = [_held(row) for row in rows]
        effects = model.apply(lines, [*held, new], self._policy)
        idle = [effect for effect in effects if effect.problem]
        if not idle:
            return effects
        alone = model.apply(lines, [new], self._policy)[0]
        match alone.problem:
            case "spend":
                minimum = new.coupon.minimum_spend_minor
                raise CouponMinimumSpend(minimum, alone.missing_minor, new.coupon.currency)
            case "staff":
                raise CouponNeedsStaff
            case "goods":
                raise CouponNotForTheseGoods
            case None:
                others = {effect.held.redemption_id for effect in idle} - {new.redemption_id}
                told = [row for row in rows if row.redemption_id in others] or rows
                raise CouponNotCombinable([(row.zh, row.en) for row in told])

    def _set(self, tx: Transaction, rows: list[RedemptionRow], effects: list[Effect]) -> None:
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


def _find(tx: Transaction, candidates: list[Key], currency: str) -> tuple[Key, Coupon]:
    """The coupon that a code finds; CouponUnknown."""
    for key in candidates:
        for found_by in key.found_by:
            row = store.coupon_of(tx.connection, found_by)
            if row is None:
                continue
            coupon = row.coupon
            if coupon.currency == currency and isinstance(coupon, NorthAmerican) == (key.ticket is not None):
                return key, coupon
    raise CouponUnknown


def _reserve(tx: Transaction, key: Key, coupon: Coupon, member: str | None) -> None:
    """Count one use. A serial number that is seen for the first time becomes a code of its own."""
    if key.code not in store.owners(tx.connection, [key.code]):
        store.add_codes(tx, coupon.id, [key.code], uses_max=1 if key.is_single else None)
    if not store.reserve(tx, coupon, key.code, member):
        raise CouponUsedUp


def _row(tx: Transaction, order: Order, new: Held, effects: list[Effect], member: str | None) -> RedemptionRow:
    effect = next(effect for effect in effects if effect.held is new)
    return RedemptionRow(
        redemption_id=new.redemption_id,
        order_id=order.order_id,
        trip_id=order.trip_id,
        coupon_id=new.coupon.id,
        code=new.code,
        ticket=msgspec.json.encode(new.ticket).decode() if new.ticket is not None else "",
        member=member,
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
