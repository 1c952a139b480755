"""Local encryption of the Terminal API: what hides and proves messages between store and terminal, without I/O.

From a shared passphrase PBKDF2-HMAC-SHA1 (RFC 8018 §5.2; salt ``AdyenNexoV1Salt``, 4000 rounds) makes 80 bytes: 32 for
HMAC-SHA-256, 32 for AES-256, 16 for the initialisation vector. A message is its JSON as UTF-8; the *blob* is that in
AES-256-CBC with PKCS #7 padding under vector XOR nonce, the *trailer* says which key and nonce, and holds the HMAC of
the JSON before encryption. Source: Adyen, Terminal API, "Protect local communications", and Adyen's own libraries,
whose tests' messages are in tests/golden/nexo.toml.
"""

import hashlib
import hmac
from base64 import b64encode
from binascii import Error as NoBase64
from binascii import a2b_base64

import msgspec
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC

NONCE_BYTES = 16
CRYPTO_VERSION = 1
_SALT, _ROUNDS = b"AdyenNexoV1Salt", 4000
_BLOCK_BITS = 128


class Unreadable(Exception):
    """No message of someone who has the key. That it says no more keeps padding and HMAC from being told apart."""


class Key(msgspec.Struct, frozen=True):
    """A passphrase's key material, and the name and version under which both sides know it."""

    identifier: str
    version: int
    hmac_key: bytes
    cipher_key: bytes
    vector: bytes

    def __repr__(self) -> str:
        return f"Key({self.identifier!r}, {self.version})"  # the secrets stay out of logs


class SecurityTrailer(msgspec.Struct, frozen=True, kw_only=True):
    """Stands beside the blob. ``hmac`` and ``nonce`` are base64."""

    key_identifier: str = msgspec.field(name="KeyIdentifier")
    key_version: int = msgspec.field(name="KeyVersion")
    crypto_version: int = msgspec.field(name="AdyenCryptoVersion")
    nonce: str = msgspec.field(name="Nonce")
    hmac: str = msgspec.field(name="Hmac")


def derive_key(passphrase: str, identifier: str, version: int) -> Key:
    """The key of a passphrase. Takes milliseconds, on purpose: derive it once."""
    material = hashlib.pbkdf2_hmac("sha1", passphrase.encode(), _SALT, _ROUNDS, 80)
    return Key(identifier, version, material[:32], material[32:64], material[64:])


def seal(key: Key, message: bytes, nonce: bytes) -> tuple[str, SecurityTrailer]:
    """The blob (base64) and the trailer of a message. ``nonce``: 16 random bytes, used once."""
    padder = padding.PKCS7(_BLOCK_BITS).padder()
    encryptor = _cipher(key, nonce).encryptor()
    blob = encryptor.update(padder.update(message) + padder.finalize()) + encryptor.finalize()
    trailer = SecurityTrailer(
        key_identifier=key.identifier,
        key_version=key.version,
        crypto_version=CRYPTO_VERSION,
        nonce=b64encode(nonce).decode(),
        hmac=b64encode(_hmac(key, message)).decode(),
    )
    return b64encode(blob).decode(), trailer


def unseal(key: Key, blob: str, trailer: SecurityTrailer) -> bytes:
    """The message. Unreadable when it was made with another key, or was changed."""
    named = (trailer.key_identifier, trailer.key_version, trailer.crypto_version)
    if named != (key.identifier, key.version, CRYPTO_VERSION):
        raise Unreadable
    try:
        # Some senders break base64 into lines: a2b_base64 passes over what is none of its characters.
        nonce, sent = a2b_base64(trailer.nonce), a2b_base64(trailer.hmac)
        decryptor = _cipher(key, nonce).decryptor()
        unpadder = padding.PKCS7(_BLOCK_BITS).unpadder()
        padded = decryptor.update(a2b_base64(blob)) + decryptor.finalize()
        message = unpadder.update(padded) + unpadder.finalize()
    except (NoBase64, ValueError) as error:
        raise Unreadable from error
    if not hmac.compare_digest(sent, _hmac(key, message)):
        raise Unreadable
    return message


def _hmac(key: Key, message: bytes) -> bytes:
    return hmac.digest(key.hmac_key, message, "sha256")


def _cipher(key: Key, nonce: bytes) -> "Cipher[CBC]":
    if len(nonce) != NONCE_BYTES:
        raise ValueError(f"a nonce has {NONCE_BYTES} bytes")
    vector = bytes(one ^ other for one, other in zip(key.vector, nonce, strict=True))
    return Cipher(AES256(key.cipher_key), CBC(vector))
