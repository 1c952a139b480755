"""The use cases of the fleet: take a device into the store, hear its heartbeat, notice when it falls silent."""

import asyncio
import logging

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.clock import from_micros, micros
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import NotFound
from unqueue.server.access import Principal, issue_token
from unqueue.server.exits import calls
from unqueue.server.fleet import store
from unqueue.server.fleet.model import OFFLINE, SILENT_AFTER_S, Device, DeviceKind, Heartbeat, PartStatus

logger = logging.getLogger(__name__)
WATCH_EVERY_S = 5.0
SILENT = "it does not answer: it is switched off, or cut off from the network"
"""What staff are called with to a lane or kiosk that fell silent."""


class LaneView(msgspec.Struct, frozen=True):
    """A lane on the floor: ``state`` is its own word, or ``offline``."""

    id: str
    name: str
    state: str
    seen_at: str | None
    devices: dict[str, PartStatus]
    closed_by: str | None = None
    closed_at: str | None = None


def register_device(database: Database, device_id: str, kind: DeviceKind, name: str) -> str:
    """Take a device into the store; its token, shown once. A known device gets a new token, the old one ends."""
    token, hashed = issue_token("device")

    def write(tx: Transaction) -> None:
        known = store.get(tx.connection, device_id) or Device(device_id, kind, name, hashed)
        store.save(tx, msgspec.structs.replace(known, kind=kind, name=name, token_hash=hashed))
        tx.record("device.registered", f"device:{device_id}", "system", {"kind": kind, "name": name})

    database.write_now(write)
    return token


def device_principal(connection: Connection, token_hash: str) -> Principal | None:
    """Who bears a device's token; the principal's role is the device's kind."""
    device = store.by_token(connection, token_hash)
    return Principal("device", device.device_id, device.name, device.kind) if device is not None else None


class Fleet:
    """All devices of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._since_us = micros(database.clock.now())

    async def hear(self, principal: Principal, heartbeat: Heartbeat) -> None:
        """Take a heartbeat. The journal hears of it only when a state changed."""

        def write(tx: Transaction) -> None:
            known = store.get(tx.connection, principal.id)
            if known is None:
                raise NotFound
            now = known.heard(heartbeat, at_us=tx.at_us)
            store.save(tx, now)
            if now.differs(known):
                _record(tx, now, principal.actor)
            if known.state == OFFLINE:
                calls.settle_for_lane(tx, now.device_id, SILENT, principal.actor)

        await self._database.unit(write)

    async def set_closed(self, staff: Principal, lane: str, *, closed: bool) -> None:
        """Take a lane out, by name: who is there finishes, and nobody new comes; or bring it back. NotFound."""

        def write(tx: Transaction) -> None:
            known = store.get(tx.connection, lane)
            if known is None or known.kind != "lane":
                raise NotFound
            now = known.closed(staff.name, tx.at_us) if closed else known.opened()
            if now != known:
                store.save(tx, now)
                told = {"lane": lane, "status": now.state, "by": staff.name}
                tx.record("lane.taken_out" if closed else "lane.brought_back", f"lane:{lane}", staff.actor, told)

        await self._database.unit(write)

    async def mark_silent(self) -> None:
        """Set lanes and kiosks that fell silent to offline, and call staff to those that nobody took out. While the
        server was away nobody could be heard: that silence counts for nothing.
        """

        def write(tx: Transaction) -> None:
            for device in _silent(tx.connection, tx.at_us):
                gone = msgspec.structs.replace(device, state=OFFLINE)
                store.save(tx, gone)
                _record(tx, gone, "system")
                if gone.closed_us is None:
                    calls.call_to_silent(tx, gone.device_id, SILENT)

        now_us = micros(self._database.clock.now())
        if now_us - self._since_us <= SILENT_AFTER_S * 1_000_000:
            return
        if await self._database.read(lambda connection: _silent(connection, now_us)):
            await self._database.unit(write)

    async def watch(self) -> None:
        """Look for silent lanes until cancelled."""
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            try:
                await self.mark_silent()
            except Exception:  # a database that is away for a moment must not end the watch
                logger.exception("looking for silent lanes failed")


def lanes(connection: Connection) -> list[LaneView]:
    """The lanes as the floor shows them."""
    return _views(connection, "lane")


def open_lanes(connection: Connection) -> list[LaneView]:
    """The lanes that take new shoppers."""
    return [lane for lane in lanes(connection) if lane.closed_by is None]


def kiosks(connection: Connection) -> list[LaneView]:
    """The kiosks as the floor shows them."""
    return _views(connection, "kiosk")


def _views(connection: Connection, kind: DeviceKind) -> list[LaneView]:
    return [
        LaneView(
            id=lane.device_id,
            name=lane.name,
            state=lane.state,
            seen_at=from_micros(lane.seen_us).isoformat() if lane.seen_us is not None else None,
            devices=dict(lane.parts),
            closed_by=lane.closed_by,
            closed_at=from_micros(lane.closed_us).isoformat() if lane.closed_us is not None else None,
        )
        for lane in store.of_kind(connection, kind)
    ]


def _silent(connection: Connection, now_us: int) -> list[Device]:
    watched = [*store.of_kind(connection, "lane"), *store.of_kind(connection, "kiosk")]
    return [device for device in watched if device.state != OFFLINE and device.is_silent(now_us)]


def _record(tx: Transaction, device: Device, actor: str) -> None:
    told = {"lane": device.device_id, "status": device.state, "devices": device.parts}
    tx.record(f"{device.kind}.changed", f"{device.kind}:{device.device_id}", actor, told)
