"""The LLRP messages that a gate needs: set a reader up, have it report every tag that it sees, keep the line alive.

Source: EPCglobal LLRP 1.0.1, section 16, which 1.1 keeps. What a message holds beyond
what is named here (vendors' own parameters, other results) is skipped, as the standard asks of clients (8.2).
"""

import struct
from enum import IntEnum
from typing import Any

import msgspec

from unqueue.devices.wire.llrp import BadMessage, Frame, Parameter, encode_parameter, parameters

ALL_ROSPECS = 0
ROSPEC_ID = 1
"""The one reader operation that a gate's reader has."""
CONNECTED, ANTENNA_LOST = 0, 0
"""Of ConnectionAttemptEvent and of AntennaEvent."""
SUCCESS, PARAMETER_ERROR, UNSUPPORTED_VERSION = 0, 100, 110
_TAGS_PER_REPORT, _KEEPALIVE_PERIODIC = 1, 1
_ANTENNA_EVENT_TYPE = 8


class Type(IntEnum):
    """Message types (16.1)."""

    SET_READER_CONFIG = 3
    CLOSE_CONNECTION_RESPONSE = 4
    SET_READER_CONFIG_RESPONSE = 13
    CLOSE_CONNECTION = 14
    ADD_ROSPEC = 20
    DELETE_ROSPEC = 21
    START_ROSPEC = 22
    STOP_ROSPEC = 23
    ENABLE_ROSPEC = 24
    ADD_ROSPEC_RESPONSE = 30
    DELETE_ROSPEC_RESPONSE = 31
    START_ROSPEC_RESPONSE = 32
    STOP_ROSPEC_RESPONSE = 33
    ENABLE_ROSPEC_RESPONSE = 34
    RO_ACCESS_REPORT = 61
    KEEPALIVE = 62
    READER_EVENT_NOTIFICATION = 63
    KEEPALIVE_ACK = 72
    ERROR_MESSAGE = 100


ANSWERS = {
    Type.SET_READER_CONFIG: Type.SET_READER_CONFIG_RESPONSE,
    Type.CLOSE_CONNECTION: Type.CLOSE_CONNECTION_RESPONSE,
    Type.ADD_ROSPEC: Type.ADD_ROSPEC_RESPONSE,
    Type.DELETE_ROSPEC: Type.DELETE_ROSPEC_RESPONSE,
    Type.START_ROSPEC: Type.START_ROSPEC_RESPONSE,
    Type.STOP_ROSPEC: Type.STOP_ROSPEC_RESPONSE,
    Type.ENABLE_ROSPEC: Type.ENABLE_ROSPEC_RESPONSE,
}
"""Which message answers which; each consists of an LLRPStatus."""


class _Part(IntEnum):
    """Parameter types (16.2)."""

    ANTENNA_ID = 1
    FIRST_SEEN_UTC = 2
    LAST_SEEN_UTC = 4
    PEAK_RSSI = 6
    TAG_SEEN_COUNT = 8
    EPC_96 = 13
    UTC_TIMESTAMP = 128
    ROSPEC = 177
    RO_BOUNDARY_SPEC = 178
    ROSPEC_START_TRIGGER = 179
    ROSPEC_STOP_TRIGGER = 182
    AISPEC = 183
    AISPEC_STOP_TRIGGER = 184
    INVENTORY_PARAMETER_SPEC = 186
    KEEPALIVE_SPEC = 220
    RO_REPORT_SPEC = 237
    TAG_REPORT_CONTENT_SELECTOR = 238
    TAG_REPORT_DATA = 240
    EPC_DATA = 241
    READER_EVENT_NOTIFICATION_SPEC = 244
    EVENT_NOTIFICATION_STATE = 245
    READER_EVENT_NOTIFICATION_DATA = 246
    ANTENNA_EVENT = 255
    CONNECTION_ATTEMPT_EVENT = 256
    CONNECTION_CLOSE_EVENT = 257
    LLRP_STATUS = 287


class Status(msgspec.Struct, frozen=True):
    """How a request ended: 0 is success; ``text`` is the reader's own, in English mostly."""

    code: int = SUCCESS
    text: str = ""


class Report(msgspec.Struct, frozen=True):
    """One tag as a reader reports it. ``epc`` is padded to whole bytes, of which ``epc_bits`` count; ``rssi_dbm`` is
    the strongest of the ``count`` reads; times are microseconds since 1970 by the reader's own clock.
    """

    epc: bytes
    epc_bits: int = 96
    antenna: int | None = None
    rssi_dbm: int | None = None
    count: int = 1
    first_seen_us: int | None = None
    last_seen_us: int | None = None


