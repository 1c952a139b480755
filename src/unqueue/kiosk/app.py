"""The kiosk's own process: its sequence, and the web page that is its screen. Docs: docs/protocols/http.md."""

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from litestar import Litestar, post
from litestar.handlers import HTTPRouteHandler

from unqueue.kernel.clock import SystemClock
from unqueue.kernel.errors import DomainError
from unqueue.kernel.settings import Kiosk as KioskSettings
from unqueue.kernel.settings import Settings
from unqueue.kiosk import staff
from unqueue.kiosk.cash.store import JOURNAL, CashJournal
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
from unqueue.station import web
from unqueue.station.process import log_to_stderr, serve

WEB = Path(__file__).parent.parent / "web_dist" / "kiosk"
VOICE = Path(__file__).parent / "voice"
ANSWER_S_MAX = 15.0
_GOOD_NEWS = frozenset({"coupon_on", "still_due", "left_out"})
"""Notices that tell of no refusal."""


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
    """An order's code or number, or a part of a basket; with an order open, a coupon's or a card's."""

    code: Annotated[str, msgspec.Meta(max_length=640)]


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
    return runner.screen.shown


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


def create_app(runner: KioskRunner, *, token: str) -> Litestar:
    """The ASGI application of a kiosk's screen; ``runner`` is run by whoever serves it."""
    shown = web.showing(runner.screen, VOICE, RECORDINGS)
    return web.application([*shown, *commands(runner), *staff.routes(runner.cashier, token)], WEB)


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
    log_to_stderr()
    hardware = open_hardware(own, time_zone=settings.store.time_zone)
    server = StoreServer(own.server_url, own.id, own.token)
    cashier = open_cashier(own, hardware, server)
    timing = Timing(idle_s=own.idle_s, idle_warning_s=own.idle_warning_s)
    config = Config(own.id, own.language, timing)
    runner = KioskRunner(config, hardware, server, VisitFile(own.data_dir), name=own.name, cashier=cashier)
    try:
        await serve(create_app(runner, token=own.token), own, runner.run())
    finally:
        await server.close()
        if cashier is not None:
            cashier.close()
