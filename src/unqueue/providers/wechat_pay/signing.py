"""Signatures and sealed resources of WeChat Pay's API v3. Pure.

Signatures are RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2) in base64, over lines that each end with a line feed; the
resources of notifications are sealed with AES-256-GCM (RFC 5116 §5.2). WeChat Pay's documentation of API v3:
https://pay.weixin.qq.com/wiki/doc/apiv3/wechatpay/wechatpay4_0.shtml (签名生成), …4_1.shtml (签名验证), …4_2.shtml
(证书和回调报文解密).
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

SCHEME = "WECHATPAY2-SHA256-RSA2048"
TIMESTAMP = "wechatpay-timestamp"
NONCE = "wechatpay-nonce"
SERIAL = "wechatpay-serial"
SIGNATURE = "wechatpay-signature"
SIGNATURE_TYPE = "wechatpay-signature-type"

Problem = Literal["header_missing", "key_unknown", "signature_invalid", "timestamp_stale"]


class Unverified(Exception):
    """The message can't be believed; ``problem`` says why."""

    def __init__(self, problem: Problem) -> None:
        self.problem: Problem = problem
        super().__init__(problem)


class Unsealable(Exception):
    """A resource that does not open: another key, or changed."""


class Signed(msgspec.Struct, frozen=True):
    """The headers of an answer or a notification; ``serial`` names the public key (``PUB_KEY_ID_…``)."""

    timestamp_s: int
    nonce: str
    serial: str
    signature: bytes


def request_text(method: str, path: str, timestamp_s: int, nonce: str, body: bytes) -> bytes:
    r"""What a merchant's request signs. ``path`` is from the API's root on, with its query.

    >>> request_text("GET", "/v3/pay/transactions/id/1?mchid=2", 1554208460, "n1", b"")
    b'GET\n/v3/pay/transactions/id/1?mchid=2\n1554208460\nn1\n\n'
    """
    return f"{method}\n{path}\n{timestamp_s}\n{nonce}\n".encode() + body + b"\n"


def message_text(timestamp_s: int, nonce: str, body: bytes) -> bytes:
    r"""What an answer or a notification signs: neither names what it answers.

    >>> message_text(1554209980, "n2", b"{}")
    b'1554209980\nn2\n{}\n'
    """
    return f"{timestamp_s}\n{nonce}\n".encode() + body + b"\n"


def bridge_text(app_id: str, timestamp: str, nonce: str, package: str) -> bytes:
    r"""What ``paySign`` signs, for the wallet's own browser.

    >>> bridge_text("wx1", "1414561699", "n3", "prepay_id=wx2")
    b'wx1\n1414561699\nn3\nprepay_id=wx2\n'
    """
    return f"{app_id}\n{timestamp}\n{nonce}\n{package}\n".encode()


def sign(key: RSAPrivateKey, text: bytes) -> str:
    """The signature in base64."""
    return base64.b64encode(key.sign(text, PKCS1v15(), SHA256())).decode()


def is_signed(key: RSAPublicKey, signature: bytes, text: bytes) -> bool:
    """Whether ``key`` made the signature of just this text."""
    try:
        key.verify(signature, text, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def headers_of(key: RSAPrivateKey, serial: str, timestamp_s: int, nonce: str, body: bytes) -> dict[str, str]:
    """The headers of an answer or a notification."""
    return {
        TIMESTAMP: str(timestamp_s),
        NONCE: nonce,
        SERIAL: serial,
        SIGNATURE: sign(key, message_text(timestamp_s, nonce, body)),
        SIGNATURE_TYPE: SCHEME,
    }


def read_headers(headers: Mapping[str, str]) -> Signed:
    """The signature's headers (names in lower case); Unverified where one is missing or can't be read."""
    try:
        timestamp, nonce, serial, signature = (headers[name] for name in (TIMESTAMP, NONCE, SERIAL, SIGNATURE))
    except KeyError:
        raise Unverified("header_missing") from None
    if headers.get(SIGNATURE_TYPE, SCHEME) != SCHEME:
        raise Unverified("signature_invalid")
    if not (re.fullmatch("[1-9][0-9]{0,11}", timestamp) and 0 < len(nonce) <= 64):
        raise Unverified("header_missing")
    try:
        return Signed(int(timestamp), nonce, serial, base64.b64decode(signature, validate=True))
    except (binascii.Error, ValueError):
        raise Unverified("signature_invalid") from None


def verify(signed: Signed, body: bytes, keys: Mapping[str, RSAPublicKey], now_s: float, fresh_s_max: int) -> None:
    """Check that a key we know signed ``body`` not more than ``fresh_s_max`` seconds from now; Unverified else."""
    key = keys.get(signed.serial)
    if key is None:
        raise Unverified("key_unknown")
    if not is_signed(key, signed.signature, message_text(signed.timestamp_s, signed.nonce, body)):
        raise Unverified("signature_invalid")
    if abs(now_s - signed.timestamp_s) > fresh_s_max:
        raise Unverified("timestamp_stale")


def seal(key: bytes, nonce: bytes, associated_data: bytes, plain: bytes) -> bytes:
    """Encrypt a resource: the ciphertext with its tag of 16 bytes."""
    return AESGCM(key).encrypt(nonce, plain, associated_data)


def unseal(key: bytes, nonce: bytes, associated_data: bytes, sealed: bytes) -> bytes:
    """Decrypt a resource; Unsealable when anything of it is not what was sealed with ``key``."""
    try:
        return AESGCM(key).decrypt(nonce, sealed, associated_data)
    except (InvalidTag, ValueError):  # a nonce of a wrong length is a ValueError
        raise Unsealable from None
