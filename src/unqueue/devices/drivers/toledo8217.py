"""A scale that speaks Toledo 8217: UnifiedPOS Scale over a serial line.

The protocol numbers neither questions nor answers, so an answer that comes late would pass for the answer to the next
question, and the shopper before would be weighed. After every unanswered question the driver therefore has the scale
echo a word it has not used before (`E` word `F`) and believes nothing that comes before that echo.
"""

import asyncio
import itertools
from typing import Literal

import msgspec

from unqueue.devices.drivers.claiming import Claimed
from unqueue.devices.ports import (
    DeviceStatus,
    NotReady,
    Overweight,
    StableWeight,
    UnderZero,
    UnstableWeight,
    Weighing,
)
from unqueue.devices.transports.serial import LineDown, LineSettings, SerialLine
from unqueue.devices.wire.toledo8217 import (
    Answer,
    AnswerDecoder,
    ClearTareRequest,
    EchoByte,
    EndEchoRequest,
    Request,
    StartEchoRequest,
    Status,
    StatusReport,
    Stray,
    TareRequest,
    Unit,
    Weight,
    WeightRequest,
    ZeroRequest,
    add_even_parity,
    encode_request,
    strip_even_parity,
    tare_digits,
    weight_g,
)
from unqueue.kernel.weight import Reading


class Toledo8217Settings(msgspec.Struct, frozen=True):
    """The scale's line and how the scale is set up."""

    url: str
    unit: Unit = "kg"
    baud_rate: int = 9600
    interval_g: int = 5
    """The verification interval "e" on the scale's plate, in grams (OIML R 76)."""
    parity: Literal["line", "software", "none"] = "line"
    """Who checks even parity: the line's UART (9600 7E1); we, where the line gives 8 bits (a terminal server set to
    8N1); or nobody. Pseudo-terminals and plain sockets have no parity, so there `line` is the same as `none`."""
    stable_timeout_s: float = 3.0
    """How long `weigh` waits for the load to stand still."""
    answer_timeout_s: float = 0.6
    command_interval_s: float = 0.2
    """Pause between two commands. The manual asks for 200 ms; a simulator needs none."""

    resynchronise: Literal["echo", "silence"] = "echo"
    """What to do after an unanswered question: let a word echo, or, for a scale without echo, wait for silence."""

    def line(self) -> LineSettings:
        if self.parity == "line":
            return LineSettings(self.url, baud_rate=self.baud_rate, data_bits=7, parity="even")
        return LineSettings(self.url, baud_rate=self.baud_rate)


class NoAnswer(Exception):
    """The scale did not answer in time, or with nothing that fits the question."""


