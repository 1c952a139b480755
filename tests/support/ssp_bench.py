"""A note recycler, its driver and a hearer on one bench, in virtual time, with a line that can be cut at any byte.

Nothing waits for real: when all is idle, the clock jumps to the next timer. So a conversation of seconds takes
milliseconds, and can be run again for each of its bytes.
"""

import asyncio
import contextlib
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

from unqueue.devices.drivers.ssp_recycler import SspNoteRecycler, SspNoteRecyclerSettings
from unqueue.devices.ports import CashEvent, Credited, CreditUnknown, DeviceFailed, InEscrow, Trouble
from unqueue.devices.simulators.ssp_recycler import RecyclerOptions, SimulatedRecycler
from unqueue.devices.transports.serial import LineDown, LineSettings
from unqueue.kernel.cash import parse_denomination

BYTE_S = 0.0001
SETTINGS: dict[str, Any] = {"poll_interval_s": 0.05, "answer_timeout_s": 0.2, "settle_s": 0.2, "retry_s": 0.1}
OPTIONS: dict[str, Any] = {"tcp_port": 0, "step_ms": 60, "boot_ms": 100}


class _VirtualSelector(selectors.SelectSelector):
    """Instead of waiting it moves the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found:
            assert timeout is not None, "everything waits for ever"
            self.now_s += timeout
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps."""

    def __init__(self) -> None:
        self._virtual = _VirtualSelector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now_s


def run(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(scene())


class Wire:
    """The cable between the simulated device and whatever driver holds it. `budget`: bytes until the host dies."""

    def __init__(self, device: SimulatedRecycler) -> None:
        self.device = device
        self.budget: int | None = None
        self.passed = 0
        self.dead = asyncio.Event()
        self.plugged = True
        self.end: Callable[[bytes], None] | None = None

    def let_through(self, data: bytes) -> bytes:
        """As much as passes before the host dies."""
        if self.budget is None:
            self.passed += len(data)
            return data
        passing = data[: max(0, self.budget - self.passed)]
        self.passed += len(passing)
        if self.passed >= self.budget:
            self.dead.set()
        return passing

    def to_device(self, data: bytes, end: Callable[[bytes], None]) -> None:
        if not self.plugged:
            return
        answer = self.device.respond(self.let_through(data))
        if answer and not self.dead.is_set():
            answer = self.let_through(answer)
            asyncio.get_running_loop().call_later(BYTE_S * len(answer), self._deliver, answer, end)

    def _deliver(self, answer: bytes, end: Callable[[bytes], None]) -> None:
        if self.end is end and self.plugged:
            end(answer)


class BenchLine:
    """The driver's end of the cable: what `SerialLine` is elsewhere."""

    def __init__(self, wire: Wire, on_data: Callable[[bytes], None], on_state: Callable[[bool], None]) -> None:
        self._wire = wire
        self._on_data = on_data
        self._on_state = on_state
        self.trouble = "not opened yet"
        self.connected = False

    def start(self) -> None:
        self._wire.end = self._on_data
        self.connected = True
        self._on_state(True)

    async def stop(self) -> None:
        self.connected = False

    def write(self, data: bytes) -> None:
        if not self.connected:
            raise LineDown(self.trouble)
        self._wire.to_device(data, self._on_data)

    def plug(self, *, plugged: bool) -> None:
        self._wire.plugged = self.connected = plugged
        self._on_state(plugged)


class Bench:
    """One device for good, and one host after another. `heard` and `mark` are what is durable."""

    def __init__(self, *, encrypted: bool = False, settings: dict[str, Any] | None = None, **options: Any) -> None:
        self.device = SimulatedRecycler(RecyclerOptions(**{**OPTIONS, "encrypted": encrypted, **options}))
        self.wire = Wire(self.device)
        self.settings = SspNoteRecyclerSettings("bench", encrypted=encrypted, **{**SETTINGS, **(settings or {})})
        self.heard: list[CashEvent] = []
        self.mark: str | None = None
        self.keep = True
        self.commit_s = 0.0
        self.line: BenchLine | None = None

    def driver(self) -> SspNoteRecycler:
        def new_line(_: LineSettings, on_data: Callable[[bytes], None], on_state: Callable[[bool], None]) -> BenchLine:
            self.line = BenchLine(self.wire, on_data, on_state)
            return self.line

        return SspNoteRecycler(self.settings, new_line)

    async def hear(self, driver: SspNoteRecycler) -> None:
        """Be the kiosk: make every event durable with its mark, keep every note (or give it back)."""
        undecided = [event for event in self.heard if not isinstance(event, Trouble)][-1:]
        if undecided and isinstance(undecided[0], InEscrow):
            asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(self._decide(driver)))
        async for event in driver.events(self.mark):
            await asyncio.sleep(self.commit_s)
            self.heard.append(event)
            self.mark = event.mark
            await driver.acknowledge(event.mark)
            if isinstance(event, InEscrow):
                await self._decide(driver)

    async def _decide(self, driver: SspNoteRecycler) -> None:
        with contextlib.suppress(DeviceFailed):  # the next event says what became of it
            await (driver.stack() if self.keep else driver.give_back())

    async def host(self, life: Callable[[SspNoteRecycler], Coroutine[Any, Any, None]]) -> None:
        """A host that lives until `life` is over or the line says that it died."""
        self.wire.dead.clear()
        driver = self.driver()
        await driver.claim()
        hearer = asyncio.create_task(self.hear(driver))
        living = asyncio.create_task(life(driver))
        death = asyncio.create_task(self.wire.dead.wait())
        await asyncio.wait({hearer, living, death}, return_when=asyncio.FIRST_COMPLETED)
        died = self.wire.dead.is_set()
        if died and self.line is not None:
            self.line.connected = False
            self.wire.end = None
        for task in (hearer, living, death):
            if not task.done():
                task.cancel()
        results = await asyncio.gather(hearer, living, death, return_exceptions=True)
        await driver.release()
        for result in results:
            if isinstance(result, Exception) and not died:
                raise result

    def hand(self, **request: Any) -> dict[str, Any]:
        """Do something to the device; its state."""
        self.device._by_shoppers(request)
        self.device._by_staff(request)
        if "power" in request:
            self.device.set_power(on=request["power"])
        return self.device.state()

    def credits(self) -> dict[str, int]:
        """What was heard to have come in, by denomination and place."""
        credited: dict[str, int] = {}
        for event in self.heard:
            if isinstance(event, Credited):
                name = f"{event.denomination} {event.where}"
                credited[name] = credited.get(name, 0) + 1
        return credited

    def suspense(self) -> int:
        return sum(event.count or 0 for event in self.heard if isinstance(event, CreditUnknown))

    def truth(self, refilled: dict[str, int] | None = None) -> dict[str, int]:
        """What really lies where, less what staff had put in and plus what shoppers were paid."""
        state = self.device.state()
        places = {f"{name} cashbox": count for name, count in state["cashbox"].items()}
        store = dict(state["store"])
        for name, count in (refilled or {}).items():
            store[name] = store.get(name, 0) - count
        for name, count in state["dispensed"].items():
            store[name] = store.get(name, 0) + count
        places |= {f"{name} dispenser": count for name, count in store.items()}
        return {name: count for name, count in places.items() if count}


async def ready(driver: SspNoteRecycler, timeout_s: float = 30.0) -> None:
    async with asyncio.timeout(timeout_s):
        while (await driver.status()).status != "ready":
            await asyncio.sleep(0.02)


NOTE = parse_denomination("CNY-1000-note")
