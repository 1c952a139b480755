"""ccTalk commands and answers: what the data of a frame means, without I/O.

Source: ccTalk Generic Specification issue 4.7 part 2 (commands) and part 3 (tables); for hoppers Money Controls SCH2
TSP016 §12 and SuzoHapp Flow 18-ccTalk, for coin acceptors Azkoyen Modular X6 E 10210; docs/protocols/cctalk.md.
"""

from enum import IntEnum, IntFlag

import msgspec

from unqueue.devices.wire.cctalk import Header

EVENTS_BUFFERED = 5
COUNTER_MAX = 255
DISPENSE_COUNT_MODULUS = 1 << 24
ENABLE_HOPPER_CODE = 165
ESCROW_EMPTY = 254
ROUTING_FAILED = 255


class Question(msgspec.Struct, frozen=True, tag=True):
    """A command without data: `header` says which."""

    header: Header


class CoinIdQuestion(msgspec.Struct, frozen=True, tag=True):
    """What coin is at this position, 1 to 16?"""

    position: int


class BillIdQuestion(msgspec.Struct, frozen=True, tag=True):
    """What bill is this type, 1 to 16?"""

    position: int


class ScalingQuestion(msgspec.Struct, frozen=True, tag=True):
    """By how much are this country's bill values to be multiplied?"""

    country: str


class SetInhibits(msgspec.Struct, frozen=True, tag=True):
    """Take only the coins or bills whose bit is 1; bit 0 is position 1."""

    taken: int


class SetMasterInhibit(msgspec.Struct, frozen=True, tag=True):
    """Take what the inhibits allow, or nothing."""

    taking: bool


class SetBillOperatingMode(msgspec.Struct, frozen=True, tag=True):
    """Whether bills go to the stacker, and whether they wait in escrow before that."""

    stacker: bool
    escrow: bool


class Route(IntEnum):
    """What is to become of the bill in escrow."""

    RETURN = 0
    STACK = 1
    EXTEND = 255
    """Hold it for one more escrow time."""


class RouteBill(msgspec.Struct, frozen=True, tag=True):
    route: Route


class EnableHopper(msgspec.Struct, frozen=True, tag=True):
    on: bool


class Dispense(msgspec.Struct, frozen=True, tag=True):
    """Pay out `count` coins, 1 to 255. `serial_number` is the hopper's own, which proves that it is meant."""

    serial_number: int
    count: int


class UnknownRequest(msgspec.Struct, frozen=True, tag=True):
    """A command that we don't know, or with data that don't fit it."""

    header: int
    data: bytes


Request = (
    Question
    | CoinIdQuestion
    | BillIdQuestion
    | ScalingQuestion
    | SetInhibits
    | SetMasterInhibit
    | SetBillOperatingMode
    | RouteBill
    | EnableHopper
    | Dispense
    | UnknownRequest
)

_WITHOUT_DATA = frozenset({
    Header.SIMPLE_POLL,
    Header.RESET_DEVICE,
    Header.REQUEST_MANUFACTURER,
    Header.REQUEST_EQUIPMENT_CATEGORY,
    Header.REQUEST_PRODUCT_CODE,
    Header.REQUEST_SERIAL_NUMBER,
    Header.REQUEST_INHIBIT_STATUS,
    Header.READ_BUFFERED_CREDIT,
    Header.READ_BUFFERED_BILL_EVENTS,
    Header.REQUEST_PAYOUT_STATUS,
    Header.EMERGENCY_STOP,
    Header.REQUEST_HOPPER_DISPENSE_COUNT,
    Header.REQUEST_HOPPER_STATUS,
    Header.TEST_HOPPER,
})  # fmt: skip


def encode_request(request: Request) -> tuple[int, bytes]:  # noqa: C901, PLR0911  # a table
    r"""The header and the data of a command.

    >>> encode_request(Dispense(0x0AD7DF, 1))
    (<Header.DISPENSE_HOPPER_COINS: 167>, b'\xdf\xd7\n\x01')
    """
    match request:
        case Question(header):
            assert header in _WITHOUT_DATA, "a command with data has a type of its own"
            return header, b""
        case CoinIdQuestion(position):
            return Header.REQUEST_COIN_ID, bytes([position])
        case BillIdQuestion(position):
            return Header.REQUEST_BILL_ID, bytes([position])
        case ScalingQuestion(country):
            return Header.REQUEST_COUNTRY_SCALING_FACTOR, country.encode("ascii")
        case SetInhibits(taken):
            return Header.MODIFY_INHIBIT_STATUS, taken.to_bytes(2, "little")
        case SetMasterInhibit(taking):
            return Header.MODIFY_MASTER_INHIBIT_STATUS, bytes([taking])
        case SetBillOperatingMode(stacker, escrow):
            return Header.MODIFY_BILL_OPERATING_MODE, bytes([stacker | escrow << 1])
        case RouteBill(route):
            return Header.ROUTE_BILL, bytes([route])
        case EnableHopper(on):
            return Header.ENABLE_HOPPER, bytes([ENABLE_HOPPER_CODE if on else 0])
        case Dispense(serial_number, count):
            assert 1 <= count <= 255, "the count is one byte"
            return Header.DISPENSE_HOPPER_COINS, serial_number.to_bytes(3, "little") + bytes([count])
        case UnknownRequest(header, data):
            return header, data


