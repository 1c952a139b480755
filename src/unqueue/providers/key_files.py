"""Keys as files: RSA keys of an account read, key pairs made on first use, secrets kept from others' eyes."""

import base64
import os
import stat
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key

RSA_BITS = 2048
"""What providers want of an RSA key at the least, and what a new one has."""


def load_rsa_private_key(path: Path) -> RSAPrivateKey:
    """A private key without a password: PEM, or the bare base64 of its DER, in PKCS #1 or PKCS #8.

    OSError; ValueError when the file holds something else.
    """
    content = path.read_bytes()
    try:
        if b"-----BEGIN" in content:
            key = serialization.load_pem_private_key(content, password=None)
        else:
            key = serialization.load_der_private_key(_bare(content), password=None)
    except (ValueError, TypeError) as error:  # one with a password is a TypeError
        raise ValueError(f"{path.name} holds no private key without a password: {error}") from error
    if not isinstance(key, RSAPrivateKey) or key.key_size < RSA_BITS:
        raise ValueError(f"{path.name} holds no RSA private key of {RSA_BITS} bits or more")
    return key


def load_rsa_public_key(path: Path, *, not_certificate: str) -> RSAPublicKey:
    """A public key (SubjectPublicKeyInfo): PEM, or the bare base64 of its DER.

    OSError; ValueError when the file holds something else. ``not_certificate`` says what to do where that is the
    certificate.
    """
    content = path.read_bytes()
    if b"-----BEGIN CERTIFICATE" in content:
        raise ValueError(f"{path.name} is a certificate; {not_certificate}")
    try:
        if b"-----BEGIN" in content:
            key = serialization.load_pem_public_key(content)
        else:
            key = serialization.load_der_public_key(_bare(content))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path.name} holds no public key: {error}") from error
    if not isinstance(key, RSAPublicKey) or key.key_size < RSA_BITS:
        raise ValueError(f"{path.name} holds no RSA public key of {RSA_BITS} bits or more")
    return key


def new_rsa_key() -> RSAPrivateKey:
    """An RSA key that nobody has yet."""
    return generate_private_key(public_exponent=65537, key_size=RSA_BITS)


def ensure_key(path: Path, new_key: Callable[[], RSAPrivateKey | Ed25519PrivateKey]) -> None:
    """A file with a private key (PKCS #8 in PEM), made on first use; only the owner reads it."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = new_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(path, pem)


def ensure_key_pair(
    directory: Path, name: str, new_key: Callable[[], RSAPrivateKey | Ed25519PrivateKey]
) -> tuple[Path, Path]:
    """The files ``<name>.key`` and ``<name>.pub`` in ``directory``, made on first use; only the owner reads the key."""
    private_path, public_path = directory / f"{name}.key", directory / f"{name}.pub"
    ensure_key(private_path, new_key)
    key = serialization.load_pem_private_key(private_path.read_bytes(), password=None)
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise ValueError(f"{private_path} holds a key of another kind")  # noqa: TRY004  # the file's content is wrong
    public_path.write_bytes(public_pem(key.public_key()))
    return private_path, public_path


def public_pem(key: RSAPublicKey | Ed25519PublicKey) -> bytes:
    """A public key as PEM (SubjectPublicKeyInfo)."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def write_private(path: Path, content: bytes) -> None:
    """Write a secret whole or not at all, readable by its owner only from the first moment."""
    draft = path.with_suffix(f"{path.suffix}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, stat.S_IRUSR | stat.S_IWUSR), "wb") as file:
        file.write(content)
    draft.replace(path)


def _bare(content: bytes) -> bytes:
    return base64.b64decode(b"".join(content.split()), validate=True)
