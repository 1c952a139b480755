"""What the lane's sequence hears and says: its inputs, its requests to the server, its commands to devices. Pure."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from unqueue.devices.ports import Weighing
from unqueue.kernel.weight import Reading
from unqueue.lane.weighing import Expected, Line, Rule, Tare, Verdict

Phase = Literal[
    "starting",  # reading from the server what was going on before a restart
    "idle",
    "claiming",
    "loading",  # goods are being laid on the belt
    "deactivating",  # the weight fits: the belt carries the goods past the deactivator
    "judging",  # the server hears of the weighing
    "check",  # the shopper has a look
    "staff",  # a person comes
    "releasing",
    "open",
    "leaving",
    "alarm",  # a live tag at the gate
    "deactivating_again",  # staff hold a paid item to the deactivator, which missed its tag
    "sending_aside",  # the server hears that the shopper goes on in the side bay
    "aside",  # the shopper takes the goods there
    "abandoning",
]
AlarmKind = Literal["live_tag", "device", "help"]
NEAR_EMPTY_G = 10
TagCause = Literal["tag_missed", "not_on_order"]
"""Why a tag may be live at the gate: the deactivator counted fewer than the order has, or it counted them all."""


class GateGood(msgspec.Struct, frozen=True):
    """Goods of which more were read at the gate than are paid on the order: ``read`` pieces, and ``paid``."""

    product_id: str
    name_zh: str
    name_en: str
    read: int
    paid: int


class CallInfo(msgspec.Struct, frozen=True):
    """``action`` is what staff answered; None while nobody did, and where the call settled itself."""

    call_id: str
    status: Literal["open", "answered"]
    kind: str = ""
    action: str | None = None


class ExitInfo(msgspec.Struct, frozen=True):
    """An exit as the server tells it. ``tags`` is how many goods carry one; ``weighing`` is the one that counts;
    ``expected`` is what the goods should weigh, where the server knows; ``is_thanked``: an audit found all right.
    """

    exit_id: str
    status: Literal["claimed", "accepted", "released", "left", "abandoned"]
    number: str
    item_count: int
    lines: tuple[Line, ...]
    order_id: str = ""
    tags: int = 0
    checks: tuple[str, ...] = ()
    weighing: Verdict | None = None
    passages: int | None = None
    expected: Expected | None = None
    offline: bool = False
    """The lane decides about it alone."""
    is_thanked: bool = False
    bay: str | None = None
    """The side bay that the shopper was sent to: no lane has this exit any more."""


# What the sequence hears.


class Tick(msgspec.Struct, frozen=True):
    """Time went on."""


class Code(msgspec.Struct, frozen=True):
    """A code was read by the scanner or the camera, or typed."""

    text: str


class Weighed(msgspec.Struct, frozen=True):
    weighing: Weighing


class IoRead(msgspec.Struct, frozen=True):
    """The I/O module's counters and inputs. ``gate_closed`` must be read before ``passages``: whoever walked through
    before the gate closed is then counted.
    """

    passages: int
    alarms: int
    deactivated: int
    gate_closed: bool
    fire: bool = False
    items: int | None = None
    """What the belt's light barrier has counted; None at a lane that does not count."""


class DeviceSeen(msgspec.Struct, frozen=True):
    """How a device is, or the server: it is called ``server``."""

    name: str
    status: Literal["ready", "busy", "failed"]
    detail: str = ""


class Answered(msgspec.Struct, frozen=True):
    """The server's answer to request ``number``: the exits it tells of (one, except for :class:`ReadExits`)."""

    number: int
    exits: tuple[ExitInfo, ...]


class Refused(msgspec.Struct, frozen=True):
    """The server said no to request ``number``; ``code`` is its stable name."""

    number: int
    code: str


class ExitSeen(msgspec.Struct, frozen=True):
    """The exit as it stands, after something happened to it."""

    exit: ExitInfo


class CallSeen(msgspec.Struct, frozen=True):
    """The call that :class:`RaiseAlarm` number ``key`` led to, as it stands."""

    key: int
    call: CallInfo


class CallRefused(msgspec.Struct, frozen=True):
    """The server does not take the call that :class:`RaiseAlarm` number ``key`` asked for."""

    key: int


class OfflineSeen(msgspec.Struct, frozen=True):
    """Whether the server can't be asked, and the lane may decide alone about orders that are bound to it."""

    on: bool


class HelpAsked(msgspec.Struct, frozen=True):
    """The shopper pressed Help."""


class PartDone(msgspec.Struct, frozen=True):
    """The shopper has more goods than fit on the scale at once: those that lie there are a part of them."""


class TareSeen(msgspec.Struct, frozen=True):
    """What the trolley weighs whose code was read; the lane's usual tare where nobody knows."""

    tare: Tare


