"""The service desk as JSON shows it."""

from typing import Literal

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.clock import from_micros
from unqueue.kernel.money import Money
from unqueue.server.ledger import store as ledger
from unqueue.server.ledger.store import Posted
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order
from unqueue.server.payments import settling
from unqueue.server.payments import store as payments_store
from unqueue.server.payments.model import ADRIFT, AT_PROVIDER, PaidBy, Refund
from unqueue.server.payments.sold import SoldLine, sold_lines
from unqueue.server.returns import model, store
from unqueue.server.returns.model import Return, Share


class ReturnLineView(msgspec.Struct, frozen=True):
    """A line of an order at the service desk: ``left`` units can still come back, and all of them are worth so much."""

    line: int
    gtin: str
    name_zh: str
    name_en: str
    sold_by: str
    quantity: int
    weight_g: int | None
    left: int
    worth: Money


class KeptTender(msgspec.Struct, frozen=True):
    """A payment of the order, and what of it has not gone back."""

    payment_id: str
    method: str
    amount: Money
    left: Money


class ReturnedView(msgspec.Struct, frozen=True):
    line: int
    quantity: int
    name_zh: str
    name_en: str
    refund: Money


class TaxBackView(msgspec.Struct, frozen=True):
    rate_bp: int
    tax: Money


class ShareView(msgspec.Struct, frozen=True):
    """What goes back to a payment. Its ``status``: ``waiting`` for a second person, ``pending``, ``succeeded``.

    ``by_hand``: by staff, and ``paid_by`` says from where: the drawer, or the store's bank account.
    """

    payment_id: str
    method: str
    amount: Money
    status: str
    by_hand: bool
    paid_by: PaidBy | None = None


class QuoteView(msgspec.Struct, frozen=True):
    """What a return would bring: ``shares`` is how it goes back; ``by_hand`` is handed over at the desk."""

    amount: Money
    second_person: bool
    shares: list[ShareView]


class ReturnView(msgspec.Struct, frozen=True):
    """Goods that came back. ``status``: ``proposed`` (a second person has to agree), ``accepted``, ``rejected``."""

    id: str
    order_id: str
    order_number: str
    status: str
    amount: Money
    lines: list[ReturnedView]
    taxes: list[TaxBackView]
    shares: list[ShareView]
    reason: str
    by: str
    at: str
    decided_by: str | None
    decided_at: str | None


class DeskView(msgspec.Struct, frozen=True):
    """An order as the service desk sees it."""

    order_id: str
    number: str
    status: str
    paid_at: str | None
    total: Money
    lines: list[ReturnLineView]
    tenders: list[KeptTender]
    returns: list[ReturnView]


Way = Literal["release", "by_hand", "settle"]


class RefundView(msgspec.Struct, frozen=True):
    """Money on its way back that has not arrived. ``problem`` is why, in the provider's words.

    ``claimed_by`` is the kiosk that has begun to give it back, heard of last at ``claimed_seen_at``; ``may_arrive``: it
    was sent, and only its provider knows whether it arrives. ``ways`` is what staff can do about it now.
    """

    id: str
    order_id: str
    order_number: str
    method: str
    amount: Money
    cause: str
    since: str
    tries: int
    problem: str | None
    claimed_by: str
    claimed_seen_at: str | None
    may_arrive: bool
    ways: list[Way]


class TwiceView(msgspec.Struct, frozen=True):
    """A refund that came to the shopper twice, who owes it now; ``at`` is when that was heard of."""

    refund_id: str
    order_id: str
    order_number: str
    method: str
    amount: Money
    paid_by: str
    at: str


def return_view(connection: Connection, order: Order, made: Return) -> ReturnView:
    """A return as JSON shows it."""
    named = {line.line: line for line in orders_store.lines(connection, order.order_id)}
    refunds = {
        refund.payment_id: refund
        for refund in payments_store.refunds_of_order(connection, order.order_id)
        if refund.return_id == made.return_id
    }

    def money(amount_minor: int) -> Money:
        return Money(amount_minor, made.currency)

    return ReturnView(
        id=made.return_id,
        order_id=made.order_id,
        order_number=order.number,
        status=made.status,
        amount=made.amount,
        lines=[
            ReturnedView(
                part.line, part.quantity, named[part.line].name_zh, named[part.line].name_en, money(part.refund_minor)
            )
            for part in made.lines
        ],
        taxes=[
            TaxBackView(rate_bp, money(tax_minor))
            for rate_bp, tax_minor in _taxes(sold_lines(connection, order), connection, made).items()
            if tax_minor
        ],
        shares=[_share_view(connection, share, made.currency, refunds.get(share.payment_id)) for share in made.shares],
        reason=made.reason,
        by=made.by,
        at=from_micros(made.created_us).isoformat(),
        decided_by=made.decided_by,
        decided_at=from_micros(made.decided_us).isoformat() if made.decided_us is not None else None,
    )


def _share_view(connection: Connection, share: Share, currency: str, refund: Refund | None) -> ShareView:
    paid_by = settling.paid_by_hand(connection, refund) if refund is not None else None
    return ShareView(
        share.payment_id,
        share.method,
        Money(share.amount_minor, currency),
        refund.status if refund is not None else "waiting",
        paid_by is not None,
        paid_by,
    )


def _taxes(sold: list[SoldLine], connection: Connection, made: Return) -> dict[int, int]:
    """The tax that a return gives back, as it stands in the books; for one that waits, as it would stand now."""
    booked = {
        int(posting.account.removeprefix("tax:")): posting.amount_minor
        for posting in ledger.postings_of(connection, f"return:{made.return_id}")
        if posting.account.startswith("tax:")
    }
    if booked or made.status == "accepted":
        return booked
    accepted = [one for one in store.of_order(connection, made.order_id) if one.status == "accepted"]
    before = model.together(line for one in accepted for line in one.lines)
    return model.taxes_back(sold, before, model.together([*before.values(), *made.lines]))


def refund_view(connection: Connection, refund: Refund, ways: list[Way], seen_us: int | None) -> RefundView:
    """A refund as JSON shows it. ``seen_us`` is when the kiosk that has claimed it was last heard of."""
    order = orders_store.get(connection, refund.order_id)
    is_sent = refund.place in {AT_PROVIDER, ADRIFT}
    return RefundView(
        id=refund.refund_id,
        order_id=refund.order_id,
        order_number=order.number if order is not None else "",
        method=refund.method,
        amount=refund.amount,
        cause=refund.cause,
        since=from_micros(refund.created_us).isoformat(),
        tries=refund.tries,
        problem=refund.problem,
        claimed_by="" if is_sent else refund.place,
        claimed_seen_at=from_micros(seen_us).isoformat() if seen_us is not None else None,
        may_arrive=is_sent,
        ways=ways,
    )


def twice_view(connection: Connection, posted: Posted) -> TwiceView:
    """A posting on a ``given-twice`` account as JSON shows it."""
    refund_id = posted.entry_id.partition(":")[2]
    refund, order = payments_store.get_refund(connection, refund_id), orders_store.get(connection, posted.order_id)
    assert refund is not None, "refunds are never deleted"
    return TwiceView(
        refund_id=refund_id,
        order_id=posted.order_id,
        order_number=order.number if order is not None else "",
        method=refund.method,
        amount=Money(posted.amount_minor, posted.currency),
        paid_by=refund.reference.partition(": ")[2],
        at=from_micros(posted.at_us).isoformat(),
    )
