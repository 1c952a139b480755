"""How the sandbox of WeChat Pay is run, and the one merchant that it serves."""

import hashlib
import os
import secrets
import stat
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key

from unqueue.providers.wechat_pay.account import load_private_key

_BITS = 2048


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """``data_dir`` holds the books and all keys, made on first use. Port 0 takes a free one.

    ``public_url`` is where shoppers' browsers reach it, with the front door's prefix and without a slash at its end;
    empty: the address it listens on. ``late_s`` is how late a late notification comes; ``retry_first_s`` the first
    pause before an unacknowledged one is sent again; ``refund_s`` how long a refund is on its way.
    """

    data_dir: Path
    merchant_id: str = "1900000109"
    app_id: str = "wxd678efh567hg6787"
    name_zh: str = "不排队超市"
    name_en: str = "Unqueue Store"
    host: str = "127.0.0.1"
    port: int = 0
    public_url: str = ""
    late_s: float = 30.0
    retry_first_s: float = 1.0
    refund_s: float = 1.0


class Secrets:
    """The keys of both sides, as files in the data directory: WeChat Pay's, and those that the merchant is given."""

    def __init__(self, options: Options) -> None:
        directory = options.data_dir
        directory.mkdir(parents=True, exist_ok=True)
        self._options = options
        self.merchant_key_file = directory / "apiclient_key.pem"
        self.platform_public_key_file = directory / "pub_key.pem"
        self.api_v3_key_file = directory / "api_v3_key.txt"
        self.app_secret_file = directory / "app_secret.txt"
        merchant_key = _key(self.merchant_key_file)
        self.merchant_public_key = merchant_key.public_key()
        self.serial_number = _fingerprint(self.merchant_public_key)[:40]
        self.key = _key(directory / "platform_key.pem")
        self.public_key_id = f"PUB_KEY_ID_{int(_fingerprint(self.key.public_key()), 16) % 10**22:022d}"
        self.platform_public_key_file.write_bytes(_public_pem(self.key.public_key()))
        self.api_v3_key = _text(self.api_v3_key_file, secrets.token_hex(16)).encode()
        self.app_secret = _text(self.app_secret_file, secrets.token_hex(16))

    def account(self, url: str, public_url: str) -> dict[str, Any]:
        """What the merchant's settings need, but for id and names: a table of ``[[payments.providers]]``."""
        return {
            "kind": "wechat_pay",
            "url": url,
            "merchant_id": self._options.merchant_id,
            "private_key_file": str(self.merchant_key_file.absolute()),
            "provider_public_key_file": str(self.platform_public_key_file.absolute()),
            "options": {
                "app_id": self._options.app_id,
                "serial_number": self.serial_number,
                "public_key_id": self.public_key_id,
                "authorize_url": f"{public_url}/connect/oauth2/authorize",
                "token_url": f"{url}/sns/oauth2/access_token",
            },
            "files": {
                "api_v3_key": str(self.api_v3_key_file.absolute()),
                "app_secret": str(self.app_secret_file.absolute()),
            },
        }


def make_key() -> RSAPrivateKey:
    """A new RSA key of WeChat Pay's size."""
    return generate_private_key(public_exponent=65537, key_size=_BITS)


def _key(path: Path) -> RSAPrivateKey:
    """The key in a file, made on first use."""
    if not path.exists():
        pem = make_key().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _write_private(path, pem)
    return load_private_key(path)


def _text(path: Path, fresh: str) -> str:
    """The secret in a file, ``fresh`` on first use."""
    if not path.exists():
        _write_private(path, fresh.encode())
    return path.read_text("ascii").strip()


def _fingerprint(key: RSAPublicKey) -> str:
    return hashlib.sha256(_public_pem(key)).hexdigest().upper()


def _public_pem(key: RSAPublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _write_private(path: Path, content: bytes) -> None:
    """Write a secret whole or not at all, readable by its owner only from the first moment."""
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, stat.S_IRUSR | stat.S_IWUSR), "wb") as file:
        file.write(content)
    draft.replace(path)
