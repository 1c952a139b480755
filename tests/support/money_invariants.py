"""What must hold of money whatever happens: invariants 1 to 9, each a function that raises AssertionError.

Those of one order look at its :class:`OrderFacts`; those of the whole store look at the database. What the world
outside knows (wallets, machines, people's memory) is handed in.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, func, select

from unqueue.kernel import journal
from unqueue.kernel.cash import parse_denomination
from unqueue.kernel.database import Prepared
from unqueue.kernel.journal import Event
from unqueue.server.coupons.store import coupon_codes, coupon_redemptions, coupons
from unqueue.server.ledger import store as ledger_store
from unqueue.server.ledger.store import ledger
from unqueue.server.orders.store import order_lines, orders
from unqueue.server.payments.store import payments, refunds
from unqueue.server.returns.store import returns
from unqueue.server.stored_value.store import cards, moves
from unqueue.server.tills.model import CashMoved, PaymentFinished, PayoutFinished
from unqueue.server.tills.store import reports

TAKEN = frozenset({"succeeded", "surplus", "refunded"})


class PaymentFact(NamedTuple):
    payment_id: str
    method: str
    status: str
    amount_minor: int
    query_due_us: int | None
    pauses: int


class RefundFact(NamedTuple):
    refund_id: str
    payment_id: str
    amount_minor: int
    status: str
    cause: str
    due_us: int | None
    tries: int
    reference: str


class PostingFact(NamedTuple):
    entry_id: str
    account: str
    amount_minor: int
    currency: str


class OrderFacts(NamedTuple):
    """What the store's tables say of one order. ``coupons`` maps a redemption to (status, amount)."""

    order_id: str
    status: str
    total_minor: int
    currency: str
    basket_hash: str
    lines_minor: int
    payments: list[PaymentFact]
    refunds: list[RefundFact]
    postings: list[PostingFact]
    coupons: dict[str, tuple[str, int]]

    @property
    def is_paid(self) -> bool:
        return self.status in {"paid", "left"}

    @property
    def payable_minor(self) -> int:
        """The locked price without the coupons that are on the order."""
        return self.total_minor - sum(off for status, off in self.coupons.values() if status in {"reserved", "used"})

    @property
    def counted_minor(self) -> int:
        """What was paid and counts for the order."""
        return sum(one.amount_minor for one in self.payments if one.status == "succeeded")

    def posted(self, kind: str, account: str) -> int:
        """The sum of what entries of a kind (``capture``, ``sale`` …) put into accounts that begin so."""
        return sum(
            one.amount_minor
            for one in self.postings
            if one.entry_id.startswith(f"{kind}:") and one.account.startswith(account)
        )

    def captured(self) -> dict[str, int]:
        """What each payment took, by the books."""
        return {
            one.entry_id.partition(":")[2]: one.amount_minor
            for one in self.postings
            if one.entry_id.startswith("capture:") and one.amount_minor > 0
        }

    def held(self, account: str) -> int:
        return sum(one.amount_minor for one in self.postings if one.account == account)


def facts_of(connection: Connection, order_id: str) -> OrderFacts:
    """Read an order's facts. Driver SQL: a simulation asks a million times."""
    (row,) = _rows(connection, _ORDER, order_id)
    (lines_minor,) = _rows(connection, _LINES, order_id)[0]
    return OrderFacts(
        order_id,
        *row,
        int(lines_minor or 0),
        [PaymentFact(*one) for one in _rows(connection, _PAYMENTS, order_id)],
        [RefundFact(*one) for one in _rows(connection, _REFUNDS, order_id)],
        [PostingFact(*one) for one in _rows(connection, _POSTINGS, order_id)],
        {redemption_id: (status, off) for redemption_id, status, off in _rows(connection, _COUPONS, order_id)},
    )


def check_order(facts: OrderFacts) -> None:
    """All invariants that one order shows by itself."""
    entries_sum_to_zero(facts)
    captured_is_explained(facts)
    refunds_fit_their_charge(facts)
    one_attempt_is_open(facts)
    price_paid_is_price_locked(facts)
    nothing_is_forgotten(facts)


def entries_sum_to_zero(facts: OrderFacts) -> None:
    """Invariant 1: every entry sums to zero, currency by currency."""
    sums: defaultdict[tuple[str, str], int] = defaultdict(int)
    for one in facts.postings:
        sums[one.entry_id, one.currency] += one.amount_minor
    wrong = {key: amount for key, amount in sums.items() if amount}
    assert not wrong, f"entries out of balance: {wrong}"


