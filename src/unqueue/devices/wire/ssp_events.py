"""What a note recycler answers to POLL and POLL_WITH_ACK: a list of events, without separators.

Sources: ITL, SSP Protocol Manual GA138 (2.2.2), "Events"; for the payout's events kybarg's parser and its tests, and
the manual's examples as SmileySecure's tests transcribe them. An event's length depends on its code and the protocol
version; after a code that nobody knows nothing can be read, and the decoder says so.
"""

from enum import IntEnum

import msgspec

from unqueue.devices.wire.ssp_messages import Amount, decode_amount, encode_amount


class EventCode(IntEnum):
    """The first byte of an event."""

    JAM_RECOVERY = 0xB0
    ERROR_DURING_PAYOUT = 0xB1
    SMART_EMPTYING = 0xB3
    SMART_EMPTIED = 0xB4
    CHANNEL_DISABLE = 0xB5
    INITIALISING = 0xB6
    VALUE_ADDED = 0xBF
    EMPTYING = 0xC2
    EMPTIED = 0xC3
    PAYOUT_OUT_OF_SERVICE = 0xC6
    NOTE_FLOAT_REMOVED = 0xC7
    NOTE_FLOAT_ATTACHED = 0xC8
    NOTE_TRANSFERRED_TO_STACKER = 0xC9
    NOTE_INTO_STACKER_AT_RESET = 0xCA
    NOTE_INTO_STORE_AT_RESET = 0xCB
    STACKING = 0xCC
    NOTE_DISPENSED_AT_RESET = 0xCD
    NOTE_HELD_IN_BEZEL = 0xCE
    DEVICE_FULL = 0xCF
    TICKET_ACKNOWLEDGED = 0xD1
    DISPENSED = 0xD2
    JAMMED = 0xD5
    HALTED = 0xD6
    FLOATING = 0xD7
    FLOATED = 0xD8
    TIME_OUT = 0xD9
    DISPENSING = 0xDA
    STORED_IN_PAYOUT = 0xDB
    INCOMPLETE_PAYOUT = 0xDC
    INCOMPLETE_FLOAT = 0xDD
    NOTE_PATH_OPEN = 0xE0
    CLEARED_FROM_FRONT = 0xE1
    CLEARED_INTO_CASHBOX = 0xE2
    CASHBOX_REMOVED = 0xE3
    CASHBOX_REPLACED = 0xE4
    TICKET_VALIDATED = 0xE5
    FRAUD_ATTEMPT = 0xE6
    STACKER_FULL = 0xE7
    DISABLED = 0xE8
    UNSAFE_JAM = 0xE9
    SAFE_JAM = 0xEA
    STACKED = 0xEB
    REJECTED = 0xEC
    REJECTING = 0xED
    CREDIT = 0xEE
    READ = 0xEF
    SLAVE_RESET = 0xF1


_E = EventCode
_WITH_CHANNEL = frozenset({_E.READ, _E.CREDIT, _E.FRAUD_ATTEMPT, _E.CLEARED_FROM_FRONT, _E.CLEARED_INTO_CASHBOX})
_WITH_AMOUNTS = frozenset({
    _E.SMART_EMPTYING, _E.SMART_EMPTIED, _E.VALUE_ADDED, _E.DISPENSED, _E.JAMMED, _E.HALTED, _E.FLOATING, _E.FLOATED,
    _E.TIME_OUT, _E.DISPENSING, _E.ERROR_DURING_PAYOUT,
})  # fmt: skip
_WITH_PAIRS = frozenset({_E.INCOMPLETE_PAYOUT, _E.INCOMPLETE_FLOAT})
_WITH_AMOUNT_FROM = {
    _E.NOTE_TRANSFERRED_TO_STACKER: 6, _E.NOTE_DISPENSED_AT_RESET: 6, _E.NOTE_HELD_IN_BEZEL: 8,
    _E.NOTE_INTO_STACKER_AT_RESET: 8, _E.NOTE_INTO_STORE_AT_RESET: 8,
}  # fmt: skip
_KNOWN = frozenset(EventCode)