class Event(msgspec.Struct, frozen=True):
    """What a reader tells by itself. ``attempt``: how a connection went (0: it stands); ``antenna``: 0 (gone) or 1
    (there), and its number.
    """

    attempt: int | None = None
    closed: bool = False
    antenna: tuple[int, int] | None = None
    at_us: int = 0


# What a client says.


def set_reader_config(message_id: int, keepalive_ms: int) -> Frame:
    """Ask for a sign of life every ``keepalive_ms``, and to be told when an antenna goes. Nothing else is changed:
    power and modes are set once with the maker's own tool.
    """
    events = encode_parameter(_Part.EVENT_NOTIFICATION_STATE, struct.pack(">HB", _ANTENNA_EVENT_TYPE, 0x80))
    payload = b"\0" + encode_parameter(_Part.READER_EVENT_NOTIFICATION_SPEC, events)
    payload += encode_parameter(_Part.KEEPALIVE_SPEC, struct.pack(">BI", _KEEPALIVE_PERIODIC, keepalive_ms))
    return Frame(Type.SET_READER_CONFIG, message_id, payload)


def add_rospec(message_id: int, antennas: tuple[int, ...] = (0,), rospec_id: int = ROSPEC_ID) -> Frame:
    """One reader operation that goes on until it is stopped: read all tags on some antennas (0: on all), and report
    each at once, with antenna, signal, count and times.
    """
    no_trigger = struct.pack(">BI", 0, 0)
    boundary = encode_parameter(_Part.ROSPEC_START_TRIGGER, b"\0")
    boundary += encode_parameter(_Part.ROSPEC_STOP_TRIGGER, no_trigger)
    inventory = struct.pack(f">H{len(antennas)}H", len(antennas), *antennas)
    inventory += encode_parameter(_Part.AISPEC_STOP_TRIGGER, no_trigger)
    inventory += encode_parameter(_Part.INVENTORY_PARAMETER_SPEC, struct.pack(">HB", 1, 1))  # EPC Gen2 air protocol
    # AntennaID, PeakRSSI, first and last seen, TagSeenCount: bits 3, 5, 6, 7 and 8 of 16, the first the highest.
    content = encode_parameter(_Part.TAG_REPORT_CONTENT_SELECTOR, struct.pack(">H", 0x1780))
    body = struct.pack(">IBB", rospec_id, 0, 0)
    body += encode_parameter(_Part.RO_BOUNDARY_SPEC, boundary) + encode_parameter(_Part.AISPEC, inventory)
    body += encode_parameter(_Part.RO_REPORT_SPEC, struct.pack(">BH", _TAGS_PER_REPORT, 1) + content)
    return Frame(Type.ADD_ROSPEC, message_id, encode_parameter(_Part.ROSPEC, body))


def about_rospec(kind: Type, message_id: int, rospec_id: int = ROSPEC_ID) -> Frame:
    """Delete (0: all), start, stop or enable an operation."""
    return Frame(kind, message_id, struct.pack(">I", rospec_id))


# What a reader says.


def encode_status(kind: Type, message_id: int, status: Status) -> Frame:
    text = status.text.encode()
    body = struct.pack(">HH", status.code, len(text)) + text
    return Frame(kind, message_id, encode_parameter(_Part.LLRP_STATUS, body))


def encode_event(message_id: int, event: Event) -> Frame:
    body = encode_parameter(_Part.UTC_TIMESTAMP, struct.pack(">Q", event.at_us))
    if event.antenna is not None:
        body += encode_parameter(_Part.ANTENNA_EVENT, struct.pack(">BH", *event.antenna))
    if event.attempt is not None:
        body += encode_parameter(_Part.CONNECTION_ATTEMPT_EVENT, struct.pack(">H", event.attempt))
    if event.closed:
        body += encode_parameter(_Part.CONNECTION_CLOSE_EVENT, b"")
    data = encode_parameter(_Part.READER_EVENT_NOTIFICATION_DATA, body)
    return Frame(Type.READER_EVENT_NOTIFICATION, message_id, data)


def encode_reports(message_id: int, reports: list[Report]) -> Frame:
    data = b"".join(encode_parameter(_Part.TAG_REPORT_DATA, _encode_report(report)) for report in reports)
    return Frame(Type.RO_ACCESS_REPORT, message_id, data)


