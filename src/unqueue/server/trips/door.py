"""The short way of a scan: past the router, to the same use case.

A scan is what shoppers wait for all day, and routing, content negotiation and validation by a web framework cost more
than the scan itself. So a scan that is plainly one is taken here; whatever is unusual about a request (no token, a body
that is not as it should be) goes on to the route of the same address, which knows what to say.
"""

import logging
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from unqueue.kernel.errors import DomainError
from unqueue.server.problems import PROBLEM_TYPE, Unexpected, problem_document
from unqueue.server.trips.requests import Scan
from unqueue.server.trips.service import Trips

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]

_BEFORE, _AFTER = "/api/trips/", "/scans"
_JSON = b"application/json"
SCAN_BYTES_MAX = 10_000
_log = logging.getLogger(__name__)


class ScanDoor:
    """An ASGI application that takes scans and leaves the rest to ``app``."""

    def __init__(self, app: AsgiApp, trips: Trips) -> None:
        self._app = app
        self._trips = trips
        self._decode = msgspec.json.Decoder(Scan).decode

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            return await self._app(scope, receive, send)
        path: str = scope["path"]
        if not (path.startswith(_BEFORE) and path.endswith(_AFTER)):
            return await self._app(scope, receive, send)
        token = _token(scope["headers"])
        if token is None:
            return await self._app(scope, receive, send)
        messages: list[Message] = []
        try:
            request = self._decode(await _body(receive, messages))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return await self._app(scope, _again(messages, receive), send)
        status, content_type = 200, _JSON
        try:
            live = await self._trips.owned(path[len(_BEFORE) : -len(_AFTER)], token)
            body = await self._trips.scan(live, request, _address(scope))
        except DomainError as error:
            status, body, content_type = error.status, problem_document(error), PROBLEM_TYPE
        except Exception:  # noqa: BLE001  # whatever it is, the shopper must get an answer
            _log.exception("a scan failed")
            unexpected = Unexpected()
            status, body, content_type = unexpected.status, problem_document(unexpected), PROBLEM_TYPE
        length = b"%d" % len(body)
        headers = [(b"content-type", content_type), (b"content-length", length)]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return None


def _address(scope: MutableMapping[str, Any]) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _token(headers: list[tuple[bytes, bytes]]) -> str | None:
    """The bearer's token of a JSON request without anything unusual; None for all others."""
    token = None
    for name, value in headers:
        if name == b"authorization":
            if value[:7].lower() != b"bearer ":
                return None
            token = value[7:].strip().decode("latin-1")
        elif name == b"content-type" and not value.startswith(_JSON):
            return None
    return token or None


async def _body(receive: Receive, messages: list[Message]) -> bytes:
    """The request's body; all that was received is noted in ``messages``. Nothing where it is longer than a scan's."""
    body: bytes = b""
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request":  # gone
            return b""
        body += message["body"]
        if len(body) > SCAN_BYTES_MAX:
            return b""
        if not message.get("more_body"):
            return body


def _again(messages: list[Message], receive: Receive) -> Receive:
    """``receive`` once more from the first of ``messages`` on."""
    waiting = deque(messages)

    async def replay() -> Message:
        return waiting.popleft() if waiting else await receive()

    return replay
