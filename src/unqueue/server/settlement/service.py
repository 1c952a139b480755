"""The use cases of reconciliation: import a provider's bill, match what did not match before, look at the result."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.clock import from_micros, micros
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import InvalidRequest, NotFound
from unqueue.kernel.money import Money
from unqueue.kernel.settings import Provider as Account
from unqueue.providers.bills import BillMalformed, BillRow
from unqueue.providers.kinds import BILL_READERS, BILL_TIME_ZONES
from unqueue.server.ledger import store as ledger
from unqueue.server.payments import settling
from unqueue.server.payments import store as payments_store
from unqueue.server.payments.books import clearing
from unqueue.server.settlement import model, store
from unqueue.server.settlement.model import (
    FINE,
    GIVEN_UP,
    SETTLED,
    BillConflict,
    BillOfAnother,
    BillUnreadable,
    Finding,
    Key,
    Ours,
    Span,
    Sum,
)

Reader = Callable[[bytes], Sequence[BillRow]]


class Biller(msgspec.Struct, frozen=True):
    """An account whose provider gives bills: how they are read, and the time zone of their days."""

    method: str
    read: Reader
    zone: ZoneInfo


class Counts(msgspec.Struct, frozen=True):
    """What an import or a report did: rows that are new or were known, settled in the books, or asked about."""

    added: int = 0
    known: int = 0
    settled: int = 0
    asked: int = 0


class BillsReport(msgspec.Struct, frozen=True, kw_only=True):
    """Bills against books, for one method; of the time from ``from_us`` until ``until_us``, or of all that is there.

    ``sums`` count everything, ``findings`` hold all that is not plainly matched; those in ``problems`` want somebody's
    attention. ``clearing`` is what the books say that the provider still owes.
    """

    method: str
    time_zone: str
    from_us: int | None
    until_us: int | None
    counts: Counts
    sums: list[Sum]
    findings: list[Finding]
    problems: int
    clearing: list[Money]


def billers(accounts: Sequence[Account]) -> dict[str, Biller]:
    """The accounts of the settings whose providers give bills that we can read, by method."""
    return {
        account.id: Biller(account.id, BILL_READERS[account.kind], ZoneInfo(BILL_TIME_ZONES[account.kind]))
        for account in accounts
        if account.kind in BILL_READERS
    }


def import_bill(
    database: Database, biller: Biller, content: bytes, *, actor: str, day: date | None = None
) -> BillsReport:
    """Take a bill and settle what matches, in one unit of work; the same bill again changes nothing.

    ``day`` is what the bill covers where its rows don't say: it has none, or their times are of another day.
    BillUnreadable, BillConflict, BillOfAnother: then nothing of it was taken.
    """
    try:
        rows = biller.read(content)
        span = _span(biller.zone, rows, day)
        model.gather(rows, {})
    except BillMalformed as error:
        raise BillUnreadable(line=error.line, problem=str(error)) from error

    def write(tx: Transaction) -> BillsReport:
        added, known = _take(tx, biller.method, rows)
        is_new = span is not None and store.add_span(tx, biller.method, span)
        settled, asked = _match(tx, biller.method)
        counts = Counts(added, known, settled, asked)
        if added or settled or is_new:
            tx.record(
                "settlement.imported", f"settlement:{biller.method}", actor, {"method": biller.method, **_dict(counts)}
            )
        return look(tx.connection, biller, span, counts)

    return database.write_now(write)


def match_again(database: Database, biller: Biller, *, actor: str, day: date | None = None) -> BillsReport:
    """Match what did not match before, settle it, and report; of one ``day`` if asked, else of all."""

    def write(tx: Transaction) -> BillsReport:
        settled, asked = _match(tx, biller.method)
        counts = Counts(settled=settled, asked=asked)
        if settled:
            tx.record(
                "settlement.matched", f"settlement:{biller.method}", actor, {"method": biller.method, **_dict(counts)}
            )
        return look(tx.connection, biller, day_span(biller.zone, day) if day else None, counts)

    return database.write_now(write)


def look(connection: Connection, biller: Biller, span: Span | None, counts: Counts) -> BillsReport:
    """Bills against books as they stand."""
    method = biller.method
    open_rows = store.unsettled(connection, method)
    rows = [*open_rows, *store.named_twice(connection, method)]
    findings = model.judge(rows, store.ours(connection, method, [one.row for one in rows]))
    spans = store.spans(connection, method)
    if spans:
        wanted = span or Span(min(one.from_us for one in spans), max(one.until_us for one in spans))
        findings += model.absent(store.unnamed(connection, method, wanted), spans)
    if span is not None:
        findings = [one for one in findings if model.is_within(one, span)]
    held = ledger.balances_of(connection, clearing(method))
    return BillsReport(
        method=method,
        time_zone=biller.zone.key,
        from_us=span.from_us if span else None,
        until_us=span.until_us if span else None,
        counts=counts,
        sums=model.totals(findings, store.sums_settled(connection, method, span)),
        findings=[one for one in findings if one.verdict != "matched"],
        problems=sum(one.verdict not in FINE for one in findings),
        clearing=[Money(amount_minor, currency) for currency, amount_minor in sorted(held.items())],
    )


def day_span(zone: ZoneInfo, day: date) -> Span:
    """A day of a time zone. InvalidRequest for one at the very ends of the calendar.

    >>> span = day_span(ZoneInfo("Asia/Shanghai"), date(2026, 3, 2))
    >>> from_micros(span.from_us).isoformat(), (span.until_us - span.from_us) // 3_600_000_000
    ('2026-03-01T16:00:00+00:00', 24)
    """
    try:
        return Span(_midnight_us(zone, day), _midnight_us(zone, day + timedelta(days=1)))
    except OverflowError:
        raise InvalidRequest(problem=f"{day} is no day of business") from None


def _midnight_us(zone: ZoneInfo, day: date) -> int:
    return micros(datetime.combine(day, time(), zone))


def _span(zone: ZoneInfo, rows: Sequence[BillRow], day: date | None) -> Span | None:
    """What a bill covers: the day that was told, else all days from its first row's to its last's."""
    if day is not None:
        return day_span(zone, day)
    if not rows:
        return None
    try:
        first, last = (from_micros(pick(row.at_us for row in rows)).astimezone(zone).date() for pick in (min, max))
        return Span(day_span(zone, first).from_us, day_span(zone, last).until_us)
    except (InvalidRequest, OverflowError, ValueError):
        raise BillMalformed(0, "its times are of no year that we know") from None


def _take(tx: Transaction, method: str, rows: Sequence[BillRow]) -> tuple[int, int]:
    """Keep the rows of a bill; how many are new, and how many were known. BillConflict, BillOfAnother."""
    known = store.known(tx.connection, method, rows)
    found, conflicts = model.gather(rows, known)
    if conflicts:
        shown = [{"before": msgspec.to_builtins(one.before), "now": msgspec.to_builtins(one.now)} for one in conflicts]
        raise BillConflict(count=len(conflicts), conflicts=shown)
    methods = store.methods_of(tx.connection, {one.row.attempt_id for one in found})
    if methods and method not in methods:
        raise BillOfAnother(method=max(methods, key=lambda one: methods[one]))
    new = [one for one in found if model.key(one.row) not in known]
    store.add(tx, method, new)
    for one in found:
        before = known.get(model.key(one.row))
        if before is not None and (one.row.status != before.row.status or one.times > before.times):
            store.again(tx, method, msgspec.structs.replace(one, times=max(one.times, before.times)))
    return len(new), len(found) - len(new)


def _match(tx: Transaction, method: str) -> tuple[int, int]:
    """Settle the rows that match now, and have the provider asked about what came and is not taken here; how many."""
    rows = store.unsettled(tx.connection, method)
    findings = model.judge(rows, store.ours(tx.connection, method, [one.row for one in rows]))
    settled: list[Key] = []
    asked = 0
    for one in findings:
        if one.verdict in SETTLED:
            assert one.bill is not None, "it matches because it has both sides"
            assert one.ours is not None, "it matches because it has both sides"
            ledger.post(tx, model.settlement(method, one.bill, one.ours.order_id))
            settled.append(model.key(one.bill))
        elif one.verdict in {"not_taken_here", "given_back_twice"}:
            assert one.ours is not None, "there is an attempt"
            asked += _ask_now(tx, one.ours)
    store.settled(tx, method, settled)
    return len(settled), asked


def _ask_now(tx: Transaction, ours: Ours) -> bool:
    """Have the payment worker look at it now; what becomes of it is decided there, by the rules of any payment."""
    if ours.kind == "refund":
        settling.hasten_refund(tx, ours.refund_id)
        return True
    payment = payments_store.get(tx.connection, ours.payment_id)
    if payment is None or payment.status not in {"pending", *GIVEN_UP}:
        return False
    if payment.query_due_us is None or payment.query_due_us > tx.at_us:
        payments_store.update_payment(tx, msgspec.structs.replace(payment, query_due_us=tx.at_us))
    return True


def _dict(counts: Counts) -> Mapping[str, int]:
    return msgspec.structs.asdict(counts)


class Settlement:
    """Reconciliation as staff look at it; bills are imported on the command line."""

    def __init__(self, database: Database, accounts: Sequence[Account]) -> None:
        self._database = database
        self._billers = billers(accounts)

    async def report(self, method: str | None, day: date | None) -> list[BillsReport]:
        """Bills against books as they stand, of one method or all that have bills. NotFound. Changes nothing."""
        if method is not None and method not in self._billers:
            raise NotFound
        wanted = [one for one in self._billers.values() if method in {None, one.method}]

        def read(connection: Connection) -> list[BillsReport]:
            return [look(connection, one, day_span(one.zone, day) if day else None, Counts()) for one in wanted]

        return await self._database.read_long(read)