def decode_request(header: int, data: bytes) -> Request:  # noqa: C901, PLR0911  # a table
    """The command of a header and its data.

    >>> decode_request(231, bytes([3, 128]))
    SetInhibits(taken=32771)
    """
    if header in _WITHOUT_DATA and not data:
        return Question(Header(header))
    match header, len(data):
        case Header.REQUEST_COIN_ID, 1:
            return CoinIdQuestion(data[0])
        case Header.REQUEST_BILL_ID, 1:
            return BillIdQuestion(data[0])
        case Header.REQUEST_COUNTRY_SCALING_FACTOR, 2 if data.isascii():
            return ScalingQuestion(data.decode("ascii"))
        case Header.MODIFY_INHIBIT_STATUS, 2:
            return SetInhibits(int.from_bytes(data, "little"))
        case Header.MODIFY_MASTER_INHIBIT_STATUS, 1:
            return SetMasterInhibit(bool(data[0] & 1))
        case Header.MODIFY_BILL_OPERATING_MODE, 1:
            return SetBillOperatingMode(bool(data[0] & 1), bool(data[0] & 2))
        case Header.ROUTE_BILL, 1 if data[0] in set(Route):
            return RouteBill(Route(data[0]))
        case Header.ENABLE_HOPPER, 1:
            return EnableHopper(data[0] == ENABLE_HOPPER_CODE)
        case Header.DISPENSE_HOPPER_COINS, 4 if data[3]:
            return Dispense(int.from_bytes(data[:3], "little"), data[3])
    return UnknownRequest(header, data)


class Event(msgspec.Struct, frozen=True):
    """One event of a coin acceptor or bill validator: `a` is the coin's position or bill type, or 0 for a code in
    `b`. Beside a coin `b` is its sorter path; beside a bill it is 0 (credit) or 1 (in escrow).
    """

    a: int
    b: int


class EventBuffer(msgspec.Struct, frozen=True):
    """The last five events, the newest first. `counter` is 0 after a reset and then goes round from 1 to 255."""

    counter: int
    events: tuple[Event, ...]


def encode_event_buffer(buffer: EventBuffer) -> bytes:
    padded = (*buffer.events, *[Event(0, 0)] * EVENTS_BUFFERED)[:EVENTS_BUFFERED]
    return bytes([buffer.counter, *(byte for event in padded for byte in (event.a, event.b))])


def decode_event_buffer(data: bytes) -> EventBuffer:
    """The answer to 229 and 159. ValueError for anything else.

    >>> decode_event_buffer(bytes([2, 0, 20, 6, 4, 0, 0, 0, 0, 0, 0])).events[:2]
    (Event(a=0, b=20), Event(a=6, b=4))
    """
    if len(data) != 1 + 2 * EVENTS_BUFFERED:
        raise ValueError(f"a buffer of events has 11 bytes, not {len(data)}")
    return EventBuffer(data[0], tuple(Event(data[at], data[at + 1]) for at in range(1, len(data), 2)))


def counter_steps(before: int, now: int) -> int:
    """How many events came between two readings of a counter, less than one round.

    >>> counter_steps(3, 5), counter_steps(254, 2), counter_steps(0, 4), counter_steps(7, 7)
    (2, 3, 4, 0)
    """
    if before == 0 or now == 0:
        return now
    return (now - before) % COUNTER_MAX


def counter_after(before: int, steps: int) -> int:
    """Where the counter stands `steps` events later; it skips 0 when it wraps.

    >>> counter_after(254, 2), counter_after(0, 1), counter_after(0, 256)
    (1, 1, 1)
    """
    return (before - 1 + steps) % COUNTER_MAX + 1 if before or steps else 0


class HopperStatus(msgspec.Struct, frozen=True):
    """The answer to 166. `event_counter` counts orders since a reset; `remaining` is still to come; `paid` and
    `unpaid` belong to the last order, also after power was lost.
    """

    event_counter: int
    remaining: int
    paid: int
    unpaid: int


def encode_hopper_status(status: HopperStatus) -> bytes:
    return bytes([status.event_counter, status.remaining, status.paid, status.unpaid])


def decode_hopper_status(data: bytes) -> HopperStatus:
    """ValueError when it is none."""
    if len(data) != 4:
        raise ValueError(f"a hopper's status has 4 bytes, not {len(data)}")
    return HopperStatus(*data)


class HopperFlags(IntFlag):
    """The answer to 163, its bytes from the low one on (part 2, "Test hopper")."""

    CURRENT_EXCEEDED = 1 << 0
    TIMEOUT = 1 << 1
    MOTOR_REVERSED = 1 << 2
    BLOCKED_IDLE = 1 << 3
    SHORTED_IDLE = 1 << 4
    BLOCKED_PAYING = 1 << 5
    POWERED_UP = 1 << 6
    DISABLED = 1 << 7
    SHORTED_PAYING = 1 << 8
    SINGLE_COIN_MODE = 1 << 9
    USE_OTHER = 1 << 10
    FRAUD = 1 << 11
    REVERSE_LIMIT = 1 << 12
    COIL_FAULT = 1 << 13
    POWER_FAILED_WRITING = 1 << 14
    PIN_NEEDED = 1 << 15
    POWER_FAILED_PAYING = 1 << 16


