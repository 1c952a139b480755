"""What kiosks tell of cash, and what it does to the books. Pure.

A kiosk keeps its own journal of every coin and note, and reports from it: at least once, in order, each report with an
id for ever. The books follow what physically came and went, currency by currency; what a report does not explain is
posted to suspense, never left out. The JSON is that of docs/decisions/0010-cash-stays-exact.md.

The accounts:

    cash:<kiosk>             cash in the machine
    cash-suspense:<kiosk>    cash of which the machine is not sure
    cash-difference          what counts found missing (positive) or too many
    rounding                 what rounding to coins gained (negative) or lost
    fx                       foreign cash taken (its own currency) against what it was credited with (the store's)
    debt:<slip>              change that a machine could not give, owed to the holder of the slip
    safe                     where staff take float from and bring cashboxes to
"""

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

import msgspec

from unqueue.kernel.cash import Denomination, parse_denomination
from unqueue.kernel.errors import DomainError
from unqueue.server.ledger.model import Entry, Posting
from unqueue.server.payments.books import DESK, clearing

WHOLE_MAX = 2**53
Whole = Annotated[int, msgspec.Meta(ge=0, le=WHOLE_MAX)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]

ROUNDING, FX, SAFE, DIFFERENCE = "rounding", "fx", "safe", "cash-difference"


class Tendered(msgspec.Struct, frozen=True):
    """Pieces of one denomination that came to one place."""

    denomination: str
    count: Count
    credited_minor: int
    place: str


class Debt(msgspec.Struct, frozen=True):
    """What is owed by the number of a slip. A ``disputed`` one is none: somebody may have pulled a coin out again."""

    number: str
    amount_minor: Whole
    currency: str
    reason: str
    in_doubt: bool = False


class PaymentFinished(msgspec.Struct, frozen=True, tag_field="kind", tag="cash.payment", kw_only=True):
    """A cash payment came to its end; a higher ``revision`` replaces what was told earlier. ``stray``: nobody was
    paying, the money came by itself.
    """

    payment_id: str
    revision: Whole
    outcome: Literal["paid", "cancelled"]
    currency: str
    due_minor: Whole
    rounding_minor: int
    tendered: list[Tendered]
    dispensed: dict[str, Count]
    debts: list[Debt]
    reason: str = ""
    stray: bool = False
    unknown: list[str] = []


class PayoutFinished(msgspec.Struct, frozen=True, tag_field="kind", tag="cash.payout", kw_only=True):
    """Money that was given back by a kiosk, for a refund."""

    refund_id: str
    revision: Whole
    currency: str
    amount_minor: int
    rounding_minor: int
    dispensed: dict[str, Count]
    debts: list[Debt]


class DebtSettled(msgspec.Struct, frozen=True, tag_field="kind", tag="cash.debt", kw_only=True):
    """A debt was ``paid`` by hand, or ``not_owed``: a count showed that the shopper had got the money."""

    payment_id: str
    number: str
    amount_minor: int
    currency: str
    settled: Literal["paid", "not_owed"]
    by: str


class MovedPieces(msgspec.Struct, frozen=True):
    denomination: str
    count: Count
    source: str
    target: str


class CashMoved(msgspec.Struct, frozen=True, tag_field="kind", tag="cash.moved", kw_only=True):
    """Staff filled, emptied, took a cashbox or counted."""

    action: str
    device: str
    by: str
    movements: list[MovedPieces]


class Attention(msgspec.Struct, frozen=True, tag_field="kind", tag="cash.attention", kw_only=True):
    """Staff should come."""

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
    """The end of a kiosk's day. ``closing`` is place → denomination → count."""

    by: str
    from_us: int
    to_us: int
    closing: dict[str, dict[str, int]]
    opening: dict[str, dict[str, int]] = {}
    flows: dict[str, dict[str, int]] = {}
    payments_paid: int = 0
    payments_cancelled: int = 0
    credited_minor: int = 0
    change_minor: int = 0
    rounding_minor: int = 0
    net_minor: int = 0
    troubles: dict[str, int] = {}


Body = PaymentFinished | PayoutFinished | DebtSettled | CashMoved | Attention | Unlocked | DayClosed


