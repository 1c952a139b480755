"""A scale that speaks Toledo 8217 on a pseudo-terminal or TCP port, in its own process.

Control requests: `{"load_g": 1250}`, `{"motion": true|false}` (someone leans on it), `{"fault": …}` with one of
`FAULTS` or null, `{"get": true}`. Each is answered with the state.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from unqueue.devices.simulators.control import one_of, only_keys
from unqueue.devices.simulators.line import new_line
from unqueue.devices.simulators.platform import Platform
from unqueue.devices.simulators.serving import Announce, serve
from unqueue.devices.wire.toledo8217 import (
    Acknowledged,
    Answer,
    ClearTareRequest,
    EchoByte,
    EchoStarted,
    EndEchoRequest,
    Request,
    RequestDecoder,
    StartEchoRequest,
    StartTestRequest,
    Status,
    StatusReport,
    Stray,
    TareRequest,
    TestResultRequest,
    Unit,
    WeightRequest,
    ZeroRequest,
    add_even_parity,
    encode_answer,
    strip_even_parity,
    tare_digits_g,
    weight_from_g,
)

FAULTS = (None, "overload", "unplugged", "silent", "late", "garbage", "split")
"""Beside overload and unplugged: no answer; answers 0.8 s late; noise around each answer; answers byte by byte."""

_LATE_S = 0.8
_BYTE_S = 10 / 9600  # start, seven data, parity and stop bit
_SPLIT_PAUSE_S = 0.005
_NO_WEIGHT = Status.MOTION | Status.OVER_CAPACITY | Status.UNDER_ZERO


class ScaleOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the scale is built and set up."""

    tcp_port: int | None = None
    """Speak on this TCP port (0: any free one) instead of on a pseudo-terminal."""
    link: str | None = None
    """Path of the link to the pseudo-terminal; by default one in a directory of its own."""
    control_port: int = 0
    """Port of the physical side; 0 takes any free one."""
    capacity_g: int = 30_000
    interval_g: int = 5
    unit: Unit = "kg"
    settle_ms: int = 300
    """How long the scale reports motion after the load changed."""
    noise_g_sd: float = 1.0
    """Standard deviation of the error of one weighing."""
    seed: int = 1
    style: Literal["8217", "8213"] = "8217"
    """8213 always sets bit 6 of the status byte; 8217 sets it for an unknown command."""
    parity: bool = False
    """Send and expect even parity in bit 7, as an 8-bit terminal server passes it on."""


class Electronics:
    """The scale's electronics: requests in, answers out."""

    def __init__(self, options: ScaleOptions, platform: Platform, clock: Callable[[], float]) -> None:
        self._options = options
        self._platform = platform
        self._clock = clock
        self._requests = RequestDecoder()
        self._tested = False
        self.weighings = 0

    def answers(self, data: bytes) -> list[bytes]:
        """What the scale says to some bytes of the host."""
        if self._options.parity:
            data = strip_even_parity(data)
        answers = [encode_answer(answer) for answer in map(self._answer, self._requests.feed(data)) if answer]
        return [add_even_parity(answer) for answer in answers] if self._options.parity else answers

    def _answer(self, request: Request) -> Answer | None:
        match request:
            case WeightRequest():
                return self._weight()
            case StartTestRequest() | TestResultRequest():
                return self._test(request)
            case StartEchoRequest():
                return EchoStarted()
            case EndEchoRequest():
                return None
            case EchoByte(byte):
                return Stray(byte)
            case _:
                return self._obey(request)

    def _test(self, request: Request) -> Answer:
        """The self-test always passes; its result can be read once (DIVA §6.1.3.4)."""
        result = StatusReport(Status.BAD_COMMAND if self._tested else Status(0))
        self._tested = isinstance(request, StartTestRequest)
        return Acknowledged() if self._tested else result

    def _obey(self, request: Request) -> StatusReport:
        now = self._clock()
        match request:
            case ZeroRequest():
                self._platform.zero(now)
            case TareRequest(digits):
                self._platform.tare(now, tare_digits_g(digits, self._options.unit) if digits else None)
            case ClearTareRequest():
                self._platform.clear_tare(now)
            case _:
                return self._status(bad=True)
        return self._status()

    def _weight(self) -> Answer:
        self.weighings += 1
        status = self._platform.status(self._clock())
        if status & _NO_WEIGHT:
            return self._status()
        return weight_from_g(self._platform.net_g(), self._options.unit, net=Status.NET in status)

    def _status(self, *, bad: bool = False) -> StatusReport:
        fixed = Status.BAD_COMMAND if bad or self._options.style == "8213" else Status(0)
        return StatusReport(self._platform.status(self._clock()) | fixed)


class SimulatedScale:
    """The whole device: platform, electronics, line and mishaps."""

    def __init__(self, options: ScaleOptions) -> None:
        self._clock = asyncio.get_running_loop().time
        self._random = random.Random(options.seed)  # noqa: S311  # noise that can be had again, not a secret
        self._platform = Platform(
            options.capacity_g, options.interval_g, options.settle_ms / 1000, options.noise_g_sd, self._random.gauss
        )
        self._electronics = Electronics(options, self._platform, self._clock)
        self._fault: str | None = None
        self._line_free_at = 0.0
        self._line_turn = asyncio.Lock()
        self._sending: set[asyncio.Task[None]] = set()
        self.line = new_line(self._on_data, tcp_port=options.tcp_port, link=options.link)

    async def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """A request of the physical side; the answer is the state."""
        only_keys(request, "get", "load_g", "motion", "fault")
        if "load_g" in request:
            self._platform.put(float(request["load_g"]), self._clock())
        if "motion" in request:
            self._platform.shaking = bool(request["motion"])
        if "fault" in request:
            self._fault = one_of(request["fault"], *FAULTS)
            self._platform.overloaded = self._fault == "overload"
            await (self.line.unplug() if self._fault == "unplugged" else self.line.plug())
        return {
            "load_g": self._platform.load_g,
            "display_g": self._platform.net_g(),
            "tare_g": self._platform.tare_g,
            "motion": self._platform.is_moving(self._clock()),
            "fault": self._fault,
            "weighings": self._electronics.weighings,
        }

    def _on_data(self, data: bytes) -> None:
        answer = b"".join(self._electronics.answers(data))
        match self._fault:
            case "silent":
                pass
            case "late":
                self._send_in_turn(answer, _LATE_S)
            case "garbage":
                self.line.write(self._noise() + answer + self._noise())
            case "split":
                task = asyncio.create_task(self._send_split(answer))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)
            case _:
                self._send_in_turn(answer, 0.0)

    def _send_in_turn(self, answer: bytes, delay_s: float) -> None:
        """A slow line is still a line: no answer overtakes another."""
        now = self._clock()
        if now + delay_s > self._line_free_at:
            self._line_free_at = now + delay_s
        else:
            self._line_free_at += _BYTE_S
        if self._line_free_at <= now:
            self.line.write(answer)
        else:
            asyncio.get_running_loop().call_at(self._line_free_at, self.line.write, answer)

    async def _send_split(self, answer: bytes) -> None:
        async with self._line_turn:
            for byte in answer:
                self.line.write(bytes([byte]))
                await asyncio.sleep(_SPLIT_PAUSE_S)

    def _noise(self) -> bytes:
        return self._random.randbytes(self._random.randrange(1, 8))


async def run(options: ScaleOptions, announce: Announce) -> None:
    """Be a scale until SIGTERM or SIGINT. `announce` gets `url` (for the driver's settings) and `control_port`."""
    scale = SimulatedScale(options)
    await serve("scale", scale.line, scale, options.control_port, announce)
