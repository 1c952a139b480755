"""SSP commands and their answers for a note recycler (a validator with or without a Smart Payout), both ways.

Source: ITL, SSP Protocol Manual GA138 (2.2.2), "Commands"; for the payout commands, which that edition leaves out,
kybarg/encrypted-smiley-secure-protocol and its tests. All numbers are little-endian unless said otherwise. Layouts are
those of protocol version 6 and later.
"""

from enum import IntEnum
from typing import Literal

import msgspec

Route = Literal["dispenser", "cashbox"]


class Command(IntEnum):
    """The first byte of the host's data."""

    RESET = 0x01
    SET_CHANNEL_INHIBITS = 0x02
    SETUP_REQUEST = 0x05
    HOST_PROTOCOL_VERSION = 0x06
    POLL = 0x07
    REJECT = 0x08
    DISABLE = 0x09
    ENABLE = 0x0A
    GET_SERIAL_NUMBER = 0x0C
    SYNC = 0x11
    LAST_REJECT_CODE = 0x17
    HOLD = 0x18
    GET_ALL_LEVELS = 0x22
    PAYOUT_AMOUNT = 0x33
    HALT_PAYOUT = 0x38
    SET_DENOMINATION_ROUTE = 0x3B
    GET_DENOMINATION_ROUTE = 0x3C
    EMPTY_ALL = 0x3F
    PAYOUT_BY_DENOMINATION = 0x46
    SET_GENERATOR = 0x4A
    SET_MODULUS = 0x4B
    REQUEST_KEY_EXCHANGE = 0x4C
    SMART_EMPTY = 0x52
    POLL_WITH_ACK = 0x56
    EVENT_ACK = 0x57
    GET_COUNTERS = 0x58
    DISABLE_PAYOUT_DEVICE = 0x5B
    ENABLE_PAYOUT_DEVICE = 0x5C


class Reply(IntEnum):
    """The first byte of the slave's data."""

    OK = 0xF0
    COMMAND_NOT_KNOWN = 0xF2
    WRONG_NUMBER_OF_PARAMETERS = 0xF3
    PARAMETER_OUT_OF_RANGE = 0xF4
    COMMAND_CANNOT_BE_PROCESSED = 0xF5
    SOFTWARE_ERROR = 0xF6
    FAIL = 0xF8
    KEY_NOT_SET = 0xFA


PAYOUT_TEST = 0x19
PAYOUT_REAL = 0x58
PAYOUT_REFUSALS = {0: "not enough value", 1: "cannot pay exactly", 3: "busy", 4: "disabled"}
"""The byte after COMMAND_CANNOT_BE_PROCESSED when a payout is refused."""

REJECT_REASONS = {
    0x06: "inhibited", 0x07: "second_note", 0x08: "asked", 0x0B: "unfit", 0x0C: "inhibited", 0x0E: "string",
    0x13: "timeout", 0x19: "unfit", 0x1A: "unfit", 0x1C: "second_note", 0x1D: "jam",
}  # fmt: skip
"""Why a note went back, for the codes of LAST_REJECT_CODE that say more than "not recognised"."""


class Counters(msgspec.Struct, frozen=True):
    """GET_COUNTERS: notes since the device was made (or its counters were cleared); they survive a power cut."""

    stacked: int
    """Went from the shopper to the cashbox."""
    stored: int
    """Went from the shopper to the payout store."""
    dispensed: int
    """Went from the payout store to a shopper."""
    transferred: int
    """Went from the payout store to the cashbox."""
    rejected: int


class Amount(msgspec.Struct, frozen=True):
    """Money in minor units, with the three letters of the currency in the device's dataset."""

    value_minor: int
    currency: str


class Level(msgspec.Struct, frozen=True):
    """How many notes of a value there are, or are to be paid."""

    count: int
    amount: Amount


class Setup(msgspec.Struct, frozen=True):
    """SETUP_REQUEST. `channels[0]` is channel 1; their amounts are in minor units already."""

    unit_type: int
    """0: a validator; 6: with a Smart Payout; 7: with a Note Float."""
    firmware: str
    currency: str
    multiplier: int
    """What the values of channels are multiplied with to give minor units."""
    protocol_version: int
    channels: tuple[Amount, ...]


def decode_setup(data: bytes) -> Setup:
    """What a device of unit type 0, 6 or 7 answers, without the leading OK. ValueError when it can't be."""
    if len(data) < 12 or len(data) < 16 + 2 * data[11]:
        raise ValueError("the set-up is too short")
    count = data[11]
    after_security = 12 + 2 * count
    version = data[after_security + 3]
    multiplier = int.from_bytes(data[after_security : after_security + 3], "big")
    currency = data[5:8].decode("latin-1")
    if version < 6:
        value_multiplier = int.from_bytes(data[8:11], "big")
        values = [byte * value_multiplier for byte in data[12 : 12 + count]]
        currencies = [currency] * count
    else:
        codes = data[after_security + 4 : after_security + 4 + 3 * count]
        raw = data[after_security + 4 + 3 * count :]
        if len(raw) < 4 * count:
            raise ValueError("the set-up is too short for its channels")
        currencies = [codes[at : at + 3].decode("latin-1") for at in range(0, 3 * count, 3)]
        values = [int.from_bytes(raw[at : at + 4], "little") for at in range(0, 4 * count, 4)]
    channels = tuple(Amount(value * multiplier, code) for value, code in zip(values, currencies, strict=True))
    return Setup(data[0], data[1:5].decode("latin-1"), currency, multiplier, version, channels)


