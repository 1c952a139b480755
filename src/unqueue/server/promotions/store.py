"""The promotions' table: one rule a row, as the JSON that was imported."""

import msgspec
from sqlalchemy import BigInteger, Column, Connection, String, Table, Text, delete, func, insert, select, update

from unqueue.kernel.database import Transaction
from unqueue.kernel.schema import metadata
from unqueue.server.promotions.rules import Rule

promotions = Table(
    "promotions",
    metadata,
    Column("promotion_id", String(64), primary_key=True),
    Column("data", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
)


def all_rules(connection: Connection) -> list[Rule]:
    """Every rule of the store."""
    return [_decoder.decode(data) for data in connection.scalars(select(promotions.c.data))]


def stored(connection: Connection) -> dict[str, str]:
    """Rule id → JSON."""
    return {row.promotion_id: row.data for row in connection.execute(select(promotions))}


def version(connection: Connection) -> tuple[int, int]:
    """Differs whenever the rules differ: the newest version, and how many there are."""
    newest, count = connection.execute(select(func.max(promotions.c.version), func.count())).one()
    return newest or 0, count


def save(tx: Transaction, rule: Rule, data: str, *, actor: str, is_new: bool) -> None:
    """Add or change a rule; ``data`` is its JSON. The row's version is the journal event that says so."""
    event = tx.record("promotion.added" if is_new else "promotion.changed", _stream(rule.id), actor, rule)
    if is_new:
        tx.execute(insert(promotions), {"promotion_id": rule.id, "data": data, "version": event.seq})
    else:
        change = update(promotions).where(promotions.c.promotion_id == rule.id)
        tx.execute(change.values(data=data, version=event.seq))


def remove(tx: Transaction, promotion_id: str, *, actor: str) -> None:
    """Take a rule out."""
    tx.record("promotion.removed", _stream(promotion_id), actor, {"id": promotion_id})
    tx.execute(delete(promotions).where(promotions.c.promotion_id == promotion_id))


def _stream(promotion_id: str) -> str:
    return f"promotion:{promotion_id}"


_decoder: msgspec.json.Decoder[Rule] = msgspec.json.Decoder(Rule)
