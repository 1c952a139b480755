"""The coupons' tables: what there is, how often each was used, and what the coupons of an order take off.

A use is counted when it is reserved, in the same unit of work, by an UPDATE that finds a row only while there is a use
left; the CHECK constraints would refuse one too many in any case. A use that is given back is uncounted.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    insert,
    or_,
    select,
    text,
    update,
)

from unqueue.kernel.database import Transaction
from unqueue.kernel.schema import metadata
from unqueue.server.coupons.model import Redemption, Share, Status
from unqueue.server.coupons.rules import Coupon, FundedBy

CODES_AT_ONCE = 500
LIVE: tuple[Status, ...] = ("reserved", "used")


def _uses() -> tuple[Column[Any] | CheckConstraint, ...]:
    """What every table that counts uses has. ``uses_max`` is NULL for no limit."""
    return (
        Column("uses_max", BigInteger),
        Column("reserved", BigInteger, nullable=False, default=0),
        Column("used", BigInteger, nullable=False, default=0),
        CheckConstraint("reserved >= 0 AND used >= 0", name="uses"),
        CheckConstraint("uses_max IS NULL OR reserved + used <= uses_max", name="uses_max"),
    )


coupons = Table(
    "coupons",
    metadata,
    Column("coupon_id", String(64), primary_key=True),
    Column("data", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    *_uses(),
)

# By what a coupon is found: its code, one of its serials, or what a GS1 code says. See keys.py.
coupon_codes = Table(
    "coupon_codes",
    metadata,
    Column("code", String(128), primary_key=True),
    Column("coupon_id", String(64), ForeignKey("coupons.coupon_id"), nullable=False),
    *_uses(),
    Index("coupon_codes_coupon", "coupon_id"),
)

coupon_members = Table(
    "coupon_members",
    metadata,
    Column("coupon_id", String(64), ForeignKey("coupons.coupon_id"), primary_key=True),
    Column("member", String(64), primary_key=True),
    *_uses(),
)

# ``data`` is the coupon as it was when it was redeemed: a later import changes nothing for this order.
coupon_redemptions = Table(
    "coupon_redemptions",
    metadata,
    Column("redemption_id", String(32), primary_key=True),
    Column("order_id", String(32), ForeignKey("orders.order_id"), nullable=False),
    Column("trip_id", String(32), nullable=False),
    Column("coupon_id", String(64), ForeignKey("coupons.coupon_id"), nullable=False),
    Column("code", String(128), ForeignKey("coupon_codes.code"), nullable=False),
    Column("ticket", Text, nullable=False),
    Column("member", String(64)),
    Column("data", Text, nullable=False),
    Column("zh", Text, nullable=False),
    Column("en", Text, nullable=False),
    Column("funded_by", String(8), nullable=False),
    Column("status", String(16), nullable=False),
    Column("position", Integer, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("ended_us", BigInteger),
    CheckConstraint("status IN ('reserved', 'used', 'withdrawn', 'released')", name="status"),
    CheckConstraint("funded_by IN ('store', 'issuer')", name="funded_by"),
    CheckConstraint("amount_minor > 0 OR status IN ('withdrawn', 'released')", name="amount"),
    Index(
        "coupon_redemptions_live",
        "order_id",
        "code",
        unique=True,
        sqlite_where=text("status IN ('reserved', 'used')"),
        postgresql_where=text("status IN ('reserved', 'used')"),
    ),
)

coupon_shares = Table(
    "coupon_shares",
    metadata,
    Column("redemption_id", String(32), ForeignKey("coupon_redemptions.redemption_id"), primary_key=True),
    Column("order_id", String(32), nullable=False),
    Column("line", Integer, primary_key=True),
    Column("amount_minor", BigInteger, nullable=False),
    CheckConstraint("amount_minor > 0", name="amount"),
    ForeignKeyConstraint(["order_id", "line"], ["order_lines.order_id", "order_lines.line"]),
)


class CouponRow(msgspec.Struct, frozen=True):
    """A coupon and how often it was used."""

    coupon_id: str
    data: str
    version: int
    uses_max: int | None
    reserved: int
    used: int

    @property
    def coupon(self) -> Coupon:
        return decode(self.data)


class RedemptionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A redemption as it is kept. ``ticket`` is the data of an AI 8110, else empty; ``*_us`` are microseconds UTC."""

    redemption_id: str
    order_id: str
    trip_id: str
    coupon_id: str
    code: str
    ticket: str
    member: str | None
    data: str
    zh: str
    en: str
    funded_by: FundedBy
    status: Status
    position: int
    amount_minor: int
    currency: str
    created_us: int
    ended_us: int | None = None


