"""A lane at work: server, lane and each simulated device are processes of their own, as in a store."""

import asyncio
import itertools
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from tests.support.running_store import PATIENCE_S, Hands, Processes, Station

from unqueue.server.orders import store as orders_store

_LANE = """
[lane.io]
host = "127.0.0.1"
port = {io}
[lane.scanner]
port = "{scanner}"
"""
_PRINTER = """
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
    directory: Path,
    database_url: str,
    *,
    of_lane: str = "",
    of_server: str = "",
    weighs_trolleys: bool = False,
    beside: Mapping[str, str] | None = None,
) -> Iterator[Processes]:
    """A store's processes, up and idle; ``of_lane`` and ``of_server`` are more of their settings. Lanes ``beside`` it,
    by their ids with more of their settings, have a belt's scale, a gate and a scanner of their own.
    """
    simulators = _TROLLEYS if weighs_trolleys else _SIMULATORS
    with ExitStack() as stack:
        processes = Processes(directory, database_url, stack, station="lane", simulators=simulators)
        settings = of_lane + _LANE + _PRINTER + (_FLOOR_SCALE if weighs_trolleys else _SCALE)
        processes.write_settings(of_server, settings.format(**_addresses(processes.first)))
        for lane, more in (beside or {}).items():
            simulated = {name: options for name, options in _SIMULATORS.items() if name != "printer"}
            station = processes.put_beside(lane, lane.rpartition("-")[2], simulated)
            processes.write_station(station, (more + _LANE + _SCALE).format(**_addresses(station)))
        yield stack.enter_context(processes.running())


def _addresses(station: Station) -> dict[str, object]:
    announced = {name.removeprefix("floor-"): device.announced for name, device in station.devices.items()}
    return {name: told["port"] if name == "io" else told["url"] for name, told in announced.items()}


def pay(processes: Processes, order_id: str) -> None:
    """What a payment leads to, without the payment."""

    def write(tx: Any) -> None:
        order = orders_store.get(tx.connection, order_id)
        assert order is not None
        orders_store.mark_paid(tx, order, "test")

    processes.database.write_now(write)


class LaneVisit:
    """Hands, eyes and feet at the lane, or at the one ``beside`` it: acts on devices and reads screens."""

    def __init__(self, processes: Processes, beside: str = "") -> None:
        self.processes = processes
        self._hands = Hands(processes, beside)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        hands = await self._stack.enter_async_context(self._hands)
        devices = {name.removeprefix("floor-"): device for name, device in hands.devices.items()}
        self.scale, self.io, self.scanner = (devices[name] for name in ("scale", "io", "scanner"))
        self.printer: Any = devices.get("printer")
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

    async def buy_bound(self, *codes: str) -> dict[str, Any]:
        """A paid order whose pass is bound to a lane: as soon as one was told what it needs when it is cut off."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                order = await self.buy(*codes)
                told = await self.server.get(f"/api/orders/{order['id']}/pass", headers=order["who"])
                if told.json()["offline_lane"] is not None:
                    return order
                await asyncio.sleep(0.1)

    async def status_of(self, order: dict[str, Any]) -> str:
        return str((await self._hands.order(order))["status"])

    async def lay(self, *weights_g: float) -> None:
        await self.scale.ask(load_g=float(sum(weights_g)))

    async def walk(self, *, live_tags: int = 0) -> None:
        """Take everything and walk through the gate, as soon as it is open: it closes, and opens again, while nobody
        comes.
        """
        await self.scale.ask(load_g=0.0)
        if live_tags:
            await self.io.ask(pulse="eas_alarm", count=live_tags, width_ms=5)
        async with asyncio.timeout(PATIENCE_S):
            while not (await self.io.ask(passage=1))["done"]:
                await asyncio.sleep(0.05)

    async def gate_openings(self) -> int:
        return (await self._gate_history()).count("opened")

    async def gate_mark(self) -> int:
        """A place in the gate's history, for :meth:`lettings_out`."""
        return len(await self._gate_history())

    async def lettings_out(self, since: int) -> int:
        """How often the gate opened for somebody since a mark: one that closes because nobody came, and opens again,
        opens for the same person.
        """
        history = [event for event in (await self._gate_history())[since:] if event != "closed"]
        return sum(now == "opened" != before for before, now in itertools.pairwise(["", *history]))

    async def _gate_history(self) -> list[str]:
        history: Sequence[dict[str, Any]] = (await self.io.ask(get=True))["history"]
        return [entry["event"] for entry in history]

    async def call(self, kind: str) -> dict[str, Any]:
        """The open call of a kind, as the attendant sees it."""
        return await self._hands.staff_call(kind)

    async def answer(self, kind: str, action: str, reason: str = "looked at it") -> dict[str, Any]:
        """Sign in as the attendant and answer the open call of a kind."""
        call = await self.call(kind)
        body = {"id": str(uuid.uuid4()), "action": action, "reason": reason, "evidence_id": call["evidence_id"]}
        answer = await self.server.post(f"/api/staff/calls/{call['id']}/answer", json=body, headers=call["who"])
        assert answer.is_success, answer.text
        return call
