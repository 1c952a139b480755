"""The use cases of stored value: cards are issued, filled, blocked and looked at by staff; and a payment provider of
our own, behind the same port as every other, so that paying by card follows the same rules.
"""

from typing import NamedTuple

import msgspec

from unqueue.kernel.clock import from_micros
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import NotFound
from unqueue.kernel.ids import new_id, token_hash
from unqueue.kernel.money import Money
from unqueue.providers.port import (
    Action,
    Attempt,
    Channel,
    Charge,
    ProviderRefused,
    ProviderState,
    RefundRequest,
    RefundState,
)
from unqueue.server.access import Principal, check_may
from unqueue.server.ledger import store as ledger
from unqueue.server.stored_value import model, store
from unqueue.server.stored_value.model import (
    Card,
    CardTaken,
    CardUnknown,
    Kind,
    Move,
    MoveConflict,
    SecondSignatureNeeded,
    Status,
    normal_code,
)

DESK = "desk"
"""The account of what staff take in for cards, outside of Unqueue's own tenders."""
DEPOSIT = "deposit"
MOVES_SHOWN_MAX = 100
CODE_LENGTH_MIN = 4


class CardView(msgspec.Struct, frozen=True):
    """A card as staff and its holder see it. ``expires_at`` is null for a card that is good for ever."""

    id: str
    kind: str
    status: str
    balance: Money
    tail: str
    member: str | None
    expires_at: str | None


class MoveView(msgspec.Struct, frozen=True):
    id: str
    kind: str
    amount: Money
    at: str
    by: str


def card_view(card: Card) -> CardView:
    expires_at = from_micros(card.expires_us).isoformat() if card.expires_us is not None else None
    return CardView(card.card_id, card.kind, card.status, card.balance, card.tail, card.member, expires_at)


class NewCard(NamedTuple):
    """A card to issue: by which ``codes`` it is found, what lies on it, and for whom."""

    codes: list[str]
    kind: Kind
    amount: Money
    member: str | None = None
    expires_us: int | None = None


class StoredValue:
    """All cards of the store. Nobody puts more than ``limit_minor`` a day on cards without a second person."""

    def __init__(self, database: Database, *, limit_minor: int) -> None:
        self._database = database
        self._limit_minor = limit_minor

    async def issue(self, wanted: NewCard, issue_id: str, staff: Principal, second: Principal | None = None) -> Card:
        """Hand out a card; again with the same id is the same card. CardTaken, MoveConflict, SecondSignatureNeeded.

        A voucher is paid for by the deposits that the returned bottles carried, another card at the service desk.
        """

        def write(tx: Transaction) -> Card:
            if store.get(tx.connection, issue_id) is None:
                self._check(tx, staff, second, wanted.amount, for_bottles=wanted.kind == "voucher")
            return issue(tx, wanted, issue_id, staff.actor, second.actor if second is not None else None)

        return await self._database.unit(write)

    def _check(
        self, tx: Transaction, staff: Principal, second: Principal | None, amount: Money, *, for_bottles: bool
    ) -> None:
        """Value comes onto a card only by as many persons as it takes. NotAllowed, SecondSignatureNeeded."""
        if amount.amount_minor and not for_bottles:
            check_may(staff, "fill_cards")
        if second is not None:
            check_may(second, "second")
            if second.id != staff.id:
                return
        needed = model.needs_second_person(
            amount.amount_minor,
            store.alone_minor(tx.connection, staff.actor, tx.at_us - model.DAY_US),
            self._limit_minor,
            for_bottles=for_bottles,
            fills_alone="fill_cards_alone" in staff.may,
        )
        if needed or second is not None:
            raise SecondSignatureNeeded(limit=Money(self._limit_minor, amount.currency))

    async def top_up(
        self, card_id: str, amount: Money, move_id: str, staff: Principal, second: Principal | None = None
    ) -> Card:
        """Put more onto a card; again with the same id is the same top-up. NotFound, MoveConflict, CardBlocked,
        CardExpired, SecondSignatureNeeded.
        """

        def write(tx: Transaction) -> Card:
            card = store.get(tx.connection, card_id)
            if card is None or amount.currency != card.currency:
                raise NotFound
            known = store.move(tx.connection, move_id)
            if known is not None:
                if (known.card_id, known.kind, known.amount_minor) != (card_id, "top_up", amount.amount_minor):
                    raise MoveConflict
                return card
            if refusal := card.refusal(tx.at_us, card.currency):
                raise refusal
            self._check(tx, staff, second, amount, for_bottles=False)
            made = _move(move_id, "top_up", amount, staff.actor)
            made = msgspec.structs.replace(made, second=second.actor if second is not None else None)
            _give(tx, card, made, DESK)
            _record(tx, "topped_up", card, staff.actor, amount_minor=amount.amount_minor, second=made.second)
            return msgspec.structs.replace(card, balance_minor=card.balance_minor + amount.amount_minor)

        return await self._database.unit(write)

    async def set_status(self, card_id: str, status: Status, actor: str) -> Card:
        """Block a card that was lost, or let it be used again. NotFound."""

        def write(tx: Transaction) -> Card:
            card = store.get(tx.connection, card_id)
            if card is None:
                raise NotFound
            if card.status != status:
                store.set_status(tx, card_id, status)
                _record(tx, status, card, actor)
            return msgspec.structs.replace(card, status=status)

        return await self._database.unit(write)

    async def find(self, code: str) -> Card:
        """The card with a code. CardUnknown."""
        hashed = code_hash(code)
        card = await self._database.read(lambda connection: store.by_code(connection, hashed))
        if card is None:
            raise CardUnknown
        return card

    async def moves(self, card_id: str) -> list[MoveView]:
        """What happened to a card, the newest first."""
        found = await self._database.read(lambda connection: store.moves_of(connection, card_id, MOVES_SHOWN_MAX))
        return [
            MoveView(
                one.move_id,
                one.kind,
                Money(one.amount_minor, one.currency),
                from_micros(one.at_us).isoformat(),
                one.actor,
            )
            for one in found
        ]


