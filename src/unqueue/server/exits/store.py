"""The tables of exits and of calls for staff. The database itself keeps what matters most: one live exit per order
and per lane, and one release per order for ever.
"""

from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    text,
    update,
)

from unqueue.kernel.database import Transaction
from unqueue.kernel.schema import append_only, metadata
from unqueue.server.exits.answers import CallKind
from unqueue.server.exits.model import Binding, Call, Check, Exit, GateOpening
from unqueue.server.exits.weights import Brought, Weighing

LANE_LENGTH_MAX = 40
_LIVE = text("status IN ('claimed', 'accepted', 'released')")
_LIVE_AT_LANE = text("status IN ('claimed', 'accepted', 'released') AND bay IS NULL")
_OPEN = text("status = 'open'")

exits = Table(
    "exits",
    metadata,
    Column("exit_id", String(32), primary_key=True),
    Column("lane", String(40), nullable=False),
    Column("order_id", String(32), nullable=False),
    Column("trip_id", String(32), nullable=False),
    Column("basket_hash", String(64), nullable=False),
    Column("request_hash", String(64), nullable=False),
    Column("pass_id", String(32)),
    Column("status", String(16), nullable=False),
    Column("checks", Text, nullable=False),
    Column("weighing", Text),
    Column("override_call_id", String(32)),
    Column("passages", BigInteger),
    Column("claimed_us", BigInteger, nullable=False),
    Column("touched_us", BigInteger, nullable=False),
    Column("bay", String(40)),
    CheckConstraint("status IN ('claimed', 'accepted', 'released', 'left', 'abandoned')", name="status"),
    Index("exits_claimed", "claimed_us"),
    Index("exits_live_order", "order_id", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
    Index("exits_live_lane", "lane", unique=True, sqlite_where=_LIVE_AT_LANE, postgresql_where=_LIVE_AT_LANE),
)

# The bags of their own that shoppers said they have: they lie on the scale with the goods.
declared_bags = Table(
    "declared_bags",
    metadata,
    Column("order_id", String(32), primary_key=True),
    Column("bags", Integer, nullable=False),
)
# And containers of theirs that the catalogue knows.
declared_containers = Table(
    "declared_containers",
    metadata,
    Column("order_id", String(32), primary_key=True),
    Column("product_id", String(64), primary_key=True),
    Column("count", Integer, nullable=False),
)

exit_releases = Table(
    "exit_releases",
    metadata,
    Column("order_id", String(32), primary_key=True),
    Column("exit_id", String(32), ForeignKey("exits.exit_id"), nullable=False, unique=True),
    Column("lane", String(40), nullable=False),
    Column("passages", BigInteger),  # none where a person let the shopper out of a side bay
    Column("at_us", BigInteger, nullable=False, index=True),
    Column("is_offline", Boolean, nullable=False),  # told afterwards: ``at_us`` is when it was told
)
append_only(exit_releases)

exit_weighings = Table(
    "exit_weighings",
    metadata,
    Column("weighing_id", String(32), primary_key=True),
    Column("exit_id", String(32), ForeignKey("exits.exit_id"), nullable=False, index=True),
    Column("at_us", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)
append_only(exit_weighings)

pass_bindings = Table(
    "pass_bindings",
    metadata,
    Column("order_id", String(32), primary_key=True),
    Column("lane", String(40), nullable=False),
    Column("until_us", BigInteger, nullable=False),
    Column("taken_us", BigInteger),
    Column("is_heard", Boolean, nullable=False),
    Index("pass_bindings_lane", "lane", "until_us"),
)

calls = Table(
    "calls",
    metadata,
    Column("call_id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("lane", String(40), nullable=False),
    Column("exit_id", String(32), ForeignKey("exits.exit_id"), index=True),
    Column("order_id", String(32)),
    Column("opened_us", BigInteger, nullable=False),
    Column("answered_us", BigInteger),
    Column("answered_by", String(80)),
    Column("action", String(16)),
    Column("reason", Text),
    Column("answer_id", String(32), unique=True),
    Column("evidence", Text, nullable=False),
    Column("looked_us", BigInteger),
    Column("looked_by", String(80)),
    Column("security_us", BigInteger),
    Column("security_by", String(80)),
    Column("security_reason", Text),
    Column("finding", String(16)),
    Column("worth_minor", BigInteger),
    Column("found_by", String(32)),
    CheckConstraint("status IN ('open', 'answered')", name="status"),
    CheckConstraint("finding IN ('nothing', 'unpaid')", name="finding"),
    Index("calls_open", "lane", "kind", sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("calls_opened", "opened_us"),
)

gate_openings = Table(
    "gate_openings",
    metadata,
    Column("opening_id", String(32), primary_key=True),
    Column("lane", String(40), nullable=False),
    Column("by", String(80), nullable=False),
    Column("asked_us", BigInteger, nullable=False),
    Column("taken_us", BigInteger),
    Index("gate_openings_lane", "lane", "taken_us"),
)

# Several alarms may lead to one call: a tag that rings three times is one thing to look at.
call_alarms = Table(
    "call_alarms",
    metadata,
    Column("alarm_id", String(32), primary_key=True),
    Column("call_id", String(32), ForeignKey("calls.call_id"), nullable=False),
    Column("lane", String(40), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("detail", Text),
)
append_only(call_alarms)


def get(connection: Connection, exit_id: str) -> Exit | None:
    return _exit(connection.execute(select(exits).where(exits.c.exit_id == exit_id)).first())


def brought(connection: Connection, order_id: str) -> Brought:
    """The bags and containers of their own that a shopper has declared for an order."""
    bags = connection.execute(select(declared_bags.c.bags).where(declared_bags.c.order_id == order_id)).scalar() or 0
    kept = declared_containers.c
    query = select(kept.product_id, kept.count).where(kept.order_id == order_id).order_by(kept.product_id)
    return Brought(bags, tuple((row.product_id, row[1]) for row in connection.execute(query)))


def declare(tx: Transaction, order_id: str, said: Brought) -> None:
    for table in (declared_bags, declared_containers):
        tx.execute(delete(table).where(table.c.order_id == order_id))
    if said.bags:
        tx.execute(insert(declared_bags), {"order_id": order_id, "bags": said.bags})
    for product_id, count in said.containers:
        row = {"order_id": order_id, "product_id": product_id, "count": count}
        tx.execute(insert(declared_containers), row)


def live_of_order(connection: Connection, order_id: str) -> Exit | None:
    return _exit(connection.execute(select(exits).where(exits.c.order_id == order_id, _LIVE)).first())


def live_of_lane(connection: Connection, lane: str) -> Exit | None:
    """The exit that goes on at a lane; not those that it sent aside."""
    return _exit(connection.execute(select(exits).where(exits.c.lane == lane, _LIVE_AT_LANE)).first())


def live_by_lane(connection: Connection) -> dict[str, Exit]:
    """All exits that go on at lanes, by lane."""
    found = [_exit(row) for row in connection.execute(select(exits).where(_LIVE_AT_LANE))]
    return {one.lane: one for one in found if one is not None}


def in_bays(connection: Connection) -> list[Exit]:
    """All exits that go on in side bays, in the order in which they came to their lanes."""
    query = select(exits).where(_LIVE, exits.c.bay.is_not(None)).order_by(exits.c.claimed_us, exits.c.exit_id)
    return [one for row in connection.execute(query) if (one := _exit(row)) is not None]


def insert_exit(tx: Transaction, one: Exit) -> None:
    tx.execute(insert(exits), _columns(one))


def update_exit(tx: Transaction, one: Exit) -> None:
    columns = _columns(one)
    tx.execute(update(exits).where(exits.c.exit_id == columns.pop("exit_id")).values(columns))


def insert_release(tx: Transaction, one: Exit, *, is_offline: bool = False) -> None:
    """Note that the gate may open for an order; the database refuses a second time for the same order."""
    tx.execute(
        insert(exit_releases),
        {
            "order_id": one.order_id,
            "exit_id": one.exit_id,
            "lane": one.place,
            "passages": one.passages,
            "at_us": tx.at_us,
            "is_offline": is_offline,
        },
    )


def release_of(connection: Connection, order_id: str) -> str | None:
    """The exit that let an order out; None where none did."""
    query = select(exit_releases.c.exit_id).where(exit_releases.c.order_id == order_id)
    exit_id: str | None = connection.execute(query).scalar_one_or_none()
    return exit_id


def weighing(connection: Connection, weighing_id: str) -> tuple[str, Weighing] | None:
    """The exit of a weighing, and the weighing."""
    row = connection.execute(select(exit_weighings).where(exit_weighings.c.weighing_id == weighing_id)).first()
    return (row.exit_id, _weighing.decode(row.body)) if row is not None else None


def insert_weighing(tx: Transaction, exit_id: str, body: Weighing) -> None:
    values = {"weighing_id": body.id, "exit_id": exit_id, "at_us": tx.at_us, "body": _json(body)}
    tx.execute(insert(exit_weighings), values)


def binding(connection: Connection, order_id: str) -> Binding | None:
    row = connection.execute(select(pass_bindings).where(pass_bindings.c.order_id == order_id)).first()
    return Binding(**row._mapping) if row is not None else None  # noqa: SLF001


def save_binding(tx: Transaction, one: Binding) -> None:
    """Write a binding, new or known."""
    columns = msgspec.structs.asdict(one)
    of_order = pass_bindings.c.order_id == columns.pop("order_id")
    if tx.execute(update(pass_bindings).where(of_order).values(columns)).rowcount == 0:
        tx.execute(insert(pass_bindings), {"order_id": one.order_id, **columns})


def delete_binding(tx: Transaction, order_id: str) -> None:
    tx.execute(delete(pass_bindings).where(pass_bindings.c.order_id == order_id))


def bindings_of(connection: Connection, lane: str) -> list[Binding]:
    """The orders that are bound to a lane."""
    rows = connection.execute(select(pass_bindings).where(pass_bindings.c.lane == lane))
    return [Binding(**row._mapping) for row in rows]  # noqa: SLF001


def bindings_by_lane(connection: Connection, now_us: int) -> dict[str, int]:
    """How many orders are bound to each lane that still may come."""
    still = (pass_bindings.c.until_us >= now_us) & pass_bindings.c.taken_us.is_(None)
    counted = select(pass_bindings.c.lane, func.count()).where(still).group_by(pass_bindings.c.lane)
    return {row[0]: row[1] for row in connection.execute(counted)}


def get_call(connection: Connection, call_id: str) -> Call | None:
    return _call(connection.execute(select(calls).where(calls.c.call_id == call_id)).first())


def call_of_alarm(connection: Connection, alarm_id: str) -> Call | None:
    joined = select(calls).join(call_alarms, call_alarms.c.call_id == calls.c.call_id)
    return _call(connection.execute(joined.where(call_alarms.c.alarm_id == alarm_id)).first())


def call_of_answer(connection: Connection, answer_id: str) -> Call | None:
    return _call(connection.execute(select(calls).where(calls.c.answer_id == answer_id)).first())


def open_calls(
    connection: Connection,
    *,
    lane: str | None = None,
    exit_id: str | None = None,
    order_id: str | None = None,
    kind: CallKind | None = None,
) -> list[Call]:
    """Open calls, the oldest first; of one lane or kind, about one exit or order."""
    query = select(calls).where(_OPEN).order_by(calls.c.opened_us, calls.c.call_id)
    if lane is not None:
        query = query.where(calls.c.lane == lane)
    if exit_id is not None:
        query = query.where(calls.c.exit_id == exit_id)
    if order_id is not None:
        query = query.where(calls.c.order_id == order_id)
    if kind is not None:
        query = query.where(calls.c.kind == kind)
    return [call for row in connection.execute(query) if (call := _call(row)) is not None]


def recent_calls(connection: Connection, limit: int) -> list[Call]:
    """Answered calls, the newest first."""
    query = select(calls).where(calls.c.status == "answered").order_by(calls.c.answered_us.desc()).limit(limit)
    return [call for row in connection.execute(query) if (call := _call(row)) is not None]


def last_refused(connection: Connection, order_id: str, kind: CallKind) -> Call | None:
    """The call of a kind about an order that a person refused last."""
    refused = (calls.c.order_id == order_id) & (calls.c.kind == kind) & (calls.c.action == "refuse")
    query = select(calls).where(refused).order_by(calls.c.answered_us.desc()).limit(1)
    return _call(connection.execute(query).first())


def is_let_go(connection: Connection, exit_id: str) -> bool:
    """Whether a person has let something about an exit go, by name."""
    by_name = (calls.c.action == "let_go") & calls.c.answered_by.is_not(None)
    query = select(calls.c.call_id).where(calls.c.exit_id == exit_id, by_name).limit(1)
    return connection.execute(query).first() is not None


def latest_call_of_exit(connection: Connection, exit_id: str) -> Call | None:
    """The call that a lane shows for its exit: the oldest open one, else the one answered last."""
    found = open_calls(connection, exit_id=exit_id)
    if found:
        return found[0]
    query = select(calls).where(calls.c.exit_id == exit_id).order_by(calls.c.answered_us.desc()).limit(1)
    return _call(connection.execute(query).first())


def insert_call(tx: Transaction, call: Call) -> None:
    tx.execute(insert(calls), _call_columns(call))


def update_call(tx: Transaction, call: Call) -> None:
    columns = _call_columns(call)
    tx.execute(update(calls).where(calls.c.call_id == columns.pop("call_id")).values(columns))


def insert_alarm(tx: Transaction, alarm_id: str, call_id: str, lane: str, detail: str | None) -> None:
    values = {"alarm_id": alarm_id, "call_id": call_id, "lane": lane, "at_us": tx.at_us, "detail": detail}
    tx.execute(insert(call_alarms), values)


def _columns(one: Exit) -> dict[str, Any]:
    columns = msgspec.structs.asdict(one)
    columns["checks"] = _json(one.checks)
    columns["weighing"] = _json(one.weighing) if one.weighing is not None else None
    return columns


def _exit(row: Row[Any] | None) -> Exit | None:
    if row is None:
        return None
    columns = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's documented way to read a row by names
    columns["checks"] = _checks.decode(columns["checks"])
    columns["weighing"] = _weighing.decode(columns["weighing"]) if columns["weighing"] is not None else None
    return Exit(**columns)


def _call_columns(call: Call) -> dict[str, Any]:
    return {**msgspec.structs.asdict(call), "evidence": _json(call.evidence)}


def _call(row: Row[Any] | None) -> Call | None:
    if row is None:
        return None
    columns = dict(row._mapping)  # noqa: SLF001
    columns["evidence"] = msgspec.json.decode(columns["evidence"])
    return Call(**columns)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


_weighing = msgspec.json.Decoder(Weighing)
_checks: msgspec.json.Decoder[tuple[Check, ...]] = msgspec.json.Decoder(tuple[Check, ...])


def gate_opening(connection: Connection, opening_id: str) -> GateOpening | None:
    row = connection.execute(select(gate_openings).where(gate_openings.c.opening_id == opening_id)).first()
    return GateOpening(*row) if row is not None else None


def untaken_gate_openings(connection: Connection, lane: str) -> list[GateOpening]:
    query = select(gate_openings).where(gate_openings.c.lane == lane, gate_openings.c.taken_us.is_(None))
    return [GateOpening(*row) for row in connection.execute(query.order_by(gate_openings.c.asked_us))]


def insert_gate_opening(tx: Transaction, one: GateOpening) -> None:
    tx.execute(insert(gate_openings), msgspec.structs.asdict(one))


def take_gate_opening(tx: Transaction, opening_id: str) -> None:
    tx.execute(update(gate_openings).where(gate_openings.c.opening_id == opening_id).values(taken_us=tx.at_us))
