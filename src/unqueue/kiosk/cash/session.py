"""One cash payment: what was due, what came, what went, and what is owed. Pure: every step makes a new session.

    taking ──(inserted ≥ due)──▶ changing ──(nothing owed)──▶ finished
       └──────(cancel, timeout)──▶ returning ──(nothing owed)──▶ finished
    payout ──────────────────────▶ returning ──(nothing owed)──▶ finished

The one rule that everything follows: what is owed to the shopper, per currency, is what was put in, less what is due,
less what was given, less what is named as a debt. Whatever happens late (a coin that was still rolling, a payout that
is known only after a power cut) changes one of these, and what is owed with it. A refund that is given back later is a
session that takes nothing: all of it is owed from the beginning.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from unqueue.kernel.cash import Denomination, parse_denomination
from unqueue.kiosk.cash.currencies import CashPolicy, Favour, exact_value, exchange, round_cash

State = Literal["taking", "changing", "returning", "finished"]
Outcome = Literal["paid", "cancelled", "refunded"]


class Piece(msgspec.Struct, frozen=True):
    """A coin or note that was put in: its value in the store's currency and the place it went to."""

    denomination: Denomination
    credited_minor: int
    device: str
    place: str


class Debt(msgspec.Struct, frozen=True):
    """What the store owes a shopper, by the number of a slip. `in_doubt`: it may have been given after all, so that
    staff look first. `payout` is the payout that is in doubt. A debt of zero: the amount itself is not known.
    """

    number: str
    amount_minor: int
    currency: str
    reason: str
    in_doubt: bool = False
    payout: int | None = None


class Conversion(msgspec.Struct, frozen=True):
    """Foreign money that is given back in the store's currency, at what it was credited with."""

    currency: str
    face_minor: int
    store_minor: int


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A payment. `cash_due_minor` is `due_minor` rounded for cash. Rates and rounding are those of its beginning, so
    that nothing changes while a shopper puts money in. `touched_us`: when the shopper last did something. `stray`:
    nobody was paying; the money came by itself, such as a coin that was still rolling. `revision` grows with every
    change after the end. A refund (`outcome` is `refunded`) has its own id as `payment_id`, is due to the shopper, and
    takes no pieces.
    """

    payment_id: str
    currency: str
    due_minor: int
    cash_due_minor: int
    begun_us: int
    expires_us: int
    touched_us: int
    step_minor: int
    favour: Favour
    rates: dict[str, str]
    refund_in_store_currency: bool = True
    state: State = "taking"
    outcome: Outcome | None = None
    reason: str = ""
    pieces: tuple[Piece, ...] = ()
    disputed: tuple[Piece, ...] = ()
    unknown: tuple[str, ...] = ()
    dispensed: dict[str, int] = {}
    conversions: tuple[Conversion, ...] = ()
    debts: tuple[Debt, ...] = ()
    stray: bool = False
    revision: int = 0

    @property
    def is_refund(self) -> bool:
        return self.outcome == "refunded"

    @property
    def rounding_minor(self) -> int:
        return self.cash_due_minor - self.due_minor

    @property
    def inserted_minor(self) -> int:
        """What the pieces were credited with, in the store's currency."""
        return sum(piece.credited_minor for piece in self.pieces)

    @property
    def is_paid(self) -> bool:
        return self.inserted_minor >= self.cash_due_minor

    def given(self) -> dict[Denomination, int]:
        """What left the machine for this shopper."""
        return {parse_denomination(text): count for text, count in self.dispensed.items()}

    def credit_of(self, denomination: Denomination) -> int | None:
        """What a piece is credited with; None: its currency is not taken."""
        if denomination.currency == self.currency:
            return denomination.value_minor
        rate = self.rates.get(denomination.currency)
        if rate is None:
            return None
        return exchange(
            denomination.value_minor,
            denomination.currency,
            self.currency,
            rate,
            step_minor=self.step_minor,
            favour=self.favour,
        )


