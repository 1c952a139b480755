"""Reconciliation: what a provider's bill says, held against what our books say of the same. Pure.

A row of a bill and an entry of ours are the same thing when they name the same attempt (a charge), or the same refund
of the same attempt. What matches is settled in the books, once for ever: it leaves the provider's clearing account. So
what stays there is what the provider has not told yet, or what does not match.

The accounts that this adds (positive is a debit, see ``ledger.model``):

    bank:<method>            what a provider has paid out, or is about to, by its bills
    fees:<method>            what it kept
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Literal, NamedTuple

import msgspec

from unqueue.kernel.errors import DomainError
from unqueue.kernel.money import Money
from unqueue.providers.bills import BillMalformed, BillRow
from unqueue.server.ledger.model import Entry, entry
from unqueue.server.payments.books import clearing

GRACE_US = 10 * 60 * 1_000_000
"""How far the provider's clock and ours may be apart: closer to the edge of a bill, a charge may stand in the next."""

TEXT_LENGTH_MAX = 128
"""No id or number in a bill is longer."""

Kind = Literal["charge", "refund"]
Key = tuple[Kind, str]
"""What a row is about: a charge and its attempt's id, or a refund and its own."""

Verdict = Literal[
    "matched",
    "undone",
    "at_the_edge",
    "named_twice",
    "amount_differs",
    "unknown_here",
    "not_taken_here",
    "given_back_twice",
    "missing_in_bill",
]
"""``matched``: bill and books say the same. ``undone``: the provider took it after we had given the attempt up, and
gave it back by itself. ``at_the_edge``: no bill names it, and it may stand in one that was not imported yet. These are
fine.

``named_twice``: it matches, and the bill says it twice. ``amount_differs``. ``unknown_here``: the bill names an attempt
or refund that we never made. ``not_taken_here``: we made it, and have not heard that the money moved.
``given_back_twice``: the provider gave it back, and so did staff, by hand. ``missing_in_bill``: we have it in the
books, and the bill that should name it does not.
"""

FINE: frozenset[Verdict] = frozenset({"matched", "undone", "at_the_edge"})
SETTLED: frozenset[Verdict] = frozenset({"matched", "named_twice"})
GIVEN_UP = frozenset({"failed", "closed"})


