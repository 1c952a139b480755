"""Electronic Product Codes on RFID tags: which goods a tag names. Only serialised GTINs (SGTIN) name goods that are
sold; every other scheme (a library's book, a transport pallet, a bare tag) is "unknown".

Source: GS1 EPC Tag Data Standard (TDS) 1.6; SGTIN-96 and SGTIN-198 in section 14.5.1 (coding tables and the partition
table), how indicator digit and item reference stand in it in 7.1, the characters of a serial in appendix A. TDS 2.x
keeps both; its own SGTIN+ and DSGTIN+ (headers F7 and FB) are not read yet and count as unknown.
"""

from typing import Literal

import msgspec
from biip.checksums import gs1_standard_check_digit

_HEADER_96, _HEADER_198 = 0x30, 0x36
_BITS_96, _BITS_198 = 96, 198
_SERIAL_BITS_96 = 38
_SERIAL_LENGTH_MAX, _CHARACTER_BITS = 20, 7
# Partition → bits of the company prefix, digits of it, bits of the item reference; together 44 bits and 13 digits.
_PARTITIONS = ((40, 12, 4), (37, 11, 7), (34, 10, 10), (30, 9, 14), (27, 8, 17), (24, 7, 20), (20, 6, 24))
_DIGITS = 13
# GS1 AI encodable character set 82 (TDS appendix A, table A-1).
_CHARACTERS = frozenset("!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")


class Sgtin(msgspec.Struct, frozen=True):
    """One piece of goods: its GTIN-14 and its serial. ``company_prefix_digits`` (6 to 12) is part of the tag's bits and
    not of the goods; ``filter_value`` (0 to 7) says what kind of unit it is: 1 is a piece that is sold at a till.
    """

    gtin: str
    serial: str
    company_prefix_digits: int = 7
    filter_value: int = 1


def decode_epc(epc: bytes) -> Sgtin | None:
    """What an EPC names; None for another scheme and for bits that are none. Readers pad to whole words: what stands
    behind an SGTIN is not looked at.

    >>> decode_epc(bytes.fromhex("3074257bf7194e4000001a85"))
    Sgtin(gtin='80614141123458', serial='6789', company_prefix_digits=7, filter_value=3)
    >>> decode_epc(bytes.fromhex("e20000000000000000000000")) is None
    True
    """
    if not epc:
        return None
    bits = _BITS_96 if epc[0] == _HEADER_96 else _BITS_198 if epc[0] == _HEADER_198 else None
    if bits is None or 8 * len(epc) < bits:
        return None
    value = int.from_bytes(epc, "big") >> (8 * len(epc) - bits)
    serial_bits = bits - 58
    head = _decode_gtin(value >> serial_bits & (1 << 47) - 1)
    tail = value & (1 << serial_bits) - 1
    serial = str(tail) if bits == _BITS_96 else _decode_text(tail)
    if head is None or serial is None:
        return None
    gtin, digits = head
    return Sgtin(gtin, serial, digits, value >> bits - 11 & 7)


def encode_epc(sgtin: Sgtin, scheme: Literal["sgtin-96", "sgtin-198"] = "sgtin-96") -> bytes:
    """The bits of a tag, in whole bytes. ValueError for what the scheme can't hold.

    >>> encode_epc(Sgtin("80614141123458", "6789", 7, 3)).hex()
    '3074257bf7194e4000001a85'
    """
    if len(sgtin.gtin) != _DIGITS + 1 or not sgtin.gtin.isdecimal() or not sgtin.gtin.isascii():
        raise ValueError("a GTIN-14 has fourteen digits")
    if sgtin.gtin[-1] != _check_digit(sgtin.gtin[:-1]):
        raise ValueError("the GTIN's check digit is wrong")
    partition = next((at for at, row in enumerate(_PARTITIONS) if row[1] == sgtin.company_prefix_digits), None)
    if partition is None or not 0 <= sgtin.filter_value <= 7:
        raise ValueError("a company prefix has 6 to 12 digits, a filter value is 0 to 7")
    _, digits, item_bits = _PARTITIONS[partition]
    company, item = sgtin.gtin[1 : 1 + digits], sgtin.gtin[0] + sgtin.gtin[1 + digits : -1]
    gtin_bits = (partition << 44) | (int(company) << item_bits) | int(item)
    if scheme == "sgtin-96":
        return _packed(_HEADER_96, sgtin.filter_value, gtin_bits, _encode_number(sgtin.serial), _SERIAL_BITS_96)
    return _packed(_HEADER_198, sgtin.filter_value, gtin_bits, _encode_text(sgtin.serial), _BITS_198 - 58)


def _packed(header: int, filter_value: int, gtin_bits: int, serial: int, serial_bits: int) -> bytes:
    bits = 58 + serial_bits
    value = (((header << 3) | filter_value) << 47 | gtin_bits) << serial_bits | serial
    length = -(-bits // 8)
    return (value << (8 * length - bits)).to_bytes(length, "big")


def _decode_gtin(value: int) -> tuple[str, int] | None:
    """GTIN-14 and the digits of its company prefix."""
    partition = value >> 44
    if partition >= len(_PARTITIONS):
        return None
    _, digits, item_bits = _PARTITIONS[partition]
    company, item = str(value >> item_bits & (1 << 44 - item_bits) - 1), str(value & (1 << item_bits) - 1)
    if len(company) > digits or len(item) > _DIGITS - digits:
        return None
    item = item.zfill(_DIGITS - digits)
    body = item[0] + company.zfill(digits) + item[1:]
    return body + _check_digit(body), digits


def _check_digit(body: str) -> str:
    return str(gs1_standard_check_digit(body))


def _encode_number(serial: str) -> int:
    if not serial.isascii() or not serial.isdecimal() or (serial[0] == "0" and serial != "0"):
        raise ValueError("a serial of SGTIN-96 is a number without leading zeros")
    if int(serial) >= 1 << _SERIAL_BITS_96:
        raise ValueError("this serial is too large for SGTIN-96")
    return int(serial)


def _encode_text(serial: str) -> int:
    if not 1 <= len(serial) <= _SERIAL_LENGTH_MAX or not set(serial) <= _CHARACTERS:
        raise ValueError("a serial has 1 to 20 characters of GS1's set 82")
    value = 0
    for character in serial.ljust(_SERIAL_LENGTH_MAX, "\0"):
        value = value << _CHARACTER_BITS | ord(character)
    return value


def _decode_text(value: int) -> str | None:
    places = range(_SERIAL_LENGTH_MAX - 1, -1, -1)
    text = "".join(chr(value >> _CHARACTER_BITS * place & 0x7F) for place in places).rstrip("\0")
    return text if text and set(text) <= _CHARACTERS else None
