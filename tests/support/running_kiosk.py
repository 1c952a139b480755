"""A pay kiosk at work: server, kiosk, wallet and each simulated device are processes of their own, as in a store."""

import asyncio
import base64
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import httpx
from tests.support.stores import STOCK
from tests.support.wallets import MERCHANT, running_wallet

from unqueue.devices.simulators.process import SimulatorProcess
from unqueue.kernel.database import Database
from unqueue.server.catalogue.importing import import_products
from unqueue.server.fleet.service import register_device
from unqueue.server.ledger import store as ledger
from unqueue.server.setup import migrate_database
from unqueue.server.staff.service import create_staff

PATIENCE_S = 30.0
ATTENDANT, PIN = "小李", "482915"
CASH, WALLET, CARD = "cash", "sandbox", "store-card"

_SERVER = """
[store]
id = "test-store"
public_url = "http://127.0.0.1:{port}"
[database]
url = "{url}"
[server]
port = {port}
data_dir = "{directory}"
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
[kiosk]
id = "kiosk-1"
token = "{token}"
server_url = "http://127.0.0.1:{server_port}"
port = {port}
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


class Processes:
    """The processes of a store with one kiosk. ``server`` and ``kiosk`` can be killed and started again."""

    def __init__(self, directory: Path, database_url: str, stack: ExitStack, *, idle_s: int, warning_s: int) -> None:
        self.directory = directory
        self.is_filled = False
        self.database = Database(database_url)
        self.server_port, self.kiosk_port = _free_port(), _free_port()
        self.devices: dict[str, SimulatorProcess] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        migrate_database(database_url)
        import_products(self.database, STOCK, currency="CNY", actor="test")
        create_staff(self.database, ATTENDANT, PIN)
        self.wallet = stack.enter_context(running_wallet(directory / "wallet"))
        (directory / "server.toml").write_text(
            _SERVER.format(
                port=self.server_port, url=database_url.replace("+psycopg", ""), directory=directory / "data",
                wallet=self.wallet.url, merchant=MERCHANT, key=self.wallet.merchant_key,
                wallet_key=self.wallet.announced["public_key_file"],
            )
        )  # fmt: skip
        quick = ("--coin-ms", "15", "--give-up-ms", "200", "--string-ms", "5")
        hoppers = ("--hopper", "CNY-100-coin=60", "--hopper", "CNY-10-coin=60", "--recycle", "--tcp-port", "0")
        options = {
            "scanner": ("--tcp-port", "0"),
            "printer": (),
            "cctalk": (*quick, *hoppers),
            "note-recycler": ("--tcp-port", "0", "--step-ms", "20", "--boot-ms", "20"),
        }
        for name, arguments in options.items():
            self.devices[name] = stack.enter_context(SimulatorProcess.start(name, *arguments))
        self.token = register_device(self.database, "kiosk-1", "kiosk", "1")
        (directory / "kiosk.toml").write_text(
            _KIOSK.format(
                token=self.token, server_port=self.server_port,
                port=self.kiosk_port, data_dir=directory / "kiosk", idle_s=idle_s, idle_warning_s=warning_s,
                scanner=self.devices["scanner"].announced["url"], printer=self.devices["printer"].announced["url"],
                cctalk=self.devices["cctalk"].announced["url"], notes=self.devices["note-recycler"].announced["url"],
            )
        )  # fmt: skip

    def start(self, name: str) -> None:
        command = {"server": "serve", "kiosk": "kiosk"}[name]
        with (self.directory / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", "unqueue", command, "--settings", str(self.directory / f"{name}.toml")],
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )

    def stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        process = self._running.pop(name, None)
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self, name: str) -> None:
        """Kill -9, as a power cut would."""
        self.stop(name, signal.SIGKILL)

    def staff(self, *words: str) -> str:
        """What `unqueue kiosk cash …` prints."""
        done = subprocess.run(
            [sys.executable, "-m", "unqueue", "kiosk", "cash", *words, "-s", str(self.directory / "kiosk.toml")],
            capture_output=True,
            text=True,
            env={**os.environ, "COLUMNS": "160"},
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text()

    def balances(self) -> dict[str, int]:
        """What the books hold, without accounts that hold nothing."""
        with self.database.engine.connect() as connection:
            return {account: amount for (account, _), amount in ledger.balances(connection).items() if amount}


@contextmanager
def running_kiosk(directory: Path, database_url: str, *, idle_s: int = 60, warning_s: int = 20) -> Iterator[Processes]:
    """A store's processes, up and idle; the hoppers hold what the kiosk's books say."""
    with ExitStack() as stack:
        processes = Processes(directory, database_url, stack, idle_s=idle_s, warning_s=warning_s)
        stack.callback(processes.database.dispose)
        for name in ("server", "kiosk"):
            stack.callback(processes.stop, name)
            processes.start(name)
        yield processes


class KioskVisit:
    """Hands and eyes at the kiosk: acts on devices and reads screens."""

    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        controls = [
            await self._stack.enter_async_context(self.processes.devices[name].control())
            for name in ("scanner", "printer", "cctalk", "note-recycler")
        ]
        self.scanner, self.printer, self.coins, self.notes = controls
        self.server = await self._client(self.processes.server_port)
        self.screen = await self._client(self.processes.kiosk_port)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _client(self, port: int) -> httpx.AsyncClient:
        client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20)
        return await self._stack.enter_async_context(client)

    async def state(self) -> dict[str, Any]:
        state: dict[str, Any] = (await self.screen.get("/state")).json()
        return state

    async def until(self, phase: str, *, prompt: str | None = None, **where: Callable[[Any], bool]) -> dict[str, Any]:
        """Wait until the screen shows a phase (and that prompt, and members that pass their tests)."""
        deadline = time.monotonic() + PATIENCE_S
        shown: dict[str, Any] = {}
        while time.monotonic() < deadline:
            try:
                shown = await self.state()
            except httpx.TransportError:
                await asyncio.sleep(0.05)
                continue
            fits = all(shown[name] is not None and test(shown[name]) for name, test in where.items())
            if shown["phase"] == phase and prompt in {None, shown["prompt"]["id"]} and fits:
                return shown
            await asyncio.sleep(0.02)
        log = self.processes.log("kiosk")[-3000:]
        raise AssertionError(f"waited for {phase} {prompt}, saw {shown}\n{log}")

    async def press(self, path: str, *, status: int = 200, **body: Any) -> dict[str, Any]:
        """A key of the screen; the new state, or the problem."""
        answer = await self.screen.post(path, json=body or None)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text}"
        told: dict[str, Any] = answer.json()
        return told

    async def buy(self, *codes: str) -> dict[str, Any]:
        """A submitted order."""
        trip = (await self.server.post("/api/trips", json={})).json()
        who = {"Authorization": f"Bearer {trip['token']}"}
        for code in codes:
            scan = {"id": str(uuid.uuid4()), "code": code}
            (await self.server.post(f"/api/trips/{trip['id']}/scans", json=scan, headers=who)).raise_for_status()
        order: dict[str, Any] = (await self.server.post(f"/api/trips/{trip['id']}/order", headers=who)).json()
        order["who"] = who
        return order

    async def read(self, order: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = (await self.server.get(f"/api/orders/{order['id']}", headers=order["who"])).json()
        return found

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

    async def staff_call(self, kind: str) -> dict[str, Any]:
        """The open call of a kind, as the attendant sees it."""
        session = (await self.server.post("/api/staff/sessions", json={"name": ATTENDANT, "pin": PIN})).json()
        who = {"Authorization": f"Bearer {session['token']}"}
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for call in (await self.server.get("/api/staff/calls", headers=who)).json():
                if call["kind"] == kind:
                    return {**call, "who": who}
            await asyncio.sleep(0.05)
        raise AssertionError(f"no open call of kind {kind}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
