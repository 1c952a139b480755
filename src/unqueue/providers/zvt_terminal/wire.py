"""ZVT: a card terminal's bytes, both ways, without I/O.

Source: ECR-Interface ZVT-Protocol PA00P015 (commands, bitmaps, error messages; revision 13) and PA00P016 (transport),
Verband der Terminalhersteller in Deutschland e.V.; frames of other implementations are in tests/golden/zvt.toml.

A message (APDU) is class, instruction, length (one byte, or FF and two bytes, low one first) and data. Data are
*bitmaps*: a byte that names the field, then as many bytes as that field has. Numbers are packed decimal digits, two a
byte. Bitmap 06 holds BER-TLV objects. Decoding keeps what :class:`StatusInformation` names: the card number (22), the
tracks (23, 24, 2D) and chip data are measured and passed over, and never become an object.
"""

from collections.abc import Iterator

import msgspec

from unqueue.providers.card_guard import mask

LONG = 0xFF
ENCODING = "cp437"
"""Of texts, unless the terminal's settings say otherwise (PA00P015 §"character sets")."""

REGISTRATION, AUTHORISATION, REPEAT_RECEIPT = (0x06, 0x00), (0x06, 0x01), (0x06, 0x20)
REVERSAL, REFUND, END_OF_DAY, ABORT_BY_STORE = (0x06, 0x30), (0x06, 0x31), (0x06, 0x50), (0x06, 0xB0)
STATUS_ENQUIRY, LOG_OFF = (0x05, 0x01), (0x06, 0x02)
STATUS_INFORMATION, INTERMEDIATE_STATUS = (0x04, 0x0F), (0x04, 0xFF)
COMPLETION, ABORT = (0x06, 0x0F), (0x06, 0x1E)
PRINT_LINE, PRINT_TEXT_BLOCK = (0x06, 0xD1), (0x06, 0xD3)

OK, ABORTED, NOT_REGISTERED, NOT_POSSIBLE = 0x00, 0x6C, 0x6B, 0x83
PLEASE_WAIT, NOT_READY, ALREADY_REVERSED, NO_REVERSAL = 0x9C, 0xA0, 0xB4, 0xB5
"""Result codes (PA00P015, chapter "Error-Messages"); 84 9C from the store asks for the status information again."""

CONFIG_BYTE = 0xBE
"""Registration: receipts come to the store as text (80), the store prints them (02, 04), it controls payments and
administration (10, 20), and hears of each step (08)."""
STATUS_OF_LAST = 0x03
"""Service byte (bitmap 03) of Repeat Receipt: print nothing, tell the last transaction's status information."""
CUSTOMER_RECEIPT = 2

CURRENCIES = {"AUD": 36, "CAD": 124, "CHF": 756, "CNY": 156, "CZK": 203, "DKK": 208, "EUR": 978, "GBP": 826, "HKD": 344,
              "HUF": 348, "JPY": 392, "NOK": 578, "PLN": 985, "SEK": 752, "SGD": 702, "USD": 840}  # fmt: skip
"""ISO 4217 alphabetic code → numeric code."""

# Bytes of each bitmap's value (PA00P015, chapter "Bitmaps"); -2, -3: as many as the two or three F0…F9 before it say.
_LL, _LLL = -2, -3
_LENGTHS = {
    0x01: 1, 0x02: 1, 0x03: 1, 0x04: 6, 0x05: 1, 0x0B: 3, 0x0C: 3, 0x0D: 2, 0x0E: 2, 0x17: 2, 0x19: 1, 0x22: _LL,
    0x23: _LL, 0x24: _LLL, 0x27: 1, 0x29: 4, 0x2A: 15, 0x2D: _LL, 0x2E: _LLL, 0x37: 3, 0x3A: 2, 0x3B: 8, 0x3C: _LLL,
    0x3D: 3, 0x49: 2, 0x60: _LLL, 0x70: 4, 0x71: 4, 0x72: 1, 0x73: 1, 0x74: 1, 0x75: 1, 0x87: 2, 0x88: 3, 0x8A: 1,
    0x8B: _LL, 0x8C: 1, 0x92: _LLL, 0x9A: _LLL, 0xA0: 1, 0xA7: _LL, 0xAA: 3, 0xAF: _LLL, 0xBA: 5, 0xD0: 1, 0xD1: _LL,
    0xD2: 1, 0xD3: 1, 0xE0: 1, 0xE9: 1, 0xEA: 1, 0xEB: 8, 0xF0: 1, 0xF9: 1, 0xFA: 1, 0xFB: 1, 0xFC: 1, 0xFD: 1,
    **dict.fromkeys(range(0xE1, 0xE9), _LL), **dict.fromkeys(range(0xF1, 0xF9), _LL),
}  # fmt: skip
_TLV = 0x06
_ENTRIES = {0x00: "magnetic_stripe", 0x01: "chip", 0x02: "contactless"}  # TLV 1F12, card technology
_KEPT = frozenset({0x04, 0x0B, 0x0C, 0x0D, 0x27, 0x29, 0x37, 0x3C, 0x49, 0x87})