class GoodsSeen(msgspec.Struct, frozen=True):
    """The gate's reader saw goods with an exit that are not on its order, or more of them than are."""

    exit_id: str
    goods: tuple[GateGood, ...]


Input = (
    Tick
    | Code
    | Weighed
    | IoRead
    | DeviceSeen
    | Answered
    | Refused
    | ExitSeen
    | CallSeen
    | CallRefused
    | OfflineSeen
    | HelpAsked
    | PartDone
    | TareSeen
    | GoodsSeen
)

# What it asks of the server: one request at a time, repeated until it is answered or given up.


class ReadExits(msgspec.Struct, frozen=True):
    """The exits of this lane that are not ended."""


class Claim(msgspec.Struct, frozen=True):
    """``shown_s``: when the pass was shown, where the server could not be asked then: its clock, seconds since 1970."""

    pass_: str | None = None
    order_number: str | None = None
    shown_s: float | None = None


class TellWeighing(msgspec.Struct, frozen=True):
    exit_id: str
    verdict: Verdict
    interval_g: int
    tags_deactivated: bool
    """As many as the order has were counted."""
    tare: Tare | None = None


class Release(msgspec.Struct, frozen=True):
    """``tags_deactivated``: whether as many tags were counted as the order has; None where that is not known."""

    exit_id: str
    passages: int
    tags_deactivated: bool | None


class Left(msgspec.Struct, frozen=True):
    exit_id: str
    passages: int


class Abandon(msgspec.Struct, frozen=True):
    exit_id: str
    reason: str


class SendAside(msgspec.Struct, frozen=True):
    """The shopper goes on in the side bay, and this lane is free."""

    exit_id: str
    bay: str


Request = ReadExits | Claim | TellWeighing | Release | Left | Abandon | SendAside


class Pending(msgspec.Struct, frozen=True):
    """A request on its way. Its number tells its answer from that of an earlier one."""

    number: int
    request: Request


# What it tells devices and staff to do, once.


class OpenGate(msgspec.Struct, frozen=True):
    """Open for one passage."""


class Sound(msgspec.Struct, frozen=True):
    cycles: int


class ZeroScale(msgspec.Struct, frozen=True):
    """Make the empty belt the new zero."""


class RaiseAlarm(msgspec.Struct, frozen=True):
    """Call staff. ``key`` names the call in :class:`CallSeen`."""

    key: int
    kind: AlarmKind
    exit_id: str | None = None
    detail: str | None = None
    cause: TagCause | None = None
    goods: tuple[GateGood, ...] = ()


class CallOver(msgspec.Struct, frozen=True):
    """What the call number ``key`` was about is over: nobody need answer it any more."""

    key: int


class AskTare(msgspec.Struct, frozen=True):
    """Find out what a trolley weighs, by its code."""

    code: str


Command = OpenGate | Sound | ZeroScale | RaiseAlarm | CallOver | AskTare


class Outputs(msgspec.Struct, frozen=True):
    """The outputs that hold their level."""

    belt: bool = False
    deactivator: bool = False
    green: bool = False
    red: bool = False


class Timing(msgspec.Struct, frozen=True):
    """How long the lane waits for what, in seconds."""

    claim_s_max: float = 10.0
    too_light_s: float = 8.0
    """Unchanged for so long, a belt that is too light is looked at: people lay their goods one by one."""
    too_heavy_s: float = 2.5
    check_s: float = 12.0
    """The shopper looks alone for so long; then the screen says that someone comes, or leads to the side bay."""
    aside_s_min: float = 3.0
    """The screen leads to the side bay for at least so long, also where the goods were taken off before."""
    aside_empty_s: float = 1.0
    """A belt that has been empty for so long is free for the next shopper."""
    aside_s_max: float = 45.0
    """Goods that lie there for so long after their shopper was sent aside are a matter for staff."""
    lay_s_max: float = 120.0
    part_s: float = 1.0
    """A part of the goods stands still for so long before it may be kept as weighed."""
    part_off_s_max: float = 45.0
    """A part that still lies there so long after it was weighed is none: the shopper changed their mind."""
    emptied_s: float = 60.0
    """So long after the goods were taken off again, with staff perhaps looking at them, the order goes back."""
    rescan_s: float = 300.0
    """The same while an audit goes on: the goods are scanned again beside the belt."""
    landing_s: float = 2.0
    """What crossed the belt's barrier lies on the belt by then, or never will."""
    deactivate_s_max: float = 4.0
    deactivate_again_s_max: float = 10.0
    """A hand is slower than a belt."""
    bell_s: float = 15.0
    """A bell so long after an order left is about its goods."""
    remind_s: float = 20.0
    notice_s: float = 6.0
    gate_s: float = 2.0
    """A gate that is closed so long after it was told to open is told again, as long as nobody walked through."""
    walk_s_max: float = 60.0
    tare_s_max: float = 60.0
    """A trolley whose code was read so long ago, and that has not come, has gone elsewhere."""
    alarm_alone_s: float = 60.0
    """A bell that nobody can be called to keeps the lane closed for so long."""
    refused_s: float = 5.0
    """A server that says no again and again is not asked more often."""
    trouble_s: float = 5.0
    """A device may be away for so long before staff are called."""


