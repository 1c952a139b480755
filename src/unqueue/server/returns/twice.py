"""What shoppers got twice, by hand and from the provider: who owes it, and how that ends."""

from sqlalchemy import Connection

from unqueue.kernel.database import Transaction
from unqueue.kernel.errors import NotFound
from unqueue.server.access import Principal
from unqueue.server.ledger import store as ledger
from unqueue.server.ledger.store import Posted
from unqueue.server.payments import books, settling
from unqueue.server.payments import store as payments_store
from unqueue.server.payments.model import BackBy
from unqueue.server.returns.model import GivenTwiceEnded
from unqueue.server.returns.views import TwiceView, twice_view


def owed(connection: Connection) -> list[TwiceView]:
    """What came twice and is not ended, the newest first."""
    accounts = {account for account, _ in ledger.balances_under(connection, books.TWICE)}
    found = [
        posted
        for account in accounts
        for posted in _given(connection, account.removeprefix(books.TWICE))
        if not _is_ended(connection, posted)
    ]
    newest_first = sorted(found, key=lambda posted: (posted.at_us, posted.entry_id), reverse=True)
    return [twice_view(connection, posted) for posted in newest_first]


def end(tx: Transaction, refund_id: str, back_by: BackBy, reason: str, staff: Principal) -> TwiceView:
    """It is back in the drawer or at the bank, or is written off. NotFound; GivenTwiceEnded. Runs as a unit."""
    refund = payments_store.get_refund(tx.connection, refund_id)
    if refund is None:
        raise NotFound
    name = f"{books.TWICE}{refund_id}"
    posted = next((one for one in _given(tx.connection, refund.order_id) if one.entry_id == name), None)
    if posted is None:
        raise NotFound
    if _is_ended(tx.connection, posted):
        raise GivenTwiceEnded
    ledger.post(tx, books.given_twice_ended(refund, back_by))
    payment = payments_store.get(tx.connection, refund.payment_id)
    assert payment is not None, "a refund belongs to a payment"
    told = {"refund_id": refund_id, "by": staff.name, "back_by": back_by, "reason": reason}
    settling.record(tx, "payment.given_twice_ended", payment, staff.actor, **told)
    return twice_view(tx.connection, posted)


def _given(connection: Connection, order_id: str) -> list[Posted]:
    """What was posted when money of an order came twice."""
    account = f"{books.TWICE}{order_id}"
    return [
        posted
        for posted in ledger.of_order(connection, order_id)
        if posted.account == account and posted.entry_id.startswith(books.TWICE)
    ]


def _is_ended(connection: Connection, posted: Posted) -> bool:
    refund_id = posted.entry_id.removeprefix(books.TWICE)
    return bool(ledger.postings_of(connection, f"given-twice-ended:{refund_id}"))