JAMMED = (
    HopperFlags.CURRENT_EXCEEDED
    | HopperFlags.BLOCKED_IDLE
    | HopperFlags.BLOCKED_PAYING
    | HopperFlags.SHORTED_IDLE
    | HopperFlags.SHORTED_PAYING
    | HopperFlags.REVERSE_LIMIT
)


def encode_hopper_flags(flags: HopperFlags) -> bytes:
    return int(flags).to_bytes(3, "little")


def decode_hopper_flags(data: bytes) -> HopperFlags:
    """One to four bytes, as makers differ; what we don't know is left out. ValueError for anything else."""
    if not 1 <= len(data) <= 4:
        raise ValueError(f"a hopper's test has 1 to 4 bytes, not {len(data)}")
    return HopperFlags(int.from_bytes(data, "little") & sum(HopperFlags))


class PayoutLevel(IntFlag):
    """The answer to 217: which sensors there are, and what they say."""

    EMPTY = 1 << 0
    FULL = 1 << 1
    EMPTY_SENSOR = 1 << 4
    FULL_SENSOR = 1 << 5


def decode_payout_level(data: bytes) -> PayoutLevel:
    """ValueError when it is none."""
    if len(data) != 1:
        raise ValueError(f"a payout's level has 1 byte, not {len(data)}")
    return PayoutLevel(data[0] & sum(PayoutLevel))


def encode_number(number: int, length: int = 3) -> bytes:
    return number.to_bytes(length, "little")


def decode_number(data: bytes) -> int:
    """A serial number or a count: 3 bytes (some makers have 4), low byte first. ValueError for anything else.

    >>> decode_number(bytes([0x4E, 0x46, 0x05]))
    345678
    """
    if len(data) not in {3, 4}:
        raise ValueError(f"a number has 3 bytes, not {len(data)}")
    return int.from_bytes(data, "little")


def decode_text(data: bytes) -> str:
    """A name in ASCII. ValueError for anything else."""
    if not data or not data.isascii():
        raise ValueError("a name has ASCII characters")
    return data.decode("ascii").strip()


def decode_coin_id(data: bytes) -> str:
    """The answer to 184, six characters. ValueError for anything else."""
    if len(data) != 6:
        raise ValueError(f"a coin's identifier has 6 characters, not {len(data)}")
    return decode_text(data)


def decode_bill_id(data: bytes) -> str:
    """The answer to 157, seven characters. ValueError for anything else."""
    if len(data) != 7:
        raise ValueError(f"a bill's identifier has 7 characters, not {len(data)}")
    return decode_text(data)


def decode_ack(data: bytes) -> None:
    """ValueError when there are data."""
    if data:
        raise ValueError("an acknowledgement has no data")


def decode_inhibits(data: bytes) -> int:
    """The answer to 230, as in `SetInhibits`. ValueError for anything else."""
    if len(data) != 2:
        raise ValueError(f"inhibits have 2 bytes, not {len(data)}")
    return int.from_bytes(data, "little")


def decode_routing(data: bytes) -> int:
    """The answer to 154: 0 for the ACK, else ESCROW_EMPTY or ROUTING_FAILED. ValueError for anything else."""
    if not data:
        return 0
    if len(data) != 1 or data[0] not in {ESCROW_EMPTY, ROUTING_FAILED}:
        raise ValueError("no answer to the routing of a bill")
    return data[0]


def decode_started(data: bytes) -> int | None:
    """The answer to 167: the event counter, or the bare ACK of other makers. ValueError for anything else."""
    if len(data) > 1:
        raise ValueError("no answer to an order of coins")
    return data[0] if data else None


def decode_byte(data: bytes) -> int:
    """The answer to 172: how many coins were not paid. ValueError for anything else."""
    if len(data) != 1:
        raise ValueError(f"one byte, not {len(data)}")
    return data[0]


class Scaling(msgspec.Struct, frozen=True):
    """The answer to 156: a bill's value times `factor`, over 10 to the power of `decimals`, is in the currency's major
    unit. A factor of 0: the country is not known.
    """

    factor: int
    decimals: int


def encode_scaling(scaling: Scaling) -> bytes:
    return scaling.factor.to_bytes(2, "little") + bytes([scaling.decimals])


def decode_scaling(data: bytes) -> Scaling:
    """ValueError when it is none.

    >>> decode_scaling(bytes([0xB8, 0x88, 3]))
    Scaling(factor=35000, decimals=3)
    """
    if len(data) != 3:
        raise ValueError(f"a scaling factor has 3 bytes, not {len(data)}")
    return Scaling(int.from_bytes(data[:2], "little"), data[2])
