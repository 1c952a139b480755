"""The lane's own process: its sequence, and the web page that is its screen. Docs: docs/protocols/http.md."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.response import File, Stream
from litestar.static_files import create_static_files_router
from litestar.types import ExceptionHandlersMap

from unqueue.kernel.errors import DomainError, NotFound
from unqueue.kernel.settings import Lane as LaneSettings
from unqueue.kernel.settings import Settings
from unqueue.lane.hardware import open_hardware
from unqueue.lane.prompts import PROMPTS, RECORDINGS
from unqueue.lane.runner import LaneRunner
from unqueue.lane.screen import LaneState
from unqueue.lane.sequence.codes import is_of_shopper
from unqueue.lane.sequence.words import Code, Config, HelpAsked, Phase
from unqueue.lane.server import ServerAway, ServerRefused, StoreServer
from unqueue.lane.weighing import Rule

WEB = Path(__file__).parent.parent / "web_dist" / "lane"
VOICE = Path(__file__).parent / "voice"
CLAIM_S_MAX = 15.0
KEEP_ALIVE_S = 15.0
logger = logging.getLogger(__name__)
AnyRequest = Request[Any, Any, State]


class CodeRefused(DomainError):
    """Why a code leads nowhere, in the words of a prompt."""

    code = "code_refused"
    status = 409
    permanent = False
    zh = "{prompt_zh}"
    en = "{prompt_en}"

    def __init__(self, prompt: str) -> None:
        super().__init__(prompt=prompt, prompt_zh=PROMPTS[prompt].zh, prompt_en=PROMPTS[prompt].en)


class NoReceipt(DomainError):
    code = "no_receipt"
    status = 409
    zh = "付款后的小票在手机上也能看"
    en = "There is no receipt to print now. You find yours on your handset."


class NoPrinter(DomainError):
    code = "no_printer"
    status = 409
    zh = "这条通道没有打印机，小票在手机上"
    en = "This lane has no printer. Your receipt is on your handset."


class CodeRead(msgspec.Struct, frozen=True):
    """A pass, or an order number."""

    code: str


async def take_code(runner: LaneRunner, text: str) -> None:
    """Have the lane take a code that was typed or read by the camera; CodeRefused tells why not."""
    was_idle = _is(runner, "idle")
    runner.hear(Code(text))
    if not was_idle:
        if not is_of_shopper(runner.lane, text):
            raise CodeRefused("wait_turn")
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLAIM_S_MAX):
            async for _ in runner.watch():
                if not _is(runner, "claiming"):
                    break
    if runner.lane.exit is None:
        raise CodeRefused(runner.lane.notice or "server_away")


def _is(runner: LaneRunner, phase: Phase) -> bool:
    return runner.lane.phase == phase


async def print_receipt(runner: LaneRunner, language: str) -> None:
    """Print the receipt of the order at the lane. NoPrinter, NoReceipt, or the printer's own refusal."""
    if runner.hardware.printer is None:
        raise NoPrinter
    exit_id = runner.lane.exit_id
    if exit_id is None:
        raise NoReceipt
    try:
        receipt = await runner.server.receipt(exit_id)
    except (ServerAway, ServerRefused) as error:
        raise CodeRefused("server_away") from error
    await runner.hardware.printer.print_receipt(receipt, language)


async def event_stream(runner: LaneRunner) -> AsyncIterator[bytes]:
    """Every change of the screen as a server-sent event, comments in between."""
    yield b"retry: 1000\n\n"
    states = runner.watch()
    waiting: asyncio.Task[LaneState] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(states))
            done, _ = await asyncio.wait({waiting}, timeout=KEEP_ALIVE_S)
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


def routes(runner: LaneRunner, language: str) -> list[HTTPRouteHandler]:
    @get("/state", sync_to_thread=False)
    def read_state() -> LaneState:
        """What the screen shows."""
        return runner.shown

    @get("/events", media_type="text/event-stream")
    async def events() -> Stream:
        """The same, with every change."""
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return Stream(event_stream(runner), media_type="text/event-stream", headers=headers)

    @post("/code", status_code=200)
    async def read_code(data: CodeRead) -> LaneState:
        """A pass or an order number, read by the camera or typed."""
        await take_code(runner, data.code)
        return runner.shown

    @post("/help", status_code=200)
    async def ask_for_help() -> LaneState:
        """The shopper wants a person."""
        runner.hear(HelpAsked())
        return runner.shown

    @post("/receipt", status_code=204)
    async def receipt() -> None:
        """Print the receipt."""
        await print_receipt(runner, language)

    @get("/voice/{spoken:str}/{name:str}", sync_to_thread=False)
    def voice(spoken: str, name: str) -> File:
        """The recording of a prompt, such as ``/voice/zh/welcome.wav``."""
        prompt = name.removesuffix(".wav")
        path = VOICE / spoken / f"{prompt}.wav"
        if spoken not in {"zh", "en"} or prompt not in RECORDINGS:
            raise NotFound
        return File(
            path, media_type="audio/wav", content_disposition_type="inline", headers={"Cache-Control": "max-age=3600"}
        )

    return [read_state, events, read_code, ask_for_help, receipt, voice]


def _problem(_: AnyRequest, error: DomainError) -> Response[bytes]:
    return Response(
        msgspec.json.encode(error.problem()),
        status_code=error.status,
        media_type="application/problem+json; charset=utf-8",
    )


def create_app(runner: LaneRunner, *, language: str = "zh") -> Litestar:
    """The ASGI application of a lane's screen; ``runner`` is run by whoever serves it."""
    screen = [create_static_files_router(path="/", directories=[WEB], html_mode=True)] if WEB.exists() else []
    handlers: ExceptionHandlersMap = {DomainError: _problem}
    return Litestar(
        route_handlers=[*routes(runner, language), *screen],
        exception_handlers=handlers,
        openapi_config=None,
        logging_config=None,
    )


async def run(settings: Settings, own: LaneSettings) -> None:
    """Run the lane that ``own`` describes until it is told to stop. An error of its own ends it, too."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    weighing = settings.weighing
    rule = Rule(weighing.sigmas, weighing.tolerance_g_min, weighing.own_bag_g_max)
    runner = LaneRunner(
        own.id,
        own.name,
        open_hardware(own, time_zone=settings.store.time_zone),
        StoreServer(own.server_url, own.id, own.token),
        Config(rule=rule),
    )
    screen = uvicorn.Server(
        uvicorn.Config(
            create_app(runner, language=own.language),
            host=own.host,
            port=own.port,
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=1,
        )
    )
    work, serving = asyncio.create_task(runner.run()), asyncio.create_task(screen.serve())
    await asyncio.wait({work, serving}, return_when=asyncio.FIRST_COMPLETED)
    screen.should_exit = True
    await serving
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work
    await runner.server.close()
