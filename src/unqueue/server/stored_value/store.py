"""The cards' tables. A balance changes only together with a move that says why, and never falls below nothing."""

import msgspec
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Index,
    String,
    Table,
    func,
    insert,
    select,
    update,
)

from unqueue.kernel.database import Transaction
from unqueue.kernel.schema import append_only, metadata
from unqueue.server.stored_value.model import Card, Move, Status

cards = Table(
    "stored_cards",
    metadata,
    Column("card_id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("balance_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("tail", String(4), nullable=False),
    Column("member", String(64)),
    Column("issued_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    CheckConstraint("balance_minor >= 0", name="balance"),
    CheckConstraint("kind IN ('gift', 'member', 'voucher')", name="kind"),
    CheckConstraint("status IN ('active', 'blocked')", name="status"),
)

# Only hashes: who reads the database can't print cards.
codes = Table(
    "stored_card_codes",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("card_id", String(32), ForeignKey("stored_cards.card_id"), nullable=False),
    Index("stored_card_codes_card", "card_id"),
)

moves = Table(
    "stored_moves",
    metadata,
    Column("move_id", String(32), primary_key=True),
    Column("card_id", String(32), ForeignKey("stored_cards.card_id")),
    Column("kind", String(16), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("payment_id", String(32)),
    Column("actor", String(80), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("second", String(80)),
    CheckConstraint("kind IN ('issue', 'top_up', 'spend', 'refund', 'void')", name="kind"),
    CheckConstraint("(kind = 'void') = (amount_minor = 0)", name="amount"),
    CheckConstraint("(kind = 'spend') = (amount_minor < 0)", name="sign"),
    Index("stored_moves_card", "card_id"),
    Index("stored_moves_payment", "payment_id"),
    Index("stored_moves_actor", "actor", "at_us"),
    CheckConstraint("second <> actor", name="second"),
)
append_only(moves)


def get(connection: Connection, card_id: str) -> Card | None:
    row = connection.execute(select(cards).where(cards.c.card_id == card_id)).mappings().first()
    return Card(**row) if row is not None else None


def by_code(connection: Connection, code_hash: str) -> Card | None:
    """The card that a code belongs to."""
    query = select(cards).join(codes, codes.c.card_id == cards.c.card_id).where(codes.c.code_hash == code_hash)
    row = connection.execute(query).mappings().first()
    return Card(**row) if row is not None else None


def insert_card(tx: Transaction, card: Card, code_hashes: list[str]) -> None:
    """A new card, empty, and the codes by which it is found."""
    tx.execute(insert(cards), msgspec.structs.asdict(card))
    tx.execute(insert(codes), [{"code_hash": hashed, "card_id": card.card_id} for hashed in code_hashes])


def set_status(tx: Transaction, card_id: str, status: Status) -> None:
    tx.execute(update(cards).where(cards.c.card_id == card_id).values(status=status))


def move(connection: Connection, move_id: str) -> Move | None:
    row = connection.execute(select(moves).where(moves.c.move_id == move_id)).mappings().first()
    return Move(**row) if row is not None else None


def moves_of(connection: Connection, card_id: str, limit: int) -> list[Move]:
    """What happened to a card, the newest first."""
    query = select(moves).where(moves.c.card_id == card_id).order_by(moves.c.at_us.desc(), moves.c.move_id).limit(limit)
    return [Move(**row) for row in connection.execute(query).mappings()]


def issued_minor(connection: Connection, card_id: str) -> int:
    """What a card was handed out with, in minor units."""
    query = select(func.coalesce(func.sum(moves.c.amount_minor), 0))
    return int(connection.execute(query.where(moves.c.card_id == card_id, moves.c.kind == "issue")).scalar_one())


def codes_of(connection: Connection, card_id: str) -> list[str]:
    """The hashes of a card's codes, in order."""
    query = select(codes.c.code_hash).where(codes.c.card_id == card_id)
    return sorted(connection.execute(query).scalars())


def alone_minor(connection: Connection, actor: str, since_us: int) -> int:
    """What somebody has put on cards since then without a second person, in minor units."""
    query = select(func.coalesce(func.sum(moves.c.amount_minor), 0)).where(
        moves.c.actor == actor,
        moves.c.at_us > since_us,
        moves.c.kind.in_(("issue", "top_up")),
        moves.c.second.is_(None),
    )
    return int(connection.execute(query).scalar_one())


def given_back_minor(connection: Connection, payment_id: str) -> int:
    """What of a payment went back to its card, in minor units."""
    rows = connection.execute(
        select(moves.c.amount_minor).where(moves.c.payment_id == payment_id, moves.c.kind == "refund")
    )
    return sum(rows.scalars())


def apply(tx: Transaction, made: Move) -> bool:
    """Move value, in one unit with the row that says so; False, and nothing done, if the card holds too little."""
    if made.amount_minor:
        changed = tx.execute(
            update(cards)
            .where(cards.c.card_id == made.card_id, cards.c.balance_minor + made.amount_minor >= 0)
            .values(balance_minor=cards.c.balance_minor + made.amount_minor)
        )
        if changed.rowcount != 1:
            return False
    tx.execute(insert(moves), msgspec.structs.asdict(made))
    return True