def all_coupons(connection: Connection) -> list[CouponRow]:
    """Every coupon, by id."""
    return [CouponRow(*row) for row in connection.execute(select(coupons).order_by(coupons.c.coupon_id))]


def get(connection: Connection, coupon_id: str) -> CouponRow | None:
    row = connection.execute(select(coupons).where(coupons.c.coupon_id == coupon_id)).first()
    return CouponRow(*row) if row is not None else None


def coupon_of(connection: Connection, code: str) -> CouponRow | None:
    """The coupon that a code finds."""
    found = coupons.join(coupon_codes, coupons.c.coupon_id == coupon_codes.c.coupon_id)
    row = connection.execute(select(coupons).select_from(found).where(coupon_codes.c.code == code)).first()
    return CouponRow(*row) if row is not None else None


def owners(connection: Connection, codes: Sequence[str]) -> dict[str, str]:
    """Code → id of the coupon that has it, for those of ``codes`` that are taken."""
    taken: dict[str, str] = {}
    for start in range(0, len(codes), CODES_AT_ONCE):
        some = codes[start : start + CODES_AT_ONCE]
        rows = connection.execute(
            select(coupon_codes.c.code, coupon_codes.c.coupon_id).where(coupon_codes.c.code.in_(some))
        )
        taken.update((row.code, row.coupon_id) for row in rows)
    return taken


def save(tx: Transaction, coupon: Coupon, data: str, *, actor: str, is_new: bool) -> None:
    """Add or change a coupon. The row's version is the journal event that says so."""
    event = tx.record("coupon.added" if is_new else "coupon.changed", f"coupon:{coupon.id}", actor, coupon)
    values = {"data": data, "version": event.seq, "uses_max": coupon.uses_max}
    if is_new:
        tx.execute(insert(coupons), {"coupon_id": coupon.id, **values})
    else:
        tx.execute(update(coupons).where(coupons.c.coupon_id == coupon.id).values(**values))


def add_codes(tx: Transaction, coupon_id: str, codes: Iterable[str], *, uses_max: int | None) -> None:
    """More codes that find a coupon, each good for ``uses_max`` uses."""
    rows: list[Mapping[str, Any]] = [{"code": code, "coupon_id": coupon_id, "uses_max": uses_max} for code in codes]
    if rows:
        tx.execute(insert(coupon_codes), rows)


def used_up(connection: Connection, coupon: Coupon, code: str, member: str) -> Literal["member", "coupon"] | None:
    """Whose uses are all made or held: the member's of this coupon, or the coupon's or its code's. Reserves nothing."""
    limit = coupon.uses_max_per_member
    if limit is not None:
        known = connection.execute(select(*_counts_of(coupon_members)).where(_of_member(coupon.id, member))).first()
        if known is not None and known.reserved + known.used >= limit:
            return "member"
    for table, where in ((coupons, coupons.c.coupon_id == coupon.id), (coupon_codes, coupon_codes.c.code == code)):
        row = connection.execute(select(*_counts_of(table)).where(where)).first()
        if row is not None and row.uses_max is not None and row.reserved + row.used >= row.uses_max:
            return "coupon"
    return None


def reserve(tx: Transaction, coupon: Coupon, code: str, member: str) -> bool:
    """Count one use of a coupon, of its code and by its member. False, to be undone with the unit, if none is left."""
    if coupon.uses_max_per_member is not None and not (
        _know_member(tx, coupon, member) and _count(tx, coupon_members, _of_member(coupon.id, member))
    ):
        return False
    return _count(tx, coupons, coupons.c.coupon_id == coupon.id) and _count(
        tx, coupon_codes, coupon_codes.c.code == code
    )


def _know_member(tx: Transaction, coupon: Coupon, member: str) -> bool:
    """Give the member a row with the coupon's limit. False where the limit was lowered below what is used."""
    known = tx.execute(select(coupon_members.c.uses_max).where(_of_member(coupon.id, member))).first()
    limit = coupon.uses_max_per_member
    if known is None:
        tx.execute(insert(coupon_members), {"coupon_id": coupon.id, "member": member, "uses_max": limit})
    elif known.uses_max != limit:
        fits = coupon_members.c.reserved + coupon_members.c.used <= limit
        changed = tx.execute(update(coupon_members).where(_of_member(coupon.id, member), fits).values(uses_max=limit))
        return changed.rowcount == 1
    return True


def _count(tx: Transaction, table: Table, where: Any) -> bool:
    is_left = or_(table.c.uses_max.is_(None), table.c.reserved + table.c.used < table.c.uses_max)
    counted = tx.execute(update(table).where(where, is_left).values(reserved=table.c.reserved + 1))
    return counted.rowcount == 1