class Malformed(ValueError):
    """Bytes that are no such message."""


class Apdu(msgspec.Struct, frozen=True):
    """A message: class and instruction, and its data."""

    control: tuple[int, int]
    data: bytes = b""


class StatusInformation(msgspec.Struct, frozen=True, kw_only=True):
    """04 0F: how a transaction ended. ``original_trace``: of the payment that a reversal gave back."""

    result: int
    amount_minor: int | None = None
    currency: int | None = None
    receipt: int | None = None
    trace: int | None = None
    original_trace: int | None = None
    terminal_id: str = ""
    date: str = ""
    time: str = ""
    entry: str = ""
    text: str = ""


class TextBlock(msgspec.Struct, frozen=True):
    """06 D3: a receipt; ``kind`` is 1 the merchant's, 2 the shopper's, 3 administrative."""

    kind: int
    lines: tuple[str, ...]


def encode(apdu: Apdu) -> bytes:
    """The bytes of a message.

    >>> encode(Apdu(COMPLETION)).hex(), encode(Apdu(PRINT_LINE, bytes(255))).hex()[:10]
    ('060f00', '06d1ffff00')
    """
    size = len(apdu.data)
    length = bytes([size]) if size < LONG else bytes([LONG, size & 0xFF, size >> 8])
    return bytes(apdu.control) + length + apdu.data


class ApduDecoder:
    r"""Bytes of the other side, in any pieces, become messages.

    >>> decoder = ApduDecoder()
    >>> decoder.feed(bytes.fromhex("80000004")), decoder.feed(bytes.fromhex("ff010a"))
    ([Apdu(control=(128, 0), data=b'')], [Apdu(control=(4, 255), data=b'\n')])
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Apdu]:
        self._buffer += data
        found = []
        while (frame := _first_frame(self._buffer)) is not None:
            start, end = frame
            found.append(Apdu((self._buffer[0], self._buffer[1]), bytes(self._buffer[start:end])))
            del self._buffer[:end]
        return found


def _first_frame(buffer: bytearray) -> tuple[int, int] | None:
    """Where the first message's data begin and end; None while bytes are missing."""
    if len(buffer) < 3:
        return None
    if buffer[2] != LONG:
        start, size = 3, buffer[2]
    elif len(buffer) < 5:
        return None
    else:
        start, size = 5, buffer[3] | buffer[4] << 8
    return (start, start + size) if len(buffer) >= start + size else None


def acknowledgement(error: int = OK) -> Apdu:
    """80 00 00, or 84 and why not."""
    return Apdu((0x80, 0x00)) if error == OK else Apdu((0x84, error))


def is_acknowledgement(apdu: Apdu) -> bool:
    return apdu.control[0] in {0x80, 0x84}


def refused_with(apdu: Apdu) -> int:
    """The error of an acknowledgement; 0 for a positive one (80 00, and 84 00 of some terminals)."""
    return apdu.control[1] if apdu.control[0] == 0x84 else OK


def registration(password: str, currency: str) -> Apdu:
    """06 00: who I am. Bitmap 06 26 lists what the store also takes: 06 D3, receipts in one block."""
    permitted = bytes([_TLV, 0x06, 0x26, 0x04, 0x0A, 0x02, *PRINT_TEXT_BLOCK])
    head = bcd(int(password), 3) + bytes([CONFIG_BYTE]) + bcd(CURRENCIES[currency], 2)
    return Apdu(REGISTRATION, head + bytes([0x03, 0x00]) + permitted)


def authorisation(amount_minor: int, currency: str) -> Apdu:
    """06 01: take this amount."""
    return Apdu(AUTHORISATION, _amount(amount_minor, currency))


def reversal(password: str, receipt: int) -> Apdu:
    """06 30: give all of the payment with this receipt number back. No card is needed."""
    return Apdu(REVERSAL, bcd(int(password), 3) + b"\x87" + bcd(receipt, 2))


