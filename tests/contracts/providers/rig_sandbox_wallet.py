"""The sandbox wallet under the contract."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.contracts.providers.rigs import KitRig
from tests.support.wallets import Listener, Told, WalletProcess, running_wallet

from unqueue.providers.port import Provider
from unqueue.providers.sandbox_wallet import signing
from unqueue.providers.sandbox_wallet.signing import Signer


class SandboxWalletRig(KitRig):
    process: WalletProcess
    tells_declines = True

    def __init__(self, process: WalletProcess, listener: Listener) -> None:
        super().__init__(process, listener)
        self.provider: Provider = process.account()

    def resigned(self, told: Told, at_s: int) -> Told:
        signer = Signer(signing.load_private_key(self.process.directory / "wallet.key"))
        return Told(signer.headers(at_s, "n", signing.notification_text(at_s, "n", told.body)), told.body)

    def impostor(self) -> Provider:
        _, public = signing.ensure_key_pair(self.process.directory, "impostor")
        return self.process.account(wallet_key=public)

    def stranger(self) -> Provider:
        key, _ = signing.ensure_key_pair(self.process.directory, "stranger")
        return self.process.account(key=key)


@contextmanager
def running(directory: Path) -> Iterator[Callable[[Listener], SandboxWalletRig]]:
    with running_wallet(directory, "--retry-first-s", "0.05") as process:
        yield lambda listener: SandboxWalletRig(process, listener)
