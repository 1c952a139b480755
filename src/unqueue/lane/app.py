"""The lane's own process: its sequence, and the web page that is its screen. Docs: docs/protocols/http.md."""

import asyncio
import contextlib
import time
from pathlib import Path

import msgspec
from litestar import Litestar, post
from litestar.handlers import HTTPRouteHandler

from unqueue.kernel.errors import DomainError
from unqueue.kernel.settings import Settings
from unqueue.kernel.settings_lane import Lane as LaneSettings
from unqueue.lane.book import OfflineBook
from unqueue.lane.gate_tags import TagRule
from unqueue.lane.hardware import open_hardware
from unqueue.lane.offline import OfflineDesk
from unqueue.lane.prompts import PROMPTS, RECORDINGS
from unqueue.lane.runner import LaneRunner
from unqueue.lane.screen import LaneState
from unqueue.lane.sequence.codes import is_of_shopper
from unqueue.lane.sequence.words import Code, Config, HelpAsked, PartDone, Phase, Timing
from unqueue.lane.server import StoreServer
from unqueue.lane.weighing import Rule, Tare
from unqueue.station import web
from unqueue.station.link import ServerRefused, TryLater
from unqueue.station.process import log_to_stderr, serve

WEB = Path(__file__).parent.parent / "web_dist" / "lane"
VOICE = Path(__file__).parent / "voice"
CLAIM_S_MAX = 15.0


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
            async for _ in runner.screen.watch():
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
    except (TryLater, ServerRefused) as error:
        raise CodeRefused("server_away") from error
    await runner.hardware.printer.print_receipt(receipt, language)


def commands(runner: LaneRunner, language: str) -> list[HTTPRouteHandler]:
    @post("/code", status_code=200)
    async def read_code(data: CodeRead) -> LaneState:
        """A pass or an order number, read by the camera or typed."""
        await take_code(runner, data.code)
        return runner.screen.shown

    @post("/help", status_code=200)
    async def ask_for_help() -> LaneState:
        """The shopper wants a person."""
        runner.hear(HelpAsked())
        return runner.screen.shown

    @post("/more", status_code=200)
    async def more_to_come() -> LaneState:
        """The shopper has more goods than fit on the scale at once: weigh these, then the rest."""
        runner.hear(PartDone())
        return runner.screen.shown

    @post("/receipt", status_code=204)
    async def receipt() -> None:
        """Print the receipt."""
        await print_receipt(runner, language)

    return [read_code, ask_for_help, more_to_come, receipt]


def seconds_awake_or_not() -> float:
    """A monotonic clock that goes on while the computer sleeps, where the system has one: passes end meanwhile."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def create_app(runner: LaneRunner, *, language: str = "zh") -> Litestar:
    """The ASGI application of a lane's screen; ``runner`` is run by whoever serves it."""
    return web.application([*web.showing(runner.screen, VOICE, RECORDINGS), *commands(runner, language)], WEB)


async def run(settings: Settings, own: LaneSettings) -> None:
    """Run the lane that ``own`` describes until it is told to stop. An error of its own ends it, too."""
    log_to_stderr()
    weighing = settings.weighing
    rule = Rule(weighing.sigmas, weighing.tolerance_g_min, weighing.own_bag_g_max)
    server = StoreServer(own.server_url, own.id, own.token, interval_g=own.scale.interval_g)
    hardware = open_hardware(own, time_zone=settings.store.time_zone)
    timing = Timing(check_s=own.side_bay_after_s) if own.side_bay else Timing()
    trolley = Tare(own.trolley.tare_g, own.trolley.tare_g_sd) if own.trolley is not None else None
    config = Config(rule=rule, timing=timing, side_bay=own.side_bay, trolley=trolley, counts_items=own.counts_items)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(server.close)
        desk = None
        if own.data_dir is not None:
            book = stack.enter_context(OfflineBook(own.data_dir / "offline.db"))
            desk = OfflineDesk(own.id, book, seconds_awake_or_not)
        tags = TagRule(own.rfid.rssi_dbm_min, own.rfid.reads_min, own.rfid.nearby_s) if own.rfid is not None else None
        runner = LaneRunner(own.id, own.name, hardware, server, config, desk=desk, tags=tags)
        await serve(create_app(runner, language=own.language), own, runner.run())
