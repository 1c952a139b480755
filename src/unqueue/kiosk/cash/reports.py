"""What the kiosk tells the merchant server about cash. At least once, in order; the id makes a repetition harmless.

Denominations are texts such as `CNY-1000-note`; amounts are minor units; places are those of
:mod:`unqueue.kiosk.cash.ledger`. The JSON form is in docs/decisions/0010-cash-stays-exact.md.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from unqueue.kernel.cash import Denomination
from unqueue.kiosk.cash.ledger import Movement, value_minor
from unqueue.kiosk.cash.session import Conversion, Debt, Session, fx_rounding, overpaid


class Tendered(msgspec.Struct, frozen=True):
    """Pieces of one denomination that came to one place, and what they were credited with together."""

    denomination: str
    count: int
    credited_minor: int
    place: str


class Exchanged(msgspec.Struct, frozen=True):
    """Foreign money that was taken. `rounding_minor` is credit less exact value, an exact fraction such as `-3/10`.
    `rate` is empty for a currency that had none: it was credited with nothing, and owed in full.
    """

    currency: str
    rate: str
    face_minor: int
    credited_minor: int
    rounding_minor: str


class PaymentFinished(msgspec.Struct, frozen=True, tag_field="kind", tag="cash.payment", kw_only=True):
    """A payment came to its end. For a paid one, and always exactly:
    `credited_minor - change_minor - debts_minor = net_minor = cash_due_minor = due_minor + rounding_minor`.
    For a cancelled one net is zero. `debts_minor` and `change_minor` count the store's currency only.

    What is learned after the end (a payout whose device was away, a note that was stuck) comes as the whole report
    again with a higher `revision`, which replaces the earlier one.
    """

    payment_id: str
    revision: int
    outcome: Literal["paid", "cancelled"]
    reason: str
    stray: bool
    currency: str
    due_minor: int
    cash_due_minor: int
    rounding_minor: int
    credited_minor: int
    change_minor: int
    debts_minor: int
    net_minor: int
    tendered: list[Tendered]
    dispensed: dict[str, int]
    exchanged: list[Exchanged]
    conversions: list[Conversion]
    debts: list[Debt]
    unknown: list[str]


class PayoutFinished(msgspec.Struct, frozen=True, tag_field="kind", tag="cash.payout", kw_only=True):
    """A refund was given back. `rounding_minor` is what the store gained (or lost, below zero) by rounding, and always:
    `amount_minor - rounding_minor` is what `dispensed` and `debts` come to, unless a device gave too much.

    What is learned later comes with a higher `revision`, as for payments.
    """

    refund_id: str
    revision: int
    currency: str
    amount_minor: int
    rounding_minor: int
    dispensed: dict[str, int]
    debts: list[Debt]


class DebtSettled(msgspec.Struct, frozen=True, tag_field="kind", tag="cash.debt", kw_only=True):
    """A debt is settled: `paid` by hand, or `not_owed`, as the count showed that the shopper had got the money.
    `payment_id` is the refund's id where it is owed for one.
    """

    payment_id: str
    number: str
    amount_minor: int
    currency: str
    settled: Literal["paid", "not_owed"]
    by: str


class MovedPieces(msgspec.Struct, frozen=True):
    """Pieces of one denomination that went from one place to another."""

    denomination: str
    count: int
    source: str
    target: str


class CashMoved(msgspec.Struct, frozen=True, tag_field="kind", tag="cash.moved", kw_only=True):
    """Staff filled, emptied, took a cashbox or counted. `movements` are as they were booked."""

    action: Literal["fill_float", "remove_cashbox", "empty", "recount", "cashbox_removed"]
    device: str
    by: str
    movements: list[MovedPieces]


class Attention(msgspec.Struct, frozen=True, tag_field="kind", tag="cash.attention", kw_only=True):
    """Staff should come. `locked`: the device is out of use until someone unlocks it with their name."""

    device: str
    trouble: str
    detail: str
    locked: bool
    payment_id: str | None = None


class Unlocked(msgspec.Struct, frozen=True, tag_field="kind", tag="cash.unlocked", kw_only=True):
    device: str
    by: str
    reason: str


class DayClosed(msgspec.Struct, frozen=True, tag_field="kind", tag="cash.day", kw_only=True):
    """A day's end: journal entries after `from_seq` up to `to_seq`. Counts are per place and denomination.

    `opening` + `flows` = `closing`, where `flows` sums the movements as `source>target`. `payouts` and `payouts_minor`
    are refunds that were given back and their amounts; `rounding_minor` is that of payments and refunds.
    """

    by: str
    from_seq: int
    to_seq: int
    from_us: int
    to_us: int
    opening: dict[str, dict[str, int]]
    flows: dict[str, dict[str, int]]
    closing: dict[str, dict[str, int]]
    payments_paid: int
    payments_cancelled: int
    credited_minor: int
    change_minor: int
    rounding_minor: int
    net_minor: int
    exchanged: list[Exchanged]
    debts_open: list[Debt]
    troubles: dict[str, int]
    payouts: int = 0
    payouts_minor: int = 0


Body = PaymentFinished | PayoutFinished | DebtSettled | CashMoved | Attention | Unlocked | DayClosed


class Report(msgspec.Struct, frozen=True):
    """`id` is unique for ever: it holds the journal's own random name. `seq` grows by one from report to report."""

    id: str
    kiosk: str
    journal: str
    seq: int
    at_us: int
    body: Body