def end(tx: Transaction, row: RedemptionRow, to: Status) -> None:
    """A reserved use is used, or given back (with what it took off the order)."""
    moved = tx.execute(
        update(coupon_redemptions)
        .where(
            coupon_redemptions.c.redemption_id == row.redemption_id,
            coupon_redemptions.c.status == "reserved",
        )
        .values(status=to, ended_us=tx.at_us)
    )
    assert moved.rowcount == 1, "only a reserved use ends"
    if to != "used":
        tx.execute(delete(coupon_shares).where(coupon_shares.c.redemption_id == row.redemption_id))
    for table, where in (
        (coupons, coupons.c.coupon_id == row.coupon_id),
        (coupon_codes, coupon_codes.c.code == row.code),
        (coupon_members, _of_member(row.coupon_id, row.member or "")),
    ):
        if table is coupon_members and decode(row.data).uses_max_per_member is None:
            continue
        values: dict[str, Any] = {"reserved": table.c.reserved - 1}
        if to == "used":
            values["used"] = table.c.used + 1
        tx.execute(update(table).where(where).values(**values))


def insert_redemption(tx: Transaction, row: RedemptionRow) -> None:
    tx.execute(insert(coupon_redemptions), msgspec.structs.asdict(row))


def set_shares(tx: Transaction, row: RedemptionRow, position: int, shares: Sequence[Share]) -> None:
    """What a reserved coupon takes off, and its place in the sequence."""
    amount = sum(share.amount_minor for share in shares)
    tx.execute(
        update(coupon_redemptions)
        .where(coupon_redemptions.c.redemption_id == row.redemption_id)
        .values(position=position, amount_minor=amount)
    )
    tx.execute(delete(coupon_shares).where(coupon_shares.c.redemption_id == row.redemption_id))
    own = {"redemption_id": row.redemption_id, "order_id": row.order_id}
    tx.execute(insert(coupon_shares), [{**own, **msgspec.structs.asdict(share)} for share in shares])


def redemption(connection: Connection, redemption_id: str) -> RedemptionRow | None:
    row = connection.execute(
        select(coupon_redemptions).where(coupon_redemptions.c.redemption_id == redemption_id)
    ).first()
    return RedemptionRow(**row._mapping) if row is not None else None  # noqa: SLF001  # SQLAlchemy's public name


def live(connection: Connection, order_id: str) -> list[RedemptionRow]:
    """The coupons that are on an order, reserved or used, in the order in which they are applied."""
    rows = connection.execute(_LIVE_OF_ORDER, {"order_id": order_id})
    return [RedemptionRow(**row._mapping) for row in rows]  # noqa: SLF001  # likewise


# Put together once: it is asked for with every look at an order.
_LIVE_OF_ORDER = (
    select(coupon_redemptions)
    .where(coupon_redemptions.c.order_id == bindparam("order_id"), coupon_redemptions.c.status.in_(LIVE))
    .order_by(coupon_redemptions.c.position, coupon_redemptions.c.code)
)


def shown(connection: Connection, order_id: str) -> list[Redemption]:
    """The same with what they take off each line."""
    shares: dict[str, list[Share]] = {}
    rows = live(connection, order_id)
    if not rows:
        return []
    found = connection.execute(
        select(coupon_shares.c.redemption_id, coupon_shares.c.line, coupon_shares.c.amount_minor)
        .where(coupon_shares.c.redemption_id.in_([row.redemption_id for row in rows]))
        .order_by(coupon_shares.c.line)
    )
    for share in found:
        shares.setdefault(share.redemption_id, []).append(Share(share.line, share.amount_minor))
    return [
        Redemption(
            redemption_id=row.redemption_id,
            coupon_id=row.coupon_id,
            code=row.code,
            zh=row.zh,
            en=row.en,
            funded_by=row.funded_by,
            status=row.status,
            amount_minor=row.amount_minor,
            lines=tuple(shares.get(row.redemption_id, ())),
        )
        for row in rows
    ]


def decode(data: str) -> Coupon:
    """A coupon from its JSON."""
    return _decoder.decode(data)


def _counts_of(table: Table) -> tuple[Any, ...]:
    return table.c.uses_max, table.c.reserved, table.c.used


def _of_member(coupon_id: str, member: str) -> Any:
    return and_(coupon_members.c.coupon_id == coupon_id, coupon_members.c.member == member)


_decoder: msgspec.json.Decoder[Coupon] = msgspec.json.Decoder(Coupon)
