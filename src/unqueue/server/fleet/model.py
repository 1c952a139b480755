"""The store's devices as the server sees them: who they are, how they are, when they were last heard of. Pure."""

from collections.abc import Mapping
from typing import Literal

import msgspec

DeviceKind = Literal["lane", "kiosk", "handset"]
OFFLINE = "offline"
SILENT_AFTER_S = 20
"""A device that has not been heard of for so long is shown as offline. Lanes send a heartbeat every five seconds."""


class PartStatus(msgspec.Struct, frozen=True):
    """How one of a lane's own devices is: ``ready``, ``busy`` or ``failed``, with words for staff."""

    status: str
    detail: str = ""


class Heartbeat(msgspec.Struct, frozen=True):
    """What a device tells every few seconds: its state, and that of the parts that hang on it."""

    state: str
    devices: dict[str, PartStatus] = {}


class Device(msgspec.Struct, frozen=True):
    """A device that belongs to the store. ``seen_us`` is None until it has been heard of. A lane that
    ``closed_by`` took out at ``closed_us`` takes no new shopper; its own state says nothing of that.
    """

    device_id: str
    kind: DeviceKind
    name: str
    token_hash: str
    state: str = OFFLINE
    parts: Mapping[str, PartStatus] = {}
    seen_us: int | None = None
    closed_us: int | None = None
    closed_by: str | None = None

    def closed(self, by: str, at_us: int) -> "Device":
        """After somebody took it out; who did first stays."""
        return self if self.closed_us is not None else msgspec.structs.replace(self, closed_us=at_us, closed_by=by)

    def opened(self) -> "Device":
        return msgspec.structs.replace(self, closed_us=None, closed_by=None)

    def heard(self, heartbeat: Heartbeat, *, at_us: int) -> "Device":
        return msgspec.structs.replace(self, state=heartbeat.state, parts=heartbeat.devices, seen_us=at_us)

    def is_silent(self, now_us: int) -> bool:
        return self.seen_us is None or now_us - self.seen_us > SILENT_AFTER_S * 1_000_000

    def differs(self, other: "Device") -> bool:
        """Whether something changed that people should hear of: a state, not the time or the words."""
        return self.state != other.state or _statuses(self) != _statuses(other)


def _statuses(device: Device) -> dict[str, str]:
    return {name: part.status for name, part in device.parts.items()}