def begin(
    payment_id: str, due_minor: int, policy: CashPolicy, rates: Mapping[str, str], *, now_us: int, expires_us: int
) -> Session:
    """A payment of `due_minor`. What cash rounding makes of it may be zero: then it is paid at once."""
    session = Session(
        payment_id=payment_id, currency=policy.currency, due_minor=due_minor,
        cash_due_minor=round_cash(due_minor, policy.step_minor, policy.half), begun_us=now_us, expires_us=expires_us,
        touched_us=now_us, step_minor=policy.step_minor, favour=policy.favour, rates=dict(rates),
        refund_in_store_currency=policy.refund_in_store_currency,
    )  # fmt: skip
    return completed(session)


def stray(payment_id: str, policy: CashPolicy, rates: Mapping[str, str], *, now_us: int) -> Session:
    """Money that came while nobody paid: all of it goes back."""
    session = begin(payment_id, 0, policy, rates, now_us=now_us, expires_us=now_us)
    return msgspec.structs.replace(session, state="returning", outcome="cancelled", reason="stray", stray=True)


def refund(
    refund_id: str, amount_minor: int, policy: CashPolicy, *, now_us: int, kept_minor: int | None = None
) -> Session:
    """An amount that is owed from the beginning. What cash rounding makes of it may be zero: then it is over at once.

    `kept_minor`: what the store has kept in cash of the order until now (None: this amount). What it keeps is rounded,
    not each refund, so that payments and refunds together are never more than half a step from what they should be.

    >>> session = refund("r1", 1353, CashPolicy(currency="CNY", increment_minor=10), now_us=0)
    >>> session.state, owed(session)
    ('returning', {'CNY': 1350})
    >>> swiss = CashPolicy(currency="CHF")
    >>> [refund("r", 3, swiss, now_us=0, kept_minor=kept).cash_due_minor for kept in (12, 9, 6, 3)]
    [0, 5, 0, 5]
    """
    kept_minor = amount_minor if kept_minor is None else kept_minor
    assert kept_minor >= amount_minor, "no more goes back than was kept"
    before_minor = round_cash(kept_minor, policy.step_minor, policy.half)
    after_minor = round_cash(kept_minor - amount_minor, policy.step_minor, policy.half)
    session = Session(
        payment_id=refund_id, currency=policy.currency, due_minor=amount_minor,
        cash_due_minor=before_minor - after_minor, begun_us=now_us, expires_us=now_us,
        touched_us=now_us, step_minor=policy.step_minor, favour=policy.favour, rates={}, state="returning",
        outcome="refunded",
    )  # fmt: skip
    return ended(session)


def credited(session: Session, piece: Piece, now_us: int) -> Session:
    """The piece is in. The payment is complete once enough is."""
    assert not session.is_refund, "a refund takes no pieces"
    return completed(msgspec.structs.replace(session, pieces=(*session.pieces, piece), touched_us=now_us))


def completed(session: Session) -> Session:
    if session.state != "taking" or not session.is_paid:
        return session
    return ended(msgspec.structs.replace(session, state="changing", outcome="paid"))


def cancelled(session: Session, reason: str, now_us: int) -> Session:
    """Everything goes back. A payment that is no longer taking money stays as it is."""
    if session.state != "taking":
        return session
    changed = msgspec.structs.replace(
        session,
        state="returning",
        outcome="cancelled",
        reason=reason,
        touched_us=now_us if reason == "shopper" else session.touched_us,
    )
    return ended(changed)


def ended(session: Session) -> Session:
    """Finished, if it is giving money and nothing is owed any more."""
    if session.state in {"changing", "returning"} and not owed(session):
        return msgspec.structs.replace(session, state="finished")
    return session


def revised(session: Session) -> Session:
    """The next revision of a session that had ended already and changed."""
    return msgspec.structs.replace(session, revision=session.revision + 1)


def owed(session: Session) -> dict[str, int]:
    """What the shopper must still get, per currency, without zeros; nothing while money is being taken.

    Negative amounts (more was given than was owed) are left out: :func:`overpaid`.
    """
    return {currency: amount for currency, amount in _balance(session).items() if amount > 0}


def overpaid(session: Session) -> dict[str, int]:
    """What the shopper got too much, per currency: a payout in doubt went through after its slip was paid."""
    return {currency: -amount for currency, amount in _balance(session).items() if amount < 0}


