"""What staff do with the cash, each with their name: float, cashbox, emptying, counting, locks, slips, day's end."""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, TypeVar

import msgspec

from unqueue.devices.ports import DeviceFailed
from unqueue.kernel.cash import Denomination
from unqueue.kiosk.cash.desk import Desk
from unqueue.kiosk.cash.ledger import (
    DIFFERENCE,
    STAFF,
    Contents,
    Movement,
    apply,
    cashbox,
    dispenser,
    held,
    moved,
    recounted,
    removed,
    suspense,
)
from unqueue.kiosk.cash.refusals import TillBusy, UnknownCashDevice, UnknownDebt
from unqueue.kiosk.cash.reports import (
    CashMoved,
    DayClosed,
    DebtSettled,
    Exchanged,
    PaymentFinished,
    PayoutFinished,
    Unlocked,
    as_booked,
    by_text,
    flows,
)
from unqueue.kiosk.cash.store import Entry, OpenDebt

End = PaymentFinished | PayoutFinished
_ENDS = frozenset({"finished", "refunded"})
T = TypeVar("T", PaymentFinished, PayoutFinished)
Action = Literal["fill_float", "remove_cashbox", "empty", "recount"]


class DeviceCounts(msgspec.Struct, frozen=True):
    """What one device holds by the books, per denomination; `suspense` per place, as far as there is any.
    `levels`: what it counts itself (None: it did not say).
    """

    device: str
    dispenser: dict[str, int]
    cashbox: dict[str, int]
    suspense: dict[str, dict[str, int]]
    removed: dict[str, int]
    levels: dict[str, int] | None
    lock: str | None


class _Who(msgspec.Struct, frozen=True):
    """An attendant, and the id of what they do, which their screen made."""

    by: str
    action_id: str