def captured_is_explained(facts: OrderFacts) -> None:
    """Invariant 2: captured − refunded = what the order keeps + surplus awaiting refund.

    The order keeps its price once it is paid, without what came back since; until then the parts that were paid of it.
    """
    captured = facts.posted("capture", "provider:")
    refunded = facts.posted("refund", "surplus:")
    awaiting = -facts.held(f"surplus:{facts.order_id}")
    keeps = facts.payable_minor + facts.posted("return", "surplus:") if facts.is_paid else facts.counted_minor
    assert captured - refunded == keeps + awaiting, (captured, refunded, keeps, awaiting)
    pending = sum(one.amount_minor for one in facts.refunds if one.status == "pending")
    assert awaiting == pending, f"{awaiting} is owed back and {pending} is on its way"
    open_account = 0 if facts.is_paid else -facts.counted_minor
    assert facts.held(f"order:{facts.order_id}") == open_account, "the order's own account"


def refunds_fit_their_charge(facts: OrderFacts) -> None:
    """Invariant 3, in our own books: Σ refunds ≤ captured, charge by charge."""
    captured = facts.captured()
    back: defaultdict[str, int] = defaultdict(int)
    for one in facts.refunds:
        back[one.payment_id] += one.amount_minor
    for payment_id, amount_minor in back.items():
        assert amount_minor <= captured.get(payment_id, 0), f"{amount_minor} of {captured.get(payment_id)} goes back"
    for payment in facts.payments:
        if payment.status == "refunded":
            assert back[payment.payment_id] == captured[payment.payment_id], "a refunded payment went back whole"
        is_taken = payment.status in TAKEN and payment.amount_minor > 0  # what costs nothing is settled without money
        assert is_taken == (payment.payment_id in captured), f"{payment} and its capture"


def one_attempt_is_open(facts: OrderFacts) -> None:
    """Invariant 5 in part: one attempt at a time, and the order is never paid while one is open."""
    pending = [one for one in facts.payments if one.status == "pending"]
    assert len(pending) <= (1 if facts.status == "open" else 0), f"{pending} of an order that is {facts.status}"


def price_paid_is_price_locked(facts: OrderFacts) -> None:
    """Invariant 8: what was paid is what was locked at submit, without the coupons that were used with it."""
    assert facts.lines_minor == facts.total_minor, "the lines are what the order costs"
    assert 0 <= facts.payable_minor <= facts.total_minor
    reserved = [status for status, _ in facts.coupons.values() if status == "reserved"]
    if facts.is_paid:
        assert facts.counted_minor == facts.payable_minor, "paid is what was payable"
        assert facts.posted("sale", "order:") == facts.payable_minor, "sold is what was payable"
        assert not reserved, "a paid order has used its coupons"
    else:
        assert facts.counted_minor <= facts.payable_minor
        assert facts.posted("sale", "") == 0
        assert not any(one.entry_id.startswith("sale:") for one in facts.postings), "a sale that was not paid"
    if facts.status == "closed":
        assert not reserved, "an order that was given up holds no coupon"
        assert not facts.counted_minor, "an order that was given up keeps no money"


def nothing_is_forgotten(facts: OrderFacts) -> None:
    """Invariant 9, at every moment: what is under way has a time at which it is looked at again."""
    for payment in facts.payments:
        if payment.status == "pending":
            assert payment.query_due_us is not None, f"{payment} is forgotten"
    for refund in facts.refunds:
        if refund.status == "pending":
            assert refund.due_us is not None, f"{refund} is forgotten"
        else:
            # What staff handed over is watched for a while: its provider may bring the money too.
            assert refund.due_us is None or refund.reference.startswith("desk"), f"{refund} is done"


def at_rest(facts: OrderFacts) -> bool:
    """Whether nothing is under way for the order any more."""
    return (
        facts.status != "open"
        and all(one.status != "pending" for one in facts.payments)
        and all(one.status == "succeeded" for one in facts.refunds)
    )


class OutsideCharge(NamedTuple):
    """A charge as the provider knows it: what it took, and what it gave back by refund id. ``is_told``: nothing that it
    has to say about it is still under way.
    """

    payment_id: str
    taken_minor: int
    refunds: Mapping[str, int]
    is_told: bool