def refund(password: str, amount_minor: int, currency: str) -> Apdu:
    """06 31: give this amount to the card that is presented."""
    return Apdu(REFUND, bcd(int(password), 3) + _amount(amount_minor, currency))


def repeat_receipt(password: str) -> Apdu:
    """06 20: tell how the last transaction ended (PA00P015 §2.20: so that the store can resynchronise)."""
    return Apdu(REPEAT_RECEIPT, bcd(int(password), 3) + bytes([0x03, STATUS_OF_LAST]))


def end_of_day(password: str) -> Apdu:
    """06 50: hand the day's turnover in."""
    return Apdu(END_OF_DAY, bcd(int(password), 3))


def status_enquiry(password: str) -> Apdu:
    """05 01: are you well? Says nothing of the last transaction."""
    return Apdu(STATUS_ENQUIRY, bcd(int(password), 3))


def status_information(status: StatusInformation, card_number: str = "") -> Apdu:
    """04 0F as a terminal sends it; ``card_number`` may hold ``*`` for hidden digits."""
    fields = bytearray([0x27, status.result])
    for bitmap, value, size in (
        (0x04, status.amount_minor, 6), (0x49, status.currency, 2), (0x0B, status.trace, 3),
        (0x37, status.original_trace, 3), (0x87, status.receipt, 2),
    ):  # fmt: skip
        if value is not None:
            fields += bytes([bitmap]) + bcd(value, size)
    for bitmap, digits in ((0x0C, status.time), (0x0D, status.date), (0x29, status.terminal_id)):
        if digits:
            fields += bytes([bitmap]) + bytes.fromhex(digits)
    if card_number:
        packed = bytes.fromhex(card_number.replace("*", "e") + "f" * (len(card_number) % 2))
        fields += b"\x22" + _ll(len(packed), 2) + packed
    if status.text:
        text = status.text.encode(ENCODING, "replace")
        fields += b"\x3c" + _ll(len(text), 3) + text
    if status.entry:
        entry = next(code for code, name in _ENTRIES.items() if name == status.entry)
        fields += bytes([_TLV, 0x04, 0x1F, 0x12, 0x01, entry])
    return Apdu(STATUS_INFORMATION, bytes(fields))


def parse_status(data: bytes, encoding: str = ENCODING) -> StatusInformation:
    """04 0F. Malformed when a field is unknown or cut, or no result (27) is there."""
    fields: dict[int, bytes] = {}
    entry = ""
    for bitmap, value in bitmaps(data):
        if bitmap == _TLV:
            entry = next((_ENTRIES.get(one[0], "") for tag, one in tlv_objects(value) if tag == 0x1F12 and one), "")
        elif bitmap in _KEPT:
            fields[bitmap] = value
    if 0x27 not in fields:
        raise Malformed("a status information without a result")
    numbers = {bitmap: unbcd(fields[bitmap]) for bitmap in (0x04, 0x0B, 0x37, 0x49, 0x87) if bitmap in fields}
    return StatusInformation(
        result=fields[0x27][0],
        amount_minor=numbers.get(0x04),
        currency=numbers.get(0x49),
        receipt=numbers.get(0x87),
        trace=numbers.get(0x0B),
        original_trace=numbers.get(0x37),
        terminal_id=fields.get(0x29, b"").hex(),
        date=fields.get(0x0D, b"").hex(),
        time=fields.get(0x0C, b"").hex(),
        entry=entry,
        text=mask(fields.get(0x3C, b"").decode(encoding, "replace").rstrip("\x00 ")),
    )


