"""A floor scale whose terminal sends Toledo continuous output: UnifiedPOS Scale over a serial line.

A trolley on a plate swings for seconds, and the terminal says "motion" all that time. What it weighs is told earlier,
from the stream itself (:mod:`unqueue.devices.resting`). Tares are kept here: the stream carries no command for a known
one, and somebody may press the terminal's own key, whose tare is added back.
"""

import asyncio
from collections import deque
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
from unqueue.devices.resting import Platform, Resting, resting
from unqueue.devices.transports.serial import LineDown, LineSettings, SerialLine
from unqueue.devices.wire.toledo_continuous import ZERO_COMMAND, Frame, FrameDecoder
from unqueue.kernel.weight import Reading

_KEPT_S = 2.5
_ZERO_S = 2.0
_FRESH = 2
"""So many readings after the question: the first may have been under way before it."""


class ToledoContinuousSettings(msgspec.Struct, frozen=True):
    """The terminal's line and how it is set up. ``noise_g`` is the standard deviation of one reading of a load at
    rest, rounding included; 0 takes four tenths of the interval, which is rounding and a little.
    """

    url: str
    interval_g: int = 20
    baud_rate: int = 9600
    data_bits: Literal[7, 8] = 8
    parity: Literal["none", "even", "odd"] = "none"
    checksum: bool = True
    noise_g: float = 0.0
    stable_timeout_s: float = 3.0
    """How long `weigh` waits until the weight can be told."""
    silence_s: float = 1.0
    """A terminal that has sent nothing for so long is not there: the slowest send four times a second."""


class ToledoContinuousScale(Claimed):
    """See `ports.Scale`."""

    def __init__(self, settings: ToledoContinuousSettings) -> None:
        self._settings = settings
        noise_g = settings.noise_g or 0.4 * settings.interval_g
        self._platform = Platform(noise_g=noise_g, sd_g_max=max(noise_g, 4.0))
        line = LineSettings(
            settings.url, baud_rate=settings.baud_rate, data_bits=settings.data_bits, parity=settings.parity
        )
        self._line = SerialLine(line, self._on_data, self._on_state)
        self._decoder = FrameDecoder(checksum=settings.checksum)
        self._frames: deque[tuple[float, Frame]] = deque()
        self._came = asyncio.Event()
        self._tare_g = 0

    async def claim(self) -> None:
        self._line.start()

    async def release(self) -> None:
        await self._line.stop()
        self._frames.clear()

    async def status(self) -> DeviceStatus:
        if not self._line.connected:
            return DeviceStatus("failed", self._line.trouble)
        last = self._last()
        if last is None:
            return DeviceStatus("failed", "the scale does not send; set its terminal to continuous output")
        if last.no_zero:
            return DeviceStatus("failed", "the scale has not found its zero; empty it and switch it on again")
        return DeviceStatus("busy", "the load is moving") if self._rests() is None else DeviceStatus("ready")

    async def weigh(self) -> Weighing:
        return await self._weigh(asyncio.get_running_loop().time())

    async def _weigh(self, since_s: float) -> Weighing:
        """The first weight that can be told, from readings that came after ``since_s`` at the latest."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.stable_timeout_s
        while True:
            self._came.clear()
            found = self._look(since_s)
            left_s = deadline - loop.time()
            if not isinstance(found, UnstableWeight) or left_s <= 0:
                return found
            try:
                async with asyncio.timeout(min(left_s, self._settings.silence_s)):
                    await self._came.wait()
            except TimeoutError:
                if self._last() is None or loop.time() >= deadline:
                    return self._look(since_s)

    def _look(self, since_s: float) -> Weighing:
        last = self._last()
        if last is None or last.no_zero:
            return self._unready(last, since_s)
        found = self._rests()
        if found is None or sum(at_s > since_s for at_s, _ in self._frames) < _FRESH:
            return UnstableWeight()
        if last.out_of_range:
            return Overweight() if last.gross_g >= 0 else UnderZero()
        interval_g = self._settings.interval_g
        gross_g = interval_g * round(found.rest_g / interval_g)
        if gross_g - self._tare_g < 0:
            return UnderZero()
        return StableWeight(Reading(gross_g - self._tare_g, interval_g), tared=self._tare_g != 0)

    def _unready(self, last: Frame | None, since_s: float) -> Weighing:
        if not self._line.connected:
            return NotReady(self._line.trouble)
        if last is not None:
            return NotReady("the scale has not found its zero")
        waited_s = asyncio.get_running_loop().time() - since_s
        # It may have been plugged in a moment ago.
        return UnstableWeight() if waited_s < self._settings.silence_s else NotReady("the scale does not send")

    def _last(self) -> Frame | None:
        """The last reading, where the terminal sends."""
        now_s = asyncio.get_running_loop().time()
        return self._frames[-1][1] if self._frames and now_s - self._frames[-1][0] <= self._settings.silence_s else None

    def _rests(self) -> Resting | None:
        at_s = [at_s for at_s, _ in self._frames]
        return resting(at_s, [float(frame.gross_g) for _, frame in self._frames], self._platform)

    async def zero(self) -> bool:
        if self._tare_g:
            return False
        try:
            self._line.write(ZERO_COMMAND)
        except LineDown:
            return False
        loop = asyncio.get_running_loop()
        asked_s = loop.time()
        while loop.time() - asked_s < _ZERO_S:
            match await self._weigh(loop.time()):
                case StableWeight(reading, _) if reading.net_g == 0:
                    return True
                case NotReady():
                    return False
        return False

    async def tare(self, tare_g: int | None = None) -> bool:
        if tare_g is not None:
            self._tare_g = tare_g
            return self._line.connected
        before_g, self._tare_g = self._tare_g, 0
        match await self.weigh():
            case StableWeight(reading, _) if reading.net_g > 0:
                self._tare_g = reading.net_g
                return True
        self._tare_g = before_g
        return False

    def _on_data(self, data: bytes) -> None:
        now_s = asyncio.get_running_loop().time()
        for frame in self._decoder.feed(data):
            self._frames.append((now_s, frame))
            self._came.set()
        while self._frames and now_s - self._frames[0][0] > _KEPT_S:
            self._frames.popleft()

    def _on_state(self, connected: bool) -> None:
        self._decoder.reset()
        self._frames.clear()
        if not connected:
            self._came.set()
