"""The use cases of coupons: import and list them, put one on an order, take it off again, and look."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.money import Money
from unqueue.server.coupons import keys, redeeming, store
from unqueue.server.coupons.guessing import Guessing
from unqueue.server.coupons.loader import CouponsInvalid, Loaded, load
from unqueue.server.coupons.model import Redemptions
from unqueue.server.coupons.redeeming import Redeeming
from unqueue.server.coupons.refusals import CouponUnknown
from unqueue.server.coupons.rules import Coded, Coupon
from unqueue.server.orders.model import Order, PaymentOpen
from unqueue.server.promotions.entries import Problem
from unqueue.server.promotions.words import Words
from unqueue.server.trips import store as trips_store
from unqueue.server.trips.service import normal_id

__all__ = ["Coupons", "CouponsInvalid", "CouponsView", "ImportReport", "import_coupons", "load"]

OpenPayment = Callable[[Connection, str], Any | None]
MemberOf = Callable[[Connection, Order], str | None]


class ImportReport(msgspec.Struct, frozen=True):
    """How many coupons an import added, changed and left as they were, and how many serials it added."""

    added: int
    changed: int
    unchanged: int
    serials: int

    def __str__(self) -> str:
        counts = f"{self.added} added, {self.changed} changed, {self.unchanged} unchanged"
        return f"{counts}, {self.serials} new serials" if self.serials else counts


class LineShareView(msgspec.Struct, frozen=True):
    line: int
    amount: Money


class RedemptionView(msgspec.Struct, frozen=True):
    """A coupon on an order. ``funded_by`` is ``store`` (a lower price) or ``issuer`` (a tender)."""

    id: str
    coupon_id: str
    zh: str
    en: str
    amount: Money
    funded_by: str
    status: str
    lines: list[LineShareView]


class CouponsView(msgspec.Struct, frozen=True):
    """The coupons of an order as they are applied, what is left to pay, and why, in words."""

    coupons: list[RedemptionView]
    total: Money
    saved: Money
    payable: Money
    explained: Words | None


class Coupons:
    """Coupons as those see them who may see an order.

    ``open_payment`` is what coupons need to know of payments, which stand above them: the attempt that is open, if any;
    it may refuse by itself. ``member_of`` names the member whose order it is. ``guessing`` slows guessing down.
    """

    def __init__(
        self,
        database: Database,
        at: Redeeming,
        *,
        open_payment: OpenPayment,
        member_of: MemberOf | None = None,
        guessing: Guessing | None = None,
    ) -> None:
        self._guessing = guessing or Guessing()
        self._database = database
        self._redeeming = at
        self._open_payment = open_payment
        self._member_of = member_of or member_of_trip

    async def redeem(self, order: Order, code: str, action_id: str, actor: str, asker: str = "") -> CouponsView:
        """Put a coupon on an order; again with the same id changes nothing, even while the order is being paid.

        PaymentOpen while a payment is under way, TooManyCouponGuesses after too many unknown codes of the visit or of
        ``asker``, the client's address, and every refusal of :meth:`Redeeming.redeem`.
        """
        plain = normal_id(action_id)

        def write(tx: Transaction) -> Redemptions:
            if store.redemption(tx.connection, plain) is None:
                self._refuse_while_paying(tx, order)
            member = self._member_of(tx.connection, order)
            return self._redeeming.redeem(tx, order, code, member=member, action_id=plain, actor=actor)

        if await self._database.read(lambda connection: store.redemption(connection, plain)) is not None:
            return view(await self._database.unit(write))
        self._guessing.begin(order.trip_id, asker, self._database.clock.now().timestamp())
        is_unknown = False
        try:
            return view(await self._database.unit(write))
        except CouponUnknown:
            is_unknown = True
            raise
        finally:
            if not is_unknown:
                self._guessing.right(order.trip_id, asker)

    async def withdraw(self, order: Order, redemption_id: str, actor: str) -> CouponsView:
        """Take a coupon off an order; again changes nothing. PaymentOpen, NotFound, OrderPaid, OrderClosed."""
        plain = normal_id(redemption_id)

        def write(tx: Transaction) -> Redemptions:
            row = store.redemption(tx.connection, plain)
            if row is None or row.status in store.LIVE:
                self._refuse_while_paying(tx, order)
            return self._redeeming.withdraw(tx, order, plain, actor=actor)

        return view(await self._database.unit(write))

    async def of(self, order: Order) -> CouponsView:
        """The coupons of an order."""
        return view(await self._database.read(lambda connection: redeeming.summary(connection, order)))

    def _refuse_while_paying(self, tx: Transaction, order: Order) -> None:
        payment = self._open_payment(tx.connection, order.order_id)
        if payment is not None:
            raise PaymentOpen(payment=payment)


def member_of_trip(connection: Connection, order: Order) -> str | None:
    """The member of a trip that was started with a member's card, by the name that was given to the card then."""
    trip = trips_store.get(connection, order.trip_id)
    if trip is None or not trip.is_member:
        return None
    return trip.member or f"trip:{trip.trip_id}"


