"""The settings of an exit lane and of its devices: the `[lane]` table. A kiosk's scanner and printer are the same."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from unqueue.kernel.settings_types import (
    Antenna,
    BaudRate,
    Channel,
    CommandInterval,
    HttpUrl,
    Identifier,
    Interval,
    Name,
    OptionalIdentifier,
    Port,
    PrinterUrl,
    SerialPort,
)


class Scale(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The lane's scale: goods on the belt (`toledo_8217`), or whole trolleys on a floor scale whose terminal sends
    `toledo_continuous` output, with or without its `checksum`. `parity` is checked by the `line` (7E1), by `software`
    (a line at 8N1), or by none.
    """

    port: SerialPort
    driver: Literal["toledo_8217", "toledo_continuous"] = "toledo_8217"
    baud_rate: BaudRate = 9600
    checksum: bool = True
    unit: Literal["kg", "lb"] = "kg"
    interval_g: Interval = 5
    parity: Literal["line", "software", "none"] = "line"
    resynchronise: Literal["echo", "silence"] = "echo"
    command_interval_ms: CommandInterval = 200


class Io(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Modbus TCP module of belt, deactivator, EAS gate, lamp and barrier. `map` moves signals to other channels."""

    host: Name
    driver: Literal["moxa_e1212"] = "moxa_e1212"
    port: Port = 502
    map: dict[str, Channel] = {}


class Scanner(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    port: SerialPort
    baud_rate: BaudRate = 9600


class Printer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: PrinterUrl
    width_chars: Annotated[int, Meta(ge=24, le=96, description="a number from 24 to 96", examples=[48])] = 48
    baud_rate: BaudRate = 9600
    answers_status: bool = True
    logo_file: Path | None = None


class Trolley(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The usual trolley of a lane that weighs whole trolleys: what it weighs empty, and how much trolleys differ (one
    standard deviation). One whose own code (a GRAI) the lane reads is learned from the orders that pass.
    """

    tare_g: Annotated[int, Meta(ge=100, le=200_000, description="grams from 100 to 200000", examples=[21_500])]
    tare_g_sd: Annotated[float, Meta(ge=0, le=5000, description="grams from 0 to 5000", examples=[150])] = 150.0


class Rfid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A UHF reader at the gate that speaks LLRP. A tag counts as carried out when it is read `reads_min` times while
    its shopper passes, and once as loud as `rssi_dbm_min`; one that was heard for `nearby_s` before must come nearer.
    """

    host: Name
    driver: Literal["llrp"] = "llrp"
    port: Port = 5084
    antennas: tuple[Antenna, ...] = (0,)
    rssi_dbm_min: Annotated[int, Meta(ge=-90, le=-20, description="a signal from -90 to -20 dBm", examples=[-62])] = -62
    reads_min: Annotated[int, Meta(ge=1, le=50, description="a number from 1 to 50", examples=[2])] = 2
    nearby_s: Annotated[int, Meta(ge=5, le=600, description="seconds from 5 to 600", examples=[20])] = 20


class Lane(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An exit lane's own process, on the lane's computer. What needs a person is sent to the `side_bay`, a weight that
    does not fit after the shopper looked for `side_bay_after_s`; without a bay the lane waits. A lane whose `id` is the
    name of a bay is that bay's own scale and gate. With a `data_dir` of its own a lane may let orders out while the
    server is away: those whose passes are bound to it. With `counts_items` the light barrier before its belt counts
    what is laid there (counter `belt_items`), which sharpens the weight test.
    """

    id: Identifier
    server_url: HttpUrl
    token: Name
    scale: Scale
    io: Io
    trolley: Trolley | None = None
    name: Name = "1"
    host: Name = "127.0.0.1"
    port: Port = 8100
    scanner: Scanner | None = None
    printer: Printer | None = None
    rfid: Rfid | None = None
    language: Literal["zh", "en"] = "zh"
    data_dir: Path | None = None
    counts_items: bool = False
    side_bay: OptionalIdentifier = ""
    side_bay_after_s: Annotated[int, Meta(ge=0, le=120, description="seconds from 0 to 120", examples=[12])] = 12

    def __repr__(self) -> str:
        return f"Lane(id={self.id!r}, server_url={self.server_url!r})"  # the token stays out of logs