def encode_setup(setup: Setup) -> bytes:
    """What a device answers, without the leading OK."""
    count = len(setup.channels)
    values = [channel.value_minor // setup.multiplier for channel in setup.channels]
    short = max(values) <= 0xFF  # else they are in the expanded part only, and the multiplier is 0
    head = bytes([setup.unit_type]) + setup.firmware.encode("latin-1") + setup.currency.encode("latin-1")
    head += int(short).to_bytes(3, "big") + bytes([count])
    head += bytes([value if short else 0 for value in values]) + bytes([2] * count)
    head += setup.multiplier.to_bytes(3, "big") + bytes([setup.protocol_version])
    if setup.protocol_version < 6:
        return head
    codes = b"".join(channel.currency.encode("latin-1") for channel in setup.channels)
    return head + codes + b"".join(value.to_bytes(4, "little") for value in values)


def encode_amount(amount: Amount) -> bytes:
    """Four bytes of value, three of currency.

    >>> encode_amount(Amount(500, "EUR")).hex(" ")
    'f4 01 00 00 45 55 52'
    """
    return amount.value_minor.to_bytes(4, "little") + amount.currency.encode("latin-1")


def decode_amount(data: bytes) -> Amount:
    """What `encode_amount` wrote. ValueError for another length."""
    if len(data) != 7:
        raise ValueError("an amount is seven bytes")
    return Amount(int.from_bytes(data[:4], "little"), data[4:].decode("latin-1"))


def encode_inhibits(channels: frozenset[int], channel_count: int) -> bytes:
    """The command that lets these channels (1 and up) in, and no others.

    >>> encode_inhibits(frozenset({1, 2, 3}), 16).hex(" ")
    '02 07 00'
    """
    length = max(2, -(-channel_count // 8))
    bits = sum(1 << (channel - 1) for channel in channels)
    return bytes([Command.SET_CHANNEL_INHIBITS]) + bits.to_bytes(length, "little")


def decode_inhibits(data: bytes) -> frozenset[int]:
    """The channels that SET_CHANNEL_INHIBITS lets in, from its parameters."""
    bits = int.from_bytes(data, "little")
    return frozenset(channel for channel in range(1, 8 * len(data) + 1) if bits >> (channel - 1) & 1)


def encode_number(command: Command, number: int) -> bytes:
    """A command with a number of 64 bits: generator, modulus or the host's intermediate key."""
    return bytes([command]) + number.to_bytes(8, "little")


def encode_route(amount: Amount, route: Route) -> bytes:
    """SET_DENOMINATION_ROUTE.

    >>> encode_route(Amount(10, "EUR"), "dispenser").hex(" ")
    '3b 00 0a 00 00 00 45 55 52'
    """
    return bytes([Command.SET_DENOMINATION_ROUTE, 0 if route == "dispenser" else 1]) + encode_amount(amount)


def encode_payout(levels: tuple[Level, ...], *, test: bool) -> bytes:
    """PAYOUT_BY_DENOMINATION; a test is only answered, not done.

    >>> encode_payout((Level(4, Amount(100, "EUR")),), test=False).hex(" ")
    '46 01 04 00 64 00 00 00 45 55 52 58'
    """
    body = encode_levels(levels)
    return bytes([Command.PAYOUT_BY_DENOMINATION]) + body + bytes([PAYOUT_TEST if test else PAYOUT_REAL])


def encode_payout_amount(amount: Amount, *, test: bool) -> bytes:
    """PAYOUT_AMOUNT: the device chooses the notes."""
    return bytes([Command.PAYOUT_AMOUNT]) + encode_amount(amount) + bytes([PAYOUT_TEST if test else PAYOUT_REAL])


def encode_levels(levels: tuple[Level, ...]) -> bytes:
    """A list of counts and amounts, as GET_ALL_LEVELS answers after its OK and PAYOUT_BY_DENOMINATION has it."""
    blocks = [level.count.to_bytes(2, "little") + encode_amount(level.amount) for level in levels]
    return bytes([len(levels)]) + b"".join(blocks)


def decode_levels(data: bytes) -> tuple[Level, ...]:
    """What `encode_levels` wrote; anything after it is ignored. ValueError when it is too short."""
    if not data or len(data) < 1 + 9 * data[0]:
        raise ValueError("the list of levels is too short")
    blocks = [data[at : at + 9] for at in range(1, 1 + 9 * data[0], 9)]
    return tuple(Level(int.from_bytes(block[:2], "little"), decode_amount(block[2:])) for block in blocks)


def encode_counters(counters: Counters) -> bytes:
    """GET_COUNTERS' answer after its OK."""
    fields = (counters.stacked, counters.stored, counters.dispensed, counters.transferred, counters.rejected)
    return bytes([len(fields)]) + b"".join((field & 0xFFFFFFFF).to_bytes(4, "little") for field in fields)


def decode_counters(data: bytes) -> Counters:
    """What `encode_counters` wrote. ValueError when it is too short."""
    if len(data) < 21 or data[0] < 5:
        raise ValueError("a validator has five counters")
    return Counters(*(int.from_bytes(data[at : at + 4], "little") for at in range(1, 21, 4)))