class Ours(msgspec.Struct, frozen=True, kw_only=True):
    """What we know of a charge or refund: ``asked`` is what it should come to, ``taken`` what our books say it did.

    ``refund_id`` is empty for a charge. It happened at the provider between ``from_us``, when we began it, and
    ``until_us``, when it was booked; both are None together with ``taken`` where it was not.
    """

    kind: Kind
    payment_id: str
    refund_id: str = ""
    order_id: str
    status: str
    asked: Money
    taken: Money | None = None
    from_us: int
    until_us: int | None = None


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """A row as it was imported; ``times`` is how often one bill had it."""

    row: BillRow
    times: int = 1


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict, with both sides as far as they are there."""

    verdict: Verdict
    bill: BillRow | None = None
    times: int = 1
    ours: Ours | None = None


class Span(NamedTuple):
    """A time that bills cover: microseconds since 1970 UTC, ``until_us`` not included."""

    from_us: int
    until_us: int


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """How many there are of a verdict, and what they come to on either side, in minor units."""

    verdict: Verdict
    kind: Kind
    currency: str
    count: int
    bill_minor: int = 0
    fee_minor: int = 0
    ours_minor: int = 0


class Conflict(msgspec.Struct, frozen=True):
    """A row that says something else than it did before."""

    before: BillRow
    now: BillRow


def key(row: BillRow) -> Key:
    return (row.kind, row.refund_id if row.kind == "refund" else row.attempt_id)


def key_of(ours: Ours) -> Key:
    return (ours.kind, ours.refund_id if ours.kind == "refund" else ours.payment_id)


def gather(rows: Iterable[BillRow], known: Mapping[Key, Imported]) -> tuple[list[Imported], list[Conflict]]:
    """The rows of a bill, each once with how often it came; and those that differ from each other or from ``known``.

    A row's ``status`` is the word of a moment: it may change, and the last is kept. BillMalformed for a row without an
    id, or with one that nobody makes.
    """
    found: dict[Key, Imported] = {}
    conflicts: list[Conflict] = []
    for row in rows:
        _check(row)
        name = key(row)
        before = found.get(name) or known.get(name)
        if before is not None and not _same(before.row, row):
            conflicts.append(Conflict(before.row, row))
        times = found[name].times + 1 if name in found else 1
        found[name] = Imported(row=row, times=times)
    return list(found.values()), conflicts


def _check(row: BillRow) -> None:
    for text in (key(row)[1], row.attempt_id, row.reference, row.status):
        if len(text) > TEXT_LENGTH_MAX or not text.isprintable():
            raise BillMalformed(0, f"a {row.kind} has {text[:40]!r} where an id or a word should be")
    if not key(row)[1]:
        raise BillMalformed(0, f"the {row.kind} with the number {row.reference!r} has no id of the store")


def _same(one: BillRow, other: BillRow) -> bool:
    return msgspec.structs.replace(one, status="") == msgspec.structs.replace(other, status="")


def judge(rows: Sequence[Imported], ours: Mapping[Key, Ours]) -> list[Finding]:
    """The verdict on each row, in their order. ``ours`` holds what we know of what they name."""
    findings = []
    for one in rows:
        mine = ours.get(key(one.row))
        if mine is not None and mine.payment_id != one.row.attempt_id:
            mine = None  # a refund's id that the bill pins on another attempt is not that refund
        verdict = _verdict(one, mine)
        findings.append(Finding(verdict=verdict, bill=one.row, times=one.times, ours=mine))
    return _undone(findings)


def _verdict(one: Imported, ours: Ours | None) -> Verdict:
    if ours is None:
        return "unknown_here"
    if ours.taken is None:
        return "given_back_twice" if ours.status == "succeeded" else "not_taken_here"
    if ours.taken != one.row.amount or one.row.fee.currency != one.row.amount.currency:
        return "amount_differs"
    return "matched" if one.times == 1 else "named_twice"


def _undone(findings: Sequence[Finding]) -> list[Finding]:
    """Find the charges that were given up here, and that the provider took and gave back by itself, fee and all.

    Alipay does so when an attempt is revoked at the moment at which it is paid.
    """
    moved: defaultdict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    charged: set[str] = set()
    for one in findings:
        assert one.bill is not None, "a verdict on a row has the row"
        if _may_be_undone(one):
            sign = 1 if one.bill.kind == "charge" else -1
            moved[one.bill.attempt_id][one.bill.amount.currency] += sign * one.bill.amount.amount_minor
            moved[one.bill.attempt_id][f"fee {one.bill.fee.currency}"] += one.bill.fee.amount_minor
            if one.bill.kind == "charge":
                charged.add(one.bill.attempt_id)
    undone = {attempt_id for attempt_id in charged if not any(moved[attempt_id].values())}
    return [
        msgspec.structs.replace(one, verdict="undone")
        if one.bill is not None and one.bill.attempt_id in undone and _may_be_undone(one)
        else one
        for one in findings
    ]


def _may_be_undone(one: Finding) -> bool:
    if one.times > 1 or one.bill is None:
        return False
    if one.bill.kind == "refund":
        return one.verdict == "unknown_here"
    return one.verdict == "not_taken_here" and one.ours is not None and one.ours.status in GIVEN_UP


def absent(unnamed: Iterable[Ours], spans: Iterable[Span]) -> list[Finding]:
    """The verdict on what is in our books and in no bill; ``spans`` are what the imported bills cover.

    It is missing where it can only have happened in a time that they cover; at the edge where it may have happened
    there; and none of their business otherwise.
    """
    covered = joined(spans)
    findings = []
    for one in unnamed:
        assert one.until_us is not None, "only what is in the books can be missing"
        first_us, last_us = one.from_us - GRACE_US, one.until_us + GRACE_US
        if any(span.from_us <= first_us and last_us < span.until_us for span in covered):
            findings.append(Finding(verdict="missing_in_bill", ours=one))
        elif any(span.from_us <= one.until_us and one.from_us < span.until_us for span in covered):
            findings.append(Finding(verdict="at_the_edge", ours=one))
    return findings


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same times, with those that touch or overlap made one.

    >>> joined([Span(10, 20), Span(0, 10), Span(30, 40)])
    [Span(from_us=0, until_us=20), Span(from_us=30, until_us=40)]
    """
    whole: list[Span] = []
    for span in sorted(spans):
        if whole and span.from_us <= whole[-1].until_us:
            whole[-1] = Span(whole[-1].from_us, max(whole[-1].until_us, span.until_us))
        else:
            whole.append(span)
    return whole


