"""The weighing platform of a simulated scale: load, motion, zero and tare, without bytes. Time comes in as seconds."""

from collections.abc import Callable

import msgspec

from unqueue.devices.wire.toledo8217 import Status


class Platform(msgspec.Struct):
    """What a load cell and its electronics make of what lies there."""

    capacity_g: int
    interval_g: int
    settle_s: float
    noise_g_sd: float
    noise: Callable[[float, float], float]
    """Draws from a normal distribution with this mean and standard deviation."""
    load_g: float = 0.0
    zero_g: float = 0.0
    tare_g: int = 0
    offset_g: float = 0.0
    """The error of this weighing: drawn anew whenever the load changes, so that a stable weight stays the same."""
    settled_at: float = 0.0
    shaking: bool = False
    overloaded: bool = False

    def put(self, load_g: float, now: float) -> None:
        """Another load lies there, and swings for a while."""
        self.load_g = load_g
        self.offset_g = self.noise(0.0, self.noise_g_sd) if load_g and self.noise_g_sd else 0.0
        self.settled_at = now + self.settle_s

    def is_moving(self, now: float) -> bool:
        return self.shaking or now < self.settled_at

    def gross_g(self) -> int:
        """What the display shows without tare: whole intervals, halves away from zero."""
        steps = (self.load_g + self.offset_g - self.zero_g) / self.interval_g
        return (1 if steps >= 0 else -1) * int(abs(steps) + 0.5) * self.interval_g

    def net_g(self) -> int:
        return self.gross_g() - self.tare_g

    def status(self, now: float) -> Status:
        """The bits that apply; over capacity begins nine intervals above it (OIML R 76-1 §4.2.3)."""
        gross_g = self.gross_g()
        conditions = {
            Status.MOTION: self.is_moving(now),
            Status.OVER_CAPACITY: self.overloaded or gross_g > self.capacity_g + 9 * self.interval_g,
            Status.UNDER_ZERO: self.net_g() < 0,
            Status.OUTSIDE_ZERO_RANGE: not self._can_be_zero(),
            Status.CENTER_OF_ZERO: gross_g == 0,
            Status.NET: self.tare_g > 0,
        }
        return Status(sum(bit for bit, applies in conditions.items() if applies))

    def zero(self, now: float) -> None:
        """Capture zero, if the load is still, near enough to nothing and without tare."""
        if not self.is_moving(now) and self._can_be_zero() and not self.tare_g:
            self.zero_g = self.load_g + self.offset_g

    def tare(self, now: float, known_g: int | None = None) -> None:
        """Subtract what lies there (if it is still and more than nothing), or a known weight."""
        if known_g is not None:
            self.tare_g = known_g
        elif not self.is_moving(now) and self.gross_g() > 0:
            self.tare_g = self.gross_g()

    def clear_tare(self, now: float) -> None:
        if not self.is_moving(now):
            self.tare_g = 0

    def _can_be_zero(self) -> bool:
        """Zero-setting reaches 2 % of the capacity to either side (OIML R 76-1 §4.5.1: 4 % in all)."""
        return abs(self.load_g + self.offset_g) <= 0.02 * self.capacity_g
