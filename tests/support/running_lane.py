"""A lane at work: server, lane and each simulated device are processes of their own, as in a store."""

import asyncio
import copy
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from tests.support.running_store import Hands, Processes

from unqueue.devices.simulators.process import SimulatorProcess
from unqueue.server.fleet.service import register_device
from unqueue.server.orders import store as orders_store
from unqueue.twin.ports import free_port

_LANE = """
[lane.io]
host = "127.0.0.1"
port = {io}
[lane.scanner]
port = "{scanner}"
[lane.printer]
url = "{printer}"
"""
_SCALE = """
[lane.scale]
port = "{scale}"
parity = "none"
"""
_FLOOR_SCALE = """
[lane.scale]
driver = "toledo_continuous"
port = "{scale}"
parity = "none"
interval_g = 10
[lane.trolley]
tare_g = 21500
tare_g_sd = 150.0
"""
# The devices answer at once and weigh exactly, so that a test waits for the lane alone.
_SIMULATORS = {
    "scale": ("--tcp-port", "0", "--settle-ms", "20", "--noise-g-sd", "0"),
    "scanner": ("--tcp-port", "0"),
    "printer": (),
    "io": ("--gate-open-ms", "1500", "--gate-close-ms", "100"),
}


_TROLLEYS = {
    "floor-scale": ("--interval-g", "10", "--swing-share", "0.05", "--noise-g-sd", "2", "--rate-hz", "50"),
    **{name: options for name, options in _SIMULATORS.items() if name != "scale"},
}


@contextmanager
def running_lane(
    directory: Path, database_url: str, *, of_lane: str = "", weighs_trolleys: bool = False
) -> Iterator[Processes]:
    """A store's processes, up and idle; ``of_lane`` is more of the lane's settings."""
    simulators = _TROLLEYS if weighs_trolleys else _SIMULATORS
    with ExitStack() as stack:
        processes = Processes(directory, database_url, stack, station="lane", simulators=simulators)
        announced = {name.removeprefix("floor-"): device.announced for name, device in processes.devices.items()}
        urls = {name: announced[name]["url"] for name in ("scale", "scanner", "printer")}
        settings = of_lane + _LANE + (_FLOOR_SCALE if weighs_trolleys else _SCALE)
        processes.write_settings("", settings.format(**urls, io=announced["io"]["port"]))
        yield stack.enter_context(processes.running())


@contextmanager
def running_bay(store: Processes) -> Iterator[Processes]:
    """The side bay of a store that is up, with a scale and a gate of its own: another lane's process."""
    with ExitStack() as stack:
        bay = copy.copy(store)
        bay.station, bay.station_port = "bay", free_port()
        bay.token = register_device(store.database, "bay", "lane", "bay")
        bay.devices = {
            name: stack.enter_context(SimulatorProcess.start(name, *arguments))
            for name, arguments in _SIMULATORS.items()
        }
        urls = {name: bay.devices[name].announced["url"] for name in ("scale", "scanner", "printer")}
        way = (
            f'[lane]\nid = "bay"\ntoken = "{bay.token}"\nport = {bay.station_port}\n'
            f'server_url = "http://127.0.0.1:{store.server_port}"\n'
        )
        settings = (_LANE + _SCALE).format(**urls, io=bay.devices["io"].announced["port"])
        (store.directory / "bay.toml").write_text(way + settings)
        stack.callback(bay.stop, "bay")
        bay.start("bay")
        yield bay


def pay(processes: Processes, order_id: str) -> None:
    """What a payment leads to, without the payment."""

    def write(tx: Any) -> None:
        order = orders_store.get(tx.connection, order_id)
        assert order is not None
        orders_store.mark_paid(tx, order, "test")

    processes.database.write_now(write)


class LaneVisit:
    """Hands, eyes and feet at the lane: acts on devices and reads screens."""

    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        self._hands = Hands(processes)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        hands = await self._stack.enter_async_context(self._hands)
        devices = {name.removeprefix("floor-"): device for name, device in hands.devices.items()}
        self.scale, self.io, self.scanner, self.printer = (
            devices[name] for name in ("scale", "io", "scanner", "printer")
        )
        self.server, self.screen, self.state = hands.server, hands.screen, hands.state
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def until(self, *states: str, prompt: str | None = None) -> dict[str, Any]:
        """Wait until the screen shows one of these states (and that prompt)."""
        return await self._hands.until(
            lambda shown: shown["state"] in states and prompt in {None, shown["prompt"]["id"]}, f"{states} {prompt}"
        )

    async def buy(self, *codes: str) -> dict[str, Any]:
        """A paid order, with its exit pass as ``pass``."""
        order = await self._hands.buy(*codes)
        await asyncio.to_thread(pay, self.processes, order["id"])
        told = await self.server.get(f"/api/orders/{order['id']}/pass", headers=order["who"])
        return {**order, "pass": told.json()["pass"]}

    async def status_of(self, order: dict[str, Any]) -> str:
        return str((await self._hands.order(order))["status"])

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
        call = await self._hands.staff_call(kind)
        body = {"id": str(uuid.uuid4()), "action": action, "reason": reason, "evidence_id": call["evidence_id"]}
        answer = await self.server.post(f"/api/staff/calls/{call['id']}/answer", json=body, headers=call["who"])
        assert answer.is_success, answer.text
        return call
