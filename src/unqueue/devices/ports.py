"""What a lane and a kiosk ask of their hardware, in the words of UnifiedPOS 1.16 (OMG retail/2024: Scale, Scanner,
Belt, Gate, Lights, ToneIndicator, RFIDScanner, POSPrinter, CoinAcceptor, BillAcceptor, CoinDispenser, BillDispenser).
UnifiedPOS has no tag deactivator, EAS detector or fire alarm: those names are ours.

Every device is *claimed* before use and *released* after it, which `async with` does. A claimed device looks after its
connection by itself: unplugging it makes `status` say so, plugging it in again makes it ready. Counters only grow
while a device is claimed; they are totals, so that the difference of two readings is what happened in between.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Literal, Protocol, Self

import msgspec

from unqueue.kernel.cash import Denomination
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


class TagRead(msgspec.Struct, frozen=True):
    """A tag that a radio reader saw. ``epc`` is what stands in it, padded to whole bytes; ``rssi_dbm`` the strongest of
    ``count`` reads since the last report; ``antenna`` counts from 1. None where the reader does not say.
    """

    epc: bytes
    antenna: int | None = None
    rssi_dbm: int | None = None
    count: int = 1


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


class RFIDScanner(Device, Protocol):
    """A reader of radio tags that reads all the time, as UnifiedPOS RFIDScanner after ``startReadTags``."""

    def reads(self) -> AsyncIterator[TagRead]:
        """The tags as they are seen, the same ones again and again, until the reader is released. When nobody takes
        them, the oldest are forgotten.
        """
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
    async def print_receipt(self, receipt: Mapping[str, Any], language: str, *, copy: bool = False) -> None:
        """Print a `Receipt` of the HTTP contract in `zh` or `en`; a `copy` is marked as one. DeviceFailed when the
        printer can't.
        """
        ...

    async def print_bytes(self, data: bytes) -> None:
        """Print bytes in the printer's own language."""
        ...


class InEscrow(msgspec.Struct, frozen=True, tag=True):
    """A note lies where it can still be given back: `stack` or `give_back` decides. Until then the device waits."""

    denomination: Denomination
    mark: str


class Credited(msgspec.Struct, frozen=True, tag=True):
    """Money that its owner can't take back any more. `where` is where it went."""

    denomination: Denomination
    where: Literal["cashbox", "dispenser"]
    mark: str


class GivenBack(msgspec.Struct, frozen=True, tag=True):
    """It went back to its owner: `reason` says why (`counterfeit`, `unfit`, `inhibited`, `jam`, `asked`, …)."""

    reason: str
    mark: str


class CreditUnknown(msgspec.Struct, frozen=True, tag=True):
    """Money may have come that nobody can name: events were lost, or a value is unknown. It belongs to suspense, the
    device is to be locked, and staff called. `count` is how many coins or notes at most; None: not known.
    """

    detail: str
    count: int | None
    mark: str


class Trouble(msgspec.Struct, frozen=True, tag=True):
    """Something that staff should know: `kind` is stable, `detail` English. `blocks`: no money is taken meanwhile."""

    kind: Literal[
        "jam", "fraud", "full", "empty", "cashbox_removed", "cashbox_replaced", "reset", "unplugged", "back", "fault"
    ]
    detail: str
    blocks: bool
    mark: str


CashEvent = InEscrow | Credited | GivenBack | CreditUnknown | Trouble


class CashAcceptor(Device, Protocol):
    """Takes coins (UnifiedPOS CoinAcceptor), notes (BillAcceptor), or both.

    Nothing that it takes is lost, and nothing is counted twice, whenever either side loses power: each event has a
    `mark`, which its hearer makes durable together with what the event caused, and hands back after a restart. Before
    it has heard anything it asks for the `mark` of now, makes that durable, and only then lets the device take money.
    """

    async def denominations(self) -> frozenset[Denomination]:
        """What the device recognises. DeviceFailed while it is not connected."""
        ...

    async def mark(self) -> str:
        """The mark of now: `events` after it begin with what happens next. DeviceFailed while it is not connected."""
        ...

    async def enable(self, wanted: frozenset[Denomination]) -> None:
        """Take these from now on, and give everything else back; nothing wanted: take nothing. DeviceFailed."""
        ...

    def events(self, after: str | None) -> AsyncIterator[CashEvent]:
        """What happens, in order, from the one after the mark `after` on; None: from now on, which is only for hearers
        that need not survive a power cut. Each event comes until it is acknowledged, and the next only then.
        """
        ...

    async def acknowledge(self, mark: str) -> None:
        """What the event with this mark caused is durable."""
        ...

    async def stack(self) -> None:
        """Take the note that is in escrow: `Credited` follows, or `GivenBack` if it went wrong."""
        ...

    async def give_back(self) -> None:
        """Give the note that is in escrow back: `GivenBack` follows."""
        ...


class Payout(msgspec.Struct, frozen=True):
    """How far a payout is: what has left the device since its mark. `done`: it moves no more. `problem` says why it
    stopped early (`empty`, `jam`, `reset`, …); `exact` is false when the device can't tell for sure what it gave.
    """

    paid: dict[Denomination, int]
    done: bool
    problem: str = ""
    exact: bool = True


class CashDispenser(Device, Protocol):
    """Gives coins (UnifiedPOS CoinDispenser), notes (BillDispenser), or both.

    A payout is written down with the mark of `begin` before `dispense` is called; after a power cut `payout` tells what
    became of it. The same payout is never begun twice: `dispense` with a mark that was used does nothing.
    """

    async def denominations(self) -> frozenset[Denomination]:
        """What the device can give. DeviceFailed while it is not connected."""
        ...

    async def levels(self) -> dict[Denomination, int]:
        """What the device itself counts; denominations that it can't count are absent. DeviceFailed."""
        ...

    async def begin(self) -> str:
        """The mark of the payout that comes next. DeviceFailed."""
        ...

    async def dispense(self, counts: Mapping[Denomination, int], mark: str) -> None:
        """Start to pay out. DeviceFailed, with `uncertain` when it may have begun: ask `payout`."""
        ...

    async def payout(self, mark: str) -> Payout:
        """What became of the payout with this mark; nothing paid and done if it was never begun. DeviceFailed."""
        ...
