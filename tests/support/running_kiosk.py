"""A pay kiosk at work: server, kiosk, wallet and each simulated device are processes of their own, as in a store."""

import asyncio
import base64
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from tests.support.running_store import PATIENCE_S, Hands, Processes
from tests.support.wallets import MERCHANT, running_wallet

from unqueue.server.ledger import store as ledger

CASH, WALLET, CARD = "cash", "sandbox", "store-card"

_SERVER = """
[[payments.providers]]
id = "sandbox"
kind = "sandbox_wallet"
zh = "沙盒钱包"
en = "Sandbox wallet"
url = "{wallet}"
merchant_id = "{merchant}"
private_key_file = "{key}"
provider_public_key_file = "{wallet_key}"
[[payments.providers]]
id = "cash"
kind = "cash"
zh = "现金"
en = "Cash"
[[payments.providers]]
id = "store-card"
kind = "stored_value"
zh = "购物卡"
en = "Store card"
"""
_KIOSK = """
data_dir = "{data_dir}"
idle_s = {idle_s}
idle_warning_s = {idle_warning_s}
[kiosk.scanner]
port = "{scanner}"
[kiosk.printer]
url = "{printer}"
[[kiosk.cash.devices]]
name = "coins"
driver = "cctalk_coin_acceptor"
port = "{cctalk}"
address = 2
options = {{ feeds = "hopper-1 hopper-5", dispenser_paths = "4" }}
[[kiosk.cash.devices]]
name = "hopper-1"
driver = "cctalk_hopper"
port = "{cctalk}"
address = 3
denomination = "CNY-100-coin"
[[kiosk.cash.devices]]
name = "hopper-5"
driver = "cctalk_hopper"
port = "{cctalk}"
address = 4
denomination = "CNY-10-coin"
[[kiosk.cash.devices]]
name = "notes"
driver = "ssp_recycler"
port = "{notes}"
options = {{ recycled = "CNY-500-note CNY-1000-note" }}
"""


_HOPPERS = ("--hopper", "CNY-100-coin=60", "--hopper", "CNY-10-coin=60", "--recycle")
_SIMULATORS = {
    "scanner": ("--tcp-port", "0"),
    "printer": (),
    "cctalk": ("--coin-ms", "15", "--give-up-ms", "200", "--string-ms", "5", *_HOPPERS, "--tcp-port", "0"),
    "note-recycler": ("--tcp-port", "0", "--step-ms", "20", "--boot-ms", "20"),
}


@contextmanager
def running_kiosk(directory: Path, database_url: str, *, idle_s: int = 60, warning_s: int = 20) -> Iterator[Processes]:
    """A store's processes, up and idle; the hoppers hold what the kiosk's books say."""
    with ExitStack() as stack:
        processes = Processes(directory, database_url, stack, station="kiosk", simulators=_SIMULATORS)
        wallet = stack.enter_context(running_wallet(directory / "wallet"))
        urls = {name: device.announced["url"] for name, device in processes.devices.items()}
        processes.write_settings(
            _SERVER.format(
                wallet=wallet.url,
                merchant=MERCHANT,
                key=wallet.merchant_key,
                wallet_key=wallet.announced["public_key_file"],
            ),
            _KIOSK.format(
                data_dir=directory / "kiosk",
                idle_s=idle_s,
                idle_warning_s=warning_s,
                scanner=urls["scanner"],
                printer=urls["printer"],
                cctalk=urls["cctalk"],
                notes=urls["note-recycler"],
            ),
        )
        yield stack.enter_context(processes.running())


def staff(processes: Processes, *words: str) -> str:
    """What `unqueue kiosk cash …` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "unqueue", "kiosk", "cash", *words, "-s", str(processes.directory / "kiosk.toml")],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "160"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def balances(processes: Processes) -> dict[str, int]:
    """What the books hold, without accounts that hold nothing."""
    with processes.database.engine.connect() as connection:
        return {account: amount for (account, _), amount in ledger.balances(connection).items() if amount}


class KioskVisit:
    """Hands and eyes at the kiosk: acts on devices and reads screens."""

    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        self._hands = Hands(processes)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        hands = await self._stack.enter_async_context(self._hands)
        self.scanner, self.printer, self.coins, self.notes = (
            hands.devices[name] for name in ("scanner", "printer", "cctalk", "note-recycler")
        )
        self.server, self.screen, self.state = hands.server, hands.screen, hands.state
        self.buy, self.read, self.staff_call = hands.buy, hands.order, hands.staff_call
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def until(self, phase: str, *, prompt: str | None = None, **where: Callable[[Any], bool]) -> dict[str, Any]:
        """Wait until the screen shows a phase (and that prompt, and members that pass their tests)."""

        def fits(shown: dict[str, Any]) -> bool:
            is_said = shown["phase"] == phase and prompt in {None, shown["prompt"]["id"]}
            return is_said and all(shown[name] is not None and test(shown[name]) for name, test in where.items())

        return await self._hands.until(fits, f"{phase} {prompt}")

    async def press(self, path: str, *, status: int = 200, **body: Any) -> dict[str, Any]:
        """A key of the screen; the new state, or the problem."""
        answer = await self.screen.post(path, json=body or None)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text}"
        told: dict[str, Any] = answer.json()
        return told

    async def until_order(self, order: dict[str, Any], test: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if test(found := await self.read(order)):
                return found
            await asyncio.sleep(0.05)
        raise AssertionError(f"the order stays {found}")

    async def insert(self, *money: str) -> None:
        """Coins and notes, as hands put them in: a note waits until the machine takes it."""
        for piece in money:
            if piece.endswith("coin"):
                await self.coins.ask(insert=piece)
            else:
                await self.notes.ask(insert=piece)
            await asyncio.sleep(0.05)

    async def paper(self) -> bytes:
        """The last job of the printer."""
        return base64.b64decode((await self.printer.ask(get=True))["last_job"])