class StoredValueProvider:
    """Paying by card, behind the provider port. ``Attempt.instrument`` is the hash of the card's code."""

    channels: tuple[Channel, ...] = ("page",)
    wallet = ""

    def __init__(self, provider_id: str, database: Database) -> None:
        self.provider_id = provider_id
        self.merchant_id = "store"
        self._database = database
        self._clearing = f"provider:{provider_id}:clearing"

    async def create(self, attempt: Attempt) -> Action:
        """Take the amount off the card, or refuse: at once, and once."""
        refused = await self._database.unit(lambda tx: self._spend(tx, attempt))
        if refused is not None:
            raise ProviderRefused(refused)
        return Action("none")

    def _spend(self, tx: Transaction, attempt: Attempt) -> str | None:
        known = store.move(tx.connection, attempt.attempt_id)
        if known is not None:
            return None
        card = store.by_code(tx.connection, attempt.instrument)
        if card is None:
            return CardUnknown.code
        if refusal := card.refusal(tx.at_us, attempt.amount.currency):
            return refusal.code
        less = Money(-attempt.amount.amount_minor, card.currency)
        made = _move(attempt.attempt_id, "spend", less, f"order:{attempt.order_id}", card_id=card.card_id)
        made = msgspec.structs.replace(made, at_us=tx.at_us)
        if not store.apply(tx, made):
            return model.BalanceTooSmall.code
        ledger.post(tx, model.spend(made, self._clearing))
        return None

    async def query(self, charge: Charge) -> ProviderState:
        made = await self._database.read(lambda connection: store.move(connection, charge.attempt_id))
        return _state(made)

    async def close(self, charge: Charge) -> ProviderState:
        """A payment that did not come by now never will."""

        def write(tx: Transaction) -> ProviderState:
            known = store.move(tx.connection, charge.attempt_id)
            if known is None:
                nothing = _move(charge.attempt_id, "void", Money(0, charge.amount.currency), "system")
                store.apply(tx, msgspec.structs.replace(nothing, at_us=tx.at_us))
                return ProviderState("closed")
            return _state(known)

        return await self._database.unit(write)

    async def refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        """Back onto the card that it came from, blocked or not: it is its holder's money."""
        problem = await self._database.unit(lambda tx: self._refund(tx, request, charge))
        if problem is not None:
            raise ProviderRefused(problem)
        return RefundState("succeeded", request.amount, request.refund_id[:12])

    def _refund(self, tx: Transaction, request: RefundRequest, charge: Charge) -> str | None:
        known = store.move(tx.connection, request.refund_id)
        if known is not None:
            same = (known.payment_id, known.amount_minor) == (charge.attempt_id, request.amount.amount_minor)
            return None if same else "refund_conflict"
        spent = store.move(tx.connection, charge.attempt_id)
        if spent is None or spent.kind != "spend" or spent.currency != request.amount.currency:
            return "payment_not_succeeded"
        given_minor = store.given_back_minor(tx.connection, charge.attempt_id)
        if given_minor + request.amount.amount_minor > -spent.amount_minor:
            return "refund_exceeds_payment"
        card = store.get(tx.connection, spent.card_id or "")
        assert card is not None, "cards are never deleted"
        made = _move(request.refund_id, "refund", request.amount, "system", payment_id=charge.attempt_id)
        _give(tx, card, made, self._clearing)
        return None

    async def query_refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        made = await self._database.read(lambda connection: store.move(connection, request.refund_id))
        if made is None or made.payment_id != charge.attempt_id:
            return RefundState("unknown")
        return RefundState("succeeded", Money(made.amount_minor, made.currency), request.refund_id[:12])

    async def stop(self) -> None:
        """There is nothing to let go of."""


