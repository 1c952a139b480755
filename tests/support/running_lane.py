"""A lane at work: server, lane and each simulated device are processes of their own, as in a store."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import httpx
from tests.support.stores import STOCK

from unqueue.devices.simulators.process import SimulatorProcess
from unqueue.kernel.database import Database
from unqueue.server.catalogue.importing import import_products
from unqueue.server.fleet.service import register_device
from unqueue.server.orders import store as orders_store
from unqueue.server.setup import migrate_database
from unqueue.server.staff.service import create_staff

PATIENCE_S = 30.0
ATTENDANT, PIN = "小李", "482915"

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
_LANE = """
[lane]
id = "lane-1"
token = "{token}"
server_url = "http://127.0.0.1:{server_port}"
port = {port}
[lane.scale]
port = "{scale}"
parity = "none"
[lane.io]
host = "127.0.0.1"
port = {io}
[lane.scanner]
port = "{scanner}"
[lane.printer]
url = "{printer}"
"""


class Processes:
    """The processes of a store with one lane. ``server`` and ``lane`` can be killed and started again."""

    def __init__(self, directory: Path, database_url: str) -> None:
        self.directory = directory
        self.database = Database(database_url)
        self.server_port, self.lane_port = _free_port(), _free_port()
        self.devices: dict[str, SimulatorProcess] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        migrate_database(database_url)
        import_products(self.database, STOCK, currency="CNY", actor="test")
        create_staff(self.database, ATTENDANT, PIN)
        self._settings = directory / "server.toml"
        self._settings.write_text(
            _SERVER.format(
                port=self.server_port, url=database_url.replace("+psycopg", ""), directory=directory / "data"
            )
        )
        self.device_token = register_device(self.database, "lane-1", "lane", "1")

    def plug_in(self, stack: ExitStack) -> None:
        """Start the devices. They answer at once and weigh exactly, so that a test waits for the lane alone."""
        options = {
            "scale": ("--tcp-port", "0", "--settle-ms", "20", "--noise-g-sd", "0"),
            "scanner": ("--tcp-port", "0"),
            "printer": (),
            "io": ("--gate-open-ms", "1500", "--gate-close-ms", "100"),
        }
        for name, arguments in options.items():
            self.devices[name] = stack.enter_context(SimulatorProcess.start(name, *arguments))
        (self.directory / "lane.toml").write_text(
            _LANE.format(
                token=self.device_token,
                server_port=self.server_port,
                port=self.lane_port,
                scale=self.devices["scale"].announced["url"],
                scanner=self.devices["scanner"].announced["url"],
                printer=self.devices["printer"].announced["url"],
                io=self.devices["io"].announced["port"],
            )
        )

    def start(self, name: str) -> None:
        command = {"server": "serve", "lane": "lane"}[name]
        settings = self.directory / f"{name}.toml"
        log = (self.directory / f"{name}.log").open("ab")
        self._running[name] = subprocess.Popen(
            [sys.executable, "-m", "unqueue", command, "--settings", str(settings)],
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        log.close()

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

    def log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text()

    def pay(self, order_id: str) -> None:
        """What a payment leads to, without the payment."""

        def write(tx: Any) -> None:
            order = orders_store.get(tx.connection, order_id)
            assert order is not None
            orders_store.mark_paid(tx, order, "test")

        self.database.write_now(write)


@contextmanager
def running_lane(directory: Path, database_url: str) -> Iterator[Processes]:
    """A store's processes, up and idle."""
    with ExitStack() as stack:
        processes = Processes(directory, database_url)
        stack.callback(processes.database.dispose)
        processes.plug_in(stack)
        for name in ("server", "lane"):
            stack.callback(processes.stop, name)
            processes.start(name)
        yield processes


class LaneVisit:
    """Hands, eyes and feet at the lane: acts on devices and reads screens."""

    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        controls = [
            await self._stack.enter_async_context(self.processes.devices[name].control())
            for name in ("scale", "io", "scanner", "printer")
        ]
        self.scale, self.io, self.scanner, self.printer = controls
        self.server = await self._client(self.processes.server_port)
        self.screen = await self._client(self.processes.lane_port)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _client(self, port: int) -> httpx.AsyncClient:
        client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10)
        return await self._stack.enter_async_context(client)

    async def state(self) -> dict[str, Any]:
        state: dict[str, Any] = (await self.screen.get("/state")).json()
        return state

    async def until(self, *states: str, prompt: str | None = None) -> dict[str, Any]:
        """Wait until the screen shows one of these states (and that prompt)."""
        deadline = time.monotonic() + PATIENCE_S
        shown: dict[str, Any] = {}
        while time.monotonic() < deadline:
            try:
                shown = await self.state()
            except httpx.TransportError:
                await asyncio.sleep(0.05)
                continue
            if shown["state"] in states and prompt in {None, shown["prompt"]["id"]}:
                return shown
            await asyncio.sleep(0.02)
        raise AssertionError(f"waited for {states} {prompt}, saw {shown}\n{self.processes.log('lane')[-3000:]}")

    async def buy(self, *codes: str) -> dict[str, Any]:
        """A paid order, with its exit pass as ``pass``."""
        trip = (await self.server.post("/api/trips", json={})).json()
        who = {"Authorization": f"Bearer {trip['token']}"}
        for code in codes:
            scan = {"id": str(uuid.uuid4()), "code": code}
            (await self.server.post(f"/api/trips/{trip['id']}/scans", json=scan, headers=who)).raise_for_status()
        order: dict[str, Any] = (await self.server.post(f"/api/trips/{trip['id']}/order", headers=who)).json()
        await asyncio.to_thread(self.processes.pay, order["id"])
        order["pass"] = (await self.server.get(f"/api/orders/{order['id']}/pass", headers=who)).json()["pass"]
        order["who"] = who
        return order

    async def status_of(self, order: dict[str, Any]) -> str:
        answer = await self.server.get(f"/api/orders/{order['id']}", headers=order["who"])
        return str(answer.json()["status"])

    async def lay(self, *weights_g: float) -> None:
        await self.scale.ask(load_g=float(sum(weights_g)))

    async def walk(self, *, live_tags: int = 0) -> None:
        """Take everything and walk through the gate."""
        await self.scale.ask(load_g=0.0)
        if live_tags:
            await self.io.ask(pulse="eas_alarm", count=live_tags, width_ms=5)
        answer = await self.io.ask(passage=1)
        assert answer["done"] == 1, "the gate is closed"

    async def gate_openings(self) -> int:
        history: Sequence[dict[str, Any]] = (await self.io.ask(get=True))["history"]
        return sum(entry["event"] == "opened" for entry in history)

    async def answer(self, kind: str, action: str, reason: str = "looked at it") -> dict[str, Any]:
        """Sign in as the attendant and answer the open call of a kind."""
        session = (await self.server.post("/api/staff/sessions", json={"name": ATTENDANT, "pin": PIN})).json()
        who = {"Authorization": f"Bearer {session['token']}"}
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            calls = (await self.server.get("/api/staff/calls", headers=who)).json()
            for call in calls:
                if call["kind"] == kind:
                    body = {"id": str(uuid.uuid4()), "action": action, "reason": reason}
                    body["evidence_id"] = call["evidence_id"]
                    answer = await self.server.post(f"/api/staff/calls/{call['id']}/answer", json=body, headers=who)
                    assert answer.is_success, answer.text
                    return dict(call)
            await asyncio.sleep(0.05)
        raise AssertionError(f"no open call of kind {kind}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
