"""The kiosk's own process: its sequence, and the web page that is its screen. Docs: docs/protocols/http.md."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import uvicorn
from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.response import File, Stream
from litestar.static_files import create_static_files_router
from litestar.types import ExceptionHandlersMap

from unqueue.kernel.clock import SystemClock
from unqueue.kernel.errors import DomainError, NotFound
from unqueue.kernel.settings import Kiosk as KioskSettings
from unqueue.kernel.settings import Settings
from unqueue.kiosk import staff
from unqueue.kiosk.cash.store import CashJournal
from unqueue.kiosk.cashier import Cashier
from unqueue.kiosk.hardware import Hardware, cash_policy, open_hardware
from unqueue.kiosk.prompts import RECORDINGS
from unqueue.kiosk.runner import KioskRunner
from unqueue.kiosk.screen import KioskState
from unqueue.kiosk.sequence import can_hear
from unqueue.kiosk.sequence.words import (
    Cancel,
    Code,
    Config,
    Done,
    GiveBack,
    HelpAsked,
    Input,
    Pay,
    PrintAgain,
    Speak,
    Stay,
    TakeOff,
    Timing,
)
from unqueue.kiosk.server import StoreServer
from unqueue.kiosk.visit import VisitFile

WEB = Path(__file__).parent.parent / "web_dist" / "kiosk"
VOICE = Path(__file__).parent / "voice"
JOURNAL = "cash.db"
ANSWER_S_MAX = 15.0
KEEP_ALIVE_S = 15.0
_GOOD_NEWS = frozenset({"coupon_on", "still_due"})
"""Notices that tell of no refusal."""
AnyRequest = Request[Any, Any, State]


class NotNow(DomainError):
    """What was asked for makes no sense in this phase."""

    code = "not_now"
    status = 409
    permanent = False
    zh = "现在不能这样做"
    en = "This can't be done now."


class KioskRefused(DomainError):
    """What was asked for did not work out; the notice says why, under its own code."""

    status = 409
    zh = "{why_zh}"
    en = "{why_en}"

    def problem(self) -> dict[str, Any]:
        document = super().problem()
        code = document.pop("why")
        return {**document, "type": f"/problems/{code}", "code": code}


class CodeRead(msgspec.Struct, frozen=True):
    """An order's code or number; with an order open, a coupon's or a card's."""

    code: Annotated[str, msgspec.Meta(max_length=512)]


class Chosen(msgspec.Struct, frozen=True):
    """How the shopper pays."""

    method: str
    amount_minor: int | None = None
    instrument: Annotated[str, msgspec.Meta(max_length=256)] = ""


class Coupon(msgspec.Struct, frozen=True):
    id: str


class Language(msgspec.Struct, frozen=True):
    language: Literal["zh", "en"]


async def do(runner: KioskRunner, wanted: Input, *, waits: bool = False) -> KioskState:
    """What a shopper asks for, and the screen after it. NotNow; KioskRefused where it came to nothing."""
    if not can_hear(runner.kiosk, wanted):
        raise NotNow
    notices = runner.kiosk.notices
    runner.hear(wanted)
    if waits:
        await runner.settled(ANSWER_S_MAX)
    notice = runner.kiosk.notice
    is_refused = waits and notice is not None and runner.kiosk.notices != notices and notice.code not in _GOOD_NEWS
    if is_refused and notice is not None:
        raise KioskRefused(why=notice.code, why_zh=notice.zh, why_en=notice.en)
    return runner.shown


async def event_stream(runner: KioskRunner) -> AsyncIterator[bytes]:
    """Every change of the screen as a server-sent event, comments in between."""
    yield b"retry: 1000\n\n"
    states = runner.watch()
    waiting: asyncio.Task[KioskState] | None = None
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


