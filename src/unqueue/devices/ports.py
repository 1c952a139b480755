"""What a lane asks of its hardware, in the words of UnifiedPOS 1.16 (OMG retail/2024: Scale, Scanner, Belt, Gate,
Lights, ToneIndicator, POSPrinter). UnifiedPOS has no tag deactivator, EAS detector or fire alarm: those names are ours.

Every device is *claimed* before use and *released* after it, which `async with` does. A claimed device looks after its
connection by itself: unplugging it makes `status` say so, plugging it in again makes it ready. Counters only grow
while a device is claimed; they are totals, so that the difference of two readings is what happened in between.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Literal, Protocol, Self

import msgspec

from unqueue.kernel.errors import DomainError
from unqueue.kernel.weight import Reading

LightColor = Literal["green", "red"]


class DeviceStatus(msgspec.Struct, frozen=True):
    """How a device is: `ready`, `busy` (wait a little) or `failed` (`detail` says why, for staff, in English)."""

    status: Literal["ready", "busy", "failed"]
    detail: str = ""


class DeviceFailed(DomainError):
    """A device did not do what it was told. Details: `device`, `detail`, and `uncertain`: true when the order was
    sent and its answer was lost, so that it may have been carried out. An uncertain order must not be repeated blindly.
    """

    code = "device_failed"
    status = 503
    permanent = False
    zh = "设备暂时不可用，请稍候或呼叫店员"
    en = "A device is not answering. Please wait a moment or call for help."

    def __init__(self, *, device: str, detail: str, uncertain: bool = False) -> None:
        super().__init__(device=device, detail=detail, uncertain=uncertain)

    def __str__(self) -> str:
        fate = " (it may have been carried out)" if self.details["uncertain"] else ""
        return f"{self.details['device']}: {self.details['detail']}{fate}"


class StableWeight(msgspec.Struct, frozen=True, tag=True):
    """The scale stands still and shows this. `tared`: a tare is subtracted."""

    reading: Reading
    tared: bool = False


class UnstableWeight(msgspec.Struct, frozen=True, tag=True):
    """The load moved for as long as we were willing to wait."""


class Overweight(msgspec.Struct, frozen=True, tag=True):
    """More than the scale's capacity lies on it."""


class UnderZero(msgspec.Struct, frozen=True, tag=True):
    """Less than nothing: something was taken off that lay there when the scale was zeroed."""


class NotReady(msgspec.Struct, frozen=True, tag=True):
    """Not connected, or no usable answer; `detail` says which."""

    detail: str


Weighing = StableWeight | UnstableWeight | Overweight | UnderZero | NotReady


class Scan(msgspec.Struct, frozen=True):
    """A code that a scanner read. `symbology` is its AIM identifier (ISO/IEC 15424), such as `]E0`, if it was sent."""

    code: str
    symbology: str | None = None


class Device(Protocol):
    """What all devices have: a lifetime and a status."""

    async def claim(self) -> None:
        """Take the device into use. Does not wait for it: `status` tells when it is ready."""
        ...

    async def release(self) -> None:
        """Give it back. Releasing a device that is not claimed does nothing."""
        ...

    async def status(self) -> DeviceStatus: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


async def wait_until_ready(device: Device, timeout_s: float, poll_interval_s: float = 0.05) -> DeviceStatus:
    """Wait for a claimed device to be ready; its last status, ready or not, when the time is over."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    # Devices are asked, not listened to: a status is an answer on the wire, not an event.
    while (status := await device.status()).status != "ready" and loop.time() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(poll_interval_s)
    return status


class Scale(Device, Protocol):
    async def weigh(self) -> Weighing:
        """Wait until the load stands still, within the driver's time limit, and say what the scale shows."""
        ...

    async def zero(self) -> bool:
        """Make what lies there the new zero; whether the scale then stands at zero. False when not ready, too."""
        ...

    async def tare(self, tare_g: int | None = None) -> bool:
        """Subtract `tare_g` grams from now on, or what lies there now; 0 ends it. Whether the scale did as told."""
        ...


class Scanner(Device, Protocol):
    def scans(self) -> AsyncIterator[Scan]:
        """The codes as they are read, until the scanner is released. Ones read before wait, the oldest first."""
        ...

    def clear_input(self) -> None:
        """Forget codes that wait."""
        ...


class Belt(Device, Protocol):
    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def item_count(self) -> int:
        """Items that crossed the light barrier since counting began."""
        ...

    async def is_occupied(self) -> bool:
        """Whether something lies on the belt."""
        ...


class TagDeactivator(Device, Protocol):
    async def activate(self) -> None: ...

    async def deactivate(self) -> None: ...

    async def deactivated_count(self) -> int:
        """Tags deactivated since counting began."""
        ...


class EasDetector(Device, Protocol):
    async def alarm_count(self) -> int:
        """Live tags that passed the pedestals since counting began."""
        ...


class Gate(Device, Protocol):
    async def open(self) -> None:
        """Open once, for one passage. DeviceFailed with `uncertain` when it may have opened."""
        ...

    async def close(self) -> None:
        """Close now, where the barrier can be told to; others close by themselves after a passage or a time."""
        ...

    async def is_closed(self) -> bool: ...

    async def passage_count(self) -> int:
        """Persons who walked through since counting began."""
        ...


class Lights(Device, Protocol):
    async def switch_on(self, color: LightColor) -> None: ...

    async def switch_off(self, color: LightColor) -> None: ...


class ToneIndicator(Device, Protocol):
    async def sound(self, *, cycles: int = 1, tone_ms: int = 300, pause_ms: int = 200) -> None:
        """Sound `cycles` times, and return when it is quiet again."""
        ...


class FireAlarm(Device, Protocol):
    async def is_active(self) -> bool:
        """Whether the building's fire alarm contact is closed: everything must open."""
        ...


class POSPrinter(Device, Protocol):
    async def print_receipt(self, receipt: Mapping[str, Any], language: str) -> None:
        """Print a `Receipt` of the HTTP contract in `zh` or `en`. DeviceFailed when the printer can't."""
        ...

    async def print_bytes(self, data: bytes) -> None:
        """Print bytes in the printer's own language."""
        ...