NEEDS_ACK = frozenset({
    _E.CREDIT, _E.FRAUD_ATTEMPT, _E.CLEARED_FROM_FRONT, _E.CLEARED_INTO_CASHBOX, _E.NOTE_INTO_STACKER_AT_RESET,
    _E.NOTE_INTO_STORE_AT_RESET, _E.NOTE_DISPENSED_AT_RESET, _E.DISPENSED, _E.HALTED, _E.TIME_OUT, _E.FLOATED,
    _E.INCOMPLETE_PAYOUT, _E.INCOMPLETE_FLOAT, _E.SMART_EMPTIED, _E.NOTE_TRANSFERRED_TO_STACKER,
})  # fmt: skip
"""Events that POLL_WITH_ACK may repeat until EVENT_ACK. The manual says so of credits, fraud and cleared notes; an
EVENT_ACK for one that does not wait for it is answered COMMAND_CANNOT_BE_PROCESSED, and does no harm."""


class Event(msgspec.Struct, frozen=True):
    """One event. What it carries depends on its code: a channel (0: not known), amounts, or an error number."""

    code: EventCode
    channel: int | None = None
    amounts: tuple[Amount, ...] = ()
    """What moved so far, one per currency."""
    requested: tuple[Amount, ...] = ()
    """What was asked for, with INCOMPLETE_PAYOUT and INCOMPLETE_FLOAT."""
    error: int | None = None


class Unreadable(msgspec.Struct, frozen=True):
    """The rest of an answer that could not be read: an event may be in it."""

    data: bytes


def encode_events(events: tuple[Event, ...], version: int = 8) -> bytes:
    """The answer after its OK.

    >>> encode_events((Event(EventCode.CREDIT, channel=1), Event(EventCode.STACKED))).hex(" ")
    'ee 01 eb'
    """
    return b"".join(bytes([event.code]) + _payload(event, version) for event in events)


def _payload(event: Event, version: int) -> bytes:
    if event.code in _WITH_CHANNEL:
        return bytes([event.channel or 0])
    if event.code in _WITH_PAIRS:
        pairs = zip(event.amounts, event.requested, strict=True)
        blocks = [paid.value_minor.to_bytes(4, "little") + encode_amount(asked) for paid, asked in pairs]
        return bytes([len(blocks)]) + b"".join(blocks)
    if event.code in _WITH_AMOUNTS:
        error = bytes([event.error or 0]) if event.code == EventCode.ERROR_DURING_PAYOUT else b""
        return bytes([len(event.amounts)]) + b"".join(map(encode_amount, event.amounts)) + error
    if version >= _WITH_AMOUNT_FROM.get(event.code, 256):
        return encode_amount(event.amounts[0])
    return b""


def decode_events(data: bytes, version: int = 8) -> list[Event | Unreadable]:
    """The events of an answer after its OK, in order. Never raises; what can't be read ends the list as `Unreadable`.

    >>> decode_events(bytes.fromhex("cc ee 01")) == [Event(EventCode.STACKING), Event(EventCode.CREDIT, channel=1)]
    True
    """
    events: list[Event | Unreadable] = []
    at = 0
    while at < len(data):
        length = _length(data, at, version)
        if length is None or at + length > len(data):
            events.append(Unreadable(data[at:]))
            break
        events.append(_event(data[at : at + length]))
        at += length
    return events


def _length(data: bytes, at: int, version: int) -> int | None:
    """The length of the event that begins here, code included; None when nobody knows."""
    code = data[at]
    if code not in _KNOWN:
        return None
    if code in _WITH_CHANNEL:
        return 2
    if code in _WITH_PAIRS | _WITH_AMOUNTS:
        if at + 1 >= len(data):
            return None
        block = 11 if code in _WITH_PAIRS else 7
        return 2 + data[at + 1] * block + (code == EventCode.ERROR_DURING_PAYOUT)
    return 8 if version >= _WITH_AMOUNT_FROM.get(EventCode(code), 256) else 1


def _event(data: bytes) -> Event:
    code, rest = EventCode(data[0]), data[1:]
    if code in _WITH_CHANNEL:
        return Event(code, channel=rest[0])
    if code in _WITH_PAIRS:
        blocks = [rest[at : at + 11] for at in range(1, 1 + 11 * rest[0], 11)]
        requested = tuple(decode_amount(block[4:]) for block in blocks)
        paid = tuple(decode_amount(block[:4] + block[8:]) for block in blocks)
        return Event(code, amounts=paid, requested=requested)
    if code in _WITH_AMOUNTS:
        blocks = [rest[at : at + 7] for at in range(1, 1 + 7 * rest[0], 7)]
        error = rest[-1] if code == EventCode.ERROR_DURING_PAYOUT else None
        return Event(code, amounts=tuple(map(decode_amount, blocks)), error=error)
    return Event(code, amounts=(decode_amount(rest),) if rest else ())
