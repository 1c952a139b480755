"""The devices' table."""

from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Connection, Row, String, Table, Text, insert, select, update

from unqueue.kernel.database import Transaction
from unqueue.kernel.schema import metadata
from unqueue.server.fleet.model import Device, PartStatus

devices = Table(
    "devices",
    metadata,
    Column("device_id", String(40), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("name", String(80), nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("state", String(32), nullable=False),
    Column("parts", Text, nullable=False),
    Column("seen_us", BigInteger),
    Column("closed_us", BigInteger),
    Column("closed_by", String(80)),
)


def get(connection: Connection, device_id: str) -> Device | None:
    return _device(connection.execute(select(devices).where(devices.c.device_id == device_id)).first())


def is_registered(connection: Connection, device_id: str) -> bool:
    return get(connection, device_id) is not None


def by_token(connection: Connection, token_hash: str) -> Device | None:
    return _device(connection.execute(select(devices).where(devices.c.token_hash == token_hash)).first())


def of_kind(connection: Connection, kind: str) -> list[Device]:
    rows = connection.execute(select(devices).where(devices.c.kind == kind).order_by(devices.c.device_id))
    return [device for row in rows if (device := _device(row)) is not None]


def last_contact(connection: Connection, device_id: str) -> int | None:
    """When a device was last heard of, in microseconds UTC."""
    seen_us: int | None = connection.execute(
        select(devices.c.seen_us).where(devices.c.device_id == device_id)
    ).scalar_one_or_none()
    return seen_us


def is_closed(connection: Connection, device_id: str) -> bool:
    """Whether somebody took a lane out."""
    query = select(devices.c.device_id).where(devices.c.device_id == device_id, devices.c.closed_us.is_not(None))
    return connection.execute(query).first() is not None


def save(tx: Transaction, device: Device) -> None:
    """Write a device, new or known."""
    columns = msgspec.structs.asdict(device)
    columns["parts"] = msgspec.json.encode(device.parts).decode()
    changed = tx.execute(update(devices).where(devices.c.device_id == columns.pop("device_id")).values(columns))
    if changed.rowcount == 0:
        tx.execute(insert(devices), {"device_id": device.device_id, **columns})


def _device(row: Row[Any] | None) -> Device | None:
    if row is None:
        return None
    columns = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's documented way to read a row by names
    columns["parts"] = _parts.decode(columns["parts"])
    return Device(**columns)


_parts = msgspec.json.Decoder(dict[str, PartStatus])