def view(shown: Redemptions) -> CouponsView:
    """The coupons of an order as JSON shows them."""

    def money(amount_minor: int) -> Money:
        return Money(amount_minor, shown.currency)

    return CouponsView(
        coupons=[
            RedemptionView(
                id=one.redemption_id,
                coupon_id=one.coupon_id,
                zh=one.zh,
                en=one.en,
                amount=money(one.amount_minor),
                funded_by=one.funded_by,
                status=one.status,
                lines=[LineShareView(share.line, money(share.amount_minor)) for share in one.lines],
            )
            for one in shown.coupons
        ],
        total=money(shown.total_minor),
        saved=money(shown.saved_minor),
        payable=money(shown.payable_minor),
        explained=shown.explained if shown.coupons else None,
    )


def import_coupons(database: Database, loaded: Loaded, *, currency: str, actor: str) -> ImportReport:
    """Add and change coupons and add serials, in one unit of work; the same file again changes nothing.

    CouponsInvalid for another currency than the store's, a code that another coupon has, a code that is taken from a
    coupon (papers with it are about), fewer ``uses_max`` than uses, and serials for a coupon that has none.
    """

    def write(tx: Transaction) -> ImportReport:
        counts: Counter[str] = Counter()
        problems: list[Problem] = []
        for coupon in loaded.coupons:
            problems += _import(tx, coupon, currency, actor, counts)
        for coupon_id, serials in loaded.serials.items():
            problems += _add_serials(tx, coupon_id, serials, counts)
        if problems:
            raise CouponsInvalid(problems)
        if counts["added"] or counts["changed"] or counts["serials"]:
            tx.record("coupons.imported", "coupons", actor, counts)
        return ImportReport(counts["added"], counts["changed"], counts["unchanged"], counts["serials"])

    return database.write_now(write)


def _import(tx: Transaction, coupon: Coupon, currency: str, actor: str, counts: Counter[str]) -> list[Problem]:
    """Write one coupon, or say what keeps it."""
    known = store.get(tx.connection, coupon.id)
    wanted = keys.own_keys(coupon)
    kept = _without_serials(coupon)
    if coupon.currency != currency:
        return [Problem(coupon.id, "currency", f"{coupon.currency}, where the store has {currency}", "Write that")]
    owners = store.owners(tx.connection, list(wanted))
    taken = sorted(code for code, owner in owners.items() if owner != coupon.id)
    if taken:
        return [Problem(coupon.id, "code", f"{taken[0]} belongs to {owners[taken[0]]}", "Choose another code")]
    if known is not None:
        if set(keys.own_keys(known.coupon)) - set(wanted) or _has_serials(known.coupon) != _has_serials(coupon):
            return [Problem(coupon.id, "code", "it has another code already", "Give the new one an id of its own")]
        if coupon.uses_max is not None and coupon.uses_max < known.reserved + known.used:
            what = f"{coupon.uses_max}, but {known.reserved + known.used} uses are made or held"
            return [Problem(coupon.id, "uses_max", what, "Write at least that, or end it with valid_until")]
    data = msgspec.json.encode(kept).decode()
    if known is not None and known.data == data:
        counts["unchanged"] += 1
    else:
        store.save(tx, kept, data, actor=actor, is_new=known is None)
        counts["added" if known is None else "changed"] += 1
    new = {code: limit for code, limit in wanted.items() if code not in owners}
    if _has_serials(coupon):
        counts["serials"] += len(new)
    for limit in (None, 1):
        store.add_codes(tx, coupon.id, [code for code, one in new.items() if one == limit], uses_max=limit)
    return []


def _add_serials(tx: Transaction, coupon_id: str, serials: tuple[str, ...], counts: Counter[str]) -> list[Problem]:
    known = store.get(tx.connection, coupon_id)
    if known is None:
        return [Problem(coupon_id, "id", "there is no such coupon", "Import the coupon first")]
    if not _has_serials(known.coupon):
        return [Problem(coupon_id, "serials", "the coupon is no coupon with serials", 'Import it with "serials": []')]
    owners = store.owners(tx.connection, serials)
    taken = sorted(code for code, owner in owners.items() if owner != coupon_id)
    if taken:
        return [Problem(coupon_id, "serial", f"{taken[0]} belongs to {owners[taken[0]]}", "Choose another")]
    new = [code for code in dict.fromkeys(serials) if code not in owners]
    store.add_codes(tx, coupon_id, new, uses_max=1)
    counts["serials"] += len(new)
    return []


def _has_serials(coupon: Coupon) -> bool:
    return isinstance(coupon, Coded) and coupon.serials is not None


def _without_serials(coupon: Coupon) -> Coupon:
    """Serials are codes in a table of their own: there may be many, and each is worth money."""
    if isinstance(coupon, Coded) and coupon.serials:
        return msgspec.structs.replace(coupon, serials=())
    return coupon