def outside_agrees(facts: OrderFacts, charges: Iterable[OutsideCharge], by_hand: Mapping[str, int]) -> None:
    """Invariants 3, 5 and 9 against the world outside: nobody got more back than was taken, each refund once, and every
    charge is settled, refunded or still looked after. ``by_hand``: refund id → handed over at the desk.
    """
    known, captured = {one.payment_id: one for one in facts.payments}, facts.captured()
    mine: dict[str, list[RefundFact]] = {}
    for one in facts.refunds:
        mine.setdefault(one.payment_id, []).append(one)
    for charge in charges:
        payment = known[charge.payment_id]
        own = mine.get(charge.payment_id, [])
        handed = sum(by_hand.get(one.refund_id, 0) for one in own)
        back = sum(charge.refunds.values()) + handed
        assert back <= charge.taken_minor, f"{payment.payment_id}: {back} went back of {charge.taken_minor}"
        for refund in own:
            twice = refund.refund_id in charge.refunds and refund.refund_id in by_hand
            assert not twice, f"refund {refund.refund_id} went back twice: by its provider and by hand"
            if refund.status == "succeeded" and refund.reference.startswith("desk"):
                assert refund.refund_id not in charge.refunds, f"{refund} went back by its provider too"
            elif refund.status == "succeeded":
                given = charge.refunds.get(refund.refund_id, 0)
                assert given == refund.amount_minor, f"{refund} never arrived ({given})"
        assert set(charge.refunds) <= {one.refund_id for one in own}, "a refund that the store never decided"
        if payment.status in TAKEN and payment.amount_minor:
            booked = captured[payment.payment_id]
            assert booked == charge.taken_minor, f"{payment}: {booked} in the books, {charge.taken_minor} taken"
        elif charge.taken_minor and charge.is_told:
            assert payment.query_due_us is not None, f"{payment}: money came and nobody will look"


def cards_hold_what_moved(connection: Connection) -> None:
    """Invariant 1 for stored value: a card's balance, its moves and its account in the books are one figure."""
    moved = dict(
        connection.execute(select(moves.c.card_id, func.sum(moves.c.amount_minor)).group_by(moves.c.card_id)).all()  # type: ignore[arg-type]
    )
    booked = dict(
        connection.execute(
            select(ledger.c.account, func.sum(ledger.c.amount_minor))
            .where(ledger.c.account.startswith("stored-value:"))
            .group_by(ledger.c.account)
        ).all()  # type: ignore[arg-type]
    )
    for card_id, balance_minor in connection.execute(select(cards.c.card_id, cards.c.balance_minor)).all():
        assert balance_minor >= 0
        assert balance_minor == int(moved.get(card_id) or 0), f"card {card_id} and its moves"
        assert balance_minor == -int(booked.get(f"stored-value:{card_id}") or 0), f"card {card_id} and the books"


def card_spends_are_captured_once(connection: Connection) -> None:
    """Invariant 5 for stored value: what a payment took off a card stands once in the cards' clearing account."""
    spent = connection.execute(
        select(moves.c.move_id, moves.c.amount_minor, payments.c.status)
        .join(payments, payments.c.payment_id == moves.c.move_id)
        .where(moves.c.kind == "spend")
    )
    for payment_id, amount_minor, status in spent:
        assert status in TAKEN | {"pending", "closed", "failed"}
        held = ledger_store.postings_of(connection, f"stored-value:{payment_id}")
        assert sum(one.amount_minor for one in held if one.amount_minor > 0) == -amount_minor


def coupons_within_limits(connection: Connection) -> None:
    """Invariant 7: no coupon is used more often than it may be, and the counters are what the uses say."""
    counted: dict[str, dict[str, int]] = {"reserved": defaultdict(int), "used": defaultdict(int)}
    live = select(coupon_redemptions.c.coupon_id, coupon_redemptions.c.status, func.count()).where(
        coupon_redemptions.c.status.in_(["reserved", "used"])
    )
    for coupon_id, status, count in connection.execute(
        live.group_by(coupon_redemptions.c.coupon_id, coupon_redemptions.c.status)
    ):
        counted[status][coupon_id] = count
    for row in connection.execute(
        select(coupons.c.coupon_id, coupons.c.uses_max, coupons.c.reserved, coupons.c.used)
    ).all():
        found = (counted["reserved"][row.coupon_id], counted["used"][row.coupon_id])
        assert (row.reserved, row.used) == found, f"coupon {row.coupon_id}: counters and uses differ"
        assert row.uses_max is None or sum(found) <= row.uses_max, f"coupon {row.coupon_id} is used too often"
    for row in connection.execute(select(coupon_codes.c.uses_max, coupon_codes.c.reserved, coupon_codes.c.used)).all():
        assert row.uses_max is None or row.reserved + row.used <= row.uses_max


