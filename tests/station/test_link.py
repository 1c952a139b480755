"""A station's link to its server: what each answer means, that nothing is given up, that a lost stream comes back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import Any

import pytest
from tests.support.obedient_server import TOKEN, ObedientServer, frames

from unqueue.kiosk.sequence.words import OpenOrder
from unqueue.kiosk.server import StoreServer as KioskServer
from unqueue.kiosk.server import notice_of
from unqueue.lane.sequence.words import ReadExits
from unqueue.lane.server import StoreServer as LaneServer
from unqueue.station.link import (
    ServerAway,
    ServerBusy,
    ServerEvent,
    ServerLink,
    ServerRefused,
    TryLater,
    follow,
    until_answered,
)

pytestmark = pytest.mark.anyio
REFUSAL = {"code": "order_unknown", "zh": "没有这个订单", "en": "There is no such order."}


@pytest.fixture
def server() -> Iterator[ObedientServer]:
    with ObedientServer().running() as running:
        yield running


@contextlib.asynccontextmanager
async def linked(url: str, token: str = TOKEN) -> AsyncIterator[ServerLink]:
    link = ServerLink(url, token)
    try:
        yield link
    finally:
        await link.close()


async def test_an_answer_comes_with_the_stations_token(server: ObedientServer) -> None:
    server.answers["/api/lanes/lane-1/exits"] = (200, [])
    async with linked(server.url) as link:
        assert await link.send("POST", "/api/lanes/lane-1/exits", {"id": "1"}) == b"[]"
    assert server.asked == [("POST", "/api/lanes/lane-1/exits", TOKEN, {"id": "1"})]


@pytest.mark.parametrize(
    ("status", "body", "raised", "text"),
    [
        (404, REFUSAL, ServerRefused, "order_unknown"),
        (409, {"code": "conflict"}, ServerRefused, "conflict"),
        (400, {}, ServerRefused, "error"),
        (503, {"code": "provider_busy", "en": "The wallet is silent."}, ServerBusy, "The wallet is silent."),
        (503, {"code": "busy", "en": "One moment."}, ServerAway, "One moment."),
        (500, {}, ServerAway, "500"),
        (502, b"<html>the proxy's own words</html>", ServerAway, "the server answers 502"),
        (404, b"<html>not even ours</html>", ServerAway, "the server answers 404"),
        (403, ["a proxy's own words"], ServerAway, "the server answers 403"),
        (502, "a proxy's own words", ServerAway, "the server answers 502"),
    ],
)
async def test_what_an_answer_means(
    server: ObedientServer, status: int, body: Any, raised: type[Exception], text: str
) -> None:
    server.answers["/api/orders/1"] = (status, body)
    async with linked(server.url) as link:
        with pytest.raises(raised, match=text) as caught:
            await link.send("GET", "/api/orders/1")
    assert type(caught.value) is raised
    assert isinstance(caught.value, TryLater) is (raised is not ServerRefused)


async def test_a_server_that_is_not_there() -> None:
    async with linked("http://127.0.0.1:9") as link:
        with pytest.raises(ServerAway):
            await link.send("GET", "/api/health")
        with pytest.raises(ServerAway):
            _ = [event async for event in link.events()]


async def test_a_server_that_thinks_for_too_long() -> None:
    async def think(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    slow = await asyncio.start_server(think, "127.0.0.1", 0)
    async with slow, linked(f"http://127.0.0.1:{slow.sockets[0].getsockname()[1]}") as link:
        with pytest.raises(ServerAway):
            await link.send("GET", "/api/health", answer_s=0.05)


@pytest.mark.parametrize("token", [None, "o_order"])
async def test_events_are_names_and_what_they_are_of(server: ObedientServer, token: str | None) -> None:
    server.answers["/api/events"] = (200, frames(("order", "order-1"), ("call", "call-7")))
    async with linked(server.url) as link:
        heard = [event async for event in link.events(token)]
    assert heard == [ServerEvent("order", "order-1"), ServerEvent("call", "call-7")]
    assert server.asked[0].token == (token or TOKEN)


async def test_a_stream_that_is_refused_is_a_server_that_is_away(server: ObedientServer) -> None:
    async with linked(server.url) as link:
        with pytest.raises(ServerAway, match="404"):
            _ = [event async for event in link.events()]


async def test_a_lost_stream_comes_back(server: ObedientServer) -> None:
    """It ends, is refused, is cut off; after each there is another, told beforehand."""
    server.answers["/api/events"] = [
        (200, frames(("order", "1"))),
        (503, {"code": "busy"}),
        (200, frames(("order", "2"))),
        (200, frames()),
    ]
    told: list[object] = []
    enough = asyncio.Event()

    def connecting() -> None:
        told.append("connecting")
        if told.count("connecting") == 4:
            enough.set()

    async with linked(server.url) as link:
        following = asyncio.create_task(
            follow(
                link.events,
                connecting=connecting,
                heard=lambda event: told.append(event.id),
                lost=lambda: told.append("lost"),
                pause_s=0.01,
            )
        )
        async with asyncio.timeout(10):
            await enough.wait()
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
    assert told[:9] == ["connecting", "1", "lost", "connecting", "lost", "connecting", "2", "lost", "connecting"]


async def test_a_question_is_asked_until_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unqueue.station.link.RETRY_S_FIRST", 0.001)
    tries = count(1)
    troubles: list[str] = []

    async def ask() -> str:
        match next(tries):
            case 1:
                raise ServerAway("away")
            case 2:
                raise ServerBusy("busy")
            case _:
                return "answer"

    assert await until_answered(ask, lambda trouble: troubles.append(str(trouble))) == "answer"
    assert troubles == ["away", "busy"]


async def test_a_refusal_ends_the_asking() -> None:
    tries = count(1)

    async def ask() -> str:
        next(tries)
        raise ServerRefused(REFUSAL)

    with pytest.raises(ServerRefused):
        await until_answered(ask)
    assert next(tries) == 2


class TestEachStation:
    """What lane and kiosk promise alike, on top of the link."""

    @pytest.fixture(params=["lane", "kiosk"])
    def kind(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    def _paths(self, kind: str) -> str:
        return f"/api/{kind}s/{kind}-1"

    def _store(self, kind: str, url: str) -> LaneServer | KioskServer:
        return (LaneServer if kind == "lane" else KioskServer)(url, f"{kind}-1", TOKEN)

    async def _ask(self, store: LaneServer | KioskServer) -> object:
        if isinstance(store, LaneServer):
            return await store.ask(ReadExits(), "request-1")
        return await store.ask(OpenOrder("104729389"), "request-1")

    @pytest.mark.parametrize(
        ("answer", "raised"),
        [((502, b"?"), ServerAway), ((503, {"code": "provider_busy"}), ServerBusy), ((404, REFUSAL), ServerRefused)],
    )
    async def test_a_question_fails_in_the_links_words(
        self, server: ObedientServer, kind: str, answer: tuple[int, Any], raised: type[Exception]
    ) -> None:
        for path in ("exits", "orders"):
            server.answers[f"{self._paths(kind)}/{path}"] = answer
        store = self._store(kind, server.url)
        with pytest.raises(raised):
            await self._ask(store)
        await store.close()

    async def test_a_heartbeat_is_sent_under_its_own_name(self, server: ObedientServer, kind: str) -> None:
        server.answers[f"{self._paths(kind)}/heartbeat"] = (200, {})
        store = self._store(kind, server.url)
        devices = {"scanner": {"status": "ready", "detail": ""}}
        await store.heartbeat("idle", devices)
        await store.close()
        body = {"state": "idle", "devices": devices}
        assert server.asked == [("POST", f"{self._paths(kind)}/heartbeat", TOKEN, body)]


def test_a_refusal_is_told_to_the_shopper_in_both_languages() -> None:
    notice = notice_of(ServerRefused(REFUSAL))
    assert (notice.code, notice.zh, notice.en) == ("order_unknown", REFUSAL["zh"], REFUSAL["en"])
    bare = notice_of(ServerRefused({}))
    assert all((bare.code, bare.zh, bare.en))
