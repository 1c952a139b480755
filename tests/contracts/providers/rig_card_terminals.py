"""Card terminals under the contract. They tell nothing by themselves: tests of notifications pass them by."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.contracts.providers.rigs import KitRig
from tests.support.card_terminals import TerminalProcess, running_terminal
from tests.support.wallets import Listener, Told

from unqueue.kernel.ids import new_id
from unqueue.providers.port import Action, Provider


class _Silence:
    """Stands for the ear of a store that nobody speaks to."""

    url = "https://store.example/notifications"
    status = 200
    answer = b""

    def next(self, _timeout_s: float = 10.0) -> Told:
        raise AssertionError("a card terminal tells nothing by itself")


class TerminalRig(KitRig):
    """A terminal and the shopper before it, whose card lies ready for the next payment."""

    cards = 1

    def __init__(self, process: TerminalProcess, provider: Provider) -> None:
        process.ask(reset=True)
        self.terminal = process
        self.provider = provider
        self.listener: Listener = _Silence()  # type: ignore[assignment]  # of a listener only what tests ask for

    def shopper_pays(self, action: Action, trouble: str = "none") -> None:
        assert (action.kind, trouble) != ("redirect", "none")
        self.terminal.ask(present="chip", times=self.cards)

    def shopper_declines(self, action: Action) -> None:
        assert action.kind == "none"
        self.terminal.ask(present="chip", outcome="decline")

    def crash(self) -> None:
        self.terminal.kill()

    def come_back(self) -> None:
        self.terminal.start()

    def resigned(self, told: Told, at_s: int) -> Told:
        raise AssertionError(f"nothing was told that could be told again at {at_s}: {told}")

    def impostor(self) -> Provider:
        return self.stranger()

    def stranger(self) -> Provider:
        return self.terminal.nexo(passphrase="nobody's", sale_id="store-7-kiosk-1")


class ZvtRig(TerminalRig):
    cards = 3  # parts of a payment go back to the card, which stays there

    def stranger(self) -> Provider:
        raise AssertionError("ZVT signs nothing: who is in the store's network is believed")


@contextmanager
def running_nexo(directory: Path) -> Iterator[Callable[[Listener], TerminalRig]]:
    with running_terminal("nexo", directory) as process:
        yield lambda _: TerminalRig(process, process.nexo())


@contextmanager
def running_zvt(directory: Path) -> Iterator[Callable[[Listener], TerminalRig]]:
    with running_terminal("zvt", directory) as process:
        yield lambda _: ZvtRig(process, process.zvt(directory / f"{new_id()}.journal", currency="CNY"))
