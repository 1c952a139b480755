"""Signatures of the sandbox wallet: Ed25519 (RFC 8032) over the fields of a message, one on each line.

The first line tells what is signed, so that no signature can serve as another: a request begins with its method
(capital letters), a response with ``response``, a notification with ``notification``. docs/protocols/sandbox-wallet.md.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from unqueue.providers import key_files

TIMESTAMP = "wallet-timestamp"
NONCE = "wallet-nonce"
SERIAL = "wallet-serial"
SIGNATURE = "wallet-signature"

Problem = Literal["header_missing", "key_unknown", "signature_invalid", "timestamp_stale"]


class Unverified(Exception):
    """The message can't be believed; ``problem`` says why."""

    def __init__(self, problem: Problem) -> None:
        self.problem: Problem = problem
        super().__init__(problem)


class Signed(msgspec.Struct, frozen=True):
    """The headers of a signed message: seconds since 1970 UTC, a value used once, which key, and the signature."""

    timestamp_s: int
    nonce: str
    serial: str
    signature: bytes


def request_text(method: str, path: str, timestamp_s: int, nonce: str, body: bytes) -> bytes:
    r"""What a request signs. ``path`` is from the API's root on, with its query.

    >>> request_text("GET", "/v1/payments/7", 1767323045, "n1", b"")
    b'GET\n/v1/payments/7\n1767323045\nn1\n\n'
    """
    return f"{method}\n{path}\n{timestamp_s}\n{nonce}\n".encode() + body + b"\n"


def response_text(request_nonce: str, status: int, timestamp_s: int, nonce: str, body: bytes) -> bytes:
    r"""What a response signs: it names the request, so that an earlier answer can't be passed off as this one.

    >>> response_text("n1", 200, 1767323045, "n2", b"{}")
    b'response\nn1\n200\n1767323045\nn2\n{}\n'
    """
    return f"response\n{request_nonce}\n{status}\n{timestamp_s}\n{nonce}\n".encode() + body + b"\n"


def notification_text(timestamp_s: int, nonce: str, body: bytes) -> bytes:
    r"""What a notification signs. No path: the store may stand behind a front door that changes it.

    >>> notification_text(1767323045, "n3", b"{}")
    b'notification\n1767323045\nn3\n{}\n'
    """
    return f"notification\n{timestamp_s}\n{nonce}\n".encode() + body + b"\n"


def serial_of(key: Ed25519PublicKey) -> str:
    """The name of a key: the first 16 hexadecimal digits of the SHA-256 of its 32 bytes."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


class Signer:
    """Signs with one private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.serial = serial_of(key.public_key())

    def headers(self, timestamp_s: int, nonce: str, text: bytes) -> dict[str, str]:
        """The four headers for a message whose text was made with this timestamp and nonce."""
        return {
            TIMESTAMP: str(timestamp_s),
            NONCE: nonce,
            SERIAL: self.serial,
            SIGNATURE: base64.b64encode(self._key.sign(text)).decode(),
        }


def read_headers(headers: Mapping[str, str]) -> Signed:
    """The signature's headers (names in lower case); Unverified where one is missing or can't be read."""
    try:
        timestamp, nonce = headers[TIMESTAMP], headers[NONCE]
        serial, signature = headers[SERIAL], headers[SIGNATURE]
    except KeyError:
        raise Unverified("header_missing") from None
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12 and 0 < len(nonce) <= 64):
        raise Unverified("header_missing")
    try:
        return Signed(int(timestamp), nonce, serial, base64.b64decode(signature, validate=True))
    except (binascii.Error, ValueError):
        raise Unverified("signature_invalid") from None


def verify(signed: Signed, text: bytes, keys: Mapping[str, Ed25519PublicKey], now_s: float, fresh_s_max: int) -> None:
    """Check that a key we know signed ``text`` not more than ``fresh_s_max`` seconds from now; Unverified else."""
    key = keys.get(signed.serial)
    if key is None:
        raise Unverified("key_unknown")
    try:
        key.verify(signed.signature, text)
    except InvalidSignature:
        raise Unverified("signature_invalid") from None
    if abs(now_s - signed.timestamp_s) > fresh_s_max:
        raise Unverified("timestamp_stale")


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """An Ed25519 key in PEM (PKCS #8); ValueError when the file holds something else."""
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{path.name} holds no Ed25519 private key")  # noqa: TRY004  # the file's content is wrong
    return key


def load_public_key(path: Path) -> Ed25519PublicKey:
    """An Ed25519 key in PEM (SubjectPublicKeyInfo); ValueError when the file holds something else."""
    key = serialization.load_pem_public_key(path.read_bytes())
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError(f"{path.name} holds no Ed25519 public key")  # noqa: TRY004  # the file's content is wrong
    return key


def ensure_key_pair(directory: Path, name: str) -> tuple[Path, Path]:
    """The files ``<name>.key`` and ``<name>.pub`` in ``directory``, made on first use; only the owner reads the key."""
    return key_files.ensure_key_pair(directory, name, Ed25519PrivateKey.generate)
