"""ccTalk frames: bytes ↔ messages, without I/O.

Source: ccTalk Serial Communication Protocol, Generic Specification issue 4.7 (Crane Payment Solutions), part 1, held
against frames of other makers and implementations: tests/golden/cctalk.toml, docs/protocols/cctalk.md.

A frame is `destination, length of the data, source, header, data, checksum`; all bytes sum to 0 modulo 256. With the
CRC the place of the source holds the checksum's low byte and the end its high byte, so the source is not on the wire.
There is no start byte. What ends a frame is its length, or silence; a decoder therefore needs to know who may speak.
"""

import binascii
from enum import IntEnum
from typing import Literal

import msgspec

HOST = 1
DATA_LENGTH_MAX = 252
"""Longest data of one frame: more does not fit a buffer of 256 bytes (part 1 §7.2)."""
Checksum = Literal["sum", "crc"]

_OVERHEAD = 5


class Header(IntEnum):
    """The commands and answers that we use, named as part 2 names them."""

    REPLY = 0
    """Every answer but the next two; without data it is the ACK."""
    RESET_DEVICE = 1
    NAK = 5
    BUSY = 6
    MODIFY_BILL_OPERATING_MODE = 153
    ROUTE_BILL = 154
    REQUEST_COUNTRY_SCALING_FACTOR = 156
    REQUEST_BILL_ID = 157
    READ_BUFFERED_BILL_EVENTS = 159
    TEST_HOPPER = 163
    ENABLE_HOPPER = 164
    REQUEST_HOPPER_STATUS = 166
    DISPENSE_HOPPER_COINS = 167
    REQUEST_HOPPER_DISPENSE_COUNT = 168
    EMERGENCY_STOP = 172
    REQUEST_COIN_ID = 184
    REQUEST_PAYOUT_STATUS = 217
    MODIFY_MASTER_INHIBIT_STATUS = 228
    READ_BUFFERED_CREDIT = 229
    REQUEST_INHIBIT_STATUS = 230
    MODIFY_INHIBIT_STATUS = 231
    REQUEST_SERIAL_NUMBER = 242
    REQUEST_PRODUCT_CODE = 244
    REQUEST_EQUIPMENT_CATEGORY = 245
    REQUEST_MANUFACTURER = 246
    SIMPLE_POLL = 254


class Frame(msgspec.Struct, frozen=True):
    """One message. `source` is None when the CRC has taken its place."""

    destination: int
    header: int
    data: bytes = b""
    source: int | None = HOST


def checksum_sum(data: bytes) -> int:
    """What makes the sum of all bytes 0 modulo 256 (part 1 §7.6).

    >>> checksum_sum(bytes([2, 0, 1, 254]))
    255
    """
    return -sum(data) & 0xFF


def checksum_crc(data: bytes) -> int:
    """The CRC-16 CCITT of a frame without its two checksum bytes: polynomial 0x1021, seed 0, high bit first.

    >>> hex(checksum_crc(bytes([40, 0, 1])))
    '0x3f46'
    """
    return binascii.crc_hqx(data, 0)


def encode_frame(frame: Frame, checksum: Checksum = "sum") -> bytes:
    """The bytes of a frame.

    >>> encode_frame(Frame(2, Header.SIMPLE_POLL)).hex(" ")
    '02 00 01 fe ff'
    >>> encode_frame(Frame(40, Header.RESET_DEVICE, source=None), "crc").hex(" ")
    '28 00 46 01 3f'
    """
    assert len(frame.data) <= DATA_LENGTH_MAX, "frames are short"
    begin = bytes([frame.destination, len(frame.data)])
    rest = bytes([frame.header]) + frame.data
    if checksum == "crc":
        crc = checksum_crc(begin + rest)
        return begin + bytes([crc & 0xFF]) + rest + bytes([crc >> 8])
    assert frame.source is not None, "with the sum the source is on the wire"
    whole = begin + bytes([frame.source]) + rest
    return whole + bytes([checksum_sum(whole)])


class FrameDecoder:
    """Finds frames in a stream with noise, cut frames and wrong checksums.

    Only what is plausible is waited for: a frame to one of `destinations`, from one of `sources` (None: anyone; with
    the CRC nobody can tell), with at most `data_length_max` bytes of data. What isn't is skipped byte by byte, and so
    is a frame whose checksum is wrong: a true frame that begins inside it is still found. A frame that was cut off
    holds up what comes after it until `flush`, which is to be called when the line has been silent.
    """

    def __init__(
        self,
        checksum: Checksum = "sum",
        *,
        destinations: frozenset[int] | None = None,
        sources: frozenset[int] | None = None,
        data_length_max: int = DATA_LENGTH_MAX,
    ) -> None:
        self._checksum = checksum
        self._destinations = destinations
        self._sources = sources if checksum == "sum" else None
        self._data_length_max = data_length_max
        self._buffer = bytearray()
        self.skipped = 0
        """Bytes that belonged to no frame, so far."""

    @property
    def waiting(self) -> bool:
        """Whether a frame has begun and is not complete."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete with these bytes."""
        self._buffer += data
        frames = []
        while self._buffer:
            if not self._is_plausible():
                self._skip()
                continue
            length = self._buffer[1] + _OVERHEAD if len(self._buffer) > 1 else _OVERHEAD
            if len(self._buffer) < length:
                break
            frame = self._decode(bytes(self._buffer[:length]))
            if frame is None:
                self._skip()
            else:
                frames.append(frame)
                del self._buffer[:length]
        return frames

    def flush(self) -> list[Frame]:
        """The line is silent: what was begun will not be completed. The frames that were hidden behind it."""
        frames = []
        while self._buffer:
            self._skip()
            frames += self.feed(b"")
        return frames

    def reset(self) -> None:
        """Forget what has come."""
        self._buffer.clear()

    def _skip(self) -> None:
        del self._buffer[0]
        self.skipped += 1

    def _is_plausible(self) -> bool:
        """Whether the bytes so far may begin a frame that is for us."""
        begin = self._buffer[:3]
        if self._destinations is not None and begin[0] not in self._destinations:
            return False
        if len(begin) > 1 and begin[1] > self._data_length_max:
            return False
        return len(begin) < 3 or self._sources is None or begin[2] in self._sources

    def _decode(self, whole: bytes) -> Frame | None:
        destination, length, third, header = whole[:4]
        data, last = whole[4 : 4 + length], whole[-1]
        if self._checksum == "crc":
            crc = checksum_crc(whole[:2] + whole[3:-1])
            return Frame(destination, header, data, None) if crc == last << 8 | third else None
        return Frame(destination, header, data, third) if not sum(whole) & 0xFF else None


class EchoFilter:
    """Takes away the echo of what was sent: on the single wire of a ccTalk bus a sender hears itself.

    The echo is what comes first after sending, byte for byte. A line without echo is recognised by its first byte: an
    answer begins with the host's address, a request never does.
    """

    def __init__(self) -> None:
        self._expected = b""

    def sent(self, data: bytes) -> None:
        """These bytes may come back."""
        self._expected = data

    def feed(self, data: bytes) -> bytes:
        """What is left of the bytes that came."""
        same = 0
        while same < min(len(data), len(self._expected)) and data[same] == self._expected[same]:
            same += 1
        if same < len(data):
            # Something else than the echo, or more than it: nothing of the echo is awaited any more.
            self._expected = b""
        else:
            self._expected = self._expected[same:]
        return data[same:]
