"""The key that signs exit passes: made at the first start, kept in a file that only the server's user can read."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from unqueue.server.keys import keep_file

FILE_NAME = "exit-pass.pem"


class KeyUnusable(Exception):
    """The key file can't be used; the text says why and what to do."""


def signing_key(directory: Path) -> Ed25519PrivateKey:
    """The store's signing key: PKCS#8 in PEM (RFC 5958, RFC 7468), mode 0600. Raises KeyUnusable."""
    path = directory / FILE_NAME
    pem = keep_file(path, _new_pem)
    if path.stat().st_mode & 0o077:
        raise KeyUnusable(f"{path}: others can read this key; run `chmod 600 {path}`")
    try:
        key = load_pem_private_key(pem, password=None)
    except ValueError as error:
        raise KeyUnusable(f"{path}: not a private key; restore it, or move it away and a new one is made") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(f"{path}: not an Ed25519 key; move it away and a new one is made")
    return key


def _new_pem() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
