"""Alipay's sandbox in a process of its own, and what a test needs to sign in its name."""

import base64
import tomllib
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from tests.support.sandboxes import SandboxProcess

from unqueue.kernel.clock import Clock, SystemClock
from unqueue.providers.alipay import keys, signing
from unqueue.providers.alipay.client import Alipay

APP, SELLER = "2021000147600000", "2088721047600000"
GOLDEN = tomllib.loads((Path(__file__).parents[1] / "golden" / "alipay.toml").read_text("utf-8"))
"""Messages that are not ours."""

SHOP_2 = ("2021000147600002", "2088721047600002")


class AlipayProcess(SandboxProcess):
    """The sandbox, with two merchants."""

    def __init__(self, directory: Path, *options: str) -> None:
        merchants: list[str] = []
        for name, (app_id, seller_id) in {"merchant": (APP, SELLER), "merchant-2": SHOP_2}.items():
            _, public = keys.ensure_key_pair(directory, name)
            merchants += ["--merchant", f"{app_id},{seller_id},{public}"]
        super().__init__(directory, "unqueue.providers.alipay.sandbox.command", "alipay", *merchants, *options)

    def key(self, name: str = "merchant") -> RSAPrivateKey:
        """A private key in the sandbox's directory, made if there is none."""
        return keys.load_private_key(keys.ensure_key_pair(self.directory, name)[0])

    def account(
        self,
        *,
        key: str = "merchant",
        alipay_key: str = "alipay",
        app: tuple[str, str] = (APP, SELLER),
        clock: Clock | None = None,
    ) -> Alipay:
        """The merchant's client; with another key of either side, or of another merchant, if asked."""
        return Alipay(
            provider_id="alipay",
            app_id=app[0],
            merchant_id=app[1],
            gateway=f"{self.url}/gateway.do",
            key=self.key(key),
            alipay_key=self.key(alipay_key).public_key(),
            clock=clock or SystemClock(),
        )


def resigned(body: bytes, key: RSAPrivateKey, **changes: str) -> bytes:
    """A notification with other fields, signed anew."""
    fields = {**dict(parse_qsl(body.decode(), keep_blank_values=True)), **changes}
    fields["sign"] = signing.sign(key, signing.notification_text(fields))
    return urlencode(fields).encode()


def public_key(text: str) -> RSAPublicKey:
    """A public key from the base64 of its DER."""
    key = serialization.load_der_public_key(base64.b64decode(text))
    assert isinstance(key, RSAPublicKey)
    return key