def kind_of(body: Body) -> str:
    """The tag of a body, such as ``cash.payment``."""
    return str(body.__struct_config__.tag)


def about(body: Body) -> str:
    """The payment, refund, slip or device that a body tells of; empty for the whole kiosk."""
    match body:
        case PaymentFinished():
            return body.payment_id
        case PayoutFinished():
            return body.refund_id
        case DebtSettled():
            return body.number
        case DayClosed():
            return ""
        case _:
            return body.device


def must_follow(later: Body, earlier: Body) -> bool:
    """Whether a report would mislead the server as long as it has not taken an earlier one.

    What is told of one payment or refund stays in order, its slips included, and so does what staff do to one device.
    A day's end holds everything before it. Calls for staff never wait, and no money waits for them.
    """
    match later:
        case Attention():
            return False
        case DayClosed():
            return not isinstance(earlier, Attention | Unlocked)
        case Unlocked():
            return isinstance(earlier, Attention | Unlocked) and earlier.device == later.device
        case CashMoved():
            return isinstance(earlier, CashMoved) and earlier.device == later.device
        case _:
            return _session_of(later) == _session_of(earlier)


def _session_of(body: Body) -> str | None:
    if isinstance(body, PayoutFinished):
        return body.refund_id
    return body.payment_id if isinstance(body, PaymentFinished | DebtSettled) else None


def payment_finished(session: Session) -> PaymentFinished:
    """The report of a finished session. In a cancelled one foreign money that goes back counts on neither side."""
    assert session.outcome in {"paid", "cancelled"}, session
    home = session.currency
    debts = [debt for debt in session.debts if debt.reason != "disputed"]
    debts_minor = sum(debt.amount_minor for debt in debts if debt.currency == home)
    change_minor = value_minor(session.given(), home)
    return PaymentFinished(
        payment_id=session.payment_id, revision=session.revision, outcome=session.outcome,
        reason=session.reason, stray=session.stray,
        currency=home, due_minor=session.due_minor, cash_due_minor=session.cash_due_minor,
        rounding_minor=session.rounding_minor if session.outcome == "paid" else 0,
        credited_minor=session.inserted_minor, change_minor=change_minor, debts_minor=debts_minor,
        net_minor=session.cash_due_minor - overpaid(session).get(home, 0) if session.outcome == "paid" else 0,
        tendered=_tendered(session), dispensed=dict(session.dispensed), exchanged=_exchanged(session),
        conversions=list(session.conversions), debts=list(session.debts), unknown=list(session.unknown),
    )  # fmt: skip


def payout_finished(session: Session) -> PayoutFinished:
    """The report of a finished refund."""
    assert session.is_refund, session
    return PayoutFinished(
        refund_id=session.payment_id, revision=session.revision, currency=session.currency,
        amount_minor=session.due_minor, rounding_minor=-session.rounding_minor, dispensed=dict(session.dispensed),
        debts=list(session.debts),
    )  # fmt: skip


def _tendered(session: Session) -> list[Tendered]:
    sums: dict[tuple[Denomination, str], tuple[int, int]] = {}
    for piece in session.pieces:
        count, credit = sums.get((piece.denomination, piece.place), (0, 0))
        sums[piece.denomination, piece.place] = (count + 1, credit + piece.credited_minor)
    return [Tendered(str(piece), count, credit, place) for (piece, place), (count, credit) in sorted(sums.items())]


def _exchanged(session: Session) -> list[Exchanged]:
    currencies = sorted({piece.denomination.currency for piece in session.pieces} - {session.currency})
    return [
        Exchanged(
            currency, session.rates.get(currency, ""),
            sum(p.denomination.value_minor for p in session.pieces if p.denomination.currency == currency),
            sum(p.credited_minor for p in session.pieces if p.denomination.currency == currency),
            fx_rounding(session, currency),
        )
        for currency in currencies
    ]  # fmt: skip


def by_text(pieces: Mapping[Denomination, int]) -> dict[str, int]:
    """Pieces with their denominations as texts."""
    return {str(denomination): count for denomination, count in sorted(pieces.items())}


def as_booked(movements: Iterable[Movement]) -> list[MovedPieces]:
    """Movements with their denominations as texts."""
    return [MovedPieces(str(m.denomination), m.count, m.source, m.target) for m in movements]


def flows(movements: Iterable[Movement]) -> dict[str, dict[str, int]]:
    """Movements summed as `source>target`."""
    sums: dict[str, dict[str, int]] = {}
    for movement in movements:
        pieces = sums.setdefault(f"{movement.source}>{movement.target}", {})
        pieces[str(movement.denomination)] = pieces.get(str(movement.denomination), 0) + movement.count
    return sums
