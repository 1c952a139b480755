"""A security key in software (FIDO2, ES256), written from the standard: it shares no code with what it tests.

Source: Web Authentication Level 3, sections 5.8.1 (client data), 6.1 (authenticator data), 6.5.1 (attested credential
data), 8.7 (attestation "none"); RFC 8949 (CBOR); RFC 9053 section 2.1 (ES256).
"""

import base64
import hashlib
import json
import secrets
import struct
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

USER_PRESENT, USER_VERIFIED, WITH_CREDENTIAL = 0x01, 0x04, 0x40


def url_safe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def cbor(value: Any) -> bytes:
    """Integers, byte strings, texts and maps."""
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    assert isinstance(value, dict)
    return _head(5, len(value)) + b"".join(cbor(key) + cbor(item) for key, item in value.items())


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    if number < 256:
        return bytes([major << 5 | 24, number])
    return bytes([major << 5 | 25]) + struct.pack(">H", number)


class SecurityKey:
    """One passkey. Attributes may be changed to make it lie."""

    def __init__(self, origin: str = "https://store.example", host: str = "store.example") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = secrets.token_bytes(32)
        self.origin = origin
        self.host = host
        self.count = 0
        self.step = 1
        self.flags = USER_PRESENT | USER_VERIFIED
        self.user_handle = b""
        self.client: dict[str, Any] = {}

    def create(self, options: dict[str, Any]) -> dict[str, str]:
        """The answer to navigator.credentials.create."""
        self.user_handle = _bytes(options["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + struct.pack(">H", len(self.credential_id)) + self.credential_id + cbor(public)
        data = self._data(WITH_CREDENTIAL) + attested
        return {
            "client_data": url_safe(self._client("webauthn.create", options["challenge"])),
            "attestation": url_safe(cbor({"fmt": "none", "attStmt": {}, "authData": data})),
        }

    def get(self, options: dict[str, Any]) -> dict[str, str]:
        """The answer to navigator.credentials.get."""
        self.count += self.step
        client, data = self._client("webauthn.get", options["challenge"]), self._data(0)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return {
            "credential_id": url_safe(self.credential_id),
            "client_data": url_safe(client),
            "authenticator_data": url_safe(data),
            "signature": url_safe(signature),
            "user_handle": url_safe(self.user_handle),
        }

    def _data(self, more: int) -> bytes:
        return hashlib.sha256(self.host.encode()).digest() + bytes([self.flags | more]) + struct.pack(">I", self.count)

    def _client(self, kind: str, challenge: str) -> bytes:
        told = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False, **self.client}
        return json.dumps(told).encode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
