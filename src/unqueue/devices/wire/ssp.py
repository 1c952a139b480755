"""SSP, the Smiley Secure Protocol of Innovative Technology: packets, both ways, without I/O.

Source: ITL, SSP Protocol Manual GA138 (2.2.2), "Transport Layer". A packet is STX, a sequence flag with the slave's
address, a length, that many bytes of data, and a CRC-16, low byte first. STX in anything after the first byte is sent
twice. The line is 9600 baud, 8 data bits, no parity, 2 stop bits. What the data means is in `ssp_messages` and
`ssp_events`, what encrypts it in `ssp_encryption`.
"""

import msgspec

STX = 0x7F
DATA_LENGTH_MAX = 0xFF
_SEQUENCE_FLAG = 0x80
_CRC_SEED = 0xFFFF
_CRC_POLYNOMIAL = 0x8005
_HEAD_LENGTH = 2  # sequence flag with address, and length
_CRC_LENGTH = 2


class Packet(msgspec.Struct, frozen=True):
    """`sequence` is the flag that alternates from packet to packet; `address` is 0 for a banknote validator."""

    data: bytes
    sequence: bool = False
    address: int = 0


class Damaged(msgspec.Struct, frozen=True):
    """Bytes that are no packet: noise, half a packet, or one whose CRC is wrong. They are to be ignored."""

    data: bytes


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ _CRC_POLYNOMIAL) if crc & 0x8000 else crc << 1
        table.append(crc & 0xFFFF)
    return tuple(table)


_CRC_TABLE = _crc_table()


def crc16(data: bytes) -> bytes:
    """The checksum, as it is sent: X16 + X15 + X2 + 1, forward, seed FFFF, low byte first.

    >>> crc16(bytes.fromhex("80 01 11")).hex(" ")
    '65 82'
    """
    crc = _CRC_SEED
    for byte in data:
        crc = (crc << 8 & 0xFFFF) ^ _CRC_TABLE[crc >> 8 ^ byte]
    return crc.to_bytes(2, "little")


def encode_packet(packet: Packet) -> bytes:
    r"""The bytes on the line.

    >>> encode_packet(Packet(b"\x11", sequence=True)).hex(" ")
    '7f 80 01 11 65 82'
    """
    assert len(packet.data) <= DATA_LENGTH_MAX, "more data than a packet holds"
    assert 0 <= packet.address < STX, "no such address"
    head = packet.address | (_SEQUENCE_FLAG if packet.sequence else 0)
    body = bytes([head, len(packet.data)]) + packet.data
    body += crc16(body)
    return bytes([STX]) + body.replace(b"\x7f", b"\x7f\x7f")


class PacketDecoder:
    r"""Bytes in any pieces become packets. Noise becomes `Damaged`, never an exception.

    A single STX always begins a packet, whatever came before it, so that a decoder finds its way back.

    >>> decoder = PacketDecoder()
    >>> decoder.feed(bytes.fromhex("ff 7f 80 01 f0")), decoder.feed(bytes.fromhex("23 80"))
    ([Damaged(data=b'\xff')], [Packet(data=b'\xf0', sequence=True, address=0)])
    """

    def __init__(self) -> None:
        self._body: bytearray | None = None  # what came after STX, unstuffed; None: outside a packet
        self._after_stx = False
        self._noise = bytearray()

    def reset(self) -> None:
        """Forget half a packet."""
        self._body = None
        self._after_stx = False
        self._noise.clear()

    def feed(self, data: bytes) -> list[Packet | Damaged]:
        found: list[Packet | Damaged] = []
        for byte in data:
            self._take(byte, found)
        if self._noise:
            found.append(Damaged(bytes(self._noise)))
            self._noise.clear()
        return found

    def _take(self, byte: int, found: list[Packet | Damaged]) -> None:
        if self._body is None:
            if byte == STX:
                self._body = bytearray()
            else:
                self._noise.append(byte)
        elif byte != STX and not self._after_stx:
            self._append(self._body, byte, found)
        elif self._after_stx:
            self._after_stx = False
            if byte == STX:
                self._append(self._body, byte, found)
            else:  # the STX before was a single one: a new packet
                self._noise += self._body
                self._body = bytearray()
                self._append(self._body, byte, found)
        elif self._body:  # else two STX in a row begin a packet: no address is 7F, so the first was noise
            self._after_stx = True

    def _append(self, body: bytearray, byte: int, found: list[Packet | Damaged]) -> None:
        body.append(byte)
        if len(body) < _HEAD_LENGTH or len(body) < _HEAD_LENGTH + body[1] + _CRC_LENGTH:
            return
        if self._noise:
            found.append(Damaged(bytes(self._noise)))
            self._noise.clear()
        found.append(_packet(bytes(body)))
        self._body = None


def _packet(body: bytes) -> Packet | Damaged:
    content, crc = body[:-_CRC_LENGTH], body[-_CRC_LENGTH:]
    if crc16(content) != crc:
        return Damaged(body)
    return Packet(content[_HEAD_LENGTH:], bool(body[0] & _SEQUENCE_FLAG), body[0] & ~_SEQUENCE_FLAG)
