"""RSA keys as Alipay's key tool writes them: PEM, or the bare base64 of its DER."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from unqueue.providers import key_files


def load_private_key(path: Path) -> RSAPrivateKey:
    """An application's private key (应用私钥); ValueError when the file holds something else."""
    return key_files.load_rsa_private_key(path)


def load_public_key(path: Path) -> RSAPublicKey:
    """A public key, such as Alipay's (支付宝公钥); ValueError when the file holds something else."""
    return key_files.load_rsa_public_key(
        path, not_certificate="choose the public key mode (公钥模式) and save 支付宝公钥"
    )


def ensure_key_pair(directory: Path, name: str) -> tuple[Path, Path]:
    """The files ``<name>.key`` and ``<name>.pub`` in ``directory``, made on first use; only the owner reads the key."""
    return key_files.ensure_key_pair(directory, name, key_files.new_rsa_key)