def issue(tx: Transaction, wanted: NewCard, issue_id: str, actor: str, second: str | None = None) -> Card:
    """Hand out a card, in a unit of work, whoever may; see :meth:`StoredValue.issue`."""
    if any(len(normal_code(code)) < CODE_LENGTH_MIN for code in wanted.codes):
        raise CardUnknown
    hashes = sorted({code_hash(code) for code in wanted.codes})
    known = store.get(tx.connection, issue_id)
    if known is not None:
        there = Money(store.issued_minor(tx.connection, issue_id), known.currency)
        is_same = (known.kind, known.member, there) == (wanted.kind, wanted.member, wanted.amount)
        if not is_same or store.codes_of(tx.connection, issue_id) != hashes:
            raise MoveConflict
        return known
    for hashed in hashes:
        other = store.by_code(tx.connection, hashed)
        if other is not None:
            raise CardTaken(tail=other.tail)
    card = Card(
        card_id=issue_id,
        kind=wanted.kind,
        status="active",
        balance_minor=0,
        currency=wanted.amount.currency,
        tail=model.tail_of(wanted.codes[0]),
        member=wanted.member,
        issued_us=tx.at_us,
        expires_us=wanted.expires_us,
    )
    store.insert_card(tx, card, hashes)
    if wanted.amount.amount_minor:
        source = DEPOSIT if wanted.kind == "voucher" else DESK
        made = msgspec.structs.replace(_move(new_id(), "issue", wanted.amount, actor), second=second)
        _give(tx, card, made, source)
    _record(tx, "issued", card, actor, amount_minor=wanted.amount.amount_minor, second=second)
    return msgspec.structs.replace(card, balance_minor=wanted.amount.amount_minor)


def code_hash(code: str) -> str:
    """How a card is found by a code, however the code was read."""
    return token_hash(normal_code(code))


def _state(made: Move | None) -> ProviderState:
    if made is None:
        return ProviderState("unknown")
    if made.kind != "spend":
        return ProviderState("closed")
    return ProviderState("succeeded", Money(-made.amount_minor, made.currency), reference=made.move_id[:12])


def _give(tx: Transaction, card: Card, made: Move, source: str) -> None:
    """Value comes onto a card, from an account of the books."""
    is_done = store.apply(tx, msgspec.structs.replace(made, card_id=card.card_id, at_us=tx.at_us))
    assert is_done, "what comes onto a card always fits"
    ledger.post(tx, model.give(msgspec.structs.replace(made, card_id=card.card_id), source))


def _move(
    move_id: str,
    kind: model.MoveKind,
    amount: Money,
    actor: str,
    *,
    card_id: str | None = None,
    payment_id: str | None = None,
) -> Move:
    return Move(
        move_id=move_id,
        card_id=card_id,
        kind=kind,
        amount_minor=amount.amount_minor,
        currency=amount.currency,
        payment_id=payment_id,
        actor=actor,
    )


def _record(tx: Transaction, verb: str, card: Card, actor: str, **more: object) -> None:
    told = {"kind": card.kind, "tail": card.tail, "status": verb, **more}
    tx.record(f"stored_value.{verb}", f"stored_value:{card.card_id}", actor, told)