class Config(msgspec.Struct, frozen=True):
    """``side_bay`` is where exceptions are sent; empty where the lane itself waits for them. ``trolley`` is the usual
    tare of a lane that weighs whole trolleys; ``counts_items``: the belt's light barrier counts what is laid.
    """

    rule: Rule = Rule()
    timing: Timing = Timing()
    side_bay: str = ""
    trolley: Tare | None = None
    counts_items: bool = False


class Gone(msgspec.Struct, frozen=True):
    """An exit that left: a bell soon afterwards is about its goods. ``tags_counted`` of ``tags`` were silenced; None
    where nobody knows, after a restart.
    """

    exit_id: str
    tags: int
    tags_counted: int | None
    at_s: float


class Lane(msgspec.Struct, frozen=True):
    """The lane's whole state. Times are seconds of one monotonic clock."""

    phase: Phase = "starting"
    since_s: float = 0.0
    exit: ExitInfo | None = None
    gone: Gone | None = None
    """The exit that left last."""
    code: str = ""
    request: Pending | None = None
    serial: int = 0
    refusals: int = 0
    """How often the server said no where nobody expects it, since the lane was at rest or the gate open."""
    refused_s: float = -1e9
    verdict: Verdict | None = None
    """Of what lies on the belt now, while an order is at the lane."""
    interval_g: int = 1
    belt_g: int = 0
    """What the goods weigh: all that lies on the scale, without the trolley where that is weighed as well."""
    gross_g: int = 0
    weighed_s: float = -1e9
    """When a load that stood still was last weighed."""
    changed_s: float = 0.0
    """When the load last changed."""
    told: Verdict | None = None
    """What the server knows."""
    overweight: bool = False
    tags_base: int = 0
    tags_known: bool = True
    """Whether all that was silenced of this order was counted from ``tags_base`` on."""
    tags_done: bool = False
    """The goods have lain in the deactivator's field for as long as it takes, or as anybody waits."""
    io: IoRead | None = None
    items_base: int | None = None
    """The barrier's counter when the belt was empty last; None where nobody knows what it counted since."""
    items_s: float = 0.0
    """When that counter moved last."""
    passages_base: int = 0
    """The gate's counter when it was allowed to open."""
    gate_told_s: float = -1e9
    alarm_key: int | None = None
    """The alarm whose answer the lane waits for; None at a bell whose call the server does not take."""
    alarm_cause: TagCause | None = None
    help_key: int | None = None
    """The shopper's call for help while they lay their goods, as long as nobody came."""
    help_s: float = 0.0
    again_base: int = 0
    """The deactivator's counter when staff began to hold an item to it."""
    devices: Mapping[str, DeviceSeen] = {}
    offline: bool = False
    """The server can't be asked, and the lane decides alone about orders that are bound to it."""
    failed_s: Mapping[str, float] = {}
    """Since when a device has failed; only those that have."""
    called_for: Mapping[str, str | None] = {}
    """The failed devices that staff were called to, each with the exit that the call was about."""
    notice: str | None = None
    notice_until_s: float = 0.0
    reminded_s: float = 0.0
    left_behind: bool = False
    fire_s: float | None = None
    zeroed_s: float = -1e9
    parts: tuple[Reading, ...] = ()
    """Of an order that is laid in parts: the parts that were weighed."""
    part_lies: bool = False
    """The last of them has not been taken off yet."""
    tare: Tare | None = None
    """Of the trolley that is weighed with its goods, where its code was read."""
    tare_s: float = 0.0
    looks: int = 0
    """How often this shopper was asked to have a look."""

    @property
    def goods_g(self) -> int:
        """What was weighed of the order: what lies there now, and the parts before it."""
        return sum(part.net_g for part in self.parts) + (0 if self.part_lies else self.belt_g)

    @property
    def reading(self) -> Reading:
        """What lies there now."""
        return Reading(self.belt_g, self.interval_g)

    @property
    def is_near_empty(self) -> bool:
        return not self.overweight and self.belt_g <= max(NEAR_EMPTY_G, 2 * self.interval_g)

    @property
    def exit_id(self) -> str | None:
        return self.exit.exit_id if self.exit is not None else None
