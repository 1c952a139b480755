"""A store with one station at work: server, station and each simulated device are processes of their own."""

import asyncio
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
from tests.support.stores import STOCK

from unqueue.devices.simulators.process import SimulatorProcess
from unqueue.kernel.database import Database
from unqueue.server.catalogue.importing import import_products
from unqueue.server.fleet.service import register_device
from unqueue.server.setup import migrate_database
from unqueue.server.staff.service import create_staff
from unqueue.twin.ports import free_port

PATIENCE_S = 30.0
ATTENDANT, PIN = "小李", "482915"
_COMMANDS = {"server": "serve"}
_SERVER = """
[store]
id = "test-store"
public_url = "http://127.0.0.1:{port}"
[database]
url = "{url}"
[server]
port = {port}
data_dir = "{directory}"
"""


@dataclass(frozen=True)
class Station:
    """A lane or a kiosk of a store: its token, the port of its screen, and its simulated devices by name."""

    id: str
    token: str
    port: int
    devices: Mapping[str, SimulatorProcess]


class Processes:
    """The processes of a store with a ``lane`` or a ``kiosk``, which can be killed and started again; more of that kind
    are ``beside`` it, each with its own id.

    ``simulators`` are started with their arguments. The settings are written by :meth:`write_settings`.
    """

    def __init__(
        self,
        directory: Path,
        database_url: str,
        stack: ExitStack,
        *,
        station: str,
        simulators: Mapping[str, Sequence[str]],
    ) -> None:
        self.directory, self.station = directory, station
        self.database = Database(database_url)
        stack.callback(self.database.dispose)
        self.server_port = free_port()
        self._database_url = database_url
        self._stack = stack
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        migrate_database(database_url)
        import_products(self.database, STOCK, currency="CNY", actor="test")
        create_staff(self.database, ATTENDANT, PIN, "manager")
        self.first = self._take_in(f"{station}-1", "1", simulators)
        self.token, self.station_port, self.devices = self.first.token, self.first.port, self.first.devices
        self.beside: dict[str, Station] = {}

    def _take_in(self, station_id: str, name: str, simulators: Mapping[str, Sequence[str]]) -> Station:
        token = register_device(self.database, station_id, self.station, name)
        devices = {
            device: self._stack.enter_context(SimulatorProcess.start(device, *arguments))
            for device, arguments in simulators.items()
        }
        return Station(station_id, token, free_port(), devices)

    def put_beside(self, station_id: str, name: str, simulators: Mapping[str, Sequence[str]]) -> Station:
        """One more station of this store, with devices of its own; it is started under its id."""
        self.beside[station_id] = station = self._take_in(station_id, name, simulators)
        return station

    def write_settings(self, of_server: str, of_station: str) -> None:
        """What the server needs beyond every store, and the station beyond the way to its server; TOML."""
        server = _SERVER.format(
            port=self.server_port,
            url=self._database_url.replace("+psycopg", ""),
            directory=self.directory / "data",
        )
        (self.directory / "server.toml").write_text(server + of_server)
        self.write_station(self.first, of_station, self.station)

    def write_station(self, station: Station, more: str, file: str = "") -> None:
        """The settings of one station: the way to its server, and ``more`` of its table."""
        found = (
            f'[{self.station}]\nid = "{station.id}"\ntoken = "{station.token}"\nport = {station.port}\n'
            f'server_url = "http://127.0.0.1:{self.server_port}"\n'
        )
        (self.directory / f"{file or station.id}.toml").write_text(found + more)

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Server and stations, up."""
        with ExitStack() as stack:
            for name in ("server", self.station, *self.beside):
                stack.callback(self.stop, name)
                self.start(name)
            yield self

    def start(self, name: str) -> None:
        with (self.directory / f"{name}.log").open("ab") as log:
            command = self.station if name in self.beside else _COMMANDS.get(name, name)
            self._running[name] = subprocess.Popen(
                [
                    *(sys.executable, "-m", "unqueue", command),
                    *("--settings", str(self.directory / f"{name}.toml")),
                ],
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

    def log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text()


class Hands:
    """Hands and eyes at a station: acts on its devices, reads its screen, and asks the server as handsets do. It is the
    first one of the store, or the one that stands ``beside`` it.
    """

    def __init__(self, processes: Processes, beside: str = "") -> None:
        self._processes = processes
        self._station = processes.beside[beside] if beside else processes.first
        self._log = beside or processes.station
        self._stack = AsyncExitStack()
        self.devices: dict[str, Any] = {}
        """What moves each simulated device, by its name."""

    async def __aenter__(self) -> Self:
        for name, device in self._station.devices.items():
            self.devices[name] = await self._stack.enter_async_context(device.control())
        self.server = await self._client(self._processes.server_port)
        self.screen = await self._client(self._station.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _client(self, port: int) -> httpx.AsyncClient:
        client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20)
        return await self._stack.enter_async_context(client)

    async def state(self) -> dict[str, Any]:
        """What the screen shows."""
        state: dict[str, Any] = (await self.screen.get("/state")).json()
        return state

    async def until(self, fits: Callable[[dict[str, Any]], bool], sought: str) -> dict[str, Any]:
        """Wait until the screen shows what fits."""
        deadline = time.monotonic() + PATIENCE_S
        shown: dict[str, Any] = {}
        while time.monotonic() < deadline:
            try:
                shown = await self.state()
            except httpx.TransportError:
                await asyncio.sleep(0.05)
                continue
            if fits(shown):
                return shown
            await asyncio.sleep(0.02)
        log = self._processes.log(self._log)[-3000:]
        raise AssertionError(f"waited for {sought}, saw {shown}\n{log}")

    async def buy(self, *codes: str) -> dict[str, Any]:
        """A submitted order, with the headers of its shopper as ``who``."""
        trip = (await self.server.post("/api/trips", json={})).json()
        who = {"Authorization": f"Bearer {trip['token']}"}
        for code in codes:
            scan = {"id": str(uuid.uuid4()), "code": code}
            (await self.server.post(f"/api/trips/{trip['id']}/scans", json=scan, headers=who)).raise_for_status()
        order: dict[str, Any] = (await self.server.post(f"/api/trips/{trip['id']}/order", headers=who)).json()
        order["who"] = who
        return order

    async def order(self, order: dict[str, Any]) -> dict[str, Any]:
        """An order as it stands."""
        found: dict[str, Any] = (await self.server.get(f"/api/orders/{order['id']}", headers=order["who"])).json()
        return found

    async def staff_call(self, kind: str) -> dict[str, Any]:
        """The open call of a kind, as the attendant sees it, with the attendant's headers as ``who``."""
        session = (await self.server.post("/api/staff/sessions", json={"name": ATTENDANT, "pin": PIN})).json()
        who = {"Authorization": f"Bearer {session['token']}"}
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for call in (await self.server.get("/api/staff/calls", headers=who)).json():
                if call["kind"] == kind:
                    return {**call, "who": who}
            await asyncio.sleep(0.05)
        raise AssertionError(f"no open call of kind {kind}")
