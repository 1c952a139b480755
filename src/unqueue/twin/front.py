"""The demo's front door: one address for the store, as a shop has one door. Forwards to the processes behind it.

In a real store each part has its own address; a phone that visits the demo should have to trust one certificate only.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import msgspec

from unqueue.kernel.errors import DomainError

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class StorePartAway(DomainError):
    code = "busy"
    status = 503
    permanent = False
    zh = "这一部分正在启动或暂时离线，请稍候再试"
    en = "This part of the store is starting or away. Please try again in a moment."


_HOP_BY_HOP = frozenset(  # RFC 9110 section 7.6.1; plus what httpx sets by itself
    [b"connection", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade", b"host"]
)


class FrontDoor:
    """Forwards by the longest matching path prefix; the prefix ``/`` must be among them."""

    def __init__(self) -> None:
        self._upstreams: dict[str, tuple[str, bool]] = {}
        timeout = httpx.Timeout(10.0, read=None)  # event streams are silent for long
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
        self._client = httpx.AsyncClient(timeout=timeout, limits=limits, follow_redirects=False, trust_env=False)

    def forward(self, prefix: str, base_url: str, *, strip: bool) -> None:
        """Send what comes for ``prefix`` to ``base_url``, without the prefix where ``strip``."""
        self._upstreams[prefix] = (base_url.rstrip("/"), strip)

    async def close(self) -> None:
        await self._client.aclose()

    def _target(self, path: str) -> str:
        for prefix in sorted(self._upstreams, key=len, reverse=True):
            if path.startswith(prefix):
                base_url, strip = self._upstreams[prefix]
                return base_url + (path[len(prefix.rstrip("/")) :] if strip else path)
        raise LookupError(path)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = scope["raw_path"].decode() if scope.get("raw_path") else scope["path"]
        query = scope["query_string"].decode()
        url = self._target(path.partition("?")[0]) + (f"?{query}" if query else "")
        headers = [(name, value) for name, value in scope["headers"] if name.lower() not in _HOP_BY_HOP]
        prefix = next((p for p in sorted(self._upstreams, key=len, reverse=True) if path.startswith(p)), "/")
        headers.append((b"x-forwarded-prefix", prefix.rstrip("/").encode()))
        request = self._client.build_request(scope["method"], url, headers=headers, content=await _body(receive))
        try:
            response = await self._client.send(request, stream=True)
        except httpx.HTTPError:
            await _unavailable(send)
            return
        gone = asyncio.create_task(_until_gone(receive))
        pump = asyncio.create_task(_pump(response, send))
        try:
            await asyncio.wait({gone, pump}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (gone, pump):
                task.cancel()
            await asyncio.gather(gone, pump, return_exceptions=True)
            await response.aclose()


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body", False):
            return body


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    async for chunk in response.aiter_raw():
        if chunk:
            yield chunk


async def _pump(response: httpx.Response, send: Send) -> None:
    headers = [(name, value) for name, value in response.headers.raw if name.lower() not in _HOP_BY_HOP]
    start: Message = {"type": "http.response.start", "status": response.status_code, "headers": headers}
    await send(start)
    try:
        async for chunk in _chunks(response):
            part: Message = {"type": "http.response.body", "body": chunk, "more_body": True}
            await send(part)
    except httpx.HTTPError:
        return  # the process behind went away in the middle; the connection ends unfinished, as it should
    end: Message = {"type": "http.response.body", "body": b"", "more_body": False}
    await send(end)


async def _unavailable(send: Send) -> None:
    body = msgspec.json.encode(StorePartAway().problem())
    start: Message = {
        "type": "http.response.start",
        "status": 503,
        "headers": [(b"content-type", b"application/problem+json"), (b"retry-after", b"1")],
    }
    await send(start)
    end: Message = {"type": "http.response.body", "body": body, "more_body": False}
    await send(end)
