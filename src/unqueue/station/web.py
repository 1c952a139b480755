"""A station's screen as a web page of its own process. Docs: docs/protocols/http.md."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, Router, get
from litestar.datastructures import State as AppState
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import File, Stream
from litestar.static_files import create_static_files_router
from litestar.types import ExceptionHandlersMap

from unqueue.kernel.errors import DomainError, NotFound
from unqueue.station.screen import LiveScreen, State
from unqueue.station.words import ScreenState

KEEP_ALIVE_S = 15.0
_LANGUAGES = frozenset({"zh", "en"})


async def event_stream(screen: LiveScreen[State], keep_alive_s: float = KEEP_ALIVE_S) -> AsyncIterator[bytes]:
    """Every change of the screen as a server-sent event, comments in between."""
    yield b"retry: 1000\n\n"
    states = screen.watch()
    waiting: asyncio.Task[State] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(states))
            done, _ = await asyncio.wait({waiting}, timeout=keep_alive_s)
            if not done:
                yield b": keep-alive\n\n"
                continue
            state, waiting = waiting.result(), None
            yield b"id: %d\nevent: state\ndata: %b\n\n" % (state.seq, msgspec.json.encode(state))
    finally:
        if waiting is not None:
            waiting.cancel()
            await asyncio.wait({waiting})
        await states.aclose()


def showing(screen: LiveScreen[State], voice: Path, recordings: Collection[str]) -> list[HTTPRouteHandler]:
    """What a screen reads: its state, the changes, and the ``recordings`` of prompts below ``voice``."""

    @get("/state", sync_to_thread=False)
    def read_state() -> ScreenState:
        """What the screen shows."""
        return screen.shown

    @get("/events", media_type="text/event-stream")
    async def events() -> Stream:
        """The same, with every change."""
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return Stream(event_stream(screen), media_type="text/event-stream", headers=headers)

    @get("/voice/{spoken:str}/{name:str}", sync_to_thread=False)
    def recording(spoken: FromPath[str], name: FromPath[str]) -> File:
        """The recording of a prompt, such as ``/voice/zh/welcome.wav``."""
        prompt = name.removesuffix(".wav")
        if spoken not in _LANGUAGES or prompt not in recordings:
            raise NotFound
        return File(
            voice / spoken / f"{prompt}.wav",
            media_type="audio/wav",
            content_disposition_type="inline",
            headers={"Cache-Control": "max-age=3600"},
        )

    return [read_state, events, recording]


def application(handlers: Sequence[HTTPRouteHandler], pages: Path) -> Litestar:
    """The ASGI application of a station's screen: its handlers, and the built ``pages`` if they are there."""
    site: list[Router] = [create_static_files_router(path="/", directories=[pages], html_mode=True)]
    exception_handlers: ExceptionHandlersMap = {DomainError: _problem}
    return Litestar(
        route_handlers=[*handlers, *(site if pages.exists() else [])],
        exception_handlers=exception_handlers,
        openapi_config=None,
        logging_config=None,
    )


def _problem(_: Request[Any, Any, AppState], error: DomainError) -> Response[bytes]:
    return Response(
        msgspec.json.encode(error.problem()),
        status_code=error.status,
        media_type="application/problem+json; charset=utf-8",
    )
