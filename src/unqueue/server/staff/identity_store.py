"""The table of head office's accounts: which person there is which member here."""

from sqlalchemy import BigInteger, Column, Connection, ForeignKey, String, Table, delete, insert, select

from unqueue.kernel.database import Transaction
from unqueue.kernel.schema import metadata

staff_identities = Table(
    "staff_identities",
    metadata,
    Column("issuer", String(255), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("staff_id", String(32), ForeignKey("staff_members.staff_id"), nullable=False),
    Column("linked_us", BigInteger, nullable=False),
)


def member_of(connection: Connection, issuer: str, subject: str) -> str | None:
    """The id of the member who is this person at head office."""
    theirs = (staff_identities.c.issuer == issuer, staff_identities.c.subject == subject)
    return connection.execute(select(staff_identities.c.staff_id).where(*theirs)).scalar()


def link(tx: Transaction, issuer: str, subject: str, staff_id: str) -> None:
    """This person at head office is that member from now on, and no other."""
    theirs = (staff_identities.c.issuer == issuer, staff_identities.c.subject == subject)
    tx.execute(delete(staff_identities).where(*theirs))
    values = {"issuer": issuer, "subject": subject, "staff_id": staff_id, "linked_us": tx.at_us}
    tx.execute(insert(staff_identities), values)


def linked(connection: Connection) -> set[str]:
    """The members who can sign in through head office."""
    return set(connection.scalars(select(staff_identities.c.staff_id)))