def reading(runner: KioskRunner) -> list[HTTPRouteHandler]:
    @get("/state", sync_to_thread=False)
    def read_state() -> KioskState:
        """What the screen shows."""
        return runner.shown

    @get("/events", media_type="text/event-stream")
    async def events() -> Stream:
        """The same, with every change."""
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return Stream(event_stream(runner), media_type="text/event-stream", headers=headers)

    @get("/voice/{spoken:str}/{name:str}", sync_to_thread=False)
    def voice(spoken: str, name: str) -> File:
        """The recording of a prompt, such as ``/voice/zh/welcome.wav``."""
        prompt = name.removesuffix(".wav")
        if spoken not in {"zh", "en"} or prompt not in RECORDINGS:
            raise NotFound
        headers = {"Cache-Control": "max-age=3600"}
        return File(
            VOICE / spoken / f"{prompt}.wav",
            media_type="audio/wav",
            content_disposition_type="inline",
            headers=headers,
        )

    return [read_state, events, voice]


def commands(runner: KioskRunner) -> list[HTTPRouteHandler]:
    @post("/code", status_code=200)
    async def code(data: CodeRead) -> KioskState:
        """What was scanned or typed."""
        return await do(runner, Code(data.code), waits=True)

    @post("/pay", status_code=200)
    async def pay(data: Chosen) -> KioskState:
        """Begin a tender."""
        return await do(runner, Pay(data.method, data.amount_minor, data.instrument), waits=True)

    @post("/remove-coupon", status_code=200)
    async def remove_coupon(data: Coupon) -> KioskState:
        """Take a coupon off."""
        return await do(runner, TakeOff(data.id), waits=True)

    @post("/language", status_code=200)
    async def language(data: Language) -> KioskState:
        """Of voice and paper."""
        return await do(runner, Speak(data.language))

    plain: dict[str, tuple[Input, str]] = {
        "/cancel": (Cancel(), "Give the tender under way up."),
        "/give-back": (GiveBack(), "Everything that was paid comes back."),
        "/stay": (Stay(), "The shopper is still there."),
        "/receipt": (PrintAgain(), "Print the receipt."),
        "/help": (HelpAsked(), "Call staff."),
        "/done": (Done(), "The shopper leaves."),
    }
    return [code, pay, remove_coupon, language, *(_plain(runner, path, *what) for path, what in plain.items())]


def _plain(runner: KioskRunner, path: str, wanted: Input, about: str) -> HTTPRouteHandler:
    async def press() -> KioskState:
        return await do(runner, wanted)

    press.__doc__ = about
    return post(path, status_code=200, name=path)(press)


def _problem(_: AnyRequest, error: DomainError) -> Response[bytes]:
    return Response(
        msgspec.json.encode(error.problem()),
        status_code=error.status,
        media_type="application/problem+json; charset=utf-8",
    )


def create_app(runner: KioskRunner, *, token: str) -> Litestar:
    """The ASGI application of a kiosk's screen; ``runner`` is run by whoever serves it."""
    screen = [create_static_files_router(path="/", directories=[WEB], html_mode=True)] if WEB.exists() else []
    handlers: ExceptionHandlersMap = {DomainError: _problem}
    return Litestar(
        route_handlers=[*reading(runner), *commands(runner), *staff.routes(runner.cashier, token), *screen],
        exception_handlers=handlers,
        openapi_config=None,
        logging_config=None,
    )


def open_cashier(own: KioskSettings, hardware: Hardware, server: StoreServer) -> Cashier | None:
    """The till, where there are cash devices. SettingsError, JournalInUse."""
    if not hardware.cash:
        return None
    policy = cash_policy(own)
    journal = CashJournal(own.data_dir / JOURNAL, own.id)
    return Cashier(journal, hardware.cash, policy, clock=SystemClock(), send=server.report)


async def run(settings: Settings, own: KioskSettings) -> None:
    """Run the kiosk that ``own`` describes until it is told to stop. An error of its own ends it, too.

    SettingsError for devices that make no sense, JournalInUse when it runs already.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    hardware = open_hardware(own, time_zone=settings.store.time_zone)
    server = StoreServer(own.server_url, own.id, own.token)
    cashier = open_cashier(own, hardware, server)
    timing = Timing(idle_s=own.idle_s, idle_warning_s=own.idle_warning_s)
    config = Config(own.id, own.language, timing)
    runner = KioskRunner(config, hardware, server, VisitFile(own.data_dir), name=own.name, cashier=cashier)
    screen = uvicorn.Server(
        uvicorn.Config(
            create_app(runner, token=own.token),
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
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await work
    finally:
        await server.close()
        if cashier is not None:
            cashier.close()