def _encode_report(report: Report) -> bytes:
    if report.epc_bits == 96:
        body = encode_parameter(_Part.EPC_96, report.epc)
    else:
        body = encode_parameter(_Part.EPC_DATA, struct.pack(">H", report.epc_bits) + report.epc)
    if report.antenna is not None:
        body += encode_parameter(_Part.ANTENNA_ID, struct.pack(">H", report.antenna))
    if report.rssi_dbm is not None:
        body += encode_parameter(_Part.PEAK_RSSI, struct.pack(">b", report.rssi_dbm))
    if report.first_seen_us is not None:
        body += encode_parameter(_Part.FIRST_SEEN_UTC, struct.pack(">Q", report.first_seen_us))
    if report.last_seen_us is not None:
        body += encode_parameter(_Part.LAST_SEEN_UTC, struct.pack(">Q", report.last_seen_us))
    return body + encode_parameter(_Part.TAG_SEEN_COUNT, struct.pack(">H", report.count))


# What is read of either.


def rospec_id_of(frame: Frame) -> int:
    """The operation that a request is about. BadMessage."""
    body = _one(frame.payload, _Part.ROSPEC) if frame.type == Type.ADD_ROSPEC else frame.payload
    return int(_unpacked(">I", body)[0])


def keepalive_ms_of(frame: Frame) -> int | None:
    """The period that a SET_READER_CONFIG asks for: 0 for no sign of life, None where it does not say. BadMessage."""
    if not frame.payload:
        raise BadMessage("SET_READER_CONFIG without its flags")
    for one in parameters(frame.payload[1:]):
        if one.type == _Part.KEEPALIVE_SPEC:
            kind, period_ms = _unpacked(">BI", one.body)
            return int(period_ms) if kind == _KEEPALIVE_PERIODIC else 0
    return None


def status_of(frame: Frame) -> Status:
    """The LLRPStatus of an answer or of an ERROR_MESSAGE. BadMessage where there is none."""
    body = _one(frame.payload, _Part.LLRP_STATUS)
    code, length = _unpacked(">HH", body)
    if len(body) < 4 + length:
        raise BadMessage("an LLRPStatus is cut off")
    return Status(code, body[4 : 4 + length].decode("utf-8", "replace"))


def event_of(frame: Frame) -> Event:
    """What a READER_EVENT_NOTIFICATION tells. BadMessage."""
    event = Event()
    for one in parameters(_one(frame.payload, _Part.READER_EVENT_NOTIFICATION_DATA)):
        match one.type:
            case _Part.CONNECTION_ATTEMPT_EVENT:
                event = msgspec.structs.replace(event, attempt=_unpacked(">H", one.body)[0])
            case _Part.CONNECTION_CLOSE_EVENT:
                event = msgspec.structs.replace(event, closed=True)
            case _Part.ANTENNA_EVENT:
                event = msgspec.structs.replace(event, antenna=_unpacked(">BH", one.body))
            case _Part.UTC_TIMESTAMP:
                event = msgspec.structs.replace(event, at_us=_unpacked(">Q", one.body)[0])
    return event


def reports_of(frame: Frame) -> list[Report]:
    """The tags of an RO_ACCESS_REPORT. BadMessage."""
    return [_report(one.body) for one in parameters(frame.payload) if one.type == _Part.TAG_REPORT_DATA]


def _report(body: bytes) -> Report:
    fields: dict[str, Any] = {}
    epc: tuple[bytes, int] | None = None
    for one in parameters(body):
        match one.type:
            case _Part.EPC_96:
                epc = (one.body, 96)
            case _Part.EPC_DATA:
                epc = _epc_data(one)
            case _Part.ANTENNA_ID:
                fields["antenna"] = _unpacked(">H", one.body)[0]
            case _Part.PEAK_RSSI:
                fields["rssi_dbm"] = _unpacked(">b", one.body)[0]
            case _Part.TAG_SEEN_COUNT:
                fields["count"] = _unpacked(">H", one.body)[0]
            case _Part.FIRST_SEEN_UTC:
                fields["first_seen_us"] = _unpacked(">Q", one.body)[0]
            case _Part.LAST_SEEN_UTC:
                fields["last_seen_us"] = _unpacked(">Q", one.body)[0]
    if epc is None:
        raise BadMessage("a tag's report without its EPC")
    return Report(epc=epc[0], epc_bits=epc[1], **fields)


def _epc_data(one: Parameter) -> tuple[bytes, int]:
    bits: int = _unpacked(">H", one.body)[0]
    epc = one.body[2:]
    if len(epc) != -(-bits // 8):
        raise BadMessage(f"an EPC of {bits} bits in {len(epc)} bytes")
    return epc, bits


def _one(data: bytes, kind: _Part) -> bytes:
    for one in parameters(data):
        if one.type == kind:
            return one.body
    raise BadMessage(f"parameter {kind.name} ({kind}) is missing")


def _unpacked(layout: str, body: bytes) -> tuple[int, ...]:
    if len(body) < struct.calcsize(layout):
        raise BadMessage("a field is cut off")
    return struct.unpack_from(layout, body)
