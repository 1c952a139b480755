"""The exit pass: a signed code that opens the lane once. Pure.

``UQ2.<payload>.<signature>.<link>``, each in base64url without padding (RFC 4648 section 5). The payload is a
MessagePack array; the signature is Ed25519 (RFC 8032 section 5.1) over the text ``UQ2.<payload>``, the *stem*. What the
screen shows changes every few seconds: the link (:mod:`unqueue.passes.rotation`).

A pass names its order and the hash of what was paid for, so that it can't be moved to another basket; its id is random,
so that none can be guessed. It says what the goods should weigh, and the one lane that may take it while that lane is
cut off from the server. That it opens only once is not written in the pass: the server remembers which orders have
left, and so does the lane that the pass is bound to.
"""

import base64
import binascii

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from unqueue.kernel.errors import DomainError
from unqueue.passes import rotation

PREFIX = "UQ2"
TEXT_LENGTH_MAX = 600


class PassInvalid(DomainError):
    code = "pass_invalid"
    status = 422
    zh = "这不是本店的出场码，请打开付款后的出场码再试"
    en = "This is not an exit pass of this store. Please open the pass that came after paying."


class PassExpired(DomainError):
    code = "pass_expired"
    status = 409
    zh = "出场码过时了，请在手机上打开最新的出场码"
    en = "This pass is out of date. Please show the one on your handset as it is now."


class PassClaims(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a pass says.

    ``order_id`` and ``pass_id`` are 16 bytes, ``basket_hash`` 32 (SHA-256), ``chain_end`` 12
    (:func:`unqueue.passes.rotation.chain`); times are seconds since 1970 UTC by the server's clock. ``number`` is the
    order's, ``items`` how many units it has, ``tags`` how many of them carry one. The goods weigh ``expected_g`` with
    the standard deviation ``sigma_g``, in grams; they pass from ``low_g`` to ``high_g`` where the server knows that,
    else both are 0. ``lane`` may take the pass while it is cut off; "" where staff have to look at the order first.
    """

    store_id: str
    order_id: bytes
    basket_hash: bytes
    pass_id: bytes
    issued_s: int
    expires_s: int
    chain_end: bytes = b""
    number: str = ""
    items: int = 0
    tags: int = 0
    expected_g: int = 0
    sigma_g: float = 0.0
    low_g: int = 0
    high_g: int = 0
    lane: str = ""


def sign(claims: PassClaims, key: Ed25519PrivateKey) -> str:
    """The stem of a pass: all but its link."""
    signed = f"{PREFIX}.{encode(msgspec.msgpack.encode(claims))}"
    return f"{signed}.{encode(key.sign(signed.encode()))}"


def verify(text: str, key: Ed25519PublicKey, *, store_id: str, now_s: float) -> PassClaims:
    """What a pass says, once its signature, its store and its time are right. PassInvalid or PassExpired otherwise.

    A pass from the future is good: it carries our signature, so it is our own clock that was set back. What was shown
    too long ago (a picture of a screen) is out of date, like a pass that has ended.
    """
    claims = authentic(text, key, store_id=store_id)
    if now_s >= claims.expires_s:
        raise PassExpired
    steps = rotation.steps_of(claims.expires_s - claims.issued_s)
    step = rotation.step_of(_decode(text.rpartition(".")[2]), claims.chain_end, claims.pass_id, steps)
    if step is None:
        raise PassInvalid
    if not rotation.is_fresh(step, issued_s=claims.issued_s, now_s=now_s):
        raise PassExpired
    return claims


def authentic(text: str, key: Ed25519PublicKey, *, store_id: str) -> PassClaims:
    """What a pass says, whenever it was good; PassInvalid where its signature or its store is wrong."""
    if len(text) > TEXT_LENGTH_MAX or text.count(".") != 3:
        raise PassInvalid
    prefix, payload, signature, link = text.split(".")
    if prefix != PREFIX:
        raise PassInvalid
    try:
        _decode(link)
        key.verify(_decode(signature), f"{prefix}.{payload}".encode())
        claims = msgspec.msgpack.decode(_decode(payload), type=PassClaims)
    except (InvalidSignature, binascii.Error, UnicodeError, ValueError, msgspec.MsgspecError) as error:
        raise PassInvalid from error
    if claims.store_id != store_id:
        raise PassInvalid
    return claims


def encode(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """The bytes of unpadded base64url; ValueError for any other spelling of the same bytes."""
    raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    if encode(raw) != text:
        raise ValueError("not the canonical spelling")
    return raw
