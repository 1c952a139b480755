"""LLRP framing: bytes of a TCP stream ↔ messages, and a message's payload ↔ parameters. What the messages mean is in
:mod:`unqueue.devices.wire.llrp_messages`.

Source: EPCglobal Low Level Reader Protocol 1.0.1 (2007), section 16 (messages 16.1, parameters 16.2), as the
definitions of LLRP's own toolkit have it. Version 1.1 (2010) keeps these bytes. We speak version 1, which a
reader of version 1.1 takes until a client asks for more.
"""

import struct
from collections.abc import Iterator

import msgspec

VERSION = 1
"""1 is LLRP 1.0.1, 2 is LLRP 1.1."""
FRAME_LENGTH_MAX = 256 * 1024
"""A report of a thousand tags is about 60 KB. A length beyond this is no message but a lost place in the stream."""

_HEADER = struct.Struct(">HII")
_TLV_HEADER_LENGTH = 4
# TV parameters have no length of their own (section 16.2): type → bytes of the value.
_TV_LENGTHS = {
    1: 2,  # AntennaID
    2: 8,  # FirstSeenTimestampUTC
    3: 8,  # FirstSeenTimestampUptime
    4: 8,  # LastSeenTimestampUTC
    5: 8,  # LastSeenTimestampUptime
    6: 1,  # PeakRSSI
    7: 2,  # ChannelIndex
    8: 2,  # TagSeenCount
    9: 4,  # ROSpecID
    10: 2,  # InventoryParameterSpecID
    11: 2,  # C1G2CRC
    12: 2,  # C1G2PC
    13: 12,  # EPC-96
    14: 2,  # SpecIndex
    15: 2,  # ClientRequestOpSpecResult
    16: 4,  # AccessSpecID
    17: 2,  # OpSpecID
    18: 4,  # C1G2SingulationDetails
    19: 2,  # C1G2XPCW1
    20: 2,  # C1G2XPCW2
}


class BadStream(Exception):
    """What came is no LLRP. Messages have no start mark, so the place in the stream is lost: connect anew."""


class BadMessage(Exception):
    """A message's inside is not as the standard has it. The stream goes on behind it."""


class Frame(msgspec.Struct, frozen=True):
    """A message as it travels. ``message_id`` is the asker's, and its answer carries the same."""

    type: int
    message_id: int
    payload: bytes = b""
    version: int = VERSION


def encode_frame(frame: Frame) -> bytes:
    """The bytes of a message.

    >>> encode_frame(Frame(62, 5)).hex(" ")
    '04 3e 00 00 00 0a 00 00 00 05'
    """
    length = _HEADER.size + len(frame.payload)
    return _HEADER.pack(frame.version << 10 | frame.type, length, frame.message_id) + frame.payload


class FrameDecoder:
    """Cuts a stream into messages, however it was cut on its way. Never keeps more than one message's bytes."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The messages that are complete now. BadStream once the place is lost; nothing more is to be fed then."""
        self._rest += data
        while len(self._rest) >= _HEADER.size:
            first, length, message_id = _HEADER.unpack_from(self._rest)
            version = first >> 10
            if version not in {1, 2} or not _HEADER.size <= length <= FRAME_LENGTH_MAX:
                raise BadStream(f"no LLRP message: version {version}, length {length}")
            if len(self._rest) < length:
                return
            payload = bytes(self._rest[_HEADER.size : length])
            del self._rest[:length]
            yield Frame(first & 0x3FF, message_id, payload, version)


class Parameter(msgspec.Struct, frozen=True):
    """A piece of a message; ``body`` is its fields and what is nested in it."""

    type: int
    body: bytes


def encode_parameter(kind: int, body: bytes) -> bytes:
    """A parameter: TV where the standard has it so, else with its length."""
    if kind in _TV_LENGTHS:
        assert len(body) == _TV_LENGTHS[kind], f"TV parameter {kind} has {_TV_LENGTHS[kind]} bytes"
        return bytes((0x80 | kind,)) + body
    return struct.pack(">HH", kind, _TLV_HEADER_LENGTH + len(body)) + body


def parameters(data: bytes) -> list[Parameter]:
    """The parameters that some bytes consist of. BadMessage where they don't.

    >>> [(one.type, one.body.hex()) for one in parameters(bytes.fromhex("810003" "86d6" "00dc0009 01 00002710"))]
    [(1, '0003'), (6, 'd6'), (220, '0100002710')]
    """
    found: list[Parameter] = []
    at = 0
    while at < len(data):
        kind = data[at] & 0x7F
        if data[at] & 0x80:
            start, length = at + 1, _TV_LENGTHS.get(kind)
            if length is None:
                raise BadMessage(f"unknown TV parameter {kind}, whose length nobody knows")
            end = start + length
        else:
            if at + _TLV_HEADER_LENGTH > len(data):
                raise BadMessage("a parameter's header is cut off")
            kind, length = struct.unpack_from(">HH", data, at)
            kind &= 0x3FF
            start, end = at + _TLV_HEADER_LENGTH, at + length
        if not start <= end <= len(data):
            raise BadMessage(f"parameter {kind} is longer than what it stands in, or shorter than itself")
        found.append(Parameter(kind, data[start:end]))
        at = end
    return found