class Report(msgspec.Struct, frozen=True):
    """``id`` is unique for ever. ``seq`` grows by one within a ``journal``, the random name of a kiosk's file."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=70)]
    kiosk: str
    journal: Annotated[str, msgspec.Meta(max_length=64)]
    seq: Whole
    at_us: Whole
    body: Body


class ReportMalformed(DomainError):
    """Details: ``problem``."""

    code: ClassVar[str] = "report_malformed"
    status: ClassVar[int] = 422
    zh: ClassVar[str] = "现金报告有误：{problem}"
    en: ClassVar[str] = "The cash report is not valid: {problem}"


class ReportConflict(DomainError):
    """The id was used for another report."""

    code: ClassVar[str] = "report_conflict"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "这个编号已用于另一份报告"
    en: ClassVar[str] = "This id was used for another report."


class PayoutGone(DomainError):
    """It was paid already, here or by hand."""

    code: ClassVar[str] = "payout_gone"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "这笔退款已经处理"
    en: ClassVar[str] = "This refund has been dealt with already."


def payment_postings(kiosk: str, method: str, told: PaymentFinished) -> list[Posting]:
    """What a finished cash payment did: to the machine, to the payment, to rounding, exchange and debts."""
    paid = told.outcome == "paid"
    came = [*_pieces(kiosk, told.tendered), *_given(kiosk, told.dispensed)]
    owed = {told.currency: [(clearing(method), told.due_minor), (ROUNDING, told.rounding_minor)] if paid else []}
    is_exchange = any(posting.currency != told.currency for posting in came)
    return _explained(kiosk, came, owed, told.debts, "exchange" if is_exchange else "suspense")


def payout_postings(kiosk: str, method: str, told: PayoutFinished) -> list[Posting]:
    """What giving a refund back did. The refund itself is posted where every refund is."""
    came = _given(kiosk, told.dispensed)
    owed = {told.currency: [(clearing(method), -told.amount_minor), (ROUNDING, told.rounding_minor)]}
    return _explained(kiosk, came, owed, told.debts, "suspense")


def _explained(
    kiosk: str,
    came: list[Posting],
    owed: dict[str, list[tuple[str, int]]],
    debts: Iterable[Debt],
    rest_is: Literal["exchange", "suspense"],
) -> list[Posting]:
    """The postings of a report, currency by currency; what is left over is exchange, or goes to suspense."""
    postings = list(came)
    for currency, claims in owed.items():
        postings += [Posting(account, -amount_minor, currency) for account, amount_minor in claims]
    for debt in debts:
        if debt.reason != "disputed":
            postings.append(Posting(f"debt:{debt.number}", -debt.amount_minor, debt.currency))
    rest_account = FX if rest_is == "exchange" else suspense(kiosk)
    for currency in sorted({posting.currency for posting in postings}):
        rest_minor = sum(posting.amount_minor for posting in postings if posting.currency == currency)
        postings.append(Posting(rest_account, -rest_minor, currency))
    return merged(postings)


def debt_postings(told: DebtSettled) -> list[Posting]:
    """A debt is no longer owed."""
    other = DESK if told.settled == "paid" else DIFFERENCE
    return merged(
        [
            Posting(f"debt:{told.number}", told.amount_minor, told.currency),
            Posting(other, -told.amount_minor, told.currency),
        ]
    )


def moved_postings(kiosk: str, told: CashMoved) -> list[Posting]:
    """What staff did to the machine."""
    postings = []
    for moved in told.movements:
        piece = denomination(moved.denomination)
        value_minor = piece.value_minor * moved.count
        postings.append(Posting(_account(kiosk, moved.target), value_minor, piece.currency))
        postings.append(Posting(_account(kiosk, moved.source), -value_minor, piece.currency))
    return merged(postings)


def merged(postings: Iterable[Posting]) -> list[Posting]:
    """One posting for each account and currency, without those that come to nothing."""
    sums: dict[tuple[str, str], int] = {}
    for posting in postings:
        key = (posting.account, posting.currency)
        sums[key] = sums.get(key, 0) + posting.amount_minor
    return [Posting(account, amount, currency) for (account, currency), amount in sorted(sums.items()) if amount]


def replaced(earlier: Iterable[Posting], now: Iterable[Posting]) -> list[Posting]:
    """What has to be posted so that the books say ``now`` where they said ``earlier``."""
    taken_back = [msgspec.structs.replace(posting, amount_minor=-posting.amount_minor) for posting in earlier]
    return merged([*now, *taken_back])


def entry_of(entry_id: str, postings: Iterable[Posting], *, order_id: str = "", payment_id: str | None = None) -> Entry:
    return Entry(entry_id=entry_id, order_id=order_id, payment_id=payment_id, postings=tuple(postings))


def contents_minor(closing: dict[str, dict[str, int]], currency: str) -> int:
    """What a machine holds of a currency at the end of its day, suspense left out."""
    inside = [pieces for place, pieces in closing.items() if place.partition(":")[0] in _INSIDE]
    return sum(
        piece.value_minor * count
        for pieces in inside
        for name, count in pieces.items()
        if (piece := denomination(name)).currency == currency
    )


def suspense(kiosk: str) -> str:
    return f"cash-suspense:{kiosk}"


def in_machine(kiosk: str) -> str:
    return f"cash:{kiosk}"


_INSIDE = frozenset({"dispenser", "cashbox", "removed", "escrow"})


def _account(kiosk: str, place: str) -> str:
    """The account of a place that a kiosk names."""
    kind = place.partition(":")[0]
    if kind in _INSIDE:
        return in_machine(kiosk)
    known = {"suspense": suspense(kiosk), "staff": SAFE, "difference": DIFFERENCE}
    if kind not in known:
        raise ReportMalformed(problem=f"there is no place {place!r}")
    return known[kind]


def _pieces(kiosk: str, tendered: Iterable[Tendered]) -> list[Posting]:
    return [
        Posting(_account(kiosk, one.place), piece.value_minor * one.count, piece.currency)
        for one in tendered
        for piece in (denomination(one.denomination),)
    ]


def _given(kiosk: str, dispensed: dict[str, int]) -> list[Posting]:
    return [
        Posting(in_machine(kiosk), -piece.value_minor * count, piece.currency)
        for name, count in dispensed.items()
        for piece in (denomination(name),)
    ]


def denomination(name: str) -> Denomination:
    """The denomination of a name such as CNY-1000-note. ReportMalformed."""
    try:
        return parse_denomination(name)
    except ValueError as error:
        raise ReportMalformed(problem=str(error)) from None
