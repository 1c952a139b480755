"""How the sandbox of WeChat Pay is run, and the one merchant that it serves."""

import hashlib
import secrets
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from unqueue.providers.key_files import ensure_key, load_rsa_private_key, new_rsa_key, public_pem, write_private
from unqueue.providers.sandbox_kit.options import SandboxOptions


class Options(SandboxOptions, frozen=True, kw_only=True):
    """``refund_s`` is how long a refund is on its way. The data directory holds the merchant's keys, too."""

    merchant_id: str = "1900000109"
    app_id: str = "wxd678efh567hg6787"
    name_zh: str = "不排队超市"
    name_en: str = "Unqueue Store"
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
        self.platform_public_key_file.write_bytes(public_pem(self.key.public_key()))
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


def _key(path: Path) -> RSAPrivateKey:
    """The key in a file, made on first use."""
    ensure_key(path, new_rsa_key)
    return load_rsa_private_key(path)


def _text(path: Path, fresh: str) -> str:
    """The secret in a file, ``fresh`` on first use."""
    if not path.exists():
        write_private(path, fresh.encode())
    return path.read_text("ascii").strip()


def _fingerprint(key: RSAPublicKey) -> str:
    return hashlib.sha256(public_pem(key)).hexdigest().upper()
