"""Signatures of UnionPay's messages: SHA256withRSA (PKCS #1 v1.5, RFC 8017 section 8.2) over the lower-case hexadecimal
digits of the SHA-256 of the signed text. (Hashing twice is the protocol's own way.)
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import pkcs12

from unqueue.providers.unionpay.certificates import Chain, Untrusted
from unqueue.providers.unionpay.messages import SIGN_METHOD_RSA, VERSION, signed_text

Problem = Literal["header_missing", "key_unknown", "signature_invalid"]


class Unverified(Exception):
    """The message can't be believed; ``problem`` says why."""

    def __init__(self, problem: Problem, detail: str = "") -> None:
        self.problem: Problem = problem
        self.detail = detail
        super().__init__(problem)


class Signer:
    """Signs with the private key of one certificate. ``cert_id`` is its serial number in decimal digits."""

    def __init__(self, key: RSAPrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self.cert_id = str(certificate.serial_number)

    def sign(self, fields: Mapping[str, str]) -> str:
        """The ``signature`` of a message, in base64. The same message always has the same one."""
        return base64.b64encode(self._key.sign(_digest(fields), padding.PKCS1v15(), hashes.SHA256())).decode()


def load_signer(pfx: bytes, password: str) -> Signer:
    """The signer in a PKCS #12 file (``.pfx``). ValueError when it, or the password, is not right."""
    key, certificate, _ = pkcs12.load_key_and_certificates(pfx, password.encode())
    if not isinstance(key, RSAPrivateKey) or certificate is None:
        raise ValueError("it holds no RSA key with its certificate")
    return Signer(key, certificate)


def load_certificates(content: bytes) -> list[x509.Certificate]:
    """The certificates of a ``.cer`` file: one in DER, or any number in PEM. ValueError."""
    if b"-----BEGIN" in content:
        return x509.load_pem_x509_certificates(content)
    return [x509.load_der_x509_certificate(content)]


def verify(fields: Mapping[str, str], key: RSAPublicKey) -> None:
    """Unverified unless ``signature`` is by the owner of ``key``, over these very fields."""
    if not fields.get("signature"):
        raise Unverified("header_missing", "signature")
    if fields.get("version") != VERSION or fields.get("signMethod") != SIGN_METHOD_RSA:
        raise Unverified("signature_invalid", "of another version or method")
    try:
        signature = base64.b64decode(fields["signature"], validate=True)
        if base64.b64encode(signature).decode() != fields["signature"]:  # bits that base64 leaves unused are set
            raise Unverified("signature_invalid")
    except (binascii.Error, ValueError):
        raise Unverified("signature_invalid") from None
    if not is_signed(_digest(fields), signature, key):
        raise Unverified("signature_invalid")


def is_signed(message: bytes, signature: bytes, key: RSAPublicKey) -> bool:
    """Whether a signature (RSASSA-PKCS1-v1_5 with SHA-256) is right."""
    try:
        key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def verify_gateway(fields: Mapping[str, str], chain: Chain, now: datetime) -> None:
    """Unverified unless a gateway of ``chain`` signed this message; the certificate comes with it."""
    pem = fields.get("signPubKeyCert", "")
    if not pem:
        raise Unverified("header_missing", "signPubKeyCert")
    try:
        key = chain.key_of(pem, now)
    except Untrusted as error:
        raise Unverified("key_unknown", str(error)) from None
    verify(fields, key)


def _digest(fields: Mapping[str, str]) -> bytes:
    return hashlib.sha256(signed_text(fields)).hexdigest().encode()
