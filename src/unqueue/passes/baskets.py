"""A basket on its way from a handset to a kiosk as QR codes, while the handset has no network. Pure.

What is handed over are the *actions* that the server has not acknowledged: the same, with the same ids, that the
handset sends once it is back online, so that it does not matter which of the two arrives first, or how often. Prices
are no part of it.

The content is ``trip id (16 bytes) | seal (16 bytes) | body``. The body is the JSON of a :class:`HandedBasket`,
deflated (RFC 1951). The seal is HMAC-SHA256 (RFC 2104), cut to 128 bits, over ``UQB1``, the trip's id and the body. Its
key is the trip's own (:func:`key_of`): the server gives it to the handset at the start of the visit and can make it
again; a kiosk has none, so it can hand on a basket and make none.

A QR code holds one part, in characters that a scanner can type under any keyboard layout or input method::

    UQB1 | 13 characters: which basket (64 bits of its SHA-256) | 2 digits: part | 2 digits: of how many | its bytes

in base32 without padding (RFC 4648 section 6), which is QR's alphanumeric mode (ISO/IEC 18004 section 7.4.4).
"""

import base64
import hashlib
import hmac
import re
import zlib
from typing import Annotated, Any, Literal, Self

import msgspec

from unqueue.kernel.errors import DomainError

PREFIX = "UQB1"
PART_BYTES = 260
"""So many bytes make a QR code of at most version 13 (69 modules) at error correction M."""
PARTS_MAX = 99
BODY_BYTES_MAX = 1_000_000
"""Of a body that was inflated: nobody can hand over more."""
ACTIONS_MAX = 1_000
_ID, _SEAL = 16, 16
_DIGEST_BYTES, _DIGEST = 8, 13
_PART = re.compile(rf"{PREFIX}([A-Z2-7]{{{_DIGEST}}})([0-9]{{2}})([0-9]{{2}})([A-Z2-7]+)")


class BasketCodeInvalid(DomainError):
    """No part of a basket, or a basket that is not as its trip's handset sealed it."""

    code = "basket_code_invalid"
    status = 422
    zh = "这个购物篮的码不是本店的，或者不完整，请在手机上重新打开"
    en = "This basket code is not this store's, or not complete. Please open it on your phone again."


class OtherBasket(DomainError):
    """A part of one basket while another is being collected."""

    code = "other_basket"
    status = 409
    permanent = False
    zh = "这是另一个购物篮的码。请先扫完这一个，或者点“重新开始”"
    en = "That code is of another basket. Please finish this one first, or press Start over."


class Part(msgspec.Struct, frozen=True):
    """What one QR code holds; ``number`` counts from 1 to ``count``. ``basket`` says which basket it is of."""

    basket: str
    number: int
    count: int
    content: bytes

    def text(self) -> str:
        return f"{PREFIX}{self.basket}{self.number:02}{self.count:02}{_base32(self.content)}"


class Collected(msgspec.Struct, frozen=True):
    """The parts of one basket that were read, by their numbers."""

    basket: str
    count: int
    parts: dict[int, bytes]

    @property
    def missing(self) -> tuple[int, ...]:
        """The numbers of the parts that were not read yet."""
        return tuple(number for number in range(1, self.count + 1) if number not in self.parts)

    @classmethod
    def begin(cls, part: Part) -> Self:
        return cls(part.basket, part.count, {part.number: part.content})

    def with_part(self, part: Part) -> Self:
        """With one more part, in any order, any number of times. OtherBasket; BasketCodeInvalid for a part that
        contradicts what was read.
        """
        if part.basket != self.basket:
            raise OtherBasket
        if part.count != self.count or self.parts.get(part.number, part.content) != part.content:
            raise BasketCodeInvalid
        return msgspec.structs.replace(self, parts={**self.parts, part.number: part.content})

    def content(self) -> bytes:
        """The whole content, once nothing is missing. BasketCodeInvalid where it is not the basket that it says."""
        content = b"".join(self.parts[number] for number in range(1, self.count + 1))
        if _digest(content) != self.basket:
            raise BasketCodeInvalid
        return content


ShortText = Annotated[str, msgspec.Meta(max_length=64)]
CodeText = Annotated[str, msgspec.Meta(max_length=500)]


class HandedAddition(msgspec.Struct, frozen=True):
    code: CodeText
    quantity: int = 1
    symbology: ShortText | None = None


class HandedScan(msgspec.Struct, frozen=True, tag_field="kind", tag="scan"):
    """A scan that the server has not acknowledged: member for member what the handset sends it."""

    id: ShortText
    code: CodeText
    quantity: int = 1
    symbology: ShortText | None = None
    at: ShortText | None = None