class CashFold:
    """What lies in each machine by its reports alone: the newest revision of each payment and payout, and every move.

    Independent of the books: it counts pieces, they count postings.
    """

    def __init__(self) -> None:
        self.held: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._standing: dict[str, tuple[int, dict[str, int]]] = {}

    def hear(self, kiosk: str, body: Any) -> None:
        if isinstance(body, CashMoved):
            for moved in body.movements:
                piece = parse_denomination(moved.denomination)
                inside = int(_is_inside(moved.target)) - int(_is_inside(moved.source))
                self.held[kiosk, piece.currency] += inside * moved.count * piece.value_minor
            return
        if not isinstance(body, PaymentFinished | PayoutFinished):
            return
        about = body.payment_id if isinstance(body, PaymentFinished) else body.refund_id
        known = self._standing.get(about)
        if known is not None and known[0] >= body.revision:
            return
        now = _contents(body)
        for currency, amount_minor in (known[1] if known is not None else {}).items():
            self.held[kiosk, currency] -= amount_minor
        for currency, amount_minor in now.items():
            self.held[kiosk, currency] += amount_minor
        self._standing[about] = (body.revision, now)


def _contents(body: PaymentFinished | PayoutFinished) -> dict[str, int]:
    """What a payment or payout left in the machine, by currency; what lies in suspense counts apart."""
    sums: defaultdict[str, int] = defaultdict(int)
    for one in body.tendered if isinstance(body, PaymentFinished) else []:
        piece = parse_denomination(one.denomination)
        sums[piece.currency] += piece.value_minor * one.count if _is_inside(one.place) else 0
    for name, count in body.dispensed.items():
        piece = parse_denomination(name)
        sums[piece.currency] -= piece.value_minor * count
    return dict(sums)


def _is_inside(place: str) -> bool:
    return place.partition(":")[0] in {"dispenser", "cashbox", "removed", "escrow"}


def cash_is_what_was_told(connection: Connection, fold: CashFold) -> None:
    """Invariant 6: the books hold in each machine what its reports say, piece by piece."""
    booked = ledger_store.balances(connection)
    told = {(f"cash:{kiosk}", currency): amount for (kiosk, currency), amount in fold.held.items() if amount}
    found = {key: amount for key, amount in booked.items() if key[0].startswith("cash:")}
    assert found == told, f"books {found}, reports {told}"


def cash_is_what_all_reports_say(connection: Connection) -> None:
    """The same from the table of reports, in the order in which they were heard."""
    fold = CashFold()
    query = select(reports.c.kiosk, reports.c.kind, reports.c.body).order_by(reports.c.heard_us, reports.c.seq)
    for kiosk, kind, body in connection.execute(query):
        if kind in _BODIES:
            fold.hear(kiosk, msgspec.json.decode(body, type=_BODIES[kind]))
    cash_is_what_was_told(connection, fold)


_BODIES: dict[str, Any] = {
    "cash.payment": PaymentFinished,
    "cash.payout": PayoutFinished,
    "cash.moved": CashMoved,
}


class Replay:
    """Invariants 1, 4 and 5 from the journal: its chain holds, no payment succeeds or goes back twice, paid orders stay
    paid, and what it says last of each payment and order is what the tables say. Reads only what is new.
    """

    def __init__(self) -> None:
        self.seq = 0
        self._hash = journal.GENESIS
        self._payments: dict[str, str] = {}
        self._orders: dict[str, str] = {}
        self._once: set[tuple[str, str]] = set()

    def read_on(self, connection: Connection) -> None:
        while rows := connection.execute(
            select(journal.journal).where(journal.journal.c.seq > self.seq).order_by(journal.journal.c.seq).limit(5000)
        ).all():
            for row in rows:
                event = Event(row.seq, row.at_us, row.kind, row.stream, row.actor, row.data)
                self._hash = journal.chain(self._hash, event)
                assert (row.seq, row.hash) == (self.seq + 1, self._hash), f"the journal breaks at {row.seq}"
                self.seq = row.seq
                self._take(event)

    def _take(self, event: Event) -> None:
        about, _, name = event.stream.partition(":")
        if about == "payment" and event.kind not in {"payment.refused_notification", "payment.refund_refused"}:
            told = event.payload()
            self._payments[name] = told["status"]
            if event.kind in _ONCE:
                self._happens_once(event.kind, name)
            if event.kind in {"payment.refunded", "payment.refunded_by_hand"}:
                self._happens_once("refund", told["refund_id"])
        elif about == "order":
            status = event.payload().get("status", "")
            assert not (self._orders.get(name) in {"paid", "left"} and status in {"open", "closed"}), "paid regressed"
            self._orders[name] = status

    def _happens_once(self, what: str, name: str) -> None:
        assert (what, name) not in self._once, f"{what} of {name} happened twice"
        self._once.add((what, name))

    def agrees(self, connection: Connection) -> None:
        for order_id, status in connection.execute(select(orders.c.order_id, orders.c.status)):
            assert self._orders[order_id] == status, f"order {order_id}"
        for payment_id, status in connection.execute(select(payments.c.payment_id, payments.c.status)):
            assert self._payments[payment_id] == status, f"payment {payment_id}"


