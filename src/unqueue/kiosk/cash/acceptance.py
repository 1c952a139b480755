"""Which coins and notes may be taken now, said before one goes in. Pure.

A piece may be taken only if afterwards the shopper's money is not stuck: a piece that completes the payment must leave
an overpayment that can be given as change; one that does not must leave everything inserted so far returnable, as the
shopper may cancel. (A piece that completes the payment ends it: there is nothing to cancel after it, so that an empty
machine can still be paid with the exact amount.) What goes to a cashbox helps with neither. A piece counts as change
only where its device is certain to put it in a dispenser.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from unqueue.kernel.cash import Denomination
from unqueue.kernel.money import format_minor
from unqueue.kiosk.cash.change import Reach, Stock

Reason = Literal["change", "return", "currency", "full", "device"]

_TEXTS: dict[Reason, tuple[str, str]] = {
    "change": ("机内零钱不足，暂时找不开{piece}", "There is not enough change in the machine for {piece} now."),
    "return": ("暂不收{piece}：取消时无法原额退还", "{piece} can't be taken now: it could not be given back."),
    "currency": ("暂不收{piece}", "{piece} is not taken here now."),
    "full": ("钱箱已满，暂不收{piece}", "The cashbox is full: {piece} can't be taken now."),
    "device": ("设备暂停，暂不收{piece}", "{piece} can't be taken now: the device is out of order."),
}


class Taken(msgspec.Struct, frozen=True):
    """A piece that the shopper put in, and what it was credited with in the store's minor units."""

    denomination: Denomination
    credited_minor: int


class Candidate(msgspec.Struct, frozen=True):
    """A piece that might come: its credit (None: its currency is not taken), whether it surely becomes change, and why
    its device can't take it (None: it can).
    """

    denomination: Denomination
    credited_minor: int | None
    into_dispenser: bool = False
    refused: Reason | None = None


class Position(msgspec.Struct, frozen=True):
    """How a payment stands: the cash due and what came so far; and what the machine could give now."""

    currency: str
    cash_due_minor: int
    taken: Sequence[Taken]
    stocks: Sequence[Stock]
    refund_in_store_currency: bool = True


def judge(position: Position, candidates: Sequence[Candidate]) -> dict[Denomination, Reason | None]:
    """For each candidate None if it may be taken, or why not."""
    scales = _Scales(position, candidates)
    return {candidate.denomination: scales.weigh(candidate) for candidate in candidates}


def refusal_texts(denomination: Denomination, reason: Reason) -> tuple[str, str]:
    """What the screen says about a piece that is not taken, in Chinese and English.

    >>> refusal_texts(Denomination("CNY", 10000, "note"), "change")[1]
    'There is not enough change in the machine for ¥100.00 notes now.'
    """
    zh, en = _TEXTS[reason]
    amount = format_minor(denomination.value_minor, denomination.currency)
    is_note = denomination.form == "note"
    piece_zh, piece_en = f"{amount} {'纸币' if is_note else '硬币'}", f"{amount} {'notes' if is_note else 'coins'}"
    return zh.format(piece=piece_zh), en.format(piece=piece_en)


class _Scales:
    """What can be paid, per currency, computed once for all candidates."""

    def __init__(self, position: Position, candidates: Sequence[Candidate]) -> None:
        self._position = position
        self._credited_minor = sum(taken.credited_minor for taken in position.taken)
        self._faces = _faces(position.taken)
        self._credits: dict[str, int] = {}
        for taken in position.taken:
            currency = taken.denomination.currency
            self._credits[currency] = self._credits.get(currency, 0) + taken.credited_minor
        most = max((candidate.credited_minor or 0 for candidate in candidates), default=0)
        self._reach = {position.currency: self._reach_of(position.currency, self._credited_minor + most)}
        for candidate in candidates:
            currency = candidate.denomination.currency
            if currency != position.currency and candidate.credited_minor is not None:
                largest = max(c.denomination.value_minor for c in candidates if c.denomination.currency == currency)
                self._reach[currency] = self._reach_of(currency, self._faces.get(currency, 0) + largest)
        for currency, face_minor in self._faces.items():
            if currency not in self._reach:
                self._reach[currency] = self._reach_of(currency, face_minor)

    def weigh(self, candidate: Candidate) -> Reason | None:
        if candidate.refused is not None:
            return candidate.refused
        if candidate.credited_minor is None or candidate.credited_minor <= 0:
            return "currency"
        over_minor = self._credited_minor + candidate.credited_minor - self._position.cash_due_minor
        if over_minor >= 0:
            return None if self._can_pay(self._position.currency, over_minor, candidate) else "change"
        return None if self._can_return(candidate) else "return"

    def _can_return(self, candidate: Candidate) -> bool:
        """Whether all that came and this piece could be given back, each currency in itself, or foreign money in the
        store's at the value it was credited with.
        """
        home = self._position.currency
        faces = _faces([*self._position.taken, Taken(candidate.denomination, 0)])
        home_minor = faces.pop(home, 0)
        for currency, face_minor in faces.items():
            if self._can_pay(currency, face_minor, candidate):
                continue
            if not self._position.refund_in_store_currency:
                return False
            home_minor += self._credits.get(currency, 0)
            if candidate.denomination.currency == currency:
                home_minor += candidate.credited_minor or 0
        return self._can_pay(home, home_minor, candidate)

    def _can_pay(self, currency: str, amount_minor: int, candidate: Candidate) -> bool:
        """Whether the machine could pay it once the candidate lies where it would go."""
        reach = self._reach[currency]
        if reach.can_pay(amount_minor):
            return True
        piece = candidate.denomination
        return (
            candidate.into_dispenser and piece.currency == currency and reach.can_pay(amount_minor - piece.value_minor)
        )

    def _reach_of(self, currency: str, amount_max_minor: int) -> Reach:
        own = [stock for stock in self._position.stocks if stock.denomination.currency == currency]
        return Reach(own, amount_max_minor)


def _faces(taken: Sequence[Taken]) -> dict[str, int]:
    faces: dict[str, int] = {}
    for piece in taken:
        currency = piece.denomination.currency
        faces[currency] = faces.get(currency, 0) + piece.denomination.value_minor
    return faces


def acceptable(verdicts: Mapping[Denomination, Reason | None]) -> frozenset[Denomination]:
    """Those that may be taken."""
    return frozenset(denomination for denomination, reason in verdicts.items() if reason is None)