class HandedChange(msgspec.Struct, frozen=True):
    """``by`` pieces more (or fewer, below 0) of a line."""

    line: int
    by: int


class HandedQuantity(msgspec.Struct, frozen=True):
    line: int
    quantity: int


class HandedBatch(msgspec.Struct, frozen=True, tag_field="kind", tag="batch"):
    """Changes that the server has not acknowledged.

    ``change`` is what the shopper did; ``set`` what the handset made of it where it has tried to send it already.
    """

    id: ShortText
    add: list[HandedAddition] = []
    change: list[HandedChange] = []
    set: list[HandedQuantity] = []
    delete: list[int] = []
    delete_coupons: list[int] = []


class HandedBasket(msgspec.Struct, frozen=True):
    """What a handset hands over: its unacknowledged actions, oldest first."""

    actions: Annotated[list[HandedScan | HandedBatch], msgspec.Meta(max_length=ACTIONS_MAX)]
    version: Literal[1] = 1


def key_of(secret: bytes, trip_id: str) -> bytes:
    """The key of a trip's seals, made of the store's secret: 32 bytes."""
    return hmac.digest(secret, b"basket:" + trip_id.encode(), "sha256")


def seal(trip_id: str, body: Any, key: bytes) -> bytes:
    """The content that hands a basket over; ``body`` as JSON has it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(msgspec.json.encode(body)) + packer.flush()
    trip = bytes.fromhex(trip_id)
    return trip + _seal(trip, packed, key) + packed


def trip_of(content: bytes) -> str:
    """Which trip a content says that it is of; nothing is proved by that. BasketCodeInvalid."""
    if len(content) <= _ID + _SEAL or len(content) > PART_BYTES * PARTS_MAX:
        raise BasketCodeInvalid
    return content[:_ID].hex()


def unseal(content: bytes, key: bytes) -> HandedBasket:
    """What was handed over, once its seal is right. BasketCodeInvalid."""
    trip_of(content)
    trip, given, packed = content[:_ID], content[_ID : _ID + _SEAL], content[_ID + _SEAL :]
    if not hmac.compare_digest(given, _seal(trip, packed, key)):
        raise BasketCodeInvalid
    try:
        unpacker = zlib.decompressobj(-15)
        body = unpacker.decompress(packed, BODY_BYTES_MAX)
        if not unpacker.eof or unpacker.unused_data:
            raise BasketCodeInvalid
        return msgspec.json.decode(body, type=HandedBasket)
    except (zlib.error, msgspec.MsgspecError, UnicodeError) as error:
        raise BasketCodeInvalid from error


def split(content: bytes, part_bytes: int = PART_BYTES) -> list[Part]:
    """A content as parts of about the same size.

    >>> [part.text() for part in split(b"basket", 4)]
    ['UQB17J3NTGWZK7MVE0102MJQXG', 'UQB17J3NTGWZK7MVE0202NNSXI']
    """
    count = -(-len(content) // part_bytes)
    size = -(-len(content) // count)
    basket = _digest(content)
    return [Part(basket, n + 1, count, content[n * size : (n + 1) * size]) for n in range(count)]


def to_text(content: bytes) -> str:
    """A content for JSON."""
    return _base32(content)


def from_text(text: str) -> bytes:
    """The content that JSON carried. BasketCodeInvalid."""
    try:
        content = base64.b32decode(text + "=" * (-len(text) % 8))
    except ValueError as error:
        raise BasketCodeInvalid from error
    if _base32(content) != text:  # each content is spelled in one way
        raise BasketCodeInvalid
    return content


def is_part(text: str) -> bool:
    """Whether what was scanned means to be a part of a basket.

    >>> is_part("UQB17J3NTGWZK7MVE0102MJQXG"), is_part("6901234567892")
    (True, False)
    """
    return text[: len(PREFIX)].upper() == PREFIX


def read_part(text: str) -> Part:
    """The part that was scanned; BasketCodeInvalid where it is none."""
    found = _PART.fullmatch(text.strip().upper())
    if found is None:
        raise BasketCodeInvalid
    basket, number, count, data = found[1], int(found[2]), int(found[3]), found[4]
    if not 1 <= number <= count:
        raise BasketCodeInvalid
    content = from_text(data)
    if len(content) > PART_BYTES:
        raise BasketCodeInvalid
    return Part(basket, number, count, content)


def _seal(trip: bytes, packed: bytes, key: bytes) -> bytes:
    return hmac.digest(key, PREFIX.encode() + trip + packed, "sha256")[:_SEAL]


def _digest(content: bytes) -> str:
    return _base32(hashlib.sha256(content).digest()[:_DIGEST_BYTES])


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).rstrip(b"=").decode()
