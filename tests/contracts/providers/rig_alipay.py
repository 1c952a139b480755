"""Alipay under the contract."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.contracts.providers.rigs import KitRig
from tests.support.alipay import AlipayProcess, resigned
from tests.support.wallets import Listener, Told

from unqueue.providers.alipay.messages import china_time
from unqueue.providers.port import AttemptStatus, Provider


class AlipayRig(KitRig):
    """There is no trade until the shopper is there; one whose shopper walks away goes on waiting."""

    process: AlipayProcess
    declined: AttemptStatus = "pending"
    waiting: AttemptStatus = "unknown"
    expired: AttemptStatus = "unknown"
    begun_by_browser = True
    revokes = True
    tells_refunds = True

    def __init__(self, process: AlipayProcess, listener: Listener) -> None:
        super().__init__(process, listener)
        self.provider: Provider = process.account()

    def resigned(self, told: Told, at_s: int) -> Told:
        notify_time = china_time(datetime.fromtimestamp(at_s, UTC))
        return Told(told.headers, resigned(told.body, self.process.key("alipay"), notify_time=notify_time))

    def impostor(self) -> Provider:
        return self.process.account(alipay_key="impostor")

    def stranger(self) -> Provider:
        return self.process.account(key="stranger")


class AlipayCodeRig(AlipayRig):
    """Codes only: Alipay makes them, so it knows what they are for, but a trade begins with the first scan."""

    begun_by_browser = False

    def __init__(self, process: AlipayProcess, listener: Listener) -> None:
        super().__init__(process, listener)
        self.provider.channels = ("qr",)

    def impostor(self) -> Provider:
        account = super().impostor()
        account.channels = ("qr",)
        return account


@contextmanager
def running(directory: Path, rig: type[AlipayRig] = AlipayRig) -> Iterator[Callable[[Listener], AlipayRig]]:
    process = AlipayProcess(directory, "--retry-first-s", "0.05")
    process.start()
    try:
        yield lambda listener: rig(process, listener)
    finally:
        process.stop()


@contextmanager
def running_codes(directory: Path) -> Iterator[Callable[[Listener], AlipayRig]]:
    with running(directory, AlipayCodeRig) as make:
        yield make
