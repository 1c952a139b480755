"""UnionPay's gateway under the contract."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.contracts.providers.rigs import KitRig
from tests.support.unionpay import GatewayProcess, resigned_at
from tests.support.wallets import Listener, Told

from unqueue.providers.port import AttemptStatus, Provider
from unqueue.providers.unionpay.client import AGE_S_MAX


class UnionPayRig(KitRig):
    """The gateway hears of an attempt from the shopper's browser, knows no closing, and tells no more than of money."""

    process: GatewayProcess
    waiting: AttemptStatus = "unknown"
    expired: AttemptStatus = "unknown"
    begun_by_browser = True
    closes = False
    tells_refunds = True
    age_s_max = AGE_S_MAX

    def __init__(self, process: GatewayProcess, listener: Listener) -> None:
        super().__init__(process, listener)
        self.provider: Provider = process.account(refund_notify_url=listener.url)

    def resigned(self, told: Told, at_s: int) -> Told:
        return Told(told.headers, resigned_at(self.process.directory, told.body, at_s))

    def impostor(self) -> Provider:
        return self.process.account(authority=self.process.directory / "impostor")

    def stranger(self) -> Provider:
        return self.process.account(merchant_authority=self.process.directory / "stranger")


@contextmanager
def running(directory: Path) -> Iterator[Callable[[Listener], UnionPayRig]]:
    process = GatewayProcess(directory, "--retry-first-s", "0.05")
    process.start()
    try:
        yield lambda listener: UnionPayRig(process, listener)
    finally:
        process.stop()
