"""The ledger's table: postings are added, never changed; the database itself refuses to."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    func,
    insert,
    select,
)

from unqueue.kernel.database import Transaction
from unqueue.kernel.schema import append_only, metadata
from unqueue.server.ledger.model import Entry, Posting, sums

# The primary key makes an entry possible once: whoever would post it again fails, and its whole unit of work with it.
ledger = Table(
    "ledger",
    metadata,
    Column("entry_id", String(80), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("account", String(80), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("order_id", String(32), nullable=False),
    Column("payment_id", String(32)),
    CheckConstraint("amount_minor <> 0", name="amount"),
    Index("ledger_account", "account", "currency"),
    Index("ledger_order", "order_id"),
)
append_only(ledger)


def post(tx: Transaction, entry: Entry) -> None:
    """Post an entry, in the unit of work of what caused it. The same entry again is the database's IntegrityError."""
    assert not sums(entry.postings), f"{entry.entry_id} is out of balance"
    rows: list[Mapping[str, Any]] = [
        {
            "entry_id": entry.entry_id,
            "position": position,
            "account": posting.account,
            "amount_minor": posting.amount_minor,
            "currency": posting.currency,
            "at_us": tx.at_us,
            "order_id": entry.order_id,
            "payment_id": entry.payment_id,
        }
        for position, posting in enumerate(entry.postings)
    ]
    if rows:
        tx.execute(insert(ledger), rows)


def balance(connection: Connection, account: str, currency: str) -> int:
    """What an account holds, in minor units."""
    total = connection.execute(
        select(func.coalesce(func.sum(ledger.c.amount_minor), 0)).where(
            ledger.c.account == account, ledger.c.currency == currency
        )
    ).scalar_one()
    return int(total)


def balances(connection: Connection, order_id: str | None = None) -> dict[tuple[str, str], int]:
    """Every account that holds something, by (account, currency); of one order's postings if asked."""
    query = select(ledger.c.account, ledger.c.currency, func.sum(ledger.c.amount_minor))
    if order_id is not None:
        query = query.where(ledger.c.order_id == order_id)
    rows = connection.execute(query.group_by(ledger.c.account, ledger.c.currency))
    return {(account, currency): int(total) for account, currency, total in rows if total}


def balances_under(connection: Connection, prefix: str) -> dict[tuple[str, str], int]:
    """Every account whose name begins so and that holds something, by (account, currency)."""
    query = select(ledger.c.account, ledger.c.currency, func.sum(ledger.c.amount_minor))
    query = query.where(ledger.c.account.startswith(prefix, autoescape=True))
    rows = connection.execute(query.group_by(ledger.c.account, ledger.c.currency))
    return {(account, currency): int(total) for account, currency, total in rows if total}


def balances_of(connection: Connection, account: str) -> dict[str, int]:
    """What an account holds, by currency; currencies of which it holds nothing are left out."""
    query = select(ledger.c.currency, func.sum(ledger.c.amount_minor)).where(ledger.c.account == account)
    rows = connection.execute(query.group_by(ledger.c.currency))
    return {currency: int(total) for currency, total in rows if total}


def postings_of(connection: Connection, entry_id: str) -> list[Posting]:
    """The postings of an entry; none if there is no such entry."""
    query = select(ledger.c.account, ledger.c.amount_minor, ledger.c.currency).where(ledger.c.entry_id == entry_id)
    return [Posting(*row) for row in connection.execute(query.order_by(ledger.c.position))]


def held(connection: Connection, payment_id: str, account: str, currency: str) -> int:
    """What one payment has put into an account and not taken out again, in minor units."""
    total = connection.execute(
        select(func.coalesce(func.sum(ledger.c.amount_minor), 0)).where(
            ledger.c.payment_id == payment_id, ledger.c.account == account, ledger.c.currency == currency
        )
    ).scalar_one()
    return int(total)


class Posted(NamedTuple):
    """A posting as it stands in the books."""

    entry_id: str
    account: str
    amount_minor: int
    currency: str
    at_us: int
    order_id: str


_POSTED = [ledger.c[name] for name in Posted._fields]


def of_account(connection: Connection, account: str, limit: int) -> list[Posted]:
    """An account's newest postings, oldest first."""
    query = select(*_POSTED).where(ledger.c.account == account)
    rows = connection.execute(query.order_by(ledger.c.at_us.desc(), ledger.c.entry_id.desc()).limit(limit))
    return [Posted(*row) for row in rows][::-1]


def of_order(connection: Connection, order_id: str) -> list[Posted]:
    """All that was posted for an order, in order."""
    query = select(*_POSTED).where(ledger.c.order_id == order_id)
    rows = connection.execute(query.order_by(ledger.c.at_us, ledger.c.entry_id, ledger.c.position))
    return [Posted(*row) for row in rows]


class Imbalance(NamedTuple):
    """An entry whose postings sum to ``amount_minor`` instead of zero, and the accounts that they are on."""

    entry_id: str
    order_id: str
    currency: str
    amount_minor: int
    accounts: tuple[str, ...]


def out_of_balance(connection: Connection) -> list[Imbalance]:
    """Entries whose postings do not sum to zero: none, unless the file was tampered with. For `unqueue doctor`."""
    total = func.sum(ledger.c.amount_minor)
    query = select(ledger.c.entry_id, ledger.c.currency, func.min(ledger.c.order_id), total)
    rows = connection.execute(query.group_by(ledger.c.entry_id, ledger.c.currency).having(total != 0)).all()
    return sorted(
        Imbalance(entry_id, order_id, currency, int(amount_minor), _accounts(connection, entry_id))
        for entry_id, currency, order_id, amount_minor in rows
    )


def _accounts(connection: Connection, entry_id: str) -> tuple[str, ...]:
    query = select(ledger.c.account).where(ledger.c.entry_id == entry_id).order_by(ledger.c.position)
    return tuple(connection.execute(query).scalars())
