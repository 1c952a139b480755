"""The entries that a store's books take: what each event does to which account. Pure.

The accounts (positive is a debit, see ``ledger.model``):

    provider:<id>:clearing   what a provider took for us and will pay out
    order:<id>               what a shopper owes: raised by the sale, settled by the payment
    sales                    what was earned, without tax
    tax:<rate in bp>         tax that is owed to the state
    deposit                  deposits that are owed to shoppers
    coupons:issuers          what issuers of coupons owe us
    desk                     the service desk's drawer: what staff gave and took by hand
    bank                     the store's own bank account: refunds that staff transferred
    given-twice:<order id>   what a shopper was given by hand and by the provider: the shopper owes it
    given-twice-lost         what of that will never come back: the store's loss
    surplus:<order id>       money that came for an order and goes back: it was not needed, or goods came back
"""

from collections.abc import Iterable, Sequence

from unqueue.kernel.money import Money
from unqueue.server.ledger.model import Entry, entry
from unqueue.server.orders.model import Order
from unqueue.server.payments.model import BackBy, Payment, Refund
from unqueue.server.payments.sold import SoldLine
from unqueue.server.payments.taxes import tax_rows

ISSUERS = "coupons:issuers"


def sale(order: Order, lines: Sequence[SoldLine]) -> Entry:
    """An order became a sale: the shopper owes what is payable, the issuers of its coupons the rest; of it, tax and
    deposits are not ours.
    """
    deposit_minor = sum(line.deposit_minor for line in lines)
    issuer_minor = sum(line.issuer_minor for line in lines)
    rows = tax_rows(lines)
    net_minor = sum(row.net_minor for row in rows) - deposit_minor
    postings = [
        (f"order:{order.order_id}", sum(line.paid_minor for line in lines)),
        (ISSUERS, issuer_minor),
        ("sales", -net_minor),
        *((f"tax:{row.rate_bp}", -row.tax_minor) for row in rows),
        ("deposit", -deposit_minor),
    ]
    return entry(f"sale:{order.order_id}", postings, order.currency, order_id=order.order_id)


def capture(payment: Payment) -> Entry:
    """A provider took a part or all of what the order costs."""
    postings = [(clearing(payment.method), payment.amount_minor), (f"order:{payment.order_id}", -payment.amount_minor)]
    return _of_payment(f"capture:{payment.payment_id}", payment, postings, payment.currency)


def surplus(payment: Payment, taken: Money) -> Entry:
    """A provider took money that the order does not need."""
    postings = [(clearing(payment.method), taken.amount_minor), (f"surplus:{payment.order_id}", -taken.amount_minor)]
    return _of_payment(f"capture:{payment.payment_id}", payment, postings, taken.currency)


def give_back(payment: Payment) -> Entry:
    """What was taken for an order is owed back, for the shopper pays otherwise or goes without."""
    postings = [
        (f"order:{payment.order_id}", payment.amount_minor),
        (f"surplus:{payment.order_id}", -payment.amount_minor),
    ]
    return _of_payment(f"give-back:{payment.payment_id}", payment, postings, payment.currency)


def refund(given: Refund, source: str | None = None) -> Entry:
    """A provider gave money back that was owed; or somebody did, from another account (``source``)."""
    paid_from = source or clearing(given.method)
    postings = [(f"surplus:{given.order_id}", given.amount_minor), (paid_from, -given.amount_minor)]
    return _of_payment(f"refund:{given.refund_id}", given, postings, given.currency)


def given_twice(given: Refund) -> Entry:
    """A refund that was settled by hand has arrived through its provider as well: its shopper owes it now."""
    postings = [(f"{TWICE}{given.order_id}", given.amount_minor), (clearing(given.method), -given.amount_minor)]
    return _of_payment(f"given-twice:{given.refund_id}", given, postings, given.currency)


def given_twice_ended(given: Refund, back_by: BackBy) -> Entry:
    """What came twice is back, or the store bears it."""
    account = {"cash": DESK, "bank": BANK, "written_off": LOST}[back_by]
    postings = [(account, given.amount_minor), (f"{TWICE}{given.order_id}", -given.amount_minor)]
    return _of_payment(f"given-twice-ended:{given.refund_id}", given, postings, given.currency)


BANK = "bank"
"""The store's own bank account, as far as staff transfer refunds from it."""
DESK = "desk"
"""The service desk's own drawer: what staff give and take by hand."""
TWICE = "given-twice:"
"""How the accounts begin of what shoppers got twice."""
LOST = "given-twice-lost"
"""What of that was written off."""


def clearing(method: str) -> str:
    """The account of what a provider took for us and will pay out."""
    return f"provider:{method}:clearing"


def _of_payment(entry_id: str, of: Payment | Refund, postings: Iterable[tuple[str, int]], currency: str) -> Entry:
    return entry(entry_id, postings, currency, order_id=of.order_id, payment_id=of.payment_id)
