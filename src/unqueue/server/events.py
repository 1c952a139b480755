"""Server-sent events: tells screens and lanes *that* something changed; they read the state with GET.

Fed by the journal, after commit. An event reaches whoever holds a token to one of the things it concerns: its stream,
and the trip, order and lane that its data names (``trip_id``, ``order_id``, ``lane``). Staff hear all that happens to
orders, payments, exits, calls and lanes.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from litestar import get
from litestar.connection import Request
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream

from unqueue.kernel.database import Database
from unqueue.kernel.journal import Event
from unqueue.server.access import Access, Principal

KEEP_ALIVE_S = 15.0
BACKLOG_MAX = 100  # a reader that is further behind is cut off; it reconnects and reads the state
_NAMES = {
    "trip": "basket", "order": "order", "payment": "payment", "coupon": "coupon", "return": "return",
    "exit": "exit", "call": "call", "audit": "audit", "lane": "lane", "kiosk": "kiosk", "till": "kiosk",
}  # fmt: skip
FLOOR = "floor"


class Hub:
    """Fans committed events out to the connections that may hear them."""

    def __init__(self, database: Database) -> None:
        self._readers: defaultdict[str, set[asyncio.Queue[bytes | None]]] = defaultdict(set)
        self._closing = False
        database.listen(self._publish)

    def close(self) -> None:
        """End every stream, so that the server can stop."""
        self._closing = True
        for readers in self._readers.values():
            for reader in readers:
                _put(reader, None)

    def _publish(self, events: list[Event]) -> None:
        if not self._readers:
            return
        for event in events:
            noun = event.kind.partition(".")[0]
            name = _NAMES.get(noun)
            # That somebody looked is no news; a reader who looks at each event would never come to an end.
            if name is None or event.kind == "trip.viewed" or (noun == "trip" and event.stream not in self._readers):
                continue
            payload = event.payload()
            readers: set[asyncio.Queue[bytes | None]] = set()
            for topic in _topics(event, noun, payload):
                readers |= self._readers.get(topic, set())
            message = {"id": event.stream.partition(":")[2], "kind": event.kind, "status": payload.get("status")}
            frame = f"id: {event.seq}\nevent: {name}\ndata: ".encode() + msgspec.json.encode(message) + b"\n\n"
            for reader in readers:
                _put(reader, frame)

    async def stream(self, principal: Principal) -> AsyncIterator[bytes]:
        """The frames of one connection, keep-alive comments between them."""
        reader: asyncio.Queue[bytes | None] = asyncio.Queue(BACKLOG_MAX)
        topic = topic_of(principal)
        self._readers[topic].add(reader)
        try:
            yield b"retry: 1000\n\n"
            while not self._closing:
                try:
                    frame = await asyncio.wait_for(reader.get(), KEEP_ALIVE_S)
                except TimeoutError:
                    frame = b": keep-alive\n\n"
                if frame is None:
                    return
                yield frame
        finally:
            self._readers[topic].discard(reader)
            if not self._readers[topic]:
                del self._readers[topic]


def topic_of(principal: Principal) -> str:
    """What a principal listens to: its own trip, order or lane, or (staff) the shop floor."""
    if principal.kind == "staff":
        return FLOOR
    return f"lane:{principal.id}" if principal.kind == "device" else f"{principal.kind}:{principal.id}"


def _topics(event: Event, noun: str, payload: dict[str, Any]) -> set[str]:
    topics = {event.stream}
    for field, prefix in (("trip_id", "trip"), ("order_id", "order"), ("lane", "lane")):
        if payload.get(field):
            topics.add(f"{prefix}:{payload[field]}")
    if noun not in {"trip", "coupon", "audit"}:
        topics.add(FLOOR)
    return topics


def _put(reader: "asyncio.Queue[bytes | None]", frame: bytes | None) -> None:
    if reader.full():
        while not reader.empty():
            reader.get_nowait()
        frame = None
    reader.put_nowait(frame)


def routes(hub: Hub, access: Access) -> list[HTTPRouteHandler]:
    @get("/api/events", media_type="text/event-stream", tags=["events"])
    async def listen(request: Request[Any, Any, State]) -> Stream:
        """Server-sent events for the bearer's trip, order, lane, or shop floor."""
        principal = await access.principal(request)
        return Stream(
            hub.stream(principal),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return [listen]
