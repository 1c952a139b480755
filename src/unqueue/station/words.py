"""Words that all stations use. Pure."""

from typing import Literal, Protocol

import msgspec

Status = Literal["ready", "busy", "failed"]
"""How a device is, or the server: see :class:`unqueue.devices.ports.DeviceStatus`."""


class ScreenState(msgspec.Struct, frozen=True):
    """What a station's screen shows. ``seq`` grows with every change."""

    seq: int


class Seen(Protocol):
    """How a device was when it was last looked at; the server is one that is called ``server``."""

    @property
    def name(self) -> str: ...

    @property
    def status(self) -> Status: ...

    @property
    def detail(self) -> str: ...
