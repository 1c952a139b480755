"""A station's link to the merchant server: HTTP of docs/protocols/http.md, with errors that say what to do next."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, Never, TypeVar

import httpx
import msgspec

ANSWER_S = 5.0
"""How long the server may take for an answer of its own."""
RETRY_S_FIRST, RETRY_S_MAX = 0.1, 2.0
_EVENTS_SILENT_S_MAX = 40.0  # the server sends a comment every 15 seconds
_RECONNECT_S = 1.0
T = TypeVar("T")


class TryLater(Exception):
    """The same request may succeed later: send it again, with the same id."""


class ServerAway(TryLater):
    """No answer, or one that is not the merchant server's own."""


class ServerFailed(ServerAway):
    """The merchant server is there and stumbles over this very request. It may go on to, so what else there is to tell
    need not wait for it.
    """


class ServerBusy(TryLater):
    """The server is there, but somebody whom it asks, such as a payment provider, does not answer it."""


class ServerRefused(Exception):
    """A refusal for good. ``problem`` is its RFC 9457 document."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        self.problem = problem
        self.code = str(problem.get("code", "error"))
        super().__init__(self.code)


class ServerEvent(msgspec.Struct, frozen=True):
    """Something changed, such as an exit, a call, an order; ``id`` says which."""

    name: str
    id: str


class ServerLink:
    """One station's connection to the server, with the station's own token; over the network unless by another
    ``transport``.
    """

    def __init__(self, base_url: str, token: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._http = httpx.AsyncClient(
            transport=transport,
            base_url=base_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=ANSWER_S,
            trust_env=False,  # the store's own network, never a proxy
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def send(self, method: str, path: str, body: Any = None, *, answer_s: float = ANSWER_S) -> bytes:
        """The content of the answer, which may take ``answer_s``. ServerAway, ServerBusy or ServerRefused."""
        timeout = httpx.Timeout(ANSWER_S, read=answer_s)
        try:
            response = await self._http.request(method, path, json=body, timeout=timeout)
        except httpx.HTTPError as error:
            raise ServerAway(str(error) or type(error).__name__) from error
        if response.is_success:
            return response.content
        try:
            problem: Any = response.json()
        except ValueError as error:
            raise ServerAway(f"the server answers {response.status_code}") from error
        if not isinstance(problem, dict):  # somebody in between speaks JSON too
            raise ServerAway(f"the server answers {response.status_code}")
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            if problem.get("code") == "provider_busy":
                raise ServerBusy(str(problem.get("en", "")))
            stumbled = problem.get("code") == "internal_error"
            raise (ServerFailed if stumbled else ServerAway)(str(problem.get("en", response.status_code)))
        raise ServerRefused(problem)

    async def events(self, token: str | None = None) -> AsyncIterator[ServerEvent]:
        """What happens to the station, or to what another ``token`` stands for, until the connection ends. ServerAway.

        The server's side is the HTML standard's section 9.2, "Server-sent events".
        """
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        try:
            timeout = httpx.Timeout(ANSWER_S, read=_EVENTS_SILENT_S_MAX)
            async with self._http.stream("GET", "/api/events", timeout=timeout, headers=headers) as response:
                if not response.is_success:
                    raise ServerAway(f"the server answers {response.status_code}")
                name = ""
                async for line in response.aiter_lines():
                    field, _, value = line.partition(": ")
                    if field == "event":
                        name = value
                    elif field == "data":
                        yield ServerEvent(name, str(msgspec.json.decode(value)["id"]))
        except httpx.HTTPError as error:
            raise ServerAway(str(error) or type(error).__name__) from error


async def follow(
    listen: Callable[[], AsyncIterator[ServerEvent]],
    *,
    connecting: Callable[[], None],
    heard: Callable[[ServerEvent], None],
    lost: Callable[[], None] | None = None,
    pause_s: float = _RECONNECT_S,
) -> Never:
    """Listen for good: when a connection is lost, or does not come about, the next begins after a pause.

    ``connecting`` is called before each, since something may have happened while nobody listened; ``lost`` after each.
    """
    while True:
        try:
            connecting()
            async for event in listen():
                heard(event)
        except ServerAway:
            pass  # told like an end that the server meant
        if lost is not None:
            lost()
        await asyncio.sleep(pause_s)


def pauses_s() -> Iterator[float]:
    """How long to wait before each next try, in seconds.

    >>> from itertools import islice
    >>> list(islice(pauses_s(), 7))
    [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    """
    pause_s = RETRY_S_FIRST
    while True:
        yield pause_s
        pause_s = min(2 * pause_s, RETRY_S_MAX)


async def until_answered(ask: Callable[[], Awaitable[T]], unanswered: Callable[[TryLater], None] | None = None) -> T:
    """The server's answer, however long it takes; ``unanswered`` hears of each vain try. ServerRefused."""
    pauses = pauses_s()
    while True:
        try:
            return await ask()
        except TryLater as trouble:
            if unanswered is not None:
                unanswered(trouble)
            await asyncio.sleep(next(pauses))
