"""A store with one lane, each part a process of its own, and the hands that act on its devices."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec

from unqueue.devices.simulators.control import ControlClient
from unqueue.devices.simulators.process import SimulatorProcess
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.settings import load_settings
from unqueue.server.catalogue.importing import import_products
from unqueue.server.fleet.service import register_device
from unqueue.server.orders import store as orders_store
from unqueue.server.setup import migrate_database, settings_rules
from unqueue.twin.client import StoreClient
from unqueue.twin.ports import free_port
from unqueue.twin.processes import Process

LANE = "lane-1"
PATIENCE_S = 30.0
_LOOK_S = 0.01
PLAIN, TAGGED = ("6901234567892", 1060), ("9771234567003", 1240)
"""Codes and weights in grams: of something without a tag, and of something with one."""
_STOCK = f"""gtin,product_id,name_zh,name_en,unit_price,net_weight_g,packaging,weight_g_expected,weight_g_sd,tag
{PLAIN[0]},milk,牛奶,Milk,12.90,1030,rigid,{PLAIN[1]},6,none
{TAGGED[0]},oil,橄榄油,Olive oil,89.00,750,glass,{TAGGED[1]},9,EAS
"""


class Speed(msgspec.Struct, frozen=True):
    """How fast the devices are; 0 is at once. The scanner's line, the scale's rest after a load and between two
    questions, and how long the belt carries goods before their tags are in the deactivator's field.
    """

    name: str
    baud_rate: int = 0
    settle_ms: int = 0
    command_interval_ms: int = 0
    belt_ms: int = 0


AT_ONCE = Speed("at once")
REAL = Speed("real", baud_rate=9600, settle_ms=300, command_interval_ms=200, belt_ms=900)


class LanePlace:
    """Hands and eyes at the lane."""

    def __init__(self, database: Database, server: StoreClient, screen: StoreClient, speed: Speed) -> None:
        self._database, self._server, self._screen, self._speed = database, server, screen, speed
        self.scale: ControlClient
        self.io: ControlClient
        self.scanner: ControlClient

    async def buy(self, codes: Sequence[str]) -> str:
        """The exit pass of a new order that is paid."""
        trip = await self._server.post("/api/trips", {})
        self._server.authorize(trip["token"])
        for code in codes:
            await self._server.post(f"/api/trips/{trip['id']}/scans", {"id": str(uuid.uuid4()), "code": code})
        order = await self._server.post(f"/api/trips/{trip['id']}/order")

        def pay(tx: Transaction) -> None:
            known = orders_store.get(tx.connection, order["id"])
            assert known is not None, "it was just made"
            orders_store.mark_paid(tx, known, "bench")

        await asyncio.to_thread(self._database.write_now, pay)
        shown = await self._server.get(f"/api/orders/{order['id']}/pass")
        return str(shown["pass"])

    async def show(self, code: str) -> float:
        """Hold a pass to the scanner; when, on this machine's monotonic clock."""
        at_s = time.monotonic()
        await self.scanner.ask(scan=code)
        return at_s

    async def lay(self, weight_g: float, tags: int = 0) -> float:
        """Put goods on the belt, ``tags`` of them with a live tag; when the last of them lay there."""
        if tags:
            await self.io.ask(tags=tags, after_ms=self._speed.belt_ms)
        at_s = time.monotonic()
        await self.scale.ask(load_g=weight_g)
        return at_s

    async def until(self, state: str) -> None:
        """Wait for the screen. TimeoutError."""
        async with asyncio.timeout(PATIENCE_S):
            while (await self._screen.get("/state"))["state"] != state:  # noqa: ASYNC110  # another process
                await asyncio.sleep(_LOOK_S)

    async def until_open(self, openings: int) -> float:
        """Wait until the gate was opened so many times; when it was, as the gate tells. TimeoutError."""
        async with asyncio.timeout(PATIENCE_S):
            while len(opened := await self._openings()) < openings:  # noqa: ASYNC110  # another process
                await asyncio.sleep(_LOOK_S)
        return opened[-1]

    async def openings(self) -> int:
        """How often the gate was opened."""
        return len(await self._openings())

    async def _openings(self) -> list[float]:
        state = await self.io.ask(get=True)
        return [state["began_s"] + one["at_s"] for one in state["history"] if one["event"] == "opened"]

    async def walk(self) -> None:
        """Take everything off the belt, and walk out."""
        await self.scale.ask(load_g=0.0)
        await self.io.ask(passage=1)
        await self.until("idle")


@contextlib.asynccontextmanager
async def running(directory: Path, speed: Speed) -> AsyncIterator[LanePlace]:
    """The store and its lane at work, idle. They end with the context."""
    async with AsyncExitStack() as stack:
        devices = _start_devices(stack, speed)
        settings, database, ports = _prepare(directory, speed, {name: one.announced for name, one in devices.items()})
        stack.callback(database.dispose)
        for name, command in (("server", "serve"), ("lane", "lane")):
            arguments = (command, "--settings", str(settings[name]))
            process = await Process(name, arguments, directory / f"{name}.log").start(announces=False)
            stack.push_async_callback(process.stop)
        server, screen = (StoreClient(f"http://127.0.0.1:{ports[name]}") for name in ("server", "lane"))
        stack.push_async_callback(server.close)
        stack.push_async_callback(screen.close)
        place = LanePlace(database, server, screen, speed)
        place.scale, place.io, place.scanner = [
            await stack.enter_async_context(devices[name].control()) for name in ("scale", "io", "scanner")
        ]
        await place.until("idle")
        yield place


def _start_devices(stack: AsyncExitStack, speed: Speed) -> dict[str, SimulatorProcess]:
    options = {
        "scale": ("--tcp-port", "0", "--settle-ms", str(speed.settle_ms), "--noise-g-sd", "0"),
        "scanner": ("--tcp-port", "0", "--baud-rate", str(speed.baud_rate)),
        "io": ("--gate-open-ms", "20000", "--gate-close-ms", "1"),
    }
    return {name: stack.enter_context(SimulatorProcess.start(name, *arguments)) for name, arguments in options.items()}


def _prepare(
    directory: Path, speed: Speed, devices: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Path], Database, dict[str, int]]:
    """Settings files by process, the database with its goods, ports by process."""
    directory.mkdir(parents=True, exist_ok=True)
    settings = {name: directory / f"{name}.toml" for name in ("server", "lane")}
    ports = {"server": free_port(), "lane": free_port()}
    settings["server"].write_text(f'[server]\nport = {ports["server"]}\ndata_dir = "data"\n', encoding="utf-8")
    url = load_settings(settings["server"], {}, settings_rules()).database_url
    migrate_database(url)
    database = Database(url)
    stock = directory / "stock.csv"
    stock.write_text(_STOCK, encoding="utf-8")
    import_products(database, stock, currency="CNY", actor="bench")
    token = register_device(database, LANE, "lane", "1")
    settings["lane"].write_text(
        f'[lane]\nid = "{LANE}"\ntoken = "{token}"\nport = {ports["lane"]}\ndata_dir = "lane"\n'
        f'server_url = "http://127.0.0.1:{ports["server"]}"\n'
        f'[lane.scale]\nport = "{devices["scale"]["url"]}"\nparity = "none"\n'
        f"command_interval_ms = {speed.command_interval_ms}\n"
        f'[lane.io]\nhost = "{devices["io"]["host"]}"\nport = {devices["io"]["port"]}\n'
        f'[lane.scanner]\nport = "{devices["scanner"]["url"]}"\n',
        encoding="utf-8",
    )
    return settings, database, ports