def _balance(session: Session) -> dict[str, int]:
    if session.outcome is None:
        return {}
    balance = _claim(session)
    for denomination, count in session.given().items():
        balance[denomination.currency] = balance.get(denomination.currency, 0) - denomination.value_minor * count
    for debt in session.debts:
        if debt.reason != "disputed":  # its piece does not count either
            balance[debt.currency] = balance.get(debt.currency, 0) - debt.amount_minor
    return balance


def _claim(session: Session) -> dict[str, int]:
    """What the shopper is to get or got, per currency."""
    home = session.currency
    balance = {home: session.cash_due_minor if session.is_refund else 0}
    if session.outcome == "paid":
        balance[home] = session.inserted_minor - session.cash_due_minor
        for piece in session.pieces:
            if not piece.credited_minor:  # no rate for it: it is owed as it came
                currency = piece.denomination.currency
                balance[currency] = balance.get(currency, 0) + piece.denomination.value_minor
    else:
        for piece in session.pieces:
            currency = piece.denomination.currency
            balance[currency] = balance.get(currency, 0) + piece.denomination.value_minor
        for conversion in session.conversions:
            balance[conversion.currency] -= conversion.face_minor
            balance[home] += conversion.store_minor
    return balance


def gave(session: Session, paid: Mapping[Denomination, int]) -> Session:
    """Pieces left the machine for this shopper."""
    dispensed = dict(session.dispensed)
    for denomination, count in paid.items():
        if count:
            dispensed[str(denomination)] = dispensed.get(str(denomination), 0) + count
    return msgspec.structs.replace(session, dispensed=dispensed)


def indebted(session: Session, debt: Debt) -> Session:
    return msgspec.structs.replace(session, debts=(*session.debts, debt))


def less_indebted(session: Session, payout: int, currency: str, paid_minor: int, *, in_doubt: bool) -> Session:
    """A payout in doubt did give `paid_minor`: its debt is that much less, and `in_doubt` only if the rest still is."""
    debts = tuple(
        msgspec.structs.replace(debt, amount_minor=max(0, debt.amount_minor - paid_minor), in_doubt=in_doubt)
        if debt.payout == payout and debt.currency == currency
        else debt
        for debt in session.debts
    )
    return msgspec.structs.replace(session, debts=debts)


def disputed(session: Session, device: str, number: str) -> tuple[Session, Piece | None]:
    """The device says that somebody pulled money out again. While the payment is open its last piece counts no longer,
    and is a debt in doubt instead, so that an honest shopper loses nothing; later it is too late, and staff are told.
    """
    last = next((piece for piece in reversed(session.pieces) if piece.device == device), None)
    if last is None or session.state != "taking":
        return session, None
    pieces = list(session.pieces)
    del pieces[len(pieces) - 1 - pieces[::-1].index(last)]
    debt = Debt(number, last.denomination.value_minor, last.denomination.currency, "disputed", in_doubt=True)
    changed = msgspec.structs.replace(session, pieces=tuple(pieces), disputed=(*session.disputed, last))
    return indebted(changed, debt), last


def conversion(session: Session, currency: str, face_minor: int) -> Conversion | None:
    """What remains of a foreign currency, as the share of what it was credited with; the whole is exactly its credit.

    None where the payment gives no foreign money back in the store's currency, or it was credited with nothing.
    """
    if not session.refund_in_store_currency or session.outcome != "cancelled" or currency not in session.rates:
        return None
    pieces = [piece for piece in session.pieces if piece.denomination.currency == currency]
    faces = sum(piece.denomination.value_minor for piece in pieces)
    credit = sum(piece.credited_minor for piece in pieces)
    steps = round_cash(credit * face_minor, session.step_minor * faces) // faces
    return Conversion(currency, face_minor, steps)


def converted(session: Session, change: Conversion) -> Session:
    return msgspec.structs.replace(session, conversions=(*session.conversions, change))


def fx_rounding(session: Session, currency: str) -> str:
    """What was credited for a foreign currency less its exact value, in minor units, as an exact fraction.

    Zero if nothing of it came, or it had no rate.
    """
    if currency not in session.rates:
        return "0"
    pieces = [piece for piece in session.pieces if piece.denomination.currency == currency]
    exact = sum(
        exact_value(piece.denomination.value_minor, currency, session.currency, session.rates[currency])
        for piece in pieces
    )
    return str(sum(piece.credited_minor for piece in pieces) - exact)
