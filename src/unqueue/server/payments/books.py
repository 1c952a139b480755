"""The entries that a store's books take: what each event does to which account. Pure.

Double entry: the postings of an entry sum to zero for each currency. Signed minor units: positive is a debit (money
that the store has or is owed), negative a credit (money that it earned or owes). The accounts:

    provider:<id>:clearing   what a provider took for us and will pay out
    order:<id>               what a shopper owes: raised by the sale, settled by the payment
    sales                    what was earned, without tax
    tax:<rate in bp>         tax that is owed to the state
    deposit                  deposits that are owed to shoppers
    surplus:<order id>       money that came for an order and is not needed: owed back to the shopper
"""

from collections.abc import Iterable

import msgspec

from unqueue.kernel.money import Money
from unqueue.server.orders.model import Order, OrderLine
from unqueue.server.payments.model import Payment, Refund
from unqueue.server.payments.taxes import tax_rows


class Posting(msgspec.Struct, frozen=True):
    account: str
    amount_minor: int
    currency: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A set of postings that belong together. Its id says what it is about, so that it can't be posted twice."""

    entry_id: str
    order_id: str
    payment_id: str | None = None
    postings: tuple[Posting, ...]


def sums(postings: Iterable[Posting]) -> dict[str, int]:
    """The sum of postings by currency; currencies that come to zero are left out."""
    totals: dict[str, int] = {}
    for posting in postings:
        totals[posting.currency] = totals.get(posting.currency, 0) + posting.amount_minor
    return {currency: total for currency, total in totals.items() if total}


def sale(order: Order, lines: Iterable[OrderLine]) -> Entry:
    """An order became a sale: the shopper owes its total, of which tax and deposits are not ours."""
    lines = list(lines)
    deposit_minor = sum(line.deposit_minor for line in lines)
    rows = tax_rows(lines)
    net_minor = sum(row.net_minor for row in rows) - deposit_minor
    postings = [
        (f"order:{order.order_id}", order.total_minor),
        ("sales", -net_minor),
        *((f"tax:{row.rate_bp}", -row.tax_minor) for row in rows),
        ("deposit", -deposit_minor),
    ]
    return _entry(f"sale:{order.order_id}", order.order_id, None, postings, order.currency)


def capture(payment: Payment) -> Entry:
    """A provider took what the order costs."""
    postings = [(clearing(payment.method), payment.amount_minor), (f"order:{payment.order_id}", -payment.amount_minor)]
    return _entry(f"capture:{payment.payment_id}", payment.order_id, payment.payment_id, postings, payment.currency)


def surplus(payment: Payment, taken: Money) -> Entry:
    """A provider took money that the order does not need."""
    postings = [(clearing(payment.method), taken.amount_minor), (f"surplus:{payment.order_id}", -taken.amount_minor)]
    return _entry(f"capture:{payment.payment_id}", payment.order_id, payment.payment_id, postings, taken.currency)


def refund(given: Refund) -> Entry:
    """A provider gave surplus money back."""
    postings = [(f"surplus:{given.order_id}", given.amount_minor), (clearing(given.method), -given.amount_minor)]
    return _entry(f"refund:{given.refund_id}", given.order_id, given.payment_id, postings, given.currency)


def clearing(method: str) -> str:
    """The account of what a provider took for us and will pay out."""
    return f"provider:{method}:clearing"


def _entry(
    entry_id: str, order_id: str, payment_id: str | None, postings: Iterable[tuple[str, int]], currency: str
) -> Entry:
    kept = tuple(Posting(account, amount_minor, currency) for account, amount_minor in postings if amount_minor)
    assert not sums(kept), f"{entry_id} is out of balance"
    return Entry(entry_id=entry_id, order_id=order_id, payment_id=payment_id, postings=kept)
