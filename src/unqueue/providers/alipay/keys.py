"""RSA keys as Alipay's key tool writes them: PEM, or the bare base64 of its DER."""

import base64
import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key

BITS_MIN = 2048
"""RSA2 wants at least so many bits."""


def load_private_key(path: Path) -> RSAPrivateKey:
    """An application's private key (应用私钥), in PKCS #1 or PKCS #8; ValueError when the file holds something else."""
    content = path.read_bytes()
    if b"-----BEGIN" in content:
        key = serialization.load_pem_private_key(content, password=None)
    else:
        key = serialization.load_der_private_key(_bare(content), password=None)
    if not isinstance(key, RSAPrivateKey) or key.key_size < BITS_MIN:
        raise ValueError(f"{path.name} holds no RSA private key of {BITS_MIN} bits or more")
    return key


def load_public_key(path: Path) -> RSAPublicKey:
    """A public key (SubjectPublicKeyInfo), such as Alipay's (支付宝公钥); ValueError when it is something else."""
    content = path.read_bytes()
    if b"-----BEGIN CERTIFICATE" in content:
        raise ValueError(f"{path.name} is a certificate; choose the public key mode (公钥模式) and save 支付宝公钥")
    if b"-----BEGIN" in content:
        key = serialization.load_pem_public_key(content)
    else:
        key = serialization.load_der_public_key(_bare(content))
    if not isinstance(key, RSAPublicKey) or key.key_size < BITS_MIN:
        raise ValueError(f"{path.name} holds no RSA public key of {BITS_MIN} bits or more")
    return key


def ensure_key_pair(directory: Path, name: str) -> tuple[Path, Path]:
    """The files ``<name>.key`` and ``<name>.pub`` in ``directory``, made on first use; only the owner reads the key."""
    private_path, public_path = directory / f"{name}.key", directory / f"{name}.pub"
    if not private_path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        pem = generate_private_key(public_exponent=65537, key_size=BITS_MIN).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _write_private(private_path, pem)
    public = load_private_key(private_path).public_key()
    public_path.write_bytes(
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return private_path, public_path


def _bare(content: bytes) -> bytes:
    return base64.b64decode(b"".join(content.split()), validate=True)


def _write_private(path: Path, content: bytes) -> None:
    """Write a secret whole or not at all, readable by its owner only from the first moment."""
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, stat.S_IRUSR | stat.S_IWUSR), "wb") as file:
        file.write(content)
    draft.replace(path)
