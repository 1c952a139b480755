"""Double entry: what the store's books are made of. Pure.

The postings of an entry sum to zero for each currency. Signed minor units: positive is a debit (money that the store
has or is owed), negative a credit (money that it earned or owes). Each capability that moves money writes its own
entries; the accounts that they use are listed in docs/guides/ledger.md.
"""

from collections.abc import Iterable

import msgspec


class Posting(msgspec.Struct, frozen=True):
    account: str
    amount_minor: int
    currency: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A set of postings that belong together. Its id says what it is about, so that it can't be posted twice.

    ``order_id`` is empty for what belongs to no order, such as a float that was filled.
    """

    entry_id: str
    order_id: str = ""
    payment_id: str | None = None
    postings: tuple[Posting, ...]


def entry(
    entry_id: str,
    postings: Iterable[tuple[str, int]],
    currency: str,
    *,
    order_id: str = "",
    payment_id: str | None = None,
) -> Entry:
    """An entry in one currency from (account, signed minor units); what comes to nothing is left out.

    >>> entry("float:1", [("cash:kiosk-1", 500), ("safe", -500)], "CNY").postings[0].account
    'cash:kiosk-1'
    """
    kept = tuple(Posting(account, amount_minor, currency) for account, amount_minor in postings if amount_minor)
    assert not sums(kept), f"{entry_id} is out of balance"
    return Entry(entry_id=entry_id, order_id=order_id, payment_id=payment_id, postings=kept)


def sums(postings: Iterable[Posting]) -> dict[str, int]:
    """The sum of postings by currency; currencies that come to zero are left out."""
    totals: dict[str, int] = {}
    for posting in postings:
        totals[posting.currency] = totals.get(posting.currency, 0) + posting.amount_minor
    return {currency: total for currency, total in totals.items() if total}