def bitmaps(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a message, in their order. Malformed at the first that is unknown or cut."""
    place = 0
    while place < len(data):
        bitmap = data[place]
        place += 1
        if bitmap == _TLV:
            size, place = _tlv_length(data, place)
        else:
            known = _LENGTHS.get(bitmap)
            if known is None:
                raise Malformed(f"bitmap {bitmap:02X} is unknown")
            size, place = (known, place) if known > 0 else (_digits(data, place, -known), place - known)
        if place + size > len(data):
            raise Malformed(f"bitmap {bitmap:02X} is cut")
        yield bitmap, data[place : place + size]
        place += size


def tlv_objects(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The objects of a TLV container: tag and value (ISO/IEC 8825-1 §8.1)."""
    place = 0
    while place < len(data):
        tag = data[place]
        place += 1
        if tag & 0x1F == 0x1F:
            while place < len(data):
                tag = tag << 8 | data[place]
                place += 1
                if not tag & 0x80:
                    break
        size, place = _tlv_length(data, place)
        if place + size > len(data):
            raise Malformed(f"object {tag:X} is cut")
        yield tag, data[place : place + size]
        place += size


def parse_intermediate(data: bytes, encoding: str = ENCODING) -> tuple[int, tuple[str, ...]]:
    """04 FF: a step's code and, where the terminal sends them, the lines on its display."""
    if not data:
        raise Malformed("an intermediate status without a code")
    lines: list[str] = []
    rest = data[1:]
    if rest and rest[0] != _TLV:
        rest = rest[1:]  # a timeout in minutes
    for bitmap, value in bitmaps(rest):
        if bitmap == _TLV:
            lines += [text for tag, one in tlv_objects(value) if tag == 0x24 for text in _texts(one, encoding)]
    return data[0], tuple(lines)


def parse_print_line(data: bytes, encoding: str = ENCODING) -> tuple[str, bool]:
    """06 D1: a line to print, and whether it is a receipt's last (bit 8 of its attribute)."""
    if not data:
        raise Malformed("a line without an attribute")
    return data[1:].decode(encoding, "replace"), bool(data[0] & 0x80)


def parse_text_block(data: bytes, encoding: str = ENCODING) -> TextBlock:
    """06 D3: a whole receipt."""
    kind, lines = 0, []
    for bitmap, value in bitmaps(data):
        for tag, one in tlv_objects(value) if bitmap == _TLV else ():
            if tag == 0x1F07 and one:
                kind = one[0]
            elif tag == 0x25:
                lines += _texts(one, encoding)
    return TextBlock(kind, tuple(lines))


def text_block(block: TextBlock) -> Apdu:
    """06 D3 as a terminal sends it."""
    texts = b"".join(tlv(0x07, line.encode(ENCODING, "replace")) for line in block.lines)
    return Apdu(PRINT_TEXT_BLOCK, tlv(_TLV, tlv(0x1F07, bytes([block.kind])) + tlv(0x25, texts)))


def print_line(line: str, *, last: bool = False) -> Apdu:
    """06 D1 as a terminal sends it."""
    return Apdu(PRINT_LINE, bytes([0x81 if last else 0x00]) + line.encode(ENCODING, "replace"))


def tlv(tag: int, value: bytes) -> bytes:
    """An object: tag, length, value.

    >>> tlv(0x1F07, b"a").hex(), tlv(0x07, bytes(200)).hex()[:6]
    ('1f070161', '0781c8')
    """
    size = len(value)
    length = (
        bytes([size]) if size < 0x80 else bytes([0x81, size]) if size < 0x100 else b"\x82" + size.to_bytes(2, "big")
    )
    return tag.to_bytes(1 + (tag > 0xFF), "big") + length + value


def bcd(number: int, size: int) -> bytes:
    """Packed decimal digits in ``size`` bytes.

    >>> bcd(1290, 6).hex()
    '000000001290'
    """
    digits = f"{number:0{2 * size}d}"
    if number < 0 or len(digits) > 2 * size:
        raise ValueError(f"{number} does not fit in {size} bytes")
    return bytes.fromhex(digits)


def unbcd(packed: bytes) -> int:
    """The other way round. Malformed when a half byte is no digit."""
    if not packed.hex().isdecimal():
        raise Malformed("packed digits that are none")
    return int(packed.hex())


def _amount(amount_minor: int, currency: str) -> bytes:
    return b"\x04" + bcd(amount_minor, 6) + b"\x49" + bcd(CURRENCIES[currency], 2)


def _texts(data: bytes, encoding: str) -> list[str]:
    return [value.decode(encoding, "replace") for tag, value in tlv_objects(data) if tag == 0x07]


def _digits(data: bytes, place: int, count: int) -> int:
    part = data[place : place + count]
    if len(part) < count or any(byte & 0xF0 != 0xF0 or byte & 0x0F > 9 for byte in part):
        raise Malformed("a length that is none")
    return int("".join(str(byte & 0x0F) for byte in part))


def _ll(size: int, count: int) -> bytes:
    return bytes(0xF0 | int(digit) for digit in f"{size:0{count}d}")


def _tlv_length(data: bytes, place: int) -> tuple[int, int]:
    """An object's length, and where its value begins."""
    count = data[place] & 0x7F if place < len(data) and data[place] & 0x80 else 0
    if place + count >= len(data) or count > 2:
        raise Malformed("a length that is cut or too long")
    if not count:
        return data[place], place + 1
    return int.from_bytes(data[place + 1 : place + 1 + count], "big"), place + 1 + count