def is_within(finding: Finding, span: Span) -> bool:
    """Whether a finding belongs to a time: its row by the provider's clock, ours if it may have happened then."""
    if finding.bill is not None:
        return span.from_us <= finding.bill.at_us < span.until_us
    assert finding.ours is not None, "a finding has one side at least"
    until_us = finding.ours.until_us if finding.ours.until_us is not None else finding.ours.from_us
    return finding.ours.from_us < span.until_us and until_us >= span.from_us


def settlement(method: str, row: BillRow, order_id: str) -> Entry:
    """A row that matches, in the books: it leaves the clearing account for the bank, less what the provider kept.

    It belongs to no payment: what a payment took stays what can be given back of it.
    """
    gross_minor = row.amount.amount_minor if row.kind == "charge" else -row.amount.amount_minor
    postings = [
        (f"bank:{method}", gross_minor - row.fee.amount_minor),
        (f"fees:{method}", row.fee.amount_minor),
        (clearing(method), -gross_minor),
    ]
    return entry(entry_id(row), postings, row.amount.currency, order_id=order_id)


def entry_id(row: BillRow) -> str:
    """The id of the entry that settles a row. It needs no method: an attempt belongs to one."""
    return f"settlement:{row.kind}:{key(row)[1]}"


def totals(findings: Iterable[Finding], settled: Iterable[Sum]) -> list[Sum]:
    """Counts and sums by verdict, kind and currency; ``settled`` are those of rows that matched, already summed."""
    whole: dict[tuple[Verdict, Kind, str], Sum] = {}

    def add(one: Sum) -> None:
        at = (one.verdict, one.kind, one.currency)
        known = whole.get(at) or Sum(verdict=one.verdict, kind=one.kind, currency=one.currency, count=0)
        whole[at] = msgspec.structs.replace(
            known,
            count=known.count + one.count,
            bill_minor=known.bill_minor + one.bill_minor,
            fee_minor=known.fee_minor + one.fee_minor,
            ours_minor=known.ours_minor + one.ours_minor,
        )

    for one in settled:
        add(one)
    for finding in findings:
        for part in _sides(finding):
            add(part)
    order: tuple[Verdict, ...] = Verdict.__args__  # type: ignore[attr-defined]  # the order in which they are declared
    return sorted(whole.values(), key=lambda one: (order.index(one.verdict), one.kind, one.currency))


def _sides(finding: Finding) -> list[Sum]:
    """A finding as a sum of one; two sums where its sides have two currencies."""
    bill, ours = finding.bill, finding.ours
    taken = ours.taken if ours is not None else None
    sums = []
    if bill is not None:
        same = taken is not None and taken.currency == bill.amount.currency
        sums.append(
            Sum(
                verdict=finding.verdict,
                kind=bill.kind,
                currency=bill.amount.currency,
                count=1,
                bill_minor=bill.amount.amount_minor * finding.times,
                fee_minor=bill.fee.amount_minor * finding.times,
                ours_minor=taken.amount_minor if taken is not None and same else 0,
            )
        )
    if ours is not None and taken is not None and not (sums and sums[0].currency == taken.currency):
        sums.append(
            Sum(
                verdict=finding.verdict,
                kind=ours.kind,
                currency=taken.currency,
                count=0 if sums else 1,
                ours_minor=taken.amount_minor,
            )
        )
    return sums


class BillUnreadable(DomainError):
    """Details: ``line`` (0: the file as a whole), ``problem``."""

    code: ClassVar[str] = "bill_unreadable"
    status: ClassVar[int] = 422
    zh: ClassVar[str] = "账单读不了，没有导入：{problem}"
    en: ClassVar[str] = "The bill can't be read, so nothing of it was taken: {problem}"


class BillConflict(DomainError):
    """Details: ``count``, and ``conflicts``, both sides of each."""

    code: ClassVar[str] = "bill_conflict"
    status: ClassVar[int] = 409
    zh: ClassVar[str] = "账单有 {count} 行与之前导入的不同，没有导入"
    en: ClassVar[str] = "Rows of the bill differ from what was imported before ({count}), so nothing of it was taken."


class BillOfAnother(DomainError):
    """Every attempt that the bill names and we know was paid another way. Details: ``method``, that way."""

    code: ClassVar[str] = "bill_of_another"
    status: ClassVar[int] = 422
    zh: ClassVar[str] = "这是 {method} 的账单，没有导入"
    en: ClassVar[str] = "This is the bill of {method}, so nothing of it was taken."