class Toledo8217Scale(Claimed):
    """See `ports.Scale`. One question is on the line at a time, however many ask."""

    def __init__(self, settings: Toledo8217Settings) -> None:
        self._settings = settings
        self._line = SerialLine(settings.line(), self._on_data, self._on_state)
        self._decoder = AnswerDecoder()
        self._answers: asyncio.Queue[Answer | None] = asyncio.Queue()  # None: the line broke
        self._turn = asyncio.Lock()
        self._words = (f"sync{number:04d}" for number in itertools.cycle(range(10_000)))
        self._asked_at = -1e9
        self._doubtful = True  # answers to older questions may still be under way
        self._trouble: str | None = None

    async def claim(self) -> None:
        self._line.start()

    async def release(self) -> None:
        await self._line.stop()

    async def status(self) -> DeviceStatus:
        if self._turn.locked():
            return DeviceStatus("busy", "weighing")
        async with self._turn:
            try:
                if self._doubtful:
                    await self._agree()
                answer = await self._ask(WeightRequest())
            except LineDown as down:
                return DeviceStatus("failed", str(down))
            except NoAnswer as silence:
                return DeviceStatus("failed", str(silence))
        moving = isinstance(answer, StatusReport) and Status.MOTION in answer.status
        return DeviceStatus("busy", "the load is moving") if moving else DeviceStatus("ready")

    async def weigh(self) -> Weighing:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.stable_timeout_s
        async with self._turn:
            while True:
                weighing = await self._weigh_once()
                settled = isinstance(weighing, StableWeight | Overweight | UnderZero)
                if settled or not self._line.connected or loop.time() >= deadline:
                    return weighing

    async def _weigh_once(self) -> Weighing:
        try:
            if self._doubtful:
                await self._agree()
            answer = await self._ask(WeightRequest())
        except (LineDown, NoAnswer) as trouble:
            return NotReady(str(trouble))
        if isinstance(answer, Weight):
            return StableWeight(
                Reading(weight_g(answer, self._settings.unit), self._settings.interval_g), tared=answer.net
            )
        # A moving load is neither too much nor too little yet.
        if Status.MOTION in answer.status:
            return UnstableWeight()
        if Status.OVER_CAPACITY in answer.status:
            return Overweight()
        if Status.UNDER_ZERO in answer.status:
            return UnderZero()
        return NotReady("the scale gives no weight and no reason")

    async def zero(self) -> bool:
        async with self._turn:
            if await self._command(ZeroRequest()) is None:
                return False
        # Zero is captured with the next conversion only, so the answer to Z itself says little.
        match await self.weigh():
            case StableWeight(reading, tared):
                return reading.net_g == 0 and not tared
        return False

    async def tare(self, tare_g: int | None = None) -> bool:
        request: Request = ClearTareRequest()
        if tare_g != 0:
            request = TareRequest("" if tare_g is None else tare_digits(tare_g, self._settings.unit))
        async with self._turn:
            if await self._command(request) is None:
                return False
        match await self.weigh():
            case StableWeight(_, tared):
                return tared == (tare_g != 0)
            case UnderZero():  # an empty scale under a known tare
                return tare_g != 0
        return False

    async def _command(self, request: Request) -> StatusReport | None:
        """The scale's status after a command, or None when it is not there."""
        try:
            if self._doubtful:
                await self._agree()
            answer = await self._ask(request)
        except (LineDown, NoAnswer):
            return None
        return answer if isinstance(answer, StatusReport) else None

    async def _ask(self, request: Request) -> Weight | StatusReport:
        """One question and its answer. The caller has the turn and no answer is under way."""
        await self._send(encode_request(request))
        self._doubtful = True
        try:
            async with asyncio.timeout(self._settings.answer_timeout_s):
                while True:
                    answer = await self._next_answer()
                    if isinstance(answer, Weight | StatusReport):
                        self._doubtful = False
                        return answer
        except TimeoutError:
            raise NoAnswer("the scale does not answer") from None

    async def _agree(self) -> None:
        """Let a word go round, so that what comes after it answers what we ask after it."""
        if self._settings.resynchronise == "silence":
            await asyncio.sleep(self._settings.answer_timeout_s)
            self._doubtful = False
            return
        word = next(self._words).encode("ascii")
        echo = b"".join(encode_request(EchoByte(byte)) for byte in word)
        end = encode_request(EndEchoRequest())
        # The first F ends an echo that somebody left on; elsewhere it is an unknown command, and its answer is skipped.
        await self._send(end)
        await self._send(encode_request(StartEchoRequest()) + echo)
        heard = bytearray()
        try:
            async with asyncio.timeout(self._settings.answer_timeout_s):
                while not heard.endswith(word):
                    answer = await self._next_answer()
                    heard += bytes([answer.byte]) if isinstance(answer, Stray) else b"\x02"
        except TimeoutError:
            raise NoAnswer("no Toledo 8217 scale answers") from None
        finally:
            if self._line.connected:
                await self._send(end)
        self._doubtful = False

    async def _next_answer(self) -> Answer:
        answer = await self._answers.get()
        if answer is None:
            raise LineDown(self._line.trouble)
        return answer

    async def _send(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        pause = self._asked_at + self._settings.command_interval_s - loop.time()
        if pause > 0:
            await asyncio.sleep(pause)
        self._forget_answers()
        self._line.write(add_even_parity(data) if self._settings.parity == "software" else data)
        self._asked_at = loop.time()

    def _forget_answers(self) -> None:
        self._decoder.reset()
        while not self._answers.empty():
            self._answers.get_nowait()

    def _on_data(self, data: bytes) -> None:
        if self._settings.parity == "software":
            data = strip_even_parity(data)
        for answer in self._decoder.feed(data):
            self._answers.put_nowait(answer)

    def _on_state(self, connected: bool) -> None:
        self._doubtful = True
        if not connected:
            self._answers.put_nowait(None)