_ONCE = frozenset({"payment.started", "payment.succeeded", "payment.overpaid", "payment.given_back"})


def check_store(connection: Connection) -> None:
    """The invariants that only the whole store shows."""
    assert ledger_store.out_of_balance(connection) == []
    totals = select(func.sum(ledger.c.amount_minor)).group_by(ledger.c.currency)
    assert not any(connection.execute(totals).scalars()), "the books do not sum to zero"
    cards_hold_what_moved(connection)
    coupons_within_limits(connection)
    refunds_never_exceed_charges(connection)
    promises_fit_what_is_left(connection)


def refunds_never_exceed_charges(connection: Connection) -> None:
    """Invariant 3 over all orders at once, by the books."""
    given = (
        select(refunds.c.payment_id, func.sum(refunds.c.amount_minor).label("given"))
        .group_by(refunds.c.payment_id)
        .subquery()
    )
    captured = (
        select(ledger.c.payment_id, func.sum(ledger.c.amount_minor).label("captured"))
        .where(ledger.c.entry_id.startswith("capture:"), ledger.c.amount_minor > 0)
        .group_by(ledger.c.payment_id)
        .subquery()
    )
    joined = given.outerjoin(captured, given.c.payment_id == captured.c.payment_id)
    query = select(given.c.payment_id).select_from(joined)
    assert not connection.execute(query.where(given.c.given > func.coalesce(captured.c.captured, 0))).all()


def promises_fit_what_is_left(connection: Connection) -> None:
    """Invariant 3 for proposals too: returns that wait never promise more than their payments have left."""
    waiting = connection.execute(select(returns.c.shares).where(returns.c.status == "proposed")).scalars()
    promised: defaultdict[str, int] = defaultdict(int)
    for shares in waiting:
        for share in msgspec.json.decode(shares):
            promised[share["payment_id"]] += share["amount_minor"]
    for payment_id, amount_minor in promised.items():
        taken, gone = (
            int(connection.execute(query).scalar_one())
            for query in (
                select(func.coalesce(func.sum(payments.c.amount_minor), 0)).where(payments.c.payment_id == payment_id),
                select(func.coalesce(func.sum(refunds.c.amount_minor), 0)).where(refunds.c.payment_id == payment_id),
            )
        )
        assert amount_minor + gone <= taken, f"{payment_id}: {amount_minor} is promised, {gone} gone, of {taken}"


def _rows(connection: Connection, prepared: Prepared, order_id: str) -> list[Any]:
    raw: Any = connection.connection.dbapi_connection
    found: list[Any] = raw.execute(prepared.sql(connection.dialect), (order_id,)).fetchall()
    return found


def _of_order(table: Any, *columns: Any) -> Prepared:
    return Prepared(select(*columns).where(table.c.order_id == bindparam("order_id")), "order_id")


_ORDER = _of_order(orders, orders.c.status, orders.c.total_minor, orders.c.currency, orders.c.basket_hash)
_LINES = _of_order(order_lines, func.sum(order_lines.c.total_minor))
_PAYMENTS = _of_order(payments, *(payments.c[name] for name in PaymentFact._fields))
_REFUNDS = _of_order(refunds, *(refunds.c[name] for name in RefundFact._fields))
_POSTINGS = _of_order(ledger, *(ledger.c[name] for name in PostingFact._fields))
_COUPONS = _of_order(
    coupon_redemptions,
    coupon_redemptions.c.redemption_id,
    coupon_redemptions.c.status,
    coupon_redemptions.c.amount_minor,
)
