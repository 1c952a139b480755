"""WeChat Pay under the contract: its sandbox, and the shopper's WeChat."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
from cryptography.hazmat.primitives import serialization
from tests.contracts.providers.rigs import KitRig
from tests.support.sandboxes import SandboxProcess
from tests.support.wallets import Listener, Told

from unqueue.kernel.clock import SystemClock
from unqueue.kernel.settings import Provider as Account
from unqueue.providers.key_files import load_rsa_private_key
from unqueue.providers.port import Action, Provider
from unqueue.providers.wechat_pay import open_account, signing

MODULE = "unqueue.providers.wechat_pay.sandbox.command"


class WeChatPayRig(KitRig):
    tells_refunds = True

    def __init__(self, process: SandboxProcess, listener: Listener) -> None:
        super().__init__(process, listener)
        self.account = account_of(process)
        self.provider: Provider = open_account(self.account, SystemClock())

    def cashier_url(self, action: Action) -> str:
        if action.kind != "bridge":
            return super().cashier_url(action)
        headers = {"Accept": "application/json"}
        answer = httpx.post(self.process.url + "/bridge", json=action.fields, headers=headers, trust_env=False)
        return str(answer.json()["cashier_url"])

    def resigned(self, told: Told, at_s: int) -> Told:
        key = load_rsa_private_key(self.process.directory / "platform_key.pem")
        headers = signing.headers_of(key, self.account.options["public_key_id"], at_s, "n", told.body)
        return Told(headers, told.body)

    def impostor(self) -> Provider:
        other = self.process.directory / "impostor.pem"
        public = load_rsa_private_key(self.process.directory / "apiclient_key.pem").public_key()
        other.write_bytes(
            public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        return self._opened(provider_public_key_file=other)

    def stranger(self) -> Provider:
        return self._opened(private_key_file=self.process.directory / "platform_key.pem")

    def _opened(self, **changes: Path) -> Provider:
        return open_account(msgspec.structs.replace(self.account, **changes), SystemClock())


def account_of(process: SandboxProcess) -> Account:
    """The settings of the sandbox's merchant."""
    table = {"id": "wechat", "zh": "微信支付", "en": "WeChat Pay", **process.announced["account"]}
    return msgspec.convert(table, Account, dec_hook=lambda kind, value: kind(value))


@contextmanager
def running(directory: Path) -> Iterator[Callable[[Listener], WeChatPayRig]]:
    process = SandboxProcess(directory, MODULE, "wechat-pay", "--retry-first-s", "0.05", "--refund-s", "0.2")
    process.start()
    try:
        yield lambda listener: WeChatPayRig(process, listener)
    finally:
        process.stop()
