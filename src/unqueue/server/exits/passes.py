"""The exit pass: a signed code that opens the lane once. Pure.

``UQ1.<payload>.<signature>``, both in base64url without padding (RFC 4648 section 5). The payload is a MessagePack
array; the signature is Ed25519 (RFC 8032 section 5.1) over the text ``UQ1.<payload>``. A pass names its order and the
hash of what was paid for, so that it can't be moved to another basket; its id is random, so that none can be guessed.
That it opens only once is not written in the pass: the server remembers which orders have left.
"""

import base64
import binascii

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from unqueue.kernel.errors import DomainError

PREFIX = "UQ1"
TEXT_LENGTH_MAX = 400


class PassInvalid(DomainError):
    code = "pass_invalid"
    status = 422
    zh = "这不是本店的出场码，请打开付款后的出场码再试"
    en = "This is not an exit pass of this store. Please open the pass that came after paying."


class PassExpired(DomainError):
    code = "pass_expired"
    status = 409
    zh = "出场码过时了，请在手机上刷新一下再试"
    en = "This pass is out of date. Please refresh it on your handset."


class PassClaims(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a pass says. ``order_id`` and ``pass_id`` are 16 bytes, ``basket_hash`` is 32 bytes (SHA-256); times are
    seconds since 1970 UTC by the server's clock.
    """

    store_id: str
    order_id: bytes
    basket_hash: bytes
    pass_id: bytes
    issued_s: int
    expires_s: int


def sign(claims: PassClaims, key: Ed25519PrivateKey) -> str:
    """The text of a pass, about 210 characters."""
    signed = f"{PREFIX}.{_encode(msgspec.msgpack.encode(claims))}"
    return f"{signed}.{_encode(key.sign(signed.encode()))}"


def verify(text: str, key: Ed25519PublicKey, *, store_id: str, now_s: int) -> PassClaims:
    """What a pass says, once its signature, its store and its time are right. PassInvalid or PassExpired otherwise.

    A pass from the future is good: it carries our signature, so it is our own clock that was set back.
    """
    if len(text) > TEXT_LENGTH_MAX or text.count(".") != 2:
        raise PassInvalid
    signed, _, signature = text.rpartition(".")
    prefix, _, payload = signed.partition(".")
    if prefix != PREFIX:
        raise PassInvalid
    try:
        key.verify(_decode(signature), signed.encode())
        claims = msgspec.msgpack.decode(_decode(payload), type=PassClaims)
    except (InvalidSignature, binascii.Error, UnicodeError, ValueError, msgspec.MsgspecError) as error:
        raise PassInvalid from error
    if claims.store_id != store_id:
        raise PassInvalid
    if now_s >= claims.expires_s:
        raise PassExpired
    return claims


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """The bytes of unpadded base64url; ValueError for any other spelling of the same bytes."""
    raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    if _encode(raw) != text:
        raise ValueError("not the canonical spelling")
    return raw