class CashUp:
    """Nothing of this happens while a payment is open, except to look."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def counts(self) -> list[DeviceCounts]:
        contents, locks = self._desk.journal.contents, self._desk.locks()
        counts = []
        for device in self._desk.machine.devices.values():
            levels: dict[str, int] | None = None
            if device.dispenser is not None:
                try:
                    levels = by_text(await device.dispenser.levels())
                except DeviceFailed:
                    levels = None
            lock = locks.get(device.name)
            unsure = {
                place: by_text(held(contents, suspense(place)))
                for place in (dispenser(device.name), cashbox(device.name))
                if held(contents, suspense(place))
            }
            given, kept, gone = (by_text(held(contents, place(device.name))) for place in (dispenser, cashbox, removed))
            reason = lock.reason if lock else None
            counts.append(DeviceCounts(device.name, given, kept, unsure, gone, levels, reason))
        return counts

    def fill_float(self, device: str, counts: Mapping[Denomination, int], by: str, action_id: str) -> None:
        """An attendant put pieces into a dispenser."""
        if self._desk.machine.device(device).dispenser is None:
            raise UnknownCashDevice(device=device)
        self._move("fill_float", device, _Who(by, action_id), moved(_checked(counts), STAFF, dispenser(device)))

    def remove_cashbox(
        self, device: str, by: str, action_id: str, counted: Mapping[Denomination, int] | None = None
    ) -> None:
        """An attendant took the cashbox, or puts their name to one that was taken. `counted`: what was in it; a
        difference to the books is booked as one.
        """
        self._desk.machine.device(device)
        contents = self._desk.journal.contents
        first = moved(held(contents, removed(device)), removed(device), cashbox(device))
        first += moved(held(contents, suspense(cashbox(device))), suspense(cashbox(device)), cashbox(device))
        movements = self._taking(cashbox(device), first, counted)
        self._move("remove_cashbox", device, _Who(by, action_id), movements)

    def empty(self, device: str, by: str, action_id: str, counted: Mapping[Denomination, int] | None = None) -> None:
        """An attendant took everything out of a dispenser. `counted` as in :meth:`remove_cashbox`."""
        self._desk.machine.device(device)
        contents = self._desk.journal.contents
        place = dispenser(device)
        first = moved(held(contents, suspense(place)), suspense(place), place)
        self._move("empty", device, _Who(by, action_id), self._taking(place, first, counted))

    def recount(self, device: str, counted: Mapping[Denomination, int], by: str, action_id: str) -> None:
        """An attendant counted what lies in a dispenser and left it there: what was in suspense is found or missing."""
        self._desk.machine.device(device)
        movements = recounted(self._desk.journal.contents, dispenser(device), _counted(counted))
        self._move("recount", device, _Who(by, action_id), movements)

    def unlock(self, device: str, by: str) -> None:
        """The device is in order again, says an attendant."""
        found = self._desk.machine.device(device)
        lock = self._desk.locks().get(device)
        if lock is None:
            return
        with self._desk.journal.transaction(self._desk.now_us()) as transaction:
            transaction.unlock(device)
            transaction.entry("unlocked", device=device, by=by, data={"reason": lock.reason})
            transaction.report([Unlocked(device=device, by=by, reason=lock.reason)])
        found.blocking -= {"jam", "fault", "fraud", "empty", "reset"}
        found.enabled = None
        self._desk.show()

    def settle_debt(self, number: str, by: str, settled: Literal["paid", "not_owed"] = "paid") -> OpenDebt:
        """An attendant paid a slip by hand, or found that its money had been given. UnknownDebt."""
        debt = self._desk.journal.debt(number)
        if debt is None or debt.settled_by is not None:
            raise UnknownDebt(number=number)
        with self._desk.journal.transaction(self._desk.now_us()) as transaction:
            transaction.settle(number, by)
            data = {"number": number, "settled": settled}
            transaction.entry("debt_settled", payment_id=debt.payment_id, by=by, data=data)
            transaction.report([
                DebtSettled(
                    payment_id=debt.payment_id, number=number, amount_minor=debt.debt.amount_minor,
                    currency=debt.debt.currency, settled=settled, by=by,
                )
            ])  # fmt: skip
        self._desk.show()
        return debt

    def close_day(self, by: str) -> DayClosed:
        """The day's end: what was there, what moved, what is there, since the last day's end."""
        self._check_quiet()
        journal = self._desk.journal
        since = journal.last_closing()
        now_us = self._desk.now_us()
        entries = journal.entries(since[0])
        before = {
            entry.payment_id: msgspec.convert(data, End)
            for entry in entries
            if entry.kind in _ENDS and entry.payment_id
            if (data := journal.finished_before(entry.payment_id, since[0])) is not None
        }
        report = day_report(
            by, since, now_us, opening=journal.replay(since[0]), entries=entries, before=before, debts=journal.debts()
        )
        with journal.transaction(now_us) as transaction:
            transaction.entry("day_closed", by=by, data={"to_seq": report.to_seq})
            transaction.report([report])
        self._desk.show()
        return report

    def _taking(self, place: str, first: list[Movement], counted: Mapping[Denomination, int] | None) -> list[Movement]:
        """After the movements `first`, everything from a place to staff, with differences to a count."""
        after: Contents = {name: dict(pieces) for name, pieces in self._desk.journal.contents.items()}
        apply(after, first)
        movements, booked = list(first), held(after, place)
        if counted is None:
            return movements + moved(booked, place, STAFF)
        for denomination in sorted({*booked, *_counted(counted)}):
            book, found = booked.get(denomination, 0), counted.get(denomination, 0)
            movements += moved({denomination: max(0, found - book)}, DIFFERENCE, place)
            movements += moved({denomination: max(0, book - found)}, place, DIFFERENCE)
            movements += moved({denomination: found}, place, STAFF)
        return movements

    def _move(self, action: Action, device: str, who: _Who, movements: list[Movement]) -> None:
        """Book it, once: the same action again, after an answer that was lost, does nothing."""
        journal = self._desk.journal
        if journal.has_action(who.action_id):
            return
        self._check_quiet()
        with journal.transaction(self._desk.now_us()) as transaction:
            transaction.entry(action, movements, device=device, by=who.by, action_id=who.action_id)
            transaction.report([CashMoved(action=action, device=device, by=who.by, movements=as_booked(movements))])
            if action in {"empty", "recount"}:
                # Its pieces were looked at: a payout in doubt can't be told from the device any more. Its slip stays.
                for intent in journal.unfinished_payouts():
                    if intent.device == device:
                        transaction.set_payout(intent.payout, "done")
        self._desk.show()

    def _check_quiet(self) -> None:
        if self._desk.is_open:
            raise TillBusy


def _checked(counts: Mapping[Denomination, int]) -> Mapping[Denomination, int]:
    assert all(count > 0 for count in counts.values()), "a filling adds pieces"
    return counts


def _counted(counts: Mapping[Denomination, int]) -> Mapping[Denomination, int]:
    assert all(count >= 0 for count in counts.values()), "nobody counts less than nothing"
    return counts


def day_report(
    by: str, since: tuple[int, int], now_us: int, *, opening: Contents, entries: list[Entry],
    before: Mapping[str, End], debts: list[OpenDebt],
) -> DayClosed:  # fmt: skip
    """The figures of the entries since the last closing (its entry and time). A payment or refund that was reported
    `before` that closing, and revised since, counts only with what changed.
    """
    movements = [movement for entry in entries for movement in entry.movements]
    closing: Contents = {place: dict(pieces) for place, pieces in opening.items()}
    apply(closing, movements)
    last = {entry.payment_id: msgspec.convert(entry.data, End) for entry in entries if entry.kind in _ENDS}
    payments, payments_before = _of(PaymentFinished, last.values()), _of(PaymentFinished, before.values())
    payouts, payouts_before = _of(PayoutFinished, last.values()), _of(PayoutFinished, before.values())

    def total(figure: Callable[[PaymentFinished], int]) -> int:
        return sum(figure(payment) for payment in payments) - sum(figure(payment) for payment in payments_before)

    def total_out(figure: Callable[[PayoutFinished], int]) -> int:
        return sum(figure(payout) for payout in payouts) - sum(figure(payout) for payout in payouts_before)

    troubles: dict[str, int] = {}
    for entry in entries:
        if entry.kind == "attention":
            kind = str(entry.data["trouble"])
            troubles[kind] = troubles.get(kind, 0) + 1
    return DayClosed(
        by=by, from_seq=since[0], to_seq=entries[-1].seq if entries else since[0], from_us=since[1], to_us=now_us,
        opening=_by_place(opening), flows=flows(movements), closing=_by_place(closing),
        payments_paid=total(lambda payment: payment.outcome == "paid"),
        payments_cancelled=total(lambda payment: payment.outcome == "cancelled" and not payment.stray),
        credited_minor=total(lambda payment: payment.credited_minor), change_minor=total(lambda p: p.change_minor),
        rounding_minor=total(lambda payment: payment.rounding_minor) + total_out(lambda p: p.rounding_minor),
        net_minor=total(lambda payment: payment.net_minor),
        payouts=len(payouts) - len(payouts_before), payouts_minor=total_out(lambda payout: payout.amount_minor),
        exchanged=_exchanged([payment for payment in payments if payment.payment_id not in before]),
        debts_open=[entry.debt for entry in debts], troubles=troubles,
    )  # fmt: skip


def _of(kind: type[T], ends: Iterable[End]) -> list[T]:
    return [end for end in ends if isinstance(end, kind)]


def _by_place(contents: Contents) -> dict[str, dict[str, int]]:
    named = {place: by_text(held(contents, place)) for place in sorted(contents)}
    return {place: pieces for place, pieces in named.items() if pieces}


def _exchanged(payments: list[PaymentFinished]) -> list[Exchanged]:
    """What foreign money stayed: that of paid payments, each with its own rate."""
    return [exchanged for payment in payments if payment.outcome == "paid" for exchanged in payment.exchanged]
