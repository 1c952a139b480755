"""A floor scale whose terminal sends Toledo continuous output, in its own process: the plate swings under a trolley.

Control requests: `{"load_g": 32500}`, `{"motion": true|false}` (someone pushes at the trolley), `{"fault": …}` with one
of `FAULTS` or null, `{"get": true}`. Each is answered with the state.
"""

import asyncio
import math
import random
from typing import Any

import msgspec

from unqueue.devices.simulators.control import one_of, only_keys
from unqueue.devices.simulators.line import new_line
from unqueue.devices.simulators.platform import Platform
from unqueue.devices.simulators.serving import Announce, serve
from unqueue.devices.wire.toledo_continuous import ZERO_COMMAND, Frame, encode

FAULTS = (None, "overload", "unplugged", "silent", "garbage", "split", "no_zero", "tared")
"""Beside overload and unplugged: no frames; noise around each frame; frames in two parts; switched on under a load;
somebody pressed the terminal's own tare key."""

_SPLIT_PAUSE_S = 0.005
_PUSH_G_SD = 400.0
_STILL_G = 0.5


class FloorScaleOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the scale is built and set up. A changed load swings by ``swing_share`` of the change at first."""

    tcp_port: int | None = None
    link: str | None = None
    control_port: int = 0
    capacity_g: int = 150_000
    interval_g: int = 20
    rate_hz: float = 25.0
    swing_share: float = 0.1
    swing_hz: float = 2.2
    decay_per_s: float = 1.5
    noise_g_sd: float = 3.0
    """Standard deviation of each reading."""
    checksum: bool = True
    seed: int = 1


class SimulatedFloorScale:
    """The whole device: plate, terminal, line and mishaps."""

    def __init__(self, options: FloorScaleOptions) -> None:
        self._options = options
        self._clock = asyncio.get_running_loop().time
        self._random = random.Random(options.seed)  # noqa: S311  # noise that can be had again, not a secret
        self._platform = Platform(options.capacity_g, options.interval_g, 0.0, 0.0, lambda _mean, _sd: 0.0)
        self._swing_g, self._swings_since = 0.0, 0.0
        self._fault: str | None = None
        self._frames = 0
        self.line = new_line(self._on_data, tcp_port=options.tcp_port, link=options.link)

    async def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """A request of the physical side; the answer is the state."""
        only_keys(request, "get", "load_g", "motion", "fault")
        if "load_g" in request:
            now, load_g = self._clock(), float(request["load_g"])
            self._swing_g = self._options.swing_share * (load_g - self._platform.load_g)
            self._swings_since = now
            self._platform.put(load_g, now)
        if "motion" in request:
            self._platform.shaking = bool(request["motion"])
        if "fault" in request:
            self._fault = one_of(request["fault"], *FAULTS)
            self._platform.overloaded = self._fault == "overload"
            await (self.line.unplug() if self._fault == "unplugged" else self.line.plug())
        return {
            "load_g": self._platform.load_g,
            "display_g": self._platform.gross_g(),
            "motion": self._platform.shaking or abs(self._swinging_g()) > _STILL_G * self._options.interval_g,
            "fault": self._fault,
            "frames": self._frames,
        }

    def _swinging_g(self) -> float:
        since_s = self._clock() - self._swings_since
        options = self._options
        return (
            self._swing_g * math.exp(-options.decay_per_s * since_s) * math.cos(math.tau * options.swing_hz * since_s)
        )

    def _frame(self) -> Frame:
        """What the plate feels now, as the terminal shows it."""
        options, platform = self._options, self._platform
        off_g = self._swinging_g() + (self._random.gauss(0, _PUSH_G_SD) if platform.shaking else 0.0)
        off_g += self._random.gauss(0, options.noise_g_sd) if options.noise_g_sd else 0.0
        shown_g = platform.load_g + off_g - platform.zero_g
        steps = math.floor(abs(shown_g) / options.interval_g + 0.5) * (1 if shown_g >= 0 else -1)
        over_g = options.capacity_g + 9 * options.interval_g
        return Frame(
            gross_g=steps * options.interval_g,
            interval_g=options.interval_g,
            tare_g=max(platform.gross_g(), 0) if self._fault == "tared" else 0,
            moving=platform.shaking or abs(self._swinging_g()) > _STILL_G * options.interval_g,
            out_of_range=platform.overloaded or steps * options.interval_g > over_g,
            no_zero=self._fault == "no_zero",
        )

    def _on_data(self, data: bytes) -> None:
        if ZERO_COMMAND in data and not self._platform.shaking:
            self._platform.zero(self._clock())

    async def send(self) -> None:
        """The stream, until cancelled."""
        due_s = self._clock()
        while True:
            due_s += 1 / self._options.rate_hz
            await asyncio.sleep(max(0.0, due_s - self._clock()))
            self._frames += 1
            data = encode(self._frame(), checksum=self._options.checksum)
            match self._fault:
                case "silent" | "unplugged":
                    pass
                case "garbage":
                    self.line.write(self._noise() + data + self._noise())
                case "split":
                    self.line.write(data[:7])
                    await asyncio.sleep(_SPLIT_PAUSE_S)
                    self.line.write(data[7:])
                case _:
                    self.line.write(data)

    def _noise(self) -> bytes:
        return self._random.randbytes(self._random.randrange(1, 8))


async def run(options: FloorScaleOptions, announce: Announce) -> None:
    """Be a floor scale until SIGTERM or SIGINT. `announce` gets `url` (for the driver) and `control_port`."""
    scale = SimulatedFloorScale(options)
    sending = asyncio.create_task(scale.send())
    try:
        await serve("floor-scale", scale.line, scale, options.control_port, announce)
    finally:
        sending.cancel()
